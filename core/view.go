package core

import (
	"encoding/json"
	"slices"
	"time"
)

// View is a payment as merchants see it, plain data without anything derived from a secret: this is what answers and
// events are made of, stored as it was at that moment.
type View struct {
	ID            string            `json:"id"`
	MerchantID    string            `json:"merchant"`
	Reference     string            `json:"merchant_reference"`
	Status        Status            `json:"status"`
	Amount        Money             `json:"amount"`
	Capture       CaptureMode       `json:"capture_method"`
	Account       string            `json:"account"`
	Provider      string            `json:"provider"`
	References    Refs              `json:"references"`
	Method        Method            `json:"method"`
	Display       string            `json:"display,omitempty"`
	Description   string            `json:"description,omitempty"`
	Amounts       Amounts           `json:"amounts"`
	Next          *NextAction       `json:"next,omitempty"`
	Review        *Review           `json:"review,omitempty"`
	Mandate       string            `json:"mandate,omitempty"`
	RefundStatus  string            `json:"refund_status"`
	DisputeStatus string            `json:"dispute_status"`
	LastError     *Failure          `json:"last_error,omitempty"`
	CancelReason  string            `json:"cancellation_reason,omitempty"`
	Attempts      int               `json:"attempts"`
	NeedsReview   bool              `json:"needs_review"`
	Doubts        []Doubt           `json:"doubts,omitempty"`
	HeldUntil     time.Time         `json:"held_until,omitzero"` // the provider may keep what is given up here reserved until then
	Version       int64             `json:"version"`
	Metadata      map[string]string `json:"metadata"`
	CreatedAt     time.Time         `json:"created_at"`
	UpdatedAt     time.Time         `json:"updated_at"`
}

// View is p as merchants see it.
func (p *Payment) View() View {
	v := View{ID: p.ID, MerchantID: p.MerchantID, Reference: p.Reference, Status: p.Status, Amount: p.Amount, Capture: p.Order.Capture,
		Method: p.Order.Method, Description: p.Order.Description, Amounts: p.Amounts, RefundStatus: p.refundStatus(),
		DisputeStatus: p.disputeStatus(), LastError: p.lastError(), CancelReason: p.cancelReason(), Attempts: len(p.Attempts),
		NeedsReview: p.NeedsReview, Doubts: p.Doubts(), Version: p.Version, Metadata: p.Metadata, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt}
	at := p.shown()
	if at == nil {
		return v
	}
	v.Account, v.Provider, v.Display = at.Account, at.Provider, at.Display
	v.References = merge(at.Refs, Refs{RefOwn: at.Reference})
	v.Mandate = p.mandateID()
	switch p.Status {
	case StatusRequiresAction:
		v.Next = at.Next
	case StatusProcessing:
		v.Next = &NextAction{Type: NextAwait}
	case StatusRequiresConfirmation:
		v.Review = at.Review
	}
	if p.Waived && p.Amounts.Authorized > p.Amounts.Captured+p.Amounts.Released {
		v.HeldUntil = at.heldUntil()
	}
	return v
}

// shown is the attempt that a merchant is told about: the one with money, else the latest.
func (p *Payment) shown() *Attempt {
	for _, at := range p.Attempts {
		if t := p.tallyOf(at); t.authorized() > 0 || t.agreement() > 0 {
			return at
		}
	}
	return p.Latest()
}

// holds is how long a provider's authorization is taken to last when nobody says when it ends.
const holds = 7 * 24 * time.Hour

func (a *Attempt) heldUntil() time.Time { return a.CreatedAt.Add(holds) }

func (p *Payment) mandateID() string {
	if p.Order.Mandate != "" {
		return p.Order.Mandate
	}
	if p.Order.Save.Kind != SaveNone {
		return mandateOf(p.ID)
	}
	return ""
}

func (p *Payment) refundStatus() string {
	switch {
	case p.Amounts.RefundReserved > 0:
		return "pending"
	case p.Amounts.Refunded == 0:
		return "none"
	case p.Amounts.Refunded < p.Amounts.Captured:
		return "partial"
	default:
		return "full"
	}
}

// disputes is how many disputes the provider has told of.
func (p *Payment) disputes() (n int) {
	for _, at := range p.Attempts {
		n += len(p.tallyOf(at).disputed)
	}
	return n
}

func (p *Payment) disputeStatus() string {
	reversed, recovered, disputed := int64(0), int64(0), false
	for _, at := range p.Attempts {
		t := p.tallyOf(at)
		reversed, recovered, disputed = reversed+sumOf(t.reversed), recovered+sumOf(t.recovered), disputed || len(t.disputed) > 0
	}
	switch {
	case recovered > 0 && recovered >= reversed:
		return "won"
	case reversed > 0:
		return "lost"
	case disputed:
		return "open"
	default:
		return "none"
	}
}

