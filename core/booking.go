package core

import (
	"context"
	"slices"
)

// NewBooking is what POST …/captures and …/refunds ask for.
type NewBooking struct {
	Amount    *int64 // minor units; nil: all that is left
	Currency  string // the payment's, or empty
	Reference string // the merchant's own; enters the key at the provider
	Capture   string // refund: public id of the capture it goes back from
	From      string // capture: the provider's id of the authorization it is taken from; empty: chosen here
	Final     bool   // capture: nothing more will be captured
	Reason    string
	Metadata  map[string]string
}

// Capture takes all or part of what is authorized. The answer is 201, or 202 while the outcome is open.
func (c *Checkout) Capture(ctx context.Context, r Request, id string, in NewBooking) (Answer, error) {
	return c.book(ctx, r, id, in, func(a *amendment, at *Attempt, account *Account, amount Money) (*Operation, error) {
		if account.capturer == nil {
			return nil, invalid("capability_unsupported", "", "account %s cannot capture", account.Name)
		}
		of, err := a.source(at, account.methodCaps(at.Method), in.From, amount.Minor)
		if err != nil {
			return nil, err
		}
		input := CaptureInput{Known: a.known(at), Authorization: of, Final: in.Final}
		a.reserve.capture = amount.Minor
		return a.intend(account, at, OpCapture, amount, input, func(o *Operation) {
			o.Object, o.Of, o.Final = newID(prefixCapture), of, in.Final
			in.describe(o)
		})
	}, bookCapture)
}

// Refund gives back all or part of what was captured. The answer is 201, or 202 while the outcome is open.
func (c *Checkout) Refund(ctx context.Context, r Request, id string, in NewBooking) (Answer, error) {
	return c.book(ctx, r, id, in, func(a *amendment, at *Attempt, account *Account, amount Money) (*Operation, error) {
		if account.refunder == nil {
			return nil, invalid("capability_unsupported", "", "account %s cannot refund", account.Name)
		}
		caps := account.methodCaps(at.Method)
		if caps != nil && !caps.PartialRefund && amount.Minor != a.Amounts.Captured {
			return nil, invalid("capability_unsupported", "/amount", "account %s refunds the whole amount only", account.Name)
		}
		of, err := a.destination(at, caps, in.Capture, amount.Minor)
		if err != nil {
			return nil, err
		}
		a.reserve.refund = amount.Minor
		return a.intend(account, at, OpRefund, amount, RefundInput{Known: a.known(at), Capture: of, Reason: in.Reason}, func(o *Operation) {
			o.Object, o.Of = newID(prefixRefund), of
			in.describe(o)
		})
	}, bookRefund)
}

func (in NewBooking) describe(o *Operation) {
	o.OwnReference, o.Reason, o.Metadata = in.Reference, in.Reason, in.Metadata
}

// booking says what a capture and a refund differ in before the provider is chosen.
type booking struct {
	action string
	left   func(Amounts) int64
	at     func(left) int64
}

var (
	bookCapture = booking{"capture", func(a Amounts) int64 { return a.Capturable }, func(l left) int64 { return l.capturable }}
	bookRefund  = booking{"refund", func(a Amounts) int64 { return a.Refundable }, func(l left) int64 { return l.refundable }}
)

type intention func(a *amendment, at *Attempt, account *Account, amount Money) (*Operation, error)

// book runs a capture or refund: it checks the request against what is left before anything is committed.
func (c *Checkout) book(ctx context.Context, r Request, id string, in NewBooking, intend intention, b booking) (Answer, error) {
	return c.beginBooking(ctx, r, id, in, func(a *amendment) (*Attempt, Money, error) {
		amount, err := a.bookable(in, b)
		if err != nil {
			return nil, amount, err
		}
		at := a.attemptFor(b, amount.Minor)
		if most := b.at(a.left(at)); amount.Minor > most {
			if in.Amount != nil {
				return nil, amount, invalid("amount_exceeds_remaining", "/amount", "%s is left at one provider account", Money{most, a.Amount.Currency})
			}
			amount.Minor = most
		}
		return at, amount, nil
	}, intend)
}

// beginBooking runs what a merchant asks for at a payment that has one: find tells at which attempt and how much, intend
// makes the intent.
func (c *Checkout) beginBooking(ctx context.Context, r Request, id string, in NewBooking, find func(*amendment) (*Attempt, Money, error), intend intention) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	if !validID(prefixPayment, id) {
		return Answer{}, notFound("payment")
	}
	if in.Reference != "" && !referencePattern.MatchString(in.Reference) {
		return Answer{}, invalid("reference_invalid", "/reference", "a reference is 1 to 64 letters, digits, dots, underscores and hyphens")
	}
	if err := c.settleDoubt(ctx, r.MerchantID, id); err != nil {
		return Answer{}, err
	}
	return c.begun(ctx, r, id, func(tx Tx) (*amendment, *Operation, error) {
		a, err := c.load(ctx, tx, r, id)
		if err != nil {
			return nil, nil, err
		}
		at, amount, err := find(a)
		if err != nil {
			return nil, nil, err
		}
		account, err := c.account(at.Account)
		if err != nil {
			return nil, nil, err
		}
		o, err := intend(a, at, account, amount)
		return a, o, err
	}, bookingAnswer)
}

