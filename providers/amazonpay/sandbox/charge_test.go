package sandbox

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSplitShipment(t *testing.T) {
	w := newWorld(t)
	update := `{"webCheckoutDetails":{"checkoutResultReturnUrl":"https://shop.test/result"},"merchantMetadata":{"merchantReferenceId":"split"},
		"paymentDetails":{"paymentIntent":"Authorize","chargeAmount":{"amount":"49.90","currencyCode":"EUR"},"totalOrderAmount":{"amount":"129.80","currencyCode":"EUR"}}}`
	id := w.ready(checkout{update: update})
	w.refused(409, "AmountMismatch", w.post("checkoutSessions/"+id+"/complete", completion("49.90")))
	got := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete",
		`{"chargeAmount":{"amount":"49.90","currencyCode":"EUR"},"totalOrderAmount":{"amount":129.8,"currencyCode":"EUR"}}`))
	permission, first := got.str("chargePermissionId"), got.str("chargeId")
	got = w.state(chargeable, "", w.get("chargePermissions/"+permission))
	require.Equal(t, "129.80", got.at("limits.amountLimit.amount"))
	require.Equal(t, "79.90", got.at("limits.amountBalance.amount"))
	require.Nil(t, got.at("statusDetails.reasons"))

	w.refused(400, "TransactionAmountExceeded", w.post("charges", chargeBody(permission, "79.91", "")))
	w.refused(400, "CurrencyMismatch", w.post("charges", `{"chargePermissionId":"`+permission+`","chargeAmount":{"amount":"1","currencyCode":"USD"}}`))
	second := w.state(captured, "", w.is(http.StatusCreated, w.post("charges", chargeBody(permission, "60.00", `,"captureNow":true,"softDescriptor":"SHOP"`))))
	require.Equal(t, "60.00", second.at("captureAmount.amount"))
	require.Equal(t, "SHOP", second.at("softDescriptor"))

	w.state(captured, "", w.post("charges/"+first+"/capture", captureBody("40.00")))
	got = w.state(chargeable, "", w.get("chargePermissions/"+permission))
	require.Equal(t, "29.80", got.at("limits.amountBalance.amount"), "what a partial capture releases can be charged again")
	third := w.is(http.StatusCreated, w.post("charges", chargeBody(permission, "29.80", ""))).str("chargeId")
	w.refused(422, "InvalidChargePermissionStatus", w.post("charges", chargeBody(permission, "0.01", "")))
	w.state(canceled, "MerchantCanceled", w.remove("charges/"+third+"/cancel", `{"cancellationReason":"smaller order"}`))
	w.state(chargeable, "", w.get("chargePermissions/"+permission))
	w.state(captured, "", w.post("charges", chargeBody(permission, "29.80", `,"captureNow":true`)))
	w.state(closed, "AmazonClosed", w.get("chargePermissions/"+permission))
	w.refused(422, "InvalidChargePermissionStatus", w.post("charges", chargeBody(permission, "0.01", "")))
	require.Equal(t, [4]int64{4990 + 6000 + 2980 + 2980, 12980, 0, 990 + 2980}, totals(w.book("split")))
}

func TestAnOrderHas25Charges(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("100.00", "many")
	for range chargesPerOrder {
		w.is(http.StatusCreated, w.post("charges", chargeBody(permission, "1.00", "")))
	}
	w.refused(422, "TransactionCountExceeded", w.post("charges", chargeBody(permission, "1.00", "")))
}

func TestCaptureRules(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("100.00", "captures")
	charge := w.state(authorized, "", w.post("charges", chargeBody(permission, "20.00", ""))).str("chargeId")
	w.refused(400, "TransactionAmountExceeded", w.post("charges/"+charge+"/capture", captureBody("20.01")))
	w.refused(400, "CurrencyMismatch", w.post("charges/"+charge+"/capture", `{"captureAmount":{"amount":"1","currencyCode":"GBP"}}`))
	w.refused(400, "MissingParameterValue", w.post("charges/"+charge+"/capture", `{}`))
	w.refused(404, "ResourceNotFound", w.post("charges/"+charge+"0/capture", captureBody("1.00")))
	w.refused(422, "InvalidChargeStatus", w.post("refunds", refundBody(charge, "1.00")))
	w.state(captured, "", w.post("charges/"+charge+"/capture", captureBody("5.00")))
	w.refused(422, "InvalidChargeStatus", w.post("charges/"+charge+"/capture", captureBody("5.00")))
	w.refused(422, "InvalidChargeStatus", w.remove("charges/"+charge+"/cancel", `{"cancellationReason":"x"}`))
	require.Equal(t, [4]int64{2000, 500, 0, 1500}, totals(w.book("captures")))
}

