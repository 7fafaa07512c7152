package campaign

import (
	"context"
	"errors"
	"fmt"

	"github.com/paymux/paymux/core"
)

// fenced is the store as one instance sees it: every call takes its time, what is written is watched, and nothing gets
// through once the instance is dead.
type fenced struct {
	core.Store
	i *instance
}

// what names a thing an instance does for the dice. Two instances wake at the same moment, for the same work: which of
// them draws first is nobody's to decide, so each draws for himself.
func (s *fenced) what(of string) string { return fmt.Sprintf("%s at %d", of, s.i.slot) }

func (s *fenced) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	w := s.i.w
	what := s.what(subject)
	w.travel("do " + what)
	if s.i.dead.Load() {
		return errCrashed
	}
	fault := w.strike(w.dice.of("store "+what), storeFaults, "store")
	if fault == storeRefuses {
		return &core.Error{Kind: core.Unavailable, Op: "campaign", Code: "storage_unavailable", Message: "nothing was stored"}
	}
	var d *deed
	err := s.Store.Do(ctx, subject, func(tx core.Tx) error {
		d = &deed{Tx: tx}
		if err := fn(d); err != nil {
			return err
		}
		before, doing := d.moments()[0], d.doing()
		o := d.operation()
		if resumed := o != nil && d.kind() == "result" && w.began(o) != s.i.number; resumed && s.i.at(resuming, doingOperation) || s.i.at(before, doing) {
			return errCrashed // the transaction is rolled back
		}
		if fault == commitLost {
			return errUnknownCommit
		}
		return nil
	})
	switch {
	case s.i.dead.Load():
		return errCrashed
	case err != nil:
		w.trace.note("do %s refused: %s", subject, brief(err))
		w.refusal()
		return err
	}
	w.wrote(ctx, subject, d, s.i.number)
	if s.i.at(d.moments()[1], d.doing()) || s.i.at(anywhere, doingAnything) {
		return errCrashed
	}
	w.travel("done " + what)
	switch {
	case s.i.dead.Load():
		return errCrashed
	case fault == commitKept:
		return errUnknownCommit
	}
	return nil
}

// What a store can do to a write beside doing it: refuse it, or lose the answer to a commit that was kept or was not.
const (
	storeRefuses = "refuses"
	commitLost   = "commit unknown, lost"
	commitKept   = "commit unknown, kept"
)

var storeFaults = []choice{{storeRefuses, 40}, {commitLost, 20}, {commitKept, 20}}

// errUnknownCommit is what a store says when nobody can tell whether a commit happened.
var errUnknownCommit = &core.Error{Kind: core.Internal, Op: "campaign", Code: "commit_unknown", Message: "the commit was not confirmed; read again"}

func brief(err error) string {
	if e := (*core.Error)(nil); errors.As(err, &e) {
		return e.Kind.String() + " " + e.Code
	}
	return fmt.Sprint(err)
}

// deed is what one transaction did.
type deed struct {
	core.Tx
	changes  []*core.Change
	received *core.InboxItem
	inserted bool
	saved    *core.InboxItem
	looked   bool // at a payment
	told     bool // it stored a try of a delivery
}

func (d *deed) Payment(ctx context.Context, merchant, id string) (*core.Payment, error) {
	d.looked = true
	return d.Tx.Payment(ctx, merchant, id)
}

func (d *deed) Write(c *core.Change) error {
	err := d.Tx.Write(c)
	if err == nil {
		d.changes = append(d.changes, c)
	}
	return err
}

func (d *deed) Receive(item *core.InboxItem) (bool, error) {
	inserted, err := d.Tx.Receive(item)
	d.received, d.inserted = item, inserted
	return inserted, err
}

func (d *deed) SaveInbox(item *core.InboxItem) error {
	d.saved = item
	return d.Tx.SaveInbox(item)
}

// stored reports whether a transaction was more than a look at a payment.
func (d *deed) stored() bool {
	return len(d.changes) > 0 || d.received != nil || d.saved != nil || !d.looked
}

// kind is what a transaction was for.
func (d *deed) kind() string {
	switch {
	case d.received != nil:
		return "receive"
	case d.saved != nil:
		return "apply"
	case d.told:
		return "told"
	}
	kind := "note"
	for _, c := range d.changes {
		kind = "change"
		if len(c.NewOperations) > 0 {
			return "intent"
		}
		for _, e := range c.Evidence {
			switch e.Kind {
			case core.EvidenceAnswer:
				return "result"
			case core.EvidenceQuery:
				return "learned"
			case core.EvidenceReturn:
				return "return"
			}
		}
	}
	return kind
}

// operation is the one that a transaction is about, nil for none: that of an intent, or of a result.
func (d *deed) operation() *core.Operation {
	for _, c := range d.changes {
		if len(c.NewOperations) > 0 {
			return c.NewOperations[0]
		}
		for _, e := range c.Evidence {
			for _, o := range c.Payment.Operations {
				if e.Kind == core.EvidenceAnswer && o.ID == e.OperationID {
					return o
				}
			}
		}
	}
	return nil
}

// doing is what the process is doing with a transaction.
func (d *deed) doing() string {
	switch kind := d.kind(); kind {
	case "receive", "apply":
		return doingFeedback
	case "learned":
		return doingQuery
	case "return":
		return doingReturn
	case "told":
		return doingDelivery
	}
	if o := d.operation(); o != nil {
		return string(o.Kind)
	}
	return doingAnything
}

// moments are where a process can die right before and right after the commit.
func (d *deed) moments() [2]string {
	return map[string][2]string{
		"receive": {beforeReceive, afterReceive}, "apply": {beforeApply, afterApply}, "intent": {beforeIntent, afterIntent},
		"result": {beforeResult, afterResult}, "learned": {beforeLearned, afterLearned}, "return": {inReturn, inReturn}, "told": {afterSend, afterTold},
	}[d.kind()]
}
