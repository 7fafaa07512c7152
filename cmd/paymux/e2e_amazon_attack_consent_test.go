package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/amazonpay/sandbox"
)

// again stops the program and starts it on the same store.
func (w *amazonWorld) again() {
	w.t.Helper()
	w.stop()
	w.begin()
}

// A consent ends, by the buyer or by the merchant, while the order it came with is open: nothing more can be charged to it,
// and the order says so. What the merchant has reserved he can still take.
func TestAttackAmazonConsentEndsUnderItsOrder(t *testing.T) {
	for who, c := range map[string]struct{ status, capturable string }{"buyer": {"canceled", "0"}, "merchant": {"requires_capture", "3000"}, "unheard": {"requires_capture", "3000"}} {
		t.Run(who, func(t *testing.T) {
			w := onAmazon(t)
			p := w.create("order-1", map[string]any{"authorize_amount": 0, "save": map[string]any{"kind": "unscheduled"}})
			id, path := p.str("id"), "/v1/payments/"+p.str("id")
			w.pay(p, "1111")
			w.call("POST", path+"/authorizations", map[string]any{"amount": 3000}).want(201)
			switch who {
			case "buyer":
				w.office("buyer_close", id, nil)
			case "unheard":
				w.unheard()
				fallthrough
			default:
				w.call("POST", "/v1/mandates/"+p.str("mandate")+"/cancel", nil).want(200)
			}
			w.mandate(p.str("mandate"), "canceled")
			require.True(t, eventually(func() bool { return w.get(id).str("amounts.capturable") == c.capturable }), w.get(id).raw)
			require.Equal(t, c.status, w.get(id).str("status"))
			require.Contains(t, []int{409, 422}, w.call("POST", path+"/authorizations", nil).status)
			require.Contains(t, []int{409, 422}, w.call("POST", path+"/captures", map[string]any{"amount": 3001}).status)
			if c.capturable != "0" {
				w.call("POST", path+"/captures", nil).want(201)
				w.become(id, "succeeded")
			}
			w.balanced(id)
		})
	}
}

// Charges of a consent whose answers are lost while the program dies, and which the merchant asks for again in every way
// there is, take the money once.
func TestAttackAmazonProgramDiesInACharge(t *testing.T) {
	w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) { w.scaled() })
	m := w.consent("unscheduled")
	for i, action := range []string{"drop_after", "http_stored_after", "drop_before", "hang"} {
		reference, key := fmt.Sprintf("abo-%d", i), []string{"Idempotency-Key", action}
		w.control("faults", map[string]any{"operation": "CreateCharge", "action": action, "status": 500, "seconds": 5})
		first := make(chan string, 1)
		go func() {
			a := w.call("POST", "/v1/payments", absent(reference, m.str("id"), nil), key...)
			first <- a.str("id")
		}()
		if action == "hang" {
			require.True(t, eventually(func() bool {
				return len(w.call("GET", "/v1/payments?merchant_reference="+reference, nil).at("data").([]any)) == 1
			}))
		}
		id := <-first
		w.again()
		b := w.call("POST", "/v1/payments", absent(reference, m.str("id"), nil), key...)
		require.Contains(t, []int{201, 202}, b.status, b.raw)
		require.Equal(t, id, b.str("id"))
		require.Equal(t, "reference_exists", w.call("POST", "/v1/payments", absent(reference, m.str("id"), nil)).want(409).str("code"))
		w.comes(id, action, func(a *answer) bool { return a.str("status") == "succeeded" })
		require.Equal(t, entry{3000, 3000, 0, 0, "EUR"}, w.row(id), action)
	}
}

// A consent is its merchant's, its account's, and charged whole: everything else is refused, and Amazon is asked nothing.
func TestAttackAmazonConsentIsUsedByOthers(t *testing.T) {
	w := onAmazon(t)
	id := w.consent("unscheduled").str("id")
	address := map[string]any{"return_url": "https://shop.example/wallet", "cancel_url": "https://shop.example/account"}
	for _, r := range []struct {
		method, path string
		body         any
	}{{"GET", "", nil}, {"POST", "/cancel", nil}, {"PATCH", "", address}, {"POST", "/complete", map[string]any{"step": "result", "return_params": map[string]any{"amazonCheckoutSessionId": "x"}}}} {
		w.callAs("other", r.method, "/v1/mandates/"+id+r.path, r.body).want(404)
	}
	for name, change := range map[string]map[string]any{"": nil, "amazon-other": {"account": "amazon-other"}} {
		require.Equal(t, "/mandate", w.callAs("other", "POST", "/v1/payments", absent("order-1", id, change)).want(422).str("pointer"), name)
	}
	for pointer, change := range map[string]map[string]any{
		"/account": {"account": "amazon-jp"}, "/currency": {"currency": "JPY"}, "/authorize_amount": {"authorize_amount": 0, "capture_method": "manual"},
		"/allow_pending": {"allow_pending": true}, "/save": {"save": map[string]any{"kind": "unscheduled"}},
	} {
		a := w.call("POST", "/v1/payments", absent("order-"+pointer[1:4], id, change)).want(422)
		require.Equal(t, pointer, a.str("pointer"), a.raw)
	}
	require.Empty(t, w.lastCharge())
	require.Empty(t, w.amazon.Books().Payments)
}

