package core_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// agreedTo creates a payment of 100.00 to which the buyer agreed, with held of it reserved.
func (d *desk) agreedTo(reference string, held int64) core.View {
	d.t.Helper()
	v := d.create(reference, core.CaptureManual)
	op := d.op(v.ID, core.OpStart).Op
	facts := []core.Fact{{Kind: core.AgreementOpen, Measure: core.AtLeast, ID: "P-" + op.Reference, Amount: op.Amount, Strength: core.Asserted}}
	if held > 0 {
		facts = append(facts, core.Fact{Kind: core.Authorized, ID: "A-" + op.Reference, Amount: core.Money{Minor: held, Currency: "EUR"}, Strength: core.Asserted})
	}
	told++
	d.receive(core.Feedback{Facts: facts, Reference: op.Reference, DedupeKey: "agreed-" + reference})
	return d.payment(v.ID).View()
}

func bookingView(t *testing.T, a core.Answer) (v core.BookingView) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.Snapshot, &v))
	return v
}

// A booking bears the provider's id once that is told, however late; where there is none but ours, it bears none.
func TestBookingsBearTheProvidersIDs(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	a, err := d.Capture(t.Context(), request("ours"), v.ID, amount(1000))
	require.NoError(t, err)
	plain := bookingView(t, a)
	require.Empty(t, plain.There, "its id is our key")
	a, err = d.Refund(t.Context(), request("plain"), v.ID, core.NewBooking{Amount: amount(500).Amount, Capture: plain.ID})
	require.NoError(t, err)
	require.Empty(t, bookingView(t, a).Capture, "captures are not told apart")

	d.provider.OnCapture = func(op core.Op, in core.CaptureInput) (core.Outcome, error) {
		f := coretest.Fact(core.Captured, op)
		f.ID = "C-7"
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{f}}, nil
	}
	a, err = d.Capture(t.Context(), request("theirs"), v.ID, amount(2000))
	require.NoError(t, err)
	capture := bookingView(t, a)
	require.Equal(t, "C-7", capture.There)
	d.provider.OnRefund = func(core.Op, core.RefundInput) (core.Outcome, error) { return core.Outcome{Result: core.Pending}, nil }
	a, err = d.Refund(t.Context(), request("back"), v.ID, core.NewBooking{Amount: amount(1500).Amount, Capture: capture.ID})
	require.NoError(t, err)
	back := bookingView(t, a)
	require.Equal(t, []string{capture.ID, ""}, []string{back.Capture, back.There}, "it is under way, and has no id yet")
	o := d.payment(v.ID).Operations
	d.hear(core.Fact{Kind: core.Refunded, ID: "R-9", Of: "A-" + d.op(v.ID, core.OpStart).Reference, OpKey: o[len(o)-1].Key, Amount: core.Money{Minor: 1500, Currency: "EUR"}, Strength: core.Asserted})
	told := d.payment(v.ID).Bookings(core.OpRefund)[0]
	require.Equal(t, []string{capture.ID, "R-9", "succeeded"}, []string{told.Capture, told.There, told.Status})
}

