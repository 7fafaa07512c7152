package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/apitest"
	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/aps/sandbox"
	"github.com/paymux/paymux/storage/storagetest"
)

// world is the whole program behind a configuration file, serving on a real address, with the simulator as judge. Two
// merchants, each with an account of his own.
type world struct {
	t       *testing.T
	sim     *sandbox.Server
	simURL  string
	url     string
	dsn     string
	config  string // path
	keys    map[string]string
	http    *http.Client
	change  *strings.Replacer // what its configuration says otherwise, from the next start on
	service *service
	stop    func()
	logs    *safeBuffer
}

// The accounts and what the simulator calls them. Both are examples; they protect nothing.
var e2eAccounts = map[string]sandbox.Account{
	"aps-main":  {MerchantIdentifier: "pmxMid01", AccessCode: "pmxAcc0000000000001A", RequestPhrase: "pmx$Req#2031!", ResponsePhrase: "pmx$Resp#2031!", SHAType: sandbox.SHA256},
	"aps-other": {MerchantIdentifier: "pmxMid02", AccessCode: "pmxAcc0000000000002B", RequestPhrase: "otherReq#example", ResponsePhrase: "otherResp#example", SHAType: sandbox.HMAC512},
}

// eachWorld runs test on SQLite and on Postgres.
func eachWorld(t *testing.T, test func(*testing.T, *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newWorld(t, storagetest.SQLiteDSN(t))) })
	t.Run("postgres", func(t *testing.T) { test(t, newWorld(t, storagetest.PostgresDSN(t))) })
}

func newWorld(t *testing.T, dsn string) *world {
	t.Helper()
	w := &world{t: t, dsn: dsn, keys: map[string]string{}, logs: &safeBuffer{}}
	accounts := []sandbox.Account{e2eAccounts["aps-main"], e2eAccounts["aps-other"]}
	sim, err := sandbox.New(sandbox.Config{Accounts: accounts})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	w.sim = sim
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	w.simURL = server.URL
	w.http = &http.Client{Transport: apitest.Contract(t, http.DefaultTransport)}
	w.begin("127.0.0.1:0")
	t.Cleanup(func() { w.stop(); w.showLogs() })
	for merchant := range map[string]bool{"main": true, "other": true} {
		key, _, err := newKey(t.Context(), w.service.store, merchant, core.ScopeMerchant, time.Time{})
		require.NoError(t, err)
		w.keys[merchant] = key
	}
	return w
}

// showLogs shows what the program logged last, when the test failed.
func (w *world) showLogs() {
	if w.t.Failed() {
		w.t.Logf("what the program logged last:\n%s", tail(w.logs.String(), 8000))
	}
}

// begin starts the program at address, as `paymux serve` does.
func (w *world) begin(address string) {
	w.t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(w.t, err)
	w.url = "http://" + l.Addr().String()
	for name, a := range e2eAccounts {
		require.NoError(w.t, w.sim.SetFeedbackURLs(a.AccessCode, w.url+"/feedback/"+name, w.url+"/feedback/"+name))
	}
	w.serve(l, w.write(l.Addr().String()))
}

// serve runs the program with a configuration, at l.
func (w *world) serve(l net.Listener, config string) {
	w.t.Helper()
	c, err := loadConfig(config, nil)
	require.NoError(w.t, err)
	log := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := open(w.t.Context(), c, log)
	require.NoError(w.t, err)
	w.service = s
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	ready := make(chan struct{})
	go func() { ended <- s.run(ctx, l, s, func() error { close(ready); return nil }) }()
	<-ready
	w.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(w.t, <-ended)
	})
}

