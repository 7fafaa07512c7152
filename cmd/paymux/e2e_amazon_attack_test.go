package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/amazonpay/sandbox"
)

// consent is a mandate that its buyer has given outside of a purchase.
func (w *amazonWorld) consent(kind string) *answer {
	w.t.Helper()
	m := w.call("POST", "/v1/mandates", consents(kind, "pay_only")).want(201)
	w.signIn(m).through()
	return w.mandate(m.str("id"), "active")
}

// resolve is what an operator is answered who says what became of the one doubt of a payment, once its call is not just made
// again.
func (w *amazonWorld) resolve(id, verdict, named string) *answer {
	w.t.Helper()
	o := w.get(id).at("doubts").([]any)[0].(map[string]any)["operation"]
	word := map[string]any{"operation": o, "verdict": verdict, "evidence": "Seller Central, page of the order"}
	if named != "" {
		word["provider_reference"] = named
	}
	var a *answer
	require.True(w.t, eventually(func() bool {
		a = w.callAs("operator", "POST", "/v1/payments/"+id+"/resolve", word)
		return a.str("code") != "operation_in_progress"
	}), a.raw)
	return a
}

// moved is Amazon's id of the last charge or refund of a payment that did this, by its books.
func (w *amazonWorld) moved(id, kind string) (last string) {
	w.t.Helper()
	reference := w.reference(id)
	for _, b := range w.amazon.Books().Payments {
		for _, e := range b.Effects {
			if b.Reference == reference && e.Kind == kind {
				last = e.ID
			}
		}
	}
	return last
}

// reviewed has the program ask for a payment until a person has to look.
func (w *amazonWorld) reviewed(id string) {
	w.t.Helper()
	require.True(w.t, eventually(func() bool {
		w.call("POST", "/v1/payments/"+id+"/sync", nil)
		return w.get(id).str("needs_review") == "true"
	}), w.get(id).raw)
}

// An order that came with a consent and was agreed to, with one reservation standing and one undecided, is canceled whole:
// nothing of it can be taken any more, and the consent stays.
func TestAttackAmazonOrderWithAConsentIsCanceled(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", map[string]any{"authorize_amount": 0, "allow_pending": true, "save": map[string]any{"kind": "unscheduled"}})
	id, path := p.str("id"), "/v1/payments/"+p.str("id")
	w.pay(p, "1111")
	w.call("POST", path+"/authorizations", map[string]any{"amount": 3000}).want(201)
	w.pretends("/charges", "AuthorizationInitiated")
	w.call("POST", path+"/authorizations", map[string]any{"amount": 5000}).want(202)
	done := w.call("POST", path+"/cancel", nil).want(200)
	require.Equal(t, []string{"canceled", "0", "3000"}, []string{done.str("status"), done.str("amounts.capturable"), done.str("amounts.released")})
	w.advance(time.Minute)
	require.Equal(t, "canceled", w.sync(id).str("status"))
	require.Equal(t, entry{3000, 0, 0, 3000, "EUR"}, w.row(id))
	w.balanced(id)
	w.call("POST", path+"/captures", nil).want(409)
	w.call("POST", path+"/authorizations", nil).want(409)
	w.mandate(p.str("mandate"), "active")
	w.charged("later", p.str("mandate"), nil)
}

// Amazon decides while the merchant cancels, three times at once, and captures: one of them is first, and all of it adds up.
func TestAttackAmazonDecidesWhileItIsCanceled(t *testing.T) {
	w := onAmazon(t)
	for i, verdict := range []string{"settle_approve", "settle_decline", "settle_approve"} {
		p := w.create(fmt.Sprintf("order-%d", i), payNow(map[string]any{"allow_pending": true}))
		id := p.str("id")
		w.pay(p, "0701")
		var all sync.WaitGroup
		all.Go(func() { w.office(verdict, id, nil) })
		for range 3 {
			all.Go(func() { w.call("POST", "/v1/payments/"+id+"/cancel", nil, "Idempotency-Key", "cancel-"+id) })
		}
		all.Go(func() { w.call("POST", "/v1/payments/"+id+"/captures", nil) })
		all.Wait()
		w.comes(id, verdict, func(a *answer) bool { return a.str("status") == "canceled" || a.str("status") == "succeeded" })
		b, a := w.row(id), w.get(id)
		require.Equal(t, []string{fmt.Sprint(b.Captured), "0"}, []string{a.str("amounts.captured"), a.str("amounts.capturable")}, verdict)
		require.Zero(t, b.Authorized-b.Captured-b.Voided, "%s: something is still held", verdict)
		require.Equal(t, b.Captured > 0, a.str("status") == "succeeded", a.raw)
	}
}

