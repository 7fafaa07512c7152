package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// amazonDeclines are the reasons for which Amazon declines a charge: what they are to a merchant, and what he can do.
var amazonDeclines = map[string][2]string{
	"SoftDeclined":            {"issuer_declined_soft", "same_provider"},
	"HardDeclined":            {"issuer_declined_hard", "after_buyer_action"},
	"AmazonRejected":          {"fraud_suspected", "other_provider"},
	"TransactionTimedOut":     {"provider_timeout_declared", "later"},
	"PaymentMethodNotAllowed": {"instrument_invalid", "after_buyer_action"},
	"MFANotCompleted":         {"authentication_failed", "after_buyer_action"},
}

// failure is why something failed, at a path of an answer.
func failure(a *answer, path string) [3]string {
	return [3]string{a.str(path + ".provider_code"), a.str(path + ".category"), a.str(path + ".retry_advice")}
}

// A reservation on what the buyer agreed to is declined at once, and says why. It takes no money; where Amazon lets the
// agreement stand, another one is made.
func TestAmazonReservationIsDeclined(t *testing.T) {
	w := onAmazon(t)
	for code, means := range amazonDeclines {
		id := w.paid("order-"+code, map[string]any{"authorize_amount": 0})
		path := "/v1/payments/" + id
		w.pretends("/charges", code)
		a := w.call("POST", path+"/authorizations", map[string]any{"amount": 5000}).want(201)
		require.Equal(t, "failed", a.str("status"), a.raw)
		require.Equal(t, [3]string{code, means[0], means[1]}, failure(a, "failure"), a.raw)
		require.Zero(t, w.row(id).Authorized)
		switch code {
		case "AmazonRejected": // it ends the agreement, too
			require.Equal(t, "canceled", w.become(id, "canceled").str("status"))
		case "SoftDeclined", "TransactionTimedOut", "MFANotCompleted":
			w.call("POST", path+"/authorizations", map[string]any{"amount": 5000}).want(201)
			require.Equal(t, int64(5000), w.row(id).Authorized)
		}
		w.balanced(id)
	}
}

// A stored consent is charged in vain: the payment says why, takes nothing, and the mandate stands as Amazon lets it.
func TestAmazonChargeOfAWalletIsDeclined(t *testing.T) {
	w := onAmazon(t)
	for code, means := range amazonDeclines {
		body := consents("unscheduled", "pay_only")
		body["merchant_reference"] = "customer-" + code
		m := w.call("POST", "/v1/mandates", body).want(201)
		w.signIn(m).through().atShop("/wallet")
		w.mandate(m.str("id"), "active")
		w.pretends("/charges", code)
		p := w.call("POST", "/v1/payments", absent("order-"+code, m.str("id"), nil)).want(201)
		require.Equal(t, [3]string{code, means[0], means[1]}, failure(p, "last_error"), p.raw)
		require.Contains(t, []string{"failed", "requires_payment_method"}, p.str("status"))
		require.Zero(t, w.row(p.str("id")))
		w.balanced(p.str("id"))
		switch code {
		case "AmazonRejected":
			w.mandate(m.str("id"), "canceled")
		case "HardDeclined", "PaymentMethodNotAllowed":
			w.mandate(m.str("id"), "suspended")
		default:
			w.mandate(m.str("id"), "active")
			w.charged("again-"+code, m.str("id"), nil)
		}
	}
}

// An authorization that was left to Amazon is declined later, for each of the reasons there are.
func TestAmazonPendingAuthorizationIsDeclined(t *testing.T) {
	w := onAmazon(t)
	for _, code := range []string{"SoftDeclined", "HardDeclined", "AmazonRejected", "TransactionTimedOut", "ProcessingFailure"} {
		id, _, _ := w.undecided("order-" + code)
		w.office("settle_decline", id, map[string]any{"reason": code})
		now := w.become(id, "requires_payment_method")
		means, listed := amazonDeclines[code]
		if !listed {
			means = [2]string{"provider_timeout_declared", "later"}
		}
		require.Equal(t, [3]string{code, means[0], means[1]}, failure(now, "last_error"), now.raw)
		require.Zero(t, w.row(id).Captured)
		require.Equal(t, "0", now.str("amounts.authorized"))
	}
}

