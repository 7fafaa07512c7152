package core

import (
	"context"
	"slices"
)

// Cancel releases what is authorized and not captured, and gives up an authorization that the provider has yet to decide
// about, where it can. With nothing authorized it ends the payment here: what the buyer still does at the provider is
// late, and booked. Where the provider cannot release the rest after a capture, the rest
// is given up here and the hold lapses there.
func (c *Checkout) Cancel(ctx context.Context, r Request, id, reason string) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	if !validID(prefixPayment, id) {
		return Answer{}, notFound("payment")
	}
	if err := c.settleDoubt(ctx, r.MerchantID, id); err != nil {
		return Answer{}, err
	}
	reason = or(reason, "requested_by_merchant")
	p, err := c.store.Payment(ctx, r.MerchantID, id)
	if err != nil {
		return Answer{}, err
	}
	if p.toVoid(c) == nil {
		return c.cancelHere(ctx, r, id, reason)
	}
	return c.begun(ctx, r, id, func(tx Tx) (*amendment, *Operation, error) {
		a, err := c.load(ctx, tx, r, id)
		if err != nil {
			return nil, nil, err
		}
		at := a.toVoid(c)
		if at == nil {
			return nil, nil, conflict("state_invalid", "the payment changed meanwhile; read it again")
		}
		account, err := c.account(at.Account)
		if err != nil {
			return nil, nil, err
		}
		of := or(a.openAuthorization(at, 1), a.tallyOf(at).undecidedID())
		keep := a.Order.Save.Kind != SaveNone || a.Order.Mandate != "" // it is a mandate, and outlives the order
		if t := a.tallyOf(at); t.everAgreed() > 0 {
			of = "" // with what the buyer agreed to for this order all that rests on it ends
		}
		input := VoidInput{Known: a.known(at), Authorization: of, Reason: reason, KeepAgreement: keep}
		o, err := a.intend(account, at, OpVoid, Money{0, a.Amount.Currency}, input, func(o *Operation) { o.Of, o.Reason = of, reason })
		return a, o, err
	}, paymentAnswer(200))
}

// toVoid is the attempt whose hold canceling releases at the provider, nil for none: what a second attempt holds beyond
// the payment's amount first, then what is left to capture, where the provider can still release it, and what is not
// decided. What the provider of an account can that is not configured any more nobody knows: it is not given up here as if
// it could not.
func (p *Payment) toVoid(c *Checkout) *Attempt {
	var found *Attempt
	for _, at := range p.Attempts {
		t, account := p.tallyOf(at), c.accounts[at.Account]
		holds := (t.sum((*authTally).open) > 0 || t.agreement() > t.captured()) && p.left(at).capturable > 0
		if !holds && (account == nil || !account.voidsPending(at, t)) {
			continue
		}
		if account != nil && !account.voids(at, t) {
			continue
		}
		if found == nil || p.Amounts.Captured > 0 || at.Number > found.Number {
			found = at
		}
	}
	return found
}

// voids reports whether the provider can release what is open of an attempt of the account.
func (a *Account) voids(at *Attempt, t *tally) bool {
	caps := a.methodCaps(at.Method)
	return a.voider != nil && (t.captured() == 0 || caps != nil && caps.VoidAfterCapture)
}

// voidsPending reports whether the provider has yet to decide about an authorization of the attempt, and lets it be given
// up before it does.
func (a *Account) voidsPending(at *Attempt, t *tally) bool {
	caps := a.methodCaps(at.Method)
	return caps != nil && caps.VoidPending && t.undecidedID() != ""
}

// givesUp reports whether a void of ours ended the authorization id of an attempt, or is about to: that it came to nothing
// is what was asked for, and no failure.
func (p *Payment) givesUp(attemptID, id string) bool {
	return slices.ContainsFunc(p.Operations, func(o *Operation) bool {
		return o.AttemptID == attemptID && o.Kind == OpVoid && (o.State.Open() || o.State == OpSucceeded) && (o.Of == "" || o.Of == id)
	})
}

// cancelHere cancels without a call: nothing is authorized yet, or the rest can only be given up.
func (c *Checkout) cancelHere(ctx context.Context, r Request, id, reason string) (Answer, error) {
	var ans Answer
	_, err := c.amend(ctx, r.MerchantID, id, r.cause(), func(a *amendment) error {
		for _, o := range a.Operations {
			if err := (&Operation{Op: Op{Kind: OpVoid}}).beside(o, &Account{}); err != nil {
				return err
			}
		}
		if !slices.Contains(a.AllowedActions(), "cancel") {
			return a.notAllowed("be canceled")
		}
		if a.toVoid(c) != nil { // something was authorized meanwhile
			return conflict("state_invalid", "the payment changed meanwhile; read it again")
		}
		a.Waived, a.Canceled, a.CancelReason = a.Amounts.Capturable > 0, a.Amounts.Capturable == 0, reason
		a.evidence = append(a.evidence, a.from(r.evidence()))
		a.then = func() error { ans = paymentAnswer(200)(a.Payment, nil); return r.remember(a, ans) }
		return nil
	})
	return ans, err
}

// remember stores the answer of a request that needed no call, in the transaction of its effect.
func (r Request) remember(a *amendment, ans Answer) error {
	if r.IdempotencyKey == "" {
		return nil
	}
	rec := &IdempotencyRecord{IdempotencyScope: r.scope(), Fingerprint: r.Fingerprint, PaymentID: a.ID, Done: true, Answer: ans, CreatedAt: a.now}
	existing, err := a.tx.Claim(rec)
	if err == nil && existing != nil {
		return conflict("idempotency_in_progress", "the first request with this Idempotency-Key is still running")
	}
	return err
}
