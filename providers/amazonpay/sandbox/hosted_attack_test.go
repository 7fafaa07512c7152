package sandbox

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestButtonRefusals(t *testing.T) {
	f := newFront(t)
	other := newFront(t, func(a *Account) { a.MerchantID = "pmxAOTHER" })
	text := func(payload fieldsOf) string {
		encoded, err := json.Marshal(payload)
		require.NoError(t, err)
		return string(encoded)
	}
	web := func(urls fieldsOf) fieldsOf { return f.express(fieldsOf{"webCheckoutDetails": urls}) }
	tests := []struct {
		name string
		form url.Values
		want string
	}{
		{"payload changed", f.button(payOnly, f.express(), "payloadJSON", text(f.express(fieldsOf{"scopes": []string{"name"}}))), "InvalidSignatureError"},
		{"payload with a blank more", f.button(payOnly, f.express(), "payloadJSON", text(f.express())+" "), "InvalidSignatureError"},
		{"signature of nothing", f.button(payOnly, f.express(), "signature", "c2ln"), "InvalidSignatureError"},
		{"no base64", f.button(payOnly, f.express(), "signature", "%%%"), "InvalidSignatureError"},
		{"other algorithm", f.button(payOnly, f.express(), "algorithm", "AMZN-PAY-RSASSA-PSS"), "InvalidSignatureError"},
		{"no algorithm is the legacy one", f.button(payOnly, f.express(), "algorithm", absent), "InvalidSignatureError"},
		{"unknown algorithm", f.button(payOnly, f.express(), "algorithm", "none"), "InvalidSignatureError"},
		{"20 bytes of salt under the name of 32", f.button(payOnly, text(f.express()), "signature", f.sign("AMZN-PAY-RSASSA-PSS-V2", 20, text(f.express()))), "InvalidSignatureError"},
		{"unknown key", f.button(payOnly, f.express(), "publicKeyId", "SANDBOX-nobody"), "InvalidAuthentication"},
		{"key of another merchant", f.button(payOnly, f.express(), "merchantId", other.account.MerchantID), "InvalidParameterValue"},
		{"no merchant", f.button(payOnly, f.express(), "merchantId", absent), "MissingParameterValue"},
		{"no key", f.button(payOnly, f.express(), "publicKeyId", absent), "MissingParameterValue"},
		{"no payload", f.button(payOnly, f.express(), "payloadJSON", absent), "MissingParameterValue"},
		{"no signature", f.button(payOnly, f.express(), "signature", absent), "MissingParameterValue"},
		{"unknown product", f.button("PayAndWait", f.express()), "InvalidParameterValue"},
		{"estimate that is no amount", f.button(payOnly, f.express(), "estimatedOrderAmount", `{"amount":"1,5","currencyCode":"EUR"}`), "InvalidParameterValue"},
		{"foreign store", f.button(payOnly, f.express(fieldsOf{"storeId": "amzn1.application-oa2-client.ff"})), "InvalidParameterValue"},
		{"no store", f.button(payOnly, f.express(fieldsOf{"storeId": nil})), "MissingParameterValue"},
		{"http address", f.button(payOnly, web(fieldsOf{"checkoutReviewReturnUrl": "http://shop.test/review"})), "InvalidParameterValue"},
		{"script address", f.button(payOnly, web(fieldsOf{"checkoutReviewReturnUrl": "javascript:alert(1)"})), "InvalidParameterValue"},
		{"cancel address with a line end", f.button(payOnly, web(fieldsOf{"checkoutReviewReturnUrl": reviewURL, "checkoutCancelUrl": "https://shop.test/\r\nX: y"})), "InvalidParameterValue"},
		{"no review address", f.button(payOnly, web(fieldsOf{"checkoutResultReturnUrl": resultURL})), "MissingParameterValue"},
		{"unknown field", f.button(payOnly, f.express(fieldsOf{"colour": "red"})), "UnrecognizedField"},
		{"not JSON", f.button(payOnly, "{"), "InvalidRequestFormat"},
		{"field told twice", f.button(payOnly, `{"storeId":"a","storeId":"b"}`), "InvalidRequestFormat"},
		{"pay now without address", f.button(payAndShip, f.payNow(fieldsOf{"addressDetails": nil})), "MissingParameterValue"},
		{"pay now with an address for nothing", f.button(payOnly, f.payNow()), "InvalidParameterValue"},
		{"pay now without amount", f.button(payOnly, f.payNow(fieldsOf{"addressDetails": nil, "paymentDetails": fieldsOf{"paymentIntent": "Authorize"}})), "MissingParameterValue"},
		{"pay now without intent", f.button(payOnly, f.payNow(fieldsOf{"addressDetails": nil, "paymentDetails": fieldsOf{"chargeAmount": euros("1")}})), "MissingParameterValue"},
		{"address without telephone", f.button(payAndShip, f.payNow(fieldsOf{"addressDetails": fieldsOf{"name": "S", "addressLine1": "1", "city": "H", "postalCode": "1", "countryCode": "DE"}})), "MissingParameterValue"},
		{"sign-in without set-up or sign-in terms", f.button(signIn, f.express()), "MissingParameterValue"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f.t = t
			message := f.click(test.form).refused(test.want)
			require.NotEmpty(t, message)
			require.Empty(t, f.server.sessions, "nothing is opened")
		})
	}
}

