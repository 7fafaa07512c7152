package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The bad-input catalogue (reliability requirements, section 13) against the whole program. Each row is refused with
// its status, code and pointer, inside the contract; no row of any table changes and the provider is not asked.

// bad are rows that send an order with one member set to JSON as it is written.
func (w *world) bad(member, code string, rows map[string]string) (out []refused) {
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		out = append(out, refused{id: id, method: http.MethodPost, path: "/v1/payments", body: w.changed(member, rows[id]), status: 422, code: code, pointer: "/" + member})
	}
	return out
}

// unreadable are rows whose body is refused as a whole.
func unreadable(status int, code string, rows map[string]string) (out []refused) {
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		out = append(out, refused{id: id, method: http.MethodPost, path: "/v1/payments", body: rows[id], status: status, code: code})
	}
	return out
}

func TestBadAmountsAndCurrencies(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	w.refuses(w.raw(), slices.Concat(
		w.bad("amount", "amount_invalid", map[string]string{
			"B-001 missing": "", "B-002 null": "null", "B-003 text": `"100"`, "B-004 empty": `""`, "B-005 true": "true", "B-006 list": "[]", "B-007 object": "{}",
			"B-008 negative": "-1", "B-009 minus zero": "-0", "B-010 zero": "0", "B-011 below one": "0.1", "B-012 point zero": "100.0", "B-013 fraction": "1.5",
			"B-014 exponent": "1e2", "B-015 huge exponent": "1E400", "B-019 beyond 64 bits": "9223372036854775808", "B-020 10^30": "1" + strings.Repeat("0", 30),
			"B-021 comma": `"1,00"`, "B-022 blank": `" 100"`, "B-023 plus": `"+1"`, "B-024 hexadecimal": `"0x64"`, "B-025 Arabic digits": `"١٠٠"`,
		}),
		w.bad("amount", "amount_too_large", map[string]string{"B-018 64 bits": "9223372036854775807", "beyond the contract": "1000000000000000"}),
		unreadable(400, "json_invalid", map[string]string{"B-016 NaN": w.changed("amount", "NaN"), "B-017 Infinity": w.changed("amount", "Infinity")}),
		[]refused{{id: "B-026 above what the account takes", method: http.MethodPost, path: "/v1/payments", body: order("order-1", map[string]any{"amount": 10_000_000_000, "account": "aps-main"}),
			status: 422, code: "amount_too_large", pointer: "/amount"},
			{id: "B-026 above what every account takes", method: http.MethodPost, path: "/v1/payments", body: order("order-1", map[string]any{"amount": 10_000_000_000}),
				status: 422, code: "routing_no_candidate"}},
		w.bad("currency", "currency_invalid", map[string]string{
			"B-027 missing": "", "B-028 null": "null", "B-029 number": "978", "B-030 empty": `""`, "B-031 lower case": `"aed"`, "B-032 two": `"AE"`, "B-033 four": `"AEDX"`,
			"B-034 umlaut": `"ÄED"`, "B-035 none": `"XXX"`, "B-036 test": `"XTS"`, "B-037 unlisted": `"BTC"`, "B-038 blank": `"AED "`,
		}),
		[]refused{{id: "B-039 not enabled for the method", method: http.MethodPost, path: "/v1/payments", status: 422, code: "currency_not_enabled", pointer: "/currency",
			body: order("order-1", map[string]any{"currency": "EUR", "account": "aps-main", "capture_method": "automatic", "method": map[string]any{"type": "card", "option": "mada"}})}},
	))
}

