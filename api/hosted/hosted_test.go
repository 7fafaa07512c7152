package hosted_test

import (
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paymux/paymux/api/hosted"
)

// signed are texts that a provider signs letter by letter: each has to arrive at its script as it is.
var signed = []string{
	`{"a":"Fish & Chips <b>\"x\"</b>"}`, `{"a":"\u0026\u003c\u00fc","b":"ü 日本"}`, "{\"a\":\"</script><script>alert(1)</script><!--\"}",
	"{\"a\":\"\u2028\u2029 ' ` \\\\/ ${x}\"}", "{\n  \"a\" : 1 }",
}

func TestASignedTextArrivesAtTheScriptAsItIs(t *testing.T) {
	for _, text := range signed {
		w := httptest.NewRecorder()
		config := map[string]any{"merchantId": "PMX", "createCheckoutSessionConfig": map[string]any{"payloadJSON": text}, "sandbox": true}
		require.NoError(t, hosted.Write(w, 200, hosted.Widget{Lang: "en", ScriptURL: "https://script.example/checkout.js", Config: config,
			FormURL: "https://script.example/button", Fields: [][2]string{{"payloadJSON", text}}}))
		page, err := html.Parse(strings.NewReader(w.Body.String()))
		require.NoError(t, err)
		var got map[string]any
		scripts := 0
		for n := range page.Descendants() {
			if n.Type == html.ElementNode && n.Data == "script" {
				scripts++
				if attr(n, "id") == "config" {
					require.NoError(t, json.Unmarshal([]byte(n.FirstChild.Data), &got))
				}
			}
		}
		require.Equal(t, 3, scripts, "nothing in the text began another script")
		require.Equal(t, config, got)

		// Where the script does not run the form does the same.
		values := map[string]string{}
		for n := range page.Descendants() {
			if n.Type == html.ElementNode && n.Data == "input" {
				values[attr(n, "name")] = attr(n, "value")
			}
		}
		require.Equal(t, map[string]string{"payloadJSON": strings.ReplaceAll(text, "\r", "")}, values)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// The page of a script lets run that one and its own, no other, and from nowhere else.
func TestOneScriptMayRun(t *testing.T) {
	w := httptest.NewRecorder()
	require.NoError(t, hosted.Write(w, 200, hosted.Widget{Lang: "en", ScriptURL: "https://script.example/checkout.js"}))
	policy := w.Header().Get("Content-Security-Policy")
	require.Regexp(t, regexp.MustCompile(`script-src 'sha256-[A-Za-z0-9+/=]+' https://script\.example;`), policy)
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "frame-ancestors 'none'")
	require.NotContains(t, policy, "unsafe-eval")
	require.Contains(t, w.Body.String(), "needs JavaScript")

	w = httptest.NewRecorder()
	require.NoError(t, hosted.Write(w, 200, hosted.Notice{Lang: "en", Title: "One moment"}))
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "script-src 'none'")
}

// The page says who wants how much and leads back, in the language of the script.
func TestThePageSaysWhatItIsFor(t *testing.T) {
	w := httptest.NewRecorder()
	require.NoError(t, hosted.Write(w, 200, hosted.Widget{Lang: "de_DE", ScriptURL: "https://script.example/checkout.js", Shop: "shop.example",
		Amount: "79.80 EUR", Back: "https://shop.example/cart?payment=pay_1"}))
	for _, text := range []string{`lang="de"`, "shop.example", "79.80 EUR", `<a href="https://shop.example/cart?payment=pay_1">Zurück zum Shop</a>`,
		`<a href="">Noch einmal versuchen</a>`, "Weiter zur Zahlung"} {
		require.Contains(t, w.Body.String(), text)
	}
	require.NotContains(t, w.Body.String(), "Back to the shop")

	w = httptest.NewRecorder()
	require.NoError(t, hosted.Write(w, 200, hosted.Widget{Lang: "xx", ScriptURL: "https://script.example/checkout.js", Back: "javascript:alert(1)"}))
	require.Contains(t, w.Body.String(), `lang="en"`)
	require.NotContains(t, w.Body.String(), "javascript:")
}

// Every language has words for everything, of its own; a language that is not spoken here is answered in English.
func TestEveryLanguageSaysEverything(t *testing.T) {
	kinds := []hosted.Kind{hosted.Accepted, hosted.Checking, hosted.Confirming, hosted.Ended, hosted.Refused, hosted.Open, hosted.Unknown, hosted.Unreadable, hosted.Busy, hosted.NotNow}
	for tag, lang := range map[string]string{"en-GB": "en", "de-DE": "de", "fr_FR": "fr", "it": "it", "es-ES": "es", "ja_JP": "ja", "xx": "en", "": "en"} {
		for _, kind := range kinds {
			n, english := hosted.Tell(kind, tag), hosted.Tell(kind, "en")
			require.Equal(t, lang, n.Lang)
			require.NotEmpty(t, n.Title, kind)
			require.NotEmpty(t, n.Text, kind)
			require.NotEmpty(t, n.LinkText)
			require.Equal(t, lang == "en", n.Text == english.Text, "%s in %s", kind, tag)
		}
		for _, text := range []string{hosted.Form{Lang: tag}.Text().Leading[1], hosted.Widget{Lang: tag}.Text().Later, hosted.Widget{Lang: tag}.Text().Nothing} {
			require.NotEmpty(t, text)
		}
	}
	require.Equal(t, "de", hosted.Preferred("xx, de-AT;q=0.8, en;q=0.5"))
	require.Empty(t, hosted.Preferred("xx, *;q=0.1"))
}

// A consent to be charged later is not called a payment.
func TestAConsentIsNoPayment(t *testing.T) {
	w := httptest.NewRecorder()
	require.NoError(t, hosted.Write(w, 200, hosted.Widget{Lang: "de_DE", ScriptURL: "https://script.example/checkout.js", About: "Kaffee im Abo", Later: true}))
	for _, text := range []string{"Ihre Zahlungsart für später", "Kaffee im Abo", "Jetzt wird nichts abgebucht."} {
		require.Contains(t, w.Body.String(), text)
	}
	require.NotContains(t, w.Body.String(), "Weiter zur Zahlung")
}