// Two charges of one amount on one consent, and a third one by another shop of the merchant's, all told of only by
// notifications: each belongs where it was asked for, and what nobody here asked for to none.
func TestAttackAmazonEqualChargesOnOneConsent(t *testing.T) {
	w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) { w.scaled() })
	m := w.consent("recurring")
	w.control("feedback", map[string]any{"mode": "hold"})
	var ids []string
	for i := range 2 {
		w.control("faults", map[string]any{"operation": "CreateCharge", "action": "http_stored_after", "status": 500})
		ids = append(ids, w.call("POST", "/v1/payments", absent(fmt.Sprintf("abo-%d", i), m.str("id"), nil)).want(202).str("id"))
	}
	permission := m.str("provider.references.chargePermissionId")
	for i, metadata := range []string{"", `,"merchantMetadata":{"merchantReferenceId":"shop-2-order-1","customInformation":"shop-2"}`} {
		status, text := w.direct("POST", "/v2/charges", fmt.Sprintf("shop-2-%d", i), `{"chargePermissionId":"`+permission+`","chargeAmount":{"amount":"30.00","currencyCode":"EUR"},"captureNow":true`+metadata+`}`)
		require.Equal(t, 201, status, text)
	}
	w.control("feedback", map[string]any{"release": true})
	w.control("feedback", map[string]any{"mode": "normal"})
	charges := map[string]bool{}
	for _, id := range ids {
		a := w.become(id, "succeeded")
		w.balanced(id)
		require.Equal(t, "3000", a.str("amounts.captured"))
		charges[a.str("provider.references.chargeId")] = true
	}
	require.Len(t, charges, 2)
	require.NotContains(t, w.call("GET", "/v1/mandates/"+m.str("id"), nil).raw, "chargeId")
}

// An operator says that a capture or a cancellation went through. Amazon is asked, shows the charge as it was, and counts.
func TestAttackAmazonShowsOtherThanAnOperatorSays(t *testing.T) {
	w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) { w.scaled() }).operator()
	for action, operation := range map[string]string{"cancel": "CancelCharge", "captures": "CaptureCharge"} {
		id := w.paid("order-"+action, nil)
		w.control("faults", map[string]any{"operation": operation, "action": "http_before", "status": 503, "times": 1000})
		w.call("POST", "/v1/payments/"+id+"/"+action, nil).want(202)
		require.Equal(t, "state_invalid", w.resolve(id, "happened", "").want(409).str("code"))
		require.Equal(t, []string{"12550", "0", "0"}, []string{w.get(id).str("amounts.in_doubt"), w.get(id).str("amounts.captured"), w.get(id).str("amounts.released")})
		require.Equal(t, "requires_capture", w.resolve(id, "did_not_happen", "").want(200).str("status"))
		w.balanced(id)
	}
}

// An operator names the charge of another order as that of one in doubt: what is given back later would go back from that
// one. The one that is the order's is read at Amazon, and needs nobody's word.
func TestAttackAmazonOperatorNamesAnothersCharge(t *testing.T) {
	w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) { w.scaled() }).operator()
	m := w.consent("recurring")
	other := w.call("POST", "/v1/payments", absent("abo-1", m.str("id"), nil)).want(201)
	w.unheard()
	w.control("faults", map[string]any{"operation": "CreateCharge", "action": "http_stored_after", "status": 500})
	id := w.call("POST", "/v1/payments", absent("abo-2", m.str("id"), nil)).want(202).str("id")
	w.reviewed(id)
	for _, named := range []string{other.str("provider.references.chargeId"), "S02-0000000-0000000-C000000"} {
		require.Equal(t, "reference_invalid", w.resolve(id, "happened", named).want(422).str("code"), named)
	}
	require.Equal(t, "processing", w.get(id).str("status"))
	told := w.resolve(id, "happened", w.moved(id, "capture")).want(409)
	require.Contains(t, told.str("detail"), "has told what became of")
	require.Equal(t, "succeeded", w.get(id).str("status"))
	w.balanced(id)
	w.call("POST", "/v1/payments/"+id+"/refunds", nil).want(202)
	w.advance(time.Minute)
	w.comes(id, "given back", func(a *answer) bool { return a.str("amounts.refunded") == "3000" })
	require.Equal(t, []entry{{3000, 3000, 3000, 0, "EUR"}, {3000, 3000, 0, 0, "EUR"}}, []entry{w.row(id), w.row(other.str("id"))})
}
