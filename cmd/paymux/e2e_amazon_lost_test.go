package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A call whose answer is lost, or is a failure that Amazon keeps under the key although it did what was asked, does it once.
func TestAmazonAnswersAreLost(t *testing.T) {
	for _, action := range []string{"drop_after", "http_after", "http_stored_after", "truncate", "garbage"} {
		t.Run(action, func(t *testing.T) {
			w := onAmazon(t)
			fault := func(operation string) {
				w.control("faults", map[string]any{"operation": operation, "action": action, "status": 500})
			}
			p := w.create("order-1", nil)
			id, path := p.str("id"), "/v1/payments/"+p.str("id")
			w.review(p, "1111")
			fault("UpdateCheckoutSession")
			c := w.call("POST", path+"/confirm", map[string]any{})
			require.Contains(t, []int{200, 202}, c.status, c.raw)
			if c.status == 202 {
				require.True(t, eventually(func() bool { w.call("POST", path+"/sync", nil); return w.get(id).str("status") == "requires_action" }), w.get(id).raw)
			}
			fault("CompleteCheckoutSession")
			newShopper(t).open(w.get(id).str("next_action.redirect_to_url.url")).through()
			require.True(t, eventually(func() bool { w.call("POST", path+"/sync", nil); return w.get(id).str("status") == "requires_capture" }), w.get(id).raw)
			w.balanced(id)

			fault("CaptureCharge")
			w.call("POST", path+"/captures", map[string]any{"amount": 10000, "final": true, "reference": "parcel"})
			require.True(t, eventually(func() bool { w.call("POST", path+"/sync", nil); return w.get(id).str("amounts.captured") == "10000" }), w.get(id).raw)
			fault("CreateRefund")
			w.call("POST", path+"/refunds", map[string]any{"amount": 2500, "reference": "back"})
			w.advance(time.Minute)
			require.True(t, eventually(func() bool { w.call("POST", path+"/sync", nil); return w.get(id).str("amounts.refunded") == "2500" }), w.get(id).raw)
			b := w.row(id)
			require.Equal(t, []int64{12550, 10000, 2500}, []int64{b.Authorized, b.Captured, b.Refunded})
			w.balanced(id)
		})
	}
}

// A failure that Amazon keeps under the key, of a call that did nothing, takes no money and is not held for taken.
func TestAmazonKeepsAFailureOfNothing(t *testing.T) {
	w := onAmazon(t)
	id := w.paid("order-1", nil)
	w.control("faults", map[string]any{"operation": "CaptureCharge", "action": "http_stored_before", "status": 500})
	w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"reference": "parcel"}).want(202)
	w.call("POST", "/v1/payments/"+id+"/sync", nil)
	now := w.get(id)
	require.Equal(t, []string{"0", "12550"}, []string{now.str("amounts.captured"), now.str("amounts.in_doubt")}, now.raw)
	require.Zero(t, w.row(id).Captured)
}
