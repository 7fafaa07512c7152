package amazonpay_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/amazonpay"
	"github.com/paymux/paymux/providers/amazonpay/sandbox"
	"github.com/paymux/paymux/providers/internal/outbound"
	"github.com/paymux/paymux/providers/providertest"
	"github.com/paymux/paymux/providers/secret"
)

// TestConformance runs the suite in both flows, with each algorithm and kind of key.
func TestConformance(t *testing.T) {
	for name, c := range map[string]struct {
		flow, algorithm string
		plain           bool
		version         int
	}{
		"express, V2, key of the sandbox":   {"express", amazonpay.AlgorithmV2, false, 2},
		"pay_now, legacy algorithm and key": {"pay_now", amazonpay.AlgorithmLegacy, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) providertest.World {
				return newWorld(t, c.flow, func(a *sandbox.Account, s *sandbox.Config, cfg *amazonpay.Config) {
					cfg.Algorithm, s.NotificationSignature, cfg.SignatureV1 = c.algorithm, c.version, c.version == 1
					if c.plain {
						a.Keys[0].ID, cfg.PublicKeyID, cfg.Environment = "pmxPLAIN", "pmxPLAIN", amazonpay.Sandbox
					}
				})
			})
		})
	}
}

// world is the adapter on the simulator of Amazon Pay, over sockets of this machine.
type world struct {
	provider, stranger *amazonpay.Provider
	account            sandbox.Account
	address, flow      string
	browser            *http.Client

	mu       sync.Mutex
	messages []core.Message
	sent     []string
	kept     []core.Exchange
}

func newWorld(t *testing.T, flow string, change func(*sandbox.Account, *sandbox.Config, *amazonpay.Config)) *world {
	w := &world{account: sandbox.ExampleAccount(), flow: flow, browser: &http.Client{CheckRedirect: stayHere}}
	cfg := amazonpay.Config{
		MerchantID: w.account.MerchantID, StoreID: w.account.StoreIDs[0], PublicKeyID: w.account.Keys[0].ID, PrivateKey: secret.New(w.account.Keys[0].PrivateKey),
		Region: w.account.Region, StoreName: "Layla's Coffee",
	}
	shop := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(shop.Close)
	config := sandbox.Config{ClockSkew: 10_000 * time.Hour} // the suite moves the clock of the simulator, and nobody else
	change(&w.account, &config, &cfg)
	config.Accounts = []sandbox.Account{w.account}
	server, err := sandbox.New(config)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	simulator := httptest.NewServer(server)
	t.Cleanup(simulator.Close)
	w.address = simulator.URL
	require.NoError(t, server.SetURL(w.address))
	require.NoError(t, server.SetFeedbackURLs(w.account.MerchantID, sandbox.Sandbox, shop.URL+"/feedback"))

	cfg.APIURL, cfg.ScriptURL, cfg.CertificateHost = w.address, w.address+sandbox.ScriptPath, w.address
	transport := outbound.NewTransport(outbound.Options{AllowLocal: true})
	t.Cleanup(transport.CloseIdleConnections)
	client := outbound.New(outbound.Options{Transport: watched{w, transport}, AllowLocal: true, Record: w.keep})
	w.provider, err = amazonpay.New(cfg, client)
	require.NoError(t, err)
	cfg.MerchantID, cfg.PublicKeyID = "pmxSTRANGER", "SANDBOX-pmxSTRANGER"
	cfg.Environment = ""
	w.stranger, err = amazonpay.New(cfg, client)
	require.NoError(t, err)
	return w
}

// stayHere follows redirects of the simulator and stops before the shop, whose address nobody has.
func stayHere(r *http.Request, _ []*http.Request) error {
	if r.URL.Hostname() == "pay.example" {
		return http.ErrUseLastResponse
	}
	return nil
}

func (w *world) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = append(w.messages, core.Message{Method: r.Method, URL: r.URL, Header: r.Header, Body: body, RemoteAddr: r.RemoteAddr})
}

func (w *world) keep(_ context.Context, e core.Exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, e)
}

// watched notes what passes.
type watched struct {
	w    *world
	next http.RoundTripper
}

func (t watched) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	t.w.mu.Lock()
	t.w.sent = append(t.w.sent, r.Method+" "+r.URL.String()+"\n"+r.Header.Get("X-Amz-Pay-Idempotency-Key")+"\n"+string(body))
	t.w.mu.Unlock()
	return t.next.RoundTrip(r)
}

func (w *world) Provider() core.Provider { return w.provider }
func (w *world) Stranger() core.Provider { return w.stranger }
func (w *world) Simulator() string       { return w.address }

func (w *world) Operation(kind core.OpKind) string {
	return map[core.OpKind]string{core.OpCapture: "CaptureCharge", core.OpVoid: "CancelCharge", core.OpRefund: "CreateRefund",
		core.OpChargeMandate: "CreateCharge", core.OpCancelMandate: "CloseChargePermission", core.OpAuthorize: "CreateCharge",
		core.OpConfirm: "UpdateCheckoutSession", core.OpComplete: "CompleteCheckoutSession"}[kind]
}

func (w *world) Input() core.StartInput {
	amount := core.Money{Minor: 12550, Currency: "EUR"}
	return core.StartInput{
		Method: core.Method{Type: "amazon_pay", Flow: w.flow, Product: "pay_and_ship"},
		Order: core.Order{
			MerchantReference: "order-1001", Amount: amount, Authorize: amount, Capture: core.CaptureManual, Description: "2 mugs",
			Buyer: core.Buyer{Email: "layla.canary@example.org", FirstName: "Layla", LastName: "Khan", Phone: "+49 30 5550100", Locale: "de",
				Shipping: &core.Address{Name: "Layla Khan", Line1: "Ringstr. 5", City: "Berlin", PostalCode: "10115", Country: "DE"}},
			Returns: core.ReturnURLs{Review: "https://pay.example/return/review", Result: "https://pay.example/return/result", Cancel: "https://pay.example/return/back"},
		},
	}
}

