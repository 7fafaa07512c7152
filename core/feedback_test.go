package core_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// A message that contradicts the order may be the only one there is, about a payment that nobody asks about any more:
// it moves nothing, and has the provider asked.
func TestAContradictionIsAskedAbout(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	op := d.op(v.ID, core.OpStart).Op
	_, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
	require.NoError(t, err)
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, false)}}, nil
	}
	lie := coretest.Authorized(op, false)
	lie.Amount.Minor += 100
	d.receive(core.Feedback{Facts: []core.Fact{lie}, Reference: op.Reference, DedupeKey: "x", Echo: core.Echo{Amount: &lie.Amount}})
	p := d.payment(v.ID)
	require.Equal(t, op.Amount.Minor, p.Amounts.Authorized, "what the provider says when it is asked")
	require.Equal(t, core.StatusRequiresCapture, p.Status)
	require.True(t, p.NeedsReview, "and a person is told of the contradiction")
}

// A refund of somebody else is known as a total only. Our own comes on top of it, whoever tells: the answer or, when
// that is lost, the feedback.
func TestOwnBookingsComeOnTopOfOthers(t *testing.T) {
	for _, answered := range []bool{true, false} {
		d := newDesk(t)
		v := d.create("order-1", core.CaptureAutomatic)
		start := d.op(v.ID, core.OpStart).Op
		d.hear(coretest.Authorized(start, true))
		others := core.Fact{Kind: core.Refunded, Measure: core.AtLeast, Of: "A-" + start.Reference, Amount: core.Money{Minor: 3000, Currency: "EUR"}, Strength: core.Asserted}
		d.hear(others)
		if !answered {
			d.provider.OnRefund = func(core.Op, core.RefundInput) (core.Outcome, error) { return core.Outcome{}, nil }
		}
		_, err := d.Refund(t.Context(), request("refund"), v.ID, amount(2000))
		require.NoError(t, err)
		if !answered {
			d.hear(coretest.Fact(core.Refunded, d.op(v.ID, core.OpRefund).Op))
		}
		require.Equal(t, int64(5000), d.payment(v.ID).Amounts.Refunded, "answered %t", answered)
		require.Equal(t, core.OpSucceeded, d.op(v.ID, core.OpRefund).State)
	}
}

// A message that has to be asked about is asked about until the provider has told of every attempt: the answer about one
// is none about the other.
func TestEveryAttemptIsAskedAboutUntilItIsTold(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	first := d.op(v.ID, core.OpStart).Op
	d.hear(core.Fact{Kind: core.AttemptEnded, ID: "A-" + first.Reference, Strength: core.Asserted})
	require.Equal(t, core.StatusRequiresPaymentMethod, d.payment(v.ID).Status)
	_, err := d.Confirm(t.Context(), request("again"), v.ID, nil, "", nil)
	require.NoError(t, err)
	second := d.payment(v.ID).Operations[1].Op
	d.hear(coretest.Authorized(second, false))
	require.True(t, d.payment(v.ID).CheckAt.IsZero())
	d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
		if in.Reference == second.Reference {
			return core.Snapshot{}, errors.New("timeout")
		}
		return core.Snapshot{Found: true}, nil
	}
	d.receive(core.Feedback{Reference: second.Reference, DedupeKey: "x", Read: []core.Object{{Kind: core.ObjAuthorization}}})
	require.False(t, d.payment(v.ID).CheckAt.IsZero(), "asked again later")
	d.provider.OnQuery = nil
	_, err = d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	require.Equal(t, d.payment(v.ID).RecheckAt, d.payment(v.ID).CheckAt, "once more, when the gap of the provider is over")
}

// sick is a store that cannot write about one subject for a while.
type sick struct {
	core.Store
	subject string
	ill     atomic.Bool
}

func (s *sick) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	if subject == s.subject && s.ill.Load() {
		return &core.Error{Kind: core.Unavailable, Code: "storage_unavailable", Message: "nothing was stored"}
	}
	return s.Store.Do(ctx, subject, fn)
}

// However long the database is away, an acknowledged message is not given up for it.
func TestAMessageOutlivesAnOutageOfTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		store := &sick{Store: d.store, subject: v.ID}
		d.open(func(o *core.Options) { o.Store = store })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); d.Run(ctx) }()
		store.ill.Store(true)
		d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, true))
		time.Sleep(10 * time.Hour)
		require.Zero(t, d.payment(v.ID).Amounts.Captured)
		store.ill.Store(false)
		time.Sleep(2 * time.Hour)
		require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Captured)
		stop()
		<-ended
	})
}

