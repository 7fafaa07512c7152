package amazonpay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/outbound"
)

const mediaJSON = "application/json"

// refusal is Amazon's word that a request was not carried out.
type refusal struct {
	Status  int    `json:"-"`
	Code    string `json:"reasonCode"`
	Message string `json:"message"`
}

func (r *refusal) Error() string {
	return fmt.Sprintf("amazonpay: HTTP %d, %.60q", r.Status, r.what())
}

// ownHeader is the name of a header of Amazon Pay's.
var ownHeader = regexp.MustCompile(`x-amz-pay-[a-z]{1,20}`)

// what is the code and, where the message names one of Amazon's headers, its name: nothing else of a message is shown, for it
// may repeat what was sent.
func (r *refusal) what() string {
	return strings.TrimSpace(shownCode(r.Code) + " " + ownHeader.FindString(r.Message))
}

var (
	errForeign = errors.New("amazonpay: the answer is about something else than was asked")
	errUnclear = errors.New("amazonpay: the answer does not say whether it was carried out")
)

// request is one call. Body is written as JSON; nil is none. Key is the idempotency key, where one is taken.
type request struct {
	method string
	path   []string
	key    string
	body   any
}

func get(path ...string) request { return request{method: http.MethodGet, path: path} }

func post(key string, body any, path ...string) request {
	return request{method: http.MethodPost, path: path, key: key, body: body}
}

func patch(body any, path ...string) request {
	return request{method: http.MethodPatch, path: path, body: body}
}

func remove(body any, path ...string) request {
	return request{method: http.MethodDelete, path: path, body: body}
}

// call signs r, sends it and decodes what comes back with a status of 2xx into answer; it tells the status.
// The error is a *refusal when Amazon says with a reason that the request is not carried out. Every other error that does
// not wrap core.ErrNotSent leaves the outcome open: throttling, time-outs and 5xx too, for behind an idempotency key
// the answer may be a kept one, and what a gateway says is not Amazon's word.
func (p *Provider) call(ctx context.Context, r request, answer any) (int, error) {
	out, err := p.signed(r)
	if err != nil {
		return 0, core.NotSentError(err)
	}
	a, err := p.out.Do(ctx, out)
	switch {
	case err != nil:
		return a.Status, err
	case a.Status < 300:
		core.CredentialsTaken(ctx)
		return a.Status, outbound.DecodeJSON(a.Body, answer)
	case a.Status >= 500, a.Status == http.StatusRequestTimeout, a.Status == http.StatusTooEarly, a.Status == http.StatusTooManyRequests:
		return a.Status, &outbound.StatusError{Status: a.Status}
	}
	refused := &refusal{Status: a.Status}
	if a.MediaType != mediaJSON || outbound.DecodeJSON(a.Body, refused) != nil || refused.Code == "" {
		return a.Status, &outbound.StatusError{Status: a.Status}
	}
	if credentials[refused.Code] {
		core.CredentialsRefused(ctx, refused.what())
	} else {
		core.CredentialsTaken(ctx)
	}
	return a.Status, refused
}

// signed is r as it travels.
func (p *Provider) signed(r request) (outbound.Request, error) {
	address := p.base
	for _, part := range r.path {
		address += "/" + url.PathEscape(part)
	}
	u, err := url.Parse(address)
	if err != nil {
		return outbound.Request{}, errors.New("amazonpay: an address cannot be built")
	}
	var body []byte
	if r.body != nil {
		if body, err = encode(r.body); err != nil {
			return outbound.Request{}, err
		}
	}
	headers := []header{
		{"accept", mediaJSON}, {"content-type", mediaJSON}, {"x-amz-pay-date", time.Now().UTC().Format(timeFormat)},
		{"x-amz-pay-host", p.host}, {"x-amz-pay-region", p.cfg.Region},
	}
	if r.key != "" {
		headers = append(headers, header{"x-amz-pay-idempotency-key", r.key})
	}
	authorization, err := p.signer.authorization(p.cfg.PublicKeyID, canonicalRequest(r.method, u.EscapedPath(), "", headers, body), headers)
	if err != nil {
		return outbound.Request{}, err
	}
	out := outbound.Request{Method: r.method, URL: address, ContentType: mediaJSON, Body: body, Accept: []string{mediaJSON}, Header: http.Header{}}
	for _, h := range headers[2:] {
		out.Header.Set(h.name, h.value)
	}
	out.Header.Set("Authorization", authorization)
	return out, nil
}

// refused is the refusal in err, nil when Amazon did not refuse.
func refused(err error) *refusal {
	r, _ := errors.AsType[*refusal](err)
	return r
}

// callError is the error of a call as it crosses the port.
func callError(op string, err error) error {
	switch {
	case refused(err) != nil:
		return silent(op, err)
	case errors.Is(err, core.ErrNotSent):
		return &core.Error{Kind: core.Unavailable, Op: op, Code: "provider_unavailable", Message: "Amazon Pay cannot be reached", Err: err}
	}
	return &core.Error{Kind: core.Internal, Op: op, Code: "outcome_unknown", Message: "the answer of Amazon Pay is missing or cannot be trusted", Err: err}
}

// silent is the error of a question that was not answered; nothing happened because of it.
func silent(op string, err error) error {
	text := "Amazon Pay did not answer"
	switch r := refused(err); {
	case r != nil && credentials[r.Code]:
		text = "Amazon Pay refused the credentials of the account"
	case r != nil:
		text = "Amazon Pay refused to tell"
	}
	return &core.Error{Kind: core.Unavailable, Op: op, Code: "provider_unavailable", Message: text, Err: err}
}

// The objects of Amazon Pay, each read by its id; an answer about another one is an error.

func (p *Provider) session(ctx context.Context, id string) (session, error) {
	var s session
	_, err := p.call(ctx, get("checkoutSessions", id), &s)
	return s, same(err, s.ID, id)
}

func (p *Provider) permission(ctx context.Context, id string) (permission, error) {
	var g permission
	_, err := p.call(ctx, get("chargePermissions", id), &g)
	return g, same(err, g.ID, id)
}

func (p *Provider) charge(ctx context.Context, id string) (charge, error) {
	var c charge
	_, err := p.call(ctx, get("charges", id), &c)
	return c, same(err, c.ID, id)
}

func (p *Provider) refund(ctx context.Context, id string) (refund, error) {
	var r refund
	_, err := p.call(ctx, get("refunds", id), &r)
	return r, same(err, r.ID, id)
}

func same(err error, got, want string) error {
	if err == nil && got != want {
		return errForeign
	}
	return err
}

var _ json.Unmarshaler = (*decimalText)(nil)
