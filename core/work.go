package core

import (
	"context"
	"slices"
	"sync"
	"time"
)

// WorkKind names a kind of background work.
type WorkKind string

// The kinds of background work, each with what its subject is.
const (
	WorkApply   WorkKind = "apply"   // an item of the inbox is applied: its id
	WorkAsk     WorkKind = "ask"     // the provider is asked about a payment: its id
	WorkGap     WorkKind = "gap"     // payments are asked about after nobody listened: how far that is
	WorkDeliver WorkKind = "deliver" // an event is sent to an endpoint: the delivery's id
	WorkReplay  WorkKind = "replay"  // an item of the inbox is applied again: its id
	WorkForget  WorkKind = "forget"  // what was kept long enough is deleted: what it is
)

// Work is something to do in the background. A row of it is written in the transaction of the change that needs it, and
// goes in the transaction of its effect. Taking it moves DueAt to the end of a lease and raises Fence; whoever comes
// back after somebody else took it finds another fence and changes nothing.
type Work struct {
	Kind    WorkKind
	Subject string
	DueAt   time.Time
	Tries   int
	Fence   int64
	// Failed is how often in a row it was taken and nothing came of it: for a defect, or because whoever had it neither
	// finished it nor put it back. What puts it back with an effect leaves it zero.
	Failed int
}

// leaseTime is how long taken work is nobody else's; what takes longer is renewed when a third of it is over. It
// is how long an acknowledged message waits when its instance dies beside others, so it is short; and never so short
// that a busy machine loses it for nothing.
const leaseTime, leastLease = 10 * time.Second, 2 * time.Second

// pool does the work of one kind.
type pool struct {
	kind   WorkKind
	atOnce int
	do     func(context.Context, Work) error
	giveUp func(context.Context, Work) error // ends work that failed maxTries times in a row, for a person; nil: it is tried on
	taken  chan Work                         // and waiting for somebody free
}

// desk is the background work of one process: pools that do it, and what they hold.
type desk struct {
	pools []*pool
	wake  chan struct{}
	poll  time.Duration
	lease time.Duration

	mu     sync.Mutex
	held   map[Work]time.Time // taken work without its DueAt, and until when
	spilt  []Work             // taken, and more than its pool has room for
	looks  time.Time          // when the loop looks at the table again; zero: when it is woken
	hungry bool               // the loop left something in the table because a pool was full
	beaten time.Time          // when the heartbeat was stored last
}

func newDesk(poll time.Duration, pc pace, pools ...*pool) *desk {
	for _, p := range pools {
		p.taken = make(chan Work, 8*p.atOnce)
	}
	return &desk{pools: pools, wake: make(chan struct{}, 1), poll: poll, lease: max(pc.of(leaseTime), leastLease), held: map[Work]time.Time{}}
}

func (d *desk) pool(kind WorkKind) *pool {
	i := slices.IndexFunc(d.pools, func(p *pool) bool { return p.kind == kind })
	return d.pools[i]
}

// room is how much a pool can be handed.
func (p *pool) room() int { return cap(p.taken) - len(p.taken) }

// hand gives taken work to its pool. What does not fit goes back to the table: many may have seen the same room.
func (d *desk) hand(w Work) {
	until := w.DueAt
	w.DueAt = time.Time{}
	d.mu.Lock()
	d.held[w] = until
	d.mu.Unlock()
	select {
	case d.pool(w.Kind).taken <- w:
		d.dueAt(until.Add(-d.lease * 2 / 3))
	default:
		d.drop(w)
		d.mu.Lock()
		d.spilt = append(d.spilt, w)
		d.mu.Unlock()
		d.rouse()
	}
}

// handAll hands over what plan has taken; what it has not is looked for.
func (d *desk) handAll(works []Work) {
	for _, w := range works {
		if w.Fence > 0 {
			d.hand(w)
		} else {
			d.dueAt(w.DueAt)
		}
	}
}

