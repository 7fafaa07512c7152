package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage/storagetest"
)

// eachFaultWorld runs test on both engines.
func eachFaultWorld(t *testing.T, test func(t *testing.T, w *faultWorld)) {
	c := faultConfig(t)
	for name, open := range map[string]func(testing.TB) string{"sqlite": sqliteInMemory(t), "postgres": storagetest.PostgresDSN} {
		t.Run(name, func(t *testing.T) {
			dsn := open(t)
			synctest.Test(t, func(t *testing.T) {
				w := newFaultWorld(t, c, dsn)
				defer w.leave()
				test(t, w)
			})
		})
	}
}

func (w *faultWorld) sqlite() bool { return strings.HasPrefix(w.config.Database, "sqlite:") }

// fill leaves the database no room: SQLite not one page more, Postgres for no row. It returns how room is made.
func (w *faultWorld) fill() (empty func()) {
	if !w.sqlite() {
		w.faults.Deny(storagetest.Full, "exec")
		return func() { w.faults.Off() }
	}
	write := w.pools[0]
	_, err := write.Exec("CREATE TABLE IF NOT EXISTS filler (b BLOB); PRAGMA max_page_count = 1") // not less than there are
	require.NoError(w.t, err)
	for _, size := range []int{3000, 300, 30} {
		for err = nil; err == nil; {
			_, err = write.Exec(fmt.Sprintf("INSERT INTO filler VALUES (zeroblob(%d))", size))
		}
		require.ErrorContains(w.t, err, "full")
	}
	return func() {
		_, err := write.Exec("PRAGMA max_page_count = 100000")
		require.NoError(w.t, err)
	}
}

// wantUnavailable requires that a request is refused for the database alone.
func (a *answer) wantUnavailable() {
	a.t.Helper()
	a.want(http.StatusServiceUnavailable)
	require.Equal(a.t, "storage_unavailable", a.str("code"))
	require.Equal(a.t, "same_key", a.str("retry"))
}

// A disk that runs full while a call is under way: the operation stays sent and the process alive, nothing new begins,
// no message is acknowledged that is not stored; when there is room again everything goes on by itself.
func TestAFullDiskDuringAResult(t *testing.T) {
	eachFaultWorld(t, func(t *testing.T, w *faultWorld) {
		authorized(w)
		empty := func() {}
		w.calls = func(body string) {
			if strings.Contains(body, "CAPTURE") {
				w.calls, empty = nil, w.fill()
			}
		}
		a := w.call("POST", "/v1/payments/"+w.id+"/captures", map[string]any{}, "capture").want(http.StatusAccepted)
		require.Equal(t, "processing", a.str("status"))
		p, err := w.service.store.Payment(t.Context(), "main", w.id)
		require.NoError(t, err)
		o := p.Operations[len(p.Operations)-1]
		require.Equal(t, core.OpCapture, o.Kind)
		require.Equal(t, core.OpSent, o.State)
		if a = w.call("POST", "/v1/payments", order("order-2", nil), "second"); a.status != http.StatusAccepted { // its intent may just fit
			a.wantUnavailable()
		}
		w.call("GET", "/v1/payments/"+w.id, nil, "").want(http.StatusOK)
		time.Sleep(time.Minute)
		empty()
		w.id = p.ID
		w.settled("succeeded")
		require.Equal(t, 201, w.ask(true, "POST", "/v1/payments/"+w.id+"/captures", map[string]any{}, "capture").status)
		require.Equal(t, 201, w.ask(true, "POST", "/v1/payments", order("order-2", nil), "second").status)
		time.Sleep(5 * time.Minute)
		w.check(flow{want: []int64{12550, 12550, 0, 0}, status: "succeeded"})
	})
}

