package core

import "context"

// BuyerTold is what a provider tells of the buyer when it is asked, or why it does not. It is never stored: who reads it
// gets it, and nothing of it stays here.
type BuyerTold struct {
	Buyer      *Buyer
	Instrument string
	Why        string // nothing is told: one of the reasons below
}

// Why nothing is told of a buyer.
const (
	BuyerNotSupported = "not_supported"        // the provider never tells
	BuyerNotTold      = "not_told"             // it tells nothing: not yet, or not any more
	BuyerUnavailable  = "provider_unavailable" // it could not be asked now
)

// Buyer asks the provider what it still tells of the buyer of a payment.
func (c *Checkout) Buyer(ctx context.Context, p *Payment) BuyerTold {
	at := p.shown()
	account := c.accounts[at.Account]
	if account == nil {
		return BuyerTold{Why: BuyerUnavailable}
	}
	return account.buyer(ctx, p.known(at))
}

// BuyerOf asks the provider what it still tells of the buyer who gave a mandate.
func (c *Checkout) BuyerOf(ctx context.Context, m *Mandate) BuyerTold {
	account := c.accounts[m.Account]
	if account == nil {
		return BuyerTold{Why: BuyerUnavailable}
	}
	return account.buyer(ctx, Known{Reference: m.Reference, Refs: m.Refs, Memo: m.Memo, Method: m.Method})
}

func (a *Account) buyer(ctx context.Context, known Known) BuyerTold {
	if caps := a.methodCaps(known.Method); caps == nil || caps.BuyerFor == 0 {
		return BuyerTold{Why: BuyerNotSupported}
	}
	s, _, err := a.query(ctx, QueryInput{Known: known, Buyer: true})
	switch {
	case err != nil:
		return BuyerTold{Why: BuyerUnavailable}
	case s.Review == nil || s.Review.Buyer == (Buyer{}):
		return BuyerTold{Why: BuyerNotTold}
	}
	return BuyerTold{Buyer: &s.Review.Buyer, Instrument: s.Review.Instrument}
}