// lastError is the failure of the attempt with the highest number, there the latest; none once money came.
func (p *Payment) lastError() *Failure {
	at := p.Latest()
	if at == nil || p.fulfilled() {
		return nil
	}
	var last *Entry
	for i := range p.Facts {
		e := &p.Facts[i]
		// That the buyer turned away, or that his session ended, he may tell: it ends the attempt all the same.
		said := e.Strength != Hint || e.Kind == BuyerAway || e.Kind == AttemptEnded
		said = said && (e.Kind != AuthorizationDeclined || !p.givesUp(at.ID, e.ID))
		if e.AttemptID == at.ID && e.Failure != nil && said && (last == nil || e.laterThan(last)) {
			last = e
		}
	}
	if last != nil {
		return last.Failure
	}
	for _, o := range slices.Backward(p.Operations) {
		if o.AttemptID == at.ID && o.Kind.authorizes() && o.State == OpDeclined && o.Failure != nil && o.Reason != reasonProof {
			return o.Failure
		}
	}
	return nil
}

// laterThan orders facts of an attempt by when they happened; where that is equal, by what does not depend on the
// order in which they arrived.
func (e *Entry) laterThan(o *Entry) bool {
	if !e.OccurredAt.Equal(o.OccurredAt) {
		return e.OccurredAt.After(o.OccurredAt)
	}
	return e.ID+"\x00"+e.Code > o.ID+"\x00"+o.Code
}

func (p *Payment) cancelReason() string {
	if p.Status != StatusCanceled {
		return ""
	}
	if p.Canceled {
		return or(p.CancelReason, "requested_by_merchant")
	}
	if p.Amounts.Authorized > 0 {
		return "released"
	}
	for _, at := range p.Attempts {
		if p.tallyOf(at).away {
			return FailureBuyerAbandoned
		}
	}
	return FailureExpired
}

// BookingView is a capture, refund or further authorization as merchants see it.
type BookingView struct {
	ID        string            `json:"id"`
	Object    string            `json:"object"` // capture, refund, authorization
	Payment   string            `json:"payment"`
	Status    string            `json:"status"` // processing, succeeded, failed
	Amount    Money             `json:"amount"`
	Reference string            `json:"reference,omitempty"`
	Final     bool              `json:"final,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Failure   *Failure          `json:"failure,omitempty"`
	Provider  string            `json:"provider"`
	Key       string            `json:"key"`                // ours at the provider
	There     string            `json:"id_there,omitempty"` // the provider's own, where it has one
	Capture   string            `json:"capture,omitempty"`  // refund: the public id of the capture it goes back from, where the provider tells captures apart
	Metadata  map[string]string `json:"metadata"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
}

// Bookings are the captures, refunds or further authorizations of p that a merchant asked for and that may have happened, newest first.
func (p *Payment) Bookings(kind OpKind) []BookingView {
	views := []BookingView{}
	for _, o := range p.Operations {
		if o.Kind == kind && o.State != OpNotSent {
			views = append(views, p.booking(o))
		}
	}
	slices.Reverse(views)
	return views
}

func (p *Payment) booking(o *Operation) BookingView {
	v := BookingView{ID: o.Object, Object: o.Kind.object(), Payment: p.ID, Amount: o.Amount, Reference: o.OwnReference, Final: o.Final,
		Reason: o.Reason, Failure: o.Failure, Key: o.Key, Metadata: o.Metadata, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt}
	if at := p.attempt(o.AttemptID); at != nil {
		v.Provider, v.There, v.Capture = at.Provider, p.there(at, o), p.refundedFrom(at, o)
	}
	switch o.State {
	case OpSucceeded:
		v.Status = "succeeded"
	case OpDeclined, OpNotSent:
		v.Status = "failed"
	default:
		v.Status = "processing"
	}
	return v
}

// there is the provider's own id of what o made, empty while it has told none, or when ours is all there is.
func (p *Payment) there(at *Attempt, o *Operation) string {
	t, found := p.tallyOf(at), ""
	of := func(id, key string) {
		if key == o.Key && id != "" && !ours(id, key) {
			found = max(found, id)
		}
	}
	for id, a := range t.auths {
		if o.Kind == OpAuthorize {
			of(id, a.opKey)
		}
		for cid, c := range a.captures {
			if o.Kind == OpCapture {
				of(cid, c.opKey)
			}
		}
	}
	for id, r := range t.refunds {
		if o.Kind == OpRefund {
			of(id, r.opKey)
		}
	}
	return found
}

// ours reports whether the id of an object is made of the key of the operation that made it: the provider has none of its own.
func ours(id, key string) bool { return id == key || id == "op:"+key }

// refundedFrom is the public id of the capture that the refund o goes back from, empty when that was not asked for here or
// the provider does not tell captures apart.
func (p *Payment) refundedFrom(at *Attempt, o *Operation) string {
	if o.Kind != OpRefund || o.Of == "" {
		return ""
	}
	for _, c := range p.capturesOf(at) {
		if made := p.operationNamed(c.public); c.id == o.Of && made != nil && !ours(c.id, made.Key) {
			return c.public
		}
	}
	return ""
}

// operationNamed is the operation of the object with a public id, nil when there is none.
func (p *Payment) operationNamed(public string) *Operation {
	i := slices.IndexFunc(p.Operations, func(o *Operation) bool { return public != "" && o.Object == public })
	if i < 0 {
		return nil
	}
	return p.Operations[i]
}

// object is what merchants call that which an operation of kind k makes.
func (k OpKind) object() string {
	if k == OpAuthorize {
		return "authorization"
	}
	return string(k)
}

// snapshot is v as it is stored in an answer.
func snapshot(v any) json.RawMessage { return detail(v) }
