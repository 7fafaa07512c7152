package amazonpay

import (
	"context"
	"slices"

	"github.com/paymux/paymux/core"
)

// newCharge is the body of Create Charge.
type newCharge struct {
	PermissionID string            `json:"chargePermissionId"`
	Amount       *price            `json:"chargeAmount"`
	CaptureNow   bool              `json:"captureNow"`
	Descriptor   string            `json:"softDescriptor,omitempty"`
	CanPend      bool              `json:"canHandlePendingAuthorization"`
	Metadata     *merchantMetadata `json:"merchantMetadata,omitempty"`
	Initiator    string            `json:"chargeInitiator,omitempty"`
	Channel      string            `json:"channel,omitempty"`
	Web          *webCheckout      `json:"webCheckoutDetails,omitempty"`
}

// Authorize makes one more charge, not captured, on what the buyer agreed to; at most 25 on one order.
// Source: Amazon Pay, Create Charge.
func (p *Provider) Authorize(ctx context.Context, op core.Op, in core.AuthorizeInput) (core.Outcome, error) {
	body, err := p.chargeOf(op, in.Known)
	if err != nil {
		return core.Outcome{}, err
	}
	body.CanPend = in.AllowPending
	return p.charged(ctx, "amazonpay.Authorize", op, body, in.Known)
}

// Capture takes op.Amount, in minor units, from one charge: once, and what is not taken is released. With no charge
// named it makes one on the agreement and takes it at once. After the seventh day it is under way for a while.
// Source: Amazon Pay, Capture Charge; Create Charge.
func (p *Provider) Capture(ctx context.Context, op core.Op, in core.CaptureInput) (core.Outcome, error) {
	if in.Authorization == "" {
		body, err := p.chargeOf(op, in.Known)
		if err != nil {
			return core.Outcome{}, err
		}
		body.CaptureNow, body.Descriptor = true, p.descriptor(in.Statement)
		return p.charged(ctx, "amazonpay.Capture", op, body, in.Known)
	}
	if err := p.bookable(op); err != nil {
		return core.Outcome{}, err
	}
	id := in.Authorization
	var c charge
	_, err := p.call(ctx, post(op.Key, struct {
		Amount     *price `json:"captureAmount"`
		Descriptor string `json:"softDescriptor,omitempty"`
	}{priceOf(op.Amount), p.descriptor(in.Statement)}, "charges", id, "capture"), &c)
	if err = same(err, c.ID, id); err != nil {
		return p.notCaptured(ctx, op, in, err)
	}
	return captured(c, op, in.Known)
}

// captured is the outcome of a capture whose charge is c. Another amount than was asked for is told in Echo.
func captured(c charge, op core.Op, known core.Known) (core.Outcome, error) {
	known.Memo = with(cloned(known.Memo), memoCapture+c.ID, op.Key)
	facts, ok := chargeFacts(c, known)
	taken, told := c.Captured.money()
	if !ok || c.Status.State == stateAuthorized || c.Status.State == stateAuthorizing {
		return core.Outcome{}, callError("amazonpay.Capture", errUnclear) // it says it did, and shows that it did not
	}
	out := core.Outcome{Facts: facts, Memo: core.Refs{memoCapture + c.ID: op.Key}, Refs: core.Refs{refCharge: c.ID}}
	out.Echo.Reference = c.Metadata.Reference
	if told {
		out.Echo.Amount = &taken
	}
	out.Result, out.Failure = resultOf(c)
	return out, nil
}

// notCaptured reads the charge after an answer that is none, or a refusal that a first call may have brought about: a
// charge is captured once, so one that is captured by this amount was captured by this operation.
func (p *Provider) notCaptured(ctx context.Context, op core.Op, in core.CaptureInput, err error) (core.Outcome, error) {
	r := refused(err)
	if r != nil && r.decides(op) && r.Code != "InvalidChargeStatus" {
		return core.Outcome{Result: core.Declined, Failure: r.failure()}, nil
	}
	if r == nil && op.Try <= 1 {
		return core.Outcome{}, callError("amazonpay.Capture", err)
	}
	c, readErr := p.charge(ctx, in.Authorization)
	if readErr != nil {
		return core.Outcome{}, callError("amazonpay.Capture", err)
	}
	taken, told := c.Captured.money()
	if op.Try > 1 && told && taken == op.Amount && (c.Status.State == stateCaptured || c.Status.State == stateCapturing) {
		return captured(c, op, in.Known)
	}
	facts, known := chargeFacts(c, in.Known)
	gone := c.Status.State == stateCanceled || c.Status.State == stateDeclined // nothing is captured of it any more
	if over := known && c.Status.State != stateAuthorized && c.Status.State != stateAuthorizing; !over || r == nil && !gone {
		return core.Outcome{}, callError("amazonpay.Capture", err)
	}
	failure := failureOf("InvalidChargeStatus")
	if r != nil {
		failure = r.failure()
	}
	return core.Outcome{Result: core.Declined, Facts: facts, Failure: failure}, nil
}

