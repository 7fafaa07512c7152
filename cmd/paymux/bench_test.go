package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
)

// The benchmarks stand beside their floors in the same run and on the same disk, in turns of a fraction of a second,
// since only such ratios can be compared between days:
//
//	of_serial  done per bare durable commit of one row by one connection (budget P6, feedback: 1.5 at 32)
//	of_group   done per row of bare durable commits of as many rows as there are connections (budget P5, feedback: 0.35 at 32)
//	of_http    done per request of a server that only decodes the same body and answers it
//	p50_ms, p99_ms  time of one request (budget P7, feedback: 15 ms p99 at 32; P1, create: 4 ms p50, 15 ms p99)
//
// Client, server and simulator share the process and its cores, and allocations are those of both sides.

// BenchmarkCreate creates payments over HTTP. The provider's call makes no bytes, so that what is measured is ours.
func BenchmarkCreate(b *testing.B) {
	eachBench(b, func(b *testing.B, r *rig, connections int) {
		bodies := make([][]byte, b.N)
		for i := range bodies {
			raw, err := json.Marshal(order("order-"+ulid.Make().String(), map[string]any{"metadata": map[string]string{"cart": "77"},
				"line_items": []any{map[string]any{"name": "Coffee", "quantity": 2, "unit_amount": 6275}}}))
			require.NoError(b, err)
			bodies[i] = raw
		}
		r.measure(b, connections, bodies, func(body []byte) (*http.Request, int) {
			return r.request(b, "/v1/payments", body, "Authorization", "Bearer "+r.key, "Idempotency-Key", ulid.Make().String()), http.StatusCreated
		})
	})
}

// BenchmarkFeedback accepts signed messages over HTTP, each another one, about payments that exist. They are applied
// meanwhile; applied_lag_ms is how long that went on after the last acknowledgement (budget: 1,000).
func BenchmarkFeedback(b *testing.B) {
	eachBench(b, func(b *testing.B, r *rig, connections int) {
		bodies := r.feedback(b, b.N, min(b.N, 1000))
		r.measure(b, connections, bodies, func(body []byte) (*http.Request, int) {
			return r.request(b, "/feedback/aps-ae", body), http.StatusOK
		})
		began := time.Now()
		for r.inState(b, core.InboxReceived) > 0 {
			time.Sleep(time.Millisecond)
			if time.Since(began) > time.Minute {
				b.Fatal("feedback is not applied")
			}
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "applied_lag_ms")
		require.Zero(b, r.inState(b, core.InboxUnmatched))
	})
}

// eachBench runs a benchmark on both engines, each waiting for its disk, at 1 and 32 connections.
func eachBench(b *testing.B, run func(*testing.B, *rig, int)) {
	for _, engine := range []struct {
		name string
		dsn  func(testing.TB) string
	}{{"sqlite", storagetest.SQLiteDSN}, {"postgres", storagetest.DurablePostgresDSN}} {
		for _, connections := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d", engine.name, connections), func(b *testing.B) { run(b, newRig(b, engine.dsn(b)), connections) })
		}
	}
}

// rig is the whole program, serving at an address in this process, with one account at APS.
type rig struct {
	url     string
	key     string
	sqlite  bool
	service *service
	store   *storage.Store
	db      *sql.DB // beside the program, with the driver alone
	http    *http.Client
	echo    *httptest.Server // the floor of HTTP and JSON
}

const (
	rigMerchant = "pmxMid01"
	rigAccess   = "pmxAcc0000000000001A"
	rigPhrase   = "pmx$Resp#2031!"
	rigTurn     = 150 * time.Millisecond
	rigInFlight = 64
)

func newRig(tb testing.TB, dsn string) *rig {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	r := openRig(tb, dsn, l.Addr().String())
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() { ended <- r.service.run(ctx, l, r.service, func() error { close(ready); return nil }) }()
	<-ready
	tb.Cleanup(func() { cancel(); require.NoError(tb, <-ended) })
	return r
}

