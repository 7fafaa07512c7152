package core_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// runs has the background work run, and returns what stops it.
func (d *desk) runs() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended, c := make(chan struct{}), d.Checkout
	go func() { defer close(ended); c.Run(ctx) }()
	return func() { cancel(); <-ended }
}

func shared(o *core.Options) { o.Poll = 2 * time.Second }

// captured is what a provider tells of an authorization that somebody captured in its back office.
func captured(op core.Op) core.Snapshot {
	return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, false),
		{Kind: core.Captured, Measure: core.AtLeast, Amount: op.Amount, Of: "A-" + op.Reference, Strength: core.Asserted}}}
}

// What happened while nobody listened, and whose messages are lost, is found: payments at rest are asked about once.
func TestAfterAGapPaymentsAtRestAreAskedAbout(t *testing.T) {
	for name, c := range map[string]struct {
		down  time.Duration
		found bool
	}{"a restart": {20 * time.Second, false}, "an hour away": {time.Hour, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				stop := d.runs()
				var ids []string
				for i := range 120 { // more than one step through the gap
					ids = append(ids, d.authorized(fmt.Sprint("order-", i)).ID)
				}
				time.Sleep(time.Minute)
				var mu sync.Mutex
				asked := map[string]int{}
				stop()
				time.Sleep(c.down)
				d.open(nil)
				d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
					mu.Lock()
					asked[in.Reference]++
					mu.Unlock()
					p := d.payment(ids[0])
					if op := d.op(p.ID, core.OpStart).Op; in.Reference == op.Reference {
						return captured(op), nil
					}
					return core.Snapshot{Found: true}, nil
				}
				stop = d.runs()
				time.Sleep(time.Minute)
				stop()
				mu.Lock()
				defer mu.Unlock()
				if !c.found {
					require.Empty(t, asked)
					require.Equal(t, core.StatusRequiresCapture, d.payment(ids[0]).Status)
					return
				}
				require.Len(t, asked, len(ids), "open ones, and those that ended lately")
				require.Equal(t, core.StatusSucceeded, d.payment(ids[0]).Status)
				next, err := d.store.NextWork(t.Context(), []core.WorkKind{core.WorkGap, core.WorkAsk, core.WorkApply})
				require.NoError(t, err)
				require.Zero(t, next, "it was asked once, and nothing is left to do")
			})
		})
	}
}

// A gap has an end, however many payments are made after it: of those nothing was missed, and nobody is asked for it.
func TestAfterAGapNewPaymentsAreNotAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		stop := d.runs()
		for i := range 60 { // more than one step
			d.authorized(fmt.Sprint("old-", i))
		}
		stop()
		time.Sleep(time.Hour)
		d.open(nil)
		var mu sync.Mutex
		asked := map[string]int{}
		d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[in.Reference]++
			return core.Snapshot{Found: true}, nil
		}
		defer d.runs()()
		time.Sleep(10 * time.Millisecond)
		var after []string
		for i := range 200 { // before the second step, and during those after it
			after = append(after, d.payment(d.authorized(fmt.Sprint("new-", i)).ID).Attempts[0].Reference)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		require.Zero(t, d.nextWork(core.WorkGap))
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, asked, 60)
		for _, reference := range after {
			require.Zero(t, asked[reference])
		}
	})
}

// A question may take longer than a lease: it is renewed, and nobody else asks meanwhile.
func TestALeaseIsRenewedWhileItsWorkIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.open(shared)
		var asked atomic.Int32
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			asked.Add(1)
			time.Sleep(38 * time.Second)
			return core.Snapshot{Found: true}, nil
		}
		stopFirst := d.runs()
		d.open(shared)
		stopSecond := d.runs()
		d.create("order-1", core.CaptureManual)
		time.Sleep(40 * time.Second)
		require.Equal(t, int32(1), asked.Load())
		stopFirst()
		stopSecond()
	})
}

// Whoever comes back after somebody else took his work changes nothing.
func TestALostLeaseStoresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.create("order-1", core.CaptureManual)
		op := d.op(v.ID, core.OpStart).Op
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			// Frozen for so long that another instance took the payment.
			err := d.store.Do(t.Context(), v.ID, func(tx core.Tx) error {
				_, err := tx.Grab(core.Work{Kind: core.WorkAsk, Subject: v.ID, DueAt: time.Now().Add(time.Hour)})
				return err
			})
			return captured(op), err
		}
		stop := d.runs()
		time.Sleep(10 * time.Second)
		p := d.payment(v.ID)
		require.Equal(t, v.Version, p.Version)
		require.Zero(t, p.Amounts.Captured)
		require.True(t, p.CheckAt.After(time.Now()), "the lease of the other one stands")
		stop()
	})
}

