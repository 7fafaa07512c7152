package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The buyer paid and left, the provider's message never comes, and nobody calls. The running program asks by itself, the
// first time five seconds after the payment began, and finds the money. (The whole schedule is in campaign.)
func TestFeedbackNeverComesAndNobodyCalls(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		t.Parallel()
		w.control("feedback", map[string]any{"mode": "drop", "times": 100})
		p := w.create("order-1", map[string]any{"capture_method": "automatic"})
		id := p.str("id")
		newShopper(t).open(p.str("next_action.hosted_url")).submit("").card(cardPlain)
		require.Eventually(t, func() bool { return w.timesAsked(w.reference(id)) > 0 }, waitFor, 10*tick, "nobody asked")
		w.eventually(id, "succeeded")
		w.balanced(id)
		require.Equal(t, 1, w.timesAsked(w.reference(id)), "what is known is not asked for again")
	})
}
