package core

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// nextRenewal is when the oldest lease that is held has a third of its time behind it.
func (d *desk) nextRenewal() (at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, until := range d.held {
		at = earlier(at, until.Add(-d.lease*2/3))
	}
	return at
}

// renew prolongs the leases of which a third is over.
func (c *Checkout) renew(ctx context.Context) {
	d, due := c.desk, now().Add(c.desk.lease*2/3)
	var works []Work
	d.mu.Lock()
	for w, until := range d.held {
		if !until.After(due) {
			works = append(works, w)
		}
	}
	d.mu.Unlock()
	if len(works) == 0 {
		return
	}
	slices.SortFunc(works, inOrder)
	until := now().Add(d.lease)
	err := c.store.Do(ctx, "work", func(tx Tx) error { return tx.Renew(works, until) })
	c.report(ctx, "leases", err)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range works {
		if _, held := d.held[w]; held {
			d.held[w] = until // if it failed, it is tried again a third later
		}
	}
}

// putBack puts work back that found no room. It was not begun, so that it is no fault of it: a lease that ran out would be.
func (c *Checkout) putBack(ctx context.Context) {
	c.desk.mu.Lock()
	spilt := c.desk.spilt
	c.desk.spilt = nil
	c.desk.mu.Unlock()
	if len(spilt) == 0 {
		return
	}
	slices.SortFunc(spilt, inOrder)
	c.report(ctx, "work without room", c.store.Do(ctx, "work", func(tx Tx) error {
		for _, w := range spilt {
			w.DueAt = now()
			if err := tx.Again(w); err != nil && CodeOf(err) != "lease_lost" {
				return err
			}
		}
		return nil
	}))
}

// inOrder orders work by what it is about, so that nothing depends on who came first.
func inOrder(a, b Work) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
}
