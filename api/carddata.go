package api

import "regexp"

// cardRuns finds what may be a card number: 15, 16 or 19 digits in a row, or in the groups printed on cards.
var cardRuns = regexp.MustCompile(`\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}(?:[ -]\d{3})?|\d{4}[ -]\d{6}[ -]\d{5}|\d+`)

// hasCardNumber reports whether s contains a card number: the length and prefix of a card scheme and a right
// check digit. Order numbers rarely have all three; pseudo card numbers of providers have none of the prefixes.
func hasCardNumber(s string) bool {
	for _, run := range cardRuns.FindAllString(s, -1) {
		digits := make([]byte, 0, len(run))
		for i := range len(run) {
			if run[i] >= '0' && run[i] <= '9' {
				digits = append(digits, run[i])
			}
		}
		if ofScheme(digits) && luhn(digits) {
			return true
		}
	}
	return false
}

// schemes are the ranges of the first six digits in ISO/IEC 7812 that card schemes issue from, with their lengths.
var schemes = []struct {
	from, to int
	lengths  [2]int
}{
	{340000, 349999, [2]int{15, 15}}, // American Express
	{370000, 379999, [2]int{15, 15}},
	{400000, 499999, [2]int{16, 19}}, // Visa, and the national schemes that share its range
	{510000, 559999, [2]int{16, 16}}, // Mastercard
	{222100, 272099, [2]int{16, 16}},
	{500000, 509999, [2]int{16, 19}}, // Maestro, Verve, RuPay, Meeza
	{560000, 589999, [2]int{16, 19}}, // Maestro, mada
	{630000, 639999, [2]int{16, 19}}, // Maestro
	{670000, 679999, [2]int{16, 19}},
	{352800, 358999, [2]int{16, 19}}, // JCB
	{300000, 305999, [2]int{16, 19}}, // Diners Club
	{360000, 369999, [2]int{16, 19}},
	{380000, 399999, [2]int{16, 19}},
	{601100, 601199, [2]int{16, 19}}, // Discover
	{644000, 659999, [2]int{16, 19}},
	{620000, 629999, [2]int{16, 19}}, // UnionPay
	{606985, 608500, [2]int{16, 16}}, // RuPay
	{968200, 968299, [2]int{16, 16}}, // mada
	{979200, 979299, [2]int{16, 16}}, // Troy
}

func ofScheme(digits []byte) bool {
	if len(digits) != 15 && len(digits) != 16 && len(digits) != 19 {
		return false
	}
	prefix := 0
	for _, d := range digits[:6] {
		prefix = prefix*10 + int(d-'0')
	}
	for _, s := range schemes {
		if prefix >= s.from && prefix <= s.to && (len(digits) == s.lengths[0] || len(digits) == s.lengths[1]) {
			return true
		}
	}
	return false
}

// luhn reports whether the last digit is the check digit of ISO/IEC 7812-1, annex B.
func luhn(digits []byte) bool {
	sum := 0
	for i, d := range digits {
		n := int(d - '0')
		if (len(digits)-i)%2 == 0 {
			n *= 2
			if n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