// left is what may still be captured and refunded at one attempt, after what is reserved there.
type left struct{ capturable, refundable int64 }

func (p *Payment) left(at *Attempt) left {
	var a Amounts
	t := p.tallyOf(at)
	open := p.add(&a, at, t)
	return left{rest(open, a.CaptureReserved, a.captureAnnounced), rest(a.Captured, a.Refunded, a.Reversed, a.RefundReserved, a.refundAnnounced)}
}

// attemptFor is the attempt to book at: the first that has amount left, else the one with most. Nearly always a payment
// has money at one attempt only.
func (p *Payment) attemptFor(b booking, amount int64) *Attempt {
	best, most := p.shown(), int64(0)
	for _, at := range p.Attempts {
		n := b.at(p.left(at))
		if n >= amount {
			return at
		}
		if n > most {
			best, most = at, n
		}
	}
	return best
}

// bookable is the amount to book, or why it cannot be.
func (a *amendment) bookable(in NewBooking, b booking) (Money, error) {
	left := b.left(a.Amounts)
	switch {
	case in.Currency != "" && in.Currency != a.Amount.Currency:
		return Money{}, invalid("currency_mismatch", "/currency", "the payment is in %s", a.Amount.Currency)
	case in.Amount != nil && *in.Amount <= 0:
		return Money{}, invalid("amount_invalid", "/amount", "the amount is a positive number of minor units")
	}
	for _, o := range a.Operations { // a reservation in the way is told as what it is, not as too little left
		if err := (&Operation{Op: Op{Kind: OpKind(b.action)}, OwnReference: in.Reference}).beside(o, &Account{}); err != nil && left == 0 {
			return Money{}, err
		}
	}
	if left == 0 {
		return Money{}, a.nothingLeft(b.action)
	}
	amount := Money{left, a.Amount.Currency}
	if in.Amount != nil {
		amount.Minor = *in.Amount
	}
	if amount.Minor > left {
		return Money{}, invalid("amount_exceeds_remaining", "/amount", "%s is left", Money{left, a.Amount.Currency})
	}
	return amount, nil
}

// known is what the adapter is handed of an attempt.
func (p *Payment) known(at *Attempt) Known {
	t := p.tallyOf(at)
	k := Known{Reference: at.Reference, Amount: at.Amount, Refs: at.Refs, Memo: at.Memo, Method: at.Method}
	for _, id := range sortedIDs(t.auths) {
		auth := t.auths[id]
		if id == "" && len(t.auths) > 1 || p.keyOf(id) {
			continue // what is told of all of them is none of its own, and what has our name alone the provider does not know
		}
		k.Objects = append(k.Objects, Object{Kind: ObjAuthorization, ID: id, State: auth.state(), Open: auth.open()})
		for _, cid := range sortedIDs(auth.captures) {
			k.Objects = append(k.Objects, Object{Kind: ObjCapture, ID: cid, State: auth.captures[cid].state(), Open: p.unrefunded(t, cid, auth.captures[cid].done)})
		}
	}
	for _, id := range sortedIDs(t.agreed) {
		g := Object{Kind: ObjAgreement, ID: id, State: StateDone, Open: max(0, t.agreed[id].limit-t.captured())}
		if t.agreed[id].closed {
			g.State, g.Open = StateDeclined, 0
		}
		k.Objects = append(k.Objects, g)
	}
	for _, id := range sortedIDs(t.refunds) {
		k.Objects = append(k.Objects, Object{Kind: ObjRefund, ID: id, State: t.refunds[id].state()})
	}
	return k
}

// keyOf reports whether id is the key of an operation: then it is told of by our name for it, and the provider has none.
func (p *Payment) keyOf(id string) bool {
	return slices.ContainsFunc(p.Operations, func(o *Operation) bool { return o.Key == id && id != "" })
}

func (a *authTally) state() ObjectState {
	switch {
	case a.total() > 0:
		return StateDone
	case a.declined:
		return StateDeclined
	default:
		return StatePending
	}
}

func (c *partTally) state() ObjectState {
	switch {
	case c.isDone:
		return StateDone
	case c.declined:
		return StateDeclined
	default:
		return StatePending
	}
}

// openAuthorization is the authorization to capture from: the first that covers amount, else the one with most open;
// empty when only the buyer's agreement is there to be charged.
func (p *Payment) openAuthorization(at *Attempt, amount int64) string {
	t := p.tallyOf(at)
	best, most := "", int64(0)
	for _, id := range sortedIDs(t.auths) {
		open := t.auths[id].open()
		if open >= amount {
			return id
		}
		if open > most {
			best, most = id, open
		}
	}
	return best
}

func bookingAnswer(p *Payment, o *Operation) Answer {
	status := 201
	if o.open() {
		status = 202
	}
	return Answer{Status: status, Kind: o.Kind.object(), Snapshot: snapshot(p.booking(o))}
}
