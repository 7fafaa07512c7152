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
		"4111111111111111":                                      true,  // Visa
		"pay 5500000000000004 now":                              true,  // Mastercard
		"2223000048400011":                                      true,  // Mastercard, 2-series
		"378282246310005":                                       true,  // American Express
		"3782 822463 10005":                                     true,  // as printed on the card
		"6011111111111117":                                      true,  // Discover
		"3530111333300000":                                      true,  // JCB
		"6759649826438453":                                      true,  // Maestro
		"4000 0000 0000 0002":                                   true,  // in groups
		"5105-1051-0510-5100":                                   true,  // in groups
		"x4111111111111111x":                                    true,  // between letters
		"4111111111111112":                                      false, // wrong check digit
		"9410010000038248746":                                   false, // pseudo card number of PAYONE: no scheme's prefix
		"0000000000000000":                                      false, // passes Luhn, no scheme
		"41111111111111":                                        false, // no length of a card
		"411111111111111111111111111111":                        false, // longer than a card
		"order 2026-01-05, 12 pieces":                           false,
		"٤١١١١١١١١١١١١١١١":                                      false, // not ASCII digits, which no provider reads as a card number
		"":                                                      false,
		"4111 1111 1111 1111 2026":                              true,  // and something behind it
		"4111+1111+1111+1111":                                   true,  // as a form writes blanks
		"%34111%201111-1111+1111":                               true,  // as a form may write anything
		`\u0034111111111111111`:                                 true,  // as JSON may
		"4111  1111 1111 1111":                                  false, // not as printed
		"B4111111111111111^DOE/JANE^2512":                       true,  // as on a magnetic stripe
		";4111111111111111=2512101":                             true,
		"card_number=4111111111111111":                          true,
		`{"card_number":"4111111111111111"}`:                    true,
		"deadbeef4111111111111111deadbee":                       true,  // no length of a digest
		"signature=" + sha256Of("4111111111111111"):             false, // chance
		"signature%3d" + sha256Of("378282246310005"):            false,
		sha256Of("4111111111111111") + "0":                      true, // longer than a digest
		sha256Of("4111111111111111") + "x":                      true, // no digest
		sha256Of("4111111111111111") + "&card=4111111111111111": true, // beside one
	} {
		require.Equal(t, want, core.HasCardNumber(text), text)
	}
}

// sha256Of is what a SHA-256 may look like that has these digits in it, between letters.
func sha256Of(digits string) string {
	return "0a1b2c3d4e5f" + digits + strings.Repeat("f0e1d2c3", 6)[:64-12-len(digits)]
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
		`{"card_number":"4111111111111111","signature":"` + sha256Of("4111111111111111") + `"}`: `{"card_number":"411111******1111","signature":"` + sha256Of("4111111111111111") + `"}`,
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
		around := rapid.StringMatching(`[a-z"=&:{}*_\x{e9}]{0,7}`) // too short for a digest
		before, after := around.Draw(t, "before"), around.Draw(t, "after")
		got, n := core.MaskCards([]byte(before+written.String()+after), nil)
		require.Equal(t, 1, n)
		require.Equal(t, len(card)-10, strings.Count(string(got[len(before):len(got)-len(after)]), "*"))
		require.True(t, strings.HasPrefix(string(got), before) && strings.HasSuffix(string(got), after))
	})
}

// A digest stays as it is wherever it stands, so that what it signs can be verified again, and no card number beside it
// is left for that.
func TestMaskCardsSparesDigests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		card := rapid.SampledFrom([]string{"4111111111111111", "5500000000000004", "378282246310005", "6759649826438453"}).Draw(t, "card")
		size := rapid.SampledFrom([]int{32, 40, 56, 64, 96, 128}).Draw(t, "size")
		hex := rapid.StringMatching(`[0-9a-f]*[a-f]`)
		before := hex.Filter(func(s string) bool { return len(s)+len(card) < size }).Draw(t, "before")
		digest := before + card
		if n := size - len(digest); n > 0 {
			digest += rapid.StringMatching(fmt.Sprintf(`[a-f][0-9a-f]{%d}`, n-1)).Draw(t, "after")
		}
		if rapid.Bool().Draw(t, "upper") {
			digest = strings.ToUpper(digest)
		}
		write := rapid.SampledFrom([]string{`{"signature":"%s","card_number":"%s"}`, "signature=%s&card_number=%s", "%s %s", "key%%3D%s&%s", "%s,PAN%s"}).Draw(t, "write")
		text := fmt.Sprintf(write, digest, card)
		got, n := core.MaskCards([]byte(text), nil)
		require.Equal(t, 1, n, text)
		require.Equal(t, fmt.Sprintf(write, digest, card[:6]+strings.Repeat("*", len(card)-10)+card[len(card)-4:]), string(got))
	})
}

// Masking changes digits to asterisks and nothing else, and once is enough.
func FuzzMaskCards(f *testing.F) {
	for _, seed := range []string{"4111111111111111", "card_number=4111 1111 1111 1111&signature=" + sha256Of("4111111111111111"), `\u00341111111\u00311111111`,
		"key%3d" + sha256Of("378282246310005"), "a=%34111%3111111111111", "4111-1111-1111-1111-2026", "B4111111111111111^", "card_number=400555******0001"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, n := core.MaskCards(text, nil)
		require.Equal(t, n > 0, core.HasCardNumber(string(text)))
		_, again := core.MaskCards(got, nil)
		require.Zero(t, again, "%q", got)
		if n == 0 {
			require.Equal(t, text, got)
		}
	})
}

func BenchmarkMaskCards(b *testing.B) {
	body := []byte(`{"command":"AUTHORIZATION","amount":"12550","card_number":"400555******0001","fort_id":"169996200031000018","signature":"` + strings.Repeat("0a1b2c3d", 8) + `","authorization_code":"000123"}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		core.MaskCards(body, nil)
	}
}
