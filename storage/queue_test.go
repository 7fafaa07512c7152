package storage_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
)

func claimed(s *storage.Store, key string) bool {
	_, err := s.Idempotent(context.Background(), core.IdempotencyScope{MerchantID: "m", Route: "r", Key: key})
	return err == nil
}

func claimKey(tx core.Tx, key string) error {
	_, err := tx.Claim(&core.IdempotencyRecord{IdempotencyScope: core.IdempotencyScope{MerchantID: "m", Route: "r", Key: key}, OperationID: "op", CreatedAt: moment()})
	return err
}

// held is a store whose writers are all busy until release: what is asked of it meanwhile gathers.
func held(t *testing.T, s *storage.Store) (release func()) {
	t.Helper()
	gate, begun := make(chan struct{}), make(chan struct{}, 64)
	var wg sync.WaitGroup
	for i := range s.Writers() {
		wg.Go(func() {
			err := s.Do(context.Background(), fmt.Sprint("gate", i), func(core.Tx) error {
				begun <- struct{}{}
				<-gate
				return nil
			})
			if err != nil {
				t.Errorf("gate: %v", err)
			}
		})
		<-begun
	}
	release = sync.OnceFunc(func() { close(gate); wg.Wait() })
	t.Cleanup(release) // or a store would wait for ever to be closed
	return release
}

// gathered starts jobs that wait together behind held writers, and gives their errors.
func gathered(t *testing.T, s *storage.Store, subjects []string, fn func(i int, tx core.Tx) error) []error {
	t.Helper()
	release := held(t, s)
	errs := make([]error, len(subjects))
	var wg sync.WaitGroup
	for i, subject := range subjects {
		wg.Go(func() {
			errs[i] = s.Do(context.Background(), subject, func(tx core.Tx) error { return fn(i, tx) })
		})
	}
	require.Eventually(t, func() bool { return s.Stats().Waiting == len(subjects) }, time.Minute, time.Millisecond)
	release()
	wg.Wait()
	return errs
}

func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("s%04d", i)
	}
	return out
}

func TestAThousandWritesAreFewCommits(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				key := fmt.Sprint(i)
				if err := s.Do(context.Background(), key, func(tx core.Tx) error { return claimKey(tx, key) }); err != nil {
					t.Errorf("write: %v", err)
				}
			})
		}
		wg.Wait()
		st := s.Stats()
		require.Equal(t, int64(1000), st.Jobs)
		require.LessOrEqual(t, st.Commits, int64(100))
		jobs, commits := int64(0), int64(0)
		for n, times := range st.Sizes {
			jobs, commits = jobs+int64(n)*times, commits+times
		}
		require.Equal(t, int64(1000), jobs)
		require.Equal(t, st.Commits, commits)
		require.Zero(t, st.Waiting)
		for i := range 1000 {
			require.True(t, claimed(s, fmt.Sprint(i)))
		}
	})
}

func TestABatchIsInOrderWithEachSubjectOnce(t *testing.T) {
	s := storagetest.SQLite(t)
	subjects := append(numbered(70), "s0003", "s0003")
	slices.Reverse(subjects)
	var order []string // one writer: no race
	for _, err := range gathered(t, s, subjects, func(i int, tx core.Tx) error {
		order = append(order, subjects[i])
		return claimKey(tx, fmt.Sprint(i))
	}) {
		require.NoError(t, err)
	}
	st := s.Stats()
	require.Equal(t, int64(1), st.Sizes[64], "64 at most")
	require.LessOrEqual(t, st.Commits, int64(3))
	require.True(t, slices.IsSorted(order[:64]))
	require.Len(t, slices.Compact(slices.Clone(order[:64])), 64)
	require.Len(t, order, 72)
}

func TestOneFailureTakesNobodyWithIt(t *testing.T) {
	boom := errors.New("boom")
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		runs := make([]counter, 20)
		errs := gathered(t, s, numbered(20), func(i int, tx core.Tx) error {
			runs[i].next()
			switch i {
			case 3:
				return boom // before it wrote
			case 8:
				_, err := tx.Payment(t.Context(), "m", "none")
				return err
			}
			if err := claimKey(tx, fmt.Sprint(i)); err != nil {
				return err
			}
			switch i {
			case 5:
				return boom
			case 11:
				panic("broken")
			case 14: // a statement that the database refuses
				return tx.InsertAccount(core.AccountRow{Name: "a"})
			case 17: // … and nobody looks
				_ = tx.InsertAccount(core.AccountRow{Name: "a"})
				return claimKey(tx, "17b")
			}
			return nil
		})
		for i, err := range errs {
			switch i {
			case 3, 5:
				require.Equal(t, boom, err, "as it is")
			case 8:
				wantError(t, err, core.NotFound, "not_found")
			case 11, 14, 17:
				require.Error(t, err)
				require.Equal(t, core.Internal, core.KindOf(err))
			default:
				require.NoError(t, err)
				require.True(t, claimed(s, fmt.Sprint(i)))
				continue
			}
			require.False(t, claimed(s, fmt.Sprint(i)), "job %d is undone", i)
			require.LessOrEqual(t, runs[i].n.Load(), int64(2))
		}
		require.False(t, claimed(s, "17b"))
		require.Positive(t, s.Stats().Undone)
	})
}

func TestAFailureAloneIsUndone(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		boom := errors.New("boom")
		require.Equal(t, boom, s.Do(t.Context(), "x", func(tx core.Tx) error {
			if err := claimKey(tx, "x"); err != nil {
				return err
			}
			return boom
		}))
		require.False(t, claimed(s, "x"))
		require.NoError(t, s.Do(t.Context(), "x", func(tx core.Tx) error { return claimKey(tx, "x") }))
	})
}

