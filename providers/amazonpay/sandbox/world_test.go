package sandbox

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
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

// ask is one request to the API before it is signed.
type ask struct {
	method, path, body string
	key                string // idempotency key; "-": none
	keyID              string
	region             string
	header             map[string]string // signed, too
	algorithm          string
	change             func(r *http.Request) // after signing
}

// result is an answer of the API.
type result struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (w *world) send(a ask) result {
	w.t.Helper()
	got, err := w.try(a)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, got.header.Get("X-Amz-Pay-Request-Id"))
	return got
}

func (w *world) try(a ask) (result, error) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), a.method, "https://"+simHost+a.path, strings.NewReader(a.body))
	require.NoError(w.t, err)
	w.sign(r, &a)
	if a.change != nil {
		a.change(r)
	}
	resp, err := w.http.Do(r)
	if err != nil {
		return result{}, err
	}
	text, err := io.ReadAll(resp.Body)
	got := result{status: resp.StatusCode, header: resp.Header, text: string(text)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		require.NoError(w.t, json.Unmarshal(text, &got.body), "%s", text)
	}
	return got, err
}

// sign follows the description of the wire on its own: nothing of the simulator's verification is used.
func (w *world) sign(r *http.Request, a *ask) {
	headers := map[string]string{
		"accept": "application/json", "content-type": "application/json", "x-amz-pay-host": "pay-api.amazon.eu", "x-amz-pay-region": "eu",
		"x-amz-pay-date": w.server.sim.Clock.Now().UTC().Format("20060102T150405Z"),
	}
	if a.region != "" {
		headers["x-amz-pay-region"], headers["x-amz-pay-host"] = a.region, map[string]string{"jp": "pay-api.amazon.jp", "na": "pay-api.amazon.com"}[a.region]
	}
	if a.key == "" && a.method == http.MethodPost {
		w.keys++
		a.key = fmt.Sprintf("key-%d", w.keys)
	}
	if a.key != "" && a.key != "-" {
		headers["x-amz-pay-idempotency-key"] = a.key
	}
	maps.Copy(headers, a.header)
	if a.keyID == "" {
		a.keyID = w.account.Keys[0].ID
	}
	if a.algorithm == "" {
		a.algorithm = v2
	}
	names := slices.Sorted(maps.Keys(headers))
	query := r.URL.RawQuery
	text := r.Method + "\n" + r.URL.EscapedPath() + "\n" + query + "\n"
	for _, name := range names {
		text += name + ":" + headers[name] + "\n"
		r.Header.Set(name, headers[name])
	}
	text += "\n" + strings.Join(names, ";") + "\n" + hash(a.body)
	r.Header.Set("Authorization", a.algorithm+" PublicKeyId="+a.keyID+", SignedHeaders="+strings.Join(names, ";")+", Signature="+w.pss(a.algorithm, text))
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func (w *world) pss(algorithm, text string) string {
	salt := 20
	if algorithm == v2 {
		salt = 32
	}
	sum := sha256.Sum256([]byte(algorithm + "\n" + hash(text)))
	raw, err := rsa.SignPSS(rand.Reader, w.key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256})
	require.NoError(w.t, err)
	return base64.StdEncoding.EncodeToString(raw)
}

func (w *world) get(path string) result {
	return w.send(ask{method: http.MethodGet, path: "/v2/" + path})
}
func (w *world) post(path, body string) result {
	return w.send(ask{method: http.MethodPost, path: "/v2/" + path, body: body})
}
func (w *world) patch(path, body string) result {
	return w.send(ask{method: http.MethodPatch, path: "/v2/" + path, body: body})
}
func (w *world) remove(path, body string) result {
	return w.send(ask{method: http.MethodDelete, path: "/v2/" + path, body: body})
}

// simulated sends a request with a simulation code.
func (w *world) simulated(method, path, body, code string) result {
	return w.send(ask{method: method, path: "/v2/" + path, body: body, header: map[string]string{"x-amz-pay-simulation-code": code}})
}

