package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A capture of which the answer was lost, at a provider that does not answer: an operator finds the payment, says what
// became of it, and is told when he may not.
func TestAnOperatorSettlesADoubt(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.operator()
		id := w.authorized("order-1", nil)
		path := "/v1/payments/" + id + "/resolve"
		w.control("feedback", map[string]any{"mode": "hold"})
		w.control("faults", map[string]any{"operation": "CAPTURE", "action": "drop_after"})
		w.control("faults", map[string]any{"operation": "CHECK_STATUS", "action": "http_before", "times": 1000})
		capture := w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 1000}).want(202).str("id")
		doubt := w.get(id).at("doubts").([]any)[0].(map[string]any)
		require.Equal(t, []any{capture, "capture", "unknown"}, []any{doubt["object"], doubt["kind"], doubt["state"]})

		word := map[string]any{"operation": capture, "verdict": "happened", "amount": 1000, "evidence": "back office, transactions"}
		w.call("POST", path, word).want(403)
		w.callAs("operator", "POST", "/v1/payments/"+id[:len(id)-4]+"0000/resolve", word).want(404)
		foreign := w.callAs("other", "POST", "/v1/payments", order("order-1", nil)).want(201).str("id")
		w.callAs("operator", "POST", "/v1/payments/"+foreign+"/resolve", word).want(404)
		key := []string{"Idempotency-Key", "resolve-1"}
		settled := w.callAs("operator", "POST", path, word, key...).want(200)
		require.Equal(t, []any{"partially_captured", "1000", "0", nil}, []any{settled.str("status"), settled.str("amounts.captured"), settled.str("amounts.in_doubt"), settled.body["doubts"]})
		again := w.callAs("operator", "POST", path, word, key...).want(200)
		require.Equal(t, []string{settled.raw, "true"}, []string{again.raw, again.header.Get("Idempotent-Replayed")})
		a := w.callAs("operator", "POST", path, word).want(409)
		require.Equal(t, "state_invalid", a.str("code"))
		require.Contains(t, a.body["allowed_actions"], "capture")
		require.Contains(t, w.events(id), "payment.doubt_resolved")
		require.Contains(t, w.call("GET", "/v1/payments/"+id+"/timeline", nil).want(200).raw, "back office, transactions")

		w.healthy()
		w.balanced(id)
		w.callAs("operator", "POST", path, map[string]any{"acknowledge": true, "evidence": "nothing is wrong"}).want(409)
		require.Empty(t, w.call("GET", "/v1/payments?needs_review=true", nil).want(200).body["data"])
		require.Len(t, w.call("GET", "/v1/payments?needs_review=false", nil).want(200).body["data"], 1)
	})
}
