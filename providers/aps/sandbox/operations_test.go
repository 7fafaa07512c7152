package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func capture(reference, amount string) map[string]string {
	return map[string]string{"command": "CAPTURE", "merchant_reference": reference, "amount": amount, "currency": "AED"}
}

func refund(reference, amount, maintenance string) map[string]string {
	return map[string]string{"command": "REFUND", "merchant_reference": reference, "amount": amount, "currency": "AED", "maintenance_reference": maintenance}
}

func (w *world) authorize(reference string) map[string]string {
	w.t.Helper()
	back := w.pay(w.order(reference, map[string]string{"command": "AUTHORIZATION"})).card("4005550000000001").returned()
	require.Equal(w.t, "02000", back["response_code"])
	return back
}

func TestCaptureInPartsThenRefund(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		back := w.authorize("PMX-1")
		require.Equal(t, "04000", w.call(capture("PMX-1", "5000"))["response_code"])
		answer := w.call(capture("PMX-1", "7550"))
		require.Equal(t, "04000", answer["response_code"])
		require.Equal(t, back["fort_id"], answer["fort_id"])
		require.Equal(t, "7550", answer["amount"], "the operation's own amount, not the total")
		require.Equal(t, "05042", w.call(capture("PMX-1", "1"))["response_code"])

		require.Equal(t, "06000", w.call(refund("PMX-1", "2550", "RF-1"))["response_code"])
		require.Equal(t, "07066", w.call(refund("PMX-1", "100", "RF-1"))["response_code"])
		require.Equal(t, "07048", w.call(refund("PMX-1", "10001", "RF-2"))["response_code"])
		require.Equal(t, "06000", w.call(refund("PMX-1", "10000", "RF-2"))["response_code"], "a refused one may come again")
		require.Equal(t, [4]int64{12550, 12550, 12550, 0}, totals(w.book("PMX-1")))

		status := w.status("PMX-1")
		require.Equal(t, "06000", status["transaction_code"], "the last operation, not the payment")
		require.Equal(t, "06", status["transaction_status"])
		require.Equal(t, []string{"12550", "12550", "12550"}, []string{status["authorized_amount"], status["captured_amount"], status["refunded_amount"]})
		require.Equal(t, back["authorization_code"], status["authorization_code"])

		synctest.Wait()
		require.Equal(t, []string{"02000", "04000", "04000", "06000", "06000"}, codes(w.told()))
		require.Equal(t, "/notify", w.told()[1].path)
		require.Equal(t, "RF-1", w.told()[3].fields["maintenance_reference"])
	})
}

func TestVoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		back := w.authorize("PMX-1")
		void := map[string]string{"command": "VOID_AUTHORIZATION", "fort_id": back["fort_id"]}
		answer := w.call(void)
		require.Equal(t, "08000", answer["response_code"])
		require.Equal(t, "PMX-1", answer["merchant_reference"])
		require.Equal(t, "09034", w.call(void)["response_code"])
		require.Equal(t, "05034", w.call(capture("PMX-1", "100"))["response_code"])
		require.Equal(t, [4]int64{12550, 0, 0, 12550}, totals(w.book("PMX-1")))
		require.Equal(t, "08000", w.status("PMX-1")["transaction_code"])
		synctest.Wait()
		require.NotContains(t, w.told()[1].fields, "amount", "a void has no amount")

		w.authorize("PMX-2")
		w.call(capture("PMX-2", "100"))
		require.Equal(t, "09034", w.call(map[string]string{"command": "VOID_AUTHORIZATION", "merchant_reference": "PMX-2"})["response_code"])
	})
}

func TestAuthorizationLapses(t *testing.T) {
	w := newWorld(t)
	w.authorize("PMX-1")
	w.call(capture("PMX-1", "5000"))
	w.control("clock", `{"advance":"169h"}`)
	require.Equal(t, "05034", w.call(capture("PMX-1", "100"))["response_code"])
	require.Equal(t, [4]int64{12550, 5000, 0, 7550}, totals(w.book("PMX-1")))
	require.Equal(t, "06000", w.call(refund("PMX-1", "5000", "RF-1"))["response_code"])
}

