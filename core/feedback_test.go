package core_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// A message that contradicts the order may be the only one there is, about a payment that nobody asks about any more:
// it moves nothing, and has the provider asked.
func TestAContradictionIsAskedAbout(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	op := d.op(v.ID, core.OpStart).Op
	_, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
	require.NoError(t, err)
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, false)}}, nil
	}
	lie := coretest.Authorized(op, false)
	lie.Amount.Minor += 100
	d.receive(core.Feedback{Facts: []core.Fact{lie}, Reference: op.Reference, DedupeKey: "x", Echo: core.Echo{Amount: &lie.Amount}})
	p := d.payment(v.ID)
	require.Equal(t, op.Amount.Minor, p.Amounts.Authorized, "what the provider says when it is asked")
	require.Equal(t, core.StatusRequiresCapture, p.Status)
	require.True(t, p.NeedsReview, "and a person is told of the contradiction")
}
