package core

import (
	"fmt"
	"math"

	"github.com/Rhymond/go-money"
	"github.com/shopspring/decimal"
)

// Money is an amount in the smallest unit of its currency: 12550 EUR is 125.50 euro, 1234 JPY is 1,234 yen,
// 1234 KWD is 1.234 dinar. Currency is an ISO 4217 code in upper case. There is no float on the way of an amount.
type Money struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// uncountable are codes of ISO 4217 whose minor unit is "not applicable" (metals, test, no currency), and codes in
// the library's table that ISO 4217 has withdrawn or never had: nobody can be charged in them.
var uncountable = set("XAG", "XAU", "XDR", "XTS", "XXX",
	"ANG", "BGN", "BYR", "CUC", "EEK", "GGP", "GHC", "HRK", "IMP", "JEP", "LTL", "LVL", "RUR", "SKK", "SLL", "STD", "TRL", "VEF", "ZWD", "ZWL")

// added are codes of ISO 4217 that the library's table lacks.
var added = map[string]int{"VED": 2, "ZWG": 2, "UYW": 4}

func set(codes ...string) map[string]bool {
	m := make(map[string]bool, len(codes))
	for _, c := range codes {
		m[c] = true
	}
	return m
}

// Exponent is the number of decimal digits of currency after ISO 4217, and whether currency can carry money at all.
func Exponent(currency string) (digits int, ok bool) {
	if n, ok := added[currency]; ok {
		return n, true
	}
	// The library folds case; a code in lower case is no code here.
	if c := money.GetCurrency(currency); c != nil && c.Code == currency && !uncountable[currency] {
		return c.Fraction, true
	}
	return 0, false
}

// Text is the amount in the major unit with exactly the digits of the currency: 1050 EUR is "10.50", 7 JPY is "7".
// An unknown currency is an error, never a guess.
func (m Money) Text() (string, error) {
	n, ok := Exponent(m.Currency)
	if !ok {
		return "", invalid("currency_invalid", "/currency", "%q is no ISO 4217 currency", m.Currency)
	}
	return decimal.New(m.Minor, int32(-n)).StringFixed(int32(n)), nil
}

// String is Text with the code behind it, for people; an unknown currency shows the minor units.
func (m Money) String() string {
	s, err := m.Text()
	if err != nil {
		return fmt.Sprintf("%d minor %s", m.Minor, m.Currency)
	}
	return s + " " + m.Currency
}

// ParseMoney reads an amount in the major unit, such as "10.50", exactly: only ASCII digits and one point, no sign,
// no exponent, no blanks, not more decimals than the currency has, and not more than an int64 of minor units.
func ParseMoney(text, currency string) (Money, error) {
	n, ok := Exponent(currency)
	if !ok {
		return Money{}, invalid("currency_invalid", "/currency", "%q is no ISO 4217 currency", currency)
	}
	if !plainDecimal(text, n) {
		return Money{}, invalid("amount_invalid", "/amount", "an amount in %s is digits with at most %d decimals", currency, n)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return Money{}, invalid("amount_invalid", "/amount", "the amount cannot be read")
	}
	d = d.Shift(int32(n))
	if d.GreaterThan(decimal.NewFromInt(math.MaxInt64)) {
		return Money{}, invalid("amount_too_large", "/amount", "the amount is larger than can be counted")
	}
	return Money{Minor: d.IntPart(), Currency: currency}, nil
}

// plainDecimal reports whether s is 1*DIGIT [ "." 1*maxDecimals DIGIT ] in ASCII.
func plainDecimal(s string, maxDecimals int) bool {
	digits, decimals, point := 0, 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && !point && digits > 0:
			point = true
		case c < '0' || c > '9':
			return false
		case point:
			decimals++
		default:
			digits++
		}
	}
	return digits > 0 && len(s) <= 40 && decimals <= maxDecimals && (!point || decimals > 0)
}

// rest is what is left of n, never less than nothing, however large the parts that are taken from it.
func rest(n int64, taken ...int64) int64 {
	for _, t := range taken {
		if t >= n {
			return 0
		}
		n -= t
	}
	return n
}

// addCapped is a+b for amounts that are never negative; it stops at the largest int64 instead of wrapping round,
// so that a forged or broken total can raise an alarm but never turn into a small or negative number.
func addCapped(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
