package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A notification tells what became of a refund before the answer to the call that asked for it tells that it is that
// call's. Whichever comes first, the call is decided, and the money counted once.
func TestACallIsDecidedByItsObjectWhoeverNamesItFirst(t *testing.T) {
	keyed := func(f Fact, key string) Fact { f.OpKey = key; return f }
	for name, c := range map[string]struct {
		kind           OpKind
		outcome, named Fact
		state          OpState
		captured, back int64
	}{
		"refunded":         {OpRefund, asserted(Refunded, "R1", "C1", 3000), keyed(asserted(RefundPending, "R1", "C1", 3000), "K"), OpSucceeded, 5000, 3000},
		"refund declined":  {OpRefund, asserted(RefundDeclined, "R1", "C1", 0), keyed(asserted(RefundPending, "R1", "C1", 3000), "K"), OpDeclined, 5000, 0},
		"captured":         {OpCapture, asserted(Captured, "C2", "A", 3000), keyed(asserted(CapturePending, "C2", "A", 3000), "K"), OpSucceeded, 8000, 0},
		"capture declined": {OpCapture, asserted(CaptureDeclined, "C2", "A", 0), keyed(asserted(CapturePending, "C2", "A", 3000), "K"), OpDeclined, 5000, 0},
	} {
		for order, facts := range map[string][]Fact{"outcome first": {c.outcome, c.named}, "name first": {c.named, c.outcome}} {
			p := world()
			p.Apply("att_1", "evd", []Fact{asserted(Authorized, "A", "", 10000), asserted(Captured, "C1", "A", 5000)}, time.Unix(0, 0))
			o := &Operation{AttemptID: "att_1", State: OpUnknown, Op: Op{ID: "op_1", Kind: c.kind, Key: "K", Amount: Money{3000, "EUR"}, Baseline: Totals{10000, 5000, 0}}}
			p.Operations = append(p.Operations, o)
			for i, f := range facts {
				p.Apply("att_1", "evd", []Fact{f}, time.Unix(int64(i)+1, 0))
			}
			require.Equal(t, c.state, o.State, "%s, %s", name, order)
			require.Equal(t, [4]int64{c.captured, c.back, 0, 0}, [4]int64{p.Amounts.Captured, p.Amounts.Refunded, p.Amounts.RefundReserved, p.Amounts.CaptureReserved}, "%s, %s", name, order)
		}
	}
}
