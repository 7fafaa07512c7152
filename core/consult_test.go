package core_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// An operator's word that all was released ends all that a provider who says nothing was asked to release: what it holds, and
// what the buyer agreed to. Nothing can be taken of it any more.
func TestAnOperatorsWordEndsAllThatAVoidIsAbout(t *testing.T) {
	d := newDesk(t)
	v := d.agreedTo("order-1", 3000)
	_, err := d.Authorize(t.Context(), request("second"), v.ID, amount(5000))
	require.NoError(t, err)
	d.silent()
	_, err = d.Cancel(t.Context(), request("void"), v.ID, "")
	require.NoError(t, err)
	got, code := d.resolve("1", v.ID, core.Settlement{Operation: d.op(v.ID, core.OpVoid).ID, Happened: true})
	require.Empty(t, code)
	require.Equal(t, []any{core.StatusCanceled, int64(0), int64(8000)}, []any{got.Status, got.Amounts.Capturable, got.Amounts.Released})
	d.hear(core.Fact{Kind: core.AuthorizationClosed, ID: "A-" + d.op(v.ID, core.OpStart).Reference, Strength: core.Asserted})
	p := d.payment(v.ID)
	require.Equal(t, []any{core.StatusCanceled, int64(8000), false}, []any{p.Status, p.Amounts.Released, p.NeedsReview}, "the provider tells of one of them")
}

// The provider is asked, and shows what an operator says was taken or released as it was before.
func TestAnOperatorIsNotBelievedOverWhatIsShown(t *testing.T) {
	for name, c := range map[string]struct {
		asks  func(d *desk, id string) error
		kind  core.OpKind
		shows []core.FactKind
		code  string
	}{
		"capture":               {captures, core.OpCapture, nil, "state_invalid"},
		"capture under way":     {captures, core.OpCapture, []core.FactKind{core.CapturePending}, ""},
		"void":                  {cancels, core.OpVoid, nil, "state_invalid"},
		"void, something taken": {cancels, core.OpVoid, []core.FactKind{core.Captured}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			v := d.authorized("order-1")
			d.provider.Caps.Resume[core.OpCapture] = core.ResumeSameKey
			d.open(nil)
			d.silent()
			require.NoError(t, c.asks(d, v.ID))
			o := d.op(v.ID, c.kind)
			d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
				f := core.Fact{Kind: core.Authorized, ID: "A-" + o.Reference, Amount: core.Money{Minor: 10000, Currency: "EUR"}, Strength: core.Asserted}
				s := core.Snapshot{Found: true, Facts: []core.Fact{f}}
				for _, kind := range c.shows {
					f.Kind, f.Of, f.Amount.Minor = kind, f.ID, 2500
					s.Facts = append(s.Facts, f)
				}
				return s, nil
			}
			_, code := d.resolve("1", v.ID, core.Settlement{Operation: o.ID, Happened: true})
			require.Equal(t, c.code, code)
		})
	}
}

func captures(d *desk, id string) error {
	_, err := d.Capture(d.t.Context(), request("take"), id, core.NewBooking{})
	return err
}

func cancels(d *desk, id string) error {
	_, err := d.Cancel(d.t.Context(), request("void"), id, "")
	return err
}

// An operator names the provider's id of what happened. One that the provider shows as another order's, or not at all, is
// refused; one of this order is read.
func TestAnOperatorNamesWhatIsNotOfTheOrder(t *testing.T) {
	d := newDesk(t)
	v := d.taken100("order-1")
	d.silent()
	d.refund("back", v.ID, 4000)
	o := d.op(v.ID, core.OpRefund)
	var read []string
	d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
		if in.Focus.ID != "" {
			read = append(read, in.Focus.ID)
		}
		return core.Snapshot{Found: true}, nil
	}
	d.provider.OnFind = func(named core.Object) (string, error) {
		require.Equal(t, core.ObjRefund, named.Kind)
		return map[string]string{"R-own": o.Reference, "R-other": "other"}[named.ID], nil
	}
	for _, id := range []string{"R-other", "R-none"} {
		_, code := d.resolve(id, v.ID, core.Settlement{Operation: o.ID, Happened: true, Reference: id})
		require.Equal(t, "reference_invalid", code, id)
	}
	require.Empty(t, read)
	_, code := d.resolve("own", v.ID, core.Settlement{Operation: o.ID, Happened: true, Reference: "R-own"})
	require.Equal(t, []any{"state_invalid", []string{"R-own"}}, []any{code, read}, "its totals do not have it")
}
