package core

import (
	"context"
	"time"
)

// Provider is one configured account at a payment service provider. It translates: no storage, no goroutines,
// no retries, no decisions about status. Concurrent use is safe.
// The bytes of a request are a function of configuration, op and input alone (no clock, no random), so the same
// call made again after a crash sends the same bytes.
type Provider interface {
	Capabilities() Capabilities
	// Start begins an attempt and says what the buyer must do.
	Start(ctx context.Context, op Op, in StartInput) (Outcome, error)
	// ParseFeedback authenticates one inbound message, then tells the facts in it and the answer it expects.
	// It has no effect and may be called again for the same bytes. Errors: ErrUnauthenticated or NotAuthentic, Malformed, or an
	// Unavailable *Error when the message cannot be judged now.
	ParseFeedback(ctx context.Context, m Message) (Feedback, error)
}

// What else a provider can do is told by these interfaces, asked of it once when its account is opened.
type (
	// ReturnParser reads what a browser brought back. Everything in it is a Hint.
	ReturnParser interface {
		ParseReturn(ctx context.Context, r Return) (Feedback, error)
	}
	// FeedbackReader translates a message again that ParseFeedback found authentic when it came, with what the adapter has
	// learnt since. It judges nothing, for secrets change, so it is called for stored messages only. Of their header they
	// have no more than the Content-Type, and card numbers in them are masked. The error is Malformed.
	FeedbackReader interface {
		ReadFeedback(ctx context.Context, m Message) (Feedback, error)
	}
	// Checker tells, before anything is stored or sent, why Start or ChargeMandate would refuse a request: an Invalid
	// *Error with code and pointer. It is pure; nil is no promise that the provider will take it.
	Checker interface {
		CheckStart(op Op, in StartInput) error
		CheckChargeMandate(op Op, in ChargeMandateInput) error
	}
	// MandateChecker tells in the same way why StartMandate or UpdateMandate would refuse.
	MandateChecker interface {
		CheckStartMandate(op Op, in MandateInput) error
		CheckUpdateMandate(op Op, in UpdateMandateInput) error
	}
	// SessionReader reads what the buyer chose so far, for review.
	SessionReader interface {
		ReadSession(ctx context.Context, in SessionInput) (Outcome, error)
	}
	// SessionUpdater changes amount or delivery of a session that the buyer has not confirmed.
	SessionUpdater interface {
		UpdateSession(ctx context.Context, op Op, in UpdateInput) (Outcome, error)
	}
	// Confirmer confirms a reviewed session.
	Confirmer interface {
		Confirm(ctx context.Context, op Op, in ConfirmInput) (Outcome, error)
	}
	// Completer finishes a session after the buyer's return.
	Completer interface {
		Complete(ctx context.Context, op Op, in CompleteInput) (Outcome, error)
	}
	// Authorizer makes one more reservation on what the buyer agreed to.
	Authorizer interface {
		Authorize(ctx context.Context, op Op, in AuthorizeInput) (Outcome, error)
	}
	// Capturer takes all or part of an authorized amount.
	// The zero Outcome means Unknown: the money may have moved. NotSent needs proof.
	Capturer interface {
		Capture(ctx context.Context, op Op, in CaptureInput) (Outcome, error)
	}
	// Voider releases what is authorized and not captured.
	Voider interface {
		Void(ctx context.Context, op Op, in VoidInput) (Outcome, error)
	}
	// Refunder gives back all or part of what was captured.
	Refunder interface {
		Refund(ctx context.Context, op Op, in RefundInput) (Outcome, error)
	}
	// Querier asks what the provider knows. It reads only; Snapshot.Found false proves nothing.
	Querier interface {
		Query(ctx context.Context, in QueryInput) (Snapshot, error)
	}
	// Finder tells whose an object is that a message names and nobody here knows: the reference it bears at the provider, of
	// ours or of somebody else's, empty for none. It reads only. The error says that the provider did not answer.
	Finder interface {
		ReferenceOf(ctx context.Context, o Object) (string, error)
	}
	// Reachable tells whether calls get through to the provider at present.
	Reachable interface {
		Reachability() Reachability
	}
	// MandateStarter obtains a buyer's consent outside a purchase.
	MandateStarter interface {
		StartMandate(ctx context.Context, op Op, in MandateInput) (Outcome, error)
	}
	// MandateCharger charges a stored consent.
	MandateCharger interface {
		ChargeMandate(ctx context.Context, op Op, in ChargeMandateInput) (Outcome, error)
	}
	// MandateUpdater changes a stored consent; with Outcome.Next the buyer must act.
	MandateUpdater interface {
		UpdateMandate(ctx context.Context, op Op, in UpdateMandateInput) (Outcome, error)
	}
	// MandateCanceler ends a stored consent.
	MandateCanceler interface {
		CancelMandate(ctx context.Context, op Op, in CancelMandateInput) (Outcome, error)
	}
)

// OpKind is what an operation is for.
type OpKind string

