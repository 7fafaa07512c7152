package core

import (
	"maps"
	"slices"
)

// tally is what the facts of one attempt prove.
type tally struct {
	auths     map[string]*authTally
	closings  map[string]bool // authorizations told closed, by the ids that were told
	refunds   map[string]*partTally
	refundMin int64           // told as a total
	nets      map[int64]int64 // captured less refunded after each booking
	agreed    map[string]*agreement
	reversed  map[string]int64
	recovered map[string]int64
	disputed  map[string]bool
	consent   consent
	setsUp    bool // the attempt is about a consent alone, and no money
	settled   map[deciding]OpState
	why       map[deciding]*Entry // what was told last of a refusal
	named     map[string]string   // keys of the operations that objects belong to by an operator's word
	ended     bool                // on the provider's word
	endedHint bool
	away      bool
	mismatch  bool
}

type authTally struct {
	authorized, pending int64
	hasPending          bool
	declined, closed    bool
	proven              bool // there is money on it, on the provider's own word
	opKey               string
	further             bool // reserved on what the buyer had agreed to: that it was declined ends nothing
	captureMin          int64
	captures            map[string]*partTally
	nets                map[int64]int64
}

// partTally is one capture or refund.
type partTally struct {
	done, pending      int64
	isDone, hasPending bool
	declined           bool
	opKey              string
	of                 string // of a refund: the capture it goes back from
}

type agreement struct {
	limit  int64
	closed bool
}

// tallyOf adds up the facts of attempt a. It looks at the set of facts only, never at their order.
func (p *Payment) tallyOf(a *Attempt) *tally {
	t := &tally{auths: map[string]*authTally{}, closings: map[string]bool{}, refunds: map[string]*partTally{}, nets: map[int64]int64{}, agreed: map[string]*agreement{},
		reversed: map[string]int64{}, recovered: map[string]int64{}, disputed: map[string]bool{}, settled: map[deciding]OpState{}, why: map[deciding]*Entry{}, named: map[string]string{}, setsUp: p.Order.SetUp}
	only := p.onlyAuthorization(a)
	for i := range p.Facts {
		switch e := &p.Facts[i]; {
		case e.AttemptID != a.ID:
		case p.overruled(e):
			t.hear(p, e)
		default:
			t.add(p, e, only)
		}
	}
	t.further(p)
	t.owned()
	return t
}

// owned settles with what became of a capture or a refund the call that it turns out to be of: what is told of an object
// and whose it is may be told apart, in any order.
func (t *tally) owned() {
	for _, r := range t.refunds {
		t.ownedBy(OpRefund, r)
	}
	for _, a := range t.auths {
		for _, c := range a.captures {
			t.ownedBy(OpCapture, c)
		}
	}
}

func (t *tally) ownedBy(kind OpKind, c *partTally) {
	d := deciding{kind, c.opKey}
	switch {
	case c.opKey == "":
	case c.isDone:
		t.settled[d] = OpSucceeded
	case c.declined && t.settled[d] != OpSucceeded:
		t.settled[d] = OpDeclined
	}
}

// further knows the authorizations that further calls asked for, and settles with what became of each the call that it was
// asked for with, whoever told of it.
func (t *tally) further(p *Payment) {
	for _, o := range p.Operations {
		if o.Kind != OpAuthorize {
			continue
		}
		for _, a := range t.auths {
			if a.opKey != o.Key {
				continue
			}
			a.further = true
			switch {
			case a.proven:
				t.settled[o.deciding()] = OpSucceeded
			case a.declined && t.settled[o.deciding()] != OpSucceeded:
				t.settled[o.deciding()] = OpDeclined
			}
		}
	}
}

