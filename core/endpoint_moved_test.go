package core_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// A merchant moves his endpoint while a try to the old address is under way; the old server says that it is gone. That
// says nothing about the new address.
func TestAnOldAddressThatIsGoneLeavesTheNewOne(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		old, moved := w.shops.shop(1), w.shops.shop(2)
		old.says(func(int) reply { return reply{after: 5 * time.Second, status: 410} })
		e := w.endpoint("m", 1)
		w.create("order-1", core.CaptureManual)
		pause(time.Second)
		to := address(2)
		_, err := w.UpdateEndpoint(t.Context(), "m", e.ID, core.EndpointChange{URL: &to})
		require.NoError(t, err)
		pause(time.Minute)
		w.create("order-2", core.CaptureManual)
		pause(time.Hour)
		stored, err := w.Endpoint(t.Context(), "m", e.ID)
		require.NoError(t, err)
		require.Equal(t, core.EndpointEnabled, stored.Status, "%s; the new address was sent %d", stored.Reason, len(moved.requests()))
	})
}

// An endpoint fails for a week. The merchant gives it an address that works but for its first answer: the failures of the
// other address before it do not count.
func TestFailuresOfAnotherAddressDoNotCount(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		old, moved := w.shops.shop(1), w.shops.shop(2)
		old.says(always(503))
		e := w.endpoint("m", 1, "payment.created")
		w.create("order-1", core.CaptureManual)
		pause(8 * 24 * time.Hour)
		moved.says(func(n int) reply {
			if n == 1 {
				return reply{status: 503} // it is just starting
			}
			return reply{status: 204}
		})
		to := address(2)
		_, err := w.UpdateEndpoint(t.Context(), "m", e.ID, core.EndpointChange{URL: &to})
		require.NoError(t, err)
		w.create("order-2", core.CaptureManual)
		pause(time.Hour)
		stored, err := w.Endpoint(t.Context(), "m", e.ID)
		require.NoError(t, err)
		require.Equal(t, core.EndpointEnabled, stored.Status, "%s after one try at %s", stored.Reason, stored.URL)
	})
}
