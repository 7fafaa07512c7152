package amazonpay

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/paymux/paymux/core"
)

// completion is the body of Complete Checkout Session; without amounts a consent is stored and nothing is charged.
type completion struct {
	ChargeAmount *price `json:"chargeAmount,omitempty"`
	TotalAmount  *price `json:"totalOrderAmount,omitempty"`
}

// completion repeats the amounts of the order. A consent without a charge has none, but the plan that was told to the
// buyer as one.
func (p *Provider) completion(op core.Op, in core.CompleteInput) (completion, error) {
	if !in.SetupOnly {
		d := p.details(op, in.Order)
		return completion{d.ChargeAmount, d.TotalAmount}, nil
	}
	text := in.Known.Memo[memoPlan]
	if text == "" {
		return completion{}, nil
	}
	amount, currency, _ := strings.Cut(text, " ")
	plan, err := core.ParseMoney(amount, currency)
	if err != nil {
		return completion{}, callError("amazonpay.Complete", core.NotSentError(errors.New("amazonpay: the amount of the plan cannot be read")))
	}
	return completion{ChargeAmount: priceOf(plan)}, nil
}

// finishing is what is known of a session when it is completed.
type finishing struct {
	known     core.Known
	op        core.Op
	amount    core.Money // the whole order
	charged   core.Money // its first charge
	setupOnly bool
	save      core.SaveKind
}

// Complete turns what the buyer did into an order: without it nothing is sold. The session is read first and decides:
// a completed one is not completed again, a canceled one ends the attempt, one of somebody else is refused. No refusal
// of the call itself decides (422, 409, 404): the session that is read after it does. So it may be made again.
// Completed does not mean paid: the charge is read and tells. Source: Amazon Pay, Complete Checkout Session.
func (p *Provider) Complete(ctx context.Context, op core.Op, in core.CompleteInput) (core.Outcome, error) {
	id, bound := sessionOf(in.Known)
	if id == "" {
		return noSession(), nil
	}
	if !bound && in.Known.Memo[memoType] == onFile && in.Returns.Result != "" { // the page where the instrument is changed had another
		in.Known.Memo = with(cloned(in.Known.Memo), memoReturn, in.Returns.Result)
	}
	save := core.SaveKind(or(string(in.Save.Kind), in.Known.Memo[memoSave]))
	f := finishing{known: in.Known, op: op, amount: wholeOf(op, in.Order), charged: chargedNow(op, in.Order), setupOnly: in.SetupOnly, save: save}
	s, err := p.session(ctx, id)
	if r := refused(err); r != nil && r.Status == http.StatusNotFound && op.Try <= 1 {
		return foreignSession(), nil
	} else if err != nil {
		return core.Outcome{}, callError("amazonpay.Complete", core.NotSentError(err)) // nothing was completed by asking
	}
	if out, ok, err := p.decided(ctx, s, f); ok || err != nil {
		return out, err
	}
	if belongs, _ := own(s, in.Known); !belongs {
		return foreignSession(), nil
	}
	body, err := p.completion(op, in)
	if err != nil {
		return core.Outcome{}, err
	}
	f.known.Memo = with(cloned(f.known.Memo), memoSession, id) // it is its own, and its next answer need not say so
	var answer session
	_, err = p.call(ctx, post("", body, "checkoutSessions", id, "complete"), &answer)
	switch err = same(err, answer.ID, id); {
	case err == nil && answer.Status.State == stateCompleted:
		return p.completed(ctx, answer, f)
	case errors.Is(err, core.ErrNotSent):
		return core.Outcome{}, callError("amazonpay.Complete", err)
	case refused(err) == nil: // lost, broken, or about something else: which session it is, is known now
		return identified(s, core.Outcome{Result: core.Unknown}), nil
	}
	return p.notCompleted(ctx, id, f, refused(err))
}

// decided is the outcome of a session that needs no completing any more; ok is false for one that does.
func (p *Provider) decided(ctx context.Context, s session, f finishing) (out core.Outcome, ok bool, err error) {
	belongs, told := own(s, f.known)
	switch {
	case told && !belongs:
		return foreignSession(), true, nil
	case s.Status.State == stateCanceled:
		return canceledSession(s, belongs), true, nil
	case s.Status.State == stateCompleted:
		out, err = p.completed(ctx, s, f)
		return out, true, err
	case s.Status.State != stateOpen:
		return core.Outcome{}, true, nil // a state nobody knows: doubt
	}
	return core.Outcome{}, false, nil
}

// notCompleted asks the session what became of it after Amazon refused to complete it.
func (p *Provider) notCompleted(ctx context.Context, id string, f finishing, r *refusal) (core.Outcome, error) {
	s, err := p.session(ctx, id)
	if err != nil {
		return core.Outcome{Result: core.Unknown, Failure: r.failure(), Refs: core.Refs{refSession: id}, Memo: core.Refs{memoSession: id}}, nil
	}
	if out, ok, err := p.decided(ctx, s, f); ok || err != nil {
		return out, err
	}
	out := identified(s, core.Outcome{Result: core.Declined, Failure: r.failure()})
	if p.redirectable(s.Web.RedirectURL) {
		out.Next = p.redirect(f.op, s.Web.RedirectURL) // the buyer has not been where he has to go
	}
	return out, nil
}

