package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/openapi"
)

// What an operator may not send, beyond section 13 of the reliability requirements; what core refuses is in its own tests.

const (
	resolvePath = "/v1/payments/pay_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5/resolve"
	goodWord    = `{"operation":"cap_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5","verdict":"happened","amount":5000,"provider_reference":"4111111111111111","evidence":"back office"}`
)

func (h *handlers) ResolvePayment(context.Context, openapi.ResolvePaymentRequestObject) (openapi.ResolvePaymentResponseObject, error) {
	h.calls++
	return nil, nil
}

func settle(t *testing.T, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, resolvePath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "resolve-1")
	return r
}

// word is goodWord with members replaced; an empty value leaves the member out.
func word(t *testing.T, members ...string) string {
	t.Helper()
	var body map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(goodWord), &body))
	for i := 0; i < len(members); i += 2 {
		if body[members[i]] = json.RawMessage(members[i+1]); members[i+1] == "" {
			delete(body, members[i])
		}
	}
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	return string(raw)
}

func TestGoodSettlementsPass(t *testing.T) {
	for _, body := range []string{goodWord, `{"acknowledge":true,"evidence":"ticket 4711"}`, word(t, "verdict", `"did_not_happen"`, "amount", "", "provider_reference", "")} {
		h := &handlers{}
		newEcho(h).ServeHTTP(httptest.NewRecorder(), settle(t, body))
		require.Equal(t, 1, h.calls, body)
	}
}

func TestCatalogueResolve(t *testing.T) {
	long := func(n int) string { return `"` + strings.Repeat("a", n) + `"` }
	for _, c := range []struct {
		id, body      string
		status        int
		code, pointer string
	}{
		{"no body", "", 400, "json_invalid", ""},
		{"no operation", word(t, "operation", ""), 422, "field_invalid", "/operation"},
		{"operation is null", word(t, "operation", "null"), 422, "field_invalid", "/operation"},
		{"operation is no id", word(t, "operation", `"cap 1"`), 422, "field_invalid", "/operation"},
		{"operation is long", word(t, "operation", long(65)), 422, "field_invalid", "/operation"},
		{"no verdict", word(t, "verdict", ""), 422, "field_invalid", "/verdict"},
		{"unknown verdict", word(t, "verdict", `"perhaps"`), 422, "field_invalid", "/verdict"},
		{"verdict is true", word(t, "verdict", "true"), 422, "field_invalid", "/verdict"},
		{"amount zero", word(t, "amount", "0"), 422, "amount_invalid", "/amount"},
		{"amount text", word(t, "amount", `"5000"`), 422, "amount_invalid", "/amount"},
		{"amount huge", word(t, "amount", "9223372036854775807"), 422, "amount_too_large", "/amount"},
		{"reference long", word(t, "provider_reference", long(129)), 422, "field_invalid", "/provider_reference"},
		{"no evidence", word(t, "evidence", ""), 422, "description_invalid", "/evidence"},
		{"empty evidence", word(t, "evidence", `""`), 422, "description_invalid", "/evidence"},
		{"long evidence", word(t, "evidence", long(2001)), 422, "description_invalid", "/evidence"},
		{"evidence with a line end", word(t, "evidence", `"a\nb"`), 422, "description_invalid", "/evidence"},
		{"evidence with a card", word(t, "evidence", `"paid with 4111 1111 1111 1111"`), 422, "card_data_not_accepted", "/evidence"},
		{"evidence is a list", word(t, "evidence", `["a"]`), 422, "description_invalid", "/evidence"},
		{"both", word(t, "acknowledge", "true"), 422, "amount_invalid", "/amount"},
		{"acknowledged with a verdict", `{"acknowledge":true,"verdict":"happened","evidence":"a"}`, 422, "field_invalid", "/verdict"},
		{"acknowledge is text", `{"acknowledge":"true","evidence":"a"}`, 422, "field_invalid", "/acknowledge"},
		{"acknowledged not", `{"acknowledge":false,"evidence":"a"}`, 422, "field_invalid", "/operation"},
		{"unknown member", word(t, "card", `"x"`), 422, "field_unknown", "/card"},
	} {
		t.Run(c.id, func(t *testing.T) { refused(t, settle(t, c.body), c.status, c.code, c.pointer) })
	}
	long2000 := settle(t, word(t, "evidence", long(2000)))
	h := &handlers{}
	newEcho(h).ServeHTTP(httptest.NewRecorder(), long2000)
	require.Equal(t, 1, h.calls)
	keyless := settle(t, goodWord)
	keyless.Header.Del("Idempotency-Key")
	refused(t, keyless, 400, "idempotency_key_required", "")
}

// What is left out is told with what would have been right, as a whole.
func TestMissingPartsOfASettlementAreShown(t *testing.T) {
	for name, c := range map[string]struct{ body, pointer, want string }{
		"nothing":            {`{}`, "/evidence", "Say in 1 to 2000 characters where this was seen"},
		"only a word":        {`{"evidence":"a"}`, "/operation", "The id of what is in doubt is needed, as doubts of the payment shows it"},
		"no verdict":         {word(t, "verdict", ""), "/verdict", "What became of it is needed, happened or did_not_happen"},
		"no evidence":        {word(t, "evidence", ""), "/evidence", "Say in 1 to 2000 characters where this was seen"},
		"seen, but not said": {`{"acknowledge":true}`, "/evidence", "Say in 1 to 2000 characters where this was seen"},
	} {
		w := httptest.NewRecorder()
		newEcho(&handlers{}).ServeHTTP(w, settle(t, c.body))
		var p openapi.Problem
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), name)
		require.Equal(t, c.pointer, p.Pointer, name)
		require.Contains(t, p.Detail, c.want, name)
		for _, example := range []string{settleDoubt, settleOdd} { // both can be sent as they are
			require.Contains(t, p.Detail, example, name)
			h := &handlers{}
			newEcho(h).ServeHTTP(httptest.NewRecorder(), settle(t, example))
			require.Equal(t, 1, h.calls, example)
		}
	}
}

func TestCatalogueNeedsReview(t *testing.T) {
	for _, value := range []string{"yes", "1x", "", "true&needs_review=false"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/payments?needs_review="+value, http.NoBody)
		refused(t, r, 400, "query_invalid", "")
	}
}
