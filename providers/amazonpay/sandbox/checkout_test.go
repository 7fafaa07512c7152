package sandbox

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExpressCheckout(t *testing.T) {
	w := newWorld(t)
	id := w.click(reviewPayload, payAndShip, "")
	got := w.state(open, "", w.get("checkoutSessions/"+id))
	require.Equal(t, "Erika Muster", got.at("buyer.name"))
	require.Equal(t, "Berlin", got.at("shippingAddress.city"))
	require.Equal(t, "Berlin", got.at("billingAddress.city"), "told in Europe without the scope, too")
	require.Equal(t, "Visa ****1111 (Amazon Pay)", got.at("paymentPreferences").([]any)[0].(map[string]any)["paymentDescriptor"])
	require.Equal(t, []any{"ChargeAmountNotSet", "CheckoutResultReturnUrlNotSet", "PaymentIntentNotSet"}, constraintIDs(got))
	require.Nil(t, got.at("webCheckoutDetails.amazonPayRedirectUrl"))
	require.Equal(t, "Sandbox", got.at("releaseEnvironment"))

	got = w.is(http.StatusOK, w.patch("checkoutSessions/"+id, updateTo("Authorize", "49.90", "order-1", false)))
	require.Empty(t, constraintIDs(got))
	require.Equal(t, "https://amazon.test/checkout/processing?amazonCheckoutSessionId="+id, got.at("webCheckoutDetails.amazonPayRedirectUrl"))
	require.Equal(t, "https://shop.test/review", got.at("webCheckoutDetails.checkoutReviewReturnUrl"), "what a change does not name stays")
	w.refused(422, "InvalidCheckoutSessionStatus", w.post("checkoutSessions/"+id+"/complete", completion("49.90")))

	require.Equal(t, approved, w.process(id))
	w.refused(422, "InvalidCheckoutSessionStatus", w.patch("checkoutSessions/"+id, updateTo("Authorize", "1.00", "order-1", false)))
	w.refused(409, "AmountMismatch", w.post("checkoutSessions/"+id+"/complete", completion("49.91")))
	w.refused(409, "AmountMismatch", w.post("checkoutSessions/"+id+"/complete", `{}`))
	got = w.state(completed, "", w.post("checkoutSessions/"+id+"/complete", completion("49.9")))
	require.Equal(t, http.StatusOK, got.status)
	require.Nil(t, got.at("paymentDetails"))
	require.Nil(t, got.at("merchantMetadata"))
	permission, charge := got.str("chargePermissionId"), got.str("chargeId")
	require.Regexp(t, `^S02-\d{7}-\d{7}$`, permission)
	require.Regexp(t, `^`+permission+`-C\d{6}$`, charge)
	w.refused(422, "InvalidCheckoutSessionStatus", w.post("checkoutSessions/"+id+"/complete", completion("49.90")))

	got = w.state(authorized, "", w.get("charges/"+charge))
	require.Equal(t, "49.90", got.at("chargeAmount.amount"))
	require.Equal(t, permission, got.at("chargePermissionId"))
	require.Contains(t, got.body, "captureAmount")
	require.Nil(t, got.at("captureAmount"))
	require.Regexp(t, `^\d{8}T\d{6}Z$`, got.at("creationTimestamp"))
	got = w.state(nonChargeable, "ChargeInProgress", w.get("chargePermissions/"+permission))
	require.Equal(t, "0.00", got.at("limits.amountBalance.amount"))
	require.Equal(t, "order-1", got.at("merchantMetadata.merchantReferenceId"))

	w.state(captured, "", w.post("charges/"+charge+"/capture", captureBody("49.90")))
	w.state(closed, "AmazonClosed", w.get("chargePermissions/"+permission))
	require.Equal(t, [4]int64{4990, 4990, 0, 0}, totals(w.book("order-1")))
}

func constraintIDs(r result) []any {
	var ids []any
	for _, c := range r.at("constraints").([]any) {
		ids = append(ids, c.(map[string]any)["constraintId"])
	}
	return ids
}

func TestSessionLives24HoursAndIsReadable30Days(t *testing.T) {
	w := newWorld(t)
	id := w.ready(checkout{update: updateTo("Authorize", "10.00", "late", false)})
	w.advance(SessionLife - time.Minute)
	w.state(open, "", w.get("checkoutSessions/"+id))
	w.advance(2 * time.Minute)
	got := w.state(canceled, "Expired", w.get("checkoutSessions/"+id))
	require.Nil(t, got.at("buyer"))
	w.refused(422, "CheckoutSessionCanceled", w.post("checkoutSessions/"+id+"/complete", completion("10.00")))
	require.Empty(t, w.server.Books().Payments, "nothing was sold")
	w.advance(SessionKept)
	w.refused(404, "ResourceNotFound", w.get("checkoutSessions/"+id))
}
