package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// prepare builds the intent of one effect inside a job: the amended payment and the operation to be called.
type prepare func(tx Tx) (*amendment, *Operation, error)

// operate runs one effect: (a) one transaction commits the claim of the key, the intent and what it reserves; (b) the
// call, outside of any transaction and detached from ctx; (c) one transaction commits what came of it, with the
// answer. When the call takes longer than the account has requests wait, the answer is what is known by then, and the call goes on.
func (c *Checkout) operate(ctx context.Context, r Request, paymentID string, prep prepare, answer func(*Payment, *Operation) Answer) (Answer, error) {
	var p *Payment
	var o *Operation
	var rec *IdempotencyRecord
	var then follows
	err := c.store.Do(ctx, paymentID, func(tx Tx) error {
		a, op, err := prep(tx)
		if err != nil {
			return err
		}
		if rec, err = r.claim(tx, op, a.now, c.pace.of(claimMargin)); err != nil {
			return err
		}
		p, o = a.Payment, op
		a.evidence = append(a.evidence, a.from(r.evidence()))
		err = a.write()
		then = a.follows
		return err
	})
	if c.desk.unsure(err); CodeOf(err) == "commit_unknown" && o != nil {
		err = c.committed(ctx, p, o)
	}
	if err != nil {
		return Answer{}, err
	}
	c.desk.handOver(then)
	done := make(chan result, 1)
	intent := *o
	c.running.Go(func() {
		a, err := c.carryOut(context.WithoutCancel(ctx), p, &intent, rec, answer)
		done <- result{a, err}
	})
	wait := time.NewTimer(c.accounts[p.attempt(o.AttemptID).Account].AnswerWithin)
	defer wait.Stop()
	select {
	case res := <-done:
		if res.err != nil && KindOf(res.err) != Unavailable {
			break // the result is not stored; that it happened must not be denied
		}
		return res.answer, res.err
	case <-wait.C:
	}
	return answer(p, o), nil
}

type result struct {
	answer Answer
	err    error
}

// committed decides after a commit whose fate is unknown: this very try of the operation is there, or nothing happened. A
// database that cannot tell leaves it open: no call was made, and if the intent is there, a repetition finds it.
func (c *Checkout) committed(ctx context.Context, p *Payment, o *Operation) error {
	stored, err := c.store.Payment(ctx, p.MerchantID, p.ID)
	if err == nil {
		if kept := stored.operation(o.ID); kept != nil && kept.Try == o.Try {
			return nil
		}
	}
	return &Error{Kind: Unavailable, Op: "core.operate", Code: "storage_unavailable", Message: "the provider was not called; the request may be repeated with the same key", Err: err}
}

