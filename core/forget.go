package core

import (
	"context"
	"time"
)

// keepKeys is how long an Idempotency-Key is kept. After that the same request is a new one: its merchant reference
// still prevents a second payment, and its own reference a second capture or refund.
const keepKeys = 30 * 24 * time.Hour

// forgetKeys is the subject of the work that deletes Idempotency-Keys.
const forgetKeys = "idempotency"

const (
	// forgetStep is how many are deleted in one transaction, forgetPause how long the next ones wait.
	forgetStep, forgetPause = 200, time.Second
	// forgetEvery is how long nothing is deleted afterwards, though something may have become old enough.
	forgetEvery = 24 * time.Hour
)

// forget deletes the keys that were kept long enough, a step at a time, and comes back for the oldest that is left, not
// sooner than a day later. A key of an operation that is not decided yet stays as long as that.
func (c *Checkout) forget(ctx context.Context, w Work) error {
	at, keep := now(), c.pace.of(c.keepKeys)
	n := 0
	err := c.store.Do(ctx, w.Subject, func(tx Tx) (err error) {
		var oldest time.Time
		if n, oldest, err = tx.Forget(at.Add(-keep), forgetStep); err != nil {
			return err
		}
		if oldest.IsZero() {
			oldest = at
		}
		if w.DueAt = later(oldest.Add(keep), at.Add(c.pace.of(forgetEvery))); n == forgetStep {
			w.DueAt = at.Add(forgetPause)
		}
		w.Tries = 0
		return tx.Again(w)
	})
	if err != nil {
		return err
	}
	if n > 0 {
		c.log.InfoContext(ctx, "idempotency keys forgotten", "keys", n)
	}
	c.desk.dueAt(w.DueAt)
	return nil
}
