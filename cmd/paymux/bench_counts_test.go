package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage/storagetest"
)

// What does not depend on the machine is counted, not timed.

// eachRig runs test on both engines, with nothing at work in the background.
func eachRig(t *testing.T, test func(*testing.T, *rig)) {
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": storagetest.SQLiteDSN, "postgres": storagetest.PostgresDSN} {
		t.Run(name, func(t *testing.T) {
			r := openRig(t, dsn(t), "127.0.0.1:8080")
			t.Cleanup(func() { require.NoError(t, r.store.Close()) })
			test(t, r)
		})
	}
}

func TestCreateIsTwoJobsOfTheWriteQueue(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		for range 3 {
			before := r.store.Stats()
			r.create(t)
			after := r.store.Stats()
			require.EqualValues(t, 2, after.Jobs-before.Jobs, "jobs: the intent, and what came of it")
			require.EqualValues(t, 2, after.Commits-before.Commits, "commits")
		}
	})
}

// A burst that comes while the disk is busy is committed together: 64 at a time.
func TestThousandFeedbacksTakeFewCommits(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		const burst = 1000
		bodies := r.feedback(t, burst, 10)
		release := r.holdWriters(t)
		before := r.store.Stats()
		var wg sync.WaitGroup
		var refused atomic.Int64
		for _, body := range bodies {
			wg.Go(func() {
				if _, err := r.serve(r.request(t, "/feedback/aps-ae", body)); err != nil {
					refused.Add(1)
				}
			})
		}
		require.Eventually(t, func() bool { return r.store.Stats().Waiting == burst }, waitFor, tick, "not everything is waiting to be stored")
		release()
		wg.Wait()
		after := r.store.Stats()
		require.Zero(t, refused.Load())
		require.Equal(t, burst, r.inState(t, core.InboxReceived))
		// What held the writers up finishes within this count, but wrote nothing and commits nothing.
		require.LessOrEqual(t, after.Commits-before.Commits, int64(100), "%d feedbacks in %v", burst, after.Sizes)
		require.GreaterOrEqual(t, after.Commits-before.Commits, int64(16), "a batch is larger than it may be")
	})
}

// The provider hears of its feedback what is true: until the commit nothing, then that it is kept.
func TestFeedbackIsAcknowledgedAfterItsCommit(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		body := r.feedback(t, 1, 1)[0]
		release := r.holdWriters(t)
		answered := make(chan int, 1)
		go func() {
			w := httptest.NewRecorder()
			r.service.ServeHTTP(w, r.request(t, "/feedback/aps-ae", body))
			answered <- w.Code
		}()
		require.Eventually(t, func() bool { return r.store.Stats().Waiting == 1 }, waitFor, tick)
		require.Empty(t, answered, "acknowledged before its commit")
		require.Zero(t, r.inState(t, core.InboxReceived))
		release()
		require.Equal(t, http.StatusOK, <-answered)
		require.Equal(t, 1, r.inState(t, core.InboxReceived), "acknowledged and, on another connection, not there")
	})
	t.Run("and never without one", func(t *testing.T) {
		r := openRig(t, storagetest.SQLiteDSN(t), "127.0.0.1:8080")
		body := r.feedback(t, 1, 1)[0]
		require.NoError(t, r.store.Close())
		_, err := r.serve(r.request(t, "/feedback/aps-ae", body))
		require.ErrorContains(t, err, "status 503")
	})
}

// holdWriters occupies every writer of the store until release, which a failed test calls as well.
func (r *rig) holdWriters(t *testing.T) (release func()) {
	t.Helper()
	writers := min(4, max(2, runtime.GOMAXPROCS(0))) // storage.Options.Writers
	if r.sqlite {
		writers = 1
	}
	begun, end := make(chan struct{}, writers), make(chan struct{})
	var wg sync.WaitGroup
	release = sync.OnceFunc(func() { close(end); wg.Wait() })
	t.Cleanup(release)
	for i := range writers {
		wg.Go(func() {
			err := r.store.Do(context.Background(), fmt.Sprint("held ", i), func(core.Tx) error { begun <- struct{}{}; <-end; return nil })
			if err != nil {
				t.Errorf("hold a writer: %v", err)
			}
		})
		select {
		case <-begun:
		case <-time.After(waitFor):
			require.Fail(t, "the store has fewer writers than this test holds", "held %d of %d", i, writers)
		}
	}
	return release
}
