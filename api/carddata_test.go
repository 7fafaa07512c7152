package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The card numbers are the documented test numbers of the schemes and of the providers.
func TestHasCardNumber(t *testing.T) {
	for text, want := range map[string]bool{
		"4111111111111111":               true,  // Visa
		"pay 5500000000000004 now":       true,  // Mastercard
		"2223000048400011":               true,  // Mastercard, 2-series
		"378282246310005":                true,  // American Express
		"3782 822463 10005":              true,  // as printed on the card
		"6011111111111117":               true,  // Discover
		"3530111333300000":               true,  // JCB
		"6759649826438453":               true,  // Maestro
		"4000 0000 0000 0002":            true,  // in groups
		"5105-1051-0510-5100":            true,  // in groups
		"x4111111111111111x":             true,  // between letters
		"4111111111111112":               false, // wrong check digit
		"9410010000038248746":            false, // pseudo card number of PAYONE: no scheme's prefix
		"0000000000000000":               false, // passes Luhn, no scheme
		"41111111111111":                 false, // no length of a card
		"411111111111111111111111111111": false, // longer than a card
		"order 2026-01-05, 12 pieces":    false,
		"٤١١١١١١١١١١١١١١١":               false, // not ASCII digits, which no provider reads as a card number
		"":                               false,
	} {
		require.Equal(t, want, hasCardNumber(text), text)
	}
}
