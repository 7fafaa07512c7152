package campaign

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/paymux/paymux/core"
)

// check compares, when everything has come to rest, what the program says with what happened.
func (w *World) check() {
	books := map[string]booked{}
	for _, p := range w.books() {
		books[p.Reference] = p
		w.sums.book(p.Currency, p.sums(), Books{})
		w.trace.note("books %s %d/%d/%d voided %d", p.Reference, p.Authorized, p.Captured, p.Refunded, p.Voided)
		for _, e := range p.Effects {
			w.sums.Effects++
			w.trace.note("  %s %d by %s %s", e.Kind, e.Amount, e.By, e.Reference)
		}
	}
	for _, p := range w.payments() {
		w.checkPayment(p, books)
		for _, at := range p.Attempts {
			delete(books, at.Reference)
		}
	}
	for reference := range books {
		w.violate("P2: the provider has an order %s that no payment knows", reference)
	}
	w.checkMandates()
	w.checkInbox()
	w.checkHooks()
	w.checkKeys()
}

// payments are all of them, straight from the store.
func (w *World) payments() (all []*core.Payment) {
	for _, a := range w.accounts {
		list, err := w.store.Payments(context.Background(), a.merchant, core.PaymentQuery{Page: core.Page{Limit: 1000}})
		if err != nil {
			w.violate("the payments cannot be read: %v", err)
		}
		all = append(all, list...)
	}
	return all
}

func (w *World) checkPayment(p *core.Payment, books map[string]booked) {
	w.trace.note("end %s %s %+v", p.Reference, p.Status, p.Amounts)
	sum, effects := booked{}, []effect(nil)
	for _, at := range p.Attempts {
		b := books[at.Reference]
		sum.Authorized, sum.Captured, sum.Refunded, sum.Voided = sum.Authorized+b.Authorized, sum.Captured+b.Captured, sum.Refunded+b.Refunded, sum.Voided+b.Voided
		effects = append(effects, b.Effects...)
		w.checkAttempt(p, at, b)
		faded := w.faded(p, at, b)
		sum.Authorized, sum.Voided = sum.Authorized-faded, sum.Voided-faded
		w.sums.book(p.Amount.Currency, Books{Authorized: -faded, Voided: -faded}, Books{})
	}
	a := p.Amounts
	w.sums.book(p.Amount.Currency, Books{}, Books{Authorized: a.Authorized, Captured: a.Captured, Refunded: a.Refunded, Voided: a.Released})
	w.sums.NeedsReview += count(p.NeedsReview)
	if a.Authorized != sum.Authorized || a.Captured != sum.Captured || a.Refunded != sum.Refunded {
		w.violate("I-05: payment %s says %d authorized, %d captured, %d refunded; the provider %d, %d, %d", p.Reference, a.Authorized, a.Captured, a.Refunded,
			sum.Authorized, sum.Captured, sum.Refunded)
	}
	sum.Effects = effects
	lapsed := sum.sums().Lapsed
	if a.Released > sum.Voided || a.Released < sum.Voided-lapsed {
		w.violate("I-05: payment %s says %d released; the provider %d, %d of it lapsed", p.Reference, a.Released, sum.Voided, lapsed)
	}
	w.checkOperations(p)
	if a.InDoubt > 0 || len(p.Doubts()) > 0 {
		w.violate("payment %s shows %d in doubt in the end: %+v", p.Reference, a.InDoubt, p.Doubts())
	}
	if p.Status == core.StatusFailed && sum.Authorized+sum.Captured+sum.Refunded > 0 {
		w.violate("I-11: payment %s failed and has %d effects", p.Reference, len(effects))
	}
	w.checkLedger(p)
	w.checkEvents(p)
	w.checkShown(p)
	w.checkModel(p, sum, effects)
}

