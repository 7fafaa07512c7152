package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/amazonpay/sandbox"
)

// A call whose answer is lost, or is a failure that Amazon keeps under the key although it did what was asked, does it once.
func TestAmazonAnswersAreLost(t *testing.T) {
	for _, action := range []string{"drop_after", "http_after", "http_stored_after", "truncate", "garbage"} {
		t.Run(action, func(t *testing.T) {
			w := onAmazon(t)
			fault := func(operation string) {
				w.control("faults", map[string]any{"operation": operation, "action": action, "status": 500})
			}
			p := w.create("order-1", nil)
			id, path := p.str("id"), "/v1/payments/"+p.str("id")
			w.review(p, "1111")
			fault("UpdateCheckoutSession")
			c := w.call("POST", path+"/confirm", map[string]any{})
			require.Contains(t, []int{200, 202}, c.status, c.raw)
			if c.status == 202 {
				require.True(t, eventually(func() bool { w.call("POST", path+"/sync", nil); return w.get(id).str("status") == "requires_action" }), w.get(id).raw)
			}
			fault("CompleteCheckoutSession")
			newShopper(t).open(w.get(id).str("next_action.redirect_to_url.url")).through()
			require.True(t, eventually(func() bool { w.call("POST", path+"/sync", nil); return w.get(id).str("status") == "requires_capture" }), w.get(id).raw)
			w.balanced(id)

			fault("CaptureCharge")
			w.call("POST", path+"/captures", map[string]any{"amount": 10000, "final": true, "reference": "parcel"})
			require.True(t, eventually(func() bool { w.call("POST", path+"/sync", nil); return w.get(id).str("amounts.captured") == "10000" }), w.get(id).raw)
			fault("CreateRefund")
			w.call("POST", path+"/refunds", map[string]any{"amount": 2500, "reference": "back"})
			w.advance(time.Minute)
			require.True(t, eventually(func() bool { w.call("POST", path+"/sync", nil); return w.get(id).str("amounts.refunded") == "2500" }), w.get(id).raw)
			b := w.row(id)
			require.Equal(t, []int64{12550, 10000, 2500}, []int64{b.Authorized, b.Captured, b.Refunded})
			w.balanced(id)
		})
	}
}

// A failure that Amazon keeps under the key, of a call that did nothing, takes no money and is not held for taken.
func TestAmazonKeepsAFailureOfNothing(t *testing.T) {
	w := onAmazon(t)
	id := w.paid("order-1", nil)
	w.control("faults", map[string]any{"operation": "CaptureCharge", "action": "http_stored_before", "status": 500})
	w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"reference": "parcel"}).want(202)
	w.call("POST", "/v1/payments/"+id+"/sync", nil)
	now := w.get(id)
	require.Equal(t, []string{"0", "12550"}, []string{now.str("amounts.captured"), now.str("amounts.in_doubt")}, now.raw)
	require.Zero(t, w.row(id).Captured)
}

