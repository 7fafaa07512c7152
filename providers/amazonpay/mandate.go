package amazonpay

import (
	"context"

	"github.com/paymux/paymux/core"
)

// StartMandate signs what obtains a buyer's consent outside a purchase, and calls nobody: a stored instrument (Saved
// Wallet) by button, or by signing in; or a plan with its amount. In the flow "hosted" Amazon's page is opened without
// a button. Source: Amazon Pay, Saved Wallet; recurring payments.
func (p *Provider) StartMandate(_ context.Context, op core.Op, in core.MandateInput) (core.Outcome, error) {
	b, memo, err := p.consented(op, in)
	if err != nil {
		return core.Outcome{}, err
	}
	look := button{product: productFor(in.Method), locale: in.Buyer.Locale, placement: "Other", unseen: in.Method.Flow == flowHosted}
	next, err := p.widget(op, b, look, core.ThenComplete)
	if err != nil {
		return core.Outcome{}, err
	}
	return core.Outcome{Result: core.Succeeded, Next: next, Memo: memo}, nil
}

// CheckStartMandate tells why StartMandate would refuse.
func (p *Provider) CheckStartMandate(op core.Op, in core.MandateInput) error {
	_, _, err := p.consented(op, in)
	return err
}

func productFor(m core.Method) string { return products[or(m.Product, productOnly)] }

// consented is the payload of a consent, or why Amazon Pay cannot take it, with what later calls need.
func (p *Provider) consented(op core.Op, in core.MandateInput) (b payload, memo core.Refs, err error) {
	product := productFor(in.Method)
	switch {
	case in.Save.Kind != core.SaveRecurring && in.Save.Kind != core.SaveUnscheduled:
		return b, nil, unsupported("/kind", "what the consent is for is not told", string(core.SaveRecurring), string(core.SaveUnscheduled))
	case in.Method.Type != methodType && in.Method.Type != "any" && in.Method.Type != "":
		return b, nil, unsupported("/method/type", "this is an account of Amazon Pay", methodType)
	case product == "" || product == signIn && in.Save.Kind == core.SaveRecurring:
		return b, nil, unsupported("/method/product", "Amazon Pay does not have the product for this consent", productShip, productOnly)
	case !referenceFits(op.Reference):
		return b, nil, refuse("reference_invalid", "", "Amazon Pay takes keys of at most %d letters, digits, - and _", referenceMax)
	}
	b = payload{StoreID: p.cfg.StoreID}
	b.Type, b.Recurring, b.OnFile = consent(in.Save, true)
	memo = startMemo(in.Returns.Result, in.Save.Kind)
	metadata := p.metadata(op, core.Order{MerchantReference: in.MerchantReference, Description: in.Description})
	switch {
	case product == signIn:
		b.Web, b.SignInScopes = webCheckout{SignInURL: in.Returns.Result, SignInCancel: in.Returns.Cancel}, scopes[:2]
	case in.Save.Kind == core.SaveRecurring:
		b.Metadata = &metadata
		memo[memoPlan], err = p.planned(&b, in)
	default:
		b.Metadata = &metadata
		b.Web = webCheckout{ReviewURL: in.Returns.Result, ResultURL: in.Returns.Result, CancelURL: in.Returns.Cancel}
		b.Details = &paymentDetails{Intent: intentConfirm}
	}
	return b, memo, err
}

// planned adds a plan without a first charge: the buyer agrees to its amount, and nothing is authorized.
func (p *Provider) planned(b *payload, in core.MandateInput) (memo string, err error) {
	if err := takesPlan(in.Save); err != nil {
		return "", err
	}
	if in.Save.Recurring == nil || in.Save.Recurring.Amount == nil {
		return "", unsupported("/recurring/amount", "without a first charge Amazon wants the amount of the plan")
	}
	if in.Method.Product == productShip {
		return "", unsupported("/method/product", "a plan without a first charge has no delivery", productOnly)
	}
	amount := *in.Save.Recurring.Amount
	if err := p.takesAmount(amount); err != nil {
		return "", err
	}
	b.Web = webCheckout{ResultURL: in.Returns.Result, CancelURL: in.Returns.Cancel, Mode: processOrder}
	b.Details = &paymentDetails{Intent: intentConfirm, ChargeAmount: priceOf(amount)}
	if amount.Currency != p.cfg.ledger() {
		b.Details.Presentment = amount.Currency
	}
	return string(b.Details.ChargeAmount.Amount) + " " + amount.Currency, nil
}

