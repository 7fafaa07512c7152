package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func newBody(text string) io.Reader { return strings.NewReader(text) }

func (w *world) buy(reference string) {
	w.t.Helper()
	require.Equal(w.t, "14000", w.pay(w.order(reference, nil)).card("4005550000000001").returned()["response_code"])
}

func TestFeedbackIsTriedTenTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answers = func(int) int { return http.StatusServiceUnavailable }
		start := time.Now()
		w.buy("PMX-1")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Len(t, w.told(), 10)
		require.Equal(t, 90*time.Second, w.told()[9].at.Sub(start), "nine gaps of ten seconds")
		require.False(t, w.server.sim.Feedback.State().Tries[9].Accepted)
	})
}

func TestFeedbackEndsWhenAccepted(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusNoContent, http.StatusFound} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.answers = func(n int) int {
				if n < 3 {
					return http.StatusSeeOther
				}
				return status
			}
			w.buy("PMX-1")
			time.Sleep(10 * time.Minute)
			require.Len(t, w.told(), 3, status)
		})
	}
}

func TestFeedbackAsForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, account(func(a *Account) { a.FeedbackFormat, a.SHAType = FeedbackForm, HMAC512 }))
		w.buy("PMX-1")
		synctest.Wait()
		told := w.told()[0]
		require.Equal(t, "application/x-www-form-urlencoded", told.header.Get("Content-Type"))
		require.Equal(t, sign(HMAC512, w.account.ResponsePhrase, told.fields), told.fields["signature"])
	})
}

func TestFeedbackURLsAreSetLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, account(func(a *Account) { a.DirectFeedbackURL, a.NotificationURL = "", "" }))
		w.buy("PMX-1")
		synctest.Wait()
		require.Empty(t, w.told())
		require.NoError(t, w.server.SetFeedbackURLs(w.account.AccessCode, "https://shop.test/later", ""))
		w.buy("PMX-2")
		w.call(refund("PMX-2", "50", "RF-1"))
		synctest.Wait()
		require.Len(t, w.told(), 1)
		require.Equal(t, "/later", w.told()[0].path)
		require.Error(t, w.server.SetFeedbackURLs("other", "", ""))
		require.Error(t, w.server.SetFeedbackURLs(w.account.AccessCode, "later", ""))
	})
}

func TestForgedFeedbackIsSignedWrongly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.control("feedback", `{"mode":"forge","times":1}`)
		w.buy("PMX-1")
		synctest.Wait()
		told := w.told()
		require.Len(t, told, 2)
		require.Equal(t, "125500", told[0].fields["amount"])
		require.NotEqual(t, sign(SHA256, w.account.ResponsePhrase, told[0].fields), told[0].fields["signature"])
		require.Equal(t, sign(SHA256, w.account.ResponsePhrase, told[1].fields), told[1].fields["signature"])
	})
}

func TestEarlyFeedbackPrecedesTheReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.control("feedback", `{"mode":"early"}`)
		w.onTold = func(received) { time.Sleep(3 * time.Second) }
		start := time.Now()
		w.buy("PMX-1")
		require.Len(t, w.told(), 1)
		require.Equal(t, 3*time.Second, time.Since(start), "the page waits for the shop")
	})
}

// The shop may ask the simulator before it answers the feedback.
func TestReceiverMayAskBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.control("feedback", `{"mode":"early"}`)
		var seen string // written before the page answers, read after
		w.onTold = func(told received) { seen = w.status(told.fields["merchant_reference"])["transaction_code"] }
		w.buy("PMX-1")
		require.Equal(t, "14000", seen)
	})
}

func TestControlPortOfTheSandbox(t *testing.T) {
	w := newWorld(t)
	w.buy("PMX-1")
	get := func(path string, into any) {
		p := w.browse(http.MethodGet, "https://"+simHost+"/_control/"+path, nil)
		require.Equal(t, http.StatusOK, p.status)
		require.NoError(t, json.Unmarshal([]byte(p.html), into))
	}
	var credentials map[string]string
	get("credentials", &credentials)
	require.Equal(t, ExampleAccount().RequestPhrase, credentials["request_phrase"])
	require.Equal(t, ExampleAccount().AccessCode, credentials["access_code"])

	var pages struct {
		Pages []struct{ Name, Path string }
	}
	get("pages", &pages)
	require.Equal(t, "card", pages.Pages[0].Name)

	p := w.browse(http.MethodGet, "https://"+simHost+"/_control/requests", nil)
	require.Contains(t, p.html, "400555******0001")
	for _, secret := range []string{"4005550000000001", "LAYLA", "layla@", `"9912"`, w.account.RequestPhrase} {
		require.NotContains(t, p.html, secret)
	}

	w.control("reset", `{}`)
	require.Empty(t, w.server.Books().Payments)
	require.Empty(t, w.server.sim.Requests.List())
}

func TestSeedRepeatsWhatIsDrawn(t *testing.T) {
	token := func() string {
		w := newWorld(t)
		w.control("seed", `{"seed":7}`)
		return w.pay(w.order("PMX-1", map[string]string{"remember_me": "YES"})).card("4005550000000001").returned()["token_name"]
	}
	require.Equal(t, token(), token())
}
