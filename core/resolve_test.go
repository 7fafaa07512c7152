package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// silent makes every call and every question end without an answer.
func (d *desk) silent() {
	d.lost(0, 0)
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{}, errors.New("no route") }
	d.provider.OnFind = func(core.Object) (string, error) { return "", errors.New("no route") }
}

// inDoubt is an authorized payment of which a capture of 40.00 was lost.
func (d *desk) inDoubt(reference string) (payment string, capture *core.Operation) {
	v := d.authorized(reference)
	d.silent()
	_, err := d.Capture(d.t.Context(), request("cap-"+reference), v.ID, amount(4000))
	require.NoError(d.t, err)
	return v.ID, d.op(v.ID, core.OpCapture)
}

// resolve settles as an operator; no error says what code it has.
func (d *desk) resolve(key, id string, in core.Settlement) (v core.View, code string) {
	d.t.Helper()
	in.Evidence = "back office, page of the order, today"
	r := request("resolve-" + key)
	r.KeyID = "operator-key"
	a, err := d.Resolve(d.t.Context(), r, id, in)
	if err != nil {
		return v, core.CodeOf(err)
	}
	require.Equal(d.t, 200, a.Status)
	return view(d.t, a), ""
}

// word is what the timeline has of an operator.
func (d *desk) word(id string) (out struct {
	Verdict, Evidence, Asked string
	APIKey                   string `json:"api_key"`
	Before, After            struct {
		Operation core.OpState
		Status    core.Status
		Amounts   core.Amounts
	}
}) {
	d.t.Helper()
	line, err := d.Timeline(d.t.Context(), "m", id)
	require.NoError(d.t, err)
	for _, m := range line {
		if m.Kind == "operator" {
			require.NoError(d.t, json.Unmarshal(m.Detail, &out))
		}
	}
	return out
}

func (d *desk) lastEvent(id, kind string) (body core.EventBody) {
	d.t.Helper()
	l, err := d.Events(d.t.Context(), "m", core.EventQuery{Payment: id, Type: kind}, 1, "")
	require.NoError(d.t, err)
	require.NotEmpty(d.t, l.Items, "no event %s among %v", kind, d.events(id))
	require.NoError(d.t, json.Unmarshal(l.Items[0].Body, &body))
	return body
}

func TestAnOperatorSettlesALostCapture(t *testing.T) {
	for _, c := range []struct {
		name               string
		happened           bool
		captured, can      int64
		state              core.OpState
		status             core.Status
		events, notOfEvent string
	}{
		{"it happened", true, 4000, 6000, core.OpSucceeded, core.StatusPartiallyCaptured, "capture.succeeded", "capture.failed"},
		{"it did not happen", false, 0, 10000, core.OpDeclined, core.StatusRequiresCapture, "capture.failed", "capture.succeeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			id, capture := d.inDoubt("order-1")
			require.Equal(t, []core.Doubt{{Operation: capture.ID, Object: capture.Object, Kind: core.OpCapture, Amount: capture.Amount, State: core.OpUnknown,
				CreatedAt: capture.CreatedAt}}, d.payment(id).Doubts())
			require.Contains(t, d.payment(id).AllowedActions(), "resolve")
			n := int64(4000)
			v, code := d.resolve("1", id, core.Settlement{Operation: capture.Object, Happened: c.happened, Amount: &n})
			require.Empty(t, code)
			require.Equal(t, []any{c.status, c.captured, c.can, int64(0)}, []any{v.Status, v.Amounts.Captured, v.Amounts.Capturable, v.Amounts.InDoubt})
			require.False(t, v.NeedsReview)
			require.Empty(t, v.Doubts)
			o := d.op(id, core.OpCapture)
			require.Equal(t, c.state, o.State)
			if !c.happened {
				require.Equal(t, core.FailureSettled, o.Failure.Category)
				require.Contains(t, o.Failure.ProviderMessage, "settled by an operator")
			}
			require.Contains(t, d.events(id), c.events)
			require.NotContains(t, d.events(id), c.notOfEvent)
			require.Equal(t, core.Cause{Kind: "operator", ID: "operator-key"}, d.lastEvent(id, "payment.doubt_resolved").Data.Cause)
			w := d.word(id)
			require.Equal(t, []any{"operator-key", "back office, page of the order, today", "the provider did not answer"}, []any{w.APIKey, w.Evidence, w.Asked})
			require.Equal(t, []any{core.OpUnknown, int64(4000), c.state, int64(0), c.captured},
				[]any{w.Before.Operation, w.Before.Amounts.InDoubt, w.After.Operation, w.After.Amounts.InDoubt, w.After.Amounts.Captured})
			require.Len(t, d.provider.Calls(core.OpCapture), 1, "settling calls nothing")

			again, code := d.resolve("1", id, core.Settlement{Operation: capture.Object, Happened: c.happened, Amount: &n})
			require.Empty(t, code, "the same key gives the same answer")
			require.Equal(t, v, again)
			_, code = d.resolve("2", id, core.Settlement{Operation: capture.Object, Happened: !c.happened})
			require.Equal(t, "state_invalid", code, "what is settled stays")
		})
	}
}