func TestSignatureErrorNamesMerchantAlgorithmAndHash(t *testing.T) {
	f := newFront(t)
	message := f.click(f.button(payOnly, `{"a":1}`, "payloadJSON", `{"a":2}`)).refused("InvalidSignatureError")
	require.Contains(t, message, f.account.MerchantID)
	require.Contains(t, message, "AMZN-PAY-RSASSA-PSS-V2")
	require.Contains(t, message, strings.Split(stringToSign("", `{"a":2}`), "\n")[1])
}

func TestWhatBrowsersDoToLineEnds(t *testing.T) {
	f := newFront(t)
	pretty, err := json.MarshalIndent(f.express(), "", "  ")
	require.NoError(t, err)
	signedWithLF := f.button(payOnly, string(pretty))
	signedWithLF.Set("payloadJSON", strings.ReplaceAll(string(pretty), "\n", "\r\n"))
	f.click(signedWithLF).on(pageSignIn)
	f.click(f.button(payOnly, strings.ReplaceAll(string(pretty), "\n", "\r\n"))).on(pageSignIn)
	changed := f.button(payOnly, string(pretty))
	changed.Set("payloadJSON", strings.ReplaceAll(string(pretty), "\n", "\r\n")+"\r\n")
	f.click(changed).refused("InvalidSignatureError")
}

func TestLegacyAlgorithmAndPlainKeys(t *testing.T) {
	f := newFront(t, func(a *Account) { a.Keys[0].ID = "pmxAHPLAIN01" })
	encoded, err := json.Marshal(f.express())
	require.NoError(t, err)
	legacy := f.sign("AMZN-PAY-RSASSA-PSS", 20, string(encoded))
	for _, algorithm := range []string{absent, "AMZN-PAY-RSASSA-PSS"} {
		f.click(f.button(payOnly, string(encoded), "algorithm", algorithm, "signature", legacy)).on(pageSignIn)
	}
	p := f.click(f.button(payOnly, string(encoded), "sandbox", "true")).on(pageSignIn)
	require.Equal(t, Sandbox, f.session(strings.Split(p.address.Path, "/")[2]).environment)
	p = f.click(f.button(payOnly, string(encoded))).on(pageSignIn)
	require.Equal(t, Live, f.session(strings.Split(p.address.Path, "/")[2]).environment)
}

