package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/amazonpay/sandbox"
)

// A key that Amazon does not take is seen: on the payment, on the account, in the error and in the log. It is forgotten
// once Amazon takes it.
func TestAmazonKeyThatIsRefused(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", nil)
	id := p.str("id")
	w.review(p, "1111")
	account := func() *answer { return w.call("GET", "/v1/accounts", nil).want(200) }
	require.Contains(t, account().raw, `"credentials_refused_at":null`)
	refused := func() int {
		return strings.Count(w.call("GET", "/v1/payments/"+id+"/timeline", nil).want(200).raw, "query refused")
	}
	require.Zero(t, refused())

	w.badKey.Store(true)
	for range 3 {
		said := w.call("POST", "/v1/payments/"+id+"/sync", nil).want(503)
		require.Contains(t, said.str("detail"), "refused the credentials")
	}
	require.Equal(t, 1, refused(), "told once")
	require.Contains(t, w.call("GET", "/v1/payments/"+id+"/timeline", nil).raw, "InvalidRequestSignature")
	require.NotContains(t, account().raw, `"credentials_refused_at":"0001`)
	require.Contains(t, account().raw, "the provider refuses the credentials of the account (InvalidRequestSignature)")
	require.Contains(t, w.logs.String(), "Amazon Pay refused the credentials of the account")
	require.NotContains(t, w.logs.String(), "did not answer")

	w.badKey.Store(false)
	w.call("POST", "/v1/payments/"+id+"/sync", nil).want(200)
	require.Contains(t, account().raw, `"credentials_refused_at":null`)
	require.NotContains(t, account().raw, "the provider refuses")
}

// An account with the region of another contract is refused at every call, which is seen as well, with the header that says so.
func TestAmazonRegionOfAnother(t *testing.T) {
	w := onAmazon(t, func(_ *amazonWorld, config *sandbox.Config) {
		for i := range config.Accounts {
			if config.Accounts[i].MerchantID == amazonAccounts["amazon-eu"].MerchantID {
				config.Accounts[i].Region = "na"
			}
		}
	})
	p := w.create("order-1", nil)
	at := w.signIn(p)
	at.b.stop = "/return/"
	at = at.with("1111").through()
	at.b.stop = ""
	at = at.b.open(at.url)
	require.Contains(t, at.html, "Einen Moment", "the buyer reads his own language all the way")
	w.call("POST", "/v1/payments/"+p.str("id")+"/sync", nil).want(200)
	said := w.call("GET", "/v1/accounts", nil).want(200).raw
	require.Contains(t, said, "the provider refuses the credentials of the account (InvalidHeaderValue x-amz-pay-region)")
	require.True(t, eventually(func() bool { return strings.Contains(w.logs.String(), "InvalidHeaderValue x-amz-pay-region") }))
}
