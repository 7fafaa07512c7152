package core_test

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

func TestAnOrderUnderReviewIsChanged(t *testing.T) {
	c := newCounter(t)
	v := c.reviewed(walletPayment("order-1"))
	more, note := int64(13250), "with a parcel"
	ch := core.Changes{Amount: &more, Description: &note, Metadata: map[string]string{"cart": "78"}, Shipping: &core.Address{Line1: "Hauptstr. 1", Country: "DE"},
		Items: &[]core.LineItem{{Name: "Coffee", Quantity: 1, UnitAmount: 13250}}}
	a, err := c.Patch(t.Context(), request(""), v.ID, ch)
	require.NoError(t, err)
	require.Equal(t, 200, a.Status)
	after := view(t, a)
	require.Equal(t, core.StatusRequiresConfirmation, after.Status)
	require.Equal(t, v.Review, after.Review, "what the buyer chose stays")
	require.Equal(t, []any{more, note, ch.Metadata}, []any{after.Amount.Minor, after.Description, after.Metadata})
	require.Greater(t, after.Version, v.Version)
	p := c.payment(v.ID)
	require.Equal(t, *ch.Items, p.Order.Items)
	require.Equal(t, ch.Shipping, p.Order.Buyer.Shipping)
	require.Equal(t, more, p.Latest().Amount.Minor)

	_, err = c.Patch(t.Context(), request(""), v.ID, ch)
	require.NoError(t, err)
	require.Len(t, c.provider.Calls(core.OpUpdate), 1, "asking again for what is there does nothing")
	_, err = c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", &v.Version)
	require.Equal(t, "version_conflict", core.CodeOf(err))
	_, err = c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", nil)
	require.NoError(t, err)
	_, err = c.Patch(t.Context(), request(""), v.ID, core.Changes{Amount: &v.Amount.Minor})
	require.Equal(t, "state_invalid", core.CodeOf(err), "the buyer is on his way to agree")
	c.agrees("S")
	c.back(v.ID, core.LegResult, "S")
	require.Equal(t, more, c.payment(v.ID).Amounts.Capturable)
}

func TestAChangeThatIsRefusedChangesNothing(t *testing.T) {
	c := newCounter(t)
	v := c.reviewed(walletPayment("order-1"))
	more, none := int64(12000), int64(0)
	ch := core.Changes{Amount: &more, Metadata: map[string]string{"cart": "78"}}
	for want, out := range map[string]func(core.Op, core.UpdateInput) (core.Outcome, error){
		"update_declined": func(core.Op, core.UpdateInput) (core.Outcome, error) {
			return core.Outcome{Result: core.Declined, Failure: &core.Failure{ProviderMessage: "too much"}}, nil
		},
		"provider_unavailable": func(core.Op, core.UpdateInput) (core.Outcome, error) {
			return core.Outcome{}, core.NotSentError(errors.New("refused"))
		},
	} {
		c.wallet.OnUpdate = out
		_, err := c.Patch(t.Context(), request(""), v.ID, ch)
		require.Equal(t, want, core.CodeOf(err))
		p := c.payment(v.ID)
		require.Equal(t, []any{int64(10000), core.StatusRequiresConfirmation}, []any{p.Amount.Minor, p.Status})
		require.Empty(t, p.Metadata)
	}
	c.wallet.OnUpdate = nil
	calls := len(c.provider.Calls(core.OpUpdate))
	_, err := c.Patch(t.Context(), request(""), v.ID, core.Changes{Amount: &none})
	require.Equal(t, "amount_invalid", core.CodeOf(err))
	c.wallet.Caps.Methods[0].UpdateShipping = false
	c.openWith(c.wallet, nil)
	was := c.payment(v.ID).Order.Buyer.Shipping
	_, err = c.Patch(t.Context(), request(""), v.ID, core.Changes{Amount: &more, Shipping: &core.Address{Line1: "Ringstr. 5", City: "Berlin", Country: "DE"}})
	var refused *core.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"capability_unsupported", "/shipping_address"}, []string{refused.Code, refused.Pointer})
	require.Equal(t, was, c.payment(v.ID).Order.Buyer.Shipping)
	require.Len(t, c.provider.Calls(core.OpUpdate), calls, "the provider was not told of the rest")
	c.wallet.Caps.Methods[0].Update = false
	c.openWith(c.wallet, nil)
	_, err = c.Patch(t.Context(), request(""), v.ID, ch)
	require.Equal(t, "capability_unsupported", core.CodeOf(err))
	require.Len(t, c.provider.Calls(core.OpUpdate), calls)
	fresh := c.begin(walletPayment("order-2"))
	_, err = c.Patch(t.Context(), request(""), fresh.ID, ch)
	require.Equal(t, "state_invalid", core.CodeOf(err), "nothing is reviewed yet")
	require.Empty(t, c.payment(fresh.ID).Metadata)
}

