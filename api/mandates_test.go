package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api"
	"github.com/paymux/paymux/api/apitest"
	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
	"github.com/paymux/paymux/storage"
)

// counter is the API over a scripted provider; every answer is held against the contract.
type counter struct {
	t        *testing.T
	url, key string
	client   *http.Client
	provider *coretest.Provider
	checkout *core.Checkout
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	p := coretest.NewProvider()
	p.Caps.Methods[0].BuyerFor = 24 * time.Hour
	return newCounterOver(t, p, p)
}

// newCounterOver is newCounter with a provider that can do more than the scripted one it is made of.
func newCounterOver(t *testing.T, p core.Provider, scripted *coretest.Provider) *counter {
	t.Helper()
	store, err := storage.Open(t.Context(), "sqlite::memory:", storage.Options{Migrate: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	tokens, err := core.NewTokens(make([]byte, 32))
	require.NoError(t, err)
	c := &counter{t: t, provider: scripted}
	account, err := core.OpenAccount(core.AccountConfig{Name: "acc", Provider: "scripted"}, make([]byte, 32), p)
	require.NoError(t, err)
	c.checkout = core.New(core.Options{Store: store, Accounts: []*core.Account{account}, Tokens: tokens, PublicURL: "https://pay.example",
		Merchants: []*core.Merchant{{ID: "m", Accounts: []string{"acc"}}}, Render: api.EventBody(core.NewLinks(tokens, "https://pay.example"), false)})
	handler, err := api.New(api.Options{Checkout: c.checkout, Keys: core.NewKeys(store), Store: store})
	require.NoError(t, err)
	text, key := core.NewAPIKey("m", core.ScopeMerchant, time.Time{})
	require.NoError(t, store.Do(t.Context(), "keys", func(tx core.Tx) error {
		if err := tx.InsertMerchant("m", time.Now()); err != nil {
			return err
		}
		return tx.InsertAPIKey(key)
	}))
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c.url, c.key = server.URL, text
	c.client = &http.Client{Transport: apitest.Contract(t, http.DefaultTransport), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c
}

var asked int

func (c *counter) call(method, path string, body any, status int) map[string]any {
	c.t.Helper()
	asked++
	text, err := json.Marshal(body)
	require.NoError(c.t, err)
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewReader(text))
	require.NoError(c.t, err)
	if body == nil {
		r.Body, r.ContentLength = http.NoBody, 0
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	if method == http.MethodPost {
		r.Header.Set("Idempotency-Key", "key-"+time.Duration(asked).String())
	}
	answer, err := c.client.Do(r)
	require.NoError(c.t, err)
	defer answer.Body.Close()
	var out map[string]any
	require.NoError(c.t, json.NewDecoder(answer.Body).Decode(&out))
	require.Equal(c.t, status, answer.StatusCode, "%v", out)
	return out
}

func TestMandatesOutsideOfAPurchase(t *testing.T) {
	c := newCounter(t)
	body := map[string]any{"merchant_reference": "customer-7", "kind": "recurring", "currency": "EUR", "recurring": map[string]any{"interval": "month", "amount": 999},
		"return_url": "https://shop.example/wallet", "metadata": map[string]string{"customer": "7"}, "buyer": map[string]any{"email": "a@example.org"}}
	m := c.call("POST", "/v1/mandates", body, 201)
	require.Equal(t, []any{"requires_action", "customer-7", nil, nil}, []any{m["status"], m["merchant_reference"], m["payment"], m["last_error"]})
	action := m["next_action"].(map[string]any)
	require.Equal(t, "redirect_to_url", action["type"])
	require.Contains(t, action["hosted_url"], "https://pay.example/pay/cm_")
	id := m["id"].(string)

	page := strings.TrimPrefix(action["hosted_url"].(string), "https://pay.example")
	answer, err := c.client.Get(c.url + page)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, []any{303, "https://provider.example/agree"}, []any{answer.StatusCode, answer.Header.Get("Location")})

	require.Equal(t, m["status"], c.call("GET", "/v1/mandates/"+id, nil, 200)["status"])
	c.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		return core.Snapshot{Found: true, Facts: []core.Fact{{Kind: core.MandateActive, ID: "P", Strength: core.Asserted}}}, nil
	}
	require.Equal(t, "active", c.call("POST", "/v1/mandates/"+id+"/complete", map[string]any{"step": "result"}, 200)["status"])
	require.Equal(t, "active", c.call("GET", "/v1/mandates/"+id+"?refresh=true", nil, 200)["status"])
	require.Len(t, c.call("GET", "/v1/mandates?status=active", nil, 200)["data"], 1)
	require.Empty(t, c.call("GET", "/v1/mandates?status=suspended", nil, 200)["data"])
	require.Empty(t, c.call("GET", "/v1/payments", nil, 200)["data"])
	events := c.call("GET", "/v1/events", nil, 200)["data"].([]any)
	require.Len(t, events, 2)
	told := events[1].(map[string]any)["data"].(map[string]any)
	require.Nil(t, told["payment"])
	require.Equal(t, action["hosted_url"], told["object"].(map[string]any)["next_action"].(map[string]any)["hosted_url"], "the token is put in when it is shown")
	require.NotEmpty(t, c.call("GET", "/v1/mandates/"+id+"/timeline", nil, 200)["data"])

	plan := c.call("PATCH", "/v1/mandates/"+id, map[string]any{"recurring": map[string]any{"interval": "month", "amount": 1299}}, 200)
	require.EqualValues(t, 1299, plan["recurring"].(map[string]any)["amount"])
	refused := c.call("PATCH", "/v1/mandates/"+id, map[string]any{"return_url": "https://shop.example/wallet"}, 422)
	require.Equal(t, []any{"capability_unsupported", "/return_url"}, []any{refused["code"], refused["pointer"]})
	c.call("PATCH", "/v1/mandates/"+id, map[string]any{}, 422)
	body["merchant_reference"] = "customer-8"
	body["kind"] = "unscheduled"
	require.Equal(t, "/recurring", c.call("POST", "/v1/mandates", body, 422)["pointer"])
	body["merchant_reference"], body["kind"] = "customer-7", "recurring"
	require.Equal(t, id, c.call("POST", "/v1/mandates", body, 409)["resource"])
	require.Equal(t, "canceled", c.call("POST", "/v1/mandates/"+id+"/cancel", map[string]any{}, 200)["status"])
	caps := c.call("GET", "/v1/accounts/acc/capabilities", nil, 200)["methods"].([]any)[0].(map[string]any)
	require.Equal(t, []any{[]any{"recurring", "unscheduled"}, true, []any{"unscheduled"}}, []any{caps["set_up"], caps["change_plan"], caps["change_instrument"]})
}

func TestTheBuyerIsAskedForOnlyWhenWanted(t *testing.T) {
	c := newCounter(t)
	p := c.call("POST", "/v1/payments", map[string]any{"merchant_reference": "order-1", "amount": 1000, "currency": "EUR", "return_url": "https://shop.example/x"}, 201)
	path := "/v1/payments/" + p["id"].(string)
	require.NotContains(t, c.call("GET", path, nil, 200), "buyer")
	require.Equal(t, "not_told", c.call("GET", path+"?expand=buyer", nil, 200)["buyer"].(map[string]any)["unavailable"])
	c.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		return core.Snapshot{Found: true, Review: &core.Review{Instrument: "VISA ••1111", Buyer: core.Buyer{FirstName: "Ada", LastName: "King", Email: "ada@example.org",
			Shipping: &core.Address{City: "Ulm", Country: "DE"}}}}, nil
	}
	told := c.call("GET", path+"?expand=buyer", nil, 200)["buyer"].(map[string]any)
	require.Equal(t, []any{nil, "Ada King", "ada@example.org", "Ulm", nil, "VISA ••1111"},
		[]any{told["unavailable"], told["name"], told["email"], told["shipping_address"].(map[string]any)["city"], told["billing_address"], told["instrument"]})
	c.call("GET", path+"?expand=everything", nil, 400)
}

