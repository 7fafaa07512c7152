package core

import (
	"iter"
	"slices"
	"strconv"
)

// HasCardNumber reports whether s contains a card number: 15, 16 or 19 digits in a row or in the groups printed on
// cards, with the prefix of a card scheme and a right check digit. Order numbers rarely have all three; pseudo card
// numbers of providers have none of the prefixes. Letters beside the digits make them no less of a card number, but that
// digits stand in a hexadecimal digest, such as a signature, says that they are chance.
func HasCardNumber(s string) bool {
	for range cardsIn([]byte(s)) {
		return true
	}
	return false
}

// MaskCards is raw with the middle of every card number replaced by asterisks, all but its first six and last four
// digits, and how many there were. Digits and blanks are found in the escapes of forms and of JSON too. A number that
// keep knows as the identity of something stays. Without a card number it is raw itself, not a copy.
func MaskCards(raw []byte, keep func(digits string) bool) (masked []byte, cards int) {
	done := 0
	for card := range cardsIn(raw) {
		if keep != nil && keep(string(values(card))) {
			continue
		}
		for _, d := range card[6 : len(card)-4] {
			masked = append(append(masked, raw[done:d.from]...), '*')
			done = d.to
		}
		cards++
	}
	if cards == 0 {
		return raw, 0
	}
	return append(masked, raw[done:]...), cards
}

// digit is a digit in a text, and where it is written.
type digit struct {
	value    byte
	from, to int
}

func values(digits []digit) []byte {
	out := make([]byte, len(digits))
	for i, d := range digits {
		out[i] = d.value
	}
	return out
}

// cardsIn yields the digits of every card number in text.
func cardsIn(text []byte) iter.Seq[[]digit] {
	return func(yield func([]digit) bool) {
		for i := 0; i < len(text); {
			if c := text[i]; !isDigit(c) && c != '%' && c != '\\' {
				i++
				continue
			}
			end, digits := stretch(text, i)
			if digits >= 15 && !yieldCards(text, groupsIn(text[:end], i), yield) {
				return
			}
			i = end
		}
	}
}

// stretch is where the digits that begin at i end, with one blank or hyphen at most between any two, and how many there
// are. Where no digit is, it is the next letter.
func stretch(text []byte, i int) (end, digits int) {
	_, width := letterAt(text, i)
	end = i + width
	for {
		c, width := letterAt(text, i)
		if isDigit(c) {
			i += width
			end, digits = i, digits+1
			continue
		}
		next, _ := letterAt(text, i+width)
		if digits == 0 || c != ' ' && c != '-' || !isDigit(next) {
			return end, digits
		}
		i += width
	}
}

// groupsIn are the digits from i on, those together that follow each other.
func groupsIn(text []byte, i int) (groups [][]digit) {
	var group []digit
	for i < len(text) {
		c, width := letterAt(text, i)
		if isDigit(c) {
			group = append(group, digit{c, i, i + width})
		} else {
			groups, group = append(groups, group), nil
		}
		i += width
	}
	return append(groups, group)
}

// printed are the groups in which a card number may be written.
var printed = [][]int{{4, 4, 4, 4, 3}, {4, 4, 4, 4}, {4, 6, 5}, {15}, {16}, {19}}

func yieldCards(text []byte, groups [][]digit, yield func([]digit) bool) bool {
	for len(groups) > 0 {
		used := 1
		for _, shape := range printed {
			card := joined(groups, shape)
			if card == nil || inDigest(text, card) {
				continue
			}
			if !yield(card) {
				return false
			}
			used = len(shape)
			break
		}
		groups = groups[used:]
	}
	return true
}

// joined are the digits of the first groups if they have this shape and are a card number.
func joined(groups [][]digit, shape []int) (card []digit) {
	if len(groups) < len(shape) {
		return nil
	}
	for i, n := range shape {
		if len(groups[i]) != n {
			return nil
		}
		card = append(card, groups[i]...)
	}
	if digits := values(card); !ofScheme(digits) || !luhn(digits) {
		return nil
	}
	return card
}

// digests are the lengths of hexadecimal digests: MD5, SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512.
var digests = []int{32, 40, 56, 64, 96, 128}

// inDigest reports whether the digits of card stand in a row inside a token that is a hexadecimal digest.
func inDigest(text []byte, card []digit) bool {
	from, to := card[0].from, card[len(card)-1].to
	if to-from != len(card) {
		return false // in groups, or escaped
	}
	for from > 0 && isHex(text[from-1]) {
		from--
	}
	for to < len(text) && isHex(text[to]) {
		to++
	}
	before, after := from > 0 && isLetter(text[from-1]), to < len(text) && isLetter(text[to])
	if from > 0 && text[from-1] == '%' {
		from += 2 // of an escape in front, such as that of an equals sign
	}
	return slices.Contains(digests, to-from) && !before && !after
}

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// letterAt is the letter at i as a reader of forms or JSON sees it, and its width: %34 and \u0034 are a 4, + is a blank.
// Behind the end it is 0.
func letterAt(text []byte, i int) (c byte, width int) {
	if i >= len(text) {
		return 0, 1
	}
	var digits string
	switch c = text[i]; {
	case c == '+':
		return ' ', 1
	case c == '%' && i+3 <= len(text):
		digits, width = string(text[i+1:i+3]), 3
	case c == '\\' && i+6 <= len(text) && string(text[i+1:i+4]) == "u00":
		digits, width = string(text[i+4:i+6]), 6
	default:
		return c, 1
	}
	n, err := strconv.ParseUint(digits, 16, 8)
	if err != nil {
		return c, 1
	}
	return byte(n), width
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
