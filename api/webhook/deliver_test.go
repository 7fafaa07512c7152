package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// attempt makes one against whoever serves, in simulated time.
func attempt(t *testing.T, serve func(net.Conn), try int, check func(*testing.T, *world, Result)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve = serve
		s := w.sender(w.guard(GuardOptions{}))
		m := message(t, shopURL)
		m.Try = try
		r := deliver(t, s, m)
		require.NotContains(t, fmt.Sprint(r.Err), "shop=7", "the log learns nothing of the query")
		check(t, w, r)
	})
}

// What is sent: the body byte for byte, three headers of Standard Webhooks that verify, nothing that invites more.
func TestWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ring, err := exampleKeys(t).Rotate(time.Now())
		require.NoError(t, err)
		time.Sleep(time.Hour)
		m := message(t, shopURL)
		m.Body, m.Keys = []byte("{\"a\":\t\"\\u00e9 < \u2028\" ,\n\"b\":1.0}"), ring
		var requests []*http.Request
		w.serve = endpoint(func(c net.Conn, r *http.Request, body []byte) {
			requests = append(requests, r)
			require.Equal(t, m.Body, body)
			for _, k := range ring {
				require.NoError(t, reference(t, k.Secret).Verify(body, r.Header))
			}
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		})
		s := w.sender(w.guard(GuardOptions{}))
		first := deliver(t, s, m)
		time.Sleep(5 * time.Second)
		second := deliver(t, s, m)
		require.Equal(t, Delivered, second.Outcome, "%v", second.Err)
		require.Len(t, requests, 2)
		for i, r := range []Result{first, second} {
			h := requests[i].Header
			require.Equal(t, fmt.Sprint(r.SentAt.Unix()), h.Get("Webhook-Timestamp"))
			require.Equal(t, m.EventID, h.Get("Webhook-Id"), "the same on every try")
			require.Len(t, strings.Fields(h.Get("Webhook-Signature")), 2, "one per live secret")
			require.Equal(t, "application/json", h.Get("Content-Type"))
			require.Equal(t, "POST /hooks?shop=7 shop.example", requests[i].Method+" "+requests[i].RequestURI+" "+requests[i].Host)
			require.Equal(t, int64(len(m.Body)), requests[i].ContentLength)
			require.Len(t, h, 6, "%v", h) // these five with Content-Length, and User-Agent
		}
		require.NotEqual(t, requests[0].Header.Get("Webhook-Signature"), requests[1].Header.Get("Webhook-Signature"))
		require.Equal(t, []string{publicAddr + ":443"}, w.dials, "both over one connection, and no proxy")
	})
}

func text(status, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, header, len(body), body)
}

// What each status means, on the first try: the next one is due five seconds later.
func TestStatuses(t *testing.T) {
	for _, c := range []struct {
		status  string
		outcome Outcome
		failure Failure
	}{
		{"200 OK", Delivered, ""}, {"201 Created", Delivered, ""}, {"202 Accepted", Delivered, ""}, {"299 Whatever", Delivered, ""},
		{"300 Multiple Choices", Failed, FailureRedirect}, {"305 Use Proxy", Failed, FailureRedirect}, {"399 Whatever", Failed, FailureRedirect},
		{"400 Bad Request", Failed, FailureStatus}, {"401 Unauthorized", Failed, FailureStatus}, {"404 Not Found", Failed, FailureStatus},
		{"409 Conflict", Failed, FailureStatus}, {"429 Too Many Requests", Failed, FailureStatus}, {"500 Internal Server Error", Failed, FailureStatus},
		{"503 Service Unavailable", Failed, FailureStatus}, {"600 Whatever", Failed, FailureStatus}, {"999 Whatever", Failed, FailureStatus},
		{"410 Gone", Gone, FailureStatus},
	} {
		attempt(t, says(text(c.status, "", "said <b>"+c.status+"</b>")), 1, func(t *testing.T, w *world, r Result) {
			require.Equal(t, c.outcome, r.Outcome, c.status)
			require.Equal(t, c.failure, r.Failure, c.status)
			require.Equal(t, c.status[:3], fmt.Sprint(r.Status))
			require.Equal(t, "said <b>"+c.status+"</b>", r.Answer)
			require.NoError(t, r.Err)
			require.Equal(t, c.outcome == Failed, !r.Next.IsZero(), c.status)
			if c.outcome == Failed {
				require.Equal(t, 5*time.Second, r.Next.Sub(r.SentAt), c.status)
				require.Equal(t, time.UTC, r.Next.Location())
			}
			require.Equal(t, time.UTC, r.SentAt.Location())
			require.Len(t, w.dials, 1)
		})
	}
}

