package core

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"
)

// Cause names what changed a payment: an API call, a feedback, a return, a query, the passing of time.
type Cause struct {
	Kind string `json:"kind"` // api_call, provider_call, feedback, return, query, time, operator
	ID   string `json:"id,omitempty"`
}

// causeOperator is the kind of the cause that an operator's word is.
const causeOperator = "operator"

// amendment is one change of one payment inside one transaction: fn changes Payment, write stores the difference
// with its evidence and the events that follow from it.
type amendment struct {
	*Payment
	tx       Tx
	before   *Payment // nil for a new payment
	now      time.Time
	cause    Cause
	pace     pace
	evidence []Evidence
	refs     []RefOf
	reserve  struct{ capture, refund int64 }
	failed   []Fact       // declines that are new
	then     func() error // run after the write, in the same transaction
	ask      bool         // the provider has to be asked, whatever the status is
	asked    bool         // it was asked
	began    time.Time    // when the question was put
	silent   bool         // and did not answer about every attempt
	lease    *Work        // under which it was asked, nil when a caller asked
	givenUp  bool         // it cannot be asked any more, for a defect here
	desk     *desk        // where what is to be asked at once goes, nil outside of amend
	teller   *Checkout    // who tells the merchant
	page     mandatePage
	follows
}

// follows is what a change leaves to be done, to be handed over after its commit.
type follows struct {
	taken    *Work  // the provider is to be asked at once
	letters  []Work // what is to be sent
	unparked int    // items of the inbox that waited for what the change tells
}

// handOver has done what follows from a change that is committed.
func (d *desk) handOver(f follows) {
	if f.taken != nil {
		d.hand(*f.taken)
	}
	d.handAll(f.letters)
	if f.unparked > 0 {
		d.dueAt(now())
	}
}

// amend loads a payment inside a job of the write queue, lets fn change it and stores what changed. It returns the
// payment as stored. merchant is empty when the program itself acts.
func (c *Checkout) amend(ctx context.Context, merchant, id string, cause Cause, fn func(*amendment) error) (*Payment, error) {
	if merchant != "" && !validID(prefixPayment, id) {
		return nil, notFound("payment")
	}
	var stored *Payment
	var then follows
	err := c.store.Do(ctx, id, func(tx Tx) error {
		p, err := tx.Payment(ctx, merchant, id)
		if err != nil {
			return err
		}
		a := &amendment{Payment: p, tx: tx, before: p.clone(), now: now(), cause: cause, pace: c.pace, desk: c.desk, teller: c}
		if err := fn(a); err != nil {
			return err
		}
		err = a.write()
		stored, then = a.Payment, a.follows
		return err
	})
	if err != nil {
		c.desk.unsure(err)
		return nil, err
	}
	c.desk.handOver(then)
	c.desk.dueAt(stored.CheckAt)
	return stored, nil
}

// now is the time as it is stored: UTC, in microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// clone copies what settle and its callers change. Maps and slices inside attempts and operations are replaced as a
// whole, never written to, so sharing them is safe.
func (p *Payment) clone() *Payment {
	q := *p
	q.Attempts, q.Operations = make([]*Attempt, len(p.Attempts)), make([]*Operation, len(p.Operations))
	for i, a := range p.Attempts {
		b := *a
		q.Attempts[i] = &b
	}
	for i, o := range p.Operations {
		b := *o
		q.Operations[i] = &b
	}
	q.Facts = slices.Clone(p.Facts)
	return &q
}

// learn stores evidence and applies the facts that rest on it.
func (a *amendment) learn(at *Attempt, e Evidence, facts []Fact, refs, memo Refs, display string) {
	if a.foreign(at, refs) {
		a.Mismatch, facts, refs, memo, display = true, nil, nil, nil, ""
	}
	e.PaymentID, e.AttemptID, e.CreatedAt = a.ID, at.ID, a.now
	a.evidence = append(a.evidence, e)
	for _, kind := range sortedIDs(refs) {
		if at.Refs[kind] == refs[kind] {
			continue // it is stored
		}
		a.refs = append(a.refs, RefOf{Account: at.Account, Ref: Ref{Kind: kind, Value: refs[kind]}, Place: Place{a.MerchantID, a.ID, at.ID}})
	}
	// What is kept to be used later is what was told first: nobody exchanges an instrument by telling of another one.
	at.Refs, at.Memo = merge(at.Refs, refs), merge(memo, at.Memo)
	if display != "" {
		at.Display = display
	}
	for _, f := range facts {
		if (f.Kind == AuthorizationDeclined && !a.asksFurther(at, f) && !a.givesUp(at.ID, f.ID) || f.Kind == AttemptEnded && f.Strength == Attested) && f.Strength != Hint && !a.knows(at.ID, f) {
			a.failed = append(a.failed, f)
		}
	}
	a.Apply(at.ID, e.ID, a.withFloors(at, facts), a.now)
}

