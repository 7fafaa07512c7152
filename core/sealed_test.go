package core_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// A program that was started with another secret_key cannot sign what its merchants are to be told. They see why, the log
// says it once, and with the right key, or with another secret, everything is sent.
func TestASecretSealedUnderAnotherKey(t *testing.T) {
	for name, mend := range map[string]func(w *teller, endpoint string){
		"the key is given back": func(w *teller, _ string) { w.begin(nil) },
		"the secret is changed": func(w *teller, endpoint string) {
			_, err := w.RotateSecret(w.t.Context(), request("rotate"), endpoint, false)
			require.NoError(w.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			tell(t, func(t *testing.T, w *teller) {
				s := w.shops.shop(1)
				e := w.endpoint("m", 1, "payment.created")
				other, err := core.NewTokens([]byte(strings.Repeat("k", 32)))
				require.NoError(t, err)
				w.begin(func(o *core.Options) { o.Tokens = other })
				w.create("order-1", core.CaptureManual)
				synctest.Wait()
				require.Empty(t, s.requests())
				d := w.deliveries("m", e.ID)[0]
				require.Equal(t, []any{core.DeliveryPending, core.FailureSealed, 0}, []any{d.State, d.Failure, len(d.Tries)})
				require.True(t, d.NextAt.After(time.Now()))
				stored, err := w.Endpoint(t.Context(), "m", e.ID)
				require.NoError(t, err)
				require.Equal(t, core.EndpointEnabled, stored.Status)
				require.False(t, stored.FailingSince.IsZero())
				pause(12 * time.Hour)
				require.Equal(t, 1, strings.Count(w.logs.String(), "cannot be signed"))
				mend(w, e.ID)
				pause(3 * time.Hour)
				require.Len(t, s.requests(), 1)
				require.Equal(t, core.DeliverySucceeded, w.deliveries("m", e.ID)[0].State)
				stored, err = w.Endpoint(t.Context(), "m", e.ID)
				require.NoError(t, err)
				require.True(t, stored.FailingSince.IsZero())
			})
		})
	}
}
