package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oapi-codegen/runtime/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// requests are all bodies of the contract.
func requests() []any {
	return []any{
		new(openapi.CreatePayment), new(openapi.ConfirmPayment), new(openapi.UpdatePayment), new(openapi.CreateCapture),
		new(openapi.CreateRefund), new(openapi.CancelPayment), new(openapi.CancelMandate), new(openapi.UpdateWebhookEndpoint), new(openapi.CreateWebhookEndpoint), new(openapi.Redeliver),
		new(openapi.ReplayFeedback), new(openapi.ImportFeedback),
	}
}

const fullPayment = `{
	"merchant_reference":"order-1001","amount":12550,"currency":"EUR","capture_method":"manual","account":"amazon-eu",
	"method":{"type":"card","flow":"hosted","product":"pay_only","option":"visa","instrument":{"iban":"DE02120300000000202051","holder":"Jörg Beispiel"}},
	"return_url":"https://shop.example/thanks","cancel_url":"https://shop.example/cart","review_url":"https://shop.example/review",
	"buyer":{"email":"a@example.org","first_name":"Zoë","last_name":"Ключ","phone":"+49 (30) 000-000","ip":"2001:db8::1","locale":"de-DE","country":"DE","company":"","business":true},
	"billing_address":{"name":"Zoë Ключ","line1":"Musterstraße 1","city":"Berlin","postal_code":"10115","country":"DE","phone":"030 000000"},
	"shipping_address":{"first_name":"😀","line2":"","district":"x","state":"y","line3":"z"},
	"save":{"kind":"recurring","recurring":{"interval":"month","interval_count":1,"amount":999,"count":12,"until":"2027-12-31"}},
	"mandate":"man_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5","off_session":false,
	"line_items":[{"id":"7","name":"Coffee","kind":"goods","quantity":2,"unit_amount":6275,"tax_basis_points":700},{"name":"Voucher","kind":"voucher","quantity":1,"unit_amount":-100}],
	"metadata":{"cart":"77","a.b[0]/~":"\ud83d\ude00"},"description":"Two bags","authorize_amount":0,"allow_pending":true,"channel":"telephone"}`

func TestDecodeFillsEveryMember(t *testing.T) {
	var got, want openapi.CreatePayment
	require.NoError(t, decode([]byte(fullPayment), &got))
	require.NoError(t, json.Unmarshal([]byte(fullPayment), &want))
	require.Equal(t, want, got)
	require.Equal(t, int64(0), *got.AuthorizeAmount)
	require.Equal(t, types.Date{Time: time.Date(2027, 12, 31, 0, 0, 0, 0, time.UTC)}, *got.Save.Recurring.Until)
	require.Equal(t, "😀", got.Metadata["a.b[0]/~"])
}

// The filler panics on a kind of member that it does not know; so each member of each body gets a value of each kind.
func TestDecodeKnowsEveryKindOfMember(t *testing.T) {
	var send func(t reflect.Type, wrap func(string) string, try func(string))
	send = func(at reflect.Type, wrap func(string) string, try func(string)) {
		for at.Kind() == reflect.Pointer {
			at = at.Elem()
		}
		for _, value := range []string{`null`, `true`, `1`, `"a"`, `[]`, `{}`, `[[]]`, `[{}]`, `{"a":"b"}`, `{"a":1}`} {
			try(wrap(value))
		}
		if at.Kind() == reflect.Slice {
			send(at.Elem(), func(s string) string { return wrap("[" + s + "]") }, try)
		}
		if at.Kind() != reflect.Struct || at == reflect.TypeFor[types.Date]() {
			return
		}
		for i := range at.NumField() {
			name, _, _ := strings.Cut(at.Field(i).Tag.Get("json"), ",")
			send(at.Field(i).Type, func(s string) string { return wrap(`{"` + name + `":` + s + `}`) }, try)
		}
	}
	for _, request := range requests() {
		kind := reflect.TypeOf(request).Elem()
		tried := 0
		send(kind, func(s string) string { return s }, func(body string) {
			tried++
			require.NotPanics(t, func() { _ = decode([]byte(body), reflect.New(kind).Interface()) }, body)
		})
		require.GreaterOrEqual(t, tried, 10)
	}
}

func TestDecodeTakesEmptyBodiesWhereNothingIsRequired(t *testing.T) {
	for _, request := range requests()[1:8] {
		require.NoError(t, decode([]byte("{}"), request), "%T", request)
	}
}

