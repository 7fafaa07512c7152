package sandbox

import (
	"context"
	_ "embed"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/shop.js
var shopScript string

// shopPage allows the simulator's script and posts to it, and nothing else of another host; its encoding is one that
// shops still have.
const shopPage = "<!doctype html><title>Shop</title><body><script src=\"%s/pay/checkout.js\"></script><script src=\"/shop.js\"></script>"

// A real browser takes the processing page, whose script goes on by itself, back to the shop: its own policy, the check
// for other sites' forms and the redirect agree with each other.
func TestProcessingInABrowser(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	sim := httptest.NewServer(f.server)
	t.Cleanup(sim.Close)
	returned := make(chan url.Values, 1)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/result" {
			returned <- r.URL.Query()
		}
	}))
	t.Cleanup(shop.Close)
	id := f.reviewed(payOnly, f.express(fieldsOf{"webCheckoutDetails": fieldsOf{"checkoutReviewReturnUrl": reviewURL, "checkoutResultReturnUrl": shop.URL + "/result?order=17"}}))
	f.redirect(id, authorize, false).on(pageProcessing)
	browser(t, sim.URL+ProcessingPath+"?amazonCheckoutSessionId="+id)
	select {
	case back := <-returned:
		require.Equal(t, url.Values{"order": {"17"}, "amazonCheckoutSessionId": {id}}, back)
	case <-time.After(time.Minute):
		require.Fail(t, "the browser did not come back to the shop")
	}
	require.True(t, f.session(id).passed)
}

// browser starts a headless Chromium at an address. Tests that need one are skipped, loudly, where there is none.
func browser(t *testing.T, address string) {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" || os.Getenv("PAYMUX_REQUIRE_TOOLS") == "1" {
			require.Fail(t, "checkout.js needs a real browser, which is missing; put chromium into PATH")
		}
		t.Skip("NOT TESTED: checkout.js needs a real browser; put chromium into PATH")
	}
	profile, err := os.MkdirTemp("", "paymux-browser-") //nolint:usetesting // its removal may not fail the test
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	command := exec.CommandContext(ctx, path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-quic", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--user-data-dir="+profile, address)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // so that it ends its helpers, too
	command.WaitDelay = 5 * time.Second
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		cancel()
		_ = command.Wait()        // it was told to end
		_ = os.RemoveAll(profile) // a helper may still write; nothing depends on it
	})
}

// recorder is the simulator's place: the script, and the forms posted beside it.
type recorder struct {
	posts chan post
	kept  []post
}

type post struct {
	path string
	form url.Values
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(checkoutScript)
		return
	}
	_ = req.ParseForm() // what is wrong with it shows in the comparison
	r.posts <- post{req.URL.Path, req.PostForm}
	w.WriteHeader(http.StatusNoContent)
}

// What can be told of the script where there is no browser.
func TestScriptStructure(t *testing.T) {
	script := string(checkoutScript)
	for _, call := range []string{"renderButton", "initCheckout", "bindChangeAction", "bindUpgradeAction", "signout", "onClick", "updateButtonInfo"} {
		require.Contains(t, script, call)
	}
	for _, path := range []string{ButtonPath, ChangePath, UpgradePath} {
		require.Contains(t, script, `"`+path[1:]+`"`, "it posts to an address beside itself")
	}
	for _, forbidden := range []string{"eval(", "Function(", "innerHTML", "setAttribute(\"style", "http://", "https://", "document.write", "import "} {
		require.NotContains(t, script, forbidden)
	}
}

func TestScriptInABrowser(t *testing.T) {
	t.Parallel()
	record := &recorder{posts: make(chan post, 20)}
	sim := httptest.NewServer(record)
	t.Cleanup(sim.Close)
	done := make(chan []byte, 1)
	shop := httptest.NewServer(shopHandler(sim.URL, record, done))
	t.Cleanup(shop.Close)
	browser(t, shop.URL)

	var body []byte
	select {
	case body = <-done:
	case <-time.After(time.Minute):
		require.Fail(t, "the browser reported nothing")
	}
	checkSeen(t, body)
	checkPosts(t, record.kept)
}