func TestStatusByFortIDAndThirdPartyCodes(t *testing.T) {
	w := newWorld(t)
	back := w.authorize("PMX-1")
	answer := w.call(map[string]string{"query_command": "CHECK_STATUS", "fort_id": back["fort_id"], "return_third_party_response_codes": "YES"})
	require.Equal(t, "PMX-1", answer["merchant_reference"])
	require.Equal(t, "00", answer["acquirer_response_code"])
	require.Equal(t, "APPROVED", answer["processor_response_code"])
	require.NotContains(t, w.status("PMX-1"), "acquirer_response_code")
}

func TestRecurring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.pay(w.order("PMX-1", map[string]string{"remember_me": "YES"})).card("4557012345678902").press("challenge_pass").returned()
		fields := recurring("PMX-2", first["token_name"])
		fields["agreement_id"] = first["agreement_id"]
		answer := w.call(fields)
		require.Equal(t, "14000", answer["response_code"], "without 3-D Secure")
		require.Equal(t, "RECURRING", answer["eci"])
		require.Equal(t, "455701******8902", answer["card_number"])
		require.Equal(t, [4]int64{5000, 5000, 0, 0}, totals(w.book("PMX-2")))
		synctest.Wait()
		require.Equal(t, "/direct", w.told()[1].path)

		off := map[string]string{"service_command": "UPDATE_TOKEN", "merchant_reference": "T-1", "token_name": first["token_name"], "token_status": "INACTIVE"}
		answer = w.call(off)
		require.Equal(t, "58000", answer["response_code"])
		require.Equal(t, "INACTIVE", answer["token_status"])
		require.Equal(t, "455701", answer["card_bin"])
		require.Equal(t, "00044", w.call(recurring("PMX-3", first["token_name"]))["response_code"])
		require.Equal(t, "00044", w.pay(w.order("PMX-4", map[string]string{"token_name": first["token_name"]})).returned()["response_code"])
	})
}

func TestUpdateToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pay(w.order("PMX-1", map[string]string{"token_name": "mine"})).card("4005550000000001")
		update := map[string]string{"service_command": "UPDATE_TOKEN", "merchant_reference": "T-1", "token_name": "mine"}
		update["new_token_name"], update["expiry_date"], update["card_holder_name"] = "yours", "0112", "LAYLA SAID"
		answer := w.call(update)
		require.Equal(t, "58000", answer["response_code"])
		require.Equal(t, "0112", answer["expiry_date"])
		require.Equal(t, "00044", w.call(recurring("PMX-2", "mine"))["response_code"])
		require.Equal(t, "LAYLA SAID", w.call(recurring("PMX-3", "yours"))["card_holder_name"])
		w.control("clock", `{"advance":"18000h"}`) // two years, past 2001-12
		require.Equal(t, "13012", w.call(recurring("PMX-4", "yours"))["response_code"])
		require.Equal(t, "13012", w.status("PMX-4")["transaction_code"])
	})
}

func TestMagicAmountsOfOperations(t *testing.T) {
	w := newWorld(t, account(func(a *Account) { a.MagicAmounts = true }))
	w.authorize("PMX-1")
	require.Equal(t, "05666", w.call(capture("PMX-1", "166"))["response_code"])
	require.Equal(t, "04000", w.call(capture("PMX-1", "12550"))["response_code"])
	require.Equal(t, "07666", w.call(refund("PMX-1", "166", "RF-1"))["response_code"])
	require.Equal(t, "06000", w.call(refund("PMX-1", "165", "RF-1"))["response_code"])
}

