package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/apitest"
	"github.com/paymux/paymux/api/openapi"
)

// The rows of the bad-input catalogue (sections B-001 to B-196 of the reliability requirements) that are decided before
// core is asked. Missing numbers are decided in core, or need a stored payment: B-026, B-039, B-040, B-056,
// B-068 to B-079 and B-081 to B-092 (which URLs a merchant may use), B-094 to B-096 and B-100, B-191 to B-196.

const goodPayment = `{"merchant_reference":"order-1001","amount":12550,"currency":"EUR","return_url":"https://shop.example/thanks"}`

// with is goodPayment with member set to value, JSON as it is to be sent; an empty value leaves the member out.
func with(member, value string) string {
	var body map[string]json.RawMessage
	if err := json.Unmarshal([]byte(goodPayment), &body); err != nil {
		panic(err)
	}
	delete(body, member)
	var b strings.Builder
	b.WriteByte('{')
	for _, name := range []string{"merchant_reference", "amount", "currency", "return_url"} {
		if raw, ok := body[name]; ok {
			b.WriteString(`"` + name + `":` + string(raw) + `,`)
		}
	}
	if value == "" {
		return strings.TrimSuffix(b.String(), ",") + "}"
	}
	return b.String() + `"` + member + `":` + value + "}"
}

// handlers count what gets through; nothing in the catalogue may.
type handlers struct {
	openapi.StrictServerInterface
	calls int
}

func (h *handlers) CreatePayment(context.Context, openapi.CreatePaymentRequestObject) (openapi.CreatePaymentResponseObject, error) {
	h.calls++
	return nil, nil
}

func (h *handlers) CancelPayment(_ context.Context, r openapi.CancelPaymentRequestObject) (openapi.CancelPaymentResponseObject, error) {
	h.calls++
	return nil, nil
}

func (h *handlers) ListPayments(context.Context, openapi.ListPaymentsRequestObject) (openapi.ListPaymentsResponseObject, error) {
	h.calls++
	return openapi.ListPayments200JSONResponse{Object: openapi.PaymentListObjectList, Data: []openapi.Payment{}}, nil
}

// newEcho is the generated server with everything of this package in front of it, as the program wires it.
func newEcho(h *handlers) *echo.Echo {
	e := echo.New()
	e.Binder = binder{}
	e.HTTPErrorHandler = handleErrors(slog.New(slog.DiscardHandler))
	e.Use(withRequestID, withLimits, withIdempotencyKey)
	openapi.RegisterHandlers(e, openapi.NewStrictHandler(h, []openapi.StrictMiddlewareFunc{checkQuery}))
	return e
}

// inProcess sends requests to a handler without a network.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// refused sends r and requires the refusal and that no handler ran. It gives the document back.
func refused(t *testing.T, r *http.Request, status int, code, pointer string) openapi.Problem {
	t.Helper()
	h := &handlers{}
	answer, err := apitest.Contract(t, inProcess{newEcho(h)}).RoundTrip(r)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	var p openapi.Problem
	require.NoError(t, json.Unmarshal(body, &p), "%s", body)
	require.Equal(t, []any{status, code, pointer}, []any{answer.StatusCode, string(p.Code), p.Pointer}, "%s", body)
	require.Zero(t, h.calls)
	return p
}

func post(t *testing.T, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/payments", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "order-1001-pay-1")
	return r
}

func TestGoodPaymentPasses(t *testing.T) {
	h := &handlers{}
	newEcho(h).ServeHTTP(httptest.NewRecorder(), post(t, goodPayment))
	require.Equal(t, 1, h.calls)
}

type row struct{ id, body, code, pointer string }

func runRows(t *testing.T, status int, rows []row) {
	t.Helper()
	for _, c := range rows {
		t.Run(c.id, func(t *testing.T) { refused(t, post(t, c.body), status, c.code, c.pointer) })
	}
}

func values(id, member, code string, rows map[string]string) (out []row) {
	for n, value := range rows {
		out = append(out, row{id + n, with(member, value), code, "/" + member})
	}
	return out
}

func TestCatalogueAmount(t *testing.T) {
	runRows(t, 422, values("B-0", "amount", "amount_invalid", map[string]string{
		"01 missing": "", "02 null": "null", "03 string": `"100"`, "04 empty": `""`, "05 true": "true", "06 array": "[]", "07 object": "{}",
		"08 negative": "-1", "09 minus zero": "-0", "10 zero": "0", "11 below one": "0.1", "12 point zero": "100.0", "13 fraction": "1.5",
		"14 exponent": "1e2", "15 huge exponent": "1E400", "19 beyond int64": "9223372036854775808", "20 10^30": "1" + strings.Repeat("0", 30),
		"21 comma": `"1,00"`, "22 blank": `" 100"`, "23 plus": `"+1"`, "24 hex": `"0x64"`, "25 arabic": `"١٠٠"`,
	}))
	runRows(t, 422, values("B-0", "amount", "amount_too_large", map[string]string{"18 largest int64": "9223372036854775807"}))
	runRows(t, 400, []row{
		{"B-016 NaN", with("amount", "NaN"), "json_invalid", ""}, {"B-017 Infinity", with("amount", "Infinity"), "json_invalid", ""},
	})
}

