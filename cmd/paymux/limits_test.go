package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// from makes a request of the API as it comes through the proxy from an address.
func (w *faultWorld) from(address, method, path, key, body string) *answer {
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:9"
	for name, value := range map[string]string{"Authorization": "Bearer " + key, "Content-Type": "application/json", "Idempotency-Key": "k", "X-Forwarded-For": address} {
		r.Header.Set(name, value)
	}
	out := httptest.NewRecorder()
	w.service.ServeHTTP(out, r)
	a := &answer{w.t, out.Code, out.Header(), out.Body.String(), nil}
	if strings.Contains(a.header.Get("Content-Type"), "json") {
		require.NoError(w.t, json.Unmarshal(out.Body.Bytes(), &a.body))
	}
	return a
}

// limited is a world with limits, in which each merchant has a key; body is an order.
func limited(t *testing.T, l limits, f func(w *faultWorld, keys map[string]string, body string)) {
	c, open := faultConfig(t), sqliteInMemory(t)
	c.Limits, c.TrustedProxies = l, []string{"127.0.0.0/8"}
	dsn := open(t)
	raw, err := json.Marshal(order("order-1", nil))
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		w := newFaultWorld(t, c, dsn)
		defer w.leave()
		keys := map[string]string{}
		for _, merchant := range []string{"main", "other"} {
			text, _, err := newKey(t.Context(), w.service.store, merchant, core.ScopeMerchant, time.Time{})
			require.NoError(t, err)
			keys[merchant] = text
		}
		f(w, keys, string(raw))
	})
}

func (w *faultWorld) tooMany(a *answer, wait string) {
	w.t.Helper()
	require.Equal(w.t, []any{http.StatusTooManyRequests, "rate_limited", "same_key", wait, "application/problem+json"},
		[]any{a.status, a.str("code"), a.str("retry"), a.header.Get("Retry-After"), a.header.Get("Content-Type")}, a.raw)
}

// One merchant's runaway loop is told to wait, from wherever it runs; what it was about to do has not begun. The other
// merchant at the same address is not held up.
func TestAKeyHasItsShare(t *testing.T) {
	limited(t, limits{PerKey: 5}, func(w *faultWorld, keys map[string]string, body string) {
		for n := range 10 {
			require.Equal(w.t, 200, w.from(fmt.Sprintf("203.0.113.%d", n), "GET", "/v1/payments", keys["main"], "").status)
		}
		for n := range 50 {
			w.tooMany(w.from(fmt.Sprintf("203.0.113.%d", n), "POST", "/v1/payments", keys["main"], body), "1")
		}
		require.Equal(w.t, 201, w.from("203.0.113.1", "POST", "/v1/payments", keys["other"], body).status)
		time.Sleep(time.Second)
		a := w.from("203.0.113.1", "POST", "/v1/payments", keys["main"], body)
		require.Equal(w.t, 201, a.status, "the key of the request was used up: %s", a.raw)
		require.Empty(w.t, a.header.Get("Idempotent-Replayed"))
	})
}

// Whoever tries keys is stopped by where he comes from; others are not, nor does he get away by claiming to be them.
func TestAnAddressHasItsShare(t *testing.T) {
	limited(t, limits{PerAddress: 20}, func(w *faultWorld, keys map[string]string, body string) {
		for n := range 40 {
			require.Equal(w.t, 401, w.from("203.0.113.7", "GET", "/v1/payments", fmt.Sprint("sk_test_", n), "").status)
		}
		for n := range 50 {
			w.tooMany(w.from(fmt.Sprintf("198.51.100.%d, 203.0.113.7", n), "POST", "/v1/payments", keys["main"], body), "1")
		}
		require.Equal(w.t, 201, w.from("198.51.100.1", "POST", "/v1/payments", keys["main"], body).status)
		require.Equal(w.t, 404, w.from("203.0.113.7", "GET", "/pay/ct_x", "", "").status, "buyers are not merchants")
	})
}

