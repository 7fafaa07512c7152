package simulator

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrClosed says that the simulator was closed while somebody waited.
var ErrClosed = errors.New("simulator: closed")

// Clock is the true time plus an offset that only grows. Timers fire when their virtual time is reached,
// by waiting or by Advance. No goroutine runs while nothing is due, so it works in testing/synctest.
type Clock struct {
	advancing sync.Mutex // one Advance at a time

	mu      sync.Mutex
	offset  time.Duration
	timers  map[*Timer]struct{}
	created uint64
	done    chan struct{}
	closed  bool
	running sync.WaitGroup
}

// Timer is one function that waits for its virtual time.
type Timer struct {
	clock *Clock
	due   time.Time
	order uint64
	run   func()
	real  *time.Timer
}

// NewClock is a clock that shows the true time.
func NewClock() *Clock {
	return &Clock{timers: map[*Timer]struct{}{}, done: make(chan struct{})}
}

// Now is the virtual time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time { return time.Now().Add(c.offset) }

// AfterFunc runs f once in d of virtual time, on a goroutine of its own or inside Advance.
// On a closed clock it never runs.
func (c *Clock) AfterFunc(d time.Duration, f func()) *Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.created++
	t := &Timer{clock: c, due: c.now().Add(d), order: c.created, run: f}
	if c.closed {
		return t
	}
	c.timers[t] = struct{}{}
	t.real = time.AfterFunc(d, func() {
		if c.take(t) {
			defer c.running.Done()
			t.run()
		}
	})
	return t
}

// Stop keeps the function from running, unless it has begun.
func (t *Timer) Stop() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.clock.drop(t)
}

// Sleep waits for d of virtual time. It ends early with ctx's error, or with ErrClosed.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	woken := make(chan struct{})
	t := c.AfterFunc(d, func() { close(woken) })
	defer t.Stop()
	select {
	case <-woken:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return ErrClosed
	}
}

// Advance moves the time forward by d and runs what falls due on the way, in order of time,
// each with the clock standing at its own moment. When it returns, all of that has run.
func (c *Clock) Advance(d time.Duration) {
	c.advancing.Lock()
	defer c.advancing.Unlock()
	target := c.Now().Add(d)
	for {
		t := c.takeNext(target)
		if t == nil {
			break
		}
		t.run()
		c.running.Done()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moveTo(target)
	for t := range c.timers {
		t.real.Reset(t.due.Sub(c.now()))
	}
}

// takeNext claims the earliest timer that is due at target and puts the clock to its moment.
func (c *Clock) takeNext(target time.Time) *Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	var next *Timer
	for t := range c.timers {
		if t.due.After(target) {
			continue
		}
		if next == nil || t.due.Before(next.due) || (t.due.Equal(next.due) && t.order < next.order) {
			next = t
		}
	}
	if next != nil {
		c.moveTo(next.due)
		c.drop(next)
		c.running.Add(1)
	}
	return next
}

func (c *Clock) moveTo(t time.Time) {
	if ahead := t.Sub(c.now()); ahead > 0 {
		c.offset += ahead
	}
}

// take claims a timer, so that waiting and Advance never both run it.
func (c *Clock) take(t *Timer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, waiting := c.timers[t]; !waiting {
		return false
	}
	delete(c.timers, t)
	c.running.Add(1)
	return true
}

func (c *Clock) drop(t *Timer) {
	if _, waiting := c.timers[t]; waiting {
		delete(c.timers, t)
		t.real.Stop()
	}
}

// Reset drops all timers and shows the true time again.
func (c *Clock) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t := range c.timers {
		c.drop(t)
	}
	c.offset = 0
}

// Close drops all timers, wakes sleepers and waits for functions that run.
func (c *Clock) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.done)
	}
	for t := range c.timers {
		c.drop(t)
	}
	c.mu.Unlock()
	c.running.Wait()
}
