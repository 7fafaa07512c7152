package amazonpay

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/paymux/paymux/core"
)

// Start signs what the button of the shop hands to Amazon Pay. Nothing is called, and nothing exists at Amazon before
// the buyer clicks. Express comes back for a review; pay_now comes back to be completed.
// Source: Amazon Pay, signing requests, button signature; checkout session object; additional payment button.
func (p *Provider) Start(_ context.Context, op core.Op, in core.StartInput) (core.Outcome, error) {
	b, err := p.started(op, in)
	if err != nil {
		return core.Outcome{}, err
	}
	product, flow := productOf(in), flowOf(in.Method)
	then, back := core.ThenRead, in.Returns.Review
	if flow == flowPayNow {
		then, back = core.ThenComplete, in.Returns.Result
	}
	next, err := p.widget(op, b, button{product: product, locale: in.Buyer.Locale, amount: wholeOf(op, in.Order), placement: placements[flow]}, then)
	if err != nil {
		return core.Outcome{}, err
	}
	return core.Outcome{Result: core.Succeeded, Next: next, Memo: startMemo(back, in.Save.Kind)}, nil
}

// CheckStart tells why Start would refuse.
func (p *Provider) CheckStart(op core.Op, in core.StartInput) error {
	_, err := p.started(op, in)
	return err
}

// started is the payload of an order, or why Amazon Pay cannot take it.
func (p *Provider) started(op core.Op, in core.StartInput) (payload, error) {
	if err := takes(in.Method); err != nil {
		return payload{}, err
	}
	if err := p.takesOrder(op, in.Order); err != nil {
		return payload{}, err
	}
	switch {
	case in.Token != "":
		return payload{}, unsupported("/method/instrument", "a stored instrument is charged by its mandate; the buyer chooses another one on Amazon's page")
	case flowOf(in.Method) == flowPayNow:
		return p.payNow(op, in, productOf(in))
	}
	return p.express(op, in, productOf(in))
}

// takesOrder checks what is the same in every flow.
func (p *Provider) takesOrder(op core.Op, o core.Order) error {
	whole := wholeOf(op, o)
	if err := p.takesAmount(whole); err != nil {
		return err
	}
	switch {
	case o.Authorize.Minor > whole.Minor || o.Authorize.Minor < 0:
		return refuse("amount_invalid", "/authorize_amount", "not more than the whole amount can be reserved")
	case o.Authorize.Currency != "" && o.Authorize.Currency != whole.Currency:
		return refuse("currency_mismatch", "/authorize_amount", "the payment is in %s", whole.Currency)
	case o.AllowPending && o.Capture != core.CaptureManual:
		return unsupported("/allow_pending", "Amazon Pay leaves an authorization open only when it is captured later", "capture_method: "+string(core.CaptureManual))
	case o.Channel != "" && o.Channel != channelOnline:
		return unsupported("/channel", "the buyer is there in this flow; orders that come in by telephone or offline are charged to a mandate", channelOnline)
	case !referenceFits(op.Reference) || op.Key != "" && !referenceFits(op.Key):
		return refuse("reference_invalid", "", "Amazon Pay takes keys of at most %d letters, digits, - and _", referenceMax)
	}
	return takesPlan(o.Save)
}

func takesPlan(s core.Save) error {
	if s.Kind != core.SaveRecurring || s.Recurring == nil {
		return nil
	}
	if _, ok := units[s.Recurring.Unit]; !ok {
		return refuse("field_invalid", "/save/recurring/interval", "Amazon Pay has plans by day, week, month and year, and variable ones")
	}
	return nil
}

// startMemo is what later calls need: how to know our own session again, and what consent was asked for.
func startMemo(back string, save core.SaveKind) core.Refs {
	m := core.Refs{memoReturn: back}
	if save != core.SaveNone {
		m[memoSave] = string(save)
	}
	return m
}

// button is how the button looks and speaks.
type button struct {
	product, locale, placement string
	amount                     core.Money
	unseen                     bool // Amazon's page is opened without a button
}

// placements tell Amazon where in the shop the button is.
var placements = map[string]string{flowExpress: "Cart", flowPayNow: "Checkout"}

