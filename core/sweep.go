package core

import (
	"context"
	"sync"
	"time"
)

// sweepEvery is how often what is due is looked for when nothing wakes the loop earlier.
const sweepEvery = time.Minute

// Run does the background work until ctx ends: it applies feedback as it comes, asks about everything that was open
// when the process began, and then about what is due. It returns when running work is finished.
func (c *Checkout) Run(ctx context.Context) {
	for range appliers {
		c.running.Go(func() { c.applyLoop(ctx) })
	}
	// Everything open is asked about at once: feedback may have been lost while nobody listened.
	c.report(ctx, "start", c.store.Do(ctx, "schedule", func(tx Tx) error { return tx.ScheduleAll(c.began) }))
	c.sweep(ctx, now())
	for {
		pause := c.untilDue(ctx)
		c.looks.Store(now().Add(pause).UnixNano())
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			c.running.Wait()
			return
		case <-c.wake:
			timer.Stop()
			continue
		case <-timer.C:
		}
		c.sweep(ctx, now())
	}
}

// appliers is how many items of the inbox are applied at a time, so that their commits can be one.
const appliers = 16

// dueAt has the sweep look at at, if it was going to look later.
func (c *Checkout) dueAt(at time.Time) {
	if at.IsZero() || at.UnixNano() >= c.looks.Load() {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
}

// untilDue is the pause until something is due, at most sweepEvery.
func (c *Checkout) untilDue(ctx context.Context) time.Duration {
	at, err := c.store.NextDue(ctx)
	if err != nil || at.IsZero() {
		return c.pace.of(sweepEvery)
	}
	return min(max(at.Sub(now()), c.pace.of(time.Second)), c.pace.of(sweepEvery))
}

func (c *Checkout) applyLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-c.inbox:
			if err := c.applyItem(ctx, id); err != nil && ctx.Err() == nil {
				c.log.ErrorContext(ctx, "feedback not applied yet", "feedback", id, "error", err)
			}
		}
	}
}

// sweepBatch bounds how much is done before time is looked at again.
const sweepBatch = 200

// sweep applies the feedback that waits and asks about the payments whose time has come.
func (c *Checkout) sweep(ctx context.Context, due time.Time) {
	for _, state := range []InboxState{InboxReceived, InboxUnmatched} {
		items, err := c.store.Inbox(ctx, InboxQuery{State: state, Due: now(), Page: Page{Limit: sweepBatch}})
		c.report(ctx, "inbox", err)
		for _, item := range items {
			c.report(ctx, "feedback "+item.ID, c.applyItem(ctx, item.ID))
		}
	}
	places, err := c.store.Due(ctx, due, sweepBatch)
	c.report(ctx, "due payments", err)
	var asking sync.WaitGroup
	free := make(chan struct{}, asksAtOnce)
	for _, place := range places {
		if ctx.Err() != nil {
			break
		}
		free <- struct{}{}
		asking.Go(func() {
			defer func() { <-free }()
			if _, err := c.Sync(ctx, "", place.PaymentID); KindOf(err) != Unavailable {
				c.report(ctx, "payment "+place.PaymentID, err)
			}
		})
	}
	asking.Wait()
}

// asksAtOnce bounds how many providers are asked at a time by the sweep.
const asksAtOnce = 8

func (c *Checkout) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		c.log.ErrorContext(ctx, "sweep", "of", what, "error", err)
	}
}

// Drain applies everything in the inbox that can be applied now; for shutdown and for tests.
func (c *Checkout) Drain(ctx context.Context) {
	for {
		select {
		case id := <-c.inbox:
			c.report(ctx, "feedback "+id, c.applyItem(ctx, id))
		default:
			return
		}
	}
}
