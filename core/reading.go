package core

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// List is part of a list, newest first. Next asks for what follows; empty at the end.
type List[T any] struct {
	Items []T
	Next  string
}

const (
	defaultPage = 20
	maxPage     = 100
)

// page checks limit and cursor of a list of merchant's items, whose ids begin with prefix, and asks for one item more
// than is shown.
func (c *Checkout) page(merchant, prefix string, limit int, cursor string) (Page, error) {
	if limit == 0 {
		limit = defaultPage
	}
	if limit < 1 || limit > maxPage {
		return Page{}, &Error{Kind: Invalid, Code: "query_invalid", Message: "limit is 1 to 100"}
	}
	p := Page{Limit: limit + 1}
	if cursor == "" {
		return p, nil
	}
	id, err := c.tokens.parseCursor(merchant, cursor)
	if err == nil && !validID(prefix, id) {
		err = errCursor // of another list
	}
	p.Before = id
	return p, err
}

func listOf[T any](c *Checkout, merchant string, p Page, items []T, id func(T) string) List[T] {
	l := List[T]{Items: items}
	if len(items) == p.Limit {
		l.Items = items[:p.Limit-1]
		l.Next = c.tokens.cursor(merchant, id(l.Items[len(l.Items)-1]))
	}
	return l
}

// Payments lists a merchant's payments.
func (c *Checkout) Payments(ctx context.Context, merchant string, q PaymentQuery, limit int, cursor string) (List[*Payment], error) {
	if q.Status != "" && !slices.Contains(Statuses, q.Status) {
		return List[*Payment]{}, &Error{Kind: Invalid, Code: "query_invalid", Message: "there is no such status"}
	}
	if !q.From.IsZero() && !q.To.IsZero() && q.From.After(q.To) {
		return List[*Payment]{}, &Error{Kind: Invalid, Code: "query_invalid", Message: "the time from is after the time to"}
	}
	var err error
	if q.Page, err = c.page(merchant, prefixPayment, limit, cursor); err != nil {
		return List[*Payment]{}, err
	}
	items, err := c.store.Payments(ctx, merchant, q)
	if err == nil && len(items) == 0 && q.Account != "" {
		err = c.mistyped(merchant, q.Account, func() (bool, error) {
			any, err := c.store.Payments(ctx, merchant, PaymentQuery{Account: q.Account, Page: Page{Limit: 1}})
			return len(any) > 0, err
		})
	}
	return listOf(c, merchant, q.Page, items, func(p *Payment) string { return p.ID }), err
}

// Events lists what a merchant was told.
func (c *Checkout) Events(ctx context.Context, merchant string, q EventQuery, limit int, cursor string) (List[Event], error) {
	var err error
	if q.Page, err = c.page(merchant, prefixEvent, limit, cursor); err != nil {
		return List[Event]{}, err
	}
	items, err := c.store.Events(ctx, merchant, q)
	if err == nil && len(items) == 0 {
		err = c.mistypedPayment(ctx, merchant, q.Payment)
	}
	for i := range items {
		items[i] = c.Told(items[i])
	}
	return listOf(c, merchant, q.Page, items, func(e Event) string { return e.ID }), err
}

// Event reads one event.
func (c *Checkout) Event(ctx context.Context, merchant, id string) (Event, error) {
	e, err := c.store.Event(ctx, merchant, id)
	return c.Told(e), err
}

// Mandates lists a merchant's mandates, in one status unless it is empty.
func (c *Checkout) Mandates(ctx context.Context, merchant string, status MandateStatus, limit int, cursor string) (List[*Mandate], error) {
	p, err := c.page(merchant, prefixMandate, limit, cursor)
	if err != nil {
		return List[*Mandate]{}, err
	}
	items, err := c.store.Mandates(ctx, merchant, status, p)
	return listOf(c, merchant, p, items, func(m *Mandate) string { return m.ID }), err
}

// Inbox lists received feedback: a merchant's own, or with an empty merchant everything, for operators.
func (c *Checkout) Inbox(ctx context.Context, q InboxQuery, limit int, cursor string) (List[*InboxItem], error) {
	var err error
	if q.Page, err = c.page(q.Merchant, prefixFeedback, limit, cursor); err != nil {
		return List[*InboxItem]{}, err
	}
	items, err := c.store.Inbox(ctx, q)
	if err == nil && len(items) == 0 && q.Account != "" {
		err = c.mistyped(q.Merchant, q.Account, c.inboxOf(ctx, q.Merchant, q.Account))
	}
	if err == nil && len(items) == 0 {
		err = c.mistypedPayment(ctx, q.Merchant, q.Payment)
	}
	return listOf(c, q.Merchant, q.Page, items, func(i *InboxItem) string { return i.ID }), err
}

// inboxOf reports whether there is anything of an account in an inbox.
func (c *Checkout) inboxOf(ctx context.Context, merchant, account string) func() (bool, error) {
	return func() (bool, error) {
		any, err := c.store.Inbox(ctx, InboxQuery{Merchant: merchant, Account: account, Page: Page{Limit: 1}})
		return len(any) > 0, err
	}
}

