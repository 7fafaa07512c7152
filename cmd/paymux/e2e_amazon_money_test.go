package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// become reads the payment until it has this status.
func (w *amazonWorld) become(id, status string) *answer {
	w.t.Helper()
	a := w.get(id)
	require.True(w.t, eventually(func() bool { a = w.get(id); return a.str("status") == status }), "never %s: %s", status, a.raw)
	return a
}

func (w *amazonWorld) office(operation, id string, more map[string]any) {
	w.t.Helper()
	in := map[string]any{"operation": operation, "merchantReferenceId": w.reference(id)}
	for name, value := range more {
		in[name] = value
	}
	w.control("backoffice", in)
}

// What the merchant wants of the money is what Amazon is told to intend.
func TestAmazonIntents(t *testing.T) {
	eachAmazon(t, func(t *testing.T, w *amazonWorld) {
		for flow, change := range map[string]func(map[string]any) map[string]any{"express": func(m map[string]any) map[string]any { return m }, "pay-now": payNow} {
			taken := w.paid("taken-"+flow, change(map[string]any{"capture_method": "automatic"}))
			require.Equal(t, "succeeded", w.become(taken, "succeeded").str("status"))
			require.Equal(t, entry{12550, 12550, 0, 0, "EUR"}, w.row(taken))
			reserved := w.paid("reserved-"+flow, change(nil))
			require.Equal(t, "requires_capture", w.get(reserved).str("status"))
			require.Equal(t, entry{12550, 0, 0, 0, "EUR"}, w.row(reserved))
			w.balanced(taken)
			w.balanced(reserved)
		}
		agreed := w.paid("agreed", map[string]any{"authorize_amount": 0})
		require.Zero(t, w.row(agreed).Authorized, "the buyer has agreed, and no more")
		require.Equal(t, []string{"requires_capture", "0", "12550"}, []string{w.get(agreed).str("status"), w.get(agreed).str("amounts.authorized"), w.get(agreed).str("amounts.capturable")})
		w.call("POST", "/v1/payments/"+agreed+"/authorizations", map[string]any{"amount": 5000}).want(201)
		require.Equal(t, int64(5000), w.row(agreed).Authorized)
		w.balanced(agreed)
		require.Equal(t, "succeeded", w.call("POST", "/v1/payments/"+agreed+"/captures", map[string]any{"amount": 5000}).want(201).str("status"))
		w.balanced(agreed)
	})
}

// An authorization that Amazon decides on later is followed, by its word and by asking when no word comes.
func TestAmazonPendingAuthorization(t *testing.T) {
	eachAmazon(t, func(t *testing.T, w *amazonWorld) {
		for how, change := range map[string]func(map[string]any) map[string]any{"express": func(m map[string]any) map[string]any { return m }, "pay-now": payNow} {
			for _, told := range []bool{true, false} {
				w.control("feedback", map[string]any{"mode": "normal"})
				if !told {
					w.unheard()
				}
				name := how + "-" + strconv.FormatBool(told)
				good, bad := w.create("good-"+name, change(map[string]any{"allow_pending": true})), w.create("bad-"+name, change(map[string]any{"allow_pending": true}))
				for p, card := range map[*answer]string{good: "0701", bad: "4354"} {
					now := w.pay(p, card)
					require.Equal(t, []string{"processing", "await_result"}, []string{now.str("status"), now.str("next_action.type")}, now.raw)
					require.Equal(t, "0", now.str("amounts.authorized"))
				}
				w.advance(time.Minute)
				if !told {
					w.sync(good.str("id"))
					w.sync(bad.str("id"))
				}
				w.become(good.str("id"), "requires_capture")
				declined := w.become(bad.str("id"), "requires_payment_method")
				require.Equal(t, []string{"issuer_declined_hard", "after_buyer_action", "HardDeclined"}, []string{declined.str("last_error.category"), declined.str("last_error.retry_advice"), declined.str("last_error.provider_code")})
				w.balanced(good.str("id"))
				require.Equal(t, "0", declined.str("amounts.authorized"))
				require.Zero(t, w.row(bad.str("id")).Captured)
				require.Equal(t, "requires_capture", w.pay(w.confirm(bad.str("id")), "1111").str("status"), "by another attempt")
			}
		}
	})
}

