package sandbox

import (
	"strconv"
	"strings"
)

// exponents are the decimals of a major unit, for display alone: the wire has minor units.
// Zero, three and four decimals as the APS SDKs list them; the currencies of two are those of the markets and of wide use.
var exponents = currencyTable(map[int]string{
	0: "BIF DJF GNF ISK JPY KMF KRW CLP PYG RWF UGX VND VUV XAF BYR",
	2: "AED SAR QAR EGP USD EUR GBP INR PKR LBP MAD TRY CHF CAD AUD NZD SGD HKD CNY THB MYR PHP ZAR SEK NOK DKK PLN CZK HUF BRL MXN",
	3: "JOD KWD OMR TND BHD LYD IQD",
	4: "CLF",
})

func currencyTable(byExponent map[int]string) map[string]int {
	table := map[string]int{}
	for exponent, codes := range byExponent {
		for code := range strings.FieldsSeq(codes) {
			table[code] = exponent
		}
	}
	return table
}

// majorAmount writes minor units as people read them: 1255000 AED is 12,550.00.
func majorAmount(minor int64, currency string) string {
	digits := strconv.FormatInt(minor, 10)
	exponent := exponents[currency]
	if short := exponent + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	whole, fraction := digits[:len(digits)-exponent], digits[len(digits)-exponent:]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}
