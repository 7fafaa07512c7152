package main

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// trade is one order: what the merchant asked for, call by call.
type trade struct {
	calls  []*call
	amount int64
	paid   bool // the buyer went to the provider's page
}

func (s *trade) created() *call { return s.calls[0] }
func (s *trade) id() string     { return s.created().said("id") }

// reference is ours at the provider.
func (s *trade) reference() string {
	list, _ := (&answer{body: decoded(s.created().raw)}).at("next_action.post_form.fields").([]any)
	for _, item := range list {
		if m, ok := item.(map[string]any); ok && m["name"] == "merchant_reference" {
			return fmt.Sprint(m["value"])
		}
	}
	return ""
}

// worker makes trades, one after the other, until stop is closed.
func (f *fleet) worker(n int, stop <-chan struct{}) (out []*trade) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return out
		default:
		}
		s := &trade{amount: 10000 + int64(f.chance(90000))}
		out = append(out, s)
		f.trade(s, fmt.Sprintf("order-%d-%d", n, i))
	}
}

// trade goes through one order as far as it gets: pay, then capture or cancel, then refund, with repetitions.
func (f *fleet) trade(s *trade, name string) {
	mode := []string{"manual", "automatic"}[min(f.chance(5)/3, 1)]
	s.calls = []*call{{kind: "create", key: name, path: "/v1/payments", body: order(name, map[string]any{"amount": s.amount, "capture_method": mode})}}
	if !f.ask(s.created()) || s.created().said("next_action.type") != "post_form" {
		return // he asks again at the end
	}
	f.forgets(s.created())
	if f.chance(30) == 0 {
		return // the buyer does not come
	}
	if f.chance(20) == 0 { // he comes after the merchant has given him up
		f.then(s, "cancel", 0)
	}
	s.paid = true
	f.buys(s.created(), f.chance(12) == 0, f.chance(2) == 0)
	want := map[string]string{"manual": "requires_capture", "automatic": "succeeded"}[mode]
	if !f.becomes(s, want) {
		return
	}
	left := s.amount
	if mode == "manual" {
		if f.chance(5) == 0 {
			f.then(s, "cancel", 0)
			return
		}
		left -= f.inParts(s, "capture", s.amount)
	} else {
		left = 0
	}
	if taken := s.amount - left; taken > 0 && f.chance(2) == 0 {
		f.inParts(s, "refund", taken)
	}
}

// inParts asks for the whole of amount, or for one or two parts of it, and returns what was told to be done.
func (f *fleet) inParts(s *trade, kind string, amount int64) (done int64) {
	parts := []int64{amount}
	if f.chance(2) == 0 {
		first := amount/4 + int64(f.chance(int(amount/4)))
		parts = []int64{first, amount - first}[:1+f.chance(2)]
	}
	for _, part := range parts {
		c := f.then(s, kind, part)
		if !c.final() {
			break // what comes next has to wait for it
		}
		done += part
	}
	return done
}

// then makes the next call of a trade.
func (f *fleet) then(s *trade, kind string, amount int64) *call {
	id := s.id()
	path := "/v1/payments/" + id + "/" + map[string]string{"capture": "captures", "refund": "refunds", "cancel": "cancel"}[kind]
	c := &call{kind: kind, amount: amount, path: path, key: fmt.Sprintf("%s-%d", s.created().key, len(s.calls)), body: map[string]any{}}
	if amount > 0 {
		c.body = map[string]any{"amount": amount}
	}
	s.calls = append(s.calls, c)
	f.ask(c)
	f.forgets(c)
	return c
}

// forgets has a merchant repeat now and then what was answered already.
func (f *fleet) forgets(c *call) {
	if c.told() && f.chance(4) == 0 {
		f.again(c)
	}
}

// becomes waits until the payment has this status. Now and then the merchant has the provider asked.
func (f *fleet) becomes(s *trade, status string) bool {
	for n := range 60 {
		if n%8 == 7 {
			_, _, _, _ = f.send(http.MethodPost, "/v1/payments/"+s.id()+"/sync", fmt.Sprintf("%s-sync-%d", s.created().key, n), nil)
		}
		_, _, raw, err := f.send(http.MethodGet, "/v1/payments/"+s.id(), "", nil)
		if err == nil && (&answer{body: decoded(raw)}).str("status") == status {
			return true
		}
		time.Sleep(25 * time.Millisecond)
	}
	return false
}

// of are the calls of one kind.
func (s *trade) of(kind string) []*call {
	return slices.DeleteFunc(slices.Clone(s.calls), func(c *call) bool { return c.kind != kind })
}
