package main

import (
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/apitest"
	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/amazonpay/sandbox"
	"github.com/paymux/paymux/storage/storagetest"
)

// amazonWorld is the whole program on the simulator of Amazon Pay, with a merchant in Europe and Japan and another one.
type amazonWorld struct {
	*world
	amazon   *sandbox.Server
	settings map[string]string // lines more of an account's configuration
	badKey   atomic.Bool       // calls bear another signature than that of the account's key
	simulate chan [2]string    // codes that calls to come have Amazon simulate, by the end of their path
}

// amazonAccounts are examples; their key is public and protects nothing.
var amazonAccounts = map[string]sandbox.Account{
	"amazon-eu":    amazonAccount("1", "eu"),
	"amazon-jp":    amazonAccount("2", "jp"),
	"amazon-other": amazonAccount("3", "eu"),
}

func amazonAccount(number, region string) sandbox.Account {
	a := sandbox.ExampleAccount()
	a.MerchantID, a.Region = "pmxAEXAMPLE00"+number, region
	a.StoreIDs = []string{"amzn1.application-oa2-client.0000000000000000000000000000000" + number}
	a.Keys = []sandbox.Key{{ID: "SANDBOX-pmxAHEXAMPLE00000000000" + number, PublicKey: a.Keys[0].PublicKey, PrivateKey: a.Keys[0].PrivateKey}}
	return a
}

// eachAmazon runs test on SQLite and on Postgres.
func eachAmazon(t *testing.T, test func(*testing.T, *amazonWorld)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newAmazonWorld(t, storagetest.SQLiteDSN(t))) })
	t.Run("postgres", func(t *testing.T) { test(t, newAmazonWorld(t, storagetest.PostgresDSN(t))) })
}

// onAmazon is the world on SQLite; with changes it first.
func onAmazon(t *testing.T, with ...func(*amazonWorld, *sandbox.Config)) *amazonWorld {
	return newAmazonWorld(t, storagetest.SQLiteDSN(t), with...)
}

// newAmazonWorld runs its test beside the others: each has a world of its own.
func newAmazonWorld(t *testing.T, dsn string, with ...func(*amazonWorld, *sandbox.Config)) *amazonWorld {
	t.Helper()
	t.Parallel()
	w := &amazonWorld{world: &world{t: t, dsn: dsn, keys: map[string]string{}, logs: &safeBuffer{}}, settings: map[string]string{}, simulate: make(chan [2]string, 1)}
	var config sandbox.Config
	for _, a := range amazonAccounts {
		config.Accounts = append(config.Accounts, a)
	}
	for _, change := range with {
		change(w, &config)
	}
	var err error
	w.amazon, err = sandbox.New(config)
	require.NoError(t, err)
	t.Cleanup(w.amazon.Close)
	server := httptest.NewServer(http.HandlerFunc(w.simulated))
	t.Cleanup(server.Close)
	w.simURL = server.URL
	require.NoError(t, w.amazon.SetURL(w.simURL))
	w.http = &http.Client{Transport: apitest.Contract(t, http.DefaultTransport)}
	w.begin()
	t.Cleanup(func() { w.stop(); w.showLogs() })
	for _, merchant := range []string{"main", "other"} {
		w.keys[merchant], _, err = newKey(t.Context(), w.service.store, merchant, core.ScopeMerchant, time.Time{})
		require.NoError(t, err)
	}
	return w
}

// scaled has the program ask and repeat soon, by itself.
func (w *amazonWorld) scaled() {
	w.world.change = strings.NewReplacer("time_scale: 1}", "time_scale: 20}", "answer: 30s", "answer: 50s", "provider_call: 30s", "provider_call: 60s")
}

// pretends has the next call whose path ends so bear a code of Amazon's sandbox, which tells what is to become of it.
func (w *amazonWorld) pretends(end, code string) { w.simulate <- [2]string{end, code} }

// simulated is the simulator, with codes that the program itself never sends. They are not under its signature.
func (w *amazonWorld) simulated(rw http.ResponseWriter, r *http.Request) {
	select {
	case next := <-w.simulate:
		if strings.HasSuffix(r.URL.Path, next[0]) {
			r.Header.Set("X-Amz-Pay-Simulation-Code", next[1])
		} else {
			w.simulate <- next
		}
	default:
	}
	if w.badKey.Load() && r.Header.Get("Authorization") != "" {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signature=AAAA", 1))
	}
	w.amazon.ServeHTTP(rw, r)
}

// begin starts the program, as `paymux serve` does.
func (w *amazonWorld) begin() {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	w.url = "http://" + l.Addr().String()
	for name, a := range amazonAccounts {
		require.NoError(w.t, w.amazon.SetFeedbackURLs(a.MerchantID, sandbox.Sandbox, w.url+"/feedback/"+name))
	}
	w.serve(l, w.write(l.Addr().String()))
}

