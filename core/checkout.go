package core

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Checkout is what a merchant can do: it runs intent → call → result for every effect, and it is the one place where
// answers, feedback, returns and queries become changes of a payment.
type Checkout struct {
	Links
	store     Store
	accounts  map[string]*Account
	merchants map[string]*Merchant
	rules     []Rule
	live      bool
	sender    Sender // nil: events are kept and not sent
	render    func(EventBody) ([]byte, error)
	lanes     lanes
	pace      pace
	keepKeys  time.Duration
	log       *slog.Logger
	desk      *desk
	running   sync.WaitGroup // calls to providers that outlive the request they were made for
}

// Options are what a Checkout works with. Accounts and merchants are as configured; the store already has them.
type Options struct {
	Store        Store
	Accounts     []*Account
	Merchants    []*Merchant
	Rules        []Rule
	Tokens       Tokens
	PublicURL    string        // where buyers and providers reach us, without a slash at the end
	Live         bool          // refuses return hosts that are not listed, and http
	AnswerWithin time.Duration // a request is answered after this while its call goes on, where its account says nothing else; 0: 25 s
	// TimeScale divides every wait of the program, given ones included: when providers are asked again and for how long,
	// the time of calls and of the claims on them, what a payment may be tried for, when merchants are told again. It is
	// for accounts at simulators: no real provider keeps up with it. What others count themselves stays: the life of a
	// provider's sessions, the time a merchant's endpoint has to answer, its Retry-After. 0: 1.
	TimeScale int
	KeepKeys  time.Duration // how long Idempotency-Keys are kept; 0: 30 days
	Poll      time.Duration // how often work of other instances on the same database is looked for; 0: there are none
	Sender    Sender        // carries events to merchants; nil: events are kept and not sent
	// Render puts what merchants are told into the words of the API, once, in the transaction of what it tells of:
	// a function of its argument alone. nil: those of core.
	Render func(EventBody) ([]byte, error)
	Log    *slog.Logger
}

