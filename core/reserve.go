package core

import (
	"context"
	"slices"
)

// Authorize reserves once more on what the buyer agreed to: before a shipment, or when an authorization has run out.
// The answer is 201, or 202 while the outcome is open.
func (c *Checkout) Authorize(ctx context.Context, r Request, id string, in NewBooking) (Answer, error) {
	find := func(a *amendment) (*Attempt, Money, error) { return a.toReserve(in) }
	return c.beginBooking(ctx, r, id, in, find, func(a *amendment, at *Attempt, account *Account, amount Money) (*Operation, error) {
		if caps := account.methodCaps(at.Method); account.authorizer == nil || caps == nil || !caps.Reauthorize {
			return nil, invalid("capability_unsupported", "", "account %s cannot reserve more on what the buyer agreed to", account.Name)
		}
		input := AuthorizeInput{Known: a.known(at), AllowPending: a.Order.Pending, Returns: c.returns(a.ID, at.Number)}
		return a.intend(account, at, OpAuthorize, amount, input, func(o *Operation) {
			o.Object = newID(prefixAuthorization)
			in.describe(o)
		})
	})
}

// toReserve is where and how much to reserve, or why nothing can be.
func (a *amendment) toReserve(in NewBooking) (*Attempt, Money, error) {
	amount := Money{0, a.Amount.Currency}
	switch {
	case in.Currency != "" && in.Currency != a.Amount.Currency:
		return nil, amount, invalid("currency_mismatch", "/currency", "the payment is in %s", a.Amount.Currency)
	case in.Amount != nil && *in.Amount <= 0:
		return nil, amount, invalid("amount_invalid", "/amount", "the amount is a positive number of minor units")
	}
	at, left := a.shown(), int64(0)
	for _, other := range a.Attempts {
		if n := a.reservable(other); n > left {
			at, left = other, n
		}
	}
	for _, o := range a.Operations { // a call in the way is told as what it is, not as too little left
		if err := (&Operation{Op: Op{Kind: OpAuthorize}, OwnReference: in.Reference, AttemptID: at.ID}).beside(o, &Account{}); err != nil {
			return nil, amount, err
		}
	}
	if left == 0 {
		return nil, amount, a.notAllowed("be authorized further: nothing is left of what the buyer agreed to")
	}
	if amount.Minor = left; in.Amount != nil {
		amount.Minor = *in.Amount
	}
	if amount.Minor > left {
		return nil, amount, invalid("amount_exceeds_remaining", "/amount", "%s is left of what the buyer agreed to", Money{left, a.Amount.Currency})
	}
	return at, amount, nil
}

// reservable is what may still be reserved at an attempt: what the buyer agreed to there, less what was taken, is held or
// is under way; and never more than the payment still needs.
func (p *Payment) reservable(at *Attempt) int64 {
	if p.Waived || p.Canceled {
		return 0
	}
	t := p.tallyOf(at)
	held, _ := t.uncaptured()
	going := int64(0)
	for _, o := range p.Operations {
		switch {
		case o.AttemptID != at.ID || !o.open():
		case o.Kind == OpAuthorize:
			going = addCapped(going, o.unseen(t))
		case o.Kind == OpCapture && o.Of == "": // it charges the agreement itself
			going = addCapped(going, o.Amount.Minor)
		}
	}
	need := rest(p.Amount.Minor, max(p.Amounts.Captured, p.Amounts.Authorized-p.Amounts.Released), going)
	return min(need, rest(t.agreement(), t.captured(), held, going))
}

// unseen is what of a further authorization is not visible yet.
func (o *Operation) unseen(t *tally) int64 {
	return max(0, addCapped(o.Baseline.Authorized, o.Amount.Minor)-t.authorized())
}

// asksFurther reports whether f tells of a further authorization, not of that of its attempt.
func (p *Payment) asksFurther(at *Attempt, f Fact) bool {
	return f.OpKey != "" && slices.ContainsFunc(p.Operations, func(o *Operation) bool {
		return o.AttemptID == at.ID && o.Kind == OpAuthorize && o.Key == f.OpKey
	})
}

// theirs is the provider's id of an authorization that is named by ours, or by theirs.
func (p *Payment) theirs(t *tally, named string) string {
	for _, o := range p.Operations {
		for _, id := range sortedIDs(t.auths) {
			if o.Kind == OpAuthorize && o.Object == named && t.auths[id].opKey == o.Key {
				return id
			}
		}
	}
	return named
}
