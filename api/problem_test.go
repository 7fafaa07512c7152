package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/apitest"
	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

func TestEveryCodeHasAnAnswer(t *testing.T) {
	for code, a := range answers {
		require.True(t, code.Valid(), code)
		require.True(t, a.retry.Valid(), code)
		require.GreaterOrEqual(t, a.status, 400, code)
	}
	for pattern, code := range codes {
		require.Equal(t, 422, answers[code].status, pattern)
		require.NotEmpty(t, rules[code], pattern)
	}
	doc, err := openapi3.NewLoader().LoadFromData(openapi.YAML)
	require.NoError(t, err)
	require.Len(t, answers, len(doc.Components.Schemas["ProblemCode"].Value.Enum))
}

func TestErrorsBecomeProblems(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int64
		code   openapi.ProblemCode
		retry  openapi.ProblemRetry
	}{
		"code of core":          {&core.Error{Kind: core.Invalid, Code: "amount_exceeds_remaining"}, 422, "amount_exceeds_remaining", "after_change"},
		"code beats kind":       {&core.Error{Kind: core.Conflict, Code: "idempotency_key_reused"}, 422, "idempotency_key_reused", "after_change"},
		"final":                 {&core.Error{Kind: core.Conflict, Code: "mandate_not_active", Final: true}, 409, "mandate_not_active", "never"},
		"final state":           {&core.Error{Kind: core.Conflict, Code: "state_invalid", Final: true}, 409, "state_invalid", "never"},
		"wrapped":               {fmt.Errorf("capture: %w", &core.Error{Kind: core.Conflict, Code: "state_invalid"}), 409, "state_invalid", "later"},
		"storage low":           {&core.Error{Kind: core.Unavailable, Code: "storage_low"}, 503, "storage_low", "same_key"},
		"storage":               {&core.Error{Kind: core.Unavailable, Code: "storage_busy"}, 503, "storage_unavailable", "same_key"},
		"commit unknown":        {&core.Error{Kind: core.Internal, Code: "commit_unknown", Message: "a secret"}, 503, "storage_unavailable", "same_key"},
		"kind alone":            {&core.Error{Kind: core.Unavailable}, 503, "provider_unavailable", "same_key"},
		"code nobody knows":     {&core.Error{Kind: core.Forbidden, Code: "nonsense"}, 403, "forbidden", "never"},
		"unknown object":        {&core.Error{Kind: core.NotFound, Code: "not_found"}, 404, "not_found", "never"},
		"unclassified":          {errors.New("dial tcp 10.0.0.1: connection refused"), 500, "internal", "same_key"},
		"internal with message": {&core.Error{Kind: core.Internal, Message: "SELECT secret"}, 500, "internal", "same_key"},
		"body cut off":          {&http.MaxBytesError{Limit: 1}, 413, "body_too_large", "after_change"},
		"router":                {echo.ErrNotFound, 404, "not_found", "never"},
		"parameter":             {echo.NewHTTPError(400, "Invalid format for parameter limit: secret"), 400, "query_invalid", "after_change"},
	} {
		t.Run(name, func(t *testing.T) {
			p := problemOf(c.err)
			require.Equal(t, []any{c.status, c.code, c.retry}, []any{p.Status, p.Code, p.Retry})
			require.NotEmpty(t, p.Detail)
			require.NotContains(t, p.Detail, "10.0.0.1")
			require.NotContains(t, p.Detail, "secret")
		})
	}
}

func TestProblemCarriesWhatCoreKnows(t *testing.T) {
	p := problemOf(&core.Error{Kind: core.Invalid, Code: "capability_unsupported", Pointer: "/method/flow", Message: "no", Choices: []string{"hosted"}, Allowed: []string{"refund"}})
	require.Equal(t, []string{"hosted"}, p.Alternatives)
	require.Equal(t, []string{"refund"}, p.AllowedActions)
	require.Equal(t, []openapi.ProblemDetail{{Code: p.Code, Pointer: "/method/flow", Detail: "no"}}, p.Errors)
}

// failing answers every operation with err.
type failing struct {
	openapi.StrictServerInterface
	err error
}

func (f failing) CreateRefund(context.Context, openapi.CreateRefundRequestObject) (openapi.CreateRefundResponseObject, error) {
	return nil, f.err
}

func (f failing) ListPayments(context.Context, openapi.ListPaymentsRequestObject) (openapi.ListPaymentsResponseObject, error) {
	return nil, f.err
}

func TestProblemsFollowTheContract(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		header string
		want   string
		logged bool
	}{
		"unauthenticated": {&core.Error{Kind: core.Unauthenticated, Code: "unauthenticated"}, "WWW-Authenticate", "Bearer", false},
		"rate limited":    {refuse(openapi.ProblemCodeRateLimited, "", "Too many requests."), "Retry-After", "2", false},
		"internal":        {errors.New("broken"), "Retry-After", "", true},
		"unavailable":     {&core.Error{Kind: core.Unavailable, Err: errors.New("broken")}, "Retry-After", "2", true},
		"commit unknown":  {&core.Error{Kind: core.Internal, Code: "commit_unknown", Err: errors.New("broken")}, "Retry-After", "2", true},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			e := newEcho(&handlers{})
			e.HTTPErrorHandler = handleErrors(slog.New(slog.NewTextHandler(&log, nil)))
			openapi.RegisterHandlers(e, openapi.NewStrictHandler(failing{err: c.err}, nil))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/payments", http.NoBody)
			r.Header.Set("X-Request-Id", "caller-0001")
			answer, err := apitest.Contract(t, inProcess{e}).RoundTrip(r)
			require.NoError(t, err)
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.Equal(t, c.want, answer.Header.Get(c.header))
			require.NotContains(t, string(body), "broken")
			require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
			require.NotContains(t, string(body), `"same_key"`, "a read takes no key that could be sent again")
			require.Equal(t, "caller-0001", answer.Header.Get("X-Request-Id"))
			require.Equal(t, c.logged, log.Len() > 0)
			if c.logged {
				require.Contains(t, log.String(), "caller-0001")
				require.Contains(t, log.String(), "broken")
			}
		})
	}
}

// What has an effect is sent again with its key, and what has none when the time has come.
func TestRetryNamesTheKeyWhereThereIsOne(t *testing.T) {
	const refunds = "/v1/payments/pay_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5/refunds"
	for path, want := range map[string]string{"POST " + refunds: "same_key", "GET /v1/payments": "later"} {
		e := newEcho(&handlers{})
		openapi.RegisterHandlers(e, openapi.NewStrictHandler(failing{err: &core.Error{Kind: core.Unavailable}}, nil))
		method, path, _ := strings.Cut(path, " ")
		r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
		r.Header.Set("Idempotency-Key", "one")
		if method == http.MethodPost {
			r.Body = io.NopCloser(strings.NewReader("{}"))
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		require.Equal(t, http.StatusServiceUnavailable, w.Code, w.Body)
		require.Contains(t, w.Body.String(), `"retry":"`+want+`"`, path)
		require.Equal(t, "2", w.Header().Get("Retry-After"))
	}
}

func TestRequestIDIsOurOwnUnlessHarmless(t *testing.T) {
	for _, given := range []string{"", "short", "with blank in it", "<script>alert(1)</script>"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/nothing", http.NoBody)
		r.Header.Set("X-Request-Id", given)
		w := httptest.NewRecorder()
		newEcho(&handlers{}).ServeHTTP(w, r)
		require.Regexp(t, `^req_[0-9A-Z]{26}$`, w.Header().Get("X-Request-Id"))
	}
}
