package webhook

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// keptAnswer is how much of an endpoint's answer is kept, in bytes.
const keptAnswer = 1 << 10

// excerpt is the beginning of an endpoint's answer as it may be stored and shown: valid UTF-8 in one line, without
// control characters, without what is secret (secrets are texts that occur nowhere in it). It is first made plain, then
// redacted, then cut, so that neither removed characters nor the cut leave part of a secret behind. It is still the
// endpoint's text: a page that shows it escapes it.
func excerpt(answer []byte, secrets []string) string {
	s := plain(answer)
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, hidden)
		}
	}
	for _, p := range private {
		s = p.find.ReplaceAllString(s, p.put)
	}
	return cut(maskCards(s), keptAnswer)
}

// plain turns white space into single blanks and drops what has no look of its own or changes that of others: control
// and format characters, among them those for writing from right to left, private and unassigned ones.
func plain(b []byte) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsGraphic(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(string(b), "\ufffd"))
	return strings.Join(strings.Fields(s), " ")
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// private finds what is kept of nobody, whoever it belongs to: keys and tokens by their look, and the values of
// names that tell of secrets, cards or people, in JSON, forms, headers and logs.
var private = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`), hidden},
	{regexp.MustCompile(`\bwhs(?:ec|k)_[A-Za-z0-9+/=_-]+`), hidden},
	{regexp.MustCompile(`\bsk_(?:live|test)_[0-9a-z]{20,}_[0-9a-z]+`), hidden}, // an API key of ours
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), hidden},
	{regexp.MustCompile(`\bv1a?,[A-Za-z0-9+/]{40,}=*`), hidden},
	{regexp.MustCompile(`(?i)\b(bearer|basic) [A-Za-z0-9._~+/=-]{6,}`), "$1 " + hidden},
	{regexp.MustCompile(`(://)[^\s/@"'<>]+@`), "$1" + hidden + "@"},
	{regexp.MustCompile(`(?i)([\w-]*(?:key|secret|signature|phrase|token|password|passwd|cookie|cvv|cvc|pan|card|iban|e-?mail|phone|name|address|birth)[\w-]*["']? ?(?:=>|[:=]) ?)("[^"]*"?|'[^']*'?|[^\s"',;&<>{}\[\]]+)`), "${1}" + hidden},
}

// cards finds runs of 13 digits or more, single blanks and hyphens among them.
var cards = regexp.MustCompile(`\d(?:[ -]?\d){12,}`)

// maskCards keeps the first six and last four digits of everything in s that may be a card number: 13 to 19 digits with
// a right check digit, none of whose schemes begins with 0, 1, 7 or 8. What may be one in several ways is masked in all.
func maskCards(s string) string { return cards.ReplaceAllStringFunc(s, maskRun) }

func maskRun(run string) string {
	masked, at := []byte(run), []int{} // at: where the digits are
	for i := range len(run) {
		if run[i] >= '0' && run[i] <= '9' {
			at = append(at, i)
		}
	}
	for first := range at {
		if strings.IndexByte("0178", run[at[first]]) >= 0 {
			continue
		}
		for n := 13; n <= min(19, len(at)-first); n++ {
			if card := at[first : first+n]; luhn(run, card) {
				for _, i := range card[6 : n-4] {
					masked[i] = '*'
				}
			}
		}
	}
	return string(masked)
}

// luhn reports whether the last digit is the check digit of ISO/IEC 7812-1, annex B.
func luhn(s string, at []int) bool {
	sum := 0
	for i, p := range at {
		d := int(s[p] - '0')
		if (len(at)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
