package main

import (
	"fmt"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/amazonpay/sandbox"
)

// An order is reviewed at the shop, confirmed, and authorized when the buyer is back, and nothing before.
func TestAmazonExpressWithReview(t *testing.T) {
	eachAmazon(t, func(t *testing.T, w *amazonWorld) {
		for product, shipped := range map[string]bool{"pay_and_ship": true, "pay_only": false} {
			p := w.create("order-"+product, map[string]any{"method": map[string]any{"type": "amazon_pay", "flow": "express", "product": product}})
			id := p.str("id")
			require.Equal(t, []string{"requires_action", "render_widget", "amazon_pay"}, []string{p.str("status"), p.str("next_action.type"), p.str("next_action.render_widget.sdk")})
			r := w.review(p, "6069")
			require.Equal(t, "requires_confirmation", r.str("status"), r.raw)
			require.Equal(t, "Amazon Gift Card and Visa ****6069 (Amazon Pay)", r.str("review.instrument"))
			require.Equal(t, shipped, r.at("review.shipping_address") != nil, r.raw)
			require.NotEmpty(t, r.str("review.buyer.email"))
			require.Zero(t, w.row(id))

			c := w.confirm(id)
			require.Equal(t, []string{"requires_action", "redirect_to_url"}, []string{c.str("status"), c.str("next_action.type")})
			require.Zero(t, w.row(id))
			newShopper(t).open(c.str("next_action.redirect_to_url.url")).through().atShop("/thanks")
			done := w.get(id)
			require.Equal(t, []string{"requires_capture", "12550", "12550"}, []string{done.str("status"), done.str("amounts.authorized"), done.str("amounts.capturable")})
			require.NotEmpty(t, done.str("provider.references.chargePermissionId"), done.raw)
			w.balanced(id)
			require.Equal(t, []string{"payment.created", "payment.action_required", "payment.review_required", "payment.action_required", "payment.authorized"}, w.events(id))
		}
	})
}

// Whoever pastes the example of the contract gets a button, and later a review.
func TestAmazonExampleOfTheContract(t *testing.T) {
	w := onAmazon(t)
	p := w.call("POST", "/v1/payments", exampleBodies(t, "post", "/v1/payments")["amazon_pay"]).want(201)
	require.Equal(t, "render_widget", p.str("next_action.type"))
	require.Equal(t, "requires_confirmation", w.review(p, "1111").str("status"))
	w.confirm(p.str("id"))
	require.Contains(t, w.call("GET", "/v1/payments/"+p.str("id")+"/timeline", nil).want(200).raw, `"POST /v1/payments/{payment_id}/confirm"`, "as the contract writes it")
	for why, method := range map[string]map[string]any{
		"account amazon-eu does this method for mandates only, and takes no payment with it": {"type": "amazon_pay", "flow": "hosted"},
		"account amazon-eu cannot do this method":                                            {"type": "card"},
	} {
		a := w.call("POST", "/v1/payments", amazonOrder("order-2", map[string]any{"method": method})).want(422)
		require.Equal(t, []any{why, []any{"amazon_pay/express", "amazon_pay/pay_now"}}, []any{a.str("detail"), a.at("alternatives")})
	}
}

// change has the buyer choose anew at Amazon, as the shop's page offers it by bindChangeAction.
func (w *amazonWorld) change(review *answer, what, amazons string) *sheet {
	w.t.Helper()
	for _, a := range review.at("review.change_actions").([]any) {
		if action := a.(map[string]any); action["what"] == what {
			require.Equal(w.t, w.simURL+sandbox.ScriptPath, action["script_url"])
			return newShopper(w.t).load("POST", w.simURL+sandbox.ChangePath, values(map[string]string{"amazonCheckoutSessionId": action["session_id"].(string), "changeAction": amazons}))
		}
	}
	require.Fail(w.t, "there is no such action", "%s: %s", what, review.raw)
	return nil
}