// unsure has the loop look at the table when a commit may have kept work that nobody knows of.
func (d *desk) unsure(err error) {
	if CodeOf(err) == "commit_unknown" {
		d.dueAt(now())
	}
}

// plan writes work that is due now. While its pool has room it is taken in the same breath, so that nobody has to look
// for it: then it is to be handed over after the commit.
func (d *desk) plan(tx Tx, kind WorkKind, subject string) (w Work, taken bool, err error) {
	w = Work{Kind: kind, Subject: subject, DueAt: now()}
	if d.pool(kind).room() == 0 {
		return w, false, tx.Plan(w)
	}
	w.DueAt = w.DueAt.Add(d.lease)
	w, err = tx.Grab(w)
	return w, err == nil, err
}

func (d *desk) drop(w Work) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.held, w)
}

// dueAt has the loop look at the table at at, if it was going to look later.
func (d *desk) dueAt(at time.Time) {
	d.mu.Lock()
	late := !at.IsZero() && (d.looks.IsZero() || at.Before(d.looks))
	d.mu.Unlock()
	if late {
		d.rouse()
	}
}

func (d *desk) rouse() {
	select {
	case d.wake <- struct{}{}:
	default: // it is awake
	}
}

// Run does the background work until ctx ends: it applies feedback as it comes, asks about what is open, and what else
// the table of work says. Nothing ticks while nothing is due. It returns when running work is finished.
func (c *Checkout) Run(ctx context.Context) {
	for _, p := range c.desk.pools {
		for range p.atOnce {
			c.running.Go(func() { c.serve(ctx, p) })
		}
	}
	for !c.begin(ctx) && ctx.Err() == nil { // nothing else is stored before: a beat would hide that there was a gap
		c.desk.sleep(ctx, now().Add(c.pace.of(afterFailure)))
	}
	for ctx.Err() == nil {
		c.desk.sleep(ctx, c.look(ctx))
	}
	c.running.Wait()
	c.report(context.WithoutCancel(ctx), "stop", c.beat(context.WithoutCancel(ctx)))
}

// look takes what is due and tells when to look again; zero: when somebody wakes the loop.
func (c *Checkout) look(ctx context.Context) (again time.Time) {
	c.putBack(ctx)
	c.renew(ctx)
	next, err := c.take(ctx)
	if err != nil {
		c.report(ctx, "table", err)
		next = now().Add(afterFailure)
	}
	if d := c.desk; d.poll > 0 {
		next = earlier(next, now().Add(d.poll))
		if now().Sub(d.beaten) > beatEvery {
			c.report(ctx, "heartbeat", c.beat(ctx))
		}
	}
	return earlier(next, c.desk.nextRenewal())
}

// afterFailure is how long the loop waits when the database cannot be asked.
const afterFailure = 5 * time.Second

// sleep waits until at, or until the loop is woken.
func (d *desk) sleep(ctx context.Context, at time.Time) {
	d.mu.Lock()
	d.looks = at
	d.mu.Unlock()
	var timer <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(max(time.Until(at), time.Millisecond))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
	case <-d.wake:
	case <-timer:
	}
	d.mu.Lock()
	d.looks = time.Time{} // what becomes due from now on may have been missed
	d.mu.Unlock()
}

// take takes what is due, as much as the pools have room for, and tells when something is due next.
func (c *Checkout) take(ctx context.Context) (next time.Time, err error) {
	d := c.desk
	var free []WorkKind
	for _, p := range d.pools {
		if p.room() > 0 {
			free = append(free, p.kind)
		}
	}
	d.starve(len(free) < len(d.pools))
	at, err := c.store.NextWork(ctx, free)
	if err != nil || at.IsZero() || at.After(now()) {
		return at, err
	}
	var taken []Work
	err = c.store.Do(ctx, "work", func(tx Tx) (err error) {
		taken = taken[:0]
		for _, kind := range free {
			some, err := tx.Take(kind, now(), now().Add(d.lease), d.pool(kind).room())
			if err != nil {
				return err
			}
			taken = append(taken, some...)
		}
		return tx.Beat(now())
	})
	if err != nil {
		return time.Time{}, err
	}
	d.beaten = now()
	for _, w := range taken {
		d.hand(w)
	}
	return now(), nil // there may be more
}