// A burst of messages is more than is applied at a time; what did not fit is found in the table.
func TestABurstIsAppliedWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		op := d.op(v.ID, core.OpStart).Op
		const burst = 600
		for i := range burst {
			f := core.Fact{Kind: core.Captured, Measure: core.Single, ID: fmt.Sprint("C", i), Of: "A-" + op.Reference, Strength: core.Asserted,
				Amount: core.Money{Minor: 10, Currency: "EUR"}}
			_, err := d.Receive(t.Context(), "acc", coretest.Message(core.Feedback{Reference: op.Reference, DedupeKey: fmt.Sprint("burst", i), Facts: []core.Fact{f}}))
			require.NoError(t, err)
		}
		stop := d.runs()
		time.Sleep(time.Second)
		stop()
		require.Equal(t, int64(10*burst), d.payment(v.ID).Amounts.Captured)
		l, err := d.Inbox(t.Context(), core.InboxQuery{State: core.InboxReceived}, 10, "")
		require.NoError(t, err)
		require.Empty(t, l.Items)
	})
}

// watched is a transaction that counts work which was lost before.
type watched struct {
	core.Tx
	lost *atomic.Int32
}

func (w watched) Take(kind core.WorkKind, due, until time.Time, limit int) ([]core.Work, error) {
	works, err := w.Tx.Take(kind, due, until, limit)
	for _, work := range works {
		w.lost.Add(int32(work.Failed))
	}
	return works, err
}

// A burst finds room for one message in the pool, and each of it sees that room. What does not fit is no fault of it: it is
// not counted as work that kills whoever has it, and is applied at once when there is room.
func TestABurstIsNotTakenForPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		op := d.op(v.ID, core.OpStart).Op
		var lost atomic.Int32
		d.open(func(o *core.Options) {
			o.Store = wrapped{d.store, func(tx core.Tx) core.Tx { return watched{tx, &lost} }}
			o.Poll = time.Second // one that is alone ends every lease when it begins
		})
		const room, burst = 127, 200
		send := func(i int) {
			f := core.Fact{Kind: core.Captured, Measure: core.Single, ID: fmt.Sprint("C", i), Of: "A-" + op.Reference, Strength: core.Asserted,
				Amount: core.Money{Minor: 10, Currency: "EUR"}}
			_, err := d.Receive(t.Context(), "acc", coretest.Message(core.Feedback{Reference: op.Reference, DedupeKey: fmt.Sprint("burst", i), Facts: []core.Fact{f}}))
			require.NoError(t, err)
		}
		for i := range room {
			send(i)
		}
		free := make(chan struct{})
		go func() { _ = d.store.Do(t.Context(), "elsewhere", func(core.Tx) error { <-free; return nil }) }()
		synctest.Wait()
		var all sync.WaitGroup
		for i := range burst {
			all.Go(func() { send(room + i) })
		}
		synctest.Wait()
		close(free)
		all.Wait()
		defer d.runs()()
		time.Sleep(time.Second)
		require.Equal(t, int64(10*(room+burst)), d.payment(v.ID).Amounts.Captured, "nothing waits for a lease that nobody uses")
		time.Sleep(time.Minute)
		require.Zero(t, lost.Load())
	})
}

// Work of an instance that died is done by another, once its lease is over.
func TestTheWorkOfADeadInstanceIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.open(shared)
		v := d.create("order-1", core.CaptureManual)
		_, err := d.Receive(t.Context(), "acc", coretest.Message(core.Feedback{Reference: d.op(v.ID, core.OpStart).Op.Reference, DedupeKey: "x",
			Facts: []core.Fact{coretest.Authorized(d.op(v.ID, core.OpStart).Op, true)}})) // acknowledged by one that applies nothing more
		require.NoError(t, err)
		d.open(shared)
		stop := d.runs()
		time.Sleep(15 * time.Second)
		require.Equal(t, core.StatusSucceeded, d.payment(v.ID).Status)
		stop()
	})
}
