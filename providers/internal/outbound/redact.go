package outbound

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"regexp"
	"strings"

	"github.com/paymux/paymux/providers/internal/strict"
)

const hidden = "[redacted]"

// sensitive are parts of names whose values are never kept (R-74, and the rest of what tells who the buyer is).
// Names are compared in lower case and without separators.
var sensitive = []string{"key", "secret", "signature", "phrase", "token", "cvv", "cvc", "pan", "card", "iban", "email", "phone",
	"name", "address", "birth", "accesscode", "password", "securitycode", "expiry", "street", "zip", "postal", "postcode", "city",
	"bankaccount", "holder"}

func isSensitive(name string) bool {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 127:
			return r
		}
		return -1
	}, name)
	for _, part := range sensitive {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return plain == "ip" || plain == "customerip"
}

// Redact is body as it may be kept: JSON, a form, or lines of name=value, with the values of sensitive names replaced
// and card-like digits masked. What is none of these is told by its size alone.
func Redact(contentType string, body []byte) string {
	if len(body) == 0 {
		return ""
	}
	media, _, _ := mime.ParseMediaType(contentType)
	if v, err := strict.JSON(body); err == nil && (v.Kind == strict.Object || v.Kind == strict.Array) {
		var b strings.Builder
		writeJSON(&b, v, false)
		return b.String()
	}
	switch media {
	case "application/x-www-form-urlencoded":
		return redactForm(string(body))
	case "text/plain":
		if lines, ok := redactLines(string(body)); ok {
			return lines
		}
	}
	return fmt.Sprintf("[%d bytes that cannot be shown]", len(body))
}

func writeJSON(b *strings.Builder, v strict.Value, hide bool) {
	switch v.Kind {
	case strict.Object:
		b.WriteByte('{')
		for i, m := range v.Members {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(maskCards(m.Name)))
			b.WriteByte(':')
			writeJSON(b, m.Value, hide || isSensitive(m.Name))
		}
		b.WriteByte('}')
	case strict.Array:
		b.WriteByte('[')
		for i, item := range v.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, item, hide)
		}
		b.WriteByte(']')
	case strict.Null:
		b.WriteString("null")
	default:
		writeScalar(b, v, hide)
	}
}

func writeScalar(b *strings.Builder, v strict.Value, hide bool) {
	masked := maskCards(v.Text)
	switch {
	case hide && v.Text != "":
		b.WriteString(quote(hidden))
	case v.Kind == strict.String || masked != v.Text:
		b.WriteString(quote(masked))
	default:
		b.WriteString(v.Text)
	}
}

func quote(s string) string {
	q, _ := json.Marshal(s) // a string has always a JSON form
	return string(q)
}

// redactForm keeps the form's own encoding; a pair that cannot be decoded is hidden whole.
func redactForm(body string) string {
	parts := strings.Split(body, "&")
	for i, part := range parts {
		rawName, rawValue, found := strings.Cut(part, "=")
		name, errName := url.QueryUnescape(rawName)
		value, errValue := url.QueryUnescape(rawValue)
		switch masked := maskCards(value); {
		case errName != nil || errValue != nil:
			parts[i] = hidden
		case value != "" && isSensitive(name):
			parts[i] = url.QueryEscape(maskCards(name)) + "=" + hidden
		case masked != value || maskCards(name) != name:
			parts[i] = url.QueryEscape(maskCards(name)) + "=" + url.QueryEscape(masked)
		case !found:
			parts[i] = rawName
		}
	}
	return strings.Join(parts, "&")
}

// redactLines is for answers of one name=value per line.
func redactLines(body string) (string, bool) {
	lines := strings.Split(strings.ReplaceAll(body, "\r\n", "\n"), "\n")
	for i, line := range lines {
		if line == "" {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if !found {
			return "", false
		}
		if isSensitive(name) && value != "" {
			value = hidden
		}
		lines[i] = maskCards(name) + "=" + maskCards(value)
	}
	return strings.Join(lines, "\n"), true
}

func redactURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return hidden
	}
	u.User, u.Fragment = nil, ""
	u.RawQuery = redactForm(u.RawQuery)
	return maskCards(u.String())
}

// maskCards keeps the first six and last four digits of every run of 13 to 19 digits that passes the Luhn check;
// single blanks and hyphens between digits belong to the run.
func maskCards(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if !digit(s[i]) {
			b.WriteByte(s[i])
			i++
			continue
		}
		end := runEnd(s, i)
		b.WriteString(maskRun(s[i:end]))
		i = end
	}
	return b.String()
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func runEnd(s string, i int) int {
	for i < len(s) {
		switch {
		case digit(s[i]):
			i++
		case (s[i] == ' ' || s[i] == '-') && i+1 < len(s) && digit(s[i+1]):
			i += 2
		default:
			return i
		}
	}
	return i
}

// maskRun masks, from each group of digits on, the longest stretch of groups that looks like a card.
func maskRun(run string) string {
	var b strings.Builder
	for run != "" {
		n := cardLength(run)
		if n == 0 {
			for n = 1; n < len(run) && digit(run[n-1]); n++ {
			}
			b.WriteString(run[:n])
		} else {
			digits := digitsOf(run[:n])
			b.WriteString(digits[:6] + strings.Repeat("*", len(digits)-10) + digits[len(digits)-4:])
		}
		run = run[n:]
	}
	return b.String()
}

// cardLength is the length of the longest stretch of groups at the start of run that has 13 to 19 digits and passes
// the Luhn check; 0: none. Groups of seven digits are those of order numbers, as in S02-1234567-1234567: no card is
// printed so, and one id in five would be lost.
func cardLength(run string) (length int) {
	for i := 1; i <= min(len(run), 2*19); i++ { // 19 digits and what stands between them
		if i < len(run) && digit(run[i]) || !digit(run[i-1]) {
			continue // not the end of a group
		}
		if digits := digitsOf(run[:i]); len(digits) >= 13 && len(digits) <= 19 && luhn(digits) && !orderNumber.MatchString(run[:i]) {
			length = i
		}
	}
	return length
}

var orderNumber = regexp.MustCompile(`(?:^|[ -])\d{7}[ -]|[ -]\d{7}$`)

func digitsOf(s string) string { return strings.NewReplacer(" ", "", "-", "").Replace(s) }

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
