package core

import "slices"

// Status is where a payment stands, for the merchant. It is computed; nothing assigns it but settle.
type Status string

// The statuses of a payment.
const (
	StatusRequiresPaymentMethod Status = "requires_payment_method"
	StatusRequiresAction        Status = "requires_action"
	StatusRequiresConfirmation  Status = "requires_confirmation"
	StatusProcessing            Status = "processing"
	StatusRequiresCapture       Status = "requires_capture"
	StatusPartiallyCaptured     Status = "partially_captured"
	StatusSucceeded             Status = "succeeded"
	StatusCanceled              Status = "canceled"
	StatusFailed                Status = "failed"
)

// Statuses are all of them, in the order in which their conditions are asked.
var Statuses = []Status{StatusSucceeded, StatusPartiallyCaptured, StatusRequiresCapture, StatusRequiresAction, StatusRequiresConfirmation,
	StatusProcessing, StatusCanceled, StatusRequiresPaymentMethod, StatusFailed}

// Standing is everything the status of a payment depends on.
type Standing struct {
	Captured      bool // something was captured
	Capturable    bool // something may still be captured
	CaptureOpen   bool // a capture or void is under way, or other money is
	MoneyOpOpen   bool // an operation that moves money or decides about it is sent, pending or unknown
	ActionDue     bool // a live attempt waits for the buyer, who is not back, and nothing is authorized there
	ReviewDue     bool // a live attempt has a review that no confirm has used up
	Undecided     bool // an authorization or capture is pending, or the buyer is back and nothing is decided
	Canceled      bool // by the merchant
	NothingLeft   bool // something was authorized, nothing captured, nothing left to capture
	TryAllowed    bool // another attempt may be made
	EndedByOthers bool // no attempt is live, and the provider's word ended each of them
}

// Status is the first row of the table whose condition holds.
func (s Standing) Status() Status {
	switch {
	case s.Captured && !s.Capturable && !s.CaptureOpen:
		return StatusSucceeded
	case s.Captured:
		return StatusPartiallyCaptured
	case s.Capturable:
		return StatusRequiresCapture
	case s.ActionDue && !s.Canceled && !s.MoneyOpOpen:
		return StatusRequiresAction
	case s.ReviewDue && !s.Canceled && !s.MoneyOpOpen:
		return StatusRequiresConfirmation
	case s.MoneyOpOpen || s.CaptureOpen || s.Undecided && !s.Canceled:
		return StatusProcessing
	case s.Canceled || s.NothingLeft:
		return StatusCanceled
	case s.TryAllowed:
		return StatusRequiresPaymentMethod
	case s.EndedByOthers:
		return StatusFailed
	default:
		return StatusCanceled // time or absence ended it: nobody said that it failed
	}
}

// Moves are the allowed moves of a payment's status. A status that ended a payment is left only on the provider's
// late evidence that money moved after all.
var Moves = map[Status][]Status{
	StatusRequiresPaymentMethod: {StatusRequiresAction, StatusRequiresConfirmation, StatusProcessing, StatusRequiresCapture, StatusPartiallyCaptured,
		StatusSucceeded, StatusCanceled, StatusFailed},
	StatusRequiresAction: {StatusRequiresPaymentMethod, StatusRequiresConfirmation, StatusProcessing, StatusRequiresCapture, StatusPartiallyCaptured,
		StatusSucceeded, StatusCanceled, StatusFailed},
	StatusRequiresConfirmation: {StatusRequiresPaymentMethod, StatusRequiresAction, StatusProcessing, StatusRequiresCapture, StatusPartiallyCaptured,
		StatusSucceeded, StatusCanceled, StatusFailed},
	StatusProcessing: {StatusRequiresPaymentMethod, StatusRequiresAction, StatusRequiresConfirmation, StatusRequiresCapture, StatusPartiallyCaptured,
		StatusSucceeded, StatusCanceled, StatusFailed},
	StatusRequiresCapture:   {StatusProcessing, StatusPartiallyCaptured, StatusSucceeded, StatusCanceled},
	StatusPartiallyCaptured: {StatusSucceeded},
	StatusSucceeded:         {StatusPartiallyCaptured},
	StatusCanceled:          {StatusProcessing, StatusRequiresCapture, StatusPartiallyCaptured, StatusSucceeded, StatusFailed}, // failed: time had ended it, and then comes the provider's word
	StatusFailed:            {StatusProcessing, StatusRequiresCapture, StatusPartiallyCaptured, StatusSucceeded},
}