func TestCaptureAfterSevenDaysIsAsynchronous(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("100.00", "week")
	charge := w.post("charges", chargeBody(permission, "20.00", "")).str("chargeId")
	w.advance(CaptureWindow + time.Minute)
	got := w.state(captureInitiated, "", w.post("charges/"+charge+"/capture", captureBody("15.00")))
	require.Equal(t, "15.00", got.at("captureAmount.amount"))
	w.refused(422, "InvalidChargeStatus", w.remove("charges/"+charge+"/cancel", `{"cancellationReason":"x"}`))
	require.Equal(t, [4]int64{2000, 0, 0, 0}, totals(w.book("week")))
	w.advance(DefaultSettleAfter)
	w.state(captured, "", w.get("charges/"+charge))
	require.Equal(t, [4]int64{2000, 1500, 0, 500}, totals(w.book("week")))
}

func TestAuthorizationExpiresAfter30Days(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("100.00", "month")
	charge := w.post("charges", chargeBody(permission, "20.00", "")).str("chargeId")
	w.advance(ChargeLife - time.Second)
	w.state(authorized, "", w.get("charges/"+charge))
	w.advance(time.Second)
	w.state(canceled, "ExpiredUnused", w.get("charges/"+charge))
	w.refused(422, "InvalidChargeStatus", w.post("charges/"+charge+"/capture", captureBody("1.00")))
	w.state(authorized, "", w.post("charges", chargeBody(permission, "100.00", "")))
	require.Equal(t, [4]int64{12000, 0, 0, 2000}, totals(w.book("month")))
}

func TestPendingAuthorizations(t *testing.T) {
	for ending, outcome := range map[string][2]string{"0701": {authorized, ""}, "4354": {chargeDeclined, "HardDeclined"}} {
		t.Run(ending, func(t *testing.T) {
			w := newWorld(t)
			id := w.ready(checkout{card: ending, update: updateTo("Authorize", "10.00", "pending", true)})
			got := w.state(completed, "", w.post("checkoutSessions/"+id+"/complete", completion("10.00")))
			require.Equal(t, http.StatusAccepted, got.status)
			charge := got.str("chargeId")
			w.state(authorizationInitiated, "", w.get("charges/"+charge))
			require.Equal(t, [4]int64{}, totals(w.book("pending")))
			w.refused(422, "InvalidChargeStatus", w.post("charges/"+charge+"/capture", captureBody("10.00")))
			w.advance(DefaultSettleAfter - time.Second)
			w.state(authorizationInitiated, "", w.get("charges/"+charge))
			w.advance(time.Second)
			w.state(outcome[0], outcome[1], w.get("charges/"+charge))
			if outcome[1] != "" {
				w.state(nonChargeable, "PaymentMethodInvalid", w.get("chargePermissions/"+got.str("chargePermissionId")))
				require.Equal(t, [4]int64{}, totals(w.book("pending")))
			}
		})
	}
}

func TestPendingAuthorizationCanceledMeanwhile(t *testing.T) {
	w := newWorld(t)
	id := w.ready(checkout{card: "0701", update: updateTo("Authorize", "10.00", "meanwhile", true)})
	charge := w.post("checkoutSessions/"+id+"/complete", completion("10.00")).str("chargeId")
	w.state(canceled, "MerchantCanceled", w.remove("charges/"+charge+"/cancel", `{"cancellationReason":"x"}`))
	w.advance(time.Hour)
	w.state(canceled, "MerchantCanceled", w.get("charges/"+charge))
	require.Empty(t, w.book("meanwhile").Effects)
}

func TestCardsThatEndTheSession(t *testing.T) {
	for name, c := range map[string]struct {
		checkout
		reason string
	}{
		"buyer cancels":             {checkout{card: "3064", update: updateTo("Authorize", "10.00", "x", false)}, "BuyerCanceled"},
		"declined":                  {checkout{card: "3434", update: updateTo("Authorize", "10.00", "x", false)}, "Declined"},
		"pending that nobody wants": {checkout{card: "0701", update: updateTo("Authorize", "10.00", "x", false)}, "Declined"},
		"pending with capture":      {checkout{card: "4354", update: updateTo("AuthorizeWithCapture", "10.00", "x", false)}, "Declined"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.ready(c.checkout)
			w.state(canceled, c.reason, w.get("checkoutSessions/"+id))
			w.refused(422, "CheckoutSessionCanceled", w.post("checkoutSessions/"+id+"/complete", completion("10.00")))
			w.refused(422, "InvalidCheckoutSessionStatus", w.patch("checkoutSessions/"+id, `{}`))
			require.Empty(t, w.server.Books().Payments)
		})
	}
}

