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

// An endpoint that is down is tried as often at any pace, and disabled for it; at a hundred times the pace it takes a
// hundredth of the time. What it asks for itself it gets in full.
func TestTimeScaleDividesTheScheduleOfWebhooks(t *testing.T) {
	const scale = 100
	slow, fast := deadEndpoint(t, 1), deadEndpoint(t, scale)
	require.Len(t, slow, len(waitsOfTries)+1)
	require.Len(t, fast, len(waitsOfTries)+1)
	for i := range waitsOfTries {
		require.InDelta(t, float64(waitsOfTries[i]), float64(slow[i]), float64(waitsOfTries[i]/10+time.Second), "try %d", i+1)
		require.InDelta(t, float64(waitsOfTries[i]/scale), float64(fast[i]), float64(waitsOfTries[i]/10/scale+time.Second/scale), "try %d at %d times the pace", i+1, scale)
	}
	require.Equal(t, []time.Duration{time.Hour, time.Hour}, []time.Duration{slow[16].Round(time.Minute), fast[16].Round(time.Minute)}, "Retry-After")
}

// deadEndpoint are the pauses before the tries of an event at an endpoint that refuses everything, and last the one that
// it asks for.
func deadEndpoint(t *testing.T, scale int) (pauses []time.Duration) {
	tell(t, func(t *testing.T, w *teller) {
		w.begin(func(o *core.Options) { o.TimeScale = scale })
		s := w.shops.shop(1)
		s.says(always(503))
		e := w.endpoint("m", 1, "payment.created")
		before := time.Now()
		w.create("order-1", core.CaptureManual)
		pause(8 * 24 * time.Hour / time.Duration(scale))
		for _, r := range s.requests() {
			pauses, before = append(pauses, r.at.Sub(before)), r.at
		}
		w.create("order-2", core.CaptureManual) // after seven days of nothing but failures
		pause(time.Hour / time.Duration(scale))
		stored, err := w.Endpoint(t.Context(), "m", e.ID)
		require.NoError(t, err)
		require.Equal(t, core.DisabledFailing, stored.Reason)

		asks := w.shops.shop(2)
		asks.says(func(n int) reply {
			return []reply{{status: 503, header: "Retry-After: 3600\r\n"}, {status: 204}}[min(n, 2)-1]
		})
		w.endpoint("m", 2, "payment.created")
		w.create("order-3", core.CaptureManual)
		pause(2 * time.Hour)
		got := asks.requests()
		require.Len(t, got, 2)
		pauses = append(pauses, got[1].at.Sub(got[0].at))
	})
	return pauses
}
