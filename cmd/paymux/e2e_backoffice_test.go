package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What people do in the provider's back office reaches us by notification alone, without a number of its own.

// byHand has somebody in the back office capture or refund a part.
func (w *world) byHand(what, id string, amount int) {
	w.t.Helper()
	w.control("backoffice", map[string]any{"operation": what, "merchant_reference": w.reference(id), "amount": amount})
}

// counted waits until a counter of the payment is at want, which nobody asks the provider for.
func (w *world) counted(id, counter, want string) {
	w.t.Helper()
	var got string
	require.Eventually(w.t, func() bool { got = w.get(id).str("amounts." + counter); return got == want }, waitFor, tick,
		"%s never became %s: acknowledged and lost", counter, want)
}

// Two bookings of one amount within a minute make two notifications with the same bytes. Both count.
func TestEqualBackOfficeNotifications(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		id := w.authorized("order-1", nil)
		for _, want := range []string{"1000", "2000", "3000"} {
			w.byHand("capture", id, 1000)
			w.counted(id, "captured", want)
		}
		for _, want := range []string{"700", "1400"} {
			w.byHand("refund", id, 700)
			w.counted(id, "refunded", want)
		}
		w.settled(id)
		w.balanced(id)
	})
}

// A notification that makes us ask, while the provider does not answer: it was acknowledged, so nobody sends it again,
// and the program asks until it knows.
func TestANotificationOutlivesAFailedQuestion(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.change = strings.NewReplacer("time_scale: 1", "time_scale: 100", "answer: 5s", "answer: 50s")
		w.restart()
		id := w.authorized("order-1", nil)
		w.control("faults", map[string]any{"operation": "CHECK_STATUS", "action": "http_before", "status": 503})
		w.byHand("capture", id, 500)
		w.counted(id, "captured", "500")
		w.balanced(id)
	})
}

// Our capture never arrived, and somebody captured another amount by hand meanwhile. That is not ours: nothing is
// claimed of our capture, and a person is asked.
func TestAForeignCaptureIsNotTakenForOurs(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		id := w.authorized("order-1", nil)
		w.control("feedback", map[string]any{"mode": "hold"})
		w.control("faults", map[string]any{"operation": "CAPTURE", "action": "drop_before"})
		w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 3000}).want(202)
		w.byHand("capture", id, 5000)
		w.call("POST", "/v1/payments/"+id+"/sync", nil).want(200)
		c := w.call("GET", "/v1/payments/"+id+"/captures", nil).want(200).body["data"].([]any)
		require.Len(t, c, 1)
		require.NotContains(t, []any{"succeeded", "failed"}, c[0].(map[string]any)["status"], "claimed without proof")
		v := w.get(id)
		require.Equal(t, []string{"5000", "true"}, []string{v.str("amounts.captured"), v.str("needs_review")}, v.raw)
	})
}