// CanMove reports whether a payment may go from one status to another; staying is always allowed.
func CanMove(from, to Status) bool {
	return from == to || from == "" || slices.Contains(Moves[from], to)
}

// final reports whether s ends a payment unless the provider tells of money after all.
func (s Status) final() bool {
	return s == StatusSucceeded || s == StatusCanceled || s == StatusFailed
}

// maxAttempts bounds how often a payment may be tried.
const maxAttempts = 10

// settle computes operations, amounts and status from facts, operations and flags. It is a pure function of those.
func (p *Payment) settle() {
	var s Standing
	a := Amounts{}
	open, live, ended := int64(0), 0, 0
	for _, at := range p.Attempts {
		t := p.tallyOf(at)
		p.Mismatch = p.Mismatch || t.mismatch
		p.settleOperations(at, t)
		open = addCapped(open, p.add(&a, at, t))
		l, byProvider := p.standing(&s, at, t)
		if l {
			live++
		} else if byProvider {
			ended++
		}
	}
	p.close(&a, open)
	s.Captured, s.Capturable = s.Captured || a.Captured > 0, a.Capturable > 0
	s.CaptureOpen = s.CaptureOpen || a.CaptureReserved > 0
	s.Canceled = p.Canceled
	s.NothingLeft = (s.NothingLeft || a.Authorized > 0) && a.Captured == 0 && a.Capturable == 0
	s.TryAllowed = live == 0 && p.tryAllowed()
	s.EndedByOthers = live == 0 && ended > 0 && ended == len(p.Attempts)
	p.Amounts, p.Status = a, s.Status()
	doubt, seen := p.toReview()
	p.NeedsReview = doubt || seen
}

// excess is what a buyer has paid beyond what the payment asks for, or given to hold at more than one attempt: one alone
// may hold more than is taken of it.
func (p *Payment) excess(a Amounts) int64 {
	taken := a.Captured
	if len(p.Attempts) > 1 {
		taken = max(taken, a.Authorized-a.Released)
	}
	return max(0, taken-p.Amount.Minor)
}

// overheld reports whether an attempt still holds money that the payment has no use for.
func (p *Payment) overheld() bool {
	return p.excess(p.Amounts) > 0 && p.Amounts.Authorized-p.Amounts.Released > p.Amounts.Captured
}

// tryAllowed reports whether another attempt may be made when none is live. A charge in the buyer's absence has one,
// which begins when its call has left.
func (p *Payment) tryAllowed() bool {
	if p.Canceled || p.Expired || len(p.Attempts) >= maxAttempts {
		return false
	}
	return !p.Order.OffSession && !p.Order.SetUp || !slices.ContainsFunc(p.Attempts, func(at *Attempt) bool { began, _ := p.beginning(at); return began })
}

// settleOperations closes the open operations of an attempt that facts decide.
func (p *Payment) settleOperations(at *Attempt, t *tally) {
	for _, o := range p.Operations {
		attested := p.attested(o)
		if o.AttemptID != at.ID || o.State == OpSucceeded && !attested {
			continue
		}
		switch to := t.settled[o.deciding()]; {
		case to == OpSucceeded,
			// A void carries no identity; the authorization is closed, whoever did it (port F9).
			o.Kind == OpVoid && (o.State.Open() || attested) && t.voided(o.Of),
			o.Kind == OpCancelMandate && o.State.Open() && t.consent.closed,
			o.obtains() && !o.HasNext && o.State != OpNotSent && t.fulfilled() && !p.tried(o),
			o.State.Open() && o.obtains() && o.Kind != OpChargeMandate && !o.HasNext && t.everAgreed() > 0 && !t.authPending():
			o.State, o.Failure = OpSucceeded, nil
		case to == OpDeclined && attested:
			o.State = OpDeclined // the provider took back what an operator had attested
		case !o.State.Open():
		case to == OpDeclined, t.gaveUp(o), o.obtains() && !o.HasNext && (t.authDeclined() || t.setsUp && t.consent.refused):
			o.State = OpDeclined
		case to == OpPending:
			o.State = OpPending
		}
		if told := t.why[o.deciding()]; o.State == OpDeclined && o.Failure == nil && told != nil {
			o.Failure = told.Failure
		}
	}
}

