package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPageRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change map[string]string
		want   string
	}{
		{"missing field", map[string]string{"customer_email": removed}, "00001"},
		{"empty field", map[string]string{"amount": ""}, "00001"},
		{"missing command", map[string]string{"command": removed}, "00001"},
		{"other command", map[string]string{"command": "CAPTURE"}, "00004"},
		{"tokenization form", map[string]string{"command": removed, "service_command": "TOKENIZATION"}, "00004"},
		{"wrong signature", map[string]string{"signature": strings.Repeat("0", 64)}, "00008"},
		{"unknown field", map[string]string{"csrf": "1"}, "00027"},
		{"unknown field of a known family", map[string]string{"customer_shoe_size": "44"}, "00027"},
		{"field of another command", map[string]string{"maintenance_reference": "R-1"}, "00027"},
		{"reference of 41", map[string]string{"merchant_reference": strings.Repeat("a", 41)}, "00032"},
		{"amount of 11 digits", map[string]string{"amount": "12345678901"}, "00032"},
		{"reference with a slash", map[string]string{"merchant_reference": "a/b"}, "00002"},
		{"amount with a point", map[string]string{"amount": "125.50"}, "00002"},
		{"negative amount", map[string]string{"amount": "-1"}, "00002"},
		{"Arabic name", map[string]string{"customer_name": "ليلى"}, "00002"},
		{"no e-mail address", map[string]string{"customer_email": "layla"}, "00002"},
		{"no web address", map[string]string{"return_url": "ftp://shop.test/"}, "00002"},
		{"no amount", map[string]string{"amount": "0"}, "00005"},
		{"unknown currency", map[string]string{"currency": "XXX"}, "00013"},
		{"lower-case currency", map[string]string{"currency": "aed"}, "00013"},
		{"other language", map[string]string{"language": "fr"}, "00033"},
		{"remember_me", map[string]string{"remember_me": "SI"}, "00033"},
		{"recurring on the page", map[string]string{"eci": "RECURRING"}, "00033"},
		{"unknown option", map[string]string{"payment_option": "DINERS"}, "00080"},
		{"wallet as option", map[string]string{"payment_option": "STCPAY"}, "00080"},
		{"server option", map[string]string{"digital_wallet": "APPLE_PAY"}, "00046"},
		{"local option authorized", map[string]string{"payment_option": "KNET", "currency": "KWD", "command": "AUTHORIZATION"}, "00049"},
		{"option in another currency", map[string]string{"payment_option": "KNET"}, "00003"},
		{"installments", map[string]string{"installments": "STANDALONE"}, "00783"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, account(func(a *Account) { a.ReturnURL = shopURL }))
			back := w.pay(w.order("PMX-1", test.change)).returned()
			require.Equal(t, test.want, back["response_code"])
			require.Equal(t, "00", back["status"])
			require.Equal(t, messageText(test.want, test.change["language"]), back["response_message"])
			require.NotContains(t, back, "fort_id")
			if test.change["return_url"] == "" {
				require.Equal(t, shopURL, back["return_url"], "rejected requests echo it")
			}
			require.Empty(t, w.server.Books().Payments)
			require.Empty(t, w.told())
		})
	}
}

func TestPageRefusalsByAccount(t *testing.T) {
	tests := []struct {
		name   string
		setup  func(*Account)
		change map[string]string
		want   string
	}{
		{"inactive option", func(a *Account) { a.Options = []string{"VISA"} }, map[string]string{"payment_option": "AMEX"}, "00014"},
		{"currency not enabled", func(a *Account) { a.Currencies = []string{"SAR"} }, nil, "00013"},
		{"tokens off, remember", func(a *Account) { a.WithoutTokens = true }, map[string]string{"remember_me": "YES"}, "00038"},
		{"tokens off, token", func(a *Account) { a.WithoutTokens = true }, map[string]string{"token_name": "mine"}, "00038"},
		{"origin", func(a *Account) { a.AllowedOrigins = []string{"https://other.test"} }, nil, "00040"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, account(test.setup))
			require.Equal(t, test.want, w.pay(w.order("PMX-1", test.change)).returned()["response_code"])
		})
	}
}

// Without an account there is no phrase to sign with, and without a return URL nowhere to go: an error page.
func TestPageErrorPages(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name string
		form url.Values
		want string
	}{
		{"unknown merchant", w.order("PMX-1", map[string]string{"merchant_identifier": "other", "access_code": "other"}), "00009"},
		{"access code of another", w.order("PMX-1", map[string]string{"merchant_identifier": "other"}), "00009"},
		{"unknown access code", w.order("PMX-1", map[string]string{"access_code": "other"}), "00010"},
		{"no merchant", w.order("PMX-1", map[string]string{"merchant_identifier": removed}), "00001"},
		{"no return URL", w.order("PMX-1", map[string]string{"return_url": removed}), "00037"},
		{"doubled field", func() url.Values { f := w.order("PMX-1", nil); f.Add("amount", "1"); return f }(), "00073"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := w.pay(test.form)
			require.Contains(t, p.html, test.want+": ")
			require.NotContains(t, p.html, `id="return"`)
		})
	}
}

