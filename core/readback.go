package core

import "slices"

// keptTries is after how many calls under one key their failure may be the provider's kept answer to the first of them,
// which may have done what was asked (reliability 5.2).
const keptTries = 5

// readBack decides calls in doubt whose repetitions come to nothing by what the provider shows. One that it shows nothing
// of, or more than one of, is for a person to see. It is still made again, under its key that does no harm: what failed may
// have been an outage.
func (a *amendment) readBack(at *Attempt, account *Account, evidence string) {
	for _, o := range a.Operations {
		switch {
		case o.AttemptID != at.ID || o.State != OpUnknown || o.Try < keptTries || o.repeating(a.now):
		case account.caps.Resume[o.Kind] != ResumeSameKey || !o.Kind.keyed():
		default:
			if f := a.shownRefund(at, account, o); f != nil {
				a.Apply(at.ID, evidence, []Fact{*f}, a.now)
			}
			o.Review = o.State == OpUnknown
		}
	}
}

// keyed reports whether an operation of kind k is told from another one like it by its key alone.
func (k OpKind) keyed() bool {
	return k == OpAuthorize || k == OpCapture || k == OpRefund || k == OpChargeMandate
}

// shownRefund says that the one refund of exactly this amount, from the same capture and begun since o was, that belongs to
// no other call is that of o. Nil when there is none, or more than one.
func (a *amendment) shownRefund(at *Attempt, account *Account, o *Operation) (found *Fact) {
	if o.Kind != OpRefund || o.Of == "" {
		return nil
	}
	t, since := a.tallyOf(at), o.CreatedAt.Add(-account.caps.ResumeGap)
	for i := range a.Facts {
		e := &a.Facts[i]
		if e.AttemptID != at.ID || e.Kind != RefundPending || e.Strength != Asserted || e.Amount != o.Amount || e.Of != o.Of || e.OccurredAt.Before(since) {
			continue
		}
		r := t.refunds[e.ID]
		if r == nil || r.opKey != "" || r.declined || t.named[e.ID] != "" {
			continue
		}
		if found != nil && found.ID != e.ID {
			return nil
		}
		f := e.Fact
		f.OpKey, found = o.Key, &f
	}
	if found != nil && slices.ContainsFunc(a.Operations, func(other *Operation) bool {
		return other != o && other.Kind == OpRefund && other.open() && other.Of == o.Of && other.Amount == o.Amount && !t.accounted(other)
	}) {
		return nil
	}
	return found
}

// accounted reports whether a refund is known to be that of o.
func (t *tally) accounted(o *Operation) bool {
	for _, r := range t.refunds {
		if r.opKey == o.Key {
			return true
		}
	}
	return false
}