func TestACallerThatGivesUp(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		over, cancel := context.WithCancel(t.Context())
		cancel()
		err := s.Do(over, "x", func(tx core.Tx) error { return claimKey(tx, "before") })
		wantError(t, err, core.Unavailable, "canceled")
		require.ErrorIs(t, err, context.Canceled)

		// While it waits: it is not run.
		release := held(t, s)
		waiting, cancel := context.WithCancel(t.Context())
		answer := make(chan error)
		go func() {
			answer <- s.Do(waiting, "x", func(tx core.Tx) error { return claimKey(tx, "waiting") })
		}()
		require.Eventually(t, func() bool { return s.Stats().Waiting == 1 }, time.Minute, time.Millisecond)
		cancel()
		wantError(t, <-answer, core.Unavailable, "canceled")
		release()

		// While it runs: it is kept, and a statement does not hear of it.
		running, cancel := context.WithCancel(t.Context())
		require.NoError(t, s.Do(running, "x", func(tx core.Tx) error {
			cancel()
			if _, err := tx.Locate(running, "acc", []core.Ref{{Kind: "a", Value: "b"}}); core.KindOf(err) != core.NotFound {
				return err
			}
			return claimKey(tx, "running")
		}))
		require.Equal(t, []bool{false, false, true}, []bool{claimed(s, "before"), claimed(s, "waiting"), claimed(s, "running")})
		_, err = s.Payment(running, "m", "pay_1")
		wantError(t, err, core.Unavailable, "storage_unavailable")
	})
}

func TestCloseFinishesWhatWaits(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s, other := open(), open()
		release := held(t, s)
		answer, closed := make(chan error), make(chan error)
		go func() { answer <- s.Do(context.Background(), "x", func(tx core.Tx) error { return claimKey(tx, "x") }) }()
		require.Eventually(t, func() bool { return s.Stats().Waiting == 1 }, time.Minute, time.Millisecond)
		go func() { closed <- s.Close() }()
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			return core.CodeOf(s.Do(ctx, "y", func(core.Tx) error { return nil })) == "storage_closed"
		}, time.Minute, time.Millisecond)
		release()
		require.NoError(t, <-answer)
		require.NoError(t, <-closed)
		require.True(t, claimed(other, "x"))
		wantError(t, s.Do(t.Context(), "x", func(core.Tx) error { return nil }), core.Unavailable, "storage_closed")
		require.Equal(t, core.Unavailable, core.KindOf(s.Ready(t.Context())))
		_, err := s.Payment(t.Context(), "m", "pay_1")
		require.Equal(t, core.Unavailable, core.KindOf(err), "%v", err)
	})
}

// The answer to a commit is lost: whether it happened is open, and says so. Nobody is told that it did or did not.
func TestALostCommit(t *testing.T) {
	lost := errors.New("connection reset")
	for name, commit := range map[string]func(*sql.Tx) error{
		"applied":     func(tx *sql.Tx) error { return errors.Join(tx.Commit(), lost) },
		"not applied": func(tx *sql.Tx) error { return errors.Join(tx.Rollback(), lost) },
	} {
		t.Run(name, func(t *testing.T) {
			storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
				s := open()
				boom := errors.New("boom")
				release := func(i int, tx core.Tx) error {
					if i == 2 {
						return boom
					}
					return claimKey(tx, fmt.Sprint(i))
				}
				s.OnCommit(commit)
				errs := gathered(t, s, numbered(6), release)
				s.OnCommit((*sql.Tx).Commit)
				for i, err := range errs {
					if i == 2 {
						require.Equal(t, boom, err, "it had its answer before")
						continue
					}
					wantError(t, err, core.Internal, "commit_unknown")
					require.ErrorIs(t, err, lost)
					require.Equal(t, name == "applied", claimed(s, fmt.Sprint(i)))
				}
				require.NoError(t, s.Do(t.Context(), "x", func(tx core.Tx) error { return claimKey(tx, "after") }), "the store goes on")
			})
		})
	}
}

func TestReady(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		s := storagetest.Open(t, dsn)
		require.NoError(t, s.Ready(t.Context()))
		require.Equal(t, int64(1), s.Stats().Commits, "ready is a real write")
		db := openRaw(t, dsn)
		_, err := db.ExecContext(t.Context(), "UPDATE goose_db_version SET version_id = 0")
		require.NoError(t, err)
		wantError(t, s.Ready(t.Context()), core.Unavailable, "schema_behind")
	})
}

func TestReadyNeedsRoomOnTheDisk(t *testing.T) {
	s, err := storage.Open(t.Context(), storagetest.SQLiteDSN(t), storage.Options{Migrate: true, MinFree: 1 << 62})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	wantError(t, s.Ready(t.Context()), core.Unavailable, "storage_low")
	require.NoError(t, s.Do(t.Context(), "x", func(tx core.Tx) error { return claimKey(tx, "x") }), "what must be stored still is")
}

func TestTwoInstances(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		stores := []*storage.Store{open(), open()}
		id := insert(t, stores[0], paid("r", 100)).ID
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				s := stores[i%2]
				err := s.Do(context.Background(), id, func(tx core.Tx) error {
					p, err := tx.Payment(context.Background(), "", id)
					if err != nil {
						return err
					}
					p.Version++
					p.UpdatedAt = moment()
					return tx.Write(&core.Change{Payment: p, Events: events(p, "payment.updated")})
				})
				if err != nil {
					t.Errorf("write: %v", err)
				}
			})
		}
		wg.Wait()
		p := load(t, stores[0], id)
		require.Equal(t, int64(61), p.Version)
		list, err := stores[1].Events(t.Context(), "m", core.EventQuery{Payment: id})
		require.NoError(t, err)
		require.Len(t, list, 60)
	})
}
