package core_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// refundTotal is a total of refunds that counts what may still be declined.
func refundTotal(minor int64) core.Fact {
	return core.Fact{Kind: core.Refunded, Measure: core.AtLeast, Amount: core.Money{Minor: minor, Currency: "EUR"}, Strength: core.Hint}
}

// showing is a desk with a captured payment, whose provider shows what shown holds of refunds.
func showing(t *testing.T) (d *desk, id string, shown *int64) {
	t.Helper()
	d, shown = newDesk(t), new(int64)
	d.provider.Caps.RefundsDecided = 48 * time.Hour
	d.provider.Caps.Resume[core.OpRefund] = core.ResumeSameKey
	d.open(nil)
	v := d.create("order-1", core.CaptureAutomatic)
	op := d.op(v.ID, core.OpStart).Op
	d.hear(coretest.Authorized(op, true))
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		s := core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, true)}}
		if *shown > 0 {
			s.Facts = append(s.Facts, refundTotal(*shown))
		}
		return s, nil
	}
	return d, v.ID, shown
}

func (d *desk) refunded(id string) int64 {
	d.t.Helper()
	_, err := d.Sync(d.t.Context(), "m", id)
	require.NoError(d.t, err)
	return d.payment(id).Amounts.Refunded
}

// What others have given back is known by a total alone, which may count what comes to nothing. It is money when it
// stood until that is decided, and core asks for it by itself.
func TestATotalThatMayFallHasToStand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, id, shown := showing(t)
		*shown = 3000
		require.Zero(t, d.refunded(id))
		stop := d.runs()
		time.Sleep(47 * time.Hour)
		require.Zero(t, d.refunded(id))
		require.Equal(t, "none", d.payment(id).View().RefundStatus)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		p := d.payment(id)
		require.Equal(t, []any{int64(3000), true}, []any{p.Amounts.Refunded, p.NeedsReview})
		require.Contains(t, d.events(id), "payment.external_adjustment")
		require.True(t, p.CheckAt.IsZero())
		stop()
	})
}

// One that falls again leaves nothing behind, and what is shown later counts from then.
func TestATotalThatFallsIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, id, shown := showing(t)
		*shown = 3000
		require.Zero(t, d.refunded(id))
		time.Sleep(time.Hour)
		*shown = 0
		require.Zero(t, d.refunded(id))
		time.Sleep(72 * time.Hour)
		for range 2 { // the same is shown again, by others, and falls again
			*shown = 3000
			require.Zero(t, d.refunded(id))
			time.Sleep(47 * time.Hour)
			*shown = 1000
			require.Zero(t, d.refunded(id))
			*shown = 0
			require.Zero(t, d.refunded(id))
			time.Sleep(72 * time.Hour)
		}
		*shown = 4000
		require.Zero(t, d.refunded(id))
		time.Sleep(48 * time.Hour)
		require.Equal(t, int64(4000), d.refunded(id))
	})
}

// While a refund of our own is under way, or came about while the provider was asked, a total may show just that.
func TestATotalIsNotHeldAgainstOurOwnRefund(t *testing.T) {
	for _, during := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			d, id, shown := showing(t)
			var refund core.Op
			d.provider.OnRefund = func(op core.Op, _ core.RefundInput) (core.Outcome, error) {
				refund, *shown = op, op.Amount.Minor
				f := coretest.Fact(core.RefundPending, op)
				return core.Outcome{Result: core.Pending, Facts: []core.Fact{f}}, nil
			}
			begin := func() {
				_, err := d.Refund(t.Context(), request("refund"), id, amount(2000))
				require.NoError(t, err)
			}
			if query := d.provider.OnQuery; during {
				d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
					d.provider.OnQuery = query
					begin()
					return query(in)
				}
			} else {
				begin()
			}
			require.Zero(t, d.refunded(id))
			time.Sleep(49 * time.Hour)
			require.Zero(t, d.refunded(id))
			d.hear(core.Fact{Kind: core.RefundDeclined, ID: refund.Key, Of: "A-" + refund.Reference, OpKey: refund.Key, Strength: core.Asserted})
			require.Equal(t, core.OpDeclined, d.op(id, core.OpRefund).State)
			require.Zero(t, d.refunded(id), "as it may be shown a little longer")
			*shown = 0
			time.Sleep(49 * time.Hour)
			require.Zero(t, d.refunded(id))
			require.NotContains(t, d.events(id), "payment.external_adjustment")
		})
	}
}

// What others gave back while a refund of our own was in doubt is found when an operator has said that ours did not happen,
// though the provider tells of neither again by itself.
func TestATotalIsLookedAtAgainWhenOurOwnRefundIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, id, shown := showing(t)
		*shown = 3000 // by others, and nobody has told of it
		d.provider.OnRefund = func(core.Op, core.RefundInput) (core.Outcome, error) { return core.Outcome{}, nil }
		_, err := d.Refund(t.Context(), request("refund"), id, amount(2000))
		require.NoError(t, err)
		stop := d.runs()
		time.Sleep(15 * 24 * time.Hour)
		require.Equal(t, []any{core.OpUnknown, int64(0)}, []any{d.op(id, core.OpRefund).State, d.payment(id).Amounts.Refunded})
		_, err = d.Resolve(t.Context(), request("settle"), id, core.Settlement{Operation: d.op(id, core.OpRefund).ID, Evidence: "the back office"})
		require.NoError(t, err)
		require.Zero(t, d.payment(id).Amounts.Refunded, "it may still come to nothing")
		time.Sleep(49 * time.Hour)
		synctest.Wait()
		p := d.payment(id)
		require.Equal(t, []any{int64(3000), true}, []any{p.Amounts.Refunded, p.CheckAt.IsZero()})
		stop()
	})
}