func TestBackOffice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.authorize("PMX-1")
		w.control("backoffice", `{"operation":"capture","merchant_reference":"PMX-1","amount":5000}`)
		w.control("backoffice", `{"operation":"capture","merchant_reference":"PMX-1"}`)
		w.control("backoffice", `{"operation":"refund","merchant_reference":"PMX-1","amount":50}`)
		synctest.Wait()
		require.Equal(t, []string{"02000", "04000", "04000", "06000"}, codes(w.told()))
		require.Equal(t, "7550", w.told()[2].fields["amount"])
		require.Equal(t, [4]int64{12550, 12550, 50, 0}, totals(w.book("PMX-1")))
		require.Equal(t, "backoffice", w.book("PMX-1").Effects[1].By)

		w.authorize("PMX-2")
		w.control("backoffice", `{"operation":"void","merchant_reference":"PMX-2"}`)
		require.Equal(t, [4]int64{12550, 0, 0, 12550}, totals(w.book("PMX-2")))

		w.pay(w.order("PMX-3", nil)).card("4000000000000119")
		w.control("backoffice", `{"operation":"settle","merchant_reference":"PMX-3","outcome":"decline"}`)
		w.control("clock", `{"advance":"1m"}`)
		require.Equal(t, "13666", w.status("PMX-3")["transaction_code"], "it settles once")
		require.Equal(t, [4]int64{}, totals(w.book("PMX-3")))
	})
}

func TestBackOfficeRefuses(t *testing.T) {
	w := newWorld(t)
	w.authorize("PMX-1")
	for _, body := range []string{
		`{"operation":"capture","merchant_reference":"PMX-1","amount":12551}`, `{"operation":"refund","merchant_reference":"PMX-1"}`,
		`{"operation":"settle","merchant_reference":"PMX-1"}`, `{"operation":"steal","merchant_reference":"PMX-1"}`,
		`{"operation":"void","merchant_reference":"NONE"}`, `{"operation":"capture","merchant_reference":"PMX-1","amount":-1}`,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+simHost+"/_control/backoffice", newBody(body))
		require.NoError(t, err)
		resp, err := w.http.Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, body)
	}
	require.Equal(t, [4]int64{12550, 0, 0, 0}, totals(w.book("PMX-1")))
}

func TestBackOfficePage(t *testing.T) {
	w := newWorld(t)
	w.authorize("PMX-1")
	p := w.browse(http.MethodGet, "https://"+simHost+"/backoffice", nil)
	require.Contains(t, p.html, "PMX-1")
	form := url.Values{"merchant_identifier": {"pmxMid01"}, "merchant_reference": {"PMX-1"}, "action": {"capture"}, "amount": {"50"}}
	require.Equal(t, http.StatusOK, w.browse(http.MethodPost, "https://"+simHost+"/backoffice", form).status)
	require.Equal(t, int64(50), w.book("PMX-1").Captured)
	form.Set("amount", "half")
	require.Equal(t, http.StatusUnprocessableEntity, w.browse(http.MethodPost, "https://"+simHost+"/backoffice", form).status)
	form.Set("amount", "999999")
	require.Contains(t, w.browse(http.MethodPost, "https://"+simHost+"/backoffice", form).html, "12500 is left")
}

// Whatever is asked, the books stay within refunded ≤ captured ≤ authorized, agree with their effects, and
// CHECK_STATUS tells the same totals.
func TestBooksStayWithinBounds(t *testing.T) {
	w := newWorld(t)
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		reference := "R-" + strconv.Itoa(runs)
		w.authorize(reference)
		for i := range rapid.IntRange(1, 8).Draw(r, "operations") {
			amount := strconv.Itoa(rapid.IntRange(1, 13000).Draw(r, "amount"))
			switch rapid.SampledFrom([]string{"capture", "refund", "void"}).Draw(r, "kind") {
			case "capture":
				w.call(capture(reference, amount))
			case "refund":
				w.call(refund(reference, amount, "RF-"+strconv.Itoa(i)))
			default:
				w.call(map[string]string{"command": "VOID_AUTHORIZATION", "merchant_reference": reference})
			}
		}
		book, sums := w.book(reference), map[string]int64{}
		for _, effect := range book.Effects {
			sums[effect.Kind] += effect.Amount
		}
		require.Equal(r, totals(book), [4]int64{sums["authorize"], sums["capture"], sums["refund"], sums["void"]})
		require.LessOrEqual(r, book.Refunded, book.Captured)
		require.LessOrEqual(r, book.Captured+book.Voided, book.Authorized)
		status := w.status(reference)
		require.Equal(r, strconv.FormatInt(book.Captured, 10), status["captured_amount"])
		require.Equal(r, strconv.FormatInt(book.Refunded, 10), status["refunded_amount"])
	})
}