func TestDecodeListsEveryProblem(t *testing.T) {
	body := `{"merchant_reference":"a b","amount":"100","Currency":"EUR","buyer":{"email":"x","nick":"y"},` +
		`"line_items":[{"name":"a","quantity":1,"unit_amount":1.5},{"name":"","quantity":0,"unit_amount":1}],"method":{"type":"cash","instrument":{}}}`
	p := refused(t, post(t, body), 422, "amount_invalid", "/amount")
	got := make(map[string]string)
	for _, e := range p.Errors {
		got[e.Pointer] = string(e.Code)
		require.NotEmpty(t, e.Detail)
	}
	require.Equal(t, map[string]string{
		"/amount": "amount_invalid", "/Currency": "field_unknown", "/buyer/nick": "field_unknown", "/line_items/0/unit_amount": "amount_invalid",
		"/merchant_reference": "reference_invalid", "/currency": "currency_invalid", "/buyer/email": "buyer_invalid", "/return_url": "url_invalid",
		"/line_items/1/name": "field_invalid", "/line_items/1/quantity": "field_invalid", "/method/type": "field_invalid",
		"/method/instrument/token": "field_invalid",
	}, got)
	require.Len(t, p.Errors, len(got))
	require.Equal(t, p.Errors[0], openapi.ProblemDetail{Code: p.Code, Pointer: p.Pointer, Detail: p.Detail})
}

func TestDecodeRules(t *testing.T) {
	for name, c := range map[string]struct{ member, value, code, pointer string }{
		"unknown method":            {"method", `{"type":"cash"}`, "field_invalid", "/method/type"},
		"method without type":       {"method", `{}`, "field_invalid", "/method/type"},
		"unknown capture method":    {"capture_method", `"later"`, "field_invalid", "/capture_method"},
		"names know case":           {"method", `{"Type":"card","type":"card"}`, "json_duplicate_key", ""},
		"wrong IBAN":                {"method", `{"type":"sepa_debit","instrument":{"iban":"DE03120300000000202051","holder":"A B"}}`, "field_invalid", "/method/instrument/iban"},
		"IBAN without holder":       {"method", `{"type":"sepa_debit","instrument":{"iban":"DE02120300000000202051"}}`, "field_invalid", "/method/instrument/holder"},
		"token and IBAN":            {"method", `{"type":"card","instrument":{"token":"t","iban":"DE02120300000000202051","holder":"A B"}}`, "field_invalid", "/method/instrument/token"},
		"recurring without terms":   {"save", `{"kind":"recurring"}`, "field_invalid", "/save/recurring"},
		"terms without recurring":   {"save", `{"kind":"unscheduled","recurring":{"interval":"month"}}`, "field_invalid", "/save/recurring"},
		"no such day":               {"save", `{"kind":"recurring","recurring":{"interval":"month","until":"2027-02-30"}}`, "field_invalid", "/save/recurring/until"},
		"recurring amount":          {"save", `{"kind":"recurring","recurring":{"interval":"month","amount":0}}`, "amount_invalid", "/save/recurring/amount"},
		"more authorized than due":  {"authorize_amount", `12551`, "amount_invalid", "/authorize_amount"},
		"off session, no mandate":   {"off_session", `true`, "field_invalid", "/mandate"},
		"null is not left out":      {"description", `null`, "description_invalid", "/description"},
		"101 lines":                 {"line_items", "[" + strings.Repeat(`{"name":"a","quantity":1,"unit_amount":1},`, 100) + `{"name":"a","quantity":1,"unit_amount":1}]`, "field_invalid", "/line_items"},
		"card in an unknown object": {"card", `{"number":4111111111111111}`, "card_data_not_accepted", "/card"},
		"card as a name":            {"metadata", `{"4111111111111111":"x"}`, "card_data_not_accepted", "/metadata"},
		"card as an unknown name":   {"4111111111111111", `1`, "card_data_not_accepted", ""},
		"card in groups":            {"metadata", `{"k":"4111-1111-1111-1111"}`, "card_data_not_accepted", "/metadata/k"},
		"card as a token":           {"method", `{"type":"card","instrument":{"token":"4111111111111111"}}`, "card_data_not_accepted", "/method/instrument/token"},
	} {
		t.Run(name, func(t *testing.T) {
			status := 422
			if strings.HasPrefix(c.code, "json_") {
				status = 400
			}
			p := refused(t, post(t, with(c.member, c.value)), status, c.code, c.pointer)
			text, err := json.Marshal(p)
			require.NoError(t, err)
			require.NotRegexp(t, `1111[ -]?1111`, string(text))
		})
	}
	require.NoError(t, decode([]byte(with("merchant_reference", `"4111111111111111"`)), new(openapi.CreatePayment)))
	offSession := `{"merchant_reference":"a","amount":1,"currency":"JPY","mandate":"man_1","off_session":true}`
	require.NoError(t, decode([]byte(offSession), new(openapi.CreatePayment)))
}