// A redirect is not followed, wherever it leads.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, to := range []string{"http://169.254.169.254/latest/meta-data/", "https://127.0.0.1/", "https://shop.example/elsewhere", "/elsewhere", "//10.0.0.1/", "file:///etc/passwd"} {
		for _, status := range []string{"301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"} {
			requests := 0
			serve := endpoint(func(c net.Conn, r *http.Request, _ []byte) {
				requests++
				_, _ = io.WriteString(c, text(status, "Location: "+to+"\r\nRefresh: 0;url="+to+"\r\n", ""))
				r.Close = true
			})
			attempt(t, serve, 1, func(t *testing.T, w *world, r Result) {
				require.Equal(t, FailureRedirect, r.Failure, status)
				require.Equal(t, Failed, r.Outcome)
				require.Equal(t, []string{publicAddr + ":443"}, w.dials, to)
				require.Equal(t, []string{"shop.example."}, w.lookups, to)
				require.Equal(t, 1, requests)
			})
		}
	}
}

// Answers that are not one, or that never end.
func TestBadAnswers(t *testing.T) {
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	drip := func(head, part string, every time.Duration) func(net.Conn) {
		return endpoint(func(c net.Conn, r *http.Request, _ []byte) {
			left := make(chan struct{})
			go func() { silent(c); close(left) }() // it takes what comes, as a kernel does
			_, err := io.WriteString(c, head)
			for err == nil && part != "" {
				time.Sleep(every)
				_, err = io.WriteString(c, part)
			}
			<-left
			r.Close = true
		})
	}
	const ok, chunked = "HTTP/1.1 200 OK\r\n", "Transfer-Encoding: chunked\r\n\r\n"
	block := fmt.Sprintf("%x\r\n%s\r\n", 8<<10, strings.Repeat("x", 8<<10))
	for _, c := range []struct {
		name    string
		serve   func(net.Conn)
		status  int
		failure Failure
		took    time.Duration
	}{
		{"nothing, not even TLS", silent, 0, FailureTimeout, attemptTimeout},
		{"nothing after the request", endpoint(func(c net.Conn, r *http.Request, _ []byte) { silent(c); r.Close = true }), 0, FailureTimeout, attemptTimeout},
		{"half a status line", drip("HTTP/1.1 2", "", 0), 0, FailureTimeout, attemptTimeout},
		{"a header line a second", drip(ok, "X-A: b\r\n", time.Second), 0, FailureTimeout, attemptTimeout},
		{"a header without end", drip(ok, "X-A: "+strings.Repeat("b", 1000)+"\r\n", 0), 0, FailureBroken, 0},
		{"provisional answers without end", drip("", "HTTP/1.1 103 Early Hints\r\nX-A: "+strings.Repeat("b", 1000)+"\r\n\r\n", 0), 0, FailureBroken, 0},
		{"a body a byte a second", drip(ok+chunked, "1\r\nx\r\n", time.Second), 200, FailureTimeout, attemptTimeout},
		{"a byte a second, without a length", drip(ok+"\r\n", "x", time.Second), 200, FailureTimeout, attemptTimeout},
		{"nothing more, without a length", drip(ok+"\r\n", "", 0), 200, FailureTimeout, attemptTimeout},
		{"a body that stops", drip(ok+"Content-Length: 5\r\n\r\nab", "", 0), 200, FailureTimeout, attemptTimeout},
		{"a refusal that stops", drip("HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nab", "", 0), 500, FailureStatus, attemptTimeout},
		{"a body without end", drip(ok+chunked, block, 0), 200, FailureTooLarge, 0},
		{"a body without end or length", drip(ok+"\r\n", block, 0), 200, FailureTooLarge, 0},
		{"a slow body without end", drip(ok+chunked, block, time.Second), 200, FailureTooLarge, 9 * time.Second},
		{"64 kB", says(text("200 OK", "", strings.Repeat("x", 64<<10))), 200, "", 0},
		{"a byte more", says(text("200 OK", "", strings.Repeat("x", 64<<10+1))), 200, FailureTooLarge, 0},
		{"a body cut short", says(ok + "Content-Length: 100\r\n\r\nshort"), 200, FailureBroken, 0},
		{"a broken chunk", says(ok + chunked + "zz\r\n"), 200, FailureBroken, 0},
		{"two lengths", says(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), 0, FailureBroken, 0},
		{"nothing at all", says(""), 0, FailureBroken, 0},
		{"another protocol", says("SSH-2.0-OpenSSH_9.2\r\n"), 0, FailureBroken, 0},
		{"a status that is no number", says("HTTP/1.1 abc\r\n\r\n"), 0, FailureBroken, 0},
		{"another protocol on request", endpoint(func(c net.Conn, r *http.Request, _ []byte) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			silent(c)
			r.Close = true
		}), 101, FailureStatus, 0},
		{"plain HTTP", func(c net.Conn) { go silent(c); _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, 0, FailureTLS, 0},
		{"the certificate of another", func(c net.Conn) {
			other, _ := certificate("other.example")
			_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{other}}).HandshakeContext(context.Background())
		}, 0, FailureTLS, 0},
		{"a certificate nobody vouches for", func(c net.Conn) {
			own, _ := certificate(shop)
			_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{own}}).HandshakeContext(context.Background())
		}, 0, FailureTLS, 0},
		{"TLS 1.1", func(c net.Conn) {
			old := &tls.Config{Certificates: []tls.Certificate{exampleCertificate}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
			_ = tls.Server(c, old).HandshakeContext(context.Background())
		}, 0, FailureTLS, 0},
		{"nobody", nil, 0, FailureConnect, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			attempt(t, c.serve, 3, func(t *testing.T, _ *world, r Result) {
				require.Equal(t, c.failure, r.Failure, "%v", r.Err)
				require.Equal(t, c.status, r.Status)
				require.Equal(t, c.took, r.Duration)
				require.LessOrEqual(t, len(r.Answer), keptAnswer)
				if c.failure == "" {
					require.Equal(t, Delivered, r.Outcome)
					return
				}
				require.Equal(t, Failed, r.Outcome)
				require.Equal(t, r.SentAt.Add(c.took+2*time.Minute), r.Next, "counted from the end of the attempt")
			})
		})
	}
}

