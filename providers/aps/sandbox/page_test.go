package sandbox

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestPurchaseWithChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.pay(w.order("PMX-1", nil))
		require.Contains(t, p.html, "AED</span> 125.50")
		p = p.card("4557012345678902").press("challenge_pass")
		back := p.returned()
		require.Equal(t, "14000", back["response_code"])
		require.Equal(t, "14", back["status"])
		require.Equal(t, "455701******8902", back["card_number"])
		require.Equal(t, "12550", back["amount"])
		require.Len(t, back["fort_id"], 18)
		require.NotContains(t, back, "return_url")
		synctest.Wait()

		told := w.told()
		require.Len(t, told, 1)
		require.Equal(t, "/direct", told[0].path)
		require.Equal(t, back["fort_id"], told[0].fields["fort_id"])
		require.Equal(t, "14000", told[0].fields["response_code"])

		status := w.call(map[string]string{"query_command": "CHECK_STATUS", "merchant_reference": "PMX-1"})
		require.Equal(t, "12000", status["response_code"])
		require.Equal(t, "14000", status["transaction_code"])
		require.Equal(t, "12550", status["captured_amount"])

		book := w.book("PMX-1")
		require.Equal(t, int64(12550), book.Authorized)
		require.Equal(t, int64(12550), book.Captured)
		require.Len(t, book.Effects, 2)
	})
}
