package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// consents are what a buyer can agree to outside of a purchase.
func consents(kind, product string) map[string]any {
	body := map[string]any{"merchant_reference": "customer-7", "kind": kind, "currency": "EUR", "account": "amazon-eu",
		"method":     map[string]any{"type": "amazon_pay", "flow": "express", "product": product},
		"return_url": "https://shop.example/wallet", "cancel_url": "https://shop.example/account"}
	if kind == "recurring" {
		body["recurring"] = monthly(3000)
	}
	return body
}

func monthly(amount int) map[string]any {
	return map[string]any{"interval": "month", "interval_count": 1, "amount": amount}
}

// mandate reads the mandate until it has this status.
func (w *amazonWorld) mandate(id, status string) *answer {
	w.t.Helper()
	var a *answer
	require.True(w.t, eventually(func() bool {
		a = w.call("GET", "/v1/mandates/"+id, nil).want(200)
		return a.str("status") == status
	}), "never %s", status)
	return a
}

// absent is an order that charges a mandate while the buyer is away.
func absent(reference, mandate string, change map[string]any) map[string]any {
	body := map[string]any{"merchant_reference": reference, "amount": 3000, "currency": "EUR", "capture_method": "automatic", "mandate": mandate, "off_session": true}
	for name, value := range change {
		body[name] = value
	}
	return body
}

// charged requires that a charge of the mandate takes money once, by the books.
func (w *amazonWorld) charged(reference, mandate string, change map[string]any) {
	w.t.Helper()
	c := w.call("POST", "/v1/payments", absent(reference, mandate, change)).want(201)
	require.Equal(w.t, "succeeded", c.str("status"), c.raw)
	require.Equal(w.t, entry{3000, 3000, 0, 0, "EUR"}, w.row(c.str("id")))
	w.balanced(c.str("id"))
}

// elsewhere is what happens to a mandate without anybody here, at Amazon or in the buyer's account there.
func (w *amazonWorld) elsewhere(operation string, mandate *answer) {
	w.t.Helper()
	w.control("backoffice", map[string]any{"operation": operation, "merchantReferenceId": mandate.str("provider.references.reference")})
}

// A wallet is saved outside of a purchase in each way there is, and charged afterwards without the buyer.
func TestAmazonWalletIsSavedOutsideOfAPurchase(t *testing.T) {
	eachAmazon(t, func(t *testing.T, w *amazonWorld) {
		for _, product := range []string{"pay_and_ship", "pay_only", "sign_in"} {
			body := consents("unscheduled", product)
			body["merchant_reference"] = "customer-" + product
			m := w.call("POST", "/v1/mandates", body).want(201)
			id := m.str("id")
			require.Equal(t, []string{"requires_action", "render_widget"}, []string{m.str("status"), m.str("next_action.type")})
			w.call("POST", "/v1/payments", absent("early-"+product, id, nil)).want(409)
			w.signIn(m).through().atShop("/wallet")
			require.Regexp(t, `^[BC][0-9]{2}-`, w.mandate(id, "active").str("provider.references.chargePermissionId"), "what it is called at Amazon")
			w.charged("order-"+product, id, nil)
			w.charged("phone-"+product, id, map[string]any{"channel": "telephone"})
			w.call("POST", "/v1/mandates/"+id+"/cancel", nil).want(200)
			w.mandate(id, "canceled")
			require.Equal(t, "mandate_not_active", w.call("POST", "/v1/payments", absent("late-"+product, id, nil)).want(409).str("code"))
		}
	})
}

// A wallet is saved with a purchase, and the purchase is paid all the same.
func TestAmazonWalletIsSavedWithAPurchase(t *testing.T) {
	w := onAmazon(t)
	save := map[string]any{"kind": "unscheduled"}
	for flow, change := range map[string]map[string]any{"express": {"save": save}, "pay-now": payNow(map[string]any{"save": save})} {
		p := w.create("order-"+flow, change)
		require.Equal(t, "requires_capture", w.pay(p, "1111").str("status"), flow)
		w.balanced(p.str("id"))
		w.mandate(p.str("mandate"), "active")
		w.charged("later-"+flow, p.str("mandate"), nil)
	}
}

// Who does not want to be remembered pays all the same.
func TestAmazonBuyerRefusesToSave(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", payNow(map[string]any{"capture_method": "automatic", "save": map[string]any{"kind": "unscheduled"}}))
	w.signIn(p).submit("decline").through().atShop("/thanks")
	require.Equal(t, "succeeded", w.get(p.str("id")).str("status"))
	w.balanced(p.str("id"))
	m := w.mandate(p.str("mandate"), "failed")
	require.Equal(t, "mandate_not_active", w.call("POST", "/v1/payments", absent("later", m.str("id"), nil)).want(409).str("code"))
}

