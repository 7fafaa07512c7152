package providers

import (
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/amazonpay"
	"github.com/paymux/paymux/providers/aps"
	"github.com/paymux/paymux/providers/secret"
)

// node is settings as they were read.
type node struct{ settings any }

func (n node) Unmarshal(_ string, out any) error {
	reflect.ValueOf(out).Elem().Set(reflect.ValueOf(n.settings))
	return nil
}

func TestNames(t *testing.T) {
	require.Equal(t, []string{"amazonpay", "aps"}, Names())
}

func TestLiveModeRefusesWhatIsNotForMoney(t *testing.T) {
	key, err := os.ReadFile("testdata/example.pem")
	require.NoError(t, err)
	good := amazonpay.Config{MerchantID: "AEXAMPLEMERCHANT", StoreID: "amzn1.application-oa2-client.0123456789abcdef", PublicKeyID: "LIVE-AHEXAMPLE",
		PrivateKey: secret.New(string(key)), Region: "eu"}
	require.NoError(t, Check("amazonpay", node{good}, true))
	for name, c := range map[string]struct {
		change func(*amazonpay.Config)
		want   string
	}{
		"a key of the sandbox":      {func(c *amazonpay.Config) { c.PublicKeyID = "SANDBOX-AHEXAMPLE" }, "public_key_id: it is a key of the provider's test system"},
		"the sandbox of a key":      {func(c *amazonpay.Config) { c.PublicKeyID, c.Environment = "AHEXAMPLE", amazonpay.Sandbox }, "environment: sandbox is the provider's test system"},
		"the example of simulators": {func(c *amazonpay.Config) { c.MerchantID = "pmxAEXAMPLE001" }, "merchant_id: it is an example of the simulators"},
		"a simulator": {func(c *amazonpay.Config) {
			c.APIURL, c.ScriptURL, c.CertificateHost = "https://127.0.0.1:9", "https://127.0.0.1:9/checkout.js", "https://127.0.0.1:9"
		},
			"api_url: live mode wants https and another machine"},
		"a simulator's certificate": {func(c *amazonpay.Config) { c.CertificateHost = "http://127.0.0.1:9" }, "sns_certificate_url: live mode wants https"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			require.ErrorContains(t, Check("amazonpay", node{cfg}, true), c.want)
			if cfg.PublicKeyID == good.PublicKeyID && cfg.APIURL == "" {
				cfg.PublicKeyID = "SANDBOX-AHEXAMPLE"
			}
			require.NoError(t, Check("amazonpay", node{cfg}, false), "test mode takes it")
		})
	}
}

// Who tries something out in test mode moves no money, whatever else his settings say.
func TestTestModeRefusesWhatIsForMoney(t *testing.T) {
	key, err := os.ReadFile("testdata/example.pem")
	require.NoError(t, err)
	live := amazonpay.Config{MerchantID: "AEXAMPLEMERCHANT", StoreID: "amzn1.application-oa2-client.0123456789abcdef", PublicKeyID: "LIVE-AHEXAMPLE",
		PrivateKey: secret.New(string(key)), Region: "eu"}
	old := live
	old.PublicKeyID, old.Environment = "AHEXAMPLE", amazonpay.Live
	phrase := secret.New("an example")
	production := aps.Config{MerchantIdentifier: "Mid01", AccessCode: "Acc0000000000001A", RequestPhrase: phrase, ResponsePhrase: phrase, SHAType: "SHA-256", Environment: aps.Production}
	for name, c := range map[string]struct {
		provider string
		settings any
		want     string
	}{
		"a key for real money": {"amazonpay", live, "public_key_id: it is a key for real money, which test mode refuses"},
		"an older key":         {"amazonpay", old, "environment: live is for real money, which test mode refuses"},
		"production":           {"aps", production, "environment: production is for real money, which test mode refuses"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, Check(c.provider, node{c.settings}, true))
			require.EqualError(t, Check(c.provider, node{c.settings}, false), c.want)
		})
	}
}