// What the buyer changes under review, and what the shop changes, is what is bought.
func TestAmazonOrderIsChangedUnderReview(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", nil)
	id, path := p.str("id"), "/v1/payments/"+p.str("id")
	page := newShopper(t).open(p.str("next_action.hosted_url")).html
	for _, text := range []string{"125.50 EUR", `action="` + w.simURL + sandbox.ButtonPath + `"`, `href="https://` + shopHost, "Zurück zum Shop"} {
		require.Contains(t, page, text, "who does not get on knows what it is about, and comes back")
	}
	was := w.review(p, "1111")
	require.Len(t, was.at("review.change_actions"), 2)

	w.change(was, "instrument", "changePayment").submit("continue", "paymentInstrumentId", "4444").through().atShop("/review")
	require.Equal(t, "Mastercard ****4444 (Amazon Pay)", w.get(id).str("review.instrument"))
	addresses := w.change(was, "address", "changeAddress")
	other := otherChoice(addresses.html)
	addresses.submit("continue", "addressId", other).through().atShop("/review")
	now := w.get(id)
	require.NotEqual(t, was.str("review.shipping_address"), now.str("review.shipping_address"))
	require.Equal(t, "Mastercard ****4444 (Amazon Pay)", now.str("review.instrument"))

	elsewhere := map[string]any{"amount": 13250, "shipping_address": map[string]any{"name": "Erika Muster", "line1": "Ringstr. 5", "city": "Berlin", "postal_code": "10115", "country": "DE"}}
	refused := w.call("PATCH", path, elsewhere).want(422)
	require.Equal(t, "capability_unsupported", refused.str("code"))
	require.Contains(t, refused.raw, "/shipping_address")
	require.Equal(t, "12550", w.get(id).str("amount"), "nothing of it was done")

	changed := w.call("PATCH", path, map[string]any{"amount": 13250}).want(200)
	require.Equal(t, "13250", changed.str("amount"))
	require.Equal(t, "version_conflict", w.call("POST", path+"/confirm", map[string]any{"version": was.at("version")}).want(409).str("code"))
	c := w.call("POST", path+"/confirm", map[string]any{"version": changed.at("version")}).want(200)
	w.call("PATCH", path, map[string]any{"amount": 12550}).want(409)
	newShopper(t).open(c.str("next_action.hosted_url")).through().atShop("/thanks")
	require.Equal(t, []any{"requires_capture", int64(13250)}, []any{w.get(id).str("status"), w.row(id).Authorized})
	w.balanced(id)
}

var radio = regexp.MustCompile(`<input type="radio" name="[^"]*" value="([^"]*)">`)

// otherChoice is a choice of a page that is neither chosen nor unfit.
func otherChoice(page string) string {
	if m := radio.FindStringSubmatch(page); m != nil {
		return m[1]
	}
	return ""
}

// Without a page for the review, the order is confirmed as soon as the buyer is back, and he goes on to Amazon at once.
func TestAmazonExpressWithoutReview(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", map[string]any{"review_url": nil})
	w.signIn(p).with("3155").through().atShop("/thanks")
	require.Equal(t, "requires_capture", w.get(p.str("id")).str("status"))
	w.balanced(p.str("id"))
}

// The button at the end of a checkout: everything is signed already, and the buyer is back once.
func TestAmazonPayNow(t *testing.T) {
	eachAmazon(t, func(t *testing.T, w *amazonWorld) {
		for method, status := range map[string]string{"manual": "requires_capture", "automatic": "succeeded"} {
			for _, card := range []string{"1111", "3155", "0002"} {
				p := w.create("order-"+method+card, payNow(map[string]any{"capture_method": method}))
				require.Zero(t, w.row(p.str("id")))
				require.Equal(t, status, w.pay(p, card).str("status"), "%s %s", method, card)
				w.balanced(p.str("id"))
			}
		}
	})
}

// Shipping to an address of the shop's needs no choice of the buyer's.
func TestAmazonPayNowIsShipped(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", payNow(map[string]any{"method": map[string]any{"type": "amazon_pay", "flow": "pay_now", "product": "pay_and_ship"},
		"shipping_address": map[string]any{"name": "Layla Khan", "line1": "Ringstr. 5", "city": "Berlin", "postal_code": "10115", "country": "DE", "phone": "+49305550100"}}))
	require.Equal(t, "requires_capture", w.pay(p, "1111").str("status"))
	w.balanced(p.str("id"))
}

// An integrator who takes the return himself reports what the browser brought, at each step.
func TestAmazonReturnIsTheIntegratorsOwn(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", nil)
	path := "/v1/payments/" + p.str("id")
	b := newShopper(t)
	b.stop = "/return/"
	brought := func(s *sheet) map[string]any {
		u, err := url.Parse(s.through().url)
		require.NoError(t, err)
		params := map[string]any{}
		for name := range u.Query() {
			params[name] = u.Query().Get(name)
		}
		require.Contains(t, params, "amazonCheckoutSessionId")
		return params
	}
	params := brought(b.open(p.str("next_action.hosted_url")).click().submit("continue").with("1111"))
	r := w.call("POST", path+"/complete", map[string]any{"step": "review", "return_params": params}).want(200)
	require.Equal(t, "requires_confirmation", r.str("status"))
	c := w.confirm(p.str("id"))
	params = brought(b.open(c.str("next_action.redirect_to_url.url")))
	require.Zero(t, w.row(p.str("id")).Authorized)
	for range 2 { // it may be reported again
		done := w.call("POST", path+"/complete", map[string]any{"step": "result", "return_params": params}).want(200)
		require.Equal(t, "requires_capture", done.str("status"))
	}
	w.balanced(p.str("id"))
	require.Equal(t, int64(12550), w.row(p.str("id")).Authorized)
}

