package amazonpay

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/outbound"
	"github.com/paymux/paymux/providers/secret"
)

func TestConfigProblemsAreAllNamed(t *testing.T) {
	err := Config{}.Validate()
	for _, key := range []string{"merchant_id", "store_id", "private_key", "public_key_id", "region"} {
		require.ErrorContains(t, err, key+": ")
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"a key that is none":        {func(c *Config) { c.PrivateKey = secret.New("pmxSECRETTEXT") }, "private_key: it is no PEM"},
		"an algorithm":              {func(c *Config) { c.Algorithm = "RS256" }, "algorithm: "},
		"a region":                  {func(c *Config) { c.Region = "mars" }, "region: "},
		"a plain key alone":         {func(c *Config) { c.PublicKeyID = "AHEXAMPLE" }, "environment: sandbox or live"},
		"an environment":            {func(c *Config) { c.Environment = "test" }, "environment: "},
		"a key of the other one":    {func(c *Config) { c.Environment = Live }, "environment: the public_key_id is one of sandbox"},
		"a country":                 {func(c *Config) { c.MerchantCountry = "Germany" }, "merchant_country: "},
		"a language":                {func(c *Config) { c.Language = "ja_JP" }, "language: "},
		"a currency":                {func(c *Config) { c.Currencies = []string{"EUR", "BRL"} }, "currencies: "},
		"a long name":               {func(c *Config) { c.StoreName = strings.Repeat("ü", 51) }, "store_name: "},
		"half the addresses":        {func(c *Config) { c.APIURL = "http://127.0.0.1:9" }, "api_url: it comes with script_url"},
		"no certificates":           {func(c *Config) { c.APIURL, c.ScriptURL = "http://127.0.0.1:9", "http://127.0.0.1:9/checkout.js" }, "sns_certificate_url: it comes with the api_url"},
		"http elsewhere":            {func(c *Config) { c.APIURL, c.ScriptURL = "http://pay.example", "https://pay.example/x.js" }, "api_url: an https address"},
		"a path":                    {func(c *Config) { c.APIURL, c.ScriptURL = "https://pay.example/v2", "https://pay.example/x.js" }, "api_url: the address has no path"},
		"certificates of others":    {func(c *Config) { c.CertificateHost = "https://pay.example" }, "sns_certificate_url: "},
		"a topic that is no topic":  {func(c *Config) { c.Topics = []string{"mine"} }, "sns_topics: "},
		"a store with a line break": {func(c *Config) { c.StoreID = "a\nb" }, "store_id: "},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			c.change(&cfg)
			err := cfg.Validate()
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "SECRET")
			_, err = New(cfg, outbound.New(outbound.Options{}))
			require.Error(t, err)
		})
	}
	_, err = New(testConfig(t), nil)
	require.Error(t, err)
}

func TestAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		change     func(*Config)
		base, host string
		script     string
		ledger     string
	}{
		"prefixed key": {func(*Config) {}, "https://pay-api.amazon.eu/v2", "pay-api.amazon.eu", "https://static-eu.payments-amazon.com/checkout.js", "EUR"},
		"live key":     {func(c *Config) { c.PublicKeyID, c.MerchantCountry = "live-AH1", "GB" }, "https://pay-api.amazon.eu/v2", "pay-api.amazon.eu", "https://static-eu.payments-amazon.com/checkout.js", "GBP"},
		"plain sandbox": {func(c *Config) { c.PublicKeyID, c.Environment, c.Region = "AH1", Sandbox, "na" }, "https://pay-api.amazon.com/sandbox/v2", "pay-api.amazon.com",
			"https://static-na.payments-amazon.com/checkout.js", "USD"},
		"plain live": {func(c *Config) { c.PublicKeyID, c.Environment, c.Region = "AH1", Live, "jp" }, "https://pay-api.amazon.jp/live/v2", "pay-api.amazon.jp",
			"https://static-fe.payments-amazon.com/checkout.js", "JPY"},
		"simulator": {func(c *Config) {
			c.APIURL, c.ScriptURL, c.CertificateHost = "http://127.0.0.1:9102/", "http://127.0.0.1:9102/checkout.js", "http://127.0.0.1:9102"
		}, "http://127.0.0.1:9102/v2", "127.0.0.1:9102",
			"http://127.0.0.1:9102/checkout.js", "EUR"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			c.change(&cfg)
			require.NoError(t, cfg.Validate())
			base, host := cfg.base()
			require.Equal(t, []string{c.base, c.host, c.script, c.ledger}, []string{base, host, cfg.script(), cfg.ledger()})
		})
	}
}