// Whoever names nothing that can be settled is told what can, and how.
func TestARefusedSettlementSaysWhatThereIs(t *testing.T) {
	d := newDesk(t)
	id, capture := d.inDoubt("order-1")
	how := "say by operation, verdict (happened or did_not_happen) and evidence what became of " + capture.Object
	for name, in := range map[string]core.Settlement{"another operation": {Operation: "cap_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5"}, "a doubt is not acknowledged": {Acknowledge: true}} {
		in.Evidence = "back office"
		_, err := d.Resolve(t.Context(), request(name), id, in)
		require.ErrorContains(t, err, how, name)
	}
	_, err := d.Resolve(t.Context(), request("clear"), d.authorized("order-2").ID, core.Settlement{Operation: capture.Object, Evidence: "back office"})
	require.ErrorContains(t, err, "nothing of it is in doubt")
}

func TestRefusedSettlements(t *testing.T) {
	d := newDesk(t)
	id, capture := d.inDoubt("order-1")
	other := d.authorized("order-2")
	wrong := int64(3999)
	for name, c := range map[string]struct {
		id   string
		in   core.Settlement
		code string
	}{
		"another amount":     {id, core.Settlement{Operation: capture.ID, Happened: true, Amount: &wrong}, "amount_invalid"},
		"no such operation":  {id, core.Settlement{Operation: "cap_x", Happened: true}, "reference_invalid"},
		"no operation named": {id, core.Settlement{Happened: true}, "reference_invalid"},
		"of another payment": {other.ID, core.Settlement{Operation: capture.ID, Happened: true}, "reference_invalid"},
		"not in doubt":       {id, core.Settlement{Operation: d.op(id, core.OpStart).ID}, "state_invalid"},
		"nothing for review": {other.ID, core.Settlement{Acknowledge: true}, "state_invalid"},
		"no such payment":    {"pay_1", core.Settlement{Operation: capture.ID}, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			version := d.payment(id).Version
			_, code := d.resolve(name, c.id, c.in)
			require.Equal(t, c.code, code)
			require.Equal(t, version, d.payment(id).Version, "nothing changed")
		})
	}
	foreign := request("foreign")
	foreign.MerchantID = "other"
	_, err := d.Resolve(t.Context(), foreign, id, core.Settlement{Operation: capture.ID, Happened: true, Evidence: "seen"})
	require.Equal(t, core.NotFound, core.KindOf(err))
	_, err = d.Resolve(t.Context(), request("blank"), id, core.Settlement{Operation: capture.ID, Happened: true, Evidence: " \n"})
	require.Equal(t, "description_invalid", core.CodeOf(err))
}

