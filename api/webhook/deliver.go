package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/paymux/paymux/core"
)

// Limits of one attempt.
const (
	attemptTimeout = 15 * time.Second // from the look-up to the last byte of the answer
	maxAnswer      = 64 << 10         // bytes
	maxHeader      = 16 << 10         // bytes
)

// SenderOptions are what may differ between senders.
type SenderOptions struct {
	// Roots are whom endpoints' certificates may come from; the system's when nil.
	Roots *x509.CertPool
	// Random is a number from 0 to below n, for the jitter of the schedule; math/rand when nil. It is called from
	// several goroutines.
	Random func(n int64) int64
	// Over carries requests in the place of the network, for simulations; then the guard checks the address as it is
	// written, and whoever carries decides where it leads.
	Over http.RoundTripper
}

// Sender makes attempts. Concurrent use is safe.
type Sender struct {
	guard     *Guard
	transport http.RoundTripper
	idle      func() // ends connections that wait
	random    func(n int64) int64
}

// NewSender sends where guard lets it: over HTTP/1.1, with TLS 1.2 or later, through no proxy, following nothing. A
// connection, to an address that was checked when it was dialled, waits half a minute for the endpoint's next event.
func NewSender(guard *Guard, o SenderOptions) *Sender {
	network := &http.Transport{
		Proxy:                  nil, // those of the environment do not count
		DialContext:            guard.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		TLSHandshakeTimeout:    attemptTimeout, // a dial outlives the attempt it was for
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true,
	}
	s := &Sender{guard: guard, random: o.Random, transport: network, idle: network.CloseIdleConnections}
	if o.Over != nil {
		s.transport = o.Over
	}
	if s.random == nil {
		s.random = rand.Int64N
	}
	return s
}

// Close ends the connections that wait for the next attempt.
func (s *Sender) Close() { s.idle() }

// Deliver makes one attempt. An error means that there was none that counts: ctx ended before an answer (the endpoint
// may have the event, and knows it by its id when it comes again), or the message cannot be signed, which is Internal.
// An attempt sends the event a second time only when a connection kept from before ends without an answer.
func (s *Sender) Deliver(ctx context.Context, m Message) (Result, error) {
	r := Result{SentAt: time.Now().UTC()}
	signature, err := m.Keys.Sign(m.EventID, r.SentAt, m.Body)
	if err != nil {
		return Result{}, &core.Error{Kind: core.Internal, Op: "webhook.Deliver", Err: err}
	}
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	a, err := s.exchange(attempt, m, r.SentAt, signature)
	if err != nil && ctx.Err() != nil && a.status != http.StatusGone {
		return Result{}, fmt.Errorf("webhook: the attempt was given up: %w", context.Cause(ctx))
	}
	r.Duration = time.Since(r.SentAt)
	r.Status, r.Answer, r.Err = a.status, excerpt(a.body, secrets(m.Keys, signature)), err
	if r.Failure = a.failure(); err != nil && (a.status == 0 || r.Failure == "") {
		r.Failure = failureOf(attempt, err)
	}
	s.decide(&r, m, a.retryAfter)
	return r, nil
}

// decide sets what r means for the delivery of m.
func (s *Sender) decide(r *Result, m Message, asked string) {
	if r.Failure == "" {
		r.Outcome = Delivered
		return
	}
	if r.Status == http.StatusGone { // whatever became of the rest of the answer
		r.Outcome = Gone
		return
	}
	pause, more := wait(max(m.Try, 1), s.random)
	if !more {
		r.Outcome = Exhausted
		return
	}
	ended := r.SentAt.Add(r.Duration)
	r.Outcome, r.Next = Failed, ended.Add(max(pause/time.Duration(max(m.TimeScale, 1)), retryAfter(asked, ended)))
}

// answer is what an endpoint says; status is 0 when it said nothing.
type answer struct {
	status     int
	retryAfter string
	body       []byte // one byte more than allowed when it is too large
}

func (a answer) failure() Failure {
	switch {
	case a.status >= 300 && a.status < 400:
		return FailureRedirect
	case a.status < 200 || a.status >= 300:
		return FailureStatus
	case len(a.body) > maxAnswer:
		return FailureTooLarge
	}
	return ""
}

// exchange sends m and reads the answer. With an error the answer holds what came before it.
func (s *Sender) exchange(ctx context.Context, m Message, at time.Time, signature string) (answer, error) {
	address, err := s.guard.CheckURL(m.URL)
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(m.Body))
	if err != nil {
		return answer{}, urlInvalid("the address cannot be read")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "paymux-webhook")
	req.Header.Set(standardwebhooks.HeaderWebhookID, m.EventID)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	req.Header["Idempotency-Key"] = nil     // not sent: it lets the transport dial anew when a waiting connection has ended
	resp, err := s.transport.RoundTrip(req) // not a Client: nothing is followed and no cookie is kept
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After")}
	if a.status == http.StatusSwitchingProtocols { // what follows is the bare connection, which no context ends
		return a, nil
	}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1)); err == nil {
		err = ctx.Err() // our own hanging up looks like the end of an answer without a length
	}
	return a, err
}

// failureOf names the reason why there is no whole answer.
func failureOf(ctx context.Context, err error) Failure {
	if code := core.CodeOf(err); code != "" {
		return Failure(code)
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok && ctx.Err() == nil {
		return FailureLookup
	}
	if timeout, ok := errors.AsType[net.Error](err); ctx.Err() != nil || ok && timeout.Timeout() && !errors.Is(err, errNoConnection) {
		return FailureTimeout
	}
	switch {
	case errors.Is(err, errNoConnection):
		return FailureConnect
	case errors.Is(err, http.ErrSchemeMismatch), strings.Contains(err.Error(), "tls: "): // most of them have no type
		return FailureTLS
	}
	return FailureBroken
}

// secrets are the texts that are cut out of what an endpoint answers: every form of its keys, and the signatures of
// this attempt, with which the message could be sent again.
func secrets(keys Keyring, signature string) (out []string) {
	for _, k := range keys {
		out = append(out, k.Secret.forms()...)
	}
	for s := range strings.SplitSeq(signature, " ") {
		out = append(out, strings.TrimPrefix(s, "v1,"))
	}
	return out
}