func TestRefunds(t *testing.T) {
	w := newWorld(t)
	permission, charge := w.paid("AuthorizeWithCapture", "100.00", "refunds")
	w.state(closed, "AmazonClosed", w.get("chargePermissions/"+permission))
	got := w.state(refundInitiated, "", w.is(http.StatusCreated, w.post("refunds", refundBody(charge, "60.00"))))
	refund := got.str("refundId")
	require.Regexp(t, `^`+permission+`-R\d{6}$`, refund)
	require.Zero(t, w.book("refunds").Refunded)
	w.refused(400, "CurrencyMismatch", w.post("refunds", `{"chargeId":"`+charge+`","refundAmount":{"amount":"1","currencyCode":"USD"}}`))
	w.refused(400, "TransactionAmountExceeded", w.post("refunds", refundBody(charge, "55.01")))
	w.advance(DefaultSettleAfter)
	w.state(refunded, "", w.get("refunds/"+refund))
	require.Equal(t, "60.00", w.get("charges/"+charge).at("refundedAmount.amount"))
	w.is(http.StatusCreated, w.post("refunds", refundBody(charge, "55.00"))) // 15 % more than was captured
	w.advance(DefaultSettleAfter)
	require.Equal(t, [4]int64{10000, 10000, 11500, 0}, totals(w.book("refunds")))
	w.refused(400, "TransactionAmountExceeded", w.post("refunds", refundBody(charge, "0.01")))
	w.refused(404, "ResourceNotFound", w.post("refunds", refundBody(charge+"1", "0.01")))
	w.refused(404, "ResourceNotFound", w.get("refunds/"+charge))
}

func TestRefundLimits(t *testing.T) {
	for _, c := range []struct {
		captured, most int64
		currency       string
	}{
		{10000, 11500, "EUR"}, {50000, 57500, "EUR"}, {50001, 57501, "EUR"}, {1000000, 1007500, "EUR"}, {6, 6, "EUR"}, {7, 8, "GBP"},
		{1000, 1150, "JPY"}, {100000, 108400, "JPY"},
	} {
		require.Equal(t, c.most, refundLimit(c.captured, c.currency), c)
	}
	w := newWorld(t)
	_, charge := w.paid("AuthorizeWithCapture", "100.00", "count")
	for range refundsPerCharge {
		w.is(http.StatusCreated, w.post("refunds", refundBody(charge, "1.00")))
	}
	w.refused(422, "TransactionCountExceeded", w.post("refunds", refundBody(charge, "1.00")))
}

func TestOvercharge(t *testing.T) {
	w := newWorld(t)
	order := func(amount, reference string) result {
		id := w.ready(checkout{update: fmt.Sprintf(`{"webCheckoutDetails":{"checkoutResultReturnUrl":"https://shop.test/result"},
			"merchantMetadata":{"merchantReferenceId":%q},"paymentDetails":{"paymentIntent":"Confirm","allowOvercharge":true,"chargeAmount":{"amount":%q,"currencyCode":"EUR"}}}`, reference, amount)})
		return w.get("chargePermissions/" + w.post("checkoutSessions/"+id+"/complete", completion(amount)).str("chargePermissionId"))
	}
	require.Equal(t, "500.00", order("10.00", "small").at("limits.amountLimit.amount"))
	require.Equal(t, "900.00", order("100.00", "large").at("limits.amountLimit.amount"))
}

