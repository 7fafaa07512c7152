package providertest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

var claims = []subject{
	{"claims/fit the methods", testClaimsFit},
	{"claims/every method starts", testEveryMethodStarts},
	{"claims/what is not claimed is refused unsent", testNotClaimed},
}

func testClaimsFit(t *testing.T, s *shop) {
	_, err := core.OpenAccount(core.AccountConfig{Name: "suite", Provider: "suite"}, make([]byte, 32), s.p)
	require.NoError(t, err)
	caps := s.p.Capabilities()
	require.Equal(t, caps, s.p.Capabilities(), "they do not change")
	require.Contains(t, s.caps().Captures, core.CaptureManual, "the world's payment is claimed")
	for _, m := range caps.Methods {
		require.NotZero(t, m.SessionLife)
		require.NotEmpty(t, m.NextActions)
		for _, currency := range m.Currencies {
			_, ok := core.Exponent(currency)
			require.True(t, ok, currency)
		}
	}
}

// starts are the payments that m claims to start: every scheme, currency and capture mode.
func (s *shop) starts(m core.MethodCaps) (list []core.StartInput) {
	schemes, currencies := append([]string{}, m.Options...), m.Currencies
	if len(schemes) == 0 {
		schemes = []string{""}
	}
	if len(currencies) == 0 {
		currencies = []string{s.input.Amount.Currency}
	}
	for _, scheme := range schemes {
		for _, currency := range currencies {
			for _, mode := range m.Captures {
				in := s.Input()
				in.Method = m.Method
				in.Method.Option, in.Capture = scheme, mode
				in.Amount.Currency, in.Authorize.Currency = currency, currency
				list = append(list, in)
			}
		}
	}
	return list
}

func testEveryMethodStarts(t *testing.T, s *shop) {
	for _, m := range s.p.Capabilities().Methods {
		for _, in := range s.starts(m) {
			s.begin(in)
			out := s.start()
			require.NotNil(t, out.Next)
			require.Contains(t, m.NextActions, out.Next.Type)
			require.False(t, out.Next.ExpiresAt.IsZero())
		}
	}
}

func testNotClaimed(t *testing.T, s *shop) {
	refuse := func(why string, in core.StartInput) {
		s.begin(in)
		before := len(s.Sent())
		o := s.op(core.OpStart, in.Amount.Minor)
		out, err := s.p.Start(t.Context(), o.Op, in)
		require.True(t, core.KindOf(err) == core.Invalid && err != nil || err == nil && out.Result == core.Declined, "%s: %v %v", why, out.Result, err)
		require.Len(t, s.Sent(), before, why)
	}
	in := s.Input()
	in.Method = core.Method{Type: "pigeon"}
	refuse("a method nobody has", in)
	in = s.Input()
	in.Method.Option = "pigeon"
	refuse("a scheme nobody has", in)
	for _, m := range s.p.Capabilities().Methods {
		if len(m.Captures) == 0 {
			continue // it sets up mandates only
		}
		in := s.starts(m)[0]
		if m.Max > 0 {
			in.Amount.Minor = m.Max + 1
			refuse("more than the most", in)
		}
		for _, mode := range []core.CaptureMode{core.CaptureAutomatic, core.CaptureManual} {
			if in := s.starts(m)[0]; !slices.Contains(m.Captures, mode) {
				in.Capture = mode
				refuse("a capture mode that is not claimed", in)
			}
		}
		if in := s.starts(m)[0]; len(m.Currencies) > 0 && !slices.Contains(m.Currencies, "ISK") {
			in.Amount.Currency, in.Authorize.Currency = "ISK", "ISK"
			refuse("a currency that is not claimed", in)
		}
		if in := s.starts(m)[0]; len(m.Save) == 0 {
			in.Save.Kind = core.SaveUnscheduled
			refuse("storing that is not claimed", in)
		}
	}
}