// Until it is known whether the provider took another order the old one is shown, and nothing is confirmed.
func TestAnUnknownChangeIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		v := c.reviewed(walletPayment("order-1"))
		c.wallet.OnUpdate = func(core.Op, core.UpdateInput) (core.Outcome, error) { return core.Outcome{}, errors.New("reset") }
		more := int64(12000)
		a, err := c.Patch(t.Context(), request(""), v.ID, core.Changes{Amount: &more})
		require.NoError(t, err)
		require.Equal(t, []any{202, int64(10000)}, []any{a.Status, view(t, a).Amount.Minor})
		_, err = c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", nil)
		require.Equal(t, "previous_operation_unresolved", core.CodeOf(err))
		c.wallet.OnUpdate = nil
		stop := c.runs()
		time.Sleep(time.Minute)
		stop()
		require.Equal(t, more, c.payment(v.ID).Amount.Minor)
		note := "later"
		_, err = c.Patch(t.Context(), request(""), v.ID, core.Changes{Description: &note})
		require.NoError(t, err)
		_, err = c.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.Equal(t, note, c.payment(v.ID).Order.Description, "what was taken once is not taken again")
		calls := c.provider.Calls(core.OpUpdate)
		require.Len(t, calls, 2)
		require.Equal(t, calls[0].Key, calls[1].Key)
	})
}

func part(n int64) *int64 { return &n }

// agreedTo is a payment whose buyer has agreed to 100.00, of which so much is authorized.
func (c *counter) agreedTo(reference string, authorize int64) *core.Payment {
	c.t.Helper()
	in := walletPayment(reference)
	in.Order.Authorize = &authorize
	v := c.confirmed(in)
	c.agrees("S")
	c.back(v.ID, core.LegResult, "S")
	p := c.payment(v.ID)
	require.Equal(c.t, core.StatusRequiresCapture, p.Status)
	require.Equal(c.t, []int64{authorize, 10000}, []int64{p.Amounts.Authorized, p.Amounts.Capturable})
	return p
}

// charges is a provider that captures an authorization, or charges the agreement, and names each as its own object.
func (c *counter) charges() {
	c.provider.OnCapture = func(op core.Op, in core.CaptureInput) (core.Outcome, error) {
		of := in.Authorization
		if of == "" {
			of = "charge-" + op.Key
		}
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.Authorized, ID: of, Amount: op.Amount, Strength: core.Asserted},
			{Kind: core.Captured, ID: of, Of: of, OpKey: op.Key, Amount: op.Amount, Strength: core.Asserted},
			{Kind: core.AuthorizationClosed, ID: of, Strength: core.Asserted}}}, nil
	}
}

// A split shipment: the first parcel is authorized at the checkout, each later one charged to what the buyer agreed to, and
// what goes back goes back from one of them.
func TestSeveralChargesOnOneAgreement(t *testing.T) {
	c := newCounter(t)
	p := c.agreedTo("order-1", 4000)
	c.charges()
	first := "A-" + p.Latest().Reference
	_, err := c.Capture(t.Context(), request("foreign"), p.ID, core.NewBooking{Amount: part(100), From: "A-other"})
	require.Equal(t, "reference_invalid", core.CodeOf(err))
	_, err = c.Capture(t.Context(), request("too much"), p.ID, amount(7000))
	require.Equal(t, "amount_exceeds_remaining", core.CodeOf(err), "40.00 are authorized and 60.00 free")
	require.ErrorContains(t, err, first)
	var ids []string
	for i, n := range []int64{4000, 2500, 3500} {
		a, err := c.Capture(t.Context(), request("cap"+string(rune('0'+i))), p.ID, amount(n))
		require.NoError(t, err)
		var v core.BookingView
		require.NoError(t, json.Unmarshal(a.Snapshot, &v))
		require.Equal(t, "succeeded", v.Status)
		ids = append(ids, v.ID)
		status := core.StatusPartiallyCaptured
		if i == 2 {
			status = core.StatusSucceeded
		}
		require.Equal(t, status, c.payment(p.ID).Status, "%d %+v", i, c.payment(p.ID).Amounts)
	}
	var of []string
	for _, o := range c.payment(p.ID).Operations {
		if o.Kind == core.OpCapture {
			of = append(of, o.Of)
		}
	}
	require.Equal(t, []string{first, "", ""}, of)
	require.Equal(t, int64(10000), c.payment(p.ID).Amounts.Captured)

	var from []string
	c.provider.OnRefund = func(op core.Op, in core.RefundInput) (core.Outcome, error) {
		from = append(from, in.Capture)
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.Refunded, ID: "R-" + op.Key, Of: in.Capture, OpKey: op.Key, Amount: op.Amount, Strength: core.Asserted}}}, nil
	}
	refund := func(key string, n int64, capture string) error {
		_, err := c.Refund(t.Context(), request(key), p.ID, core.NewBooking{Amount: &n, Capture: capture})
		return err
	}
	require.NoError(t, refund("r1", 3800, ""))
	require.Equal(t, []string{first}, from, "the only one that covers it")
	err = refund("r2", 3600, "")
	require.Equal(t, "amount_exceeds_remaining", core.CodeOf(err))
	require.ErrorContains(t, err, "2.00 EUR of "+ids[0])
	require.ErrorContains(t, err, "25.00")
	require.Equal(t, "amount_exceeds_remaining", core.CodeOf(refund("r3", 300, ids[0])))
	require.NoError(t, refund("r4", 200, ids[0]))
	require.NoError(t, refund("r5", 3500, ids[2]))
	require.Equal(t, int64(2500), c.payment(p.ID).Amounts.Refundable)
}

