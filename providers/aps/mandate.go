package aps

import (
	"context"
	"net/http"

	"github.com/paymux/paymux/core"
)

// ChargeMandate charges a stored card without its buyer: PURCHASE with eci RECURRING, token_name and, where there is
// one, agreement_id, under a new reference. APS has no such AUTHORIZATION, and a buyer who is present pays on the page
// (Start with Token), because the server call would want the security code.
// Source: merchant integration guide, recurring transactions.
func (p *Provider) ChargeMandate(ctx context.Context, op core.Op, in core.ChargeMandateInput) (core.Outcome, error) {
	req, err := p.recurring(op, in)
	if err != nil {
		return core.Outcome{}, err
	}
	f, err := p.call(ctx, req)
	if err != nil {
		return core.Outcome{}, callError("aps.ChargeMandate", err)
	}
	return charged(f, op), nil
}

// CheckChargeMandate tells why ChargeMandate would refuse.
func (p *Provider) CheckChargeMandate(op core.Op, in core.ChargeMandateInput) error {
	_, err := p.recurring(op, in)
	return err
}

func (p *Provider) recurring(op core.Op, in core.ChargeMandateInput) (fields, error) {
	amount, err := amountText(op.Amount)
	if err != nil {
		return nil, err
	}
	email, err := emailOf(in.Buyer)
	if err != nil {
		return nil, err
	}
	token := in.Mandate.Memo[core.MemoToken]
	switch {
	case in.Capture == core.CaptureManual:
		return nil, p.unsupported("/capture_method", "APS takes the money of a stored card at once", []string{string(core.CaptureAutomatic)})
	case in.BuyerPresent:
		return nil, p.unsupported("/off_session", "a buyer who is present pays on the page of APS", nil)
	case !fits(token, tokenMarks, tokenMax):
		return nil, p.unsupported("/mandate", "the mandate has no stored card of APS", nil)
	case !fits(op.Reference, referenceMarks, referenceMax):
		return nil, refuse("reference_invalid", "", "APS takes references of at most %d letters, digits and - _ .", referenceMax)
	}
	f := fields{
		"command": "PURCHASE", "merchant_reference": op.Reference, "amount": amount, "currency": op.Amount.Currency,
		"language": p.language(in.Buyer.Locale), "customer_email": email, "eci": "RECURRING", "token_name": token,
	}
	if agreement := in.Mandate.Memo[memoAgreement]; fits(agreement, "-_", 40) {
		f["agreement_id"] = agreement
	}
	if fits(in.Returns.Result, urlMarks, urlMax) {
		f["return_url"] = in.Returns.Result // for the rare 3-D Secure step
	}
	return f, nil
}

// charged is the outcome of a server PURCHASE.
func charged(f fields, op core.Op) core.Outcome {
	v := judge(f, "PURCHASE", f["status"], f["response_code"])
	out := core.Outcome{Echo: echo(f), Failure: v.failure, Display: display(f), Memo: memo(f)}
	r := readPayment(f, v)
	for i := range r.facts {
		r.facts[i].OpKey = op.Key
	}
	switch {
	case v.standing == done && len(r.facts) > 0:
		out.Result = core.Succeeded
	case v.standing == pending:
		out.Result = core.Pending
	case f["response_code"] == threeDSecure && f["3ds_url"] != "":
		out.Result = core.Succeeded
		out.Next = &core.NextAction{
			Type: core.NextRedirect, Then: core.ThenQuery, URL: f["3ds_url"], Method: http.MethodGet,
			Accepts: returnNames, ExpiresAt: op.CreatedAt.Add(sessionLife),
		}
	case v.standing == declined:
		out.Result = core.Declined
	case v.standing == rejected || v.standing == canceled:
		// No browser is involved, so nothing can come of it later.
		out.Result = core.Declined
		r.facts = []core.Fact{{Kind: core.AttemptEnded, Strength: core.Asserted, Code: f["response_code"], OpKey: op.Key, Failure: v.failure}}
	default:
		return core.Outcome{Echo: out.Echo}
	}
	out.Facts = r.facts
	if f["fort_id"] != "" && v.standing != declined {
		out.Refs = core.Refs{refFort: f["fort_id"]}
	}
	return out
}

// CancelMandate makes the stored card unusable: UPDATE_TOKEN with token_status INACTIVE. It may be called again.
// Source: merchant integration guide, tokenization, update token.
func (p *Provider) CancelMandate(ctx context.Context, op core.Op, in core.CancelMandateInput) (core.Outcome, error) {
	token := in.Mandate.Memo[core.MemoToken]
	if !fits(token, tokenMarks, tokenMax) {
		return core.Outcome{}, p.unsupported("", "the mandate has no stored card of APS", nil)
	}
	f, err := p.call(ctx, fields{
		"service_command": "UPDATE_TOKEN", "language": "en", "merchant_reference": op.Key, "token_name": token, "token_status": "INACTIVE",
	})
	if err != nil {
		return core.Outcome{}, callError("aps.CancelMandate", err)
	}
	v := judge(f, "UPDATE_TOKEN", f["status"], f["response_code"])
	out := core.Outcome{Failure: v.failure}
	unknownToken := f["response_code"] == "59044"
	switch {
	case v.standing == done && f["token_status"] != "ACTIVE", unknownToken:
		out.Result, out.Failure = core.Succeeded, nil
		out.Facts = []core.Fact{{Kind: core.MandateClosed, ID: token, OpKey: op.Key, Strength: core.Asserted, Code: f["response_code"]}}
	case v.standing == declined || v.standing == rejected:
		out.Result = core.Declined
	}
	return out, nil
}
