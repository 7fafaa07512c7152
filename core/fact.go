package core

import "time"

// Strength says how far a fact can be believed.
type Strength uint8

// The strengths.
const (
	// Hint: go and read. A hint may mark the buyer back or away, never move money.
	Hint Strength = iota
	// Attested: an operator's word, with evidence. It holds until the provider itself speaks of the same thing.
	Attested
	// Asserted: the provider's own word.
	Asserted
)

// Measure says what the amount of a fact measures.
type Measure uint8

// The measures.
const (
	Single  Measure = iota // this object's amount; needs ID
	AtLeast                // a total, or one booking without identity: the counter is at least this
	NetAt                  // captured minus refunded after booking number Sequence
)

// FactKind is what a fact proves.
type FactKind uint8

// The kinds of facts.
const (
	AgreementOpen FactKind = iota + 1
	AgreementClosed
	AuthorizationPending
	AuthorizationDeclined
	Authorized
	AuthorizationClosed
	CapturePending
	CaptureDeclined
	Captured
	RefundPending
	RefundDeclined
	Refunded
	Reversed
	Recovered
	Disputed
	Booked // the operation with this OpKey or Sequence was carried out; its amount is the operation's own
	AttemptEnded
	BuyerAway // came back by cancel or error
	MandateActive
	MandateSuspended
	MandateClosed
	MandateRefused
	VoidDeclined // nothing was released by the operation with this OpKey
)

var factNames = [...]string{"", "agreement_open", "agreement_closed", "authorization_pending", "authorization_declined", "authorized",
	"authorization_closed", "capture_pending", "capture_declined", "captured", "refund_pending", "refund_declined", "refunded",
	"reversed", "recovered", "disputed", "booked", "attempt_ended", "buyer_away", "mandate_active", "mandate_suspended",
	"mandate_closed", "mandate_refused", "void_declined"}

func (k FactKind) String() string {
	if int(k) < len(factNames) {
		return factNames[k]
	}
	return "unknown"
}

// Fact is what an answer, a feedback or a query of a provider proves, or what an operator attests. Facts commute: any order of the same facts
// gives the same payment. The same object has the same ID whichever way the fact arrives.
type Fact struct {
	Kind       FactKind
	Measure    Measure
	Amount     Money
	ID         string // the object's identity at the provider
	Of         string // the authorization (capture facts) or capture (refund facts) it belongs to; empty: the only one
	OpKey      string // our own operation key when the provider echoes it, or the op the answer belongs to
	Sequence   int64  // booking number; 0: none or the first
	OccurredAt time.Time
	Strength   Strength
	Code       string // the provider's own, for people
	Failure    *Failure
}