func cloned(refs core.Refs) core.Refs {
	out := core.Refs{}
	for name, value := range refs {
		out[name] = value
	}
	return out
}

// completed is the outcome of a completed session. Its answers hold ids and hardly more, so charge and permission are
// read. One that was not known before is the attempt's own if its permission bears the attempt's reference.
func (p *Provider) completed(ctx context.Context, s session, f finishing) (core.Outcome, error) {
	out := core.Outcome{Result: core.Succeeded}
	belongs, told := own(s, f.known)
	if told && !belongs {
		return foreignSession(), nil
	}
	g, permissionErr := p.permissionOf(ctx, s.PermissionID)
	if !told && g.Metadata.Reference != "" {
		belongs, told = g.Metadata.Reference == f.known.Reference, true
	}
	switch {
	case !told:
		return core.Outcome{}, silent("amazonpay.Complete", errors.Join(errUnclear, permissionErr))
	case !belongs:
		return foreignSession(), nil
	}
	out = identified(s, out)
	if permissionErr != nil {
		g = permission{ID: s.PermissionID, Type: s.PermissionType} // what the session says of it
		g.Limits.Limit = priceOf(f.amount)
		if f.setupOnly && g.ID != "" {
			g.Status.State = stateChargeable // a completed session without a charge is the consent
		}
	}
	p.agreed(&out, g, f)
	if s.ChargeID == "" {
		p.agreedOnly(&out, g, f)
		return out, nil
	}
	out.Refs = with(out.Refs, refCharge, s.ChargeID)
	p.judgeCharge(ctx, &out, s.ChargeID, f)
	return out, nil
}

func (p *Provider) permissionOf(ctx context.Context, id string) (permission, error) {
	if id == "" {
		return permission{}, errUnclear
	}
	return p.permission(ctx, id)
}

// agreed adds what the permission proves, and keeps it for later calls. A stored consent outlives its order, so orders
// that are charged to it are not found by it; the order it was given with is.
func (p *Provider) agreed(out *core.Outcome, g permission, f finishing) {
	if g.ID == "" {
		return
	}
	out.Refs, out.Memo = with(out.Refs, refPermission, g.ID), with(with(out.Memo, memoPermission, g.ID), memoType, g.Type)
	out.Display = g.Preferences.text()
	out.Facts = append(out.Facts, permissionFacts(g, f.save)...)
	if b := p.buyerOf(g.Buyer, g.Shipping, g.Billing); f.setupOnly && b != (core.Buyer{}) {
		out.Review = &core.Review{Buyer: b, Instrument: g.Preferences.text()}
	}
}

// agreedOnly adds, where nothing was charged, that the order may be charged to a stored consent, whose own limits are
// those of a month.
func (p *Provider) agreedOnly(out *core.Outcome, g permission, f finishing) {
	if f.setupOnly || g.Type == oneTime || g.ID == "" || f.amount.Minor <= 0 {
		return
	}
	out.Facts = append(out.Facts, core.Fact{Kind: core.AgreementOpen, Measure: core.AtLeast, ID: g.ID, Amount: f.amount, Strength: core.Asserted, Code: stateCompleted})
}

// judgeCharge reads the charge of a completed session and lets it decide. One that cannot be read is under way.
func (p *Provider) judgeCharge(ctx context.Context, out *core.Outcome, id string, f finishing) {
	c, err := p.charge(ctx, id)
	known := f.known
	known.Memo = with(cloned(known.Memo), memoCharge+id, f.op.Key)
	facts, ok := chargeFacts(c, known)
	if err != nil || !ok {
		out.Result = core.Pending
		out.Facts = append(out.Facts, core.Fact{Kind: core.AuthorizationPending, ID: id, OpKey: f.op.Key, Amount: f.charged, Strength: core.Asserted, Code: stateCompleted})
		return
	}
	out.Facts = append(out.Facts, facts...)
	if f.op.Key != "" {
		out.Memo = with(out.Memo, memoCharge+id, f.op.Key)
	}
	out.Result, out.Failure = resultOf(c)
}

// resultOf is how the call ended that made a charge.
func resultOf(c charge) (core.Result, *core.Failure) {
	switch c.Status.State {
	case stateAuthorized, stateCaptured:
		return core.Succeeded, nil
	case stateAuthorizing, stateCapturing:
		return core.Pending, nil
	case stateDeclined, stateCanceled:
		return core.Declined, failureOf(or(c.Status.Reason, c.Status.State))
	}
	return core.Unknown, nil
}
