package aps

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/secret"
)

// The environments of APS.
const (
	Sandbox    = "sandbox"
	Production = "production"
)

// VISA in currencies of three decimals wants 0 as the last digit; what happens to another amount.
const (
	LastDigitAllow  = "allow"
	LastDigitRefuse = "refuse"
)

var hosts = map[string]struct{ page, api string }{
	Sandbox:    {"https://sbcheckout.payfort.com/FortAPI/paymentPage", "https://sbpaymentservices.payfort.com/FortAPI/paymentApi"},
	Production: {"https://checkout.payfort.com/FortAPI/paymentPage", "https://paymentservices.payfort.com/FortAPI/paymentApi"},
}

// Config is one access code of one merchant account, as the back office shows it under security settings.
type Config struct {
	MerchantIdentifier string        `koanf:"merchant_identifier"`
	AccessCode         string        `koanf:"access_code"`
	RequestPhrase      secret.Secret `koanf:"request_phrase"`
	ResponsePhrase     secret.Secret `koanf:"response_phrase"`
	SHAType            string        `koanf:"sha_type"`    // SHA-256 (empty), SHA-512, HMAC-256, HMAC-512
	Environment        string        `koanf:"environment"` // sandbox or production; or both addresses:
	PageURL            string        `koanf:"page_url"`    // ends in /paymentPage
	APIURL             string        `koanf:"api_url"`     // ends in /paymentApi

	Language       string   `koanf:"language"`         // en (empty) or ar, for buyers whose locale is neither
	Currencies     []string `koanf:"currencies"`       // of the contract; empty: all, APS decides
	Options        []string `koanf:"options"`          // schemes of the contract as paymux names them; empty: all
	Agreements     bool     `koanf:"agreements"`       // the contract has recurring agreements (agreement_id)
	VisaThreeDigit string   `koanf:"visa_three_digit"` // VISA amounts such as 1.234 KWD: allow (empty) or refuse
}

var identifier = regexp.MustCompile(`^[A-Za-z0-9]{1,20}$`)

// ForMoney tells what test mode refuses: the addresses of the production environment.
func (c Config) ForMoney() error {
	if c.Environment == Production {
		return errors.New("environment: production is for real money, which test mode refuses")
	}
	return nil
}

// Validate tells every problem of the configuration at once, joined; no problem shows a secret.
func (c Config) Validate() error {
	var problems []error
	wrong := func(key, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if !identifier.MatchString(c.MerchantIdentifier) {
		wrong("merchant_identifier", "1 to 20 letters and digits are needed")
	}
	if !identifier.MatchString(c.AccessCode) {
		wrong("access_code", "1 to 20 letters and digits are needed")
	}
	if c.RequestPhrase.Empty() {
		wrong("request_phrase", "it is missing")
	}
	if c.ResponsePhrase.Empty() {
		wrong("response_phrase", "it is missing")
	}
	if _, ok := hashes[c.shaType()]; !ok {
		wrong("sha_type", "%q is none of SHA-256, SHA-512, HMAC-256, HMAC-512", c.SHAType)
	}
	if c.Language != "" && c.Language != "en" && c.Language != "ar" {
		wrong("language", "%q is neither en nor ar", c.Language)
	}
	if !slices.Contains([]string{"", LastDigitAllow, LastDigitRefuse}, c.VisaThreeDigit) {
		wrong("visa_three_digit", "%q is neither allow nor refuse", c.VisaThreeDigit)
	}
	for _, currency := range c.Currencies {
		if _, ok := core.Exponent(currency); !ok {
			wrong("currencies", "%q is no ISO 4217 currency", currency)
		}
	}
	for _, option := range c.Options {
		if _, ok := options[option]; !ok {
			wrong("options", "%q is no scheme of APS", option)
		}
	}
	return errors.Join(append(problems, c.addressProblems()...)...)
}

func (c Config) addressProblems() (problems []error) {
	_, known := hosts[c.Environment]
	switch {
	case c.Environment == "" && (c.PageURL == "" || c.APIURL == ""):
		return []error{errors.New("environment: sandbox or production is needed, or page_url and api_url")}
	case c.Environment != "" && !known:
		problems = append(problems, fmt.Errorf("environment: %q is neither sandbox nor production", c.Environment))
	case c.Environment != "" && (c.PageURL != "" || c.APIURL != ""):
		problems = append(problems, errors.New("environment: it excludes page_url and api_url"))
	}
	for _, a := range []struct{ key, address, end string }{{"page_url", c.PageURL, "/paymentPage"}, {"api_url", c.APIURL, "/paymentApi"}} {
		switch u, err := url.Parse(a.address); {
		case a.address == "":
		case err != nil || !usable(u):
			problems = append(problems, fmt.Errorf("%s: an https address is needed (http only on this machine)", a.key))
		case !strings.HasSuffix(u.Path, a.end): // the two are easily taken for each other, and a host alone for both
			problems = append(problems, fmt.Errorf("%s: the whole address is needed, with a path that ends in %s, such as /FortAPI%s", a.key, a.end, a.end))
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return problems
}

func usable(u *url.URL) bool {
	if u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	loopback := err == nil && ip.IsLoopback() || u.Hostname() == "localhost"
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

func (c Config) shaType() string {
	if c.SHAType == "" {
		return "SHA-256"
	}
	return c.SHAType
}

func (c Config) addresses() (page, api string) {
	if h, ok := hosts[c.Environment]; ok {
		return h.page, h.api
	}
	return c.PageURL, c.APIURL
}