// write writes the configuration, secrets in files beside it.
func (w *amazonWorld) write(address string) string {
	w.t.Helper()
	folder := w.t.TempDir()
	secret := func(name, value string) string {
		path := filepath.Join(folder, name)
		require.NoError(w.t, os.WriteFile(path, []byte(value), 0o600))
		return "${file:" + path + "}"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "listen: %s\npublic_url: http://%s\ndatabase: %q\nmode: test\nsecret_key: %s\n", address, address, w.dsn, secret("key", strings.Repeat("e2e-example-", 4)))
	b.WriteString("timeouts: {answer: 30s, provider_call: 30s, before_stop: 0s, stop: 5s}\nreliability: {time_scale: 1}\n")
	b.WriteString("merchants:\n  main: {accounts: [amazon-eu, amazon-jp], return_hosts: [shop.example]}\n  other: {accounts: [amazon-other], return_hosts: [shop.example]}\naccounts:\n")
	for name, a := range amazonAccounts {
		fmt.Fprintf(&b, "  %s:\n%s    provider: amazonpay\n    merchant_id: %s\n    store_id: %s\n    store_name: %s\n    region: %s\n    public_key_id: %s\n    private_key: %s\n    api_url: %s\n    script_url: %s\n    sns_certificate_url: %s\n",
			name, w.settings[name], a.MerchantID, a.StoreIDs[0], a.Name, a.Region, a.Keys[0].ID, secret(name+".key", a.Keys[0].PrivateKey), w.simURL, w.simURL+sandbox.ScriptPath, w.simURL)
	}
	text := b.String()
	if w.world.change != nil {
		text = w.world.change.Replace(text)
	}
	w.config = filepath.Join(folder, "paymux.yaml")
	require.NoError(w.t, os.WriteFile(w.config, []byte(text), 0o600))
	return w.config
}

// amazonOrder is a request for a reviewed order, shipped, of 125.50 €; change replaces members, nil removes them.
func amazonOrder(reference string, change map[string]any) map[string]any {
	body := order(reference, map[string]any{"account": "amazon-eu", "currency": "EUR", "review_url": "https://shop.example/review",
		"method": map[string]any{"type": "amazon_pay", "flow": "express", "product": "pay_and_ship"},
		"buyer":  map[string]any{"locale": "de-DE"}})
	for k, v := range change {
		if body[k] = v; v == nil {
			delete(body, k)
		}
	}
	return body
}

func (w *amazonWorld) create(reference string, change map[string]any) *answer {
	w.t.Helper()
	return w.call("POST", "/v1/payments", amazonOrder(reference, change)).want(201)
}

// payNow changes an order to one that is paid without a review.
func payNow(more map[string]any) map[string]any {
	change := map[string]any{"review_url": nil, "method": map[string]any{"type": "amazon_pay", "flow": "pay_now", "product": "pay_only"}}
	for name, value := range more {
		change[name] = value
	}
	return change
}

var (
	widgetConfig = regexp.MustCompile(`(?s)<script type="application/json" id="config">(.*?)</script>`)
	widgetScript = regexp.MustCompile(`<script src="([^"]*)"></script>`)
)

// click presses the button of a hosted page, and posts what Amazon's script does then.
func (p *sheet) click() *sheet {
	p.b.t.Helper()
	config, script := widgetConfig.FindStringSubmatch(p.html), widgetScript.FindStringSubmatch(p.html)
	require.NotNil(p.b.t, config, "no button on %s, status %d:\n%s", p.url, p.status, p.html)
	var c map[string]any
	require.NoError(p.b.t, json.Unmarshal([]byte(config[1]), &c))
	handed, found := c["createCheckoutSessionConfig"].(map[string]any)
	if !found {
		handed = c["signInConfig"].(map[string]any)
	}
	form := url.Values{}
	for _, name := range []string{"merchantId", "productType", "checkoutLanguage", "sandbox"} {
		if value, told := c[name]; told {
			form.Set(name, fmt.Sprint(value))
		}
	}
	for name, value := range handed {
		form.Set(name, fmt.Sprint(value))
	}
	return p.b.load(http.MethodPost, strings.TrimSuffix(html.UnescapeString(script[1]), sandbox.ScriptPath)+sandbox.ButtonPath, form)
}

func (p *sheet) has(action string) bool {
	return strings.Contains(p.html, `name="action" value="`+action+`"`)
}

func (p *sheet) away() bool {
	u, err := url.Parse(p.url)
	return err == nil && (u.Host == shopHost || p.b.stop != "" && strings.Contains(u.Path, p.b.stop))
}

