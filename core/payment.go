package core

import (
	"slices"
	"time"
)

// Payment is a merchant's intent to be paid, with everything that happened to it. Its counters and its status are
// computed from Facts and Operations by settle; nobody sets them.
type Payment struct {
	ID         string
	MerchantID string
	Reference  string // the merchant's own, unique per merchant
	Amount     Money
	Order      PaymentOrder
	Metadata   map[string]string

	Amounts Amounts
	Status  Status

	Canceled     bool   // by the merchant
	CancelReason string // public: requested_by_merchant, abandoned, expired, …
	Waived       bool   // the rest is given up here, though the provider may still hold it
	Expired      bool   // no further try is allowed because time is over
	Flagged      bool   // a person should look: it was asked about for two weeks, or cannot be, and nothing came of it
	Mismatch     bool   // something authentic spoke of another currency or amount
	NeedsReview  bool   // a person should look: see toReview
	Acknowledged Acknowledged

	Version   int64     // rises with every change
	Sequence  int64     // of the last event; events of a payment have no gap
	FactCount int64     // sequence of the last fact
	CheckAt   time.Time // when the provider is asked next; zero: nothing is awaited
	Checks    int       // how often it was asked since something last changed
	RecheckAt time.Time // when the provider's totals show what was last told; zero: they were read since

	Attempts   []*Attempt
	Operations []*Operation
	Facts      []Entry

	CreatedAt time.Time
	UpdatedAt time.Time

	mandate *Mandate // given with it, as it is stored with this change
}

// PaymentOrder is what the merchant asked for, kept as it was given.
type PaymentOrder struct {
	Capture     CaptureMode   `json:"capture"`
	Authorize   *int64        `json:"authorize,omitempty"` // minor units; nil: the whole amount
	Method      Method        `json:"method"`
	Token       string        `json:"token,omitempty"`
	Account     string        `json:"account,omitempty"` // as asked for; empty: routed
	Buyer       Buyer         `json:"buyer"`
	Items       []LineItem    `json:"items,omitempty"`
	Description string        `json:"description,omitempty"`
	ReturnURL   string        `json:"return_url,omitempty"`
	CancelURL   string        `json:"cancel_url,omitempty"`
	ReviewURL   string        `json:"review_url,omitempty"`
	Save        Save          `json:"save,omitzero"`
	Mandate     string        `json:"mandate,omitempty"`
	OffSession  bool          `json:"off_session,omitempty"`
	SetUp       bool          `json:"set_up,omitempty"` // no payment, but what sets up a mandate alone
	Pending     bool          `json:"allow_pending,omitempty"`
	Channel     string        `json:"channel,omitempty"`
	Delivery    DeliveryRules `json:"delivery,omitzero"`
}

// Amounts are what the facts of a payment prove, in minor units of its currency. Authorized, captured, refunded and
// reversed only rise; the others are derived from them and from what is under way.
type Amounts struct {
	Authorized int64 `json:"authorized"`
	Captured   int64 `json:"captured"`
	Refunded   int64 `json:"refunded"`
	Reversed   int64 `json:"reversed"` // taken back by the buyer's bank, less what was won back
	Released   int64 `json:"released"` // of closed authorizations, what was not captured
	Capturable int64 `json:"capturable"`
	Refundable int64 `json:"refundable"`
	InDoubt    int64 `json:"in_doubt"` // reserved for operations of unknown outcome

	CaptureReserved int64 `json:"-"`
	RefundReserved  int64 `json:"-"`
	Ceiling         int64 `json:"-"` // the most that can have been captured and reserved: authorized or agreed
	Foreign         int64 `json:"-"` // captured or refunded at the provider by somebody else
	Surplus         int64 `json:"-"` // refunded and reversed beyond what was captured

	captureAnnounced int64 // by the provider, of captures that are none of ours
	refundAnnounced  int64
}

// Attempt is one try of a payment at one account, pinned to it for life.
type Attempt struct {
	ID        string
	PaymentID string
	Number    int
	Account   string
	Provider  string // name of the provider, for people and for the books
	Reference string // ours at the provider
	Method    Method
	Amount    Money
	Next      *NextAction
	Retries   bool // a decline does not end it while the buyer is on the page
	Refs      Refs
	Memo      Refs
	Brought   *Brought // by a browser, and confirmed by nobody yet
	Named     []Object // by hints, and not asked about yet
	Review    *Review
	Display   string
	Returned  bool      // the buyer is back
	OwedAt    time.Time // from when on the provider's answer counts as its last word on the buyer; zero: it has answered
	Expired   bool      // its session is over and nothing came of it
	ExpiresAt time.Time
	CreatedAt time.Time
}

// Brought is what a browser brought back of an attempt. Its Refs are bound to the attempt when the provider has confirmed
// them, and dropped when it has not: until then they are handed to the adapter and identify nothing.
type Brought struct {
	Refs Refs `json:"refs,omitempty"`
	Memo Refs `json:"memo,omitempty"`
}

// Entry is a fact as the ledger has it: insert only, with the evidence that proves it.
type Entry struct {
	Fact
	Number    int64 // per payment, without gap
	AttemptID string
	Evidence  string
	StoredAt  time.Time
}

// attempt is the attempt with id, nil when there is none.
func (p *Payment) attempt(id string) *Attempt {
	i := slices.IndexFunc(p.Attempts, func(a *Attempt) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return p.Attempts[i]
}

// Latest is the attempt with the highest number, nil before the first.
func (p *Payment) Latest() *Attempt {
	if len(p.Attempts) == 0 {
		return nil
	}
	return slices.MaxFunc(p.Attempts, func(a, b *Attempt) int { return a.Number - b.Number })
}

func (p *Payment) operation(id string) *Operation {
	i := slices.IndexFunc(p.Operations, func(o *Operation) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return p.Operations[i]
}

// Apply adds the facts that are new, each with its evidence, and settles the payment. It is the only code that
// moves money counters. It returns how many facts were new; the same facts in any order give the same payment.
func (p *Payment) Apply(attemptID, evidence string, facts []Fact, now time.Time) int {
	added := 0
	for _, f := range facts {
		if p.knows(attemptID, f) {
			continue
		}
		p.FactCount++
		p.Facts = append(p.Facts, Entry{Fact: f, Number: p.FactCount, AttemptID: attemptID, Evidence: evidence, StoredAt: now})
		added++
	}
	p.settle()
	return added
}

// knows reports whether f would add nothing: the ledger has the same object with the same measure and as much money.
// What differs only in time, code or evidence is the same fact told again.
func (p *Payment) knows(attemptID string, f Fact) bool {
	return slices.ContainsFunc(p.Facts, func(e Entry) bool {
		return e.AttemptID == attemptID && e.Kind == f.Kind && e.Measure == f.Measure && e.ID == f.ID && e.Of == f.Of &&
			e.Sequence == f.Sequence && e.Strength >= f.Strength && e.Amount.Currency == f.Amount.Currency &&
			(e.Amount.Minor == f.Amount.Minor || f.Measure != NetAt && e.Amount.Minor >= f.Amount.Minor) &&
			(f.OpKey == "" || e.OpKey == f.OpKey) && (f.Kind != MandateActive && f.Kind != MandateSuspended || e.OccurredAt.Equal(f.OccurredAt))
	})
}
