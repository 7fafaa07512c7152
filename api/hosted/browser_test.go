package hosted_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paymux/paymux/api/hosted"
)

// In a real browser, under the page's own policy: what helps without the script is shown when the script is missing, fails
// or draws nothing, and not beside a button.
func TestAPageWhoseScriptIsMissing(t *testing.T) {
	path := chromium(t)
	for name, c := range map[string]struct {
		script string
		shown  bool
	}{
		"missing":       {"", true},
		"another":       {"const other = 1", true},
		"fails":         {`const amazon = {Pay: {renderButton: () => { throw new Error("no") }}}`, true},
		"draws nothing": {`const amazon = {Pay: {renderButton: () => {}}}`, true},
		"draws":         {`const amazon = {Pay: {renderButton: where => { document.querySelector(where).textContent = "Pay" }}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			mux.HandleFunc("/checkout.js", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/javascript")
				if c.script == "" {
					w.WriteHeader(http.StatusNotFound)
				}
				_, _ = w.Write([]byte(c.script))
			})
			mux.HandleFunc("/pay", func(w http.ResponseWriter, _ *http.Request) {
				_ = hosted.Write(w, 200, hosted.Widget{Lang: "en_GB", ScriptURL: server.URL + "/checkout.js", Config: map[string]any{"merchantId": "PMX"}, Back: "https://shop.example/"})
			})
			page, err := html.Parse(strings.NewReader(dom(t, path, server.URL+"/pay")))
			require.NoError(t, err)
			found := false
			for n := range page.Descendants() {
				if n.Type == html.ElementNode && attr(n, "id") == "instead" {
					found = true
					require.Equal(t, c.shown, !has(n, "hidden"))
				}
			}
			require.True(t, found)
		})
	}
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// chromium is a browser. Tests that need one are skipped, loudly, where there is none.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	if os.Getenv("CI") == "true" || os.Getenv("PAYMUX_REQUIRE_TOOLS") == "1" {
		require.Fail(t, "the page needs a real browser, which is missing; put chromium into PATH")
	}
	t.Skip("NOT TESTED: the page needs a real browser; put chromium into PATH")
	return ""
}

// dom is a page as it stands eight seconds later, by the browser's own clock.
func dom(t *testing.T, path, address string) string {
	t.Helper()
	profile, err := os.MkdirTemp("", "paymux-browser-") //nolint:usetesting // its removal may not fail the test
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=8000",
		"--user-data-dir="+profile, "--dump-dom", address).Output()
	require.NoError(t, err)
	return string(out)
}
