package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// saved is the mandate given with a new payment, ready to be charged. Feedback alone tells of the card, so it may be
// ready later than the payment.
func (w *world) saved(reference string) (mandate string) {
	w.t.Helper()
	p := w.create(reference, map[string]any{"capture_method": "automatic", "save": map[string]any{"kind": "unscheduled"}})
	w.pay(p, cardPlain)
	mandate = p.str("mandate")
	require.Eventually(w.t, func() bool { return w.call("GET", "/v1/mandates/"+mandate, nil).want(200).str("status") == "active" }, waitFor, tick)
	return mandate
}

// charge is an order that charges a mandate in the buyer's absence.
func charge(reference, mandate string) map[string]any {
	return order(reference, map[string]any{"amount": 999, "capture_method": "automatic", "mandate": mandate, "off_session": true,
		"return_url": nil, "cancel_url": nil, "method": nil})
}

// A charge whose answer is lost, or says something else, is made once, whatever the shop does, and the books say so.
func TestLostChargeOfAMandate(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		mandate := w.saved("order-1")
		for _, action := range []string{"drop_after", "http_after", "truncate", "garbage", "other_amount", "other_reference", "drop_before", "http_before"} {
			w.control("feedback", map[string]any{"mode": "drop", "times": 1})
			w.control("faults", map[string]any{"operation": "PURCHASE", "action": action, "status": 502})
			body, key := charge("order-"+action, mandate), "charge-"+action
			a := w.call("POST", "/v1/payments", body, "Idempotency-Key", key).want(202)
			id := a.str("id")
			require.Equal(t, "processing", a.str("status"), "%s: %s", action, a.raw)
			w.call("POST", "/v1/payments/"+id+"/sync", nil).want(200)
			again := w.call("POST", "/v1/payments", body, "Idempotency-Key", key)
			_, charged, _, _ := w.books(id)
			switch action {
			case "drop_before", "http_before": // nothing reached the provider, which nothing proves
				require.Zero(t, charged, action)
				require.Equal(t, "processing", again.want(202).str("status"), action)
				require.Equal(t, "999", again.str("amounts.in_doubt"), action)
				w.control("feedback", map[string]any{"mode": "normal"})
			default:
				require.Equal(t, int64(999), charged, action)
				require.Equal(t, "succeeded", again.want(201).str("status"), action)
				w.balanced(id)
			}
		}
	})
}

// A charge in the buyer's absence that goes well is told as paid and nothing else.
func TestChargeOfAMandateIsToldAsPaid(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.call("POST", "/v1/payments", charge("order-2", w.saved("order-1"))).want(201)
		w.settled(p.str("id"))
		require.Equal(t, []string{"payment.created", "payment.succeeded"}, w.events(p.str("id")))
	})
}