// mistypedPayment is the error about a payment that there is not; one of somebody else is none either.
func (c *Checkout) mistypedPayment(ctx context.Context, merchant, id string) error {
	if id == "" {
		return nil
	}
	if _, err := c.store.Payment(ctx, merchant, id); KindOf(err) != NotFound {
		return err
	}
	return &Error{Kind: Invalid, Code: "query_invalid", Message: "payment: there is no such payment"}
}

// mistyped is the error about an account that nothing was found of: an empty list would look as if nothing had happened
// there. One that the merchant may use is none, nor one that is not configured any more and has something to show. What
// belongs to somebody else is unknown like any other; the merchant's own, or for operators all, are named.
func (c *Checkout) mistyped(merchant, account string, hasAny func() (bool, error)) error {
	if c.Account(merchant, account) != nil {
		return nil
	}
	if found, err := hasAny(); err != nil || found {
		return err
	}
	return &Error{Kind: Invalid, Code: "query_invalid", Message: "account: there is no such account; " + c.accountNames(merchant)}
}

// accountNames says which accounts there are for a merchant, or for operators.
func (c *Checkout) accountNames(merchant string) string {
	var names []string
	for _, a := range c.Accounts(merchant) {
		names = append(names, a.Name)
	}
	if len(names) == 0 {
		return "there is none"
	}
	return "there are " + strings.Join(names, ", ")
}

// Feedback reads one item of the inbox; an empty merchant is for operators.
func (c *Checkout) Feedback(ctx context.Context, merchant, id string) (*InboxItem, error) {
	return c.store.Feedback(ctx, merchant, id)
}

// Moment is one line of a payment's timeline.
type Moment struct {
	At     time.Time       `json:"at"`
	Kind   string          `json:"kind"` // api_call, provider_call, provider_query, feedback, return, operator, fact, event, webhook
	Title  string          `json:"title"`
	Detail json.RawMessage `json:"detail,omitempty"`
}

// triesShown is how many tries a timeline has at most. An endpoint that is down for a week has 16 per event; that many
// more come only of asking again and again.
const triesShown = 1000

// Timeline is everything stored about a payment, in the order in which it was learned: API calls, redacted bytes
// exchanged with providers, feedback, returns, facts, events and the tries to deliver them.
func (c *Checkout) Timeline(ctx context.Context, merchant, id string) ([]Moment, error) {
	p, err := c.Payment(ctx, merchant, id, false)
	if err != nil {
		return nil, err
	}
	return c.timeline(ctx, merchant, p)
}

// MandateTimeline is the timeline of the payment a mandate was given with, or of its own set-up.
func (c *Checkout) MandateTimeline(ctx context.Context, merchant, id string) ([]Moment, error) {
	m, err := c.Mandate(ctx, merchant, id, false)
	if err != nil {
		return nil, err
	}
	p, err := c.store.Payment(ctx, merchant, m.PaymentID)
	if err != nil {
		return nil, err
	}
	return c.timeline(ctx, merchant, p)
}

func (c *Checkout) timeline(ctx context.Context, merchant string, p *Payment) ([]Moment, error) {
	id := p.ID
	evidence, err := c.store.Evidence(ctx, id)
	if err != nil {
		return nil, err
	}
	events, err := c.store.Events(ctx, merchant, EventQuery{Payment: id, Page: Page{Limit: 1000}})
	if err != nil {
		return nil, err
	}
	tries, err := c.store.Tries(ctx, id, triesShown)
	if err != nil {
		return nil, err
	}
	var line []Moment
	for _, e := range evidence {
		line = append(line, Moment{e.CreatedAt, string(e.Kind), e.Title, e.Detail})
	}
	for _, f := range p.Facts {
		line = append(line, Moment{f.StoredAt, "fact", f.Kind.String(), detail(map[string]any{"amount": f.Amount, "attempt": f.AttemptID,
			"code": f.Code, "asserted": f.Strength == Asserted, "attested": f.Strength == Attested, "evidence": f.Evidence, "total": f.Measure != Single})})
	}
	for _, e := range slices.Backward(events) {
		status, previous, err := c.Told(e).Statuses()
		if err != nil {
			return nil, err
		}
		line = append(line, Moment{e.CreatedAt, "event", e.Type, detail(map[string]any{"id": e.ID, "sequence": e.Sequence, "status": status, "previous": previous})})
	}
	for _, t := range slices.Backward(tries) {
		line = append(line, t.moment())
	}
	slices.SortStableFunc(line, func(a, b Moment) int { return cmp.Compare(a.At.UnixMicro(), b.At.UnixMicro()) })
	return line, nil
}

// Account is one account a merchant may use, nil when there is none of that name for him; an empty merchant is for
// operators.
func (c *Checkout) Account(merchant, name string) *Account {
	m := c.merchants[merchant]
	if merchant != "" && (m == nil || !slices.Contains(m.Accounts, name)) {
		return nil
	}
	return c.accounts[name]
}

// ProviderOf is the name of the provider of an account, empty when it is not configured.
func (c *Checkout) ProviderOf(account string) string {
	if a := c.accounts[account]; a != nil {
		return a.Provider
	}
	return ""
}

// Accounts are the accounts a merchant may use, or with an empty merchant all of them, for operators; sorted by name.
func (c *Checkout) Accounts(merchant string) (out []*Account) {
	for _, name := range sortedIDs(c.accounts) {
		if a := c.Account(merchant, name); a != nil {
			out = append(out, a)
		}
	}
	return out
}
