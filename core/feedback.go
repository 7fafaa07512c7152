package core

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Receive is the one handler of transaction feedback, for every provider: authenticate, translate, store raw bytes and
// facts in one transaction, then answer what the provider expects. Applying follows at once in the background; if
// the process dies before, whoever takes its work does it. Not authentic: refused, nothing stored. Authentic and not understood:
// stored, acknowledged, and the provider is asked.
func (c *Checkout) Receive(ctx context.Context, account string, m Message) (Ack, error) {
	fb, err := c.authentic(ctx, account, m)
	if err != nil {
		return Ack{}, err
	}
	_, err = c.enter(ctx, newItem(account, m, fb, now()), fb)
	if err != nil {
		return Ack{}, err // no acknowledgement: the provider sends it again
	}
	return fb.Ack, nil
}

// enter stores an authentic message and has it applied; false when the inbox has it already.
func (c *Checkout) enter(ctx context.Context, item *InboxItem, fb Feedback) (inserted bool, err error) {
	if item.Masked > 0 {
		c.log.WarnContext(ctx, "card number masked in feedback", "feedback", item.ID, "account", item.Account, "numbers", item.Masked)
	}
	taken, w := false, Work{}
	err = c.store.Do(ctx, item.ID, func(tx Tx) (err error) {
		if inserted, err = tx.Receive(item); !inserted || err != nil {
			return err
		}
		w, taken, err = c.desk.plan(tx, WorkApply, item.ID)
		return err
	})
	switch {
	case err != nil:
		return false, err
	case taken:
		c.desk.hand(w)
	case inserted:
		c.desk.dueAt(w.DueAt)
	case len(fb.Read) > 0:
		err = c.askAgain(ctx, item.Account, fb)
	}
	return inserted, err
}

// authentic translates what the provider of an account has signed. That an account does not exist is nobody's business:
// the answer is the one to a wrong signature, after as much work.
func (c *Checkout) authentic(ctx context.Context, account string, m Message) (Feedback, error) {
	a := c.accounts[account]
	if a == nil {
		for _, name := range sortedIDs(c.accounts) {
			_, _ = c.accounts[name].ParseFeedback(ctx, m)
			break
		}
		return Feedback{}, ErrUnauthenticated
	}
	fb, err := a.ParseFeedback(ctx, m)
	if err == nil && fb.DedupeKey == "" {
		err = &Error{Kind: Internal, Op: "core.Receive", Message: "the adapter gave no key to tell repetitions by"}
	}
	return fb, err
}

// newItem is an authentic message as it is kept: no card number is, wherever a provider repeated one. What tells
// repetitions apart was computed over what came.
func newItem(account string, m Message, fb Feedback, at time.Time) *InboxItem {
	item := &InboxItem{ID: newIDAt(prefixFeedback, at), Account: account, DedupeKey: fb.DedupeKey, Feedback: detail(fb), State: InboxReceived, Note: fb.Note, ReceivedAt: at}
	contentType, _ := MaskCards([]byte(m.Header.Get("Content-Type")), nil) // nobody signed it
	item.ContentType = string(contentType)
	item.Raw, item.Masked = MaskCards(m.Body, fb.identifies)
	return item
}

// identifies reports whether digits identify something that the message is about. Some numbers of providers look like
// those of cards.
func (f Feedback) identifies(digits string) bool {
	ids := []string{f.Reference}
	for _, refs := range []Refs{f.Refs, f.Memo} {
		for _, value := range refs {
			ids = append(ids, value)
		}
	}
	for _, fact := range f.Facts {
		ids = append(ids, fact.ID, fact.Of, fact.OpKey)
	}
	for _, o := range f.Read {
		ids = append(ids, o.ID)
	}
	return slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(id, digits) })
}

// askAgain makes the payment of a repeated message due: what looks the same may be a second booking of the same amount,
// and only the provider's totals tell. Any number of repetitions makes one question.
func (c *Checkout) askAgain(ctx context.Context, account string, fb Feedback) error {
	place, err := c.store.Locate(ctx, account, fb.lookups())
	if KindOf(err) == NotFound {
		return nil // it is parked like the first one
	}
	if err != nil {
		return err
	}
	defer c.desk.dueAt(now())
	if err := c.store.Do(ctx, place.PaymentID, func(tx Tx) error { return tx.Soon(WorkAsk, place.PaymentID, now()) }); err != nil {
		return err
	}
	p, err := c.store.Payment(ctx, "", place.PaymentID)
	if gap := c.gap(account); err != nil || p.RecheckAt.Sub(now()) > gap/2 {
		return err // it is asked about late enough
	}
	_, err = c.amend(ctx, "", p.ID, Cause{"feedback", ""}, func(a *amendment) error {
		a.RecheckAt = a.now.Add(c.gap(account))
		return nil
	})
	return err
}

