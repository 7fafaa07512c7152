package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// A buyer has the page open twice. In one window the provider refuses his form, which only hints at an end: "the same form
// may still be paid in another window". There he pays, is back with the provider's signed word for it, and CHECK_STATUS
// does not answer just then. A shop that was told to try again would have him pay twice.
func TestTwoWindowsDoNotPayTwice(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	p := w.create("order-1", map[string]any{"capture_method": "automatic"})
	id := p.str("id")
	page := newShopper(t).open(p.str("next_action.hosted_url")).submit("")
	other := newShopper(t).open(p.str("next_action.hosted_url"))
	action, form := other.form("")
	form.Set("customer_email", "other@example.org") // its signature is wrong now
	to, back := newShopper(t).load(http.MethodPost, action, form).form("")
	require.Equal(t, "00008", back.Get("response_code"))
	newShopper(t).load(http.MethodPost, to, back)

	w.control("faults", map[string]any{"operation": "CHECK_STATUS", "action": "http_before", "status": 503, "times": 1000})
	page.card(cardPlain).submit("")
	a := w.call("POST", "/v1/payments/"+id+"/confirm", map[string]any{})
	if a.status == http.StatusOK { // then he pays there as well
		newShopper(t).open(w.get(id).str("next_action.hosted_url")).submit("").card(cardPlain).submit("")
	}
	w.faultless()
	w.call("POST", "/v1/payments/"+id+"/sync", nil)
	authorized, captured, _, _ := w.books(id)
	require.LessOrEqual(t, captured, int64(12550), "authorized %d; the payment says %s", authorized, w.get(id).raw)
}