// A provider may tell of a booking before its totals do. They are read again after its gap, and then it rests.
func TestTotalsThatLagBehindAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		op := d.op(v.ID, core.OpStart).Op
		stop := d.runs()
		time.Sleep(time.Hour)
		told, asked := time.Now(), []time.Duration(nil)
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			if asked = append(asked, time.Since(told)); time.Since(told) < 100*time.Second {
				return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, false)}}, nil
			}
			return captured(op), nil
		}
		_, err := d.Receive(t.Context(), "acc", coretest.Message(core.Feedback{Reference: op.Reference, DedupeKey: "x", Read: []core.Object{{Kind: core.ObjAuthorization}}}))
		require.NoError(t, err)
		time.Sleep(24 * time.Hour)
		stop()
		require.Equal(t, core.StatusSucceeded, d.payment(v.ID).Status)
		require.Equal(t, []time.Duration{0, 2 * time.Minute}, asked, "when it was told, and when the gap of the provider was over")
	})
}

// A message that names what to read has the rest of its ids to be found by: whoever writes another agreement beside an id
// of the attempt does not have that agreement charged.
func TestAMessageBindsWhatItNamesToRead(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	read := func(id string) []core.Object { return []core.Object{{Kind: core.ObjAuthorization, ID: id}} }
	d.receive(core.Feedback{Reference: d.op(v.ID, core.OpStart).Reference, DedupeKey: "first", Refs: core.Refs{"agreement": "P-1", "charge": "C-1"}})
	d.receive(core.Feedback{DedupeKey: "second", Refs: core.Refs{"agreement": "P-1", "charge": "C-2"}, Read: read("C-2")})
	require.Equal(t, core.Refs{"agreement": "P-1", "charge": "C-2"}, d.payment(v.ID).Attempts[0].Refs)
	d.receive(core.Feedback{DedupeKey: "third", Refs: core.Refs{"agreement": "P-2", "charge": "C-2", "refund": "R-1"}, Read: read("C-2")})
	require.Equal(t, core.Refs{"agreement": "P-1", "charge": "C-2"}, d.payment(v.ID).Attempts[0].Refs)
	_, err := d.store.Locate(t.Context(), "acc", []core.Ref{{Kind: "agreement", Value: "P-2"}})
	require.Equal(t, core.NotFound, core.KindOf(err), "nor is the other found under it")
}

// An answer that was on its way when the gap of the provider ended may be older than the gap: the totals are read again.
func TestAnAnswerFromWithinTheGapIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		op := d.op(v.ID, core.OpStart).Op
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, false)}}, nil
		}
		d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "x", Read: []core.Object{{Kind: core.ObjAuthorization}}})
		due := d.payment(v.ID).RecheckAt
		time.Sleep(time.Until(due) - time.Second)
		slow := d.provider.OnQuery
		d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
			s, err := slow(in)
			time.Sleep(3 * time.Second)
			return s, err
		}
		p, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.Equal(t, due, p.RecheckAt)
		require.False(t, p.CheckAt.IsZero())
		p, err = d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.True(t, p.RecheckAt.IsZero() && p.CheckAt.IsZero(), "read after the gap, and at rest")
	})
}

// A provider that suddenly knows nothing of an order has not read its totals: it is asked again.
func TestWhatAProviderForgetsIsNoTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		d.receive(core.Feedback{Reference: d.op(v.ID, core.OpStart).Reference, DedupeKey: "x", Read: []core.Object{{Kind: core.ObjAuthorization}}})
		time.Sleep(3 * time.Minute)
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{}, nil }
		p, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.False(t, p.RecheckAt.IsZero() || p.CheckAt.IsZero())
	})
}

// A question may make a call again; the one who asked may be gone before it is answered. Its result is stored.
func TestTheResultOutlivesWhoeverAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) { return core.Outcome{}, nil }
		a, err := d.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
		require.NoError(t, err)
		id := view(t, a).ID
		ctx, leave := context.WithCancel(t.Context())
		d.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) {
			leave()
			return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, URL: "https://provider.example/pay"}}, nil
		}
		go func() { _, _ = d.Sync(ctx, "m", id) }()
		time.Sleep(time.Minute)
		require.Equal(t, core.OpSucceeded, d.op(id, core.OpStart).State)
	})
}

