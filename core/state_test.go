package core

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// rows are the conditions of the status table as the design writes them, one by one; the first that holds is the status.
var rows = []struct {
	status Status
	holds  func(Standing) bool
}{
	{StatusSucceeded, func(s Standing) bool { return s.Captured && !s.Capturable && !s.CaptureOpen }},
	{StatusPartiallyCaptured, func(s Standing) bool { return s.Captured }},
	{StatusRequiresCapture, func(s Standing) bool { return s.Capturable }},
	{StatusRequiresAction, func(s Standing) bool { return !s.Canceled && !s.MoneyOpOpen && s.ActionDue }},
	{StatusRequiresConfirmation, func(s Standing) bool { return !s.Canceled && !s.MoneyOpOpen && s.ReviewDue }},
	{StatusProcessing, func(s Standing) bool { return s.MoneyOpOpen || s.CaptureOpen || s.Undecided && !s.Canceled }},
	{StatusCanceled, func(s Standing) bool { return s.Canceled || s.NothingLeft }},
	{StatusRequiresPaymentMethod, func(s Standing) bool { return s.TryAllowed }},
	{StatusFailed, func(s Standing) bool { return s.EndedByOthers }},
	{StatusCanceled, func(Standing) bool { return true }},
}

// every calls f with each of the 2^11 standings.
func every(f func(Standing)) {
	for bits := range 1 << 11 {
		b := func(i int) bool { return bits>>i&1 == 1 }
		f(Standing{b(0), b(1), b(2), b(3), b(4), b(5), b(6), b(7), b(8), b(9), b(10)})
	}
}

func TestStatusIsTheFirstRowThatHolds(t *testing.T) {
	seen := map[Status]bool{}
	every(func(s Standing) {
		for _, r := range rows {
			if r.holds(s) {
				require.Equal(t, r.status, s.Status(), "%+v", s)
				break
			}
		}
		seen[s.Status()] = true
	})
	require.Len(t, seen, len(Statuses), "every status has a standing")
}

func TestStatusNeverClaimsWhatIsNotProved(t *testing.T) {
	every(func(s Standing) {
		switch s.Status() {
		case StatusSucceeded:
			require.True(t, s.Captured)
		case StatusFailed:
			require.True(t, s.EndedByOthers && !s.Captured && !s.Capturable && !s.MoneyOpOpen && !s.Undecided, "failed needs proof")
		case StatusRequiresAction:
			require.False(t, s.MoneyOpOpen, "a buyer is not sent to pay while money is in doubt")
		}
	})
}

func TestMoves(t *testing.T) {
	for from, to := range Moves {
		require.Contains(t, Statuses, from)
		for _, s := range to {
			require.NotEqual(t, from, s, "staying is no move")
		}
	}
	for _, from := range Statuses {
		for _, to := range Statuses {
			t.Run(fmt.Sprintf("%s to %s", from, to), func(t *testing.T) {
				money := to == StatusRequiresCapture || to == StatusPartiallyCaptured || to == StatusSucceeded
				switch {
				case from == to:
					require.True(t, CanMove(from, to))
				case from == StatusSucceeded || from == StatusPartiallyCaptured:
					require.Equal(t, to == StatusPartiallyCaptured || to == StatusSucceeded, CanMove(from, to), "captured money stays captured")
				case from == StatusCanceled || from == StatusFailed:
					word := from == StatusCanceled && to == StatusFailed // time had ended it, and the provider's word comes late
					require.Equal(t, money || word || to == StatusProcessing, CanMove(from, to), "only money lifts an end")
				case money:
					require.True(t, from == StatusRequiresCapture && to == StatusRequiresCapture || CanMove(from, to), "evidence of money is never refused")
				}
			})
		}
	}
}
