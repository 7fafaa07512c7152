package main

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// healthy ends every fault of the simulator.
func (w *world) healthy() {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, w.simURL+"/_control/faults", http.NoBody)
	require.NoError(w.t, err)
	done, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	require.NoError(w.t, done.Body.Close())
}

// A provider that fails too often is left alone: what is asked for is refused as not sent, the key stays good for it, and
// the account shows it. When the provider is back the same request goes through.
func TestABrokenProviderIsLeftAlone(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	id := w.authorized("order-1", nil)
	capture := func(key string) *answer {
		return w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 100}, "Idempotency-Key", key)
	}
	breakers := func() string {
		return w.call("GET", "/v1/accounts", nil).want(200).body["data"].([]any)[0].(map[string]any)["breakers"].(map[string]any)["queries"].(string)
	}
	require.Equal(t, "closed", breakers())
	w.control("faults", map[string]any{"operation": "CHECK_STATUS", "action": "http_before", "status": 503, "times": 1000})
	for range 40 {
		w.call("POST", "/v1/payments/"+id+"/sync", nil)
	}
	require.NotEqual(t, "closed", breakers())
	a := w.call("POST", "/v1/payments/"+id+"/sync", nil).want(503)
	require.Equal(t, []string{"provider_unavailable", "later"}, []string{a.str("code"), a.str("retry")}, "a sync takes no key that could be sent again")
	require.Positive(t, must(strconv.Atoi(a.header.Get("Retry-After"))))
	require.Contains(t, a.str("detail"), "ask again later")
	capture("a").want(201) // calls with effect break apart from questions
	w.healthy()
	require.Eventually(t, func() bool { return w.call("POST", "/v1/payments/"+id+"/sync", nil).status == 200 }, waitFor, 100*time.Millisecond)
	require.Equal(t, "closed", breakers())
	w.balanced(id)
}
