package core

import (
	"context"
	"reflect"
	"strings"
	"time"
)

// Mandate is a buyer's stored consent.
type Mandate struct {
	ID         string
	MerchantID string
	Account    string
	Provider   string
	Kind       SaveKind
	Recurring  *Recurring // with SaveRecurring
	Status     MandateStatus
	Method     Method
	Display    string
	Refs       Refs
	Memo       Refs
	PaymentID  string // the payment it was given with; its own id when it was set up without one
	AttemptID  string
	Reference  string // ours at the provider

	MerchantReference string // of one that was set up without a payment; unique per merchant among those
	Metadata          map[string]string
	Next              *NextAction    // what the buyer must do: to give the consent without a payment, or to change its instrument
	Change            *MandateChange // the last change of its instrument that was asked for
	LastError         *Failure
	NeedsReview       bool

	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// MandateChange is a page on which the buyer may change the instrument of a mandate, and where he goes from there.
type MandateChange struct {
	Operation string    `json:"operation"`
	Number    int       `json:"number"` // of the return addresses
	ReturnURL string    `json:"return_url"`
	CancelURL string    `json:"cancel_url,omitempty"`
	AskedAt   time.Time `json:"asked_at"`
}

// MandateStatus is where a mandate stands.
type MandateStatus string

// The statuses of a mandate.
const (
	MandateRequiresAction MandateStatus = "requires_action"
	MandateProcessing     MandateStatus = "processing"
	MandateIsActive       MandateStatus = "active"
	MandateIsSuspended    MandateStatus = "suspended"
	MandateIsCanceled     MandateStatus = "canceled"
	MandateIsExpired      MandateStatus = "expired"
	MandateHasFailed      MandateStatus = "failed"
)

// MemoToken is the name under which an adapter keeps the token of a stored instrument in its memo, so that it can be
// shown to the buyer on a hosted page again.
const MemoToken = "token"

// mandateOf is the id of the mandate that is given with a payment, or that is all there is to a set-up.
func mandateOf(subject string) string {
	return prefixMandate + strings.TrimPrefix(strings.TrimPrefix(subject, prefixPayment), prefixMandate)
}

// mandateEvents name the event that tells of a mandate's new status. That it is being processed its payment tells, or
// the answer to whoever sets it up.
var mandateEvents = map[MandateStatus]string{
	MandateRequiresAction: "mandate.action_required", MandateIsActive: "mandate.active", MandateIsSuspended: "mandate.suspended",
	MandateIsCanceled: "mandate.canceled", MandateIsExpired: "mandate.expired", MandateHasFailed: "mandate.failed",
}

// mandatePage is what a change does to the page on which the buyer changes the instrument of a mandate.
type mandatePage struct {
	asked *MandateChange // one is asked for
	next  *NextAction    // there it is
	over  bool           // nothing more is to be done there
}

// mandate is the mandate of the payment, if this change creates or changes it, with the events that tell of it.
func (a *amendment) mandate() (*Mandate, []news, error) {
	if a.Order.Save.Kind == SaveNone || a.Order.Mandate != "" {
		return nil, nil, nil
	}
	at := a.shown()
	if at == nil {
		return nil, nil, nil
	}
	if a.before == nil {
		m := &Mandate{ID: mandateOf(a.ID), MerchantID: a.MerchantID, Account: at.Account, Provider: at.Provider, Kind: a.Order.Save.Kind,
			Recurring: a.Order.Save.Recurring, Status: MandateRequiresAction, Method: at.Method, PaymentID: a.ID, AttemptID: at.ID,
			Reference: at.Reference, CreatedAt: a.now, UpdatedAt: a.now}
		if a.Order.SetUp {
			m.Status, m.MerchantReference, m.Metadata, m.Next = a.mandateStatus(at), a.setUpReference(), a.Metadata, a.View().Next
		}
		return m, nil, nil
	}
	m, err := a.tx.Mandate(context.Background(), a.MerchantID, mandateOf(a.ID))
	if err != nil {
		return nil, nil, err
	}
	was := *m
	a.bring(m, at)
	if reflect.DeepEqual(was, *m) {
		a.Payment.mandate = m
		return nil, nil, nil
	}
	m.UpdatedAt = a.now
	return m, a.mandateNews(&was, m), nil
}

// bring makes m what the facts and operations of its attempt say it is.
func (a *amendment) bring(m *Mandate, at *Attempt) {
	m.Status, m.Account, m.Provider, m.AttemptID, m.Reference = a.mandateStatus(at), at.Account, at.Provider, at.ID, at.Reference
	m.Method, m.Display, m.Refs, m.Memo = at.Method, at.Display, at.Refs, at.Memo
	m.Recurring, m.LastError = a.plan(at), a.mandateError(at, m.Status)
	m.NeedsReview = a.Order.SetUp && a.NeedsReview
	usable := m.Status == MandateIsActive || m.Status == MandateIsSuspended
	switch {
	case a.page.asked != nil:
		m.Change, m.Next = a.page.asked, nil
	case a.page.next != nil && usable:
		m.Next = a.page.next
	case usable && m.Change != nil && !a.page.over: // he is there, or on his way
	case a.Order.SetUp && !usable:
		m.Next = a.View().Next
	default:
		m.Next = nil
	}
}

// mandateNews are the events that follow from the difference between was and m.
func (a *amendment) mandateNews(was, m *Mandate) []news {
	kind := mandateEvents[m.Status]
	switch {
	case m.Status != was.Status && m.Status == MandateHasFailed && a.Order.SetUp && a.Status == StatusRequiresPaymentMethod:
		return nil // nothing left here, and whoever asked may ask again with the same key
	case m.Status != was.Status:
	case was.Next == nil && a.page.next != nil && m.Next != nil:
		kind = "mandate.action_required"
	case m.Status == MandateIsActive && (was.Display != "" && m.Display != was.Display || !reflect.DeepEqual(m.Recurring, was.Recurring)):
		kind = "mandate.updated"
	default:
		kind = ""
	}
	if kind == "" {
		return nil
	}
	v := m.View()
	v.Version++ // as it is stored with this event
	return []news{{kind, v}}
}

// mandateEvent is an event about a mandate that is set up without a payment: none is shown.
func (a *amendment) mandateEvent(n news) (Event, error) {
	body := EventBody{ID: newID(prefixEvent), Type: n.kind, Timestamp: a.now, Data: EventData{Sequence: a.Sequence, Object: n.object, Cause: a.cause}}
	frozen, err := a.teller.freeze(body)
	return Event{ID: body.ID, MerchantID: a.MerchantID, PaymentID: a.ID, Sequence: a.Sequence, Type: n.kind, Body: frozen, CreatedAt: a.now}, err
}

// View is a mandate as merchants see it: without the provider's token.
func (m *Mandate) View() MandateView {
	v := MandateView{ID: m.ID, Account: m.Account, Provider: m.Provider, Kind: m.Kind, Recurring: m.Recurring, Status: m.Status, Method: m.Method,
		Display: m.Display, Reference: m.Reference, References: m.Refs, MerchantReference: m.MerchantReference, Metadata: m.Metadata, Next: m.Next, LastError: m.LastError,
		NeedsReview: m.NeedsReview, Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt}
	if !m.alone() {
		v.Payment = m.PaymentID
	}
	if m.Change != nil && m.Next != nil && m.Next.lapsed(now()) {
		v.Next = nil // nobody has to do it
	}
	return v
}

// alone reports whether m was set up outside of a purchase.
func (m *Mandate) alone() bool { return m.PaymentID == m.ID }

// MandateView is a mandate as merchants see it.
type MandateView struct {
	ID                string            `json:"id"`
	Payment           string            `json:"payment,omitempty"` // it was given with; empty when it was set up alone
	Account           string            `json:"account"`
	Provider          string            `json:"provider"`
	Kind              SaveKind          `json:"kind"`
	Recurring         *Recurring        `json:"recurring,omitempty"`
	Status            MandateStatus     `json:"status"`
	Method            Method            `json:"method"`
	Display           string            `json:"display,omitempty"`
	Reference         string            `json:"reference"`
	References        Refs              `json:"references,omitempty"`         // the provider's own ids of it
	MerchantReference string            `json:"merchant_reference,omitempty"` // of one that was set up alone
	Metadata          map[string]string `json:"metadata,omitempty"`
	Next              *NextAction       `json:"next,omitempty"` // to give the consent without a payment, or to change its instrument
	LastError         *Failure          `json:"last_error,omitempty"`
	NeedsReview       bool              `json:"needs_review,omitempty"` // of one that was set up alone
	Version           int64             `json:"version"`
	CreatedAt         time.Time         `json:"created_at"`
	UpdatedAt         time.Time         `json:"updated_at"`
}

// mandateFor is the mandate a new payment is to be charged to, nil for none. Where a provider does not charge it while
// the buyer is there, its instrument is offered to him on the provider's page.
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
	switch m.Status {
	case MandateIsActive:
	case MandateIsSuspended:
		return nil, conflict("mandate_not_active", "the mandate is suspended: the provider refuses its instrument until the buyer has changed it")
	default:
		return nil, m.notActive()
	}
	if o.Account != "" && o.Account != m.Account {
		return nil, invalid("account_unknown", "/account", "the mandate was given at account %s", m.Account)
	}
	account := c.accounts[m.Account]
	if err := m.fits(o, account); err != nil {
		return nil, err
	}
	o.Account, o.Method = m.Account, m.Method
	if !o.OffSession && (account == nil || account.charger == nil || len(account.onSession(m.Method)) == 0) {
		o.Token = m.Memo[MemoToken]
		return nil, nil
	}
	return m, chargedWhole(in)
}

