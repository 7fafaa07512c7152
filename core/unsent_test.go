package core_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// That a repetition never left the house says nothing about the call before it, which may have been carried out.
func TestARepetitionThatNeverLeftProvesNothing(t *testing.T) {
	d := newDesk(t)
	d.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) { return core.Outcome{}, nil }
	a, err := d.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
	require.NoError(t, err)
	id := view(t, a).ID
	d.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) {
		return core.Outcome{}, fmt.Errorf("refused: %w", core.ErrNotSent)
	}
	_, err = d.Sync(t.Context(), "m", id)
	require.NoError(t, err)
	o := d.op(id, core.OpStart)
	require.Equal(t, 2, o.Try)
	require.Equal(t, core.OpUnknown, o.State)
	require.Equal(t, core.StatusProcessing, d.payment(id).Status)
}

// A process stood still before its call left; meanwhile another one found the call in doubt, and said so. Then it turns
// out that it never left: what the merchant was told of fails, it does not vanish.
func TestWhatWasInDoubtAndNeverLeftFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		d.lost(0, 0)
		d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) {
			time.Sleep(2 * time.Minute)
			return core.Outcome{}, core.ErrNotSent
		}
		capture := func() core.Answer {
			a, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{})
			require.NoError(t, err)
			return a
		}
		late := d.Checkout
		told := capture()
		require.Equal(t, 202, told.Status)
		d.open(nil) // another instance
		time.Sleep(time.Minute)
		require.Equal(t, 202, capture().Status)
		require.Equal(t, core.OpUnknown, d.op(v.ID, core.OpCapture).State)
		time.Sleep(time.Minute)
		late.Drain(t.Context())

		p := d.payment(v.ID)
		require.Equal(t, core.StatusRequiresCapture, p.Status)
		bookings := p.Bookings(core.OpCapture)
		require.Len(t, bookings, 1)
		require.Equal(t, "failed", bookings[0].Status)
		require.Equal(t, core.RetryLater, bookings[0].Failure.RetryAdvice)
		require.Contains(t, string(told.Snapshot), bookings[0].ID)
		require.Contains(t, d.events(v.ID), "capture.failed")
		require.Equal(t, 201, capture().Status)
		require.Len(t, d.provider.Calls(core.OpCapture), 1)
	})
}
