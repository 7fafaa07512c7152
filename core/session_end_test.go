package core_test

import (
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
		paid := coretest.Authorized(op, true)
		paid.Strength = core.Hint
		d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "x", Facts: []core.Fact{paid}, Read: []core.Object{{Kind: core.ObjAuthorization}}})
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
		paid := coretest.Authorized(op, true)
		paid.Strength = core.Hint
		d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "x", Facts: []core.Fact{paid}, Read: []core.Object{{Kind: core.ObjAuthorization}}})
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