// A body that may be left out may be left out; one that is broken is not taken for none.
func TestBodyThatMayBeLeftOut(t *testing.T) {
	send := func(body string) *http.Request {
		r := post(t, body)
		r.URL.Path = "/v1/payments/pay_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5/cancel"
		return r
	}
	for _, body := range []string{"", "{}", `{"reason":"out of stock"}`} {
		h := &handlers{}
		newEcho(h).ServeHTTP(httptest.NewRecorder(), send(body))
		require.Equal(t, 1, h.calls, body)
	}
	for _, body := range []string{" ", "null", "{", `{"reason":`, `[]`} {
		refused(t, send(body), 400, "json_invalid", "")
	}
}

// What a client writes with encoding/json from the types of the contract arrives as it was meant.
func TestDecodeTakesWhatEncodingJSONWrites(t *testing.T) {
	text := rapid.StringMatching(`[\p{L}\p{N} .,'-]{0,40}`).Filter(noCardNumber)
	word := rapid.StringMatching(`[A-Za-z0-9._-]{1,64}`).Filter(noCardNumber)
	amount := rapid.Int64Range(1, 999_999_999_999_999)
	rapid.Check(t, func(t *rapid.T) {
		total := amount.Draw(t, "amount")
		back := "https://shop.example/" + word.Draw(t, "path")
		want := openapi.CreatePayment{
			MerchantReference: word.Draw(t, "reference"), Amount: total, ReturnURL: &back,
			Currency:      rapid.SampledFrom([]string{"EUR", "JPY", "KWD", "SAR"}).Draw(t, "currency"),
			CaptureMethod: rapid.SampledFrom([]openapi.CaptureMethod{"", "manual", "automatic"}).Draw(t, "capture"),
			Description:   text.Draw(t, "description"), AllowPending: rapid.Bool().Draw(t, "pending"),
			Metadata: rapid.MapOfN(rapid.StringMatching(`[a-z]{1,40}`), text, 0, 50).Draw(t, "metadata"),
		}
		if rapid.Bool().Draw(t, "part") {
			part := rapid.Int64Range(0, total).Draw(t, "authorize")
			want.AuthorizeAmount = &part
		}
		for range rapid.IntRange(0, 5).Draw(t, "lines") {
			want.LineItems = append(want.LineItems, openapi.LineItem{
				Name: "a" + text.Draw(t, "name"), Quantity: rapid.Int64Range(1, 1_000_000).Draw(t, "quantity"),
				UnitAmount: rapid.Int64Range(-999_999_999_999_999, 999_999_999_999_999).Draw(t, "unit amount"),
			})
		}
		body, err := json.Marshal(want)
		require.NoError(t, err)
		var got openapi.CreatePayment
		require.NoError(t, decode(body, &got), "%s", body)
		if len(want.Metadata) == 0 {
			want.Metadata = nil
		}
		require.Equal(t, want, got)
	})
}

// noCardNumber keeps what is drawn from being refused: a card number comes up by chance.
func noCardNumber(s string) bool { return !core.HasCardNumber(s) }

// Whatever the bytes: decode never panics; what it accepts encoding/json reads in the same way; and what it refuses
// it refuses with a code of the contract and without a value of the body.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", goodPayment, fullPayment, with("amount", "1e2"), with("description", `"\ud800\udc00\ud800"`), with("metadata", `{"a":"b","A":"c"}`),
		strings.Repeat(`{"a":`, 20), `{"line_items":[{"name":[1,{"a":null}]}]}`, "\xef\xbb\xbf{}", `{"amount":-0}`, with("save", `{"kind":"recurring","recurring":{"until":"x"}}`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got, want openapi.CreatePayment
		err := decode(body, &got)
		if err == nil {
			require.NoError(t, json.Unmarshal(body, &want))
			require.Equal(t, want, got)
			return
		}
		p := problemOf(err)
		require.True(t, p.Code.Valid())
		require.Contains(t, []int64{400, 422}, p.Status)
		require.True(t, p.Status == 400 || json.Valid(body))
	})
}