// fits tells why an order asks for another method than that of the mandate it uses; what it leaves open is the mandate's.
// A mandate that was given without a choice of method has whichever its account can do.
func (m *Mandate) fits(o *PaymentOrder, account *Account) error {
	if o.Token != "" {
		return invalid("capability_unsupported", "/method/instrument", "the instrument of a payment that uses a mandate is the mandate's")
	}
	asked := o.Method
	switch {
	case asked.Type == "any":
		asked.Type = ""
	case m.Method.Type == "any" && account != nil && account.methodCaps(asked) != nil:
		return nil
	}
	for _, part := range []struct{ name, asked, is string }{{"type", asked.Type, m.Method.Type}, {"flow", asked.Flow, m.Method.Flow},
		{"product", asked.Product, m.Method.Product}, {"option", asked.Option, m.Method.Option}} {
		if part.asked != "" && part.asked != part.is {
			return invalid("capability_unsupported", "/method/"+part.name, "a payment that uses a mandate has the method of the mandate: leave it out")
		}
	}
	return nil
}

// chargedWhole tells why an order cannot be charged to a mandate: that is one charge of the whole amount, which the buyer
// is not asked about.
func chargedWhole(in *NewPayment) error {
	switch o := &in.Order; {
	case o.Authorize != nil && *o.Authorize != in.Amount.Minor:
		return invalid("capability_unsupported", "/authorize_amount", "a mandate is charged with the whole amount at once; charge it again for what comes later")
	case o.ReviewURL != "":
		return invalid("capability_unsupported", "/review_url", "a charge of a mandate is not reviewed: the buyer is not asked")
	case !o.Delivery.empty():
		return invalid("capability_unsupported", "/delivery", "a charge of a mandate asks the buyer for no address")
	}
	return nil
}

