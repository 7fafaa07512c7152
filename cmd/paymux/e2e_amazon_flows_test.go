package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A buyer whom Amazon knows sees one page that takes over what he chose before, instead of the one on which he chooses.
func TestAmazonConsentPage(t *testing.T) {
	w := onAmazon(t)
	w.paid("order-1", nil)
	w.control("pages", map[string]any{"consent": true})
	p := w.create("order-2", nil)
	page := newShopper(t).open(p.str("next_action.hosted_url")).click().submit("continue")
	require.Equal(t, []bool{true, false, false}, []bool{page.has("continue"), page.has("change_instrument"), page.has("change_address")}, page.html)
	page.submit("continue").atShop("/review")
	require.Equal(t, "Visa ****1111 (Amazon Pay)", w.get(p.str("id")).str("review.instrument"))
	newShopper(t).open(w.confirm(p.str("id")).str("next_action.redirect_to_url.url")).through().atShop("/thanks")
	require.Equal(t, "requires_capture", w.get(p.str("id")).str("status"))
	w.balanced(p.str("id"))
}

// Who fails to prove who he is chooses another instrument, and pays once.
func TestAmazonChallengeIsFailed(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", nil)
	w.review(p, "3155")
	page := newShopper(t).open(w.confirm(p.str("id")).str("next_action.redirect_to_url.url")).submit("continue").submit("challenge_fail")
	require.Zero(t, w.row(p.str("id")))
	page.submit("continue", "paymentInstrumentId", "4444").through().atShop("/thanks")
	now := w.get(p.str("id"))
	require.Equal(t, []string{"requires_capture", "Mastercard ****4444 (Amazon Pay)"}, []string{now.str("status"), now.str("method.display")})
	require.Equal(t, int64(12550), w.row(p.str("id")).Authorized)
	w.balanced(p.str("id"))
}

// The button at the end of a checkout in yen, taken at once, as the documents show it.
func TestAmazonPayNowInJapan(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", payNow(map[string]any{"account": "amazon-jp", "amount": 1000, "currency": "JPY", "capture_method": "automatic", "buyer": map[string]any{"locale": "ja-JP"}}))
	require.Equal(t, "succeeded", w.pay(p, "1111").str("status"))
	require.Equal(t, entry{1000, 1000, 0, 0, "JPY"}, w.row(p.str("id")))
	w.balanced(p.str("id"))
	w.call("POST", "/v1/payments", amazonOrder("order-2", payNow(map[string]any{"account": "amazon-jp"}))).want(422)
}

// An order is canceled before its buyer has agreed: the session at Amazon sells nothing any more, even if he goes on.
func TestAmazonOrderIsCanceledUnderReview(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", nil)
	w.review(p, "1111")
	require.Equal(t, "canceled", w.call("POST", "/v1/payments/"+p.str("id")+"/cancel", nil).want(200).str("status"))
	w.call("POST", "/v1/payments/"+p.str("id")+"/confirm", map[string]any{}).want(409)
	require.Zero(t, w.row(p.str("id")))
	w.balanced(p.str("id"))
}

// A further reservation is decided later, too, where the merchant lets Amazon: dynamic authorization.
func TestAmazonFurtherReservationIsPending(t *testing.T) {
	w := onAmazon(t)
	for card, reserved := range map[string]string{"0701": "5000", "4354": "0"} {
		p := w.create("order-"+card, map[string]any{"authorize_amount": 0, "allow_pending": true})
		id := p.str("id")
		w.pay(p, card)
		a := w.call("POST", "/v1/payments/"+id+"/authorizations", map[string]any{"amount": 5000}).want(202)
		require.Equal(t, "processing", a.str("status"))
		require.Equal(t, "0", w.get(id).str("amounts.authorized"))
		w.advance(time.Minute)
		require.True(t, eventually(func() bool {
			return w.call("GET", "/v1/payments/"+id, nil).str("amounts.authorized") == reserved && w.get(id).str("amounts.in_doubt") == "0" && w.get(id).str("status") == "requires_capture"
		}), w.get(id).raw)
		w.balanced(id)
	}
}

// A wallet is saved without a button: the shop sends the buyer to Amazon's sign-in at once, with consent and account in one.
func TestAmazonTouchlessSignIn(t *testing.T) {
	w := onAmazon(t)
	for _, product := range []string{"sign_in", "pay_only"} {
		body := consents("unscheduled", product)
		body["merchant_reference"] = "customer-" + product
		body["method"] = map[string]any{"type": "amazon_pay", "flow": "hosted", "product": product}
		m := w.call("POST", "/v1/mandates", body).want(201)
		require.Equal(t, true, m.at("next_action.render_widget.config.initCheckout"), m.raw)
		w.signIn(m).through().atShop("/wallet")
		w.mandate(m.str("id"), "active")
		b := w.call("GET", "/v1/mandates/"+m.str("id")+"?expand=buyer", nil).want(200)
		require.NotEmpty(t, b.str("buyer.email"), "Amazon tells who he is: %s", b.raw)
		w.charged("order-"+product, m.str("id"), nil)
	}
}

