package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Buyers and shops do two things at once, or the second before the first.

// One form in several tabs is one reference at the provider, who takes it once.
func TestTabsOfOneAttemptPayOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", map[string]any{"capture_method": "automatic"})
		id := p.str("id")
		tabs := make([]*sheet, 5)
		for i := range tabs {
			tabs[i] = newShopper(t).open(p.str("next_action.hosted_url")).submit("")
		}
		var wg sync.WaitGroup
		for _, tab := range tabs {
			wg.Go(func() { tab.card(cardPlain) })
		}
		wg.Wait()
		w.eventually(id, "succeeded")
		w.settled(id)
		w.balanced(id)
		require.Equal(t, "12550", w.get(id).str("amounts.captured"))
	})
}

// A tab of the first attempt is paid after the second attempt was: the buyer is charged twice, which only a person can
// have meant. It is told, a person is asked to look, and all of it can be given back.
func TestTabsOfTwoAttemptsAreSeenAndGivenBack(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", map[string]any{"capture_method": "automatic", "currency": "QAR", "method": map[string]any{"type": "bank_redirect", "option": "naps"}})
		id := p.str("id")
		forgotten := newShopper(t).open(p.str("next_action.hosted_url")).submit("")
		newShopper(t).open(p.str("next_action.hosted_url")).submit("").submit("decline").submit("").atShop("/thanks")
		w.eventually(id, "requires_payment_method")
		again := w.call("POST", "/v1/payments/"+id+"/confirm", map[string]any{}).want(200)
		newShopper(t).open(again.str("next_action.hosted_url")).submit("").submit("approve").submit("").atShop("/thanks")
		require.Empty(t, w.eventually(id, "succeeded").str("needs_review"))
		forgotten.submit("approve").submit("").atShop("/thanks")
		require.Eventually(t, func() bool { return w.get(id).str("amounts.captured") == "25100" }, waitFor, tick, "the second charge was never seen")
		require.Equal(t, "true", w.get(id).str("needs_review"), "charged twice, and nobody is told")
		for range 2 {
			r := w.call("POST", "/v1/payments/"+id+"/refunds", map[string]any{"amount": 12550}).want(201)
			require.Equal(t, "succeeded", r.str("status"), "what was charged cannot be given back: %s", r.raw)
		}
		w.settled(id)
		w.balanced(id)
		require.Equal(t, []string{"12550", "12550"}, w.refunds(), "each charge is given back where it was made")
	})
}

// The same with money that is only held: one cancel for each hold releases all of it, and nothing can be captured after.
func TestHoldsOfTwoAttemptsAreReleased(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", nil)
		id := p.str("id")
		forgotten := newShopper(t).open(p.str("next_action.hosted_url")).submit("")
		w.sessionEnds(id)
		require.Equal(t, "requires_payment_method", w.call("POST", "/v1/payments/"+id+"/sync", nil).want(200).str("status"))
		again := w.call("POST", "/v1/payments/"+id+"/confirm", map[string]any{}).want(200)
		w.pay(again, cardPlain)
		forgotten.card(cardPlain).submit("").atShop("/thanks")
		require.Eventually(t, func() bool { return w.get(id).str("amounts.authorized") == "25100" }, waitFor, tick, "the second hold was never seen")
		require.Equal(t, "true", w.get(id).str("needs_review"), "held twice, and nobody is told")
		require.Equal(t, "requires_capture", w.call("POST", "/v1/payments/"+id+"/cancel", map[string]any{}).want(200).str("status"), "what is held beyond the order goes first")
		require.Equal(t, "canceled", w.call("POST", "/v1/payments/"+id+"/cancel", map[string]any{}).want(200).str("status"))
		w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{}).want(409)
		w.settled(id)
		w.balanced(id)
		require.Equal(t, "25100", w.get(id).str("amounts.released"), "a hold stays that no call can release")
	})
}

// The shop cancels while the buyer sends his card. Either may be first: a hold that was made is released by this cancel
// or the next, and nothing is held in the end.
func TestCancelRacesTheAuthorization(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		came := map[string]int{}
		for n := range 12 {
			p := w.create(fmt.Sprintf("order-%d", n), nil)
			id := p.str("id")
			page := newShopper(t).open(p.str("next_action.hosted_url")).submit("")
			var wg sync.WaitGroup
			wg.Go(func() { page.card(cardPlain) })
			for range n { // each round a moment later
				w.get(id)
			}
			a := w.call("POST", "/v1/payments/"+id+"/cancel", map[string]any{})
			wg.Wait()
			w.settled(id)
			w.balanced(id)
			_, _, _, released := w.books(id)
			came[fmt.Sprint(a.status, " ", released > 0)]++
			if a.status != http.StatusOK {
				require.Contains(t, []string{"state_invalid", "operation_in_progress"}, a.want(409).str("code"), a.raw)
			}
			if released == 0 {
				require.Equal(t, "requires_capture", w.get(id).str("status"), "a hold that the shop cannot see")
				w.call("POST", "/v1/payments/"+id+"/cancel", map[string]any{}).want(200)
			}
			w.balanced(id)
			v := w.get(id)
			require.Equal(t, []string{"canceled", "12550"}, []string{v.str("status"), v.str("amounts.released")})
		}
		t.Log("answer and whether it released:", came)
	})
}

// Paid after the cancel, on a page that was open: the late money is found, though the provider tells nobody and only
// the buyer comes back, and it can be given back.
func TestPaidAfterTheCancel(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", map[string]any{"capture_method": "automatic"})
		id := p.str("id")
		page := newShopper(t).open(p.str("next_action.hosted_url")).submit("")
		require.Equal(t, "canceled", w.call("POST", "/v1/payments/"+id+"/cancel", map[string]any{}).want(200).str("status"))
		w.control("feedback", map[string]any{"mode": "drop", "times": 100})
		page.card(cardPlain).submit("").atShop("/thanks")
		w.eventually(id, "succeeded")
		require.True(t, slices.Contains(w.events(id), "payment.late_success"), "%v", w.events(id))
		require.Equal(t, "succeeded", w.call("POST", "/v1/payments/"+id+"/refunds", map[string]any{}).want(201).str("status"))
		w.balanced(id)
	})
}

// What the bank is deciding cannot be canceled: it may become money.
func TestNoCancelWhileTheBankDecides(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", map[string]any{"capture_method": "automatic"})
		id := p.str("id")
		newShopper(t).open(p.str("next_action.hosted_url")).submit("").card(cardUndecided)
		w.eventually(id, "processing")
		require.Equal(t, "state_invalid", w.call("POST", "/v1/payments/"+id+"/cancel", map[string]any{}).want(409).str("code"))
		w.control("backoffice", map[string]any{"operation": "settle", "merchant_reference": w.reference(id), "outcome": "approve"})
		w.eventually(id, "succeeded")
		w.settled(id)
		w.balanced(id)
	})
}

// cardUndecided stays uncertain for a while and is paid then.
const cardUndecided = "4000000000000119"

// sessionEnds puts the end of every attempt's session into the past, as half an hour would.
func (w *world) sessionEnds(id string) {
	w.t.Helper()
	_, err := w.raw().ExecContext(w.t.Context(), fmt.Sprintf("UPDATE attempts SET expires_at = %d WHERE payment_id = '%s'", time.Now().Add(-time.Minute).UnixMicro(), id))
	require.NoError(w.t, err)
}

// refunds are what the simulator gave back, of every order, in the order of its books.
func (w *world) refunds() (out []string) {
	for _, b := range w.sim.Books().Payments {
		out = append(out, fmt.Sprint(b.Refunded))
	}
	return out
}