// onlyAuthorization is the id that facts without one mean: the only authorization with money, else the only one known.
func (p *Payment) onlyAuthorization(a *Attempt) string {
	money, known := map[string]bool{}, map[string]bool{}
	for i := range p.Facts {
		e := &p.Facts[i]
		if e.AttemptID != a.ID || e.Strength == Hint || p.overruled(e) {
			continue
		}
		switch e.Kind {
		case Authorized:
			money[e.ID], known[e.ID] = true, true
		case Captured:
			money[e.Of], known[e.Of] = true, true
		case AuthorizationPending, AuthorizationDeclined, AuthorizationClosed:
			known[e.ID] = true
		}
	}
	delete(money, "")
	delete(known, "")
	for _, ids := range []map[string]bool{money, known} {
		if len(ids) == 1 {
			return slices.Collect(maps.Keys(ids))[0]
		}
	}
	return ""
}

func (t *tally) add(p *Payment, e *Entry, only string) {
	f := &e.Fact
	if f.Amount.Currency != "" && f.Amount.Currency != p.Amount.Currency {
		t.mismatch = t.mismatch || e.Number > p.Acknowledged.Facts // it is kept as evidence and moves nothing
		return
	}
	if f.Strength == Hint {
		t.endedHint = t.endedHint || f.Kind == AttemptEnded
		t.away = t.away || f.Kind == BuyerAway
		return
	}
	t.note(e)
	switch f.Kind {
	case AgreementOpen, AgreementClosed:
		g := get(t.agreed, f.ID)
		g.limit, g.closed = max(g.limit, f.Amount.Minor), g.closed || f.Kind == AgreementClosed
	case AuthorizationPending, AuthorizationDeclined, Authorized, AuthorizationClosed:
		t.auth(or(f.ID, only)).add(f)
		t.prove(f.ID, f)
		if f.Kind == AuthorizationClosed {
			t.closings[f.ID] = true
		}
	case CapturePending, CaptureDeclined, Captured:
		t.auth(or(f.Of, only)).addCapture(f)
		t.prove(f.Of, f)
	case RefundPending, RefundDeclined, Refunded:
		t.addRefund(f)
	case Reversed:
		t.reversed[f.ID] = max(t.reversed[f.ID], f.Amount.Minor)
	case Recovered:
		t.recovered[f.ID] = max(t.recovered[f.ID], f.Amount.Minor)
	case Disputed:
		t.disputed[f.ID] = true
	case Booked:
		t.addBooked(p, f, only)
	case AttemptEnded:
		t.ended = true
	case BuyerAway:
		t.away = true
	case MandateActive, MandateSuspended, MandateClosed, MandateRefused:
		t.consent.add(e)
	}
}

// settles says which kind of operation a fact can decide, and how.
var settles = map[FactKind]struct {
	kind  OpKind
	state OpState
}{
	AuthorizationPending: {OpAuthorize, OpPending}, AuthorizationDeclined: {OpAuthorize, OpDeclined}, Authorized: {OpAuthorize, OpSucceeded},
	AttemptEnded:        {OpAuthorize, OpDeclined},
	AuthorizationClosed: {OpVoid, OpSucceeded}, VoidDeclined: {OpVoid, OpDeclined},
	CapturePending: {OpCapture, OpPending}, CaptureDeclined: {OpCapture, OpDeclined}, Captured: {OpCapture, OpSucceeded},
	RefundPending: {OpRefund, OpPending}, RefundDeclined: {OpRefund, OpDeclined}, Refunded: {OpRefund, OpSucceeded},
}

// deciding is the operation a fact speaks of: of all that obtain an authorization there is one word.
type deciding struct {
	kind OpKind
	key  string
}

func (o *Operation) deciding() deciding {
	if o.Kind.authorizes() {
		return deciding{OpAuthorize, o.Key}
	}
	return deciding{o.Kind, o.Key}
}

var stateRank = map[OpState]int{OpPending: 1, OpDeclined: 2, OpSucceeded: 3}