// 410 counts whatever becomes of the body; no other status does so.
func TestGone(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"at once":     says(text("410 Gone", "Retry-After: 60\r\n", "")),
		"cut short":   says("HTTP/1.1 410 Gone\r\nContent-Length: 100\r\n\r\n"),
		"without end": says(text("410 Gone", "", strings.Repeat("x", 100<<10))),
		"never to end": endpoint(func(c net.Conn, r *http.Request, _ []byte) {
			_, _ = io.WriteString(c, "HTTP/1.1 410 Gone\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
			r.Close = true
		}),
	} {
		for _, try := range []int{1, Tries} {
			attempt(t, serve, try, func(t *testing.T, _ *world, r Result) {
				require.Equal(t, Gone, r.Outcome, name)
				require.Equal(t, FailureStatus, r.Failure, name)
				require.Zero(t, r.Next, name)
			})
		}
	}
}

// Retry-After moves the next try away, by a day at most, and never nearer; on the last try it changes nothing.
func TestRetryAfterIsHonoured(t *testing.T) {
	date := func(ahead time.Duration) string {
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(ahead).Format(http.TimeFormat)
	}
	for _, c := range []struct {
		value string
		try   int
		want  time.Duration
	}{
		{"120", 1, 2 * time.Minute}, {"1", 1, 5 * time.Second}, {"0", 1, 5 * time.Second}, {"120", 7, 3 * time.Hour}, {"86400", 1, 24 * time.Hour},
		{"86401", 1, 24 * time.Hour}, {"99999999999999999999999", 1, 24 * time.Hour}, {"-5", 1, 5 * time.Second}, {"soon", 1, 5 * time.Second}, {"", 1, 5 * time.Second},
		{date(time.Hour), 1, time.Hour}, {date(-time.Hour), 1, 5 * time.Second}, {date(72 * time.Hour), 1, 24 * time.Hour}, {date(time.Hour), 8, 6 * time.Hour},
	} {
		for _, status := range []string{"503 Service Unavailable", "429 Too Many Requests", "302 Found"} {
			attempt(t, says(text(status, "Retry-After: "+c.value+"\r\n", "")), c.try, func(t *testing.T, _ *world, r Result) {
				require.Equal(t, Failed, r.Outcome)
				require.Equal(t, c.want, r.Next.Sub(r.SentAt), "%q on try %d", c.value, c.try)
			})
		}
	}
	attempt(t, says(text("503 Service Unavailable", "Retry-After: 60\r\n", "")), Tries, func(t *testing.T, _ *world, r Result) {
		require.Equal(t, Exhausted, r.Outcome)
		require.Equal(t, FailureStatus, r.Failure)
		require.Zero(t, r.Next)
	})
	attempt(t, says(text("200 OK", "Retry-After: 60\r\n", "")), 1, func(t *testing.T, _ *world, r Result) {
		require.Equal(t, Delivered, r.Outcome)
		require.Zero(t, r.Next)
	})
}