// New makes a Checkout. Background work starts with Run.
func New(o Options) *Checkout {
	c := &Checkout{accounts: map[string]*Account{}, merchants: map[string]*Merchant{}, rules: o.Rules,
		Links: NewLinks(o.Tokens, o.PublicURL), live: o.Live, sender: o.Sender, render: o.Render, log: o.Log, pace: pace(o.TimeScale),
		keepKeys: cmp.Or(o.KeepKeys, keepKeys)}
	c.lanes.scale = c.pace
	pools := []*pool{{kind: WorkApply, atOnce: appliers, do: c.applyItem, giveUp: c.buryItem}, {kind: WorkAsk, atOnce: asksAtOnce, do: c.ask, giveUp: c.askNoMore},
		{kind: WorkGap, atOnce: 1, do: c.bridge}, {kind: WorkForget, atOnce: 1, do: c.forget}, {kind: WorkReplay, atOnce: replaysAtOnce, do: c.replayItem, giveUp: c.drop}}
	if c.sender != nil {
		pools = append(pools, &pool{kind: WorkDeliver, atOnce: sendsAtOnce, do: c.deliver})
	}
	c.desk = newDesk(o.Poll, c.pace, pools...)
	c.store = watchful{o.Store, c.desk}
	for _, a := range o.Accounts {
		c.accounts[a.Name] = a.paced(c.pace, cmp.Or(o.AnswerWithin, answerWithin))
	}
	for _, m := range o.Merchants {
		c.merchants[m.ID] = m
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c
}

// answerWithin is how long a merchant waits for an answer at most, whatever his call still does.
const answerWithin = 25 * time.Second

// Request is one call of a merchant that may have an effect.
type Request struct {
	MerchantID     string
	KeyID          string // of the API key that made it
	RequestID      string
	Route          string // method and route template: what the idempotency key is unique in
	IdempotencyKey string
	Fingerprint    string // of method, route with ids and canonical body
}

func (r Request) cause() Cause { return Cause{Kind: "api_call", ID: r.RequestID} }

func (r Request) evidence() Evidence {
	return Evidence{ID: newID(prefixEvidence), Kind: EvidenceCall, Title: placeholder.ReplaceAllString(r.Route, "{$1}"),
		Detail: detail(map[string]string{"request_id": r.RequestID, "api_key": r.KeyID, "idempotency_key": r.IdempotencyKey})}
}

// placeholder is the name of a part of a route, which people are shown as the contract writes it.
var placeholder = regexp.MustCompile(`:([a-z_]+)`)

// NewPayment is what POST /v1/payments asks for.
type NewPayment struct {
	Reference string
	Amount    Money
	Order     PaymentOrder
	Metadata  map[string]string
}

// Create creates a payment and starts its first attempt, or charges a mandate. The answer is 201, or 202 while the
// outcome is open. Without room to store what comes of it nothing is created: Unavailable with code storage_low.
func (c *Checkout) Create(ctx context.Context, r Request, in NewPayment) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	m := c.merchants[r.MerchantID]
	if m == nil {
		return Answer{}, &Error{Kind: Forbidden, Code: "forbidden", Message: "the merchant is not configured"}
	}
	if err := c.validate(m, &in); err != nil {
		return Answer{}, err
	}
	if err := c.store.Room(); err != nil {
		return Answer{}, err // what is left is for what comes of the payments that are there
	}
	mandate, err := c.mandateFor(ctx, r.MerchantID, &in)
	if err != nil {
		return Answer{}, err
	}
	account, caps, err := c.route(m, &in.Order, in.Amount)
	if err != nil {
		return Answer{}, err
	}
	if err := account.charges(mandate, caps, &in.Order); err != nil {
		return Answer{}, err
	}
	p := &Payment{ID: newID(prefixPayment), MerchantID: r.MerchantID, Reference: in.Reference, Amount: in.Amount, Order: in.Order,
		Metadata: in.Metadata, CreatedAt: now()}
	ans, err := c.begun(ctx, r, p.ID, func(tx Tx) (*amendment, *Operation, error) {
		a := &amendment{Payment: p.clone(), tx: tx, now: p.CreatedAt, cause: r.cause(), pace: c.pace, teller: c}
		at := a.newAttempt(c, account, caps)
		if mandate != nil {
			at.Display = mandate.Display // until the provider tells another
		}
		o, err := c.startOperation(a, at, account, mandate)
		return a, o, err
	}, paymentAnswer(201))
	if e, ok := errors.AsType[*Error](err); ok && e.Code == "reference_exists" {
		e.Object, _ = c.store.PaymentID(ctx, r.MerchantID, in.Reference) // without it the problem is told all the same
	}
	return ans, err
}

// newAttempt adds the next attempt of the payment, pinned to account.
func (a *amendment) newAttempt(c *Checkout, account *Account, caps *MethodCaps) *Attempt {
	at := &Attempt{ID: newID(prefixAttempt), PaymentID: a.ID, Number: len(a.Attempts) + 1, Account: account.Name, Provider: account.Provider,
		Method: a.Order.Method, Amount: a.Amount, Retries: caps.RetriesOnPage, CreatedAt: a.now}
	at.Reference = account.attemptReference(a.MerchantID, a.Payment.Reference, at.Number)
	a.Attempts = append(a.Attempts, at)
	a.refs = append(a.refs, RefOf{Account: account.Name, Ref: Ref{Kind: RefOwn, Value: at.Reference}, Place: Place{a.MerchantID, a.ID, at.ID}})
	return at
}

// RefOwn is the kind of the lookup by our own reference of an attempt.
const RefOwn = "reference"

// startOperation is the intent that begins an attempt: Start, or the charge of a mandate. What the provider would
// refuse is refused here, before anything is stored.
func (c *Checkout) startOperation(a *amendment, at *Attempt, account *Account, mandate *Mandate) (*Operation, error) {
	order := c.order(a.Payment, at)
	if mandate == nil {
		in := StartInput{Order: order, Method: at.Method, Token: a.Order.Token, Delivery: a.Order.Delivery}
		o, err := a.intend(account, at, OpStart, a.Amount, in, nil)
		if err == nil && account.checker != nil {
			err = account.checker.CheckStart(o.Op, in)
		}
		return o, err
	}
	known := Known{Reference: mandate.Reference, Refs: mandate.Refs, Memo: mandate.Memo, Method: mandate.Method}
	in := ChargeMandateInput{Mandate: known, SaveKind: mandate.Kind, Order: order, BuyerPresent: !a.Order.OffSession}
	o, err := a.intend(account, at, OpChargeMandate, a.Amount, in, nil)
	if err == nil && account.checker != nil {
		err = account.checker.CheckChargeMandate(o.Op, in)
	}
	return o, err
}

