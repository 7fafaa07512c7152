package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// databaseAway takes the database away from the program, until back: SQLite is locked by somebody else, Postgres ends
// every connection and takes no new one.
func (w *world) databaseAway() (back func()) {
	w.t.Helper()
	if w.sqlite() {
		held, err := w.raw().Conn(context.Background())
		require.NoError(w.t, err)
		exec := func(statement string) {
			_, err := held.ExecContext(context.Background(), statement)
			require.NoError(w.t, err)
		}
		exec("BEGIN IMMEDIATE")
		return func() { exec("ROLLBACK"); require.NoError(w.t, held.Close()) }
	}
	u, err := url.Parse(w.dsn)
	require.NoError(w.t, err)
	name := strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	admin, err := sql.Open("pgx", u.String())
	require.NoError(w.t, err)
	exec := func(statement string) {
		_, err := admin.ExecContext(context.Background(), statement)
		require.NoError(w.t, err)
	}
	exec("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false")
	exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'")
	return func() {
		exec("ALTER DATABASE " + name + " ALLOW_CONNECTIONS true")
		require.NoError(w.t, admin.Close())
	}
}

// The database goes away while the provider carries out a booking, and comes back after the shop was answered. That
// answer claims nothing, and what the provider said is not lost: it is stored when it can be, and the shop that asks
// again under its key hears it.
func TestDatabaseGoesAwayDuringACall(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.change = strings.NewReplacer("answer: 5s", "answer: 1s")
		w.restart()
		for n, c := range []struct {
			what    string
			foreign int // captured by hand before, of which we were not told
			amount  int
			status  string
		}{{"carried out", 0, 5000, "succeeded"}, {"declined", 12000, 700, "failed"}} {
			id := w.authorized(fmt.Sprintf("order-%d", n), nil)
			w.control("feedback", map[string]any{"mode": "hold"})
			if c.foreign > 0 {
				w.byHand("capture", id, c.foreign)
			}
			w.control("faults", map[string]any{"operation": "CAPTURE", "action": "delay_effect", "seconds": 1000})
			book := func() *answer {
				return w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": c.amount}, "Idempotency-Key", fmt.Sprint("capture-", n))
			}
			answered := make(chan *answer, 1)
			go func() { answered <- book() }()
			require.Eventually(t, func() bool { return count(w.asked(), "CAPTURE "+w.reference(id)) > 0 }, waitFor, tick, "the provider was never called")
			back := w.databaseAway()
			w.control("clock", map[string]any{"advance": "20m"}) // the provider is done now
			a := <-answered
			require.NotEqual(t, "failed", a.str("status"), "claimed, and not stored: %s", a.raw)
			require.NotEqual(t, "succeeded", a.str("status"), "claimed, and not stored: %s", a.raw)
			require.NotEqual(t, "provider_unavailable", a.str("code"), "the provider was there, and may have done it: %s", a.raw)
			back()
			require.Eventually(t, func() bool { a = book(); return a.status == 201 }, waitFor, 10*tick, "%s: what the provider said is lost", c.what)
			require.Equal(t, c.status, a.str("status"), a.raw)
			w.control("feedback", map[string]any{"release": true})
			w.settled(id)
			w.balanced(id)
			w.control("feedback", map[string]any{"mode": "normal"})
		}
	})
}