// An authorization that Amazon has yet to decide about is canceled with the buyer's agreement; where Amazon has decided
// meanwhile and nobody has told, what it reserved is released, and what it declined is no failure.
func TestAmazonPendingAuthorizationIsCanceled(t *testing.T) {
	eachAmazon(t, func(t *testing.T, w *amazonWorld) {
		for name, c := range map[string]struct {
			card     string
			decided  bool
			released int64
		}{"undecided": {"0701", false, 0}, "authorized": {"0701", true, 12550}, "declined": {"4354", true, 0}} {
			w.unheard()
			p := w.create("order-"+name, payNow(map[string]any{"allow_pending": true}))
			id := p.str("id")
			w.pay(p, c.card)
			if c.decided {
				w.advance(time.Minute)
			}
			done := w.call("POST", "/v1/payments/"+id+"/cancel", map[string]any{"reason": "requested_by_customer"}).want(200)
			require.Equal(t, []string{"canceled", "requested_by_customer", "0", "0"}, []string{done.str("status"), done.str("cancellation_reason"), done.str("amounts.captured"), done.str("amounts.in_doubt")}, name)
			w.advance(time.Hour)
			now := w.sync(id)
			require.Equal(t, []string{"canceled", ""}, []string{now.str("status"), now.str("last_error")}, now.raw)
			b := w.row(id)
			require.Equal(t, []int64{c.released, c.released, 0}, []int64{b.Authorized, b.Voided, b.Captured}, name)
			events := w.events(id)
			require.Equal(t, "payment.canceled", events[len(events)-1], "%s: %v", name, events)
			require.NotContains(t, events, "payment.attempt_failed")
			w.call("POST", "/v1/payments/"+id+"/captures", nil).want(409)
			again := w.call("POST", "/v1/payments/"+id+"/cancel", nil)
			require.Equal(t, []any{409, "state_invalid"}, []any{again.status, again.str("code")}, again.raw)
		}
	})
}

// A charge to a consent that is not decided is canceled, and the consent stays.
func TestAmazonPendingChargeIsCanceled(t *testing.T) {
	w := onAmazon(t)
	m := w.call("POST", "/v1/mandates", consents("recurring", "pay_only")).want(201)
	w.signIn(m).through().atShop("/wallet")
	w.mandate(m.str("id"), "active")
	p := w.call("POST", "/v1/payments", absent("abo-1", m.str("id"), map[string]any{"capture_method": "manual", "allow_pending": true})).want(202)
	refused := w.call("POST", "/v1/payments/"+p.str("id")+"/captures", nil).want(409)
	require.Contains(t, refused.at("allowed_actions"), "cancel")
	require.Equal(t, "canceled", w.call("POST", "/v1/payments/"+p.str("id")+"/cancel", nil).want(200).str("status"))
	w.advance(time.Hour)
	require.Equal(t, "canceled", w.sync(p.str("id")).str("status"))
	require.Equal(t, entry{0, 0, 0, 0, "EUR"}, w.row(p.str("id")))
	w.balanced(p.str("id"))
	require.NotContains(t, w.events(p.str("id")), "payment.attempt_failed")
	w.mandate(m.str("id"), "active")
	require.Equal(t, "succeeded", w.call("POST", "/v1/payments", absent("abo-2", m.str("id"), nil)).want(201).str("status"))
}

// An order in several parcels is reserved and taken part by part, on one agreement.
func TestAmazonSplitShipment(t *testing.T) {
	w := onAmazon(t)
	id := w.paid("order-1", map[string]any{"authorize_amount": 5000})
	path := "/v1/payments/" + id
	now := w.get(id)
	require.Equal(t, []string{"5000", "12550"}, []string{now.str("amounts.authorized"), now.str("amounts.capturable")}, "what is agreed to can be taken, too")
	require.Equal(t, "succeeded", w.call("POST", path+"/captures", map[string]any{"amount": 5000, "reference": "parcel-1"}).want(201).str("status"))
	require.Equal(t, "partially_captured", w.get(id).str("status"))
	for i, part := range []int{3000, 2500} {
		w.call("POST", path+"/authorizations", map[string]any{"amount": part}).want(201)
		c := w.call("POST", path+"/captures", map[string]any{"amount": part, "reference": "parcel-" + strconv.Itoa(i+2)}).want(201)
		require.Equal(t, "succeeded", c.str("status"), c.raw)
		w.balanced(id)
	}
	require.Equal(t, int64(10500), w.row(id).Captured)
	w.call("POST", path+"/authorizations", map[string]any{"amount": 12550}).want(422)
	last := w.call("POST", path+"/authorizations", nil).want(201)
	require.Equal(t, "2050", last.str("amount"), last.raw)
	w.call("POST", path+"/captures", map[string]any{"amount": 1000, "final": true}).want(201)
	w.become(id, "succeeded")
	require.Equal(t, int64(11500), w.row(id).Captured)
	w.balanced(id)
}

