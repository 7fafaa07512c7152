package core

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A provider tells only those who listen, and only for a while. After a time in which nobody did, or on a database that
// was restored from a backup, everything that may have changed meanwhile is asked about once.

const (
	// beatEvery is how often one of several instances notes that it lives.
	beatEvery = 15 * time.Second
	// deaf is for how long nobody may have listened without anything being missed: providers repeat for longer.
	deaf = time.Minute
	// lookBack is how long before the gap a payment may have come to an end and be asked about all the same.
	lookBack = 48 * time.Hour
	// gapStep is how many payments are made due at once, gapPause how long the next ones wait.
	gapStep, gapPause = 50, time.Second
)

// begin is the start of the background work. Alone on its database a process takes over what the last one held, and
// asks about everything open at once. After a gap it asks about everything else as well. It reports whether that is
// stored, or cannot be for a reason that waiting does not mend.
func (c *Checkout) begin(ctx context.Context) bool {
	last, err := c.store.LastBeat(ctx)
	if KindOf(err) == Unavailable {
		c.report(ctx, "heartbeat", err)
		return false
	}
	gap := err == nil && !last.IsZero() && now().Sub(last) > deaf
	err = c.store.Do(ctx, "work", func(tx Tx) error {
		if c.desk.poll == 0 || gap {
			if err := tx.Restart(now()); err != nil {
				return err
			}
		}
		if gap {
			if err := tx.Soon(WorkGap, recentFrom(now(), last.Add(-lookBack), ""), now()); err != nil {
				return err
			}
			if err := tx.Soon(WorkGap, openAfter(now(), ""), now()); err != nil {
				return err
			}
		}
		if err := tx.Soon(WorkForget, forgetKeys, now()); err != nil {
			return err
		}
		return tx.Beat(now())
	})
	c.report(ctx, "start", err)
	c.desk.beaten = now()
	return err == nil || !passes(err)
}

// beat notes that somebody listens.
func (c *Checkout) beat(ctx context.Context) error {
	c.desk.beaten = now()
	return c.store.Do(ctx, "work", func(tx Tx) error { return tx.Beat(now()) })
}

// The subject of a step through a gap says when the gap ended, and where it goes on: among payments that are open, by id,
// or among those changed since a time, by time and id. Of what began after its end nothing was missed: otherwise there
// were no end to it where more payments change than are asked about.

func openAfter(end time.Time, id string) string {
	return fmt.Sprintf("open/%d/%s", end.UnixMicro(), id)
}

func recentFrom(end, since time.Time, id string) string {
	return fmt.Sprintf("recent/%d/%d/%s", end.UnixMicro(), since.UnixMicro(), id)
}

// bridge makes the next payments due that may have changed in a gap, and plans the step after it.
func (c *Checkout) bridge(ctx context.Context, w Work) error {
	ids, next, err := c.missed(ctx, w.Subject)
	if err != nil {
		return err
	}
	slices.Sort(ids)
	at := now()
	then := at // where nobody is asked, nobody needs a pause
	if len(ids) > 0 {
		then = at.Add(gapPause)
	}
	err = c.store.Do(ctx, "work", func(tx Tx) error {
		for _, id := range ids {
			if err := tx.Soon(WorkAsk, id, at); err != nil {
				return err
			}
		}
		if next != "" {
			if err := tx.Soon(WorkGap, next, then); err != nil {
				return err
			}
		}
		return tx.Done(w)
	})
	if err == nil {
		c.desk.dueAt(at)
	}
	return err
}

// missed are the payments of one step through a gap, and the step after it, empty at the end.
func (c *Checkout) missed(ctx context.Context, step string) (ids []string, next string, err error) {
	kind, rest, _ := strings.Cut(step, "/")
	ended, from, _ := strings.Cut(rest, "/")
	end, err := microTime(ended)
	if err != nil {
		return nil, "", err
	}
	if kind == "open" {
		if ids, err = c.store.OpenPayments(ctx, from, gapStep); len(ids) == gapStep {
			next = openAfter(end, ids[gapStep-1])
		}
	} else {
		ids, next, err = c.changedFrom(ctx, end, from)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return madeAfter(id, end) }), next, err
}

// changedFrom is a step among payments that were changed.
func (c *Checkout) changedFrom(ctx context.Context, end time.Time, from string) (ids []string, next string, err error) {
	at, id, _ := strings.Cut(from, "/")
	since, err := microTime(at)
	if err != nil {
		return nil, "", err
	}
	changed, err := c.store.ChangedPayments(ctx, since, id, gapStep)
	for _, ch := range changed {
		ids = append(ids, ch.ID)
	}
	if len(changed) == gapStep {
		next = recentFrom(end, changed[gapStep-1].At, changed[gapStep-1].ID)
	}
	return ids, next, err
}

func microTime(text string) (time.Time, error) {
	micro, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, &Error{Kind: Internal, Op: "core.missed", Message: "a step through a gap that nobody wrote", Err: err}
	}
	return time.UnixMicro(micro).UTC(), nil
}