// write writes the configuration, secrets in files beside it.
func (w *world) write(address string) string {
	w.t.Helper()
	folder := w.t.TempDir()
	secret := func(name, value string) string {
		path := filepath.Join(folder, name)
		require.NoError(w.t, os.WriteFile(path, []byte(value), 0o600))
		return "${file:" + path + "}"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "listen: %s\npublic_url: http://%s\ndatabase: %q\nmode: test\nsecret_key: %s\n", address, address, w.dsn, secret("key", strings.Repeat("e2e-example-", 4)))
	fmt.Fprintf(&b, "webhooks: {allow_loopback: true}\n")
	fmt.Fprintf(&b, "timeouts: {answer: 5s, provider_call: 5s, before_stop: 0s, stop: 5s}\n")
	fmt.Fprintf(&b, "reliability: {time_scale: 1}\n")
	fmt.Fprintf(&b, "merchants:\n  main: {accounts: [aps-main], return_hosts: [shop.example]}\n  other: {accounts: [aps-other], return_hosts: [shop.example]}\naccounts:\n")
	for name, a := range e2eAccounts {
		fmt.Fprintf(&b, "  %s:\n    provider: aps\n    merchant_identifier: %s\n    access_code: %s\n    sha_type: %s\n    request_phrase: %s\n    response_phrase: %s\n    page_url: %s\n    api_url: %s\n",
			name, a.MerchantIdentifier, a.AccessCode, a.SHAType, secret(name+".req", a.RequestPhrase), secret(name+".resp", a.ResponsePhrase),
			w.simURL+sandbox.PaymentPagePath, w.simURL+sandbox.PaymentAPIPath)
	}
	text := b.String()
	if w.change != nil {
		text = w.change.Replace(text)
	}
	w.config = filepath.Join(folder, "paymux.yaml")
	require.NoError(w.t, os.WriteFile(w.config, []byte(text), 0o600))
	return w.config
}

// restart stops the program and starts it again on the same database and address.
func (w *world) restart() {
	w.t.Helper()
	address := strings.TrimPrefix(w.url, "http://")
	w.stop()
	http.DefaultClient.CloseIdleConnections() // they ended with the program, and a POST is not sent again
	w.begin(address)
}

// answer is what the API said.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// call makes one call of the API as merchant main. body may be a string, sent as it is, or anything that marshals.
func (w *world) call(method, path string, body any, header ...string) *answer {
	w.t.Helper()
	return w.callAs("main", method, path, body, header...)
}

func (w *world) callAs(merchant, method, path string, body any, header ...string) *answer {
	w.t.Helper()
	if method == http.MethodPost {
		header = append([]string{"Idempotency-Key", rand.Text()}, header...)
	}
	return requested(w.t, w.http, w.keys[merchant], method, w.url+path, body, header...)
}

// requested is the answer to one request of the API with a key. The headers stand in pairs, of which the last of a name counts.
func requested(t *testing.T, client *http.Client, key, method, address string, body any, header ...string) *answer {
	t.Helper()
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		require.NoError(t, err)
		content = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, content)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	require.NoError(t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, err)
	a := &answer{t, resp.StatusCode, resp.Header, string(raw), nil}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		require.NoError(t, d.Decode(&a.body))
	}
	return a
}

func (a *answer) want(status int) *answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.raw)
	return a
}