func (w *world) Wills() []providertest.Will { return []providertest.Will{providertest.PaysWithSecure} }

// Settles is how long the simulator takes for what it does later.
func (w *world) Settles() time.Duration { return sandbox.DefaultSettleAfter }

// Unsigned are the members of the envelope that SNS does not sign, or that say how it is signed.
func (w *world) Unsigned() []string { return []string{"UnsubscribeURL", "SigningCertURL"} }

// Nameless: a refund names its charge alone, and the charge of a session names the session's permission.
func (w *world) Nameless(kind core.OpKind) bool {
	return kind == core.OpRefund || kind == core.OpCapture
}

// Timeless takes the signature out of an action, which is another one each time.
func (w *world) Timeless(out core.Outcome) core.Outcome {
	config := map[string]any{}
	for name, value := range out.Next.Widget.Config {
		config[name] = value
	}
	handed := map[string]any{}
	for name, value := range config["createCheckoutSessionConfig"].(map[string]any) {
		handed[name] = value
	}
	handed["signature"] = ""
	config["createCheckoutSessionConfig"] = handed
	next, widget := *out.Next, *out.Next.Widget
	widget.Config, next.Widget = config, &widget
	out.Next = &next
	return out
}

func (w *world) Messages() []core.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	messages := w.messages
	w.messages = nil
	return messages
}

func (w *world) Sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.sent...)
}

func (w *world) Kept() []core.Exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]core.Exchange{}, w.kept...)
}

// Secrets are part of the private key, the shop's own buyer, and the buyer at Amazon.
func (w *world) Secrets() []string {
	return []string{w.account.Keys[0].PrivateKey[100:160], "layla.canary@example.org", "erika@example.org", "Erika Muster"}
}

// instruments of the sandbox, by the end of their number.
var instruments = map[providertest.Will]string{
	providertest.Pays: "1111", providertest.PaysWithSecure: "3155", providertest.Declined: "3434", providertest.DeclinedOnce: "0002", providertest.GivesUp: "1111",
}

// Buy goes where next leads and acts on the pages that follow, until one sends the browser back to the shop.
func (w *world) Buy(t *testing.T, next *core.NextAction, will providertest.Will) core.Return {
	var p page
	if next.Type == core.NextRedirect {
		p = w.browse(t, http.MethodGet, next.URL, nil)
	} else {
		p = w.click(t, next).press("continue", nil) // signs in
		if will == providertest.GivesUp {
			return p.press("cancel", nil).back(next.Accepts)
		}
		p = p.press("change_instrument", nil).press("continue", url.Values{"paymentInstrumentId": {instruments[will]}})
	}
	for range 10 {
		if p.away() {
			return p.back(next.Accepts)
		}
		p = p.goOn()
	}
	require.Fail(t, "the buyer is sent round in circles", p.html)
	return core.Return{}
}

// page is what the buyer sees.
type page struct {
	t    *testing.T
	w    *world
	url  *url.URL // where it is, or where it sends the browser
	html string
}

// click posts what the button hands over, as Amazon's script does.
func (w *world) click(t *testing.T, next *core.NextAction) page {
	t.Helper()
	require.Equal(t, core.NextWidget, next.Type)
	config := next.Widget.Config
	handed, found := config["createCheckoutSessionConfig"].(map[string]any)
	if !found {
		handed = config["signInConfig"].(map[string]any)
	}
	form := url.Values{}
	for _, name := range []string{"merchantId", "productType", "checkoutLanguage", "sandbox"} {
		if value, told := config[name]; told {
			form.Set(name, fmt.Sprint(value))
		}
	}
	for name, value := range handed {
		form.Set(name, fmt.Sprint(value))
	}
	return w.browse(t, http.MethodPost, strings.TrimSuffix(next.Widget.ScriptURL, sandbox.ScriptPath)+sandbox.ButtonPath, form)
}

func (w *world) browse(t *testing.T, method, address string, form url.Values) page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := w.browser.Do(r)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	p := page{t, w, resp.Request.URL, string(body)}
	if to, err := resp.Location(); err == nil {
		p.url = to
	}
	return p
}

func (p page) has(action string) bool {
	return strings.Contains(p.html, `name="action" value="`+action+`"`)
}

func (p page) press(action string, fill url.Values) page {
	p.t.Helper()
	require.True(p.t, p.has(action), "no %s on\n%s", action, p.html)
	form := url.Values{"action": {action}}
	for name, values := range fill {
		form[name] = values
	}
	return p.w.browse(p.t, http.MethodPost, p.url.String(), form)
}

// goOn does what leads to the shop: proves who he is, agrees to what is asked, takes the first card after a decline.
func (p page) goOn() page {
	p.t.Helper()
	switch {
	case p.has("challenge_pass"):
		return p.press("challenge_pass", nil)
	case p.has("approve"):
		return p.press("approve", nil)
	}
	return p.press("continue", url.Values{"paymentInstrumentId": {instruments[providertest.Pays]}})
}

func (p page) away() bool { return p.url.Hostname() == "pay.example" }

// back is what the browser brings to the shop.
func (p page) back(accepts []string) core.Return {
	p.t.Helper()
	require.True(p.t, p.away(), "the browser is not sent back:\n%s", p.html)
	r := core.Return{Step: strings.TrimPrefix(p.url.Path, "/return/"), Method: http.MethodGet, Values: p.url.Query()}
	for name := range r.Values {
		require.Contains(p.t, accepts, name)
	}
	return r
}
