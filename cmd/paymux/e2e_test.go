package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The seed's flow: the buyer goes to a page of the provider, enters a card, passes 3-D Secure and comes back.

func TestManualCaptureFromCardToBooks(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1001", nil)
		require.Equal(t, "requires_action", p.str("status"))
		require.Equal(t, "post_form", p.str("next_action.type"))
		w.pay(p, cardChecked)
		id := p.str("id")
		w.eventually(id, "requires_capture")
		w.control("feedback", map[string]any{"mode": "hold"}) // else a notification may tell of a capture before its answer
		for _, part := range []int{5000, 7550} {
			require.Equal(t, "succeeded", w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": part}).want(201).str("status"))
		}
		require.Equal(t, "succeeded", w.get(id).str("status"))
		require.Equal(t, "succeeded", w.call("POST", "/v1/payments/"+id+"/refunds", map[string]any{"amount": 2500, "reason": "damaged"}).want(201).str("status"))
		require.Equal(t, "partial", w.get(id).str("refund_status"))
		w.control("feedback", map[string]any{"release": true})
		require.Eventually(t, func() bool { return strings.Contains(w.get(id).str("method.display"), "8902") }, waitFor, tick, "only the message shows the card")
		w.settled(id)
		w.balanced(id)
		require.Equal(t, []string{"payment.created", "payment.action_required", "payment.authorized", "capture.created", "capture.succeeded", "payment.partially_captured",
			"capture.created", "capture.succeeded", "payment.succeeded", "refund.created", "refund.succeeded"}, w.events(id))
	})
}

// settled waits until every feedback the simulator sent so far has been applied.
func (w *world) settled(id string) {
	w.t.Helper()
	for range 3 { // an item may ask the provider, whose answer is applied before the item's worker is free again
		w.service.checkout.Drain(w.t.Context())
		w.call("POST", "/v1/payments/"+id+"/sync", nil).want(200)
	}
}

func TestAutomaticCaptureInEveryExponent(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for currency, amount := range map[string]int{"AED": 12550, "JPY": 1234, "JOD": 12345} {
			p := w.create("order-"+currency, map[string]any{"capture_method": "automatic", "currency": currency, "amount": amount})
			w.pay(p, cardPlain)
			a := w.eventually(p.str("id"), "succeeded")
			require.Equal(t, fmt.Sprint(amount), a.str("amounts.captured"))
			w.balanced(p.str("id"))
		}
	})
}

func TestFeedbackBeforeTheReturn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", map[string]any{"capture_method": "automatic"})
		back := newShopper(t).open(p.str("next_action.hosted_url")).submit("").card(cardPlain)
		w.eventually(p.str("id"), "succeeded") // the buyer's shopper is still on the way
		back.submit("").atShop("/thanks")
		w.balanced(p.str("id"))
		require.Equal(t, []string{"payment.created", "payment.action_required", "payment.succeeded"}, w.events(p.str("id")))
	})
}

func TestFeedbackAfterTheReturnAndTwice(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, mode := range []string{"hold", "duplicate"} {
			p := w.create("order-"+mode, nil)
			w.control("feedback", map[string]any{"mode": mode, "times": 1})
			w.pay(p, cardPlain)
			w.eventually(p.str("id"), "requires_capture")
			w.control("feedback", map[string]any{"release": true})
			w.settled(p.str("id"))
			w.balanced(p.str("id"))
			require.Equal(t, []string{"payment.created", "payment.action_required", "payment.authorized"}, w.events(p.str("id")), mode)
		}
	})
}

func TestFeedbackNeverComes(t *testing.T) {
	t.Run("and the buyer comes back", func(t *testing.T) {
		eachWorld(t, func(t *testing.T, w *world) {
			w.control("feedback", map[string]any{"mode": "drop", "times": 100})
			p := w.create("order-1", nil)
			w.pay(p, cardPlain)
			require.Equal(t, "requires_capture", w.get(p.str("id")).str("status"), "the return made us ask")
			w.balanced(p.str("id"))
		})
	})
	t.Run("nor does the buyer: sync finds it", func(t *testing.T) {
		eachWorld(t, func(t *testing.T, w *world) {
			w.control("feedback", map[string]any{"mode": "drop", "times": 100})
			p := w.create("order-1", nil)
			newShopper(t).open(p.str("next_action.hosted_url")).submit("").card(cardPlain)
			require.Equal(t, "requires_capture", w.call("POST", "/v1/payments/"+p.str("id")+"/sync", nil).want(200).str("status"))
			w.balanced(p.str("id"))
		})
	})
	t.Run("nor does the buyer: the sweep at start finds it", func(t *testing.T) {
		eachWorld(t, func(t *testing.T, w *world) {
			w.control("feedback", map[string]any{"mode": "drop", "times": 100})
			p := w.create("order-1", map[string]any{"capture_method": "automatic"})
			w.stop()
			id := p.str("id")
			// The page is the provider's; it works while we are down. The address of its form was given out before.
			fields := map[string]string{}
			for _, f := range p.at("next_action.post_form.fields").([]any) {
				fields[f.(map[string]any)["name"].(string)] = f.(map[string]any)["value"].(string)
			}
			newShopper(t).load(http.MethodPost, p.str("next_action.post_form.url"), values(fields)).card(cardPlain)
			w.restart()
			w.eventually(id, "succeeded")
			w.balanced(id)
		})
	})
}

