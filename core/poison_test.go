package core_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// wrapped is a store whose transactions are what wrap makes of them.
type wrapped struct {
	core.Store
	wrap func(core.Tx) core.Tx
}

func (s wrapped) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	return s.Store.Do(ctx, subject, func(tx core.Tx) error { return fn(s.wrap(tx)) })
}

// clumsy is a transaction with a defect: it cannot put work back. When broken, it cannot change a payment either.
type clumsy struct {
	core.Tx
	broken func() bool
}

var errDefect = errors.New("a defect")

func (t clumsy) Again(core.Work) error { return errDefect }

func (t clumsy) Write(c *core.Change) error {
	if t.broken() {
		return errDefect
	}
	return t.Tx.Write(c)
}

// newClumsyDesk is a desk on a store with that defect, with what it logs.
func newClumsyDesk(t *testing.T, broken func() bool) (*desk, *bytes.Buffer) {
	d, logs := newDesk(t), &bytes.Buffer{}
	d.open(func(o *core.Options) {
		o.Store = wrapped{d.store, func(tx core.Tx) core.Tx { return clumsy{tx, broken} }}
		o.Log = slog.New(slog.NewTextHandler(logs, nil))
	})
	return d, logs
}

func never() bool { return false }

// A payment that cannot be asked about, for a defect of ours, ends with a person: it is tried less and less often, and
// then not at all until something changes it.
func TestAQuestionThatCannotBePutBackIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, logs := newClumsyDesk(t, never)
		v := d.create("order-1", core.CaptureManual)
		var mu sync.Mutex
		var asked []time.Time
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, time.Now())
			return core.Snapshot{}, nil
		}
		began := time.Now()
		stop := d.working()
		time.Sleep(30 * 24 * time.Hour)
		stop()
		require.Len(t, asked, 8)
		for i := 5; i < len(asked); i++ {
			require.Greater(t, asked[i].Sub(asked[i-1]), asked[i-1].Sub(asked[i-2]), "less and less often")
		}
		require.Less(t, asked[7].Sub(began), 3*time.Hour)
		require.True(t, d.payment(v.ID).NeedsReview)
		require.Contains(t, d.events(v.ID), "payment.needs_review")
		require.Contains(t, logs.String(), `msg="work given up: a person must look" kind=ask subject=`+v.ID)
		require.Zero(t, d.nextWork(core.WorkAsk))

		d.open(nil) // the defect is mended, and the provider tells
		d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, false))
		p := d.payment(v.ID)
		require.Equal(t, core.StatusRequiresCapture, p.Status)
		require.False(t, p.NeedsReview)
	})
}

func (d *desk) nextWork(kinds ...core.WorkKind) time.Time {
	d.t.Helper()
	at, err := d.store.NextWork(d.t.Context(), kinds)
	require.NoError(d.t, err)
	return at
}

// A payment that cannot even be given up is tried once in a while for as long as that is so, and no oftener.
func TestWorkThatCannotEvenBeGivenUpIsTriedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		d, _ := newClumsyDesk(t, broken.Load)
		v := d.create("order-1", core.CaptureManual)
		var asked atomic.Int32
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			asked.Add(1)
			return core.Snapshot{Found: true, Facts: []core.Fact{{Kind: core.BuyerAway, Strength: core.Asserted}}}, nil
		}
		broken.Store(true)
		defer d.working()()
		time.Sleep(30 * 24 * time.Hour)
		require.Equal(t, int32(8), asked.Load())
		require.False(t, d.payment(v.ID).NeedsReview)
		broken.Store(false)
		time.Sleep(2 * 24 * time.Hour)
		require.True(t, d.payment(v.ID).NeedsReview, "as soon as it can be")
	})
}

// A message whose work cannot be put back is dead, as one that cannot be applied.
func TestAMessageThatCannotBePutBackIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, logs := newClumsyDesk(t, never)
		d.receive(core.Feedback{Reference: "of nobody", DedupeKey: "x"}) // it is to be looked for again
		stop := d.working()
		time.Sleep(24 * time.Hour)
		stop()
		require.Equal(t, core.InboxDead, d.items(core.InboxQuery{})[0].State)
		require.Contains(t, logs.String(), "feedback is dead")
		require.Zero(t, d.nextWork(core.WorkApply))
	})
}

// Without a defect in the table, work that always fails ends the same way; an outage is none.
func TestAQuestionThatAlwaysFailsIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		review bool
	}{"a defect": {errDefect, true}, "an outage": {errNoStorage, false}, "an unknown commit": {errUnknownCommit, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, m := newMoodyDesk(t)
				v := d.create("order-1", core.CaptureManual)
				var writes atomic.Int32
				var asking atomic.Bool
				d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { asking.Store(true); return core.Snapshot{}, nil }
				m.set(func(subject string, run func() error) error {
					if subject == v.ID && asking.Swap(false) { // what the question has found cannot be stored
						writes.Add(1)
						return c.err
					}
					return run()
				})
				stop := d.working()
				time.Sleep(10 * time.Hour)
				stop()
				require.Equal(t, c.review, d.payment(v.ID).NeedsReview)
				if n := writes.Load(); c.review {
					require.Equal(t, int32(8), n)
				} else {
					require.Greater(t, n, int32(8))
				}
			})
		})
	}
}
