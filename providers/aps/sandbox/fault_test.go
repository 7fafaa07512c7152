package sandbox

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFaultsOfCapture(t *testing.T) {
	tests := []struct {
		action   string
		captured int64 // right after the call
		check    func(t *testing.T, answer map[string]string, err error)
	}{
		{"drop_before", 0, broken}, {"drop_after", 5000, broken}, {"hang", 0, broken}, {"truncate", 5000, broken},
		{"http_before", 0, nil}, {"http_after", 5000, nil}, {"garbage", 5000, broken},
		{"other_amount", 5000, func(t *testing.T, answer map[string]string, err error) {
			require.NoError(t, err)
			require.Equal(t, "5100", answer["amount"])
		}},
		{"other_reference", 5000, func(t *testing.T, answer map[string]string, err error) {
			require.NoError(t, err)
			require.Equal(t, "PMX-1-X", answer["merchant_reference"])
		}},
		{"delay_effect", 5000, func(t *testing.T, answer map[string]string, err error) {
			require.NoError(t, err)
			require.Equal(t, "04000", answer["response_code"])
		}},
	}
	for _, test := range tests {
		t.Run(test.action, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.authorize("PMX-1")
				w.control("faults", `{"operation":"CAPTURE","action":"`+test.action+`","status":503,"seconds":5}`)
				if test.check == nil {
					status, _, err := w.postAPI("application/json", w.server.encodeJSON(w.signedCapture()))
					require.NoError(t, err)
					require.Equal(t, http.StatusServiceUnavailable, status)
				} else {
					answer, err := w.tryCall(capture("PMX-1", "5000"))
					test.check(t, answer, err)
					if err == nil {
						require.Equal(t, sign(SHA256, w.account.ResponsePhrase, answer), answer["signature"], "well signed")
					}
				}
				require.Equal(t, test.captured, w.book("PMX-1").Captured)
				log := w.server.sim.Requests.List()
				require.Equal(t, "CAPTURE", log[len(log)-1].Operation, "it was received")
				require.Equal(t, "04000", w.call(capture("PMX-1", "5000"))["response_code"], "it strikes once")
			})
		})
	}
}

func broken(t *testing.T, _ map[string]string, err error) {
	t.Helper()
	require.Error(t, err)
}

func (w *world) signedCapture() map[string]string {
	fields := capture("PMX-1", "5000")
	fields["access_code"], fields["merchant_identifier"], fields["language"] = w.account.AccessCode, w.account.MerchantIdentifier, "en"
	fields["signature"] = sign(w.account.SHAType, w.account.RequestPhrase, fields)
	return fields
}

// The caller gives up after a second and asks; the effect comes a minute later all the same.
func TestDelayedEffectOutlivesTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.authorize("PMX-1")
		w.control("faults", `{"operation":"CAPTURE","action":"delay_effect"}`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+simHost+PaymentAPIPath, newBody(string(w.server.encodeJSON(w.signedCapture()))))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		_, err = w.http.Do(r)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, "0", w.status("PMX-1")["captured_amount"])
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, "5000", w.status("PMX-1")["captured_amount"])
		require.Equal(t, []string{"02000", "04000"}, codes(w.told()))
	})
}

func TestFaultsOfThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.control("faults", `{"operation":"paymentPage","nth":2,"action":"http_before","status":502}`)
		require.Equal(t, http.StatusOK, w.pay(w.order("PMX-1", nil)).status)
		require.Equal(t, http.StatusBadGateway, w.pay(w.order("PMX-1", nil)).status)

		w.control("faults", `{"operation":"PURCHASE","action":"other_amount"}`)
		back := w.pay(w.order("PMX-1", nil)).card("4005550000000001").returned()
		require.Equal(t, "12650", back["amount"])
		synctest.Wait()
		require.Equal(t, "12650", w.told()[0].fields["amount"])
		require.Equal(t, int64(12550), w.book("PMX-1").Captured)
	})
}

func TestFaultOfRecurringPurchase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pay(w.order("PMX-1", map[string]string{"token_name": "mine"})).card("4005550000000001")
		synctest.Wait() // its own feedback has arrived
		w.control("faults", `{"operation":"PURCHASE","action":"other_amount"}`)
		require.Equal(t, "5100", w.call(recurring("PMX-2", "mine"))["amount"])
		synctest.Wait()
		require.Equal(t, "5100", w.told()[1].fields["amount"])
		require.Equal(t, int64(5000), w.book("PMX-2").Captured)
	})
}

// The buyer's browser loses the answer to the card form, and shows the result when the page is loaded again.
func TestPageAnswerIsLostAfterThePayment(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.order("PMX-1", nil))
	w.control("faults", `{"operation":"PURCHASE","action":"http_after"}`)
	require.Equal(t, http.StatusBadGateway, p.card("4005550000000001").status)
	require.Equal(t, "14000", w.browse(http.MethodGet, p.address, nil).returned()["response_code"])
	require.Equal(t, "14000", w.browse(http.MethodPost, p.address, url.Values{"action": {"continue"}}).returned()["response_code"])
	require.Equal(t, [4]int64{12550, 12550, 0, 0}, totals(w.book("PMX-1")))
}
