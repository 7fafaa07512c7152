package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/internal/simulator"
)

func (w *world) read(path string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "https://"+simHost+path, nil)
	require.NoError(w.t, err)
	resp, err := w.http.Do(r)
	require.NoError(w.t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return resp.StatusCode, string(text)
}

func TestBackOffice(t *testing.T) {
	bubbled(t, func(t *testing.T, w *world) {
		permission := w.ordered("100.00", "office")
		charge := w.post("charges", chargeBody(permission, "40.00", "")).str("chargeId")
		w.office("capture", permission)
		w.state(captured, "", w.get("charges/"+charge))
		w.control("backoffice", `{"operation":"refund","merchantReferenceId":"office","amount":1000}`)
		w.advance(DefaultSettleAfter)
		w.control("backoffice", `{"operation":"a_to_z","chargeId":"`+charge+`","amount":500}`)
		require.Equal(t, "15.00", w.get("charges/"+charge).at("refundedAmount.amount"))
		require.Equal(t, [4]int64{4000, 4000, 1500, 0}, totals(w.book("office")))
		var by []string
		for _, e := range w.book("office").Effects {
			by = append(by, e.By)
		}
		require.Equal(t, []string{byAPI, byBackOffice, byBackOffice, byProvider}, by)
		before := len(w.quietly())
		w.office("chargeback", permission)
		told := w.quietly()
		require.Len(t, told, before+1)
		_, message, ok := w.verified(told[before].body)
		require.True(t, ok)
		require.Equal(t, objectChargeback, message["ObjectType"])
		require.Equal(t, permission, message["ChargePermissionId"])
		require.NotEqual(t, charge, message["ObjectId"])

		charge = w.post("charges", chargeBody(permission, "20.00", "")).str("chargeId")
		w.office("suspend", permission)
		w.state(nonChargeable, "PaymentMethodInvalid", w.get("chargePermissions/"+permission))
		w.refused(422, "InvalidChargePermissionStatus", w.post("charges", chargeBody(permission, "1.00", "")))
		w.office("restore", permission)
		w.state(chargeable, "", w.get("chargePermissions/"+permission))
		w.office("buyer_close", permission)
		w.state(closed, "BuyerCanceled", w.get("chargePermissions/"+permission))
		w.state(canceled, "ChargePermissionCanceled", w.get("charges/"+charge))
		require.Equal(t, [4]int64{6000, 4000, 1500, 2000}, totals(w.book("office")))
	})
}

// quietly is what the shop was told once nothing moves any more.
func (w *world) quietly() []received {
	synctest.Wait()
	return w.told()
}

func TestSettlingByHand(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.SettleAfter = -1 })
	id := w.ready(checkout{card: "0701", update: updateTo("Authorize", "10.00", "hand", true)})
	got := w.post("checkoutSessions/"+id+"/complete", completion("10.00"))
	permission, charge := got.str("chargePermissionId"), got.str("chargeId")
	w.advance(time.Hour)
	w.state(authorizationInitiated, "", w.get("charges/"+charge))
	w.office("settle_approve", permission)
	w.state(authorized, "", w.get("charges/"+charge))
	w.simulated(http.MethodPost, "charges/"+charge+"/capture", captureBody("10.00"), "CaptureInitiated")
	w.office("settle_approve", permission)
	w.state(captured, "", w.get("charges/"+charge))
	refund := w.post("refunds", refundBody(charge, "10.00")).str("refundId")
	w.control("backoffice", `{"operation":"settle_decline","refundId":"`+refund+`"}`)
	w.state(chargeDeclined, "AmazonRejected", w.get("refunds/"+refund))

	id = w.ready(checkout{card: "0701", update: updateTo("Authorize", "10.00", "hand-2", true)})
	got = w.post("checkoutSessions/"+id+"/complete", completion("10.00"))
	w.control("backoffice", `{"operation":"settle_decline","chargeId":"`+got.str("chargeId")+`","reason":"SoftDeclined"}`)
	w.state(chargeDeclined, "SoftDeclined", w.get("charges/"+got.str("chargeId")))
	w.state(chargeable, "", w.get("chargePermissions/"+got.str("chargePermissionId")))
}

func TestBackOfficeSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("10.00", "wrong")
	for body, says := range map[string]string{
		`{"operation":"explode"}`:                                                  "unknown",
		`{"operation":"capture","chargePermissionId":"S02-1"}`:                     "unknown",
		`{"operation":"capture","chargePermissionId":"` + permission + `"}`:        "needs a charge",
		`{"operation":"suspend"}`:                                                  "needs a charge permission",
		`{"operation":"restore","chargePermissionId":"` + permission + `"}`:        "Chargeable",
		`{"operation":"suspend","customInformation":"order-7"}`:                    "customInformation",
		`{"operation":"settle_approve","chargePermissionId":"` + permission + `"}`: "nothing is pending",
		`{"operation":"cancel_amazon"}`:                                            "no open checkout session",
		`{"operation":"refund","merchantReferenceId":"wrong","amount":-1}`:         "negative",
		`{"operation":"capture","chargeId":"x"}`:                                   "unknown",
	} {
		status, answer := w.tryControl("backoffice", body)
		require.Equal(t, http.StatusUnprocessableEntity, status, body)
		require.Contains(t, answer, says, body)
	}
	id := w.click(reviewPayload, payAndShip, "")
	w.control("backoffice", `{"operation":"cancel_amazon","checkoutSessionId":"`+id+`"}`)
	w.state(canceled, "AmazonCanceled", w.get("checkoutSessions/"+id))
}

func TestBackOfficePage(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("10.00", "<b>page</b>")
	w.post("charges", chargeBody(permission, "4.00", ""))
	status, page := w.read("/backoffice")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, permission)
	require.Contains(t, page, "&lt;b&gt;page&lt;/b&gt;")
	form := func(values url.Values) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+simHost+"/backoffice", strings.NewReader(values.Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := w.http.Do(r)
		require.NoError(t, err)
		return resp.StatusCode
	}
	require.Equal(t, http.StatusSeeOther, form(url.Values{"action": {"capture"}, "chargePermissionId": {permission}, "amount": {"300"}}))
	require.Equal(t, http.StatusUnprocessableEntity, form(url.Values{"action": {"capture"}, "chargePermissionId": {permission}, "amount": {"x"}}))
	require.Equal(t, [4]int64{400, 300, 0, 100}, totals(w.book("<b>page</b>")))
	status, page = w.read("/")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "0701")
}

// The number that a shop knows its order by may stand in customInformation: the page lists it, and it finds the permission.
func TestBackOfficeKnowsTheShopsOwnNumber(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("10.00", "own-1")
	w.is(http.StatusOK, w.patch("chargePermissions/"+permission, `{"merchantMetadata":{"customInformation":"order-7"}}`))
	_, page := w.read("/backoffice")
	require.Contains(t, page, "<b>order-7</b>")
	require.Contains(t, page, "merchantReferenceId own-1")
	w.control("backoffice", `{"operation":"suspend","customInformation":"order-7"}`)
	w.state(nonChargeable, "PaymentMethodInvalid", w.get("chargePermissions/"+permission))
}

// Nothing is restored where no instrument is suspended: a charge under way is none of the buyer's business.
func TestBackOfficeRestoresOnlyWhatIsSuspended(t *testing.T) {
	w := newWorld(t)
	permission, _ := w.paid("Authorize", "10.00", "busy")
	w.state(nonChargeable, "ChargeInProgress", w.get("chargePermissions/"+permission))
	_, page := w.read("/backoffice")
	require.Contains(t, page, "Close as Amazon")
	require.NotContains(t, page, "Restore instrument")
	status, answer := w.tryControl("backoffice", `{"operation":"restore","chargePermissionId":"`+permission+`"}`)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, answer, "no instrument is suspended")
	w.state(nonChargeable, "ChargeInProgress", w.get("chargePermissions/"+permission))
}

