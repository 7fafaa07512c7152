// Package outbound is HTTP towards providers. One call is one request on the wire: no redirect is followed, nothing is
// sent again, no proxy of the environment is used, the answer is bounded and read whole, and the exchange is recorded
// without secrets, card or buyer data. An error says whether it is proved that no byte of the request left
// (core.ErrNotSent is in its chain) or not: then the outcome is unknown.
package outbound

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/strict"
)

// Limits of an answer and of a call whose context has no deadline of its own.
const (
	MaxAnswer   = 1 << 20
	DefaultCall = 40 * time.Second
)

// Options of a Client.
type Options struct {
	Transport  http.RoundTripper // nil: NewTransport
	AllowLocal bool              // test mode: http and loopback addresses, as the simulators have them
	RootCAs    *x509.CertPool    // for the own transport; nil: those of the system
	Timeouts   Timeouts          // for the own transport
	Record     Recorder          // nil: core.RecordExchange
}

// Recorder keeps what one call was, redacted.
type Recorder func(context.Context, core.Exchange)

// Client calls providers. Concurrent use is safe.
type Client struct {
	transport  http.RoundTripper
	allowLocal bool
	record     Recorder
	guard      *guard
}

// New returns a client for one account: its calls share a breaker and a number of places. A RoundTripper in Options may add tracing, a breaker, faults; one that refuses a request
// without sending it says so with core.NotSentError.
func New(o Options) *Client {
	c := &Client{transport: o.Transport, allowLocal: o.AllowLocal, record: o.Record, guard: newGuard()}
	if c.record == nil {
		c.record = core.RecordExchange
	}
	if c.transport == nil {
		c.transport = NewTransport(o)
	}
	return c
}

// Apart is the client for calls of another kind than the account's own: a breaker and places of their own, so that what
// becomes of those calls is not held against the provider.
func (c *Client) Apart() *Client {
	other := *c
	other.guard = newGuard()
	return &other
}

// Request is one call.
type Request struct {
	Method      string
	URL         string
	ContentType string
	Body        []byte
	Header      http.Header // beside Content-Type and Accept
	Accept      []string    // media types the answer may have; empty: any
}

// Answer is what came back, whatever the status but a redirect.
type Answer struct {
	Status    int
	Header    http.Header
	MediaType string
	Body      []byte
}

// StatusError is an answer whose HTTP status is not the one a caller can use. The outcome is unknown.
type StatusError struct{ Status int }

func (e *StatusError) Error() string { return fmt.Sprintf("outbound: HTTP status %d", e.Status) }

// PostJSON sends in as JSON and decodes the JSON object that comes back with status 200 into out; numbers of an
// interface keep their text. The body of out is read strictly: see package strict.
func (c *Client) PostJSON(ctx context.Context, address string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return core.NotSentError(fmt.Errorf("outbound: the request cannot be written: %w", err))
	}
	answer, err := c.Do(ctx, Request{
		Method: http.MethodPost, URL: address, ContentType: "application/json", Body: body, Accept: []string{"application/json"},
	})
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return &StatusError{answer.Status}
	}
	return DecodeJSON(answer.Body, out)
}

// DecodeJSON decodes a JSON object strictly into out.
func DecodeJSON(body []byte, out any) error {
	v, err := strict.JSON(body)
	if err != nil {
		return err
	}
	if v.Kind != strict.Object {
		return errors.New("outbound: the answer is no JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(out); err != nil {
		return fmt.Errorf("outbound: the answer has another shape: %w", err)
	}
	return nil
}

// Do makes one call and records it once. The error of a call that did not leave wraps core.ErrNotSent.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	e := core.Exchange{At: time.Now(), Method: r.Method, URL: redactURL(r.URL), Request: Redact(r.ContentType, r.Body)}
	answer, err := c.do(ctx, r)
	e.Took, e.Status = time.Since(e.At), answer.Status
	if answer.Status != 0 {
		e.Response = Redact(answer.MediaType, answer.Body)
	}
	if err != nil {
		e.Error, e.NotSent = maskCards(err.Error()), errors.Is(err, core.ErrNotSent)
	}
	c.record(ctx, e)
	return answer, err
}

func (c *Client) do(ctx context.Context, r Request) (Answer, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultCall)
		defer cancel()
	}
	evidence := &proof{}
	req, err := c.request(evidence.watch(ctx), r)
	if err != nil {
		return Answer{}, core.NotSentError(err)
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, core.NotSentError(err)
	}
	leave, err := c.guard.enter(ctx)
	if err != nil {
		return Answer{}, core.NotSentError(err)
	}
	answer, err := c.roundTrip(req, evidence, r.Accept)
	leave(answer.Status, err)
	return answer, err
}

func (c *Client) roundTrip(req *http.Request, evidence *proof, accept []string) (Answer, error) {
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		if evidence.nothingSent(err) && !errors.Is(err, core.ErrNotSent) {
			err = core.NotSentError(err)
		}
		return Answer{}, fmt.Errorf("outbound: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp, accept)
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	if err := c.allowed(r.URL); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, errors.New("outbound: the request cannot be built")
	}
	for name, values := range r.Header {
		req.Header[name] = slices.Clone(values)
	}
	if len(r.Body) == 0 {
		req.Body = http.NoBody
	}
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	if len(r.Accept) > 0 {
		req.Header.Set("Accept", strings.Join(r.Accept, ", "))
	}
	req.Header.Set("User-Agent", "paymux")
	// Without it net/http cannot send the body a second time, whatever the connection does.
	req.GetBody = nil
	return req, nil
}

// allowed refuses addresses no provider has: plain http and, by name or number, this machine.
func (c *Client) allowed(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("outbound: the address of the provider is not usable")
	case u.Scheme == "https", u.Scheme == "http" && c.allowLocal:
	default:
		return errors.New("outbound: only https leaves this machine")
	}
	if !c.allowLocal && local(u.Hostname()) {
		return errors.New("outbound: the address of the provider is this machine's own")
	}
	return nil
}

var errBroken = errors.New("outbound: the answer broke off")

// read takes the whole answer or fails: half an answer proves nothing. What was read stays in the Answer for the record.
func read(resp *http.Response, accept []string) (Answer, error) {
	a := Answer{Status: resp.StatusCode, Header: resp.Header}
	media, params, mediaErr := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	a.MediaType = media
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	a.Body = body
	switch {
	case err != nil:
		return a, fmt.Errorf("%w: %w", errBroken, err)
	case len(body) > MaxAnswer:
		a.Body = nil
		return a, errors.New("outbound: the answer is too long")
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return a, errors.New("outbound: redirects are not followed")
	case resp.StatusCode < 200:
		return a, &StatusError{resp.StatusCode}
	case resp.Header.Get("Content-Encoding") != "":
		return a, errors.New("outbound: the answer is encoded, which was not asked for")
	case len(accept) > 0 && resp.StatusCode < 300 && (mediaErr != nil || !slices.Contains(accept, media)):
		return a, errors.New("outbound: the answer has another content type than was asked for")
	case media == "application/json" && params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8"):
		return a, errors.New("outbound: JSON is UTF-8")
	}
	return a, nil
}
