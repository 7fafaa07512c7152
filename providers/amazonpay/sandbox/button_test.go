package sandbox

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	payNowPayload = `{"webCheckoutDetails":{"checkoutMode":"ProcessOrder","checkoutResultReturnUrl":"https://shop.test/result?a=b#c"},"storeId":"` + storeID + `",
		"paymentDetails":{"paymentIntent":"AuthorizeWithCapture","chargeAmount":{"amount":"49.90","currencyCode":"EUR"}},"merchantMetadata":{"merchantReferenceId":"now"},
		"addressDetails":{"name":" Erika Muster ","addressLine1":"Ringstr. 5","city":"Berlin","postalCode":"10115","countryCode":"de","phoneNumber":"0"}}`
	setupSignIn = `{"storeId":"` + storeID + `","signInScopes":["name"],"webCheckoutDetails":{"signInReturnUrl":"https://shop.test/in","signInCancelUrl":"https://shop.test/"},
		"chargePermissionType":"PaymentMethodOnFile","paymentMethodOnFileMetadata":{"setupOnly":true}}`
	plainSignIn = `{"signInReturnUrl":"https://shop.test/in","storeId":"` + storeID + `","signInScopes":["name","email","postalCode","billingAddress"]}`
)

// press opens what a button asks for; change comes after signing.
func (w *world) press(payload, product string, change func(b *button)) (entrance, *refusal) {
	w.t.Helper()
	b := button{MerchantID: w.account.MerchantID, PublicKeyID: w.account.Keys[0].ID, ProductType: product, PayloadJSON: payload,
		Signature: w.pss(v2, payload), Algorithm: v2}
	if change != nil {
		change(&b)
	}
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	return w.server.openFromButton(b)
}

func TestSessionOfPayNow(t *testing.T) {
	w := newWorld(t)
	id := w.click(payNowPayload, payAndShip, "")
	got := w.get("checkoutSessions/" + id)
	require.Equal(t, "now", got.at("merchantMetadata.merchantReferenceId"))
	require.Equal(t, "Erika Muster", got.at("shippingAddress.name"), "blanks are trimmed")
	require.Equal(t, "DE", got.at("shippingAddress.countryCode"))
	require.Empty(t, constraintIDs(got))
	w.process(id)
	require.Equal(t, "https://shop.test/result?a=b&amazonCheckoutSessionId="+id+"#c", w.server.session(id).resultAddress())
	got = w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", completion("49.90")))
	w.state(captured, "", w.get("charges/"+got.str("chargeId")))
	require.Equal(t, [4]int64{4990, 4990, 0, 0}, totals(w.book("now")))
}

func TestButtonsThatOpenNothing(t *testing.T) {
	w := newWorld(t)
	without := func(part string) string { return strings.Replace(payNowPayload, part, "", 1) }
	for name, c := range map[string]struct {
		payload, product string
		change           func(b *button)
		reason           string
	}{
		"unknown key":        {reviewPayload, payAndShip, func(b *button) { b.PublicKeyID = "SANDBOX-NOBODY" }, "InvalidAuthentication"},
		"another merchant":   {reviewPayload, payAndShip, func(b *button) { b.MerchantID = "pmxJP" }, "InvalidParameterValue"},
		"changed text":       {reviewPayload, payAndShip, func(b *button) { b.PayloadJSON += "\n" }, "InvalidSignatureError"},
		"another algorithm":  {reviewPayload, payAndShip, func(b *button) { b.Algorithm = "" }, "InvalidSignatureError"},
		"unknown algorithm":  {reviewPayload, payAndShip, func(b *button) { b.Algorithm = "RS256" }, "InvalidSignatureError"},
		"unknown product":    {reviewPayload, "PayLater", nil, "InvalidParameterValue"},
		"no JSON":            {`x`, payAndShip, nil, "InvalidRequestFormat"},
		"unknown field":      {`{"cart":1}`, payAndShip, nil, "UnrecognizedField"},
		"no review address":  {`{"webCheckoutDetails":{},"storeId":"` + storeID + `"}`, payAndShip, nil, "MissingParameterValue"},
		"another store":      {strings.Replace(reviewPayload, storeID, storeID+"f", 1), payAndShip, nil, "InvalidParameterValue"},
		"pay now, no result": {without(`"checkoutResultReturnUrl":"https://shop.test/result?a=b#c"`) + "", payAndShip, nil, "InvalidRequestFormat"},
		"pay now, no address": {payNowPayload[:strings.Index(payNowPayload, `,
		"addressDetails"`)] + "}", payAndShip, nil, "MissingParameterValue"},
		"pay now, pay only":   {payNowPayload, payOnly, nil, "InvalidParameterValue"},
		"pay now, no phone":   {without(`,"phoneNumber":"0"`), payAndShip, nil, "MissingParameterValue"},
		"pay now, no intent":  {without(`"paymentIntent":"AuthorizeWithCapture",`), payAndShip, nil, "MissingParameterValue"},
		"address with review": {strings.TrimSuffix(reviewPayload, "}") + `,"addressDetails":{"name":"x"}}`, payAndShip, nil, "InvalidParameterCombination"},
		"sign in, no return":  {strings.Replace(plainSignIn, `"signInReturnUrl":"https://shop.test/in",`, "", 1), signIn, nil, "MissingParameterValue"},
		"sign in and buy":     {strings.Replace(setupSignIn, "true", "false", 1), signIn, nil, "InvalidParameterCombination"},
		"unknown permission":  {strings.TrimSuffix(setupPayload, "}") + `,"chargePermissionId":"C02-1111111-1111111"}`, payOnly, nil, "ResourceNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			_, no := w.press(c.payload, c.product, c.change)
			require.NotNil(t, no)
			require.Equal(t, c.reason, no.Reason, no.Text)
		})
	}
	require.Empty(t, w.server.sessions)
}

