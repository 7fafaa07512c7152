package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/internal/simulator"
)

const (
	shopOrigin = "https://shop.test"
	cartURL    = shopOrigin + "/cart"
	reviewURL  = shopOrigin + "/review?order=17"
	resultURL  = shopOrigin + "/result"
	cancelURL  = shopOrigin + "/canceled"
)

// front is a shop with a button, and a buyer's browser without script.
type front struct {
	t       *testing.T
	server  *Server
	account Account
}

func newFront(t *testing.T, change ...func(*Account)) *front {
	t.Helper()
	a := ExampleAccount()
	for _, c := range change {
		c(&a)
	}
	server, err := New(Config{Accounts: []Account{a}, URL: "https://amazon.test"})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	return &front{t, server, a}
}

func region(name string) func(*Account) {
	return func(a *Account) { a.Region = name }
}

type fieldsOf = map[string]any

// express is the payload of a button with a review page.
func (f *front) express(change ...fieldsOf) fieldsOf {
	payload := fieldsOf{
		"webCheckoutDetails": fieldsOf{"checkoutReviewReturnUrl": reviewURL, "checkoutResultReturnUrl": resultURL, "checkoutCancelUrl": cancelURL},
		"storeId":            f.account.StoreIDs[0],
		"merchantMetadata":   fieldsOf{"merchantStoreName": "Layla's Coffee"},
	}
	for _, c := range change {
		maps.Copy(payload, c)
	}
	return payload
}

// payNow is the payload of the additional payment button.
func (f *front) payNow(change ...fieldsOf) fieldsOf {
	payload := f.express(fieldsOf{
		"webCheckoutDetails": fieldsOf{"checkoutMode": "ProcessOrder", "checkoutResultReturnUrl": resultURL, "checkoutCancelUrl": cancelURL},
		"paymentDetails":     fieldsOf{"paymentIntent": "Authorize", "chargeAmount": euros("49.90")},
		"addressDetails": fieldsOf{"name": "Susie Smith", "addressLine1": "10 Ditch Lane", "city": "Hamburg", "postalCode": "20457",
			"countryCode": "DE", "phoneNumber": "04066969000"},
	})
	for _, c := range change {
		maps.Copy(payload, c)
		maps.DeleteFunc(payload, func(_ string, v any) bool { return v == nil })
	}
	return payload
}

func euros(amount string) fieldsOf { return fieldsOf{"amount": amount, "currencyCode": "EUR"} }

// button is what the script posts: the payload signed as the account's server does it, then changed.
func (f *front) button(product string, payload any, change ...string) url.Values {
	f.t.Helper()
	text, isText := payload.(string)
	if !isText {
		encoded, err := json.Marshal(payload)
		require.NoError(f.t, err)
		text = string(encoded)
	}
	form := url.Values{
		"merchantId": {f.account.MerchantID}, "publicKeyId": {f.account.Keys[0].ID}, "productType": {product}, "payloadJSON": {text},
		"signature": {f.sign("AMZN-PAY-RSASSA-PSS-V2", 32, text)}, "algorithm": {"AMZN-PAY-RSASSA-PSS-V2"}, "checkoutLanguage": {"en_GB"},
	}
	for i := 0; i < len(change); i += 2 {
		form.Set(change[i], change[i+1])
		if change[i+1] == absent {
			form.Del(change[i])
		}
	}
	return form
}

const absent = "\x00absent"

func (f *front) sign(algorithm string, salt int, text string) string {
	key, err := parsePrivateKey(f.account.Keys[0].PrivateKey)
	require.NoError(f.t, err)
	inner := sha256.Sum256([]byte(text))
	outer := sha256.Sum256([]byte(algorithm + "\n" + hexOf(inner[:])))
	signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, outer[:], &rsa.PSSOptions{SaltLength: salt})
	require.NoError(f.t, err)
	return base64.StdEncoding.EncodeToString(signature)
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var text strings.Builder
	for _, c := range b {
		text.WriteByte(digits[c>>4])
		text.WriteByte(digits[c&15])
	}
	return text.String()
}

// sight is what the buyer sees, or the address at the shop where he arrived.
type sight struct {
	f       *front
	address *url.URL
	status  int
	header  http.Header
	html    string
}

