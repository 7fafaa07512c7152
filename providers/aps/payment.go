package aps

import (
	"context"
	"fmt"

	"github.com/paymux/paymux/core"
)

// Capture takes op.Amount, in minor units, from the authorization of the attempt; partial and several are allowed.
// CAPTURE has no number of its own: an unknown one is resumed by CHECK_STATUS totals.
// Source: merchant integration guide, maintenance operations, Capture.
func (p *Provider) Capture(ctx context.Context, op core.Op, in core.CaptureInput) (core.Outcome, error) {
	amount, err := amountText(op.Amount)
	if err != nil {
		return core.Outcome{}, err
	}
	fort := fortOf(in.Known, in.Authorization)
	f, err := p.call(ctx, fields{
		"command": "CAPTURE", "language": "en", "merchant_reference": op.Reference, "fort_id": fort,
		"amount": amount, "currency": op.Amount.Currency,
	})
	if err != nil {
		return core.Outcome{}, callError("aps.Capture", err)
	}
	base := core.Fact{ID: op.Key, Of: or(fort, f["fort_id"]), OpKey: op.Key}
	return maintained(f, op, base, kinds{core.Captured, core.CaptureDeclined}), nil
}

// Void releases the authorization of the attempt; APS does it only before any capture. With nothing authorized there
// is nothing to release, and APS has no request that ends a page a buyer has open: no call is made, and the buyer may
// still pay until the page expires.
// Source: merchant integration guide, maintenance operations, Void.
func (p *Provider) Void(ctx context.Context, op core.Op, in core.VoidInput) (core.Outcome, error) {
	fort := fortOf(in.Known, in.Authorization)
	if fort == "" {
		return core.Outcome{Result: core.Succeeded}, nil
	}
	f, err := p.call(ctx, fields{"command": "VOID_AUTHORIZATION", "language": "en", "merchant_reference": op.Reference, "fort_id": fort})
	if err != nil {
		return core.Outcome{}, callError("aps.Void", err)
	}
	out := maintained(f, op, core.Fact{ID: fort, OpKey: op.Key}, kinds{done: core.AuthorizationClosed})
	for i := range out.Facts {
		out.Facts[i].Amount = core.Money{} // it does not say how much was released
	}
	return out, nil
}

// Refund gives op.Amount back. op.Key travels as maintenance_reference, so answer and notification are one refund.
// Source: merchant integration guide, maintenance operations, Refund.
func (p *Provider) Refund(ctx context.Context, op core.Op, in core.RefundInput) (core.Outcome, error) {
	amount, err := amountText(op.Amount)
	if err != nil {
		return core.Outcome{}, err
	}
	f, err := p.call(ctx, fields{
		"command": "REFUND", "language": "en", "merchant_reference": op.Reference, "fort_id": fortOf(in.Known, ""),
		"amount": amount, "currency": op.Amount.Currency, "maintenance_reference": op.Key,
	})
	if err != nil {
		return core.Outcome{}, callError("aps.Refund", err)
	}
	base := core.Fact{ID: op.Key, OpKey: op.Key}
	return maintained(f, op, base, kinds{core.Refunded, core.RefundDeclined}), nil
}

// kinds are the facts that the standing of an answer proves; zero: none.
type kinds struct{ done, declined core.FactKind }

// maintained is the outcome of a capture, void or refund. What the codes leave open stays Unknown, "pending" and
// "uncertain" too: what settles them later may have no number of ours, so the totals of CHECK_STATUS decide.
func maintained(f fields, op core.Op, fact core.Fact, k kinds) core.Outcome {
	v := judge(f, f["command"], f["status"], f["response_code"])
	out := core.Outcome{Echo: echo(f), Failure: v.failure}
	fact.Strength, fact.Code, fact.Failure, fact.Amount = core.Asserted, f["response_code"], v.failure, op.Amount
	if told, ok := f.money(); ok {
		fact.Amount = told
	}
	switch v.standing {
	case done:
		out.Result, fact.Kind = core.Succeeded, k.done
	case declined, rejected:
		out.Result, fact.Kind, fact.Amount = core.Declined, k.declined, core.Money{}
	default:
		return out
	}
	if fact.Kind != 0 {
		out.Facts = []core.Fact{fact}
	}
	return out
}

