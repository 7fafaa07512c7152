package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The verifier of requests takes any bytes: it never panics, and believes nothing that was not signed.
func FuzzRequest(f *testing.F) {
	content := readVectors(f)
	for _, v := range content.Requests {
		f.Add(v.Method, v.Path, v.Body, v.Authorization, v.Headers["x-amz-pay-date"], v.Headers["x-amz-pay-idempotency-key"])
	}
	server, err := New(Config{Accounts: []Account{ExampleAccount()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(server.Close)
	id := ExampleAccount().Keys[0].ID
	f.Fuzz(func(t *testing.T, method, path, body, authorization, date, key string) {
		r, err := http.NewRequest(method, "https://pay-api.amazon.eu/v2/charges", strings.NewReader(body))
		if err != nil {
			return
		}
		r.RequestURI, r.URL.Path = "/"+strings.TrimPrefix(path, "/"), "/v2/charges"
		r.Header.Set("Authorization", strings.ReplaceAll(authorization, "AHPAYMUXTESTKEY000000001", strings.TrimPrefix(id, "SANDBOX-")))
		r.Header.Set("X-Amz-Pay-Date", date)
		r.Header.Set("X-Amz-Pay-Idempotency-Key", key)
		r.Header.Set("X-Amz-Pay-Host", "pay-api.amazon.eu")
		r.Header.Set("X-Amz-Pay-Region", "eu")
		if !apiPath(wirePath(r)) {
			return
		}
		out := httptest.NewRecorder()
		server.serveAPI(out, r)
		var told refusal
		if err := json.Unmarshal(out.Body.Bytes(), &told); err != nil || out.Code < 400 || told.Reason == "" {
			t.Fatalf("%d %s", out.Code, out.Body)
		}
	})
}

// A button's payload that was signed may still be anything: it opens what its shape allows, or is refused.
func FuzzButtonPayload(f *testing.F) {
	for _, v := range readVectors(f).Buttons {
		f.Add(v.PayloadJSON, "PayAndShip")
	}
	for _, payload := range []string{reviewPayload, payNowPayload, setupPayload, setupSignIn, plainSignIn, `{"storeId":null}`, `{"scopes":[null]}`} {
		f.Add(payload, "PayOnly")
		f.Add(payload, "SignIn")
	}
	account, err := ExampleAccount().complete()
	if err != nil {
		f.Fatal(err)
	}
	server, err := New(Config{Accounts: []Account{account}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, payload, product string) {
		o, err := parseObject([]byte(payload))
		if err != nil {
			return
		}
		terms, no := readTerms([]byte(payload), o, buttonPayload, &account, Sandbox)
		if no != nil || server.checkButton(terms, product, owner{account.MerchantID, Sandbox}) != nil {
			return
		}
		server.mu.Lock()
		defer server.mu.Unlock()
		server.forget() // one session at a time
		server.sim.Clock.Reset()
		sess := server.openSession(&account, Sandbox, terms, product)
		server.associate(sess, exampleBuyers["eu"][0])
		view := marshal(sess.view("https://amazon.test"))
		if !json.Valid([]byte(view)) || sess.resultAddress() == "" && len(sess.constraints()) == 0 {
			t.Fatal(view)
		}
	})
}

// Whatever is an amount comes back as the same amount.
func FuzzAmount(f *testing.F) {
	for _, text := range []string{"10", "10.0", "10.00", "0.01", "999999999999.99", "1000", "-1", "1.", ".5", "1e3", "1,00", "٣"} {
		f.Add(text, "EUR")
		f.Add(text, "JPY")
	}
	f.Fuzz(func(t *testing.T, text, currency string) {
		minor, err := minorUnits(text, currency)
		if err != nil {
			return
		}
		again, err := minorUnits(majorText(minor, currency), currency)
		if err != nil || again != minor || minor < 0 {
			t.Fatalf("%q %s: %d, then %d, %v", text, currency, minor, again, err)
		}
	})
}
