package sandbox

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// price is an amount on the wire. Amount is kept as it was sent: answers echo it.
type price struct {
	Amount       amountText `json:"amount"`
	CurrencyCode string     `json:"currencyCode"`
}

// amountText is a decimal number as text. Requests may write it as a JSON number, as the .NET SDK does.
type amountText string

// UnmarshalJSON takes text or a number, keeping every digit.
func (a *amountText) UnmarshalJSON(b []byte) error {
	var s string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*a = amountText(s)
		return nil
	}
	*a = amountText(b)
	return nil
}

// exponents are the currencies of ledgers and of multi-currency accounts, with their decimals.
var exponents = map[string]int{
	"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "AUD": 2, "CHF": 2, "DKK": 2, "HKD": 2, "NOK": 2, "NZD": 2, "SEK": 2, "ZAR": 2,
}

// maxAmountDigits keeps every sum of amounts within an int64.
const maxAmountDigits = 12

var errAmount = errors.New("not a decimal amount of this currency")

// minorUnits reads decimal text exactly: digits, at most one dot, no sign, no more decimals than the currency has.
func minorUnits(text, currency string) (int64, error) {
	exponent, known := exponents[currency]
	if !known {
		return 0, errAmount
	}
	whole, fraction, dotted := strings.Cut(text, ".")
	if whole == "" || dotted && fraction == "" || len(fraction) > exponent || len(whole) > maxAmountDigits {
		return 0, errAmount
	}
	for _, c := range whole + fraction {
		if c < '0' || c > '9' {
			return 0, errAmount
		}
	}
	return strconv.ParseInt(whole+fraction+strings.Repeat("0", exponent-len(fraction)), 10, 64)
}

// minor is the amount of a price that was checked when it came in; 0 without one.
func (p *price) minor() int64 {
	if p == nil {
		return 0
	}
	n, _ := minorUnits(string(p.Amount), p.CurrencyCode) // checked on the way in
	return n
}

// equal compares by value, not by text.
func (p *price) equal(q *price) bool {
	if p == nil || q == nil {
		return p == q
	}
	return p.CurrencyCode == q.CurrencyCode && p.minor() == q.minor()
}

// priceOf writes minor units with all decimals of the currency.
func priceOf(minor int64, currency string) *price {
	return &price{Amount: amountText(majorText(minor, currency)), CurrencyCode: currency}
}

func majorText(minor int64, currency string) string {
	exponent := exponents[currency]
	if exponent == 0 {
		return strconv.FormatInt(minor, 10)
	}
	digits := strconv.FormatInt(minor, 10)
	if short := exponent + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	return digits[:len(digits)-exponent] + "." + digits[len(digits)-exponent:]
}

// units are whole units of a currency in minor units.
func units(n int64, currency string) int64 {
	for range exponents[currency] {
		n *= 10
	}
	return n
}
