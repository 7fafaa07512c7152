package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/aps/sandbox"
)

// A signer of its own, from the documents alone: what the adapter believes is not proved by its own code, nor by the
// simulator's.

// text is what is hashed: the phrase, every name=value but the signature in the order of bytes, the phrase.
// Source: merchant integration guide, signature.
func text(fields map[string]string, phrase string) string {
	s := phrase
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name != "signature" {
			s += name + "=" + fields[name]
		}
	}
	return s + phrase
}

// digest is the hex signature of text under an account's SHA type; the keyed types take the phrase as key too.
func digest(kind sandbox.SHAType, text, phrase string) string {
	var h hash.Hash
	switch kind {
	case sandbox.SHA256:
		h = sha256.New()
	case sandbox.SHA512:
		h = sha512.New()
	case sandbox.HMAC256:
		h = hmac.New(sha256.New, []byte(phrase))
	case sandbox.HMAC512:
		h = hmac.New(sha512.New, []byte(phrase))
	}
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// The example that the guide prints.
func TestSignerFollowsTheGuide(t *testing.T) {
	fields := map[string]string{"access_code": "SILgpo7pWbmzuURp2qri", "amount": "1000", "command": "PURCHASE", "currency": "USD", "customer_email": "test@gmail.com",
		"language": "en", "merchant_identifier": "MxvOupuG", "merchant_reference": "Test010"}
	require.Equal(t, "94c38afc7bdae0114fc8c740edf12416f22998241ce4b4ea70d5521233a2c882", digest(sandbox.SHA256, text(fields, "PASS"), "PASS"))
}

// told is a message about an order, as APS would send it for an account: an authorization of 125.50 AED that was
// granted. change replaces fields; an empty value removes one.
func told(account, reference string, change map[string]string) map[string]string {
	a := e2eAccounts[account]
	fields := map[string]string{"command": "AUTHORIZATION", "merchant_identifier": a.MerchantIdentifier, "access_code": a.AccessCode, "language": "en",
		"merchant_reference": reference, "amount": "12550", "currency": "AED", "customer_email": "layla@example.org", "customer_ip": "203.0.113.9",
		"payment_option": "VISA", "eci": "ECOMMERCE", "card_number": "400555******0001", "card_holder_name": "LAYLA KHAN", "expiry_date": "3005",
		"authorization_code": "742138", "fort_id": "169996200031000017", "response_code": "02000", "response_message": "Success", "status": "02"}
	for name, value := range change {
		if fields[name] = value; value == "" {
			delete(fields, name)
		}
	}
	return fields
}

// signed is fields with the signature of the account's response phrase.
func signed(account string, fields map[string]string) map[string]string {
	a := e2eAccounts[account]
	out := maps.Clone(fields)
	out["signature"] = digest(a.SHAType, text(fields, a.ResponsePhrase), a.ResponsePhrase)
	return out
}

func asJSON(fields map[string]string) string {
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err) // text always encodes
	}
	return string(raw)
}

func asForm(fields map[string]string) string { return values(fields).Encode() }

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// message is one request to a feedback address.
type message struct {
	id, method, account, contentType, body string
	header                                 map[string]string
	status                                 int
}

// deliver sends a message and gives what the provider would see.
func (w *world) deliver(m message) (status int, body string) {
	w.t.Helper()
	method := m.method
	if method == "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/feedback/"+url.PathEscape(m.account), bytes.NewReader([]byte(m.body)))
	require.NoError(w.t, err)
	if m.contentType != "" {
		r.Header.Set("Content-Type", m.contentType)
	}
	for name, value := range m.header {
		r.Header.Set(name, value)
	}
	resp, err := w.http.Do(r)
	require.NoError(w.t, err, m.id)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	return resp.StatusCode, string(raw)
}

// tell delivers fields of an account as they are signed, and requires the acknowledgement.
func (w *world) tell(account string, fields map[string]string) {
	w.t.Helper()
	status, body := w.deliver(message{account: account, contentType: typeJSON, body: asJSON(signed(account, fields))})
	require.Equal(w.t, http.StatusOK, status, body)
}

// items are the inbox as whoever holds the key sees it, newest first.
func (w *world) items(who, query string) (out []map[string]any) {
	w.t.Helper()
	a := w.callAs(who, "GET", "/v1/feedback"+query, nil).want(200)
	for _, item := range a.body["data"].([]any) {
		out = append(out, item.(map[string]any))
	}
	return out
}

// itemIn waits until the newest item of the inbox is in this state, as the operator sees it.
func (w *world) itemIn(state string) map[string]any {
	w.t.Helper()
	var item map[string]any
	require.Eventually(w.t, func() bool {
		all := w.items("operator", "?limit=1")
		if len(all) == 0 {
			return false
		}
		item = all[0]
		return item["state"] == state
	}, waitFor, tick, "no item became %s", state)
	return item
}

// timesAsked counts how often the simulator was asked about a reference.
func (w *world) timesAsked(reference string) (n int) {
	w.t.Helper()
	for _, r := range w.asked() {
		if strings.HasPrefix(r, "CHECK_STATUS") && strings.HasSuffix(r, reference) {
			n++
		}
	}
	return n
}