// Who gives up gets no result that could be counted against the endpoint.
func TestGivingUp(t *testing.T) {
	why := errors.New("the process stops")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve = endpoint(func(c net.Conn, r *http.Request, _ []byte) { _, _ = io.Copy(io.Discard, c); r.Close = true })
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		r, err := w.sender(w.guard(GuardOptions{})).Deliver(ctx, message(t, shopURL))
		require.ErrorIs(t, err, why)
		require.Zero(t, r)
	})
}

// An endpoint that has said 410 is gone, even when nobody waits for the rest of what it says.
func TestGoneCountsWhenGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve = endpoint(func(c net.Conn, r *http.Request, _ []byte) {
			_, _ = io.WriteString(c, "HTTP/1.1 410 Gone\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
			r.Close = true
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := w.sender(w.guard(GuardOptions{})).Deliver(ctx, message(t, shopURL))
		require.NoError(t, err)
		require.Equal(t, Gone, r.Outcome)
	})
}

// Who never finishes the handshake holds a connection for a while, not for ever.
func TestHandshakesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var ended time.Time
		w.serve = func(c net.Conn) { _, _ = io.Copy(io.Discard, c); ended = time.Now() }
		r := deliver(t, w.sender(w.guard(GuardOptions{})), message(t, shopURL))
		require.Equal(t, FailureTimeout, r.Failure)
		time.Sleep(attemptTimeout)
		synctest.Wait()
		require.False(t, ended.IsZero())
	})
}

// What cannot be signed is not sent.
func TestUnsignedIsNotSent(t *testing.T) {
	w := newWorld(t)
	m := message(t, shopURL)
	m.Keys = nil
	r, err := w.sender(w.guard(GuardOptions{})).Deliver(t.Context(), m)
	require.Equal(t, core.Internal, core.KindOf(err))
	require.Error(t, err)
	require.Zero(t, r)
	require.Empty(t, w.dials)
	require.Empty(t, w.lookups)
}

// A waiting connection that turns out to have ended costs no try: there is another dial, checked like the first.
func TestConnectionsThatHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve = func(c net.Conn) {
			served := 0
			endpoint(func(c net.Conn, r *http.Request, _ []byte) {
				if served++; served == 2 && len(w.dials) == 1 {
					r.Close = true // without a word, while the request was under way
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			})(c)
		}
		s := w.sender(w.guard(GuardOptions{}))
		require.Equal(t, Delivered, deliver(t, s, message(t, shopURL)).Outcome)
		require.Len(t, w.dials, 1)
		r := deliver(t, s, message(t, shopURL))
		require.Equal(t, Delivered, r.Outcome, "%v", r.Err)
		require.Len(t, w.dials, 2)
		require.Len(t, w.lookups, 2)
		require.Equal(t, Delivered, deliver(t, s, message(t, shopURL)).Outcome)
		require.Len(t, w.dials, 2, "the second one stays")
		time.Sleep(time.Minute)
		require.Equal(t, Delivered, deliver(t, s, message(t, shopURL)).Outcome)
		require.Len(t, w.dials, 3, "but not for ever")
	})
}

// An endpoint that repeats what it was sent, and what it knows, leaves no secret in what is kept.
func TestEchoesAreRedacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var signature string
		w.serve = endpoint(func(c net.Conn, r *http.Request, body []byte) {
			signature = strings.TrimPrefix(r.Header.Get("Webhook-Signature"), "v1,")
			_, _ = io.WriteString(c, text("500 Oh", "", fmt.Sprintf("%s %v %s %s", exampleSecret, r.Header, signature, body)))
			r.Close = true
		})
		r := deliver(t, w.sender(w.guard(GuardOptions{})), message(t, shopURL))
		require.NotEmpty(t, signature)
		require.NotContains(t, r.Answer, signature)
		require.NotContains(t, r.Answer, exampleSecret[6:])
		require.Contains(t, r.Answer, "payment.succeeded", "the rest stays")
	})
}
