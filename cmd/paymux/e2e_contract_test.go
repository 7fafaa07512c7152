package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/openapi"
)

// exampleBodies are the examples of a request's body in the contract, by name.
func exampleBodies(t *testing.T, method, path string) map[string]map[string]any {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(openapi.JSON, &doc))
	var operation struct {
		RequestBody struct {
			Content map[string]struct {
				Examples map[string]struct{ Value map[string]any }
			}
		}
	}
	require.NoError(t, json.Unmarshal(doc.Paths[path][method], &operation), "%s %s", method, path)
	out := map[string]map[string]any{}
	for name, example := range operation.RequestBody.Content["application/json"].Examples {
		out[name] = example.Value
	}
	require.NotEmpty(t, out)
	return out
}

// Whoever pastes the examples of the contract in the order of a payment's life is answered as it says.
func TestExamplesOfTheContractWork(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	create := exampleBodies(t, "post", "/v1/payments")
	require.Len(t, create, 4, "Amazon Pay has its own")

	card := w.call("POST", "/v1/payments", create["card"]).want(201)
	w.pay(card, cardPlain)
	payment := "/v1/payments/" + w.eventually(card.str("id"), "requires_capture").str("id")
	changes := exampleBodies(t, "patch", "/v1/payments/{payment_id}")
	w.call("PATCH", payment, changes["note"]).want(200)
	require.Equal(t, "state_invalid", w.call("PATCH", payment, changes["shipping"]).want(409).str("code"), "nothing is reviewed here")
	for _, body := range exampleBodies(t, "post", "/v1/payments/{payment_id}/captures") {
		require.Equal(t, "succeeded", w.call("POST", payment+"/captures", body).want(201).str("status"))
	}
	for _, body := range exampleBodies(t, "post", "/v1/payments/{payment_id}/refunds") {
		require.Equal(t, "succeeded", w.call("POST", payment+"/refunds", body).want(201).str("status"))
	}
	for _, body := range exampleBodies(t, "post", "/v1/payments/{payment_id}/cancel") {
		w.call("POST", payment+"/cancel", body).want(200)
	}

	saved := w.call("POST", "/v1/payments", create["save"]).want(201)
	w.pay(saved, cardPlain)
	w.eventually(saved.str("id"), "succeeded")
	mandate := w.call("GET", "/v1/mandates", nil).want(200).at("data").([]any)[0].(map[string]any)["id"].(string)
	require.Eventually(t, func() bool { return w.call("GET", "/v1/mandates/"+mandate, nil).want(200).str("status") == "active" }, waitFor, tick, "the provider tells of the card when it likes")
	unknown := w.call("POST", "/v1/payments", create["off_session"]).want(422)
	require.Equal(t, "/mandate", unknown.str("pointer"))
	create["off_session"]["mandate"] = mandate
	require.Equal(t, "succeeded", w.call("POST", "/v1/payments", create["off_session"]).want(201).str("status"))
	for _, body := range exampleBodies(t, "post", "/v1/mandates/{mandate_id}/cancel") {
		require.Equal(t, "canceled", w.call("POST", "/v1/mandates/"+mandate+"/cancel", body).want(200).str("status"))
	}

	delete(create["card"], "buyer")
	create["card"]["merchant_reference"] = "order-1002"
	require.Equal(t, "/buyer/email", w.call("POST", "/v1/payments", create["card"]).want(422).str("pointer"))
	w.call("GET", payment+"/captures?limit=1", nil).want(400)
}