// order is what the provider is told of the payment.
func (c *Checkout) order(p *Payment, at *Attempt) Order {
	o := p.Order
	authorize := p.Amount
	if o.Authorize != nil {
		authorize.Minor = *o.Authorize
	}
	return Order{MerchantReference: p.Reference, Amount: p.Amount, Authorize: authorize, Capture: o.Capture, AllowPending: o.Pending, Buyer: o.Buyer,
		Items: o.Items, Description: o.Description, Channel: o.Channel, Save: o.Save,
		Returns: c.returns(p.ID, at.Number)}
}

// returns are our addresses for a buyer who comes back from the provider, each with a token of its own.
func (c *Checkout) returns(subject string, number int) ReturnURLs {
	url := func(leg Leg) string { return c.publicURL + "/return/" + c.tokens.Return(subject, number, leg) }
	return ReturnURLs{Review: url(LegReview), Result: url(LegResult), Success: url(LegSuccess), Error: url(LegError), Cancel: url(LegBack)}
}

// Confirm confirms what the buyer chose while a payment requires confirmation, as it was shown: with version, nothing is
// confirmed that was changed since. Of a payment that requires a payment method it starts another attempt, with another
// method or account if told.
func (c *Checkout) Confirm(ctx context.Context, r Request, id string, method *Method, account string, version *int64) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	m := c.merchants[r.MerchantID]
	if m == nil {
		return Answer{}, notFound("payment")
	}
	return c.begun(ctx, r, id, func(tx Tx) (*amendment, *Operation, error) {
		a, err := c.load(ctx, tx, r, id)
		if err != nil {
			return nil, nil, err
		}
		if version != nil && *version != a.Version {
			return nil, nil, conflict("version_conflict", "the payment has another version: %d", a.Version)
		}
		if !slices.Contains(a.AllowedActions(), "confirm") {
			return nil, nil, a.notAllowed("be confirmed")
		}
		if a.Status == StatusRequiresConfirmation {
			o, err := c.confirmReview(a, method, account)
			return a, o, err
		}
		if a.Order.Token = ""; method != nil { // a token belongs to the account it was given at
			a.Order.Method = *method
		}
		a.Order.Account = account
		acc, caps, err := c.route(m, &a.Order, a.Amount)
		if err != nil {
			return nil, nil, err
		}
		o, err := c.startOperation(a, a.newAttempt(c, acc, caps), acc, nil)
		return a, o, err
	}, paymentAnswer(200))
}

// confirmReview is the intent to confirm what the buyer chose.
func (c *Checkout) confirmReview(a *amendment, method *Method, account string) (*Operation, error) {
	at := a.Latest()
	if method != nil || account != "" && account != at.Account {
		pointer := "/account"
		if method != nil {
			pointer = "/method"
		}
		return nil, invalid("capability_unsupported", pointer, "the buyer has chosen at account %s; cancel the payment to have him pay otherwise", at.Account)
	}
	acc, err := c.account(at.Account)
	if err != nil {
		return nil, err
	}
	if acc.confirmer == nil {
		return nil, invalid("capability_unsupported", "", "account %s cannot confirm", acc.Name)
	}
	return a.intendConfirm(c, acc, at)
}

// account is the account that something was begun at. One that is no longer configured can do nothing, which is
// Unavailable with code provider_unavailable: what was begun waits until it is configured again.
func (c *Checkout) account(name string) (*Account, error) {
	if a := c.accounts[name]; a != nil {
		return a, nil
	}
	return nil, &Error{Kind: Unavailable, Op: "core.account", Code: "provider_unavailable",
		Message: fmt.Sprintf("nothing was done: the account %s is not configured any more", name)}
}

// load begins an amendment of a payment for a merchant's request.
func (c *Checkout) load(ctx context.Context, tx Tx, r Request, id string) (*amendment, error) {
	if !validID(prefixPayment, id) {
		return nil, notFound("payment") // what sets up a mandate alone is none to a merchant
	}
	return c.loadAny(ctx, tx, r, id)
}