// A failure that Amazon keeps under the key of a refund that it made: the refund is known by the notification of it, its
// amount and when it was begun. Of two that it may be, or of a charge that nobody has told of, a person says what it is.
func TestAmazonKeepsAFailureOfWhatItDid(t *testing.T) {
	w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) { w.scaled() })
	id := w.paid("order-1", map[string]any{"capture_method": "automatic"})
	path := "/v1/payments/" + id
	refund := func(amount int, reference string) {
		w.control("faults", map[string]any{"operation": "CreateRefund", "action": "http_stored_after", "status": 500})
		w.call("POST", path+"/refunds", map[string]any{"amount": amount, "reference": reference}).want(202)
	}
	of := func(reference string) string {
		for _, r := range w.call("GET", path+"/refunds", nil).want(200).at("data").([]any) {
			if r := r.(map[string]any); r["reference"] == reference {
				return r["status"].(string)
			}
		}
		return ""
	}
	refund(2500, "back-1")
	w.advance(time.Minute)
	require.True(t, eventually(func() bool { return of("back-1") == "succeeded" }), w.get(id).raw)
	require.Equal(t, []string{"2500", "0", ""}, []string{w.get(id).str("amounts.refunded"), w.get(id).str("amounts.in_doubt"), w.get(id).str("needs_review")})
	w.balanced(id)

	refund(1000, "back-2")
	w.office("refund", id, map[string]any{"amount": 1000})
	w.advance(time.Minute)
	require.True(t, eventually(func() bool { return w.get(id).str("needs_review") == "true" }), w.get(id).raw)
	require.Equal(t, []string{"processing", "4500"}, []string{of("back-2"), w.get(id).str("amounts.refunded")})

	m := w.call("POST", "/v1/mandates", consents("recurring", "pay_only")).want(201)
	w.signIn(m).through()
	w.mandate(m.str("id"), "active")
	w.unheard()
	w.control("faults", map[string]any{"operation": "CreateCharge", "action": "http_stored_after", "status": 500})
	c := w.call("POST", "/v1/payments", absent("abo-1", m.str("id"), nil)).want(202)
	require.True(t, eventually(func() bool { return w.get(c.str("id")).str("needs_review") == "true" }), w.get(c.str("id")).raw)
	require.Equal(t, []string{"processing", "3000"}, []string{w.get(c.str("id")).str("status"), w.get(c.str("id")).str("amounts.in_doubt")})
	require.Equal(t, entry{3000, 3000, 0, 0, "EUR"}, w.row(c.str("id")))
}

// lostCalls are the ways in which a call of the program comes to no usable answer. Some never reach Amazon, some did what
// was asked.
var lostCalls = []string{"drop_before", "http_before", "drop_after", "http_after", "http_stored_after", "truncate", "garbage"}

// fault has the next call of an operation at Amazon come to no usable answer.
func (w *amazonWorld) fault(operation, action string) {
	w.t.Helper()
	w.control("faults", map[string]any{"operation": operation, "action": action, "status": 503})
}

// comes asks for the payment until it is so.
func (w *amazonWorld) comes(id, what string, holds func(a *answer) bool) {
	w.t.Helper()
	var a *answer
	require.True(w.t, eventually(func() bool {
		w.call("POST", "/v1/payments/"+id+"/sync", nil)
		a = w.get(id)
		return holds(a) && a.str("amounts.in_doubt") == "0"
	}), "%s: %s", what, a.raw)
}

// A reservation, a part that is taken, its refund and the cancellation of the rest: whichever answer is lost, each is
// done once.
func TestAmazonLaterAnswersAreLost(t *testing.T) {
	for _, action := range lostCalls {
		t.Run(action, func(t *testing.T) {
			w := onAmazon(t)
			id := w.paid("order-1", map[string]any{"authorize_amount": 0})
			path := "/v1/payments/" + id
			w.fault("CreateCharge", action)
			w.call("POST", path+"/authorizations", map[string]any{"amount": 5000})
			w.comes(id, "reserved", func(a *answer) bool { return a.str("amounts.authorized") == "5000" })
			require.Equal(t, entry{5000, 0, 0, 0, "EUR"}, w.row(id))

			w.fault("CaptureCharge", action)
			w.call("POST", path+"/captures", map[string]any{"amount": 4000, "reference": "parcel-1"})
			w.comes(id, "taken", func(a *answer) bool { return a.str("amounts.captured") == "4000" })
			require.Equal(t, entry{5000, 4000, 0, 1000, "EUR"}, w.row(id))

			w.fault("CreateRefund", action)
			w.call("POST", path+"/refunds", map[string]any{"amount": 1500, "reference": "back-1"})
			w.advance(time.Minute)
			w.comes(id, "given back", func(a *answer) bool { w.advance(time.Minute); return a.str("amounts.refunded") == "1500" })
			require.Equal(t, entry{5000, 4000, 1500, 1000, "EUR"}, w.row(id))

			w.balanced(id)
		})
	}
}

