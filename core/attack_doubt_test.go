package core_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// taken100 is a payment of 100.00 that was captured.
func (d *desk) taken100(reference string) core.View {
	d.t.Helper()
	v := d.authorized(reference)
	_, err := d.Capture(d.t.Context(), request("take-"+reference), v.ID, core.NewBooking{})
	require.NoError(d.t, err)
	return v
}

func (d *desk) refund(key, id string, n int64) {
	d.t.Helper()
	_, err := d.Refund(d.t.Context(), request(key), id, amount(n))
	require.NoError(d.t, err)
}

func (d *desk) sync(id string) *core.Payment {
	d.t.Helper()
	p, err := d.Sync(d.t.Context(), "m", id)
	require.NoError(d.t, err)
	return p
}

// states are those of the operations of a kind, in their order.
func states(p *core.Payment, kind core.OpKind) (out []core.OpState) {
	for _, o := range p.Operations {
		if o.Kind == kind {
			out = append(out, o.State)
		}
	}
	return out
}

// One booking at the provider is the end of one doubt. An operator says that a refund did not happen, the merchant asks
// for it again, and that is lost as well: totals that rose by one of them prove one of them, and what an operator denied
// is not the first to be thought of.
func TestAttackOneBookingSettlesTwoDoubts(t *testing.T) {
	d := newDesk(t)
	v := d.taken100("order-1")
	d.lost(10000, 0)
	d.refund("first", v.ID, 4000)
	_, code := d.resolve("1", v.ID, core.Settlement{Operation: d.op(v.ID, core.OpRefund).ID})
	require.Empty(t, code)
	d.refund("second", v.ID, 4000)
	d.lost(10000, 4000)
	p := d.sync(v.ID)
	require.Equal(t, int64(4000), p.Amounts.Refunded, "as much as the provider says")
	require.Equal(t, []core.OpState{core.OpDeclined, core.OpSucceeded}, states(p, core.OpRefund))
	d.lost(10000, 8000) // both of them went through
	p = d.sync(v.ID)
	require.Equal(t, int64(8000), p.Amounts.Refunded)
	require.True(t, p.NeedsReview, "somebody has to say what the other is")
}

// A refund that was accepted ends while a later one of the same amount is in doubt: what it explains proves nothing about
// the other.
func TestAttackAnAcceptedBookingSettlesADoubt(t *testing.T) {
	d := newDesk(t)
	d.provider.Caps.ResumeGap = time.Nanosecond
	d.open(nil)
	v := d.taken100("order-1")
	d.provider.OnRefund = func(op core.Op, _ core.RefundInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Pending, Facts: []core.Fact{coretest.Fact(core.RefundPending, op)}}, nil
	}
	d.refund("first", v.ID, 4000)
	first := d.op(v.ID, core.OpRefund)
	d.lost(10000, 0)
	d.refund("second", v.ID, 4000)
	f := coretest.Fact(core.Refunded, first.Op)
	f.Of = ""
	d.receive(core.Feedback{Facts: []core.Fact{f}, Reference: first.Reference, DedupeKey: "done"})
	d.lost(10000, 4000)
	for range 3 {
		p := d.sync(v.ID)
		require.Equal(t, int64(4000), p.Amounts.Refunded)
		require.Equal(t, []core.OpState{core.OpSucceeded, core.OpUnknown}, states(p, core.OpRefund))
	}
	require.Len(t, d.provider.Calls(core.OpRefund), 2, "what rose meanwhile is for a person to see")
	d.lost(10000, 8000)
	p := d.sync(v.ID)
	require.Equal(t, int64(8000), p.Amounts.Refunded)
	require.Equal(t, []core.OpState{core.OpSucceeded, core.OpSucceeded}, states(p, core.OpRefund))
}

// Between the answer that a refund is not there and the repetition of it the provider tells that money went back.
func TestAttackABookingIsToldBeforeItsRepetition(t *testing.T) {
	d, m := newMoodyDesk(t)
	d.provider.Caps.ResumeGap = time.Nanosecond
	d.open(func(o *core.Options) { o.Store = m })
	v := d.taken100("order-1")
	d.lost(10000, 0)
	d.refund("lost", v.ID, 4000)
	reference := d.op(v.ID, core.OpRefund).Reference
	d.sync(v.ID)
	var asked atomic.Bool
	tells := d.provider.OnQuery
	d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) { asked.Store(true); return tells(in) }
	m.set(func(subject string, run func() error) error {
		if subject != v.ID || !asked.Swap(false) {
			return run()
		}
		err := run()
		d.provider.OnQuery = tells
		d.receive(core.Feedback{Reference: reference, DedupeKey: "late", Facts: []core.Fact{{Kind: core.Refunded, Measure: core.AtLeast,
			Amount: core.Money{Minor: 4000, Currency: "EUR"}, Strength: core.Asserted}}})
		return err
	})
	d.sync(v.ID)
	require.Len(t, d.provider.Calls(core.OpRefund), 1)
	d.lost(10000, 4000)
	p := d.sync(v.ID)
	require.Equal(t, []core.OpState{core.OpSucceeded}, states(p, core.OpRefund))
}

// An operator names the provider's id of another booking: then it would be that one, counted once, and the money of his
// own would be offered again.
func TestAttackAnOperatorNamesAnotherBooking(t *testing.T) {
	d := newDesk(t)
	v := d.taken100("order-1")
	d.refund("done", v.ID, 4000)
	done := d.op(v.ID, core.OpRefund)
	d.silent()
	d.refund("lost", v.ID, 4000)
	lost := d.payment(v.ID).Operations[3]
	version := d.payment(v.ID).Version
	_, code := d.resolve("1", v.ID, core.Settlement{Operation: lost.ID, Happened: true, Reference: done.Key})
	require.Equal(t, "reference_invalid", code)
	require.Equal(t, version, d.payment(v.ID).Version)
	view, code := d.resolve("2", v.ID, core.Settlement{Operation: lost.ID, Happened: true, Reference: "R-2"})
	require.Empty(t, code)
	require.Equal(t, int64(8000), view.Amounts.Refunded)
	require.Equal(t, int64(2000), view.Amounts.Refundable)
}

// A cancel whose answer left something open is repeated.
func TestAttackACancelThatWaitsIsAskedForAgain(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	op := d.op(v.ID, core.OpStart).Op
	pending := coretest.Authorized(op, true)
	pending.Kind = core.CapturePending
	d.hear(pending)
	require.Equal(t, core.StatusRequiresAction, d.payment(v.ID).Status)
	first, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
	require.NoError(t, err)
	again, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
	require.NoError(t, err)
	require.Equal(t, first.Status, again.Status)
	require.Equal(t, string(first.Snapshot), string(again.Snapshot))
	require.True(t, again.Replayed)
}
