package core

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Landing is where a buyer goes after coming back: To is the merchant's stored address, with the id of the payment, or the
// provider's page that follows from there. Empty: it has to be looked at again, and the return address may be loaded again.
type Landing struct {
	To      string
	Payment *Payment
}

// returnLife is how long a return address works after the payment was created.
const returnLife = 30 * 24 * time.Hour

// Return takes a buyer who came back from a provider to one of our addresses. What the browser brought is a hint: it
// marks the buyer back or away, has the provider asked, and never moves money, whatever signature it bears.
// A token that was not made here, is over, or of another leg is NotFound; what cannot be looked up now is not denied.
func (c *Checkout) Return(ctx context.Context, token, method string, values url.Values) (Landing, error) {
	id, n, leg, ok := c.tokens.ParseReturn(token)
	if !ok {
		return Landing{}, notFound("return address")
	}
	if n >= firstChange {
		return c.backFromChange(ctx, id, n, leg, method, values)
	}
	p, err := c.store.Payment(ctx, "", id)
	if err != nil && KindOf(err) != NotFound {
		return Landing{}, err
	}
	if err != nil || n < 1 || n > len(p.Attempts) || now().After(p.CreatedAt.Add(returnLife)) {
		return Landing{}, notFound("return address")
	}
	at := p.Attempts[slices.IndexFunc(p.Attempts, func(a *Attempt) bool { return a.Number == n })]
	if p, err = c.back(ctx, p, at, leg, method, values); err != nil {
		return Landing{}, err
	}
	return Landing{To: c.landing(p, p.attempt(at.ID), leg), Payment: p}, nil
}

// Report is Return for an integrator whose own page the buyer came back to: step is the leg, values are what the browser
// brought there. It is about the latest attempt, and may be told again. The answer is 200 with the payment, or 202 while
// the outcome is open.
func (c *Checkout) Report(ctx context.Context, r Request, id string, step Leg, values url.Values) (Answer, error) {
	if !validID(prefixPayment, id) {
		return Answer{}, notFound("payment")
	}
	if legLetters[step] == "" {
		return Answer{}, invalid("field_invalid", "/step", "there is no such step")
	}
	return c.once(ctx, r, func(ctx context.Context) (Answer, error) {
		p, err := c.store.Payment(ctx, r.MerchantID, id)
		if err != nil {
			return Answer{}, err
		}
		if p.Latest().Next == nil {
			return Answer{}, p.notAllowed("be returned from: no page was given out")
		}
		if p, err = c.back(ctx, p, p.Latest(), step, http.MethodGet, values); err != nil {
			return Answer{}, err
		}
		return paymentAnswer(200)(p, p.openOperation()), nil
	})
}

// hints are what the adapter makes of what a browser brought.
func (c *Checkout) hints(ctx context.Context, account *Account, p *Payment, at *Attempt, leg Leg, method string, values url.Values) (hints Feedback) {
	if account == nil || account.returns == nil {
		return Feedback{}
	}
	hints, err := guarded(ctx, func(ctx context.Context) (Feedback, error) {
		return account.returns.ParseReturn(ctx, Return{Step: string(leg), Method: method, Values: values, Known: p.known(at)})
	})
	if err != nil {
		return Feedback{} // an unreadable or forged return says only that a browser came by
	}
	return hints
}

// back marks the buyer back, once, and does what the action said follows.
func (c *Checkout) back(ctx context.Context, p *Payment, at *Attempt, leg Leg, method string, values url.Values) (*Payment, error) {
	account := c.accounts[at.Account]
	hints := c.hints(ctx, account, p, at, leg, method, values)
	if account != nil && at.staged() {
		return c.backInSession(ctx, p, at, account, leg, hints)
	}
	away := slices.ContainsFunc(hints.Facts, func(f Fact) bool { return f.Kind == BuyerAway || f.Kind == AttemptEnded })
	// A browser that comes by without anything of the provider's has not been there, as far as we know.
	empty := account != nil && account.returns != nil && len(hints.Facts)+len(hints.Refs) == 0 && hints.Reference == ""
	then, first := ThenAwait, false
	p, amendErr := c.amend(ctx, "", p.ID, Cause{"return", string(leg)}, func(a *amendment) error {
		at := a.attempt(at.ID)
		if at.Next != nil {
			then = at.Next.Then
		}
		told := len(hints.Facts) > 0 && !slices.ContainsFunc(asHints(hints.Facts), func(f Fact) bool { return !a.knows(at.ID, f) })
		first = !at.Returned && !a.fulfilled() && !empty && !(away && told)
		if !first {
			return nil // a reload changes nothing, and asks nobody
		}
		if at.Returned = !away && leg != LegBack; at.Returned {
			a.owes(at, asHints(hints.Facts), account)
		}
		ev := Evidence{ID: newID(prefixEvidence), Kind: EvidenceReturn, Title: at.Account + " return", Detail: detail(map[string]string{"leg": string(leg), "note": hints.Note})}
		a.learn(at, ev, asHints(hints.Facts), nil, nil, "")
		a.Checks = 0
		return nil
	})
	if amendErr != nil {
		return nil, amendErr
	}
	if first && (then == ThenQuery || away) && !p.fulfilled() {
		if synced, err := c.Sync(ctx, "", p.ID); err == nil {
			return synced, nil
		}
	}
	return p, nil
}

