package storage_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
)

// BenchmarkDo measures the acknowledgement of a feedback, the one write that comes in bursts, with so many callers
// waiting. "floor" is how often the write is done beside a bare durable commit of the same row by one connection, in the
// same run and on the same disk: only that ratio can be compared between days.
func BenchmarkDo(b *testing.B) {
	engines := map[string]func(testing.TB) string{"sqlite": storagetest.SQLiteDSN, "postgres": storagetest.DurablePostgresDSN}
	for _, name := range []string{"sqlite", "postgres"} {
		for _, waiting := range []int{1, 8, 32, 128} {
			b.Run(fmt.Sprintf("%s/%d", name, waiting), func(b *testing.B) { benchmarkDo(b, engines[name](b), waiting) })
		}
	}
}

func benchmarkDo(b *testing.B, dsn string, waiting int) {
	s := storagetest.Open(b, dsn)
	floor := openFloor(b, dsn)
	const slice = 100 * time.Millisecond
	var bare, done int64
	var bareTime, doneTime time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for done < int64(b.N) {
		b.StopTimer()
		began := time.Now()
		bare += floor.run(b, slice)
		bareTime += time.Since(began)
		b.StartTimer()
		began = time.Now()
		done += receiveAll(b, s, waiting, slice, int64(b.N)-done)
		doneTime += time.Since(began)
	}
	b.StopTimer()
	rate := float64(done) / doneTime.Seconds()
	b.ReportMetric(rate/(float64(bare)/bareTime.Seconds()), "floor")
	b.ReportMetric(rate, "writes/s")
	b.ReportMetric(float64(done)/float64(max(1, s.Stats().Commits)), "writes/commit")
}

// receiveAll has so many callers receive feedback for at most n items or the time given.
func receiveAll(tb testing.TB, s *storage.Store, callers int, d time.Duration, n int64) int64 {
	var left, done atomic.Int64
	left.Store(n)
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 && time.Now().Before(end) {
				if err := receive(s); err != nil {
					tb.Errorf("receive: %v", err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return done.Load()
}

var body = []byte(strings.Repeat("key=value&", 80))

func receive(s *storage.Store) error {
	id := "fb_" + ulid.Make().String()
	at := time.Now().UTC()
	item := &core.InboxItem{ID: id, Account: "payone-de", DedupeKey: "d" + id, ContentType: "application/x-www-form-urlencoded", Raw: body,
		Feedback: []byte(`{"facts":[]}`), State: core.InboxReceived, ReceivedAt: at}
	return s.Do(context.Background(), id, func(tx core.Tx) error {
		_, err := tx.Receive(item)
		return err
	})
}

// floor inserts rows like a feedback, one durable commit each.
type floor struct {
	db     *sql.DB
	insert string
}

func openFloor(tb testing.TB, dsn string) *floor {
	f := &floor{insert: "INSERT INTO feedback (id, account, dedupe_key, content_type, raw, masked, feedback, state, note, merchant_id, payment_id, attempt_id, tries, received_at) " +
		"VALUES ($1, 'payone-de', $2, 'x', $3, 0, '{\"facts\":[]}', 'received', '', '', '', '', 0, 1)"}
	f.db = openRaw(tb, dsn)
	f.db.SetMaxOpenConns(1)
	return f
}

func (f *floor) run(tb testing.TB, d time.Duration) (n int64) {
	for end := time.Now().Add(d); time.Now().Before(end); n++ {
		tx, err := f.db.BeginTx(context.Background(), nil)
		require.NoError(tb, err)
		id := "fb_" + ulid.Make().String()
		_, err = tx.ExecContext(context.Background(), f.insert, id, "d"+id, body)
		require.NoError(tb, err)
		require.NoError(tb, tx.Commit())
	}
	return n
}
