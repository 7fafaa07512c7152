package sandbox

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExpressPages(t *testing.T) {
	f := newFront(t)
	p := f.open(payAndShip, f.express())
	require.Contains(t, p.html, "Erika Muster")
	p = p.press("continue", "email", exampleBuyers["eu"][0].email).on(pageReview)
	require.Contains(t, p.html, "Layla&#39;s Coffee")
	require.Contains(t, p.html, "Ringstr. 5")
	require.Contains(t, p.html, "Visa ****1111 (Amazon Pay)")
	p.post(url.Values{"action": {"approve"}}).on(pageReview)
	q := p.press("continue").back(reviewURL)
	require.Equal(t, "17", q.Get("order"), "the address keeps its own query")
	id := q.Get("amazonCheckoutSessionId")
	sess := f.session(id)
	require.Equal(t, "Ringstr. 5", value(sess.shipping.AddressLine1))
	require.Equal(t, open, sess.State)
	require.False(t, sess.redirected)

	p = f.redirect(id, authorize, false).on(pageProcessing)
	require.True(t, f.session(id).redirected)
	require.False(t, f.session(id).passed, "arriving decides nothing")
	require.Equal(t, id, p.press("continue").back(resultURL).Get("amazonCheckoutSessionId"))
	require.True(t, f.session(id).passed)
}

func TestChoicesTakeEffectWhenTheBuyerGoesOn(t *testing.T) {
	f := newFront(t)
	id := f.reviewed(payAndShip, f.express())
	was := f.session(id)
	p := f.browse(http.MethodPost, simulatorURL+ChangePath, url.Values{"amazonCheckoutSessionId": {id}, "changeAction": {"changeAddress"}}).on(pageAddress)
	require.Contains(t, p.html, "Packstation")
	p = p.press("continue", "addressId", "2").on(pageReview)
	require.Equal(t, was.shipping.lines(), func() []string { s := f.session(id); return s.shipping.lines() }(), "nothing is changed yet")
	p = p.press("change_instrument").on(pageInstrument).press("continue", "paymentInstrumentId", "4444").on(pageReview)
	require.NotContains(t, p.html, `value="change_buyer"`, "the merchant knows this buyer")
	require.Equal(t, id, p.press("continue").back(reviewURL).Get("amazonCheckoutSessionId"))
	sess := f.session(id)
	require.Equal(t, exampleBuyers["eu"][0].addresses[1].lines(), sess.shipping.lines())
	require.Equal(t, "4444", sess.card.ending)

	p = f.browse(http.MethodPost, simulatorURL+ChangePath, url.Values{"amazonCheckoutSessionId": {id}, "changeAction": {"changePayment"}}).on(pageInstrument)
	p.press("back").on(pageReview).press("cancel").back(cancelURL)
	require.Equal(t, "BuyerCanceled", f.session(id).Reason)
}

func TestChangeRefusals(t *testing.T) {
	f := newFront(t)
	id := f.reviewed(payOnly, f.express())
	change := func(id, action string) *sight {
		return f.browse(http.MethodPost, simulatorURL+ChangePath, url.Values{"amazonCheckoutSessionId": {id}, "changeAction": {action}})
	}
	change(id, "changeAddress").refused("InvalidParameterValue")
	change(id, "changeColour").refused("InvalidParameterValue")
	change("8b3fd5a2-0000-0000-0000-000000000000", "changePayment").refused("ResourceNotFound")
	fresh := f.open(payOnly, f.express())
	change(strings.Split(fresh.address.Path, "/")[2], "changePayment").refused("InvalidCheckoutSessionStatus")
	f.redirect(id, authorize, false)
	change(id, "changePayment").refused("InvalidCheckoutSessionStatus")
}

func TestPayOnlyHasNoAddress(t *testing.T) {
	f := newFront(t)
	p := f.open(payOnly, f.express()).press("continue").on(pageReview)
	require.NotContains(t, p.html, "Shipping address")
	elsewhere := f.browse(http.MethodGet, strings.Replace(p.address.String(), pageReview, pageAddress, 1), nil)
	elsewhere.on(pageReview)
	id := p.press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	require.Nil(t, f.session(id).shipping)
}

