package storage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
)

func take(t *testing.T, s *storage.Store, kind core.WorkKind, due time.Time, limit int) (out []core.Work) {
	t.Helper()
	do(t, s, func(tx core.Tx) (err error) {
		out, err = tx.Take(kind, due, due.Add(time.Minute), limit)
		return err
	})
	return out
}

func nextWork(t *testing.T, s *storage.Store, kinds ...core.WorkKind) time.Time {
	t.Helper()
	at, err := s.NextWork(t.Context(), kinds)
	require.NoError(t, err)
	return at
}

func TestWorkIsTakenByOne(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s, other := open(), open()
		at := moment()
		require.Zero(t, nextWork(t, s, core.WorkAsk, core.WorkApply))
		for i := range 4 {
			do(t, s, func(tx core.Tx) error {
				return tx.Plan(core.Work{Kind: core.WorkAsk, Subject: fmt.Sprint(i), DueAt: at.Add(time.Duration(i) * time.Second), Tries: i})
			})
		}
		require.Equal(t, at, nextWork(t, s, core.WorkApply, core.WorkAsk))
		require.Zero(t, nextWork(t, s, core.WorkApply))
		first := take(t, s, core.WorkAsk, at.Add(2*time.Second), 2)
		require.Len(t, first, 2)
		require.Equal(t, "0", first[0].Subject)
		require.Equal(t, "1", first[1].Subject)
		require.Equal(t, at.Add(2*time.Second+time.Minute), first[0].DueAt)
		require.Equal(t, 1, first[1].Tries)
		second := take(t, other, core.WorkAsk, at.Add(2*time.Second), 5)
		require.Len(t, second, 1)
		require.Equal(t, "2", second[0].Subject)
		require.Empty(t, take(t, s, core.WorkApply, at.Add(time.Hour), 5))
		require.Equal(t, at.Add(3*time.Second), nextWork(t, s, core.WorkAsk))
	})
}

func TestALostLeaseChangesNothing(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		at := moment()
		w := core.Work{Kind: core.WorkAsk, Subject: "x", DueAt: at}
		do(t, s, func(tx core.Tx) error { return tx.Plan(w) })
		stale := take(t, s, core.WorkAsk, at, 1)[0]
		held := take(t, s, core.WorkAsk, at.Add(time.Hour), 1)[0]
		require.Greater(t, held.Fence, stale.Fence)
		for what, fn := range map[string]func(core.Tx) error{
			"again": func(tx core.Tx) error { return tx.Again(stale) },
			"done":  func(tx core.Tx) error { return tx.Done(stale) },
		} {
			wantError(t, s.Do(t.Context(), "x", fn), core.Conflict, "lease_lost")
			require.Equal(t, held.DueAt, nextWork(t, s, core.WorkAsk), what)
		}
		until := at.Add(5 * time.Hour)
		do(t, s, func(tx core.Tx) error { return tx.Renew([]core.Work{stale}, until) })
		require.Equal(t, held.DueAt, nextWork(t, s, core.WorkAsk))
		do(t, s, func(tx core.Tx) error { return tx.Renew([]core.Work{held}, until) })
		require.Equal(t, until, nextWork(t, s, core.WorkAsk))

		held.DueAt, held.Tries = at.Add(time.Second), 7
		do(t, s, func(tx core.Tx) error { return tx.Again(held) })
		do(t, s, func(tx core.Tx) error { return tx.Renew([]core.Work{held}, until) })
		require.Equal(t, held.DueAt, nextWork(t, s, core.WorkAsk), "what was put back is not held any more")
		got := take(t, s, core.WorkAsk, until, 1)[0]
		require.Equal(t, 7, got.Tries)
		do(t, s, func(tx core.Tx) error { return tx.Done(got) })
		require.Zero(t, nextWork(t, s, core.WorkAsk))

		// Written again after it was removed, it is another piece of work.
		do(t, s, func(tx core.Tx) error { return tx.Plan(w) })
		require.Greater(t, take(t, s, core.WorkAsk, at, 1)[0].Fence, got.Fence)
	})
}

// Work that is taken again and again without an end is known for it, and taken less and less often.
func TestALostLeaseIsCounted(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		at := moment()
		do(t, s, func(tx core.Tx) error {
			return tx.Plan(core.Work{Kind: core.WorkAsk, Subject: "x", DueAt: at, Tries: 3})
		})
		for failed, minutes := range []int{1, 1, 1, 1, 2, 4, 8} {
			w := take(t, s, core.WorkAsk, at, 1)[0]
			require.Equal(t, []int{failed, 3}, []int{w.Failed, w.Tries})
			require.Equal(t, at.Add(time.Duration(minutes)*time.Minute), w.DueAt)
			require.Equal(t, w.DueAt, nextWork(t, s, core.WorkAsk))
			at = w.DueAt
		}
		w := take(t, s, core.WorkAsk, at, 1)[0]
		w.DueAt, w.Failed = at, 6
		do(t, s, func(tx core.Tx) error { return tx.Again(w) })
		w = take(t, s, core.WorkAsk, at, 1)[0]
		require.Equal(t, 6, w.Failed, "what was put back was not lost")
		require.Equal(t, at.Add(time.Minute), w.DueAt)
		do(t, s, func(tx core.Tx) error { return tx.Soon(core.WorkAsk, "x", at) })
		require.Equal(t, 6, take(t, s, core.WorkAsk, at, 1)[0].Failed, "to be wanted sooner mends nothing")
		do(t, s, func(tx core.Tx) error { return tx.Restart(at) })
		require.Equal(t, 6, take(t, s, core.WorkAsk, at, 1)[0].Failed, "a restart is no fault of the work")
		for range 40 { // no lease ever lasts for ever
			at = nextWork(t, s, core.WorkAsk)
			w = take(t, s, core.WorkAsk, at, 1)[0]
		}
		require.Equal(t, 46, w.Failed)
		require.Equal(t, at.Add(4096*time.Minute), w.DueAt)
		do(t, s, func(tx core.Tx) error { return tx.Plan(core.Work{Kind: core.WorkAsk, Subject: "x", DueAt: at}) })
		require.Zero(t, take(t, s, core.WorkAsk, at, 1)[0].Failed, "what a change plans is new")
	})
}