// The counters are those that the description of the API tells of.
func TestAmazonCountersOfTwoCaptures(t *testing.T) {
	w := onAmazon(t)
	id := w.paid("order-1", map[string]any{"amount": 5490})
	for _, c := range []struct {
		part                                       any
		authorized, captured, released, capturable string
	}{{3000, "5490", "3000", "2490", "2490"}, {nil, "7980", "5490", "2490", "0"}} {
		body := map[string]any{}
		if c.part != nil {
			body["amount"] = c.part
		}
		w.call("POST", "/v1/payments/"+id+"/captures", body).want(201)
		now := w.get(id)
		require.Equal(t, []string{c.authorized, c.captured, c.released, c.capturable},
			[]string{now.str("amounts.authorized"), now.str("amounts.captured"), now.str("amounts.released"), now.str("amounts.capturable")})
	}
	require.Equal(t, "succeeded", w.get(id).str("status"))
	w.balanced(id)
}

// After the seventh day a capture is under way for a while; it is taken when Amazon says so.
func TestAmazonLateCapture(t *testing.T) {
	for name, told := range map[string]bool{"told": true, "asked": false} {
		t.Run(name, func(t *testing.T) {
			w := onAmazon(t)
			id := w.paid("order-1", nil)
			if !told {
				w.unheard()
			}
			w.advance(8 * 24 * time.Hour)
			c := w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{}).want(202)
			require.Equal(t, "processing", c.str("status"))
			require.Equal(t, "0", w.get(id).str("amounts.captured"))
			w.advance(time.Minute)
			if !told {
				w.sync(id)
			}
			w.become(id, "succeeded")
			w.balanced(id)
		})
	}
}

// An order that is canceled releases what is reserved, and nothing can be taken any more.
func TestAmazonOrderIsCanceled(t *testing.T) {
	w := onAmazon(t)
	id := w.paid("order-1", nil)
	c := w.call("POST", "/v1/payments/"+id+"/cancel", map[string]any{"reason": "requested_by_customer"})
	require.Equal(t, 200, c.status, c.raw)
	w.become(id, "canceled")
	require.Equal(t, entry{12550, 0, 0, 12550, "EUR"}, w.row(id))
	w.balanced(id)
	w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{}).want(409)

	part := w.paid("order-2", nil)
	w.call("POST", "/v1/payments/"+part+"/captures", map[string]any{"amount": 2550}).want(201)
	rest := w.call("POST", "/v1/payments/"+part+"/cancel", nil).want(200)
	require.Equal(t, []string{"succeeded", "2550", "10000"}, []string{rest.str("status"), rest.str("amounts.captured"), rest.str("amounts.released")})
	w.balanced(part)
}

// Refunds are decided later; several parts never come to more than was taken.
func TestAmazonRefunds(t *testing.T) {
	eachAmazon(t, func(t *testing.T, w *amazonWorld) {
		id := w.paid("order-1", map[string]any{"capture_method": "automatic"})
		path := "/v1/payments/" + id
		one := w.call("POST", path+"/refunds", map[string]any{"amount": 2550, "reference": "back-1"}).want(202)
		require.Equal(t, []string{"processing", "pending"}, []string{one.str("status"), w.get(id).str("refund_status")})
		require.Equal(t, "0", w.get(id).str("amounts.refunded"))
		w.call("POST", path+"/refunds", map[string]any{"amount": 10001}).want(422)
		w.advance(time.Minute)
		require.True(t, eventually(func() bool { return w.get(id).str("refund_status") == "partial" }))
		w.balanced(id)
		w.unheard()
		w.call("POST", path+"/refunds", map[string]any{"amount": 4000}).want(202)
		w.advance(time.Minute)
		w.sync(id)
		w.balanced(id)
		w.call("POST", path+"/refunds", map[string]any{}).want(202)
		w.advance(time.Minute)
		w.sync(id)
		require.Equal(t, []string{"full", "12550", "succeeded"}, []string{w.get(id).str("refund_status"), w.get(id).str("amounts.refunded"), w.get(id).str("status")})
		w.balanced(id)
		require.Len(t, w.call("GET", path+"/refunds", nil).want(200).at("data"), 3)
	})
}

