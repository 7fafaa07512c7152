package sandbox

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// both is a world whose buyer uses the pages: the whole way, by HTTP alone.
func both(t *testing.T) (*world, *front) {
	w := newWorld(t)
	return w, &front{t, w.server, w.account}
}

// pays updates a session as the merchant does, and follows the address that the API tells.
func (f *front) pays(w *world, id, intent string, pending bool) *sight {
	f.t.Helper()
	got := w.is(http.StatusOK, w.patch("checkoutSessions/"+id, updateTo(intent, "49.90", "order-17", pending)))
	to := got.str("webCheckoutDetails.amazonPayRedirectUrl")
	require.Contains(f.t, to, ProcessingPath)
	return f.browse(http.MethodGet, to, nil).on(pageProcessing)
}

func TestOneTimeFromButtonToCharge(t *testing.T) {
	w, f := both(t)
	id := f.reviewed(payAndShip, f.express())
	seen := w.is(http.StatusOK, w.get("checkoutSessions/"+id))
	require.Equal(t, "Ringstr. 5", seen.at("shippingAddress.addressLine1"))
	require.Equal(t, "erika@example.org", seen.at("buyer.email"))
	require.Nil(t, seen.at("webCheckoutDetails.amazonPayRedirectUrl"))

	p := f.pays(w, id, authorize, false)
	w.refused(http.StatusUnprocessableEntity, "InvalidCheckoutSessionStatus", w.post("checkoutSessions/"+id+"/complete", completion("49.90")))
	p.press("continue").back(resultURL)
	done := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", completion("49.90")))
	w.state(authorized, "", w.get("charges/"+done.str("chargeId")))
	require.Equal(t, [4]int64{4990, 0, 0, 0}, totals(w.book("order-17")))
	p.reload().back(resultURL)
}

func TestPendingCardFromButtonToCharge(t *testing.T) {
	w, f := both(t)
	id := f.open(payOnly, f.express()).press("continue").press("change_instrument").press("continue", "paymentInstrumentId", "4354").
		press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	f.pays(w, id, authorize, true).press("continue").back(resultURL)
	done := w.is(http.StatusAccepted, w.post("checkoutSessions/"+id+"/complete", completion("49.90")))
	w.advance(DefaultSettleAfter)
	w.state(chargeDeclined, "HardDeclined", w.get("charges/"+done.str("chargeId")))
}

func TestDeclinedOnThePageFromButtonToError(t *testing.T) {
	w, f := both(t)
	id := f.open(payOnly, f.express()).press("continue").press("change_instrument").press("continue", "paymentInstrumentId", "0002").
		press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	f.pays(w, id, authorizeWithCapture, false).press("continue").on(pageDeclined).press("cancel").back(resultURL)
	w.refused(http.StatusUnprocessableEntity, "CheckoutSessionCanceled", w.post("checkoutSessions/"+id+"/complete", completion("49.90")))
	w.state(canceled, "Declined", w.get("checkoutSessions/"+id))
	require.Empty(t, w.server.Books().Payments)
}

func TestSavedWalletFromButtonToPermission(t *testing.T) {
	for action, want := range map[string][2]string{"approve": {onFile, "C02-"}, "decline": {oneTime, "S02-"}} {
		t.Run(action, func(t *testing.T) {
			w, f := both(t)
			save := fieldsOf{"chargePermissionType": onFile, "paymentMethodOnFileMetadata": fieldsOf{"setupOnly": false}}
			express := f.open(payOnly, f.express(save)).press("continue").press(action).back(reviewURL).Get("amazonCheckoutSessionId")
			p := f.pays(w, express, authorize, false).press("continue")
			if action == "approve" {
				p = p.on(pageChallenge).press("challenge_pass")
			}
			p.back(resultURL)
			p = f.open(payAndShip, f.payNow(save)).press("continue").press(action).press("continue")
			if action == "approve" {
				p = p.on(pageChallenge).press("challenge_pass")
			}
			now := p.back(resultURL).Get("amazonCheckoutSessionId")
			for _, id := range []string{express, now} {
				done := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", completion("49.90")))
				require.Equal(t, want[0], done.at("chargePermissionType"))
				require.True(t, strings.HasPrefix(done.str("chargePermissionId"), want[1]))
			}
		})
	}
}

func TestSetUpThenUpdateFromButtonToPermission(t *testing.T) {
	w, f := both(t)
	id := f.open(payOnly, f.setup()).press("continue").press("approve").press("continue").press("challenge_pass").back(resultURL).Get("amazonCheckoutSessionId")
	done := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", `{}`))
	require.Nil(t, done.at("chargeId"))
	permission := done.str("chargePermissionId")
	w.office("suspend", permission)
	require.Equal(t, nonChargeable, w.get("chargePermissions/"+permission).at("statusDetails.state"))

	f.open(payOnly, f.setup(fieldsOf{"chargePermissionId": permission})).press("continue").press("change_instrument").
		press("continue", "paymentInstrumentId", "6069").press("continue").press("continue").press("challenge_pass").back(resultURL)
	got := w.state(chargeable, "", w.get("chargePermissions/"+permission))
	require.Contains(t, got.text, "Amazon Gift Card and Visa ****6069 (Amazon Pay)")
}

