package campaign

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/paymux/paymux/core"
)

// A provider refuses what it must not do, so that its books alone do not show a program that asks for too much. Here
// the program is held to its own word: what it sets out to do, and what it tells.

// checkIntent looks at what a commit sets out to do, with the payment as it was before it.
func (w *World) checkIntent(c *core.Change, old *standing) {
	p := c.Payment
	if len(c.NewAttempts) > 0 && !c.New && old.status != core.StatusRequiresPaymentMethod {
		w.violate("P1: payment %s is tried again while it is %s", p.Reference, old.status)
	}
	under := map[string]int{} // way, by attempt
	for _, o := range p.Operations {
		if (o.State == core.OpSent || o.State == core.OpUnknown) && !o.HasNext && !isUpkeep(o.Kind) {
			under[o.AttemptID]++
		}
	}
	for _, n := range under {
		if n > 1 {
			w.violate("R-09: payment %s has %d operations under way at one attempt", p.Reference, n)
		}
	}
	for _, o := range c.NewOperations {
		open := int64(0) // of the same kind, this one among them
		for _, other := range p.Operations {
			if other.Kind == o.Kind && other.State.Open() {
				open += other.Amount.Minor - shownOf(other, old.amounts)
			}
		}
		left := open
		switch a := old.amounts; o.Kind {
		case core.OpCapture:
			if left = a.Authorized - a.Released - a.Captured; w.manner.agrees && (a.Authorized > 0 || p.Order.Authorize != nil && *p.Order.Authorize == 0) {
				left = p.Amount.Minor - a.Captured
			}
		case core.OpAuthorize:
			left = p.Amount.Minor - (a.Authorized - a.Released)
		case core.OpRefund:
			left = a.Captured - a.Refunded - a.Reversed
		}
		if open > left {
			w.violate("I-03: payment %s sets out to %s %d where %d is left", p.Reference, o.Kind, open, left)
		}
	}
}

// isUpkeep reports whether an operation is about a consent and moves no money.
func isUpkeep(kind core.OpKind) bool {
	return kind == core.OpCancelMandate || kind == core.OpUpdateMandate || kind == core.OpCompleteMandate
}

// shownOf is what of an operation in doubt is counted already, as rose since it began.
func shownOf(o *core.Operation, a core.Amounts) int64 {
	rise := int64(0)
	switch {
	case o.State != core.OpUnknown:
	case o.Kind == core.OpCapture:
		rise = a.Captured - o.Baseline.Captured
	case o.Kind == core.OpRefund:
		rise = a.Refunded - o.Baseline.Refunded
	}
	return min(max(rise, 0), o.Amount.Minor)
}

// checkAuthorized wants the buyer to have been asked for what the merchant asked for, and nothing recorded as refused
// that was not.
func (w *World) checkAuthorized(p *core.Payment, at *core.Attempt, b booked) {
	for _, e := range b.Effects {
		if asked := w.firstOf(p); e.Kind == "authorize" && e.Amount != asked && !w.onAgreement(e) {
			w.violate("payment %s is over %d; the buyer was asked for %d", p.Reference, asked, e.Amount)
		}
	}
	for _, f := range p.Facts {
		if f.AttemptID == at.ID && f.Kind == core.AuthorizationDeclined && f.Strength == core.Asserted && b.authorizes(f.ID) && !w.perjured[at.Reference] {
			w.violate("P3: payment %s has transaction %s as declined; the provider authorized it", p.Reference, f.ID)
		}
	}
}

// authorizes reports whether the provider's books have an authorization under its id, of its own or of the order, that it
// has not ended itself: one that ended before anybody read of it may be shown as refused.
func (b booked) authorizes(id string) bool {
	has := func(kind string) bool {
		return slices.ContainsFunc(b.Effects, func(e effect) bool { return e.Kind == kind && e.ID == id && (kind != "void" || e.By != "api") })
	}
	return b.Authorized > 0 && id == b.ProviderReference || has("authorize") && !has("void")
}

