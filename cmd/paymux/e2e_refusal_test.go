package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// What is refused must leave everything as it was: every stored row, and what the provider was asked.

// raw opens the database beside the program.
func (w *world) raw() *sql.DB {
	w.t.Helper()
	driver, dsn := "pgx", w.dsn
	if path, ok := strings.CutPrefix(w.dsn, "sqlite:"); ok {
		dsn = "file:" + path + "?_busy_timeout=10000&_pragma=busy_timeout(10000)"
		driver = sqliteDriver
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, db.Close()) })
	return db
}

// state is every row of every table and how often the simulator was asked, as text to compare.
func (w *world) state(db *sql.DB) string {
	w.t.Helper()
	var b strings.Builder
	tables, rowsOf := "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename", func(table string) []string {
		return w.column(db, "SELECT t::text FROM "+table+" t")
	}
	if w.sqlite() {
		tables, rowsOf = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", func(table string) []string { return w.lines(db, table) }
	}
	for _, table := range w.column(db, tables) {
		if table == "heartbeat" || strings.HasPrefix(table, "sqlite_") {
			continue // the heartbeat says that rows can be written, no more
		}
		rows := rowsOf(table)
		if table == "work" { // what is forgotten in time is nobody's doing, and its hour may be now
			rows = slices.DeleteFunc(rows, func(row string) bool { return strings.HasPrefix(strings.TrimPrefix(row, "("), "forget") })
		}
		slices.Sort(rows)
		fmt.Fprintf(&b, "%s\n%s\n", table, strings.Join(rows, "\n"))
	}
	fmt.Fprintf(&b, "asked %v", w.asked())
	return b.String()
}

func (w *world) sqlite() bool { return strings.HasPrefix(w.dsn, "sqlite:") }

// column is the first column of what query finds.
func (w *world) column(db *sql.DB, query string) (out []string) {
	w.t.Helper()
	rows, err := db.QueryContext(w.t.Context(), query)
	require.NoError(w.t, err)
	for rows.Next() {
		var v string
		require.NoError(w.t, rows.Scan(&v))
		out = append(out, v)
	}
	require.NoError(w.t, rows.Err())
	require.NoError(w.t, rows.Close())
	return out
}

// lines are the rows of a table of SQLite, each as text.
func (w *world) lines(db *sql.DB, table string) (out []string) {
	w.t.Helper()
	rows, err := db.QueryContext(w.t.Context(), "SELECT * FROM "+table)
	require.NoError(w.t, err)
	names, err := rows.Columns()
	require.NoError(w.t, err)
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range into {
		into[i] = &values[i]
	}
	for rows.Next() {
		require.NoError(w.t, rows.Scan(into...))
		out = append(out, fmt.Sprint(values...))
	}
	require.NoError(w.t, rows.Err())
	require.NoError(w.t, rows.Close())
	return out
}

// asked are the operations that the simulator received, in order.
func (w *world) asked() (out []string) {
	w.t.Helper()
	resp, err := http.Get(w.simURL + "/_control/requests")
	require.NoError(w.t, err)
	var list struct {
		Requests []struct {
			Operation string            `json:"operation"`
			Fields    map[string]string `json:"fields"`
		} `json:"requests"`
	}
	require.NoError(w.t, json.NewDecoder(resp.Body).Decode(&list))
	require.NoError(w.t, resp.Body.Close())
	for _, r := range list.Requests {
		out = append(out, strings.TrimSpace(r.Operation+" "+r.Fields["merchant_reference"]))
	}
	return out
}

// quiet keeps the background from asking about open payments while a test compares what was stored and asked.
func (w *world) quiet(db *sql.DB) {
	w.t.Helper()
	_, err := db.ExecContext(w.t.Context(), fmt.Sprintf("UPDATE work SET due_at = %d", time.Now().Add(24*time.Hour).UnixMicro()))
	require.NoError(w.t, err)
}