// tried reports whether o was refused, and another call of its kind made after it: what came of the attempt is not o's.
func (p *Payment) tried(o *Operation) bool {
	return o.State == OpDeclined && slices.ContainsFunc(p.Operations, func(other *Operation) bool {
		return other.AttemptID == o.AttemptID && other.Kind == o.Kind && other.Ordinal > o.Ordinal
	})
}

// voided reports whether the authorization of is closed, or with none named the buyer's agreement, with which all ends that
// rests on it. An authorization that is closed says nothing of the agreement: a capture closes its own. One that is told
// closed without its name is the one in question. It never becomes false again.
func (t *tally) voided(of string) bool {
	if t.closings[of] || t.closings[""] {
		return true
	}
	for _, g := range t.agreed {
		if g.closed && of == "" {
			return true
		}
	}
	return false
}

// add adds what an attempt proves and reserves to a, and tells what is open for capture there before reservations.
func (p *Payment) add(a *Amounts, at *Attempt, t *tally) (open int64) {
	captured, refunded := t.captured(), t.refunded()
	a.Authorized = addCapped(a.Authorized, t.authorized())
	a.Captured = addCapped(a.Captured, captured)
	a.Refunded = addCapped(a.Refunded, refunded)
	a.Reversed = addCapped(a.Reversed, max(0, sumOf(t.reversed)-sumOf(t.recovered)))
	open, released := t.uncaptured()
	a.Released = addCapped(a.Released, released)
	ceiling := max(t.authorized(), t.everAgreed())
	a.Ceiling = addCapped(a.Ceiling, ceiling)
	open = max(open, t.agreement()-captured)
	a.Foreign = addCapped(a.Foreign, p.others(at, t))
	own := map[string]bool{}
	for _, o := range p.Operations {
		if o.AttemptID == at.ID && o.open() {
			own[o.Key] = true
		}
	}
	foreign, _ := t.capturesPending(own)
	a.captureAnnounced = addCapped(a.captureAnnounced, foreign)
	a.refundAnnounced = addCapped(a.refundAnnounced, sumUndecided(t.refunds, own))
	room := left{rest(ceiling, captured), rest(captured, refunded)}
	for _, o := range p.Operations {
		if o.AttemptID == at.ID && o.open() {
			a.reserve(o, t, open-foreign, &room)
		}
	}
	return open
}

// reserve sets aside what the open operation o may still move: what the provider announced for it, else its amount
// less what has become visible of it since its intent was committed (port F8). Somebody else may have been faster at the
// provider: there is never more to move than the room that is left.
func (a *Amounts) reserve(o *Operation, t *tally, open int64, room *left) {
	amount, exact := t.announced(o)
	switch {
	case o.Kind == OpCapture:
		if !exact {
			amount = max(0, addCapped(o.Baseline.Captured, o.Amount.Minor)-t.captured())
		}
		amount = take(&room.capturable, amount)
		a.CaptureReserved = addCapped(a.CaptureReserved, amount)
	case o.Kind == OpVoid:
		amount = take(&room.capturable, max(0, open))
		a.CaptureReserved = addCapped(a.CaptureReserved, amount)
	case o.Kind == OpRefund:
		if !exact {
			amount = max(0, addCapped(o.Baseline.Refunded, o.Amount.Minor)-t.refunded())
		}
		amount = take(&room.refundable, amount)
		a.RefundReserved = addCapped(a.RefundReserved, amount)
	case o.Kind == OpAuthorize:
		amount = o.unseen(t)
	case o.Kind.authorizes():
		amount = max(0, o.Amount.Minor-t.authorized())
	}
	if o.State == OpUnknown {
		a.InDoubt = addCapped(a.InDoubt, amount)
	}
}