// openRig opens the program without serving it: nothing works in the background.
func openRig(tb testing.TB, dsn, address string) *rig {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "paymux.yaml")
	tb.Setenv("EXAMPLE_PHRASE", rigPhrase)
	text := fmt.Sprintf("listen: %[1]s\npublic_url: http://%[1]s\ndatabase: %[2]q\nmode: test\ntimeouts: {before_stop: 0s, stop: 5s}\nlimits: {per_key: 0, per_address: 0, at_once: 0}\n"+
		"merchants:\n  main: {accounts: [aps-ae], return_hosts: [shop.example]}\naccounts:\n  aps-ae:\n    provider: aps\n    merchant_identifier: %s\n    access_code: %s\n"+
		"    sha_type: SHA-256\n    request_phrase: ${env:EXAMPLE_PHRASE}\n    response_phrase: ${env:EXAMPLE_PHRASE}\n    page_url: http://127.0.0.1:1/FortAPI/paymentPage\n    api_url: http://127.0.0.1:1/FortAPI/paymentApi\n",
		address, dsn, rigMerchant, rigAccess)
	require.NoError(tb, os.WriteFile(path, []byte(text), 0o600))
	c, err := loadConfig(path, nil)
	require.NoError(tb, err)
	r := &rig{url: "http://" + address, sqlite: strings.HasPrefix(dsn, "sqlite:"), db: bare(tb, dsn)}
	tb.Cleanup(func() { require.NoError(tb, r.db.Close()) })
	r.service, err = open(context.Background(), c, slog.New(slog.DiscardHandler))
	require.NoError(tb, err)
	r.store = r.service.store.(*storage.Store)
	r.key, _, err = newKey(context.Background(), r.store, "main", core.ScopeMerchant, time.Time{})
	require.NoError(tb, err)
	r.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}}
	tb.Cleanup(r.http.CloseIdleConnections)
	r.echo = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}))
	tb.Cleanup(r.echo.Close)
	return r
}

