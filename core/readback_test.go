package core_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// keeps has the provider make refunds once under their key, and every answer to one of them a failure.
func (d *desk) keeps() {
	d.provider.Caps.Resume[core.OpRefund] = core.ResumeSameKey
	d.provider.OnRefund = func(core.Op, core.RefundInput) (core.Outcome, error) { return core.Outcome{}, errors.New("HTTP 500") }
	d.open(nil)
}

// shows tells of a refund that bears no key of ours.
func (d *desk) shows(o *core.Operation, f core.Fact) {
	f.Amount.Currency, f.Strength = o.Amount.Currency, core.Asserted
	d.receive(core.Feedback{Facts: []core.Fact{f}, Reference: o.Reference, DedupeKey: f.Kind.String() + f.ID})
}

// A refund whose calls all fail under one key, though it was made, is known by what the provider shows: the only one of
// its amount, from its capture, since it was asked for. Everything else is for a person, and no call before the fifth.
func TestAKeptFailureIsReadBack(t *testing.T) {
	type shown struct {
		id    string
		begun time.Duration
		of    string
		minor int64
	}
	mine := shown{"R-1", 0, "", 3000}
	for name, c := range map[string]struct {
		shows []shown
		state core.OpState
	}{
		"shown":                  {[]shown{mine}, core.OpPending},
		"nothing is shown":       {nil, core.OpUnknown},
		"two are shown":          {[]shown{mine, {"R-2", 0, "", 3000}}, core.OpUnknown},
		"another amount":         {[]shown{{"R-1", 0, "", 2000}}, core.OpUnknown},
		"begun before":           {[]shown{{"R-1", -time.Hour, "", 3000}}, core.OpUnknown},
		"from another capture":   {[]shown{{"R-1", 0, "other", 3000}}, core.OpUnknown},
		"one of another as well": {[]shown{mine, {"R-2", 0, "", 2000}}, core.OpPending},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.keeps()
			v := d.taken100("order-1")
			take := d.op(v.ID, core.OpCapture)
			_, err := d.Refund(t.Context(), request("back"), v.ID, core.NewBooking{Amount: amount(3000).Amount, Capture: take.Object})
			require.NoError(t, err)
			o := d.op(v.ID, core.OpRefund)
			for _, s := range c.shows {
				of := o.Of
				if s.of != "" {
					of = s.of
				}
				d.shows(o, core.Fact{Kind: core.RefundPending, ID: s.id, Of: of, Amount: core.Money{Minor: s.minor}, OccurredAt: o.CreatedAt.Add(s.begun)})
			}
			for try := 2; try <= 5; try++ {
				d.sync(v.ID)
				require.Equal(t, []any{core.OpUnknown, false}, []any{d.op(v.ID, core.OpRefund).State, d.op(v.ID, core.OpRefund).Review}, "try %d", try)
			}
			d.sync(v.ID)
			o = d.op(v.ID, core.OpRefund)
			require.Equal(t, []any{c.state, c.state == core.OpUnknown}, []any{o.State, o.Review})
			require.Equal(t, o.Review, d.payment(v.ID).NeedsReview)
			calls := len(d.provider.Calls(core.OpRefund))
			d.sync(v.ID)
			require.Equal(t, o.Review, len(d.provider.Calls(core.OpRefund)) == calls+1, "what is in doubt is made again")
			if c.state != core.OpPending {
				return
			}
			d.shows(o, core.Fact{Kind: core.Refunded, ID: "R-1", Of: o.Of, Amount: o.Amount})
			require.Equal(t, core.OpSucceeded, d.op(v.ID, core.OpRefund).State)
			require.Equal(t, int64(3000), d.payment(v.ID).Amounts.Refunded)
		})
	}
}

// What was an outage ends by itself: the call is still made, and its answer takes the payment from those to be seen to.
func TestAnOutageThatLooksLikeAKeptFailure(t *testing.T) {
	d := newDesk(t)
	d.keeps()
	v := d.taken100("order-1")
	_, err := d.Refund(t.Context(), request("back"), v.ID, amount(3000))
	require.NoError(t, err)
	for range 6 {
		d.sync(v.ID)
	}
	require.True(t, d.payment(v.ID).NeedsReview)
	d.provider.OnRefund = nil
	d.sync(v.ID)
	p := d.payment(v.ID)
	require.Equal(t, []any{false, int64(3000), int64(0)}, []any{p.NeedsReview, p.Amounts.Refunded, p.Amounts.InDoubt})
	keys := map[string]bool{}
	for _, op := range d.provider.Calls(core.OpRefund) {
		keys[op.Key] = true
	}
	require.Len(t, keys, 1)
}

// A message that names an object nobody here knows finds the payment whose reference the object bears at the provider, if
// it is under a consent that is known here; what bears another one's costs few questions, and any other none.
func TestAnUnknownObjectIsFoundByItsReference(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	op := d.op(v.ID, core.OpStart).Op
	asked := 0
	d.provider.OnFind = func(o core.Object) (string, error) {
		asked++
		return map[string]string{"C-1": op.Reference, "C-2": "somebody else's"}[o.ID], nil
	}
	d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
		if in.Focus.ID != "C-1" {
			return core.Snapshot{Found: true}, nil
		}
		return core.Snapshot{Found: true, Facts: []core.Fact{{Kind: core.Authorized, ID: "C-1", OpKey: op.Key, Amount: op.Amount, Strength: core.Asserted}}}, nil
	}
	consent := d.op(d.create("order-2", core.CaptureManual).ID, core.OpStart)
	d.receive(core.Feedback{Refs: core.Refs{"consent": "B-1"}, Reference: consent.Reference, DedupeKey: "consent"})
	name := func(id, under string) {
		d.receive(core.Feedback{Read: []core.Object{{Kind: core.ObjAuthorization, ID: id}}, Under: core.Refs{"consent": under}, DedupeKey: id})
	}
	name("C-3", "B-2")
	require.Zero(t, asked, "what is under another consent is nobody's business")
	name("C-1", "B-1")
	_, err := d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	require.Equal(t, core.StatusRequiresCapture, d.payment(v.ID).Status)
	asked = 0
	name("C-2", "B-1")
	for _, item := range d.items(core.InboxQuery{}) {
		if item.DedupeKey == "C-2" {
			require.Equal(t, core.InboxUnmatched, item.State)
		}
		if item.DedupeKey == "C-1" {
			require.Equal(t, core.InboxApplied, item.State)
		}
	}
	require.LessOrEqual(t, asked, 3)
	require.Positive(t, asked)
}
