package core_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// A call that is made again may die with its process like the first one did. It is asked about when it must be over,
// however far the schedule of asking has got.
func TestARepeatedCallIsAskedAboutAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		d.lost(0, 0)
		_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{})
		require.NoError(t, err)
		for range 6 { // the provider shows nothing, again and again
			_, err = d.Sync(t.Context(), "m", v.ID)
			require.NoError(t, err)
		}
		time.Sleep(3 * time.Minute)
		running := make(chan struct{})
		d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) {
			close(running)
			time.Sleep(time.Until(op.Deadline.Add(time.Hour))) // its process stands still
			return core.Outcome{}, errors.New("no answer")
		}
		go func() { _, _ = d.Sync(t.Context(), "m", v.ID) }()
		<-running
		synctest.Wait()
		o := d.op(v.ID, core.OpCapture)
		require.Equal(t, 2, o.Try)
		require.Equal(t, o.Deadline, d.payment(v.ID).CheckAt)
		time.Sleep(2 * time.Hour)
	})
}
