package sandbox

import (
	"bytes"
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/internal/simulator"
)

const (
	simHost  = "amazon.test"
	shopHost = "shop.test"
	ipnURL   = "https://shop.test/ipn"
	storeID  = "amzn1.application-oa2-client.00000000000000000000000000000001"
	v2       = "AMZN-PAY-RSASSA-PSS-V2"
)

// world is one simulator and a merchant's server that signs, and receives notifications. Requests are carried in memory.
type world struct {
	t       *testing.T
	server  *Server
	account Account
	key     *rsa.PrivateKey
	http    *http.Client
	keys    int // idempotency keys made so far

	mu      sync.Mutex
	ipns    []received      // what the shop was told, in order
	answers func(n int) int // status the shop answers its n-th notification with (from 1); nil: 200
	onTold  func(received)
}

type received struct {
	at     time.Time
	header http.Header
	body   []byte
}

// inRegion is a further account with the same key under an id of its own.
func inRegion(region, merchant string) Account {
	a := ExampleAccount()
	a.MerchantID, a.Region = merchant, region
	a.Keys = []Key{{ID: "SANDBOX-" + merchant, PublicKey: a.Keys[0].PublicKey}}
	return a
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	w := &world{t: t, account: ExampleAccount()}
	var err error
	w.key, err = parsePrivateKey(w.account.Keys[0].PrivateKey)
	require.NoError(t, err)
	w.account.IPNEndpoints = map[Environment][]string{Sandbox: {ipnURL}}
	for _, id := range []string{"pmxPLAIN", "LIVE-pmx"} {
		w.account.Keys = append(w.account.Keys, Key{ID: id, PublicKey: w.account.Keys[0].PublicKey})
	}
	w.http = &http.Client{Transport: w, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	config := Config{Accounts: []Account{w.account, inRegion("jp", "pmxJP"), inRegion("na", "pmxNA")}, Client: w.http}
	for _, c := range change {
		c(&config)
	}
	w.account = config.Accounts[0]
	server, err := New(config)
	require.NoError(t, err)
	w.server = server
	t.Cleanup(server.Close)
	return w
}

// RoundTrip carries a request to the simulator or the shop.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == shopHost {
		return w.shop(r)
	}
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := &memoryResponse{header: http.Header{}}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- io.ErrUnexpectedEOF
				return
			}
			done <- nil
		}()
		w.server.ServeHTTP(out, in)
	}()
	if err := <-done; err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: max(out.status, 200), Header: out.header, Body: io.NopCloser(&out.body), Request: r}, nil
}

type memoryResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (m *memoryResponse) Header() http.Header         { return m.header }
func (m *memoryResponse) WriteHeader(status int)      { m.status = status }
func (m *memoryResponse) Write(b []byte) (int, error) { return m.body.Write(b) }

func (w *world) shop(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	told := received{at: w.server.sim.Clock.Now(), header: r.Header.Clone(), body: body}
	w.mu.Lock()
	w.ipns = append(w.ipns, told)
	n, answers, onTold := len(w.ipns), w.answers, w.onTold
	w.mu.Unlock()
	if onTold != nil {
		onTold(told)
	}
	status := http.StatusOK
	if answers != nil {
		status = answers(n)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// told is a copy of the notifications so far.
func (w *world) told() []received {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.ipns)
}

// control posts to the control port and expects success.
func (w *world) control(path, body string) string {
	w.t.Helper()
	status, answer := w.tryControl(path, body)
	require.Equal(w.t, http.StatusOK, status, "%s", answer)
	return answer
}

func (w *world) tryControl(path, body string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "https://"+simHost+"/_control/"+path, strings.NewReader(body))
	require.NoError(w.t, err)
	resp, err := w.http.Do(r)
	require.NoError(w.t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return resp.StatusCode, string(answer)
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	w.server.sim.Clock.Advance(d)
}

func (w *world) office(operation, chargePermissionID string) {
	w.t.Helper()
	w.control("backoffice", fmt.Sprintf(`{"operation":%q,"chargePermissionId":%q}`, operation, chargePermissionID))
}

func (w *world) book(reference string) simulator.Payment {
	w.t.Helper()
	for _, p := range w.server.Books().Payments {
		if p.Reference == reference {
			return p
		}
	}
	require.Fail(w.t, "no such payment in the books", reference)
	return simulator.Payment{}
}

// totals are authorized, captured, refunded, voided.
func totals(p simulator.Payment) [4]int64 {
	return [4]int64{p.Authorized, p.Captured, p.Refunded, p.Voided}
}
