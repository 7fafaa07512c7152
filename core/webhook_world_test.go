package core_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api"
	"github.com/paymux/paymux/api/webhook"
	"github.com/paymux/paymux/core"
)

// shops are merchants' servers, each at a port of this machine, on a network without sockets. They stand for the
// internet: everything between core and the wire is the real thing.
type shops struct {
	t    *testing.T
	mu   sync.Mutex
	at   map[string]*aShop // by port
	open []net.Conn
	ends sync.WaitGroup
}

// aShop takes what it is sent and answers as it is told.
type aShop struct {
	mu     sync.Mutex
	got    []taken
	answer func(n int) reply // n is 1 for the first request; nil: 204
}

type taken struct {
	at     time.Time
	header http.Header
	body   []byte
}

type reply struct {
	after  time.Duration
	status int
	header string
}

func (t taken) id() string { return t.header.Get("Webhook-Id") }

// verify holds the request against the reference library.
func (t taken) verify(tb testing.TB, secret string) {
	tb.Helper()
	reference, err := standardwebhooks.NewWebhook(secret)
	require.NoError(tb, err)
	require.NoError(tb, reference.VerifyIgnoringTimestamp(t.body, t.header))
	require.Equal(tb, strconv.FormatInt(t.at.Unix(), 10), t.header.Get("Webhook-Timestamp"))
}

func (s *aShop) requests() []taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]taken{}, s.got...)
}

// says changes what the shop answers from now on; n counts from here.
func (s *aShop) says(answer func(n int) reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.got)
	s.answer = func(n int) reply { return answer(n - before) }
}

func always(status int) func(int) reply { return func(int) reply { return reply{status: status} } }

func (n *shops) shop(port int) *aShop {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &aShop{}
	n.at[strconv.Itoa(port)] = s
	return s
}

func (n *shops) dial(_ context.Context, _, address string) (net.Conn, error) {
	_, port, _ := net.SplitHostPort(address)
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.at[port]
	if s == nil {
		return nil, fmt.Errorf("connection refused")
	}
	near, far := net.Pipe()
	n.open = append(n.open, near)
	n.ends.Go(func() { defer func() { _ = far.Close() }(); s.serve(far) })
	return near, nil
}

func (s *aShop) serve(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.got = append(s.got, taken{time.Now(), r.Header, body})
		a := reply{status: 204}
		if s.answer != nil {
			a = s.answer(len(s.got))
		}
		s.mu.Unlock()
		if a.after > 0 && !waits(c, a.after) {
			return
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 %d x\r\n%sContent-Length: 0\r\n\r\n", a.status, a.header); err != nil {
			return
		}
	}
}

// waits reports whether the client is still there after d.
func waits(c net.Conn, d time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(d))
	_, err := c.Read(make([]byte, 1))
	_ = c.SetReadDeadline(time.Time{})
	return errors.Is(err, os.ErrDeadlineExceeded)
}

func (n *shops) end() {
	n.mu.Lock()
	for _, c := range n.open {
		_ = c.Close()
	}
	n.mu.Unlock()
	n.ends.Wait()
}

// told is a desk that tells merchants, and their shops.
type teller struct {
	*desk
	shops *shops
	logs  *bytes.Buffer
	stop  func()
}

// tell runs test in simulated time, on an installation that sends to shops.
func tell(t *testing.T, test func(*testing.T, *teller)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &teller{desk: newDesk(t), shops: &shops{t: t, at: map[string]*aShop{}}, logs: &bytes.Buffer{}, stop: func() {}}
		defer w.shops.end()
		defer func() { w.stop() }()
		w.begin(nil)
		test(t, w)
	})
}

// begin starts the program, again on the same database when it ran before.
func (w *teller) begin(change func(*core.Options)) {
	w.t.Helper()
	w.stop()
	guard := webhook.NewGuard(webhook.GuardOptions{AllowLoopback: true, Dial: w.shops.dial})
	sender := webhook.NewSender(guard, webhook.SenderOptions{Random: soon})
	w.open(func(o *core.Options) {
		o.Sender, o.Render = webhook.NewCarrier(guard, sender), api.EventBody(core.NewLinks(o.Tokens, o.PublicURL), false)
		o.Log = slog.New(slog.NewTextHandler(w.logs, nil))
		if change != nil {
			change(o)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	run := w.Checkout.Run
	go func() { defer close(ended); run(ctx) }()
	w.stop = sync.OnceFunc(func() { cancel(); <-ended; sender.Close() })
	synctest.Wait()
}

// soon draws the lower half of the jitter, so that the 16 tries are over before an endpoint is disabled for failing.
func soon(n int64) int64 { return rand.Int64N(n/2 + 1) }

func address(port int) string { return fmt.Sprintf("http://127.0.0.1:%d/hooks", port) }

func by(merchant, key string) core.Request {
	r := request(key)
	r.MerchantID = merchant
	return r
}

// endpoint registers an endpoint of a merchant at the shop at port.
func (w *teller) endpoint(merchant string, port int, types ...string) core.EndpointView {
	w.t.Helper()
	a, err := w.CreateEndpoint(w.t.Context(), by(merchant, "endpoint-"+merchant+strconv.Itoa(port)), core.NewEndpoint{URL: address(port), Types: types})
	require.NoError(w.t, err)
	require.Equal(w.t, 201, a.Status)
	return endpointIn(w.t, a)
}

func endpointIn(t *testing.T, a core.Answer) (v core.EndpointView) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.Snapshot, &v))
	return v
}

// pause lets simulated time pass, and everything come to rest.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *teller) deliveries(merchant, endpoint string) []*core.Delivery {
	w.t.Helper()
	l, err := w.EndpointDeliveries(w.t.Context(), merchant, endpoint, "", 100, "")
	require.NoError(w.t, err)
	return l.Items
}

func ids(list []taken) (out []string) {
	for _, t := range list {
		out = append(out, t.id())
	}
	return out
}

func typesOf(t *testing.T, list []taken) (out []string) {
	t.Helper()
	for _, r := range list {
		var e struct{ Type string }
		require.NoError(t, json.Unmarshal(r.body, &e))
		out = append(out, e.Type)
	}
	return out
}

func count(list []string) map[string]int {
	out := map[string]int{}
	for _, s := range list {
		out[s]++
	}
	return out
}
