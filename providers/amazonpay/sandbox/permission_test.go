package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/internal/simulator"
)

func TestClosingAPermission(t *testing.T) {
	for _, cancelPending := range []bool{false, true} {
		w := newWorld(t)
		permission := w.ordered("10.00", "closing")
		charge := w.post("charges", chargeBody(permission, "4.00", "")).str("chargeId")
		w.refused(400, "InvalidParameterValue", w.remove("chargePermissions/"+permission+"/close", `{"closureReason":"`+strings.Repeat("x", 256)+`"}`))
		got := w.remove("chargePermissions/"+permission+"/close", fmt.Sprintf(`{"closureReason":"done","cancelPendingCharges":%t}`, cancelPending))
		if cancelPending {
			w.state(closed, "MerchantCanceled", got)
			w.state(canceled, "ChargePermissionCanceled", w.get("charges/"+charge))
		} else {
			w.state(closed, "MerchantClosed", got)
			w.state(captured, "", w.post("charges/"+charge+"/capture", captureBody("4.00")))
		}
		w.refused(422, "InvalidChargePermissionStatus", w.remove("chargePermissions/"+permission+"/close", `{}`))
		w.refused(422, "InvalidChargePermissionStatus", w.post("charges", chargeBody(permission, "1.00", "")))
	}
}

func TestUpdatingAPermission(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("10.00", "before")
	got := w.is(http.StatusOK, w.patch("chargePermissions/"+permission, `{"merchantMetadata":{"merchantReferenceId":"after","noteToBuyer":"thanks"}}`))
	require.Equal(t, "after", got.at("merchantMetadata.merchantReferenceId"))
	require.Equal(t, "after", w.book("after").Reference)
	w.refused(400, "InvalidParameterCombination", w.patch("chargePermissions/"+permission, `{"recurringMetadata":{"frequency":{"unit":"Month","value":"1"}}}`))
	w.refused(400, "UnrecognizedField", w.patch("chargePermissions/"+permission, `{"limits":{}}`))
	w.remove("chargePermissions/"+permission+"/close", `{}`)
	w.refused(422, "ChargePermissionNotModifiable", w.patch("chargePermissions/"+permission, `{"merchantMetadata":{"noteToBuyer":"other"}}`))
	w.is(http.StatusOK, w.patch("chargePermissions/"+permission, `{"merchantMetadata":{"customInformation":"still empty"}}`))
}

func TestPermissionsExpire(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("10.00", "expiry")
	require.Equal(t, "Erika Muster", w.get("chargePermissions/"+permission).at("buyer.name"))
	w.advance(BuyerDataKept + time.Second)
	got := w.state(chargeable, "", w.get("chargePermissions/"+permission))
	require.Nil(t, got.at("buyer"))
	require.Nil(t, got.at("shippingAddress"))
	w.advance(PermissionLife - BuyerDataKept)
	w.state(closed, "Expired", w.get("chargePermissions/"+permission))

	extended := `{"webCheckoutDetails":{"checkoutMode":"ProcessOrder","checkoutResultReturnUrl":"https://shop.test/result"},"storeId":"` + storeID + `",
		"paymentDetails":{"paymentIntent":"Confirm","extendExpiration":true,"chargeAmount":{"amount":"10.00","currencyCode":"EUR"}}}`
	id := w.ready(checkout{payload: extended, product: payOnly})
	permission = w.post("checkoutSessions/"+id+"/complete", completion("10.00")).str("chargePermissionId")
	w.advance(PermissionLife + 24*time.Hour)
	w.state(chargeable, "", w.get("chargePermissions/"+permission))
}

const recurringUpdate = `{"webCheckoutDetails":{"checkoutResultReturnUrl":"https://shop.test/result"},"chargePermissionType":"Recurring",
	"recurringMetadata":{"frequency":{"unit":"Month","value":"1"},"amount":{"amount":"30.00","currencyCode":"EUR"}},"merchantMetadata":{"merchantReferenceId":"sub-1"},
	"paymentDetails":{"paymentIntent":"AuthorizeWithCapture","chargeAmount":{"amount":"30.00","currencyCode":"EUR"}}}`