// take takes at most amount from room.
func take(room *int64, amount int64) int64 {
	amount = min(amount, *room)
	*room -= amount
	return amount
}

// close derives what is left from the sums of all attempts.
func (p *Payment) close(a *Amounts, open int64) {
	if !p.Waived {
		a.Capturable = rest(min(open, rest(p.Amount.Minor, a.Captured)), a.CaptureReserved, a.captureAnnounced)
	}
	gone := addCapped(a.Refunded, a.Reversed)
	a.Refundable = rest(a.Captured, gone, a.RefundReserved, a.refundAnnounced)
	a.Surplus = max(0, gone-a.Captured)
}

// standing adds what an attempt means for the status. It tells whether the attempt is live and, if not, whether the
// provider's word ended it.
func (p *Payment) standing(s *Standing, at *Attempt, t *tally) (live, byProvider bool) {
	authorized := t.fulfilled() || t.everAgreed() > 0
	s.Captured = s.Captured || t.setsUp && t.fulfilled() // a consent, once given, stays given; what becomes of it is the mandate's
	review, tried := p.reviewing(at)
	review = review && (p.Order.ReviewURL != "" || tried || !at.Returned) // else core confirms it itself
	for _, o := range p.Operations {
		if o.AttemptID != at.ID {
			continue
		}
		open := o.open() && o.Kind.moves()
		s.MoneyOpOpen = s.MoneyOpOpen || open
		s.CaptureOpen = s.CaptureOpen || open && (o.Kind == OpCapture || o.Kind == OpVoid || o.Kind == OpAuthorize)
	}
	_, capturing := t.capturesPending(nil)
	s.CaptureOpen = s.CaptureOpen || capturing
	s.Undecided = s.Undecided || t.authPending() || capturing
	s.NothingLeft = s.NothingLeft || t.lapsed()
	live, byProvider = p.live(at, t)
	if !live {
		return false, byProvider
	}
	s.ActionDue = s.ActionDue || at.Next != nil && !at.Returned && !at.Expired && !authorized && !t.authPending()
	s.ReviewDue = s.ReviewDue || review
	s.Undecided = s.Undecided || (at.Returned || !at.OwedAt.IsZero()) && !authorized && !review
	return true, false
}

// live reports whether something may still come of an attempt, and if not, whether the provider's word ended it.
func (p *Payment) live(at *Attempt, t *tally) (live, byProvider bool) {
	pending := t.authPending()
	declined := t.authDeclined() && !pending && at.OwedAt.IsZero() && (!at.Retries || at.Returned || at.Next == nil)
	began, refused := p.beginning(at)
	switch {
	case t.fulfilled() || t.agreement() > 0:
		return true, false // money lifts every end
	case t.ended || t.setsUp && t.consent.refused || declined || refused && at.Next == nil:
		return false, true
	case !began && at.Next == nil:
		return false, false // before its first operation
	case at.OwedAt.IsZero() && (at.Expired || t.endedHint || t.away && !(at.Next != nil && at.Next.Resumable)):
		return false, t.authDeclined()
	}
	return true, false
}

// fulfilled reports whether the payment has what it was made for: money, or without any the buyer's consent.
func (p *Payment) fulfilled() bool {
	return p.Amounts.Authorized > 0 || p.Order.SetUp && p.Status == StatusSucceeded
}

// beginning tells whether the operation that begins the attempt was made, and whether it came to nothing.
func (p *Payment) beginning(at *Attempt) (made, refused bool) {
	for _, o := range p.Operations {
		if o.AttemptID == at.ID && o.begins() {
			return o.State != OpNotSent, o.State == OpDeclined
		}
	}
	return false, false
}