// A subscription: the first payment with the buyer, the next without, another amount, an order that is canceled, the end.
func TestAmazonRecurring(t *testing.T) {
	eachAmazon(t, func(t *testing.T, w *amazonWorld) {
		p := w.create("abo-1", map[string]any{"amount": 3000, "capture_method": "automatic", "save": map[string]any{"kind": "recurring", "recurring": monthly(3000)}})
		require.Equal(t, "succeeded", w.pay(p, "1111").str("status"))
		w.balanced(p.str("id"))
		m := p.str("mandate")
		w.mandate(m, "active")
		w.charged("abo-2", m, nil)
		w.call("PATCH", "/v1/mandates/"+m, map[string]any{"recurring": map[string]any{"interval": "month", "interval_count": 2, "amount": 3500}}).want(200)
		require.Equal(t, "3500", w.call("GET", "/v1/mandates/"+m, nil).str("recurring.amount"))
		held := w.call("POST", "/v1/payments", absent("abo-3", m, map[string]any{"amount": 3500, "capture_method": "manual"})).want(201)
		require.Equal(t, "requires_capture", held.str("status"))
		w.call("POST", "/v1/payments/"+held.str("id")+"/cancel", nil).want(200)
		w.become(held.str("id"), "canceled")
		require.Equal(t, entry{3500, 0, 0, 3500, "EUR"}, w.row(held.str("id")))
		w.balanced(held.str("id"))
		w.mandate(m, "active") // an order is canceled, the contract is not
		w.charged("abo-4", m, nil)
		w.call("POST", "/v1/mandates/"+m+"/cancel", nil).want(200)
		w.mandate(m, "canceled")
		w.call("POST", "/v1/payments", absent("abo-5", m, nil)).want(409)
	})
}

// A wallet whose instrument Amazon suspends is charged again when its buyer has chosen another one.
func TestAmazonWalletIsRepaired(t *testing.T) {
	w := onAmazon(t)
	body := consents("unscheduled", "pay_only")
	body["description"], body["buyer"] = "Kaffee im Abo", map[string]any{"locale": "de-DE"}
	m := w.call("POST", "/v1/mandates", body).want(201)
	id := m.str("id")
	page := newShopper(t).open(m.str("next_action.hosted_url")).html
	for _, text := range []string{"Ihre Zahlungsart für später", "Kaffee im Abo", "Jetzt wird nichts abgebucht."} {
		require.Contains(t, page, text)
	}
	w.signIn(m).through().atShop("/wallet")
	w.mandate(id, "active")
	w.elsewhere("suspend", m)
	w.mandate(id, "suspended")
	require.Equal(t, "mandate_not_active", w.call("POST", "/v1/payments", absent("order-1", id, nil)).want(409).str("code"))
	w.advance(time.Minute) // Amazon's times are whole seconds
	fix := w.call("PATCH", "/v1/mandates/"+id, map[string]any{"return_url": "https://shop.example/wallet", "cancel_url": "https://shop.example/account"}).want(200)
	w.signIn(fix).with("4444").through().atShop("/wallet")
	w.mandate(id, "active")
	w.charged("order-2", id, nil)
}

// The buyer ends it in his Amazon account.
func TestAmazonBuyerClosesTheAgreement(t *testing.T) {
	w := onAmazon(t)
	m := w.call("POST", "/v1/mandates", consents("recurring", "pay_only")).want(201)
	w.signIn(m).through().atShop("/wallet")
	w.mandate(m.str("id"), "active")
	w.elsewhere("buyer_close", m)
	w.mandate(m.str("id"), "canceled")
	refused := w.call("POST", "/v1/payments", absent("order-1", m.str("id"), nil)).want(409)
	require.Equal(t, []string{"mandate_not_active", "never"}, []string{refused.str("code"), refused.str("retry")})
}

// A plan has no delivery: who does not say which product means the one that has none.
func TestAmazonPlanWithoutAProduct(t *testing.T) {
	w := onAmazon(t)
	body := consents("recurring", "")
	body["method"] = map[string]any{"type": "amazon_pay"}
	m := w.call("POST", "/v1/mandates", body).want(201)
	w.signIn(m).through().atShop("/wallet")
	w.mandate(m.str("id"), "active")
}

// After the checkout Amazon still tells who has bought, when it is asked, and nothing of it is kept.
func TestAmazonBuyerIsToldWhenAsked(t *testing.T) {
	w := onAmazon(t)
	id := w.paid("order-1", nil)
	require.Nil(t, w.get(id).at("buyer"))
	b := w.call("GET", "/v1/payments/"+id+"?expand=buyer", nil).want(200)
	require.NotEmpty(t, b.str("buyer.email"), b.raw)
	require.NotNil(t, b.at("buyer.shipping_address"), b.raw)
	require.Equal(t, "Visa ****1111 (Amazon Pay)", b.str("buyer.instrument"))
	require.Nil(t, w.get(id).at("buyer"))
}
