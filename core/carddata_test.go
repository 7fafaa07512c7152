package core_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/paymux/paymux/core"
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
		"4111 1111 1111 1111 2026":       true,  // and something behind it
		"4111+1111+1111+1111":            true,  // as a form writes blanks
		"%34111%201111-1111+1111":        true,  // as a form may write anything
		`\u0034111111111111111`:          true,  // as JSON may
		"4111  1111 1111 1111":           false, // not as printed
	} {
		require.Equal(t, want, core.HasCardNumber(text), text)
	}
}

func TestMaskCards(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":"4111111111111111","b":1}`:           `{"a":"411111******1111","b":1}`,
		"a=4111+1111+1111+1111&b=5500000000000004": "a=4111+11**+****+1111&b=550000******0004",
		"a=%34111%3111111111111":                   "a=%34111%311******1111",
		`"\u00341111111\u00311111111"`:             `"\u003411111******1111"`,
		"378282246310005,4111111111111111":         "378282*****0005,411111******1111",
		"card_number=400555******0001":             "card_number=400555******0001",
		"fort_id=169996200031000018":               "fort_id=169996200031000018",
	} {
		got, n := core.MaskCards([]byte(text), nil)
		require.Equal(t, want, string(got))
		require.Equal(t, want != text, n > 0)
		again, n := core.MaskCards(got, nil)
		require.Equal(t, want, string(again))
		require.Zero(t, n)
	}
	kept, n := core.MaskCards([]byte("4111111111111111 378282246310005"), func(digits string) bool { return digits == "4111111111111111" })
	require.Equal(t, "4111111111111111 378282*****0005", string(kept), "what identifies something stays")
	require.Equal(t, 1, n)
}

// Whatever stands around it and however it is written, no card number is left, and nothing else is changed.
func TestMaskCardsFindsEveryWriting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		card := rapid.SampledFrom([]string{"4111111111111111", "5500000000000004", "378282246310005", "6759649826438453"}).Draw(t, "card")
		var written strings.Builder
		for i := range card {
			write := rapid.SampledFrom([]string{"%c", "%%%02X", `\u00%02x`}).Draw(t, "writing")
			fmt.Fprintf(&written, write, card[i])
		}
		around := rapid.StringMatching(`[a-z"=&:{}*_\x{e9}]{0,9}`)
		before, after := around.Draw(t, "before"), around.Draw(t, "after")
		got, n := core.MaskCards([]byte(before+written.String()+after), nil)
		require.Equal(t, 1, n)
		require.Equal(t, len(card)-10, strings.Count(string(got[len(before):len(got)-len(after)]), "*"))
		require.True(t, strings.HasPrefix(string(got), before) && strings.HasSuffix(string(got), after))
	})
}

func BenchmarkMaskCards(b *testing.B) {
	body := []byte(`{"command":"AUTHORIZATION","amount":"12550","card_number":"400555******0001","fort_id":"169996200031000018","signature":"` + strings.Repeat("0a1b2c3d", 8) + `","authorization_code":"000123"}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		core.MaskCards(body, nil)
	}
}
