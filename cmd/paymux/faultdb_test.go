package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	shuffle "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
)

// Steps of every flow towards the database fail: one, a later one, and so on until a run is clean. The ways in which they
// fail take turns, and so do a program that goes on and one that is started again; commits are also kept and their
// answers lost. How many steps fail is PAYMUX_FAULTS: unset, some of them; "most", each of SQLite and every fifth of
// Postgres, where all take minutes, and every commit; "all", each, and on SQLite each in every way. Afterwards the client repeats the
// request, and in the end both books agree, nothing happened twice and nothing is stuck.
func TestEveryStepTowardsTheDatabaseFails(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		everyStep(t, map[string]int{"": 4, "most": 1, "all": 1}, true, sqliteInMemory(t), []storagetest.Way{storagetest.Lost, storagetest.Refused, storagetest.Down})
	})
	t.Run("postgres", func(t *testing.T) {
		everyStep(t, map[string]int{"": 30, "most": 5, "all": 1}, false, onePostgres(t), []storagetest.Way{storagetest.Lost, storagetest.Refused, storagetest.Full, storagetest.Locked, storagetest.Down})
	})
}

// everyStep has every n-th step fail, n by the value of PAYMUX_FAULTS; with every and "all", in each of the ways.
func everyStep(t *testing.T, strides map[string]int, every bool, open func(testing.TB) string, ways []storagetest.Way) {
	c, density := faultConfig(t), os.Getenv("PAYMUX_FAULTS")
	stride, all, both := strides[density], every && density == "all", density != ""
	require.NotZero(t, stride, "PAYMUX_FAULTS is %q: it is unset, most or all", density)
	for _, f := range flows {
		t.Run(f.name, func(t *testing.T) {
			began, runs := time.Now(), 0
			try := func(n int, way storagetest.Way, again bool) (hit string) {
				runs++
				t.Run(fmt.Sprintf("%s %d restart %t", way, n, again), func(t *testing.T) {
					dsn := open(t)
					synctest.Test(t, func(t *testing.T) { hit = f.interrupted(t, c, dsn, n, way, again) })
				})
				return hit
			}
			steps := untilClean(t, stride, func(n int) (hit string) {
				for i, way := range ways {
					for j, again := range []bool{false, true} {
						if all || (n/stride)%(2*len(ways)) == i+j*len(ways) {
							hit = max(hit, try(n, way, again))
						}
					}
				}
				return hit
			})
			few := max(1, stride/4)
			commits := untilClean(t, few, func(n int) (hit string) {
				for i, again := range []bool{false, true} {
					if both || n/few%2 == i {
						hit = max(hit, try(n, storagetest.Kept, again))
					}
				}
				return hit
			})
			t.Logf("%s: %d steps, %d of them commits; %d runs in %s", f.name, steps, commits, runs, time.Since(began).Round(10*time.Millisecond))
			require.Positive(t, min(steps, commits))
		})
	}
}

// untilClean counts n up until nothing was hit.
func untilClean(t *testing.T, stride int, try func(n int) (hit string)) (steps int) {
	for n := 1; ; n += stride {
		if hit := try(n); hit == "" || t.Failed() {
			return n - 1
		}
	}
}

// sqliteInMemory gives copies of an empty database at head, each in a file of its own.
func sqliteInMemory(t *testing.T) func(testing.TB) string {
	empty := strings.TrimPrefix(storagetest.SQLiteDSN(t), "sqlite:")
	require.NoError(t, storage.Migrate(t.Context(), "sqlite:"+empty))
	content, err := os.ReadFile(empty)
	require.NoError(t, err)
	dir := memoryDir(t)
	return func(tb testing.TB) string {
		path := filepath.Join(dir, rand.Text()+".db")
		require.NoError(tb, os.WriteFile(path, content, 0o600))
		tb.Cleanup(func() {
			for _, end := range []string{"", "-wal", "-shm"} {
				_ = os.Remove(path + end)
			}
		})
		return "sqlite:" + path
	}
}

