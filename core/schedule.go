package core

import (
	"slices"
	"time"

	"github.com/paymux/paymux/core/internal/chance"
)

// waits is the schedule on which what is open is asked about again: then hourly, then daily.
var waits = []time.Duration{5 * time.Second, 15 * time.Second, 45 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}

// hourly and daily are how often what is open is asked about each hour, and then each day.
const hourly, daily = 47, 12

// askFor is how long an open payment is asked about; then a person decides.
const askFor = 14 * 24 * time.Hour

// pace divides the waits of the program, so that a test of the whole of it against simulators need not last as long as
// what it tests. Zero and one leave them as they are.
type pace int64

func (p pace) of(d time.Duration) time.Duration { return d / time.Duration(max(p, 1)) }

// wait is the pause before try n+1, 20 % more or less, so that payments of one outage do not come back at once.
func (p pace) wait(n int) time.Duration {
	d := 24 * time.Hour
	switch {
	case n < len(waits):
		d = waits[n]
	case n < len(waits)+hourly:
		d = time.Hour
	}
	return p.of(d - d/5 + time.Duration(chance.Int64N(int64(d)*2/5)))
}

// schedule sets when the provider is asked next: only while it may know more than we do, and sooner again when
// something changed. At the end of the schedule a person has to look, whatever is still open.
func (a *amendment) schedule() {
	changed := a.before == nil || a.before.Status != a.Status || len(a.before.Facts) != len(a.Facts) || len(a.before.Operations) != len(a.Operations)
	if changed && !a.asked {
		a.Checks = 0
	}
	if changed && a.Flagged && !a.undecidedNow() {
		a.Flagged = false // what was waited for has come
	}
	if a.asked && !a.silent && !a.began.Before(a.RecheckAt) {
		a.RecheckAt = time.Time{}
	}
	switch old := a.now.Sub(a.openSince()) > a.pace.of(askFor); {
	case a.givenUp:
		a.CheckAt, a.Flagged = time.Time{}, true
	case a.ask:
		a.CheckAt, a.Checks = a.now, 0
	case old && a.disputed() == nil && (a.awaits() || a.mutely()):
		a.CheckAt, a.Flagged = time.Time{}, a.Flagged || a.unfinished()
	case a.silent && !a.before.CheckAt.IsZero():
		a.CheckAt = a.now.Add(a.pace.wait(a.Checks))
	case !a.awaits() && !a.asked && a.before != nil && !a.before.awaits():
		// At rest what is planned was asked for. That something else is noted meanwhile is no answer to it.
		a.CheckAt = earlier(a.CheckAt, a.restCheck())
	case !a.awaits():
		a.CheckAt = a.restCheck()
	case changed || a.asked || a.CheckAt.IsZero() || a.calls():
		a.CheckAt = a.nextCheck()
	}
}

// planAsk writes when the provider is asked next, under the lease of whoever asked. What has to be asked at once is
// handed to somebody after the commit.
func (a *amendment) planAsk() (err error) {
	if a.CheckAt.IsZero() {
		a.Checks = 0
	}
	w := Work{Kind: WorkAsk, Subject: a.ID, DueAt: a.CheckAt, Tries: a.Checks}
	switch {
	case a.lease != nil:
		w.Fence = a.lease.Fence
		if w.DueAt.IsZero() {
			return a.tx.Done(w)
		}
		return a.tx.Again(w)
	case a.ask && a.desk != nil:
		w, taken, err := a.desk.plan(a.tx, WorkAsk, a.ID)
		if taken {
			a.taken, a.CheckAt = &w, w.DueAt
		}
		return err
	case a.before != nil && a.CheckAt.Equal(a.before.CheckAt) && a.Checks == a.before.Checks, a.before == nil && a.CheckAt.IsZero():
		return nil
	}
	return a.tx.Plan(w)
}