// channels an order can come by. Words of ours, and Amazon's.
var channels = map[string]string{"": "Web", channelOnline: "Web", "telephone": "Phone", "offline": "Offline"}

const channelOnline = "online"

// initiators tell who began a charge, the buyer or the merchant, and on what consent.
var initiators = map[core.SaveKind][2]string{core.SaveUnscheduled: {"MITU", "CITU"}, core.SaveRecurring: {"MITR", "CITR"}}

// ChargeMandate charges a stored consent: taken at once, or later with manual capture. With the buyer present Amazon is
// told that, and where he would come back to; he is sent nowhere all the same: the charge is what its state says. A
// decline ends the attempt, and another charge is another attempt.
// Source: Amazon Pay, Create Charge; Saved Wallet; recurring payments.
func (p *Provider) ChargeMandate(ctx context.Context, op core.Op, in core.ChargeMandateInput) (core.Outcome, error) {
	body, err := p.mandateCharge(op, in)
	if err != nil {
		return core.Outcome{}, err
	}
	out, err := p.charged(ctx, "amazonpay.ChargeMandate", op, body, core.Known{Reference: op.Reference, Amount: op.Amount})
	if err != nil {
		return core.Outcome{}, err
	}
	out.Memo = with(with(out.Memo, memoPermission, body.PermissionID), memoType, in.Mandate.Memo[memoType])
	if out.Result == core.Declined && len(out.Facts) == 0 {
		fact := core.Fact{Kind: core.AttemptEnded, OpKey: op.Key, Strength: core.Asserted, Code: out.Failure.ProviderCode, Failure: out.Failure}
		if reasons[out.Failure.ProviderCode].decline {
			fact.Kind, fact.ID = core.AuthorizationDeclined, op.Key
		}
		out.Facts = []core.Fact{fact}
	}
	return out, nil
}

// CheckChargeMandate tells why ChargeMandate would refuse.
func (p *Provider) CheckChargeMandate(op core.Op, in core.ChargeMandateInput) error {
	_, err := p.mandateCharge(op, in)
	return err
}

func (p *Provider) mandateCharge(op core.Op, in core.ChargeMandateInput) (newCharge, error) {
	channel, known := channels[in.Channel]
	switch {
	case permissionOf(in.Mandate) == "":
		return newCharge{}, unsupported("/mandate", "the mandate has no consent at Amazon")
	case !known:
		return newCharge{}, unsupported("/channel", "Amazon Pay does not have the channel", channelOnline, "telephone", "offline")
	case in.AllowPending && in.Capture != core.CaptureManual:
		return newCharge{}, unsupported("/allow_pending", "Amazon Pay leaves an authorization open only when it is captured later", "capture_method: "+string(core.CaptureManual))
	case !referenceFits(op.Key):
		return newCharge{}, refuse("reference_invalid", "", "Amazon Pay takes keys of at most %d letters, digits, - and _", referenceMax)
	}
	if err := p.takesAmount(op.Amount); err != nil {
		return newCharge{}, err
	}
	by := initiators[core.SaveKind(or(string(in.SaveKind), string(core.SaveUnscheduled)))]
	body := newCharge{
		PermissionID: permissionOf(in.Mandate), Amount: priceOf(op.Amount), CaptureNow: in.Capture != core.CaptureManual, CanPend: in.AllowPending,
		Metadata:  &merchantMetadata{Reference: op.Reference, Note: cut(in.Description, maxNote), CustomInfo: op.Key},
		Initiator: by[0], Channel: channel,
	}
	if body.CaptureNow {
		body.Descriptor = p.descriptor(in.Statement)
	}
	if in.BuyerPresent {
		body.Initiator = by[1]
		if in.SaveKind == core.SaveUnscheduled && in.Returns.Result != "" {
			body.Web = &webCheckout{ResultURL: in.Returns.Result}
		}
	}
	return body, nil
}