// str is the value at a path such as next_action.hosted_url, as text; empty for null and for what is not there.
func (a *answer) str(path string) string {
	v := a.at(path)
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func (a *answer) at(path string) any {
	var v any = a.body
	for _, name := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// order is a request that creates a payment; change replaces members, nil removes them.
func order(reference string, change map[string]any) map[string]any {
	body := map[string]any{"merchant_reference": reference, "amount": 12550, "currency": "AED", "capture_method": "manual",
		"method": map[string]any{"type": "card"}, "return_url": "https://shop.example/thanks?cart=1", "cancel_url": "https://shop.example/cart",
		"buyer": map[string]any{"email": "layla@example.org", "first_name": "Layla", "last_name": "Khan", "locale": "en-AE"}}
	for k, v := range change {
		if body[k] = v; v == nil {
			delete(body, k)
		}
	}
	return body
}

func (w *world) create(reference string, change map[string]any) *answer {
	w.t.Helper()
	return w.call("POST", "/v1/payments", order(reference, change)).want(201)
}

func (w *world) get(id string) *answer {
	w.t.Helper()
	return w.call("GET", "/v1/payments/"+id, nil).want(200)
}

// eventually reads the payment until it has this status.
func (w *world) eventually(id, status string) *answer {
	w.t.Helper()
	var a *answer
	require.Eventually(w.t, func() bool { a = w.get(id); return a.str("status") == status }, waitFor, tick, "payment never became %s", status)
	return a
}

// pay goes from the payment's hosted page through the card page, and 3-D Secure if the card wants it, back to the shop.
func (w *world) pay(payment *answer, card string) {
	w.t.Helper()
	p := newShopper(w.t).open(payment.str("next_action.hosted_url")).submit("").card(card)
	if card == cardChecked {
		p = p.submit("challenge_pass")
	}
	p.submit("").atShop("/thanks")
}

// books are the simulator's own, of the payment's reference there.
func (w *world) books(id string) (authorized, captured, refunded, voided int64) {
	w.t.Helper()
	p, err := w.service.store.Payment(w.t.Context(), "", id)
	require.NoError(w.t, err)
	for _, b := range w.sim.Books().Payments {
		for _, at := range p.Attempts {
			if b.Reference == at.Reference {
				authorized, captured, refunded, voided = authorized+b.Authorized, captured+b.Captured, refunded+b.Refunded, voided+b.Voided
			}
		}
	}
	return authorized, captured, refunded, voided
}

// balanced requires that our amounts are the simulator's, to the minor unit.
func (w *world) balanced(id string) {
	w.t.Helper()
	authorized, captured, refunded, voided := w.books(id)
	a := w.get(id)
	got := []string{a.str("amounts.authorized"), a.str("amounts.captured"), a.str("amounts.refunded"), a.str("amounts.released")}
	require.Equal(w.t, []string{fmt.Sprint(authorized), fmt.Sprint(captured), fmt.Sprint(refunded), fmt.Sprint(voided)}, got, "authorized, captured, refunded, released")
	require.Equal(w.t, "0", a.str("amounts.in_doubt"))
}

// control speaks to the simulator's control port.
func (w *world) control(path string, body any) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(w.t, err)
	resp, err := http.Post(w.simURL+"/_control/"+path, "application/json", bytes.NewReader(raw))
	require.NoError(w.t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	require.Less(w.t, resp.StatusCode, 300, "%s", answer)
}

// faultless ends the faults that the simulator was told to play.
func (w *world) faultless() {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, w.simURL+"/_control/faults", http.NoBody)
	require.NoError(w.t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
}

// reference is ours at the provider, of the payment's latest attempt.
func (w *world) reference(id string) string {
	p, err := w.service.store.Payment(w.t.Context(), "", id)
	require.NoError(w.t, err)
	return p.Latest().Reference
}

// events are the types of a payment's events in order; their sequence has no gap. Whether the buyer was back before
// the outcome was known, and so payment.processing was told, is a matter of who is faster: it is left out.
func (w *world) events(id string) (kinds []string) {
	w.t.Helper()
	a := w.call("GET", "/v1/events?limit=100&payment="+id, nil).want(200)
	list := a.body["data"].([]any)
	for i := len(list) - 1; i >= 0; i-- {
		e := list[i].(map[string]any)
		require.Equal(w.t, fmt.Sprint(len(list)-i), fmt.Sprint(e["data"].(map[string]any)["sequence"]))
		if kind := e["type"].(string); kind != "payment.processing" {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// safeBuffer is a buffer that several goroutines may write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// How long a test waits at most for what happens in the background, and how often it looks. On a machine that is busy all
// that counts is that it happens: a question that failed is put again after 15 s.
const (
	waitFor = time.Minute
	tick    = 10 * time.Millisecond
)

func sqliteDSN(t *testing.T) string { return storagetest.SQLiteDSN(t) }

func values(m map[string]string) url.Values {
	v := url.Values{}
	for name, value := range m {
		v.Set(name, value)
	}
	return v
}