func TestDeliveryRules(t *testing.T) {
	f := newFront(t)
	rules := fieldsOf{"deliverySpecifications": fieldsOf{"specialRestrictions": []string{"RestrictPOBoxes", "RestrictPackstations"},
		"addressRestrictions": fieldsOf{"type": "Allowed", "restrictions": fieldsOf{"DE": fieldsOf{}}}}}
	p := f.open(payAndShip, f.express(rules)).press("continue").press("change_address").on(pageAddress)
	for i, a := range exampleBuyers["eu"][0].addresses {
		text := strings.Join(a.lines(), " ")
		fits := value(a.CountryCode) == "DE" && !strings.Contains(text, "Packstation") && !strings.Contains(text, "Postfach")
		number := string(rune('1' + i))
		require.Equal(t, !fits, strings.Contains(p.html, `value="`+number+`" disabled`), text)
		if !fits {
			require.Contains(t, p.press("continue", "addressId", number).on(pageAddress).html, words["no_address"][0])
		}
	}
	for _, wrong := range []string{"0", "99", "-1", "x", ""} {
		require.Contains(t, p.press("continue", "addressId", wrong).on(pageAddress).html, words["no_address"][0])
	}

	nowhere := fieldsOf{"deliverySpecifications": fieldsOf{"addressRestrictions": fieldsOf{"type": "Allowed", "restrictions": fieldsOf{"NZ": fieldsOf{}}}}}
	p = f.open(payAndShip, f.express(nowhere)).press("continue").on(pageReview)
	require.Contains(t, p.press("continue").on(pageReview).html, words["none_fits"][0])
}

func TestConsentPageForBuyersWhoComeBack(t *testing.T) {
	f := newFront(t)
	f.reviewed(payAndShip, f.express())
	f.server.consent = true
	p := f.open(payAndShip, f.express()).press("continue").on(pageReview)
	require.Contains(t, p.html, words["consent"][0])
	require.NotContains(t, p.html, "change_address")
	p.press("continue").back(reviewURL)

	other := f.open(payAndShip, f.express()).press("continue", "email", exampleBuyers["eu"][1].email)
	require.NotContains(t, other.html, words["consent"][0], "this one is new here")
	again := fieldsOf{"chargePermissionType": "Recurring", "recurringMetadata": fieldsOf{"frequency": fieldsOf{"unit": "Month", "value": "1"}}}
	require.NotContains(t, f.open(payAndShip, f.express(again)).press("continue").html, words["consent"][0], "never for agreements")
}

func TestRecurringLinkTellsHowOften(t *testing.T) {
	tests := []struct{ unit, value, language, want string }{
		{"Month", "1", "en_GB", "processed every 1 month · EUR 30.00 each time"}, {"Week", "2", "en_GB", "every 2 weeks · EUR"},
		{"Variable", "0", "en_GB", "from time to time"}, {"Year", "1", "de_DE", "ausgeführt jedes Jahr · EUR 30.00"}, {"Month", "6", "de_DE", "alle 6 Monate"},
		{"Day", "10", "ja_JP", "10日ごと"},
	}
	for _, test := range tests {
		t.Run(test.language+" "+test.unit, func(t *testing.T) {
			f := newFront(t)
			payload := f.express(fieldsOf{"chargePermissionType": "Recurring",
				"recurringMetadata": fieldsOf{"frequency": fieldsOf{"unit": test.unit, "value": test.value}, "amount": euros("30.00")}})
			p := f.click(f.button(payOnly, payload, "checkoutLanguage", test.language)).press("continue")
			require.Contains(t, p.html, test.want)
		})
	}
}

func TestPayNow(t *testing.T) {
	f := newFront(t)
	p := f.open(payAndShip, f.payNow()).press("continue").on(pageReview)
	require.Contains(t, p.html, "10 Ditch Lane")
	require.Contains(t, p.html, `<span class="currency">EUR</span> 49.90`)
	require.NotContains(t, p.html, "change_address", "the address is the shop's")
	require.Contains(t, p.html, "Pay now")
	named := f.open(payAndShip, f.payNow(fieldsOf{"checkoutButtonText": "Order & pay"})).press("continue")
	require.Contains(t, named.html, `value="continue">Order &amp; pay</button>`)
	p = p.press("continue").on(pageProcessing)
	id := p.press("continue").back(resultURL).Get("amazonCheckoutSessionId")
	require.True(t, f.session(id).passed)
	require.Equal(t, "Susie Smith", value(func() *string { s := f.session(id); return s.shipping.Name }()))
}