func TestReservingOnWhatTheBuyerAgreedTo(t *testing.T) {
	d := newDesk(t)
	v := d.agreedTo("order-1", 3000)
	require.Equal(t, int64(3000), v.Amounts.Authorized)
	a, err := d.Authorize(t.Context(), request("second"), v.ID, core.NewBooking{Amount: amount(5000).Amount, Reference: "parcel-2", Metadata: map[string]string{"parcel": "2"}})
	require.NoError(t, err)
	b := bookingView(t, a)
	require.Equal(t, []any{201, "authorization", "authorization", "succeeded", int64(5000), "parcel-2"}, []any{a.Status, a.Kind, b.Object, b.Status, b.Amount.Minor, b.Reference})
	require.Contains(t, b.ID, "aut_")
	p := d.payment(v.ID)
	require.Equal(t, []any{int64(8000), int64(10000), core.StatusRequiresCapture}, []any{p.Amounts.Authorized, p.Amounts.Capturable, p.Status})
	require.Equal(t, []string{"authorization.created", "authorization.succeeded"}, d.events(v.ID)[len(d.events(v.ID))-2:])
	require.Contains(t, p.AllowedActions(), "authorize")

	again, err := d.Authorize(t.Context(), request("second"), v.ID, core.NewBooking{Amount: amount(5000).Amount, Reference: "parcel-2"})
	require.NoError(t, err)
	require.Equal(t, []any{true, string(a.Snapshot)}, []any{again.Replayed, string(again.Snapshot)})
	_, err = d.Authorize(t.Context(), request("twice"), v.ID, core.NewBooking{Amount: amount(100).Amount, Reference: "parcel-2"})
	require.Equal(t, "reference_exists", core.CodeOf(err))
	_, err = d.Authorize(t.Context(), request("more"), v.ID, amount(2001))
	require.Equal(t, "amount_exceeds_remaining", core.CodeOf(err))
	require.ErrorContains(t, err, "20.00")
	_, err = d.Authorize(t.Context(), request("usd"), v.ID, core.NewBooking{Currency: "USD"})
	require.Equal(t, "currency_mismatch", core.CodeOf(err))
	a, err = d.Authorize(t.Context(), request("rest"), v.ID, core.NewBooking{})
	require.NoError(t, err)
	require.Equal(t, int64(2000), bookingView(t, a).Amount.Minor)
	_, err = d.Authorize(t.Context(), request("over"), v.ID, core.NewBooking{})
	require.Equal(t, "state_invalid", core.CodeOf(err))
	require.Len(t, d.provider.Calls(core.OpAuthorize), 2)
	require.Len(t, d.payment(v.ID).Bookings(core.OpAuthorize), 2)
}

func TestWithoutAnAgreementNothingMoreIsReserved(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	_, err := d.Authorize(t.Context(), request("more"), v.ID, core.NewBooking{})
	require.Equal(t, "state_invalid", core.CodeOf(err))
	d.provider.Caps.Methods[0].Reauthorize = false
	d.open(nil)
	_, err = d.Authorize(t.Context(), request("cannot"), d.agreedTo("order-2", 0).ID, core.NewBooking{})
	require.Equal(t, "capability_unsupported", core.CodeOf(err))
	require.Empty(t, d.provider.Calls(core.OpAuthorize))
}

// What is declined beside the agreement ends nothing: the buyer's agreement stands, and another reservation may be tried.
func TestADeclinedReservationLeavesTheAgreement(t *testing.T) {
	d := newDesk(t)
	v := d.agreedTo("order-1", 0)
	require.Equal(t, core.StatusRequiresCapture, v.Status)
	failure := &core.Failure{Category: core.FailureDeclinedSoft}
	d.provider.OnReserve = func(op core.Op, _ core.AuthorizeInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Declined, Failure: failure, Facts: []core.Fact{{Kind: core.AuthorizationDeclined, ID: "C-1", OpKey: op.Key, Strength: core.Asserted, Failure: failure}}}, nil
	}
	a, err := d.Authorize(t.Context(), request("first"), v.ID, amount(4000))
	require.NoError(t, err)
	require.Equal(t, []any{201, "failed", failure}, []any{a.Status, bookingView(t, a).Status, bookingView(t, a).Failure})
	p := d.payment(v.ID)
	require.Equal(t, []any{core.StatusRequiresCapture, int64(10000)}, []any{p.Status, p.Amounts.Capturable})
	require.NotContains(t, d.events(v.ID), "payment.attempt_failed")
	require.Equal(t, "authorization.failed", d.events(v.ID)[len(d.events(v.ID))-1])
	d.provider.OnReserve = nil
	a, err = d.Authorize(t.Context(), request("second"), v.ID, amount(4000))
	require.NoError(t, err)
	require.Equal(t, "succeeded", bookingView(t, a).Status)
}

