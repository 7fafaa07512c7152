package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ordersPerWorld bounds how many orders a world has.
const ordersPerWorld = 6

// act sends everybody on his way.
func (w *World) act() {
	w.listen()
	r := w.dice.of("orders")
	for n := range 1 + r.IntN(ordersPerWorld) {
		s := w.newStory(fmt.Sprintf("order-%d", n), w.accounts[r.IntN(len(w.accounts))])
		w.acting.Go(s.live)
	}
	w.setUps()
	for n := range r.IntN(3) {
		w.acting.Go(func() { w.backOffice(n) })
	}
	for n := range r.IntN(3) {
		w.acting.Go(func() { w.attack(n) })
	}
	for n := range r.IntN(3) {
		w.acting.Go(func() { w.post(n) })
	}
	w.acting.Go(w.releases)
}

func (w *World) newStory(name string, a *account) *story {
	r := w.dice.of("story " + name)
	s := &story{w: w, name: name, account: a, r: r, currency: w.manner.currencies[r.IntN(len(w.manner.currencies))],
		manual: percent(r, w.manner.manual), saves: percent(r, w.manner.saves)}
	s.amount = []int64{1, 10, 100, 1000}[r.IntN(4)] * (10 + r.Int64N(900))
	if len(w.manner.flows) > 0 {
		s.flow = choose(r, w.manner.flows)
	}
	w.mu.Lock()
	w.stories = append(w.stories, s)
	w.mu.Unlock()
	return s
}

func (w *World) hasStory(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.stories, func(s *story) bool { return s.name == name })
}

// chargeLater charges the consent of s in a payment of its own.
func (w *World) chargeLater(s *story) {
	id := s.mandate()
	if id == "" {
		return
	}
	number, name := len(s.asked), ""
	for taken := true; taken; number++ { // it may be charged twice without anything in between
		name = fmt.Sprintf("%s-later-%d", s.name, number)
		taken = w.hasStory(name)
	}
	c := w.newStory(name, s.account)
	c.offline, c.saves, c.manual, c.flow, c.currency = true, false, w.manner.agrees && c.manual, "", s.currency
	body := c.order()
	body["mandate"], body["off_session"] = id, true
	delete(body, "method")
	delete(body, "save")
	c.create = c.request("create", "/v1/payments", body)
	c.ask(c.create, 1+s.r.IntN(4))
	w.count(fmt.Sprintf("deed charge %d", c.create.last().status))
	w.acting.Go(func() {
		for range c.r.IntN(3) {
			w.pause(aWhile(c.r))
			if c.payment() != "" {
				c.deed()
			}
		}
	})
}

// backOffice is a person at the provider who captures, refunds and releases by hand.
func (w *World) backOffice(n int) {
	r := w.dice.of(fmt.Sprintf("back office %d", n))
	for range 1 + r.IntN(2) {
		w.pause(aWhile(r) + aWhile(r))
		p := w.anyBooked(r)
		if p.Reference == "" {
			continue
		}
		what := choose(r, w.manner.office)
		amount := int64(0)
		if percent(r, 60) && p.Authorized > 0 {
			amount = 1 + r.Int64N(p.Authorized)
		}
		w.disturb(r)
		w.inOffice(what, p.Reference, amount)
		w.count("fault office: " + what)
	}
}

// inOffice has something done by hand to an order.
func (w *World) inOffice(what, reference string, amount int64) {
	for _, a := range w.accounts { // only one of them has the order
		if order := w.side.byHand(a, what, reference, amount); order != nil {
			w.control("backoffice", order)
		}
	}
	w.trace.note("back office: %s %d of %s", what, amount, reference)
}

// mayDecline has the provider decline, now and then, what it has just accepted of an order and not decided.
func (w *World) mayDecline(s *story) {
	r := w.dice.of("second thoughts about " + s.name)
	if !w.manner.thinksAgain || w.calm.Load() || !percent(r, 35) {
		return
	}
	w.acting.Go(func() {
		w.pause(between(r, time.Second, 25*time.Second))
		p, err := w.store.Payment(context.Background(), s.account.merchant, s.payment())
		if err != nil {
			w.violate("payment of %s cannot be read: %v", s.name, err)
			return
		}
		for _, at := range p.Attempts {
			w.inOffice(declined, at.Reference, 0)
		}
		w.count("fault office: " + declined)
	})
}

// releases lets go of feedback that is held back, now and then.
func (w *World) releases() {
	r := w.dice.of("releases")
	for range 6 {
		w.pause(aWhile(r))
		w.control("feedback", map[string]any{"release": true})
	}
}

