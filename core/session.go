package core

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"time"
)

// Some providers open a session for the buyer: he chooses there, is back, is shown what he chose, agrees, and is back
// again; only then the provider is told to go through with it. What follows from the buyer being back core does itself,
// and each step is an effect like any other: its intent is committed first, so that of a return, a second return and the
// background one makes the call, and what is lost on the way is made up for by the background.

// step is what core does next with an attempt whose buyer is back.
type step uint8

const (
	stepNone step = iota
	stepRead
	stepConfirm
	stepComplete
)

// mostSteps is how many steps one return leads to at most: what a browser brought is read, and then confirmed or completed.
const mostSteps = 3

// staged reports whether core has something to do when the buyer is back from the attempt's action.
func (at *Attempt) staged() bool {
	return at.Next != nil && (at.Next.Then == ThenRead || at.Next.Then == ThenConfirm || at.Next.Then == ThenComplete)
}

// due is the step that follows now for an attempt, of those its account can make.
func (p *Payment) due(at *Attempt, account *Account) step {
	if account == nil {
		return stepNone
	}
	return p.next(at, func(s step) bool {
		return s == stepRead && account.sessions != nil || s == stepConfirm && account.confirmer != nil || s == stepComplete && account.completer != nil
	})
}

// next is what follows from the buyer of an attempt being back, if it can be made: nothing while a call is under way, once
// there is money or an agreement, or after somebody ended it. Nobody who turned away, and nobody of a canceled payment, is
// charged.
func (p *Payment) next(at *Attempt, can func(step) bool) step {
	if !at.staged() || !at.Returned || p.Canceled {
		return stepNone
	}
	t := p.tallyOf(at)
	if live, _ := p.live(at, t); !live || t.obtained() {
		return stepNone
	}
	for _, o := range p.Operations {
		if o.AttemptID != at.ID {
			continue
		}
		finished := o.State == OpSucceeded && !o.HasNext && (o.Kind == OpComplete || o.Kind == OpConfirm && at.Next.Then == ThenConfirm)
		if o.open() || finished {
			return stepNone
		}
	}
	review, tried := p.reviewing(at)
	switch {
	case review && p.Order.ReviewURL == "" && !tried && can(stepConfirm):
		return stepConfirm
	case review:
		return stepNone // it is for the merchant to confirm
	case can(stepRead) && (at.Next.Then == ThenRead && at.Review == nil || at.unbound()):
		return stepRead
	case at.Next.Then == ThenComplete && can(stepComplete):
		return stepComplete
	case at.Next.Then == ThenConfirm && can(stepConfirm):
		return stepConfirm
	}
	return stepNone
}

// obtained reports whether the attempt has what it was made for, or the provider is deciding that.
func (t *tally) obtained() bool { return t.fulfilled() || t.authPending() || t.everAgreed() > 0 }

// unbound reports whether a browser brought an id of a kind that the attempt has none of. With ThenConfirm it is for the
// adapter to use.
func (at *Attempt) unbound() bool {
	return at.Brought != nil && at.Next.Then != ThenConfirm && len(without(at.Brought.Refs, at.Refs)) > 0
}

// otherThan reports whether a browser brought another id of a kind than is bound.
func (b *Brought) otherThan(bound Refs) bool {
	if b == nil {
		return false
	}
	for kind, id := range b.Refs {
		if bound[kind] != "" && bound[kind] != id {
			return true
		}
	}
	return false
}

// without are the refs whose kinds are not in bound.
func without(refs, bound Refs) Refs {
	left := maps.Clone(refs)
	maps.DeleteFunc(left, func(kind, _ string) bool { return bound[kind] != "" })
	return left
}

// reviewing tells whether an attempt has a review that no confirm has used up, and whether one was made for it.
func (p *Payment) reviewing(at *Attempt) (open, tried bool) {
	if at.Review == nil {
		return false, false
	}
	open = true
	for _, o := range p.Operations {
		if o.AttemptID == at.ID && o.Kind == OpConfirm && !o.CreatedAt.Before(at.Review.ReadAt) {
			open = open && !o.open() && o.State != OpSucceeded
			tried = tried || o.State != OpNotSent
		}
	}
	return open, tried
}

// knownBack is what the adapter is handed of an attempt, with what a browser brought that nobody has confirmed yet. What
// is bound is never replaced.
func (p *Payment) knownBack(at *Attempt) Known {
	k := p.known(at)
	if b := at.Brought; b != nil {
		k.Refs, k.Memo = merge(b.Refs, k.Refs), merge(b.Memo, k.Memo)
	}
	return k
}

// proceed does what is due for core itself with an attempt, step by step, until somebody else has to act. The error is
// Unavailable when the provider could not be reached: the step stays due and the background makes it.
func (c *Checkout) proceed(ctx context.Context, p *Payment, attemptID string, cause Cause) (*Payment, error) {
	for range mostSteps {
		at, before := p.attempt(attemptID), p.Version
		var err error
		switch s := p.due(at, c.accounts[at.Account]); s {
		case stepNone:
			return p, nil
		case stepRead:
			p, err = c.readSession(ctx, p, at, cause)
		default:
			p, err = c.follow(ctx, p, at, s, cause)
		}
		if err != nil || p.Version == before {
			return p, err
		}
	}
	return p, nil
}

