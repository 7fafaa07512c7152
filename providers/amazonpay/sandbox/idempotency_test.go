package sandbox

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func (w *world) charge(key, body string) result {
	return w.send(ask{method: http.MethodPost, path: "/v2/charges", body: body, key: key})
}

func TestSameKeySameAnswer(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("100.00", "same")
	body := chargeBody(permission, "10.00", "")
	first := w.is(http.StatusCreated, w.charge("once", body))
	require.Equal(t, first.text, w.is(http.StatusCreated, w.charge("once", body)).text)
	spaced := strings.Replace(body, ":", " : ", 1)
	require.Equal(t, first.text, w.charge("once", spaced).text, "the JSON is compared, not its text")
	slash := w.send(ask{method: http.MethodPost, path: "/v2/charges/", body: body, key: "once"})
	require.Equal(t, first.text, slash.text)
	w.state(canceled, "MerchantCanceled", w.remove("charges/"+first.str("chargeId")+"/cancel", `{"cancellationReason":"x"}`))
	require.Equal(t, first.text, w.charge("once", body).text, "the first answer, whatever happened since")
	require.Len(t, w.book("same").Effects, 2)

	w.refused(400, "DuplicateIdempotencyKey", w.charge("once", chargeBody(permission, "10.01", "")))
	w.refused(400, "DuplicateIdempotencyKey", w.send(ask{method: http.MethodPost, path: "/v2/charges/" + first.str("chargeId") + "/capture", body: captureBody("1.00"), key: "once"}))
	require.Equal(t, "once", w.book("same").Effects[0].Reference)
}

func TestADeclineIsRepeatedUnderItsKey(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("100.00", "declined")
	body := chargeBody(permission, "10.00", "")
	declined := func(code string) result {
		a := ask{method: http.MethodPost, path: "/v2/charges", body: body, key: "d"}
		if code != "" {
			a.header = map[string]string{"x-amz-pay-simulation-code": code}
		}
		return w.send(a)
	}
	w.refused(422, "SoftDeclined", declined("SoftDeclined"))
	w.refused(422, "SoftDeclined", declined(""))
	w.is(http.StatusCreated, w.charge("another", body))
	w.refused(400, "InvalidParameterValue", w.charge("form", chargeBody(permission, "0", "")))
	w.is(http.StatusCreated, w.charge("form", chargeBody(permission, "1", ""))) // what was malformed never began
}

func TestKeysBelongToMerchantAndEnvironment(t *testing.T) {
	w := newWorld(t)
	body := `{"storeId":"` + storeID + `","webCheckoutDetails":{"checkoutReviewReturnUrl":"https://shop.test/r"}}`
	seen := map[string]bool{}
	for _, a := range []ask{
		{path: "/v2/checkoutSessions"}, {path: "/v2/checkoutSessions", keyID: "LIVE-pmx"}, {path: "/v2/checkoutSessions", keyID: "SANDBOX-pmxJP", region: "jp"},
	} {
		a.method, a.body, a.key = http.MethodPost, body, "shared"
		got := w.is(http.StatusCreated, w.send(a))
		require.False(t, seen[got.str("checkoutSessionId")])
		seen[got.str("checkoutSessionId")] = true
	}
	again := w.send(ask{method: http.MethodPost, path: "/sandbox/v2/checkoutSessions", body: body, key: "shared", keyID: "pmxPLAIN"})
	require.True(t, seen[again.str("checkoutSessionId")], "another key of the merchant, another style of address: the same request")
}

func TestEqualRequestsAtOnceMakeOneCharge(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("100.00", "race")
	body := chargeBody(permission, "10.00", "")
	ids := make([]string, 16)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			got, err := w.try(ask{method: http.MethodPost, path: "/v2/charges", body: body, key: "race"})
			if err == nil {
				ids[i] = got.str("chargeId")
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		require.NotEmpty(t, id)
		require.Equal(t, ids[0], id)
	}
	require.Len(t, w.book("race").Effects, 1)
}

func TestFaultsUnderAKey(t *testing.T) {
	for name, c := range map[string]struct {
		fault   string
		status  int
		reason  string
		effects int // after the first call
		again   int // status of the repetition
	}{
		"500 without effect":               {`"action":"http_before","status":500`, 500, "InternalServerError", 0, 201},
		"503 with effect":                  {`"action":"http_after","status":503`, 503, "ServiceUnavailable", 1, 201},
		"429":                              {`"action":"http_before","status":429`, 429, "TooManyRequests", 0, 201},
		"500 that is kept":                 {`"action":"http_stored_before"`, 500, "InternalServerError", 0, 500},
		"500 that is kept, with effect":    {`"action":"http_stored_after"`, 500, "InternalServerError", 1, 500},
		"a gateway's page, without effect": {`"action":"http_before"`, 502, "", 0, 201},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			permission := w.ordered("100.00", "faults")
			w.control("faults", `{"operation":"CreateCharge",`+c.fault+`}`)
			body := chargeBody(permission, "10.00", "")
			got := w.charge("k", body)
			if c.reason == "" {
				require.Equal(t, c.status, got.status)
				require.Contains(t, got.header.Get("Content-Type"), "text/html")
			} else {
				w.refused(c.status, c.reason, got)
			}
			require.Len(t, w.book("faults").Effects, c.effects)
			require.Equal(t, c.again, w.charge("k", body).status)
			require.Equal(t, c.again, w.charge("k", body).status)
			require.Len(t, w.book("faults").Effects, max(c.effects, map[int]int{201: 1}[c.again]))
		})
	}
}

func TestStoredFaultWithoutAKeyIsAPassingOne(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("100.00", "x")
	w.control("faults", `{"operation":"CloseChargePermission","action":"http_stored_before"}`)
	w.refused(500, "InternalServerError", w.remove("chargePermissions/"+permission+"/close", `{}`))
	w.control("faults", `{"operation":"CloseChargePermission","action":"http_stored_after"}`)
	w.refused(500, "InternalServerError", w.remove("chargePermissions/"+permission+"/close", `{}`))
	w.state(closed, "MerchantClosed", w.get("chargePermissions/"+permission))
}

func TestCommonFaults(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("100.00", "common")
	a := ask{method: http.MethodPost, path: "/v2/charges", body: chargeBody(permission, "10.00", ""), key: "lost"}
	w.control("faults", `{"operation":"CreateCharge","action":"drop_after"}`)
	_, err := w.try(a)
	require.Error(t, err)
	require.Len(t, w.book("common").Effects, 1)
	got := w.is(http.StatusCreated, w.send(a))
	w.control("faults", `{"operation":"GetCharge","action":"other_amount"}`)
	require.Equal(t, "110.00", w.get("charges/"+got.str("chargeId")).at("chargeAmount.amount"))
	w.control("faults", `{"operation":"GetChargePermission","action":"other_reference"}`)
	require.Equal(t, "common-X", w.get("chargePermissions/"+permission).at("merchantMetadata.merchantReferenceId"))
	require.Equal(t, "common", w.get("chargePermissions/"+permission).at("merchantMetadata.merchantReferenceId"))
	status, answer := w.tryControl("faults", `{"operation":"Charge","action":"drop_after"}`)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, answer, "CaptureCharge")
}
