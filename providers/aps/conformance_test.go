package aps_test

import (
	"bytes"
	"context"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/aps"
	"github.com/paymux/paymux/providers/aps/sandbox"
	"github.com/paymux/paymux/providers/internal/outbound"
	"github.com/paymux/paymux/providers/providertest"
	"github.com/paymux/paymux/providers/secret"
)

// TestConformance runs the suite with each signature function, form of feedback and way of return that accounts have.
func TestConformance(t *testing.T) {
	for name, account := range map[string]func(*sandbox.Account){
		"JSON, POST, SHA-256": func(*sandbox.Account) {},
		"form, GET, HMAC-512": func(a *sandbox.Account) {
			a.SHAType, a.FeedbackFormat, a.ReturnMethod = sandbox.HMAC512, sandbox.FeedbackForm, http.MethodGet
		},
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) providertest.World { return newWorld(t, account) })
		})
	}
}

// world is the adapter on the simulator of APS, over sockets of this machine.
type world struct {
	provider, stranger *aps.Provider
	account            sandbox.Account
	address            string
	browser            *http.Client

	mu       sync.Mutex
	messages []core.Message
	sent     []string
	kept     []core.Exchange
}

func newWorld(t *testing.T, change func(*sandbox.Account)) *world {
	w := &world{account: sandbox.ExampleAccount(), browser: &http.Client{CheckRedirect: stayHere}}
	change(&w.account)
	shop := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(shop.Close)
	w.account.DirectFeedbackURL, w.account.NotificationURL = shop.URL+"/feedback", shop.URL+"/feedback"
	server, err := sandbox.New(sandbox.Config{Accounts: []sandbox.Account{w.account}})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	simulator := httptest.NewServer(server)
	t.Cleanup(simulator.Close)
	w.address = simulator.URL

	cfg := aps.Config{
		MerchantIdentifier: w.account.MerchantIdentifier, AccessCode: w.account.AccessCode, SHAType: string(w.account.SHAType),
		RequestPhrase: secret.New(w.account.RequestPhrase), ResponsePhrase: secret.New(w.account.ResponsePhrase),
		PageURL: w.address + sandbox.PaymentPagePath, APIURL: w.address + sandbox.PaymentAPIPath,
	}
	transport := outbound.NewTransport(outbound.Options{AllowLocal: true})
	t.Cleanup(transport.CloseIdleConnections)
	client := outbound.New(outbound.Options{Transport: watched{w, transport}, AllowLocal: true, Record: w.keep})
	w.provider, err = aps.New(cfg, client)
	require.NoError(t, err)
	cfg.MerchantIdentifier, cfg.ResponsePhrase = "pmxMid02", secret.New("pmx$Resp#example2!")
	w.stranger, err = aps.New(cfg, client)
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
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	t.w.mu.Lock()
	t.w.sent = append(t.w.sent, r.Method+" "+r.URL.String()+"\n"+string(body))
	t.w.mu.Unlock()
	return t.next.RoundTrip(r)
}

func (w *world) Provider() core.Provider { return w.provider }
func (w *world) Stranger() core.Provider { return w.stranger }
func (w *world) Simulator() string       { return w.address }

func (w *world) Operation(kind core.OpKind) string {
	return map[core.OpKind]string{core.OpCapture: "CAPTURE", core.OpVoid: "VOID_AUTHORIZATION", core.OpRefund: "REFUND",
		core.OpChargeMandate: "PURCHASE", core.OpCancelMandate: "UPDATE_TOKEN"}[kind]
}

func (w *world) Input() core.StartInput {
	amount := core.Money{Minor: 12550, Currency: "AED"}
	return core.StartInput{
		Method: core.Method{Type: "card", Flow: "hosted"},
		Order: core.Order{
			MerchantReference: "order-1001", Amount: amount, Authorize: amount, Capture: core.CaptureManual, Description: "2 mugs",
			Buyer:   core.Buyer{Email: "layla.canary@example.org", FirstName: "Layla", LastName: "Khan", Phone: "+971 4 5550100", IP: "203.0.113.9", Locale: "en"},
			Returns: core.ReturnURLs{Result: "https://pay.example/return/AB12"},
		},
	}
}

func (w *world) Wills() []providertest.Will {
	return []providertest.Will{providertest.PaysWithSecure, providertest.PaysLater, providertest.DeclinedLater}
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

func (w *world) Secrets() []string {
	return []string{w.account.RequestPhrase, w.account.ResponsePhrase, "4005550000000001", "layla.canary@example.org"}
}

// Test cards of the documents and, for the decline, of the simulator.
const (
	card          = "4005550000000001"
	challengeCard = "4557012345678902"
	declinedCard  = "4000000000000002"
	laterCard     = "4000000000000119" // uncertain, then paid
	neverCard     = "4000000000000259" // uncertain, then declined
)

// Buy posts the form of next and acts on the pages that follow, until one sends the browser back.
func (w *world) Buy(t *testing.T, next *core.NextAction, will providertest.Will) core.Return {
	require.Equal(t, core.NextPostForm, next.Type)
	form := url.Values{}
	for _, field := range next.Fields {
		form.Set(field[0], field[1])
	}
	p := w.browse(t, http.MethodPost, next.URL, form)
	switch will {
	case providertest.Pays:
		p = p.enter(card)
	case providertest.PaysWithSecure:
		p = p.enter(challengeCard).press("challenge_pass", nil)
	case providertest.PaysLater:
		p = p.enter(laterCard)
	case providertest.DeclinedLater:
		p = p.enter(neverCard)
	case providertest.Declined:
		p = p.enter(declinedCard).press("cancel", nil)
	case providertest.DeclinedOnce:
		p = p.enter(declinedCard).enter(card)
	default:
		p = p.press("cancel", nil)
	}
	return p.back(next.Accepts)
}

// page is what the buyer sees.
type page struct {
	t    *testing.T
	w    *world
	url  *url.URL // where it is, or where it sends the browser
	html string
}

func (w *world) browse(t *testing.T, method, address string, form url.Values) page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := w.browser.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	p := page{t, w, resp.Request.URL, string(body)}
	if to, err := resp.Location(); err == nil {
		p.url = to
	}
	return p
}

func (p page) press(action string, fill url.Values) page {
	p.t.Helper()
	require.Contains(p.t, p.html, `name="action" value="`+action+`"`)
	form := url.Values{"action": {action}}
	for name, value := range fill {
		if strings.Contains(p.html, `name="`+name+`"`) { // a stored card is asked for its code only
			form[name] = value
		}
	}
	return p.w.browse(p.t, http.MethodPost, p.url.String(), form)
}

func (p page) enter(number string) page {
	p.t.Helper()
	return p.press("continue", url.Values{"card_number": {number}, "expiry_date": {"9912"}, "card_security_code": {"123"}, "card_holder_name": {"LAYLA KHAN"}})
}

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// back is what the browser brings to the shop: the form that posts itself, or the query of the address.
func (p page) back(accepts []string) core.Return {
	p.t.Helper()
	r := core.Return{Step: "result", Method: http.MethodGet, Values: p.url.Query()}
	if strings.Contains(p.html, `id="return"`) {
		r.Method, r.Values = http.MethodPost, url.Values{}
		for _, m := range hiddenInput.FindAllStringSubmatch(p.html, -1) {
			r.Values.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
		}
	}
	require.NotEmpty(p.t, r.Values, "the browser is not sent back:\n%s", p.html)
	for name := range r.Values {
		require.Contains(p.t, accepts, name)
	}
	return r
}