func shopHandler(sim string, record *recorder, done chan []byte) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=shift_jis")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; script-src 'self' "+sim+"; form-action "+sim)
		_, _ = io.WriteString(w, strings.Replace(shopPage, "%s", sim, 1))
	})
	mux.HandleFunc("GET /shop.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = io.WriteString(w, shopScript)
	})
	mux.HandleFunc("GET /posted", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("n"))
		select {
		case p := <-record.posts:
			record.kept = append(record.kept, p)
		case <-time.After(time.Minute):
		}
		if len(record.kept) != n {
			w.WriteHeader(http.StatusConflict)
		}
	})
	mux.HandleFunc("POST /create", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":"8b3fd5a2"}`) })
	mux.HandleFunc("POST /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("POST /done", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		done <- body
	})
	return mux
}

func checkSeen(t *testing.T, body []byte) {
	var seen struct {
		Failed, Label, Type, Colour string
		Signout                     bool
		Left                        int
		Violations                  []string
		Errors                      map[string]string
	}
	require.NoError(t, json.Unmarshal(body, &seen))
	require.Empty(t, seen.Failed)
	require.Empty(t, seen.Violations, "the script breaks the page's policy")
	require.Equal(t, "Mit Amazon Pay bezahlen", seen.Label)
	require.Equal(t, "button", seen.Type)
	require.Equal(t, "rgb(90, 95, 102)", seen.Colour, "styles take effect under the policy")
	require.True(t, seen.Signout)
	require.Zero(t, seen.Left, "forms are removed again")
	require.Equal(t, map[string]string{
		"element":  "amazon.Pay: the element #nowhere is missing",
		"merchant": "amazon.Pay: merchantId is missing",
		"payload":  "amazon.Pay: createCheckoutSessionConfig.payloadJSON is missing",
		"session":  "amazon.Pay: createCheckoutSessionConfig is missing",
		"key":      "amazon.Pay: publicKeyId is missing",
		"create":   "amazon.Pay: /broken answered 502",
		"change":   "amazon.Pay: amazonCheckoutSessionId is missing",
	}, seen.Errors)
}

// checkPosts compares what arrived. Browsers write every line end of a form as CRLF.
func checkPosts(t *testing.T, posts []post) {
	text := "{\r\n  \"storeId\": \"größe 山田 😀 <&\\u0026>\\\"\",\r\n \"x\":1}"
	express := map[string]string{
		"merchantId": "PMXMERCHANT", "publicKeyId": "SANDBOX-KEY", "productType": "PayOnly", "payloadJSON": text,
		"signature": "c2ln+/==", "algorithm": "AMZN-PAY-RSASSA-PSS-V2", "ledgerCurrency": "EUR", "checkoutLanguage": "de_DE",
		"placement": "Cart", "estimatedOrderAmount": `{"amount":"49.90","currencyCode":"EUR"}`,
	}
	want := []struct {
		path   string
		fields map[string]string
	}{
		{"/pay/button", express},
		{"/pay/button", with(express, "algorithm", "", "checkoutLanguage", "ja_JP", "estimatedOrderAmount", `{"amount":"10","currencyCode":"EUR"}`)},
		{"/pay/button", map[string]string{"merchantId": "PMXMERCHANT", "publicKeyId": "PLAINKEY", "productType": "SignIn", "sandbox": "true",
			"payloadJSON": "{}", "signature": "c2ln", "algorithm": "AMZN-PAY-RSASSA-PSS"}},
		{"/pay/button", map[string]string{"merchantId": "PMXMERCHANT", "publicKeyId": "SANDBOX-KEY", "productType": "PayAndShip", "amazonCheckoutSessionId": "8b3fd5a2"}},
		{"/pay/change", map[string]string{"amazonCheckoutSessionId": "8b3f", "changeAction": "changeAddress"}},
		{"/pay/upgrade", map[string]string{"amazonCheckoutSessionId": "8b3f", "upgradeAction": "UpgradeRecurring"}},
	}
	require.Len(t, posts, len(want))
	for i, p := range posts {
		got := map[string]string{}
		for name, values := range p.form {
			require.Len(t, values, 1, name)
			got[name] = values[0]
		}
		require.Equal(t, want[i].path, p.path)
		require.Equal(t, want[i].fields, got)
	}
}

// with is a copy of fields with some of them changed, or removed where the value is empty.
func with(fields map[string]string, change ...string) map[string]string {
	copied := map[string]string{}
	for name, value := range fields {
		copied[name] = value
	}
	for i := 0; i < len(change); i += 2 {
		copied[change[i]] = change[i+1]
		if change[i+1] == "" {
			delete(copied, change[i])
		}
	}
	return copied
}
