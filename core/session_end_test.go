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

// page gives buyers a page of the provider.
func (d *desk) page(next core.NextAction) {
	next.Type, next.Then, next.URL = core.NextRedirect, core.ThenQuery, "https://provider.example/pay"
	d.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Succeeded, Next: &next}, nil
	}
}

// pageFor gives out a page that can be opened again until its session ends.
func (d *desk) pageFor(life time.Duration) {
	d.page(core.NextAction{Resumable: true, ExpiresAt: time.Now().Add(life)})
}

// pageOnce gives out a page that is over once it was left.
func (d *desk) pageOnce() { d.page(core.NextAction{}) }

// A buyer pays in the last minute of his session and is back with the provider's word for it, which is shown there only
// after its gap. That the session ends meanwhile asks for no other try, which would have him pay twice.
func TestASessionEndsWhileMoneyIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.pageFor(time.Hour)
		v := d.create("order-1", core.CaptureAutomatic)
		op := d.op(v.ID, core.OpStart).Op
		time.Sleep(time.Hour - 10*time.Second)
		began := time.Now()
		d.provider.OnReturn = func(core.Return) (core.Feedback, error) {
			return core.Feedback{Facts: []core.Fact{coretest.Authorized(op, true)}}, nil
		}
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			if time.Since(began) > 100*time.Second { // within ResumeGap
				return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, true)}}, nil
			}
			return core.Snapshot{Found: true}, nil
		}
		_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
		require.NoError(t, err)
		require.Equal(t, core.StatusProcessing, d.payment(v.ID).Status)
		time.Sleep(30 * time.Second)
		p, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.True(t, time.Now().Before(p.Attempts[0].OwedAt), "the provider's answer does not count yet")
		_, again := d.Confirm(t.Context(), request("again"), v.ID, nil, "", nil)
		require.Equal(t, "state_invalid", core.CodeOf(again), "status %s: a second charge was begun", p.Status)
		require.Equal(t, core.StatusProcessing, p.Status)
	})
}

// The same with the provider's own signed message, which only hints at the money, after the session has ended.
func TestAMessageOfMoneyAfterTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.pageFor(time.Hour)
		v := d.create("order-1", core.CaptureAutomatic)
		op := d.op(v.ID, core.OpStart).Op
		time.Sleep(time.Hour + time.Second)
		_, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.Equal(t, core.StatusRequiresPaymentMethod, d.payment(v.ID).Status)
		d.receive(d.paidHint(op))
		p := d.payment(v.ID)
		require.False(t, p.Attempts[0].OwedAt.IsZero())
		_, again := d.Confirm(t.Context(), request("again"), v.ID, nil, "", nil)
		require.Equal(t, "state_invalid", core.CodeOf(again), "status %s: a second charge was begun", p.Status)
	})
}

// The same message in the last minute of the session: that it ends and the provider shows nothing yet, asked within its
// gap, neither sends the buyer to a page that is gone nor asks for another try. Asked after the gap, it has said that
// there was nothing.
func TestAMessageOfMoneyBeforeTheSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.pageFor(time.Hour)
		v := d.create("order-1", core.CaptureAutomatic)
		op := d.op(v.ID, core.OpStart).Op
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{Found: true}, nil }
		time.Sleep(time.Hour - time.Minute)
		d.receive(d.paidHint(op))
		time.Sleep(90 * time.Second) // the session is over, the gap is not
		p, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.True(t, p.Attempts[0].Expired && !p.Attempts[0].Returned)
		require.Equal(t, core.StatusProcessing, p.Status)
		time.Sleep(time.Minute)
		p, err = d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.Equal(t, core.StatusRequiresPaymentMethod, p.Status)
	})
}

// A buyer was declined, tried again and is back; the provider, asked, knows of no such order. While its page is open it
// may come to know it, so the decline is not its last word; afterwards it is.
func TestWhatIsNotFoundMayComeWhileThePageIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.pageFor(time.Hour)
		v := d.create("order-1", core.CaptureAutomatic)
		d.hear(core.Fact{Kind: core.AuthorizationDeclined, ID: "A-" + d.op(v.ID, core.OpStart).Reference, Strength: core.Asserted})
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{}, nil }
		_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
		require.NoError(t, err)
		require.Equal(t, core.StatusProcessing, d.payment(v.ID).Status)
		time.Sleep(time.Hour + time.Second)
		p, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.Equal(t, core.StatusRequiresPaymentMethod, p.Status)
	})
}

// A message hints at money after the session has ended, and the provider answers no question for two weeks: what became
// of it is for a person to say.
func TestNobodyTellsOfMoneyThatWasHintedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.pageFor(time.Hour)
		v := d.create("order-1", core.CaptureAutomatic)
		op := d.op(v.ID, core.OpStart)
		time.Sleep(time.Hour + time.Second)
		_, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.True(t, d.payment(v.ID).Attempts[0].Expired)
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{}, errors.New("timeout") }
		stop := d.runs()
		_, err = d.Receive(t.Context(), "acc", coretest.Message(d.paidHint(op.Op)))
		require.NoError(t, err)
		time.Sleep(16 * 24 * time.Hour)
		stop()
		p := d.payment(v.ID)
		require.True(t, p.NeedsReview)
		require.Len(t, p.Doubts(), 1)
		require.Equal(t, op.ID, p.Doubts()[0].Operation)
	})
}