func TestCatalogueCurrency(t *testing.T) {
	runRows(t, 422, values("B-0", "currency", "currency_invalid", map[string]string{
		"27 missing": "", "28 null": "null", "29 number": "978", "30 empty": `""`, "31 lower case": `"eur"`, "32 two": `"EU"`, "33 four": `"EURO"`,
		"34 umlaut": `"EÜR"`, "35 none": `"XXX"`, "36 test": `"XTS"`, "37 unlisted": `"BTC"`, "38 blank": `"EUR "`,
	}))
}

func TestCatalogueReference(t *testing.T) {
	runRows(t, 422, values("B-0", "merchant_reference", "reference_invalid", map[string]string{
		"41 missing": "", "42 empty": `""`, "43 blank": `" "`, "44 long": `"` + strings.Repeat("a", 256) + `"`, "45 emoji": `"order😀"`,
		"46 right to left": `"a\u202eb"`, "47 joiner": `"\u200d"`, "48 NUL": `"a\u0000"`, "49 CR": `"a\r"`, "50 LF": `"a\n"`, "51 tab": `"a\t"`,
		"52 path": `"../x"`, "53 markup": `"<b>"`, "54 half a pair": `"a\ud800"`, "55 combining": `"a` + strings.Repeat(`\u0301`, 40) + `"`,
	}))
}

func TestCatalogueDescription(t *testing.T) {
	runRows(t, 422, values("B-0", "description", "description_invalid", map[string]string{
		"57 10 kB": `"` + strings.Repeat("a", 10_000) + `"`, "58 NUL": `"a\u0000b"`, "59 C1": `"a\u0085b"`, "60 half a pair": `"\udc00"`,
		"61 line separator": `"a\u2028b"`, "63 array": `["a"]`,
	}))
	runRows(t, 422, values("B-0", "description", "card_data_not_accepted", map[string]string{"64 card": `"pay with 4111111111111111 please"`}))
	runRows(t, 400, []row{{"B-062 bytes", with("description", "\"a\xff\""), "json_invalid", ""}})
}

func TestCatalogueURL(t *testing.T) {
	runRows(t, 422, values("B-0", "return_url", "url_invalid", map[string]string{
		"65 missing": "", "66 empty": `""`, "67 number": "1", "80 CRLF": `"https://shop.example/\r\nx"`, "86 NUL": `"https://shop.example/\u0000"`,
		"87 long": `"https://shop.example/` + strings.Repeat("a", 1980) + `"`,
	}))
}

func TestCatalogueAccount(t *testing.T) {
	runRows(t, 422, values("B-0", "account", "account_unknown", map[string]string{
		"97 type": "7", "98 long": `"` + strings.Repeat("a", 300) + `"`, "99 quote": `"a' OR 1=1"`,
	}))
}

func TestCatalogueBuyer(t *testing.T) {
	for id, c := range map[string][2]string{
		"B-101": {"email", `"a"`}, "B-102": {"email", `"a@"`}, "B-103": {"email", `"@example.org"`}, "B-104": {"email", `"a b@example.org"`},
		"B-105": {"email", `"a@example.org\r\nbcc: b@example.org"`}, "B-106": {"first_name", `"` + strings.Repeat("a", 300) + `"`},
		"B-107": {"last_name", `"a\u0007"`}, "B-108": {"country", `"ZZ"`}, "B-109": {"phone", `"call me"`}, "B-110": {"locale", `"xx-"`},
	} {
		t.Run(id, func(t *testing.T) {
			refused(t, post(t, with("buyer", `{"`+c[0]+`":`+c[1]+`}`)), 422, "buyer_invalid", "/buyer/"+c[0])
		})
	}
	runRows(t, 422, []row{
		{"B-111", with("buyer", `{"birthday":"2999-01-01"}`), "field_unknown", "/buyer/birthday"},
		{"B-112", with("buyer", `{"nick~name/x":"a"}`), "field_unknown", "/buyer/nick~0name~1x"},
	})
}

