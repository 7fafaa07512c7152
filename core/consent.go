package core

import (
	"encoding/json"
	"slices"
	"time"
)

// consent is what the facts of an attempt say about the mandate it asks for. Active and suspended go both ways, so they
// are a register: of the two the one that happened last holds, suspended at the same moment (port F10), but see asShown. An
// end is final.
type consent struct {
	active, suspended       time.Time
	isActive, isSuspended   bool
	closed, lapsed, refused bool   // lapsed: closed by time alone
	told                    *Entry // the last that says why it cannot be charged
}

func (c *consent) add(e *Entry) {
	switch e.Kind {
	case MandateActive:
		c.isActive, c.active = true, later(c.active, e.OccurredAt)
		return
	case MandateSuspended:
		c.isSuspended, c.suspended = true, later(c.suspended, e.OccurredAt)
	case MandateClosed:
		lapsed := e.Failure != nil && e.Failure.Category == FailureExpired
		c.lapsed = lapsed && (c.lapsed || !c.closed)
		c.closed = true
	case MandateRefused:
		c.refused = true
	}
	if e.Failure != nil && (c.told == nil || e.finality() > c.told.finality() || e.finality() == c.told.finality() && e.laterThan(c.told)) {
		c.told = e
	}
}

// finality orders what may be said against a mandate: what is over for good is told first.
func (e *Entry) finality() int {
	return map[FactKind]int{MandateSuspended: 1, MandateRefused: 2, MandateClosed: 3}[e.Kind]
}

// given reports whether the buyer's consent was there at some time.
func (c *consent) given() bool { return c.isActive || c.isSuspended || c.closed }

// held reports whether the provider refuses to charge a consent that is there.
func (c *consent) held() bool { return c.isSuspended && (!c.isActive || !c.suspended.Before(c.active)) }

// asShown orders what a query shows of a consent after what was known of it when the query began. Providers tell when a
// change was made to the second; of two in one second the one that is still shown afterwards came last.
func (a *amendment) asShown(at *Attempt, facts []Fact) []Fact {
	out := slices.Clone(facts)
	c := a.tallyOf(at).consent
	last, shown := c.active, MandateActive
	if c.held() {
		last, shown = c.suspended, MandateSuspended
	}
	for i := range out {
		f := &out[i]
		if last.IsZero() {
			break
		}
		if f.Kind != MandateActive && f.Kind != MandateSuspended || f.OccurredAt.After(last) || last.Sub(f.OccurredAt) >= time.Second {
			continue
		}
		since := slices.ContainsFunc(a.Facts, func(e Entry) bool {
			return e.AttemptID == at.ID && e.Kind == shown && e.OccurredAt.Equal(last) && e.StoredAt.After(a.began)
		})
		switch {
		case f.Kind == shown:
			f.OccurredAt = last // it is told again
		case !since:
			f.OccurredAt = last.Add(time.Microsecond)
		default: // both were read at a time
			a.RecheckAt = later(a.RecheckAt, a.now.Add(time.Second))
		}
	}
	return out
}

// mandateStatus is what the facts say about the mandate.
func (p *Payment) mandateStatus(at *Attempt) MandateStatus {
	t := p.tallyOf(at)
	switch c := &t.consent; {
	case c.closed && c.lapsed:
		return MandateIsExpired
	case c.closed:
		return MandateIsCanceled
	case c.refused:
		return MandateHasFailed
	case c.held():
		return MandateIsSuspended
	case c.isActive && (p.Order.SetUp || p.Amounts.Authorized > 0 || len(t.agreed) > 0):
		return MandateIsActive // an instrument is only as good as the payment it came with
	}
	switch {
	case p.Order.SetUp && p.Status == StatusCanceled && !p.Canceled:
		return MandateIsExpired // time or absence ended it before the buyer agreed
	case p.Order.SetUp && p.Canceled:
		return MandateIsCanceled
	case p.Order.SetUp && p.Status == StatusRequiresPaymentMethod, p.Status == StatusFailed, p.Status == StatusCanceled:
		return MandateHasFailed
	case p.Status == StatusProcessing:
		return MandateProcessing
	}
	return MandateRequiresAction
}

// mandateError is why a mandate cannot be charged, or why what was last asked of it was refused; nil for neither.
func (p *Payment) mandateError(at *Attempt, status MandateStatus) *Failure {
	c := p.tallyOf(at).consent
	switch ended := status == MandateIsCanceled || status == MandateIsExpired; {
	case ended && c.closed && (c.told == nil || c.told.Kind != MandateClosed):
		return nil // what was wrong before did not end it
	case c.told != nil && (ended || status == MandateIsSuspended || status == MandateHasFailed):
		return c.told.Failure
	}
	if status != MandateIsActive && status != MandateIsSuspended {
		if p.Order.SetUp {
			return p.lastError()
		}
		return nil
	}
	for _, o := range slices.Backward(p.Operations) {
		if o.AttemptID == at.ID && o.Kind.upkeep() && o.Kind != OpCompleteMandate && o.State != OpNotSent { // that is asked for by nobody
			return o.Failure
		}
	}
	return nil
}

// plan is the plan of a recurring mandate with the changes that were carried out.
func (p *Payment) plan(at *Attempt) *Recurring {
	plan := p.Order.Save.Recurring
	for _, o := range p.Operations {
		var in UpdateMandateInput
		if o.AttemptID == at.ID && o.Kind == OpUpdateMandate && o.State == OpSucceeded && json.Unmarshal(o.Input, &in) == nil && in.Recurring != nil {
			plan = in.Recurring
		}
	}
	return plan
}
