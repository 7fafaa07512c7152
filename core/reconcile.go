package core

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// openOperation is the first operation whose outcome is open, nil for none.
func (p *Payment) openOperation() *Operation {
	for _, o := range p.Operations {
		if o.open() {
			return o
		}
	}
	return nil
}

// Sync asks the provider about every attempt that may still tell something, and applies what it proves. When a
// provider did not answer, nothing is concluded and the error is Unavailable.
func (c *Checkout) Sync(ctx context.Context, merchant, id string) (*Payment, error) {
	if merchant != "" && !validID(prefixPayment, id) {
		return nil, notFound("payment")
	}
	return c.inquire(ctx, merchant, id, nil, true)
}

// asksAtOnce bounds how many providers are asked at a time in the background.
const asksAtOnce = 16

// ask asks the provider about a payment whose time has come.
func (c *Checkout) ask(ctx context.Context, w Work) error {
	_, err := c.inquire(ctx, "", w.Subject, &w, true)
	if CodeOf(err) == codeSilent {
		return nil // it was noted, and the schedule goes on
	}
	return err
}

// askNoMore gives up asking about a payment: it is a person's from now on, and is asked about again once something
// changes it.
func (c *Checkout) askNoMore(ctx context.Context, w Work) error {
	_, err := c.amend(ctx, "", w.Subject, Cause{"time", ""}, func(a *amendment) error {
		for _, at := range a.Attempts {
			a.doubt(at)
		}
		a.lease, a.givenUp = &w, true
		return nil
	})
	return err
}

// codeSilent is the code of an error that says no more than that a provider did not answer.
const codeSilent = "provider_unavailable"

// inquire is Sync; with a lease, what was learned is stored under it. Without again no call is made again, whatever the
// provider's rule is.
func (c *Checkout) inquire(ctx context.Context, merchant, id string, lease *Work, again bool) (*Payment, error) {
	p, err := c.store.Payment(ctx, merchant, id)
	if err != nil {
		return nil, err
	}
	var silent error
	attempts := slices.DeleteFunc(slices.Clone(p.Attempts), func(at *Attempt) bool { return c.mute(p, at) })
	if len(attempts) == 0 && (lease != nil || !p.CheckAt.IsZero()) {
		if p, err = c.unasked(ctx, p, lease); err == nil && again {
			p = c.proceedAll(ctx, p, Cause{"time", ""})
		}
		return p, err
	}
	for i, at := range attempts {
		account, err := c.account(at.Account)
		var s Snapshot
		var asked []Object
		var exchanges []Exchange
		began := now()
		if err == nil {
			s, asked, exchanges, err = account.question(ctx, p, at)
		}
		if err != nil {
			if silent = err; account != nil {
				silent = &Error{Kind: Unavailable, Op: "core.Sync", Code: codeSilent, Message: account.noTell("the provider did not tell; ask again later"), Err: err}
			}
			level := slog.LevelWarn
			if errors.Is(ctx.Err(), context.Canceled) {
				level = slog.LevelDebug // whoever asked is gone, or the process stops
			}
			c.log.Log(ctx, level, "provider not asked", "account", at.Account, "payment", p.ID, "error", err)
		}
		owed := silent != nil || i < len(attempts)-1 || len(asked) < len(at.Named) // somebody has yet to tell
		if p, err = c.learned(ctx, p, at, account, lease, s, asked, exchanges, err, owed, began); err != nil {
			return nil, err
		}
		if !again {
			continue
		}
		if p, err = c.again(ctx, p); err != nil {
			return nil, err
		}
	}
	if again && silent == nil {
		p = c.proceedAll(ctx, p, Cause{"query", ""})
	}
	return p, silent
}

// unasked is what time alone brings to a payment that nobody can be asked about: the schedule goes on all the same, so
// that a call whose process died is in doubt, a session ends, and a person looks in the end.
func (c *Checkout) unasked(ctx context.Context, p *Payment, lease *Work) (*Payment, error) {
	return c.amend(ctx, "", p.ID, Cause{"time", ""}, func(a *amendment) error {
		a.Checks++
		a.asked, a.lease = true, lease
		for _, at := range a.Attempts {
			a.doubt(at)
			a.expire(at)
		}
		return nil
	})
}

