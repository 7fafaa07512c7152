package outbound

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

type answer struct {
	A string `json:"a"`
	N any    `json:"n"`
}

// server answers every request with h and counts them.
func server(t *testing.T, h http.HandlerFunc) (address string, calls *atomic.Int64) {
	t.Helper()
	calls = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, calls
}

func jsonAnswer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		_, _ = io.WriteString(w, body)
	}
}

// client keeps what it recorded.
func client(o Options) (*Client, *[]core.Exchange) {
	var kept []core.Exchange
	o.AllowLocal = true
	o.Record = func(_ context.Context, e core.Exchange) { kept = append(kept, e) }
	return New(o), &kept
}

func TestPostJSON(t *testing.T) {
	address, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || string(body) != `{"amount":"1","signature":"s"}` {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		jsonAnswer(`{"a":"x","n":12345678901234567890.10,"token_name":"t"}`)(w, r)
	})
	c, kept := client(Options{})
	var out answer
	require.NoError(t, c.PostJSON(t.Context(), address+"/api?key=1&q=2", map[string]string{"amount": "1", "signature": "s"}, &out))
	require.Equal(t, "x", out.A)
	require.Equal(t, "12345678901234567890.10", out.N.(interface{ String() string }).String())
	require.Len(t, *kept, 1)
	e := (*kept)[0]
	require.Equal(t, http.MethodPost, e.Method)
	require.Equal(t, address+"/api?key=[redacted]&q=2", e.URL)
	require.Equal(t, `{"amount":"1","signature":"[redacted]"}`, e.Request)
	require.Equal(t, `{"a":"x","n":12345678901234567890.10,"token_name":"[redacted]"}`, e.Response)
	require.Equal(t, http.StatusOK, e.Status)
	require.Empty(t, e.Error)
	require.False(t, e.NotSent)
}

func TestAnswersThatAreNotUsable(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"201": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(201)
		},
		"429": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"HTML": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"no content type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, "{}")
		},
		"other charset": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=iso-8859-1")
			_, _ = io.WriteString(w, "{}")
		},
		"encoded": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "{}")
		},
		"empty":           jsonAnswer(""),
		"half":            jsonAnswer(`{"a":"x"`),
		"doubled name":    jsonAnswer(`{"a":"x","A":"y"}`),
		"trailing":        jsonAnswer(`{"a":"x"}{}`),
		"a list":          jsonAnswer(`[]`),
		"another shape":   jsonAnswer(`{"a":{}}`),
		"too long":        jsonAnswer(`{"a":"` + strings.Repeat("x", MaxAnswer) + `"}`),
		"cut by the wire": cut(`{"a":"x"}`),
		"no answer":       hangUp,
	} {
		t.Run(name, func(t *testing.T) {
			address, calls := server(t, h)
			c, kept := client(Options{})
			var out answer
			err := c.PostJSON(t.Context(), address, map[string]string{}, &out)
			require.Error(t, err)
			require.NotErrorIs(t, err, core.ErrNotSent)
			require.EqualValues(t, 1, calls.Load(), "nothing is sent again")
			require.Len(t, *kept, 1)
			require.False(t, (*kept)[0].NotSent)
		})
	}
}

// cut promises more bytes than it sends.
func cut(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, body)
		panic(http.ErrAbortHandler)
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func TestNotSentIsProved(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closedAddress := closed.URL
	closed.Close()
	calls := 0
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	secure.Config.ErrorLog = quiet()
	secure.StartTLS()
	t.Cleanup(secure.Close)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	open, reached := server(t, jsonAnswer(`{}`))
	refuser := roundTrip(func(*http.Request) (*http.Response, error) { return nil, core.NotSentError(errors.New("breaker open")) })

	for name, tc := range map[string]struct {
		ctx     context.Context
		options Options
		address string
		local   bool
	}{
		"refused":               {t.Context(), Options{}, closedAddress, true},
		"no such name":          {t.Context(), Options{}, "http://no-such-host.invalid", true},
		"certificate":           {t.Context(), Options{}, secure.URL, true},
		"canceled before":       {canceled, Options{}, open, true},
		"breaker":               {t.Context(), Options{Transport: refuser}, open, true},
		"plain http":            {t.Context(), Options{}, "http://provider.example", false},
		"loopback":              {t.Context(), Options{}, secure.URL, false},
		"loopback by name":      {t.Context(), Options{}, "https://localhost:1", false},
		"mapped loopback":       {t.Context(), Options{}, "https://[::ffff:127.0.0.1]:1", false},
		"user in the address":   {t.Context(), Options{}, "https://a:b@provider.example", false},
		"not an address":        {t.Context(), Options{}, "https://%zz", true},
		"of another scheme":     {t.Context(), Options{}, "ftp://provider.example", true},
		"metadata of the cloud": {t.Context(), Options{}, "https://169.254.169.254", false},
	} {
		t.Run(name, func(t *testing.T) {
			c, kept := client(tc.options)
			if !tc.local {
				c.allowLocal = false
			}
			err := c.PostJSON(tc.ctx, tc.address, map[string]string{}, &answer{})
			require.ErrorIs(t, err, core.ErrNotSent)
			require.Len(t, *kept, 1)
			require.True(t, (*kept)[0].NotSent)
			require.Zero(t, (*kept)[0].Status)
		})
	}
	require.Zero(t, calls)
	require.Zero(t, reached.Load())

	c, _ := client(Options{})
	require.ErrorIs(t, c.PostJSON(t.Context(), open, map[string]any{"f": func() {}}, &answer{}), core.ErrNotSent)
}

