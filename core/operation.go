package core

import (
	"encoding/json"
	"time"
)

// OpState is where an operation stands.
type OpState string

// The states of an operation. Sent, unknown and pending are open: they reserve their amount.
const (
	OpSent      OpState = "sent"      // the intent is committed; the call runs, or its process died
	OpUnknown   OpState = "unknown"   // it may have happened; the provider is asked
	OpPending   OpState = "pending"   // the provider has accepted it
	OpNotSent   OpState = "not_sent"  // proved: nothing happened; it may be run again
	OpDeclined  OpState = "declined"  // refused
	OpSucceeded OpState = "succeeded" // done
)

// Open reports whether s leaves money under way.
func (s OpState) Open() bool { return s == OpSent || s == OpUnknown || s == OpPending }

// stateOf is the state an outcome brings an operation to.
func stateOf(r Result) OpState {
	switch r {
	case NotSent:
		return OpNotSent
	case Pending:
		return OpPending
	case Declined:
		return OpDeclined
	case Succeeded:
		return OpSucceeded
	default:
		return OpUnknown
	}
}

// Operation is one call with effect, its frozen input and how it ended.
type Operation struct {
	Op
	PaymentID    string
	AttemptID    string
	State        OpState
	Input        json.RawMessage // what the call was made with; with Op and configuration it gives the same bytes again
	Object       string          // public id of the capture or refund, cap_… or ref_…
	OwnReference string          // the merchant's own for this capture or refund; unique per payment and kind
	Of           string          // the provider's authorization (capture, void) or capture (refund) it works on
	Final        bool            // capture: nothing more will be captured
	Reason       string
	Metadata     map[string]string
	Failure      *Failure
	RepeatAt     time.Time // unknown: from then on, if the provider still shows nothing of it, the call may be made again
	Review       bool      // unknown, and nothing a machine may do will tell: a person decides
	HasNext      bool      // it answered with a next action: what it asked for is done
	UpdatedAt    time.Time

	again bool // the query that was just applied leaves the call to be made again; of an intent: it is made again
}

// moves reports whether an operation of kind k moves money or decides about it, so that while it is open the
// payment is processing. Updates, refunds and the upkeep of mandates do not.
func (k OpKind) moves() bool {
	switch k {
	case OpStart, OpConfirm, OpComplete, OpAuthorize, OpCapture, OpVoid, OpStartMandate, OpChargeMandate:
		return true
	}
	return false
}

// upkeep reports whether an operation of kind k is about a mandate that is there: it moves no money, and nothing that
// does waits for it.
func (k OpKind) upkeep() bool {
	return k == OpUpdateMandate || k == OpCompleteMandate || k == OpCancelMandate
}

// reserves reports whether an operation of kind k obtains an authorization for its attempt.
func (k OpKind) authorizes() bool {
	switch k {
	case OpStart, OpConfirm, OpComplete, OpAuthorize, OpStartMandate, OpChargeMandate:
		return true
	}
	return false
}

// begins reports whether o begins its attempt.
func (o *Operation) begins() bool {
	return o.Kind == OpStart || o.Kind == OpStartMandate || o.Kind == OpChargeMandate
}

// repeating reports whether o, which is in doubt, is being made again at a time, or may be: its process may have died.
func (o *Operation) repeating(at time.Time) bool {
	return o.State == OpUnknown && at.Before(o.Deadline)
}

// open reports whether o is under way. An operation that answered with a next action is done.
func (o *Operation) open() bool { return o.State.Open() && !o.HasNext }
