package api

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/openapi"
)

func TestCatalogueMediaType(t *testing.T) {
	for id, media := range map[string][]string{
		"B-151": nil, "B-152": {"text/plain"}, "B-153": {"application/xml"}, "B-154": {"application/json; charset=utf-16"},
		"twice": {"application/json", "application/json"}, "form": {"application/x-www-form-urlencoded"},
	} {
		t.Run(id, func(t *testing.T) {
			r := post(t, goodPayment)
			r.Header["Content-Type"] = media
			refused(t, r, 415, "media_type_unsupported", "")
		})
	}
	t.Run("B-155", func(t *testing.T) {
		var packed strings.Builder
		w := gzip.NewWriter(&packed)
		_, err := io.WriteString(w, goodPayment)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		r := post(t, packed.String())
		r.Header.Set("Content-Encoding", "gzip")
		refused(t, r, 415, "media_type_unsupported", "")
	})
	h := &handlers{}
	r := post(t, goodPayment)
	r.Header.Set("Content-Type", "Application/JSON; Charset=UTF-8")
	w := httptest.NewRecorder()
	newEcho(h).ServeHTTP(w, r)
	require.Equal(t, 1, h.calls, "%s", w.Body)
}

func TestCatalogueHeader(t *testing.T) {
	t.Run("B-159", func(t *testing.T) {
		r := post(t, goodPayment)
		r.Header.Set("X-Large", strings.Repeat("a", 17<<10))
		refused(t, r, 431, "headers_too_large", "")
	})
	t.Run("B-160", func(t *testing.T) {
		r := post(t, goodPayment)
		for range 101 {
			r.Header.Add("X-Many", "a")
		}
		refused(t, r, 431, "headers_too_large", "")
	})
}

func TestCatalogueMethodAndPath(t *testing.T) {
	for id, method := range map[string]string{"B-161": http.MethodTrace, "B-162": http.MethodPut, "B-163": http.MethodDelete} {
		t.Run(id, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), method, "/v1/payments", http.NoBody)
			refused(t, r, 405, "method_not_allowed", "")
		})
	}
	t.Run("B-164", func(t *testing.T) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/payments", strings.NewReader("{}"))
		refused(t, r, 400, "json_invalid", "")
	})
	for id, path := range map[string]string{"B-165": "//v1/payments", "B-166": "/v1/%2e%2e/v1/payments"} {
		t.Run(id, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
			refused(t, r, 404, "not_found", "")
		})
	}
}

// Framing is the business of net/http; what it makes of a lie must still be a refusal without effect.
func TestCatalogueFraming(t *testing.T) {
	const start = "POST /v1/payments HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\n"
	for _, c := range []struct {
		id, request string
		status      int
		code        openapi.ProblemCode
	}{
		{"B-156 short", start + "Content-Length: 20\r\n\r\n" + goodPayment, 400, openapi.ProblemCodeJSONInvalid},
		{"B-157 long", start + "Content-Length: 4000\r\n\r\n" + goodPayment, 400, openapi.ProblemCodeJSONInvalid},
		{"B-158 both", start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + start + "\r\n", 400, openapi.ProblemCodeJSONInvalid},
		{"chunked and too large", start + "Transfer-Encoding: chunked\r\n\r\n" + "20000\r\n" + strings.Repeat(" ", 0x20000) + "\r\n0\r\n\r\n", 413, openapi.ProblemCodeBodyTooLarge},
	} {
		t.Run(c.id, func(t *testing.T) {
			h := &handlers{}
			answer, body := exchange(t, h, c.request)
			require.Equal(t, c.status, answer.StatusCode)
			var p openapi.Problem
			require.NoError(t, json.Unmarshal(body, &p), "%s", body)
			require.Equal(t, c.code, p.Code)
			require.Zero(t, h.calls)
			require.True(t, answer.Close || !strings.Contains(c.request, "chunked"))
		})
	}
}

// exchange sends bytes to a real server over a pipe, ends the sending side's stream and reads the first answer.
func exchange(t *testing.T, h *handlers, request string) (*http.Response, []byte) {
	t.Helper()
	server := httptest.NewServer(newEcho(h))
	t.Cleanup(server.Close)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		_, _ = io.WriteString(conn, request) // the server may close before it has read all
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer, body
}

func TestCatalogueIdempotencyKey(t *testing.T) {
	for id, c := range map[string]struct {
		keys []string
		code string
	}{
		"B-183 missing": {nil, "idempotency_key_required"}, "B-184 empty": {[]string{""}, "idempotency_key_invalid"},
		"B-185 long":  {[]string{strings.Repeat("k", 256)}, "idempotency_key_invalid"},
		"B-186 blank": {[]string{"a b"}, "idempotency_key_invalid"}, "B-187 tab": {[]string{"a\tb"}, "idempotency_key_invalid"},
		"B-188 umlaut": {[]string{"ä"}, "idempotency_key_invalid"}, "B-189 control": {[]string{"a\x01"}, "idempotency_key_invalid"},
		"B-190 twice": {[]string{"a", "a"}, "idempotency_key_invalid"},
	} {
		t.Run(id, func(t *testing.T) {
			r := post(t, goodPayment)
			r.Header["Idempotency-Key"] = c.keys
			refused(t, r, 400, c.code, "")
		})
	}
	h := &handlers{}
	r := post(t, goodPayment)
	r.Header.Set("Idempotency-Key", strings.Repeat("~", 255))
	w := httptest.NewRecorder()
	newEcho(h).ServeHTTP(w, r)
	require.Equal(t, 1, h.calls, "%s", w.Body)
}

// The routes that need a key are those where the contract has the header; a path or method that does not exist says so
// with or without one.
func TestKeyIsNeededWhereTheContractSaysSo(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.YAML)
	require.NoError(t, err)
	want := make(map[string]bool)
	for path, item := range doc.Paths.Map() {
		if item.Post != nil && item.Post.Parameters.GetByInAndName("header", "Idempotency-Key") != nil {
			want[strings.NewReplacer("{", ":", "}", "").Replace(path)] = true
		}
	}
	require.Equal(t, want, keyed)

	for path, status := range map[string]int{"/v1/accounts": 405, "/v1/nothing": 404, "/v1": 404} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, http.NoBody)
		code := map[int]string{404: "not_found", 405: "method_not_allowed"}[status]
		refused(t, r, status, code, "")
	}
}

func TestCatalogueQuery(t *testing.T) {
	for id, query := range map[string]string{
		"B-217": "limit=0", "B-218": "limit=-1", "B-219": "limit=101", "B-220": "limit=x", "B-224": "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z",
		"B-225": "from=yesterday", "B-226": "from=2026-13-01T00:00:00Z", "B-227": "to=2026-02-30T00:00:00Z", "B-228": "color=red", "B-229": "sort=amount%3BDROP",
		"B-230": "cursor=" + strings.Repeat("a", 5000), "twice": "limit=1&limit=2", "empty": "status=", "unknown status": "status=paid", "control": "cursor=a%0d%0ab",
	} {
		t.Run(id, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/payments?"+query, http.NoBody)
			refused(t, r, 400, "query_invalid", "")
		})
	}
	h := &handlers{}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/payments?limit=100&status=succeeded&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z", http.NoBody)
	w := httptest.NewRecorder()
	newEcho(h).ServeHTTP(w, r)
	require.Equal(t, 1, h.calls, "%s", w.Body)
}