// What is under way and comes to nothing later says why, to whoever reads it and in its event.
func TestWhatFailsLaterSaysWhy(t *testing.T) {
	why := &core.Failure{Category: core.FailureRejected, RetryAdvice: core.RetryNever, ProviderCode: "ProcessingFailure", ProviderMessage: "it came to nothing"}
	for kind, facts := range map[core.OpKind][2]core.FactKind{core.OpRefund: {core.RefundPending, core.RefundDeclined}, core.OpCapture: {core.CapturePending, core.CaptureDeclined},
		core.OpAuthorize: {core.AuthorizationPending, core.AuthorizationDeclined}} {
		d := newDesk(t)
		pending := func(op core.Op) (core.Outcome, error) {
			f := coretest.Fact(facts[0], op)
			return core.Outcome{Result: core.Pending, Facts: []core.Fact{f}}, nil
		}
		d.provider.OnRefund = func(op core.Op, _ core.RefundInput) (core.Outcome, error) { return pending(op) }
		d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) { return pending(op) }
		d.provider.OnReserve = func(op core.Op, _ core.AuthorizeInput) (core.Outcome, error) { return pending(op) }
		v := d.agreedTo("order-1", 3000)
		book := map[core.OpKind]func(context.Context, core.Request, string, core.NewBooking) (core.Answer, error){
			core.OpRefund: d.Refund, core.OpCapture: d.Capture, core.OpAuthorize: d.Authorize}[kind]
		if kind == core.OpRefund {
			d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, true))
		}
		_, err := book(t.Context(), request(string(kind)), v.ID, amount(2000))
		require.NoError(t, err)
		op := d.op(v.ID, kind)
		require.Equal(t, core.OpPending, op.State, kind)
		no := coretest.Fact(facts[1], op.Op)
		no.Failure = why
		d.hear(no)
		require.Equal(t, []any{"failed", why}, []any{d.payment(v.ID).Bookings(kind)[0].Status, d.payment(v.ID).Bookings(kind)[0].Failure}, kind)
		l, err := d.Events(t.Context(), "m", core.EventQuery{Payment: v.ID}, 100, "")
		require.NoError(t, err)
		i := slices.IndexFunc(l.Items, func(e core.Event) bool { return strings.HasSuffix(e.Type, ".failed") })
		require.Contains(t, string(l.Items[i].Body), why.ProviderCode)
	}
}

// What others gave back is told as such at the moment it is booked, also when it is known by its own id, and while
// something of our own is under way; what is our own is not, whichever way it is heard of first.
func TestRefundsOfOthersAreToldWhenTheyAreBooked(t *testing.T) {
	const event = "payment.external_adjustment"
	claim := func(op core.Op) core.Fact {
		return core.Fact{Kind: core.Refunded, ID: "R-CLAIM", Of: "A-" + op.Reference, Amount: core.Money{Minor: 2000, Currency: "EUR"}, Strength: core.Asserted}
	}
	for name, state := range map[string]core.Result{"nothing": core.NotSent, "pending": core.Pending, "unknown": core.Unknown} {
		d := newDesk(t)
		v := d.create("order-1", core.CaptureAutomatic)
		op := d.op(v.ID, core.OpStart).Op
		d.hear(coretest.Authorized(op, true))
		d.provider.OnRefund = func(op core.Op, _ core.RefundInput) (core.Outcome, error) {
			out := core.Outcome{Result: state}
			if state == core.Pending {
				f := coretest.Fact(core.RefundPending, op)
				out.Facts = []core.Fact{f}
			}
			return out, nil
		}
		if state != core.NotSent {
			_, err := d.Refund(t.Context(), request("refund"), v.ID, amount(2000))
			require.NoError(t, err)
		}
		d.hear(claim(op))
		require.Equal(t, int64(2000), d.payment(v.ID).Amounts.Refunded)
		if state != core.Unknown { // else it may be our own
			require.Contains(t, d.events(v.ID), event, name)
		}
		if state == core.NotSent {
			require.True(t, d.payment(v.ID).NeedsReview)
			continue
		}
		require.Equal(t, state == core.Pending, slices.Contains(d.events(v.ID), event), name)
		refund := d.op(v.ID, core.OpRefund).Op
		d.hear(coretest.Fact(core.Refunded, refund))
		require.Equal(t, int64(4000), d.payment(v.ID).Amounts.Refunded)
		require.Equal(t, 1, strings.Count(strings.Join(d.events(v.ID), " "), event), name)
	}
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, true))
	d.provider.OnRefund = func(core.Op, core.RefundInput) (core.Outcome, error) { return core.Outcome{}, nil }
	_, err := d.Refund(t.Context(), request("refund"), v.ID, amount(2000))
	require.NoError(t, err)
	own := coretest.Fact(core.Refunded, d.op(v.ID, core.OpRefund).Op)
	own.OpKey = "" // nobody repeats it
	d.hear(own)
	own.OpKey = own.ID
	d.hear(own)
	require.Equal(t, []any{int64(2000), false}, []any{d.payment(v.ID).Amounts.Refunded, d.payment(v.ID).NeedsReview})
	require.NotContains(t, d.events(v.ID), event)
}
