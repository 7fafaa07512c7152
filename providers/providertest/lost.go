package providertest

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/simulator"
)

var lost = []subject{
	{"lost/capture", func(t *testing.T, s *shop) { testLost(t, s, core.OpCapture) }},
	{"lost/refund", func(t *testing.T, s *shop) { testLost(t, s, core.OpRefund) }},
	{"lost/void", func(t *testing.T, s *shop) { testLost(t, s, core.OpVoid) }},
	{"lost/before anything left", testNotSent},
	{"lost/a query that is not answered", testLostQuery},
}

// losses are the ways to lose an answer, and whether the effect happened.
var losses = []struct {
	action   simulator.Action
	happened bool
}{{simulator.DropBefore, false}, {simulator.HTTPBefore, false}, {simulator.DropAfter, true}, {simulator.HTTPAfter, true},
	{simulator.Truncate, true}, {simulator.Garbage, true}}

// prepare brings a payment to where an operation of kind can be made, and returns that operation.
func (s *shop) prepare(kind core.OpKind) func(context.Context) (core.Outcome, error) {
	s.t.Helper()
	part := s.input.Amount.Minor / 4
	switch kind {
	case core.OpCapture:
		s.authorized()
		return func(ctx context.Context) (core.Outcome, error) { return s.capture(ctx, part) }
	case core.OpVoid:
		s.authorized()
		return s.void
	default:
		s.paid()
		return func(ctx context.Context) (core.Outcome, error) { return s.refund(ctx, part) }
	}
}

func testLost(t *testing.T, s *shop, kind core.OpKind) {
	for _, loss := range losses {
		t.Run(string(loss.action), func(t *testing.T) {
			outer := s.t
			s.t = t
			defer func() { s.t = outer }()
			s.begin(s.Input())
			call := s.prepare(kind)
			before := len(s.books().Effects)
			s.fault(kind, loss.action)
			out, err := call(t.Context())
			require.NotErrorIs(t, err, core.ErrNotSent)
			require.NotEqual(t, core.Invalid, core.KindOf(err))
			require.True(t, err != nil || out.Result == core.Unknown, "an answer that is lost is no verdict: %v", out.Result)
			require.Empty(t, out.Facts)
			s.settle()
			require.Equal(t, loss.happened, len(s.books().Effects) > before)
			s.query()
			s.hear()
			b := s.books()
			s.wantMoney(b.Authorized, b.Captured, b.Refunded)
			require.Equal(t, b.Voided, s.payment.Amounts.Released)
		})
	}
}

func testNotSent(t *testing.T, s *shop) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, kind := range []core.OpKind{core.OpCapture, core.OpVoid, core.OpRefund} {
		s.begin(s.Input())
		call := s.prepare(kind)
		before, sent := s.books(), len(s.Sent())
		out, err := call(gone)
		require.ErrorIs(t, err, core.ErrNotSent)
		require.Equal(t, core.Outcome{}, out)
		require.Len(t, s.Sent(), sent)
		require.Equal(t, before, s.books())
	}
}

func testLostQuery(t *testing.T, s *shop) {
	q, ok := s.p.(core.Querier)
	if !ok {
		t.Skip("this provider cannot be asked")
	}
	s.paid()
	for _, loss := range losses {
		s.control(http.MethodPost, "faults", simulator.Fault{Operation: simulator.AnyOperation, Action: loss.action}, nil)
		found, err := q.Query(t.Context(), core.QueryInput{Known: s.known()})
		require.Error(t, err, loss.action)
		require.Equal(t, core.Snapshot{}, found)
	}
	s.query()
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
}