func TestSessionOfTheServerJoinsAtTheButton(t *testing.T) {
	f := newFront(t)
	f.server.mu.Lock()
	opened := f.server.openSession(f.server.accounts[f.account.MerchantID], Sandbox, terms{WebCheckoutDetails: webDetails{CheckoutReviewReturnURL: textOf(reviewURL), CheckoutResultReturnURL: textOf(resultURL)}}, "")
	f.server.mu.Unlock()
	join := url.Values{"merchantId": {f.account.MerchantID}, "publicKeyId": {f.account.Keys[0].ID}, "productType": {payOnly}, "amazonCheckoutSessionId": {opened.id}}
	foreign := url.Values{"merchantId": {"pmxAOTHER"}, "amazonCheckoutSessionId": {opened.id}}
	f.click(foreign).refused("ResourceNotFound")
	unknownKey := url.Values{"merchantId": {f.account.MerchantID}, "publicKeyId": {"SANDBOX-nobody"}, "amazonCheckoutSessionId": {opened.id}}
	f.click(unknownKey).refused("InvalidAuthentication")
	id := f.click(join).on(pageSignIn).press("continue").press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	require.Equal(t, opened.id, id)
	require.Equal(t, payOnly, f.session(id).productType)
	f.redirect(id, authorize, false).press("cancel")
	f.click(join).refused("InvalidCheckoutSessionStatus")
}

func TestDoubleClickBackButtonAndStalePages(t *testing.T) {
	f := newFront(t)
	entry := f.open(payAndShip, f.express())
	review := entry.press("continue").on(pageReview)
	entry.post(url.Values{"action": {"continue"}, "email": {exampleBuyers["eu"][1].email}}).on(pageReview) // the form of a page he has left
	require.Contains(t, review.reload().html, exampleBuyers["eu"][0].name, "a stale form changes nothing")
	entry.post(url.Values{"action": {"cancel"}}).on(pageReview)

	id := review.press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	require.Equal(t, id, review.press("continue").back(reviewURL).Get("amazonCheckoutSessionId"), "a second click leads to the same place")
	review.reload().on(pageReview) // back button: he may choose again while the order is open

	processing := f.redirect(id, authorize, false).on(pageProcessing)
	review.reload().on(pageProcessing) // back button from there
	review.post(url.Values{"action": {"cancel"}}).on(pageProcessing)
	require.Equal(t, open, f.session(id).State)
	f.arrive(id).on(pageProcessing) // a second tab
	processing.press("continue").back(resultURL)
	processing.press("continue").back(resultURL)
	require.Equal(t, id, processing.press("cancel").back(resultURL).Get("amazonCheckoutSessionId"), "what is decided is decided")
	require.True(t, f.session(id).passed)
	require.Equal(t, open, f.session(id).State)
	processing.reload().back(resultURL)
	f.arrive(id).back(resultURL)
}

func TestCanceledSessionIsNotRevived(t *testing.T) {
	f := newFront(t)
	id := f.reviewed(payOnly, f.express())
	p := f.redirect(id, authorize, false)
	p.press("cancel").back(resultURL)
	p.press("cancel").back(resultURL) // second click
	shown := p.reload()
	require.Contains(t, shown.html, "Canceled (BuyerCanceled)")
	require.Contains(t, shown.html, `href="`+resultURL+`?amazonCheckoutSessionId=`+id+`"`)
	p.post(url.Values{"action": {"continue"}}).back(resultURL)
	require.False(t, f.session(id).passed)
	require.Contains(t, f.arrive(id).html, words["over"][0])
}

func TestTwoTabsAreTwoSessions(t *testing.T) {
	f := newFront(t)
	one, two := f.open(payOnly, f.express()), f.open(payOnly, f.express())
	first := one.press("continue").press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	second := two.press("continue", "email", exampleBuyers["eu"][1].email).press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	require.NotEqual(t, first, second)
	require.NotEqual(t, f.session(first).buyer, f.session(second).buyer)
}

func TestOtherSitesCannotPress(t *testing.T) {
	f := newFront(t)
	p := f.open(payOnly, f.express()).press("continue")
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.test"}, {"Sec-Fetch-Site", "same-site"}} {
		forged := p.post(url.Values{"action": {"cancel"}}, header...)
		require.Equal(t, http.StatusForbidden, forged.status)
	}
	p.reload().on(pageReview)
	p.post(url.Values{"action": {"change_instrument"}}, "Sec-Fetch-Site", "same-origin", "Origin", simulatorURL).on(pageInstrument)
}

