package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What the provider signs and does not mean, or meant once.

// Totals that are more than the attempt ever asked for, well signed: whatever they are about, it is not this payment.
func TestTotalsBeyondTheOrderBookNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		id := w.create("order-1", nil).str("id")
		w.control("faults", map[string]any{"operation": "CHECK_STATUS", "action": "other_amount", "times": 1000})
		page := newShopper(t).open(w.get(id).str("next_action.hosted_url")).submit("").card(cardPlain)
		w.call("POST", "/v1/payments/"+id+"/sync", nil).want(200)
		page.submit("").atShop("/thanks")
		v := w.get(id)
		require.Equal(t, []string{"0", "true"}, []string{v.str("amounts.authorized"), v.str("needs_review")}, v.raw)
		w.faultless()
		w.settled(id)
		require.Equal(t, "requires_capture", w.get(id).str("status"), "the truth is heard all the same")
		w.balanced(id)
	})
}

// The answer to a booking and its notification name another amount than was asked for and booked. Neither is booked:
// the provider is asked what is true.
func TestABookingToldWithAnotherAmount(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		id := w.authorized("order-1", nil)
		for _, c := range []struct{ operation, path, counter string }{{"CAPTURE", "captures", "captured"}, {"REFUND", "refunds", "refunded"}} {
			w.control("faults", map[string]any{"operation": c.operation, "action": "other_amount"})
			a := w.call("POST", "/v1/payments/"+id+"/"+c.path, map[string]any{"amount": 5000}).want(202)
			require.NotEqual(t, "failed", a.str("status"))
			w.counted(id, c.counter, "5000")
			w.settled(id)
			w.balanced(id)
		}
	})
}

// The form that brought a buyer back is signed for ever. Sent again and again, it makes us neither write nor ask without
// end, and it books nothing twice.
func TestASignedReturnIsReplayed(t *testing.T) {
	for name, leave := range map[string]func(*sheet) *sheet{
		"of a buyer who paid":        func(page *sheet) *sheet { return page.card(cardPlain) },
		"of a buyer who turned away": func(page *sheet) *sheet { return page.submit("cancel") },
	} {
		t.Run(name, func(t *testing.T) {
			eachWorld(t, func(t *testing.T, w *world) {
				p := w.create("order-1", nil)
				id := p.str("id")
				to, form := leave(newShopper(t).open(p.str("next_action.hosted_url")).submit("")).form("")
				newShopper(t).load("POST", to, form)
				w.settled(id)
				before, db := w.get(id), w.raw()
				evidence := len(w.column(db, "SELECT id FROM evidence"))
				for range 20 {
					newShopper(t).load("POST", to, form)
				}
				require.LessOrEqual(t, len(w.column(db, "SELECT id FROM evidence")), evidence+1, "every replay is kept")
				require.Equal(t, []string{before.str("status"), before.str("amounts")}, []string{w.get(id).str("status"), w.get(id).str("amounts")})
				w.balanced(id)
			})
		})
	}
}
