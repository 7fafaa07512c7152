package providertest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/simulator"
)

var mandates = []subject{
	{"mandates/stored with a payment, charged, ended", testMandate},
	{"mandates/shown to its buyer again", testMandateShown},
	{"mandates/a charge whose answer is lost", testMandateLost},
}

// stored pays and stores the instrument; it returns what the mandate is known by.
func (s *shop) stored() core.Known {
	s.t.Helper()
	charger, ok := s.p.(core.MandateCharger)
	if !ok || len(s.caps().OffSession) == 0 || !slices.Contains(s.caps().Save, core.SaveUnscheduled) {
		s.t.Skip("this provider stores nothing with a payment")
	}
	require.NotNil(s.t, charger)
	s.input.Save.Kind = core.SaveUnscheduled
	s.pay(core.CaptureAutomatic, Pays)
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
	active := 0
	for _, e := range s.payment.Facts {
		if e.Kind == core.MandateActive && e.Strength == core.Asserted {
			active++
			require.NotEmpty(s.t, e.ID)
		}
	}
	require.Equal(s.t, 1, active, "the buyer's consent is one")
	return s.known()
}

func (s *shop) charge(mandate core.Known) (core.Outcome, error) {
	in := s.Input()
	s.begin(in)
	o := s.op(core.OpChargeMandate, in.Amount.Minor)
	order := in.Order
	order.Capture = s.caps().OffSession[0]
	out, err := s.p.(core.MandateCharger).ChargeMandate(s.t.Context(), o.Op, core.ChargeMandateInput{Mandate: mandate, SaveKind: core.SaveUnscheduled, Order: order})
	return s.did(o, out, err), err
}

func testMandate(t *testing.T, s *shop) {
	mandate := s.stored()
	for range 2 {
		out, err := s.charge(mandate)
		require.NoError(t, err)
		require.Contains(t, []core.Result{core.Succeeded, core.Pending}, out.Result)
		s.hear()
		s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
	}
	canceler, ok := s.p.(core.MandateCanceler)
	if !ok {
		return
	}
	for range 2 { // it may be said twice
		o := s.op(core.OpCancelMandate, 0)
		out, err := canceler.CancelMandate(t.Context(), o.Op, core.CancelMandateInput{Mandate: mandate})
		require.NoError(t, err)
		require.Equal(t, core.Succeeded, out.Result)
		require.Equal(t, core.MandateClosed, out.Facts[0].Kind)
	}
	out, err := s.charge(mandate)
	require.NoError(t, err)
	require.NotContains(t, []core.Result{core.Succeeded, core.Pending}, out.Result)
	require.Zero(t, s.books().Captured)
}

// testMandateShown lets the buyer pay on the page with what is stored.
func testMandateShown(t *testing.T, s *shop) {
	token := s.stored().Memo[core.MemoToken]
	if token == "" {
		t.Skip("what is stored here cannot be shown on a page")
	}
	in := s.Input()
	in.Token = token
	s.begin(in)
	s.pay(core.CaptureAutomatic, Pays)
	s.wantMoney(in.Amount.Minor, in.Amount.Minor, 0)
	require.Equal(t, core.StatusSucceeded, s.payment.Status)
}

func testMandateLost(t *testing.T, s *shop) {
	mandate := s.stored()
	for _, loss := range losses {
		s.fault(core.OpChargeMandate, loss.action)
		out, err := s.charge(mandate)
		require.True(t, err != nil || out.Result == core.Unknown, loss.action)
		require.NotErrorIs(t, err, core.ErrNotSent)
		require.Equal(t, loss.happened, s.books().Captured > 0, loss.action)
		s.query()
		s.hear()
		b := s.books()
		s.wantMoney(b.Authorized, b.Captured, 0)
	}
	s.fault(core.OpChargeMandate, simulator.OtherAmount)
	out, err := s.charge(mandate)
	require.True(t, err != nil || out.Echo.Amount != nil && *out.Echo.Amount != s.input.Amount, "the echo tells")
}
