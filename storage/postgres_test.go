package storage_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
)

// A row that another instance holds must not keep a batch waiting: its job leaves and waits alone.
func TestALockedRowLeavesTheBatch(t *testing.T) {
	dsn := storagetest.PostgresDSN(t)
	s := storagetest.Open(t, dsn)
	locked, free := insert(t, s, paid("locked", 100)), insert(t, s, paid("free", 100))
	other, err := openRaw(t, dsn).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "SELECT 1 FROM payments WHERE id = $1 FOR UPDATE", locked.ID)
	require.NoError(t, err)

	touch := func(id string) error {
		return s.Do(context.Background(), id, func(tx core.Tx) error {
			p, err := tx.Payment(context.Background(), "m", id)
			if err != nil {
				return err
			}
			p.Version++
			return tx.Write(&core.Change{Payment: p})
		})
	}
	var wg sync.WaitGroup
	var stuck error
	wg.Go(func() { stuck = touch(locked.ID) })
	require.Eventually(t, func() bool { return s.Stats().Alone == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, touch(free.ID), "others go on")
	require.NoError(t, other.Commit())
	wg.Wait()
	require.NoError(t, stuck)
	require.Equal(t, int64(2), load(t, s, locked.ID).Version)
	require.Equal(t, int64(1), s.Stats().Alone)
}

// The same when the job had written before it came to the locked row, in a batch of others.
func TestALockedRowAfterAWrite(t *testing.T) {
	dsn := storagetest.PostgresDSN(t)
	s := storagetest.Open(t, dsn)
	p := insert(t, s, paid("locked", 100))
	do(t, s, func(tx core.Tx) error { return tx.Plan(core.Work{Kind: core.WorkAsk, Subject: p.ID, DueAt: moment()}) })
	other, err := openRaw(t, dsn).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "UPDATE work SET tries = tries WHERE subject = $1", p.ID)
	require.NoError(t, err)
	done := make(chan []error, 1)
	go func() {
		done <- gathered(t, s, numbered(8), func(i int, tx core.Tx) error {
			if err := claimKey(tx, fmt.Sprint(i)); err != nil || i%4 > 0 {
				return err
			}
			return tx.Soon(core.WorkAsk, p.ID, moment().Add(-time.Duration(i)*time.Minute)) // 0 and 4 want the row; they hold no lock on it before
		})
	}()
	require.Eventually(t, func() bool { return s.Stats().Alone > 0 }, time.Minute, time.Millisecond)
	require.NoError(t, other.Commit())
	for i, err := range <-done {
		require.NoError(t, err)
		require.True(t, claimed(s, fmt.Sprint(i)))
	}
}

// A connection that is cut before the commit was sent has stored nothing, and the next job finds another.
func TestACutConnection(t *testing.T) {
	dsn := storagetest.PostgresDSN(t)
	s := storagetest.Open(t, dsn)
	admin := openRaw(t, dsn)
	cut := func() {
		_, err := admin.ExecContext(context.Background(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'")
		if err != nil {
			t.Errorf("cut: %v", err)
		}
	}
	err := s.Do(t.Context(), "x", func(tx core.Tx) error {
		if err := claimKey(tx, "a"); err != nil {
			return err
		}
		cut()
		return claimKey(tx, "b")
	})
	require.Equal(t, core.Unavailable, core.KindOf(err), "%v", err)
	err = s.Do(t.Context(), "x", func(tx core.Tx) error {
		defer cut() // nothing more runs but the commit itself
		return claimKey(tx, "c")
	})
	wantError(t, err, core.Internal, "commit_unknown")
	require.NoError(t, s.Do(t.Context(), "x", func(tx core.Tx) error { return claimKey(tx, "d") }))
	require.Equal(t, []bool{false, false, false, true}, []bool{claimed(s, "a"), claimed(s, "b"), claimed(s, "c"), claimed(s, "d")})

	// In a batch everybody is told that nothing happened: no commit was sent.
	errs := gathered(t, s, numbered(16), func(i int, tx core.Tx) error {
		if err := claimKey(tx, fmt.Sprint(i)); err != nil {
			return err
		}
		if i == 3 {
			cut()
			return errors.New("boom")
		}
		return nil
	})
	for i, err := range errs {
		require.Equal(t, err == nil, claimed(s, fmt.Sprint(i)), "%d: %v", i, err)
		if err != nil && i != 3 {
			require.Equal(t, core.Unavailable, core.KindOf(err), "%v", err)
		}
	}
}

func TestPostgresSettings(t *testing.T) {
	s := storagetest.Postgres(t)
	for name, want := range map[string]string{"statement_timeout": "5s", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "10s", "TimeZone": "UTC", "application_name": "paymux"} {
		var got string
		require.NoError(t, s.Gorm().Raw("SELECT current_setting(?)", name).Scan(&got).Error)
		require.Equal(t, want, got, name)
	}
}