func TestDeclinedThenPaidOnTheSamePage(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", map[string]any{"capture_method": "automatic"})
		declined := newShopper(t).open(p.str("next_action.hosted_url")).submit("").card(cardDeclined)
		require.Eventually(t, func() bool { return slices.Contains(w.events(p.str("id")), "payment.attempt_failed") }, waitFor, tick)
		require.Equal(t, "requires_action", w.get(p.str("id")).str("status"), "the buyer is still on the page")
		require.Equal(t, "issuer_declined_soft", w.get(p.str("id")).str("last_error.category"))
		declined.card(cardPlain).submit("").atShop("/thanks")
		a := w.eventually(p.str("id"), "succeeded")
		require.Empty(t, a.str("last_error"))
		w.balanced(p.str("id"))
		require.Equal(t, []string{"payment.created", "payment.action_required", "payment.attempt_failed", "payment.succeeded"}, w.events(p.str("id")))
	})
}

func TestBuyerCancelsAndComesAgain(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", nil)
		newShopper(t).open(p.str("next_action.hosted_url")).submit("").submit("cancel").submit("").atShop("/cart")
		require.Equal(t, "requires_action", w.get(p.str("id")).str("status"))
		w.pay(p, cardPlain)
		w.eventually(p.str("id"), "requires_capture")
		w.balanced(p.str("id"))
	})
}

func TestEqualCapturesAndTheBackOffice(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", nil)
		w.pay(p, cardPlain)
		id := p.str("id")
		w.eventually(id, "requires_capture")
		for range 2 {
			w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 3000}).want(201)
		}
		w.control("backoffice", map[string]any{"operation": "capture", "merchant_reference": w.reference(id), "amount": 1000})
		require.Eventually(t, func() bool { return slices.Contains(w.events(id), "payment.external_adjustment") }, waitFor, tick)
		w.balanced(id)
		w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 5550}).want(201)
		w.control("backoffice", map[string]any{"operation": "refund", "merchant_reference": w.reference(id), "amount": 500})
		w.call("POST", "/v1/payments/"+id+"/refunds", map[string]any{"amount": 700}).want(201)
		w.settled(id)
		w.balanced(id)
		require.Equal(t, "12550", w.get(id).str("amounts.captured"))
		require.Equal(t, "1200", w.get(id).str("amounts.refunded"))
	})
}

func TestVoidReleasesAndLateCaptureIsRefused(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", nil)
		w.pay(p, cardPlain)
		id := p.str("id")
		w.eventually(id, "requires_capture")
		require.Equal(t, "canceled", w.call("POST", "/v1/payments/"+id+"/cancel", map[string]any{}).want(200).str("status"))
		w.balanced(id)
		a := w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 1}).want(409)
		require.Equal(t, "state_invalid", a.str("code"))
	})
}

func TestSavedCardIsChargedLater(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", map[string]any{"capture_method": "automatic", "save": map[string]any{"kind": "unscheduled"}})
		mandate := p.str("mandate")
		require.NotEmpty(t, mandate)
		w.pay(p, cardChecked)
		w.eventually(p.str("id"), "succeeded")
		require.Eventually(t, func() bool { return w.call("GET", "/v1/mandates/"+mandate, nil).want(200).str("status") == "active" }, waitFor, tick,
			"feedback alone tells of the card, and may come after the answer that it was paid")
		later := w.call("POST", "/v1/payments", order("order-2", map[string]any{"amount": 999, "capture_method": "automatic", "mandate": mandate, "off_session": true,
			"return_url": nil, "cancel_url": nil, "method": nil})).want(201)
		require.Equal(t, "succeeded", later.str("status"))
		w.balanced(later.str("id"))
		require.Equal(t, "canceled", w.call("POST", "/v1/mandates/"+mandate+"/cancel", map[string]any{}).want(200).str("status"))
		w.call("POST", "/v1/payments", order("order-3", map[string]any{"mandate": mandate, "off_session": true})).want(409)
	})
}

