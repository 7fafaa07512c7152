package aps

import (
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/v2"
	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/outbound"
	"github.com/paymux/paymux/providers/secret"
)

func TestConfigTellsEveryProblemAtOnce(t *testing.T) {
	err := Config{
		MerchantIdentifier: "a b", RequestPhrase: secret.New("canary-phrase"), SHAType: "SHA-1", Language: "de", Environment: "live", PageURL: "ftp://x", APIURL: "http://provider.example",
		Currencies: []string{"aed"}, Options: []string{"visa", "cash"}, VisaThreeDigit: "maybe",
	}.Validate()
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	for _, key := range []string{"merchant_identifier", "access_code", "response_phrase", "sha_type", "language", "environment", "page_url", "api_url", "currencies", "options", "visa_three_digit"} {
		require.True(t, slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, key+":") }), "%s is missing in\n%s", key, err)
	}
	require.NotContains(t, err.Error(), "request_phrase")
	require.NotContains(t, err.Error(), "canary-phrase")
	_, err = New(Config{}, outbound.New(outbound.Options{}))
	require.Error(t, err)
	_, err = New(testConfig(), nil)
	require.Error(t, err)
}

func TestConfigAddresses(t *testing.T) {
	cfg := testConfig()
	page, api := cfg.addresses()
	require.Equal(t, []string{"https://sbcheckout.payfort.com/FortAPI/paymentPage", "https://sbpaymentservices.payfort.com/FortAPI/paymentApi"}, []string{page, api})
	cfg.Environment = Production
	page, api = cfg.addresses()
	require.Equal(t, []string{"https://checkout.payfort.com/FortAPI/paymentPage", "https://paymentservices.payfort.com/FortAPI/paymentApi"}, []string{page, api})
	cfg.Environment, cfg.PageURL, cfg.APIURL = "", "http://127.0.0.1:9/paymentPage", "https://localhost/FortAPI/paymentApi"
	require.NoError(t, cfg.Validate())
	page, api = cfg.addresses()
	require.Equal(t, []string{"http://127.0.0.1:9/paymentPage", "https://localhost/FortAPI/paymentApi"}, []string{page, api})
	cfg.APIURL = ""
	require.Error(t, cfg.Validate())
	cfg.PageURL, cfg.APIURL = "https://provider.example/FortAPI/paymentApi", "https://provider.example"
	require.EqualError(t, cfg.Validate(), "api_url: the whole address is needed, with a path that ends in /paymentApi, such as /FortAPI/paymentApi\n"+
		"page_url: the whole address is needed, with a path that ends in /paymentPage, such as /FortAPI/paymentPage")
}

func TestConfigIsReadFromText(t *testing.T) {
	k := koanf.New(".")
	for key, value := range map[string]any{"merchant_identifier": "pmxMid01", "access_code": "pmxAcc0000000000001A", "request_phrase": "a", "response_phrase": "b",
		"sha_type": "HMAC-512", "environment": "production", "currencies": []string{"AED"}, "options": []string{"visa"}, "agreements": true} {
		require.NoError(t, k.Set(key, value))
	}
	var cfg Config
	require.NoError(t, k.Unmarshal("", &cfg))
	require.NoError(t, cfg.Validate())
	require.Equal(t, "a", cfg.RequestPhrase.Reveal())
	require.Equal(t, "b", cfg.ResponsePhrase.Reveal())
	require.True(t, cfg.Agreements)
}

func TestCapabilities(t *testing.T) {
	caps := newProvider(t, testConfig(), nil).Capabilities()
	require.Equal(t, 32, caps.ReferenceLen)
	require.Equal(t, core.ResumeTotalsWhole, caps.Resume[core.OpCapture])
	seen := map[string]bool{}
	for _, m := range caps.Methods {
		require.Equal(t, []string{core.NextPostForm}, m.NextActions)
		require.True(t, m.RetriesOnPage && m.PartialRefund)
		require.False(t, m.VoidAfterCapture)
		require.Zero(t, m.CapturesPerAuth)
		for _, option := range m.Options {
			require.False(t, seen[option])
			seen[option] = true
			require.Equal(t, options[option].manual, slices.Contains(m.Captures, core.CaptureManual))
			require.Equal(t, options[option].currencies, slices.Clone(m.Currencies))
		}
	}
	require.Len(t, seen, len(options))
	_, err := core.OpenAccount(core.AccountConfig{Name: "aps-ae", Provider: "aps"}, make([]byte, 16), newProvider(t, testConfig(), nil))
	require.NoError(t, err, "claims and methods fit together")

	cfg := testConfig()
	cfg.Options, cfg.Currencies = []string{"visa", "knet", "mada"}, []string{"AED", "KWD"}
	caps = newProvider(t, cfg, nil).Capabilities()
	require.Len(t, caps.Methods, 3, "mada has no currency of the contract")
	require.Equal(t, []string{"visa"}, caps.Methods[0].Options)
	require.Equal(t, []string{"AED", "KWD"}, caps.Methods[0].Currencies)
	require.Equal(t, []string{"KWD"}, caps.Methods[1].Currencies)
	require.Equal(t, typeAny, caps.Methods[2].Method.Type)
}