func TestTheProviderIsAskedBeforeAnOperatorIsBelieved(t *testing.T) {
	t.Run("it has told", func(t *testing.T) {
		d := newDesk(t)
		id, capture := d.inDoubt("order-1")
		d.lost(4000, 0)
		_, code := d.resolve("1", id, core.Settlement{Operation: capture.ID})
		require.Equal(t, "state_invalid", code)
		require.Equal(t, core.OpSucceeded, d.op(id, core.OpCapture).State, "its word wins")
		require.Equal(t, int64(4000), d.payment(id).Amounts.Captured)
	})
	t.Run("its totals have no room", func(t *testing.T) {
		d := newDesk(t)
		id, capture := d.inDoubt("order-1")
		d.lost(0, 0)
		_, code := d.resolve("1", id, core.Settlement{Operation: capture.ID, Happened: true})
		require.Equal(t, "state_invalid", code)
		require.Equal(t, core.OpUnknown, d.op(id, core.OpCapture).State)
		_, code = d.resolve("2", id, core.Settlement{Operation: capture.ID})
		require.Empty(t, code, "that it did not happen goes with them")
	})
	t.Run("somebody else moved money", func(t *testing.T) {
		for _, happened := range []bool{true, false} {
			d := newDesk(t)
			id, capture := d.inDoubt("order-1")
			d.lost(7000, 0)
			v, code := d.resolve("1", id, core.Settlement{Operation: capture.ID, Happened: happened})
			require.Empty(t, code)
			require.Equal(t, int64(7000), v.Amounts.Captured)
			require.False(t, v.NeedsReview, "whose it is was just told")
		}
	})
	t.Run("without making the call again", func(t *testing.T) {
		d := newDesk(t)
		d.provider.Caps.ResumeGap = time.Nanosecond
		d.open(nil)
		v := d.authorized("order-1")
		d.lost(0, 0)
		_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{}) // of the whole: the rule lets it be made again
		require.NoError(t, err)
		_, err = d.Payment(t.Context(), "m", v.ID, true)
		require.NoError(t, err)
		_, code := d.resolve("1", v.ID, core.Settlement{Operation: d.op(v.ID, core.OpCapture).ID})
		require.Empty(t, code)
		require.Len(t, d.provider.Calls(core.OpCapture), 1)
	})
}

func TestACallThatRunsIsNotSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) {
			time.Sleep(30 * time.Second)
			return core.Outcome{}, errors.New("reset")
		}
		_, err := d.Capture(t.Context(), request("cap"), v.ID, amount(4000))
		require.NoError(t, err)
		_, code := d.resolve("1", v.ID, core.Settlement{Operation: d.op(v.ID, core.OpCapture).ID})
		require.Equal(t, "operation_in_progress", code)
		time.Sleep(time.Minute)
		_, code = d.resolve("2", v.ID, core.Settlement{Operation: d.op(v.ID, core.OpCapture).ID})
		require.Empty(t, code)
	})
}

func TestTwoOperatorsAtOnceSettleOnce(t *testing.T) {
	d := newDesk(t)
	id, capture := d.inDoubt("order-1")
	var group sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	for i := range 8 {
		group.Go(func() {
			r := request(fmt.Sprint("resolve-", i/2)) // two of them use one key: they are one
			_, err := d.Resolve(context.WithoutCancel(t.Context()), r, id, core.Settlement{Operation: capture.ID, Happened: i/2%2 == 0, Evidence: "seen"})
			mu.Lock()
			defer mu.Unlock()
			codes[core.CodeOf(err)]++
		})
	}
	group.Wait()
	require.Equal(t, map[string]int{"": 2, "state_invalid": 6}, codes)
	require.Equal(t, core.Cause{Kind: "operator", ID: "k"}, d.lastEvent(id, "payment.doubt_resolved").Data.Cause)
}

func TestFeedbackAtTheMomentOfASettlement(t *testing.T) {
	for i := range 20 {
		d := newDesk(t)
		id, capture := d.inDoubt(fmt.Sprint("order-", i))
		told := coretest.Fact(core.Captured, capture.Op)
		var group sync.WaitGroup
		var code string
		group.Go(func() { d.hear(told) })
		group.Go(func() { _, code = d.resolve("1", id, core.Settlement{Operation: capture.ID}) })
		group.Wait()
		p := d.payment(id)
		require.Equal(t, int64(4000), p.Amounts.Captured, "the provider's word counts, whoever is first")
		require.Equal(t, core.OpSucceeded, d.op(id, core.OpCapture).State)
		require.Equal(t, code == "", p.NeedsReview, "who was contradicted is asked to look again")
	}
}