// A refund that Amazon declines gives nothing back, and its part can be given back again.
func TestAmazonRefundIsDeclined(t *testing.T) {
	w := onAmazon(t)
	w.unheard()
	id := w.paid("order-1", map[string]any{"capture_method": "automatic"})
	w.call("POST", "/v1/payments/"+id+"/refunds", map[string]any{"amount": 2550, "reference": "back-1"}).want(202)
	w.control("feedback", map[string]any{"mode": "normal"})
	w.office("settle_decline", id, map[string]any{"reason": "AmazonRejected"})
	var r map[string]any
	require.True(t, eventually(func() bool {
		r = w.call("GET", "/v1/payments/"+id+"/refunds", nil).at("data").([]any)[0].(map[string]any)
		return r["status"] == "failed"
	}), "%v", r)
	why := r["failure"].(map[string]any)
	require.Equal(t, []any{"fraud_suspected", "other_provider", "AmazonRejected"}, []any{why["category"], why["retry_advice"], why["provider_code"]})
	require.Equal(t, []string{"none", "12550"}, []string{w.get(id).str("refund_status"), w.get(id).str("amounts.refundable")})
	w.balanced(id)
	w.call("POST", "/v1/payments/"+id+"/refunds", map[string]any{"amount": 2550, "reference": "back-2"}).want(202)
	w.advance(time.Minute)
	require.True(t, eventually(func() bool { return w.get(id).str("amounts.refunded") == "2550" }))
	w.balanced(id)
}

// Amazon gives money back for a claim that nobody here asked for.
func TestAmazonMovesMoneyUnasked(t *testing.T) {
	w := onAmazon(t)
	id := w.paid("order-1", map[string]any{"capture_method": "automatic"})
	w.control("feedback", map[string]any{"mode": "hold"})
	for _, amount := range []int{500, 700} {
		w.office("a_to_z", id, map[string]any{"amount": amount})
	}
	w.control("feedback", map[string]any{"mode": "normal", "release": true})
	w.advance(time.Minute)
	require.True(t, eventually(func() bool { return w.get(id).str("amounts.refunded") == "1200" }), w.get(id).raw)
	w.balanced(id)
	require.Equal(t, []string{"succeeded", "true"}, []string{w.get(id).str("status"), w.get(id).str("needs_review")}, "a person is to see it")
}

// What Amazon says was refunded in all counts what is under way. A refund by hand that is seen there and declined then has
// given nothing back; one that is not declined is booked when Amazon names it.
func TestAmazonRefundsByHandAreBookedWhenTheyAreDone(t *testing.T) {
	w := onAmazon(t)
	w.unheard()
	id := w.paid("order-1", map[string]any{"capture_method": "automatic"})
	w.office("refund", id, map[string]any{"amount": 3000})
	w.sync(id)
	require.Equal(t, "0", w.get(id).str("amounts.refunded"), "it is under way")
	w.office("settle_decline", id, map[string]any{"reason": "AmazonRejected"})
	w.sync(id)
	require.Equal(t, "0", w.get(id).str("amounts.refunded"))
	w.balanced(id)
	w.control("feedback", map[string]any{"mode": "normal"})
	w.office("refund", id, map[string]any{"amount": 2000})
	w.advance(time.Minute)
	require.True(t, eventually(func() bool { return w.get(id).str("amounts.refunded") == "2000" }), w.get(id).raw)
	w.balanced(id)
}

// A final capture leaves what another authorization holds, and the agreement, until the payment is canceled; that is told.
func TestAmazonFinalCaptureIsCanceled(t *testing.T) {
	w := onAmazon(t)
	id := w.paid("order-1", map[string]any{"authorize_amount": 2000})
	path := "/v1/payments/" + id
	w.call("POST", path+"/authorizations", map[string]any{"amount": 1000}).want(201)
	w.call("POST", path+"/captures", map[string]any{"amount": 500, "final": true}).want(201)
	now := w.become(id, "succeeded")
	require.NotEmpty(t, now.str("reserved_until"), now.raw)
	more := w.call("POST", path+"/captures", map[string]any{"amount": 1}).want(409)
	require.Equal(t, []any{"never", []any{"sync", "refund", "cancel"}}, []any{more.str("retry"), more.at("allowed_actions")}, more.raw)
	now = w.call("POST", path+"/cancel", nil).want(200)
	require.Equal(t, []string{"succeeded", "", "2500"}, []string{now.str("status"), now.str("reserved_until"), now.str("amounts.released")}, now.raw)
	require.Equal(t, entry{3000, 500, 0, 2500, "EUR"}, w.row(id))
	w.balanced(id)
}

