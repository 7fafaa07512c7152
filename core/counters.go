package core

import (
	"maps"
	"slices"
)

// undecided reports whether a capture or refund was announced and nothing decided it yet.
func (c *partTally) undecided() bool { return c.hasPending && !c.isDone && !c.declined }

func sumDone(parts map[string]*partTally) (total int64) {
	for _, c := range parts {
		total = addCapped(total, c.done)
	}
	return total
}

// sumUndecided adds what was announced and is not decided, but for what belongs to the operations own.
func sumUndecided(parts map[string]*partTally, own map[string]bool) (total int64) {
	for _, c := range parts {
		if c.undecided() && !own[c.opKey] {
			total = addCapped(total, c.pending)
		}
	}
	return total
}

// risesAndFalls are the sums of what went up and what went down in a series of net amounts, by sequence.
// Adding a point never lowers either sum.
func risesAndFalls(nets map[int64]int64) (up, down int64) {
	last := int64(0)
	for _, seq := range slices.Sorted(maps.Keys(nets)) {
		if d := nets[seq] - last; d > 0 {
			up = addCapped(up, d)
		} else {
			down = addCapped(down, -d)
		}
		last = nets[seq]
	}
	return up, down
}

func (a *authTally) captured() int64 {
	up, _ := risesAndFalls(a.nets)
	return max(sumDone(a.captures), a.captureMin, up)
}

// total is what was authorized, never less than what was captured: a sale reports only that (port F5).
func (a *authTally) total() int64 { return max(a.authorized, a.captured()) }

func (a *authTally) open() int64 {
	if a.closed {
		return 0
	}
	return a.total() - a.captured()
}

// released is what the end of a closed authorization set free.
func (a *authTally) released() int64 {
	if !a.closed {
		return 0
	}
	return a.total() - a.captured()
}

// undecided reports whether an authorization was announced and nothing decided it yet.
func (a *authTally) undecided() bool {
	return a.hasPending && a.total() == 0 && !a.declined && !a.closed
}

// undecidedID is the provider's id of an authorization that nothing has decided yet, empty for none.
func (t *tally) undecidedID() string {
	for _, id := range sortedIDs(t.auths) {
		if id != "" && t.auths[id].undecided() {
			return id
		}
	}
	return ""
}

// gaveUp reports whether the authorization that o obtains was closed before anything was decided about it.
func (t *tally) gaveUp(o *Operation) bool {
	return o.Kind.authorizes() && t.anyAuth(func(a *authTally) bool {
		return a.opKey == o.Key && a.closed && a.total() == 0
	})
}

// Facts that name no authorization, beside several, are kept under the empty id. Their single bookings add to the
// other single bookings; what they tell as totals is a floor of all. So a second authorization that shows up later
// never lowers what was counted, and nothing is counted twice.

func (t *tally) captured() int64 {
	named, singles, floor := int64(0), int64(0), int64(0)
	for id, a := range t.auths {
		singles = addCapped(singles, sumDone(a.captures))
		if id == "" {
			floor = a.captured()
		} else {
			named = addCapped(named, a.captured())
		}
	}
	return max(named, singles, floor)
}

func (t *tally) authorized() int64 {
	named, floor := int64(0), int64(0)
	for id, a := range t.auths {
		if id == "" {
			floor = a.total()
		} else {
			named = addCapped(named, a.total())
		}
	}
	return max(named, floor, t.captured())
}

// sum adds f over the authorizations that are known by id, or takes the one without when it is the only one.
func (t *tally) sum(f func(*authTally) int64) (total int64) {
	for id, a := range t.auths {
		if id != "" || len(t.auths) == 1 {
			total = addCapped(total, f(a))
		}
	}
	return total
}

// uncaptured is what was authorized and not captured: open for capture, and released. What was captured of an
// authorization that nobody named is gone from one of them: from the open ones first, so that nothing is offered that may
// not be there.
func (t *tally) uncaptured() (open, released int64) {
	left := t.authorized() - t.captured()
	released = min(t.sum((*authTally).released), left)
	return min(t.sum((*authTally).open), left-released), released
}

func (t *tally) refunded() int64 {
	falls := int64(0)
	for _, a := range t.auths {
		_, down := risesAndFalls(a.nets)
		falls = addCapped(falls, down)
	}
	return max(sumDone(t.refunds), t.refundMin, falls)
}