// starve notes whether work was left in the table, so that a pool that gets free has the loop look again.
func (d *desk) starve(left bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hungry = left
}

// serve does the work of a pool.
func (c *Checkout) serve(ctx context.Context, p *pool) {
	for ctx.Err() == nil { // of a stop and waiting work the stop comes first, always: a world would differ from itself
		select {
		case <-ctx.Done():
			return
		case w := <-p.taken:
			c.perform(ctx, p, w)
		}
	}
}

// maxTries is how often in a row work may fail before it is left for a person.
const maxTries = 8

// perform does w once. What it could not do is tried again later, by whoever takes it then: less and less often while it
// fails for a defect, and after maxTries it is given up for a person to look at.
func (c *Checkout) perform(ctx context.Context, p *pool, w Work) {
	defer c.desk.performed(w)
	do, try := p.do, w
	try.Failed = 0 // what puts it back has done something
	if w.Failed >= maxTries && p.giveUp != nil {
		c.log.ErrorContext(ctx, "work given up: a person must look", "kind", w.Kind, "subject", w.Subject, "failed", w.Failed)
		do = p.giveUp
	}
	err := do(ctx, try)
	if err == nil || ctx.Err() != nil || CodeOf(err) == "lease_lost" {
		return
	}
	c.log.ErrorContext(ctx, "work not done yet", "kind", w.Kind, "subject", w.Subject, "try", w.Tries+1, "error", err)
	again, n := w, w.Tries
	if again.Tries++; !passes(err) {
		n = w.Failed
		again.Failed++
	}
	again.DueAt = now().Add(c.pace.wait(n))
	err = c.store.Do(ctx, w.Subject, func(tx Tx) error { return tx.Again(again) })
	if err != nil && CodeOf(err) != "lease_lost" {
		c.report(ctx, w.Subject, err) // its lease runs out; whoever takes it then counts that as failed
		return
	}
	c.desk.dueAt(again.DueAt)
}

// drop ends work without an effect.
func (c *Checkout) drop(ctx context.Context, w Work) error {
	return c.store.Do(ctx, w.Subject, func(tx Tx) error { return tx.Done(w) })
}

// passes reports whether waiting mends err: the database cannot be used now, or did not tell what it did.
func passes(err error) bool { return KindOf(err) == Unavailable || CodeOf(err) == "commit_unknown" }

func (d *desk) performed(w Work) {
	d.drop(w)
	d.mu.Lock()
	hungry := d.hungry
	d.mu.Unlock()
	if hungry {
		d.rouse()
	}
}

// watchful is a store after whose commits of unknown fate the loop looks at the table: what such a commit planned is
// there if it was kept, and nobody was told when it is due.
type watchful struct {
	Store
	desk *desk
}

// Do is that of Store.
func (s watchful) Do(ctx context.Context, subject string, fn func(Tx) error) error {
	err := s.Store.Do(ctx, subject, fn)
	if CodeOf(err) == "commit_unknown" {
		s.desk.rouse()
	}
	return err
}

// earlier is the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (c *Checkout) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		c.log.ErrorContext(ctx, "background work", "of", what, "error", err)
	}
}

// Drain does what is taken and not yet begun; for shutdown and for tests.
func (c *Checkout) Drain(ctx context.Context) {
	for done := false; !done; {
		done = true
		for _, p := range c.desk.pools {
			select {
			case w := <-p.taken:
				c.perform(ctx, p, w)
				done = false
			default:
			}
		}
	}
	c.putBack(ctx)
}
