package core_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// removeAccount begins again with a configuration that has another account instead, as after an acquirer was left.
func (d *desk) removeAccount() {
	other, err := core.OpenAccount(core.AccountConfig{Name: "next", Provider: "scripted"}, make([]byte, 32), coretest.NewProvider())
	require.NoError(d.t, err)
	d.open(func(o *core.Options) { o.Accounts = []*core.Account{other} })
}

// withMandate creates a payment of which half is captured and the rest is held, with an active mandate.
func (d *desk) withMandate() core.View {
	in := newPayment("order-1", core.CaptureManual)
	in.Order.Save.Kind = core.SaveUnscheduled
	a, err := d.Create(d.t.Context(), request("create"), in)
	require.NoError(d.t, err)
	v := view(d.t, a)
	d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, false), core.Fact{Kind: core.MandateActive, ID: "tok", Strength: core.Asserted})
	_, err = d.Capture(d.t.Context(), request("half"), v.ID, amount(5000))
	require.NoError(d.t, err)
	return v
}

// What was begun at an account that is not configured any more waits for it: whatever a merchant asks for that its
// provider would have to do is refused, says why, and changes nothing. Once the account is back it is done.
func TestWhatWasBegunAtARemovedAccountWaitsForIt(t *testing.T) {
	for name, ask := range map[string]func(d *desk, v core.View) error{
		"capture": func(d *desk, v core.View) error {
			_, err := d.Capture(d.t.Context(), request("ask"), v.ID, amount(1000))
			return err
		},
		"refund": func(d *desk, v core.View) error {
			_, err := d.Refund(d.t.Context(), request("ask"), v.ID, amount(1000))
			return err
		},
		"cancel": func(d *desk, v core.View) error {
			_, err := d.Cancel(d.t.Context(), request("ask"), v.ID, "")
			return err
		},
		"sync": func(d *desk, v core.View) error {
			_, err := d.Sync(d.t.Context(), "m", v.ID)
			return err
		},
		"end of a mandate": func(d *desk, v core.View) error {
			_, err := d.CancelMandate(d.t.Context(), request("ask"), v.Mandate, "")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			v := d.withMandate()
			before := d.payment(v.ID)
			d.removeAccount()
			err := ask(d, v)
			require.Equal(t, core.Unavailable, core.KindOf(err))
			require.Equal(t, "provider_unavailable", core.CodeOf(err))
			require.ErrorContains(t, err, "the account acc is not configured")
			after := d.payment(v.ID)
			require.Equal(t, before.Amounts, after.Amounts)
			require.Equal(t, before.Status, after.Status)
			require.Len(t, after.Operations, len(before.Operations))
			d.open(nil)
			require.NoError(t, ask(d, v), "it is configured again")
		})
	}
}

// A new payment is refused where it would need the removed account, and one at another account is not.
func TestNewPaymentsBesideARemovedAccount(t *testing.T) {
	d := newDesk(t)
	v := d.withMandate()
	d.removeAccount()
	_, err := d.Create(t.Context(), request("routed"), newPayment("order-2", core.CaptureManual))
	require.Equal(t, "routing_no_candidate", core.CodeOf(err))
	charge := newPayment("order-3", core.CaptureManual)
	charge.Order.Mandate, charge.Order.OffSession, charge.Order.ReturnURL = v.Mandate, true, ""
	_, err = d.Create(t.Context(), request("charged"), charge)
	require.Equal(t, "account_unknown", core.CodeOf(err))
}

// Without anything held nobody has to be asked to cancel, and a buyer who comes back gets to the shop.
func TestAPaymentAtARemovedAccountEndsHere(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	d.removeAccount()
	landing, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "GET", nil)
	require.NoError(t, err)
	require.Contains(t, landing.To, "https://shop.example/thanks")
	d.open(nil)
	w := d.create("order-2", core.CaptureManual)
	d.removeAccount()
	_, err = d.Cancel(t.Context(), request("cancel"), w.ID, "")
	require.NoError(t, err)
	require.Equal(t, core.StatusCanceled, d.payment(w.ID).Status)
}

// Background work goes on without the account: a call whose process died is in doubt, two weeks later a person has to
// look, an operator's word settles it, and what the inbox holds of it is applied.
func TestBackgroundWorkGoesOnWithoutARemovedAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) { return core.Outcome{}, nil }
		_, err := d.Capture(t.Context(), request("cap"), v.ID, amount(4000))
		require.NoError(t, err)
		start := d.op(v.ID, core.OpStart).Op
		_, err = d.Receive(t.Context(), "acc", coretest.Message(core.Feedback{Reference: start.Reference, DedupeKey: "x",
			Facts: []core.Fact{coretest.Authorized(start, false)}}))
		require.NoError(t, err)
		d.removeAccount()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); d.Run(ctx) }()
		time.Sleep(16 * 24 * time.Hour)
		stop()
		<-ended
		p := d.payment(v.ID)
		require.Equal(t, core.OpUnknown, d.op(v.ID, core.OpCapture).State)
		require.True(t, p.NeedsReview)
		require.Equal(t, core.InboxApplied, d.items(core.InboxQuery{})[0].State)
		_, err = d.Replay(t.Context(), request("replay"), d.items(core.InboxQuery{})[0].ID)
		require.NoError(t, err)
		_, err = d.Resolve(t.Context(), request("resolve"), v.ID, core.Settlement{Operation: d.op(v.ID, core.OpCapture).ID, Happened: true, Evidence: "its back office"})
		require.NoError(t, err)
		require.Equal(t, int64(4000), d.payment(v.ID).Amounts.Captured)
	})
}