// interrupted lives through the flow once, its n-th step failing. It tells which step that was, empty when there are
// fewer.
func (f flow) interrupted(t *testing.T, c *config, dsn string, n int, way storagetest.Way, again bool) (hit string) {
	defer coretest.Seed(1)()
	w := newFaultWorld(t, c, dsn)
	defer w.leave()
	if f.before != nil {
		f.before(w)
	}
	w.way = way
	w.faults.Arm(n, way)
	f.act(w, false)
	time.Sleep(3 * time.Second)
	if way == storagetest.Down && w.faults.Hit() != "" {
		time.Sleep(3 * time.Minute)
	}
	hit = w.faults.Off()
	if again {
		w.restart()
	}
	f.act(w, true)
	time.Sleep(20 * time.Minute)
	w.control("feedback", map[string]any{"mode": "normal"})
	w.control("feedback", map[string]any{"release": true})
	time.Sleep(2 * time.Minute)
	w.check(f)
	if t.Failed() {
		t.Logf("the step was %s; the log:\n%s", hit, w.logs)
	}
	return hit
}

// noFile names files that are not there yet.
func noFile(t *testing.T) func() string {
	dir := memoryDir(t)
	return func() string { return "sqlite:" + filepath.Join(dir, rand.Text()+".db") }
}

