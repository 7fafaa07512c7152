package core

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// A mandate that is set up outside of a purchase is kept as a purchase of nothing: a row of payments with amount 0 that
// has the mandate's own id, and one attempt. Intent, call, result, facts, evidence, feedback, returns and the schedule of
// questions then work for it as they do for money, and what becomes of it is told by the same facts; a second ledger
// would be all of that again. No merchant ever sees that row: nothing that is asked for as a payment has such an id, lists
// of payments leave it out, and of its events only those of the mandate are told.

// setUpPrefix keeps the references of set-ups apart from those of payments, which have no colon.
const setUpPrefix = "mandate:"

func (p *Payment) setUpReference() string { return strings.TrimPrefix(p.Reference, setUpPrefix) }

// Mandate is the mandate that p is the set-up of, empty when it is a payment.
func (p Place) Mandate() string {
	if validID(prefixMandate, p.PaymentID) {
		return p.PaymentID
	}
	return ""
}

// NewMandate is what POST /v1/mandates asks for. Order says how and for whom, and what kind of consent (Save).
type NewMandate struct {
	Reference string // the merchant's own, unique among those of his set-ups
	Currency  string // what it will be charged in
	Order     PaymentOrder
	Metadata  map[string]string
}

// SetUp asks a buyer for his consent to be charged later, outside of a purchase. The answer is 201 with what he must do,
// or 202 while the outcome is open.
func (c *Checkout) SetUp(ctx context.Context, r Request, in NewMandate) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	m := c.merchants[r.MerchantID]
	if m == nil {
		return Answer{}, &Error{Kind: Forbidden, Code: "forbidden", Message: "the merchant is not configured"}
	}
	if err := c.validateSetUp(m, &in); err != nil {
		return Answer{}, err
	}
	if err := c.store.Room(); err != nil {
		return Answer{}, err
	}
	account, caps, err := c.route(m, &in.Order, Money{0, in.Currency})
	if err != nil {
		return Answer{}, err
	}
	p := &Payment{ID: newID(prefixMandate), MerchantID: r.MerchantID, Reference: setUpPrefix + in.Reference, Amount: Money{0, in.Currency},
		Order: in.Order, Metadata: in.Metadata, CreatedAt: now()}
	ans, err := c.begun(ctx, r, p.ID, func(tx Tx) (*amendment, *Operation, error) {
		a := &amendment{Payment: p.clone(), tx: tx, now: p.CreatedAt, cause: r.cause(), pace: c.pace, teller: c}
		o, err := c.startSetUp(a, a.newAttempt(c, account, caps), account)
		return a, o, err
	}, mandateAnswer(nil, 201))
	if e, ok := errors.AsType[*Error](err); ok && e.Code == "reference_exists" {
		e.Object, _ = c.store.PaymentID(ctx, r.MerchantID, p.Reference)
		e.Message = "there is a mandate with this merchant_reference already"
	}
	return ans, err
}

// startSetUp is the intent that begins a set-up. What the provider would refuse is refused here, before anything is stored.
func (c *Checkout) startSetUp(a *amendment, at *Attempt, account *Account) (*Operation, error) {
	order := c.order(a.Payment, at)
	in := MandateInput{MerchantReference: a.setUpReference(), Description: order.Description, Save: order.Save, Method: at.Method, Buyer: order.Buyer, Returns: order.Returns}
	o, err := a.intend(account, at, OpStartMandate, a.Amount, in, nil)
	if err == nil && account.mandateChecker != nil {
		err = account.mandateChecker.CheckStartMandate(o.Op, in)
	}
	return o, err
}

func (c *Checkout) validateSetUp(m *Merchant, in *NewMandate) error {
	o := &in.Order
	o.SetUp, o.Mandate, o.OffSession = true, "", false
	if o.Capture == "" {
		o.Capture = CaptureAutomatic
	}
	if o.Save.Kind != SaveRecurring && o.Save.Kind != SaveUnscheduled {
		return invalid("field_invalid", "/kind", "a mandate is recurring or unscheduled")
	}
	if o.Save.Recurring != nil && o.Save.Kind != SaveRecurring {
		return invalid("field_invalid", "/recurring", "only a recurring mandate has a plan")
	}
	if o.Save.Recurring == nil && o.Save.Kind == SaveRecurring {
		return invalid("field_invalid", "/recurring", "a recurring mandate needs the plan that the buyer agrees to")
	}
	as := NewPayment{Reference: in.Reference, Amount: Money{1, in.Currency}, Order: *o}
	err := c.validate(m, &as)
	*o = as.Order
	return err
}

// dropSetUp ends a set-up that the buyer has not agreed to.
func (c *Checkout) dropSetUp(ctx context.Context, r Request, m *Mandate, reason string) (Answer, error) {
	var ans Answer
	_, err := c.amend(ctx, "", m.PaymentID, r.cause(), func(a *amendment) error {
		switch {
		case a.fulfilled():
			return conflict("state_invalid", "the mandate changed meanwhile; read it again")
		case slices.ContainsFunc(a.Operations, (*Operation).open):
			return conflict("operation_in_progress", "the mandate is still being set up")
		}
		a.Canceled, a.CancelReason = true, or(reason, "requested_by_merchant")
		a.evidence = append(a.evidence, a.from(r.evidence()))
		a.then = func() error { ans = mandateAnswer(m, 200)(a.Payment, nil); return r.remember(a, ans) }
		return nil
	})
	return ans, err
}
