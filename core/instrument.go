package core

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// MandateAmendment is what PATCH /v1/mandates/{id} asks for: another plan, or a page on which the buyer may change the
// instrument.
type MandateAmendment struct {
	Recurring *Recurring // amount in the currency the mandate was given in
	ReturnURL string     // where the buyer goes from the page
	CancelURL string
}

// UpdateMandate changes the plan of a mandate at the provider, or asks it for a page on which the buyer changes the
// instrument. The answer is 200, or 202 while the outcome is open; with a page the mandate has a next action and is
// otherwise as before until the provider tells.
func (c *Checkout) UpdateMandate(ctx context.Context, r Request, id string, in MandateAmendment) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	m, err := c.store.Mandate(ctx, r.MerchantID, id)
	if err != nil {
		return Answer{}, err
	}
	account, err := c.usable(m)
	if err != nil {
		return Answer{}, err
	}
	if err := c.validateAmendment(m, account, &in); err != nil {
		return Answer{}, err
	}
	return c.begun(ctx, r, m.PaymentID, func(tx Tx) (*amendment, *Operation, error) {
		a, at, err := c.loadMandate(ctx, tx, r, m)
		if err != nil {
			return nil, nil, err
		}
		if plan := in.Recurring; plan != nil && plan.Amount != nil {
			of := *plan
			of.Amount, in.Recurring = &Money{plan.Amount.Minor, a.Amount.Currency}, &of
		}
		o, err := c.intendAmendment(a, at, account, m, in)
		return a, o, err
	}, mandateAnswer(m, 200))
}

// intendAmendment is the intent to change a mandate.
func (c *Checkout) intendAmendment(a *amendment, at *Attempt, account *Account, m *Mandate, in MandateAmendment) (*Operation, error) {
	input := UpdateMandateInput{Mandate: a.knownOf(m, at), Recurring: in.Recurring}
	number := firstChange
	for _, o := range a.Operations {
		if o.Kind == OpUpdateMandate {
			number++
		}
	}
	if in.ReturnURL != "" {
		input.Returns = c.returns(m.ID, number)
	}
	o, err := a.intend(account, at, OpUpdateMandate, Money{0, a.Amount.Currency}, input, nil)
	if err != nil {
		return nil, err
	}
	if in.ReturnURL != "" {
		a.page.asked = &MandateChange{Operation: o.ID, Number: number, ReturnURL: in.ReturnURL, CancelURL: in.CancelURL, AskedAt: a.now}
	}
	if account.mandateChecker != nil {
		err = account.mandateChecker.CheckUpdateMandate(o.Op, input)
	}
	return o, err
}

func (c *Checkout) validateAmendment(m *Mandate, account *Account, in *MandateAmendment) error {
	caps := account.methodCaps(m.Method)
	merchant := c.merchants[m.MerchantID]
	switch {
	case (in.Recurring == nil) == (in.ReturnURL == ""):
		return invalid("field_invalid", "/recurring", "either the plan is changed, or the buyer changes the instrument and return_url is where he goes afterwards")
	case in.ReturnURL == "" && in.CancelURL != "":
		return invalid("field_invalid", "/cancel_url", "it goes with return_url")
	case in.Recurring != nil && m.Kind != SaveRecurring:
		return invalid("field_invalid", "/recurring", "only a recurring mandate has a plan")
	case in.Recurring != nil && (account.mandateUpdater == nil || caps == nil || !caps.ChangePlan):
		return invalid("capability_unsupported", "/recurring", "account %s cannot change the plan of a mandate", account.Name)
	case in.Recurring == nil && (account.mandateUpdater == nil || caps == nil || !slices.Contains(caps.ChangeInstrument, m.Kind)):
		return invalid("capability_unsupported", "/return_url", "account %s has no page on which the instrument of such a mandate is changed", account.Name)
	case merchant == nil:
		return &Error{Kind: Forbidden, Code: "forbidden", Message: "the merchant is not configured"}
	}
	for _, u := range []struct{ pointer, url string }{{"/return_url", in.ReturnURL}, {"/cancel_url", in.CancelURL}} {
		if u.url == "" {
			continue
		}
		if err := checkReturnURL(u.url, merchant.ReturnHosts, c.live); err != nil {
			err.Pointer = u.pointer
			return err
		}
	}
	return nil
}

