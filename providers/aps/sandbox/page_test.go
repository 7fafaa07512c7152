package sandbox

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPurchaseWithChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		back := w.pay(w.order("PMX-1", nil)).card("4557012345678902").press("challenge_pass").returned()
		require.Equal(t, "14000", back["response_code"])
		require.Equal(t, "14", back["status"])
		require.Equal(t, "455701******8902", back["card_number"])
		require.Equal(t, "VISA", back["payment_option"])
		require.Equal(t, "12550", back["amount"])
		require.Len(t, back["fort_id"], 18)
		require.NotContains(t, back, "return_url", "processed returns do not echo it")
		synctest.Wait()

		told := w.told()
		require.Len(t, told, 1)
		require.Equal(t, "/direct", told[0].path)
		require.Equal(t, back["fort_id"], told[0].fields["fort_id"])
		require.Equal(t, "14000", told[0].fields["response_code"])
		require.Equal(t, "00", told[0].fields["acquirer_response_code"])

		status := w.status("PMX-1")
		require.Equal(t, "14000", status["transaction_code"])
		require.Equal(t, "12550", status["captured_amount"])
		book := w.book("PMX-1")
		require.Equal(t, [4]int64{12550, 12550, 0, 0}, totals(book))
		require.Equal(t, []string{"authorize", "capture"}, kinds(book))
	})
}

func TestAuthorizationMovesNothing(t *testing.T) {
	w := newWorld(t)
	back := w.pay(w.order("PMX-2", map[string]string{"command": "AUTHORIZATION"})).card("4005550000000001").returned()
	require.Equal(t, "02000", back["response_code"])
	require.Equal(t, [4]int64{12550, 0, 0, 0}, totals(w.book("PMX-2")))
}

func TestChallengeFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.pay(w.order("PMX-3", nil)).card("4557012345678902").press("challenge_fail")
		require.Contains(t, p.html, "Authentication failed")
		require.Equal(t, "11036", w.check("PMX-3")["response_code"], "no acquirer saw it")
		back := p.card("4005550000000001").returned()
		require.Equal(t, "14000", back["response_code"])
		synctest.Wait()
		require.Equal(t, []string{"10030", "14000"}, codes(w.told()))
		require.NotEqual(t, w.told()[0].fields["fort_id"], w.told()[1].fields["fort_id"], "each try has its own id")
	})
}

func TestChallengeCancelledOrLeft(t *testing.T) {
	w := newWorld(t)
	back := w.pay(w.order("PMX-4", nil)).card("4557012345678902").press("cancel").returned()
	require.Equal(t, "01072", back["response_code"])
	require.Len(t, back["fort_id"], 18)

	w.pay(w.order("PMX-5", nil)).card("4557012345678902") // and the buyer leaves
	for _, reference := range []string{"PMX-4", "PMX-5"} {
		require.Equal(t, "11036", w.check(reference)["response_code"])
	}
	require.Empty(t, w.server.Books().Payments)
	require.Empty(t, w.told())
}

func TestDeclineThenTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.pay(w.order("PMX-6", nil)).card("4000000000009995")
		require.Contains(t, p.html, "Insufficient funds")
		require.Contains(t, p.html, "Tries left: 8")
		require.NotContains(t, p.html, "4000000000009995\" required", "the number is not shown again")
		require.Equal(t, "13029", w.status("PMX-6")["transaction_code"])
		require.Equal(t, "14000", p.card("5123456789012346").returned()["response_code"])
		synctest.Wait()
		require.Equal(t, []string{"13029", "14000"}, codes(w.told()))
		require.Equal(t, "51", w.told()[0].fields["acquirer_response_code"])
	})
}

func TestLastTryIsReturned(t *testing.T) {
	w := newWorld(t, account(func(a *Account) { a.Attempts = 2 }))
	p := w.pay(w.order("PMX-7", nil)).card("4000000000000002")
	back := p.card("4000000000000002").returned()
	require.Equal(t, "13666", back["response_code"])
	require.Equal(t, "05", back["acquirer_response_code"])
	require.Equal(t, "00123", w.pay(w.order("PMX-7", nil)).returned()["response_code"])
}

