package core_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// waited are the waits of one story: a capture that nobody answers.
type waited struct {
	answered time.Duration // until the merchant got a 202
	claimed  time.Duration // until the request's key is free
	again    time.Duration // until the call was made a second time
}

// The same story at two paces: what one waits for, the other waits for a hundred times shorter.
func TestTimeScaleDividesEveryWait(t *testing.T) {
	const scale = 100
	slow, fast := lostCapture(t, 1), lostCapture(t, scale)
	require.Equal(t, 25*time.Second, slow.answered)
	require.Equal(t, 45*time.Second, slow.claimed)
	require.GreaterOrEqual(t, slow.again, 160*time.Second, "the 40 s of the call, then two questions 2 min apart")
	require.Equal(t, slow.answered/scale, fast.answered)
	require.Equal(t, slow.claimed/scale, fast.claimed)
	require.InEpsilon(t, slow.again/scale, fast.again, 0.4, "the schedule has 20 %% of jitter")
}

func lostCapture(t *testing.T, scale int) (w waited) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.open(func(o *core.Options) { o.TimeScale = scale })
		v := d.authorized("order-1")
		d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) {
			time.Sleep(time.Until(op.Deadline))
			return core.Outcome{}, errors.New("no answer")
		}
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{Found: true}, nil }
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); d.Run(ctx) }()
		began := time.Now()
		r := request("cap")
		a, err := d.Capture(t.Context(), r, v.ID, core.NewBooking{})
		require.NoError(t, err)
		require.Equal(t, 202, a.Status)
		w.answered = time.Since(began)
		rec, err := d.store.Idempotent(t.Context(), core.IdempotencyScope{MerchantID: r.MerchantID, Route: r.Route, Key: r.IdempotencyKey})
		require.NoError(t, err)
		w.claimed = rec.LeaseUntil.Sub(began).Round(time.Millisecond)
		for len(d.provider.Calls(core.OpCapture)) < 2 {
			time.Sleep(time.Second / time.Duration(scale))
			require.Less(t, time.Since(began), time.Hour)
		}
		w.again = time.Since(began)
		stop()
		<-ended
	})
	return w
}