// faded is what was authorized for an attempt and released by others before the program read of it.
func (w *World) faded(p *core.Payment, at *core.Attempt, b booked) (amount int64) {
	for _, e := range b.Effects {
		ended := func(v effect) bool { return v.Kind == "void" && v.ID == e.ID && v.Amount == e.Amount && v.By != "api" }
		known := func(f core.Entry) bool { return f.AttemptID == at.ID && f.Kind == core.Authorized && f.ID == e.ID }
		if w.manner.fades && e.Kind == "authorize" && slices.ContainsFunc(b.Effects, ended) && !slices.ContainsFunc(p.Facts, known) {
			w.count("release before anybody read of the authorization")
			amount += e.Amount
		}
	}
	return amount
}

// checkAttempt holds what the provider did for one attempt against the operations that asked for it.
func (w *World) checkAttempt(p *core.Payment, at *core.Attempt, b booked) {
	w.checkAuthorized(p, at, b)
	authorized := 0
	wanted := map[string]int{} // bookings that may have happened, by kind and amount
	for _, o := range p.Operations {
		if o.AttemptID == at.ID && o.State != core.OpDeclined && o.State != core.OpNotSent {
			wanted[w.bookingName(o)]++
		}
	}
	for _, e := range b.Effects {
		switch {
		case w.onAgreement(e):
			if !slices.ContainsFunc(p.Operations, func(o *core.Operation) bool { return o.Key == e.Reference }) {
				w.violate("I-02: payment %s was authorized at the provider under the key %s, which no operation has", p.Reference, e.Reference)
			}
		case e.Kind == "authorize":
			authorized++
		case e.By != "api" || e.Kind == "capture" && b.isSale():
		default:
			name := w.effectName(e)
			if e.Kind == "void" && e.ID != "" && wanted["void"] > 0 { // it releases all there are, each once
				name += " " + e.ID
				wanted[name]++
			}
			if wanted[name]--; wanted[name] < 0 || name != e.Kind && repeated(b.Effects, e) {
				w.sums.DoubleEffects++
				w.violate("I-02: payment %s has an effect %q at the provider without an operation of its own", p.Reference, name)
			}
		}
	}
	if authorized > 1 {
		w.sums.DoubleEffects += authorized - 1
		w.violate("I-01: attempt %d of payment %s was authorized %d times", at.Number, p.Reference, authorized)
	}
}

// repeated reports whether what was authorized under an id was released more than once.
func repeated(effects []effect, e effect) bool {
	n := 0
	for _, other := range effects {
		n += count(e.Kind == "void" && other.Kind == e.Kind && other.ID == e.ID)
	}
	return n > 1
}

// bookingName is by what an operation and its effect find each other: the key, where the provider's books have it; a void
// because there can be only one; anything else by its amount, for the provider tells two apart by nothing else.
func (w *World) bookingName(o *core.Operation) string {
	return w.effectName(effect{Kind: string(o.Kind), Amount: o.Amount.Minor, Reference: o.Key})
}

func (w *World) effectName(e effect) string {
	switch kind := core.OpKind(e.Kind); {
	case w.manner.isKeyed(kind):
		return e.Kind + " " + e.Reference
	case kind == core.OpVoid:
		return e.Kind
	}
	return fmt.Sprint(e.Kind, " ", e.Amount)
}