func TestPageHeaders(t *testing.T) {
	f := newFront(t)
	p := f.open(payOnly, f.express())
	for _, header := range []http.Header{p.header, f.click(f.button(payOnly, f.express(), "signature", "x")).header} {
		require.Equal(t, "no-store", header.Get("Cache-Control"))
		require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
		require.Contains(t, header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	}
	require.Equal(t, "no-store", p.press("continue").press("continue").header.Get("Cache-Control"), "redirects too")
	script := f.browse(http.MethodGet, simulatorURL+ScriptPath, nil)
	require.Equal(t, string(checkoutScript), script.html)
	require.Equal(t, "cross-origin", script.header.Get("Cross-Origin-Resource-Policy"))
	for _, path := range []string{ButtonPath, ChangePath, UpgradePath} {
		require.Equal(t, http.StatusMethodNotAllowed, f.browse(http.MethodGet, simulatorURL+path, nil).status)
	}
}

// Whatever the shop, the buyer's browser or an address book says is text on the page, never markup.
func TestNothingForeignBecomesMarkup(t *testing.T) {
	const evil = `"><script>alert(1)</script><b x='`
	f := newFront(t, func(a *Account) { a.Name = evil })
	safe := func(p *sight) *sight {
		t.Helper()
		require.NotContains(t, p.html, "<script>alert")
		require.NotContains(t, p.html, "<b x=")
		return p
	}
	shows := func(p *sight) *sight {
		t.Helper()
		require.Contains(t, safe(p).html, html.EscapeString(`<script>alert(1)</script>`))
		return p
	}
	collected := fieldsOf{"name": evil, "addressLine1": evil, "addressLine2": evil, "city": evil, "postalCode": "1", "countryCode": "DE", "phoneNumber": evil[:19]}
	payload := f.payNow(fieldsOf{"merchantMetadata": fieldsOf{"merchantStoreName": evil}, "addressDetails": collected, "checkoutButtonText": evil,
		"webCheckoutDetails": fieldsOf{"checkoutMode": "ProcessOrder", "checkoutResultReturnUrl": resultURL}})
	p := shows(f.open(payAndShip, payload)).press("continue")
	p = shows(shows(p).press("change_instrument")).press("continue", "paymentInstrumentId", "0002")
	p = shows(p.press("continue"))
	p = shows(p.press("continue").on(pageDeclined))
	shows(p.press("cancel").f.browse(http.MethodGet, p.address.String(), nil))
	p = f.open(payAndShip, f.express(fieldsOf{"merchantMetadata": fieldsOf{}}))
	shows(p)
	for _, change := range [][]string{{"publicKeyId", evil}, {"merchantId", evil}, {"productType", evil}, {"signature", evil}, {"algorithm", evil},
		{"checkoutLanguage", evil}, {"payloadJSON", evil}, {"estimatedOrderAmount", evil}} {
		safe(f.click(f.button(payOnly, f.express(), change...)))
	}
	safe(f.browse(http.MethodPost, simulatorURL+ButtonPath, f.button(payOnly, f.express(), "signature", "x"), "Referer", `javascript:alert(1)`))
	safe(f.browse(http.MethodGet, simulatorURL+HostedPath+"/"+url.PathEscape(evil)+"/review", nil)).refused("ResourceNotFound")
	safe(f.arrive(url.QueryEscape(evil))).refused("ResourceNotFound")
	safe(f.browse(http.MethodPost, simulatorURL+ChangePath, url.Values{"amazonCheckoutSessionId": {evil}})).refused("ResourceNotFound")
}

func TestFormsThatAreNone(t *testing.T) {
	f := newFront(t)
	p := f.open(payOnly, f.express())
	p.post(url.Values{"action": {"continue", "cancel"}}).refused("InvalidRequest")
	p.post(url.Values{"action": {"fly"}}).on(pageSignIn)
	p.post(url.Values{"action": {"continue"}, "email": {"nobody@example.org"}}).on(pageSignIn)
	twice := f.button(payOnly, f.express())
	twice.Add("signature", "x")
	f.click(twice).refused("InvalidRequest")
	long := f.button(payOnly, f.express(), "payloadJSON", strings.Repeat("a", bodyLimit))
	f.click(long).refused("InvalidRequest")
}

func TestReturnAddresses(t *testing.T) {
	tests := []struct{ name, to, want string }{
		{"plain", "https://shop.test/r", "https://shop.test/r?amazonCheckoutSessionId=8b3f"},
		{"query", "https://shop.test/r?a=1&b=%20", "https://shop.test/r?a=1&b=%20&amazonCheckoutSessionId=8b3f"},
		{"fragment", "https://shop.test/r#f", "https://shop.test/r?amazonCheckoutSessionId=8b3f#f"},
		{"both", "https://shop.test/r?a#f?g", "https://shop.test/r?a&amazonCheckoutSessionId=8b3f#f?g"},
		{"empty query", "https://shop.test/?", "https://shop.test/?amazonCheckoutSessionId=8b3f"},
		{"no path", "https://shop.test", "https://shop.test?amazonCheckoutSessionId=8b3f"},
		{"other script", "https://shop.test/größe?x=ä", "https://shop.test/gr%C3%B6%C3%9Fe?x=ä&amazonCheckoutSessionId=8b3f"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, withQuery(test.to, "amazonCheckoutSessionId", "8b3f"))
		})
	}
}