// The kinds of operations.
const (
	OpStart         OpKind = "start"
	OpUpdate        OpKind = "update"
	OpConfirm       OpKind = "confirm"
	OpComplete      OpKind = "complete"
	OpAuthorize     OpKind = "authorize"
	OpCapture       OpKind = "capture"
	OpVoid          OpKind = "void"
	OpRefund        OpKind = "refund"
	OpStartMandate  OpKind = "start_mandate"
	OpChargeMandate OpKind = "charge_mandate"
	OpUpdateMandate OpKind = "update_mandate"
	OpCancelMandate OpKind = "cancel_mandate"
	// OpCompleteMandate finishes the session in which the buyer changed the instrument of a mandate.
	OpCompleteMandate OpKind = "complete_mandate"
)

// Op is one call with effect, committed before it is made and never changed afterwards, but for Try.
type Op struct {
	ID        string
	Kind      OpKind
	Reference string // the attempt's own reference: the same for every operation of the attempt
	Key       string // this operation's own key: idempotency key, refund reference, reference of a second confirm
	Ordinal   int    // nth of its kind in the attempt, from 1; goes into Key
	Sequence  int64  // booking number: 1 + highest known on the authorization it touches; 0 on the first
	Amount    Money
	Baseline  Totals // counters of the attempt when the intent was committed
	Try       int    // 1, then 2, 3 … for the same op made again
	CreatedAt time.Time
	Deadline  time.Time
}

// Totals are counters of one attempt, in minor units.
type Totals struct{ Authorized, Captured, Refunded int64 }

// Result is how a call with effect ended.
type Result uint8

// The results. An adapter that forgets to say produces doubt, never a false verdict.
const (
	// Unknown: it may have happened.
	Unknown Result = iota
	// NotSent: proved that no byte of the request left.
	NotSent
	// Pending: the provider has accepted it and nobody else is needed; the money is open.
	Pending
	// Declined: refused. It closes the operation; only facts end an attempt.
	Declined
	// Succeeded: the call did what it is for; what happened to money is told by facts alone.
	Succeeded
)

func (r Result) String() string {
	return [...]string{"unknown", "not_sent", "pending", "declined", "succeeded"}[r]
}

// Outcome is what the answer of a call with effect says.
type Outcome struct {
	Result  Result
	Facts   []Fact
	Next    *NextAction // beside Declined: the attempt goes on, the buyer chooses again
	Refs    Refs        // ids that identify the attempt at the provider, looked up by feedback; unique in an account
	Memo    Refs        // things to hand back on later calls, never looked up
	Review  *Review
	Display string // the instrument as a buyer knows it, such as "VISA ••8902"
	Echo    Echo   // what the answer itself said; core compares only what is there
	Failure *Failure
}

// Echo is what an answer repeats of the request. Core compares what is there; a difference makes the outcome unknown.
type Echo struct {
	Reference string
	Amount    *Money
}

// Refs are named values of a provider. Names are the provider's business.
type Refs map[string]string

// Failure says why something was refused, in our words and the provider's.
type Failure struct {
	Category        string `json:"category"`
	RetryAdvice     string `json:"retry_advice"`
	ProviderCode    string `json:"provider_code"`
	ProviderMessage string `json:"provider_message"`
}

// Categories of a Failure.
const (
	FailureDeclinedSoft    = "issuer_declined_soft"
	FailureDeclinedHard    = "issuer_declined_hard"
	FailureFunds           = "insufficient_funds"
	FailureAuthentication  = "authentication_failed"
	FailureInstrument      = "instrument_invalid"
	FailureFraud           = "fraud_suspected"
	FailureLimit           = "limit_exceeded"
	FailureRejected        = "provider_rejected"
	FailureDeclaredTimeout = "provider_timeout_declared"
	FailureBuyerCanceled   = "buyer_canceled"
	FailureBuyerAbandoned  = "buyer_abandoned"
	FailureExpired         = "expired"
	FailureConfiguration   = "configuration"
	FailureDuplicate       = "duplicate_reference"
	FailureSettled         = "settled_by_operator" // an operator saw that it did not happen
	RetryNever             = "never"
	RetryAfterBuyerAction  = "after_buyer_action"
	RetrySameProvider      = "same_provider"
	RetryOtherProvider     = "other_provider"
	RetryLater             = "later"
)

// ObjectKind is the kind of an object at a provider.
type ObjectKind uint8

// The kinds of objects.
const (
	ObjAuthorization ObjectKind = iota + 1
	ObjCapture
	ObjRefund
	ObjAgreement
	ObjSession
)

func (k ObjectKind) String() string {
	return [...]string{"unknown", "authorization", "capture", "refund", "agreement", "session"}[k]
}

// ObjectState is where an object at a provider stands.
type ObjectState uint8

// The states of an object.
const (
	StateNone ObjectState = iota
	StatePending
	StateDeclined
	StateDone
)

// Object is one thing at the provider that has its own id.
type Object struct {
	Kind  ObjectKind
	ID    string
	State ObjectState
	Open  int64 // authorization: what may still be captured; capture: what may still be refunded; minor units
}

// Known is what core remembers of an attempt or a mandate and hands to every call after Start.
type Known struct {
	Reference string // the attempt's own reference
	Amount    Money  // the amount of the attempt
	Refs      Refs
	Memo      Refs
	Method    Method
	Objects   []Object
}