func TestTheProviderContradictsAnOperator(t *testing.T) {
	t.Run("by telling of the operation", func(t *testing.T) {
		d := newDesk(t)
		id, capture := d.inDoubt("order-1")
		v, code := d.resolve("1", id, core.Settlement{Operation: capture.ID, Happened: true, Reference: "X-1"})
		require.Empty(t, code)
		require.Equal(t, int64(4000), v.Amounts.Captured)
		declined := coretest.Fact(core.CaptureDeclined, capture.Op)
		declined.Amount = core.Money{}
		d.hear(declined)
		p := d.payment(id)
		require.Zero(t, p.Amounts.Captured, "counters follow the provider")
		require.Equal(t, int64(10000), p.Amounts.Capturable)
		require.Equal(t, core.OpDeclined, d.op(id, core.OpCapture).State)
		require.True(t, p.NeedsReview)

		v, code = d.resolve("2", id, core.Settlement{Acknowledge: true})
		require.Empty(t, code)
		require.False(t, v.NeedsReview)
		require.Equal(t, "acknowledged", d.word(id).Verdict)
	})
	t.Run("by its totals, told twice", func(t *testing.T) {
		d := newDesk(t)
		d.provider.Caps.ResumeGap = time.Nanosecond
		d.open(nil)
		id, capture := d.inDoubt("order-1")
		_, code := d.resolve("1", id, core.Settlement{Operation: capture.ID, Happened: true})
		require.Empty(t, code)
		d.lost(0, 0)
		p, err := d.Sync(t.Context(), "m", id)
		require.NoError(t, err)
		require.Equal(t, int64(4000), p.Amounts.Captured, "totals may be late")
		require.False(t, p.CheckAt.IsZero(), "so they are asked for again")
		p, err = d.Sync(t.Context(), "m", id)
		require.NoError(t, err)
		require.Zero(t, p.Amounts.Captured)
		require.True(t, p.NeedsReview)
	})
	t.Run("by its totals, of what he said had not happened", func(t *testing.T) {
		d := newDesk(t)
		id, capture := d.inDoubt("order-1")
		_, code := d.resolve("1", id, core.Settlement{Operation: capture.ID})
		require.Empty(t, code)
		d.lost(4000, 0)
		p, err := d.Sync(t.Context(), "m", id)
		require.NoError(t, err)
		require.Equal(t, int64(4000), p.Amounts.Captured)
		require.Equal(t, core.OpSucceeded, d.op(id, core.OpCapture).State, "it is that capture, and nobody else's")
		require.Nil(t, d.op(id, core.OpCapture).Failure)
		require.Contains(t, d.events(id), "capture.succeeded")
		require.NotContains(t, d.events(id), "payment.external_adjustment")
		require.True(t, p.NeedsReview, "he is asked to look again")
	})
	t.Run("not by what was captured since", func(t *testing.T) {
		d := newDesk(t)
		id, capture := d.inDoubt("order-1")
		_, code := d.resolve("1", id, core.Settlement{Operation: capture.ID})
		require.Empty(t, code)
		d.provider.OnCapture, d.provider.OnQuery = nil, nil
		_, err := d.Capture(t.Context(), request("again"), id, amount(4000))
		require.NoError(t, err)
		d.lost(4000, 0)
		p, err := d.Sync(t.Context(), "m", id)
		require.NoError(t, err)
		require.Equal(t, int64(4000), p.Amounts.Captured, "it counts once")
		require.Equal(t, core.OpDeclined, p.Operations[1].State)
		require.False(t, p.NeedsReview)
	})
	t.Run("not at all", func(t *testing.T) {
		for _, named := range []bool{true, false} {
			d := newDesk(t)
			id, capture := d.inDoubt("order-1")
			_, code := d.resolve("1", id, core.Settlement{Operation: capture.ID, Happened: true, Reference: "X-1"})
			require.Empty(t, code)
			same := coretest.Fact(core.Captured, capture.Op)
			if named {
				same.ID, same.OpKey = "X-1", "" // the object the operator named
			}
			d.hear(same)
			p := d.payment(id)
			require.Equal(t, int64(4000), p.Amounts.Captured, "it counts once")
			require.False(t, p.NeedsReview)
		}
	})
}