// rests tells whether somebody has asked about a payment since since, and nobody does within a minute.
func (w *world) rests(db *sql.DB, since int64) func() bool {
	return func() bool {
		var due, fence int64
		err := db.QueryRowContext(w.t.Context(), "SELECT due_at, fence FROM work WHERE kind = 'ask'").Scan(&due, &fence)
		return err == nil && fence > since && due > time.Now().Add(time.Minute).UnixMicro()
	}
}

// unchanged requires that do changes nothing stored and asks nobody.
func (w *world) unchanged(db *sql.DB, what string, do func()) {
	w.t.Helper()
	before := w.state(db)
	do()
	require.Equal(w.t, before, w.state(db), what)
}

// refused is one row of the bad-input catalogue: a request, and the refusal it gets.
type refused struct {
	id, method, path string
	body             any // a string goes as it is
	edit             func(http.Header)
	status           int
	code, pointer    string
}

// refuses sends every row as merchant main and requires the refusal, and that nothing came of it.
func (w *world) refuses(db *sql.DB, rows []refused) {
	w.t.Helper()
	before := w.state(db)
	for _, r := range rows {
		a := w.send(r)
		require.Equal(w.t, []any{r.status, r.code, r.pointer}, []any{a.status, a.str("code"), a.str("pointer")}, "%s: %s", r.id, a.raw)
		require.Equal(w.t, "application/problem+json", a.header.Get("Content-Type"), r.id)
		require.NotEmpty(w.t, a.str("request_id"), r.id)
		require.Equal(w.t, before, w.state(db), "%s had an effect", r.id)
	}
}

// send sends one row; an answer outside the contract fails the test.
func (w *world) send(r refused) *answer {
	w.t.Helper()
	var body io.Reader
	switch b := r.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		require.NoError(w.t, err)
		body = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), r.method, w.url+r.path, body)
	require.NoError(w.t, err, r.id)
	request.Header.Set("Authorization", "Bearer "+w.keys["main"])
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.method == http.MethodPost {
		request.Header.Set("Idempotency-Key", rand.Text())
	}
	if r.edit != nil {
		r.edit(request.Header)
	}
	resp, err := w.http.Do(request)
	require.NoError(w.t, err, r.id)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err, r.id)
	require.NoError(w.t, resp.Body.Close())
	a := &answer{w.t, resp.StatusCode, resp.Header, string(raw), nil}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		require.NoError(w.t, d.Decode(&a.body))
	}
	return a
}

// changed is an order with member set to JSON as it is written; an empty text leaves it out.
func (w *world) changed(member, text string) string {
	w.t.Helper()
	raw, err := json.Marshal(order("order-refused", map[string]any{member: nil}))
	require.NoError(w.t, err)
	if text == "" {
		return string(raw)
	}
	return `{"` + member + `":` + text + "," + string(raw[1:])
}

// authorized is a payment of merchant main that waits for its capture, every feedback about it applied.
func (w *world) authorized(reference string, change map[string]any) string {
	w.t.Helper()
	p := w.create(reference, change)
	w.pay(p, cardPlain)
	w.eventually(p.str("id"), "requires_capture")
	w.settled(p.str("id"))
	return p.str("id")
}

// apart is another instance of the program on the same database, with the configuration changed by edit.
func (w *world) apart(edit func(string) string) *world {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	other := *w
	other.url, other.logs = "http://"+l.Addr().String(), &safeBuffer{}
	path := other.write(l.Addr().String())
	text, err := os.ReadFile(path)
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(path, []byte(edit(string(text))), 0o600))
	c, err := loadConfig(path, nil)
	require.NoError(w.t, err)
	other.service, err = open(w.t.Context(), c, slog.New(slog.NewTextHandler(other.logs, nil)))
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() { ended <- other.service.run(ctx, l, other.service, func() error { close(ready); return nil }) }()
	<-ready
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-ended)
	})
	return &other
}