func TestBadReferencesAndTexts(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	first := w.create("order-1001", nil).str("id")
	db := w.raw()
	w.quiet(db)
	w.refuses(db, slices.Concat(
		w.bad("merchant_reference", "reference_invalid", map[string]string{
			"B-041 missing": "", "B-042 empty": `""`, "B-043 blank": `" "`, "B-044 long": `"` + strings.Repeat("a", 256) + `"`, "B-044 65": `"` + strings.Repeat("a", 65) + `"`,
			"B-045 emoji": `"order😀"`, "B-046 right to left": `"a\u202eb"`, "B-047 joiner": `"\u200d"`, "B-048 NUL": `"a\u0000"`, "B-049 CR": `"a\r"`, "B-050 LF": `"a\n"`,
			"B-051 tab": `"a\t"`, "B-052 path": `"../x"`, "B-053 markup": `"<b>"`, "B-054 half a pair": `"a\ud800"`, "B-055 combining": `"a` + strings.Repeat(`\u0301`, 40) + `"`,
		}),
		[]refused{{id: "B-056 used before", method: http.MethodPost, path: "/v1/payments", body: order("order-1001", map[string]any{"amount": 1}), status: 409, code: "reference_exists"}},
		w.bad("description", "description_invalid", map[string]string{
			"B-057 10 kB": `"` + strings.Repeat("a", 10_000) + `"`, "B-058 NUL": `"a\u0000b"`, "B-059 C1": `"a\u0085b"`, "B-060 half a pair": `"\udc00"`,
			"B-061 line separator": `"a\u2028b"`, "B-063 list": `["a"]`,
		}),
		unreadable(400, "json_invalid", map[string]string{"B-062 bytes": w.changed("description", "\"a\xff\"")}),
		w.bad("description", "card_data_not_accepted", map[string]string{"B-064 card": `"pay with 4111111111111111"`, "B-064 card in groups": `"4111 1111 1111 1111"`}),
	))
	again := w.call("POST", "/v1/payments", order("order-1001", nil)).want(409)
	require.Equal(t, first, again.str("resource"), "B-056 names the payment in the way")
	require.NotRegexp(t, `4111 ?1111`, w.logs.String())
}

func TestBadAddresses(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	rows := map[string]string{
		"B-066 empty": `""`, "B-067 relative": `"/thanks"`, "B-068 without a scheme": `"//evil.example"`, "B-069 http": `"http://shop.example/"`, "B-070 javascript": `"javascript:alert(1)"`,
		"B-071 data": `"data:text/html,x"`, "B-072 file": `"file:///etc/passwd"`, "B-073 ftp": `"ftp://shop.example/"`, "B-074 opaque": `"https:evil.example"`, "B-075 backslashes": `"https:\\\\evil.example"`,
		"B-076 user": `"https://u:p@shop.example/"`, "B-077 fragment": `"https://shop.example/#f"`, "B-083 trailing dot": `"https://shop.example./"`, "B-085 CRLF": `"https://shop.example/\r\nx"`,
		"B-086 CRLF encoded twice": `"https://shop.example/%250d%250a"`, "B-087 NUL": `"https://shop.example/\u0000"`, "B-088 2,001": `"https://shop.example/` + strings.Repeat("a", 1980) + `"`,
		"B-089 port 0": `"https://shop.example:0/"`, "B-090 port 99999": `"https://shop.example:99999/"`, "B-091 http on another address": `"http://[::2]/"`, "B-092 backslash": `"https://evil.example\\@shop.example/"`,
		"type": `{"url":"https://shop.example/"}`,
	}
	db := w.raw()
	for _, member := range []string{"return_url", "cancel_url", "review_url"} {
		w.refuses(db, w.bad(member, "url_invalid", rows))
	}
	w.refuses(db, w.bad("return_url", "url_invalid", map[string]string{"B-065 missing": ""}))
}

func TestBadAccounts(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	db := w.raw()
	w.refuses(db, w.bad("account", "account_unknown", map[string]string{
		"B-094 unknown": `"aps-nowhere"`, "B-095 another merchant's": `"aps-other"`, "B-097 type": "7", "B-098 long": `"` + strings.Repeat("a", 300) + `"`, "B-099 quote": `"a' OR 1=1"`,
	}))
	foreign := w.call("POST", "/v1/payments", w.changed("account", `"aps-other"`)).want(422)
	unknown := w.call("POST", "/v1/payments", w.changed("account", `"aps-nohow"`)).want(422)
	require.Equal(t, strings.NewReplacer("aps-nohow", "aps-other", unknown.str("request_id"), foreign.str("request_id")).Replace(unknown.raw), foreign.raw)
}

// B-096: an account that is disabled or draining takes no new payment, and says which it is.
func TestAccountsThatTakeNothing(t *testing.T) {
	for _, state := range []string{"disabled", "draining"} {
		w := newWorld(t, sqliteDSN(t))
		id := w.authorized("order-1", nil)
		require.Eventually(t, w.rests(w.raw(), 0), waitFor, tick)
		w.stop()
		stopped := time.Now()
		other := w.apart(func(text string) string {
			return strings.Replace(text, "  aps-main:\n    provider: aps\n", "  aps-main:\n    provider: aps\n    state: "+state+"\n", 1)
		})
		db := other.raw()
		require.Eventually(t, other.rests(db, stopped.UnixMicro()), waitFor, tick, "a start asks about what was to be asked")
		other.refuses(db, []refused{
			{id: "B-096 named", method: http.MethodPost, path: "/v1/payments", body: order("order-2", map[string]any{"account": "aps-main"}), status: 422, code: "account_" + state, pointer: "/account"},
			{id: "B-096 routed", method: http.MethodPost, path: "/v1/payments", body: order("order-2", nil), status: 422, code: "routing_no_candidate"},
		})
		require.Equal(t, "succeeded", other.call("POST", "/v1/payments/"+id+"/captures", map[string]any{}).want(201).str("status"), "what it has goes on")
	}
}