// A session that is another order's, another merchant's or nobody's gets nobody's money.
func TestAmazonSessionThatIsNotTheOrders(t *testing.T) {
	w := onAmazon(t)
	dear := w.create("order-dear", nil)
	theirs := w.review(dear, "1111").at("review.change_actions").([]any)[0].(map[string]any)["session_id"].(string)
	foreign := w.callAs("other", "POST", "/v1/payments", amazonOrder("order-1", map[string]any{"account": "amazon-other"})).want(201)
	w.signIn(foreign).through().atShop("/review")
	others := w.callAs("other", "GET", "/v1/payments/"+foreign.str("id"), nil).at("review.change_actions").([]any)[0].(map[string]any)["session_id"].(string)
	for name, change := range map[string]map[string]any{"review": nil, "result": payNow(nil)} {
		for i, session := range []string{theirs, others, "8b3fd5a2-9b6b-4c55-9ad0-0b4a8f0d4d10", "../x", ""} {
			p := w.create(fmt.Sprintf("order-%s-%d", name, i), change)
			id, path := p.str("id"), "/v1/payments/"+p.str("id")
			a := w.call("POST", path+"/complete", map[string]any{"step": name, "return_params": map[string]any{"amazonCheckoutSessionId": session}})
			require.Less(t, a.status, 500, "%s %q: %s", name, session, a.raw)
			require.Zero(t, w.row(id))
			now := w.get(id)
			require.Equal(t, "requires_action", now.str("status"), "%s %q", name, session)
			require.Equal(t, "0", now.str("amounts.authorized"))
			require.Equal(t, "requires_capture", w.pay(p, "1111").str("status"), "its own buyer still pays, after %s %q", name, session)
			w.balanced(id)
		}
	}
	require.Equal(t, "requires_confirmation", w.get(dear.str("id")).str("status"))
	require.Zero(t, w.row(dear.str("id")))
}

// Whoever leaves Amazon on any page is at the shop, nothing is paid, and he can still pay: by the same link when he has
// not confirmed yet, else by another attempt.
func TestAmazonBuyerLeavesOnAnyPage(t *testing.T) {
	w := onAmazon(t)
	start := func(p *answer) *sheet { return newShopper(t).open(p.str("next_action.hosted_url")).click() }
	confirmed := func(p *answer, card string) *sheet {
		w.review(p, card)
		return newShopper(t).open(w.confirm(p.str("id")).str("next_action.redirect_to_url.url"))
	}
	const before, after, canceled, declined = "/cart", "/thanks", "buyer_canceled BuyerCanceled", "issuer_declined_hard Declined"
	for name, c := range map[string]struct {
		change      map[string]any
		visit       func(p *answer) *sheet
		landing, as string
	}{
		"sign-in":     {nil, start, before, canceled},
		"choice":      {nil, func(p *answer) *sheet { return start(p).submit("continue") }, before, canceled},
		"instruments": {nil, func(p *answer) *sheet { return start(p).submit("continue").submit("change_instrument") }, before, canceled},
		"addresses":   {nil, func(p *answer) *sheet { return start(p).submit("continue").submit("change_address") }, before, canceled},
		"pay-now":     {payNow(nil), func(p *answer) *sheet { return start(p).submit("continue") }, before, canceled},
		"processing":  {nil, func(p *answer) *sheet { return confirmed(p, "1111") }, after, canceled},
		"challenge":   {nil, func(p *answer) *sheet { return confirmed(p, "3155").submit("continue") }, after, canceled},
		"declined":    {nil, func(p *answer) *sheet { return confirmed(p, "0002").submit("continue") }, after, declined},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.create("order-"+name, c.change)
			c.visit(p).submit("cancel").atShop(c.landing)
			now := w.get(p.str("id"))
			require.Zero(t, w.row(p.str("id")).Authorized)
			require.Equal(t, []string{"0", c.as, "after_buyer_action"}, []string{now.str("amounts.authorized"),
				now.str("last_error.category") + " " + now.str("last_error.provider_code"), now.str("last_error.retry_advice")})
			if c.landing == after {
				require.Equal(t, "requires_payment_method", now.str("status"))
				p = w.confirm(p.str("id"))
				require.Equal(t, "2", p.str("attempts"))
			} else {
				require.Equal(t, "requires_action", now.str("status"))
			}
			require.Equal(t, "requires_capture", w.pay(p, "1111").str("status"))
			require.Equal(t, int64(12550), w.row(p.str("id")).Authorized)
			w.balanced(p.str("id"))
		})
	}
}

// Two tabs of one order buy once.
func TestAmazonTwoTabs(t *testing.T) {
	for name, change := range map[string]map[string]any{"express": nil, "pay-now": payNow(nil)} {
		t.Run(name, func(t *testing.T) {
			w := onAmazon(t)
			p := w.create("order-1", change)
			one, two := w.signIn(p), w.signIn(p)
			first := one.through()
			second := two.through()
			if name == "express" {
				first.atShop("/review")
				second.atShop("/review")
				c := w.confirm(p.str("id"))
				for range 2 {
					newShopper(t).open(c.str("next_action.redirect_to_url.url")).through()
				}
			}
			require.Equal(t, "requires_capture", w.get(p.str("id")).str("status"))
			require.Equal(t, int64(12550), w.row(p.str("id")).Authorized)
			w.balanced(p.str("id"))
		})
	}
}
