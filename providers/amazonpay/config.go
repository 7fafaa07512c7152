package amazonpay

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/secret"
)

// The environments of Amazon Pay.
const (
	Sandbox = "sandbox"
	Live    = "live"
)

// Prefixes of key ids that belong to one environment. The older ones belong to both, and the address tells.
const (
	sandboxKey = "SANDBOX-"
	liveKey    = "LIVE-"
)

// region is a part of the world with its own API. Languages and currencies are those of its contracts; more is what an
// account with several currencies can take beside its own.
type region struct {
	host, script          string
	languages, currencies []string
	more                  []string
}

// regions as Amazon names them. Source: Amazon Pay, API introduction; Amazon Pay script; multi-currency integration.
var regions = map[string]region{
	"na": {"pay-api.amazon.com", "https://static-na.payments-amazon.com/checkout.js", []string{"en_US"}, []string{"USD"}, nil},
	"eu": {"pay-api.amazon.eu", "https://static-eu.payments-amazon.com/checkout.js",
		[]string{"en_GB", "de_DE", "fr_FR", "it_IT", "es_ES"}, []string{"EUR", "GBP"},
		[]string{"AUD", "CHF", "DKK", "EUR", "GBP", "HKD", "JPY", "NOK", "NZD", "SEK", "USD", "ZAR"}},
	"jp": {"pay-api.amazon.jp", "https://static-fe.payments-amazon.com/checkout.js", []string{"ja_JP"}, []string{"JPY"}, nil},
}

// Config is one key of one merchant account, as Seller Central shows it under Integration Central.
type Config struct {
	MerchantID  string        `koanf:"merchant_id"`
	StoreID     string        `koanf:"store_id"` // the "client id" of the store
	PublicKeyID string        `koanf:"public_key_id"`
	PrivateKey  secret.Secret `koanf:"private_key"` // PEM
	Algorithm   string        `koanf:"algorithm"`   // AMZN-PAY-RSASSA-PSS-V2 (empty) or AMZN-PAY-RSASSA-PSS

	Region          string `koanf:"region"`           // na, eu or jp
	Environment     string `koanf:"environment"`      // sandbox or live; for key ids that do not say so themselves
	MerchantCountry string `koanf:"merchant_country"` // of the contract; GB keeps its books in pounds
	APIURL          string `koanf:"api_url"`          // for simulators; both or none
	ScriptURL       string `koanf:"script_url"`

	StoreName  string   `koanf:"store_name"` // shown to buyers, at most 50 characters
	Language   string   `koanf:"language"`   // such as de_DE, for buyers whose locale the region does not have
	Currencies []string `koanf:"currencies"` // of an account that takes several; empty: that of its books

	Topics          []string `koanf:"sns_topics"`          // the ARNs that notifications come from; see ParseFeedback
	SignatureV1     bool     `koanf:"sns_signature_v1"`    // take signatures over SHA-1 too
	CertificateHost string   `koanf:"sns_certificate_url"` // for simulators: where their certificates are, on this machine
}

