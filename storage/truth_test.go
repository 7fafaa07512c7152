package storage_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever a provider says, in whatever order and beside whatever operations, is stored: no constraint may refuse the
// truth, or feedback would be stuck for ever.
func TestWhateverAProviderSaysIsStored(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s, run := open(), 0
		rapid.Check(t, func(rt *rapid.T) {
			run++
			p := paid(fmt.Sprint(run), rapid.Int64Range(1, 300).Draw(rt, "amount"))
			p.Attempts = append(p.Attempts, &core.Attempt{ID: newID("att_"), PaymentID: p.ID, Number: 2, Account: "acc", Amount: p.Amount, CreatedAt: p.CreatedAt})
			require.NoError(rt, write(s, insertion(p)))
			for step := range rapid.IntRange(1, 6).Draw(rt, "steps") {
				c := &core.Change{Payment: p}
				if rapid.Bool().Draw(rt, "operation") {
					c.NewOperations = append(c.NewOperations, anyOperation(rt, p, step))
					p.Operations = append(p.Operations, c.NewOperations...)
				}
				known := len(p.Facts)
				p.Waived = p.Waived || rapid.IntRange(0, 9).Draw(rt, "waived") == 0
				at := rapid.SampledFrom(p.Attempts).Draw(rt, "attempt")
				ev := core.Evidence{ID: newID("evd_"), PaymentID: p.ID, AttemptID: at.ID, Kind: core.EvidenceFeedback, CreatedAt: moment()}
				p.Apply(at.ID, ev.ID, rapid.SliceOfN(rapid.Custom(anyFact), 1, 5).Draw(rt, "facts"), ev.CreatedAt)
				p.Version++
				c.Facts, c.Evidence, c.Operations = p.Facts[known:], []core.Evidence{ev}, p.Operations[:len(p.Operations)-len(c.NewOperations)]
				require.NoError(rt, write(s, c), "%+v", p.Amounts)
			}
			got, err := s.Payment(t.Context(), "m", p.ID)
			require.NoError(rt, err)
			require.Equal(rt, p.Facts, got.Facts)
			stored := got.Amounts
			got.Apply("", "", nil, moment()) // settles, with what is derived and not stored
			require.Equal(rt, p.Amounts, got.Amounts, "the counters are a function of what is stored")
			require.Equal(rt, p.Status, got.Status)
			require.Equal(rt, jsonOf(rt, stored), jsonOf(rt, p.Amounts))
		})
	})
}

func jsonOf(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

var someAmounts = rapid.OneOf(rapid.Int64Range(0, 300), rapid.SampledFrom([]int64{0, 1, math.MaxInt64 - 1, math.MaxInt64}))

func anyFact(t *rapid.T) core.Fact {
	ids := rapid.SampledFrom([]string{"", "a", "b"})
	f := core.Fact{
		Kind: core.FactKind(rapid.IntRange(1, int(core.MandateRefused)).Draw(t, "kind")), Measure: core.Measure(rapid.IntRange(0, 2).Draw(t, "measure")),
		Amount: core.Money{Minor: someAmounts.Draw(t, "minor"), Currency: rapid.SampledFrom([]string{"EUR", "EUR", "EUR", "EUR", "USD"}).Draw(t, "currency")},
		ID:     ids.Draw(t, "id"), Of: ids.Draw(t, "of"), Sequence: rapid.Int64Range(0, 3).Draw(t, "sequence"), Strength: core.Asserted,
		OpKey: rapid.SampledFrom([]string{"", "", "key0", "key1"}).Draw(t, "key"), Code: "\xe4\x00",
	}
	if rapid.IntRange(0, 9).Draw(t, "hint") == 0 {
		f.Strength = core.Hint
	}
	f.Code = storage.Clean(f.Code)
	return f
}

// anyOperation is one that is open but not unresolved, so that any number may stand beside each other.
func anyOperation(t *rapid.T, p *core.Payment, n int) *core.Operation {
	o := capture(p, fmt.Sprint("key", n), someAmounts.Draw(t, "operation's amount"))
	o.Kind = rapid.SampledFrom([]core.OpKind{core.OpCapture, core.OpVoid, core.OpRefund, core.OpAuthorize, core.OpStart}).Draw(t, "operation's kind")
	o.State = rapid.SampledFrom([]core.OpState{core.OpPending, core.OpDeclined, core.OpNotSent}).Draw(t, "state")
	o.Baseline.Captured, o.Baseline.Refunded = someAmounts.Draw(t, "captured before"), someAmounts.Draw(t, "refunded before")
	return o
}