// An earlier authorization says nothing about a later one whose outcome is open; what names the same object does.
func TestAnOpenReservationIsSettledByItsOwn(t *testing.T) {
	d := newDesk(t)
	v := d.agreedTo("order-1", 3000)
	d.provider.OnReserve = func(op core.Op, _ core.AuthorizeInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Pending, Facts: []core.Fact{{Kind: core.AuthorizationPending, ID: "C-2", OpKey: op.Key, Amount: op.Amount, Strength: core.Asserted}}}, nil
	}
	a, err := d.Authorize(t.Context(), request("second"), v.ID, amount(5000))
	require.NoError(t, err)
	require.Equal(t, []any{202, "processing"}, []any{a.Status, bookingView(t, a).Status})
	_, err = d.Authorize(t.Context(), request("third"), v.ID, amount(100))
	require.Equal(t, "state_invalid", core.CodeOf(err), "while it is decided nothing more is offered")
	d.hear(core.Fact{Kind: core.Authorized, ID: "A-" + d.op(v.ID, core.OpStart).Reference, Amount: core.Money{Minor: 3000, Currency: "EUR"}, Strength: core.Asserted})
	require.Equal(t, core.OpPending, d.op(v.ID, core.OpAuthorize).State)
	told++
	d.receive(core.Feedback{Facts: []core.Fact{{Kind: core.Authorized, ID: "C-2", Amount: core.Money{Minor: 5000, Currency: "EUR"}, Strength: core.Asserted}},
		Reference: d.op(v.ID, core.OpStart).Reference, DedupeKey: "without the key"})
	require.Equal(t, core.OpSucceeded, d.op(v.ID, core.OpAuthorize).State)
	require.Equal(t, int64(8000), d.payment(v.ID).Amounts.Authorized)
}

func TestAReservationWhoseAnswerIsLostIsMadeAgain(t *testing.T) {
	d := newDesk(t)
	v := d.agreedTo("order-1", 3000)
	d.provider.OnReserve = func(core.Op, core.AuthorizeInput) (core.Outcome, error) { return core.Outcome{}, nil }
	a, err := d.Authorize(t.Context(), request("second"), v.ID, amount(5000))
	require.NoError(t, err)
	require.Equal(t, 202, a.Status)
	require.Equal(t, int64(5000), d.payment(v.ID).Amounts.InDoubt)
	d.provider.OnReserve = nil
	_, err = d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	calls := d.provider.Calls(core.OpAuthorize)
	require.Equal(t, []any{2, calls[0].Key}, []any{len(calls), calls[1].Key})
	require.Equal(t, []any{int64(8000), int64(0)}, []any{d.payment(v.ID).Amounts.Authorized, d.payment(v.ID).Amounts.InDoubt})
}

// A closed authorization says nothing of what else the buyer agreed to: a cancellation of all of it whose answer is lost
// stays in doubt until the agreement is seen to be closed.
func TestALostCancellationIsSettledByTheAgreement(t *testing.T) {
	d := newDesk(t)
	v := d.agreedTo("order-1", 3000)
	reference := d.op(v.ID, core.OpStart).Reference
	told := func(kind core.FactKind, id string) {
		d.receive(core.Feedback{Reference: reference, DedupeKey: id, Facts: []core.Fact{{Kind: kind, ID: id + reference, Strength: core.Asserted}}})
	}
	told(core.AuthorizationClosed, "A-")
	d.lost(0, 0)
	a, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
	require.NoError(t, err)
	require.Equal(t, []any{202, core.OpUnknown}, []any{a.Status, d.op(v.ID, core.OpVoid).State})
	told(core.AgreementClosed, "P-")
	require.Equal(t, []any{core.OpSucceeded, core.StatusCanceled}, []any{d.op(v.ID, core.OpVoid).State, d.payment(v.ID).Status})
}