func TestSimulationCodes(t *testing.T) {
	t.Run("at completion", func(t *testing.T) {
		for _, code := range []string{"BuyerCanceled", "AmazonCanceled", "Declined"} {
			w := newWorld(t)
			id := w.ready(checkout{update: updateTo("Authorize", "10.00", "x", false)})
			w.refused(422, "CheckoutSessionCanceled", w.simulated(http.MethodPost, "checkoutSessions/"+id+"/complete", completion("10.00"), code))
			w.state(canceled, code, w.get("checkoutSessions/"+id))
		}
		w := newWorld(t)
		id := w.ready(checkout{update: updateTo("Authorize", "10.00", "x", false)})
		w.refused(400, "InvalidSandboxSimulationSpecified", w.simulated(http.MethodPost, "checkoutSessions/"+id+"/complete", completion("10.00"), "AuthorizationInitiated"))
		id = w.ready(checkout{update: updateTo("Authorize", "10.00", "y", true)})
		got := w.is(http.StatusAccepted, w.simulated(http.MethodPost, "checkoutSessions/"+id+"/complete", completion("10.00"), "AuthorizationInitiated"))
		w.state(authorizationInitiated, "", w.get("charges/"+got.str("chargeId")))
	})
	t.Run("before completion", func(t *testing.T) {
		w := newWorld(t)
		id := w.ready(checkout{update: updateTo("Authorize", "10.00", "x", false)})
		w.is(http.StatusOK, w.simulated(http.MethodGet, "checkoutSessions/"+id, "", "AmazonCanceled"))
		w.refused(422, "CheckoutSessionCanceled", w.post("checkoutSessions/"+id+"/complete", completion("10.00")))
	})
	t.Run("charges", func(t *testing.T) {
		for code, want := range map[string][2]string{
			"SoftDeclined": {chargeable, ""}, "TransactionTimedOut": {chargeable, ""}, "MFANotCompleted": {chargeable, ""},
			"HardDeclined": {nonChargeable, "PaymentMethodInvalid"}, "PaymentMethodNotAllowed": {nonChargeable, "PaymentMethodNotAllowed"},
			"AmazonRejected": {closed, "AmazonCanceled"},
		} {
			w := newWorld(t)
			permission := w.ordered("10.00", "x")
			w.refused(422, code, w.simulated(http.MethodPost, "charges", chargeBody(permission, "1.00", ""), code))
			w.state(want[0], want[1], w.get("chargePermissions/"+permission))
			require.Empty(t, w.book("x").Effects)
		}
		w := newWorld(t)
		permission := w.ordered("10.00", "x")
		w.refused(500, "ProcessingFailure", w.simulated(http.MethodPost, "charges", chargeBody(permission, "1.00", ""), "ProcessingFailure"))
		w.refused(400, "InvalidSandboxSimulationSpecified", w.simulated(http.MethodPost, "charges", chargeBody(permission, "1.00", ""), "CaptureInitiated"))
		w.refused(400, "InvalidSandboxSimulationSpecified", w.simulated(http.MethodPost, "charges", chargeBody(permission, "1.00", ""), "ExpiredUnused"))
		charge := w.state(captureInitiated, "", w.simulated(http.MethodPost, "charges", chargeBody(permission, "1.00", `,"captureNow":true`), "CaptureInitiated"))
		w.advance(DefaultSettleAfter)
		w.state(captured, "", w.get("charges/"+charge.str("chargeId")))
	})
	t.Run("captures", func(t *testing.T) {
		w := newWorld(t)
		permission := w.ordered("10.00", "x")
		charge := w.post("charges", chargeBody(permission, "1.00", "")).str("chargeId")
		w.refused(500, "ProcessingFailure", w.simulated(http.MethodPost, "charges/"+charge+"/capture", captureBody("1.00"), "ProcessingFailure"))
		w.state(captureInitiated, "", w.simulated(http.MethodPost, "charges/"+charge+"/capture", captureBody("1.00"), "AmazonRejected"))
		w.advance(DefaultSettleAfter)
		w.state(chargeDeclined, "AmazonRejected", w.get("charges/"+charge))
		w.state(closed, "AmazonCanceled", w.get("chargePermissions/"+permission))
		require.Equal(t, [4]int64{100, 0, 0, 100}, totals(w.book("x")))
	})
	t.Run("cancel, refund, close", func(t *testing.T) {
		w := newWorld(t)
		permission := w.ordered("10.00", "x")
		charge := w.post("charges", chargeBody(permission, "1.00", "")).str("chargeId")
		w.state(canceled, "ExpiredUnused", w.simulated(http.MethodDelete, "charges/"+charge+"/cancel", `{"cancellationReason":"x"}`, "ExpiredUnused"))
		charge = w.post("charges", chargeBody(permission, "1.00", `,"captureNow":true`)).str("chargeId")
		refund := w.state(refundInitiated, "", w.simulated(http.MethodPost, "refunds", refundBody(charge, "1.00"), "AmazonRejected")).str("refundId")
		w.advance(DefaultSettleAfter)
		w.state(chargeDeclined, "AmazonRejected", w.get("refunds/"+refund))
		require.Nil(t, w.get("charges/"+charge).at("refundedAmount"))
		w.state(closed, "AmazonClosed", w.simulated(http.MethodDelete, "chargePermissions/"+permission+"/close", `{}`, "AmazonClosed"))
	})
}
