package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/internal/simulator"
)

const (
	simHost  = "aps.test"
	shopHost = "shop.test"
	shopURL  = "https://shop.test/pay/aps/return"
)

// world is one simulator, a shop that receives feedback and returns, and a buyer's browser without script.
// Requests are carried in memory, so it also works in a bubble.
type world struct {
	t       *testing.T
	server  *Server
	account Account
	http    *http.Client

	mu       sync.Mutex
	feedback []received      // what the shop was told, in order
	answers  func(n int) int // status the shop answers its n-th feedback with (from 1); nil: 200
	onTold   func(received)
}

type received struct {
	at     time.Time
	path   string
	header http.Header
	fields map[string]string
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	w := &world{t: t, account: ExampleAccount()}
	w.account.DirectFeedbackURL = "https://shop.test/direct"
	w.account.NotificationURL = "https://shop.test/notify"
	w.http = &http.Client{Transport: w, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	config := Config{Accounts: []Account{w.account}, Client: w.http}
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

func account(change func(*Account)) func(*Config) {
	return func(c *Config) { change(&c.Accounts[0]) }
}

// RoundTrip carries a request to the simulator or the shop.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == shopHost {
		return w.shop(r)
	}
	return simulatorRoundTrip(w.server, r)
}

// simulatorRoundTrip serves r in memory; a cut connection is an error, after whatever was written.
func simulatorRoundTrip(h http.Handler, r *http.Request) (resp *http.Response, err error) {
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
		h.ServeHTTP(out, in)
	}()
	select {
	case err = <-done:
	case <-r.Context().Done():
		<-done // the handler notices, too
		return nil, r.Context().Err()
	}
	if err != nil && !out.flushed {
		return nil, err
	}
	body := io.Reader(bytes.NewReader(out.body.Bytes()))
	if err != nil {
		body = io.MultiReader(body, failing{})
	}
	return &http.Response{StatusCode: max(out.status, 200), Header: out.header, Body: io.NopCloser(body), Request: r}, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type memoryResponse struct {
	header  http.Header
	status  int
	body    bytes.Buffer
	flushed bool
}

func (m *memoryResponse) Header() http.Header         { return m.header }
func (m *memoryResponse) WriteHeader(status int)      { m.status = status }
func (m *memoryResponse) Write(b []byte) (int, error) { return m.body.Write(b) }
func (m *memoryResponse) Flush()                      { m.flushed = true }

func (w *world) shop(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	parse := parseJSON
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		parse = parseForm
	}
	fields, err := parse(body)
	if err != nil {
		return nil, err
	}
	told := received{at: time.Now(), path: r.URL.Path, header: r.Header.Clone(), fields: fields}
	w.mu.Lock()
	w.feedback = append(w.feedback, told)
	n, answers, onTold := len(w.feedback), w.answers, w.onTold
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

// told is a copy of the feedback so far.
func (w *world) told() []received {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]received{}, w.feedback...)
}

// call sends a signed command to the server API and returns the verified answer.
func (w *world) call(fields map[string]string) map[string]string {
	w.t.Helper()
	answer, err := w.tryCall(fields)
	require.NoError(w.t, err)
	require.Equal(w.t, sign(w.account.SHAType, w.account.ResponsePhrase, answer), answer["signature"], "answer is badly signed: %v", answer)
	return answer
}

func (w *world) tryCall(fields map[string]string) (map[string]string, error) {
	w.t.Helper()
	full := map[string]string{"access_code": w.account.AccessCode, "merchant_identifier": w.account.MerchantIdentifier, "language": "en"}
	maps.Copy(full, fields)
	maps.DeleteFunc(full, func(_, v string) bool { return v == removed })
	if full["signature"] == "" {
		full["signature"] = sign(w.account.SHAType, w.account.RequestPhrase, full)
	}
	body, err := json.Marshal(full)
	require.NoError(w.t, err)
	status, answer, err := w.postAPI("application/json", body)
	if err != nil {
		return nil, err
	}
	require.Equal(w.t, http.StatusOK, status)
	return parseJSON(answer)
}

func (w *world) postAPI(contentType string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "https://"+simHost+PaymentAPIPath, bytes.NewReader(body))
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", contentType)
	resp, err := w.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// control posts to the control port and expects success.
func (w *world) control(path, body string) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "https://"+simHost+"/_control/"+path, strings.NewReader(body))
	require.NoError(w.t, err)
	resp, err := w.http.Do(r)
	require.NoError(w.t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, resp.StatusCode, "%s", answer)
	return string(answer)
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

// check asks CHECK_STATUS, whatever it answers; status expects it to know the order.
func (w *world) check(reference string) map[string]string {
	w.t.Helper()
	return w.call(map[string]string{"query_command": "CHECK_STATUS", "merchant_reference": reference})
}

func (w *world) status(reference string) map[string]string {
	w.t.Helper()
	answer := w.check(reference)
	require.Equal(w.t, "12000", answer["response_code"])
	return answer
}

func recurring(reference, token string) map[string]string {
	return map[string]string{
		"command": "PURCHASE", "merchant_reference": reference, "amount": "5000", "currency": "AED",
		"customer_email": "layla@example.org", "eci": "RECURRING", "token_name": token,
	}
}

// totals are authorized, captured, refunded, voided.
func totals(p simulator.Payment) [4]int64 {
	return [4]int64{p.Authorized, p.Captured, p.Refunded, p.Voided}
}

func kinds(p simulator.Payment) []string {
	var list []string
	for _, effect := range p.Effects {
		list = append(list, effect.Kind)
	}
	return list
}

func codes(told []received) []string {
	var list []string
	for _, one := range told {
		list = append(list, one.fields["response_code"])
	}
	return list
}
