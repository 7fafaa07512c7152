package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/aps/sandbox"
)

// A buyer who pays nothing wants his payment to succeed. He posts a form of his own making; the provider refuses it and
// signs the refusal, with an echo of what was posted. The signed text has no separators, so with crafted names it can
// be cut anew: "processor_" completes "response_code=00008", "token_" completes "status=00", and what says that the
// payment was made comes from values of his. The signature is right, and it buys him nothing.
func TestASignedRefusalCutAnewBuysNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.operator()
		p := w.create("order-1", map[string]any{"capture_method": "automatic"})
		id := p.str("id")
		known, reference := e2eAccounts["aps-main"], w.reference(id)
		echo := w.refusal(map[string]string{
			"command": "PURCHASE", "access_code": known.AccessCode, "merchant_identifier": known.MerchantIdentifier, "merchant_reference": reference,
			"amount": "12550", "currency": "AED", "language": "en", "customer_email": "x@example.org", "fort_id": "169996200000000001",
			"phone_number": "1processor_", "response_d": "xresponse_code=14000", "return_url": "https://evil.example/b", "statur": "status=14token_", "signature": "00",
		})
		forged := map[string]string{
			"access_code": known.AccessCode, "amount": "12550", "command": "PURCHASE", "currency": "AED", "customer_email": "x@example.org",
			"fort_id": "169996200000000001", "language": "en", "merchant_identifier": known.MerchantIdentifier, "merchant_reference": reference,
			"phone_number": "1", "processor_response_code": "00008response_d=x", "response_code": "14000", "response_message": echo["response_message"],
			"return_url": "https://evil.example/bstatur=", "status": "14", "token_status": "00", "signature": echo["signature"],
		}
		require.Equal(t, text(echo, ""), text(forged, ""), "one text, two messages")
		before, asked := w.get(id), w.timesAsked(reference)
		for _, m := range []message{{contentType: typeJSON, body: asJSON(forged)}, {contentType: typeForm, body: asForm(forged)}} {
			m.account = "aps-main"
			status, body := w.deliver(m)
			require.Equal(t, http.StatusOK, status, body)
		}
		item := w.itemIn("applied")
		require.Empty(t, item["facts"])
		require.Contains(t, item["note"], "cut anew")
		require.Eventually(t, func() bool { return w.timesAsked(reference) > asked }, waitFor, tick, "the provider knows")
		w.boughtNothing(id, before)
		require.Empty(t, w.get(id).str("needs_review"), "nor can he have the shop look at it")
		require.Len(t, w.items("operator", ""), 1)
		require.Empty(t, w.column(w.raw(), "SELECT kind FROM facts"))
	})
}

// refusal posts a form to the provider's page and returns what the page signs and sends back.
func (w *world) refusal(form map[string]string) map[string]string {
	w.t.Helper()
	page := newShopper(w.t).load(http.MethodPost, w.simURL+sandbox.PaymentPagePath, values(form))
	_, back := page.form("")
	echo := map[string]string{}
	for name := range back {
		echo[name] = back.Get(name)
	}
	require.Equal(w.t, "00008", echo["response_code"], page.html)
	require.Equal(w.t, signed("aps-main", echo)["signature"], echo["signature"], "APS signs its refusals")
	return echo
}

// boughtNothing requires that the payment is where it was, here and at the provider.
func (w *world) boughtNothing(id string, before *answer) {
	w.t.Helper()
	w.settled(id)
	after := w.get(id)
	require.Equal(w.t, []string{before.str("status"), before.str("amounts")}, []string{after.str("status"), after.str("amounts")})
	require.Equal(w.t, []string{"payment.created", "payment.action_required"}, w.events(id))
	w.balanced(id)
}

// However somebody comes by a right signature: a message that the provider does not stand by when he is asked books
// nothing, whatever it says and whatever else is in it.
func TestASignedMessageThatIsNotTrueBuysNothing(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"authorized":             nil,
		"paid":                   {"command": "PURCHASE", "status": "14", "response_code": "14000"},
		"captured":               {"command": "CAPTURE", "status": "04", "response_code": "04000"},
		"refunded":               {"command": "REFUND", "status": "06", "response_code": "06000", "maintenance_reference": "K"},
		"voided":                 {"command": "VOID_AUTHORIZATION", "status": "08", "response_code": "08000", "amount": "", "currency": ""},
		"not decided":            {"status": "15", "response_code": "15777"},
		"with an unknown field":  {"new_field": "1"},
		"with a name in a value": {"customer_email": "acurrency=USD"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sqliteDSN(t)).operator()
			id := w.create("order-1", nil).str("id")
			before, asked := w.get(id), w.timesAsked(w.reference(id))
			w.tell("aps-main", told("aps-main", w.reference(id), change))
			item := w.itemIn("applied")
			require.NotEmpty(t, item["facts"])
			for _, f := range item["facts"].([]any) {
				require.Equal(t, "hint", f.(map[string]any)["strength"])
			}
			require.Eventually(t, func() bool { return w.timesAsked(w.reference(id)) > asked }, waitFor, tick)
			w.boughtNothing(id, before)
		})
	}
}