// others is the part of captured and refunded that no operation of the attempt accounts for: neither one that is done, known
// by its key, nor, by its amount, one that is open and of which nothing is known yet. A sale is asked for by the attempt.
func (p *Payment) others(at *Attempt, t *tally) int64 {
	keys, captured, refunded := map[string]bool{}, int64(0), int64(0)
	for _, o := range p.Operations {
		if o.AttemptID != at.ID {
			continue
		}
		keys[o.Key] = true
		_, announced := t.announced(o)
		switch {
		case !o.open() || announced:
		case o.Kind == OpCapture:
			captured = addCapped(captured, o.Amount.Minor)
		case o.Kind == OpRefund:
			refunded = addCapped(refunded, o.Amount.Minor)
		}
	}
	own := func(parts map[string]*partTally) (total int64) {
		for id, c := range parts {
			if keys[c.opKey] || keys[t.named[id]] {
				total = addCapped(total, c.done)
			}
		}
		return total
	}
	taken := int64(0)
	for _, a := range t.auths {
		taken = addCapped(taken, own(a.captures))
	}
	if p.Order.Capture == CaptureAutomatic {
		taken = max(taken, min(t.captured(), at.Amount.Minor))
	}
	return addCapped(rest(t.captured(), taken, captured), rest(t.refunded(), own(t.refunds), refunded))
}

// own is the part of captured and refunded that single bookings account for.
func (t *tally) own() (captured, refunded int64) {
	for _, a := range t.auths {
		captured = addCapped(captured, sumDone(a.captures))
	}
	return captured, sumDone(t.refunds)
}

// fulfilled reports whether the attempt has what it was made for: money, or without any the buyer's consent.
func (t *tally) fulfilled() bool { return t.authorized() > 0 || t.setsUp && t.consent.given() }

func (t *tally) authPending() bool { return t.anyAuth((*authTally).undecided) }
func (t *tally) authDeclined() bool {
	return t.anyAuth(func(a *authTally) bool { return a.declined && !a.further })
}

func (t *tally) anyAuth(f func(*authTally) bool) bool {
	for _, a := range t.auths {
		if f(a) {
			return true
		}
	}
	return false
}

// agreement is what the buyer agreed to and may still be charged. It does not count while an authorization on it is
// pending, nor while nothing is authorized and one was declined (port F12).
func (t *tally) agreement() (limit int64) {
	if t.authPending() || t.authorized() == 0 && t.authDeclined() {
		return 0
	}
	for _, g := range t.agreed {
		if !g.closed {
			limit = addCapped(limit, g.limit)
		}
	}
	return limit
}

// lapsed reports whether the buyer had agreed, nothing was authorized on that, and nothing can be any more.
func (t *tally) lapsed() bool {
	return t.everAgreed() > 0 && t.agreement() == 0 && t.authorized() == 0 && !t.authPending() && !t.authDeclined()
}

// everAgreed is the most the buyer ever agreed to, whatever became of it.
func (t *tally) everAgreed() (limit int64) {
	for _, g := range t.agreed {
		limit = addCapped(limit, g.limit)
	}
	return limit
}

// capturesPending is what others announced as captured, and whether anything announced is undecided.
func (t *tally) capturesPending(own map[string]bool) (foreign int64, any bool) {
	for _, a := range t.auths {
		foreign = addCapped(foreign, sumUndecided(a.captures, own))
		any = any || sumUndecided(a.captures, nil) > 0
	}
	return foreign, any
}

// announced is what a pending fact says the operation o will move, if one does; never more than o asked for.
func (t *tally) announced(o *Operation) (amount int64, ok bool) {
	parts := []map[string]*partTally{t.refunds}
	if o.Kind == OpCapture {
		parts = nil
		for _, a := range t.auths {
			parts = append(parts, a.captures)
		}
	}
	for _, m := range parts {
		for _, c := range m {
			if c.opKey == o.Key && c.undecided() {
				amount, ok = max(amount, min(c.pending, o.Amount.Minor)), true
			}
		}
	}
	return amount, ok
}

func sumOf(m map[string]int64) (total int64) {
	for _, v := range m {
		total = addCapped(total, v)
	}
	return total
}