func TestSavedWalletWithAPurchase(t *testing.T) {
	save := fieldsOf{"chargePermissionType": "PaymentMethodOnFile", "paymentMethodOnFileMetadata": fieldsOf{"setupOnly": false}}
	for _, yes := range []bool{true, false} {
		action := map[bool]string{true: "approve", false: "decline"}[yes]
		t.Run(action, func(t *testing.T) {
			f := newFront(t)
			p := f.open(payAndShip, f.express(save)).press("continue").on(pageReview)
			require.NotContains(t, p.html, `value="continue"`, "saving needs a word")
			p.post(url.Values{"action": {"continue"}}).on(pageReview)
			id := p.press(action).back(reviewURL).Get("amazonCheckoutSessionId")
			require.Equal(t, !yes, f.session(id).keepsNot)
			p = f.redirect(id, authorize, false).press("continue")
			if yes {
				p = p.on(pageChallenge).press("challenge_pass")
			}
			p.back(resultURL)
			require.True(t, f.session(id).passed)

			p = f.open(payAndShip, f.payNow(save)).press("continue").press(action).on(pageProcessing).press("continue")
			if yes {
				p = p.on(pageChallenge).press("challenge_pass")
			}
			id = p.back(resultURL).Get("amazonCheckoutSessionId")
			require.Equal(t, !yes, f.session(id).keepsNot)
		})
	}
}

func (f *front) setup(change ...fieldsOf) fieldsOf {
	return f.express(append([]fieldsOf{{"chargePermissionType": "PaymentMethodOnFile", "paymentMethodOnFileMetadata": fieldsOf{"setupOnly": true},
		"paymentDetails": fieldsOf{"paymentIntent": "Confirm"}}}, change...)...)
}

func TestSavedWalletOutsideAPurchase(t *testing.T) {
	f := newFront(t)
	p := f.open(payOnly, f.setup()).press("continue").on(pageReview)
	id := p.press("approve").on(pageProcessing).press("continue").on(pageChallenge).press("challenge_pass").back(resultURL).Get("amazonCheckoutSessionId")
	require.True(t, f.session(id).passed)

	p = f.open(payOnly, f.setup()).press("continue").press("decline")
	p.back(cancelURL)

	elsewhere := newFront(t, region("na"))
	elsewhere.open(payOnly, elsewhere.setup()).press("continue").press("approve").press("continue").back(resultURL)
}

func TestSignInOnly(t *testing.T) {
	f := newFront(t)
	payload := fieldsOf{"signInReturnUrl": shopOrigin + "/signed-in?x=1#top", "signInCancelUrl": cancelURL, "storeId": f.account.StoreIDs[0],
		"signInScopes": []string{"name", "email", "billingAddress"}}
	p := f.open(signIn, payload).press("continue").on(pageReview)
	require.Contains(t, p.html, words["billingAddress"][0])
	require.NotContains(t, p.html, words["phoneNumber"][0])
	p = p.press("continue")
	q := p.back(shopOrigin + "/signed-in")
	require.Equal(t, "1", q.Get("x"))
	require.Equal(t, "top", p.address.Fragment)
	require.NotNil(t, f.server.tokens[q.Get("buyerToken")])
	require.Empty(t, q.Get("amazonCheckoutSessionId"))
	f.open(signIn, payload).press("cancel").back(cancelURL)
	f.open(signIn, payload).press("continue").press("cancel").back(cancelURL)
}

func TestSignInAndSave(t *testing.T) {
	f := newFront(t)
	payload := fieldsOf{"storeId": f.account.StoreIDs[0], "signInScopes": []string{"name", "email"},
		"webCheckoutDetails":   fieldsOf{"signInReturnUrl": shopOrigin + "/wallet", "signInCancelUrl": cancelURL},
		"chargePermissionType": "PaymentMethodOnFile", "paymentMethodOnFileMetadata": fieldsOf{"setupOnly": true}}
	p := f.open(signIn, payload).press("continue").on(pageReview)
	require.Contains(t, p.html, words["save_is"][0])
	q := p.press("approve").press("continue").on(pageChallenge).press("challenge_pass").back(shopOrigin + "/wallet")
	require.True(t, f.session(q.Get("amazonCheckoutSessionId")).passed)
	require.NotNil(t, f.server.tokens[q.Get("buyerToken")])
	f.open(signIn, payload).press("continue").press("decline").back(cancelURL)
}