// owes notes that a provider that can be asked, now or when its account is configured again, has to be, before what it said last counts as its last word on an
// attempt: a buyer who was declined, paid at his next try and is back was not declined. Where paid is hinted at, its
// answer counts when the gap is over after which it shows what it did.
func (a *amendment) owes(at *Attempt, hints []Fact, account *Account) {
	if account != nil && account.querier == nil {
		return
	}
	at.OwedAt = later(at.OwedAt, a.now)
	if account != nil && hintsAtMoney(hints) {
		at.OwedAt = a.now.Add(account.caps.ResumeGap)
	}
}

func hintsAtMoney(facts []Fact) bool {
	return slices.ContainsFunc(facts, func(f Fact) bool { return f.Strength == Hint && (f.Kind == Authorized || f.Kind == Captured) })
}

// asHints makes sure that nothing a browser brought is believed.
func asHints(facts []Fact) []Fact {
	out := slices.Clone(facts)
	for i := range out {
		out[i].Strength = Hint
	}
	return out
}

// landing is where the buyer goes on from a return: to the merchant's address for what became of the attempt, which is the
// cancel address when he turned away from it and has not been back since, or to the provider's page that comes next when
// the merchant has no page between.
func (c *Checkout) landing(p *Payment, at *Attempt, leg Leg) string {
	if leg == LegReview && at.staged() {
		return c.afterReview(p, at)
	}
	return p.sentBack(at, leg == LegBack)
}

// sentBack is the merchant's address for a buyer who is done, or turned away.
func (p *Payment) sentBack(at *Attempt, turned bool) string {
	to := p.Order.ReturnURL
	away := func(e Entry) bool { return e.Kind == BuyerAway && e.AttemptID == at.ID }
	turned = turned || !at.Returned && at.OwedAt.IsZero() && slices.ContainsFunc(p.Facts, away)
	if turned && !p.fulfilled() && p.Order.CancelURL != "" {
		to = p.Order.CancelURL
	}
	return p.addressed(to)
}

// WayBack is the merchant's own address for a buyer who goes no further; empty when there is none.
func (p *Payment) WayBack() string { return p.sentBack(p.Latest(), true) }

// addressed is an address of the merchant with the id of the payment in it, or of the mandate that is set up; empty when there
// is none.
func (p *Payment) addressed(to string) string {
	if p.Order.SetUp {
		return withQuery(to, "mandate", p.ID)
	}
	return withQuery(to, "payment", p.ID)
}

// Landing is the merchant's own address for a buyer who has nothing left to do, empty when there is none.
func (c *Checkout) Landing(p *Payment) string {
	if p.Status == StatusRequiresConfirmation && p.Order.ReviewURL != "" {
		return p.addressed(p.Order.ReviewURL) // to say that what he chose is right
	}
	return c.landing(p, p.Latest(), LegResult)
}

// Hosted is the payment a hosted page is for. The token is the whole authorization, so it is not looked up further.
func (c *Checkout) Hosted(ctx context.Context, token string) (*Payment, error) {
	id, ok := c.tokens.ParseClient(token)
	if !ok || !validID(prefixPayment, id) {
		return nil, notFound("payment")
	}
	p, err := c.store.Payment(ctx, "", id)
	if err != nil && KindOf(err) != NotFound {
		return nil, err
	}
	if err != nil || now().After(p.CreatedAt.Add(returnLife)) {
		return nil, notFound("payment")
	}
	return p, nil
}

// Links are the addresses and tokens that a client is given to perform a payment's next action. They are derived and
// never stored.
type Links struct {
	tokens    Tokens
	publicURL string
}

// NewLinks are those of an installation that is reached at publicURL.
func NewLinks(t Tokens, publicURL string) Links {
	return Links{t, strings.TrimSuffix(publicURL, "/")}
}

// ClientToken is what opens the hosted page of a payment, or of a mandate.
func (l Links) ClientToken(id string) string { return l.tokens.Client(id) }

// HostedURL is the page that performs whatever the next action of a payment or mandate is.
func (l Links) HostedURL(id string) string { return l.publicURL + "/pay/" + l.tokens.Client(id) }