// firstOf is what the merchant wants to be authorized when the buyer pays.
func (w *World) firstOf(p *core.Payment) int64 {
	if s := w.storyOf(p); s != nil && (s.flow == amazonParcels || s.flow == amazonAgreed) {
		return s.part()
	}
	return p.Amount.Minor
}

// onAgreement reports whether an authorization was made by an operation, later, on what the buyer had agreed to.
func (w *World) onAgreement(e effect) bool {
	return w.manner.agrees && e.Kind == "authorize" && e.Reference != ""
}

// checkDoubt wants what is in doubt to be told as that.
func (w *World) checkDoubt(p *core.Payment, o *core.Operation, effects []effect) {
	others := func(e effect) bool { return e.Kind == string(o.Kind) && e.By != "api" }
	if p.Amounts.InDoubt < o.Amount.Minor-shownOf(o, p.Amounts) && !slices.ContainsFunc(effects, others) {
		w.violate("P3: %s of %d of payment %s is unknown; %d is told as in doubt", o.Kind, o.Amount.Minor, p.Reference, p.Amounts.InDoubt)
	}
}

// checkStory wants the events of a payment, in their order, to tell each change of its status from where the one before
// left it, and to end where it stands.
func (w *World) checkStory(p *core.Payment, events []core.Event) {
	status := core.Status("")
	for _, e := range events {
		is, was, err := core.NewLinks(w.tokens, programURL).Told(e).Statuses()
		if err != nil {
			w.violate("event %s of payment %s cannot be read: %v", e.ID, p.Reference, err)
			continue
		}
		if is != status && was != status {
			w.violate("I-14: event %d (%s) of payment %s tells that it is %s, after %q; the one before left it %q", e.Sequence, e.Type, p.Reference, is, was, status)
		}
		status = is
	}
	if status != p.Status {
		w.violate("I-14: payment %s is %s; the last event leaves it %s", p.Reference, p.Status, status)
	}
}

// look reads every payment as its merchant does, at the end of the world.
func (w *World) look() {
	for _, p := range w.payments() {
		i := slices.IndexFunc(w.accounts, func(a *account) bool { return a.merchant == p.MerchantID })
		if a := w.call(w.accounts[i], http.MethodGet, "/v1/payments/"+p.ID, "", nil, time.Minute); a != nil {
			w.shown[p.ID] = a
		}
	}
}

// checkShown wants a merchant to be shown what is stored.
func (w *World) checkShown(p *core.Payment) {
	a := w.shown[p.ID]
	if a == nil || a.status != http.StatusOK {
		w.violate("payment %s cannot be read by its merchant", p.Reference)
		return
	}
	if version := a.str("version"); version != fmt.Sprint(p.Version) {
		return // it was changed since
	}
	m := p.Amounts
	for _, f := range []struct {
		path string
		is   any
	}{{"status", p.Status}, {"amount", p.Amount.Minor}, {"currency", p.Amount.Currency}, {"amounts.authorized", m.Authorized}, {"amounts.captured", m.Captured},
		{"amounts.refunded", m.Refunded}, {"amounts.reversed", m.Reversed}, {"amounts.released", m.Released}, {"amounts.capturable", m.Capturable},
		{"amounts.refundable", m.Refundable}, {"amounts.in_doubt", m.InDoubt}} {
		if a.str(f.path) != fmt.Sprint(f.is) {
			w.violate("payment %s has %s %v; its merchant is shown %s", p.Reference, f.path, f.is, a.str(f.path))
		}
	}
}

// checkPlace wants applied feedback to be at a payment of the account it came to.
func (w *World) checkPlace(item *core.InboxItem) {
	if item.State != core.InboxApplied {
		return
	}
	p, err := w.store.Payment(context.Background(), item.Place.MerchantID, item.Place.PaymentID)
	if err != nil {
		w.violate("feedback %s to %s is applied, and to no payment: %v", item.ID, item.Account, err)
		return
	}
	if !slices.ContainsFunc(p.Attempts, func(at *core.Attempt) bool { return at.ID == item.Place.AttemptID && at.Account == item.Account }) {
		w.violate("I-17: feedback to %s was applied to payment %s, which has no such attempt there", item.Account, p.Reference)
	}
}
