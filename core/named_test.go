package core_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// What messages name is asked about, each, though the attempt keeps one id of a kind and asking about everything tells
// nothing of it; until the provider has answered, and not twice.
func TestEachObjectThatIsNamedIsAskedAbout(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	op := d.op(v.ID, core.OpStart).Op
	d.hear(coretest.Authorized(op, true))
	refund := func(id string, minor int64) core.Fact {
		return core.Fact{Kind: core.Refunded, ID: id, Of: "A-" + op.Reference, Amount: core.Money{Minor: minor, Currency: "EUR"}, Strength: core.Asserted}
	}
	amounts, asked, silent := map[string]int64{"R-1": 1000, "R-2": 500}, []string{}, true
	d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
		if in.Focus.ID == "" {
			return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, true), refund("R-0", 100)}}, nil // R-0 is known
		}
		if asked = append(asked, in.Focus.ID); silent {
			return core.Snapshot{}, errors.New("not now")
		}
		if amounts[in.Focus.ID] == 0 {
			return core.Snapshot{}, nil // somebody else's
		}
		return core.Snapshot{Found: true, Refs: core.Refs{"refund": in.Focus.ID}, Facts: []core.Fact{refund(in.Focus.ID, amounts[in.Focus.ID])}}, nil
	}
	d.hear(refund("R-0", 50))
	for _, id := range []string{"R-0", "R-1", "R-2", "R-1", "R-X"} {
		told++
		d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "names" + id, Read: []core.Object{{Kind: core.ObjRefund, ID: id}}})
	}
	_, err := d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	p := d.payment(v.ID)
	require.Equal(t, int64(100), p.Amounts.Refunded, "what could be told is booked")
	require.Len(t, p.Attempts[0].Named, 3)
	require.False(t, p.CheckAt.IsZero(), "the rest is asked about again")

	silent, asked = false, nil
	_, err = d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"R-1", "R-2", "R-X"}, asked)
	require.Equal(t, int64(1600), d.payment(v.ID).Amounts.Refunded)
	require.Empty(t, d.payment(v.ID).Attempts[0].Named)
	_, err = d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	require.Len(t, asked, 3)
	for i := range 100 {
		told++
		d.receive(core.Feedback{Reference: op.Reference, DedupeKey: string(rune('a'+i%26)) + string(rune('a'+i/26)), Read: []core.Object{{Kind: core.ObjRefund, ID: "F" + string(rune(300+i))}}})
	}
	require.LessOrEqual(t, len(d.payment(v.ID).Attempts[0].Named), 32)
}
