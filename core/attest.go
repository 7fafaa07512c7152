package core

import (
	"slices"
	"time"
)

// What an operator attests is a fact like any other, but for two things: it holds only until the provider itself speaks
// of the same, and when the provider says otherwise, somebody has to look again.

// attested reports whether an operator has said what became of o.
func (p *Payment) attested(o *Operation) bool {
	return slices.ContainsFunc(p.Facts, func(e Entry) bool {
		return e.Strength == Attested && e.AttemptID == o.AttemptID && e.OpKey == o.Key
	})
}

// overruled reports whether e is an operator's word about something the provider has spoken of itself.
func (p *Payment) overruled(e *Entry) bool {
	return e.Strength == Attested && slices.ContainsFunc(p.Facts, func(own Entry) bool { return p.overrules(&own, e) })
}

// overrules reports whether own is the provider's word about what said attests.
func (p *Payment) overrules(own, said *Entry) bool {
	o := p.spokenOf(said)
	if o == nil || own.Strength != Asserted || own.AttemptID != said.AttemptID || own.Amount.Currency != "" && own.Amount.Currency != p.Amount.Currency {
		return false
	}
	same := own.OpKey != "" && own.OpKey == said.OpKey
	switch own.Kind {
	case Booked:
		return o.isBooking(&own.Fact)
	case Authorized: // what was obtained on a page carries no key
		return o.Kind.authorizes() && same || o.obtains() && own.OpKey == ""
	case Captured, CaptureDeclined:
		sale := o.obtains() && own.Kind == Captured && (own.OpKey == "" || same) && said.Kind != Authorized
		return sale || o.Kind == OpCapture && (same || own.names(said))
	case Refunded, RefundDeclined:
		return o.Kind == OpRefund && (same || own.names(said))
	case AuthorizationClosed: // of all that a void is about each is told by itself
		about := own.ID == o.Of || o.Of == "" && (said.Kind == VoidDeclined || said.ID == "" || said.ID == own.ID)
		return o.Kind == OpVoid && said.Kind != AgreementClosed && (same || about)
	case AgreementClosed:
		return o.Kind == OpVoid && said.Kind == AgreementClosed && said.ID == own.ID
	case AuthorizationDeclined, AttemptEnded:
		return o.Kind.authorizes() && same
	case VoidDeclined:
		return o.Kind == OpVoid && same
	}
	return false
}

// hear settles with the provider's word the operation an operator spoke of: he has told which object it is.
func (t *tally) hear(p *Payment, said *Entry) {
	for i := range p.Facts {
		if own := p.Facts[i]; p.overrules(&own, said) {
			own.OpKey = said.OpKey
			t.note(&own)
			t.named[own.ID] = max(t.named[own.ID], own.OpKey)
		}
	}
}

// names reports whether own is about the very object that said is about.
func (own *Entry) names(said *Entry) bool {
	return own.Measure == Single && own.ID != "" && own.ID == said.ID
}

// obtains reports whether o obtains the authorization of its attempt, not one more beside it.
func (o *Operation) obtains() bool { return o.Kind.authorizes() && o.Kind != OpAuthorize }

// spokenOf is the operation an operator spoke of, nil for none.
func (p *Payment) spokenOf(said *Entry) *Operation {
	for _, o := range p.Operations {
		if o.AttemptID == said.AttemptID && o.Key == said.OpKey {
			return o
		}
	}
	return nil
}

// contradicted reports whether the provider says something else than an operator did, or may have said the same, and
// nobody has seen that yet.
func (p *Payment) contradicted() bool {
	for i := range p.Facts {
		if said := &p.Facts[i]; said.Strength == Attested && said.Measure == Single && p.contradicts(said) {
			return true
		}
	}
	return false
}

func (p *Payment) contradicts(said *Entry) (other bool) {
	for i := range p.Facts {
		own := &p.Facts[i]
		if own.mayBe(said) {
			other = other || own.Number > p.Acknowledged.Facts
		}
		if !p.overrules(own, said) {
			continue
		}
		if agrees(own, said) {
			return false
		}
		other = other || own.Number > p.Acknowledged.Facts
	}
	return other
}

// mayBe reports whether own may be what an operator attested without the provider's id for it: the same amount under an
// id that nobody named. Then it is counted twice, and a person has to tell.
func (own *Entry) mayBe(said *Entry) bool {
	return said.ID == said.OpKey && own.Strength == Asserted && own.Kind == said.Kind && own.Measure == Single && own.OpKey == "" &&
		own.AttemptID == said.AttemptID && own.ID != said.ID && own.Amount == said.Amount && own.Number > said.Number
}

// agrees reports whether the provider says what the operator said.
func agrees(own, said *Entry) bool {
	switch done := settles[said.Kind].state == OpSucceeded; {
	case own.Kind == Booked || !done:
		return done == (own.Kind == Booked || settles[own.Kind].state == OpSucceeded)
	case own.Measure == AtLeast:
		return own.Kind == said.Kind && own.Amount.Minor >= said.Amount.Minor
	default:
		return own.Kind == said.Kind && own.Amount.Minor == said.Amount.Minor
	}
}