// browse follows redirects until a page is shown or the browser leaves the simulator.
func (f *front) browse(method, address string, form url.Values, header ...string) *sight {
	f.t.Helper()
	for range 6 {
		r := httptest.NewRequest(method, address, strings.NewReader(form.Encode()))
		r.RemoteAddr = "127.0.0.1:1"
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		f.server.ServeHTTP(w, r)
		body := strings.NewReplacer(string(simulator.Style), "", look, "").Replace(w.Body.String())
		p := &sight{f, r.URL, w.Code, w.Result().Header, body}
		if w.Code != http.StatusSeeOther {
			return p
		}
		to, err := r.URL.Parse(w.Header().Get("Location"))
		require.NoError(f.t, err)
		if to.Host != r.URL.Host {
			p.address = to
			return p
		}
		method, address, form, header = http.MethodGet, to.String(), nil, nil
	}
	require.Fail(f.t, "redirected too often", address)
	return nil
}

const simulatorURL = "https://amazon.test"

// click sends the buyer off from the shop's cart.
func (f *front) click(form url.Values) *sight {
	f.t.Helper()
	return f.browse(http.MethodPost, simulatorURL+ButtonPath, form, "Referer", cartURL)
}

// open is a signed button's click.
func (f *front) open(product string, payload any) *sight {
	f.t.Helper()
	return f.click(f.button(product, payload)).on(pageSignIn)
}

// on expects a certain page of a visit.
func (p *sight) on(page string) *sight {
	p.f.t.Helper()
	require.Equal(p.f.t, http.StatusOK, p.status, "%s", p.html)
	require.True(p.f.t, strings.HasSuffix(p.address.Path, "/"+page), "at %s, not at %s: %s", p.address, page, p.html)
	return p
}

// press submits the form that is shown, with a button it has.
func (p *sight) press(action string, input ...string) *sight {
	p.f.t.Helper()
	require.Contains(p.f.t, p.html, `name="action" value="`+action+`"`)
	form := url.Values{"action": {action}}
	for i := 0; i < len(input); i += 2 {
		require.Contains(p.f.t, p.html, `name="`+input[i]+`"`)
		form.Set(input[i], input[i+1])
	}
	return p.post(form)
}

// post submits a form from where the browser is, whatever is shown there.
func (p *sight) post(form url.Values, header ...string) *sight {
	p.f.t.Helper()
	return p.f.browse(http.MethodPost, p.address.String(), form, header...)
}

func (p *sight) reload() *sight {
	p.f.t.Helper()
	return p.f.browse(http.MethodGet, p.address.String(), nil)
}

// back expects that the buyer is at the shop's page, and returns what the address carries.
func (p *sight) back(page string) url.Values {
	p.f.t.Helper()
	want, err := url.Parse(page)
	require.NoError(p.f.t, err)
	require.Equal(p.f.t, http.StatusSeeOther, p.status, "%s", p.html)
	require.Equal(p.f.t, want.Host+want.Path, p.address.Host+p.address.Path)
	return p.address.Query()
}

// refused expects the developer's error page.
func (p *sight) refused(code string) string {
	p.f.t.Helper()
	require.GreaterOrEqual(p.f.t, p.status, 400)
	found := errorPage.FindStringSubmatch(p.html)
	require.NotNil(p.f.t, found, "no error page: %s", p.html)
	require.Equal(p.f.t, code, html.UnescapeString(found[2]), found[3])
	return html.UnescapeString(found[3])
}

var errorPage = regexp.MustCompile(`(?s)Session ID</th><td class="code">(.*?)</td>.*Error Code</th><td class="code">(.*?)</td>.*Error Message</th><td class="code">(.*?)</td>`)

// session is a copy of the session's state, as the simulator has it.
func (f *front) session(id string) session {
	f.t.Helper()
	f.server.mu.Lock()
	defer f.server.mu.Unlock()
	sess := f.server.session(id)
	require.NotNil(f.t, sess, id)
	return *sess
}

// change does to a session what the merchant's server does.
func (f *front) change(id string, change func(*session)) {
	f.server.mu.Lock()
	defer f.server.mu.Unlock()
	change(f.server.session(id))
}

// redirect sends the buyer to amazonPayRedirectUrl after the merchant's update.
func (f *front) redirect(id string, intent string, pending bool) *sight {
	f.t.Helper()
	f.change(id, func(sess *session) {
		sess.PaymentDetails.ChargeAmount = &price{"49.90", f.server.accounts[f.account.MerchantID].LedgerCurrency}
		sess.PaymentDetails.PaymentIntent, sess.PaymentDetails.CanHandlePendingAuthorization = &intent, &pending
	})
	return f.arrive(id)
}

func (f *front) arrive(id string) *sight {
	f.t.Helper()
	return f.browse(http.MethodGet, simulatorURL+ProcessingPath+"?amazonCheckoutSessionId="+id, nil)
}

// reviewed is a buyer who has chosen and is back at the shop.
func (f *front) reviewed(product string, payload any) string {
	f.t.Helper()
	id := f.open(product, payload).press("continue").on(pageReview).press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	require.Len(f.t, id, 36)
	return id
}