// calls reports whether a call begins or ends with this change.
func (a *amendment) calls() bool {
	runs := func(o *Operation) bool { return o != nil && o.open() && (o.State == OpSent || o.repeating(a.now)) }
	return slices.ContainsFunc(a.Operations, func(o *Operation) bool {
		was := a.before.operation(o.ID)
		return runs(o) != runs(was) || runs(o) && o.Try != was.Try
	})
}

// openSince is when what may still be open began: the latest attempt, the operation under way, or the last fact.
func (a *amendment) openSince() time.Time {
	since := a.CreatedAt
	if at := a.Latest(); at != nil {
		since = later(since, at.CreatedAt)
	}
	if o := a.openOperation(); o != nil {
		since = later(since, o.CreatedAt)
	}
	if n := len(a.Facts); n > 0 {
		since = later(since, a.Facts[n-1].StoredAt)
	}
	return since
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// undecidedNow reports whether something is under way of which nobody has told the end.
func (a *amendment) undecidedNow() bool {
	return a.openOperation() != nil || a.Status == StatusProcessing || a.owed()
}

// mutely reports whether a provider that has something to tell about a payment at rest did not answer all along.
func (a *amendment) mutely() bool {
	return a.silent && a.Checks >= len(waits)+hourly+daily && !a.before.CheckAt.IsZero()
}

// unfinished reports whether asking ends without an end. What an operator has let stand as it is does not come up again
// by itself.
func (a *amendment) unfinished() bool {
	stands := !a.Acknowledged.At.IsZero() && a.Acknowledged.Facts == a.FactCount && a.openOperation() == nil
	return (a.undecidedNow() || a.mutely()) && !stands
}

func (a *amendment) nextCheck() time.Time {
	at, o := a.now.Add(a.pace.wait(a.Checks)), a.openOperation()
	if d := a.disputed(); o == nil && d != nil && d.RepeatAt.After(a.now) {
		return d.RepeatAt
	}
	switch {
	case o == nil:
	case (o.State == OpSent || o.State == OpUnknown) && o.Deadline.After(a.now):
		return o.Deadline // the call is still running, and over by then
	case o.State == OpUnknown && o.RepeatAt.After(a.now) && o.RepeatAt.Before(at):
		return o.RepeatAt
	}
	if end := a.Latest(); o == nil && a.Status == StatusRequiresConfirmation && end.ExpiresAt.After(at) {
		return end.ExpiresAt.Add(time.Second) // until then it is the merchant's turn
	}
	return at
}

// awaits reports whether the provider is expected to know something that we do not.
func (p *Payment) awaits() bool {
	return p.openOperation() != nil || p.Status == StatusProcessing || p.Status == StatusRequiresAction || p.Status == StatusRequiresConfirmation || p.disputed() != nil || p.owed()
}

// owed reports whether a provider owes its word on an attempt, whatever another one came to: a buyer may have paid at both.
func (p *Payment) owed() bool {
	return slices.ContainsFunc(p.Attempts, func(at *Attempt) bool {
		t := p.tallyOf(at)
		live, _ := p.live(at, t)
		return !at.OwedAt.IsZero() && live && !t.obtained()
	})
}

// lateChecks are when a payment that ended here, though a page of its provider was given out, is asked about all the
// same: a buyer may have paid there after a cancel, a decline or the end of the session, and nobody may have told us.
var lateChecks = []time.Duration{time.Hour, 3 * time.Hour, 8 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, askFor}

// restCheck is when a payment at rest is asked about, zero for never.
func (a *amendment) restCheck() time.Time {
	at := a.RecheckAt
	if !at.IsZero() {
		at = later(at, a.now)
	}
	return earlier(at, a.lateCheck())
}

// lateCheck is the next of lateChecks after the latest page was given out, zero when money came or nothing was given out.
func (a *amendment) lateCheck() time.Time {
	if a.fulfilled() {
		return time.Time{}
	}
	for _, at := range slices.Backward(a.Attempts) {
		if at.Next == nil {
			continue
		}
		for _, d := range lateChecks {
			if t := at.CreatedAt.Add(a.pace.of(d)); t.After(a.now) {
				return t
			}
		}
		break
	}
	return time.Time{}
}