func TestSignatureInAnyCase(t *testing.T) {
	for _, sha := range []SHAType{SHA256, SHA512, HMAC256, HMAC512} {
		w := newWorld(t, account(func(a *Account) { a.SHAType = sha }))
		form := w.order("PMX-1", map[string]string{"order_description": "Layla's 2 mugs"})
		form.Set("signature", strings.ToUpper(form.Get("signature")))
		require.Equal(t, "14000", w.pay(form).card("4005550000000001").returned()["response_code"], sha)
	}
}

func TestEmptyFieldsMayBeLeftOutOfTheSignature(t *testing.T) {
	w := newWorld(t)
	form := w.order("PMX-1", nil)
	form.Set("customer_name", "")
	require.Contains(t, w.pay(form).html, `name="card_number"`)
	require.Contains(t, w.pay(w.order("PMX-1", map[string]string{"customer_name": ""})).html, `name="card_number"`)
}

func TestEveryDocumentedRequestFieldIsAccepted(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.order("PMX-1", map[string]string{
		"eci": "ECOMMERCE", "order_description": "Item #1: $5/2-3_4.", "customer_ip": "203.0.113.9", "customer_name": "Layla O'Khan",
		"phone_number": "+971 (4) 123-45", "settlement_reference": "S-1", "merchant_extra": "a;b", "merchant_extra5": "c",
		"device_fingerprint": "x==", "billing_stateProvince": "Dubai", "shipping_sameAsBilling": "Y", "customer_first_name": "Layla",
		"ship_method": "C", "fraud_extra25": "z", "app_programming": "Go", "item_sku1": "m", "check_3ds": "NO", "recurring_mode": "UNSCHEDULED",
	}))
	back := p.card("4557012345678902").returned()
	require.Equal(t, "14000", back["response_code"], "check_3ds=NO skips the challenge")
	require.Equal(t, "a;b", back["merchant_extra"])
	require.NotContains(t, back, "billing_stateProvince")
}

func TestAPIRefusals(t *testing.T) {
	capture := map[string]string{"command": "CAPTURE", "merchant_reference": "AUTH", "amount": "100", "currency": "AED"}
	with := func(base map[string]string, pairs ...string) map[string]string {
		changed := map[string]string{}
		for name, value := range base {
			changed[name] = value
		}
		for i := 0; i < len(pairs); i += 2 {
			changed[pairs[i]] = pairs[i+1]
		}
		return changed
	}
	void := map[string]string{"command": "VOID_AUTHORIZATION", "merchant_reference": "AUTH"}
	refund := map[string]string{"command": "REFUND", "merchant_reference": "SALE", "amount": "100", "currency": "AED"}
	update := map[string]string{"service_command": "UPDATE_TOKEN", "merchant_reference": "T-1", "token_name": "mine"}
	tests := []struct {
		name   string
		fields map[string]string
		want   string
	}{
		{"no command", map[string]string{"merchant_reference": "AUTH"}, "00001"},
		{"missing amount", with(capture, "amount", removed), "00001"},
		{"neither reference nor fort_id", with(capture, "merchant_reference", removed), "00001"},
		{"format", with(capture, "amount", "1.00"), "00002"},
		{"unknown command", with(capture, "command", "CREATE_MONEY"), "00004"},
		{"AUTHORIZATION", with(recurring("N-1", "mine"), "command", "AUTHORIZATION"), "00004"},
		{"command in the wrong field", map[string]string{"command": "CHECK_STATUS", "merchant_reference": "AUTH"}, "00004"},
		{"no amount", with(capture, "amount", "0"), "00005"},
		{"signature", with(capture, "signature", strings.Repeat("a", 64)), "00008"},
		{"currency", with(capture, "currency", "XXX"), "00013"},
		{"extra", with(capture, "maintenance_reference", "M-1"), "00027"},
		{"amount in a void", with(void, "amount", "12550"), "00027"},
		{"length", with(refund, "maintenance_reference", strings.Repeat("m", 201)), "00032"},
		{"language", with(capture, "language", "fr"), "00033"},
		{"eci", with(recurring("N-1", "mine"), "eci", "MOTO"), "00033"},
		{"other agreement", with(recurring("N-1", "mine"), "agreement_id", "A0000000"), "00033"},
		{"unknown token", recurring("N-1", "other"), "00044"},
		{"paid reference", recurring("SALE", "mine"), "00047"},
		{"capture of nothing known", with(capture, "merchant_reference", "NONE"), "05036"},
		{"capture by contradicting ids", with(capture, "fort_id", "123"), "05036"},
		{"capture of a sale", with(capture, "merchant_reference", "SALE"), "05034"},
		{"capture in another currency", with(capture, "currency", "SAR"), "05013"},
		{"capture of too much", with(capture, "amount", "12551"), "05042"},
		{"capture of an open order", with(capture, "merchant_reference", "OPEN"), "05662"},
		{"void of a sale", with(void, "merchant_reference", "SALE"), "09034"},
		{"void of nothing known", with(void, "merchant_reference", "NONE"), "09036"},
		{"refund of an authorization", with(refund, "merchant_reference", "AUTH"), "07034"},
		{"refund of nothing known", with(refund, "merchant_reference", "NONE"), "07036"},
		{"refund in another currency", with(refund, "currency", "SAR"), "07013"},
		{"refund of too much", with(refund, "amount", "12551"), "07048"},
		{"status of nothing known", map[string]string{"query_command": "CHECK_STATUS", "merchant_reference": "NONE"}, "11036"},
		{"update of an unknown token", with(update, "token_name", "other"), "59044"},
		{"update to a taken name", with(update, "new_token_name", "mine"), "59114"},
		{"update to no date", with(update, "expiry_date", "1399"), "59002"},
	}
	w := newWorld(t, func(c *Config) { c.SettleAfter = -1 })
	require.Equal(t, "02000", w.pay(w.order("AUTH", map[string]string{"command": "AUTHORIZATION"})).card("4005550000000001").returned()["response_code"])
	require.Equal(t, "14000", w.pay(w.order("SALE", map[string]string{"token_name": "mine"})).card("4005550000000001").returned()["response_code"])
	require.Equal(t, "15777", w.pay(w.order("OPEN", map[string]string{"command": "AUTHORIZATION"})).card("4000000000000119").returned()["response_code"])
	before := w.server.Books()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := w.call(test.fields)
			require.Equal(t, test.want, answer["response_code"])
			require.Equal(t, test.want[:2], answer["status"])
			require.Equal(t, before, w.server.Books(), "a refusal moves nothing")
			log := w.server.sim.Requests.List()
			require.Equal(t, test.want, log[len(log)-1].Answer)
		})
	}
}