func TestRefundsVoidsAndChargesAreSettled(t *testing.T) {
	t.Run("refund", func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{})
		require.NoError(t, err)
		d.silent()
		_, err = d.Refund(t.Context(), request("ref"), v.ID, amount(2500))
		require.NoError(t, err)
		got, code := d.resolve("1", v.ID, core.Settlement{Operation: d.op(v.ID, core.OpRefund).Object, Happened: true})
		require.Empty(t, code)
		require.Equal(t, []any{int64(2500), "partial"}, []any{got.Amounts.Refunded, got.RefundStatus})
	})
	t.Run("void", func(t *testing.T) {
		for _, happened := range []bool{true, false} {
			d := newDesk(t)
			v := d.authorized("order-1")
			d.silent()
			_, err := d.Cancel(t.Context(), request("void"), v.ID, "")
			require.NoError(t, err)
			got, code := d.resolve("1", v.ID, core.Settlement{Operation: d.op(v.ID, core.OpVoid).ID, Happened: happened})
			require.Empty(t, code)
			if !happened {
				require.Equal(t, []any{core.StatusRequiresCapture, int64(10000)}, []any{got.Status, got.Amounts.Capturable})
				d.hear(core.Fact{Kind: core.AuthorizationClosed, ID: "A-" + d.op(v.ID, core.OpVoid).Reference, Strength: core.Asserted})
				require.True(t, d.payment(v.ID).NeedsReview)
			}
			p := d.payment(v.ID)
			require.Equal(t, []any{core.StatusCanceled, int64(10000)}, []any{p.Status, p.Amounts.Released})
		}
	})
	t.Run("charge", func(t *testing.T) {
		for _, happened := range []bool{true, false} {
			d := newDesk(t)
			mandate := d.mandate()
			d.silent()
			d.provider.OnCharge = func(core.Op, core.ChargeMandateInput) (core.Outcome, error) {
				return core.Outcome{}, errors.New("reset")
			}
			in := newPayment("order-2", core.CaptureAutomatic)
			in.Order.Mandate, in.Order.OffSession, in.Order.ReturnURL, in.Order.CancelURL = mandate, true, "", ""
			a, err := d.Create(t.Context(), request("charge"), in)
			require.NoError(t, err)
			require.Equal(t, 202, a.Status)
			v := view(t, a)
			got, code := d.resolve("1", v.ID, core.Settlement{Operation: v.Doubts[0].Operation, Happened: happened})
			require.Empty(t, code)
			charge := d.op(v.ID, core.OpChargeMandate)
			if happened {
				require.Equal(t, []any{core.StatusSucceeded, int64(10000)}, []any{got.Status, got.Amounts.Captured})
				d.hear(coretest.Authorized(charge.Op, true)) // the provider says so as well, with its own id
				p := d.payment(v.ID)
				require.Equal(t, []any{int64(10000), int64(10000), false}, []any{p.Amounts.Captured, p.Amounts.Authorized, p.NeedsReview})
				continue
			}
			require.Equal(t, []any{core.StatusFailed, core.FailureSettled}, []any{got.Status, got.LastError.Category})
			d.hear(coretest.Authorized(charge.Op, true))
			p := d.payment(v.ID)
			require.Equal(t, []any{core.StatusSucceeded, true}, []any{p.Status, p.NeedsReview})
			require.Contains(t, d.events(v.ID), "payment.late_success")
		}
	})
}

// mandate is one that is active.
func (d *desk) mandate() string {
	in := newPayment("saved", core.CaptureAutomatic)
	in.Order.Save = core.Save{Kind: core.SaveUnscheduled}
	a, err := d.Create(d.t.Context(), request("save"), in)
	require.NoError(d.t, err)
	v := view(d.t, a)
	op := d.op(v.ID, core.OpStart).Op
	paid := coretest.Authorized(op, true)
	d.hear(paid, core.Fact{Kind: core.MandateActive, ID: "tok", Of: paid.Of, Strength: core.Asserted, OccurredAt: time.Now()})
	return v.Mandate
}