// at finds a value by a path of names.
func (r result) at(path string) any {
	var v any = r.body
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (r result) str(path string) string { s, _ := r.at(path).(string); return s }

// is expects a success.
func (w *world) is(status int, r result) result {
	w.t.Helper()
	require.Equal(w.t, status, r.status, "%s", r.text)
	return r
}

// refused expects an error of the API.
func (w *world) refused(status int, reason string, r result) {
	w.t.Helper()
	require.Equal(w.t, status, r.status, "%s", r.text)
	require.Equal(w.t, reason, r.body["reasonCode"], "%s", r.text)
	require.NotEmpty(w.t, r.body["message"])
}

// state expects an object's state and reason.
func (w *world) state(state, reason string, r result) result {
	w.t.Helper()
	require.Equal(w.t, 2, r.status/100, "%s", r.text)
	require.Equal(w.t, state, r.at("statusDetails.state"), "%s", r.text)
	if list, _ := r.at("statusDetails.reasons").([]any); len(list) > 0 {
		require.Equal(w.t, reason, list[0].(map[string]any)["reasonCode"])
		return r
	}
	require.Equal(w.t, reason, r.str("statusDetails.reasonCode"), "%s", r.text)
	return r
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

// checkout is a session as a merchant wants it, from the click on.
type checkout struct {
	payload string // of the button; empty: express with a review page
	product string
	card    string // ending; empty: 1111
	update  string // body of the PATCH after the review; empty: none
	keepNot bool
}

const reviewPayload = `{"webCheckoutDetails":{"checkoutReviewReturnUrl":"https://shop.test/review"},"storeId":"` + storeID + `"}`

// updateTo is the PATCH after the review.
func updateTo(intent, amount, reference string, pending bool) string {
	return fmt.Sprintf(`{"webCheckoutDetails":{"checkoutResultReturnUrl":"https://shop.test/result"},"paymentDetails":{"paymentIntent":%q,
		"canHandlePendingAuthorization":%t,"chargeAmount":{"amount":%q,"currencyCode":"EUR"}},"merchantMetadata":{"merchantReferenceId":%q}}`, intent, pending, amount, reference)
}

// click opens a session by the button and signs the first buyer in.
func (w *world) click(payload, product, card string) string {
	w.t.Helper()
	s := w.server
	s.mu.Lock()
	defer s.mu.Unlock()
	in, no := s.openFromButton(button{MerchantID: w.account.MerchantID, PublicKeyID: w.account.Keys[0].ID, ProductType: product,
		PayloadJSON: payload, Signature: w.pss(v2, payload), Algorithm: v2})
	require.Nil(w.t, no)
	require.NotNil(w.t, in.session)
	s.associate(in.session, exampleBuyers["eu"][0])
	if card != "" {
		chosen, known := cardEnding(card)
		require.True(w.t, known)
		s.chooseCard(in.session, chosen)
	}
	return in.session.id
}

// process takes the buyer through the processing page.
func (w *world) process(id string) verdict {
	w.t.Helper()
	s := w.server
	s.mu.Lock()
	sess := s.session(id)
	sess.redirected = true
	v, messages := s.leaveProcessing(sess)
	s.mu.Unlock()
	s.send(messages)
	return v
}

// ready is a session that can be completed.
func (w *world) ready(c checkout) string {
	w.t.Helper()
	if c.payload == "" {
		c.payload = reviewPayload
	}
	id := w.click(c.payload, c.product, c.card)
	if c.keepNot {
		w.server.mu.Lock()
		w.server.session(id).keepsNot = true
		w.server.mu.Unlock()
	}
	if c.update != "" {
		w.is(http.StatusOK, w.patch("checkoutSessions/"+id, c.update))
	}
	w.process(id)
	return id
}

func completion(amount string) string {
	return fmt.Sprintf(`{"chargeAmount":{"amount":%q,"currencyCode":"EUR"}}`, amount)
}

// paid is a completed checkout; it returns permission and charge.
func (w *world) paid(intent, amount, reference string) (permission, charge string) {
	w.t.Helper()
	id := w.ready(checkout{update: updateTo(intent, amount, reference, false)})
	got := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", completion(amount)))
	return got.str("chargePermissionId"), got.str("chargeId")
}

// ordered is a completed checkout for a total, of which nothing is charged yet.
func (w *world) ordered(total, reference string) string {
	w.t.Helper()
	permission, charge := w.paid("Confirm", total, reference)
	require.Empty(w.t, charge)
	return permission
}

func chargeBody(permission, amount, more string) string {
	return fmt.Sprintf(`{"chargePermissionId":%q,"chargeAmount":{"amount":%q,"currencyCode":"EUR"}%s}`, permission, amount, more)
}

func captureBody(amount string) string {
	return fmt.Sprintf(`{"captureAmount":{"amount":%q,"currencyCode":"EUR"}}`, amount)
}

func refundBody(charge, amount string) string {
	return fmt.Sprintf(`{"chargeId":%q,"refundAmount":{"amount":%q,"currencyCode":"EUR"}}`, charge, amount)
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
