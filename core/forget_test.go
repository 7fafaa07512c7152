package core_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

const aDay = 24 * time.Hour

// A key is good for as long as it is kept. After that the same request is a new one, and the merchant's reference still
// prevents a second payment, whose first one is named.
func TestAKeyIsForgottenAndItsPaymentIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*core.Options)
		kept   time.Duration
	}{
		"by default":    {nil, 30 * aDay},
		"as configured": {func(o *core.Options) { o.KeepKeys = 3 * aDay }, 3 * aDay},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				d.open(c.change)
				defer d.working()()
				v := d.create("order-1", core.CaptureAutomatic)
				d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, true))
				again := func() (core.Answer, error) {
					return d.Create(t.Context(), request("create-order-1"), newPayment("order-1", core.CaptureAutomatic))
				}
				time.Sleep(c.kept - time.Hour)
				a, err := again()
				require.NoError(t, err)
				require.True(t, a.Replayed)
				time.Sleep(aDay + time.Hour)
				_, err = again()
				e, ok := errors.AsType[*core.Error](err)
				require.True(t, ok)
				require.Equal(t, []string{"reference_exists", v.ID}, []string{e.Code, e.Object})
				require.Len(t, d.provider.Calls(core.OpStart), 1)
			})
		})
	}
}

// A request whose outcome is open is known by its key for as long as that is so: it is not made again as a new one.
func TestTheKeyOfAnOpenOperationIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) { return core.Outcome{Result: core.Pending}, nil }
		capture := func() core.Answer {
			a, err := d.Capture(t.Context(), request("cap"), v.ID, amount(4000))
			require.NoError(t, err)
			return a
		}
		require.Equal(t, 202, capture().Status)
		defer d.working()()
		time.Sleep(60 * aDay)
		require.True(t, capture().Replayed)
		require.Len(t, d.provider.Calls(core.OpCapture), 1)
	})
}

// forgetting notes how many keys each step deletes.
type forgetting struct {
	core.Tx
	steps func(n int)
}

func (t forgetting) Forget(until time.Time, most int) (int, time.Time, error) {
	n, oldest, err := t.Tx.Forget(until, most)
	t.steps(n)
	return n, oldest, err
}

// Many keys go in small steps. In between nobody waits for long, and afterwards nobody looks before something is due.
func TestKeysAreForgottenInSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		require.NoError(t, d.store.Do(t.Context(), "x", func(tx core.Tx) error {
			for i := range 450 {
				if _, err := tx.Claim(&core.IdempotencyRecord{IdempotencyScope: core.IdempotencyScope{MerchantID: "m", Route: "r", Key: fmt.Sprint(i)}, Done: true, CreatedAt: time.Now()}); err != nil {
					return err
				}
			}
			return nil
		}))
		began := time.Now()
		var looks atomic.Int32
		steps := make(chan int, 10)
		note := func(n int) { looks.Add(1); steps <- n }
		d.open(func(o *core.Options) {
			o.Store = wrapped{d.store, func(tx core.Tx) core.Tx { return forgetting{tx, note} }}
		})
		stop := d.working()
		time.Sleep(30*aDay - time.Hour)
		require.Equal(t, int32(1), looks.Load(), "nothing was due but at the start")
		time.Sleep(2 * time.Hour)
		stop()
		close(steps)
		require.Equal(t, []int{0, 200, 200, 50}, drained(steps))
		require.Equal(t, began.Add(60*aDay).UTC().Truncate(aDay), d.nextWork(core.WorkForget).Truncate(aDay), "a key that is used from now on is not older before")
	})
}

// drained is what was sent to a channel that is closed.
func drained(c <-chan int) (all []int) {
	for n := range c {
		all = append(all, n)
	}
	return all
}