func TestWhatOthersDidIsAcknowledged(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{})
	require.NoError(t, err)
	of := "A-" + d.op(v.ID, core.OpStart).Reference
	refunded := func(n int64) {
		d.hear(core.Fact{Kind: core.Refunded, Measure: core.AtLeast, Of: of, Amount: core.Money{Minor: n, Currency: "EUR"}, Strength: core.Asserted})
	}
	for i, n := range []int64{1000, 2000} { // each of the back office's refunds has to be seen
		refunded(n)
		require.True(t, d.payment(v.ID).NeedsReview)
		got, code := d.resolve(fmt.Sprint(i), v.ID, core.Settlement{Acknowledge: true})
		require.Empty(t, code)
		require.False(t, got.NeedsReview)
		require.Equal(t, n, got.Amounts.Refunded)
	}
	d.hear(core.Fact{Kind: core.Refunded, ID: "R", Of: of, Amount: core.Money{Minor: 100, Currency: "USD"}, Strength: core.Asserted})
	require.True(t, d.payment(v.ID).Mismatch)
	got, code := d.resolve("mismatch", v.ID, core.Settlement{Acknowledge: true})
	require.Empty(t, code)
	require.False(t, got.NeedsReview)

	d.silent()
	_, err = d.Refund(t.Context(), request("ref"), v.ID, amount(500))
	require.NoError(t, err)
	_, code = d.resolve("doubt", v.ID, core.Settlement{Acknowledge: true})
	require.Equal(t, "state_invalid", code, "a doubt is settled, not acknowledged")
}

func TestAfterTwoWeeksAPersonHasToLook(t *testing.T) {
	pending := func(d *desk, op core.Op) core.Fact {
		return core.Fact{Kind: core.AuthorizationPending, ID: "A-" + op.Reference, Amount: op.Amount, Strength: core.Asserted}
	}
	for name, c := range map[string]struct {
		open  func(*desk) string // gives the payment
		mute  bool               // the provider cannot be asked
		state core.OpState
	}{
		"an authorization the bank does not decide": {open: func(d *desk) string {
			v := d.create("order-1", core.CaptureManual)
			d.hear(pending(d, d.op(v.ID, core.OpStart).Op))
			return v.ID
		}, state: core.OpPending},
		"a lost capture": {open: func(d *desk) string { id, _ := d.inDoubt("order-1"); return id }, state: core.OpUnknown},
		"a lost refund, long after the sale": {open: func(d *desk) string {
			v := d.authorized("order-1")
			_, err := d.Capture(d.t.Context(), request("cap"), v.ID, core.NewBooking{})
			require.NoError(d.t, err)
			time.Sleep(30 * 24 * time.Hour)
			d.silent()
			_, err = d.Refund(d.t.Context(), request("ref"), v.ID, amount(2500))
			require.NoError(d.t, err)
			return v.ID
		}, state: core.OpUnknown},
		"a refund the provider accepted and never made": {open: func(d *desk) string {
			v := d.authorized("order-1")
			_, err := d.Capture(d.t.Context(), request("cap"), v.ID, core.NewBooking{})
			require.NoError(d.t, err)
			d.provider.OnRefund = func(core.Op, core.RefundInput) (core.Outcome, error) { return core.Outcome{Result: core.Pending}, nil }
			_, err = d.Refund(d.t.Context(), request("ref"), v.ID, amount(2500))
			require.NoError(d.t, err)
			return v.ID
		}, state: core.OpPending},
		"a provider that answers no questions": {open: func(d *desk) string { id, _ := d.inDoubt("order-1"); return id }, mute: true, state: core.OpUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				if c.mute {
					d.provider.Caps.Resume = nil
					d.openWith(mute{d.provider}, nil)
				}
				id := c.open(d)
				began, asked := time.Now(), 0
				p := d.payment(id)
				for ; !p.CheckAt.IsZero(); p = d.payment(id) {
					require.False(t, p.NeedsReview)
					time.Sleep(time.Until(p.CheckAt))
					_, err := d.Sync(t.Context(), "m", id)
					require.True(t, err == nil || core.KindOf(err) == core.Unavailable, "%v", err)
					asked++
				}
				require.InDelta(t, 14, time.Since(began).Hours()/24, 1.3)
				require.Greater(t, asked, 40)
				require.True(t, p.NeedsReview)
				require.Contains(t, d.events(id), "payment.needs_review")
				require.Len(t, p.Doubts(), 1)
				require.Equal(t, c.state, p.Doubts()[0].State)
				v, code := d.resolve("1", id, core.Settlement{Operation: p.Doubts()[0].Operation})
				require.Empty(t, code)
				require.False(t, v.NeedsReview)
				require.Empty(t, v.Doubts)
			})
		})
	}
}

// mute is a provider that has no query.
type mute struct{ *coretest.Provider }

func (mute) Query() {}
