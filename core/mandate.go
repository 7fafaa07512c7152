package core

import (
	"context"
	"reflect"
	"strings"
	"time"
)

// MemoToken is the name under which an adapter keeps the token of a stored instrument in its memo, so that it can be
// shown to the buyer on a hosted page again.
const MemoToken = "token"

// mandateOf is the id of the mandate that is given with a payment.
func mandateOf(paymentID string) string {
	return prefixMandate + strings.TrimPrefix(paymentID, prefixPayment)
}

// mandateEvents name the event that tells of a mandate's new status; processing is told by the payment.
var mandateEvents = map[MandateStatus]string{
	MandateRequiresAction: "mandate.action_required", MandateIsActive: "mandate.active", MandateIsSuspended: "mandate.suspended",
	MandateIsCanceled: "mandate.canceled", MandateIsExpired: "mandate.expired", MandateHasFailed: "mandate.failed",
}

// mandate is the mandate given with the payment, if this change creates or changes it, with the event that tells of it.
func (a *amendment) mandate() (*Mandate, []news, error) {
	if a.Order.Save.Kind == SaveNone || a.Order.Mandate != "" {
		return nil, nil, nil
	}
	at := a.shown()
	if at == nil {
		return nil, nil, nil
	}
	if a.before == nil {
		return &Mandate{ID: mandateOf(a.ID), MerchantID: a.MerchantID, Account: at.Account, Provider: at.Provider, Kind: a.Order.Save.Kind,
			Recurring: a.Order.Save.Recurring, Status: MandateRequiresAction, Method: at.Method, PaymentID: a.ID, AttemptID: at.ID,
			Reference: at.Reference, CreatedAt: a.now, UpdatedAt: a.now}, nil, nil
	}
	m, err := a.tx.Mandate(context.Background(), a.MerchantID, mandateOf(a.ID))
	if err != nil {
		return nil, nil, err
	}
	was := *m
	m.Status, m.Account, m.Provider, m.AttemptID, m.Reference = a.mandateStatus(at), at.Account, at.Provider, at.ID, at.Reference
	m.Method, m.Display, m.Refs, m.Memo = at.Method, at.Display, at.Refs, at.Memo
	if reflect.DeepEqual(was, *m) {
		return nil, nil, nil
	}
	m.UpdatedAt = a.now
	kind, ok := mandateEvents[m.Status]
	if !ok || m.Status == was.Status {
		return m, nil, nil
	}
	v := m.View()
	v.Version++ // as it is stored with this event
	return m, []news{{kind, v}}, nil
}

// View is a mandate as merchants see it: without the provider's token.
func (m *Mandate) View() MandateView {
	return MandateView{ID: m.ID, Payment: m.PaymentID, Account: m.Account, Provider: m.Provider, Kind: m.Kind, Recurring: m.Recurring, Status: m.Status,
		Method: m.Method, Display: m.Display, Reference: m.Reference, Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt}
}

// MandateView is a mandate as merchants see it.
type MandateView struct {
	ID        string        `json:"id"`
	Payment   string        `json:"payment"`
	Account   string        `json:"account"`
	Provider  string        `json:"provider"`
	Kind      SaveKind      `json:"kind"`
	Recurring *Recurring    `json:"recurring,omitempty"`
	Status    MandateStatus `json:"status"`
	Method    Method        `json:"method"`
	Display   string        `json:"display,omitempty"`
	Reference string        `json:"reference"`
	Version   int64         `json:"version"`
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at"`
}