func TestFurtherAuthorizations(t *testing.T) {
	c := newCounter(t)
	c.provider.OnStart = func(op core.Op, _ core.StartInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{
			{Kind: core.AgreementOpen, Measure: core.AtLeast, ID: "P", Amount: op.Amount, Strength: core.Asserted},
			{Kind: core.Authorized, ID: "A", Amount: core.Money{Minor: 300, Currency: "EUR"}, Strength: core.Asserted}}}, nil
	}
	c.provider.OnCapture = func(op core.Op, in core.CaptureInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.Captured, ID: op.Key, Of: in.Authorization, OpKey: op.Key, Amount: op.Amount, Strength: core.Asserted}}}, nil
	}
	p := c.call("POST", "/v1/payments", map[string]any{"merchant_reference": "order-1", "amount": 1000, "currency": "EUR", "capture_method": "manual", "return_url": "https://shop.example/x"}, 201)
	path := "/v1/payments/" + p["id"].(string)
	require.Empty(t, c.call("GET", path+"/authorizations", nil, 200)["data"])
	a := c.call("POST", path+"/authorizations", map[string]any{"amount": 600, "reference": "parcel-2", "metadata": map[string]string{"parcel": "2"}}, 201)
	require.Equal(t, []any{"authorization", "succeeded", "parcel-2", 600.0}, []any{a["object"], a["status"], a["reference"], a["amount"]})
	require.Equal(t, []any{a}, c.call("GET", path+"/authorizations", nil, 200)["data"])
	require.Equal(t, "amount_exceeds_remaining", c.call("POST", path+"/authorizations", map[string]any{"amount": 101}, 422)["code"])
	captured := c.call("POST", path+"/captures", map[string]any{"amount": 600, "authorization": a["id"]}, 201)
	require.Equal(t, "succeeded", captured["status"])
	require.Equal(t, "reference_invalid", c.call("POST", path+"/captures", map[string]any{"amount": 1, "authorization": "aut_1"}, 422)["code"])
	c.call("POST", path+"/authorizations", map[string]any{}, 201)
	require.Equal(t, "state_invalid", c.call("POST", path+"/authorizations", map[string]any{}, 409)["code"])
	types := c.call("GET", "/v1/events?type=authorization.succeeded", nil, 200)["data"].([]any)
	require.Len(t, types, 2)
	require.Equal(t, a["id"], types[1].(map[string]any)["data"].(map[string]any)["object"].(map[string]any)["id"])
	c.call("GET", "/v1/payments/pay_00000000000000000000000000/authorizations", nil, 404)
}