// proceedAll is proceed for each attempt, for the background: what fails stays due.
func (c *Checkout) proceedAll(ctx context.Context, p *Payment, cause Cause) *Payment {
	for i := range p.Attempts {
		q, err := c.proceed(ctx, p, p.Attempts[i].ID, cause)
		if err != nil {
			c.log.Log(ctx, slog.LevelWarn, "session not gone on with", "payment", p.ID, "error", err)
		}
		if q != nil {
			p = q
		}
	}
	return p
}

// follow makes a call that follows from the buyer being back, as operate makes one that a merchant asks for. When it is
// under way already, or takes longer than a request waits, the payment is given as it stands.
func (c *Checkout) follow(ctx context.Context, p *Payment, at *Attempt, s step, cause Cause) (*Payment, error) {
	account := c.accounts[at.Account]
	return c.callAlone(ctx, p, account, cause, func(a *amendment) (*Operation, error) {
		if at := a.attempt(at.ID); a.due(at, account) == s {
			return a.intendStep(c, account, at, s)
		}
		return nil, nil
	})
}

// callAlone makes a call that nobody asked for by a request. intend gives its intent, nil for none.
func (c *Checkout) callAlone(ctx context.Context, p *Payment, account *Account, cause Cause, intend func(*amendment) (*Operation, error)) (*Payment, error) {
	var o *Operation
	stored, err := c.amend(ctx, "", p.ID, cause, func(a *amendment) (err error) {
		o, err = intend(a)
		return err
	})
	if CodeOf(err) == "commit_unknown" && o != nil {
		if err = c.committed(ctx, p, o); err == nil {
			stored, err = c.store.Payment(ctx, "", p.ID)
		}
	}
	switch {
	case KindOf(err) == Conflict && err != nil:
		if q, err := c.store.Payment(ctx, "", p.ID); err == nil {
			return q, nil // somebody else makes the call
		}
		return p, err
	case err != nil:
		return p, err
	case o == nil:
		return stored, nil
	}
	intent, done := *o, make(chan *Payment, 1)
	c.running.Go(func() {
		ctx := context.WithoutCancel(ctx)
		q, err := c.conclude(ctx, &intent, account, account.invoke(ctx, &intent), func(*amendment) error { return nil })
		if err != nil {
			q = stored // that it happened is not denied: it is asked for
		}
		done <- q
	})
	wait := time.NewTimer(account.AnswerWithin)
	defer wait.Stop()
	select {
	case q := <-done:
		if q.operation(intent.ID).State == OpNotSent {
			return q, &Error{Kind: Unavailable, Op: "core.callAlone", Code: codeSilent, Message: "the provider could not be reached and nothing was done; it is tried again"}
		}
		return q, nil
	case <-wait.C:
		return stored, nil
	}
}

// intendStep is the intent of a step that is a call.
func (a *amendment) intendStep(c *Checkout, account *Account, at *Attempt, s step) (*Operation, error) {
	if s == stepConfirm {
		return a.intendConfirm(c, account, at)
	}
	order := c.order(a.Payment, at)
	o, err := a.intendAgain(account, at, OpComplete, a.Amount, CompleteInput{Known: a.knownBack(at), Order: order, SetupOnly: a.Order.SetUp})
	if o != nil && account.caps.CompleteProves && a.cause.Kind == "query" {
		o.Reason = reasonProof
	}
	return o, err
}

// intendConfirm is the intent to confirm what the buyer chose, as it was shown.
func (a *amendment) intendConfirm(c *Checkout, account *Account, at *Attempt) (*Operation, error) {
	order := c.order(a.Payment, at)
	return a.intendAgain(account, at, OpConfirm, a.Amount, a.confirmation(at, order))
}

func (a *amendment) confirmation(at *Attempt, order Order) ConfirmInput {
	return ConfirmInput{Known: a.knownBack(at), Order: order, Review: at.Review}
}

// intendAgain is intend, but for a call of which nothing left before: the same one is made again, if it is to say the same.
func (a *amendment) intendAgain(account *Account, at *Attempt, kind OpKind, amount Money, input any) (*Operation, error) {
	asked := frozen(input)
	for _, o := range a.Operations {
		if o.AttemptID != at.ID || o.Kind != kind || o.State != OpNotSent || !bytes.Equal(o.Input, asked) || o.Amount != amount {
			continue
		}
		if err := a.place(o, account); err != nil {
			return nil, err
		}
		o.State, o.Try, o.Failure, o.Deadline = OpSent, o.Try+1, nil, a.now.Add(account.CallTimeout)
		return o, nil
	}
	return a.intend(account, at, kind, amount, input, nil)
}