type permissionChange struct {
	Recurring recurringMetadata `json:"recurringMetadata"`
}

// UpdateMandate changes the plan of a consent at Amazon, which tells the buyer; and with return addresses it lets the
// buyer of a stored instrument choose another one on Amazon's page. It may be made again.
// Source: Amazon Pay, Update Charge Permission; hosted update page.
func (p *Provider) UpdateMandate(ctx context.Context, op core.Op, in core.UpdateMandateInput) (core.Outcome, error) {
	if err := p.CheckUpdateMandate(op, in); err != nil {
		return core.Outcome{}, err
	}
	id := permissionOf(in.Mandate)
	if in.Recurring != nil {
		return p.replanned(ctx, id, *in.Recurring)
	}
	pending := false
	b := payload{
		StoreID: p.cfg.StoreID, Type: onFile, PermissionID: id, OnFile: &onFileMetadata{SetupOnly: true},
		Details: &paymentDetails{Intent: intentConfirm, CanPend: &pending},
		Web:     webCheckout{ReviewURL: in.Returns.Result, ResultURL: in.Returns.Result, CancelURL: in.Returns.Cancel},
	}
	next, err := p.widget(op, b, button{product: payOnly, placement: "Other", unseen: true}, core.ThenComplete)
	if err != nil {
		return core.Outcome{}, err
	}
	return core.Outcome{Result: core.Succeeded, Next: next}, nil
}

// CheckUpdateMandate tells why UpdateMandate would refuse.
func (p *Provider) CheckUpdateMandate(_ core.Op, in core.UpdateMandateInput) error {
	switch kind := in.Mandate.Memo[memoType]; {
	case permissionOf(in.Mandate) == "":
		return unsupported("", "the mandate has no consent at Amazon")
	case in.Recurring == nil && in.Returns.Result == "":
		return unsupported("", "nothing is to be changed")
	case in.Recurring != nil && kind == onFile:
		return unsupported("/recurring", "a stored instrument has no plan")
	case in.Recurring == nil && kind == recurring:
		return unsupported("/return_url", "buyers change the instrument of a plan in their account at Amazon")
	case in.Recurring == nil:
		return nil
	}
	if err := takesPlan(core.Save{Kind: core.SaveRecurring, Recurring: in.Recurring}); err != nil {
		return err
	}
	if in.Recurring.Amount != nil {
		return p.takesAmount(*in.Recurring.Amount)
	}
	return nil
}

// replanned sends a plan. What is refused decides nothing that the permission does not say as well.
func (p *Provider) replanned(ctx context.Context, id string, plan core.Recurring) (core.Outcome, error) {
	var g permission
	_, err := p.call(ctx, patch(permissionChange{*planOf(&plan)}, "chargePermissions", id), &g)
	if r := refused(err); r != nil {
		out := core.Outcome{Result: core.Declined, Failure: r.failure()}
		if now, err := p.permission(ctx, id); err == nil {
			out.Facts = permissionFacts(now, core.SaveNone)
		}
		return out, nil
	}
	if err = same(err, g.ID, id); err != nil {
		return core.Outcome{}, callError("amazonpay.UpdateMandate", err)
	}
	return core.Outcome{Result: core.Succeeded, Facts: permissionFacts(g, core.SaveNone), Display: g.Preferences.text()}, nil
}

// CancelMandate closes the consent. Charges that stand can still be captured. It may be called again.
// Source: Amazon Pay, Close Charge Permission.
func (p *Provider) CancelMandate(ctx context.Context, op core.Op, in core.CancelMandateInput) (core.Outcome, error) {
	id := permissionOf(in.Mandate)
	if id == "" {
		return core.Outcome{}, unsupported("", "the mandate has no consent at Amazon")
	}
	out, err := p.closed(ctx, "amazonpay.CancelMandate", id, in.Reason, false)
	for i := range out.Facts {
		out.Facts[i].OpKey = op.Key
	}
	return out, err
}