// foreign reports whether one of refs identifies another attempt: then what came with it is not about this one.
func (a *amendment) foreign(at *Attempt, refs Refs) bool {
	for kind, value := range refs {
		if at.Refs[kind] == value {
			continue
		}
		place, err := a.tx.Locate(context.Background(), at.Account, []Ref{{kind, value}})
		if err == nil && place.AttemptID != at.ID {
			return true
		}
	}
	return false
}

// write settles the payment, stores everything that differs from what was loaded, and then runs then.
func (a *amendment) write() error {
	if err := a.store(); err != nil || a.then == nil {
		return err
	}
	return a.then()
}

func (a *amendment) store() error {
	a.settle()
	flagged := a.Flagged
	if a.schedule(); a.Flagged != flagged {
		a.settle()
	}
	mandate, news, err := a.mandate()
	if err != nil {
		return err
	}
	events := append(a.events(), news...)
	c := &Change{Payment: a.Payment, New: a.before == nil, ReserveCapture: a.reserve.capture, ReserveRefund: a.reserve.refund,
		Evidence: a.evidence, Refs: a.refs}
	a.difference(c)
	if !c.New && len(events) == 0 && len(c.Facts)+len(c.Evidence)+len(c.Attempts)+len(c.NewAttempts)+len(c.Operations)+len(c.NewOperations) == 0 && a.sameRow() {
		return a.planAsk()
	}
	a.Version++
	a.UpdatedAt = a.now
	for _, e := range events {
		a.Sequence++
		told, err := a.event(e)
		if err != nil {
			return err
		}
		c.Events = append(c.Events, told)
	}
	if err := a.tx.Write(c); err != nil {
		return err
	}
	if a.letters, err = a.teller.outbox(a.tx, a.MerchantID, c.Events); err != nil {
		return err
	}
	if err := a.planAsk(); err != nil {
		return err
	}
	if a.unparked, err = a.tx.Unpark(c.Refs, a.now); err != nil {
		return err
	}
	if mandate == nil {
		return nil
	}
	stored := *mandate
	stored.Version++
	a.Payment.mandate = &stored
	return a.tx.WriteMandate(mandate)
}

// difference fills in what is new and what is changed.
func (a *amendment) difference(c *Change) {
	known := map[string]any{}
	facts := 0
	if a.before != nil {
		for _, at := range a.before.Attempts {
			known[at.ID] = at
		}
		for _, o := range a.before.Operations {
			known[o.ID] = o
		}
		facts = len(a.before.Facts)
	}
	for _, at := range a.Attempts {
		switch old, ok := known[at.ID]; {
		case !ok:
			c.NewAttempts = append(c.NewAttempts, at)
		case !reflect.DeepEqual(old, at):
			c.Attempts = append(c.Attempts, at)
		}
	}
	for _, o := range a.Operations {
		switch old, ok := known[o.ID]; {
		case !ok:
			c.NewOperations = append(c.NewOperations, o)
		case !reflect.DeepEqual(old, o):
			o.UpdatedAt = a.now
			c.Operations = append(c.Operations, o)
		}
	}
	c.Facts = a.Facts[facts:]
}

// sameRow reports whether the payment's own row is as it was loaded, but for when the provider is asked next.
func (a *amendment) sameRow() bool {
	old, cur := *a.before, *a.Payment
	old.CheckAt, old.Checks = cur.CheckAt, cur.Checks
	old.Attempts, old.Operations, old.Facts = nil, nil, nil
	cur.Attempts, cur.Operations, cur.Facts = nil, nil, nil
	return reflect.DeepEqual(old, cur)
}

func merge(into, from Refs) Refs {
	if len(from) == 0 {
		return into
	}
	m := make(Refs, len(into)+len(from))
	for k, v := range into {
		m[k] = v
	}
	for k, v := range from {
		m[k] = v
	}
	return m
}

// sortedIDs are the keys of m in one order, so that nothing depends on that of a map.
func sortedIDs[M ~map[string]V, V any](m M) []string { return slices.Sorted(maps.Keys(m)) }

// detail is v as evidence. What goes in is plain data of this package, which always marshals.
func detail(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("core: evidence does not marshal: " + err.Error())
	}
	return b
}
