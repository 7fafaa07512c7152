package core

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
)

// EventBody is what a merchant is told, before it is put into the words of the API.
type EventBody struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      EventData `json:"data"`
}

// EventData says what changed. Sequence has no gap per payment. Payment is nil, and Sequence 0, when the event is about
// none. Object is what it is about: a BookingView, a MandateView, a *Failure or an UnmatchedView; nil for the payment
// itself. Previous is the status before, absent when it did not change.
type EventData struct {
	Sequence int64  `json:"sequence"`
	Payment  *View  `json:"payment"`
	Object   any    `json:"object,omitempty"`
	Previous Status `json:"previous,omitempty"`
	Cause    Cause  `json:"cause"`
}

// tokenMark stands in a stored body where the client token of its payment goes: what is derived from the secret key is
// put in when the body is sent or shown, and never stored. No JSON has this byte.
var tokenMark = []byte{1}

// mandateMark stands where that of its mandate goes.
var mandateMark = []byte{2}

// Told is e with its body as merchants are told it, byte for byte the same each time as long as the secret key is.
func (l Links) Told(e Event) Event {
	if e.PaymentID != "" {
		e.Body = bytes.ReplaceAll(e.Body, tokenMark, []byte(l.ClientToken(e.PaymentID)))
		e.Body = bytes.ReplaceAll(e.Body, mandateMark, []byte(l.ClientToken(mandateOf(e.PaymentID))))
	}
	return e
}

// Statuses are the status that e tells of and the one before, which is empty when it did not change.
func (e Event) Statuses() (status, previous Status, err error) {
	var body struct {
		Data struct {
			Payment  struct{ Status Status }
			Previous Status
		}
	}
	err = json.Unmarshal(e.Body, &body)
	return body.Data.Payment.Status, body.Data.Previous, err
}

// freeze makes the body of an event for good: whatever becomes of the payment and of how things are put, every
// try and everybody who asks gets these bytes.
func (c *Checkout) freeze(b EventBody) ([]byte, error) {
	if c.render == nil {
		return detail(b), nil
	}
	body, err := c.render(b)
	if b.Data.Payment != nil {
		body = bytes.ReplaceAll(body, []byte(c.ClientToken(b.Data.Payment.ID)), tokenMark)
	}
	if m, ok := b.Data.Object.(MandateView); ok {
		body = bytes.ReplaceAll(body, []byte(c.ClientToken(m.ID)), mandateMark)
	}
	return body, err
}

// news is an event before it has a place in the sequence.
type news struct {
	kind   string
	object any
}

func (a *amendment) event(n news) (Event, error) {
	if a.Order.SetUp {
		return a.mandateEvent(n)
	}
	shown := a.View()
	shown.Review = nil // what the provider told of the buyer is read, not sent
	body := EventBody{ID: newID(prefixEvent), Type: n.kind, Timestamp: a.now, Data: EventData{Sequence: a.Sequence, Payment: &shown, Object: n.object, Cause: a.cause}}
	if told := a.told(); told != a.Status {
		shown.Status, shown.Next = told, nil
	}
	if was := a.before.told(); was != a.told() {
		body.Data.Previous = was
	}
	frozen, err := a.teller.freeze(body)
	return Event{ID: body.ID, MerchantID: a.MerchantID, PaymentID: a.ID, Sequence: a.Sequence, Type: n.kind, Body: frozen, CreatedAt: a.now}, err
}

// statusEvents name the event that tells of a new status.
var statusEvents = map[Status]string{
	StatusRequiresPaymentMethod: "payment.method_required",
	StatusRequiresAction:        "payment.action_required",
	StatusRequiresConfirmation:  "payment.review_required",
	StatusProcessing:            "payment.processing",
	StatusRequiresCapture:       "payment.authorized",
	StatusPartiallyCaptured:     "payment.partially_captured",
	StatusSucceeded:             "payment.succeeded",
	StatusCanceled:              "payment.canceled",
	StatusFailed:                "payment.failed",
}

