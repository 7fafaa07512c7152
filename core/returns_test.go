package core_test

import (
	"errors"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// A buyer who was declined, and paid at his next try on the same page, is back before the provider shows it. Until it was
// asked, and had the time to, nobody says that he has to pay: the next try would have him pay twice.
func TestABuyerWhoIsBackMayHavePaidAfterADecline(t *testing.T) {
	for name, c := range map[string]struct {
		brings []core.Fact
		paid   bool
		after  core.Status // when the provider, asked at once, shows the decline only
	}{
		"and says so":         {[]core.Fact{{Kind: core.Authorized}}, true, core.StatusProcessing},
		"and says so wrongly": {[]core.Fact{{Kind: core.Authorized}}, false, core.StatusProcessing},
		"and was declined":    {[]core.Fact{{Kind: core.AuthorizationDeclined}}, false, core.StatusRequiresPaymentMethod},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				v := d.create("order-1", core.CaptureAutomatic)
				op := d.op(v.ID, core.OpStart).Op
				declined := core.Fact{Kind: core.AuthorizationDeclined, ID: "A-" + op.Reference, Strength: core.Asserted}
				d.hear(declined)
				require.Equal(t, core.StatusRequiresAction, d.payment(v.ID).Status, "he may try again on the page")
				for i := range c.brings {
					c.brings[i].ID = "A-" + op.Reference
				}
				d.provider.OnReturn = func(core.Return) (core.Feedback, error) { return core.Feedback{Facts: c.brings}, nil }
				began, away := time.Now(), true
				d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
					switch {
					case away:
						return core.Snapshot{}, errors.New("timeout")
					case c.paid && time.Since(began) > 100*time.Second:
						return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, true)}}, nil
					}
					return core.Snapshot{Found: true, Facts: []core.Fact{declined}}, nil
				}
				_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
				require.NoError(t, err)
				require.Equal(t, core.StatusProcessing, d.payment(v.ID).Status, "nobody could be asked")
				away = false
				_, err = d.Sync(t.Context(), "m", v.ID)
				require.NoError(t, err)
				require.Equal(t, c.after, d.payment(v.ID).Status)
				stop := d.runs()
				time.Sleep(time.Hour)
				stop()
				want := core.StatusRequiresPaymentMethod
				if c.paid {
					want = core.StatusSucceeded
					require.NotContains(t, d.events(v.ID), "payment.method_required")
				}
				require.Equal(t, want, d.payment(v.ID).Status)
			})
		})
	}
}

// A buyer turned away, and a message says that he paid: he is not sent to the cart, though the browser brings nothing more.
func TestLandingOfABuyerOfWhomAMessageSaysThatHePaid(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	d.provider.OnReturn = func(core.Return) (core.Feedback, error) {
		return core.Feedback{Facts: []core.Fact{{Kind: core.BuyerAway}}}, nil
	}
	token := d.tokens.Return(v.ID, 1, core.LegResult)
	l, err := d.Return(t.Context(), token, "GET", url.Values{})
	require.NoError(t, err)
	require.Equal(t, "https://shop.example/cart?payment="+v.ID, l.To)
	d.receive(d.paidHint(d.op(v.ID, core.OpStart).Op))
	l, err = d.Return(t.Context(), token, "GET", url.Values{})
	require.NoError(t, err)
	require.Equal(t, "https://shop.example/thanks?payment="+v.ID, l.To)
}

// A buyer who turned away and loads the page again tells nothing new: nobody is asked once more.
func TestAReloadAsksNobody(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	asked := 0
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { asked++; return core.Snapshot{Found: true}, nil }
	d.provider.OnReturn = func(core.Return) (core.Feedback, error) {
		return core.Feedback{Facts: []core.Fact{{Kind: core.BuyerAway}}}, nil
	}
	for range 3 {
		_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "GET", url.Values{})
		require.NoError(t, err)
	}
	require.Equal(t, 1, asked)
}

// Whoever comes by the leg that leads back has not finished, whatever else his browser brings.
func TestTheLegBackIsNoReturn(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	d.provider.OnReturn = func(r core.Return) (core.Feedback, error) {
		return core.Feedback{Reference: r.Known.Reference}, nil
	}
	l, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegBack), "GET", url.Values{})
	require.NoError(t, err)
	require.Equal(t, "https://shop.example/cart?payment="+v.ID, l.To)
	require.Equal(t, core.StatusRequiresAction, l.Payment.Status)
}

// silentProvider starts payments and reads returns, and answers no question.
type silentProvider struct {
	core.Provider
	core.ReturnParser
}

// Where nobody can be asked, nobody owes a word: a decline that was told is the last one, or the payment would wait for ever.
func TestAReturnToAProviderThatCannotBeAsked(t *testing.T) {
	d := newDesk(t)
	d.provider.Caps.Resume = nil
	d.provider.Caps.Methods = []core.MethodCaps{{Method: core.Method{Type: "card", Flow: "hosted"}, Captures: []core.CaptureMode{core.CaptureAutomatic},
		RetriesOnPage: true, NextActions: []string{core.NextRedirect}}}
	d.openWith(silentProvider{d.provider, d.provider}, nil)
	v := d.create("order-1", core.CaptureAutomatic)
	d.hear(core.Fact{Kind: core.AuthorizationDeclined, ID: "A-" + d.op(v.ID, core.OpStart).Reference, Strength: core.Asserted})
	require.Equal(t, core.StatusRequiresAction, d.payment(v.ID).Status, "he may try again on the page")
	_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "GET", url.Values{})
	require.NoError(t, err)
	require.Equal(t, core.StatusRequiresPaymentMethod, d.payment(v.ID).Status)
}
