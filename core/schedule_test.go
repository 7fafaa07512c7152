package core_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
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

// A provider gives one and the same answer without a verdict to every repetition of a call, for weeks. It is asked on the
// schedule, not without end, and the merchant is told of the doubt once.
func TestACallThatStaysInDoubtIsMadeAgainOnTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.provider.Caps.Resume[core.OpRefund] = core.ResumeSameKey
		d.open(nil)
		v := d.authorized("order-1")
		d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, true))
		d.provider.OnRefund = func(core.Op, core.RefundInput) (core.Outcome, error) { return core.Outcome{}, errors.New("HTTP 500") }
		_, err := d.Refund(t.Context(), request("refund"), v.ID, amount(1000))
		require.NoError(t, err)
		require.Equal(t, int64(1000), d.payment(v.ID).Amounts.InDoubt)
		stop := d.runs()
		time.Sleep(time.Hour)
		inAnHour := len(d.provider.Calls(core.OpRefund))
		time.Sleep(20 * 24 * time.Hour)
		stop()
		all := d.provider.Calls(core.OpRefund)
		require.True(t, 5 <= inAnHour && inAnHour <= 10, "%d in an hour", inAnHour)
		require.Less(t, len(all), 80)
		for _, op := range all {
			require.Equal(t, all[0].Key, op.Key)
		}
		told := d.events(v.ID)
		require.Equal(t, 1, len(slices.DeleteFunc(slices.Clone(told), func(e string) bool { return e != "payment.in_doubt" })), "%v", told)
		require.NotContains(t, told, "payment.doubt_resolved")
		p := d.payment(v.ID)
		require.True(t, p.NeedsReview)
		require.Equal(t, int64(1000), p.Amounts.InDoubt)
	})
}

// While a call is being made again nobody else makes it, no operator is believed about it, and what the provider shows
// of it counts for nothing: it may be from before.
func TestACallThatIsBeingMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		d.lost(0, 0)
		_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{})
		require.NoError(t, err)
		ask := func() {
			_, err := d.Sync(t.Context(), "m", v.ID)
			require.NoError(t, err)
		}
		ask()
		time.Sleep(3 * time.Minute)
		over := make(chan struct{})
		d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) {
			<-over
			return core.Outcome{}, errors.New("no answer")
		}
		go ask()
		synctest.Wait()
		calls := func() int { return len(d.provider.Calls(core.OpCapture)) }
		require.Equal(t, 2, calls())
		ask()
		require.Equal(t, 2, calls())
		_, code := d.resolve("1", v.ID, core.Settlement{Operation: d.op(v.ID, core.OpCapture).ID, Happened: true})
		require.Equal(t, "operation_in_progress", code)
		require.Equal(t, int64(10000), d.payment(v.ID).Amounts.InDoubt, "it is in doubt all along")
		close(over)
		synctest.Wait()
		time.Sleep(3 * time.Minute)
		ask()
		require.Equal(t, 2, calls(), "the provider was not asked twice since")
		time.Sleep(3 * time.Minute)
		ask()
		require.Equal(t, 3, calls())
	})
}

// The same where a call may be made again at any time.
func TestACallIsMadeAgainByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.provider.Caps.Resume[core.OpRefund] = core.ResumeSameKey
		d.open(nil)
		v := d.authorized("order-1")
		d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, true))
		over := make(chan struct{})
		d.provider.OnRefund = func(op core.Op, _ core.RefundInput) (core.Outcome, error) {
			if op.Try > 1 {
				<-over
			}
			return core.Outcome{}, errors.New("HTTP 500")
		}
		_, err := d.Refund(t.Context(), request("refund"), v.ID, amount(1000))
		require.NoError(t, err)
		for range 3 {
			go func() { _, _ = d.Sync(t.Context(), "m", v.ID) }()
			synctest.Wait()
		}
		require.Len(t, d.provider.Calls(core.OpRefund), 2)
		close(over)
		synctest.Wait()
	})
}