// carryOut makes the call of a committed intent and stores what came of it.
func (c *Checkout) carryOut(ctx context.Context, p *Payment, o *Operation, rec *IdempotencyRecord, answer func(*Payment, *Operation) Answer) (Answer, error) {
	account := c.accounts[p.attempt(o.AttemptID).Account]
	res := account.invoke(ctx, o)
	var ans Answer
	notSent := false
	_, err := c.conclude(ctx, o, account, res, func(a *amendment) (err error) {
		stored := a.operation(o.ID)
		ans, notSent = answer(a.Payment, stored), stored.State == OpNotSent
		if rec == nil || notSent && stored.Try != o.Try {
			return nil // nobody is to be answered, or the key is somebody else's by now, who makes the call again
		}
		ans, err = rec.answered(a.tx, ans, notSent)
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	if notSent {
		return Answer{}, &Error{Kind: Unavailable, Op: "core.operate", Code: "provider_unavailable",
			Message: "the provider could not be reached and nothing was done; the request may be repeated with the same key", Err: res.err}
	}
	return ans, nil
}

// defectTries is how often a result is stored again after an error that waiting does not mend.
const defectTries = 5

// conclude stores how a call ended, again and again while only the database is in the way: the call cannot be undone,
// and nobody else knows its answer. A closed store ends it, and so does a defect that a few tries do not get around:
// then the operation stays as its intent has it, and the provider is asked on the schedule.
func (c *Checkout) conclude(ctx context.Context, o *Operation, account *Account, res called, then func(*amendment) error) (*Payment, error) {
	ctx = context.WithoutCancel(ctx) // whoever asked may be gone
	e := account.evidence(EvidenceAnswer, string(o.Kind), o.ID, res.exchanges, res.err)
	doubt, defects := false, 0
	for try := 0; ; try++ {
		p, err := c.amend(ctx, "", o.PaymentID, Cause{"provider_call", o.ID}, func(a *amendment) error {
			if doubt { // a commit whose fate is unknown may have been kept, and then everything of it was
				if kept, err := a.holds(ctx, e.ID); kept || err != nil {
					return err
				}
			}
			a.conclude(o, account, res, e)
			a.then = func() error { return then(a) }
			return nil
		})
		if err == nil {
			return p, nil
		}
		switch doubt = doubt || CodeOf(err) == "commit_unknown"; {
		case CodeOf(err) == "storage_closed":
			return nil, &Error{Kind: Internal, Op: "core.conclude", Message: "the result of a call could not be stored; it is asked for after the next start", Err: err}
		case passes(err):
			c.log.WarnContext(ctx, "result not stored yet", "operation", o.ID, "error", err)
		default:
			c.log.ErrorContext(ctx, "result cannot be stored", "payment", o.PaymentID, "operation", o.ID, "kind", o.Kind, "result", res.Result, "try", try+1, "error", err)
			if defects++; defects == defectTries || KindOf(err) == NotFound {
				return nil, &Error{Kind: Internal, Op: "core.conclude", Message: "the result of a call could not be stored; the provider is asked for it on the schedule", Err: err}
			}
		}
		time.Sleep(min(50*time.Millisecond<<min(try, 10), 5*time.Second))
	}
}

// holds reports whether the payment has this evidence already.
func (a *amendment) holds(ctx context.Context, evidence string) (bool, error) {
	all, err := a.tx.Evidence(ctx, a.ID)
	return slices.ContainsFunc(all, func(e Evidence) bool { return e.ID == evidence }), err
}

// conclude applies how the call of intent ended, with e as the evidence. What feedback has decided meanwhile stays
// decided, and a call that is made again is not ended by the one before it.
func (a *amendment) conclude(intent *Operation, account *Account, res called, e Evidence) {
	o := a.operation(intent.ID)
	at, was := a.attempt(o.AttemptID), o.State
	if totals := account.caps.Resume[o.Kind]; o.Try > 1 && res.Result == Declined && (totals == ResumeTotals || totals == ResumeTotalsWhole) {
		// A repetition may be refused because the first call was only late: the totals decide which it was.
		res.Outcome = Outcome{Result: Unknown, Failure: res.Failure}
	}
	if res.Result == NotSent {
		res.Outcome = o.unsent(intent)
	}
	if (o.State == OpSent || o.State == OpUnknown) && o.Try == intent.Try {
		o.State, o.Failure, o.HasNext = stateOf(res.Result), res.Failure, res.Next != nil
		o.Deadline = earlier(o.Deadline, a.now) // the call is over
	}
	if o.Kind == OpUpdateMandate {
		a.page.next = res.Next
	} else if res.Next != nil {
		a.offered(at, account, res.Next)
	}
	if res.Review != nil && !(o.Kind == OpConfirm && o.State == OpSucceeded) { // that one is about what was confirmed
		a.reviewed(at, res.Review)
	}
	a.learn(at, e, res.Facts, res.Refs, res.Memo, res.Display)
	if o.State == OpDeclined && o.Try == intent.Try {
		a.refused(at, o)
	}
	if o.State == OpSucceeded {
		a.succeeded(o)
	}
	if o.State == OpSucceeded && was != OpSucceeded && o.Kind == OpUpdate {
		a.updated(o)
	}
	if o.State == OpDeclined && (o.Kind == OpCapture || o.Kind == OpVoid) && a.now.After(at.heldUntil()) && (o.Of != "" || a.tallyOf(at).everAgreed() == 0) {
		// The time of the hold is over and the provider refuses: it lapsed there, which nobody tells.
		a.Apply(at.ID, a.evidenceID(), []Fact{{Kind: AuthorizationClosed, ID: o.Of, Strength: Asserted, OccurredAt: a.now}}, a.now)
	}
}

// unsent is what follows for o from the proof that the call of intent never left. It says nothing about a call before
// it that is in doubt. And when o was found in doubt meanwhile, merchants were told of it: it fails, it does not vanish.
func (o *Operation) unsent(intent *Operation) Outcome {
	switch {
	case intent.again:
		return Outcome{Result: Unknown}
	case o.State == OpUnknown:
		return Outcome{Result: Declined, Failure: &Failure{Category: FailureDeclaredTimeout, RetryAdvice: RetryLater,
			ProviderMessage: "the provider was not reached in time, and nothing was done"}}
	}
	return Outcome{Result: NotSent}
}

// succeeded does what follows here from an operation that was carried out there.
func (a *amendment) succeeded(o *Operation) {
	switch {
	case o.Kind == OpVoid && !a.Canceled && a.Amounts.Captured == 0 && a.Amounts.Capturable == 0:
		a.Canceled, a.CancelReason = true, o.Reason // unless another attempt goes on
	case o.Kind == OpCapture && o.Final:
		a.Waived = true
	}
}

// offered gives the buyer an action. One that does not say until when it can be used lasts as long as what it belongs to.
func (a *amendment) offered(at *Attempt, account *Account, next *NextAction) {
	at.Next, at.Returned = next, false
	switch life := a.sessionLife(account, at); {
	case !next.ExpiresAt.IsZero():
		at.ExpiresAt = next.ExpiresAt
	case at.ExpiresAt.IsZero() && life > 0:
		at.ExpiresAt = a.now.Add(life)
	}
}

// refused gives back what a refused call was to use, unless the provider has ended the attempt: the buyer, who is not
// through, has the action again that he came back from. After a review it is the review that is open again.
func (a *amendment) refused(at *Attempt, o *Operation) {
	switch t := a.tallyOf(at); {
	case t.ended || t.authDeclined():
	case o.Kind == OpConfirm && at.Review == nil:
		at.Returned, at.Brought = false, nil
	case o.Kind == OpComplete:
		at.Returned = false
	}
}

// withFloors adds to the bookings of our own that facts tell of what follows from their baselines: the counter was at
// least that before the booking and the amount came on top of it, whoever made the bookings before (port 3, last line),
// and whichever way the fact arrives. It is a floor of the attempt, of whichever authorization the booking was.
func (a *amendment) withFloors(at *Attempt, facts []Fact) []Fact {
	out := facts[:len(facts):len(facts)]
	for _, f := range facts {
		i := slices.IndexFunc(a.Operations, func(o *Operation) bool { return o.AttemptID == at.ID && f.OpKey != "" && o.Key == f.OpKey })
		if i < 0 || f.Strength == Hint || f.Measure != Single {
			continue
		}
		floor := Fact{Kind: f.Kind, Measure: AtLeast, OpKey: f.OpKey, Strength: f.Strength, OccurredAt: f.OccurredAt, Amount: f.Amount}
		switch b := a.Operations[i].Baseline; f.Kind {
		case Captured:
			floor.Amount.Minor = addCapped(b.Captured, f.Amount.Minor)
		case Refunded:
			floor.Amount.Minor = addCapped(b.Refunded, f.Amount.Minor)
		}
		if floor.Amount.Minor > f.Amount.Minor {
			out = append(out, floor)
		}
	}
	return out
}

// evidence is what is kept of a call to the account's provider.
func (a *Account) evidence(kind EvidenceKind, what, operationID string, exchanges []Exchange, err error) Evidence {
	kept := struct {
		Exchanges []Exchange `json:"exchanges"`
		Error     string     `json:"error,omitempty"`
	}{Exchanges: exchanges}
	if err != nil {
		kept.Error = err.Error()
	}
	return Evidence{ID: newID(prefixEvidence), OperationID: operationID, Kind: kind, Title: a.title(what), Detail: detail(kept)}
}

// intend adds an operation to the payment: its key, its baseline and its frozen input. edit sets what else it needs.
func (a *amendment) intend(account *Account, at *Attempt, kind OpKind, amount Money, input any, edit func(*Operation)) (*Operation, error) {
	o := &Operation{PaymentID: a.ID, AttemptID: at.ID, State: OpSent, Input: frozen(input), UpdatedAt: a.now,
		Op: Op{ID: newID(prefixOperation), Kind: kind, Reference: at.Reference, Amount: amount, Ordinal: 1, Try: 1, CreatedAt: a.now,
			Deadline: a.now.Add(account.CallTimeout)}}
	if edit != nil {
		edit(o)
	}
	for _, other := range a.Operations {
		if other.AttemptID == at.ID && other.Kind == kind {
			o.Ordinal++
		}
	}
	if err := a.place(o, account); err != nil {
		return nil, err
	}
	o.Key = account.operationKey(at.Reference, kind, o.OwnReference, o.Ordinal)
	a.Operations = append(a.Operations, o)
	return o, nil
}

// place gives o its place among the operations of its attempt: nothing else is in the way, its number is the next, and
// its baseline is what the provider is known to have done before.
func (a *amendment) place(o *Operation, account *Account) error {
	t := a.tallyOf(a.attempt(o.AttemptID))
	o.Baseline, o.Sequence, o.RepeatAt = Totals{t.authorized(), t.captured(), t.refunded()}, 0, time.Time{}
	for _, other := range a.Operations {
		if other == o {
			continue
		}
		if err := o.beside(other, account); err != nil {
			return err
		}
		if other.AttemptID == o.AttemptID && other.State != OpDeclined && other.State != OpNotSent {
			o.Sequence = max(o.Sequence, other.Sequence+1)
		}
	}
	for _, e := range a.Facts {
		if e.AttemptID == o.AttemptID && e.Sequence > 0 {
			o.Sequence = max(o.Sequence, e.Sequence+1)
		}
	}
	return nil
}

// beside refuses o while other stands in its way: one operation that is being sent or unknown at a time,
// and where the provider numbers its bookings, one that is open at all.
func (o *Operation) beside(other *Operation, account *Account) error {
	if o.OwnReference != "" && other.Kind == o.Kind && other.OwnReference == o.OwnReference {
		e := conflict("reference_exists", "the payment has a %s with this reference already", o.Kind)
		e.Object = other.Object
		return e
	}
	switch {
	case !other.open() || other.Kind.upkeep() != o.Kind.upkeep() || o.Kind == OpCancelMandate:
		return nil // the upkeep of a mandate moves no money, and nothing keeps it from being ended
	case other.State == OpUnknown:
		return conflict("previous_operation_unresolved", "the outcome of an earlier %s is not known yet; it is being asked for", other.Kind)
	case other.State == OpSent || account.caps.Serial:
		return conflict("operation_in_progress", "a %s is still running", other.Kind)
	}
	return nil
}

// invoke calls the provider with the frozen input of o.
func (a *Account) invoke(ctx context.Context, o *Operation) called {
	switch o.Kind {
	case OpStart:
		return call(ctx, a, o, a.provider.Start)
	case OpCapture:
		return call(ctx, a, o, a.capturer.Capture)
	case OpVoid:
		return call(ctx, a, o, a.voider.Void)
	case OpRefund:
		return call(ctx, a, o, a.refunder.Refund)
	case OpUpdate:
		return call(ctx, a, o, a.updater.UpdateSession)
	case OpConfirm:
		return call(ctx, a, o, a.confirmer.Confirm)
	case OpComplete, OpCompleteMandate:
		return call(ctx, a, o, a.completer.Complete)
	case OpChargeMandate:
		return call(ctx, a, o, a.charger.ChargeMandate)
	case OpCancelMandate:
		return call(ctx, a, o, a.canceler.CancelMandate)
	case OpStartMandate:
		return call(ctx, a, o, a.mandateStarter.StartMandate)
	case OpUpdateMandate:
		return call(ctx, a, o, a.mandateUpdater.UpdateMandate)
	case OpAuthorize:
		return call(ctx, a, o, a.authorizer.Authorize)
	}
	return called{Outcome: Outcome{Result: NotSent}, err: fmt.Errorf("nothing carries out %q", o.Kind)}
}

func call[In any](ctx context.Context, a *Account, o *Operation, f func(context.Context, Op, In) (Outcome, error)) called {
	var in In
	if err := json.Unmarshal(o.Input, &in); err != nil {
		return called{Outcome: Outcome{Result: NotSent}, err: errors.Join(ErrNotSent, err)}
	}
	return a.call(ctx, o.Op, func(ctx context.Context) (Outcome, error) { return f(ctx, o.Op, in) })
}
