package webhook

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAnswersAreMadePlain(t *testing.T) {
	for raw, want := range map[string]string{
		"":                               "",
		"ok":                             "ok",
		"{\n\t\"a\": 1,\r\n  \"b\": 2}":  `{ "a": 1, "b": 2}`,
		"a\x00b\x1b[31mred\x07\x7f":      "ab[31mred",
		"a\x80\xff\xfeb":                 "a\ufffdb",
		"\u0085next\u2028line\u2029para": "next line para",
		"abc\u202etxt.exe\u2066":         "abctxt.exe",
		"zero\u200bwidth\ufeff":          "zerowidth",
		"private\ue000use\U000f0000":     "privateuse",
		"non\uffff\U0010fffechar":        "nonchar",
		"Grüße, 你好, ☃ é 🙂":               "Grüße, 你好, ☃ é 🙂",
		"<script>alert(1)</script>":      "<script>alert(1)</script>", // text; a page escapes it
	} {
		require.Equal(t, want, excerpt([]byte(raw), nil), "%q", raw)
	}
}

func TestAnswersAreCut(t *testing.T) {
	require.Equal(t, strings.Repeat("x", 1024), excerpt([]byte(strings.Repeat("x", 1024)), nil))
	require.Equal(t, strings.Repeat("x", 1024), excerpt([]byte(strings.Repeat("x", 70_000)), nil))
	require.Equal(t, strings.Repeat("x", 1023), excerpt([]byte(strings.Repeat("x", 1023)+"€"), nil), "no half characters")
	require.Equal(t, strings.Repeat("x", 1010)+" 411111******1", excerpt([]byte(strings.Repeat("x", 1010)+" 4111111111111111"), nil), "no half card")
	require.Equal(t, strings.Repeat("x", 1021)+"€", excerpt([]byte(strings.Repeat("x", 1021)+"€€"), nil))
}

// Secrets, tokens and what tells of people and cards, in the forms servers dump them.
func TestAnswersAreRedacted(t *testing.T) {
	const gone = "c4n4ry"
	for _, raw := range []string{
		`{"secret":"c4n4ry"}`, `{"api_key" : "c4n4ry c4n4ry"}`, `{'password': 'c4n4ry'}`, `{"Access-Token":"c4n4ry","ok":true}`, `{"a":{"iban":"c4n4ry"}}`, `{"pin_phrase":c4n4ry}`,
		"WEBHOOK_SECRET=c4n4ry", "key=c4n4ry&x=1", "['signature' => 'c4n4ry']", "X-Signature: c4n4ry", "Cookie: c4n4ry", "email=c4n4ry", "customerName: c4n4ry",
		`{"phone":"c4n4ry`, `{"address":"c4n4ry`, "cvv:c4n4ry", "Authorization: Bearer c4n4ry.c4n4ry", "authorization: basic c4n4ry==", "bearer c4n4ry-c4n4ry",
		"postgres://user:c4n4ry@db.example/x", "https://c4n4ry@db.example/", "whsec_c4n4ry/+=", "whsk_c4n4ry", "sk_live_01jz0000000000000000000000_c4n4ry", "eyJc4n4ry.c4n4ry.c4n4ry",
		"v1," + strings.Repeat("c4n4ry", 7) + "a=", "-----BEGIN EC PRIVATE KEY-----\nc4n4ry\nc4n4ry\n-----END EC PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nc4n4ry\nc4n4ry",
		"sec\x00ret=c4n4ry", "secret=c4n\x004ry", "secret\n=\nc4n4ry", "passwd\u200b=c4n4ry",
	} {
		got := excerpt([]byte("before "+raw+" after"), nil)
		require.NotContains(t, got, gone, raw)
		require.Contains(t, got, hidden, raw)
		require.True(t, strings.HasPrefix(got, "before "), "%q: %q", raw, got)
	}
	for _, harmless := range []string{"ok", `{"error":"unknown event","code":42,"type":"payment.succeeded"}`, "<html><span class=x>502 Bad Gateway</span></html>", "https://shop.example/a?b=c"} {
		require.Equal(t, harmless, excerpt([]byte(harmless), nil))
	}
}

func TestCardsInAnswersAreMasked(t *testing.T) {
	for raw, want := range map[string]string{
		"card 4111111111111111!":                 "card 411111******1111!",
		"4111 1111 1111 1111":                    "4111 11** **** 1111",
		"4111-1111-1111-1111, 378282246310005":   "4111-11**-****-1111, 378282*****0005",
		"order 4111111111111112":                 "order 4111111111111112", // no check digit
		"no. 17 4111111111111111":                "no. 17 411111******1111",
		"12345678 4111111111111111":              "1234567* ************1111", // there are several ways to read it
		"4222222222222 is 13":                    "422222***2222 is 13",
		"6304000000000000000 is 19":              "630400*********0000 is 19",
		"at 1930000000123, 1930000000124 ms":     "at 1930000000123, 1930000000124 ms",
		"at 2031-03-04 05:06:07, amount 1234567": "at 2031-03-04 05:06:07, amount 1234567",
	} {
		require.Equal(t, want, excerpt([]byte(raw), nil), raw)
	}
}

// Wherever in an answer a secret stands, in whatever form, at the cut, between characters that vanish: nothing of it
// that is worth having is kept, and what is kept is short, plain and valid.
func TestNoSecretSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "key")
		s := Secret{&key}
		form := rapid.SampledFrom(append(s.forms(), s.Reveal(), fmt.Sprintf("%q", s.Reveal()))).Draw(t, "form")
		var b strings.Builder
		b.WriteString(strings.Repeat("x", rapid.IntRange(900, 1100).Draw(t, "before")) + " ")
		nothing := rapid.SampledFrom([]string{"", "\x00", "\x1b", "\u200b", "\u202e"}).Draw(t, "nothing")
		for _, c := range form {
			b.WriteString(string(c) + nothing)
		}
		b.WriteString(rapid.String().Draw(t, "after"))
		got := excerpt([]byte(b.String()), s.forms())
		require.LessOrEqual(t, len(got), 1024)
		require.True(t, utf8.ValidString(got))
		require.False(t, strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsGraphic(r) }), "%q", got)
		for _, f := range s.forms() {
			for i := range len(f) - 12 {
				require.NotContains(t, got, f[i:i+12])
			}
		}
	})
}

// FuzzExcerpt: whatever an endpoint answers, what is kept is short, plain and valid, and keeping it again changes
// nothing that matters: it stays so.
func FuzzExcerpt(f *testing.F) {
	for _, seed := range []string{"ok", `{"secret":"x"}`, "4111 1111 1111 1111", "\x00\xff\u202e", exampleSecret, "-----BEGIN PRIVATE KEY-----"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := excerpt(raw, nil)
		require.LessOrEqual(t, len(got), keptAnswer)
		require.True(t, utf8.ValidString(got))
		require.False(t, strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsGraphic(r) || r != ' ' && unicode.IsSpace(r) }), "%q", got)
		require.NotRegexp(t, `whsec_[A-Za-z0-9]`, got)
	})
}
