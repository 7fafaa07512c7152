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