func TestSignatureErrorNamesWhatWasExpected(t *testing.T) {
	w := newWorld(t)
	_, no := w.press(reviewPayload, payAndShip, func(b *button) { b.Signature = "x" })
	require.Equal(t, http.StatusForbidden, no.status)
	require.Contains(t, no.Text, hash(reviewPayload))
	require.Contains(t, no.Text, v2)
}

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	in, no := w.press(plainSignIn, signIn, nil)
	require.Nil(t, no)
	require.Nil(t, in.session)
	w.server.mu.Lock()
	token := w.server.issueBuyerToken(in.owner, exampleBuyers["eu"][0], in.signIn.SignInScopes)
	bare := w.server.issueBuyerToken(in.owner, exampleBuyers["eu"][0], nil)
	w.server.mu.Unlock()
	got := w.is(http.StatusOK, w.get("buyers/"+token))
	require.Equal(t, "Erika Muster", got.at("name"))
	require.Equal(t, "10115", got.at("postalCode"))
	require.Equal(t, "Berlin", got.at("billingAddress.city"))
	require.Nil(t, got.at("phoneNumber"))
	require.Regexp(t, `^amzn1\.account\.[A-Z2-7]{28}$`, got.at("buyerId"))
	require.Nil(t, w.get("buyers/"+bare).at("name"))
	w.refused(404, "ResourceNotFound", w.send(ask{method: http.MethodGet, path: "/live/v2/buyers/" + token, keyID: "pmxPLAIN"}))
	w.advance(BuyerTokenLife + 1)
	w.refused(404, "ResourceNotFound", w.get("buyers/"+token))
}

func TestSignInAndSetUp(t *testing.T) {
	w := newWorld(t)
	id := w.click(setupSignIn, signIn, "")
	require.Empty(t, constraintIDs(w.get("checkoutSessions/"+id)))
	w.process(id)
	require.Equal(t, "https://shop.test/in?amazonCheckoutSessionId="+id, w.server.session(id).resultAddress())
	got := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", `{}`))
	require.Equal(t, "Erika Muster", got.at("buyer.name"))
	require.Nil(t, got.at("buyer.email"))
	require.Regexp(t, "^C02-", got.at("chargePermissionId"))
}

func TestWhereTheMerchantDelivers(t *testing.T) {
	w := newWorld(t)
	with := func(delivery string) string {
		return strings.TrimSuffix(reviewPayload, "}") + `,"deliverySpecifications":` + delivery + `}`
	}
	for delivery, city := range map[string]string{
		`{"addressRestrictions":{"type":"Allowed","restrictions":{"AT":{"zipCodes":["60*"]}}}}`: "Innsbruck",
		`{"addressRestrictions":{"type":"NotAllowed","restrictions":{"AT":{}}}}`:                "Berlin",
		`{"specialRestrictions":["RestrictPackstations","RestrictPOBoxes"]}`:                    "Berlin",
	} {
		id := w.click(with(delivery), payAndShip, "")
		require.Equal(t, city, w.get("checkoutSessions/"+id).at("shippingAddress.city"), delivery)
	}
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	sess := &session{terms: terms{DeliverySpecifications: &deliverySpecifications{SpecialRestrictions: []string{"RestrictPackstations", "RestrictPOBoxes"}}}}
	require.False(t, sess.delivers(exampleBuyers["eu"][0].addresses[3]), "a packstation")
	require.False(t, sess.delivers(exampleBuyers["eu"][2].addresses[1]), "a box")
	require.True(t, sess.delivers(exampleBuyers["eu"][2].addresses[0]))
}

func TestPayOnlyHasNoShippingAddress(t *testing.T) {
	w := newWorld(t)
	id := w.click(reviewPayload, payOnly, "6069")
	got := w.get("checkoutSessions/" + id)
	require.Nil(t, got.at("shippingAddress"))
	require.Equal(t, "Berlin", got.at("billingAddress.city"))
	require.Equal(t, "Amazon Gift Card and Visa ****6069 (Amazon Pay)", got.at("paymentPreferences").([]any)[0].(map[string]any)["paymentDescriptor"])
}

func TestFinalize(t *testing.T) {
	w := newWorld(t)
	id := w.ready(checkout{update: updateTo("AuthorizeWithCapture", "10.00", "final", false)})
	w.refused(409, "AmountMismatch", w.post("checkoutSessions/"+id+"/finalize", completion("9.00")))
	w.refused(400, "InvalidParameterValue", w.post("checkoutSessions/"+id+"/finalize", strings.TrimSuffix(completion("10.00"), "}")+`,"paymentIntent":"Authorize"}`))
	got := w.state(completed, "", w.post("checkoutSessions/"+id+"/finalize", strings.TrimSuffix(completion("10.00"), "}")+`,"paymentIntent":"AuthorizeWithCapture"}`))
	require.Equal(t, "10.00", got.at("paymentDetails.chargeAmount.amount"))
	require.Contains(t, got.body, "cartDetails")
	w.state(captured, "", w.get("charges/"+got.str("chargeId")))
	w.refused(422, "InvalidCheckoutSessionStatus", w.post("checkoutSessions/"+id+"/finalize", completion("10.00")))
}
