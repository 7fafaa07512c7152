package core_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// undecided is a payment whose authorization the provider has yet to decide about; agreed tells with it what the buyer
// agreed to.
func (d *desk) undecided(reference string, agreed bool) core.View {
	d.t.Helper()
	v := d.create(reference, core.CaptureManual)
	op := d.op(v.ID, core.OpStart).Op
	facts := []core.Fact{{Kind: core.AuthorizationPending, ID: "A-" + op.Reference, OpKey: op.Key, Amount: op.Amount, Strength: core.Asserted}}
	if agreed {
		facts = append(facts, core.Fact{Kind: core.AgreementOpen, Measure: core.AtLeast, ID: "P-" + op.Reference, Amount: op.Amount, Strength: core.Asserted})
	}
	d.hear(facts...)
	require.Equal(d.t, core.StatusProcessing, d.payment(v.ID).Status)
	return d.payment(v.ID).View()
}

// givesUp has the provider let go of authorizations that it has yet to decide about.
func (d *desk) givesUp() {
	d.provider.Caps.Methods[0].VoidPending = true
	d.provider.Caps.Resume[core.OpVoid] = core.ResumeSameKey
	d.open(nil)
}

func (d *desk) authorization(id string) core.Fact {
	op := d.op(id, core.OpStart).Op
	return core.Fact{Kind: core.Authorized, ID: "A-" + op.Reference, OpKey: op.Key, Amount: op.Amount, Strength: core.Asserted}
}

// What the provider has yet to decide about can be canceled: that it came to nothing then is no failure, however late
// that is told.
func TestAnUndecidedAuthorizationIsCanceled(t *testing.T) {
	for name, agreed := range map[string]bool{"alone": false, "with an agreement": true} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.givesUp()
			v := d.undecided("order-1", agreed)
			op := d.op(v.ID, core.OpStart).Op
			var in core.VoidInput
			d.provider.OnVoid = func(o core.Op, got core.VoidInput) (core.Outcome, error) {
				in = got
				return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.AuthorizationClosed, ID: "A-" + op.Reference, OpKey: o.Key, Strength: core.Asserted},
					{Kind: core.AgreementClosed, ID: "P-" + op.Reference, OpKey: o.Key, Strength: core.Asserted}}[:1+map[bool]int{true: 1}[agreed]]}, nil
			}
			a, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
			require.NoError(t, err)
			require.Equal(t, map[bool]string{false: "A-" + op.Reference, true: ""}[agreed], in.Authorization)
			require.Equal(t, []any{200, core.StatusCanceled, "requested_by_merchant"}, []any{a.Status, view(t, a).Status, view(t, a).CancelReason})
			told := d.events(v.ID)
			require.Equal(t, "payment.canceled", told[len(told)-1])
			d.hear(core.Fact{Kind: core.AuthorizationDeclined, ID: "A-" + op.Reference, OpKey: op.Key, Strength: core.Asserted, Failure: &core.Failure{Category: core.FailureRejected}})
			p := d.payment(v.ID)
			require.Equal(t, core.StatusCanceled, p.Status)
			require.Nil(t, p.View().LastError)
			require.Equal(t, told, d.events(v.ID), "nobody is told of a failed attempt")
			for _, o := range p.Operations {
				require.False(t, o.State.Open(), o.Kind)
			}
		})
	}
}

