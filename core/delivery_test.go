package core_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// Every try to tell of an event is a line of its payment's history, in its place in time, with where to and what came of
// it, and nothing of what a stranger answered.
func TestTriesAreInTheTimeline(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		s.says(func(n int) reply { return reply{status: map[bool]int{true: 503, false: 204}[n == 1]} })
		e := w.endpoint("m", 1, "payment.created")
		dead := w.endpoint("m", 2, "payment.created") // nobody is there
		v := w.create("order-1", core.CaptureManual)
		pause(10 * time.Second)
		lines := map[string][]string{}
		var before time.Time
		line, err := w.Timeline(t.Context(), "m", v.ID)
		require.NoError(t, err)
		for _, m := range line {
			require.False(t, m.At.Before(before))
			before = m.At
			if m.Kind != "webhook" {
				continue
			}
			var d struct {
				Event, Endpoint, Delivery string
				Try                       int
				Status                    *int
				Failure                   *string
			}
			require.NoError(t, json.Unmarshal(m.Detail, &d))
			stored, err := w.store.Delivery(t.Context(), d.Delivery)
			require.NoError(t, err)
			require.Equal(t, []string{stored.EventID, stored.EndpointID}, []string{d.Event, d.Endpoint})
			came := "ok"
			if d.Failure != nil {
				came = *d.Failure
			}
			require.Equal(t, came == "connection_failed", d.Status == nil)
			lines[d.Endpoint] = append(lines[d.Endpoint], fmt.Sprintf("%s: %d %s", m.Title, d.Try, came))
		}
		require.Equal(t, map[string][]string{
			e.ID:    {"payment.created sent: 503: 1 status", "payment.created sent: 204: 2 ok"},
			dead.ID: {"payment.created sent: no answer: 1 connection_failed", "payment.created sent: no answer: 2 connection_failed"},
		}, lines)
		other, err := w.Timeline(t.Context(), "other", v.ID)
		require.Equal(t, core.NotFound, core.KindOf(err))
		require.Empty(t, other)
	})
}
