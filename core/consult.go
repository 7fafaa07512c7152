package core

import (
	"context"
)

// consult asks the provider about o, without making the call again, and reports how it answered. When it has decided, or
// what it tells does not go with the operator's word, that is the error.
func (c *Checkout) consult(ctx context.Context, before *Payment, o *Operation, in Settlement) (asked string, err error) {
	at := before.attempt(o.AttemptID)
	account := c.accounts[at.Account]
	if account == nil || account.querier == nil {
		return "the provider cannot be asked", nil
	}
	ctx, cancel := context.WithTimeout(ctx, account.AnswerWithin/2)
	defer cancel()
	if err := c.identify(ctx, before, at, o, in); err != nil {
		return "", err
	}
	p, err := c.inquire(ctx, before.MerchantID, before.ID, nil, false)
	if CodeOf(err) == codeSilent {
		return "the provider did not answer", nil
	}
	if err != nil {
		return "", err
	}
	found := p.operation(o.ID)
	if !p.doubtful(found, now()) {
		return "", p.noDoubt("the provider was asked and has told what became of the %s", found)
	}
	if in.Happened {
		err = c.denies(ctx, p, found)
	}
	return "the provider was asked and does not tell", err
}

// identify holds the provider's id that an operator names against what the provider shows of it: under the id of another
// order's, what is given back later would go back from that one. What is of this order is read with it.
func (c *Checkout) identify(ctx context.Context, p *Payment, at *Attempt, o *Operation, in Settlement) error {
	account, named := c.accounts[at.Account], Object{Kind: ObjAuthorization, ID: in.Reference}
	switch {
	case account.finder == nil || !in.Happened:
		return nil
	case in.Reference == "" && o.Kind == OpAuthorize:
		return invalid("reference_invalid", "/provider_reference", "name the provider's id of the authorization: without it nothing can be taken of it, nor released")
	case in.Reference == "" || p.known(at).has(in.Reference):
		return nil
	case o.Kind == OpRefund:
		named.Kind = ObjRefund
	case o.Kind != OpCapture && !o.Kind.authorizes():
		return nil
	}
	reference, err := account.referenceOf(ctx, named)
	if err != nil {
		return nil // it does not answer, and is asked about everything next
	}
	if reference != at.Reference {
		return invalid("reference_invalid", "/provider_reference", "the provider was asked and shows no such object of this order; name that of the %s, or none", o.Kind)
	}
	_, err = c.amend(ctx, "", p.ID, Cause{causeOperator, ""}, func(a *amendment) error {
		a.name(a.attempt(at.ID), []Object{named})
		return nil
	})
	return err
}

// denies is the error when what the provider shows does not go with o having happened: a total without its amount, or
// the authorization it was to take or to release still open.
func (c *Checkout) denies(ctx context.Context, p *Payment, o *Operation) error {
	at := p.attempt(o.AttemptID)
	account := c.accounts[at.Account]
	counted, least, ok := p.counted(o)
	var e *Error
	switch {
	case ok && account.totals(o.Kind) && counted < least:
		e = conflict("state_invalid", "the provider was asked and shows %s in all; with this %s it would be %s", Money{counted, p.Amount.Currency}, o.Kind, Money{least, p.Amount.Currency})
	case o.Kind == OpCapture && o.Of != "" || o.Kind == OpVoid:
		s, _, err := account.query(ctx, QueryInput{Known: p.known(at)})
		id := s.stands(o.Of)
		if err != nil || id == "" {
			return nil
		}
		e = conflict("state_invalid", "the provider was asked and shows authorization %s as it was before the %s", id, o.Kind)
	default:
		return nil
	}
	e.Allowed = p.AllowedActions()
	return e
}

// stands is the id of an authorization that s shows with nothing taken or closed of it: of this one, or with an empty id of any.
func (s Snapshot) stands(id string) (found string) {
	touched := map[string]bool{}
	for _, f := range s.Facts {
		switch f.Kind {
		case Captured, CapturePending:
			touched[f.Of] = true
		case AuthorizationClosed:
			touched[f.ID] = true
		}
	}
	for _, f := range s.Facts {
		if f.Kind == Authorized && f.Strength == Asserted && f.ID != "" && (id == "" || f.ID == id) && !touched[f.ID] && !touched[""] {
			found = f.ID
		}
	}
	return found
}

// counted is the counter that a capture or refund moves, as it is known, and what it would be at least if o had happened.
func (p *Payment) counted(o *Operation) (now, least int64, ok bool) {
	t := p.tallyOf(p.attempt(o.AttemptID))
	switch o.Kind {
	case OpCapture:
		return t.captured(), addCapped(o.Baseline.Captured, o.Amount.Minor), true
	case OpRefund:
		return t.refunded(), addCapped(o.Baseline.Refunded, o.Amount.Minor), true
	}
	return 0, 0, false
}

// totals reports whether the provider's query tells the totals by which operations of a kind are decided.
func (a *Account) totals(kind OpKind) bool {
	rule := a.caps.Resume[kind]
	return rule == ResumeTotals || rule == ResumeTotalsWhole
}