// paidHint is a signed message that says that op was paid, and only hints at it.
func (d *desk) paidHint(op core.Op) core.Feedback {
	paid := coretest.Authorized(op, true)
	paid.Strength = core.Hint
	return core.Feedback{Reference: op.Reference, DedupeKey: "paid", Facts: []core.Fact{paid}, Read: []core.Object{{Kind: core.ObjAuthorization}}}
}

// While the page is open the buyer may go on there: a message that is only a hint, and may be false, stops nobody.
func TestAHintClosesNoPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.pageFor(time.Hour)
		v := d.create("order-1", core.CaptureAutomatic)
		d.receive(d.paidHint(d.op(v.ID, core.OpStart).Op))
		require.Equal(t, core.StatusRequiresAction, d.payment(v.ID).Status)
	})
}

// A provider announces a capture of somebody else and tells nothing more for two weeks. What an operator has let stand
// does not come up again with the next change.
func TestWhatWasLetStandStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		f := coretest.Fact(core.CapturePending, d.op(v.ID, core.OpStart).Op)
		f.ID, f.Of, f.OpKey, f.Amount.Minor = "C-9", "A-"+d.op(v.ID, core.OpStart).Reference, "", 10000
		d.hear(f)
		require.Equal(t, core.StatusProcessing, d.payment(v.ID).Status)
		stop := d.runs()
		time.Sleep(16 * 24 * time.Hour)
		stop()
		require.True(t, d.payment(v.ID).NeedsReview)
		_, code := d.resolve("1", v.ID, core.Settlement{Acknowledge: true})
		require.Empty(t, code)
		_, err := d.Patch(t.Context(), request("patch"), v.ID, core.Changes{Metadata: map[string]string{"seen": "yes"}})
		require.NoError(t, err)
		require.False(t, d.payment(v.ID).NeedsReview)
	})
}

// A buyer was told to try again and paid; then he paid on the page of his first try, which he had kept. The provider shows
// the first, and denies the second for hours: it is asked until it tells, and a person sees that he paid twice.
func TestMoneyThatIsOwedBesideOtherMoney(t *testing.T) {
	for name, shows := range map[string]bool{"and comes": true, "and never comes": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				d.pageFor(time.Hour)
				v := d.create("order-1", core.CaptureManual)
				first := d.op(v.ID, core.OpStart).Op
				time.Sleep(time.Hour + time.Second)
				_, err := d.Sync(t.Context(), "m", v.ID)
				require.NoError(t, err)
				_, err = d.Confirm(t.Context(), request("again"), v.ID, nil, "", nil)
				require.NoError(t, err)
				second := d.payment(v.ID).Operations[1].Op
				began := time.Now()
				d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
					switch {
					case in.Reference == first.Reference:
						return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(first, false)}}, nil
					case shows && time.Since(began) > 5*time.Hour:
						return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(second, false)}}, nil
					}
					return core.Snapshot{}, nil
				}
				stop := d.runs()
				_, err = d.Receive(t.Context(), "acc", coretest.Message(d.paidHint(second)))
				require.NoError(t, err)
				time.Sleep(time.Minute)
				require.Equal(t, core.StatusRequiresCapture, d.payment(v.ID).Status)
				time.Sleep(16 * 24 * time.Hour)
				stop()
				want := map[bool]int64{true: 20000, false: 10000}
				require.Equal(t, want[shows], d.payment(v.ID).Amounts.Authorized)
				require.True(t, d.payment(v.ID).NeedsReview)
				_, err = d.Capture(t.Context(), request("cap"), v.ID, amount(1000))
				require.NoError(t, err)
				require.True(t, d.payment(v.ID).NeedsReview, "that the shop goes on changes nothing about it")
			})
		})
	}
}

// A word that came by a message is no longer owed, whatever the provider says when it is asked: nobody is asked for it again.
func TestAWordThatCameByAMessageIsNotOwed(t *testing.T) {
	for name, kind := range map[string]core.FactKind{"authorized": core.Authorized, "ended": core.AttemptEnded} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.pageFor(time.Hour)
			v := d.create("order-1", core.CaptureManual)
			d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{}, nil }
			_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "GET", url.Values{})
			require.NoError(t, err)
			require.Equal(t, core.StatusProcessing, d.payment(v.ID).Status)
			f := coretest.Authorized(d.op(v.ID, core.OpStart).Op, false)
			f.Kind = kind
			d.hear(f)
			p := d.payment(v.ID)
			require.False(t, p.Attempts[0].OwedAt.IsZero())
			require.True(t, p.CheckAt.IsZero() || time.Until(p.CheckAt) > 30*time.Minute, "%s, asked at %s", p.Status, p.CheckAt)
		})
	}
}

// A session that ended says why, also where nobody but the buyer's browser connects it with the order.
func TestASessionThatEndedSaysWhy(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	why := &core.Failure{Category: core.FailureBuyerCanceled, RetryAdvice: core.RetryAfterBuyerAction, ProviderCode: "BuyerCanceled"}
	d.receive(core.Feedback{Reference: d.op(v.ID, core.OpStart).Reference, DedupeKey: "e", Facts: []core.Fact{{Kind: core.AttemptEnded, Failure: why}}})
	require.Equal(t, why, d.payment(v.ID).View().LastError)
	d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, true))
	require.Nil(t, d.payment(v.ID).View().LastError, "once money came there is none")
}