// echo is what an answer repeats of the request.
func echo(f fields) core.Echo {
	e := core.Echo{Reference: f["merchant_reference"]}
	if amount, ok := f.money(); ok {
		e.Amount = &amount
	}
	return e
}

// Query asks CHECK_STATUS: the running totals, and what the last operation proves. "Not found" proves nothing; the
// buyer may still be on the page. An error says that APS did not answer the question.
// Source: merchant integration guide, Check Status API.
func (p *Provider) Query(ctx context.Context, in core.QueryInput) (core.Snapshot, error) {
	req := fields{"query_command": "CHECK_STATUS", "language": "en", "merchant_reference": in.Reference}
	for _, o := range in.Objects { // before money moved, the last try on the page is wanted, whatever its number
		if o.Kind == core.ObjAuthorization && o.State == core.StateDone {
			req["fort_id"] = o.ID
		}
	}
	f, err := p.call(ctx, req)
	if err != nil {
		return core.Snapshot{}, &core.Error{Kind: core.Unavailable, Op: "aps.Query", Code: "provider_unavailable", Message: "APS did not answer", Err: err}
	}
	code := f["response_code"]
	switch v := judge(f, "CHECK_STATUS", f["status"], code); {
	case v.standing == done:
		return snapshot(f, in), nil
	case len(code) == 5 && code[2:] == "036":
		return core.Snapshot{Echo: echo(f)}, nil
	default:
		return core.Snapshot{}, &core.Error{
			Kind: core.Unavailable, Op: "aps.Query", Code: "provider_unavailable", Message: "APS did not tell",
			Err: fmt.Errorf("aps: CHECK_STATUS answered %.5q", code),
		}
	}
}

// snapshot is what the totals and the last operation prove. Totals are floors of what moved on the transaction.
func snapshot(f fields, in core.QueryInput) core.Snapshot {
	fort, currency := f["fort_id"], or(f["currency"], in.Amount.Currency)
	s := core.Snapshot{Found: true, Echo: core.Echo{Reference: f["merchant_reference"]}, Display: display(f)}
	total := func(name string, fact core.Fact) int64 {
		amount, ok := money(f[name], currency)
		if ok && amount.Minor > 0 {
			fact.Measure, fact.Amount, fact.Strength, fact.Code = core.AtLeast, amount, core.Asserted, f["transaction_code"]
			s.Facts = append(s.Facts, fact)
		}
		return amount.Minor
	}
	moved := total("authorized_amount", core.Fact{Kind: core.Authorized, ID: fort})
	captured := total("captured_amount", core.Fact{Kind: core.Captured, Of: fort})
	total("refunded_amount", core.Fact{Kind: core.Refunded})
	v := lastOperation(f)
	last := core.Fact{ID: fort, Strength: core.Asserted, Code: f["transaction_code"], Failure: v.failure}
	switch nothing := moved == 0 && captured == 0; {
	case v.standing == done && f["transaction_status"] == "08" && captured == 0:
		last.Kind = core.AuthorizationClosed
	case v.standing == declined && nothing && fort != "" && isPayment(f["transaction_status"]):
		last.Kind, s.Failure = core.AuthorizationDeclined, v.failure
	case v.standing == pending && nothing && fort != "":
		last.Kind, last.Amount = core.AuthorizationPending, in.Amount
	case v.standing == canceled && nothing:
		last.Kind, last.Strength, last.ID, s.Failure = core.BuyerAway, core.Hint, "", v.failure
	}
	if last.Kind != 0 {
		s.Facts = append(s.Facts, last)
	}
	if fort != "" && (moved > 0 || captured > 0 || v.standing == pending) {
		s.Refs = core.Refs{refFort: fort}
	}
	return s
}

// lastOperation judges transaction_status and transaction_code, which do not name the command: the status does.
func lastOperation(f fields) verdict {
	commands := meanings[f["transaction_status"]].commands
	for _, command := range []string{"PURCHASE", "AUTHORIZATION", "CAPTURE", "REFUND", "VOID_AUTHORIZATION"} {
		if v := judge(f, command, f["transaction_status"], f["transaction_code"]); v.standing != unclear && commands != "" {
			return v
		}
	}
	return verdict{}
}

func isPayment(status string) bool { return status == "03" || status == "13" }

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