func TestRecurring(t *testing.T) {
	w := newWorld(t)
	id := w.click(reviewPayload, payAndShip, "")
	w.patch("checkoutSessions/"+id, `{"chargePermissionType":"Recurring"}`)
	require.Contains(t, constraintIDs(w.get("checkoutSessions/"+id)), "RecurringFrequencyNotSet")
	w.is(http.StatusOK, w.patch("checkoutSessions/"+id, recurringUpdate))
	w.process(id)
	got := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", completion("30.00")))
	permission, first := got.str("chargePermissionId"), got.str("chargeId")
	require.Regexp(t, `^C02-`, permission)
	require.Regexp(t, `^S02-\d{7}-\d{7}-C\d{6}$`, first)
	got = w.state(chargeable, "", w.get("chargePermissions/"+permission))
	require.Equal(t, "500.00", got.at("limits.amountLimit.amount"))
	require.Equal(t, "470.00", got.at("limits.amountBalance.amount"))

	second := w.state(captured, "", w.post("charges", chargeBody(permission, "470.00", `,"captureNow":true,"chargeInitiator":"MITR","merchantMetadata":{"merchantReferenceId":"sub-2"}`)))
	require.NotEqual(t, first[:19], second.str("chargeId")[:19], "every charge has an order id of its own")
	require.Equal(t, permission, second.at("chargePermissionId"))
	w.refused(400, "PeriodicAmountExceeded", w.post("charges", chargeBody(permission, "0.01", "")))
	require.Equal(t, [4]int64{3000, 3000, 0, 0}, totals(w.book("sub-1")))
	require.Equal(t, [4]int64{47000, 47000, 0, 0}, totals(w.book("sub-2")))
	now := w.server.sim.Clock.Now().UTC()
	w.advance(time.Date(now.Year(), now.Month()+1, 1, 0, 0, 1, 0, time.UTC).Sub(now))
	before := w.get("chargePermissions/" + permission).str("expirationTimestamp")
	w.is(http.StatusCreated, w.post("charges", chargeBody(permission, "500.00", `,"captureNow":true`)))
	require.Greater(t, w.get("chargePermissions/"+permission).str("expirationTimestamp"), before, "it lives for 13 months after its last use")

	w.refused(400, "MissingParameterValue", w.patch("chargePermissions/"+permission, `{"recurringMetadata":{"amount":{"amount":"1.00","currencyCode":"EUR"}}}`))
	got = w.is(http.StatusOK, w.patch("chargePermissions/"+permission, `{"recurringMetadata":{"frequency":{"unit":"Month","value":"2"},"amount":{"amount":"35.00","currencyCode":"EUR"}}}`))
	require.Equal(t, "2", got.at("recurringMetadata.frequency.value"))
	w.advance(370 * 24 * time.Hour)
	w.state(chargeable, "", w.get("chargePermissions/"+permission))
	w.advance(40 * 24 * time.Hour)
	w.state(closed, "Expired", w.get("chargePermissions/"+permission))
	w.refused(422, "ChargePermissionNotModifiable", w.patch("chargePermissions/"+permission, `{"merchantMetadata":{"customInformation":"still empty"}}`))
}

func TestRecurringPendingIsAlwaysAsynchronous(t *testing.T) {
	w := newWorld(t)
	update := strings.Replace(recurringUpdate, `"AuthorizeWithCapture"`, `"Authorize","canHandlePendingAuthorization":true`, 1)
	id := w.ready(checkout{update: update})
	got := w.is(http.StatusAccepted, w.post("checkoutSessions/"+id+"/complete", completion("30.00")))
	w.advance(DefaultSettleAfter)
	w.state(authorized, "", w.get("charges/"+got.str("chargeId")))
	later := w.state(authorizationInitiated, "", w.is(http.StatusCreated,
		w.post("charges", chargeBody(got.str("chargePermissionId"), "30.00", `,"canHandlePendingAuthorization":true`))))
	w.advance(DefaultSettleAfter)
	w.state(authorized, "", w.get("charges/"+later.str("chargeId")))
}

const setupPayload = `{"webCheckoutDetails":{"checkoutReviewReturnUrl":"https://shop.test/wallet","checkoutResultReturnUrl":"https://shop.test/wallet"},
	"storeId":"` + storeID + `","chargePermissionType":"PaymentMethodOnFile","paymentMethodOnFileMetadata":{"setupOnly":true},"paymentDetails":{"paymentIntent":"Confirm"}}`

// saved is a Saved Wallet set up outside a purchase.
func (w *world) saved(card string) string {
	w.t.Helper()
	id := w.ready(checkout{payload: setupPayload, product: payOnly, card: card})
	got := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", `{}`))
	require.Nil(w.t, got.at("chargeId"))
	require.Equal(w.t, onFile, got.at("chargePermissionType"))
	return got.str("chargePermissionId")
}

