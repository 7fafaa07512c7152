package core_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// working runs the background work until what it returns is called.
func (d *desk) working() (stop func()) {
	ctx, cancel := context.WithCancel(d.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); d.Run(ctx) }()
	return func() { cancel(); <-ended }
}

// theReferenceOf is our reference of the first attempt of a payment that may not exist yet: it is derived.
func theReferenceOf(t *testing.T, order string) string {
	d := newDesk(t)
	return d.op(d.create(order, core.CaptureManual).ID, core.OpStart).Reference
}

// A message that is there before its payment is applied when the payment comes, not when the schedule says.
func TestAParkedMessageIsAppliedWhenItsAttemptIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reference := theReferenceOf(t, "order-1")
		d := newDesk(t)
		defer d.working()()
		d.receive(core.Feedback{Reference: reference, DedupeKey: "x", Facts: []core.Fact{coretest.Authorized(core.Op{Reference: reference, Amount: core.Money{Minor: 10000, Currency: "EUR"}}, false)}})
		d.receive(core.Feedback{Reference: "of nobody", DedupeKey: "y"})
		time.Sleep(12 * time.Hour) // the schedule is hourly by now
		require.Equal(t, core.InboxUnmatched, d.items(core.InboxQuery{})[0].State)
		v := d.create("order-1", core.CaptureManual)
		time.Sleep(time.Second)
		require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Authorized)
		items := d.items(core.InboxQuery{})
		require.Equal(t, []core.InboxState{core.InboxApplied, core.InboxUnmatched}, []core.InboxState{items[0].State, items[1].State})

		d.receive(core.Feedback{Refs: core.Refs{"transaction": "T-1"}, DedupeKey: "z", Facts: []core.Fact{coretest.Authorized(core.Op{Reference: reference, Amount: core.Money{Minor: 10000, Currency: "EUR"}}, true)}})
		time.Sleep(time.Hour)
		require.Zero(t, d.payment(v.ID).Amounts.Captured)
		d.receive(core.Feedback{Reference: reference, Refs: core.Refs{"transaction": "T-1"}, DedupeKey: "it names both"})
		time.Sleep(time.Second)
		require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Captured, "any reference that an attempt gets will do")
	})
}

// Two weeks are enough to look for the payment of a message; after that only a payment has it tried.
func TestAParkedMessageIsNotLookedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reference := theReferenceOf(t, "order-1")
		d := newDesk(t)
		defer d.working()()
		d.receive(core.Feedback{Reference: reference, DedupeKey: "x", Facts: []core.Fact{coretest.Authorized(core.Op{Reference: reference, Amount: core.Money{Minor: 10000, Currency: "EUR"}}, false)}})
		time.Sleep(20 * 24 * time.Hour)
		next, err := d.store.NextWork(t.Context(), []core.WorkKind{core.WorkApply})
		require.NoError(t, err)
		require.True(t, next.IsZero())
		tries := d.items(core.InboxQuery{})[0].Tries
		require.Greater(t, tries, 50)
		v := d.create("order-1", core.CaptureManual)
		time.Sleep(time.Second)
		require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Authorized)
	})
}

// late is a store in which something happens just after an attempt was looked for in vain.
type late struct {
	core.Store
	then func()
}

func (l *late) Locate(ctx context.Context, account string, refs []core.Ref) (core.Place, error) {
	place, err := l.Store.Locate(ctx, account, refs)
	if then := l.then; err != nil && then != nil {
		l.then = nil
		then()
	}
	return place, err
}

// The attempt may be written between the look for it and the parking.
func TestAnAttemptThatIsWrittenWhileItsMessageIsParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reference := theReferenceOf(t, "order-1")
		d := newDesk(t)
		store := &late{Store: d.store}
		d.open(func(o *core.Options) { o.Store = store })
		var v core.View
		store.then = func() { v = d.create("order-1", core.CaptureManual) }
		defer d.working()()
		d.receive(core.Feedback{Reference: reference, DedupeKey: "x", Facts: []core.Fact{coretest.Authorized(core.Op{Reference: reference, Amount: core.Money{Minor: 10000, Currency: "EUR"}}, false)}})
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Authorized)
	})
}

// poisoned is a store in which no message can be applied to one payment, for a defect of ours.
type poisoned struct {
	core.Store
	payment string
}

func (p *poisoned) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	return p.Store.Do(ctx, subject, func(tx core.Tx) error { return fn(poisonedTx{tx, p.payment}) })
}

type poisonedTx struct {
	core.Tx
	payment string
}

func (p poisonedTx) SaveInbox(item *core.InboxItem) error {
	if item.Place.PaymentID == p.payment {
		return &core.Error{Kind: core.Internal, Op: "test", Message: "a defect"}
	}
	return p.Tx.SaveInbox(item)
}