var (
	identifier = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)
	storeID    = regexp.MustCompile(`^[A-Za-z0-9.-]{1,128}$`)
	keyID      = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	topicARN   = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$`)
)

// maxStoreName is in characters.
const maxStoreName = 50

// Validate tells every problem of the configuration at once, joined; no problem shows a secret.
func (c Config) Validate() error {
	var problems []error
	wrong := func(key, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if !identifier.MatchString(c.MerchantID) {
		wrong("merchant_id", "1 to 64 letters and digits are needed")
	}
	if !storeID.MatchString(c.StoreID) {
		wrong("store_id", "the client id of the store is needed, such as amzn1.application-oa2-client.…")
	}
	if c.PrivateKey.Empty() {
		wrong("private_key", "it is missing")
	} else if _, err := parsePrivateKey(c.PrivateKey.Reveal()); err != nil {
		wrong("private_key", "%v", err)
	}
	if _, ok := saltLengths[c.algorithm()]; !ok {
		wrong("algorithm", "%q is neither %s nor %s", c.Algorithm, AlgorithmV2, AlgorithmLegacy)
	}
	if utf8.RuneCountInString(c.StoreName) > maxStoreName {
		wrong("store_name", "it has more than %d characters", maxStoreName)
	}
	problems = append(problems, c.keyProblems()...)
	problems = append(problems, c.regionProblems()...)
	return errors.Join(append(problems, c.addressProblems()...)...)
}

func (c Config) keyProblems() (problems []error) {
	if !keyID.MatchString(c.PublicKeyID) {
		return []error{errors.New("public_key_id: 1 to 64 letters, digits and hyphens are needed")}
	}
	switch of := keyEnvironment(c.PublicKeyID); {
	case of == "" && c.Environment == "":
		problems = append(problems, errors.New("environment: sandbox or live is needed, for the public_key_id does not say it"))
	case c.Environment != "" && c.Environment != Sandbox && c.Environment != Live:
		problems = append(problems, fmt.Errorf("environment: %q is neither sandbox nor live", c.Environment))
	case of != "" && c.Environment != "" && of != c.Environment:
		problems = append(problems, fmt.Errorf("environment: the public_key_id is one of %s", of))
	}
	return problems
}

func (c Config) regionProblems() (problems []error) {
	r, known := regions[c.Region]
	if !known {
		return []error{fmt.Errorf("region: %q is none of %s", c.Region, strings.Join(slices.Sorted(maps.Keys(regions)), ", "))}
	}
	if len(c.MerchantCountry) != 0 && !country.MatchString(c.MerchantCountry) {
		problems = append(problems, errors.New("merchant_country: two capital letters are needed, such as DE"))
	}
	if c.Language != "" && !slices.Contains(r.languages, c.Language) {
		problems = append(problems, fmt.Errorf("language: %q is none of %s", c.Language, strings.Join(r.languages, ", ")))
	}
	for _, currency := range c.Currencies {
		if currency != c.ledger() && !slices.Contains(r.more, currency) {
			problems = append(problems, fmt.Errorf("currencies: %q cannot be taken in region %s", currency, c.Region))
		}
	}
	return problems
}

var country = regexp.MustCompile(`^[A-Z]{2}$`)

func (c Config) addressProblems() (problems []error) {
	if (c.APIURL == "") != (c.ScriptURL == "") {
		problems = append(problems, errors.New("api_url: it comes with script_url, or neither does"))
	}
	if u, err := url.Parse(c.APIURL); err == nil && loopback(u.Hostname()) && c.CertificateHost == "" {
		problems = append(problems, errors.New("sns_certificate_url: it comes with the api_url of a simulator, which signs notifications with a certificate of its own; without it they are all refused"))
	}
	for _, a := range []struct{ key, address string }{{"api_url", c.APIURL}, {"script_url", c.ScriptURL}} {
		if u, err := url.Parse(a.address); a.address != "" && (err != nil || !usable(u)) {
			problems = append(problems, fmt.Errorf("%s: an https address is needed (http only on this machine)", a.key))
		}
	}
	if u, err := url.Parse(c.APIURL); err == nil && strings.Trim(u.Path, "/") != "" {
		problems = append(problems, errors.New("api_url: the address has no path; the version is added to it"))
	}
	if u, err := url.Parse(c.CertificateHost); c.CertificateHost != "" && (err != nil || !usable(u) || !loopback(u.Hostname())) {
		problems = append(problems, errors.New("sns_certificate_url: it is for simulators on this machine; Amazon's own place is known"))
	}
	for _, arn := range c.Topics {
		if !topicARN.MatchString(arn) {
			problems = append(problems, fmt.Errorf("sns_topics: %q is no ARN of a topic, such as arn:aws:sns:eu-west-1:123456789012:…", arn))
		}
	}
	return problems
}

// NotForMoney tells what live mode refuses beside the example settings of simulators: a key of the sandbox.
func (c Config) NotForMoney() error {
	if keyEnvironment(c.PublicKeyID) == Sandbox {
		return errors.New("public_key_id: it is a key of the provider's test system, which live mode refuses")
	}
	return nil
}

// Warnings tell what the settings leave open: without topics everybody's topic is heard that names the merchant, so anybody
// can have the account asked about objects without end, and no chargeback is believed.
func (c Config) Warnings() []string {
	if len(c.Topics) > 0 {
		return nil
	}
	return []string{"sns_topics: set the ARN of the topic that notifications come from, the TopicArn of the first one in the inbox (a simulator tells it at /_control/credentials); without it chargebacks are only hinted at, and notifications of anybody's topic that names the merchant are taken for a reason to ask"}
}

// ForMoney tells what test mode refuses: a key of the live environment, but at a simulator.
func (c Config) ForMoney() error {
	switch {
	case c.APIURL != "":
		return nil
	case keyEnvironment(c.PublicKeyID) == Live:
		return errors.New("public_key_id: it is a key for real money, which test mode refuses")
	case c.Environment == Live:
		return errors.New("environment: live is for real money, which test mode refuses")
	}
	return nil
}

func usable(u *url.URL) bool {
	if u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// keyEnvironment is the environment a key id belongs to, empty for both. Case does not matter, as in the official SDKs.
func keyEnvironment(id string) string {
	upper := strings.ToUpper(id)
	switch {
	case strings.HasPrefix(upper, sandboxKey):
		return Sandbox
	case strings.HasPrefix(upper, liveKey):
		return Live
	}
	return ""
}

func (c Config) algorithm() string {
	if c.Algorithm == "" {
		return AlgorithmV2
	}
	return c.Algorithm
}

// base is what the path of every call begins with, and the host that is signed.
func (c Config) base() (address, host string) {
	address = "https://" + regions[c.Region].host
	if c.APIURL != "" {
		address = strings.TrimSuffix(c.APIURL, "/")
	}
	if u, err := url.Parse(address); err == nil {
		host = u.Host
	}
	if keyEnvironment(c.PublicKeyID) == "" {
		address += "/" + c.Environment
	}
	return address + "/v2", host
}

func (c Config) script() string {
	if c.ScriptURL != "" {
		return c.ScriptURL
	}
	return regions[c.Region].script
}

// form is where a simulator takes the button as a form, beside its script; Amazon itself takes none.
func (c Config) form() string {
	u, err := url.Parse(c.ScriptURL)
	if c.ScriptURL == "" || err != nil {
		return ""
	}
	return u.JoinPath("..", "button").String()
}

// ledger is the currency of the account's books.
func (c Config) ledger() string {
	if c.Region == "eu" && c.MerchantCountry == "GB" {
		return "GBP"
	}
	if r, ok := regions[c.Region]; ok {
		return r.currencies[0]
	}
	return ""
}

func (c Config) currencies() []string {
	if len(c.Currencies) == 0 {
		return []string{c.ledger()}
	}
	return slices.Clone(c.Currencies)
}

// language is what the hosted pages speak to a buyer with the locale.
func (c Config) language(locale string) string {
	languages := regions[c.Region].languages
	want := strings.ReplaceAll(locale, "-", "_")
	for _, l := range languages {
		if strings.EqualFold(l, want) {
			return l
		}
	}
	spoken, _, _ := strings.Cut(strings.ToLower(want), "_")
	for _, l := range languages {
		if strings.HasPrefix(l, spoken+"_") {
			return l
		}
	}
	if c.Language != "" {
		return c.Language
	}
	return languages[0]
}

// refuse is a request that Amazon Pay cannot carry, found before anything is sent.
func refuse(code, pointer, format string, args ...any) *core.Error {
	return &core.Error{Kind: core.Invalid, Op: "amazonpay", Code: code, Pointer: pointer, Message: fmt.Sprintf(format, args...)}
}

func unsupported(pointer, text string, choices ...string) *core.Error {
	e := refuse("capability_unsupported", pointer, "%s", text)
	e.Choices = choices
	return e
}