func TestLostAnswersNeverChargeTwice(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, action := range []string{"drop_after", "http_after", "garbage", "truncate", "other_amount"} {
			p := w.create("order-"+action, nil)
			w.pay(p, cardPlain)
			id := p.str("id")
			w.eventually(id, "requires_capture")
			w.control("feedback", map[string]any{"mode": "drop", "times": 1})
			w.control("faults", map[string]any{"operation": "CAPTURE", "nth": 1, "times": 1, "action": action, "status": 502})
			key := "capture-" + action
			a := w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 5000}, "Idempotency-Key", key)
			require.Contains(t, []int{201, 202}, a.status, a.raw)
			w.call("POST", "/v1/payments/"+id+"/sync", nil).want(200)
			again := w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 5000}, "Idempotency-Key", key).want(201)
			require.Equal(t, "succeeded", again.str("status"), action)
			require.Equal(t, "5000", w.get(id).str("amounts.captured"), action)
			w.balanced(id)
		}
	})
}

func TestFiftyCapturesOfTheWholeHaveOneEffect(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", nil)
		w.pay(p, cardPlain)
		id := p.str("id")
		w.eventually(id, "requires_capture")
		var wg sync.WaitGroup
		statuses := make([]int, 50)
		for i := range statuses {
			wg.Go(func() { statuses[i] = w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{}).status })
		}
		wg.Wait()
		created := 0
		for _, s := range statuses {
			require.Contains(t, []int{201, 409}, s)
			if s == 201 {
				created++
			}
		}
		require.Equal(t, 1, created)
		w.settled(id)
		w.balanced(id)
		require.Equal(t, "12550", w.get(id).str("amounts.captured"))
	})
}

func TestFiftyCreatesWithOneKeyMakeOnePayment(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		answers := make([]string, 50)
		for i := range answers {
			wg.Go(func() {
				for {
					a := w.call("POST", "/v1/payments", order("order-1", nil), "Idempotency-Key", "one-key")
					if a.status == 409 && a.str("code") == "idempotency_in_progress" {
						continue
					}
					answers[i] = fmt.Sprint(a.status, " ", a.raw)
					return
				}
			})
		}
		wg.Wait()
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(answers))), 1, "byte-equal answers")
		require.Len(t, w.call("GET", "/v1/payments", nil).want(200).body["data"], 1)
	})
}

func TestMerchantsAreStrangers(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	p := w.create("order-1", map[string]any{"save": map[string]any{"kind": "unscheduled"}})
	w.pay(p, cardPlain)
	id := p.str("id")
	w.eventually(id, "requires_capture")
	event := w.call("GET", "/v1/events?payment="+id, nil).body["data"].([]any)[0].(map[string]any)["id"].(string)
	var items []any // the return alone may have had the provider asked; the feedback finds its payment a moment later
	require.Eventually(t, func() bool { items = w.call("GET", "/v1/feedback", nil).body["data"].([]any); return len(items) > 0 }, waitFor, tick)
	feedback := items[0].(map[string]any)["id"].(string)
	missing := func(id string) string { return id[:len(id)-4] + "0000" }
	for _, r := range []struct {
		method, path, id string
		body             any
	}{
		{"GET", "/v1/payments/%s", id, nil}, {"GET", "/v1/payments/%s?refresh=true", id, nil}, {"PATCH", "/v1/payments/%s", id, map[string]any{"metadata": map[string]string{"a": "b"}}},
		{"POST", "/v1/payments/%s/captures", id, map[string]any{}}, {"GET", "/v1/payments/%s/captures", id, nil},
		{"POST", "/v1/payments/%s/refunds", id, map[string]any{}}, {"GET", "/v1/payments/%s/refunds", id, nil},
		{"POST", "/v1/payments/%s/cancel", id, map[string]any{}}, {"POST", "/v1/payments/%s/confirm", id, map[string]any{}},
		{"POST", "/v1/payments/%s/sync", id, nil}, {"GET", "/v1/payments/%s/timeline", id, nil},
		{"GET", "/v1/mandates/%s", p.str("mandate"), nil}, {"POST", "/v1/mandates/%s/cancel", p.str("mandate"), map[string]any{}},
		{"GET", "/v1/events/%s", event, nil}, {"GET", "/v1/feedback/%s", feedback, nil}, {"GET", "/v1/accounts/%s/capabilities", "aps-main", nil},
	} {
		foreign := w.callAs("other", r.method, fmt.Sprintf(r.path, r.id), r.body).want(404)
		none := w.callAs("other", r.method, fmt.Sprintf(r.path, missing(r.id)), r.body).want(404)
		strip := func(a *answer) string { return strings.ReplaceAll(a.raw, a.str("request_id"), "") }
		require.Equal(t, strip(none), strip(foreign), "%s %s", r.method, r.path)
	}
	require.Empty(t, w.callAs("other", "GET", "/v1/payments", nil).want(200).body["data"])
	require.Empty(t, w.callAs("other", "GET", "/v1/events", nil).want(200).body["data"])
	require.Equal(t, "account_unknown", w.callAs("other", "POST", "/v1/payments", order("order-2", map[string]any{"account": "aps-main"})).want(422).str("code"))
	require.Equal(t, "requires_capture", w.get(id).str("status"))
}