// appliers is how many items of the inbox are applied at a time, so that their commits can be one.
const appliers = 16

// applyItem applies one item of the inbox, and has the provider asked where the message says so.
func (c *Checkout) applyItem(ctx context.Context, w Work) error {
	item, err := c.store.Feedback(ctx, "", w.Subject)
	if err != nil {
		return err
	}
	if item.State == InboxApplied || item.State == InboxDead {
		return c.drop(ctx, w)
	}
	var fb Feedback
	if err := json.Unmarshal(item.Feedback, &fb); err != nil {
		return c.setAside(ctx, w, item, err)
	}
	place, err := c.store.Locate(ctx, item.Account, fb.lookups())
	if KindOf(err) == NotFound {
		if place, err = c.find(ctx, item, fb); err == nil {
			fb.Refs = nil // others may have made what bears the reference of the consent alone; what is the attempt's, its reading tells
		}
	}
	if err != nil && KindOf(err) == NotFound {
		return c.park(ctx, w, item, fb)
	}
	if err != nil {
		return err
	}
	_, err = c.amend(ctx, "", place.PaymentID, Cause{"feedback", item.ID}, func(a *amendment) error {
		heard := *item
		a.hear(&heard, fb, a.attempt(place.AttemptID), c.accounts[item.Account])
		heard.State, heard.Place, heard.AppliedAt, heard.Tries = InboxApplied, place, a.now, item.Tries+1
		a.then = func() error {
			if item.State == InboxUnmatched {
				if err := a.tx.Park(item.ID, item.Account, nil); err != nil {
					return err
				}
			}
			return saveItem(a.tx, &heard, a.tx.Done, w)
		}
		return nil
	})
	if err != nil && CodeOf(err) != "lease_lost" && ctx.Err() == nil { // a stop is no fault of the message
		return c.setAside(ctx, w, item, err)
	}
	return err
}

// lookups are what may identify the attempt, strongest first: the provider's own ids, then our reference.
func (f Feedback) lookups() []Ref {
	var refs []Ref
	for _, kind := range sortedIDs(f.Refs) {
		refs = append(refs, Ref{kind, f.Refs[kind]})
	}
	if f.Reference != "" {
		refs = append(refs, Ref{RefOwn, f.Reference})
	}
	return refs
}

// hear applies what an authentic feedback says. One about another currency or another amount than was asked moves
// nothing: it is kept and flagged, and the provider is asked what is true. Its totals may be older than its
// message: when its gap is over they are read once more.
func (a *amendment) hear(item *InboxItem, fb Feedback, at *Attempt, account *Account) {
	said := fb
	a.ask = a.ask || len(fb.Read) > 0
	if e := fb.Echo.Amount; e != nil && a.contradicts(at, *e) || a.beyond(at, fb.Facts) {
		said = Feedback{} // what it names and hands over may be another one's as well
		a.Mismatch, a.ask, item.Note = true, true, "it speaks of another amount or currency than was asked for"
	}
	if a.ask && account != nil {
		a.RecheckAt = a.now.Add(account.caps.ResumeGap)
	}
	a.name(at, said.Read)
	if hintsAtMoney(a.unknown(at, said.Facts)) && a.tallyOf(at).authorized() == 0 {
		a.owes(at, said.Facts, account)
	}
	if len(fb.Facts) == 0 && item.Note == "" {
		item.Note = "it proves nothing that could be booked"
	}
	ev := Evidence{ID: newID(prefixEvidence), FeedbackID: item.ID, Kind: EvidenceFeedback, Title: item.Account + " feedback",
		Detail: detail(map[string]any{"feedback": item.ID, "note": item.Note, "codes": codes(fb.Facts), "objects": named(fb.Read)})}
	a.learn(at, ev, said.Facts, said.binding(), said.Memo, said.Display)
}

// binding are the refs that an attempt keeps of a message. Of one that names what to read that is all: the rest of its ids
// has served to find the attempt, and what belongs to what its provider says when it is asked. Else whoever can write a
// message that moves nothing could have a later call charge the agreement that he wrote beside an id of the attempt.
func (f Feedback) binding() Refs {
	if !slices.ContainsFunc(f.Read, func(o Object) bool { return o.ID != "" }) {
		return f.Refs
	}
	refs := maps.Clone(f.Refs)
	maps.DeleteFunc(refs, func(_, id string) bool {
		return !slices.ContainsFunc(f.Read, func(o Object) bool { return o.ID == id })
	})
	return refs
}

// unknown are the facts that nobody has told of before.
func (a *amendment) unknown(at *Attempt, facts []Fact) []Fact {
	return slices.DeleteFunc(slices.Clone(facts), func(f Fact) bool { return a.knows(at.ID, f) })
}