// The books tell how a consent stands, and nothing of an order alone.
func TestBooksHaveConsents(t *testing.T) {
	w := newWorld(t)
	w.ordered("10.00", "once")
	permission := w.saved("")
	stands := simulator.Agreement{ProviderReference: permission, Kind: "unscheduled", State: "active"}
	require.Equal(t, []simulator.Agreement{stands}, w.server.Books().Agreements)
	for _, step := range [][2]string{{"suspend", "suspended"}, {"restore", "active"}, {"buyer_close", "ended"}} {
		w.office(step[0], permission)
		stands.State = step[1]
		require.Equal(t, []simulator.Agreement{stands}, w.server.Books().Agreements)
	}
}

func TestSavedWallet(t *testing.T) {
	w := newWorld(t)
	permission := w.saved("")
	require.Regexp(t, `^C02-`, permission)
	got := w.state(chargeable, "", w.get("chargePermissions/"+permission))
	require.Nil(t, got.at("expirationTimestamp"))
	require.Equal(t, true, got.at("paymentMethodOnFileMetadata.setupOnly"))
	require.Equal(t, "15000.00", got.at("limits.amountLimit.amount"))
	got = w.state(captured, "", w.post("charges", chargeBody(permission, "15000.00", `,"captureNow":true,"chargeInitiator":"MITU","channel":"Phone",
		"webCheckoutDetails":{"checkoutResultReturnUrl":"https://shop.test/charge"},"merchantMetadata":{"merchantReferenceId":"phone-1"}`)))
	require.Equal(t, "Phone", got.at("channel"))
	require.Equal(t, "https://shop.test/charge", got.at("webCheckoutDetails.checkoutResultReturnUrl"))
	require.Nil(t, got.at("webCheckoutDetails.amazonPayRedirectUrl"))
	w.refused(400, "PeriodicAmountExceeded", w.post("charges", chargeBody(permission, "0.01", "")))
	require.Equal(t, [4]int64{1500000, 1500000, 0, 0}, totals(w.book("phone-1")))
	w.refused(400, "InvalidParameterValue", w.post("charges", chargeBody(permission, "1.00", `,"chargeInitiator":"ME"`)))
	w.refused(400, "InvalidParameterValue", w.post("charges", chargeBody(permission, "1.00", `,"channel":"Fax"`)))
	w.advance(5 * 365 * 24 * time.Hour)
	w.state(chargeable, "", w.get("chargePermissions/"+permission))
}

func TestBuyerRefusesToSave(t *testing.T) {
	w := newWorld(t)
	payload := strings.TrimSuffix(reviewPayload, "}") + `,"chargePermissionType":"PaymentMethodOnFile","paymentMethodOnFileMetadata":{"setupOnly":false}}`
	for _, refuses := range []bool{false, true} {
		id := w.ready(checkout{payload: payload, update: updateTo("Authorize", "10.00", "wallet", false), keepNot: refuses})
		got := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", completion("10.00")))
		require.Equal(t, map[bool]string{true: oneTime, false: onFile}[refuses], got.at("chargePermissionType"))
		require.Regexp(t, map[bool]string{true: "^S02", false: "^C02"}[refuses], got.at("chargePermissionId"))
	}
}

func TestAnotherInstrumentForASavedWallet(t *testing.T) {
	w := newWorld(t)
	permission := w.saved("")
	w.refused(422, "HardDeclined", w.simulated(http.MethodPost, "charges", chargeBody(permission, "1.00", ""), "HardDeclined"))
	w.state(nonChargeable, "PaymentMethodInvalid", w.get("chargePermissions/"+permission))
	w.refused(422, "InvalidChargePermissionStatus", w.post("charges", chargeBody(permission, "1.00", "")))
	payload := strings.TrimSuffix(setupPayload, "}") + `,"chargePermissionId":"` + permission + `"}`
	id := w.ready(checkout{payload: payload, product: payOnly, card: "4444"})
	got := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", `{}`))
	require.Equal(t, permission, got.at("chargePermissionId"))
	got = w.state(chargeable, "", w.get("chargePermissions/"+permission))
	require.Equal(t, "Mastercard ****4444 (Amazon Pay)", got.at("paymentPreferences").([]any)[0].(map[string]any)["paymentDescriptor"])
	w.is(http.StatusCreated, w.post("charges", chargeBody(permission, "1.00", "")))
}

func TestPendingCardOfASavedWallet(t *testing.T) {
	w := newWorld(t)
	permission := w.saved("0701")
	w.refused(422, "TransactionTimedOut", w.post("charges", chargeBody(permission, "1.00", "")))
	charge := w.state(authorizationInitiated, "", w.post("charges", chargeBody(permission, "1.00", `,"canHandlePendingAuthorization":true`))).str("chargeId")
	w.advance(DefaultSettleAfter)
	w.state(authorized, "", w.get("charges/"+charge))
}