// firstChange is the number in the return addresses of the first change of a mandate's instrument; those of attempts are
// smaller.
const firstChange = 100

// backFromChange takes a buyer who was on the page on which the instrument of a mandate is changed. Where the provider
// has a session for that it is completed; what came of it the provider is asked.
func (c *Checkout) backFromChange(ctx context.Context, id string, number int, leg Leg, method string, values url.Values) (Landing, error) {
	m, err := c.store.Mandate(ctx, "", id)
	if err != nil && KindOf(err) != NotFound {
		return Landing{}, err
	}
	if err != nil || m.Change == nil || m.Change.Number != number || now().After(m.Change.AskedAt.Add(returnLife)) {
		return Landing{}, notFound("return address")
	}
	p, err := c.changed(ctx, m, leg, method, values)
	if err != nil {
		return Landing{}, err
	}
	return Landing{To: m.afterChange(leg == LegBack), Payment: p}, nil
}

// afterChange is the merchant's address for a buyer who changed the instrument of m, or turned away from it.
func (m *Mandate) afterChange(turned bool) string {
	to := m.Change.ReturnURL
	if turned && m.Change.CancelURL != "" {
		to = m.Change.CancelURL
	}
	return withQuery(to, "mandate", m.ID)
}

// changed does what follows from the buyer being back from the page on which he changes the instrument of m.
func (c *Checkout) changed(ctx context.Context, m *Mandate, leg Leg, method string, values url.Values) (*Payment, error) {
	p, err := c.store.Payment(ctx, "", m.PaymentID)
	if err != nil {
		return nil, err
	}
	at, account := p.attempt(m.AttemptID), c.accounts[m.Account]
	hints, first := c.hints(ctx, account, p, at, leg, method, values), false
	p, err = c.callAlone(ctx, p, account, Cause{"return", string(leg)}, func(a *amendment) (*Operation, error) {
		now, err := a.tx.Mandate(ctx, m.MerchantID, m.ID)
		if err != nil {
			return nil, err
		}
		completes := leg != LegBack && now.Next != nil && now.Next.Then == ThenComplete && account != nil && account.completer != nil
		unsent := now.Next == nil && len(hints.Refs) > 0 && a.uncompleted(m) // when he was here before, nothing left
		if first = unsent || now.Next != nil && !(completes && len(hints.Refs) == 0); !first {
			return nil, nil // a reload, or somebody who was not there
		}
		a.page.over = true
		ev := Evidence{ID: newID(prefixEvidence), Kind: EvidenceReturn, Title: m.Account + " return", Detail: detail(map[string]string{"leg": string(leg), "mandate": m.ID})}
		a.evidence = append(a.evidence, a.from(ev))
		a.RecheckAt = a.now.Add(c.gap(m.Account))
		if !completes && !unsent {
			return nil, nil
		}
		at := a.attempt(at.ID)
		known := a.knownOf(m, at)
		known.Refs, known.Memo = merge(known.Refs, hints.Refs), merge(known.Memo, hints.Memo)
		order := c.order(a.Payment, at)
		order.Returns = c.returns(m.ID, m.Change.Number) // by which the adapter knows the page's session again
		return a.intendAgain(account, at, OpCompleteMandate, Money{0, a.Amount.Currency}, CompleteInput{Known: known, Order: order, SetupOnly: true})
	})
	if err != nil && KindOf(err) != Unavailable {
		return nil, err
	}
	if first {
		if synced, err := c.Sync(ctx, "", p.ID); err == nil {
			p = synced
		}
	}
	return p, nil
}

