package campaign

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The network of a world runs handlers instead of sockets: a real connection has goroutines of its own on both sides,
// and which of them runs first is not the seed's to decide.

var (
	errRefused = errors.New("connection refused")
	errReset   = errors.New("connection reset by peer")
	errAway    = errors.New("the process is gone")
)

// tagKey is under which a request's context says who sent it.
type tagKey struct{}

// attacker is the tag of input that nobody authenticated.
const attacker = "attacker"

// exchange is what a handler wrote.
type exchange struct {
	header http.Header
	status int
	body   bytes.Buffer
	sent   bool // the status line is out
	cut    bool // the handler cut the connection
}

func (e *exchange) Header() http.Header { return e.header }

func (e *exchange) WriteHeader(status int) {
	if !e.sent {
		e.status, e.sent = status, true
	}
}

func (e *exchange) Write(b []byte) (int, error) {
	e.WriteHeader(http.StatusOK)
	return e.body.Write(b)
}

// Flush lets a handler send half an answer before it cuts the connection.
func (e *exchange) Flush() { e.WriteHeader(http.StatusOK) }

// response is the exchange as the client sees it.
func (e *exchange) response(r *http.Request) (*http.Response, error) {
	if e.cut && !e.sent {
		return nil, errReset
	}
	body := io.Reader(bytes.NewReader(e.body.Bytes()))
	length := int64(e.body.Len())
	if e.cut {
		body = io.MultiReader(body, brokenOff{})
		length, _ = strconv.ParseInt(e.header.Get("Content-Length"), 10, 64)
	}
	status := e.status
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: e.header.Clone(),
		Body: io.NopCloser(body), ContentLength: length, Request: r}, nil
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// deliver runs h for r and returns what the client sees. The client stops waiting when its context ends or when gone is
// closed; the handler learns of that a moment later, as a server does of a broken connection, and may go on.
func (w *World) deliver(h http.Handler, r *http.Request, from string, gone <-chan struct{}) (*http.Response, error) {
	ctx, hangUp := context.WithCancel(context.WithValue(context.Background(), tagKey{}, r.Context().Value(tagKey{})))
	in, err := received(ctx, r, from)
	if err != nil {
		hangUp()
		return nil, err
	}
	// When it breaks, if it does, is drawn before it can: two requests that are alike break together, in any order.
	broken := between(w.dice.of("broken "+r.Method+r.URL.Path+digest(peek(in))), 200*time.Microsecond, 20*time.Millisecond)
	e := &exchange{header: http.Header{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer hangUp()
		defer func() {
			if p := recover(); p != nil {
				e.cut = true
				if p != http.ErrAbortHandler { //nolint:errorlint // it is panicked as it is
					w.violate("a handler broke: %v", p)
				}
			}
		}()
		h.ServeHTTP(e, in)
	}()
	select {
	case <-done:
		return e.response(r)
	case <-gone: // everybody's connection breaks at once, and each learns of it in his own time
		w.pause(broken)
		err = errReset
	case <-r.Context().Done():
		err = r.Context().Err()
	}
	time.AfterFunc(777*time.Microsecond, hangUp)
	return nil, err
}

// received is r as a server gets it.
func received(ctx context.Context, r *http.Request, from string) (*http.Request, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	in := r.Clone(ctx)
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if len(body) == 0 {
		in.Body = http.NoBody
	}
	in.Host, in.RequestURI, in.RemoteAddr = r.URL.Host, r.URL.RequestURI(), from
	in.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	return in, nil
}

// peek reads a request's body and leaves it as it was.
func peek(r *http.Request) []byte {
	if r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

// failing is what a proxy in between answers instead.
func failing(r *http.Request, status int) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(bytes.NewReader([]byte("<html></html>"))), Request: r}
}

// discard ends a response nobody reads.
func discard(resp *http.Response) {
	if resp != nil {
		_ = resp.Body.Close()
	}
}

// travel lets a message take its time. No two things of a world wake at the same nanosecond, so that one goroutine runs
// at a time and the clock alone decides which.
func (w *World) travel(who string) {
	w.pause(between(w.dice.of("time "+who), 200*time.Microsecond, 20*time.Millisecond))
}

func (w *World) pause(d time.Duration) {
	w.mu.Lock()
	at := time.Now().Add(d)
	for w.wakes[at.UnixNano()] {
		at = at.Add(1)
	}
	w.wakes[at.UnixNano()] = true
	w.mu.Unlock()
	time.Sleep(time.Until(at))
	w.mu.Lock()
	delete(w.wakes, at.UnixNano())
	w.mu.Unlock()
}

// pauseIn is pause, ended early by ctx.
func (w *World) pauseIn(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