func TestTheDialerLooksAtTheRealAddress(t *testing.T) {
	require.ErrorIs(t, refuseLocal("tcp", "127.0.0.1:443", nil), errLocal)
	require.ErrorIs(t, refuseLocal("tcp", "[::1]:443", nil), errLocal)
	require.ErrorIs(t, refuseLocal("tcp", "[fe80::1%eth0]:443", nil), errLocal)
	require.ErrorIs(t, refuseLocal("tcp", "0.0.0.0:443", nil), errLocal)
	require.NoError(t, refuseLocal("tcp", "203.0.113.9:443", nil))
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSilenceProvesNothing(t *testing.T) {
	c, kept := client(Options{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("lost") })})
	err := c.PostJSON(t.Context(), "http://provider.example", map[string]string{}, &answer{})
	require.Error(t, err)
	require.NotErrorIs(t, err, core.ErrNotSent)
	require.False(t, (*kept)[0].NotSent)
}

func TestATimeoutAfterTheRequestIsUnknown(t *testing.T) {
	release := make(chan struct{})
	address, calls := server(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	c, _ := client(Options{})
	err := c.PostJSON(ctx, address, map[string]string{}, &answer{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, core.ErrNotSent)
	require.EqualValues(t, 1, calls.Load())
}

// TestNothingIsSentTwice lets the peer close a kept connection after it has read a second request: net/http would send
// an idempotent request again, and must not do it with ours.
func TestNothingIsSentTwice(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	var requests atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if requests.Add(1) > 1 {
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
				}
			}()
		}
	}()
	c, _ := client(Options{})
	address := "http://" + listener.Addr().String()
	require.NoError(t, c.PostJSON(t.Context(), address, map[string]string{}, &answer{}))
	err = c.PostJSON(t.Context(), address, map[string]string{}, &answer{})
	require.Error(t, err)
	require.NotErrorIs(t, err, core.ErrNotSent)
	require.EqualValues(t, 2, requests.Load())
}

func TestASealedConnectionWritesNothingMore(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	conn := &countedConn{Conn: ours}
	_, err := conn.Write([]byte("first request"))
	require.NoError(t, err)
	require.False(t, conn.seal(0), "something was written")
	require.True(t, conn.seal(1), "nothing since")
	_, err = conn.Write([]byte("late"))
	require.ErrorIs(t, err, net.ErrClosed)
}

// TestAWriteThatFailedAtOnceIsNotSent gives the request a kept connection that cannot be written to any more.
func TestAClosedIdleConnectionIsNotSent(t *testing.T) {
	address, calls := server(t, jsonAnswer(`{}`))
	transport := NewTransport(Options{AllowLocal: true})
	dial := transport.DialContext
	var conns []*countedConn
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err == nil {
			conns = append(conns, conn.(*countedConn))
		}
		return conn, err
	}
	c, _ := client(Options{Transport: transport})
	require.NoError(t, c.PostJSON(t.Context(), address, map[string]string{}, &answer{}))
	require.Len(t, conns, 1)
	require.True(t, conns[0].seal(conns[0].count())) // as a connection whose peer is gone: no byte leaves
	err := c.PostJSON(t.Context(), address, map[string]string{}, &answer{})
	require.ErrorIs(t, err, core.ErrNotSent)
	require.EqualValues(t, 1, calls.Load())
}

func TestOverTLS(t *testing.T) {
	s := httptest.NewTLSServer(jsonAnswer(`{"a":"x"}`))
	t.Cleanup(s.Close)
	roots := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c, _ := client(Options{RootCAs: roots})
	var out answer
	for range 2 { // the second time over the kept connection
		require.NoError(t, c.PostJSON(t.Context(), s.URL, map[string]string{}, &out))
		require.Equal(t, "x", out.A)
	}
}

func TestNoProxyOfTheEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	require.Nil(t, NewTransport(Options{}).Proxy)
}
