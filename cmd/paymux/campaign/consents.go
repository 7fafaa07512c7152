package campaign

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
)

// Some buyers agree to be charged later without buying anything. A merchant who has such a consent charges it, changes
// its plan or has the buyer change its instrument, and ends it; the buyer ends it in his account, and the provider
// suspends it. In the end it must stand as the provider's books have it.

// agreement is a consent in the provider's books.
type agreement struct {
	Reference, Kind, State string
	ProviderReference      string `json:"provider_reference"`
}

// setUps are the stories of merchants who ask for a consent alone.
func (w *World) setUps() {
	if !w.manner.setsUp {
		return
	}
	r := w.dice.of("set-ups")
	for n := range r.IntN(3) {
		s := w.newStory(fmt.Sprintf("consent-%d", n), w.accounts[r.IntN(len(w.accounts))])
		s.setUp, s.saves, s.flow = true, true, ""
		w.acting.Go(s.consent)
	}
}

// consent is the merchant's part of such a story.
func (s *story) consent() {
	s.w.pause(aWhile(s.r))
	s.create = s.request("set_up", "/v1/mandates", s.setUpOrder())
	for s.ask(s.create, 1+s.r.IntN(4)); s.mandate() == ""; s.ask(s.create, 1) {
		if s.r.IntN(3) == 0 {
			return // the shop gave up; it will ask again at the end of the world
		}
		s.w.pause(between(s.r, time.Minute, time.Hour))
	}
	s.w.trace.note("%s is mandate %s", s.name, s.mandate())
	s.w.buyerOf(s, s.create.last())
	if percent(s.r, 90) {
		s.w.pause(between(s.r, 10*time.Minute, 3*time.Hour))
	}
	for range 3 + s.r.IntN(5) {
		s.upkeep(choose(s.r, []choice{{"charge", 45}, {"change", 40}, {"refresh", 8}, {"cancel_mandate", 3}}))
		s.w.pause(aWhile(s.r))
	}
	if percent(s.r, 60) {
		s.upkeep("cancel_mandate")
	}
}

// recurs reports whether the consent that is asked for has a plan. One in three has: the drawn amounts are mostly round.
func (s *story) recurs() bool { return s.amount%3 == 0 }

// setUpOrder is the body that asks for a consent: with a plan, or without.
func (s *story) setUpOrder() map[string]any {
	body := map[string]any{"merchant_reference": s.name, "kind": "unscheduled", "currency": s.currency,
		"return_url": shopURL + "/wallet", "cancel_url": shopURL + "/account", "method": map[string]any{"type": "any"}}
	if s.recurs() {
		body["kind"], body["recurring"] = "recurring", s.plan(s.amount)
	}
	s.w.side.order(s, body)
	return body
}

// plan is a plan that takes an amount each month.
func (s *story) plan(amount int64) map[string]any {
	return map[string]any{"interval": "month", "interval_count": 1, "amount": amount}
}

// upkeep is one thing a merchant does with a consent.
func (s *story) upkeep(what string) {
	path := "/v1/mandates/" + s.mandate()
	switch what {
	case "charge":
		s.w.chargeLater(s)
	case "change": // its plan; where it has none the buyer its instrument
		body := map[string]any{"return_url": shopURL + "/wallet"}
		if s.recurs() {
			body = map[string]any{"recurring": s.plan(1 + s.r.Int64N(s.amount))}
		}
		if a := s.w.call(s.account, http.MethodPatch, path, "", body, time.Minute); a != nil { // no key tells two of them apart
			s.w.count(fmt.Sprintf("deed change of a consent %d", a.status))
			s.w.buyerOf(s, *a)
		}
	case "cancel_mandate":
		s.again(s.request(what, path+"/cancel", map[string]any{}))
	case "refresh":
		s.w.call(s.account, http.MethodGet, path+"?refresh=true", "", nil, time.Minute)
	}
}

// mandate is the consent of the story, or that was given with its payment; empty when there is none to use.
func (s *story) mandate() string {
	switch {
	case s.setUp:
		return s.create.last().str("id")
	case s.saves:
		return s.create.last().str("mandate")
	}
	return ""
}