func TestBadBuyersAndMetadata(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	var rows []refused
	for id, c := range map[string][3]string{
		"B-101": {"email", `"a"`}, "B-102": {"email", `"a@"`}, "B-103": {"email", `"@example.org"`}, "B-104": {"email", `"a b@example.org"`},
		"B-105": {"email", `"a@example.org\r\nbcc: b@example.org"`}, "B-106": {"first_name", `"` + strings.Repeat("a", 300) + `"`}, "B-107": {"last_name", `"a\u0007"`},
		"B-108": {"country", `"ZZ"`}, "B-109": {"phone", `"call me"`}, "B-110": {"locale", `"xx-"`}, "B-111 birthday": {"birthday", `"2999-01-01"`, "field_unknown"},
		"B-112 unknown": {"nick", `"a"`, "field_unknown"}, "address of the browser": {"ip", `"999.1.1.1"`}, "a card for a name": {"first_name", `"4111111111111111"`, "card_data_not_accepted"},
	} {
		code := c[2]
		if code == "" {
			code = "buyer_invalid"
		}
		rows = append(rows, refused{id: id, method: http.MethodPost, path: "/v1/payments", body: w.changed("buyer", `{"`+c[0]+`":`+c[1]+`}`), status: 422, code: code, pointer: "/buyer/" + c[0]})
	}
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf(`"k%d":"v"`, i))
	}
	long := strings.Repeat("k", 41)
	for id, c := range map[string][3]string{
		"B-113 51 names": {strings.Join(many, ","), ""}, "B-114 long name": {`"` + long + `":"v"`, "/" + long}, "B-115 long value": {`"k":"` + strings.Repeat("v", 501) + `"`, "/k"},
		"B-116 nested": {`"k":{"x":"y"}`, "/k"}, "B-117 number": {`"k":1`, "/k"}, "B-118 null": {`"k":null`, "/k"}, "B-119 prototype": {`"__proto__":"v"`, "/__proto__"},
		"B-121 empty name": {`"":"v"`, ""}, "card in a value": {`"k":"4111111111111111"`, "/k", "card_data_not_accepted"}, "card as a name": {`"4111111111111111":"v"`, "", "card_data_not_accepted"},
	} {
		code := c[2]
		if code == "" {
			code = "metadata_invalid"
		}
		rows = append(rows, refused{id: id, method: http.MethodPost, path: "/v1/payments", body: w.changed("metadata", "{"+c[0]+"}"), status: 422, code: code, pointer: "/metadata" + c[1]})
	}
	w.refuses(w.raw(), slices.Concat(rows,
		unreadable(400, "json_duplicate_key", map[string]string{"B-120 twice": w.changed("metadata", `{"k":"v","k":"v"}`)}),
		unreadable(413, "body_too_large", map[string]string{"B-122 64 kB": w.changed("metadata", `{"k":"`+strings.Repeat("v", 64<<10)+`"}`)})))
}

