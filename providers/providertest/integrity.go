package providertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/simulator"
)

var integrity = []subject{
	{"integrity/an answer about another amount", func(t *testing.T, s *shop) { testOtherAnswer(t, s, simulator.OtherAmount) }},
	{"integrity/an answer about another reference", func(t *testing.T, s *shop) { testOtherAnswer(t, s, simulator.OtherReference) }},
}

// testOtherAnswer wants the echo to tell, or the adapter to refuse, an answer to another question: core then treats
// the outcome as unknown.
func testOtherAnswer(t *testing.T, s *shop, action simulator.Action) {
	for _, kind := range []core.OpKind{core.OpCapture, core.OpRefund} {
		if w, ok := s.World.(Nameless); ok && action == simulator.OtherReference && w.Nameless(kind) {
			continue
		}
		s.begin(s.Input())
		s.prepare(kind)
		o := s.op(kind, s.input.Amount.Minor/4)
		s.fault(kind, action)
		var out core.Outcome
		var err error
		if kind == core.OpCapture {
			out, err = s.p.(core.Capturer).Capture(t.Context(), o.Op, core.CaptureInput{Known: s.known(), Authorization: s.object(core.ObjAuthorization)})
		} else {
			out, err = s.p.(core.Refunder).Refund(t.Context(), o.Op, core.RefundInput{Known: s.known(), Capture: s.object(core.ObjCapture)})
		}
		e := out.Echo
		told := err != nil || e.Reference != "" && e.Reference != o.Reference && e.Reference != o.Key || e.Amount != nil && *e.Amount != o.Amount
		require.True(t, told, "%s: nobody can see that the answer is about something else: %+v", kind, out)
	}
}