// A buyer who loads his way back again and again makes the provider's calls of his payment, which all payments share: he
// waits, on a page that looks again, and others do not.
func TestAWayBackHasItsShare(t *testing.T) {
	limited(t, limits{PerReturn: 5}, func(w *faultWorld, _ map[string]string, _ string) {
		for n := range 5 {
			require.Equal(w.t, 404, w.from(fmt.Sprintf("203.0.113.%d", n), "GET", "/return/rx?session=1", "", "").status)
		}
		for range 10 {
			a := w.from("203.0.113.7", "GET", "/return/rx?session=2", "", "")
			require.Equal(w.t, []any{429, "12"}, []any{a.status, a.header.Get("Retry-After")})
			require.Contains(w.t, a.raw, `http-equiv="refresh"`)
		}
		require.Equal(w.t, 404, w.from("203.0.113.7", "GET", "/return/ry", "", "").status)
		require.Equal(w.t, 404, w.from("203.0.113.7", "GET", "/return/"+strings.Repeat("r", 5000), "", "").status)
		time.Sleep(12 * time.Second)
		require.Equal(w.t, 404, w.from("203.0.113.7", "GET", "/return/rx", "", "").status)
	})
}

// More than may run at once is turned away at once, without an effect; providers still get their messages in, and the
// program answers for its health. When there is room again, the same requests go through.
func TestWhatIsTooMuchAtOnceIsTurnedAway(t *testing.T) {
	limited(t, limits{AtOnce: 3}, func(w *faultWorld, keys map[string]string, body string) {
		authorized(w)
		paid := asJSON(signed("aps-main", told("aps-main", "nobody's", nil)))
		w.takes = func(string) time.Duration { return 4 * time.Second }
		running := make(chan *answer, 3)
		for range 3 {
			go func() { running <- w.from("203.0.113.1", "POST", "/v1/payments/"+w.id+"/sync", keys["main"], "") }()
		}
		synctest.Wait()
		began := time.Now()
		for range 50 {
			a := w.from("203.0.113.1", "POST", "/v1/payments", keys["other"], body)
			require.Equal(w.t, []any{http.StatusServiceUnavailable, "overloaded", "same_key", "2"}, []any{a.status, a.str("code"), a.str("retry"), a.header.Get("Retry-After")}, a.raw)
		}
		require.Equal(w.t, 200, w.from("203.0.113.9", "POST", "/feedback/aps-main", "", paid).status)
		require.Equal(w.t, 200, w.from("203.0.113.9", "GET", "/readyz", "", "").status)
		require.Zero(w.t, time.Since(began), "nobody waited")
		require.Equal(w.t, 1, strings.Count(w.logs.String(), "requests are turned away"), "one line a second says so")
		require.NotContains(w.t, w.logs.String(), "level=ERROR")
		for range 3 {
			require.Equal(w.t, 200, (<-running).status)
		}
		w.takes = nil
		require.Equal(w.t, 201, w.from("203.0.113.1", "POST", "/v1/payments", keys["other"], body).status)
	})
}

// Where a request comes from is what the nearest hop says that is not one of ours.
func TestSourceBehindProxies(t *testing.T) {
	c := &config{TrustedProxies: []string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32"}}
	for _, want := range []struct{ peer, forwarded, source string }{
		{"203.0.113.1:9", "", "203.0.113.1"},
		{"203.0.113.1:9", "198.51.100.1", "203.0.113.1"}, // a stranger's header
		{"127.0.0.1:9", "198.51.100.1", "127.0.0.1"},     // loopback is no proxy unless it is named
		{"10.1.2.3:9", "", "10.1.2.3"},
		{"10.1.2.3:9", "198.51.100.1", "198.51.100.1"},
		{"10.1.2.3:9", "1.2.3.4, 198.51.100.1", "198.51.100.1"},
		{"10.1.2.3:9", "198.51.100.1, 192.0.2.7, 10.9.9.9", "198.51.100.1"},
		{"10.1.2.3:9", "198.51.100.1, 192.0.2.8", "192.0.2.8"},
		{"[2001:db8::1]:9", "::ffff:198.51.100.1", "198.51.100.1"},
		{"10.1.2.3:9", "garbage, 198.51.100.1", "198.51.100.1"},
		{"10.1.2.3:9", "198.51.100.1, garbage", "10.1.2.3"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = want.peer
		if want.forwarded != "" {
			r.Header.Set("X-Forwarded-For", want.forwarded)
		}
		require.Equal(t, want.source, c.source()(r), "%v", want)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = "10.1.2.3:9"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	require.Equal(t, "10.1.2.3", (&config{}).source()(r), "by default nobody is trusted")
}
