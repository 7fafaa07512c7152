package simulator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimersFireByWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock()
		defer c.Close()
		fired := make(chan time.Time, 1)
		start := time.Now()
		c.AfterFunc(time.Minute, func() { fired <- c.Now() })
		require.Equal(t, time.Minute, (<-fired).Sub(start))
	})
}

func TestAdvanceRunsWhatIsDueInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock()
		defer c.Close()
		start := c.Now()
		var seen []time.Duration
		note := func() { seen = append(seen, c.Now().Sub(start)) }
		c.AfterFunc(3*time.Hour, note)
		c.AfterFunc(time.Hour, func() {
			note()
			c.AfterFunc(time.Hour, note) // set while advancing, due on the way
		})
		late := c.AfterFunc(25*time.Hour, note)
		c.AfterFunc(2*time.Hour, note).Stop()
		c.Advance(24 * time.Hour)
		require.Equal(t, []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour}, seen)
		require.Equal(t, 24*time.Hour, c.Now().Sub(start))

		time.Sleep(time.Hour) // the last one is an hour away now, not 25
		synctest.Wait()
		require.Len(t, seen, 4)
		late.Stop()
	})
}

func TestTimerFiresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock()
		defer c.Close()
		count := 0
		c.AfterFunc(time.Second, func() { count++ })
		c.Advance(time.Second)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 1, count)
	})
}

func TestSleepEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.Sleep(ctx, time.Hour), context.DeadlineExceeded)
		require.NoError(t, c.Sleep(t.Context(), time.Hour))
		ended := make(chan error)
		go func() { ended <- c.Sleep(t.Context(), time.Hour) }()
		synctest.Wait()
		c.Close()
		require.ErrorIs(t, <-ended, ErrClosed)
	})
}

func TestClosedClockRunsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock()
		ran := false
		c.AfterFunc(time.Second, func() { ran = true })
		c.Close()
		c.AfterFunc(time.Second, func() { ran = true }).Stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.False(t, ran)
	})
}
