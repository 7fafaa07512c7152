package apitest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder takes the failures that Contract reports, so that a test can see that it reports any.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

type canned struct{ answer func() *http.Response }

func (c canned) RoundTrip(*http.Request) (*http.Response, error) { return c.answer(), nil }

func TestContractFailsOnWhatItDoesNotPromise(t *testing.T) {
	const problem = `{"type":"https://paymux.dev/problems/not_found","title":"Not found","status":404,"detail":"x","code":"not_found","request_id":"req_1","retry":"never","errors":[]}`
	const list = `{"object":"list","data":[],"has_more":false,"next_cursor":null}`
	const path = "/v1/payments"
	for _, c := range []struct {
		name, method, path string
		status             int
		media, body        string
		want               bool
	}{
		{"a page", "GET", path, 200, "application/json", list, true},
		{"missing member", "GET", path, 200, "application/json", strings.Replace(list, `"has_more":false,`, "", 1), false},
		{"wrong type", "GET", path, 200, "application/json", strings.Replace(list, "false", `"no"`, 1), false},
		{"null where none is allowed", "GET", path, 200, "application/json", strings.Replace(list, "[]", "null", 1), false},
		{"unknown status", "GET", path, 418, "application/json", list, false},
		{"wrong media type", "GET", path, 200, "text/plain", list, false},
		{"problem", "GET", path + "/pay_x", 404, "application/problem+json", problem, true},
		{"problem of another status", "GET", path, 403, "application/problem+json", problem, false},
		{"unknown code", "GET", path + "/pay_x", 404, "application/problem+json", strings.Replace(problem, `"not_found"`, `"gone"`, 1), false},
		{"problem as plain JSON", "GET", path + "/pay_x", 404, "application/json", problem, false},
		{"another request id", "GET", path + "/pay_x", 404, "application/problem+json", strings.Replace(problem, "req_1", "req_2", 1), false},
		{"unknown path", "GET", "/v1/nothing", 404, "application/problem+json", problem, true},
		{"unknown operation that works", "DELETE", path, 200, "application/json", list, false},
		{"acknowledged feedback", "POST", "/feedback/payone-de", 200, "text/plain", "TSOK", true},
		{"feedback answered by a redirect", "POST", "/feedback/payone-de", 302, "text/plain", "", false},
		{"hosted page", "GET", "/pay/ct_1", 200, "text/html; charset=utf-8", "<p>", true},
		{"hosted page as JSON", "GET", "/pay/ct_1", 200, "application/json", "{}", false},
		{"buyer sent on", "GET", "/return/rt_1", 303, "", "", true},
		{"alive", "GET", "/livez", 200, "application/json", `{"status":"alive"}`, true},
		{"half alive", "GET", "/livez", 200, "application/json", `{"status":"half"}`, false},
		{"outside", "GET", "/console/", 200, "text/html", "<p>", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := &recorder{TB: t}
			next := canned{func() *http.Response {
				w := httptest.NewRecorder()
				w.Header().Set("Content-Type", c.media)
				w.Header().Set("X-Request-Id", "req_1")
				if c.status == http.StatusSeeOther {
					w.Header().Set("Location", "https://shop.example/thanks")
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
				return w.Result()
			}}
			r := httptest.NewRequestWithContext(t.Context(), c.method, "http://shop.example"+c.path, http.NoBody)
			answer, err := Contract(seen, next).RoundTrip(r)
			require.NoError(t, err)
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.Equal(t, c.body, string(body))
			require.Equal(t, c.want, len(seen.failures) == 0, "%v", seen.failures)
		})
	}
}
