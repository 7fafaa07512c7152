package campaign

import (
	"slices"

	"github.com/paymux/paymux/core"
)

// The model is a payment told from outside: from what the provider did and from what the merchant was answered, without
// facts, operations or any code of the program. The program must say what the model says.

// booked is one of the provider's books, in its own words.
type booked struct {
	Reference, Currency                    string
	ProviderReference                      string `json:"provider_reference"` // of its last try
	Authorized, Captured, Refunded, Voided int64
	Effects                                []effect
}

// sums are the totals, and what of the released lapsed: an authorization that ended by itself.
func (b booked) sums() Books {
	out := Books{Authorized: b.Authorized, Captured: b.Captured, Refunded: b.Refunded, Voided: b.Voided}
	for _, e := range b.Effects {
		if e.Kind == "void" && e.By == "provider" {
			out.Lapsed += e.Amount
		}
	}
	return out
}

// isSale reports whether the provider authorized and captured in one step.
func (b booked) isSale() bool {
	return len(b.Effects) > 1 && b.Effects[0].Kind == "authorize" && b.Effects[1].Kind == "capture" && b.Effects[0].By == b.Effects[1].By &&
		b.Effects[0].Amount == b.Effects[1].Amount && b.Effects[0].At == b.Effects[1].At
}

// effect is one movement of money at the provider.
type effect struct {
	Kind      string // authorize, capture, refund, void
	Amount    int64
	ID        string // the provider's, where it has one for each
	Reference string
	By        string // page, api, backoffice, provider
	At        string
}

// model is what may be concluded about one payment.
type model struct {
	amount   int64
	sum      booked
	effects  []effect
	canceled bool // the merchant's cancel was carried out
	waived   bool // he gave up the rest
	doubt    bool // a booking may still be in doubt
	agreed   bool // what was released may be had again
	consent  bool // the buyer has agreed, whether or not anything was authorized
}

// conclude reads the answers of a story.
func conclude(s *story, sum booked, effects []effect) model {
	m := model{amount: s.amount, sum: sum, effects: effects}
	for _, q := range s.asked {
		for _, a := range q.answers {
			if a.status != 200 && a.status != 201 && a.status != 202 {
				continue
			}
			m.doubt = m.doubt || a.status == 202
			body, _ := q.body.(map[string]any)
			switch {
			case q.kind == "cancel" && a.status == 200: // another status says that it was not to be had any more
				m.canceled = m.canceled || a.str("status") == "canceled"
				m.waived = m.waived || a.str("status") == "succeeded"
			case q.kind == "capture" && body["final"] == true && a.str("status") == "succeeded":
				m.waived = true
			}
		}
	}
	return m
}

// left is what can still be captured, once an authorization lapsed or as if it had not: nobody is told when one does.
func (m model) left(lapses bool) int64 {
	released := int64(0)
	for _, e := range m.effects {
		if e.Kind == "void" && (e.By != "provider" || lapses) {
			released += e.Amount
		}
	}
	if m.waived {
		return 0
	}
	return max(0, min(m.sum.Authorized-released, m.amount)-m.sum.Captured)
}

// statuses are those the payment may have.
func (m model) statuses() []string {
	all := append(m.status(m.left(false)), m.status(m.left(true))...)
	if m.agreed && (m.sum.Authorized > 0 || m.consent) && !m.waived {
		all = append(all, m.status(m.amount-m.sum.Captured)...)
	}
	return all
}

func (m model) status(left int64) []string {
	switch {
	case m.sum.Captured > 0 && left == 0:
		return []string{"succeeded"}
	case m.sum.Captured > 0:
		return []string{"partially_captured"}
	case left > 0:
		return []string{"requires_capture"}
	case m.sum.Authorized > 0 || m.canceled:
		return []string{"canceled"}
	}
	return []string{"canceled", "failed"} // nothing was paid, and nobody can any more
}

// checkModel compares the program's word with the model's.
func (w *World) checkModel(p *core.Payment, sum booked, effects []effect) {
	s := w.storyOf(p)
	if s == nil {
		w.violate("nobody asked for payment %s", p.Reference)
		return
	}
	m := conclude(s, sum, effects)
	if m.amount = p.Amount.Minor; m.amount != s.amount && !slices.Contains(s.asks, m.amount) {
		w.violate("payment %s is over %d; its merchant asked for %d, and then %v", p.Reference, m.amount, s.amount, s.asks)
	}
	m.agreed, m.consent = w.manner.agrees, s.flow == amazonAgreed && w.agreedTo(p)
	if p.Amounts.InDoubt == 0 && !slices.ContainsFunc(p.Operations, func(o *core.Operation) bool { return o.State == core.OpUnknown }) {
		if !slices.Contains(m.statuses(), string(p.Status)) {
			w.violate("model: payment %s is %s; the books and the answers allow %v (%+v)", p.Reference, p.Status, m.statuses(), sum)
		}
	}
	for _, q := range s.asked {
		w.checkAnswer(p, q, effects)
	}
}

// agreedTo reports whether the provider's books have the order of a payment, or a consent that was given with it.
func (w *World) agreedTo(p *core.Payment) bool {
	payments, agreements := w.ledger()
	return slices.ContainsFunc(p.Attempts, func(at *core.Attempt) bool {
		return slices.ContainsFunc(payments, func(b booked) bool { return b.Reference == at.Reference }) ||
			slices.ContainsFunc(agreements, func(a agreement) bool { return a.Reference == at.Reference })
	})
}

// storyOf is the story of a payment, nil when nobody asked for it.
func (w *World) storyOf(p *core.Payment) *story {
	i := slices.IndexFunc(w.stories, func(s *story) bool { return s.name == p.Reference && s.account.merchant == p.MerchantID })
	if i < 0 {
		return nil
	}
	return w.stories[i]
}