// agreements are what the provider's books have of consents.
func (w *World) agreements() []agreement {
	_, all := w.ledger()
	return all
}

// mandates are all of them, straight from the store.
func (w *World) mandates() (all []*core.Mandate) {
	for _, a := range w.accounts {
		list, err := w.store.Mandates(context.Background(), a.merchant, "", core.Page{Limit: 1000})
		if err != nil {
			w.violate("the mandates cannot be read: %v", err)
		}
		all = append(all, list...)
	}
	return all
}

// checkMandates compares how each consent stands here with how it stands at the provider, which has none that nobody
// here knows.
func (w *World) checkMandates() {
	theirs := map[string]agreement{}
	for _, a := range w.agreements() {
		theirs[a.ProviderReference] = a
		w.trace.note("books %s %s %s", a.ProviderReference, a.Kind, a.State)
	}
	for _, m := range w.mandates() {
		w.trace.note("end %s %s", m.ID, m.Status)
		w.checkMandate(m, theirs)
	}
	for _, id := range slices.Sorted(maps.Keys(theirs)) {
		w.violate("P2: the provider has a consent %s that no mandate knows", id)
	}
}

// standings are how a mandate may stand, by how its consent stands at the provider; empty where there is none.
var standings = map[string][]core.MandateStatus{
	"active":    {core.MandateIsActive},
	"suspended": {core.MandateIsSuspended},
	"ended":     {core.MandateIsCanceled, core.MandateIsExpired},
	"":          {core.MandateHasFailed, core.MandateIsCanceled, core.MandateIsExpired},
}

// checkMandate takes what belongs to m out of theirs. What was agreed to with an order that came to nothing is not to be
// charged, however it stands there.
func (w *World) checkMandate(m *core.Mandate, theirs map[string]agreement) {
	p, err := w.store.Payment(context.Background(), m.MerchantID, m.PaymentID)
	if err != nil {
		w.violate("what mandate %s was given with cannot be read: %v", m.ID, err)
		return
	}
	state := ""
	for _, at := range p.Attempts {
		for _, id := range at.Refs {
			if a, ok := theirs[id]; ok && at.ID == m.AttemptID {
				state = a.State
			}
			delete(theirs, id)
		}
	}
	nothing := p.ID != m.ID && p.Amounts.Authorized == 0 && m.Status != core.MandateIsActive && m.Status != core.MandateIsSuspended
	if w.manner.setsUp && !nothing && !slices.Contains(standings[state], m.Status) { // others have no consents in their books
		w.violate("mandate %s of %s is %s; the provider has it %q", m.ID, m.Reference, m.Status, state)
	}
	if p.ID == m.ID {
		w.checkOperations(p)
		w.checkLedger(p)
		w.checkSequence(p, w.eventsOf(p))
	}
}

// refreshMandates reads those consents anew of which a notification was lost for good: core asks nothing about what is at
// rest (restIsNotAsked).
func (w *World) refreshMandates(lost map[string]bool) (asked bool) {
	for _, m := range w.mandates() {
		if !slices.ContainsFunc(slices.Collect(maps.Values(m.Refs)), func(id string) bool { return lost[id] }) {
			continue
		}
		i := slices.IndexFunc(w.accounts, func(a *account) bool { return a.merchant == m.MerchantID })
		a := w.call(w.accounts[i], http.MethodGet, "/v1/mandates/"+m.ID+"?refresh=true", "", nil, time.Minute)
		asked = true
		if a != nil && a.str("status") != string(m.Status) {
			w.count("gap: learned about a consent at rest only when asked")
		}
	}
	return asked
}

// anyBooked is the reference of an order or of a consent in the provider's books, empty when they are empty.
func (w *World) anyBooked(r *rand.Rand) booked {
	payments, agreements := w.ledger()
	for _, a := range agreements {
		if known := func(b booked) bool { return b.Reference == a.Reference }; a.Reference != "" && !slices.ContainsFunc(payments, known) {
			payments = append(payments, booked{Reference: a.Reference})
		}
	}
	if len(payments) == 0 {
		return booked{}
	}
	return payments[r.IntN(len(payments))]
}

// isSetUp reports whether an id is that of what has no payment.
func isSetUp(id string) bool { return strings.HasPrefix(id, "man_") }