// contradicts reports whether money m cannot belong to the attempt: another currency, or, where nothing smaller was
// ever asked for, another amount.
func (a *amendment) contradicts(at *Attempt, m Money) bool {
	return m.Currency != at.Amount.Currency || m.Minor != at.Amount.Minor
}

// named are the objects a message names, for people.
func named(objects []Object) []map[string]string {
	out := []map[string]string{}
	for _, o := range objects {
		out = append(out, map[string]string{"kind": o.Kind.String(), "id": o.ID})
	}
	return out
}

func codes(facts []Fact) []string {
	out := []string{}
	for _, f := range facts {
		out = append(out, strings.TrimSpace(f.Kind.String()+" "+f.Code))
	}
	return out
}

// park keeps an item that belongs to nothing known: it is tried again on the schedule, and at once when an attempt gets
// one of its references. When the schedule is over, only such an attempt has it tried.
func (c *Checkout) park(ctx context.Context, w Work, item *InboxItem, fb Feedback) error {
	item.State, item.Tries = InboxUnmatched, item.Tries+1
	w.Tries = item.Tries
	var letters []Work
	lost := false
	err := c.store.Do(ctx, item.ID, func(tx Tx) (err error) {
		if err := tx.Park(item.ID, item.Account, fb.lookups()); err != nil {
			return err
		}
		then, known := tx.Again, false
		if w.DueAt, known = c.unparkAt(ctx, tx, item, fb); !known && w.DueAt.Sub(item.ReceivedAt) > c.pace.of(askFor) {
			then = tx.Done
		}
		lost = !known && item.Tries == triesUntold+1
		if letters = nil; lost {
			if letters, err = c.tellUnmatched(tx, item); err != nil {
				return err
			}
		}
		return saveItem(tx, item, then, w)
	})
	if err != nil {
		return err
	}
	if lost {
		c.log.WarnContext(ctx, "feedback belongs to no payment", "feedback", item.ID, "account", item.Account)
	}
	c.desk.handAll(letters)
	c.desk.dueAt(w.DueAt)
	return nil
}

// unparkAt is when a parked item is tried next: at once if its attempt is known by now, written while it was looked for.
func (c *Checkout) unparkAt(ctx context.Context, tx Tx, item *InboxItem, fb Feedback) (at time.Time, known bool) {
	if _, err := tx.Locate(ctx, item.Account, fb.lookups()); err == nil {
		return now(), true
	}
	return now().Add(c.pace.wait(item.Tries)), false
}

// setAside notes that an item could not be applied; after maxTries it is left for a person.
func (c *Checkout) setAside(ctx context.Context, w Work, item *InboxItem, cause error) error {
	c.log.WarnContext(ctx, "feedback not applied", "feedback", item.ID, "account", item.Account, "try", item.Tries+1, "error", cause)
	wasParked := item.State == InboxUnmatched
	if item.State = InboxReceived; wasParked {
		item.Tries = 0 // how often its payment was looked for does not count
	}
	item.Tries++
	if item.Tries >= maxTries && !passes(cause) { // a database that is away is no fault of the message
		return c.bury(ctx, w, item)
	}
	return c.tryLater(ctx, w, item)
}

// bury leaves an item for a person.
func (c *Checkout) bury(ctx context.Context, w Work, item *InboxItem) error {
	item.State = InboxDead
	c.log.ErrorContext(ctx, "feedback is dead: a person must look and replay it", "feedback", item.ID, "account", item.Account, "tries", item.Tries)
	return c.store.Do(ctx, item.ID, func(tx Tx) error { return saveItem(tx, item, tx.Done, w) })
}

// buryItem gives up the work on an item. One that was applied meanwhile has nothing to be done.
func (c *Checkout) buryItem(ctx context.Context, w Work) error {
	item, err := c.store.Feedback(ctx, "", w.Subject)
	if err != nil {
		return err
	}
	if item.State == InboxApplied || item.State == InboxDead {
		return c.drop(ctx, w)
	}
	return c.bury(ctx, w, item)
}

func (c *Checkout) tryLater(ctx context.Context, w Work, item *InboxItem) error {
	w.Tries, w.DueAt = item.Tries, now().Add(c.pace.wait(item.Tries))
	err := c.store.Do(ctx, item.ID, func(tx Tx) error { return saveItem(tx, item, tx.Again, w) })
	if err == nil {
		c.desk.dueAt(w.DueAt)
	}
	return err
}

// saveItem stores an item together with what becomes of its work.
func saveItem(tx Tx, item *InboxItem, then func(Work) error, w Work) error {
	if err := tx.SaveInbox(item); err != nil {
		return err
	}
	return then(w)
}

// gap is how long the provider of an account may take to show what it did.
func (c *Checkout) gap(account string) time.Duration {
	if a := c.accounts[account]; a != nil {
		return a.caps.ResumeGap
	}
	return 0
}