// note remembers what e says about the operation it names. Done outweighs declined outweighs pending.
func (t *tally) note(e *Entry) {
	s, ok := settles[e.Kind]
	d := deciding{s.kind, e.OpKey}
	if !ok || e.OpKey == "" {
		return
	}
	if stateRank[s.state] > stateRank[t.settled[d]] {
		t.settled[d] = s.state
	}
	if s.state == OpDeclined && e.Failure != nil && (t.why[d] == nil || e.laterThan(t.why[d])) {
		t.why[d] = e
	}
}

func (t *tally) auth(id string) *authTally {
	a := get(t.auths, id)
	if a.captures == nil {
		a.captures, a.nets = map[string]*partTally{}, map[int64]int64{}
	}
	return a
}

// prove notes that there is money on the authorization id, if f says so on the provider's word: what an operator attests may
// be taken back.
func (t *tally) prove(id string, f *Fact) {
	if id != "" && f.Strength == Asserted && f.Amount.Minor > 0 && (f.Kind == Authorized || f.Kind == Captured) {
		t.auth(id).proven = true
	}
}

func (a *authTally) add(f *Fact) {
	if f.Kind != AuthorizationClosed { // that names the call that closed it
		a.opKey = max(a.opKey, f.OpKey)
	}
	switch f.Kind {
	case AuthorizationPending:
		a.pending, a.hasPending = max(a.pending, f.Amount.Minor), true
	case AuthorizationDeclined:
		a.declined = true
	case Authorized:
		a.authorized = max(a.authorized, f.Amount.Minor)
	case AuthorizationClosed:
		a.closed = true
	}
}

func (a *authTally) addCapture(f *Fact) {
	switch {
	case f.Kind == Captured && f.Measure == AtLeast:
		a.captureMin = max(a.captureMin, f.Amount.Minor)
	case f.Kind == Captured && f.Measure == NetAt:
		a.nets[f.Sequence] = f.Amount.Minor
	default:
		get(a.captures, f.ID).add(f, Captured, CapturePending)
	}
}

func (t *tally) addRefund(f *Fact) {
	if f.Kind == Refunded && f.Measure == AtLeast {
		t.refundMin = max(t.refundMin, f.Amount.Minor)
		return
	}
	r := get(t.refunds, f.ID)
	r.add(f, Refunded, RefundPending)
	r.of = max(r.of, f.Of)
}

func (c *partTally) add(f *Fact, done, pending FactKind) {
	switch f.Kind {
	case done:
		c.done, c.isDone = max(c.done, f.Amount.Minor), true
	case pending:
		c.pending, c.hasPending = max(c.pending, f.Amount.Minor), true
	default:
		c.declined = true
	}
	c.opKey = max(c.opKey, f.OpKey) // one object belongs to one operation; whichever is told, not the last
}

// addBooked gives a booking the effect of the operation it names.
func (t *tally) addBooked(p *Payment, f *Fact, only string) {
	for _, o := range p.Operations {
		if !o.isBooking(f) {
			continue
		}
		t.settled[o.deciding()] = OpSucceeded
		of := or(or(f.Of, o.Of), only)
		switch o.Kind {
		case OpCapture:
			c := get(t.auth(of).captures, "op:"+o.Key)
			c.done, c.isDone, c.opKey = o.Amount.Minor, true, o.Key
		case OpVoid:
			t.auth(of).closed, t.closings[or(f.Of, o.Of)] = true, true
		case OpRefund:
			c := get(t.refunds, "op:"+o.Key)
			c.done, c.isDone, c.opKey, c.of = o.Amount.Minor, true, o.Key, o.Of
		}
	}
}

// isBooking reports whether the booking f tells of is o, by its key or its number.
func (o *Operation) isBooking(f *Fact) bool {
	byKey := f.OpKey != "" && o.Key == f.OpKey
	return byKey || f.OpKey == "" && f.Sequence > 0 && o.Sequence == f.Sequence && (o.Of == f.Of || o.Of == "" || f.Of == "")
}

func get[V any](m map[string]*V, key string) *V {
	if m[key] == nil {
		m[key] = new(V)
	}
	return m[key]
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
