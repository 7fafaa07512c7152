package aps

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/paymux/paymux/core"
)

var (
	errUnsigned = errors.New("the answer does not bear the signature of APS")
	errForeign  = errors.New("the answer is about something else than was asked")
)

// call signs req, sends it to paymentApi and returns the fields of the answer that its signature covers. An error that
// does not wrap core.ErrNotSent leaves the outcome unknown, and so does an answer that is not signed or is for another
// account, command, reference, transaction or refund: the money may have moved.
func (p *Provider) call(ctx context.Context, req fields) (fields, error) {
	req = p.signed(req)
	var answer fields
	if err := p.out.PostJSON(ctx, p.api, req, &answer); err != nil {
		return nil, fmt.Errorf("aps: %s: %w", req.command(), err)
	}
	f, ok := verify(answer, p.cfg.shaType(), p.cfg.ResponsePhrase.Reveal())
	if !ok {
		return nil, fmt.Errorf("aps: %s: %w", req.command(), errUnsigned)
	}
	if !p.ours(f) || f.command() != req.command() || differs(f, req, "fort_id", "maintenance_reference") {
		return nil, fmt.Errorf("aps: %s: %w", req.command(), errForeign)
	}
	return f, nil
}

// signed is req with the account and the signature; what is empty is not sent.
func (p *Provider) signed(req fields) fields {
	req = maps.Clone(req)
	maps.DeleteFunc(req, func(_, value string) bool { return value == "" })
	req["merchant_identifier"], req["access_code"] = p.cfg.MerchantIdentifier, p.cfg.AccessCode
	req["signature"] = sign(req, p.cfg.shaType(), p.cfg.RequestPhrase.Reveal(), signedInRequest(req))
	return req
}

// ours reports whether a message is for this account.
func (p *Provider) ours(f fields) bool {
	return f["merchant_identifier"] == p.cfg.MerchantIdentifier && f["access_code"] == p.cfg.AccessCode
}

// command is what a message is about; three names are in use for it.
func (f fields) command() string {
	for _, name := range []string{"command", "query_command", "service_command"} {
		if f[name] != "" {
			return f[name]
		}
	}
	return ""
}

// differs reports whether the answer names another object than the request did.
func differs(answer, request fields, names ...string) bool {
	for _, name := range names {
		if request[name] != "" && answer[name] != "" && answer[name] != request[name] {
			return true
		}
	}
	return false
}

// callError is the error of a call with effect as it crosses the port.
func callError(op string, err error) error {
	if errors.Is(err, core.ErrNotSent) {
		return &core.Error{Kind: core.Unavailable, Op: op, Code: "provider_unavailable", Message: "APS cannot be reached", Err: err}
	}
	return &core.Error{Kind: core.Internal, Op: op, Code: "outcome_unknown", Message: "the answer of APS is missing or cannot be trusted", Err: err}
}