// hold takes, on a connection of its own, what the program has to have in order to write.
func (w *faultWorld) hold(postgres string) (letGo func()) {
	driver, dsn, statement := "pgx", w.config.Database, postgres
	if w.sqlite() {
		driver, dsn, statement = sqliteDriver, "file:"+strings.TrimPrefix(dsn, "sqlite:")+"?_txlock=immediate", "SELECT 1"
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(w.t, err)
	tx, err := db.BeginTx(w.t.Context(), nil)
	require.NoError(w.t, err)
	_, err = tx.ExecContext(w.t.Context(), statement)
	require.NoError(w.t, err)
	return func() {
		require.NoError(w.t, tx.Rollback())
		require.NoError(w.t, db.Close())
	}
}

// Somebody else holds what every write needs for longer than it is waited for: nothing begins and nothing is called,
// reading goes on, messages come again, and everything recovers by itself.
func TestALockThatIsHeld(t *testing.T) {
	eachFaultWorld(t, func(t *testing.T, w *faultWorld) {
		atTheEnd(w)
		letGo := w.hold("LOCK TABLE payments, feedback, idempotency, work IN EXCLUSIVE MODE")
		calls := 0
		w.calls = func(string) { calls++ }
		w.control("feedback", map[string]any{"release": true})
		w.call("POST", "/v1/payments", order("order-2", nil), "second").wantUnavailable()
		w.call("POST", "/v1/payments/"+w.id+"/cancel", map[string]any{}, "cancel").wantUnavailable()
		w.call("GET", "/v1/payments/"+w.id, nil, "").want(http.StatusOK)
		time.Sleep(time.Minute)
		w.mu.Lock()
		require.Empty(t, w.acked)
		w.mu.Unlock()
		require.Zero(t, calls)
		letGo()
		w.settled("requires_capture")
		w.call("POST", "/v1/payments", order("order-2", nil), "second").want(201)
		w.check(flow{want: []int64{12550, 0, 0, 0}, status: "requires_capture"})
	})
}

// Somebody else holds one payment: what is about it waits and is refused, everything else goes on. SQLite has one lock
// for everything.
func TestARowThatIsHeld(t *testing.T) {
	c, dsn := faultConfig(t), storagetest.PostgresDSN(t)
	synctest.Test(t, func(t *testing.T) {
		w := newFaultWorld(t, c, dsn)
		defer w.leave()
		authorized(w)
		letGo := w.hold("SELECT 1 FROM payments WHERE id = '" + w.id + "' FOR UPDATE")
		w.call("POST", "/v1/payments/"+w.id+"/captures", map[string]any{}, "capture").wantUnavailable()
		w.call("POST", "/v1/payments", order("order-2", nil), "second").want(201)
		letGo()
		w.call("POST", "/v1/payments/"+w.id+"/captures", map[string]any{}, "capture").want(201)
		w.settled("succeeded")
		w.check(flow{want: []int64{12550, 12550, 0, 0}, status: "succeeded"})
	})
}

// On a file system without room left for what comes of payments no new one begins.
func TestALowDiskIsToldAsSuch(t *testing.T) {
	c, dsn := faultConfig(t), storagetest.SQLiteDSN(t)
	synctest.Test(t, func(t *testing.T) {
		w := newFaultWorld(t, c, dsn)
		defer w.leave()
		authorized(w)
		w.options.MinFree = 1 << 62
		w.restart()
		a := w.call("POST", "/v1/payments", order("order-2", nil), "second").want(http.StatusServiceUnavailable)
		require.Equal(t, "storage_low", a.str("code"))
		require.NotEmpty(t, a.header.Get("Retry-After"))
		w.ask(true, "POST", "/v1/payments/"+w.id+"/captures", map[string]any{}, "capture")
		w.settled("succeeded")
	})
}

// A database that can only be read is told when the program starts.
func TestADatabaseThatCanOnlyBeRead(t *testing.T) {
	c, dsn := faultConfig(t), storagetest.SQLiteDSN(t)
	synctest.Test(t, func(t *testing.T) {
		w := newFaultWorld(t, c, dsn)
		defer w.leave()
		open := w.options.SQL
		w.options.SQL = func(driver, dsn string) (*sql.DB, error) { return open(driver, dsn+"&mode=ro") }
		w.stop()
		err := w.start()
		require.Equal(t, "storage_unavailable", core.CodeOf(err), "%v", err)
		w.options.SQL = open
		require.NoError(t, w.start())
		authorized(w)
	})
}
