package providertest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

var flows = []subject{
	{"flows/sale", testSale},
	{"flows/sale after a challenge", testChallenge},
	{"flows/capture in parts", testCaptures},
	{"flows/refund in parts", testRefunds},
	{"flows/void", testVoid},
	{"flows/declined, then paid in a new attempt", testDeclinedThenPaid},
	{"flows/declined, then paid on the page", testDeclinedThenPaidThere},
	{"flows/buyer gives up", testGivesUp},
	{"flows/decided later", testLater},
	{"flows/too much is refused", testTooMuch},
}

func testSale(t *testing.T, s *shop) {
	s.pay(core.CaptureAutomatic, Pays)
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
	require.Equal(t, core.StatusSucceeded, s.payment.Status)
	require.Len(t, s.payment.Attempts, 1)
	require.False(t, s.payment.Mismatch)
}

func testChallenge(t *testing.T, s *shop) {
	s.needs(PaysWithSecure)
	s.pay(core.CaptureAutomatic, PaysWithSecure)
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
	require.Equal(t, core.StatusSucceeded, s.payment.Status)
}

func testCaptures(t *testing.T, s *shop) {
	s.authorized()
	whole, done := s.input.Amount.Minor, int64(0)
	for _, part := range []int64{whole / 3, whole / 3, whole - 2*(whole/3)} { // two equal ones must not melt into one
		out, err := s.capture(t.Context(), part)
		require.NoError(t, err)
		require.Contains(t, []core.Result{core.Succeeded, core.Pending}, out.Result)
		if done += part; out.Result == core.Succeeded {
			require.Equal(t, done, s.payment.Amounts.Captured, "the answer alone proves it")
		}
	}
	s.hear()
	s.wantTaken(whole, 0)
	require.Equal(t, core.StatusSucceeded, s.payment.Status)
}

// authorized pays by manual capture.
func (s *shop) authorized() {
	s.t.Helper()
	s.pay(core.CaptureManual, Pays)
	s.wantMoney(s.input.Amount.Minor, 0, 0)
	require.Equal(s.t, core.StatusRequiresCapture, s.payment.Status)
}

// paid pays at once.
func (s *shop) paid() {
	s.t.Helper()
	s.pay(core.CaptureAutomatic, Pays)
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
}

func testRefunds(t *testing.T, s *shop) {
	s.paid()
	whole := s.input.Amount.Minor
	parts := []int64{whole}
	if s.caps().PartialRefund {
		parts = []int64{whole / 5, whole / 5, whole - 2*(whole/5)}
	}
	done := int64(0)
	for _, part := range parts {
		out, err := s.refund(t.Context(), part)
		require.NoError(t, err)
		require.Contains(t, []core.Result{core.Succeeded, core.Pending}, out.Result)
		if done += part; out.Result == core.Succeeded {
			require.Equal(t, done, s.payment.Amounts.Refunded, "the answer alone proves it")
		}
	}
	s.hear()
	s.wantMoney(whole, whole, whole)
	require.Equal(t, core.StatusSucceeded, s.payment.Status)
}

func testVoid(t *testing.T, s *shop) {
	s.authorized()
	out, err := s.void(t.Context())
	require.NoError(t, err)
	require.Contains(t, []core.Result{core.Succeeded, core.Pending}, out.Result)
	if out.Result == core.Succeeded {
		require.Equal(t, s.input.Amount.Minor, s.payment.Amounts.Released, "the answer alone proves it")
	}
	s.hear()
	require.Equal(t, s.input.Amount.Minor, s.books().Voided)
	require.Equal(t, s.input.Amount.Minor, s.payment.Amounts.Released)
	require.Equal(t, core.StatusCanceled, s.payment.Status)
	out, err = s.capture(t.Context(), 1)
	require.True(t, err != nil || out.Result != core.Succeeded, "nothing is left to capture")
	require.Zero(t, s.books().Captured)
}

func testDeclinedThenPaid(t *testing.T, s *shop) {
	s.pay(core.CaptureAutomatic, Declined)
	s.wantMoney(0, 0, 0)
	require.NotContains(t, []core.Status{core.StatusSucceeded, core.StatusRequiresCapture, core.StatusPartiallyCaptured}, s.payment.Status)
	s.retry()
	s.pay(core.CaptureAutomatic, Pays)
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
	require.Equal(t, core.StatusSucceeded, s.payment.Status)
}

func testDeclinedThenPaidThere(t *testing.T, s *shop) {
	if !s.caps().RetriesOnPage {
		t.Skip("a decline ends the attempt here, as the capabilities say")
	}
	s.pay(core.CaptureAutomatic, DeclinedOnce)
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
	require.Equal(t, core.StatusSucceeded, s.payment.Status, "a decline before does not undo it")
}

func testGivesUp(t *testing.T, s *shop) {
	s.pay(core.CaptureAutomatic, GivesUp)
	s.wantMoney(0, 0, 0)
	require.NotEqual(t, core.StatusFailed, s.payment.Status, "nobody said that it failed")
	require.NotEqual(t, core.StatusSucceeded, s.payment.Status)
}

// testLater lets the provider decide after the buyer is back: until then the payment is neither paid nor failed.
func testLater(t *testing.T, s *shop) {
	for will, minor := range map[Will]int64{PaysLater: s.input.Amount.Minor, DeclinedLater: 0} {
		s.needs(will)
		s.begin(s.Input())
		s.pay(core.CaptureAutomatic, will)
		s.wantMoney(0, 0, 0)
		require.Equal(t, core.StatusProcessing, s.payment.Status)
		s.control(http.MethodPost, "clock", map[string]string{"advance": "25h"}, nil)
		require.NotEmpty(t, s.hear())
		s.wantMoney(minor, minor, 0)
		if minor > 0 {
			require.Equal(t, core.StatusSucceeded, s.payment.Status)
		} else {
			require.Equal(t, core.StatusRequiresPaymentMethod, s.payment.Status)
		}
	}
}

func testTooMuch(t *testing.T, s *shop) {
	s.authorized()
	out, err := s.capture(t.Context(), s.input.Amount.Minor+1)
	require.NoError(t, err)
	require.Equal(t, core.Declined, out.Result)
	require.NotEmpty(t, out.Failure.Category)
	require.NotEmpty(t, out.Failure.RetryAdvice)
	require.NotEmpty(t, out.Failure.ProviderCode)
	s.wantMoney(s.input.Amount.Minor, 0, 0)

	s.begin(s.Input())
	s.paid()
	out, err = s.refund(t.Context(), 2*s.input.Amount.Minor+1) // some give back a little more than they took
	require.NoError(t, err)
	require.Equal(t, core.Declined, out.Result)
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
}
