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