func TestAPIWithoutAnAccountIsUnsigned(t *testing.T) {
	w := newWorld(t)
	tests := []struct{ name, contentType, body, want string }{
		{"unknown merchant", "application/json", `{"query_command":"CHECK_STATUS","merchant_identifier":"x","access_code":"x"}`, "00009"},
		{"unknown access code", "application/json", `{"query_command":"CHECK_STATUS","merchant_identifier":"pmxMid01","access_code":"x"}`, "00010"},
		{"no access code", "application/json", `{"query_command":"CHECK_STATUS","merchant_identifier":"pmxMid01"}`, "00001"},
		{"no JSON", "application/json", `a=b`, "00073"},
		{"an array", "application/json", `[]`, "00073"},
		{"a doubled name", "application/json", `{"amount":"1","amount":"2"}`, "00073"},
		{"more after the object", "application/json", `{}{}`, "00073"},
		{"a form", "application/x-www-form-urlencoded", `command=CAPTURE`, "00073"},
		{"too deep", "application/json", `{"a":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}`, "00073"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, body, err := w.postAPI(test.contentType, []byte(test.body))
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status)
			answer, err := parseJSON(body)
			require.NoError(t, err)
			require.Equal(t, test.want, answer["response_code"])
			require.NotContains(t, answer, "signature")
		})
	}
}

func TestAPISource(t *testing.T) {
	w := newWorld(t, account(func(a *Account) { a.AllowedOrigins = []string{"203.0.113.9"} }))
	require.Equal(t, "00040", w.check("PMX-1")["response_code"])
}

func TestWrongMethodsAndPaths(t *testing.T) {
	w := newWorld(t)
	for _, target := range []string{"GET " + PaymentPagePath, "GET " + PaymentAPIPath, "PUT " + PaymentAPIPath, "POST /FortAPI/other"} {
		method, path, _ := strings.Cut(target, " ")
		require.Equal(t, http.StatusMethodNotAllowed, w.browse(method, "https://"+simHost+path, nil).status, target)
	}
	require.Equal(t, http.StatusNotFound, w.browse(http.MethodGet, "https://"+simHost+"/other", nil).status)
}

func TestConfigIsChecked(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no account", func(c *Config) { c.Accounts = nil }, "no account"},
		{"doubled access code", func(c *Config) { c.Accounts = append(c.Accounts, c.Accounts[0]) }, "twice"},
		{"no phrase", account(func(a *Account) { a.RequestPhrase = "" }), "phrase"},
		{"SHA type", account(func(a *Account) { a.SHAType = "SHA-128" }), "SHA type"},
		{"return method", account(func(a *Account) { a.ReturnMethod = "PUT" }), "return method"},
		{"format", account(func(a *Account) { a.FeedbackFormat = "xml" }), "feedback format"},
		{"address", account(func(a *Account) { a.NotificationURL = "shop.test" }), "address"},
		{"colour", account(func(a *Account) { a.Branding.Colour = "red;}" }), "colour"},
		{"font", account(func(a *Account) { a.Branding.Font = "x;}" }), "font"},
		{"option", account(func(a *Account) { a.Options = []string{"DINERS"} }), "option"},
		{"currency", account(func(a *Account) { a.Currencies = []string{"XXX"} }), "currency"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := Config{Accounts: []Account{ExampleAccount()}}
			test.change(&config)
			_, err := New(config)
			require.ErrorContains(t, err, test.want)
		})
	}
	require.True(t, slices.Equal([]string{"TABBY", "TAMARA"}, offered(&Account{}, "PURCHASE", "AED")))
}