// readSession reads what the buyer chose, and binds to the attempt what a browser brought of it if the provider says that
// it belongs there. The error is Unavailable when nothing was learned.
func (c *Checkout) readSession(ctx context.Context, p *Payment, at *Attempt, cause Cause) (*Payment, error) {
	account := c.accounts[at.Account]
	asked := at.Brought
	out, exchanges, err := account.readSession(ctx, SessionInput{Known: p.knownBack(at)})
	if err != nil {
		silent := &Error{Kind: Unavailable, Op: "core.readSession", Code: codeSilent, Message: account.noTell("the provider did not tell what the buyer chose; it is asked again"), Err: err}
		if (at.Review == nil || at.Next.Then != ThenRead) && account.CredentialsRefused().At.IsZero() {
			return p, silent
		}
		q, err := c.amend(ctx, "", p.ID, cause, func(a *amendment) error {
			at := a.attempt(at.ID)
			if at.Review != nil && at.Next != nil && at.Next.Then == ThenRead && a.openOperation() == nil {
				at.Review = nil // he may have chosen otherwise: what was shown before is not to be confirmed
			}
			return a.refusedToTell(ctx, at, account, exchanges, silent)
		})
		if err != nil {
			return p, err
		}
		return q, silent
	}
	return c.amend(ctx, "", p.ID, cause, func(a *amendment) error {
		if at := a.attempt(at.ID); at.staged() {
			a.hasRead(at, account, asked, out, exchanges)
		}
		return nil
	})
}

// hasRead stores what a session says. Of the ids in it those are bound that the attempt has none of: what is bound stays,
// whatever a later browser brings (port F21). An id that the provider does not confirm is forgotten, and whoever brought it
// was not there.
func (a *amendment) hasRead(at *Attempt, account *Account, asked *Brought, out Outcome, exchanges []Exchange) {
	if asked.otherThan(at.Refs) {
		return // another one was bound meanwhile
	}
	refs := without(out.Refs, at.Refs)
	shows := at.Next.Then == ThenRead || at.Review != nil // else it was read to bind it only
	news := len(refs) > 0 || len(without(out.Memo, at.Memo)) > 0 || len(a.unknown(at, out.Facts)) > 0
	if shows && out.Review != nil && a.reviewed(at, out.Review) {
		news = true
	}
	if brought := at.Brought; brought != nil && (len(refs) > 0 || asked != nil && maps.Equal(asked.Refs, brought.Refs)) {
		at.Brought, news = nil, true
		if confirmed := merge(at.Refs, refs); len(without(brought.Refs, confirmed)) == 0 {
			at.Memo = merge(brought.Memo, at.Memo)
		} else if len(out.Facts) == 0 {
			at.Returned = false
		}
	}
	if shows && at.Review == nil && len(out.Facts) == 0 && at.Returned {
		at.Returned, news = false, true // nothing is chosen yet
	}
	if !news {
		return // a reload shows what is there
	}
	if life := a.sessionLife(account, at); len(refs) > 0 && life > 0 {
		at.ExpiresAt = later(at.ExpiresAt, a.now.Add(life))
	}
	a.learn(at, account.evidence(EvidenceQuery, "session", "", exchanges, nil), out.Facts, refs, out.Memo, out.Display)
}

// reviewed keeps what the buyer chose, and reports whether it is something else than before. A choice that was changed
// after it was confirmed has to be confirmed again.
func (a *amendment) reviewed(at *Attempt, r *Review) bool {
	review := *r
	if was := at.Review; was != nil {
		if review.ReadAt = was.ReadAt; bytes.Equal(frozen(review), frozen(was)) {
			return false
		}
	}
	review.ReadAt = a.now
	at.Review = &review
	if at.Next != nil && at.Next.Then != ThenRead {
		at.Returned = true
	}
	return true
}

// sessionLife is how long a session of the attempt's method lasts at the provider, 0 when nobody says.
func (a *amendment) sessionLife(account *Account, at *Attempt) time.Duration {
	if caps := account.methodCaps(at.Method); caps != nil {
		return caps.SessionLife
	}
	return 0
}

// reread decides by what the provider shows of a session about calls of unknown outcome that are to be: it was not
// completed, so the call may be made again once none can be on its way any more.
func (a *amendment) reread(at *Attempt, account *Account, s Snapshot) {
	for _, o := range a.Operations {
		if o.AttemptID == at.ID && o.State == OpUnknown && o.Kind == OpComplete && account.caps.Resume[o.Kind] == ResumeReread && s.Found && s.Session != "" {
			a.repeatable(o, account, ResumeReread)
		}
	}
}

// readSession reads a session. It has no effect, so an error means only that nothing was learned.
func (a *Account) readSession(ctx context.Context, in SessionInput) (Outcome, []Exchange, error) {
	ctx, cancel := context.WithTimeout(asking(ctx), min(a.CallTimeout, queryTimeout))
	defer cancel()
	var exchanges []Exchange
	out, err := guarded(withRecorder(a.judged(ctx), func(e Exchange) { exchanges = append(exchanges, e) }), func(ctx context.Context) (Outcome, error) {
		return a.sessions.ReadSession(ctx, in)
	})
	if err == nil && out.Echo.Reference != "" && out.Echo.Reference != in.Reference {
		return Outcome{}, exchanges, fmt.Errorf("the answer is about another reference")
	}
	return out, exchanges, err
}