// Captures, refunds and authorizations bear Amazon's own ids, and a refund that of the capture it goes back from.
func TestAmazonBookingsBearTheirIDs(t *testing.T) {
	w := onAmazon(t)
	id := w.paid("order-1", map[string]any{"authorize_amount": 2000})
	path := "/v1/payments/" + id
	further := w.call("POST", path+"/authorizations", map[string]any{"amount": 1000}).want(201)
	charge := further.str("provider.references.id")
	require.Regexp(t, `^S02-[0-9]{7}-[0-9]{7}-C[0-9]+$`, charge)
	first := w.call("POST", path+"/captures", map[string]any{"amount": 2000}).want(201)
	second := w.call("POST", path+"/captures", map[string]any{"amount": 1000, "authorization": further.str("id")}).want(201)
	require.Equal(t, charge, second.str("provider.references.id"))
	require.NotEqual(t, charge, first.str("provider.references.id"))
	for amount, capture := range map[int]*answer{2000: first, 1000: second} {
		back := w.call("POST", path+"/refunds", map[string]any{"amount": amount, "capture": capture.str("id")}).want(202)
		require.Equal(t, capture.str("id"), back.str("capture"), back.raw)
		require.Regexp(t, `^S02-[0-9]{7}-[0-9]{7}-R[0-9]+$`, back.str("provider.references.id"))
	}
	listed := w.call("GET", path+"/refunds", nil).want(200)
	for _, capture := range []*answer{first, second} {
		require.Contains(t, listed.raw, `"capture":"`+capture.str("id")+`"`)
	}
}

// Yen have no decimals.
func TestAmazonJapan(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", map[string]any{"account": "amazon-jp", "amount": 1980, "currency": "JPY", "buyer": map[string]any{"locale": "ja-JP"}})
	w.pay(p, "1111")
	id := p.str("id")
	require.Equal(t, entry{1980, 0, 0, 0, "JPY"}, w.row(id))
	w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 1000, "final": true}).want(201)
	w.call("POST", "/v1/payments/"+id+"/refunds", map[string]any{"amount": 1}).want(202)
	w.advance(time.Minute)
	require.True(t, eventually(func() bool { return w.get(id).str("amounts.refunded") == "1" }))
	w.balanced(id)
	require.Equal(t, int64(1000), w.row(id).Captured)
}

// What goes wrong at Amazon says why, and what can be done.
func TestAmazonDeclines(t *testing.T) {
	w := onAmazon(t)
	for card, want := range map[string][]string{
		"3064": {"buyer_canceled", "after_buyer_action", "BuyerCanceled"},
		"3434": {"issuer_declined_hard", "after_buyer_action", "Declined"},
	} {
		for flow, change := range map[string]map[string]any{"express": nil, "pay-now": payNow(nil)} {
			p := w.create("order-"+card+flow, change)
			now := w.pay(p, card)
			require.Equal(t, "requires_payment_method", now.str("status"), flow)
			require.Equal(t, want, []string{now.str("last_error.category"), now.str("last_error.retry_advice"), now.str("last_error.provider_code")}, flow)
			require.Zero(t, w.row(p.str("id")))
			require.Equal(t, "requires_capture", w.pay(w.confirm(p.str("id")), "1111").str("status"))
			w.balanced(p.str("id"))
		}
	}
}

// What ends by time or by somebody's word at Amazon is known here, with the reason.
func TestAmazonEnds(t *testing.T) {
	w := onAmazon(t)
	unused := w.paid("order-unused", nil)
	closed := w.paid("order-closed", nil)
	w.office("amazon_close", closed, nil)
	require.Equal(t, "12550", w.become(closed, "canceled").str("amounts.released"))
	w.balanced(closed)

	reviewed := w.create("order-reviewed", nil)
	w.review(reviewed, "1111")
	confirmed := w.create("order-confirmed", nil)
	w.review(confirmed, "1111")
	w.confirm(confirmed.str("id"))
	w.advance(25 * time.Hour)
	for _, p := range []*answer{reviewed, confirmed} {
		s := w.sync(p.str("id"))
		require.Equal(t, []string{"requires_payment_method", "expired", "after_buyer_action"}, []string{s.str("status"), s.str("last_error.category"), s.str("last_error.retry_advice")})
		require.Zero(t, w.row(p.str("id")))
	}
	w.advance(31 * 24 * time.Hour)
	w.sync(unused)
	require.Equal(t, "12550", w.get(unused).str("amounts.released"))
	w.balanced(unused)
}