func TestUpdateOfASavedInstrument(t *testing.T) {
	f := newFront(t)
	f.server.mu.Lock()
	probe := &session{owner: owner{f.account.MerchantID, Sandbox}, account: f.server.accounts[f.account.MerchantID], buyer: exampleBuyers["eu"][0], card: &cards[0]}
	probe.ChargePermissionType = textOf(onFile)
	permission := f.server.openPermission(probe)
	f.server.mu.Unlock()
	payload := f.setup(fieldsOf{"chargePermissionId": permission.id})

	p := f.open(payOnly, payload).press("continue", "email", exampleBuyers["eu"][1].email).press("continue").on(pageReview)
	require.Contains(t, p.html, words["other_buyer"][0])
	p = p.press("change_buyer").on(pageSignIn).press("continue").on(pageReview)
	require.Contains(t, p.html, words["update_is"][0])
	p = p.press("change_instrument").press("continue", "paymentInstrumentId", "4444").press("continue").on(pageProcessing).press("continue")
	require.Equal(t, "1111", permission.card.ending, "not before the second proof")
	p.on(pageChallenge).press("challenge_pass").back(resultURL)
	require.Equal(t, "4444", permission.card.ending)

	f.click(f.button(payOnly, f.setup(fieldsOf{"chargePermissionId": "C02-0000000-0000000"}))).refused("ResourceNotFound")
}

func TestUpgradeToRecurring(t *testing.T) {
	for _, yes := range []bool{true, false} {
		f := newFront(t)
		id := f.reviewed(payOnly, f.express())
		upgrade := url.Values{"amazonCheckoutSessionId": {id}}
		f.browse(http.MethodPost, simulatorURL+UpgradePath, upgrade).refused("InvalidParameterCombination")
		f.change(id, func(sess *session) {
			sess.ChargePermissionType = textOf(recurring)
			sess.RecurringMetadata = &recurringMetadata{Frequency: &frequency{"Year", "1"}}
		})
		p := f.browse(http.MethodPost, simulatorURL+UpgradePath, upgrade).on(pageReview)
		require.Contains(t, p.html, "every 1 year")
		p.press(map[bool]string{true: "approve", false: "decline"}[yes]).back(reviewURL)
		require.Equal(t, map[bool]string{true: recurring, false: oneTime}[yes], value(f.session(id).ChargePermissionType))
	}
}

func TestEachCardAtTheProcessingPage(t *testing.T) {
	for _, c := range cards {
		t.Run(c.ending+" "+c.brand, func(t *testing.T) {
			f := newFront(t)
			id := f.open(payAndShip, f.express()).press("continue").press("change_instrument").press("continue", "paymentInstrumentId", c.ending).
				press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
			p := f.redirect(id, authorize, true).on(pageProcessing).press("continue")
			switch c.verdict {
			case challenged:
				p = p.on(pageChallenge).press("challenge_pass")
			case declinedOnce:
				p = p.on(pageDeclined).press("continue", "paymentInstrumentId", "4444").on(pageProcessing).press("continue")
			}
			p.back(resultURL)
			sess := f.session(id)
			switch c.verdict {
			case buyerCanceled:
				require.Equal(t, "BuyerCanceled", sess.Reason)
			case declined:
				require.Equal(t, "Declined", sess.Reason)
			case declinedOnce:
				require.Equal(t, "MasterCard ****4444 (Amazon Pay)", strings.Replace(sess.card.descriptor(), "Mastercard", "MasterCard", 1))
				require.True(t, sess.passed)
			default:
				require.True(t, sess.passed)
				require.Equal(t, open, sess.State)
			}
		})
	}
}

