package providers

import (
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/amazonpay"
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
			c.APIURL, c.ScriptURL = "https://127.0.0.1:9", "https://127.0.0.1:9/checkout.js"
		},
			"api_url: live mode wants https and another machine"},
		"a simulator's certificate": {func(c *amazonpay.Config) { c.CertificateHost = "http://127.0.0.1:9" }, "sns_certificate_url: live mode wants https"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			require.ErrorContains(t, Check("amazonpay", node{cfg}, true), c.want)
			require.NoError(t, Check("amazonpay", node{cfg}, false), "test mode takes it")
		})
	}
}