// ReportMandate is Return for an integrator whose own page the buyer of a mandate came back to, from giving his consent
// outside of a purchase or from changing the instrument. It may be told again. The answer is 200 with the mandate, or 202
// while the outcome is open.
func (c *Checkout) ReportMandate(ctx context.Context, r Request, id string, step Leg, values url.Values) (Answer, error) {
	if !validID(prefixMandate, id) {
		return Answer{}, notFound("mandate")
	}
	if legLetters[step] == "" {
		return Answer{}, invalid("field_invalid", "/step", "there is no such step")
	}
	return c.once(ctx, r, func(ctx context.Context) (Answer, error) {
		m, err := c.store.Mandate(ctx, r.MerchantID, id)
		if err != nil {
			return Answer{}, err
		}
		var p *Payment
		switch {
		case m.Change != nil:
			p, err = c.changed(ctx, m, step, http.MethodGet, values)
		case !m.alone():
			return Answer{}, conflict("state_invalid", "the buyer is at the page of payment %s: report his return there", m.PaymentID)
		default:
			if p, err = c.store.Payment(ctx, "", m.PaymentID); err == nil && p.Latest().Next == nil {
				return Answer{}, conflict("state_invalid", "a mandate that is %s cannot be returned from: no page was given out", m.Status)
			}
			if err == nil {
				p, err = c.back(ctx, p, p.Latest(), step, http.MethodGet, values)
			}
		}
		if err != nil {
			return Answer{}, err
		}
		if m, err = c.store.Mandate(ctx, r.MerchantID, id); err != nil {
			return Answer{}, err
		}
		p.mandate = nil // it is m, read after all of that
		return mandateAnswer(m, 200)(p, p.openOperation()), nil
	})
}

// uncompleted reports whether of the call that completes the last change of a mandate's instrument nothing left.
func (p *Payment) uncompleted(m *Mandate) bool {
	for _, o := range slices.Backward(p.Operations) {
		if o.Kind == OpCompleteMandate && o.AttemptID == m.AttemptID {
			return o.State == OpNotSent && !o.CreatedAt.Before(m.Change.AskedAt)
		}
	}
	return false
}

// withQuery is the address to with a parameter more, empty when it is none.
func withQuery(to, name, value string) string {
	u, err := url.Parse(to)
	if to == "" || err != nil {
		return ""
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// HostedMandate is the mandate a hosted page is for. The token is the whole authorization.
func (c *Checkout) HostedMandate(ctx context.Context, token string) (*Mandate, *Payment, error) {
	id, ok := c.tokens.ParseClient(token)
	if !ok || !validID(prefixMandate, id) {
		return nil, nil, notFound("mandate")
	}
	m, err := c.store.Mandate(ctx, "", id)
	if err != nil {
		return nil, nil, err
	}
	since := m.CreatedAt
	if m.Change != nil {
		since = later(since, m.Change.AskedAt)
	}
	if now().After(since.Add(returnLife)) {
		return nil, nil, notFound("mandate")
	}
	p, err := c.store.Payment(ctx, "", m.PaymentID)
	return m, p, err
}

// MandateLanding is the merchant's own address for a buyer who has nothing left to do about a mandate, empty when there
// is none.
func (c *Checkout) MandateLanding(m *Mandate, p *Payment) string {
	if m.Change != nil {
		return m.afterChange(false)
	}
	return c.landing(p, p.Latest(), LegResult)
}

// MandateWayBack is the merchant's own address for a buyer who goes no further with a mandate, empty when there is none.
func (c *Checkout) MandateWayBack(m *Mandate, p *Payment) string {
	if m.Change != nil {
		return m.afterChange(true)
	}
	return p.WayBack()
}

// lapsed reports whether the page of a next action is over at a time.
func (n *NextAction) lapsed(at time.Time) bool { return !n.ExpiresAt.IsZero() && at.After(n.ExpiresAt) }