// A buyer who wants to buy and not to be remembered does so on the page of an express checkout as well.
func TestAmazonBuyerRefusesToSaveUnderReview(t *testing.T) {
	w := onAmazon(t)
	p := w.create("order-1", map[string]any{"save": map[string]any{"kind": "unscheduled"}})
	w.signIn(p).submit("decline").through().atShop("/review")
	newShopper(t).open(w.confirm(p.str("id")).str("next_action.redirect_to_url.url")).through().atShop("/thanks")
	require.Equal(t, "requires_capture", w.get(p.str("id")).str("status"))
	w.balanced(p.str("id"))
	w.mandate(p.str("mandate"), "failed")
}

// A stored consent is charged by each channel there is, and with the buyer there.
func TestAmazonWalletIsChargedByEachChannel(t *testing.T) {
	w := onAmazon(t)
	m := w.call("POST", "/v1/mandates", consents("unscheduled", "pay_only")).want(201)
	w.signIn(m).through().atShop("/wallet")
	w.mandate(m.str("id"), "active")
	for channel, amazons := range map[string]string{"online": "Web", "telephone": "Phone", "offline": "Offline"} {
		w.charged("order-"+channel, m.str("id"), map[string]any{"channel": channel})
		require.Contains(t, w.lastCharge(), `"channel":"`+amazons+`"`)
		require.Contains(t, w.lastCharge(), `"chargeInitiator":"MITU"`)
	}
	w.charged("order-there", m.str("id"), map[string]any{"off_session": false, "return_url": "https://shop.example/thanks"})
	require.Contains(t, w.lastCharge(), `"chargeInitiator":"CITU"`)
}

// lastCharge is the last request to Amazon that makes a charge.
func (w *amazonWorld) lastCharge() (last string) {
	w.t.Helper()
	for _, r := range w.requests() {
		if strings.Contains(r, `"operation":"CreateCharge"`) {
			last = r
		}
	}
	return last
}

// Later payments of a plan that Amazon decides on later are followed like any other.
func TestAmazonRecurringPaymentIsPending(t *testing.T) {
	for name, told := range map[string]bool{"told": true, "asked": false} {
		t.Run(name, func(t *testing.T) {
			w := onAmazon(t)
			m := w.call("POST", "/v1/mandates", consents("recurring", "pay_only")).want(201)
			w.signIn(m).through().atShop("/wallet")
			w.mandate(m.str("id"), "active")
			if !told {
				w.unheard()
			}
			p := w.call("POST", "/v1/payments", absent("abo-1", m.str("id"), map[string]any{"capture_method": "manual", "allow_pending": true})).want(202)
			require.Equal(t, "processing", p.str("status"))
			w.advance(time.Minute)
			if !told {
				w.sync(p.str("id"))
			}
			w.become(p.str("id"), "requires_capture")
			w.call("POST", "/v1/payments/"+p.str("id")+"/captures", nil).want(201)
			w.become(p.str("id"), "succeeded")
			w.balanced(p.str("id"))
		})
	}
}

// What time ends at Amazon is ended here: an agreement that nobody has charged for half a year, a plan that nobody has
// used for thirteen months. What Amazon tells of the buyer ends before.
func TestAmazonAgreementsExpire(t *testing.T) {
	w := onAmazon(t)
	agreed := w.paid("order-agreed", map[string]any{"authorize_amount": 0})
	m := w.call("POST", "/v1/mandates", consents("recurring", "pay_only")).want(201)
	w.signIn(m).through().atShop("/wallet")
	w.mandate(m.str("id"), "active")
	const day = 24 * time.Hour
	w.advance(31 * day)
	b := w.call("GET", "/v1/payments/"+agreed+"?expand=buyer", nil).want(200)
	require.Empty(t, b.str("buyer.email"), "thirty days are over")
	require.Equal(t, "12550", w.get(agreed).str("amounts.capturable"))
	w.advance(150 * day)
	require.Equal(t, "canceled", w.become(agreed, "canceled").str("status"))
	w.call("POST", "/v1/payments/"+agreed+"/authorizations", nil).want(409)
	w.balanced(agreed)
	w.mandate(m.str("id"), "active")
	w.advance(220 * day)
	require.True(t, eventually(func() bool {
		return strings.Contains("canceled expired", w.call("GET", "/v1/mandates/"+m.str("id"), nil).str("status"))
	}))
	w.call("POST", "/v1/payments", absent("abo-1", m.str("id"), nil)).want(409)
}

// The buyer ends his order in his account at Amazon: what was reserved is released, what was taken stays taken.
func TestAmazonBuyerClosesTheOrder(t *testing.T) {
	w := onAmazon(t)
	id := w.paid("order-1", map[string]any{"authorize_amount": 5000})
	path := "/v1/payments/" + id
	w.call("POST", path+"/captures", map[string]any{"amount": 5000}).want(201)
	w.call("POST", path+"/authorizations", map[string]any{"amount": 3000}).want(201)
	w.office("buyer_close", id, nil)
	w.become(id, "succeeded")
	require.Equal(t, []string{"5000", "3000", "0"}, []string{w.get(id).str("amounts.captured"), w.get(id).str("amounts.released"), w.get(id).str("amounts.capturable")})
	w.balanced(id)
	w.call("POST", path+"/authorizations", map[string]any{"amount": 1000}).want(409)
}