// A message that cannot be applied is tried eight times, further and further apart, and then left for a person; the
// others go on. When the defect is mended it is replayed.
func TestAPoisonousMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		bad, good := d.create("order-1", core.CaptureManual), d.create("order-2", core.CaptureManual)
		store := &poisoned{d.store, bad.ID}
		var logs bytes.Buffer
		d.open(func(o *core.Options) {
			o.Store, o.Log = store, slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelError}))
		})
		stop := d.working()
		d.hear(coretest.Authorized(d.op(bad.ID, core.OpStart).Op, false))
		for try := 1; try < 8; try++ {
			synctest.Wait()
			require.Equal(t, []any{core.InboxReceived, try}, []any{d.items(core.InboxQuery{})[0].State, d.items(core.InboxQuery{})[0].Tries})
			next, err := d.store.NextWork(t.Context(), []core.WorkKind{core.WorkApply})
			require.NoError(t, err)
			require.GreaterOrEqual(t, time.Until(next), []time.Duration{5 * time.Second, 15 * time.Second, 45 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}[try-1])
			time.Sleep(time.Until(next) + time.Millisecond)
		}
		d.hear(coretest.Authorized(d.op(good.ID, core.OpStart).Op, false))
		time.Sleep(48 * time.Hour)
		items := d.items(core.InboxQuery{})
		require.Equal(t, []any{core.InboxDead, 8}, []any{items[0].State, items[0].Tries})
		require.Equal(t, core.InboxApplied, items[1].State, "others go on")
		require.Equal(t, 1, strings.Count(logs.String(), "feedback is dead"), "somebody is told, once: %s", &logs)
		require.Equal(t, core.ReplayFailed, d.replay(items[0].ID).Outcome)
		require.Equal(t, core.InboxDead, d.items(core.InboxQuery{})[0].State)
		stop()
		store.payment = "none"
		require.Equal(t, core.ReplayApplied, d.replay(items[0].ID).Outcome)
		require.Equal(t, int64(10000), d.payment(bad.ID).Amounts.Authorized)
	})
}

// The story of a payment as its provider tells it, in any order, with repetitions, all at once or one after the other,
// while what is told is applied: it is always the same payment (F-F01, F-F02).
func TestFeedbackInAnyOrderAndNumber(t *testing.T) {
	d, n := newDesk(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		v := d.create(fmt.Sprint("order-", n), core.CaptureManual)
		op := d.op(v.ID, core.OpStart).Op
		part := func(kind core.FactKind, id string, amount int64) core.Fact {
			return core.Fact{Kind: kind, ID: id, Of: "A-" + op.Reference, Amount: core.Money{Minor: amount, Currency: "EUR"}, Strength: core.Asserted}
		}
		var told []core.Message
		for i, f := range []core.Fact{coretest.Authorized(op, false), part(core.CapturePending, "c1", 4000), part(core.Captured, "c1", 4000),
			part(core.Captured, "c2", 6000), part(core.RefundPending, "r1", 1000), part(core.Refunded, "r1", 1000)} {
			m := coretest.Message(core.Feedback{Facts: []core.Fact{f}, Reference: op.Reference, DedupeKey: fmt.Sprint(n, i)})
			for range rapid.SampledFrom([]int{1, 2, 9}).Draw(rt, "times") {
				told = append(told, m)
			}
		}
		told = rapid.Permutation(told).Draw(rt, "order")
		tell := func(m core.Message) {
			_, err := d.Receive(context.Background(), "acc", m)
			require.NoError(rt, err)
			d.Drain(context.Background())
		}
		if rapid.Bool().Draw(rt, "at once") {
			var wg sync.WaitGroup
			for _, m := range told {
				wg.Go(func() { tell(m) })
			}
			wg.Wait()
		} else {
			for _, m := range told {
				tell(m)
			}
		}
		d.Drain(context.Background())
		p := d.payment(v.ID)
		require.Equal(rt, []any{core.StatusSucceeded, int64(10000), int64(10000), int64(1000)}, []any{p.Status, p.Amounts.Authorized, p.Amounts.Captured, p.Amounts.Refunded})
		require.Len(rt, d.items(core.InboxQuery{Payment: v.ID}), 6)
	})
}

// The provider tells of a call before it answers it, whatever the answer is then (F-F03).
func TestFeedbackBeforeOurCallReturned(t *testing.T) {
	for name, answer := range map[string]core.Outcome{"it succeeded": {Result: core.Succeeded}, "its answer is lost": {}, "it is pending": {Result: core.Pending}} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			v := d.authorized("order-1")
			d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) {
				f := coretest.Fact(core.Captured, op)
				d.receive(core.Feedback{Facts: []core.Fact{f}, Reference: op.Reference, DedupeKey: "early"})
				require.Equal(t, op.Amount.Minor, d.payment(v.ID).Amounts.Captured, "it does not wait for our call")
				if answer.Result == core.Succeeded {
					answer.Facts = []core.Fact{f}
				}
				return answer, nil
			}
			_, err := d.Capture(t.Context(), request("cap"), v.ID, amount(4000))
			require.NoError(t, err)
			require.Equal(t, int64(4000), d.payment(v.ID).Amounts.Captured)
			require.Equal(t, core.OpSucceeded, d.op(v.ID, core.OpCapture).State)
			require.Zero(t, d.payment(v.ID).Amounts.InDoubt)
		})
	}
}

// A flood of the same message is one item and one question.
func TestAFloodOfDuplicates(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	asked := 0
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { asked++; return core.Snapshot{Found: true}, nil }
	m := coretest.Message(core.Feedback{Reference: d.op(v.ID, core.OpStart).Reference, DedupeKey: "x", Read: []core.Object{{Kind: core.ObjAuthorization}}})
	for range 1000 {
		_, err := d.Receive(t.Context(), "acc", m)
		require.NoError(t, err)
	}
	d.Drain(t.Context())
	require.Len(t, d.items(core.InboxQuery{}), 1)
	require.LessOrEqual(t, asked, 2)
	require.Equal(t, core.StatusRequiresAction, d.payment(v.ID).Status)
}
