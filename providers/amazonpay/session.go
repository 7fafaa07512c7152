package amazonpay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/paymux/paymux/core"
)

// sessionOf is the session of known: the one that was found to be its own, else the one the browser brought. A stored
// consent has another session each time its buyer changes the instrument.
func sessionOf(known core.Known) (id string, bound bool) {
	own, brought := known.Memo[memoSession], known.Refs[refSession]
	if own == "" || brought != "" && brought != own && known.Memo[memoType] == onFile {
		return brought, false
	}
	return own, true
}

// own reports whether a session belongs to known. The signed payload of the button named our own return address and the
// attempt's own reference, and Amazon repeats both while the session is open; so nobody can bring the session of another
// order. told is false when the session repeats neither, as one that is over may not.
func own(s session, known core.Known) (belongs, told bool) {
	if id, bound := sessionOf(known); bound {
		return s.ID == id, true
	}
	urls, ref := []string{s.Web.ReviewURL, s.Web.ResultURL, s.Web.SignInURL}, s.Metadata.Reference
	says := strings.Join(urls, "") != ""
	back, consent := known.Memo[memoReturn], known.Memo[memoPermission]
	switch {
	case consent != "" && known.Memo[memoType] == onFile: // where the buyer changes the instrument, no second consent is given
		return s.PermissionID == consent || s.PermissionID == "" && back != "" && slices.Contains(urls, back), says || s.PermissionID+ref != ""
	case ref != "":
		return ref == known.Reference, true
	case back != "" && says:
		return slices.Contains(urls, back), true
	}
	return false, false
}

// identified is s as later calls know it.
func identified(s session, out core.Outcome) core.Outcome {
	out.Refs, out.Memo = with(out.Refs, refSession, s.ID), with(out.Memo, memoSession, s.ID)
	return out
}

func with(refs core.Refs, name, value string) core.Refs {
	if value == "" {
		return refs
	}
	if refs == nil {
		refs = core.Refs{}
	}
	refs[name] = value
	return refs
}

// foreignSession is the outcome of a session that is somebody else's, or nobody's: the browser brought it, and it says
// nothing about the attempt.
func foreignSession() core.Outcome {
	return core.Outcome{Result: core.Declined, Failure: &core.Failure{
		Category: core.FailureRejected, RetryAdvice: core.RetryAfterBuyerAction, ProviderMessage: "the checkout session that the browser brought is not the one of this payment",
	}}
}

// noSession is the outcome when the browser brought none.
func noSession() core.Outcome {
	return core.Outcome{Result: core.Declined, Failure: &core.Failure{
		Category: core.FailureBuyerAbandoned, RetryAdvice: core.RetryAfterBuyerAction, ProviderMessage: "the buyer came back without a checkout session",
	}}
}

// ReadSession reads what the buyer chose: address, instrument and what he may change. A session that is not the
// attempt's own is Declined and tells nothing; a canceled one is Declined with what ended it. An error means that
// Amazon did not tell. Source: Amazon Pay, checkout session object, Get Checkout Session.
func (p *Provider) ReadSession(ctx context.Context, in core.SessionInput) (core.Outcome, error) {
	id, bound := sessionOf(in.Known)
	if id == "" {
		return noSession(), nil
	}
	s, err := p.session(ctx, id)
	if r := refused(err); r != nil && r.Status == http.StatusNotFound {
		return foreignSession(), nil
	} else if err != nil {
		return core.Outcome{}, silent("amazonpay.ReadSession", err)
	}
	belongs, told := own(s, in.Known)
	switch {
	case told && !belongs:
		return foreignSession(), nil
	case s.Status.State == stateCompleted:
		return p.completed(ctx, s, finishing{known: in.Known, amount: in.Amount, charged: in.Amount, save: core.SaveKind(in.Memo[memoSave])})
	case s.Status.State == stateCanceled:
		return canceledSession(s, bound || belongs), nil
	case !belongs:
		return foreignSession(), nil
	case s.Status.State != stateOpen:
		return core.Outcome{}, silent("amazonpay.ReadSession", errUnclear)
	}
	return identified(s, core.Outcome{Result: core.Succeeded, Review: p.review(s), Display: s.Preferences.text()}), nil
}

// canceledSession is the outcome of a session that is over. Whether it is the attempt's own cannot be read from it any
// more: only of one that was known before it is the provider's word, else it is what a browser says.
func canceledSession(s session, known bool) core.Outcome {
	fact := ended(s, core.Hint)
	out := core.Outcome{Result: core.Declined, Failure: fact.Failure}
	if known {
		fact.Strength = core.Asserted
		out = identified(s, out)
	}
	out.Facts = []core.Fact{fact}
	return out
}