// again makes the calls again whose outcome is unknown and that the provider's rule lets be made again: the same
// operation, the same key, the same bytes. It stays in doubt meanwhile. What the totals of p left to be made again is not
// when something was told since: that may be the call.
func (c *Checkout) again(ctx context.Context, p *Payment) (*Payment, error) {
	for _, o := range p.Operations {
		account := c.accounts[p.attempt(o.AttemptID).Account]
		sameKey := account != nil && account.caps.Resume[o.Kind] == ResumeSameKey
		if account == nil || o.State != OpUnknown || !o.again && !sameKey {
			continue
		}
		var intent Operation
		facts := p.FactCount
		_, err := c.amend(ctx, "", p.ID, Cause{"time", o.ID}, func(a *amendment) error {
			known, told := o.RepeatAt, o.again && a.FactCount != facts
			o := a.operation(o.ID)
			intent = Operation{}
			if o.State == OpUnknown && !told && (!o.Review || sameKey) && !o.repeating(a.now) && o.RepeatAt.Equal(known) {
				o.Try, o.Deadline, o.RepeatAt = o.Try+1, a.now.Add(account.CallTimeout), time.Time{}
				intent = *o
				intent.again = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if intent.ID == "" {
			continue // somebody else was faster
		}
		res := account.invoke(ctx, &intent)
		if p, err = c.conclude(ctx, &intent, account, res, func(*amendment) error { return nil }); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// neverLeft reports whether nothing of the attempt can have reached the provider.
func (p *Payment) neverLeft(at *Attempt) bool {
	for _, o := range p.Operations {
		if o.AttemptID == at.ID && o.State != OpNotSent {
			return false
		}
	}
	return true
}

// mute reports whether there is nobody to ask about an attempt: its provider answers no questions, or nothing of it
// ever left.
func (c *Checkout) mute(p *Payment, at *Attempt) bool {
	account, err := c.account(at.Account)
	return err == nil && (account.querier == nil || p.neverLeft(at))
}

// learned stores what a query found that began at began, and settles with it what was in doubt.
func (c *Checkout) learned(ctx context.Context, p *Payment, at *Attempt, account *Account, lease *Work, s Snapshot, asked []Object, exchanges []Exchange, queryErr error, owed bool, began time.Time) (*Payment, error) {
	return c.amend(ctx, "", p.ID, Cause{"query", at.ID}, func(a *amendment) error {
		at := a.attempt(at.ID)
		a.Checks++
		a.asked, a.began, a.silent, a.lease = true, began, owed, lease
		a.doubt(at)
		a.unname(at, asked)
		if forgotten := !s.Found && a.tallyOf(at).fulfilled(); queryErr != nil || forgotten {
			a.silent = a.silent || forgotten // it has told of the money before, so it must know of it: that it finds nothing is no total
			if account == nil {
				return nil
			}
			return a.refusedToTell(ctx, at, account, exchanges, queryErr)
		}
		if !began.Before(at.OwedAt) && (s.Found || began.After(at.ExpiresAt) && !a.hinted(at)) { // what is not found while its page is open, or was told of, may come
			at.OwedAt = time.Time{}
		}
		facts := len(a.Facts)
		if a.beyond(at, s.Facts) {
			a.Mismatch, s.Facts = true, nil // it is kept as evidence and moves nothing
			a.learn(at, account.evidence(EvidenceQuery, "query", "", exchanges, nil), nil, nil, nil, "")
			return nil
		}
		s.Facts = a.stood(at, account, a.asShown(at, s.Facts))
		denied := a.denied(at, account, s)
		if a.tells(at, s) || a.openOperation() != nil || len(denied) > 0 {
			a.learn(at, account.evidence(EvidenceQuery, "query", "", exchanges, nil), append(s.Facts, denied...), s.Refs, s.Memo, s.Display)
		}
		if s.Review != nil && at.Next != nil && at.Next.Then == ThenRead && at.Returned {
			a.reviewed(at, s.Review)
		}
		a.agreed(at, account, s)
		a.resolve(at, account, a.evidenceID())
		a.readBack(at, account, a.evidenceID())
		a.reread(at, account, s)
		a.expire(at)
		if len(a.Facts) != facts {
			a.Checks = 0
		}
		return nil
	})
}

// hinted reports whether somebody has told of money at the attempt whom nobody believes without asking.
func (a *amendment) hinted(at *Attempt) bool {
	return slices.ContainsFunc(a.Facts, func(e Entry) bool { return e.AttemptID == at.ID && hintsAtMoney([]Fact{e.Fact}) })
}

// beyond reports whether facts tell of more authorized or captured than the attempt ever asked for. Whatever that is
// about, it is not this attempt.
func (a *amendment) beyond(at *Attempt, facts []Fact) bool {
	return slices.ContainsFunc(facts, func(f Fact) bool {
		return (f.Kind == Authorized || f.Kind == Captured) && f.Amount.Currency == at.Amount.Currency && f.Amount.Minor > at.Amount.Minor
	})
}

// tells reports whether a query found anything new: what only repeats what is known is not kept, so that asking for
// two weeks does not fill the timeline.
func (a *amendment) tells(at *Attempt, s Snapshot) bool {
	for _, f := range s.Facts {
		if !a.knows(at.ID, f) {
			return true
		}
	}
	return false
}

func (a *amendment) evidenceID() string {
	if len(a.evidence) == 0 {
		return ""
	}
	return a.evidence[len(a.evidence)-1].ID
}

// doubt makes an operation unknown whose call must be over without a stored result: its process died.
func (a *amendment) doubt(at *Attempt) {
	for _, o := range a.Operations {
		if o.AttemptID == at.ID && o.State == OpSent && !o.HasNext && a.now.After(o.Deadline) {
			o.State = OpUnknown
		}
	}
	a.settle()
}

// resolve decides operations of unknown outcome by the provider's totals: what rose by exactly the operation's amount
// since its intent was committed, beyond what other bookings account for, was done. What did not rise may only be late;
// see repeatable.
func (a *amendment) resolve(at *Attempt, account *Account, evidence string) {
	for _, o := range a.openToTotals(at, account) {
		denied, rule := o.State == OpDeclined, account.caps.Resume[o.Kind]
		t := a.tallyOf(at)
		captured, refunded := t.own()
		if denied && (o.Kind == OpCapture && captured != o.Baseline.Captured || o.Kind == OpRefund && refunded != o.Baseline.Refunded) {
			continue // what rose since is accounted for by others
		}
		f := Fact{Measure: Single, Amount: o.Amount, ID: o.Key, Of: o.Of, OpKey: o.Key, Strength: Asserted, OccurredAt: a.now}
		switch {
		case o.Kind == OpCapture && t.captured() == addCapped(max(o.Baseline.Captured, captured), o.Amount.Minor):
			f.Kind = Captured
		case o.Kind == OpRefund && t.refunded() == addCapped(max(o.Baseline.Refunded, refunded), o.Amount.Minor):
			f.Kind = Refunded
		case denied:
			continue
		case o.Kind == OpCapture && t.captured() != o.Baseline.Captured, o.Kind == OpRefund && t.refunded() != o.Baseline.Refunded:
			o.Review = true // somebody else moved money meanwhile: what is ours of it, a person has to see
			continue
		default:
			a.repeatable(o, account, rule)
			continue
		}
		a.Apply(at.ID, evidence, []Fact{f}, a.now)
		a.succeeded(o)
	}
	for _, o := range a.Operations {
		if o.AttemptID == at.ID && o.State == OpSucceeded {
			a.succeeded(o)
		}
	}
}

// openToTotals are the operations of an attempt that totals may decide: those of unknown outcome, and only then those that
// an operator has denied, who may have looked too early.
func (a *amendment) openToTotals(at *Attempt, account *Account) (out []*Operation) {
	var denied []*Operation
	for _, o := range a.Operations {
		switch {
		case o.AttemptID != at.ID || !account.totals(o.Kind):
		case o.State == OpUnknown:
			out = append(out, o)
		case o.State == OpDeclined && a.attested(o):
			denied = append(denied, o)
		}
	}
	return append(out, denied...)
}

// repeatable notes that the provider shows nothing of o. Seen again after the provider's gap, nothing of it is on the
// way any more: then the call may be made again under the rule, or, when a repetition was refused as well, it was
// declined. A part of what is left, sent again, could be taken twice: a person decides (5.3).
func (a *amendment) repeatable(o *Operation, account *Account, rule ResumeRule) {
	switch {
	case o.repeating(a.now): // what is seen now may be from before it
	case o.RepeatAt.IsZero():
		o.RepeatAt = a.now.Add(account.caps.ResumeGap)
	case a.now.Before(o.RepeatAt) || o.Review:
	case o.Try > 1 && o.Failure != nil:
		o.State = OpDeclined
	case rule == ResumeTotalsWhole && o.Amount.Minor != o.Baseline.Authorized-o.Baseline.Captured:
		o.Review = true
	default:
		o.again = true
	}
}

// expire ends what time has ended: a session that is over and of which the provider, asked afterwards, knows nothing
// decided; and after a day without a living attempt, the payment. A late success is booked all the same.
func (a *amendment) expire(at *Attempt) {
	t := a.tallyOf(at)
	if at.Next != nil && !at.ExpiresAt.IsZero() && a.now.After(at.ExpiresAt) && !t.obtained() {
		at.Expired = true
	}
	if a.now.Sub(a.CreatedAt) > a.pace.of(tryFor) {
		a.Expired = true
	}
}

// tryFor is how long a payment may be tried again.
const tryFor = 24 * time.Hour

// settleDoubt asks the provider first when an earlier operation is in doubt.
func (c *Checkout) settleDoubt(ctx context.Context, merchant, id string) error {
	p, err := c.store.Payment(ctx, merchant, id)
	if err != nil {
		return err
	}
	o := p.openOperation()
	if o == nil || o.State != OpUnknown && (o.State != OpSent || !now().After(o.Deadline)) {
		return nil
	}
	if account := c.accounts[p.attempt(o.AttemptID).Account]; account != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, account.AnswerWithin/2) // the caller waits, and his own call comes after it
		defer cancel()
	}
	_, err = c.inquire(ctx, merchant, id, nil, true)
	if KindOf(err) == Unavailable {
		return nil // the doubt remains, and the operation is refused because of it
	}
	return err
}