func TestControlPort(t *testing.T) {
	w := newWorld(t)
	_, text := w.read("/_control/credentials")
	var credentials map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &credentials))
	require.Equal(t, "pmxAEXAMPLE001", credentials["merchantId"])
	require.Equal(t, storeID, credentials["storeId"])
	require.Equal(t, "SANDBOX-pmxAHEXAMPLE000000000001", credentials["publicKeyId"])
	key, err := parsePrivateKey(credentials["privateKey"].(string))
	require.NoError(t, err)
	public, err := parsePublicKey(credentials["publicKey"].(string))
	require.NoError(t, err)
	require.True(t, public.Equal(&key.PublicKey))
	require.True(t, strings.HasPrefix(credentials["privateKey"].(string), "-----BEGIN PRIVATE KEY-----"), "the Java SDK reads nothing else")

	w.control("seed", `{"seed":7}`)
	first := w.ordered("10.00", "seeded")
	w.post("charges", chargeBody(first, "1.00", `,"merchantMetadata":{"noteToBuyer":"secret note"}`))
	_, text = w.read("/_control/requests")
	require.Contains(t, text, `"chargeAmount.amount":"1.00"`)
	require.NotContains(t, text, "secret note")
	_, text = w.read("/_control/faults")
	for _, name := range []string{"CreateCharge", "CaptureCharge", "CompleteCheckoutSession", "CreateRefund"} {
		require.Contains(t, text, name)
	}
	_, text = w.read("/_control/books")
	require.Contains(t, text, `"reference":"seeded"`)
	_, text = w.read("/_control/pages")
	require.Contains(t, text, "/backoffice")

	w.control("clock", `{"advance":"10m"}`)
	w.control("reset", `{}`)
	require.Equal(t, simulator.Books{Payments: []simulator.Payment{}}, w.server.Books())
	w.refused(404, "ResourceNotFound", w.get("chargePermissions/"+first))
	w.control("seed", `{"seed":7}`)
	w.get("charges/x")
	require.Equal(t, first, w.ordered("10.00", "seeded"), "the same draws come again")
}

func TestTimersOfBeforeAResetAreVoid(t *testing.T) {
	w := newWorld(t)
	w.ready(checkout{update: updateTo("Authorize", "10.00", "x", false)})
	w.control("reset", `{}`)
	w.ordered("10.00", "y")
	w.advance(PermissionLife)
	require.Len(t, w.server.Books().Payments, 1)

	id := w.click(reviewPayload, payAndShip, "")
	sess := w.server.session(id)
	face{w.server}.Reset() // and the timers are still there, as one is that has begun to run
	w.advance(SessionLife)
	require.Equal(t, open, sess.State)
}

func TestThrottling(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Throttle = true })
	permission := w.ordered("10.00", "often")
	body := chargeBody(permission, "1.00", "")
	w.is(http.StatusCreated, w.charge("a", body))
	w.is(http.StatusCreated, w.charge("b", body))
	w.refused(429, "TooManyRequests", w.charge("c", body))
	w.is(http.StatusOK, w.get("chargePermissions/"+permission))
	w.advance(time.Second)
	w.is(http.StatusCreated, w.charge("c", body))
}

func TestDeliveryTracker(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("10.00", "parcel")
	body := func(number string) string {
		return fmt.Sprintf(`{"chargePermissionId":%q,"deliveryDetails":[{"trackingNumber":%q,"carrierCode":"DHL"}]}`, permission, number)
	}
	got := w.is(http.StatusOK, w.post("deliveryTrackers", body("1")))
	require.Equal(t, permission, got.at("chargePermissionId"))
	w.refused(400, "InvalidParameterValue", w.post("deliveryTrackers", body("1")))
	w.refused(400, "MissingParameterValue", w.post("deliveryTrackers", `{"chargePermissionId":"`+permission+`"}`))
	w.refused(400, "MissingParameterValue", w.post("deliveryTrackers", `{"chargePermissionId":"`+permission+`","deliveryDetails":[{"trackingNumber":"2"}]}`))
	w.refused(404, "ResourceNotFound", w.post("deliveryTrackers", strings.Replace(body("3"), permission, "P01-1", 1)))
}