// loadAny is load for what belongs to a mandate: a payment, or its set-up.
func (c *Checkout) loadAny(ctx context.Context, tx Tx, r Request, id string) (*amendment, error) {
	p, err := tx.Payment(ctx, r.MerchantID, id)
	if err != nil {
		return nil, err
	}
	return &amendment{Payment: p, before: p.clone(), tx: tx, now: now(), cause: r.cause(), pace: c.pace, teller: c}, nil
}

// notAllowed says that the present state does not allow action, and what it allows.
func (p *Payment) notAllowed(action string) *Error {
	e := conflict("state_invalid", "a payment that is %s cannot %s", p.Status, action)
	e.Allowed, e.Final = p.AllowedActions(), p.Status.final()
	return e
}

// notAllowed says as well what can be released at its provider although the payment has no use for it: an authorization that
// is not decided, and what was given up here and is held there.
func (a *amendment) notAllowed(action string) *Error {
	e := a.Payment.notAllowed(action)
	if !slices.Contains(e.Allowed, "cancel") && a.toVoid(a.teller) != nil {
		e.Allowed = append(e.Allowed, "cancel")
	}
	return e
}

// nothingLeft says that there is nothing to capture or to refund. What is refunded completely stays so; money that the
// buyer's bank took back may be won, and then there is something to refund.
func (a *amendment) nothingLeft(action string) *Error {
	e := a.notAllowed("be " + map[string]string{"capture": "captured", "refund": "refunded"}[action])
	if a.Amounts.Captured > 0 {
		e.Message = "nothing is left to " + action
		e.Final = e.Final && (action == "capture" || a.Amounts.Refunded >= a.Amounts.Captured)
	}
	return e
}

// AllowedActions are what a merchant may ask of the payment now.
func (p *Payment) AllowedActions() []string {
	out := []string{"sync"}
	if p.Amounts.Capturable > 0 {
		out = append(out, "capture")
	}
	if p.Amounts.Refundable > 0 {
		out = append(out, "refund")
	}
	if slices.ContainsFunc(p.Attempts, func(at *Attempt) bool { return p.reservable(at) > 0 }) {
		out = append(out, "authorize")
	}
	if p.NeedsReview || len(p.Doubts()) > 0 {
		out = append(out, "resolve") // by an operator
	}
	if at := p.Latest(); p.Status == StatusRequiresAction && at.Next != nil {
		out = append(out, "complete")
	}
	switch p.Status {
	case StatusRequiresConfirmation:
		out = append(out, "cancel", "confirm", "update")
	case StatusRequiresAction, StatusRequiresCapture:
		out = append(out, "cancel")
	case StatusPartiallyCaptured, StatusSucceeded:
		if p.Amounts.Capturable > 0 || p.overheld() {
			out = append(out, "cancel")
		}
	case StatusRequiresPaymentMethod:
		if out = append(out, "cancel"); !p.Order.OffSession {
			out = append(out, "confirm")
		}
	}
	return out
}

// Payment reads a payment; with refresh the provider is asked first, if it can be.
func (c *Checkout) Payment(ctx context.Context, merchant, id string, refresh bool) (*Payment, error) {
	if !validID(prefixPayment, id) {
		return nil, notFound("payment")
	}
	if refresh {
		if p, err := c.Sync(ctx, merchant, id); err == nil || KindOf(err) != Unavailable {
			return p, err
		}
	}
	return c.store.Payment(ctx, merchant, id)
}

// from completes evidence that belongs to the payment as a whole.
func (a *amendment) from(e Evidence) Evidence {
	e.PaymentID, e.CreatedAt = a.ID, a.now
	return e
}

func paymentAnswer(status int) func(*Payment, *Operation) Answer {
	return func(p *Payment, o *Operation) Answer {
		s := status
		if o != nil && o.open() || p.Status == StatusProcessing {
			s = 202
		}
		return Answer{Status: s, Kind: "payment", Snapshot: snapshot(p.View())}
	}
}

func deref(a *Answer) Answer {
	if a == nil {
		return Answer{}
	}
	return *a
}

func frozen(v any) json.RawMessage { return detail(v) }