// attack is somebody without a key or a phrase: whatever he sends changes nothing.
func (w *World) attack(n int) {
	r := w.dice.of(fmt.Sprintf("attack %d", n))
	for range 1 + r.IntN(4) {
		w.pause(aWhile(r))
		reference := "unknown"
		if books := w.books(); len(books) > 0 {
			reference = books[r.IntN(len(books))].Reference
		}
		a := w.accounts[r.IntN(len(w.accounts))]
		sealed, bare := w.side.forged(a, reference, "1")
		switch r.IntN(7) {
		case 0:
			w.intrude(http.MethodPost, "/feedback/"+a.name, sealed.contentType, string(sealed.body), "")
		case 1:
			w.intrude(http.MethodPost, "/feedback/"+a.name, bare.contentType, string(bare.body), "")
		case 2:
			w.intrude(http.MethodPost, "/return/r0123456789", sealed.contentType, string(sealed.body), "")
		case 3:
			body, _ := json.Marshal(map[string]any{"merchant_reference": "stolen", "amount": 1, "currency": "AED", "return_url": shopURL})
			w.intrude(http.MethodPost, "/v1/payments", "application/json", string(body), "pk_"+reference)
		case 4:
			w.count("fault message: unreadable")
			bad := []string{"\xff\xfe\xe4", "amount=%00&signature=\x00", `{"signature":"\u0000","amount":"1\u0000"}`, `{"signature":"` + strings.Repeat("a", 100_000) + `"}`}
			w.intrude(http.MethodPost, "/feedback/"+a.name, []string{"application/json", "application/x-www-form-urlencoded"}[r.IntN(2)], bad[r.IntN(len(bad))], "")
		case 5:
			w.count("fault message: flood of forgeries")
			for range 30 {
				sealed, _ = w.side.forged(a, reference, fmt.Sprint(r.IntN(1000)))
				w.intrude(http.MethodPost, "/feedback/"+a.name, sealed.contentType, string(sealed.body), "")
			}
		case 6:
			w.intrude(http.MethodPost, "/feedback/nobody", sealed.contentType, string(sealed.body), "")
		}
	}
}

// intrude sends what must be refused.
func (w *World) intrude(method, path, contentType, body, key string) {
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), tagKey{}, attacker), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, programURL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		w.violate("a request cannot be built: %v", err)
		return
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Idempotency-Key", "stolen")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := w.toProgram(r, "attack "+path, "192.0.2.66:666", func(resp *http.Response) {
		if resp.StatusCode < 400 {
			w.violate("I-18: %s %s answered %d to an attacker", method, path, resp.StatusCode)
		}
	})
	if err == nil {
		discard(resp)
	}
	w.count("deed attack")
}

// settle is the end of all evil: no more faults, everything held back arrives, every request that was not answered is
// asked again under its key, and the program has fifteen days.
func (w *World) settle() {
	w.deliverBelated()
	w.trace.note("faults are over")
	w.calm.Store(true)
	if r, err := http.NewRequest(http.MethodDelete, w.manner.url+"/_control/faults", nil); err == nil { //nolint:noctx // it never leaves
		w.side.ServeHTTP(&exchange{header: http.Header{}}, r)
	}
	w.control("feedback", map[string]any{"mode": "normal", "release": true})
	w.dying.Wait()
	w.pause(2 * time.Hour)
	w.askAgain()
	w.catchUp()
	time.Sleep(15 * 24 * time.Hour)
	if w.askAboutRest(); w.decide() {
		time.Sleep(believed) // what others gave back beside a refund that did not happen
	}
	for range 2 { // what was answered for good is answered the same
		w.askAgain()
	}
	w.look()
}

// askAgain repeats requests under their keys: those that were carried out, or may have been. One that was refused is
// not kept, and would be a new one.
func (w *World) askAgain() {
	for _, s := range w.stories {
		for _, q := range s.asked {
			done := func(a answer) bool { return a.status == 202 || a.final() }
			if q.open() || slices.ContainsFunc(q.answers, done) {
				q.told(w.call(s.account, http.MethodPost, q.path, q.key, q.body, time.Minute))
			}
			w.pause(time.Second)
		}
	}
}

// books are the simulator's own.
func (w *World) books() []booked {
	payments, _ := w.ledger()
	return payments
}

// ledger is all that the simulator's books have.
func (w *World) ledger() ([]booked, []agreement) {
	var b struct {
		Payments   []booked
		Agreements []agreement
	}
	if err := json.Unmarshal(w.control("books", nil), &b); err != nil {
		w.violate("the books cannot be read: %v", err)
	}
	return b.Payments, b.Agreements
}
