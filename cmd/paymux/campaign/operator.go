package campaign

import (
	"net/http"
	"slices"
	"time"

	"github.com/paymux/paymux/core"
)

// The operator decides what no machine may: where the provider's totals do not tell whether a capture or refund happened
// (a part of what is left, which must not be sent again, or a booking of the back office beside it). He looks at the
// provider's own books.

// decide settles, as the operators of the merchants do, everything that is in doubt in the end. It reports whether a
// refund was among that, at a provider whose totals count what may still be declined.
func (w *World) decide() (refunds bool) {
	books := map[string]booked{}
	for _, b := range w.books() {
		books[b.Reference] = b
	}
	for _, p := range w.payments() {
		if !p.NeedsReview {
			continue
		}
		for _, d := range p.Doubts() {
			w.settleDoubt(p, d.Operation, books)
			refunds = refunds || w.manner.thinksAgain && d.Kind == core.OpRefund
		}
	}
	return refunds
}

func (w *World) settleDoubt(p *core.Payment, id string, books map[string]booked) {
	for _, o := range p.Operations {
		if o.ID != id {
			continue
		}
		verdict, theirs := "did_not_happen", ""
		for _, at := range p.Attempts {
			effects := books[at.Reference].Effects
			if at.ID != o.AttemptID {
				continue
			}
			if w.checkDoubt(p, o, effects); w.carriedOut(p, o, effects) {
				verdict, theirs = "happened", w.nameOf(o, effects)
			}
		}
		for _, a := range w.accounts {
			if a.merchant != p.MerchantID {
				continue
			}
			operator := *a
			operator.key = a.operator
			word := map[string]any{"operation": id, "verdict": verdict, "evidence": "the books of the provider"}
			if theirs != "" {
				word["provider_reference"] = theirs
			}
			got := w.call(&operator, http.MethodPost, "/v1/payments/"+p.ID+"/resolve", "resolve-"+id, word, time.Minute)
			switch {
			case got != nil && got.status == http.StatusConflict && theirs != "" && !w.inDoubt(p.ID, id):
				w.count("doubt settled by the provider, asked about what an operator named: " + string(o.Kind))
				continue
			case got == nil || got.status != http.StatusOK:
				w.violate("%s of payment %s is in doubt and cannot be settled: %+v", o.Kind, p.Reference, got)
				continue
			}
			w.count("doubt settled by an operator: " + string(o.Kind) + " " + verdict)
		}
	}
}

// inDoubt reports whether an operation of a payment still is.
func (w *World) inDoubt(payment, id string) bool {
	for _, p := range w.payments() {
		if p.ID == payment && slices.ContainsFunc(p.Doubts(), func(d core.Doubt) bool { return d.Operation == id }) {
			return true
		}
	}
	return false
}

// nameOf is the provider's id of what o did, where its books tell that it is o's.
func (w *World) nameOf(o *core.Operation, effects []effect) string {
	for _, e := range effects {
		if w.manner.isKeyed(o.Kind) && w.effectName(e) == w.bookingName(o) || w.charged(o, e) {
			return e.ID
		}
	}
	return ""
}

// charged reports whether e is the authorization that a charge of a consent has obtained. Its key is in the books where
// keys are.
func (w *World) charged(o *core.Operation, e effect) bool {
	return o.Kind == core.OpChargeMandate && e.Kind == "authorize" && e.Reference == o.Key
}

// carriedOut reports whether the provider's books have an effect of o that no other operation accounts for.
func (w *World) carriedOut(p *core.Payment, o *core.Operation, effects []effect) bool {
	found, name := 0, w.bookingName(o)
	for _, e := range effects {
		found += count(w.charged(o, e))
		found += count(w.effectName(e) == name && (e.By == "api" || w.manner.isKeyed(o.Kind)))
	}
	for _, other := range p.Operations {
		same := other != o && other.AttemptID == o.AttemptID && other.Kind == o.Kind && other.State == core.OpSucceeded
		found -= count(same && w.bookingName(other) == name)
	}
	return found > 0
}