// checkOperations wants every operation decided: by the provider, or where it cannot, by the operator.
func (w *World) checkOperations(p *core.Payment) {
	for _, o := range p.Operations {
		if !o.HasNext && o.State.Open() {
			w.sums.DoubtsOpen++
			w.violate("%s of payment %s is still %s in the end", o.Kind, p.Reference, o.State)
		}
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// checkLedger derives the payment from its facts once more, in another order, and looks for the evidence of each.
func (w *World) checkLedger(p *core.Payment) {
	ctx := context.Background()
	evidence, err := w.store.Evidence(ctx, p.ID)
	if err != nil {
		w.violate("the evidence of %s cannot be read: %v", p.Reference, err)
	}
	for _, f := range p.Facts {
		if !slices.ContainsFunc(evidence, func(e core.Evidence) bool { return e.ID == f.Evidence }) {
			w.violate("I-07: fact %d (%s) of payment %s has no evidence", f.Number, f.Kind, p.Reference)
		}
	}
	again, err := w.store.Payment(ctx, p.MerchantID, p.ID)
	if err != nil {
		w.violate("payment %s cannot be read: %v", p.Reference, err)
		return
	}
	facts := again.Facts
	rand.New(rand.NewPCG(w.dice.seed, 7)).Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	again.Facts, again.FactCount, again.Amounts, again.Status, again.Mismatch = nil, 0, core.Amounts{}, "", p.Mismatch
	again.Apply("", "", nil, p.UpdatedAt)
	for _, f := range facts {
		again.Apply(f.AttemptID, f.Evidence, []core.Fact{f.Fact}, f.StoredAt)
	}
	if shown(again) != shown(p) {
		w.violate("I-04, I-12: payment %s is %s; its facts in another order give %s", p.Reference, shown(p), shown(again))
	}
}

// shown is what of a payment follows from its facts.
func shown(p *core.Payment) string {
	a := p.Amounts
	return fmt.Sprintf("%s authorized %d captured %d refunded %d reversed %d released %d capturable %d refundable %d in doubt %d", p.Status, a.Authorized, a.Captured,
		a.Refunded, a.Reversed, a.Released, a.Capturable, a.Refundable, a.InDoubt)
}

// checkEvents wants the events of a payment to be numbered without a gap, and the last to tell where it stands.
func (w *World) checkEvents(p *core.Payment) {
	events := w.eventsOf(p)
	w.checkStory(p, events)
	w.checkSequence(p, events)
}

func (w *World) eventsOf(p *core.Payment) []core.Event {
	events, err := w.store.Events(context.Background(), p.MerchantID, core.EventQuery{Payment: p.ID, Page: core.Page{Limit: 1000}})
	if err != nil {
		w.violate("the events of %s cannot be read: %v", p.Reference, err)
	}
	slices.SortFunc(events, func(a, b core.Event) int { return int(a.Sequence - b.Sequence) })
	return events
}

// checkSequence wants the events of what is kept under an id to be numbered without a gap.
func (w *World) checkSequence(p *core.Payment, events []core.Event) {
	w.sums.Events += len(events)
	w.sums.EventsMissing += max(0, int(p.Sequence)-len(events), count(len(events) == 0))
	for i, e := range events {
		if e.Sequence != int64(i)+1 {
			w.violate("I-15: payment %s has event %d in place %d", p.Reference, e.Sequence, i+1)
		}
	}
	if p.Sequence != int64(len(events)) || len(events) == 0 {
		w.violate("I-14: payment %s counts %d events and has %d", p.Reference, p.Sequence, len(events))
	}
}

// checkInbox wants every message that was acknowledged to be kept, once, and nothing that the provider never sent.
func (w *World) checkInbox() {
	rows := map[string][]*core.InboxItem{}
	items, err := w.store.Inbox(context.Background(), core.InboxQuery{Page: core.Page{Limit: 1000}})
	if err != nil {
		w.violate("the inbox cannot be read: %v", err)
	}
	for _, item := range items {
		id := w.identity(item.ContentType, item.Raw)
		rows[id] = append(rows[id], item)
		w.checkPlace(item)
		if item.State == core.InboxReceived || item.State == core.InboxDead {
			w.violate("feedback %s is still %s after fifteen days", item.ID, item.State)
		}
		if !bytes.Contains(item.Raw, []byte(w.manner.seal)) {
			w.violate("I-18: the inbox has a message nobody signed")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, f := range w.told {
		kept := rows[id]
		w.sums.Acknowledged++
		w.sums.FeedbackLost += count(len(kept) == 0)
		minutes := map[string]bool{}
		for _, item := range kept {
			minutes[item.ReceivedAt.Format("200601021504")] = true
		}
		allowed := 1
		if w.manner.recurs {
			allowed = len(minutes)
		}
		if len(kept) == 0 || len(kept) != allowed {
			w.violations = append(w.violations, fmt.Sprintf("I-13: a message to %s was acknowledged %d times and is kept %d times", f.path, f.acknowledged, len(kept)))
		}
	}
}