// widget is the next action that hands b over. The text that is signed is the text that the browser gets.
// Source: Amazon Pay script.
func (p *Provider) widget(op core.Op, b payload, look button, then core.Then) (*core.NextAction, error) {
	text, err := encode(b)
	if err != nil {
		return nil, err
	}
	signature, err := p.signer.sign(string(text))
	if err != nil {
		return nil, err
	}
	handed := map[string]any{"payloadJSON": string(text), "signature": signature, "algorithm": p.signer.algorithm, "publicKeyId": p.cfg.PublicKeyID}
	config := map[string]any{
		"merchantId": p.cfg.MerchantID, "publicKeyId": p.cfg.PublicKeyID, "ledgerCurrency": p.cfg.ledger(), "checkoutLanguage": p.cfg.language(look.locale),
		"productType": look.product, "placement": look.placement, "buttonColor": "Gold", "createCheckoutSessionConfig": handed,
	}
	accepts := []string{paramSession}
	if look.product == signIn {
		delete(config, "createCheckoutSessionConfig")
		config["signInConfig"], accepts = handed, append(accepts, paramBuyer)
	}
	if look.amount.Minor > 0 {
		config["estimatedOrderAmount"] = map[string]any{"amount": string(priceOf(look.amount).Amount), "currencyCode": look.amount.Currency}
	}
	if keyEnvironment(p.cfg.PublicKeyID) == "" && p.cfg.Environment == Sandbox {
		config["sandbox"] = true
	}
	if look.unseen {
		config["initCheckout"] = true
	}
	return &core.NextAction{
		Type: core.NextWidget, Then: then, Widget: &core.Widget{SDK: "amazon_pay", ScriptURL: p.cfg.script(), Config: config, Form: p.cfg.form()},
		Accepts: accepts, ExpiresAt: op.CreatedAt.Add(sessionLife), Resumable: true,
	}, nil
}

// The names that Amazon adds to our return addresses. With the token of a buyer who signed in anybody can ask for a day who
// he is: it is not taken, for the permission of a completed session tells the same.
const (
	paramSession = "amazonCheckoutSessionId"
	paramBuyer   = "buyerToken"
)

// sessionID is the form of a session id: a UUID, taken with room for another form.
var sessionID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// legBack is the way back of a buyer who gives up.
const legBack = "back"

// ParseReturn reads the id of the session that the browser brought back. It is a hint and no more: whether the session
// is the attempt's own is read from Amazon before anything is done with it. An attempt whose session is known takes no
// other: ErrUnauthenticated. An id that occurs twice or has another form is Malformed. A return without one says
// nothing, and is no error; on the way back it says that the buyer gave up.
func (p *Provider) ParseReturn(_ context.Context, r core.Return) (core.Feedback, error) {
	var fb core.Feedback
	if r.Step == legBack {
		fb.Facts = []core.Fact{{Kind: core.BuyerAway, Strength: core.Hint, Code: "BuyerCanceled", Failure: failureOf("BuyerCanceled")}}
	}
	id, err := single(r.Values, paramSession, sessionID)
	if err != nil {
		return core.Feedback{}, core.Malformed(err)
	}
	if own := r.Known.Memo[memoSession]; id != "" && own != "" && own != id && r.Known.Memo[memoType] != onFile {
		return core.Feedback{}, core.ErrUnauthenticated
	}
	if id != "" {
		fb.Refs = core.Refs{refSession: id}
	}
	return fb, nil
}

func single(values url.Values, name string, form *regexp.Regexp) (string, error) {
	var found []string
	for key, list := range values {
		if strings.EqualFold(key, name) {
			found = append(found, list...)
		}
	}
	switch {
	case len(found) == 0:
		return "", nil
	case len(found) > 1:
		return "", errors.New("amazonpay: " + name + " occurs twice")
	case !form.MatchString(found[0]):
		return "", errors.New("amazonpay: " + name + " cannot be read")
	}
	return found[0], nil
}

// productOf is the product that is asked for. Without a word of it, what has a delivery address is shipped.
func productOf(in core.StartInput) string {
	switch {
	case in.Method.Product != "":
		return products[in.Method.Product]
	case flowOf(in.Method) == flowExpress || in.Buyer.Shipping != nil:
		return payAndShip
	}
	return payOnly
}

func flowOf(m core.Method) string { return or(m.Flow, flowExpress) }

// takes tells why Amazon Pay cannot take a method.
func takes(m core.Method) error {
	_, product := products[m.Product]
	switch {
	case m.Type != methodType && m.Type != "any" && m.Type != "":
		return unsupported("/method/type", "this is an account of Amazon Pay", methodType)
	case m.Option != "":
		return unsupported("/method/option", "buyers choose their instrument at Amazon")
	case m.Flow != "" && !slices.Contains([]string{flowExpress, flowPayNow}, m.Flow):
		return unsupported("/method/flow", "Amazon Pay does not have the flow", flowExpress, flowPayNow)
	case m.Product != "" && !product:
		return unsupported("/method/product", "Amazon Pay does not have the product", productShip, productOnly)
	case m.Product == productSignIn:
		return unsupported("/method/product", "signing in is for mandates, not for payments", productShip, productOnly)
	}
	return nil
}

// takesAmount tells why Amazon Pay or the contract cannot take an amount.
func (p *Provider) takesAmount(amount core.Money) error {
	if !slices.Contains(p.cfg.currencies(), amount.Currency) {
		e := refuse("currency_not_enabled", "/currency", "the account does not have this currency")
		e.Choices = p.cfg.currencies()
		return e
	}
	switch highest := highestOf(amount.Currency); {
	case amount.Minor <= 0:
		return refuse("amount_invalid", "/amount", "Amazon Pay takes amounts above zero")
	case amount.Minor > highest:
		return refuse("amount_too_large", "/amount", "Amazon Pay takes at most %s", core.Money{Minor: highest, Currency: amount.Currency})
	}
	return nil
}
