package sandbox

import (
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Environment is one of the two worlds of an account. Nothing of one is found from the other.
type Environment string

// The environments, as answers name them in releaseEnvironment.
const (
	Sandbox Environment = "Sandbox"
	Live    Environment = "Live"
)

// Key is one public key of an account, as Seller Central lists them. An account may have several, for rotation.
type Key struct {
	// ID is the publicKeyId. SANDBOX- or LIVE- in front binds it to one environment; a plain one serves both.
	ID string
	// PublicKey is PEM, PKIX or PKCS#1.
	PublicKey string
	// PrivateKey is the other half, for example accounts only: /_control/credentials tells it. PEM, PKCS#8.
	PrivateKey string

	public *rsa.PublicKey
}

// Account is one merchant account.
type Account struct {
	MerchantID string
	Name       string   // what buyers read; empty: the merchant id
	Region     string   // na, eu or jp
	StoreIDs   []string // amzn1.application-oa2-client.…, also called client ids; the first is told as an example
	Keys       []Key

	LedgerCurrency string // empty: USD, EUR or JPY by region
	// MultiCurrency lets a session name a presentmentCurrency other than the ledger's (EU and UK accounts).
	MultiCurrency bool
	// IPNEndpoints are told everything that happens in an environment.
	IPNEndpoints map[Environment][]string
	// SubscriptionConfirmation sends that SNS message to endpoints set later, and nothing else until it was followed.
	// Seller Central is said not to.
	SubscriptionConfirmation bool
	// Suspended answers every call with InvalidAccountStatus.
	Suspended bool
}

var (
	//go:embed example/merchant_key.pem
	exampleKey string

	storePattern = regexp.MustCompile(`^amzn1\.application-oa2-client\.[0-9a-f]+$`)
)

// ExampleAccount is a European account of invented people with example values, the same in tests, demo and
// /_control/credentials. Its key is public and protects nothing.
func ExampleAccount() Account {
	private := exampleKey[strings.Index(exampleKey, "-----BEGIN"):]
	return Account{
		MerchantID: "pmxAEXAMPLE001",
		Name:       "Layla's Coffee",
		Region:     "eu",
		StoreIDs:   []string{"amzn1.application-oa2-client.00000000000000000000000000000001"},
		Keys:       []Key{{ID: "SANDBOX-pmxAHEXAMPLE000000000001", PublicKey: publicHalf(private), PrivateKey: private}},
	}
}

// publicHalf is the PEM of the public key of a private one; empty when that is no key.
func publicHalf(private string) string {
	key, err := parsePrivateKey(private)
	if err != nil {
		return ""
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func parsePrivateKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("not PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, isRSA := parsed.(*rsa.PrivateKey)
	if !isRSA {
		return nil, errors.New("not an RSA key")
	}
	return key, nil
}

func parsePublicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("not PEM")
	}
	if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, isRSA := parsed.(*rsa.PublicKey)
	if !isRSA {
		return nil, errors.New("not an RSA key")
	}
	return key, nil
}

var ledgers = map[string][]string{"na": {"USD"}, "eu": {"EUR", "GBP"}, "jp": {"JPY"}}

// complete fills what is left open and says what is wrong.
func (a Account) complete() (Account, error) {
	wrong := func(format string, args ...any) (Account, error) {
		return a, fmt.Errorf("amazonpay sandbox: account %q: %s", a.MerchantID, fmt.Sprintf(format, args...))
	}
	known := ledgers[a.Region]
	if a.LedgerCurrency == "" && len(known) > 0 {
		a.LedgerCurrency = known[0]
	}
	switch {
	case a.MerchantID == "":
		return wrong("a merchant id is needed")
	case known == nil:
		return wrong("region %q is none of na, eu, jp", a.Region)
	case !slices.Contains(known, a.LedgerCurrency):
		return wrong("ledger currency %q is not one of region %s", a.LedgerCurrency, a.Region)
	case a.MultiCurrency && a.Region != "eu":
		return wrong("only European accounts are multi-currency")
	case len(a.StoreIDs) == 0 || len(a.Keys) == 0:
		return wrong("at least one store id and one key are needed")
	}
	for _, id := range a.StoreIDs {
		if !storePattern.MatchString(id) {
			return wrong("store id %q is not of the form amzn1.application-oa2-client.<hex>", id)
		}
	}
	a.Keys = slices.Clone(a.Keys)
	for i, key := range a.Keys {
		public, err := parsePublicKey(key.PublicKey)
		if key.ID == "" || err != nil {
			return wrong("key %q needs an id and an RSA public key as PEM: %v", key.ID, err)
		}
		a.Keys[i].public = public
	}
	for environment, list := range a.IPNEndpoints {
		if environment != Sandbox && environment != Live {
			return wrong("environment %q is neither %s nor %s", environment, Sandbox, Live)
		}
		for _, u := range list {
			if !webAddress(u) {
				return wrong("%q is not an http or https address", u)
			}
		}
	}
	return a, nil
}

// shownName is what buyers read.
func (a *Account) shownName() string {
	if a.Name == "" {
		return a.MerchantID
	}
	return a.Name
}

// environments are those a key id may work in.
func (k Key) environments() []Environment {
	switch upper := strings.ToUpper(k.ID); {
	case strings.HasPrefix(upper, "SANDBOX"):
		return []Environment{Sandbox}
	case strings.HasPrefix(upper, "LIVE"):
		return []Environment{Live}
	}
	return []Environment{Sandbox, Live}
}

// currencies are those an amount may have.
func (a *Account) accepts(currency string) bool {
	_, known := exponents[currency]
	return currency == a.LedgerCurrency || a.MultiCurrency && known
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		!strings.ContainsAny(s, "\r\n\t \"<>\\")
}
