package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Callers hang up whenever they like: before their request is begun, and while a provider is asked for them. Nothing is
// wrong then, and the log has no error, for which people are woken.
func TestHangingUpIsNoError(t *testing.T) {
	c, open := faultConfig(t), sqliteInMemory(t)
	dsn := open(t)
	synctest.Test(t, func(t *testing.T) {
		w := newFaultWorld(t, c, dsn)
		defer w.leave()
		created(w)
		page := "/pay" + w.secret[strings.LastIndex(w.secret, "/"):]
		paid := asJSON(signed("aps-main", told("aps-main", "order-1", nil)))
		w.takes = func(string) time.Duration { return 20 * time.Second }
		for _, c := range []struct{ method, path, body string }{{"POST", "/v1/payments/" + w.id + "/sync", ""}, {"POST", "/v1/payments/" + w.id + "/cancel", "{}"},
			{"GET", "/v1/payments/" + w.id, ""}, {"GET", "/v1/payments?limit=5", ""}, {"POST", "/feedback/aps-main", paid}, {"GET", page, ""}, {"GET", "/readyz", ""}} {
			before := len(w.logs.String())
			status, took := w.hangUp(c.method, c.path, c.body, 0)
			require.Equal(t, http.StatusServiceUnavailable, status, "%s was carried out for nobody: the case is none", c.path)
			require.Zero(t, took)
			_, took = w.hangUp(c.method, c.path, c.body, time.Second)
			require.LessOrEqual(t, took, 5*time.Second, "%s", c.path)
			require.NotRegexp(t, `level=(ERROR|WARN)`, w.logs.String()[before:], "%s", c.path)
		}
	})
}

// hangUp makes a request and goes away after a while.
func (w *faultWorld) hangUp(method, path, body string, after time.Duration) (status int, took time.Duration) {
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	if after == 0 {
		cancel()
	}
	defer time.AfterFunc(after, cancel).Stop()
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "hang-up")
	began, answer := time.Now(), httptest.NewRecorder()
	w.service.ServeHTTP(answer, r)
	return answer.Code, time.Since(began)
}

// A command that is stopped before it is done has not done it, and no error either.
func TestStoppedBeforeItIsDone(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var log strings.Builder
	require.Equal(t, exitFailed, run(ctx, []string{"migrate", "--database", sqliteDSN(t), "--log", "json"}, io.Discard, &log))
	require.Contains(t, log.String(), `"level":"INFO","msg":"stopped before it was done"`)
	require.NotContains(t, log.String(), "ERROR")
}