// Whichever of cancellation and authorization comes first, nothing stays reserved, and nothing is offered for capture that
// a lost cancellation may have released.
func TestAnAuthorizationIsDecidedWhileItIsCanceled(t *testing.T) {
	d := newDesk(t)
	d.givesUp()
	v := d.undecided("order-1", false)
	d.provider.OnVoid = func(core.Op, core.VoidInput) (core.Outcome, error) { return core.Outcome{}, nil }
	a, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
	require.NoError(t, err)
	require.Equal(t, []any{202, core.StatusProcessing}, []any{a.Status, view(t, a).Status})
	d.hear(d.authorization(v.ID))
	p := d.payment(v.ID)
	require.Equal(t, []any{core.StatusProcessing, int64(10000), int64(0)}, []any{p.Status, p.Amounts.Authorized, p.Amounts.Capturable})
	_, err = d.Capture(t.Context(), request("take"), v.ID, core.NewBooking{})
	require.Equal(t, "previous_operation_unresolved", core.CodeOf(err))
	d.provider.OnVoid = nil
	_, err = d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	calls := d.provider.Calls(core.OpVoid)
	require.Equal(t, calls[0].Key, calls[len(calls)-1].Key)
	p = d.payment(v.ID)
	require.Equal(t, []any{core.StatusCanceled, int64(10000), int64(10000), int64(0)}, []any{p.Status, p.Amounts.Authorized, p.Amounts.Released, p.Amounts.InDoubt})
}

// That an authorization was made and released is told late: nothing came of it, and nobody is told of a success.
func TestALateAuthorizationThatIsReleasedIsNoSuccess(t *testing.T) {
	d := newDesk(t)
	d.givesUp()
	v := d.undecided("order-1", false)
	_, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
	require.NoError(t, err)
	d.hear(d.authorization(v.ID))
	p := d.payment(v.ID)
	require.Equal(t, []any{core.StatusCanceled, int64(10000), int64(10000)}, []any{p.Status, p.Amounts.Authorized, p.Amounts.Released})
	require.NotContains(t, d.events(v.ID), "payment.late_success")
}

// A cancellation that is refused leaves the payment as it was: the decision is awaited, and it can be canceled again.
func TestARefusedCancellationLeavesTheDecisionOpen(t *testing.T) {
	d := newDesk(t)
	d.givesUp()
	v := d.undecided("order-1", true)
	d.provider.OnVoid = func(core.Op, core.VoidInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Declined, Failure: &core.Failure{Category: core.FailureRejected}}, nil
	}
	a, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
	require.NoError(t, err)
	require.Equal(t, []any{202, core.StatusProcessing}, []any{a.Status, view(t, a).Status})
	_, err = d.Capture(t.Context(), request("take"), v.ID, core.NewBooking{})
	e, _ := errors.AsType[*core.Error](err)
	require.Contains(t, e.Allowed, "cancel")
	d.hear(d.authorization(v.ID))
	require.Equal(t, core.StatusRequiresCapture, d.payment(v.ID).Status)
}

// A provider that cannot let go of it is not asked to.
func TestAnUndecidedAuthorizationThatCannotBeCanceled(t *testing.T) {
	d := newDesk(t)
	v := d.undecided("order-1", false)
	_, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
	require.Equal(t, "state_invalid", core.CodeOf(err))
	e, _ := errors.AsType[*core.Error](err)
	require.NotContains(t, e.Allowed, "cancel")
	require.Empty(t, d.provider.Calls(core.OpVoid))
}

// A charge in the buyer's absence that is not decided can be canceled as well, and its call is over with it.
func TestAnUndecidedChargeIsCanceled(t *testing.T) {
	d := newDesk(t)
	d.provider.Caps.Methods[0].OffSession = []core.CaptureMode{core.CaptureManual}
	d.givesUp()
	m := d.withMandate()
	d.provider.OnCharge = func(op core.Op, _ core.ChargeMandateInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Pending, Facts: []core.Fact{{Kind: core.AuthorizationPending, ID: "C-1", OpKey: op.Key, Amount: op.Amount, Strength: core.Asserted}}}, nil
	}
	in := newPayment("order-2", core.CaptureManual)
	in.Order.Mandate, in.Order.OffSession = m.Mandate, true
	a, err := d.Create(t.Context(), request("charge"), in)
	require.NoError(t, err)
	require.Equal(t, []any{202, core.StatusProcessing}, []any{a.Status, view(t, a).Status})
	a, err = d.Cancel(t.Context(), request("cancel"), view(t, a).ID, "")
	require.NoError(t, err)
	require.Equal(t, core.StatusCanceled, view(t, a).Status)
	require.Equal(t, core.OpDeclined, d.op(view(t, a).ID, core.OpChargeMandate).State)
}
