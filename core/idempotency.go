package core

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// scope is what the request's idempotency key is unique in.
func (r Request) scope() IdempotencyScope {
	return IdempotencyScope{MerchantID: r.MerchantID, Route: r.Route, Key: r.IdempotencyKey}
}

// replay answers a request whose key was used before. Neither answer nor error: the key is new.
// A key whose process died is resumed from what is stored; nothing is started afresh.
func (c *Checkout) replay(ctx context.Context, r Request) (*Answer, error) {
	rec, err := c.store.Idempotent(ctx, r.scope())
	if KindOf(err) == NotFound && err != nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if rec.Fingerprint != r.Fingerprint {
		return nil, &Error{Kind: Invalid, Code: "idempotency_key_reused", Message: "this Idempotency-Key was used for another request"}
	}
	if rec.Done && rec.Answer.Status != 202 {
		a := rec.Answer
		a.Replayed = true
		return &a, nil
	}
	if !rec.Done && now().Before(rec.LeaseUntil) {
		return nil, conflict("idempotency_in_progress", "the first request with this Idempotency-Key is still running")
	}
	return c.resumeKey(ctx, r, rec)
}

// resumeKey answers for a request whose outcome was open when it was answered, or whose process died before it was.
func (c *Checkout) resumeKey(ctx context.Context, r Request, rec *IdempotencyRecord) (*Answer, error) {
	if rec.Done && rec.OperationID == "" { // it was done without a call: nothing of it is open but what others began
		a := rec.Answer
		a.Replayed = true
		return &a, nil
	}
	if err := c.settleDoubt(ctx, rec.MerchantID, rec.PaymentID); err != nil {
		return nil, err
	}
	p, err := c.store.Payment(ctx, rec.MerchantID, rec.PaymentID)
	if err != nil {
		return nil, err
	}
	o := p.operation(rec.OperationID)
	if o == nil {
		return nil, &Error{Kind: Internal, Op: "core.resumeKey", Message: "the operation of an idempotency key is missing"}
	}
	answer, err := c.answerFor(ctx, rec.MerchantID, o)
	if err != nil {
		return nil, err
	}
	if o.State == OpNotSent && !rec.Done {
		a, err := c.repeat(ctx, r, rec, o, answer)
		return &a, err
	}
	a := answer(p, o)
	switch {
	case a.Status != 202:
		return c.keep(ctx, rec, a)
	case rec.Done:
		a = rec.Answer // still open: the answer as it was given
	}
	a.Replayed = true
	return &a, nil
}