func TestAnotherCurrencyThanTheLedgers(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Accounts[0].MultiCurrency = true })
	payload := `{"webCheckoutDetails":{"checkoutMode":"ProcessOrder","checkoutResultReturnUrl":"https://shop.test/result"},"storeId":"` + storeID + `",
		"paymentDetails":{"paymentIntent":"Confirm","presentmentCurrency":"JPY","chargeAmount":{"amount":"1000","currencyCode":"JPY"}}}`
	id := w.ready(checkout{payload: payload, product: payOnly})
	got := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", `{"chargeAmount":{"amount":"1000","currencyCode":"JPY"}}`))
	permission := got.str("chargePermissionId")
	require.Equal(t, "JPY", w.get("chargePermissions/"+permission).at("presentmentCurrency"))
	w.refused(400, "CurrencyMismatch", w.post("charges", chargeBody(permission, "1.00", "")))
	got = w.state(captured, "", w.post("charges", `{"chargePermissionId":"`+permission+`","captureNow":true,"chargeAmount":{"amount":"1000","currencyCode":"JPY"}}`))
	require.Equal(t, "900.00", got.at("convertedAmount.amount"))
	require.Equal(t, "EUR", got.at("convertedAmount.currencyCode"))
	require.Equal(t, [4]int64{1000, 1000, 0, 0}, totals(w.book("")))
}

func TestNothingIsFoundByAnUnknownOrAForeignID(t *testing.T) {
	w := newWorld(t)
	permission, charge := w.paid("AuthorizeWithCapture", "10.00", "mine")
	refund := w.post("refunds", refundBody(charge, "1.00")).str("refundId")
	session := w.click(reviewPayload, payAndShip, "")
	for _, c := range []struct{ method, path, id, body string }{
		{http.MethodGet, "checkoutSessions/*", session, ""},
		{http.MethodPatch, "checkoutSessions/*", session, "{}"},
		{http.MethodPost, "checkoutSessions/*/complete", session, completion("1.00")},
		{http.MethodPost, "checkoutSessions/*/finalize", session, completion("1.00")},
		{http.MethodGet, "chargePermissions/*", permission, ""},
		{http.MethodPatch, "chargePermissions/*", permission, "{}"},
		{http.MethodDelete, "chargePermissions/*/close", permission, "{}"},
		{http.MethodPost, "charges", permission, chargeBody("*", "1.00", "")},
		{http.MethodGet, "charges/*", charge, ""},
		{http.MethodPost, "charges/*/capture", charge, captureBody("1.00")},
		{http.MethodDelete, "charges/*/cancel", charge, `{"cancellationReason":"x"}`},
		{http.MethodPost, "refunds", charge, refundBody("*", "1.00")},
		{http.MethodGet, "refunds/*", refund, ""},
	} {
		put := func(id string) ask {
			return ask{method: c.method, path: "/v2/" + strings.Replace(c.path, "*", id, 1), body: strings.Replace(c.body, "*", id, 1)}
		}
		w.refused(404, "ResourceNotFound", w.send(put(c.id+"0")))
		foreign := put(c.id)
		foreign.keyID, foreign.region = "SANDBOX-pmxJP", "jp"
		w.refused(404, "ResourceNotFound", w.send(foreign))
		live := put(c.id)
		live.keyID = "LIVE-pmx"
		w.refused(404, "ResourceNotFound", w.send(live))
	}
}

func TestASessionOfTheAPIHoldsToTheRulesOfTheButton(t *testing.T) {
	w := newWorld(t)
	mine := w.saved("")
	body := strings.TrimSuffix(setupPayload, "}") + `,"chargePermissionId":"` + mine + `"}`
	w.is(http.StatusCreated, w.post("checkoutSessions", body))
	w.refused(404, "ResourceNotFound", w.send(ask{method: http.MethodPost, path: "/v2/checkoutSessions", body: body, keyID: "SANDBOX-pmxJP", region: "jp"}))
	w.refused(400, "InvalidParameterCombination", w.post("checkoutSessions", strings.TrimSuffix(reviewPayload, "}")+`,"addressDetails":{"name":"x"}}`))
	w.refused(400, "InvalidParameterCombination", w.post("checkoutSessions", strings.TrimSuffix(reviewPayload, "}")+`,"chargePermissionId":"`+mine+`"}`))
}