// items are those of the inbox, oldest first, with everything that is stored of them.
func (d *desk) items(q core.InboxQuery) (items []*core.InboxItem) {
	d.t.Helper()
	l, err := d.Inbox(d.t.Context(), q, 100, "")
	require.NoError(d.t, err)
	slices.Reverse(l.Items)
	return l.Items
}

// What names another amount may be about another payment altogether: nothing that it hands over is kept, neither what
// is charged with later nor what later messages are matched by.
func TestAContradictionHandsNothingOver(t *testing.T) {
	d := newDesk(t)
	op := d.op(d.create("order-1", core.CaptureManual).ID, core.OpStart).Op
	d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "lie", Echo: core.Echo{Amount: &core.Money{Minor: 1, Currency: "EUR"}},
		Refs: core.Refs{"transaction": "T-other"}, Memo: core.Refs{"token": "other"}, Display: "•••• 0000"})
	require.Equal(t, core.InboxApplied, d.items(core.InboxQuery{})[0].State)
	p := d.payment(d.items(core.InboxQuery{})[0].Place.PaymentID)
	require.True(t, p.Mismatch)
	require.Equal(t, []any{core.Refs(nil), core.Refs(nil), ""}, []any{p.Attempts[0].Refs, p.Attempts[0].Memo, p.Attempts[0].Display})
	d.receive(core.Feedback{Refs: core.Refs{"transaction": "T-other"}, DedupeKey: "about the other"})
	require.Equal(t, core.InboxUnmatched, d.items(core.InboxQuery{})[1].State)
}

// A provider may repeat what a buyer typed into the wrong field. It is not kept, what identifies the payment is, and the
// message is still the same one when it is told again.
func TestNoCardNumberIsStored(t *testing.T) {
	d := newDesk(t)
	op := d.op(d.create("order-1", core.CaptureManual).ID, core.OpStart).Op
	f := coretest.Authorized(op, false)
	f.ID, f.Code = "4000000000000002", "4111111111111111"
	m := coretest.Message(core.Feedback{Reference: op.Reference, DedupeKey: "x", Facts: []core.Fact{f}})
	m.Header.Set("Content-Type", "application/json; card=5500000000000004")
	for range 2 {
		_, err := d.Receive(t.Context(), "acc", m)
		require.NoError(t, err)
	}
	items := d.items(core.InboxQuery{})
	require.Len(t, items, 1)
	require.Equal(t, 1, items[0].Masked)
	require.NotContains(t, string(items[0].Raw), "4111111111111111")
	require.Contains(t, string(items[0].Raw), "411111******1111")
	require.Contains(t, string(items[0].Raw), "4000000000000002")
	require.Equal(t, "application/json; card=550000******0004", items[0].ContentType)
}

// A process stops while a message is applied. That is no fault of the message: nothing is noted, and it is applied
// after the next start.
func TestAStopWhileFeedbackIsAppliedIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, m := newMoodyDesk(t)
		var log bytes.Buffer
		d.open(func(o *core.Options) { o.Store, o.Log = m, slog.New(slog.NewTextHandler(&log, nil)) })
		v := d.create("order-1", core.CaptureManual)
		reference := d.payment(v.ID).Latest().Reference
		ctx, stop := context.WithCancel(t.Context())
		fact := core.Fact{Kind: core.Authorized, ID: "A-" + reference, Amount: core.Money{Minor: 10000, Currency: "EUR"}, Strength: core.Asserted}
		_, err := d.Receive(t.Context(), "acc", coretest.Message(core.Feedback{Facts: []core.Fact{fact}, Reference: reference, DedupeKey: "k"}))
		require.NoError(t, err)
		m.set(func(subject string, run func() error) error {
			if subject == v.ID {
				stop()
				return &core.Error{Kind: core.Unavailable, Code: "canceled", Err: ctx.Err()}
			}
			return run()
		})
		d.Run(ctx)
		require.Empty(t, log.String())
		m.set(nil)
		d.open(nil)
		again, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); d.Run(again) }()
		time.Sleep(time.Hour)
		end()
		<-ended
		require.Equal(t, core.StatusRequiresCapture, d.payment(v.ID).Status)
	})
}