// denied are the captures and refunds an operator attested that the totals of a provider do not have room for. Told once,
// the totals may only be late; told again after the provider's gap, they are its word, and the operator was wrong.
func (a *amendment) denied(at *Attempt, account *Account, s Snapshot) (facts []Fact) {
	for _, o := range a.Operations {
		if o.AttemptID != at.ID || o.State != OpSucceeded || !s.Found || !account.totals(o.Kind) || !a.attested(o) {
			continue
		}
		f := Fact{Kind: CaptureDeclined, Measure: Single, ID: o.Key, OpKey: o.Key, Of: o.Of, Strength: Asserted, OccurredAt: a.now}
		told, least := most(s.Facts, Captured), addCapped(o.Baseline.Captured, o.Amount.Minor)
		if o.Kind == OpRefund {
			f.Kind, told, least = RefundDeclined, most(s.Facts, Refunded), addCapped(o.Baseline.Refunded, o.Amount.Minor)
		}
		switch {
		case o.Kind != OpCapture && o.Kind != OpRefund || a.knows(at.ID, f):
		case told >= least:
			o.RepeatAt = time.Time{}
		case o.RepeatAt.IsZero():
			o.RepeatAt = a.now.Add(account.caps.ResumeGap)
		case !a.now.Before(o.RepeatAt):
			o.RepeatAt = time.Time{}
			facts = append(facts, f)
		}
	}
	return facts
}

// disputed is an operation that the provider's totals contradict an operator about, until they are told again; nil for
// none.
func (p *Payment) disputed() *Operation {
	for _, o := range p.Operations {
		if o.State == OpSucceeded && !o.RepeatAt.IsZero() && p.attested(o) {
			return o
		}
	}
	return nil
}

// most is the highest total of a kind that facts tell.
func most(facts []Fact, kind FactKind) (total int64) {
	for _, f := range facts {
		if f.Kind == kind && f.Measure == AtLeast && f.Strength == Asserted {
			total = max(total, f.Amount.Minor)
		}
	}
	return total
}

// Acknowledged is what an operator has seen and let stand. What comes on top of it has to be looked at again.
type Acknowledged struct {
	At      time.Time `json:"at,omitzero"`
	Facts   int64     `json:"facts,omitempty"`   // up to this number
	Foreign int64     `json:"foreign,omitempty"` // minor units, as the Amounts of the same name
	Surplus int64     `json:"surplus,omitempty"`
	Excess  int64     `json:"excess,omitempty"` // paid twice
}

// toReview reports whether a person should look: to say what became of an operation in doubt, or to see what is odd. Odd
// is authentic word of another currency or amount, money that others moved, more gone back than was taken, a buyer who
// paid twice, a provider that contradicts an operator, and two weeks of asking without an end.
func (p *Payment) toReview() (doubt, seen bool) {
	a, known := p.Amounts, p.Acknowledged
	for _, o := range p.Operations {
		doubt = doubt || o.Review && o.open()
	}
	open := p.openOperation() != nil
	undecided := open || p.Flagged && p.Status == StatusProcessing && slices.ContainsFunc(p.Operations, p.undecided)
	doubt = doubt || p.Flagged && undecided
	seen = p.Flagged && !undecided || p.Mismatch || a.Surplus > known.Surplus || p.excess(a) > known.Excess || p.contradicted() ||
		a.Foreign > known.Foreign && !open // what is open may account for it
	return doubt, seen
}

// Doubt is an operation of which a person may say what became of it.
type Doubt struct {
	Operation string    `json:"operation"`
	Object    string    `json:"object,omitempty"` // the capture or refund
	Kind      OpKind    `json:"kind"`
	Amount    Money     `json:"amount"`
	State     OpState   `json:"state"` // unknown; or pending, when the provider was asked for two weeks
	CreatedAt time.Time `json:"created_at"`
}

// Doubts are what an operator may settle.
func (p *Payment) Doubts() (out []Doubt) {
	for _, o := range p.Operations {
		if p.doubtful(o, now()) {
			out = append(out, Doubt{o.ID, o.Object, o.Kind, o.Amount, doubtState(o), o.CreatedAt})
		}
	}
	return out
}

func doubtState(o *Operation) OpState {
	if o.State == OpSent || o.State == OpUnknown {
		return OpUnknown
	}
	return OpPending
}

// doubtful reports whether the outcome of o is for a person to say, if the provider does not: it is unknown, or the
// provider accepted it and has told nothing for two weeks.
func (p *Payment) doubtful(o *Operation, at time.Time) bool {
	switch {
	case !o.open():
		return p.Flagged && p.Status == StatusProcessing && p.undecided(o)
	case o.State == OpSent:
		return at.After(o.Deadline)
	case o.State == OpPending:
		return o.Review || p.Flagged
	}
	return true
}

// undecided reports whether o began an attempt whose authorization is open though o itself is done: a page was given
// out, the buyer is back, and nobody tells. What is reserved later on what the buyer agreed to is another call's.
func (p *Payment) undecided(o *Operation) bool {
	at := p.attempt(o.AttemptID)
	if !o.begins() || o.State == OpNotSent || o.State == OpDeclined || at == nil {
		return false
	}
	t := p.tallyOf(at)
	live, _ := p.live(at, t)
	pending := t.anyAuth(func(a *authTally) bool { return a.undecided() && !a.further })
	return pending || live && (at.Returned || !at.OwedAt.IsZero()) && !t.obtained()
}
