package core

import (
	"time"
)

// ResumeRule says how an operation of unknown outcome is brought to an end.
type ResumeRule uint8

// The resume rules.
const (
	ResumeAwait       ResumeRule = iota // never sent again: feedback or an operator decides
	ResumeSameKey                       // same bytes, same key, any time
	ResumeSameRef                       // same bytes; "exists already" means await
	ResumeTotals                        // query, compare with Op.Baseline: +amount done; equal twice, a gap apart: send again
	ResumeTotalsWhole                   // the same, but sent again only when it takes all that is left, so that a late first is in its way
	ResumeReread                        // the query decides
)

// MethodCaps is what an account can do with one method and flow.
type MethodCaps struct {
	Method            Method
	Options           []string      // schemes, as paymux names them; empty: not chosen by the merchant
	Currencies        []string      // empty: every currency of ISO 4217; the contract with the provider decides
	Countries         []string      // of the buyer; empty: all
	Max               int64         // minor units; 0: none
	Captures          []CaptureMode // of payments; empty: it sets up mandates only
	Business          bool
	Review, Update    bool
	UpdateShipping    bool // under review the delivery address can be changed, too: it is the order's, not the buyer's choice at the provider
	Save              []SaveKind
	OffSession        []CaptureMode // charges of a mandate in the buyer's absence
	OnSession         []CaptureMode // … and while he is there; empty: its instrument is offered on the provider's page
	SetUp             []SaveKind    // consent that can be obtained outside of a purchase
	ChangePlan        bool          // the plan of a recurring consent can be changed
	ChangeInstrument  []SaveKind    // consent whose instrument the buyer can change on a page
	NextActions       []string
	CapturesPerAuth   int  // 0: many
	Reauthorize       bool // more can be reserved later on what the buyer agreed to
	VoidAfterCapture  bool // false: `final` gives up the rest here and the hold lapses there
	VoidPending       bool // an authorization that the provider has yet to decide about can be given up as well
	VoidBestEffort    bool
	PartialRefund     bool
	RefundPerCapture  bool // one refund goes back from one capture
	Agreement         bool // less than the order, or nothing, may be authorized at first; what the buyer agreed to is charged later
	Delivery          bool // rules restrict the addresses the buyer may choose
	RetriesOnPage     bool // a decline does not end the attempt while the buyer is on the page
	FeedbackFirst     bool // no capture, void or refund before the first feedback was acknowledged
	SessionLife       time.Duration
	AuthorizationLife time.Duration
	BuyerFor          time.Duration // how long after checkout the provider tells about the buyer when asked; 0: it does not
}

// Capabilities are what an account can do, as data: for routing, for the API, for the README. What can be called
// is told by the interfaces; both are checked against each other when the account is opened.
type Capabilities struct {
	Methods   []MethodCaps
	Resume    map[OpKind]ResumeRule
	ResumeGap time.Duration
	// RefundsDecided is how long a refund may be under way. Totals of refunds that a query tells as hints, because they count
	// what is under way, are believed when they are shown again after it; 0: never.
	RefundsDecided time.Duration

	// CompleteProves: Complete of a session that its buyer has not agreed to is refused and does nothing, and nothing else tells
	// whether he has. So it is tried for a buyer who does not come back.
	CompleteProves bool

	ReferenceLen int // of Op.Reference and Op.Key; characters A–Z and 2–7
	Serial       bool
	Feedback     FeedbackCaps
}

// FeedbackCaps are the guarantees of a provider's feedback.
type FeedbackCaps struct {
	RetriesFor time.Duration
	Signed     bool
}