// Whoever ends the session before it is completed, nothing is sold, and it says who did.
func TestAmazonSessionIsCanceled(t *testing.T) {
	w := onAmazon(t)
	for code, means := range map[string][2]string{"BuyerCanceled": {"buyer_canceled", "after_buyer_action"}, "Declined": {"issuer_declined_hard", "after_buyer_action"}, "AmazonCanceled": {"provider_rejected", "other_provider"}} {
		for flow, change := range map[string]map[string]any{"express": nil, "pay-now": payNow(nil)} {
			p := w.create("order-"+code+flow, change)
			w.pretends("/complete", code)
			now := w.pay(p, "1111")
			require.Equal(t, "requires_payment_method", now.str("status"), "%s %s", code, flow)
			require.Equal(t, [3]string{code, means[0], means[1]}, failure(now, "last_error"), "%s %s: %s", code, flow, now.raw)
			require.Zero(t, w.row(p.str("id")))
			require.Equal(t, "requires_capture", w.pay(w.confirm(p.str("id")), "1111").str("status"), "by another attempt")
			w.balanced(p.str("id"))
		}
	}
}

// A capture is accepted and declined half a minute later: the authorization is gone with it, and nothing was taken.
func TestAmazonCaptureIsDeclined(t *testing.T) {
	for name, told := range map[string]bool{"told": true, "asked": false} {
		t.Run(name, func(t *testing.T) {
			w := onAmazon(t)
			id := w.paid("order-1", nil)
			if !told {
				w.unheard()
			}
			w.pretends("/capture", "AmazonRejected")
			c := w.call("POST", "/v1/payments/"+id+"/captures", nil).want(202)
			require.Equal(t, "processing", c.str("status"))
			w.advance(time.Minute)
			if !told {
				w.sync(id)
			}
			require.True(t, eventually(func() bool { return w.capture(id)["status"] == "failed" }))
			why := w.capture(id)["failure"].(map[string]any)
			require.Equal(t, []any{"fraud_suspected", "other_provider", "AmazonRejected"}, []any{why["category"], why["retry_advice"], why["provider_code"]})
			require.Equal(t, "0", w.get(id).str("amounts.captured"))
			w.balanced(id)
		})
	}
}

// capture is the newest capture of a payment.
func (w *amazonWorld) capture(id string) map[string]any {
	w.t.Helper()
	return w.call("GET", "/v1/payments/"+id+"/captures", nil).want(200).at("data").([]any)[0].(map[string]any)
}

// A failure inside Amazon's house decides nothing: the call is made again under its key, and charges once.
func TestAmazonProcessingFailure(t *testing.T) {
	for call, end := range map[string]string{"authorizations": "/charges", "captures": "/capture"} {
		t.Run(call, func(t *testing.T) {
			w := onAmazon(t)
			var change map[string]any
			if call == "authorizations" {
				change = map[string]any{"authorize_amount": 0}
			}
			id := w.paid("order-1", change)
			path := "/v1/payments/" + id
			w.pretends(end, "ProcessingFailure")
			a := w.call("POST", path+"/"+call, map[string]any{"amount": 5000, "reference": "parcel"})
			require.Contains(t, []int{201, 202}, a.status, a.raw)
			if a.status == 202 {
				require.Equal(t, "5000", w.get(id).str("amounts.in_doubt"))
			}
			require.True(t, eventually(func() bool {
				w.sync(id)
				return w.get(id).str("amounts.in_doubt") == "0"
			}), w.get(id).raw)
			if call == "authorizations" {
				require.Equal(t, entry{5000, 0, 0, 0, "EUR"}, w.row(id))
			} else {
				require.Equal(t, int64(5000), w.row(id).Captured)
			}
			w.balanced(id)
		})
	}
}