func TestPendingCardsNeedAShopThatWaits(t *testing.T) {
	f := newFront(t)
	p := f.open(payAndShip, f.payNow()).press("continue").press("change_instrument")
	require.Contains(t, p.html, `value="0701" disabled`)
	require.Contains(t, p.press("continue", "paymentInstrumentId", "0701").on(pageInstrument).html, words["no_card"][0])
	waits := f.payNow(fieldsOf{"paymentDetails": fieldsOf{"paymentIntent": "Authorize", "canHandlePendingAuthorization": true, "chargeAmount": euros("49.90")}})
	f.open(payAndShip, waits).press("continue").press("change_instrument").press("continue", "paymentInstrumentId", "0701").
		press("continue").press("continue").back(resultURL)

	id := f.open(payOnly, f.express()).press("continue").press("change_instrument").press("continue", "paymentInstrumentId", "0701").
		press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	f.redirect(id, authorize, false).press("continue").back(resultURL)
	require.Equal(t, "Declined", f.session(id).Reason, "in express nobody knew when it was chosen")
}

func TestDeclinedThenGivingUp(t *testing.T) {
	f := newFront(t)
	id := f.open(payOnly, f.express()).press("continue").press("change_instrument").press("continue", "paymentInstrumentId", "3155").
		press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	p := f.redirect(id, authorize, false).press("continue").on(pageChallenge).press("challenge_fail").on(pageDeclined)
	require.Contains(t, p.html, words["failed_check"][0])
	p.reload().on(pageDeclined)
	p.press("continue", "paymentInstrumentId", "0000000").on(pageDeclined)
	require.Equal(t, id, p.press("cancel").back(resultURL).Get("amazonCheckoutSessionId"))
	require.Equal(t, "Declined", f.session(id).Reason)
}

func TestCancelOnEveryPage(t *testing.T) {
	f := newFront(t)
	review := func() *sight { return f.open(payAndShip, f.express()).press("continue") }
	for name, p := range map[string]*sight{"sign-in": f.open(payAndShip, f.express()), "selection": review(),
		"addresses": review().press("change_address"), "instruments": review().press("change_instrument")} {
		id := strings.Split(p.address.Path, "/")[2]
		require.Empty(t, p.press("cancel").back(cancelURL), name)
		require.Equal(t, "BuyerCanceled", f.session(id).Reason, name)
	}
	id := f.reviewed(payOnly, f.express())
	require.Equal(t, id, f.redirect(id, authorize, false).press("cancel").back(resultURL).Get("amazonCheckoutSessionId"))
	require.Equal(t, "BuyerCanceled", f.session(id).Reason)

	without := f.express(fieldsOf{"webCheckoutDetails": fieldsOf{"checkoutReviewReturnUrl": reviewURL}})
	f.open(payOnly, without).press("cancel").back(cartURL)
	odd := f.browse(http.MethodPost, simulatorURL+ButtonPath, f.button(payOnly, without), "Referer", "javascript:alert(1)").press("cancel").on(pageOver)
	require.NotContains(t, odd.html, "javascript")
	lost := f.browse(http.MethodPost, simulatorURL+ButtonPath, f.button(payOnly, without)).press("cancel").on(pageOver)
	require.Contains(t, lost.html, "Canceled (BuyerCanceled)")
	require.NotContains(t, lost.html, "<a ", "nobody said where the shop is")
}

func TestExpiredSession(t *testing.T) {
	f := newFront(t)
	p := f.open(payOnly, f.express())
	id := strings.Split(p.address.Path, "/")[2]
	f.server.sim.Clock.Advance(SessionLife + time.Second)
	p = p.press("continue").on(pageOver)
	require.Contains(t, p.html, "Canceled (Expired)")
	require.Contains(t, p.html, `href="`+cancelURL+`"`)
	require.Equal(t, "Expired", f.session(id).Reason)
	f.arrive(id).on(pageOver)
	f.server.sim.Clock.Advance(SessionKept)
	f.arrive(id).refused("ResourceNotFound")
	require.Empty(t, f.server.visits, "nothing of it is left")

	p = f.open(signIn, fieldsOf{"signInReturnUrl": reviewURL, "storeId": f.account.StoreIDs[0]})
	f.server.sim.Clock.Advance(SessionLife + time.Second)
	p.press("continue").refused("ResourceNotFound")
}