// An operator says that a charge happened, or did not, before Amazon does: once its word comes it counts once, and a person
// looks only where the two differ.
func TestAttackAmazonOperatorIsFasterThanAmazon(t *testing.T) {
	w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) { w.scaled() }).operator()
	m := w.consent("recurring")
	for verdict, differs := range map[string]any{"happened": nil, "did_not_happen": true} {
		w.control("feedback", map[string]any{"mode": "hold"})
		w.control("faults", map[string]any{"operation": "CreateCharge", "action": "http_stored_after", "status": 500})
		id := w.call("POST", "/v1/payments", absent("abo-"+verdict, m.str("id"), nil)).want(202).str("id")
		w.reviewed(id)
		w.resolve(id, verdict, "").want(200)
		w.control("feedback", map[string]any{"release": true})
		w.control("feedback", map[string]any{"mode": "normal"})
		require.True(t, eventually(func() bool { return w.get(id).str("provider.references.chargeId") != "" }), w.get(id).raw)
		now := w.sync(id)
		require.Equal(t, []any{"succeeded", "3000", differs}, []any{now.str("status"), now.str("amounts.captured"), now.at("needs_review")}, verdict)
		w.balanced(id)
		w.call("POST", "/v1/payments/"+id+"/refunds", nil).want(202)
		w.advance(time.Minute)
		w.comes(id, "given back", func(a *answer) bool { return a.str("amounts.refunded") == "3000" })
		require.Equal(t, entry{3000, 3000, 3000, 0, "EUR"}, w.row(id))
	}
}

// A refund of which only failures come is found beside one by hand, of the same amount and from another capture; and
// without one of its own it is not taken for that one.
func TestAttackAmazonEqualRefundsOfTwoCaptures(t *testing.T) {
	for action, made := range map[string]bool{"http_stored_after": true, "http_stored_before": false} {
		t.Run(action, func(t *testing.T) {
			w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) { w.scaled() })
			id := w.paid("order-1", map[string]any{"authorize_amount": 0})
			path := "/v1/payments/" + id
			first := w.call("POST", path+"/captures", map[string]any{"amount": 3000}).want(201)
			w.call("POST", path+"/captures", map[string]any{"amount": 3000}).want(201)
			second := w.moved(id, "capture")
			w.control("feedback", map[string]any{"mode": "hold"})
			w.control("faults", map[string]any{"operation": "CreateRefund", "action": action, "status": 500})
			w.call("POST", path+"/refunds", map[string]any{"amount": 1000, "capture": first.str("id")}).want(202)
			w.control("backoffice", map[string]any{"operation": "refund", "chargeId": second, "amount": 1000})
			w.reviewed(id)
			w.advance(time.Minute)
			w.control("feedback", map[string]any{"release": true})
			w.control("feedback", map[string]any{"mode": "normal"})
			refunded := map[bool]string{true: "2000", false: "1000"}[made]
			require.True(t, eventually(func() bool {
				a := w.sync(id)
				return a.str("amounts.refunded") == refunded && (a.at("doubts") == nil) == made
			}), w.get(id).raw)
			require.Equal(t, "true", w.get(id).str("needs_review"), "somebody refunded by hand")
		})
	}
}

// A charge that Amazon refuses, and one of which an operator says that it did not happen, have no id at Amazon: it is asked
// about everything else all the same, and answers.
func TestAttackAmazonIsAskedAfterARefusal(t *testing.T) {
	w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) { w.scaled() }).operator()
	m := w.consent("unscheduled")
	w.pretends("/charges", "SoftDeclined")
	declined := w.call("POST", "/v1/payments", absent("order-1", m.str("id"), nil)).want(201)
	require.Equal(t, []string{"failed", "failed"}, []string{declined.str("status"), w.sync(declined.str("id")).str("status")})

	id := w.paid("order-2", map[string]any{"authorize_amount": 3000})
	path := "/v1/payments/" + id
	w.unheard()
	w.control("faults", map[string]any{"operation": "CreateCharge", "action": "http_stored_after", "status": 500})
	w.call("POST", path+"/authorizations", map[string]any{"amount": 5000}).want(202)
	w.reviewed(id)
	require.Equal(t, "/provider_reference", w.resolve(id, "happened", "").want(422).str("pointer"), "nothing could be done with it")
	w.resolve(id, "did_not_happen", "").want(200)
	w.sync(id)
	require.Equal(t, "canceled", w.call("POST", path+"/cancel", nil).want(200).str("status"))
	b := w.row(id)
	require.Equal(t, []int64{8000, 8000, 0}, []int64{b.Authorized, b.Voided, b.Captured}, "he was wrong, and it is released with the rest")
}