func TestCancelOnTheCardPage(t *testing.T) {
	w := newWorld(t)
	back := w.pay(w.order("PMX-8", nil)).press("cancel").returned()
	require.Equal(t, "00072", back["response_code"])
	require.Equal(t, "Transaction has been cancelled by the consumer", back["response_message"])
	require.NotContains(t, back, "fort_id")
	require.NotContains(t, back, "return_url")
	require.Empty(t, w.server.Books().Payments)
	require.Equal(t, "14000", w.pay(w.order("PMX-8", nil)).card("4005550000000001").returned()["response_code"], "the reference is free")
}

func TestWrongInputIsNoTry(t *testing.T) {
	tests := []struct{ name, input, value, want string }{
		{"number of no test card", "card_number", "4111111111111111", "Only the test cards"},
		{"no number", "card_number", "", "Only the test cards"},
		{"mada for AED", "card_number", "5297412542005689", "cannot be used"},
		{"no date", "expiry_date", "1399", "such as 05/30"},
		{"past date", "expiry_date", "12/20", "has expired"},
		{"short code", "card_security_code", "12", "3 digits"},
		{"no name", "card_holder_name", "", "as printed on the card"},
		{"option not offered", "payment_option", "KNET", "Choose one"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			input := map[string]string{"card_number": "4005550000000001", "expiry_date": "12/99", "card_security_code": "123", "card_holder_name": "LAYLA KHAN"}
			input[test.input] = test.value
			var flat []string
			for name, value := range input {
				flat = append(flat, name, value)
			}
			p := w.pay(w.order("PMX-9", nil)).press("continue", flat...)
			require.Contains(t, p.html, test.want)
			require.Empty(t, w.server.Books().Payments)
		})
	}
}

func TestExpiryForms(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"wire", "3005", "3005"}, {"card", "05/30", "3005"}, {"spaces", " 05 / 30 ", "3005"},
		{"long year", "05/2030", "3005"}, {"card without slash", "0530", "3005"},
		{"month 13", "1330", ""}, {"letters", "0a30", ""}, {"empty", "", ""}, {"three digits", "530", ""}, {"single digits", "5/3", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := expiryOf(test.text)
			require.Equal(t, test.want != "", ok)
			require.Equal(t, test.want, got)
		})
	}
}

func TestSavedCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.pay(w.order("PMX-10", map[string]string{"remember_me": "YES"})).card("4557012345678902").press("challenge_pass").returned()
		token := first["token_name"]
		require.Len(t, token, 32)
		require.NotEmpty(t, first["agreement_id"])

		p := w.pay(w.order("PMX-11", map[string]string{"token_name": token}))
		require.Contains(t, p.html, "455701******8902")
		require.NotContains(t, p.html, `name="card_number"`)
		back := p.press("continue", "card_security_code", "123").press("challenge_pass").returned()
		require.Equal(t, "14000", back["response_code"])
		require.Equal(t, token, back["token_name"])
		require.Equal(t, first["agreement_id"], back["agreement_id"])
		require.Equal(t, "9912", back["expiry_date"])
	})
}

func TestCardIsSavedOnlyAfterSuccess(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.order("PMX-12", map[string]string{"token_name": "mine"})).card("4000000000000002")
	require.Equal(t, "00044", w.call(recurring("PMX-13", "mine"))["response_code"])
	require.Equal(t, "mine", p.card("4005550000000001").returned()["token_name"], "an unknown token names the new one")
	require.Equal(t, "14000", w.call(recurring("PMX-14", "mine"))["response_code"])
}

func TestBuyerTicksRemember(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.order("PMX-15", nil))
	back := p.press("continue", "card_number", "4005550000000001", "expiry_date", "05/99", "card_security_code", "123",
		"card_holder_name", "LAYLA KHAN", "remember_me", "YES").returned()
	require.NotEmpty(t, back["token_name"])
	require.NotContains(t, w.pay(w.order("PMX-16", map[string]string{"remember_me": "NO"})).html, `name="remember_me"`)
}

