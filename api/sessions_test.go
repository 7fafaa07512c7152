package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// walletOrder is a payment that is reviewed, with everything a request may say of it.
func walletOrder() map[string]any {
	return map[string]any{"merchant_reference": "order-1", "amount": 12550, "currency": "EUR", "capture_method": "manual", "authorize_amount": 5000,
		"method":     map[string]any{"type": "wallet", "flow": "express"},
		"return_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/cart", "review_url": "https://shop.example/review",
		"delivery": map[string]any{"no_po_boxes": true, "allow": []any{map[string]any{"country": "DE"}, map[string]any{"country": "AT", "postal_codes": []string{"10*"}}}},
		"channel":  "online", "allow_pending": true, "line_items": []any{map[string]any{"name": "Coffee", "quantity": 2, "unit_amount": 6275}}}
}

func (c *counter) open(path string) (status int, location, body string) {
	c.t.Helper()
	answer, err := c.client.Get(c.url + path)
	require.NoError(c.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(c.t, err)
	return answer.StatusCode, answer.Header.Get("Location"), string(text)
}

// The life of a payment with a review, as a shop and a browser see it.
func TestAReviewedPayment(t *testing.T) {
	wallet := coretest.NewSessions()
	var asked core.StartInput
	start := wallet.OnStart
	wallet.OnStart = func(op core.Op, in core.StartInput) (core.Outcome, error) {
		asked = in
		return start(op, in)
	}
	wallet.Caps.Methods[0].Method.Type = "wallet"
	c := newCounterOver(t, wallet, wallet.Provider)
	p := c.call("POST", "/v1/payments", walletOrder(), 201)
	require.Equal(t, []any{"requires_action", "render_widget"}, []any{p["status"], p["next_action"].(map[string]any)["type"]})
	require.Equal(t, core.DeliveryRules{NoPOBoxes: true, Allow: []core.Region{{Country: "DE"}, {Country: "AT", PostalCodes: []string{"10*"}}}}, asked.Delivery)
	require.Equal(t, []any{int64(5000), "online", true}, []any{asked.Authorize.Minor, asked.Channel, asked.AllowPending})
	hosted := strings.TrimPrefix(p["next_action"].(map[string]any)["hosted_url"].(string), "https://pay.example")
	status, _, page := c.open(hosted)
	require.Equal(t, 200, status)
	require.Contains(t, page, `<script src="https://script.example/checkout.js">`)

	path, ours := "/v1/payments/"+p["id"].(string), "https://pay.example"
	wallet.Open("S", p["provider"].(map[string]any)["references"].(map[string]any)["reference"].(string), "Ringstr. 5")
	status, to, _ := c.open(strings.TrimPrefix(asked.Returns.Review, ours) + "?session=S")
	require.Equal(t, []any{303, "https://shop.example/review?payment=" + p["id"].(string)}, []any{status, to})
	p = c.call("GET", path, nil, 200)
	require.Equal(t, "requires_confirmation", p["status"])
	review := p["review"].(map[string]any)
	require.Equal(t, []any{"Ringstr. 5", "Visa ···1111"}, []any{review["shipping_address"].(map[string]any)["line1"], review["instrument"]})
	require.Len(t, review["change_actions"], 1)
	status, to, _ = c.open(hosted)
	require.Equal(t, []any{303, "https://shop.example/review?payment=" + p["id"].(string)}, []any{status, to}, "the shop's page is what comes next")

	refused := c.call("PATCH", path, map[string]any{"amount": 4000}, 422)
	require.Equal(t, []any{"amount_invalid", "/amount"}, []any{refused["code"], refused["pointer"]})
	wallet.OnUpdate = func(core.Op, core.UpdateInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Declined, Failure: &core.Failure{ProviderMessage: "not today"}}, nil
	}
	refused = c.call("PATCH", path, map[string]any{"amount": 13250}, 422)
	require.Equal(t, "update_declined", refused["code"])
	require.Contains(t, refused["detail"], "not today")
	wallet.OnUpdate = nil
	changed := c.call("PATCH", path, map[string]any{"amount": 13250, "line_items": []any{}, "shipping_address": map[string]any{"line1": "Hauptstr. 1", "country": "DE"}}, 200)
	require.EqualValues(t, 13250, changed["amount"])
	require.NotEqual(t, p["version"], changed["version"])
	require.Equal(t, "version_conflict", c.call("POST", path+"/confirm", map[string]any{"version": p["version"]}, 409)["code"])
	require.Equal(t, "/method", c.call("POST", path+"/confirm", map[string]any{"method": map[string]any{"type": "card"}}, 422)["pointer"])
	confirmed := c.call("POST", path+"/confirm", map[string]any{"version": changed["version"]}, 200)
	require.Equal(t, "https://provider.example/agree/S", confirmed["next_action"].(map[string]any)["redirect_to_url"].(map[string]any)["url"])
	require.Contains(t, c.call("PATCH", path, map[string]any{"amount": 12550}, 409)["allowed_actions"], "complete")

	wallet.Change("S", func(s *coretest.Session) { s.Agreed = true })
	require.Equal(t, "field_invalid", c.call("POST", path+"/complete", map[string]any{"step": "elsewhere"}, 422)["code"])
	done := c.call("POST", path+"/complete", map[string]any{"step": "result", "return_params": map[string]string{"session": "S"}}, 200)
	require.Equal(t, "requires_capture", done["status"])
	amounts := done["amounts"].(map[string]any)
	require.Equal(t, []any{5000., 13250.}, []any{amounts["authorized"], amounts["capturable"]})
	require.Equal(t, 1, wallet.Sold())

	refused = c.call("POST", path+"/captures", map[string]any{}, 422)
	require.Equal(t, "amount_exceeds_remaining", refused["code"])
	require.Equal(t, "/authorization", c.call("POST", path+"/captures", map[string]any{"amount": 100, "authorization": "nobody's"}, 422)["pointer"])
	authorization := "A-" + done["provider"].(map[string]any)["references"].(map[string]any)["reference"].(string)
	capture := c.call("POST", path+"/captures", map[string]any{"amount": 5000, "authorization": authorization}, 201)
	require.Equal(t, "succeeded", capture["status"])
	require.Equal(t, "amount_exceeds_remaining", c.call("POST", path+"/refunds", map[string]any{"amount": 5001, "capture": capture["id"]}, 422)["code"])
	require.Equal(t, "succeeded", c.call("POST", path+"/refunds", map[string]any{"capture": capture["id"]}, 201)["status"])
	var kinds []string
	for _, line := range c.call("GET", path+"/timeline", nil, 200)["data"].([]any) {
		kinds = append(kinds, line.(map[string]any)["kind"].(string))
	}
	require.Subset(t, kinds, []string{"api_call", "return", "provider_query", "provider_call", "fact", "event"})
	caps := c.call("GET", "/v1/accounts/acc/capabilities", nil, 200)["methods"].([]any)[0].(map[string]any)
	for _, name := range []string{"review", "update", "agreement", "delivery", "refund_per_capture"} {
		require.Equal(t, true, caps[name], name)
	}
}

func TestAnOrderIsCheckedBeforeItStarts(t *testing.T) {
	c := newCounter(t)
	for pointer, order := range map[string]map[string]any{
		"/authorize_amount":         {"authorize_amount": 1000, "capture_method": "automatic"},
		"/delivery/allow/0/country": {"delivery": map[string]any{"allow": []any{map[string]any{"country": "Germany"}}}},
		"/delivery/deny":            {"delivery": map[string]any{"allow": []any{map[string]any{"country": "DE"}}, "deny": []any{map[string]any{"country": "AT"}}}},
		"/channel":                  {"channel": "pigeon"},
		"/delivery":                 {"delivery": map[string]any{"no_po_boxes": true}, "account": "acc"},
	} {
		body := map[string]any{"merchant_reference": "order-1", "amount": 12550, "currency": "EUR", "return_url": "https://shop.example/thanks"}
		for name, value := range order {
			body[name] = value
		}
		require.Equal(t, pointer, c.call("POST", "/v1/payments", body, http.StatusUnprocessableEntity)["pointer"], "%v", order)
	}
	require.Empty(t, c.provider.Calls(core.OpStart))
}
