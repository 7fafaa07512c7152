package sandbox

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// SHAType is the signature function of an account (back office, security settings).
type SHAType string

// The signature functions an account may have. SHA-1 ("SHA-128") is not offered.
const (
	SHA256  SHAType = "SHA-256"
	SHA512  SHAType = "SHA-512"
	HMAC256 SHAType = "HMAC-256"
	HMAC512 SHAType = "HMAC-512"
)

// FeedbackFormat is how an account receives transaction feedback (technical settings, response type).
type FeedbackFormat string

// JSON is what current accounts have, form-urlencoded what older ones have.
const (
	FeedbackJSON FeedbackFormat = "json"
	FeedbackForm FeedbackFormat = "form"
)

// Account is one merchant account with one access code: security settings, technical settings and services.
type Account struct {
	MerchantIdentifier string
	AccessCode         string
	RequestPhrase      string // signs what the merchant sends
	ResponsePhrase     string // signs what APS sends
	SHAType            SHAType

	DirectFeedbackURL string         // told each PURCHASE and AUTHORIZATION; empty: not told
	NotificationURL   string         // told captures, refunds, voids and what settles later; empty: not told
	ReturnURL         string         // where the buyer goes when the request names no return_url
	ReturnMethod      string         // POST or GET
	FeedbackFormat    FeedbackFormat // empty: JSON

	Currencies     []string // empty: every known one
	Options        []string // payment options that are active; empty: every known one
	AllowedOrigins []string // origin check: page origins (https://shop.example) and server addresses; empty: off
	WithoutTokens  bool     // the tokenization service is off
	Attempts       int      // tries per reference on the card page; 0: 9, as the documents have it for cards
	MagicAmounts   bool     // the last two digits of the amount decide (see the first page)
	Branding       Branding
}

// Branding is what the back office offers for the payment page: logo, colours, fonts.
type Branding struct {
	Name       string // shown when there is no logo
	Logo       []byte // PNG, JPEG, GIF or SVG
	Colour     string // of buttons and accents, #rrggbb
	Background string // of the page, #rrggbb
	Font       string // a CSS list of font families present on the buyer's device
}

// ExampleAccount is an account of invented people with example values, the same in tests, demo and /_control/credentials.
// Its secrets protect nothing.
func ExampleAccount() Account {
	return Account{
		MerchantIdentifier: "pmxMid01",
		AccessCode:         "pmxAcc0000000000001A",
		RequestPhrase:      "pmx$Req#example!",
		ResponsePhrase:     "pmx$Resp#example!",
		SHAType:            SHA256,
		ReturnMethod:       "POST",
		FeedbackFormat:     FeedbackJSON,
		Branding:           Branding{Name: "Layla's Coffee"},
	}
}

var (
	colourPattern = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	fontPattern   = regexp.MustCompile(`^[A-Za-z0-9 ,'-]{1,100}$`)
)

// complete fills what is left open and says what is wrong.
func (a Account) complete() (Account, error) {
	if a.SHAType == "" {
		a.SHAType = SHA256
	}
	if a.ReturnMethod == "" {
		a.ReturnMethod = "POST"
	}
	if a.FeedbackFormat == "" {
		a.FeedbackFormat = FeedbackJSON
	}
	if a.Attempts == 0 {
		a.Attempts = cardAttempts
	}
	wrong := func(format string, args ...any) (Account, error) {
		return a, fmt.Errorf("aps sandbox: account %q: %s", a.MerchantIdentifier, fmt.Sprintf(format, args...))
	}
	switch {
	case a.MerchantIdentifier == "" || a.AccessCode == "":
		return wrong("merchant identifier and access code are needed")
	case a.RequestPhrase == "" || a.ResponsePhrase == "":
		return wrong("request phrase and response phrase are needed")
	case !slices.Contains([]SHAType{SHA256, SHA512, HMAC256, HMAC512}, a.SHAType):
		return wrong("SHA type %q is unknown", a.SHAType)
	case a.ReturnMethod != "POST" && a.ReturnMethod != "GET":
		return wrong("return method %q is neither POST nor GET", a.ReturnMethod)
	case a.FeedbackFormat != FeedbackJSON && a.FeedbackFormat != FeedbackForm:
		return wrong("feedback format %q is neither json nor form", a.FeedbackFormat)
	case a.Attempts < 0:
		return wrong("attempts must not be negative")
	case a.Branding.Font != "" && !fontPattern.MatchString(a.Branding.Font):
		return wrong("font must be a list of family names")
	}
	for _, colour := range []string{a.Branding.Colour, a.Branding.Background} {
		if colour != "" && !colourPattern.MatchString(colour) {
			return wrong("colour %q is not of the form #rrggbb", colour)
		}
	}
	for _, u := range []string{a.DirectFeedbackURL, a.NotificationURL, a.ReturnURL} {
		if u != "" && !webAddress(u) {
			return wrong("%q is not an http or https address", u)
		}
	}
	for _, option := range a.Options {
		if _, known := paymentOptions[option]; !known {
			return wrong("payment option %q is unknown", option)
		}
	}
	for _, currency := range a.Currencies {
		if _, known := exponents[currency]; !known {
			return wrong("currency %q is unknown", currency)
		}
	}
	return a, nil
}

func (a *Account) accepts(currency string) bool {
	_, known := exponents[currency]
	return known && (len(a.Currencies) == 0 || slices.Contains(a.Currencies, currency))
}

func (a *Account) active(option string) bool {
	return len(a.Options) == 0 || slices.Contains(a.Options, option)
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		!strings.ContainsAny(s, "\r\n\t \"<>\\")
}