func TestCatalogueMetadata(t *testing.T) {
	many := make(map[string]string)
	for i := range 51 {
		many[strings.Repeat("k", 1+i%30)+string(rune('A'+i%26))] = "v"
	}
	for i := 0; len(many) < 51; i++ {
		many["more"+string(rune('a'+i))] = "v"
	}
	raw, err := json.Marshal(many)
	require.NoError(t, err)
	long := strings.Repeat("k", 41)
	runRows(t, 422, []row{
		{"B-113 51 names", with("metadata", string(raw)), "metadata_invalid", "/metadata"},
		{"B-114 long name", with("metadata", `{"`+long+`":"v"}`), "metadata_invalid", "/metadata/" + long},
		{"B-115 long value", with("metadata", `{"k":"`+strings.Repeat("v", 501)+`"}`), "metadata_invalid", "/metadata/k"},
		{"B-116 nested", with("metadata", `{"a.b[0]":{"x":"y"}}`), "metadata_invalid", "/metadata/a.b[0]"},
		{"B-117 number", with("metadata", `{"k":1}`), "metadata_invalid", "/metadata/k"},
		{"B-118 null", with("metadata", `{"k":null}`), "metadata_invalid", "/metadata/k"},
		{"B-119 prototype", with("metadata", `{"__proto__":"v"}`), "metadata_invalid", "/metadata/__proto__"},
		{"B-121 empty name", with("metadata", `{"":"v"}`), "metadata_invalid", "/metadata"},
	})
	runRows(t, 400, []row{{"B-120 twice", with("metadata", `{"k":"v","k":"v"}`), "json_duplicate_key", ""}})
	runRows(t, 413, []row{{"B-122 64 kB", with("metadata", `{"k":"`+strings.Repeat("v", 64<<10)+`"}`), "body_too_large", ""}})
}

func TestCatalogueJSON(t *testing.T) {
	members := func(n int) string {
		var b bytes.Buffer
		for i := range n {
			b.WriteString(`"k` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26)) + `":"v",`)
		}
		return "{" + strings.TrimSuffix(b.String(), ",") + "}"
	}
	runRows(t, 400, []row{
		{"B-123 empty", "", "json_invalid", ""}, {"B-124 null", "null", "json_invalid", ""}, {"B-125 array", "[]", "json_invalid", ""},
		{"B-126 string", `"x"`, "json_invalid", ""}, {"B-127 number", "1", "json_invalid", ""},
		{"B-128 truncated in a name", `{"amo`, "json_invalid", ""}, {"B-129 truncated at a colon", `{"amount":`, "json_invalid", ""},
		{"B-130 truncated in a value", `{"amount":1`, "json_invalid", ""}, {"B-131 truncated at the end", goodPayment[:len(goodPayment)-1], "json_invalid", ""},
		{"B-132 trailing object", goodPayment + "{}", "json_invalid", ""}, {"B-133 trailing comma", `{"amount":1,}`, "json_invalid", ""},
		{"B-134 comment", `{/* x */"amount":1}`, "json_invalid", ""}, {"B-135 single quotes", `{'amount':1}`, "json_invalid", ""},
		{"B-136 byte order mark", "\ufeff" + goodPayment, "json_invalid", ""}, {"B-137 UTF-16", "\xff\xfe{\x00}\x00", "json_invalid", ""},
		{"B-138 invalid UTF-8", "{\"description\":\"\xc3\x28\"}", "json_invalid", ""},
		{"B-139 twice", with("amount", `1,"amount":2`), "json_duplicate_key", ""}, {"B-140 twice by case", with("amount", `1,"Amount":2`), "json_duplicate_key", ""},
		{"B-140 twice by Kelvin sign", `{"k":1,"K":2}`, "json_duplicate_key", ""},
		{"B-141 depth 17", strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), "json_too_deep", ""},
		{"B-143 201 members", members(201), "json_invalid", ""},
		{"B-145 NUL in a name", `{"a\u0000":1}`, "json_invalid", ""}, {"B-146 half a pair in a name", `{"\ud800":1}`, "json_invalid", ""},
		{"B-147 leading zero", with("amount", "007"), "json_invalid", ""}, {"B-148 minus alone", with("amount", "-"), "json_invalid", ""},
		{"B-150 arrays in arrays", strings.Repeat("[", 30_000), "json_too_deep", ""},
	})
	runRows(t, 413, []row{
		{"B-142 depth 100,000", strings.Repeat("[", 100_000), "body_too_large", ""},
		{"B-144 1 MB number", with("amount", strings.Repeat("9", 1<<20)), "body_too_large", ""},
		{"B-149 64 KiB + 1", goodPayment + strings.Repeat(" ", 64<<10+1-len(goodPayment)), "body_too_large", ""},
	})
	require.NoError(t, decode([]byte(goodPayment+strings.Repeat(" ", 64<<10-len(goodPayment))), new(openapi.CreatePayment)))
	require.ErrorContains(t, decode([]byte(members(200)), new(openapi.CreatePayment)), "field_unknown")
}