// What is left of an order is given up: whichever of the two answers is lost, what was reserved is released, and the
// buyer's agreement ends.
func TestAmazonAnswersToACancellationAreLost(t *testing.T) {
	for _, action := range lostCalls {
		t.Run(action, func(t *testing.T) {
			w := onAmazon(t)
			for name, parcel := range map[string]int64{"whole": 0, "rest": 4000} {
				id := w.paid("order-"+name, map[string]any{"authorize_amount": 5000})
				path := "/v1/payments/" + id
				if parcel > 0 {
					w.call("POST", path+"/captures", map[string]any{"amount": parcel}).want(201)
					w.call("POST", path+"/authorizations", map[string]any{"amount": 5000}).want(201)
				}
				w.fault("CancelCharge", action)
				w.fault("CloseChargePermission", action)
				w.call("POST", path+"/cancel", nil)
				w.comes(id, "released", func(a *answer) bool { return a.str("amounts.capturable") == "0" })
				b := w.row(id)
				require.Equal(t, []int64{parcel, b.Authorized}, []int64{b.Captured, b.Captured + b.Voided})
				w.balanced(id)
				require.Equal(t, map[string]string{"whole": "canceled", "rest": "succeeded"}[name], w.get(id).str("status"))
				w.call("POST", path+"/captures", nil).want(409)
			}
		})
	}
}

// An authorization that is not decided is given up: whichever of the two answers is lost, nothing stays reserved.
func TestAmazonAnswersToACancellationOfWhatPendsAreLost(t *testing.T) {
	for _, action := range lostCalls {
		t.Run(action, func(t *testing.T) {
			w := onAmazon(t)
			for name, decided := range map[string]bool{"undecided": false, "authorized meanwhile": true} {
				p := w.create("order-"+name[:5], payNow(map[string]any{"allow_pending": true}))
				id := p.str("id")
				w.pay(p, "0701")
				w.unheard()
				w.fault("CancelCharge", action)
				w.fault("CloseChargePermission", action)
				w.call("POST", "/v1/payments/"+id+"/cancel", nil)
				if decided {
					w.advance(time.Minute)
				}
				w.comes(id, name, func(a *answer) bool { return a.str("status") == "canceled" })
				b := w.row(id)
				require.Equal(t, []int64{0, 0}, []int64{b.Authorized - b.Voided, b.Captured}, name)
				require.Equal(t, "0", w.get(id).str("amounts.capturable"))
				w.control("feedback", map[string]any{"mode": "normal"})
			}
		})
	}
}

// A consent is given, charged, changed and ended: whichever answer is lost, it is done once.
func TestAmazonAnswersAboutMandatesAreLost(t *testing.T) {
	for _, action := range lostCalls {
		t.Run(action, func(t *testing.T) {
			w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) { w.scaled() })
			m := w.call("POST", "/v1/mandates", consents("recurring", "pay_only")).want(201)
			id := m.str("id")
			w.fault("CompleteCheckoutSession", action)
			w.signIn(m).through()
			w.mandate(id, "active")

			w.fault("CreateCharge", action)
			p := w.call("POST", "/v1/payments", absent("abo-1", id, nil))
			require.Contains(t, []int{201, 202}, p.status, p.raw)
			w.comes(p.str("id"), "charged", func(a *answer) bool { return a.str("status") == "succeeded" })
			w.balanced(p.str("id"))
			require.Equal(t, entry{3000, 3000, 0, 0, "EUR"}, w.row(p.str("id")))

			w.fault("UpdateChargePermission", action)
			w.call("PATCH", "/v1/mandates/"+id, map[string]any{"recurring": monthly(3500)})
			require.True(t, eventually(func() bool { return w.call("GET", "/v1/mandates/"+id, nil).str("recurring.amount") == "3500" }), action)
			w.fault("CloseChargePermission", action)
			w.call("POST", "/v1/mandates/"+id+"/cancel", nil)
			w.mandate(id, "canceled")
			w.call("POST", "/v1/payments", absent("abo-2", id, nil)).want(409)
			require.Len(t, w.amazon.Books().Payments, 1, "nothing was charged twice")
		})
	}
}
