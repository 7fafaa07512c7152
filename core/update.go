package core

import (
	"bytes"
	"context"
	"encoding/json"
)

// Changes are what PATCH /v1/payments/{id} asks for; nil leaves a member as it is. Amount, Shipping and Items change the
// order, which the provider is told, and may be changed while a review is open only.
type Changes struct {
	Metadata    map[string]string // replaces all
	Description *string
	Amount      *int64 // minor units
	Shipping    *Address
	Items       *[]LineItem
}

func (ch Changes) order() bool { return ch.Amount != nil || ch.Shipping != nil || ch.Items != nil }

// answerRefused is the kind of the answer to a change that the provider refused.
const answerRefused = "refused"

// Patch changes what a payment says. Metadata and description alone are only stored here. What concerns the order is an
// operation at the provider: nothing of the request counts before it has taken it, all of it then, and nothing when it
// refuses, which is Invalid with code update_declined. Asking again for what is there already does nothing, so that the
// request may be repeated without a key. The answer is 200 with the payment, or 202 while the outcome is open.
func (c *Checkout) Patch(ctx context.Context, r Request, id string, ch Changes) (Answer, error) {
	if !validID(prefixPayment, id) {
		return Answer{}, notFound("payment")
	}
	if !ch.order() {
		return c.patchHere(ctx, r, id, ch)
	}
	if err := c.settleDoubt(ctx, r.MerchantID, id); err != nil {
		return Answer{}, err
	}
	p, err := c.store.Payment(ctx, r.MerchantID, id)
	if err != nil {
		return Answer{}, err
	}
	if p.Status == StatusRequiresConfirmation && p.openOperation() == nil && !p.differs(ch) {
		return c.patchHere(ctx, r, id, ch)
	}
	ans, err := c.operate(ctx, r, id, func(tx Tx) (*amendment, *Operation, error) {
		a, err := c.load(ctx, tx, r, id)
		if err != nil {
			return nil, nil, err
		}
		o, err := a.intendUpdate(c, ch)
		return a, o, err
	}, updateAnswer)
	if err != nil || ans.Kind != answerRefused {
		return ans, err
	}
	var f Failure
	if err := json.Unmarshal(ans.Snapshot, &f); err != nil {
		return Answer{}, err
	}
	return Answer{}, invalid("update_declined", "", "the provider refused the change and nothing was changed: %s", or(f.ProviderMessage, or(f.ProviderCode, "it does not say why")))
}

func updateAnswer(p *Payment, o *Operation) Answer {
	if o.State == OpDeclined {
		f := o.Failure
		if f == nil {
			f = &Failure{}
		}
		return Answer{Status: 422, Kind: answerRefused, Snapshot: snapshot(f)}
	}
	return paymentAnswer(200)(p, o)
}

// patchHere changes what does not concern the provider.
func (c *Checkout) patchHere(ctx context.Context, r Request, id string, ch Changes) (Answer, error) {
	p, err := c.amend(ctx, r.MerchantID, id, r.cause(), func(a *amendment) error {
		if ch.Metadata != nil {
			a.Metadata = ch.Metadata
		}
		if ch.Description != nil {
			a.Order.Description = *ch.Description
		}
		a.evidence = append(a.evidence, a.from(r.evidence()))
		return nil
	})
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: 200, Kind: "payment", Snapshot: snapshot(p.View())}, nil
}

// differs reports whether ch asks for another order than there is.
func (p *Payment) differs(ch Changes) bool {
	q := p.clone()
	q.change(ch)
	return q.Amount != p.Amount || !bytes.Equal(frozen(q.Order), frozen(p.Order))
}

// change makes the order what ch asks for.
func (p *Payment) change(ch Changes) {
	if ch.Description != nil {
		p.Order.Description = *ch.Description
	}
	if ch.Amount != nil {
		p.Amount.Minor = *ch.Amount
	}
	if ch.Shipping != nil {
		p.Order.Buyer.Shipping = ch.Shipping
	}
	if ch.Items != nil {
		p.Order.Items = *ch.Items
	}
}

// intendUpdate is the intent to tell the provider of another order, or why it cannot be.
func (a *amendment) intendUpdate(c *Checkout, ch Changes) (*Operation, error) {
	at := a.Latest()
	account, err := c.account(at.Account)
	if err != nil {
		return nil, err
	}
	if o := a.openOperation(); o != nil {
		if err := (&Operation{Op: Op{Kind: OpUpdate}}).beside(o, account); err != nil {
			return nil, err
		}
	}
	if a.Status != StatusRequiresConfirmation {
		return nil, a.notAllowed("have its order changed")
	}
	caps := account.methodCaps(at.Method)
	if caps == nil || !caps.Update || account.updater == nil {
		return nil, invalid("capability_unsupported", "", "account %s cannot change an order that the buyer has seen", account.Name)
	}
	if ch.Shipping != nil && !caps.UpdateShipping {
		return nil, invalid("capability_unsupported", "/shipping_address", "at account %s the buyer alone chooses the delivery address", account.Name)
	}
	asked := a.clone()
	asked.change(ch)
	part := a.Order.Authorize
	switch amount := asked.Amount; {
	case amount.Minor <= 0:
		return nil, invalid("amount_invalid", "/amount", "the amount is a positive number of minor units")
	case caps.Max > 0 && amount.Minor > caps.Max:
		return nil, invalid("amount_too_large", "/amount", "account %s takes at most %s", account.Name, Money{caps.Max, amount.Currency})
	case part != nil && *part > amount.Minor:
		return nil, invalid("amount_invalid", "/amount", "%s of it are to be authorized", Money{*part, amount.Currency})
	}
	order := c.order(asked, at)
	return a.intend(account, at, OpUpdate, asked.Amount, UpdateInput{Known: a.known(at), Order: order}, func(o *Operation) { o.Metadata = ch.Metadata })
}

// updated makes the order what the provider has just taken.
func (a *amendment) updated(o *Operation) {
	var in UpdateInput
	at := a.attempt(o.AttemptID)
	if json.Unmarshal(o.Input, &in) != nil || at != a.Latest() {
		return // the order of another attempt is not changed by it
	}
	at.Amount, a.Amount = in.Order.Amount, in.Order.Amount
	a.Order.Description, a.Order.Items, a.Order.Buyer.Shipping = in.Description, in.Items, in.Buyer.Shipping
	if o.Metadata != nil {
		a.Metadata = o.Metadata
	}
}
