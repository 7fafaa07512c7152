package core

import (
	"encoding/json"
	"slices"
	"time"
)

// EventBody is what a merchant is told, as it is stored and later delivered.
type EventBody struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      EventData `json:"data"`
}

// EventData says what changed. Sequence has no gap per payment. Object is the capture, refund or mandate the event is
// about, absent for the payment itself. Previous is the status before, absent when it did not change.
type EventData struct {
	Sequence int64           `json:"sequence"`
	Payment  View            `json:"payment"`
	Object   json.RawMessage `json:"object,omitempty"`
	Previous Status          `json:"previous,omitempty"`
	Cause    Cause           `json:"cause"`
}

// news is an event before it has a place in the sequence.
type news struct {
	kind   string
	object any
}

func (a *amendment) event(n news) Event {
	body := EventBody{Type: n.kind, Timestamp: a.now, Data: EventData{Sequence: a.Sequence, Payment: a.View(), Cause: a.cause}}
	if told := a.told(); told != a.Status {
		body.Data.Payment.Status, body.Data.Payment.Next = told, nil
	}
	if n.object != nil {
		body.Data.Object = detail(n.object)
	}
	if was := a.before.told(); was != a.told() {
		body.Data.Previous = was
	}
	return Event{ID: newID(prefixEvent), MerchantID: a.MerchantID, PaymentID: a.ID, Sequence: a.Sequence, Type: n.kind, Data: detail(body), CreatedAt: a.now}
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

// told is the status as merchants are told it by events: without the calls that are running this moment. They are
// answered to the one who asked; an event tells what came of them. Empty before there is a payment.
func (p *Payment) told() Status {
	if p == nil {
		return ""
	}
	running := func(o *Operation) bool { return o.State == OpSent && !o.HasNext }
	if !slices.ContainsFunc(p.Operations, running) {
		return p.Status
	}
	if at := p.Latest(); p.Amounts.Authorized == 0 && slices.ContainsFunc(p.Operations, func(o *Operation) bool { return running(o) && o.AttemptID == at.ID && o.begins() }) {
		return StatusRequiresPaymentMethod // before its first operation is done
	}
	q := p.clone()
	q.Operations = slices.DeleteFunc(q.Operations, running)
	q.settle()
	return q.Status
}

// events are what follows from the difference between before and now, in the order in which it happened.
func (a *amendment) events() []news {
	old := a.before
	var out []news
	if old == nil {
		out, old = append(out, news{kind: "payment.created"}), &Payment{}
	}
	for _, f := range a.failed {
		out = append(out, news{"payment.attempt_failed", f.Failure})
	}
	out = append(out, a.bookingEvents(old)...)
	if a.Amounts.Foreign > old.Amounts.Foreign && !a.explains(old) {
		out = append(out, news{kind: "payment.external_adjustment"})
	}
	if a.Amounts.Reversed > old.Amounts.Reversed {
		out = append(out, news{kind: "payment.reversed"})
	}
	was, is := a.before.told(), a.told()
	if was.final() && was != StatusSucceeded && (a.Amounts.Authorized > old.Amounts.Authorized || a.Amounts.Captured > old.Amounts.Captured) {
		out = append(out, news{kind: "payment.late_success"})
	}
	if is != was && (was != "" || is != StatusRequiresPaymentMethod) { // how a payment begins is told by its creation
		out = append(out, news{kind: statusEvents[is]})
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

// explains reports whether money that no own booking accounts for may be that of an operation still under way, or is
// the sale itself: then it is no adjustment from outside.
func (a *amendment) explains(old *Payment) bool {
	for _, o := range old.Operations {
		if o.open() && o.Kind != OpStart {
			return true
		}
	}
	return old.Amounts.Authorized == 0
}

// bookingEvents tell of captures and refunds that are new or decided.
func (a *amendment) bookingEvents(old *Payment) (out []news) {
	for _, o := range a.Operations {
		if o.Kind != OpCapture && o.Kind != OpRefund {
			continue
		}
		before, kind, view := old.operation(o.ID), string(o.Kind), a.booking(o)
		was := OpState("")
		if before != nil {
			was = before.State
		}
		if !was.known() && o.State.known() {
			out = append(out, news{kind + ".created", view})
		}
		switch {
		case was == o.State:
		case o.State == OpSucceeded:
			out = append(out, news{kind + ".succeeded", view})
		case o.State == OpDeclined:
			out = append(out, news{kind + ".failed", view})
		}
	}
	return out
}

// known reports whether an operation in state s is more than an intent: it may have reached the provider. One that was
// proved not to have left is none to the merchant, who repeats it with the same key.
func (s OpState) known() bool { return s != "" && s != OpSent && s != OpNotSent }