func TestSoonMakesNothingLater(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		at := moment()
		soon := func(d time.Duration) time.Time {
			do(t, s, func(tx core.Tx) error { return tx.Soon(core.WorkAsk, "x", at.Add(d)) })
			return nextWork(t, s, core.WorkAsk)
		}
		require.Equal(t, at.Add(time.Minute), soon(time.Minute))
		require.Equal(t, at, soon(0))
		require.Equal(t, at, soon(time.Hour))
		taken := take(t, s, core.WorkAsk, at, 1)[0]
		require.Equal(t, at.Add(time.Second), soon(time.Second), "sooner than the end of its lease")
		require.Greater(t, take(t, s, core.WorkAsk, at.Add(time.Second), 1)[0].Fence, taken.Fence)
	})
}

func TestWorkTakenInTheSameBreath(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		at := moment()
		var first, second core.Work
		grab := func(w *core.Work) {
			do(t, s, func(tx core.Tx) (err error) {
				*w, err = tx.Grab(core.Work{Kind: core.WorkApply, Subject: "fb", DueAt: at.Add(time.Minute), Tries: 3})
				return err
			})
		}
		grab(&first)
		require.Empty(t, take(t, s, core.WorkApply, at, 1))
		grab(&second)
		require.Greater(t, second.Fence, first.Fence)
		wantError(t, s.Do(t.Context(), "x", func(tx core.Tx) error { return tx.Done(first) }), core.Conflict, "lease_lost")
		do(t, s, func(tx core.Tx) error { return tx.Restart(at) })
		require.Equal(t, at, nextWork(t, s, core.WorkApply), "a start ends every lease")
		got := take(t, s, core.WorkApply, at, 1)
		require.Len(t, got, 1)
		require.Equal(t, 3, got[0].Tries)
		do(t, s, func(tx core.Tx) error { return tx.Plan(core.Work{Kind: core.WorkApply, Subject: "fb"}) })
		require.Zero(t, nextWork(t, s, core.WorkApply), "due never")
	})
}

func TestRestartMakesAsksDue(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		at := moment()
		for kind, d := range map[core.WorkKind]time.Duration{core.WorkAsk: time.Hour, core.WorkApply: 2 * time.Hour} {
			do(t, s, func(tx core.Tx) error { return tx.Plan(core.Work{Kind: kind, Subject: "x", DueAt: at.Add(d)}) })
		}
		do(t, s, func(tx core.Tx) error { return tx.Restart(at) })
		require.Equal(t, at, nextWork(t, s, core.WorkAsk))
		require.Equal(t, at.Add(2*time.Hour), nextWork(t, s, core.WorkApply), "what nobody held waits for its time")
	})
}

func TestWhenAPaymentIsAskedAboutComesWithIt(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		p := insert(t, s, paid("order-1", 100))
		require.Zero(t, p.CheckAt)
		at := moment().Add(time.Minute)
		do(t, s, func(tx core.Tx) error {
			return tx.Plan(core.Work{Kind: core.WorkAsk, Subject: p.ID, DueAt: at, Tries: 3})
		})
		got := load(t, s, p.ID)
		require.Equal(t, at, got.CheckAt)
		require.Equal(t, 3, got.Checks)
		require.Equal(t, int64(1), got.Version, "asking is no change")
	})
}

func TestTheHeartbeat(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		at, err := s.LastBeat(t.Context())
		require.NoError(t, err)
		require.Zero(t, at)
		now := moment()
		do(t, s, func(tx core.Tx) error { return tx.Beat(now) })
		at, err = s.LastBeat(t.Context())
		require.NoError(t, err)
		require.Equal(t, now, at)
	})
}

func TestPaymentsThatMayHaveChangedUnheard(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		began := moment()
		var ids []string
		for i, status := range []core.Status{core.StatusRequiresCapture, core.StatusSucceeded, core.StatusProcessing, core.StatusSucceeded, core.StatusFailed} {
			p := paid(fmt.Sprint(i), 100)
			p.Status, p.UpdatedAt = status, began.Add(time.Duration(i)*time.Second)
			ids = append(ids, insert(t, s, p).ID)
		}
		open1, err := s.OpenPayments(t.Context(), "", 10)
		require.NoError(t, err)
		require.Equal(t, []string{ids[0], ids[2]}, open1)
		open2, err := s.OpenPayments(t.Context(), ids[0], 1)
		require.NoError(t, err)
		require.Equal(t, []string{ids[2]}, open2)
		changed, err := s.ChangedPayments(t.Context(), began.Add(2*time.Second), "", 2)
		require.NoError(t, err)
		require.Equal(t, []core.Changed{{ID: ids[2], At: began.Add(2 * time.Second)}, {ID: ids[3], At: began.Add(3 * time.Second)}}, changed)
		changed, err = s.ChangedPayments(t.Context(), changed[1].At, changed[1].ID, 2)
		require.NoError(t, err)
		require.Len(t, changed, 1)
		require.Equal(t, ids[4], changed[0].ID)
	})
}