func TestReports(t *testing.T) {
	w := newWorld(t)
	got := w.is(http.StatusCreated, w.post("reports", `{"reportType":"_GET_FLAT_FILE_OFFAMAZONPAYMENTS_REFUND_DATA_","startTime":"20250601T000000Z"}`))
	require.Equal(t, "IN_PROGRESS", w.is(http.StatusOK, w.get("reports/"+got.str("reportId"))).at("processingStatus"))
	require.Len(t, w.get("reports?processingStatuses=COMPLETED%2CIN_PROGRESS").at("reports"), 1)
	require.Empty(t, w.get("reports?processingStatuses=COMPLETED").at("reports"))
	w.refused(404, "ResourceNotFound", w.get("report-documents/x"))
	w.refused(400, "InvalidParameterValue", w.post("reports", `{"reportType":"ALL"}`))
	const order = `{"reportType":"_GET_FLAT_FILE_OFFAMAZONPAYMENTS_REFUND_DATA_","scheduleFrequency":"P1D"`
	first := w.is(http.StatusCreated, w.post("report-schedules", order+"}")).str("reportScheduleId")
	w.refused(400, "InvalidParameterValue", w.post("report-schedules", order+"}"))
	second := w.is(http.StatusCreated, w.post("report-schedules", order+`,"deleteExistingSchedule":true}`)).str("reportScheduleId")
	w.refused(404, "ResourceNotFound", w.get("report-schedules/"+first))
	require.Len(t, w.get("report-schedules").at("reportSchedules"), 1)
	w.is(http.StatusOK, w.remove("report-schedules/"+second, ""))
	w.refused(404, "ResourceNotFound", w.remove("report-schedules/"+second, ""))
	require.Empty(t, w.get("disbursements").at("disbursements"))
}

func TestWhatAnOrdinaryMerchantMayNotDo(t *testing.T) {
	w := newWorld(t)
	for _, call := range []string{
		"PATCH charges/x", "POST disputes", "GET disputes/x", "PATCH disputes/x", "POST disputes/x/contest", "POST files",
		"POST merchantAccounts", "PATCH merchantAccounts/x", "DELETE merchantAccounts/x", "POST merchantAccounts/x/claim",
		"POST merchantAccounts/x/stores", "PATCH merchantAccounts/x/stores/y", "POST in-store/merchantScan", "POST in-store/charge", "POST in-store/refund",
	} {
		method, path, _ := strings.Cut(call, " ")
		w.refused(401, "UnauthorizedAccess", w.send(ask{method: method, path: "/v2/" + path, body: `{"any":"thing"}`}))
	}
	w.refused(405, "RequestNotSupported", w.get("authorizationTokens/x?merchantId=y"))
	w.refused(401, "UnauthorizedAccess", w.send(ask{method: http.MethodGet, path: "/v2/authorizationTokens/x?merchantId=y", keyID: "LIVE-pmx"}))
}

func TestConfigurationsThatDoNotStart(t *testing.T) {
	change := func(f func(a *Account)) Config {
		a := ExampleAccount()
		f(&a)
		return Config{Accounts: []Account{a}}
	}
	for says, c := range map[string]Config{
		"no account":            {},
		"configured twice":      {Accounts: []Account{ExampleAccount(), ExampleAccount()}},
		"merchant id":           change(func(a *Account) { a.MerchantID = "" }),
		"region":                change(func(a *Account) { a.Region = "mars" }),
		"ledger":                change(func(a *Account) { a.LedgerCurrency = "USD" }),
		"multi-currency":        change(func(a *Account) { a.Region, a.MultiCurrency = "na", true }),
		"store id":              change(func(a *Account) { a.StoreIDs = []string{"shop"} }),
		"at least one":          change(func(a *Account) { a.Keys = nil }),
		"public key":            change(func(a *Account) { a.Keys = []Key{{ID: "x", PublicKey: "y"}} }),
		"http or https address": change(func(a *Account) { a.IPNEndpoints = map[Environment][]string{Live: {"mailto:x"}} }),
		"environment":           change(func(a *Account) { a.IPNEndpoints = map[Environment][]string{"test": nil} }),
		"neither 1 nor 2":       {Accounts: []Account{ExampleAccount()}, NotificationSignature: 3},
		`"x"`:                   {Accounts: []Account{ExampleAccount()}, URL: "x"},
	} {
		_, err := New(c)
		require.ErrorContains(t, err, says)
	}
	require.True(t, slices.IsSorted(operationNames()))
}
