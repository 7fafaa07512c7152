package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patch changes an object at Amazon, as another program of the merchant's would.
func (w *amazonWorld) patch(path, body string) int {
	w.t.Helper()
	status, _ := w.direct(http.MethodPatch, path, "", body)
	return status
}

// direct makes a call to Amazon by the merchant's own key, as another program of his would: what is signed follows Amazon
// Pay, signing requests.
func (w *amazonWorld) direct(method, path, idempotencyKey, body string) (status int, answer string) {
	w.t.Helper()
	hash := func(text string) string { sum := sha256.Sum256([]byte(text)); return hex.EncodeToString(sum[:]) }
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.simURL+path, strings.NewReader(body))
	require.NoError(w.t, err)
	const signed, algorithm = "accept;content-type;x-amz-pay-date;x-amz-pay-host;x-amz-pay-region", "AMZN-PAY-RSASSA-PSS-V2"
	if idempotencyKey != "" {
		r.Header.Set("x-amz-pay-idempotency-key", idempotencyKey)
	}
	lines := method + "\n" + path + "\n\n"
	for name, value := range map[string]string{"accept": typeJSON, "content-type": typeJSON, "x-amz-pay-date": time.Now().UTC().Format("20060102T150405Z"),
		"x-amz-pay-host": r.URL.Host, "x-amz-pay-region": "eu"} {
		r.Header.Set(name, value)
	}
	for name := range strings.SplitSeq(signed, ";") {
		lines += name + ":" + r.Header.Get(name) + "\n"
	}
	account := amazonAccounts["amazon-eu"]
	block, _ := pem.Decode([]byte(account.Keys[0].PrivateKey))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(w.t, err)
	digest := sha256.Sum256([]byte(algorithm + "\n" + hash(lines+"\n"+signed+"\n"+hash(body))))
	signature, err := rsa.SignPSS(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 32})
	require.NoError(w.t, err)
	r.Header.Set("Authorization", algorithm+" PublicKeyId="+account.Keys[0].ID+", SignedHeaders="+signed+", Signature="+base64.StdEncoding.EncodeToString(signature))
	resp, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	return resp.StatusCode, string(text)
}

// Somebody else changes the amount of the session after the order was confirmed. What the buyer sees then is not what
// was ordered: Amazon refuses to complete it, nothing is sold, and it says why.
func TestAmazonAmountMismatch(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", nil)
	session := w.review(p, "1111").at("review.change_actions").([]any)[0].(map[string]any)["session_id"].(string)
	c := w.confirm(p.str("id"))
	require.Equal(t, 200, w.patch("/v2/checkoutSessions/"+session, `{"paymentDetails":{"chargeAmount":{"amount":"130.00","currencyCode":"EUR"}}}`))
	newShopper(t).open(c.str("next_action.redirect_to_url.url")).through()
	now := w.get(p.str("id"))
	require.Equal(t, [3]string{"AmountMismatch", "configuration", "never"}, failure(now, "last_error"), now.raw)
	require.Equal(t, []string{"0", "0"}, []string{now.str("amounts.authorized"), now.str("amounts.in_doubt")})
	require.Zero(t, w.row(p.str("id")))
	w.balanced(p.str("id"))
}

// The buyer can have it sent only where the shop delivers: Amazon's address book is held against its rules, and the order
// that is changed under review keeps them.
func TestAmazonDeliversWhereTheShopDoes(t *testing.T) {
	w := onAmazon(t)
	for country, delivered := range map[string]bool{"DE": true, "JP": false} {
		p := w.create("order-"+country, map[string]any{"delivery": map[string]any{"allow": []any{map[string]any{"country": country}}}})
		page := w.signIn(p)
		if !delivered {
			require.Contains(t, page.submit("continue").url, w.simURL, "no address of his fits")
			require.Equal(t, "requires_action", w.get(p.str("id")).str("status"))
			continue
		}
		page.with("1111").through().atShop("/review")
		now := w.get(p.str("id"))
		require.Equal(t, country, now.str("review.shipping_address.country"), now.raw)
	}
}
