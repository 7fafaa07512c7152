package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/openapi"
)

// A panic is answered as a defect of ours, and its stack goes to the log: a process that prints it to its output
// breaks whoever reads that.
func TestPanicIsAnsweredAndLogged(t *testing.T) {
	var log bytes.Buffer
	h, err := New(Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/pay/ct_x", http.NoBody)) // without a checkout
	require.Equal(t, http.StatusInternalServerError, w.Code)
	var p openapi.Problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, openapi.ProblemCodeInternal, p.Code)
	require.NotContains(t, w.Body.String(), "nil pointer")
	var first struct{ Msg, Stack string }
	require.NoError(t, json.NewDecoder(&log).Decode(&first))
	require.Equal(t, "panic", first.Msg)
	require.Contains(t, first.Stack, "hostedPage")
}

// A path that exists says which methods it has, whatever is asked of it; nobody needs a key to learn that a path
// outside of /v1 does not exist.
func TestPathsOutsideOfV1(t *testing.T) {
	h, err := New(Options{})
	require.NoError(t, err)
	for path, status := range map[string]int{"/feedback/aps-ae": 405, "/livez": 405, "/return/x": 405, "/pay/x": 405, "/nothing": 404, "/": 404, "/v1x": 404} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPut, path, http.NoBody))
		require.Equal(t, status, w.Code, path)
		require.Equal(t, status == 405, w.Header().Get("Allow") != "", path)
	}
}