func TestBadJSON(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	good := w.changed("amount", "12550")
	var members []string
	for i := range 201 {
		members = append(members, fmt.Sprintf(`"k%d":1`, i))
	}
	w.refuses(w.raw(), slices.Concat(
		unreadable(400, "json_invalid", map[string]string{
			"B-124 null": "null", "B-125 list": "[]", "B-126 text": `"x"`, "B-127 number": "1", "B-128 cut in a name": `{"amo`, "B-129 cut at a colon": `{"amount":`, "B-130 cut in a value": `{"amount":1`,
			"B-131 cut at the end": good[:len(good)-1], "B-132 two": good + "{}", "B-133 comma": `{"amount":1,}`, "B-134 comment": `{/* x */"amount":1}`, "B-135 quotes": `{'amount':1}`,
			"B-136 byte order mark": "\ufeff" + good, "B-137 UTF-16": "\xff\xfe{\x00}\x00", "B-138 bytes": "{\"description\":\"\xc3\x28\"}", "B-143 201 members": "{" + strings.Join(members, ",") + "}",
			"B-145 NUL in a name": `{"a\u0000":1}`, "B-146 half a pair": `{"\ud800":1}`, "B-147 leading zero": w.changed("amount", "007"), "B-148 minus alone": w.changed("amount", "-"),
		}),
		unreadable(400, "json_duplicate_key", map[string]string{"B-139 twice": w.changed("amount", `1,"amount":2`), "B-140 by case": w.changed("amount", `1,"Amount":2`)}),
		unreadable(400, "json_too_deep", map[string]string{"B-141 17 levels": strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), "B-150 lists": strings.Repeat("[", 30_000)}),
		unreadable(413, "body_too_large", map[string]string{
			"B-142 100,000 levels": strings.Repeat("[", 100_000), "B-144 1 MB number": w.changed("amount", strings.Repeat("9", 1<<20)), "B-149 64 KiB + 1": good + strings.Repeat(" ", 64<<10+1-len(good)),
		}),
		[]refused{{id: "B-123 empty", method: http.MethodPost, path: "/v1/payments", status: 400, code: "json_invalid", edit: func(h http.Header) { h.Set("Content-Type", "application/json") }}},
	))
	w.call("POST", "/v1/payments", good+strings.Repeat(" ", 64<<10-len(good))).want(201)
}

func TestBadLists(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	for i := range 3 {
		w.create(fmt.Sprint("order-", i), nil)
		w.callAs("other", "POST", "/v1/payments", order(fmt.Sprint("order-", i), nil)).want(201)
	}
	cursor := w.call("GET", "/v1/payments?limit=1", nil).want(200).str("next_cursor")
	foreign := w.callAs("other", "GET", "/v1/payments?limit=1", nil).want(200).str("next_cursor")
	require.NotEmpty(t, cursor)
	require.NotEqual(t, cursor, foreign)
	flipped := []byte(cursor)
	flipped[3] ^= 1
	db := w.raw()
	w.quiet(db)
	var rows []refused
	for id, query := range map[string]string{
		"B-217": "limit=0", "B-218": "limit=-1", "B-219": "limit=101", "B-220": "limit=x", "B-221 garbage": "cursor=garbage", "B-222 another merchant's": "cursor=" + foreign,
		"B-223 tampered place": "cursor=" + string(flipped), "B-223 tampered seal": "cursor=" + cursor[:len(cursor)-1] + "0", "B-223 cut": "cursor=" + cursor[:len(cursor)-1], "B-223 no seal": "cursor=" + cursor[:strings.Index(cursor, ".")],
		"B-224 from after to": "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "B-225 bad date": "from=yesterday", "B-226 bad month": "from=2026-13-01T00:00:00Z", "B-227 bad day": "to=2026-02-30T00:00:00Z",
		"B-228 unknown filter": "color=red", "B-229 sort injection": "sort=amount%3BDROP+TABLE+payments", "B-230 5,000 characters": "cursor=" + strings.Repeat("a", 5000), "twice": "limit=1&limit=2",
		"empty": "status=", "unknown status": "status=paid", "a merchant": "merchant=other", "line break": "cursor=a%0d%0ab",
	} {
		rows = append(rows, refused{id: id, method: http.MethodGet, path: "/v1/payments?" + query, status: 400, code: "query_invalid"})
	}
	for _, list := range []string{"/v1/events", "/v1/mandates", "/v1/feedback"} {
		rows = append(rows,
			refused{id: "B-217 " + list, method: http.MethodGet, path: list + "?limit=0", status: 400, code: "query_invalid"},
			refused{id: "B-221 " + list, method: http.MethodGet, path: list + "?cursor=garbage", status: 400, code: "query_invalid"},
			refused{id: "B-221 of another list " + list, method: http.MethodGet, path: list + "?cursor=" + cursor, status: 400, code: "query_invalid"},
			refused{id: "B-222 " + list, method: http.MethodGet, path: list + "?cursor=" + foreign, status: 400, code: "query_invalid"},
			refused{id: "B-228 " + list, method: http.MethodGet, path: list + "?color=red", status: 400, code: "query_invalid"})
	}
	w.refuses(db, rows)
	require.Len(t, w.call("GET", "/v1/payments?limit=1&cursor="+cursor, nil).want(200).body["data"], 1, "the cursor itself is good")
}
