package core

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestExponent(t *testing.T) {
	for code, want := range map[string]int{"EUR": 2, "AED": 2, "JPY": 0, "KRW": 0, "ISK": 0, "UGX": 0, "XOF": 0, "JOD": 3, "KWD": 3,
		"BHD": 3, "OMR": 3, "TND": 3, "LYD": 3, "IQD": 3, "CLF": 4, "ZWG": 2, "MGA": 2, "MRU": 2, "HUF": 2} {
		got, ok := Exponent(code)
		require.True(t, ok, code)
		require.Equal(t, want, got, code)
	}
	for _, code := range []string{"", "eur", "EU", "EURO", "EÜR", "XXX", "XTS", "XAU", "BTC", "EUR ", "978", "HRK"} {
		_, ok := Exponent(code)
		require.False(t, ok, code)
	}
}

func TestMoneyTextBothWays(t *testing.T) {
	for _, c := range []struct {
		money Money
		want  string
	}{
		{Money{1050, "EUR"}, "10.50"}, {Money{5, "EUR"}, "0.05"}, {Money{0, "EUR"}, "0.00"}, {Money{1234, "JPY"}, "1234"},
		{Money{1234, "KWD"}, "1.234"}, {Money{1, "BHD"}, "0.001"}, {Money{math.MaxInt64, "EUR"}, "92233720368547758.07"},
	} {
		got, err := c.money.Text()
		require.NoError(t, err)
		require.Equal(t, c.want, got)
		back, err := ParseMoney(got, c.money.Currency)
		require.NoError(t, err)
		require.Equal(t, c.money, back)
	}
	_, err := Money{1, "XXX"}.Text()
	require.Equal(t, "currency_invalid", CodeOf(err))
}

func TestParseMoneyRefuses(t *testing.T) {
	for _, s := range []string{"", ".", "1.", ".5", "-1", "+1", " 1", "1 ", "1,00", "1e2", "0x10", "1.005", "١٠٠", "NaN", "Infinity", "1.0.0",
		"00000000000000000000000000000000000000001"} {
		_, err := ParseMoney(s, "EUR")
		require.Equal(t, "amount_invalid", CodeOf(err), "%q", s)
	}
	_, err := ParseMoney("1.5", "JPY")
	require.Equal(t, "amount_invalid", CodeOf(err))
	_, err = ParseMoney("92233720368547758.08", "EUR")
	require.Equal(t, "amount_too_large", CodeOf(err))
}

func TestMoneyRoundTripsForEveryAmount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Money{rapid.Int64Range(0, math.MaxInt64).Draw(t, "minor"), rapid.SampledFrom([]string{"EUR", "JPY", "JOD", "CLF"}).Draw(t, "currency")}
		s, err := m.Text()
		require.NoError(t, err)
		back, err := ParseMoney(s, m.Currency)
		require.NoError(t, err)
		require.Equal(t, m, back)
	})
}

func TestAddCappedNeverWraps(t *testing.T) {
	require.Equal(t, int64(5), addCapped(2, 3))
	require.Equal(t, int64(math.MaxInt64), addCapped(math.MaxInt64, 1))
}