func TestSignInFromButtonToBuyer(t *testing.T) {
	w, f := both(t)
	payload := fieldsOf{"signInReturnUrl": shopOrigin + "/in", "storeId": f.account.StoreIDs[0], "signInScopes": []string{"name"}}
	token := f.open(signIn, payload).press("continue", "email", "camille@example.org").press("continue").back(shopOrigin + "/in").Get("buyerToken")
	got := w.is(http.StatusOK, w.get("buyers/"+token))
	require.Equal(t, "Camille Lefèvre", got.at("name"))
	require.Nil(t, got.at("email"))

	saving := fieldsOf{"storeId": f.account.StoreIDs[0], "signInScopes": []string{"name", "email"}, "chargePermissionType": onFile,
		"paymentMethodOnFileMetadata": fieldsOf{"setupOnly": true}, "webCheckoutDetails": fieldsOf{"signInReturnUrl": shopOrigin + "/in"}}
	q := f.open(signIn, saving).press("continue").press("approve").press("continue").press("challenge_pass").back(shopOrigin + "/in")
	done := w.is(http.StatusOK, w.post("checkoutSessions/"+q.Get("amazonCheckoutSessionId")+"/complete", `{}`))
	require.Equal(t, onFile, done.at("chargePermissionType"))
	require.Equal(t, "erika@example.org", w.get("buyers/"+q.Get("buyerToken")).at("email"))
}

func TestRecurringFromButtonToPermission(t *testing.T) {
	w, f := both(t)
	payload := f.express(fieldsOf{"chargePermissionType": recurring, "recurringMetadata": fieldsOf{"frequency": fieldsOf{"unit": "Month", "value": "1"}}})
	id := f.open(payOnly, payload).press("continue").press("continue").back(reviewURL).Get("amazonCheckoutSessionId")
	f.pays(w, id, authorizeWithCapture, false).press("continue").back(resultURL)
	done := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", completion("49.90")))
	require.True(t, strings.HasPrefix(done.str("chargePermissionId"), "C02-"))
}

func TestUpgradeRefusedIsReadInTheSession(t *testing.T) {
	w, f := both(t)
	id := f.reviewed(payOnly, f.express())
	w.is(http.StatusOK, w.patch("checkoutSessions/"+id, `{"chargePermissionType":"Recurring","recurringMetadata":{"frequency":{"unit":"Month","value":"1"}}}`))
	f.browse(http.MethodPost, simulatorURL+UpgradePath, map[string][]string{"amazonCheckoutSessionId": {id}}).press("decline").back(reviewURL)
	require.Equal(t, oneTime, w.get("checkoutSessions/"+id).at("chargePermissionType"))
}

// A button that loses its answer, and a processing page that loses it after the decision: the buyer tries again.
func TestFaultsOfTheBuyersPages(t *testing.T) {
	w, f := both(t)
	w.control("faults", `{"operation":"button","action":"http_before","status":503}`)
	require.Equal(t, http.StatusServiceUnavailable, f.click(f.button(payOnly, f.express())).status)
	require.Empty(t, w.server.sessions)
	id := f.reviewed(payOnly, f.express())
	p := f.pays(w, id, authorize, false)
	w.control("faults", `{"operation":"processing","action":"http_after","status":502}`)
	require.Equal(t, http.StatusBadGateway, p.press("continue").status)
	require.Equal(t, id, p.press("continue").back(resultURL).Get("amazonCheckoutSessionId"), "again leads to where it would have led")
	w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", completion("49.90")))
}

func TestRequestsAreKeptWithoutBuyerData(t *testing.T) {
	w, f := both(t)
	f.open(payAndShip, f.payNow()).press("continue", "email", "erika@example.org").press("continue")
	kept := f.browse(http.MethodGet, simulatorURL+"/_control/requests", nil).html
	require.Contains(t, kept, `"operation":"button"`)
	require.Contains(t, kept, w.account.MerchantID)
	for _, secret := range []string{"Ditch Lane", "Susie", "erika@", "signature"} {
		require.NotContains(t, kept, secret)
	}
}

func TestProcessingWaitsForTheMerchant(t *testing.T) {
	f := newFront(t)
	id := f.reviewed(payOnly, f.express())
	require.Contains(t, f.arrive(id).refused("InvalidCheckoutSessionStatus"), "chargeAmount")
	require.False(t, f.session(id).redirected, "the merchant can still set it")
	f.redirect(id, authorize, false).press("continue").back(resultURL)
}

func TestEachInstrumentIsProvedForItself(t *testing.T) {
	f := newFront(t)
	p := f.open(payOnly, f.setup()).press("continue").press("change_instrument").press("continue", "paymentInstrumentId", "0002").
		press("approve").press("continue").on(pageChallenge)
	id := strings.Split(p.address.Path, "/")[2]
	f.arrive(id).on(pageChallenge) // the merchant's address again does not begin anew
	p = p.press("challenge_pass").on(pageDeclined)
	require.Contains(t, p.html, `value="1111" checked`)
	require.NotContains(t, p.html, `value="0002" checked`, "the one that was declined is not proposed")
	p.press("continue", "paymentInstrumentId", "0005").on(pageProcessing).press("continue").on(pageChallenge).press("challenge_pass").back(resultURL)
	require.Equal(t, "0005", f.session(id).card.ending)
}

func TestOtherCurrenciesTakeTwoSchemes(t *testing.T) {
	f := newFront(t, func(a *Account) { a.MultiCurrency = true })
	p := f.open(payOnly, f.express(fieldsOf{"paymentDetails": fieldsOf{"presentmentCurrency": "CHF"}})).press("continue").press("change_instrument")
	require.Contains(t, p.html, `value="0005" disabled`)
	require.NotContains(t, p.html, `value="4444" disabled`)
	p.press("continue", "paymentInstrumentId", "0005").on(pageInstrument)
}