func TestLocalOptions(t *testing.T) {
	kuwait := map[string]string{"currency": "KWD", "amount": "10250"}
	w := newWorld(t)
	back := w.pay(w.order("PMX-17", kuwait)).press("continue", "payment_option", "KNET").press("approve").returned()
	require.Equal(t, "14000", back["response_code"])
	require.Equal(t, "KNET", back["payment_option"])
	require.NotContains(t, back, "card_number")

	kuwait["payment_option"] = "KNET"
	back = w.pay(w.order("PMX-18", kuwait)).press("decline").returned()
	require.Equal(t, "13666", back["response_code"], "local options have one try")
	require.Equal(t, "00072", w.pay(w.order("PMX-19", kuwait)).press("cancel").returned()["response_code"])

	back = w.pay(w.order("PMX-20", map[string]string{"currency": "SAR", "digital_wallet": "STCPAY"})).press("approve").returned()
	require.Equal(t, "STCPAY", back["digital_wallet"])
	require.NotContains(t, w.pay(w.order("PMX-21", map[string]string{"currency": "KWD", "command": "AUTHORIZATION"})).html, "KNET")
}

func TestReturnByGet(t *testing.T) {
	w := newWorld(t, account(func(a *Account) { a.ReturnMethod = "GET" }))
	p := w.pay(w.order("PMX-22", map[string]string{"return_url": shopURL + "?o=17"})).card("4005550000000001")
	require.Equal(t, http.StatusSeeOther, p.status)
	to, err := url.Parse(p.address)
	require.NoError(t, err)
	fields := map[string]string{}
	for name, values := range to.Query() {
		fields[name] = values[0]
	}
	require.Equal(t, "17", fields["o"])
	delete(fields, "o")
	require.Equal(t, "14000", fields["response_code"])
	require.Equal(t, sign(SHA256, w.account.ResponsePhrase, fields), fields["signature"])
}

func TestReturnAddress(t *testing.T) {
	w := newWorld(t, account(func(a *Account) { a.ReturnURL = "https://shop.test/account" }))
	wrong := w.pay(w.order("PMX-23", map[string]string{"return_url": "shop.test/pay"}))
	require.Contains(t, wrong.html, `action="https://shop.test/account"`, "what is no web address is not used")
	require.Equal(t, "00002", wrong.returned()["response_code"])
	p := w.pay(w.order("PMX-24", map[string]string{"return_url": shopURL + "?o=17"})).card("4005550000000001")
	require.Contains(t, p.html, `action="`+shopURL+`?o=17"`)
	p = w.pay(w.order("PMX-25", map[string]string{"return_url": removed})).card("4005550000000001")
	require.Contains(t, p.html, `action="https://shop.test/account"`)
}

func TestPageShowsMajorUnits(t *testing.T) {
	w := newWorld(t)
	for currency, want := range map[string]string{"AED": "1,255.00", "JOD": "125.500", "JPY": "125,500"} {
		p := w.pay(w.order("PMX-26", map[string]string{"currency": currency, "amount": "125500"}))
		require.Contains(t, p.html, currency+"</span> "+want)
	}
	require.Equal(t, "0.05", majorAmount(5, "AED"))
	require.Equal(t, "0.005", majorAmount(5, "KWD"))
	require.Equal(t, "1,234,567,890", majorAmount(1234567890, "JPY"))
}

func TestArabicPage(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.order("PMX-27", map[string]string{"language": "ar"}))
	require.Contains(t, p.html, `<html lang="ar" dir="rtl">`)
	back := p.card("4000000000000002").press("cancel").returned()
	require.Equal(t, messages[msgCancelled][1], back["response_message"])
}

func TestBrandingAndPolicy(t *testing.T) {
	w := newWorld(t, account(func(a *Account) {
		a.Branding = Branding{Name: "<b>Oud</b>", Colour: "#8a1c4a", Font: "Georgia, serif", Logo: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)}
	}))
	p := w.pay(w.order("PMX-28", nil))
	require.Contains(t, p.html, "--brand:#8a1c4a;--on-brand:#ffffff;")
	require.Contains(t, p.html, "--font:Georgia, serif,")
	require.Contains(t, p.html, "data:image/svg")
	require.NotContains(t, p.html, "<b>Oud</b>")
	require.Contains(t, p.header.Get("Content-Security-Policy"), "default-src 'none'")
}