// memoryDir is a folder that costs no disk where the system has such.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "paymux-faults") //nolint:usetesting // a folder of the test is on the disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// onePostgres is one database, emptied before every use: to make one takes longer than to live through a flow.
func onePostgres(t *testing.T) func(testing.TB) string {
	dsn := storagetest.PostgresDSN(t)
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var wipe string
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT string_agg(format('DELETE FROM %I;', tablename), '') FROM pg_tables
		WHERE schemaname = 'public' AND tablename NOT IN ('goose_db_version', 'heartbeat')`).Scan(&wipe))
	return func(tb testing.TB) string {
		_, err := db.ExecContext(tb.Context(), "BEGIN; SET LOCAL session_replication_role = replica;"+wipe+"UPDATE heartbeat SET beat_at = 0; COMMIT")
		require.NoError(tb, err)
		return dsn
	}
}

// check holds the end against the provider's books, the ledger and the rules.
func (w *faultWorld) check(f flow) {
	t, ctx := w.t, context.Background()
	store := w.service.store
	require.NotContains(t, w.logs.String(), "panic")
	require.NotContains(t, w.logs.String(), "the job broke")
	p, err := store.Payment(ctx, "main", w.id)
	require.NoError(t, err)
	books := make([]int64, 4)
	for _, b := range w.sim.Books().Payments {
		if slices.ContainsFunc(p.Attempts, func(at *core.Attempt) bool { return at.Reference == b.Reference }) {
			for i, n := range []int64{b.Authorized, b.Captured, b.Refunded, b.Voided} {
				books[i] += n
			}
		}
	}
	a := p.Amounts
	require.Equal(t, books, []int64{a.Authorized, a.Captured, a.Refunded, a.Released}, "the provider's books and ours")
	if f.decided && p.NeedsReview {
		require.Positive(t, a.InDoubt)
	} else {
		require.Equal(t, f.want, books)
		require.Equal(t, f.status, string(p.Status))
		for _, o := range p.Operations {
			require.False(t, o.State.Open() && !o.HasNext, "%s is still %s", o.Kind, o.State)
		}
	}
	w.checkLedger(p)
	w.checkHooks(w.checkEvents(p))
	w.checkInbox()
	next, err := store.NextWork(ctx, []core.WorkKind{core.WorkApply, core.WorkAsk, core.WorkGap, core.WorkDeliver})
	require.NoError(t, err)
	require.False(t, !next.IsZero() && next.Before(time.Now()), "work is due since %s and nobody does it", next)
}

// checkLedger derives the payment from its facts once more, in another order.
func (w *faultWorld) checkLedger(p *core.Payment) {
	again, err := w.service.store.Payment(context.Background(), "main", p.ID)
	require.NoError(w.t, err)
	facts := again.Facts
	shuffle.New(shuffle.NewPCG(1, 7)).Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	again.Facts, again.FactCount, again.Amounts, again.Status = nil, 0, core.Amounts{}, ""
	again.Apply("", "", nil, p.UpdatedAt)
	for _, e := range facts {
		again.Apply(e.AttemptID, e.Evidence, []core.Fact{e.Fact}, e.StoredAt)
	}
	require.Equal(w.t, fmt.Sprintf("%s %+v", p.Status, p.Amounts), fmt.Sprintf("%s %+v", again.Status, again.Amounts), "the facts in another order")
	evidence, err := w.service.store.Evidence(context.Background(), p.ID)
	require.NoError(w.t, err)
	for _, e := range p.Facts {
		require.True(w.t, slices.ContainsFunc(evidence, func(ev core.Evidence) bool { return ev.ID == e.Evidence }), "%s has no evidence", e.Kind)
	}
}

// checkEvents wants them numbered without a gap, each once.
func (w *faultWorld) checkEvents(p *core.Payment) []core.Event {
	events, err := w.service.store.Events(context.Background(), "main", core.EventQuery{Payment: p.ID, Page: core.Page{Limit: 1000}})
	require.NoError(w.t, err)
	slices.SortFunc(events, func(a, b core.Event) int { return int(a.Sequence - b.Sequence) })
	for i, e := range events {
		require.Equal(w.t, int64(i)+1, e.Sequence)
	}
	require.Len(w.t, events, int(p.Sequence))
	return events
}

// checkHooks wants a merchant who listens to have heard of every event, in one form of words however often, signed, and
// of nothing else; and what was sent to be known as sent.
func (w *faultWorld) checkHooks(events []core.Event) {
	if w.hears == "" {
		require.Empty(w.t, w.told())
		return
	}
	verifier, err := standardwebhooks.NewWebhook(w.hears)
	require.NoError(w.t, err)
	heard := map[string]string{}
	for _, h := range w.told() {
		id := h.header.Get("Webhook-Id")
		require.NoError(w.t, verifier.VerifyIgnoringTimestamp([]byte(h.body), h.header))
		require.Contains(w.t, []string{"", h.body}, heard[id], "another body of the same event")
		heard[id] = h.body
	}
	require.Len(w.t, heard, len(events))
	for _, e := range events {
		told, err := w.service.checkout.Event(context.Background(), "main", e.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, string(told.Body), heard[e.ID], "%s was not told as it is shown", e.Type)
		list, err := w.service.checkout.EventDeliveries(context.Background(), "main", e.ID, 0, "")
		require.NoError(w.t, err)
		require.Len(w.t, list.Items, 1)
		d := list.Items[0]
		require.Equal(w.t, core.DeliverySucceeded, d.State)
		require.Len(w.t, d.Tries, d.Sent)
		require.Positive(w.t, d.Sent)
	}
}

// checkInbox wants what was acknowledged to be kept, once, and to be applied.
func (w *faultWorld) checkInbox() {
	items, err := w.service.store.Inbox(context.Background(), core.InboxQuery{Page: core.Page{Limit: 1000}})
	require.NoError(w.t, err)
	kept := map[string]int{}
	for _, item := range items {
		kept[string(item.Raw)]++
		require.Equal(w.t, core.InboxApplied, item.State, item.Note)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for body, n := range w.acked {
		require.Equal(w.t, 1, kept[body], "a message was acknowledged %d times", n)
	}
}

// The schema comes to head however often the way there breaks: every step fails once, and the next run is clean.
func TestEveryStepOfAMigrationFails(t *testing.T) {
	for name, each := range map[string]func(*testing.T) func() string{"sqlite": noFile, "postgres": emptyPostgres} {
		t.Run(name, func(t *testing.T) {
			open := each(t)
			for _, way := range []storagetest.Way{storagetest.Lost, storagetest.Kept} {
				steps := untilClean(t, 1, func(n int) (hit string) {
					faults, dsn := &storagetest.Faults{}, open()
					faults.Arm(n, way)
					store, err := storage.Open(t.Context(), dsn, storage.Options{Migrate: true, MinFree: 1, SQL: faults.Open})
					if hit = faults.Off(); err == nil {
						require.NoError(t, store.Ready(t.Context()), "%s %d was %s", way, n, hit)
						require.NoError(t, store.Close())
					}
					require.NoError(t, storage.Migrate(t.Context(), dsn), "%s %d was %s", way, n, hit)
					return hit
				})
				require.Positive(t, steps)
				t.Logf("%s: %d steps", way, steps)
			}
		})
	}
}

// emptyPostgres is one database whose schema goes before every use.
func emptyPostgres(t *testing.T) func() string {
	dsn := storagetest.PostgresDSN(t)
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return func() string {
		_, err := db.ExecContext(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
		require.NoError(t, err)
		return dsn
	}
}