// mandateStatus is what the facts say about the mandate. Active and suspended go both ways, so of those the fact that
// happened last wins; an end is final (port F10).
func (p *Payment) mandateStatus(at *Attempt) MandateStatus {
	var latest time.Time
	active, suspended, closed, refused := false, false, false, false
	for i := range p.Facts {
		e := &p.Facts[i]
		if e.AttemptID != at.ID || e.Strength == Hint {
			continue
		}
		switch e.Kind {
		case MandateClosed:
			closed = true
		case MandateRefused:
			refused = true
		case MandateActive:
			if e.OccurredAt.After(latest) || !active && !suspended {
				active, suspended, latest = true, false, e.OccurredAt
			}
		case MandateSuspended:
			if !e.OccurredAt.Before(latest) {
				active, suspended, latest = false, true, e.OccurredAt
			}
		}
	}
	switch {
	case closed:
		return MandateIsCanceled
	case suspended:
		return MandateIsSuspended
	case active && (p.Amounts.Authorized > 0 || len(p.tallyOf(at).agreed) > 0):
		return MandateIsActive // an instrument is only as good as the payment it came with
	case refused || p.Status == StatusFailed || p.Status == StatusCanceled:
		return MandateHasFailed
	case p.Status == StatusProcessing:
		return MandateProcessing
	default:
		return MandateRequiresAction
	}
}

// mandateFor is the mandate a new payment is to be charged to, nil for none. With the buyer present its instrument is
// only offered on the provider's page.
func (c *Checkout) mandateFor(ctx context.Context, merchant string, in *NewPayment) (*Mandate, error) {
	o := &in.Order
	if o.Mandate == "" {
		if o.OffSession {
			return nil, invalid("capability_unsupported", "/off_session", "a charge off session needs a mandate")
		}
		return nil, nil
	}
	if o.Save.Kind != SaveNone {
		return nil, invalid("capability_unsupported", "/save", "a payment that uses a mandate cannot store another")
	}
	m, err := c.store.Mandate(ctx, merchant, o.Mandate)
	if KindOf(err) == NotFound && err != nil {
		return nil, invalid("field_invalid", "/mandate", "there is no such mandate")
	}
	if err != nil {
		return nil, err
	}
	if m.Status != MandateIsActive {
		return nil, conflict("mandate_not_active", "the mandate is %s", m.Status)
	}
	if o.Account != "" && o.Account != m.Account {
		return nil, invalid("account_unknown", "/account", "the mandate was given at account %s", m.Account)
	}
	o.Account, o.Method = m.Account, m.Method
	if !o.OffSession {
		o.Token = m.Memo[MemoToken]
		return nil, nil
	}
	return m, nil
}

// Mandate reads a mandate.
func (c *Checkout) Mandate(ctx context.Context, merchant, id string) (*Mandate, error) {
	return c.store.Mandate(ctx, merchant, id)
}

// CancelMandate ends a mandate at the provider. It is an operation of the payment the mandate was given with.
func (c *Checkout) CancelMandate(ctx context.Context, r Request, id, reason string) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	m, err := c.store.Mandate(ctx, r.MerchantID, id)
	if err != nil {
		return Answer{}, err
	}
	if m.Status != MandateIsActive && m.Status != MandateIsSuspended {
		return Answer{}, conflict("mandate_not_active", "the mandate is %s", m.Status)
	}
	account, err := c.account(m.Account)
	if err != nil {
		return Answer{}, err
	}
	if account.canceler == nil {
		return Answer{}, invalid("capability_unsupported", "", "account %s cannot end a mandate", account.Name)
	}
	return c.begun(ctx, r, m.PaymentID, func(tx Tx) (*amendment, *Operation, error) {
		a, err := c.load(ctx, tx, r, m.PaymentID)
		if err != nil {
			return nil, nil, err
		}
		at := a.attempt(m.AttemptID)
		known := Known{Reference: m.Reference, Amount: at.Amount, Refs: m.Refs, Memo: m.Memo, Method: m.Method}
		o, err := a.intend(account, at, OpCancelMandate, Money{0, a.Amount.Currency}, CancelMandateInput{Mandate: known, Reason: reason}, nil)
		return a, o, err
	}, mandateAnswer(m))
}

// mandateAnswer answers about m as this change stored it, or as it was.
func mandateAnswer(m *Mandate) func(*Payment, *Operation) Answer {
	return func(p *Payment, o *Operation) Answer {
		shown := m
		if p.mandate != nil {
			shown = p.mandate
		}
		ans := Answer{Status: 200, Kind: "mandate", Snapshot: snapshot(shown.View())}
		if o.open() {
			ans.Status = 202
		}
		return ans
	}
}