// told is the status as merchants are told it by events: without the calls that are running this moment, and those that
// core makes next because the buyer is back. They are answered to the one who asked; an event tells what came of them.
// Empty before there is a payment.
func (p *Payment) told() Status {
	if p == nil {
		return ""
	}
	running := func(o *Operation) bool { return o.State == OpSent && !o.HasNext }
	back := func(at *Attempt) bool { return at.staged() && at.Returned }
	if !slices.ContainsFunc(p.Operations, running) && !slices.ContainsFunc(p.Attempts, back) {
		return p.Status
	}
	if at := p.Latest(); p.Amounts.Authorized == 0 && slices.ContainsFunc(p.Operations, func(o *Operation) bool { return running(o) && o.AttemptID == at.ID && o.begins() }) {
		return StatusRequiresPaymentMethod // before its first operation is done
	}
	q := p.clone()
	q.Operations = slices.DeleteFunc(q.Operations, running)
	for _, at := range q.Attempts {
		if q.next(at, func(step) bool { return true }) != stepNone {
			at.Returned = false
		}
	}
	q.settle()
	return q.Status
}

// events are what follows from the difference between before and now, in the order in which it happened.
func (a *amendment) events() []news {
	old := a.before
	if a.Order.SetUp {
		return nil // what there is to tell is the mandate's
	}
	var out []news
	if old == nil {
		out, old = append(out, news{kind: "payment.created"}), &Payment{}
	}
	for _, f := range a.failed {
		out = append(out, news{"payment.attempt_failed", f.Failure})
	}
	out = append(out, a.bookingEvents(old)...)
	if a.Amounts.Foreign > old.Amounts.Foreign && old.Amounts.Authorized > 0 { // else it is the sale itself
		out = append(out, news{kind: "payment.external_adjustment"})
	}
	if a.disputes() > old.disputes() {
		out = append(out, news{kind: "payment.disputed"})
	}
	if a.Amounts.Reversed > old.Amounts.Reversed {
		out = append(out, news{kind: "payment.reversed"})
	}
	was, is := a.before.told(), a.told()
	held := func(p *Payment) int64 { return p.Amounts.Authorized - p.Amounts.Released } // what is released as it is told was none
	if was.final() && was != StatusSucceeded && (held(a.Payment) > held(old) || a.Amounts.Captured > old.Amounts.Captured) {
		out = append(out, news{kind: "payment.late_success"})
	}
	begins := was == "" && is == StatusRequiresPaymentMethod // that is told by its creation
	if kind, ok := statusEvents[is]; ok && is != was && !begins {
		out = append(out, news{kind: kind})
	}
	switch {
	case old.Amounts.InDoubt == 0 && a.Amounts.InDoubt > 0:
		out = append(out, news{kind: "payment.in_doubt"})
	case old.Amounts.InDoubt > 0 && a.Amounts.InDoubt == 0, a.cause.Kind == causeOperator:
		out = append(out, news{kind: "payment.doubt_resolved"})
	}
	if a.NeedsReview && !old.NeedsReview {
		out = append(out, news{kind: "payment.needs_review"})
	}
	return out
}

// bookingEvents tell of captures, refunds and further authorizations that are new or decided.
func (a *amendment) bookingEvents(old *Payment) (out []news) {
	for _, o := range a.Operations {
		if o.Kind != OpCapture && o.Kind != OpRefund && o.Kind != OpAuthorize {
			continue
		}
		before, kind := old.operation(o.ID), o.Kind.object()
		was := OpState("")
		if before != nil {
			was = before.State
		}
		if was == o.State {
			continue
		}
		view := a.booking(o)
		if !was.known() && o.State.known() {
			out = append(out, news{kind + ".created", view})
		}
		switch o.State {
		case OpSucceeded:
			out = append(out, news{kind + ".succeeded", view})
		case OpDeclined:
			out = append(out, news{kind + ".failed", view})
		}
	}
	return out
}

// known reports whether an operation in state s is more than an intent: it may have reached the provider. One that was
// proved not to have left is none to the merchant, who repeats it with the same key.
func (s OpState) known() bool { return s != "" && s != OpSent && s != OpNotSent }