// chargeOf is the body of a charge on the agreement of known. Its metadata are for people and for whoever finds the
// charge without knowing its id: the attempt's reference and the operation's key.
func (p *Provider) chargeOf(op core.Op, known core.Known) (newCharge, error) {
	if err := p.bookable(op); err != nil {
		return newCharge{}, err
	}
	id := permissionOf(known)
	if id == "" {
		return newCharge{}, unsupported("", "the buyer has not agreed to be charged yet")
	}
	return newCharge{PermissionID: id, Amount: priceOf(op.Amount), Metadata: &merchantMetadata{Reference: op.Reference, CustomInfo: op.Key}}, nil
}

func (p *Provider) bookable(op core.Op) error {
	if !referenceFits(op.Key) {
		return refuse("reference_invalid", "", "Amazon Pay takes keys of at most %d letters, digits, - and _", referenceMax)
	}
	return p.takesAmount(op.Amount)
}

// charged sends a charge and tells what became of it.
func (p *Provider) charged(ctx context.Context, name string, op core.Op, body newCharge, known core.Known) (core.Outcome, error) {
	var c charge
	_, err := p.call(ctx, post(op.Key, body, "charges"), &c)
	if r := refused(err); r != nil && r.decides(op) {
		return core.Outcome{Result: core.Declined, Failure: r.failure()}, nil
	}
	if err == nil && (c.ID == "" || c.PermissionID != body.PermissionID) {
		err = errForeign
	}
	if err != nil {
		return core.Outcome{}, callError(name, err)
	}
	known.Memo = with(cloned(known.Memo), memoCharge+c.ID, op.Key)
	out := core.Outcome{Refs: core.Refs{refCharge: c.ID}, Memo: core.Refs{memoCharge + c.ID: op.Key}}
	if body.CaptureNow {
		known.Memo[memoCapture+c.ID], out.Memo[memoCapture+c.ID] = op.Key, op.Key
	}
	facts, ok := chargeFacts(c, known)
	out.Result, out.Failure = resultOf(c)
	out.Echo.Reference = c.Metadata.Reference
	if amount, told := c.Amount.money(); told {
		out.Echo.Amount = &amount
	}
	if !ok || body.CaptureNow && c.Status.State == stateAuthorized {
		return core.Outcome{Refs: out.Refs, Memo: out.Memo, Echo: out.Echo}, nil // it is there, and what it did is read later
	}
	out.Facts = facts
	return out, nil
}

type cancellation struct {
	Reason string `json:"cancellationReason"`
}

// Void cancels one charge, or all that are open when none is named, and then closes the agreement, unless it is kept.
// With neither there is nothing to release: a session that is not completed sells nothing, and Amazon has no call to
// end it.
// What cannot be canceled any more is read, and decides. It may be made again.
// Source: Amazon Pay, Cancel Charge; Close Charge Permission.
func (p *Provider) Void(ctx context.Context, op core.Op, in core.VoidInput) (core.Outcome, error) {
	if in.Memo[memoSave] != "" && in.Memo[memoType] == oneTime {
		in.Authorization, in.KeepAgreement = "", false // the buyer refused the consent: what he agreed to is this order alone
	}
	out := core.Outcome{Result: core.Succeeded}
	for _, id := range voidable(in) {
		one, err := p.canceled(ctx, op, in, id)
		if err != nil {
			return core.Outcome{}, err
		}
		out.Facts = append(out.Facts, one.Facts...)
		if one.Result != core.Succeeded {
			one.Facts = out.Facts
			return one, nil
		}
	}
	id := permissionOf(in.Known)
	if id == "" {
		return out, nil
	}
	if in.KeepAgreement || in.Refs[refPermission] == "" { // a consent that came with another order is not this one's to close
		if kind := in.Memo[memoType]; in.Authorization == "" && (kind == recurring || kind == onFile) { // the order ends, the consent does not
			out.Facts = append(out.Facts, core.Fact{Kind: core.AgreementClosed, ID: id, OpKey: op.Key, Strength: core.Asserted, Code: stateCanceled})
		}
		return out, nil
	}
	closed, err := p.closed(ctx, "amazonpay.Void", id, in.Reason, in.Authorization == "")
	for i := range closed.Facts {
		closed.Facts[i].OpKey = op.Key
	}
	closed.Facts = append(out.Facts, closed.Facts...)
	return closed, err
}

