package core_test

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// Nothing ticks while nothing is due: two weeks of silence cost next to nothing.
func TestIdleDaysCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		stop := d.runs()
		paid := d.create("order-1", core.CaptureAutomatic)
		d.hear(coretest.Authorized(d.op(paid.ID, core.OpStart).Op, true))
		time.Sleep(time.Minute)
		require.Equal(t, core.StatusSucceeded, d.payment(paid.ID).Status)
		before := cpu(t)
		time.Sleep(15 * 24 * time.Hour)
		require.Less(t, cpu(t)-before, 50*time.Millisecond)
		stop()
	})
}

// cpu is the time this process has computed so far.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
