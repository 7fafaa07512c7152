package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/apitest"
	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/aps/sandbox"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
)

// Addresses of a world whose network is this process.
const (
	ourURL   = "https://pay.example"
	theirURL = "https://aps.example"
	hookURL  = "http://127.0.0.1:9"
)

// faultWorld is the whole program with its database behind faults and its provider in the same process, inside a
// synctest bubble: a day takes no time, and nothing listens on a socket.
type faultWorld struct {
	t       *testing.T
	faults  *storagetest.Faults
	way     storagetest.Way                 // in which the database fails
	pools   []*sql.DB                       // of the database, as they were opened: the one that writes is the first
	calls   func(body string)               // what happens when the provider is called
	takes   func(body string) time.Duration // how long an answer of the provider is under way; nil: no time
	options storage.Options
	config  *config
	sim     *sandbox.Server
	service *service
	stop    func()
	http    *http.Client
	buyer   *shopper
	key     string
	logs    *safeBuffer

	mu    sync.Mutex
	acked map[string]int // messages of the provider by body, and how often each was acknowledged
	hooks []hook         // what the merchant was told

	id     string // of the payment a flow is about
	page   *sheet // where its buyer is
	first  map[string]*answer
	secret string // text of a key that a flow makes
	hears  string // the secret of the merchant's endpoint, empty while he has none
}

// faultConfig is the configuration of such worlds, without a database.
func faultConfig(t *testing.T) *config {
	t.Helper()
	w := &world{t: t, simURL: theirURL, dsn: "sqlite:unused.db"}
	c, err := loadConfig(w.write("127.0.0.1:0"), nil)
	require.NoError(t, err)
	c.PublicURL = ourURL
	c.Timeouts = timeouts{budget: budget{Answer: 5 * time.Second, ProviderCall: 5 * time.Second}, Stop: 5 * time.Second}
	return c
}

// newFaultWorld starts the program on an empty database. It is called inside the bubble, and leave ends it there.
func newFaultWorld(t *testing.T, c *config, dsn string) *faultWorld {
	w := &faultWorld{t: t, faults: &storagetest.Faults{}, logs: &safeBuffer{}, acked: map[string]int{}, first: map[string]*answer{}}
	own := *c
	own.Database = dsn
	w.config = &own
	log := slog.New(slog.NewTextHandler(w.logs, nil))
	w.options = storage.Options{Migrate: true, MinFree: 1, Readers: 2, Writers: 2, Log: log, SQL: w.open}
	accounts := []sandbox.Account{}
	for name, a := range e2eAccounts {
		a.DirectFeedbackURL, a.NotificationURL = ourURL+"/feedback/"+name, ourURL+"/feedback/"+name
		accounts = append(accounts, a)
	}
	var err error
	w.sim, err = sandbox.New(sandbox.Config{Accounts: accounts, Client: &http.Client{Transport: w.line(true)}})
	require.NoError(t, err)
	w.http = &http.Client{Transport: problemsByContract(t, w.line(false))}
	w.buyer = &shopper{t: t, http: &http.Client{Transport: w.line(false), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	require.NoError(t, w.start())
	w.key, _, err = newKey(t.Context(), w.service.store, "main", core.ScopeMerchant, time.Time{})
	require.NoError(t, err)
	return w
}

// open opens connections that hardly wait for a lock, since in the bubble that is the only thing that takes time.
func (w *faultWorld) open(driver, dsn string) (*sql.DB, error) {
	dsn = strings.NewReplacer("_busy_timeout=10000", "_busy_timeout=20", "lock_timeout=2000", "lock_timeout=20").Replace(dsn)
	db, err := w.faults.Open(driver, dsn)
	w.pools = append(w.pools, db)
	return db, err
}

// start begins a life of the program, wired as `paymux serve` does.
func (w *faultWorld) start() error {
	ctx := context.Background()
	store, err := storage.Open(ctx, w.config.Database, w.options)
	if err != nil {
		return err
	}
	s := &service{config: w.config, store: store, keys: core.NewKeys(store), log: w.options.Log, transport: w.line(false)}
	if err := s.build(ctx); err != nil {
		return errors.Join(err, store.Close())
	}
	life, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.run(life, silentListener(make(chan struct{})), s, func() error { return nil }) }()
	w.mu.Lock()
	w.service = s
	w.mu.Unlock()
	w.stop = sync.OnceFunc(func() {
		end()
		if err := <-ended; err != nil {
			w.options.Log.Error("the stop was not clean", "error", err)
		}
	})
	return nil
}

// restart ends a life of the program and begins the next one.
func (w *faultWorld) restart() {
	w.stop()
	require.NoError(w.t, w.start())
}

// leave ends the world.
func (w *faultWorld) leave() {
	w.stop()
	w.sim.Close()
}

// silentListener is a listener that nobody dials.
type silentListener chan struct{}

func (l silentListener) Accept() (net.Conn, error) { <-l; return nil, net.ErrClosed }
func (l silentListener) Addr() net.Addr            { return &net.TCPAddr{} }
func (l silentListener) Close() error {
	select {
	case <-l:
	default:
		close(l)
	}
	return nil
}

// listens is the merchant's server: it takes what it is told.
func (w *faultWorld) listens(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hooks = append(w.hooks, hook{r.Header, string(body)})
	out.WriteHeader(http.StatusNoContent)
}

// told is what the merchant has been told so far.
func (w *faultWorld) told() []hook {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.hooks)
}

