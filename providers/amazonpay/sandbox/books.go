package sandbox

import (
	"slices"
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// Effect kinds and who causes them, as the books name them.
const (
	effectAuthorize = "authorize"
	effectCapture   = "capture"
	effectRefund    = "refund"
	effectVoid      = "void"

	byPage       = "page"
	byAPI        = "api"
	byBackOffice = "backoffice"
	byProvider   = "provider"
)

// book notes one movement of money. key is the idempotency key of the call that caused it, if it had one: the only name a
// merchant gives to an operation here. id is Amazon's, of the charge or of the refund.
func (c *charge) book(kind string, amount int64, id, by, key string, at time.Time) {
	c.effects = append(c.effects, simulator.Effect{Kind: kind, Amount: amount, ID: id, Reference: key, By: by, At: at.UTC()})
}

// Books are what happened to the money, whatever anybody was told: a row for each OneTime permission, under its
// merchantReferenceId, and one for each merchantReferenceId charged on an agreement to come. Those agreements are told beside them.
func (s *Server) Books() simulator.Books {
	s.mu.Lock()
	defer s.mu.Unlock()
	books := simulator.Books{Payments: []simulator.Payment{}}
	for _, p := range s.order {
		rows := map[string]int{}
		for _, c := range p.charges {
			reference := c.reference()
			i, known := rows[reference]
			if !known {
				i = len(books.Payments)
				rows[reference] = i
				books.Payments = append(books.Payments, simulator.Payment{
					Reference: reference, ProviderReference: p.id, Currency: c.amount.CurrencyCode, Effects: []simulator.Effect{},
				})
			}
			books.Payments[i].Effects = append(books.Payments[i].Effects, c.effects...)
		}
		if len(p.charges) == 0 && p.kind == oneTime {
			books.Payments = append(books.Payments, simulator.Payment{
				Reference: value(p.metadata.MerchantReferenceID), ProviderReference: p.id, Currency: p.currency, Effects: []simulator.Effect{},
			})
		}
	}
	for i := range books.Payments {
		add(&books.Payments[i])
	}
	for _, p := range s.order {
		if p.kind != oneTime {
			books.Agreements = append(books.Agreements, simulator.Agreement{
				Reference: value(p.metadata.MerchantReferenceID), ProviderReference: p.id,
				Kind: agreementKinds[p.kind], State: agreementStates[p.State],
			})
		}
	}
	return books
}

// What agreements are, and how they stand, in the words of the books.
var (
	agreementKinds  = map[string]string{recurring: "recurring", onFile: "unscheduled"}
	agreementStates = map[string]string{chargeable: "active", nonChargeable: "suspended", closed: "ended"}
)

// reference is what the merchant calls the payment that a charge belongs to.
func (c *charge) reference() string {
	if own := value(c.metadata.MerchantReferenceID); own != "" && c.permission.kind != oneTime {
		return own
	}
	return value(c.permission.metadata.MerchantReferenceID)
}

// add orders the effects of a row by time and adds them up.
func add(p *simulator.Payment) {
	slices.SortStableFunc(p.Effects, func(a, b simulator.Effect) int { return a.At.Compare(b.At) })
	for _, e := range p.Effects {
		switch e.Kind {
		case effectAuthorize:
			p.Authorized += e.Amount
		case effectCapture:
			p.Captured += e.Amount
		case effectRefund:
			p.Refunded += e.Amount
		case effectVoid:
			p.Voided += e.Amount
		}
	}
}