func TestAnAgreementIsGivenUp(t *testing.T) {
	c := newCounter(t)
	p := c.agreedTo("order-1", 0)
	require.NotContains(t, c.events(p.ID), "payment.canceled")
	c.provider.OnVoid = func(op core.Op, in core.VoidInput) (core.Outcome, error) {
		require.False(t, in.KeepAgreement)
		require.Empty(t, in.Authorization)
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.AgreementClosed, ID: "P-" + op.Reference, OpKey: op.Key, Strength: core.Asserted}}}, nil
	}
	a, err := c.Cancel(t.Context(), request("cancel"), p.ID, "")
	require.NoError(t, err)
	require.Equal(t, core.StatusCanceled, view(t, a).Status)
	require.Zero(t, c.payment(p.ID).Amounts.Capturable)
}

// The provider may close an agreement itself: nothing is left, and nobody failed.
func TestAnAgreementEndsAtTheProvider(t *testing.T) {
	c := newCounter(t)
	p := c.agreedTo("order-1", 0)
	ref := p.Latest().Reference
	c.receive(core.Feedback{Facts: []core.Fact{{Kind: core.AgreementClosed, ID: "P-" + ref, Strength: core.Asserted}}, Reference: ref, DedupeKey: "closed"})
	require.Equal(t, core.StatusCanceled, c.payment(p.ID).Status)
}

func TestLessIsAuthorizedOnlyWhereItCanBe(t *testing.T) {
	c := newCounter(t)
	in := walletPayment("order-1")
	in.Order.Authorize, in.Order.Capture = part(0), core.CaptureAutomatic
	_, err := c.Create(t.Context(), request("a"), in)
	require.Equal(t, "amount_invalid", core.CodeOf(err))
	in.Order.Capture, in.Order.Delivery = core.CaptureManual, core.DeliveryRules{NoPOBoxes: true}
	c.wallet.Caps.Methods[0].Agreement = false
	c.openWith(c.wallet, nil)
	_, err = c.Create(t.Context(), request("b"), in)
	require.Equal(t, "routing_no_candidate", core.CodeOf(err))
	in.Order.Account = "acc"
	_, err = c.Create(t.Context(), request("c"), in)
	require.Equal(t, "capability_unsupported", core.CodeOf(err))
	c.wallet.Caps.Methods[0].Agreement, c.wallet.Caps.Methods[0].Delivery = true, false
	c.openWith(c.wallet, nil)
	_, err = c.Create(t.Context(), request("d"), in)
	require.ErrorContains(t, err, "deliver")
	require.Empty(t, c.provider.Calls(core.OpStart))
}

// What a browser brings that confirms at once, such as a token of a card form, goes to the provider with the confirm.
func TestWhatTheBrowserBringsConfirms(t *testing.T) {
	c := newCounter(t)
	c.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextWidget, Then: core.ThenConfirm, Resumable: true, Widget: &core.Widget{SDK: "payone_fields"}}}, nil
	}
	brings := "good"
	c.provider.OnReturn = func(core.Return) (core.Feedback, error) { return core.Feedback{Memo: core.Refs{"token": brings}}, nil }
	c.wallet.OnConfirm = func(op core.Op, in core.ConfirmInput) (core.Outcome, error) {
		if in.Known.Memo["token"] != "good" {
			return core.Outcome{Result: core.Declined, Failure: &core.Failure{Category: core.FailureInstrument}}, nil
		}
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.Authorized, ID: "A-" + op.Reference, Amount: op.Amount, Strength: core.Asserted}}}, nil
	}
	v := c.begin(walletPayment("order-1"))
	brings = "bad"
	c.back(v.ID, core.LegResult, "")
	p := c.payment(v.ID)
	require.Equal(t, core.StatusRequiresAction, p.Status, "he may enter another one")
	require.Equal(t, core.FailureInstrument, p.View().LastError.Category)
	brings = "good"
	c.back(v.ID, core.LegResult, "")
	c.back(v.ID, core.LegResult, "")
	require.Equal(t, core.StatusRequiresCapture, c.payment(v.ID).Status)
	require.Len(t, c.provider.Calls(core.OpConfirm), 2)
}
