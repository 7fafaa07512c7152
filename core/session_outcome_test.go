package core_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// A decline that ends the authorization ends the attempt, though buyers may try again on the provider's page: he is back
// from it. One that says only that he is not through does not.
func TestADeclineAfterTheReturnEndsTheAttempt(t *testing.T) {
	c := newCounter(t)
	c.wallet.Caps.Methods[0].RetriesOnPage = true
	c.openWith(c.wallet, nil)
	v := c.confirmed(walletPayment("order-1"))
	c.agrees("S")
	c.wallet.OnFinish = func(op core.Op, _ core.CompleteInput) (core.Outcome, error) {
		f := &core.Failure{Category: core.FailureDeclinedHard, RetryAdvice: core.RetryOtherProvider}
		return core.Outcome{Result: core.Declined, Failure: f, Facts: []core.Fact{{Kind: core.AuthorizationDeclined, ID: "A-" + op.Reference, OpKey: op.Key, Strength: core.Asserted, Failure: f}}}, nil
	}
	c.back(v.ID, core.LegResult, "S")
	p := c.payment(v.ID)
	require.Equal(t, core.StatusRequiresPaymentMethod, p.Status)
	require.Equal(t, core.FailureDeclinedHard, p.View().LastError.Category)
	require.Contains(t, c.events(v.ID), "payment.attempt_failed")
	c.back(v.ID, core.LegResult, "S")
	require.Len(t, c.provider.Calls(core.OpComplete), 1)
}

// A provider that declines and lets the buyer choose again sends him somewhere: he is not back from there yet.
func TestADeclineWithAnotherActionLetsTheBuyerChooseAgain(t *testing.T) {
	c := newCounter(t)
	v := c.confirmed(walletPayment("order-1"))
	c.wallet.OnFinish = func(core.Op, core.CompleteInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Declined, Failure: &core.Failure{Category: core.FailureDeclinedSoft},
			Next: &core.NextAction{Type: core.NextRedirect, Then: core.ThenComplete, URL: "https://provider.example/other-card", Resumable: true}}, nil
	}
	c.back(v.ID, core.LegResult, "S")
	p := c.payment(v.ID)
	require.Equal(t, core.StatusRequiresAction, p.Status)
	require.Equal(t, "https://provider.example/other-card", p.View().Next.URL)
	require.Equal(t, core.FailureDeclinedSoft, p.View().LastError.Category)
	c.wallet.OnFinish = nil
	c.agrees("S")
	c.back(v.ID, core.LegResult, "S")
	require.Equal(t, core.StatusRequiresCapture, c.payment(v.ID).Status)
	var complete []core.OpState
	for _, o := range c.payment(v.ID).Operations {
		if o.Kind == core.OpComplete {
			complete = append(complete, o.State)
		}
	}
	require.Equal(t, []core.OpState{core.OpDeclined, core.OpSucceeded}, complete, "the first one stays refused")
}

// Each action he was sent to can be turned away from once; a later one is another matter.
func TestTurningAwayIsFromOneAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		v := c.begin(walletPayment("order-1"))
		c.wallet.Open("S", c.attempt(v.ID), "Ringstr. 5")
		require.Equal(t, "https://shop.example/cart?payment="+v.ID, c.back(v.ID, core.LegBack, ""))
		require.Equal(t, core.StatusRequiresAction, c.payment(v.ID).Status, "the button is still there")
		version := c.payment(v.ID).Version
		c.back(v.ID, core.LegBack, "")
		require.Equal(t, version, c.payment(v.ID).Version, "a reload is no news")
		c.back(v.ID, core.LegReview, "S")
		_, err := c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", nil)
		require.NoError(t, err)
		c.agrees("S")
		stop := c.runs()
		time.Sleep(time.Hour)
		stop()
		require.Equal(t, 1, c.wallet.Sold(), "he agreed after that, and only his browser was closed")
	})
}

// A review is stored with when it was read, and nothing of that is shown or held against an adapter's own.
func TestAReviewSaysNothingOfItsKeeping(t *testing.T) {
	c := newCounter(t)
	var shown core.ConfirmInput
	c.wallet.OnConfirm = func(op core.Op, in core.ConfirmInput) (core.Outcome, error) {
		shown = in
		return c.wallet.Send(op, in), nil
	}
	v := c.confirmed(walletPayment("order-1"))
	require.Equal(t, core.StatusRequiresAction, v.Status)
	require.Equal(t, "Ringstr. 5", shown.Review.Fingerprint)
	require.Equal(t, int64(10000), shown.Order.Amount.Minor)
	require.Equal(t, "S", shown.Known.Refs[coretest.RefSession])
	told, err := c.Events(t.Context(), "m", core.EventQuery{Payment: v.ID, Type: "payment.review_required"}, 1, "")
	require.NoError(t, err)
	var body core.EventBody
	require.NoError(t, json.Unmarshal(told.Items[0].Body, &body))
	require.Nil(t, body.Data.Payment.Review, "what the buyer chose is read, not sent")
}

// A consent that is set up alone is completed without a charge.
func TestASetUpIsCompletedWithoutACharge(t *testing.T) {
	c := newCounter(t)
	c.wallet.Caps.Methods[0].SetUp = []core.SaveKind{core.SaveUnscheduled}
	c.provider.OnSetUp = func(core.Op, core.MandateInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextWidget, Then: core.ThenComplete, Resumable: true, Widget: &core.Widget{SDK: "amazon_pay"}}}, nil
	}
	c.openWith(c.wallet, nil)
	c.wallet.Now = true
	var in core.CompleteInput
	c.wallet.OnFinish = func(op core.Op, got core.CompleteInput) (core.Outcome, error) {
		in = got
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.MandateActive, ID: "P", OpKey: op.Key, Strength: core.Asserted}}}, nil
	}
	asked := newMandate("customer-7")
	asked.Order.Method = core.Method{Type: "wallet"}
	v, _ := c.setUp(asked)
	m := v.ID
	c.wallet.Open("S", c.attempt(m), "")
	require.Equal(t, "https://shop.example/wallet?mandate="+m, c.back(m, core.LegResult, "S"))
	require.True(t, in.SetupOnly)
	require.Zero(t, in.Order.Amount.Minor)
	require.Equal(t, core.MandateIsActive, c.mandateOf(m).Status)
	c.back(m, core.LegResult, "S")
	require.Len(t, c.provider.Calls(core.OpComplete), 1)
}