// line is a network of handlers. What the provider sends over its own is noted when it is acknowledged.
func (w *faultWorld) line(provider bool) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		in := r.Clone(r.Context())
		in.Body, in.ContentLength, in.Host, in.RequestURI, in.RemoteAddr = io.NopCloser(bytes.NewReader(body)), int64(len(body)), r.URL.Host, r.URL.RequestURI(), "127.0.0.1:9"
		in.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
		out := httptest.NewRecorder()
		if handler := http.Handler(w.sim); r.URL.Host == "aps.example" {
			if w.calls != nil && !strings.HasPrefix(r.URL.Path, "/_control/") {
				w.calls(string(body))
			}
			handler.ServeHTTP(out, in)
			if w.takes != nil {
				select {
				case <-time.After(w.takes(string(body))):
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			}
		} else if r.URL.Host == "127.0.0.1:9" {
			w.listens(out, in)
		} else {
			w.mu.Lock()
			program := w.service // the provider may call while another life begins
			w.mu.Unlock()
			program.ServeHTTP(out, in)
		}
		if provider && out.Code == http.StatusOK {
			w.mu.Lock()
			w.acked[string(body)]++
			w.mu.Unlock()
		}
		resp := out.Result()
		resp.Request = r
		return resp, nil
	})
}

// problemsByContract is next, and holds what is no success against the contract.
func problemsByContract(t *testing.T, next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err != nil || resp.StatusCode < 300 {
			return resp, err
		}
		return apitest.Contract(t, roundTripper(func(*http.Request) (*http.Response, error) { return resp, nil })).RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// call makes one request of the API.
func (w *faultWorld) call(method, path string, body any, key string) *answer {
	var header []string
	if key != "" {
		header = []string{"Idempotency-Key", key}
	}
	return requested(w.t, w.http, w.key, method, ourURL+path, body, header...)
}

// ask makes a request as a careful client does. While things break one try is all, and the answer is one of success or
// says that nothing is certain. Afterwards the same request is repeated until it has an answer, which is the one that
// was given before, if one was.
func (w *faultWorld) ask(patient bool, method, path string, body any, key string) *answer {
	a := w.call(method, path, body, key)
	for wait := 0; patient && (a.status >= 500 || a.status == http.StatusConflict) && wait < 100; wait++ {
		time.Sleep(10 * time.Second)
		a = w.call(method, path, body, key)
	}
	first := w.first[key]
	switch {
	case a.status >= 500 && !patient:
		if w.way != storagetest.Refused || a.str("code") != "internal" { // a statement that the database refuses is a defect
			require.Contains(w.t, []string{"storage_unavailable", "provider_unavailable"}, a.str("code"), a.raw)
			require.Equal(w.t, map[bool]string{true: "same_key", false: "later"}[key != ""], a.str("retry"), a.raw)
			require.NotEmpty(w.t, a.header.Get("Retry-After"))
		}
	case a.status >= 300:
		require.Fail(w.t, "refused", "%s %s answered %d: %s", method, path, a.status, a.raw)
	case first != nil && key != "" && first.status != http.StatusAccepted:
		require.Equal(w.t, fmt.Sprint(first.status, first.raw), fmt.Sprint(a.status, a.raw), "the same key has the same answer")
	default:
		w.first[key] = a
	}
	return a
}

func (w *faultWorld) control(path string, body any) {
	raw, err := json.Marshal(body)
	require.NoError(w.t, err)
	resp, err := w.buyer.http.Post(theirURL+"/_control/"+path, "application/json", bytes.NewReader(raw))
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	require.Less(w.t, resp.StatusCode, 300, path)
}