func TestLiveModeRefusesTheSandbox(t *testing.T) {
	cfg := testConfig(t)
	for id, refused := range map[string]bool{"SANDBOX-AH1": true, "sandbox-AH1": true, "LIVE-AH1": false, "AH1": false} {
		cfg.PublicKeyID = id
		require.Equal(t, refused, cfg.NotForMoney() != nil, id)
	}
}

func TestLanguages(t *testing.T) {
	cfg := testConfig(t)
	for locale, want := range map[string]string{"de-DE": "de_DE", "de_AT": "de_DE", "de": "de_DE", "FR-fr": "fr_FR", "en-US": "en_GB", "": "en_GB", "xx": "en_GB"} {
		require.Equal(t, want, cfg.language(locale), locale)
	}
	cfg.Language = "it_IT"
	require.Equal(t, "it_IT", cfg.language("xx"))
	require.Equal(t, "it_IT", cfg.language(""))
}

func TestCapabilities(t *testing.T) {
	cfg := testConfig(t)
	cfg.Currencies = []string{"EUR", "JPY", "CHF"}
	caps := newProvider(t, cfg, newWire(t)).Capabilities()
	require.Len(t, caps.Methods, 6)
	for _, m := range caps.Methods[4:] { // obtain consent, and sell nothing
		require.Empty(t, m.Captures)
		require.Contains(t, m.SetUp, core.SaveUnscheduled)
		require.NotEmpty(t, m.OffSession)
	}
	require.NotContains(t, caps.Methods[5].SetUp, core.SaveRecurring, "signing in agrees to no plan")
	require.Equal(t, 32, caps.ReferenceLen)
	for _, m := range caps.Methods {
		require.Equal(t, cfg.Currencies, m.Currencies)
		require.Equal(t, m.Method.Flow == flowExpress, m.Review && m.Update)
		require.EqualValues(t, highest, m.Max)
	}
	for kind, rule := range caps.Resume {
		require.Equal(t, core.ResumeSameKey, rule, kind)
	}
	cfg.Region, cfg.Currencies = "jp", nil
	require.EqualValues(t, highestYen, newProvider(t, cfg, newWire(t)).Capabilities().Methods[0].Max)
	p := newProvider(t, func() Config { c := testConfig(t); c.Currencies = []string{"EUR", "JPY"}; return c }(), newWire(t))
	op := testOp(core.OpStart, highestYen+1)
	op.Amount.Currency = "JPY"
	in := expressInput()
	in.Amount, in.Authorize = op.Amount, op.Amount
	require.Equal(t, "amount_too_large", core.CodeOf(p.CheckStart(op, in)))
}

// A form that stands for the button is for simulators: at Amazon, of the sandbox too, it would lead nowhere.
func TestTheButtonAsAForm(t *testing.T) {
	cfg := testConfig(t)
	require.Empty(t, cfg.form())
	cfg.APIURL, cfg.ScriptURL = "http://127.0.0.1:9102", "http://127.0.0.1:9102/checkout.js"
	require.Equal(t, "http://127.0.0.1:9102/button", cfg.form())
}

func TestWithoutTopicsTheSettingsAreWarnedOf(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		warned bool
	}{
		"sandbox":     {func(*Config) {}, true},
		"live":        {func(c *Config) { c.PublicKeyID = "LIVE-AH1" }, true},
		"plain live":  {func(c *Config) { c.PublicKeyID, c.Environment = "AH1", Live }, true},
		"with topics": {func(c *Config) { c.PublicKeyID, c.Topics = "LIVE-AH1", []string{topic} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			cfg.Topics = nil
			c.change(&cfg)
			p := newProvider(t, cfg, silentLine{})
			a, err := core.OpenAccount(core.AccountConfig{Name: "amazon", Provider: "amazonpay"}, make([]byte, 32), p)
			require.NoError(t, err)
			require.Equal(t, c.warned, strings.Contains(strings.Join(a.Problems(), " "), "sns_topics"))
		})
	}
}
