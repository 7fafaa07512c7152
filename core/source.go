package core

import (
	"fmt"
	"slices"
	"strings"
)

// Where money comes from when a payment has several authorizations or captures, and where it goes back to.

// source is the provider's id of the authorization that amount is captured from: the one that is named, else of those that
// cover it the one that ends first, which is the oldest; empty when it is charged to what the buyer agreed to. Where no
// single one covers it, the error says what each has left: one capture here is one at the provider.
func (p *Payment) source(at *Attempt, caps *MethodCaps, named string, amount int64) (string, error) {
	t := p.tallyOf(at)
	if named != "" {
		return p.namedSource(t, caps, p.theirs(t, named), amount)
	}
	open, held := "", t.sum((*authTally).open)
	var rests []string
	for _, id := range p.authorizationsByAge(at, t) {
		auth := t.auths[id]
		if !auth.takes(caps) {
			continue
		}
		if auth.open() >= amount {
			return id, nil
		}
		open = id
		rests = append(rests, fmt.Sprintf("authorization %s has %s", id, Money{auth.open(), p.Amount.Currency}))
	}
	free := max(0, t.agreement()-t.captured()-held)
	switch {
	case t.everAgreed() > 0 && free >= amount:
		return "", nil
	case t.everAgreed() == 0 && len(rests) <= 1:
		return open, nil // what is left of it, the sums of the payment have said
	case free > 0:
		rests = append(rests, fmt.Sprintf("%s may be charged to what the buyer agreed to", Money{free, p.Amount.Currency}))
	}
	return "", invalid("amount_exceeds_remaining", "/amount", "no single authorization covers it: %s", strings.Join(rests, ", "))
}

func (p *Payment) namedSource(t *tally, caps *MethodCaps, named string, amount int64) (string, error) {
	auth := t.auths[named]
	switch {
	case auth == nil || auth.total() == 0:
		return "", invalid("reference_invalid", "/authorization", "the payment has no such authorization")
	case !auth.takes(caps):
		return "", invalid("amount_exceeds_remaining", "/authorization", "nothing more can be captured from this authorization")
	case auth.open() < amount:
		return "", invalid("amount_exceeds_remaining", "/amount", "%s is left of this authorization", Money{auth.open(), p.Amount.Currency})
	}
	return named, nil
}

// takes reports whether something may be captured from an authorization: there is something left, and the provider takes
// another capture of it.
func (a *authTally) takes(caps *MethodCaps) bool {
	made := 0
	for _, c := range a.captures {
		if !c.declined || c.isDone {
			made++
		}
	}
	return a.open() > 0 && (caps == nil || caps.CapturesPerAuth == 0 || made < caps.CapturesPerAuth)
}

// authorizationsByAge are the ids of the attempt's authorizations, the one that was told first before the others.
func (p *Payment) authorizationsByAge(at *Attempt, t *tally) (ids []string) {
	for i := range p.Facts {
		if e := &p.Facts[i]; e.AttemptID == at.ID && e.Kind == Authorized && e.Strength != Hint && t.auths[e.ID] != nil && !slices.Contains(ids, e.ID) {
			ids = append(ids, e.ID)
		}
	}
	for _, id := range sortedIDs(t.auths) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// destination is the provider's id of the capture that amount is refunded from: the one named by its public id, else the
// first that covers it; empty where the provider does not tell captures apart. Where it does and none covers it, the error
// says what is left of each: one refund here is one at the provider.
func (p *Payment) destination(at *Attempt, caps *MethodCaps, public string, amount int64) (string, error) {
	each := caps != nil && caps.RefundPerCapture
	captures := p.capturesOf(at)
	if public != "" {
		i := slices.IndexFunc(captures, func(c capture) bool { return c.public == public })
		switch {
		case i < 0:
			return "", &Error{Kind: Invalid, Code: "reference_invalid", Pointer: "/capture", Message: "the payment has no such capture"}
		case each && captures[i].rest < amount:
			return "", invalid("amount_exceeds_remaining", "/amount", "%s is left of this capture", Money{captures[i].rest, p.Amount.Currency})
		}
		return captures[i].id, nil
	}
	var rests []string
	for _, c := range captures {
		if c.rest >= amount {
			return c.id, nil
		}
		if c.rest > 0 {
			rests = append(rests, fmt.Sprintf("%s of %s", Money{c.rest, p.Amount.Currency}, or(c.public, c.id)))
		}
	}
	if each && len(rests) > 0 {
		return "", invalid("amount_exceeds_remaining", "/amount", "no single capture covers it; what is left: %s", strings.Join(rests, ", "))
	}
	return "", nil
}

// capture is one capture of an attempt that is done: its id at the provider, ours if it was asked for here, and what was not
// refunded of it.
type capture struct {
	id, public string
	rest       int64
}

func (p *Payment) capturesOf(at *Attempt) (out []capture) {
	t := p.tallyOf(at)
	for _, id := range sortedIDs(t.auths) {
		for _, cid := range sortedIDs(t.auths[id].captures) {
			part := t.auths[id].captures[cid]
			if part.isDone {
				out = append(out, capture{id: cid, rest: p.unrefunded(t, cid, part.done)})
			}
		}
	}
	for _, o := range p.Operations {
		if o.AttemptID != at.ID || o.Kind != OpCapture || o.State != OpSucceeded {
			continue
		}
		i := slices.IndexFunc(out, func(c capture) bool { return c.id == o.Key || p.capturedBy(t, c.id, o.Key) })
		if i < 0 { // only a total tells of it
			out = append(out, capture{id: o.Key, rest: p.unrefunded(t, o.Key, o.Amount.Minor)})
			i = len(out) - 1
		}
		out[i].public = o.Object
	}
	return out
}

// capturedBy reports whether the capture of this id is that of the operation with key.
func (p *Payment) capturedBy(t *tally, id, key string) bool {
	for _, a := range t.auths {
		if c := a.captures[id]; c != nil && c.opKey == key {
			return true
		}
	}
	return false
}

// unrefunded is what of a capture's amount neither went back nor is on its way.
func (p *Payment) unrefunded(t *tally, id string, done int64) int64 {
	gone, seen := int64(0), map[string]bool{}
	for _, r := range t.refunds {
		if r.of == id && (r.isDone || r.undecided()) {
			gone, seen[r.opKey] = addCapped(gone, max(r.done, r.pending)), true
		}
	}
	for _, o := range p.Operations {
		if o.Kind == OpRefund && o.Of == id && !seen[o.Key] && (o.open() || o.State == OpSucceeded) {
			gone = addCapped(gone, o.Amount.Minor)
		}
	}
	return max(0, done-gone)
}
