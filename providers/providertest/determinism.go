package providertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/simulator"
)

var determinism = []subject{
	{"determinism/the same start gives the same action", testSameStart},
	{"determinism/the same call sends the same bytes", testSameCall},
}

func testSameStart(t *testing.T, s *shop) {
	o := s.op(core.OpStart, s.input.Amount.Minor)
	first, err := s.p.Start(t.Context(), o.Op, s.input)
	require.NoError(t, err)
	o.Try++
	again, err := s.p.Start(t.Context(), o.Op, s.input)
	require.NoError(t, err)
	if w, ok := s.World.(Timeless); ok {
		first, again = w.Timeless(first), w.Timeless(again)
	}
	require.Equal(t, first, again)
}

// testSameCall loses the first answer before it had an effect; the second call must be the same, byte for byte.
func testSameCall(t *testing.T, s *shop) {
	for _, kind := range []core.OpKind{core.OpCapture, core.OpRefund, core.OpVoid} {
		s.begin(s.Input())
		s.prepare(kind)
		o, known := s.op(kind, s.input.Amount.Minor/4), s.known()
		call := func() {
			switch kind {
			case core.OpCapture:
				_, _ = s.p.(core.Capturer).Capture(t.Context(), o.Op, core.CaptureInput{Known: known, Authorization: s.object(core.ObjAuthorization)})
			case core.OpRefund:
				_, _ = s.p.(core.Refunder).Refund(t.Context(), o.Op, core.RefundInput{Known: known, Capture: s.object(core.ObjCapture)})
			default:
				_, _ = s.p.(core.Voider).Void(t.Context(), o.Op, core.VoidInput{Known: known, Authorization: s.object(core.ObjAuthorization)})
			}
		}
		before := len(s.Sent())
		s.fault(kind, simulator.DropBefore)
		call()
		o.Try++
		call()
		sent := s.Sent()[before:]
		if kind == core.OpVoid { // it may take a second request, for what the authorization was part of
			require.GreaterOrEqual(t, len(sent), 2)
		} else {
			require.Len(t, sent, 2, "one request per call")
		}
		require.Equal(t, sent[0], sent[1])
	}
}