// keep stores the first final answer to a request, so that every later one is the same. Whoever was faster is
// followed.
func (c *Checkout) keep(ctx context.Context, rec *IdempotencyRecord, a Answer) (*Answer, error) {
	var kept Answer
	err := c.store.Do(ctx, rec.PaymentID, func(tx Tx) (err error) {
		kept, err = rec.answered(tx, a, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	kept.Replayed = true
	return &kept, nil
}

// answered stores a as the answer to the request that claimed r and returns the one that stands: a request is answered
// once, except that an open answer gives way to a final one. Of what was not sent nothing is kept: the key is
// free to be used again. A claim that is gone by now takes no answer.
func (r *IdempotencyRecord) answered(tx Tx, a Answer, notSent bool) (Answer, error) {
	done := *r
	done.Done, done.Answer = true, a
	if notSent {
		done.Done, done.LeaseUntil, done.Answer = false, time.Time{}, Answer{}
	}
	err := tx.Finish(&done)
	switch {
	case err != nil && KindOf(err) == NotFound:
		return a, nil
	case err != nil || !done.Done:
		return a, err
	}
	return done.Answer, nil
}

// begun is operate for a request whose key was free when it was looked up. Where the same request came twice at once, the
// other one may have taken the key and changed the payment since: then what refuses this one is the other one's effect, and
// it is answered as a repetition.
func (c *Checkout) begun(ctx context.Context, r Request, paymentID string, prep prepare, answer func(*Payment, *Operation) Answer) (Answer, error) {
	ans, err := c.operate(ctx, r, paymentID, prep, answer)
	if kind := KindOf(err); err == nil || kind != Conflict && kind != Invalid {
		return ans, err
	}
	if a, again := c.replay(ctx, r); a != nil || again != nil {
		return deref(a), again
	}
	return Answer{}, err
}

// repeat runs an operation again of which it was proved that nothing left: same row, same provider key.
func (c *Checkout) repeat(ctx context.Context, r Request, rec *IdempotencyRecord, o *Operation, answer func(*Payment, *Operation) Answer) (Answer, error) {
	return c.operate(ctx, r, rec.PaymentID, func(tx Tx) (*amendment, *Operation, error) {
		a, err := c.loadAny(ctx, tx, r, rec.PaymentID)
		if err != nil {
			return nil, nil, err
		}
		again := a.operation(o.ID)
		if again.State != OpNotSent {
			return nil, nil, conflict("idempotency_in_progress", "the operation is running already")
		}
		at := a.attempt(again.AttemptID)
		account, err := c.account(at.Account)
		if err != nil {
			return nil, nil, err
		}
		if err := a.mayRepeat(again, account); err != nil {
			return nil, nil, err
		}
		again.State, again.Try, again.Failure, again.Deadline = OpSent, again.Try+1, nil, a.now.Add(account.CallTimeout)
		return a, again, nil
	}, answer)
}

// mayRepeat holds the operation against the payment as it is now, as if it were asked for for the first time: other
// operations may have come between. Its key stays, and so does what was frozen; its baseline is that of today.
func (a *amendment) mayRepeat(o *Operation, account *Account) error {
	at := a.attempt(o.AttemptID)
	switch left := a.left(at); {
	case o.Kind == OpCapture && o.Amount.Minor > min(left.capturable, a.Amounts.Capturable),
		o.Kind == OpRefund && o.Amount.Minor > min(left.refundable, a.Amounts.Refundable),
		o.Kind == OpAuthorize && o.Amount.Minor > a.reservable(at):
		return &Error{Kind: Conflict, Code: "state_invalid", Message: "the payment changed since this was asked for; less is left now", Allowed: a.AllowedActions()}
	case o.Kind == OpVoid && left.capturable == 0, o.begins() && a.Status != StatusRequiresPaymentMethod, o.Kind == OpConfirm && !a.confirmsAgain(o, at):
		return a.notAllowed("go on with this")
	case o.Kind == OpCapture:
		a.reserve.capture = o.Amount.Minor
	case o.Kind == OpRefund:
		a.reserve.refund = o.Amount.Minor
	}
	return a.place(o, account)
}

// confirmsAgain reports whether the confirm o would say today what it was to say: the review is open, and nobody changed
// what it is about.
func (a *amendment) confirmsAgain(o *Operation, at *Attempt) bool {
	return a.Status == StatusRequiresConfirmation && bytes.Equal(o.Input, frozen(a.confirmation(at, a.teller.order(a.Payment, at))))
}

// answerFor is how an operation of this kind is answered.
func (c *Checkout) answerFor(ctx context.Context, merchant string, o *Operation) (func(*Payment, *Operation) Answer, error) {
	switch o.Kind {
	case OpCapture, OpRefund, OpAuthorize:
		return bookingAnswer, nil
	case OpStart, OpChargeMandate:
		return func(p *Payment, o *Operation) Answer {
			if p.attempt(o.AttemptID).Number > 1 {
				return paymentAnswer(200)(p, o) // another attempt of a payment that was created before
			}
			return paymentAnswer(201)(p, o)
		}, nil
	case OpStartMandate, OpUpdateMandate, OpCancelMandate:
		m, err := c.store.Mandate(ctx, merchant, mandateOf(o.PaymentID))
		if err != nil {
			return nil, err
		}
		return mandateAnswer(m, map[bool]int{true: 201, false: 200}[o.Kind == OpStartMandate]), nil
	default:
		return paymentAnswer(200), nil
	}
}

// claimMargin is what storing the result of a call may take after the call's deadline.
const claimMargin = 5 * time.Second

// doing is how long a request without an operation may take before its key can be used by a repetition.
const doing = time.Minute

// once does what a request asks for that has no operation of a payment behind it, and keeps the answer under its key. do
// may be done again: when the process dies in it, a repetition does it anew. What do refuses leaves the key unused.
func (c *Checkout) once(ctx context.Context, r Request, do func(context.Context) (Answer, error)) (Answer, error) {
	if r.IdempotencyKey == "" {
		return do(ctx) // the program's own
	}
	rec := &IdempotencyRecord{IdempotencyScope: r.scope(), Fingerprint: r.Fingerprint, LeaseUntil: now().Add(doing), CreatedAt: now()}
	var stands *IdempotencyRecord
	subject := "key " + r.MerchantID + " " + r.Route + " " + r.IdempotencyKey
	err := c.store.Do(ctx, subject, func(tx Tx) (err error) {
		if stands, err = tx.Claim(rec); err != nil || stands == nil || stands.Done {
			return err
		}
		if stands.Fingerprint == r.Fingerprint && now().Before(stands.LeaseUntil) {
			return conflict("idempotency_in_progress", "the first request with this Idempotency-Key is still running")
		}
		return tx.Finish(rec) // its process died
	})
	switch {
	case err != nil:
		return Answer{}, err
	case stands != nil && stands.Fingerprint != r.Fingerprint:
		return Answer{}, &Error{Kind: Invalid, Code: "idempotency_key_reused", Message: "this Idempotency-Key was used for another request"}
	case stands != nil && stands.Done:
		a := stands.Answer
		a.Replayed = true
		return a, nil
	}
	a, failed := do(ctx)
	err = c.store.Do(context.WithoutCancel(ctx), subject, func(tx Tx) error {
		if failed != nil {
			return tx.Release(rec.IdempotencyScope)
		}
		rec.Done, rec.Answer = true, a
		return tx.Finish(rec)
	})
	return a, errors.Join(failed, err)
}

// claim takes the request's key for o, inside the job that commits the intent; a claim that was released because
// nothing left is taken over. It is free again when nobody has answered margin after the deadline of the call.
func (r Request) claim(tx Tx, o *Operation, at time.Time, margin time.Duration) (*IdempotencyRecord, error) {
	if r.IdempotencyKey == "" {
		return nil, nil
	}
	rec := &IdempotencyRecord{IdempotencyScope: r.scope(), Fingerprint: r.Fingerprint, PaymentID: o.PaymentID, OperationID: o.ID,
		LeaseUntil: o.Deadline.Add(margin), CreatedAt: at}
	existing, err := tx.Claim(rec)
	if err != nil || existing == nil {
		return rec, err
	}
	if existing.OperationID == o.ID && !existing.Done {
		existing.LeaseUntil = rec.LeaseUntil
		return existing, tx.Finish(existing)
	}
	return nil, conflict("idempotency_in_progress", "the first request with this Idempotency-Key is still running")
}
