package campaign

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// What the program does in time, by itself: the whole of it on its store and the provider's simulator, while nobody calls.

// still is a world in which nothing goes wrong and everybody does what a test has him do and no more.
func still(t *testing.T, what func(w *World)) {
	t.Helper()
	defer coretest.Seed(1)()
	synctest.Test(t, func(t *testing.T) {
		r := live(t, &apsManner, 1, func(w *World) {
			w.calm.Store(true)
			w.programs = make([]*instance, 1)
			w.start(0)
			what(w)
			w.balanced()
		})
		require.Empty(t, r.Violations)
	})
}

// balanced requires that what is stored of the one payment is what the simulator's books say.
func (w *World) balanced() {
	w.t.Helper()
	var theirs Books
	for _, b := range w.books() {
		theirs.Authorized, theirs.Captured, theirs.Refunded, theirs.Voided = theirs.Authorized+b.Authorized, theirs.Captured+b.Captured, theirs.Refunded+b.Refunded, theirs.Voided+b.Voided
	}
	a := w.only().Amounts
	require.Equal(w.t, theirs, Books{Authorized: a.Authorized, Captured: a.Captured, Refunded: a.Refunded, Voided: a.Released})
}

// sell has a shop create a payment and its buyer open the card page.
func (w *World) sell(manual bool) (*story, *buyer) {
	w.t.Helper()
	s := w.newStory("order", w.accounts[0])
	s.amount, s.currency, s.manual, s.saves = 12550, "AED", manual, false
	s.create = s.request("create", "/v1/payments", s.order())
	s.ask(s.create, 1)
	b := &buyer{w: w, story: s, name: s.name, r: s.r}
	require.True(w.t, b.open(http.MethodGet, s.create.last().str("next_action.hosted_url"), nil) && b.submit(""))
	return s, b
}

// pay sends the card page. The buyer does not come back.
func (b *buyer) pay() {
	b.w.t.Helper()
	require.True(b.w.t, b.submit("continue", "card_number", cardPlain, "expiry_date", "3005", "card_security_code", "123", "card_holder_name", "LAYLA KHAN"))
}

// questions are when the provider was asked, counted from since.
func (w *World) questions(since time.Time) (at []time.Duration) {
	w.t.Helper()
	var log struct {
		Requests []struct {
			At        time.Time
			Operation string
		}
	}
	require.NoError(w.t, json.Unmarshal(w.control("requests", nil), &log))
	for _, r := range log.Requests {
		if r.Operation == "CHECK_STATUS" {
			at = append(at, r.At.Sub(since))
		}
	}
	return at
}

// only is the one payment there is, as it is stored.
func (w *World) only() *core.Payment {
	w.t.Helper()
	all := w.payments()
	require.Len(w.t, all, 1)
	return all[0]
}

// The provider's message never comes and the buyer never comes back. The program asks by itself, sooner at first and
// later then, finds the money at the first question after it was paid, and is done asking.
func TestAnOpenPaymentIsAskedAboutByItself(t *testing.T) {
	waits := []time.Duration{5 * time.Second, 15 * time.Second, 45 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
	for name, c := range map[string]struct {
		paid      time.Duration
		questions int
	}{
		"paid at once":                {2 * time.Second, 1},
		"paid after half a minute":    {30 * time.Second, 3},
		"paid after twelve minutes":   {12 * time.Minute, 6},
		"paid when the page was over": {29*time.Minute + 50*time.Second, 7},
	} {
		t.Run(name, func(t *testing.T) {
			still(t, func(w *World) {
				w.control("feedback", map[string]any{"mode": "drop", "times": 100})
				_, buyer := w.sell(true)
				began := w.only().CreatedAt
				time.Sleep(c.paid - time.Since(began))
				buyer.pay()
				require.Equal(w.t, core.StatusRequiresAction, w.only().Status, "nobody knows yet")
				time.Sleep(24 * time.Hour)
				asked := w.questions(began)
				require.Len(w.t, asked, c.questions)
				before := time.Duration(0)
				for i, at := range asked {
					require.GreaterOrEqual(w.t, at-before, waits[i]*8/10, "question %d", i+1)
					require.LessOrEqual(w.t, at-before, waits[i]*12/10+time.Second, "question %d", i+1)
					before = at
				}
				p := w.only()
				require.Equal(w.t, []any{core.StatusRequiresCapture, int64(12550)}, []any{p.Status, p.Amounts.Authorized})
				require.WithinDuration(w.t, began.Add(asked[len(asked)-1]), p.UpdatedAt, time.Second, "found by the last question")
			})
		})
	}
}

// Canceled here, paid there, and nobody tells. The page was given out, so the program asks all the same, for two weeks.
func TestWhatWasPaidAfterACancelIsFound(t *testing.T) {
	for _, paid := range []time.Duration{time.Second, 29 * time.Minute} {
		t.Run(paid.String(), func(t *testing.T) {
			still(t, func(w *World) {
				w.control("feedback", map[string]any{"mode": "drop", "times": 100})
				s, buyer := w.sell(false)
				s.ask(s.request("cancel", "/v1/payments/"+s.payment()+"/cancel", map[string]any{}), 1)
				time.Sleep(paid)
				buyer.pay()
				require.Equal(w.t, core.StatusCanceled, w.only().Status)
				time.Sleep(time.Hour)
				p := w.only()
				require.Equal(w.t, []any{core.StatusSucceeded, int64(12550)}, []any{p.Status, p.Amounts.Captured}, "asked %v", w.questions(p.CreatedAt))
			})
		})
	}
}

// A payment that nobody pays is asked about until it is clear that nothing comes of it, and not for ever.
func TestAPaymentThatNobodyPaysComesToRest(t *testing.T) {
	still(t, func(w *World) {
		w.sell(true)
		time.Sleep(60 * 24 * time.Hour)
		p := w.only()
		require.Equal(w.t, core.StatusCanceled, p.Status)
		require.True(w.t, p.CheckAt.IsZero(), "asked again at %v", p.CheckAt)
		asked := w.questions(p.CreatedAt)
		require.Less(w.t, len(asked), 60, "%v", asked)
		require.Less(w.t, asked[len(asked)-1], 15*24*time.Hour)
	})
}

// A hold is over after a week, and APS tells nobody. A capture that it refuses then is the proof: the hold is gone.
func TestAHoldThatLapsedIsSeenAtTheNextBooking(t *testing.T) {
	for _, path := range []string{"captures", "cancel"} {
		t.Run(path, func(t *testing.T) {
			still(t, func(w *World) {
				s, buyer := w.sell(true)
				buyer.pay()
				time.Sleep(time.Minute)
				require.Equal(w.t, core.StatusRequiresCapture, w.only().Status)
				time.Sleep(8 * 24 * time.Hour)
				kind := map[string]string{"captures": "capture", "cancel": "cancel"}[path]
				s.ask(s.request(kind, "/v1/payments/"+s.payment()+"/"+path, map[string]any{}), 1)
				p := w.only()
				require.Equal(w.t, []any{core.StatusCanceled, int64(0), int64(12550)}, []any{p.Status, p.Amounts.Captured, p.Amounts.Released})
			})
		})
	}
}
