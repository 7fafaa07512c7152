package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// spoken sends bytes over a connection of its own and gives what came back until the server closed, or kept quiet
// after the last answer. The first answer is read apart.
func (w *world) spoken(text string) (first *http.Response, body string, rest string) {
	w.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	require.NoError(w.t, err)
	defer func() { _ = conn.Close() }()
	go func() {
		_, _ = io.WriteString(conn, text) // the server may refuse before it has read everything
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	r := bufio.NewReader(conn)
	first, err = http.ReadResponse(r, nil)
	require.NoError(w.t, err)
	content, err := io.ReadAll(first.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, first.Body.Close())
	left, _ := io.ReadAll(r) // a reset says the same as an end
	return first, string(content), string(left)
}

func (w *world) head(lines ...string) string {
	start := "POST /v1/payments HTTP/1.1\r\nHost: paymux.example\r\nAuthorization: Bearer " + w.keys["main"] + "\r\nContent-Type: application/json\r\n"
	return start + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// Rows B-156 to B-160 and what else only a connection of one's own can say. Nothing that was smuggled behind a lie about
// the length is taken for a request.
func TestBadFraming(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	good := w.changed("amount", "12550")
	smuggled := w.head("Idempotency-Key: smuggled", "Content-Length: 2") + "{}"
	many := make([]string, 101)
	for i := range many {
		many[i] = "X-Many: a"
	}
	db := w.raw()
	for _, c := range []struct {
		id, text string
		status   int
		code     string // empty: answered below the program, by the server of the standard library
		closed   bool
	}{
		{"B-156 length too short", w.head("Idempotency-Key: k", "Content-Length: 20") + good, 400, "json_invalid", false},
		{"B-157 length too long", w.head("Idempotency-Key: k", "Content-Length: 4000") + good, 400, "json_invalid", true},
		{"B-158 both lengths", w.head("Idempotency-Key: k", "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, 400, "json_invalid", true},
		{"B-158 two lengths", w.head("Idempotency-Key: k", "Content-Length: 5", "Content-Length: 6") + good, 400, "", true},
		{"B-158 unknown coding", w.head("Idempotency-Key: k", "Transfer-Encoding: cow") + good, 501, "", true},
		{"B-158 negative length", w.head("Idempotency-Key: k", "Content-Length: -1") + good, 400, "", true},
		{"chunks too large", w.head("Idempotency-Key: k", "Transfer-Encoding: chunked") + "20000\r\n" + strings.Repeat(" ", 0x20000) + "\r\n0\r\n\r\n", 413, "body_too_large", true},
		{"chunk of a size that is none", w.head("Idempotency-Key: k", "Transfer-Encoding: chunked") + "zz\r\n{}\r\n0\r\n\r\n", 400, "json_invalid", true},
		{"B-159 header of 17 kB", w.head("Idempotency-Key: k", "X-Large: "+strings.Repeat("a", 17<<10), "Content-Length: 2") + "{}", 431, "headers_too_large", false},
		{"header of 40 kB", w.head("X-Large: " + strings.Repeat("a", 40<<10)), 431, "", true},
		{"B-160 101 headers", w.head(append(many, "Content-Length: 2")...) + "{}", 431, "headers_too_large", false},
		{"B-189 control in the key", w.head("Idempotency-Key: a\x01", "Content-Length: 2") + "{}", 400, "", true},
		{"B-179 NUL in the API key", "GET /v1/payments HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer sk_test_\x00\r\n\r\n", 400, "", true},
		{"no host", "GET /v1/payments HTTP/1.1\r\n\r\n", 400, "", true},
		{"two hosts", "GET /v1/payments HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "", true},
		{"a header without a colon", "GET /v1/payments HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n", 400, "", true},
		{"another protocol", "GET /v1/payments SPDY/9\r\n\r\n", 400, "", true},
		{"no protocol at all", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\r\n\r\n", 400, "", true},
	} {
		w.unchanged(db, c.id, func() {
			answer, body, rest := w.spoken(c.text)
			require.Equal(t, c.status, answer.StatusCode, "%s: %s", c.id, body)
			if c.code != "" {
				var p struct{ Code string }
				require.NoError(t, json.Unmarshal([]byte(body), &p), "%s: %s", c.id, body)
				require.Equal(t, c.code, p.Code, c.id)
			}
			require.NotContains(t, rest, "HTTP/1.1 2", "%s: something behind it was done", c.id)
			if c.closed {
				require.Empty(t, rest, "%s: the connection went on", c.id)
			}
		})
	}
}

// Rows B-151 to B-155 and B-161 to B-166.
func TestBadMediaMethodsAndPaths(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	good := w.changed("amount", "12550")
	var packed strings.Builder
	z := gzip.NewWriter(&packed)
	_, err := io.WriteString(z, good)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	set := func(name string, values ...string) func(http.Header) { return func(h http.Header) { h[name] = values } }
	post := func(id, body string, edit func(http.Header)) refused {
		return refused{id: id, method: "POST", path: "/v1/payments", body: body, edit: edit, status: 415, code: "media_type_unsupported"}
	}
	plain := func(id, method, path string, status int, code string) refused {
		return refused{id: id, method: method, path: path, status: status, code: code}
	}
	with := func(r refused, body string) refused { r.body = body; return r }
	db := w.raw()
	w.refuses(db, []refused{
		post("B-151 none", good, set("Content-Type")), post("B-152 text", good, set("Content-Type", "text/plain")), post("B-153 XML", good, set("Content-Type", "application/xml")),
		post("B-154 UTF-16", good, set("Content-Type", "application/json; charset=utf-16")), post("two", good, set("Content-Type", "application/json", "application/json")),
		post("form", "amount=1", set("Content-Type", "application/x-www-form-urlencoded")), post("unreadable", good, set("Content-Type", "application/json; charset")),
		post("B-155 gzip", packed.String(), set("Content-Encoding", "gzip")), post("another coding", good, set("Content-Encoding", "br")),
		plain("B-161", http.MethodTrace, "/v1/payments", 405, "method_not_allowed"), plain("B-162", http.MethodPut, "/v1/payments", 405, "method_not_allowed"),
		plain("B-163", http.MethodDelete, "/v1/payments", 405, "method_not_allowed"), plain("DELETE of one", http.MethodDelete, "/v1/payments/pay_1", 405, "method_not_allowed"),
		plain("made up", "FOO", "/v1/payments", 405, "method_not_allowed"), with(plain("B-164 GET", http.MethodGet, "/v1/payments", 400, "json_invalid"), "{}"),
		with(plain("B-164 DELETE", http.MethodDelete, "/v1/payments", 400, "json_invalid"), "{}"), plain("B-165", http.MethodGet, "//v1/payments", 404, "not_found"),
		plain("B-166", http.MethodGet, "/v1/%2e%2e/v1/payments", 404, "not_found"), plain("dots", http.MethodGet, "/v1/payments/..%2f..%2flivez", 404, "not_found"),
		plain("slash at the end", http.MethodGet, "/v1/payments/", 404, "not_found"), plain("case", http.MethodGet, "/V1/Payments", 404, "not_found"), plain("no such path", http.MethodGet, "/v1/nothing", 404, "not_found"),
		plain("long query", http.MethodGet, "/v1/payments?cursor="+strings.Repeat("a", 3<<10), 400, "query_invalid"),
	})
}

// Rows B-183 to B-190.
func TestBadIdempotencyKeys(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	id := w.authorized("order-1", nil)
	var rows []refused
	for name, c := range map[string]struct {
		keys []string
		code string
	}{
		"B-183 missing": {nil, "idempotency_key_required"}, "B-184 empty": {[]string{""}, "idempotency_key_invalid"}, "B-185 256": {[]string{strings.Repeat("k", 256)}, "idempotency_key_invalid"},
		"B-186 blank": {[]string{"a b"}, "idempotency_key_invalid"}, "B-187 tab": {[]string{"a\tb"}, "idempotency_key_invalid"}, "B-188 umlaut": {[]string{"ä"}, "idempotency_key_invalid"},
		"B-190 two": {[]string{"a", "b"}, "idempotency_key_invalid"}, "B-190 the same twice": {[]string{"a", "a"}, "idempotency_key_invalid"},
	} {
		for path, body := range map[string]any{"/v1/payments": order("order-2", nil), "/v1/payments/" + id + "/captures": map[string]any{"amount": 1}, "/v1/payments/" + id + "/cancel": map[string]any{}, "/v1/payments/" + id + "/refunds": map[string]any{}} {
			rows = append(rows, refused{id: name + " " + path, method: "POST", path: path, body: body, edit: func(h http.Header) { h["Idempotency-Key"] = c.keys }, status: 400, code: c.code})
		}
	}
	w.refuses(w.raw(), rows)
}

// Rows B-167 to B-182: whoever is not known is told the same, whatever is wrong with his key.
func TestBadKeys(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	id := w.authorized("order-1", nil)
	key := func(merchant string, scope core.Scope, expires time.Time) (string, core.APIKey) {
		text, k, err := newKey(t.Context(), w.service.store, merchant, scope, expires)
		require.NoError(t, err)
		return text, k
	}
	main := w.keys["main"]
	revoked, row := key("main", core.ScopeMerchant, time.Time{})
	require.NoError(t, w.service.store.Do(t.Context(), "keys", func(tx core.Tx) error { return tx.RevokeAPIKey(row.ID, time.Now().UTC()) }))
	expired, _ := key("main", core.ScopeMerchant, time.Now().Add(-time.Second).UTC())
	elsewhere, _ := core.NewAPIKey("main", core.ScopeOperator, time.Time{}) // of an installation with another database
	reader, _ := key("main", core.ScopeRead, time.Time{})
	gone, _ := key("gone", core.ScopeMerchant, time.Time{}) // a merchant that is no longer configured
	secret := []byte(main)
	secret[len(secret)-10] ^= 1
	db := w.raw()

	var rows []refused
	var bodies []string
	for name, values := range map[string][]string{
		"B-167 none": nil, "B-168 empty": {""}, "B-168 no key": {"Bearer "}, "B-169 Basic": {"Basic bWFpbjptYWlu"}, "B-169 the key as Basic": {"Basic " + main}, "B-170 wrong prefix": {"Bearer pk_" + main[3:]}, "B-170 of the other mode": {"Bearer sk_live_" + main[len("sk_test_"):]},
		"B-171 wrong secret": {"Bearer " + string(secret)}, "B-171 cut": {"Bearer " + main[:len(main)-1]}, "B-171 longer": {"Bearer " + main + "x"}, "B-172 revoked": {"Bearer " + revoked}, "B-173 expired": {"Bearer " + expired},
		"B-174 another environment": {"Bearer " + elsewhere}, "B-175 other case": {"Bearer " + strings.ToUpper(main)}, "B-176 blank": {"Bearer  " + main}, "B-176 without blank": {"Bearer" + main},
		"B-177 two": {"Bearer " + main, "Bearer " + main}, "B-177 two in one": {"Bearer " + main + ", Bearer " + main}, "B-178 10 kB": {"Bearer " + strings.Repeat("a", 10<<10)}, "id alone": {"Bearer sk_test_" + row.ID},
		"quote": {"Bearer sk_test_' OR '1'='1_x"},
	} {
		edit := func(h http.Header) { h["Authorization"] = values }
		for _, r := range []refused{{method: "GET", path: "/v1/payments/" + id}, {method: "GET", path: "/v1/payments"}, {method: "GET", path: "/v1/nothing"}, {method: "POST", path: "/v1/payments", body: order("order-2", nil)},
			{method: "POST", path: "/v1/payments/" + id + "/captures", body: map[string]any{}}} {
			r.id, r.edit, r.status, r.code = name+" "+r.method+" "+r.path, edit, 401, "unauthenticated"
			rows = append(rows, r)
		}
		a := w.send(refused{method: "GET", path: "/v1/payments", edit: edit})
		bodies = append(bodies, strings.ReplaceAll(a.raw, a.str("request_id"), ""))
		require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"), name)
	}
	for _, b := range bodies {
		require.Equal(t, bodies[0], b, "all are told the same")
	}
	drop := func(h http.Header) { h.Del("Authorization") }
	rows = append(rows,
		refused{id: "B-180 in the query", method: "GET", path: "/v1/payments?api_key=" + main, edit: drop, status: 401, code: "unauthenticated"},
		refused{id: "B-180 in another header", method: "GET", path: "/v1/payments", edit: func(h http.Header) { h.Del("Authorization"); h.Set("X-Api-Key", main) }, status: 401, code: "unauthenticated"})
	for _, c := range []struct{ id, key string }{{"B-181 a key that reads", reader}, {"B-182 a merchant that is gone", gone}} {
		edit := func(h http.Header) { h.Set("Authorization", "Bearer "+c.key) }
		rows = append(rows, refused{id: c.id, method: "POST", path: "/v1/payments", body: order("order-2", nil), edit: edit, status: 403, code: "forbidden"})
	}
	edit := func(h http.Header) { h.Set("Authorization", "Bearer "+reader) }
	for _, r := range []refused{
		{path: "/v1/payments/" + id + "/captures", body: map[string]any{}}, {path: "/v1/payments/" + id + "/cancel", body: map[string]any{}}, {path: "/v1/payments/" + id + "/sync"},
		{method: "PATCH", path: "/v1/payments/" + id, body: map[string]any{"description": "x"}}, {path: "/v1/mandates/man_1/cancel", body: map[string]any{}},
	} {
		if r.method == "" {
			r.method = "POST"
		}
		r.id, r.edit, r.status, r.code = "B-181 "+r.path, edit, 403, "forbidden"
		rows = append(rows, r)
	}
	w.refuses(db, rows)
	require.NotContains(t, w.logs.String(), main[len(main)-20:])
}