// Mandate reads a mandate; with refresh the provider is asked first, if it can be.
func (c *Checkout) Mandate(ctx context.Context, merchant, id string, refresh bool) (*Mandate, error) {
	if !validID(prefixMandate, id) {
		return nil, notFound("mandate")
	}
	m, err := c.store.Mandate(ctx, merchant, id)
	if err != nil || !refresh {
		return m, err
	}
	if _, err := c.inquire(ctx, merchant, m.PaymentID, nil, true); err != nil && KindOf(err) != Unavailable {
		return nil, err
	}
	return c.store.Mandate(ctx, merchant, id)
}

// CancelMandate ends a mandate at the provider. It is an operation of the payment or set-up the mandate was given with. A
// set-up that the buyer has not agreed to yet is ended here; if he still does, that is told.
func (c *Checkout) CancelMandate(ctx context.Context, r Request, id, reason string) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	m, err := c.store.Mandate(ctx, r.MerchantID, id)
	if err != nil {
		return Answer{}, err
	}
	if m.alone() && (m.Status == MandateRequiresAction || m.Status == MandateProcessing) {
		return c.dropSetUp(ctx, r, m, reason)
	}
	account, err := c.usable(m)
	if err != nil {
		return Answer{}, err
	}
	if account.canceler == nil {
		return Answer{}, invalid("capability_unsupported", "", "account %s cannot end a mandate", account.Name)
	}
	return c.begun(ctx, r, m.PaymentID, func(tx Tx) (*amendment, *Operation, error) {
		a, at, err := c.loadMandate(ctx, tx, r, m)
		if err != nil {
			return nil, nil, err
		}
		o, err := a.intend(account, at, OpCancelMandate, Money{0, a.Amount.Currency}, CancelMandateInput{Mandate: a.knownOf(m, at), Reason: reason}, nil)
		return a, o, err
	}, mandateAnswer(m, 200))
}

// notActive says that the mandate cannot be used; what has ended never will be.
func (m *Mandate) notActive() *Error {
	e := conflict("mandate_not_active", "the mandate is %s", m.Status)
	e.Final = m.Status == MandateIsCanceled || m.Status == MandateIsExpired || m.Status == MandateHasFailed
	return e
}

// usable is the account of a mandate that can be charged, or could once its buyer has changed its instrument.
func (c *Checkout) usable(m *Mandate) (*Account, error) {
	if m.Status != MandateIsActive && m.Status != MandateIsSuspended {
		return nil, m.notActive()
	}
	return c.account(m.Account)
}

// loadMandate begins an amendment of what a mandate was given with.
func (c *Checkout) loadMandate(ctx context.Context, tx Tx, r Request, m *Mandate) (*amendment, *Attempt, error) {
	a, err := c.loadAny(ctx, tx, r, m.PaymentID)
	if err != nil {
		return nil, nil, err
	}
	return a, a.attempt(m.AttemptID), nil
}

// knownOf is what the adapter is handed of a mandate.
func (a *amendment) knownOf(m *Mandate, at *Attempt) Known {
	return Known{Reference: m.Reference, Amount: at.Amount, Refs: m.Refs, Memo: m.Memo, Method: m.Method}
}

// mandateAnswer answers about the mandate as it is stored with the change, or as m was before.
func mandateAnswer(m *Mandate, status int) func(*Payment, *Operation) Answer {
	return func(p *Payment, o *Operation) Answer {
		shown := m
		if p.mandate != nil {
			shown = p.mandate
		}
		ans := Answer{Status: status, Kind: "mandate", Snapshot: snapshot(shown.View())}
		if o != nil && o.open() || shown.Status == MandateProcessing {
			ans.Status = 202
		}
		return ans
	}
}
