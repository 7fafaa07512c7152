package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An operator reads every account, a merchant the ones he may use; reading is all an operator may do with the others.
func TestOperatorSeesEveryAccount(t *testing.T) {
	w := newWorld(t, sqliteDSN(t)).operator()
	names := func(who string) (out []string) {
		for _, a := range w.callAs(who, "GET", "/v1/accounts", nil).want(200).body["data"].([]any) {
			out = append(out, a.(map[string]any)["name"].(string))
		}
		return out
	}
	require.Equal(t, []string{"aps-main", "aps-other"}, names("operator"))
	require.Equal(t, []string{"aps-main"}, names("main"))
	require.Equal(t, []string{"aps-other"}, names("other"))
	w.callAs("operator", "GET", "/v1/accounts/aps-other/capabilities", nil).want(200)
	w.callAs("operator", "GET", "/v1/accounts/aps-nowhere/capabilities", nil).want(404)
	w.callAs("main", "GET", "/v1/accounts/aps-other/capabilities", nil).want(404)
	a := w.callAs("operator", "POST", "/v1/payments", order("order-1", map[string]any{"account": "aps-other"})).want(422)
	require.Equal(t, "account_unknown", a.str("code"), "a payment is always of the key's own merchant")
	p := w.callAs("other", "POST", "/v1/payments", order("order-1", nil)).want(201)
	w.callAs("operator", "GET", "/v1/payments/"+p.str("id"), nil).want(404)
}