// settledHere are the constraints that Confirm takes away.
var settledHere = map[string]bool{"ChargeAmountNotSet": true, "PaymentIntentNotSet": true, "CheckoutResultReturnUrlNotSet": true, "RecurringFrequencyNotSet": true}

// review is what the buyer chose, for the merchant to show. The instrument is Amazon's own text.
func (p *Provider) review(s session) *core.Review {
	r := &core.Review{Buyer: p.buyerOf(s.Buyer, s.Shipping, s.Billing), Instrument: s.Preferences.text(), Fingerprint: fingerprint(s.Shipping)}
	for _, c := range s.Constraints {
		if !settledHere[c.ID] {
			r.Constraints = append(r.Constraints, c.ID)
		}
	}
	if s.Shipping != nil {
		r.ChangeActions = append(r.ChangeActions, core.ChangeAction{What: "address", ScriptURL: p.cfg.script(), SessionID: s.ID})
	}
	r.ChangeActions = append(r.ChangeActions, core.ChangeAction{What: "instrument", ScriptURL: p.cfg.script(), SessionID: s.ID})
	return r
}

func (p *Provider) buyerOf(b *buyer, shipping, billing *address) core.Buyer {
	out := core.Buyer{Shipping: addressOf(shipping), Billing: addressOf(billing)}
	if b != nil {
		out.ID, out.Email, out.Phone = b.ID, b.Email, b.Phone
		out.FirstName, out.LastName = splitName(b.Name)
		if p.cfg.Region == "jp" { // the family's name comes first
			family, given, _ := strings.Cut(strings.Join(strings.Fields(b.Name), " "), " ")
			out.FirstName, out.LastName = given, family
		}
	}
	return out
}

// splitName takes the last word for the last name; the whole is in addresses.
func splitName(name string) (first, last string) {
	words := strings.Fields(name)
	if len(words) == 0 {
		return "", ""
	}
	return strings.Join(words[:len(words)-1], " "), words[len(words)-1]
}

func addressOf(a *address) *core.Address {
	if a == nil || *a == (address{}) {
		return nil
	}
	return &core.Address{Name: a.Name, Line1: a.Line1, Line2: a.Line2, Line3: a.Line3, City: a.City, District: or(a.Within, a.County), State: a.State,
		PostalCode: a.Postal, Country: a.Country, Phone: a.Phone}
}