func TestEveryTextIsThereInEveryLanguage(t *testing.T) {
	for name, texts := range words {
		for i, text := range texts {
			require.NotEmpty(t, text, "%s in %s", name, languages[i])
		}
	}
	for _, c := range cards {
		require.NotEmpty(t, verdictWords[c.verdict][0], c.ending)
	}
	for _, action := range backOfficeActions() {
		require.NotEmpty(t, officeWords[action], action)
	}
	f := newFront(t, region("jp"))
	p := f.click(f.button(payAndShip, f.express(), "checkoutLanguage", "ja_JP"))
	require.Contains(t, p.html, `<html lang="ja">`)
	require.Contains(t, p.html, "山田 花子")
	require.Contains(t, p.press("continue").html, "〒153-0064")
}

func TestFirstPageAndList(t *testing.T) {
	f := newFront(t)
	p := f.browse(http.MethodGet, simulatorURL+"/", nil)
	require.Equal(t, http.StatusOK, p.status)
	require.Contains(t, p.html, "Its limits")
	for _, c := range cards {
		require.Contains(t, p.html, c.ending)
	}
	for _, list := range exampleBuyers {
		for _, b := range list {
			require.Contains(t, p.html, html.EscapeString(b.name))
		}
	}
	listed := f.browse(http.MethodGet, simulatorURL+"/_control/pages", nil).html
	for _, name := range []string{"paymentInstrumentId", "challenge_fail", HostedPath, "payloadJSON", "back office"} {
		require.Contains(t, listed, name)
	}
	r := httptest.NewRequest(http.MethodPost, simulatorURL+"/_control/pages", strings.NewReader(`{"consent":true}`))
	r.RemoteAddr = "127.0.0.1:1"
	f.server.ServeHTTP(httptest.NewRecorder(), r)
	require.True(t, f.server.consent)
}

// Many hands at one page: the session ends once, in one way, and every hand is led to the same place.
func TestManyClicksAtOnce(t *testing.T) {
	f := newFront(t)
	id := f.reviewed(payOnly, f.express())
	address := f.redirect(id, authorize, false).address.String()
	var wait sync.WaitGroup
	for i := range 20 {
		action := []string{"continue", "cancel"}[i%2]
		wait.Go(func() {
			p := f.browse(http.MethodPost, address, url.Values{"action": {action}})
			assert.Equal(t, shopOrigin, p.address.Scheme+"://"+p.address.Host)
			assert.Equal(t, id, p.address.Query().Get("amazonCheckoutSessionId"))
		})
	}
	wait.Wait()
	sess := f.session(id)
	require.NotEqual(t, sess.passed, sess.State == canceled)
}