func (r *rig) request(tb testing.TB, path string, body []byte, header ...string) *http.Request {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+path, bytes.NewReader(body))
	require.NoError(tb, err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

// send makes one request and wants this status.
func (r *rig) send(req *http.Request, status int) error {
	resp, err := r.http.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != status {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	return err
}

// measure sends every body over so many connections, in turns with the floors. One error voids the run.
func (r *rig) measure(b *testing.B, connections int, bodies [][]byte, request func([]byte) (*http.Request, int)) {
	requests, want := make([]*http.Request, len(bodies)), 0
	for i, body := range bodies {
		requests[i], want = request(body)
	}
	f := newFloors(r, connections, bodies[0])
	took := make([]time.Duration, len(bodies))
	next, spent := 0, time.Duration(0)
	b.ReportAllocs()
	b.ResetTimer()
	for next < len(requests) {
		b.StopTimer()
		require.NoError(b, f.turn())
		b.StartTimer()
		began := time.Now()
		n, err := during(connections, len(requests)-next, func(i int) error {
			start := time.Now()
			err := r.send(requests[next+i], want)
			took[next+i] = time.Since(start)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		next, spent = next+n, spent+time.Since(began)
	}
	b.StopTimer()
	rate := float64(next) / spent.Seconds()
	b.ReportMetric(rate, "req/s")
	f.report(b, rate)
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50_ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99_ms")
}

// during does work 0, 1, 2, … of n with so many at a time, for one turn, and tells how much of it was done.
func during(atOnce, n int, work func(i int) error) (done int, err error) {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	end := time.Now().Add(rigTurn)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for failed.Load() == nil && time.Now().Before(end) {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := work(i); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	wg.Wait()
	if e := failed.Load(); e != nil {
		err = *e
	}
	return min(int(next.Load()), n), err
}

// floors are what the same machine does at the same time when it does next to nothing.
type floors struct {
	r      *rig
	atOnce int
	body   []byte
	done   [3]int
	took   [3]time.Duration
}

var floorNames = [3]string{"of_serial", "of_group", "of_http"}

func newFloors(r *rig, atOnce int, body []byte) *floors {
	return &floors{r: r, atOnce: atOnce, body: body}
}

// turn measures every floor once.
func (f *floors) turn() error {
	for i, floor := range []func() (int, error){
		func() (int, error) { return during(1, 1<<30, func(int) error { return f.commit(1) }) },
		func() (int, error) {
			n, err := during(1, 1<<30, func(int) error { return f.commit(f.atOnce) })
			return n * f.atOnce, err
		},
		func() (int, error) {
			return during(f.atOnce, 1<<30, func(int) error {
				req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, f.r.echo.URL, bytes.NewReader(f.body))
				if err != nil {
					return err
				}
				return f.r.send(req, http.StatusOK)
			})
		},
	} {
		began := time.Now()
		n, err := floor()
		if err != nil {
			return err
		}
		f.done[i], f.took[i] = f.done[i]+n, f.took[i]+time.Since(began)
	}
	return nil
}

// commit inserts rows like a feedback's and commits them.
func (f *floors) commit(rows int) error {
	ctx := context.Background()
	tx, err := f.r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	insert, err := tx.PrepareContext(ctx, "INSERT INTO feedback (id, account, dedupe_key, content_type, raw, masked, feedback, state, note, merchant_id, payment_id, attempt_id, tries, received_at) "+
		"VALUES ($1, 'floor', $2, 'x', $3, 0, '{\"facts\":[]}', 'applied', '', '', '', '', 0, 1)")
	if err != nil {
		return err
	}
	defer insert.Close()
	for range rows {
		id := "fb_" + ulid.Make().String()
		if _, err := insert.ExecContext(ctx, id, "d"+id, f.body); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (f *floors) report(b *testing.B, rate float64) {
	for i, name := range floorNames {
		b.ReportMetric(rate/(float64(f.done[i])/f.took[i].Seconds()), name)
	}
}

// feedback makes n signed messages about so many payments, which it creates first; all of one payment say the same, and
// differ in a field that means nothing to us.
func (r *rig) feedback(tb testing.TB, n, payments int) [][]byte {
	tb.Helper()
	references := make([]string, payments)
	var wg sync.WaitGroup
	slots := make(chan struct{}, rigInFlight)
	for i := range references {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			references[i] = r.create(tb)
		})
	}
	wg.Wait()
	out := make([][]byte, n)
	for i := range out {
		reference := references[i%len(references)]
		out[i] = signedFeedback(tb, map[string]string{"command": "AUTHORIZATION", "merchant_reference": reference, "amount": "12550", "currency": "AED", "language": "en",
			"customer_email": "layla@example.org", "status": "02", "response_code": "02000", "response_message": "Success", "payment_option": "VISA", "card_number": "400555******0001",
			"fort_id": fmt.Sprintf("1690000000%08d", i%len(references)), "eci": "ECOMMERCE", "expiry_date": "3005", "customer_ip": "192.0.2.1", "authorization_code": fmt.Sprintf("%06d", i)})
	}
	return out
}

// create creates a payment; the answer is its reference at the provider.
func (r *rig) create(tb testing.TB) string {
	body, err := json.Marshal(order("order-"+ulid.Make().String(), nil))
	require.NoError(tb, err)
	resp, err := r.serve(r.request(tb, "/v1/payments", body, "Authorization", "Bearer "+r.key, "Idempotency-Key", ulid.Make().String()))
	require.NoError(tb, err)
	a := &answer{raw: resp}
	require.NoError(tb, json.Unmarshal([]byte(resp), &a.body), resp)
	for _, f := range a.at("next_action.post_form.fields").([]any) {
		if m := f.(map[string]any); m["name"] == "merchant_reference" {
			return m["value"].(string)
		}
	}
	require.Fail(tb, "the form has no reference")
	return ""
}

// serve hands a request to the program without a network.
func (r *rig) serve(req *http.Request) (string, error) {
	w := httptest.NewRecorder()
	r.service.ServeHTTP(w, req)
	if w.Code/100 != 2 {
		return "", fmt.Errorf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String(), nil
}

// signedFeedback is a message as APS signs it: SHA-256 of phrase, fields ascending by name, phrase.
func signedFeedback(tb testing.TB, f map[string]string) []byte {
	f["merchant_identifier"], f["access_code"] = rigMerchant, rigAccess
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f)) {
		text.WriteString(name + "=" + f[name])
	}
	sum := sha256.Sum256([]byte(rigPhrase + text.String() + rigPhrase))
	f["signature"] = hex.EncodeToString(sum[:])
	raw, err := json.Marshal(f)
	require.NoError(tb, err)
	return raw
}

// inState counts the feedback in a state.
func (r *rig) inState(tb testing.TB, state core.InboxState) (n int) {
	tb.Helper()
	require.NoError(tb, r.db.QueryRowContext(context.Background(), "SELECT count(*) FROM feedback WHERE state = $1", string(state)).Scan(&n))
	return n
}