// voidable are the charges that a void is about: the one named, or all that hold money or may come to.
func voidable(in core.VoidInput) (ids []string) {
	if in.Authorization != "" {
		return []string{in.Authorization}
	}
	for _, o := range in.Objects {
		if o.Kind == core.ObjAuthorization && o.ID != "" && (o.Open > 0 || o.State == core.StatePending) {
			ids = append(ids, o.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// canceled cancels one charge.
func (p *Provider) canceled(ctx context.Context, op core.Op, in core.VoidInput, id string) (core.Outcome, error) {
	var c charge
	_, err := p.call(ctx, remove(cancellation{reasonOf(in.Reason)}, "charges", id, "cancel"), &c)
	r := refused(err)
	if r != nil {
		if c, err = p.charge(ctx, id); err != nil {
			return core.Outcome{}, callError("amazonpay.Void", errUnclear)
		}
	}
	if err = same(err, c.ID, id); err != nil {
		return core.Outcome{}, callError("amazonpay.Void", err)
	}
	facts, ok := chargeFacts(c, in.Known)
	facts = slices.DeleteFunc(facts, func(f core.Fact) bool { return f.Kind == core.AuthorizationDeclined }) // it was asked for
	out := core.Outcome{Facts: facts, Result: core.Declined}
	switch {
	case !ok:
		return core.Outcome{}, callError("amazonpay.Void", errUnclear)
	case c.Status.State == stateCanceled || c.Status.State == stateDeclined:
		out.Result = core.Succeeded
		for i := range out.Facts {
			if out.Facts[i].Kind == core.AuthorizationClosed {
				out.Facts[i].OpKey = op.Key
			}
		}
	case r == nil:
		return core.Outcome{}, callError("amazonpay.Void", errUnclear) // it says it did, and shows that it did not
	default:
		out.Failure = r.failure()
	}
	return out, nil
}

// reasonOf is the text of a cancellation: one is wanted.
func reasonOf(reason string) string { return or(cut(reason, maxReason), "canceled by the merchant") }

type closure struct {
	Reason string `json:"closureReason"`
	Cancel bool   `json:"cancelPendingCharges"`
}

// closed closes a permission. One that is closed already is as it was asked for.
func (p *Provider) closed(ctx context.Context, name, id, reason string, cancelPending bool) (core.Outcome, error) {
	var g permission
	_, err := p.call(ctx, remove(closure{reasonOf(reason), cancelPending}, "chargePermissions", id, "close"), &g)
	r := refused(err)
	if r != nil {
		if g, err = p.permission(ctx, id); err != nil {
			return core.Outcome{}, callError(name, errUnclear)
		}
	}
	if err = same(err, g.ID, id); err != nil {
		return core.Outcome{}, callError(name, err)
	}
	switch {
	case g.Status.State == stateClosed:
		fact := core.Fact{Kind: core.AgreementClosed, ID: id, Strength: core.Asserted, OccurredAt: timeOf(g.Status.Updated), Code: or(g.reason(), stateClosed)}
		facts := []core.Fact{fact}
		if g.Type == recurring || g.Type == onFile {
			fact.Kind = core.MandateClosed
			facts = append([]core.Fact{fact}, facts...) // and nothing more is charged to the order that came with it
		}
		return core.Outcome{Result: core.Succeeded, Facts: facts}, nil
	case r != nil && (g.Status.State == stateChargeable || g.Status.State == stateSuspended):
		return core.Outcome{Result: core.Declined, Failure: r.failure()}, nil
	}
	return core.Outcome{}, callError(name, errUnclear)
}

// Refund gives op.Amount back from one captured charge. It is always under way for a while.
// Source: Amazon Pay, Create Refund.
func (p *Provider) Refund(ctx context.Context, op core.Op, in core.RefundInput) (core.Outcome, error) {
	if err := p.bookable(op); err != nil {
		return core.Outcome{}, err
	}
	id := refundable(in)
	if id == "" {
		return core.Outcome{}, unsupported("/capture", "Amazon Pay gives back from one capture, which has to be named")
	}
	var r refund
	_, err := p.call(ctx, post(op.Key, struct {
		ChargeID string `json:"chargeId"`
		Amount   *price `json:"refundAmount"`
	}{id, priceOf(op.Amount)}, "refunds"), &r)
	if no := refused(err); no != nil && no.decides(op) {
		return core.Outcome{Result: core.Declined, Failure: no.failure()}, nil
	}
	if err == nil && (r.ID == "" || r.ChargeID != id) {
		err = errForeign
	}
	if err != nil {
		return core.Outcome{}, callError("amazonpay.Refund", err)
	}
	known := in.Known
	known.Memo = with(cloned(known.Memo), memoRefund+r.ID, op.Key)
	facts, ok := refundFacts(r, known)
	out := core.Outcome{Refs: core.Refs{refRefund: r.ID}, Memo: core.Refs{memoRefund + r.ID: op.Key}}
	if amount, told := r.Amount.money(); told {
		out.Echo.Amount = &amount
	}
	if !ok {
		return out, nil
	}
	out.Facts = facts
	switch r.Status.State {
	case stateRefunded:
		out.Result = core.Succeeded
	case stateRefunding:
		out.Result = core.Pending
	case stateDeclined:
		out.Result, out.Failure = core.Declined, facts[0].Failure
	}
	return out, nil
}

// refundable is the capture a refund goes back from: the one named, else the only one.
func refundable(in core.RefundInput) string {
	if in.Capture != "" {
		return in.Capture
	}
	var ids []string
	for _, o := range in.Objects {
		if o.Kind == core.ObjCapture && o.State == core.StateDone {
			ids = append(ids, o.ID)
		}
	}
	if len(ids) == 1 {
		return ids[0]
	}
	return ""
}
