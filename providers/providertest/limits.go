package providertest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

var limits = []subject{
	{"limits/any text can be bought with", testAnyText},
	{"limits/three decimals", testThreeDecimals},
	{"limits/nothing, less and too much", testAmounts},
}

// testAnyText pays with texts that no provider takes as they are: they are changed, never a reason to fail.
func testAnyText(t *testing.T, s *shop) {
	for _, text := range []string{"قهوة وشاي", "Mug 'blue' <b>\"&\"</b>", strings.Repeat("long ", 100), "a=b&amount=1;x", "\u202emirror \u2028 line", "%00 \x00 \r\n end"} {
		in := s.Input()
		in.Description, in.Buyer.LastName = text, text
		s.begin(in)
		s.pay(core.CaptureAutomatic, Pays)
		s.wantMoney(in.Amount.Minor, in.Amount.Minor, 0)
		require.Equal(t, core.StatusSucceeded, s.payment.Status)
	}
}

func testThreeDecimals(t *testing.T, s *shop) {
	if c := s.caps().Currencies; len(c) > 0 && !slices.Contains(c, "KWD") {
		t.Skip("no currency of three decimals is claimed")
	}
	in := s.Input()
	in.Amount = core.Money{Minor: 10250, Currency: "KWD"} // 10.250
	s.begin(in)
	s.authorized()
	_, err := s.capture(t.Context(), 4250)
	require.NoError(t, err)
	s.hear()
	s.wantMoney(10250, 4250, 0)
	require.Equal(t, "KWD", s.books().Currency)
}

func testAmounts(t *testing.T, s *shop) {
	for _, kind := range []core.OpKind{core.OpCapture, core.OpRefund} {
		s.begin(s.Input())
		s.prepare(kind)
		call := s.capture
		if kind == core.OpRefund {
			call = s.refund
		}
		for _, minor := range []int64{0, -1, 1 << 62} {
			before, sent := s.books(), len(s.Sent())
			out, err := call(t.Context(), minor)
			require.True(t, err != nil && core.KindOf(err) == core.Invalid || out.Result == core.Declined, "%s of %d: %v %v", kind, minor, out.Result, err)
			require.Len(t, s.Sent(), sent, "%s of %d", kind, minor)
			require.Equal(t, before, s.books())
		}
	}
}
