package core

import (
	"context"
	"slices"
)

// backInSession takes the buyer back to an attempt whose session core goes on with: what his browser brought is kept to be
// confirmed, and the steps that are due are made. A return that can be made nothing of changes nothing.
func (c *Checkout) backInSession(ctx context.Context, p *Payment, at *Attempt, account *Account, leg Leg, hints Feedback) (*Payment, error) {
	turned := leg == LegBack || slices.ContainsFunc(hints.Facts, func(f Fact) bool { return f.Kind == BuyerAway || f.Kind == AttemptEnded })
	review := leg == LegReview && account.sessions != nil
	// A browser that comes by without anything of the provider's has not been there, as far as we know.
	empty := account.returns != nil && len(hints.Facts)+len(hints.Refs)+len(hints.Memo) == 0 && hints.Reference == ""
	asks := false
	cause := Cause{"return", string(leg)}
	p, err := c.amend(ctx, "", p.ID, cause, func(a *amendment) error {
		at := a.attempt(at.ID)
		live, _ := a.live(at, a.tallyOf(at))
		if asks = false; !at.staged() || !live || a.Canceled || a.tallyOf(at).obtained() {
			return nil
		}
		switch {
		case turned:
			asks = a.turnAway(at, leg, hints)
		case leg == LegError:
			asks = true
		case !empty:
			a.takeBack(at, leg, hints, review && at.Next.Then != ThenRead)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	at = p.attempt(at.ID)
	if asks {
		return c.orAsItIs(p)(c.Sync(ctx, "", p.ID))
	}
	if review && at.Review != nil && p.mayReview(at) {
		return c.orAsItIs(p)(c.reviewAgain(ctx, p, at, cause))
	}
	return c.orAsItIs(p)(c.proceed(ctx, p, at.ID, cause))
}

// orAsItIs gives the payment as it was when what came after it could not be done: a buyer who is back is told how it stands.
func (c *Checkout) orAsItIs(was *Payment) func(*Payment, error) (*Payment, error) {
	return func(p *Payment, err error) (*Payment, error) {
		switch {
		case err == nil || KindOf(err) == Unavailable && p != nil:
			return p, nil
		case KindOf(err) == Unavailable && CodeOf(err) == codeSilent:
			return was, nil
		}
		return p, err
	}
}

// mayReview reports whether what the buyer chose may still be changed: nothing is under way, and nothing came of it.
func (p *Payment) mayReview(at *Attempt) bool {
	t := p.tallyOf(at)
	live, _ := p.live(at, t)
	return live && at.staged() && !p.Canceled && !t.obtained() && p.openOperation() == nil
}

// reviewAgain reads a session again whose buyer came back to the review once more, and goes on if that is for core.
func (c *Checkout) reviewAgain(ctx context.Context, p *Payment, at *Attempt, cause Cause) (*Payment, error) {
	q, err := c.readSession(ctx, p, at, cause)
	if err != nil {
		return q, err
	}
	return c.proceed(ctx, q, at.ID, cause)
}

// takeBack marks the buyer back and keeps what his browser brought of what the attempt has not. Who comes back to the
// review of an order that was confirmed is not back from where he was sent then.
func (a *amendment) takeBack(at *Attempt, leg Leg, hints Feedback, confirmed bool) {
	refs := without(hints.Refs, at.Refs)
	if at.Next.Then == ThenConfirm {
		refs = hints.Refs
	}
	was := at.Brought
	if len(refs) > 0 || at.Next.Then == ThenConfirm && len(hints.Memo) > 0 {
		at.Brought = &Brought{Refs: refs, Memo: hints.Memo}
	}
	if at.Returned && at.Next.Then == ThenConfirm {
		at.Brought = was // it is being confirmed with what he brought first
	}
	if at.Returned && at.Brought == was {
		return // a reload
	}
	if !confirmed {
		at.Returned = true
	}
	a.learn(at, a.cameBy(at, leg, hints), asHints(hints.Facts), nil, nil, "")
	a.Checks = 0
}

// turnAway notes that the buyer came back by the way of those who do not want to pay, and reports whether that is news. What
// is under way goes on; what is not is not begun.
func (a *amendment) turnAway(at *Attempt, leg Leg, hints Feedback) bool {
	facts := []Fact{{Kind: BuyerAway, OccurredAt: a.now}}
	if i := slices.IndexFunc(hints.Facts, func(f Fact) bool { return f.Kind == BuyerAway }); i >= 0 {
		facts[0] = hints.Facts[i]
	}
	if o := a.offer(at); o != nil {
		facts[0].ID = o.ID // of each action he was sent to once
	}
	for _, f := range hints.Facts {
		if f.Kind != BuyerAway {
			facts = append(facts, f)
		}
	}
	if review, _ := a.reviewing(at); at.Next.Then == ThenComplete && !review && a.openOperation() == nil {
		at.Returned = false
	}
	if facts = asHints(facts); len(a.unknown(at, facts)) == 0 {
		return false
	}
	a.learn(at, a.cameBy(at, leg, hints), facts, nil, nil, "")
	a.Checks = 0
	return true
}

func (a *amendment) cameBy(at *Attempt, leg Leg, hints Feedback) Evidence {
	return Evidence{ID: newID(prefixEvidence), Kind: EvidenceReturn, Title: at.Account + " return", Detail: detail(map[string]string{"leg": string(leg), "note": hints.Note})}
}

// offer is the operation that gave out the action the buyer was sent to last.
func (p *Payment) offer(at *Attempt) *Operation {
	for _, o := range slices.Backward(p.Operations) {
		if o.AttemptID == at.ID && o.HasNext {
			return o
		}
	}
	return nil
}

// turnedAway reports whether the buyer came back by the way of those who do not want to pay, from the action he was sent to
// last.
func (p *Payment) turnedAway(at *Attempt) bool {
	o := p.offer(at)
	return o != nil && slices.ContainsFunc(p.Facts, func(e Entry) bool { return e.AttemptID == at.ID && e.Kind == BuyerAway && e.ID == o.ID })
}

// afterReview is where a buyer goes on who came back to be shown what he chose: to the merchant's page for that, or, when the
// merchant has none, to what comes next at the provider. While the provider could not be asked, he waits.
func (c *Checkout) afterReview(p *Payment, at *Attempt) string {
	switch p.Status {
	case StatusRequiresConfirmation:
		if p.Order.ReviewURL != "" {
			return p.addressed(p.Order.ReviewURL)
		}
	case StatusRequiresAction:
		switch {
		case at.Review != nil && p.Order.ReviewURL != "":
			return p.addressed(p.Order.ReviewURL)
		case at.Review != nil && at.Next.Type == NextRedirect:
			return at.Next.URL
		case at.Review != nil:
			return c.HostedURL(p.ID)
		}
		return p.sentBack(at, true) // he was not there
	case StatusProcessing:
		if p.due(at, c.accounts[at.Account]) == stepRead {
			return ""
		}
	}
	return p.sentBack(at, false)
}