func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.order("PMX-29", nil))
	w.control("clock", `{"advance":"31m"}`)
	require.Equal(t, "13778", p.card("4005550000000001").returned()["response_code"])
	require.Empty(t, w.server.Books().Payments)
}

func TestTwoWindowsPayOnce(t *testing.T) {
	w := newWorld(t)
	one, two := w.pay(w.order("PMX-30", nil)), w.pay(w.order("PMX-30", nil))
	require.Equal(t, "14000", one.card("4005550000000001").returned()["response_code"])
	require.Equal(t, "00047", two.card("4005550000000001").returned()["response_code"])
	require.Equal(t, [4]int64{12550, 12550, 0, 0}, totals(w.book("PMX-30")))
	again := w.browse(http.MethodPost, one.address, url.Values{"action": {"continue"}})
	require.Equal(t, "14000", again.returned()["response_code"], "a reload shows the same result")
}

func TestUncertainSettles(t *testing.T) {
	tests := []struct{ name, card, first, last string }{
		{"paid", "4000000000000119", "15777", "14000"},
		{"declined", "4000000000000259", "15777", "13666"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				require.Equal(t, test.first, w.pay(w.order("PMX-31", nil)).card(test.card).returned()["response_code"])
				require.Equal(t, test.first, w.status("PMX-31")["transaction_code"])
				require.Equal(t, "0", w.status("PMX-31")["captured_amount"])
				require.Equal(t, "00784", w.pay(w.order("PMX-31", nil)).returned()["response_code"])
				time.Sleep(DefaultSettleAfter + time.Second)
				synctest.Wait()
				require.Equal(t, []string{test.first, test.last}, codes(w.told()))
				require.Equal(t, "/notify", w.told()[1].path)
				require.Equal(t, test.last, w.status("PMX-31")["transaction_code"])
			})
		})
	}
}

func TestMagicAmounts(t *testing.T) {
	tests := []struct{ amount, command, first, last string }{
		{"10051", "PURCHASE", "13029", ""}, {"10066", "AUTHORIZATION", "03666", ""},
		{"10077", "AUTHORIZATION", "15777", "02000"}, {"10019", "PURCHASE", "19000", "14000"},
		{"10040", "PURCHASE", "40090", "13785"}, {"10072", "PURCHASE", "00072", ""}, {"10006", "PURCHASE", "00006", ""},
		{"10000", "PURCHASE", "14000", ""},
	}
	for _, test := range tests {
		t.Run(test.amount, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, account(func(a *Account) { a.MagicAmounts, a.Attempts = true, 1 }))
				back := w.pay(w.order("PMX-32", map[string]string{"amount": test.amount, "command": test.command})).card("4005550000000001").returned()
				require.Equal(t, test.first, back["response_code"])
				w.control("clock", `{"advance":"1m"}`)
				synctest.Wait()
				if test.last != "" {
					require.Equal(t, test.last, codes(w.told())[1])
				}
			})
		})
	}
}

func TestEchoEscapesApostrophes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		order := w.order("PMX-33", map[string]string{"order_description": "Layla's mugs", "merchant_extra": "it's", "app_plugin": "paymux"})
		back := w.pay(order).card("4005550000000001").returned()
		require.Equal(t, "Layla&#39;s mugs", back["order_description"])
		require.Equal(t, "it's", back["merchant_extra"])
		require.NotContains(t, back, "app_plugin")
		synctest.Wait()
		require.Equal(t, "Layla&#39;s mugs", w.told()[0].fields["order_description"])
	})
}

func TestChosenTestCardIsFilledIn(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.order("PMX-34", nil))
	require.Contains(t, p.html, `href="?use=374200000000004"`)
	filled := w.browse(http.MethodGet, p.address+"?use=374200000000004", nil)
	require.Contains(t, filled.html, `value="374200000000004" required`)
	require.NotContains(t, w.browse(http.MethodGet, p.address+"?use=4111111111111111", nil).html, "4111111111111111")
}

func TestFirstPageStatesLimits(t *testing.T) {
	w := newWorld(t)
	p := w.browse(http.MethodGet, "https://"+simHost+"/", nil)
	require.Equal(t, http.StatusOK, p.status)
	require.Contains(t, p.html, "Its limits")
	for _, card := range testCards {
		require.Contains(t, p.html, card.Number)
	}
}
