package campaign

import (
	"fmt"
	"slices"

	"github.com/paymux/paymux/core"
)

// checkKeys wants one answer to one key: the same object always, and the same words once it is final.
func (w *World) checkKeys() {
	for _, s := range w.stories {
		for _, q := range s.asked {
			w.checkKey(q)
		}
	}
}

func (w *World) checkKey(q *request) {
	var first, final *answer
	for i := range q.answers {
		a := &q.answers[i]
		switch {
		case a.status == 500 && w.faultiness == 0: // a commit nobody confirmed is told as that
			w.violate("%s was answered 500: %s", q.key, a.raw)
		case a.status >= 300:
			continue
		case first == nil:
			first = a
		case a.str("id") != first.str("id"):
			w.violate("I-16: %s was answered about %s and then about %s", q.key, first.str("id"), a.str("id"))
		}
		if !a.final() {
			continue
		}
		// What was open when it was first answered is later told as it is then; at rest that is the same twice.
		if settled := first.final() || i == len(q.answers)-1; final != nil && settled && a.raw != final.raw {
			w.violate("I-16: %s was answered in two ways: %s and %s", q.key, final.raw, a.raw)
		}
		final = a
	}
	switch a := q.last(); {
	case a.status == 0:
		w.violate("%s was never answered", q.key)
	case final != nil && (!a.final() || !a.replayed):
		w.violate("I-16: %s was answered %d %s once, and in the end %d %s, replayed %t", q.key, final.status, final.str("status"), a.status, a.code(), a.replayed)
	}
}

// checkAnswer holds one request's last answer against the books: what was said to be done has an effect, and what was
// said to have failed has none.
func (w *World) checkAnswer(p *core.Payment, q *request, effects []effect) {
	a := q.last()
	if q.kind != "capture" && q.kind != "refund" || a.status >= 300 {
		return
	}
	amount, done := a.str("amount"), 0
	for _, e := range effects {
		if e.Kind == q.kind && fmt.Sprint(e.Amount) == amount {
			done++
		}
	}
	others := 0 // of the same kind and amount, which account for effects of their own
	for _, o := range p.Operations {
		if string(o.Kind) == q.kind && fmt.Sprint(o.Amount.Minor) == amount && o.Object != a.str("id") && o.State == core.OpSucceeded {
			others++
		}
	}
	switch a.str("status") {
	case "succeeded":
		if done < others+1 {
			w.violate("P3: %s was told %s of %s succeeded; the provider has no such effect", q.key, q.kind, amount)
		}
	case "failed":
		if byUs := done - others; byUs > 0 && !slices.ContainsFunc(effects, func(e effect) bool {
			return e.By == "backoffice" || e.By == "page" || e.By == "provider" && e.Kind == q.kind
		}) {
			w.violate("P3: %s was told %s of %s failed; the provider has %d more than succeeded", q.key, q.kind, amount, byUs)
		}
	}
}