// with chooses the instrument that ends so.
func (p *sheet) with(instrument string) *sheet {
	p.b.t.Helper()
	return p.submit("change_instrument").submit("continue", "paymentInstrumentId", instrument)
}

// through does what leads back to the shop: proves who he is, agrees to what is asked, takes what is proposed.
func (p *sheet) through() *sheet {
	p.b.t.Helper()
	for range 10 {
		switch {
		case p.away():
			return p
		case p.has("challenge_pass"):
			p = p.submit("challenge_pass")
		case p.has("approve"):
			p = p.submit("approve")
		case strings.Contains(p.html, `name="paymentInstrumentId"`):
			p = p.submitTo("", "continue")
		default:
			p = p.submit("continue")
		}
	}
	require.Fail(p.b.t, "the buyer is sent round in circles", p.html)
	return p
}

// signIn goes from the hosted page to the page of Amazon's on which everything is chosen.
func (w *amazonWorld) signIn(payment *answer) *sheet {
	w.t.Helper()
	return newShopper(w.t).open(payment.str("next_action.hosted_url")).click().submit("continue")
}

// review goes through Amazon's pages to the shop's review.
func (w *amazonWorld) review(payment *answer, instrument string) *answer {
	w.t.Helper()
	w.signIn(payment).with(instrument).through().atShop("/review")
	return w.get(payment.str("id"))
}

func (w *amazonWorld) confirm(id string) *answer {
	w.t.Helper()
	return w.call("POST", "/v1/payments/"+id+"/confirm", map[string]any{}).want(200)
}

// pay takes the buyer through the whole of a payment to the shop.
func (w *amazonWorld) pay(payment *answer, instrument string) *answer {
	w.t.Helper()
	id := payment.str("id")
	p := w.signIn(payment)
	if p.has("change_instrument") {
		p = p.with(instrument)
	}
	p = p.through()
	if strings.Contains(p.url, "/review") {
		p = newShopper(w.t).open(w.confirm(id).str("next_action.redirect_to_url.url")).through()
	}
	require.True(w.t, p.away())
	return w.get(id)
}

// paid is a new payment that its buyer has gone through.
func (w *amazonWorld) paid(reference string, change map[string]any) (id string) {
	w.t.Helper()
	p := w.create(reference, change)
	w.pay(p, "1111")
	return p.str("id")
}

// entry is what the simulator's books say of a payment.
type entry struct {
	Authorized, Captured, Refunded, Voided int64
	Currency                               string
}

func (w *amazonWorld) row(id string) (sum entry) {
	w.t.Helper()
	p, err := w.service.store.Payment(w.t.Context(), "", id)
	require.NoError(w.t, err)
	for _, b := range w.amazon.Books().Payments {
		for _, at := range p.Attempts {
			if b.Reference == at.Reference {
				sum.Authorized, sum.Captured, sum.Refunded, sum.Voided = sum.Authorized+b.Authorized, sum.Captured+b.Captured, sum.Refunded+b.Refunded, sum.Voided+b.Voided
				sum.Currency = b.Currency
			}
		}
	}
	return sum
}

// balanced requires that our amounts become the simulator's, to the minor unit, and that nothing is in doubt.
func (w *amazonWorld) balanced(id string) {
	w.t.Helper()
	var got, want []string
	if !eventually(func() bool {
		b, a := w.row(id), w.get(id)
		want = []string{fmt.Sprint(b.Authorized), fmt.Sprint(b.Captured), fmt.Sprint(b.Refunded), fmt.Sprint(b.Voided), "0"}
		got = []string{a.str("amounts.authorized"), a.str("amounts.captured"), a.str("amounts.refunded"), a.str("amounts.released"), a.str("amounts.in_doubt")}
		return fmt.Sprint(got) == fmt.Sprint(want)
	}) {
		require.Equal(w.t, want, got, "authorized, captured, refunded, released, in doubt")
	}
}

// eventually reports whether a condition comes to hold.
func eventually(holds func() bool) bool {
	for end := time.Now().Add(waitFor); time.Now().Before(end); time.Sleep(tick) {
		if holds() {
			return true
		}
	}
	return false
}

func (w *amazonWorld) advance(d time.Duration) {
	w.t.Helper()
	w.control("clock", map[string]any{"advance": d.String()})
}

// unheard has the simulator tell nothing more.
func (w *amazonWorld) unheard() {
	w.t.Helper()
	w.control("feedback", map[string]any{"mode": "drop", "times": 1000})
}

func (w *amazonWorld) sync(id string) *answer {
	w.t.Helper()
	return w.call("POST", "/v1/payments/"+id+"/sync", nil).want(200)
}