// fingerprint is of a delivery address; empty without one.
func fingerprint(a *address) string {
	if a == nil || *a == (address{}) {
		return ""
	}
	text, err := encode(*a)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

type change struct {
	Web      *webCheckout     `json:"webCheckoutDetails,omitempty"`
	Details  paymentDetails   `json:"paymentDetails"`
	Metadata merchantMetadata `json:"merchantMetadata"`
}

// UpdateSession changes the amount of a session that the buyer has not confirmed. It may be made again.
// Source: Amazon Pay, Update Checkout Session.
func (p *Provider) UpdateSession(ctx context.Context, op core.Op, in core.UpdateInput) (core.Outcome, error) {
	s, out, err := p.changed(ctx, "amazonpay.UpdateSession", op, in.Known, in.Order, change{Details: p.details(op, in.Order), Metadata: p.metadata(op, in.Order)})
	if err != nil || out != nil {
		return deref(out), err
	}
	return identified(s, core.Outcome{Result: core.Succeeded, Review: p.review(s), Display: s.Preferences.text(), Echo: echoed(s, s.Details.TotalAmount)}), nil
}

// Confirm sets amount, intent and the way back of a reviewed session, and sends the buyer to Amazon, who may want a
// proof of identity or another instrument. It may be made again. When the buyer has another delivery address by now
// than the merchant was shown, nothing is confirmed and the new review is returned.
// Source: Amazon Pay, Update Checkout Session.
func (p *Provider) Confirm(ctx context.Context, op core.Op, in core.ConfirmInput) (core.Outcome, error) {
	body := change{Web: &webCheckout{ResultURL: in.Returns.Result}, Details: p.details(op, in.Order), Metadata: p.metadata(op, in.Order)}
	s, out, err := p.changed(ctx, "amazonpay.Confirm", op, in.Known, in.Order, body)
	if err != nil || out != nil {
		return deref(out), err
	}
	answer := core.Outcome{Display: s.Preferences.text(), Echo: echoed(s, s.Details.TotalAmount)}
	switch now := fingerprint(s.Shipping); {
	case in.Review != nil && in.Review.Fingerprint != "" && in.Review.Fingerprint != now:
		answer.Result, answer.Review = core.Declined, p.review(s)
		answer.Failure = &core.Failure{Category: core.FailureRejected, RetryAdvice: core.RetryAfterBuyerAction,
			ProviderMessage: "the buyer has chosen another delivery address since the review"}
	case len(s.Constraints) > 0:
		answer.Result, answer.Review, answer.Failure = core.Declined, p.review(s), constrained(s)
	case !p.redirectable(s.Web.RedirectURL):
		return core.Outcome{}, callError("amazonpay.Confirm", errUnclear)
	default:
		answer.Result, answer.Next = core.Succeeded, p.redirect(op, s.Web.RedirectURL)
	}
	return identified(s, answer), nil
}

func (p *Provider) redirect(op core.Op, address string) *core.NextAction {
	return &core.NextAction{Type: core.NextRedirect, Then: core.ThenComplete, URL: address, Method: http.MethodGet,
		Accepts: []string{paramSession}, ExpiresAt: op.CreatedAt.Add(sessionLife), Resumable: true}
}

// redirectable reports whether buyers can be sent to an address: https, and http where the API itself is on this machine.
func (p *Provider) redirectable(address string) bool {
	return strings.HasPrefix(address, "https://") || strings.HasPrefix(p.cfg.APIURL, "http://") && strings.HasPrefix(address, "http://")
}

// constrained says what Amazon still misses.
func constrained(s session) *core.Failure {
	var ids []string
	for _, c := range s.Constraints {
		ids = append(ids, shownCode(c.ID))
	}
	return &core.Failure{Category: core.FailureRejected, RetryAdvice: core.RetryAfterBuyerAction, ProviderCode: strings.Join(ids, " "),
		ProviderMessage: "the checkout session is not complete yet"}
}

// echoed is what the session repeats: the whole amount where it is told beside that of the first charge.
func echoed(s session, whole *price) (e core.Echo) {
	e.Reference = s.Metadata.Reference
	if whole == nil {
		whole = s.Details.ChargeAmount
	}
	if m, ok := whole.money(); ok {
		e.Amount = &m
	}
	return e
}

func deref(out *core.Outcome) core.Outcome {
	if out == nil {
		return core.Outcome{}
	}
	return *out
}

// changed sends a change to the attempt's own session and returns what Amazon has then; or what came of it instead.
func (p *Provider) changed(ctx context.Context, name string, op core.Op, known core.Known, o core.Order, body change) (s session, out *core.Outcome, err error) {
	if err := p.takesOrder(op, o); err != nil {
		return s, nil, err
	}
	s, out, err = p.ownSession(ctx, known)
	if err != nil || out != nil {
		return s, out, err
	}
	id := s.ID
	s = session{}
	_, err = p.call(ctx, patch(body, "checkoutSessions", id), &s)
	if err = same(err, s.ID, id); err == nil {
		return s, nil, nil
	}
	r := refused(err)
	if r == nil {
		return s, nil, callError(name, err)
	}
	// The state was in the way: the session tells what it is now. The buyer may be on his way already.
	now, readErr := p.session(ctx, id)
	switch {
	case readErr != nil:
		return s, nil, callError(name, errors.Join(errUnclear, err))
	case now.Status.State == stateCanceled:
		gone := canceledSession(now, true)
		return s, &gone, nil
	case now.Status.State == stateOpen && applied(now, body):
		return now, nil, nil
	}
	failed := identified(now, core.Outcome{Result: core.Declined, Failure: r.failure()})
	return s, &failed, nil
}

// applied reports whether a session has what a change asked for.
func applied(s session, c change) bool {
	back := c.Web == nil || s.Web.ResultURL == c.Web.ResultURL
	return back && s.Details.Intent == c.Details.Intent && samePrice(s.Details.ChargeAmount, c.Details.ChargeAmount) &&
		(c.Details.TotalAmount == nil || samePrice(s.Details.TotalAmount, c.Details.TotalAmount))
}

// ownSession reads the session of known and makes sure that it is its own. A session that is bound already is not read:
// what has an effect names it, and Amazon answers with its state. out is what to answer instead.
func (p *Provider) ownSession(ctx context.Context, known core.Known) (s session, out *core.Outcome, err error) {
	id, bound := sessionOf(known)
	switch {
	case id == "":
		none := noSession()
		return s, &none, nil
	case bound:
		return session{ID: id}, nil, nil
	}
	s, err = p.session(ctx, id)
	if r := refused(err); r != nil && r.Status == http.StatusNotFound {
		foreign := foreignSession()
		return s, &foreign, nil
	} else if err != nil {
		return s, nil, core.NotSentError(err) // a question that was not answered; the call itself was not made
	}
	if belongs, _ := own(s, known); !belongs {
		foreign := foreignSession()
		return s, &foreign, nil
	}
	return s, nil, nil
}
