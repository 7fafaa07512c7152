package core_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// A message that belongs to no payment after a minute is told to the one merchant of its account, once, however long it
// stays so and however often it is looked at: that it came, and nothing of what it says.
func TestAMerchantIsToldOfAnUnmatchedMessage(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		alone := func(o *core.Options) { o.Merchants[1].Accounts = nil }
		w.begin(alone)
		s, foreign := w.shops.shop(1), w.shops.shop(2)
		w.endpoint("m", 1)
		w.endpoint("other", 2)
		w.receive(core.Feedback{Reference: "of nobody", Refs: core.Refs{"transaction": "T-1"}, DedupeKey: "x", Facts: []core.Fact{{Kind: core.Captured, Amount: core.Money{Minor: 4711, Currency: "EUR"}}}})
		pause(15 * time.Second)
		require.Empty(t, s.requests(), "it may be early")
		pause(2 * time.Minute)
		item := w.items(core.InboxQuery{})[0]
		require.Equal(t, core.InboxUnmatched, item.State)
		require.Len(t, s.requests(), 1)
		w.replay(item.ID)
		w.begin(alone)
		pause(20 * 24 * time.Hour)
		got := s.requests()
		require.Len(t, got, 1)
		require.Empty(t, foreign.requests())
		var told struct {
			ID, Type string
			Data     struct {
				Sequence int
				Payment  *struct{}
				Object   map[string]any
				Cause    core.Cause
			}
		}
		require.NoError(t, json.Unmarshal(got[0].body, &told))
		require.Equal(t, []any{got[0].id(), "feedback.unmatched"}, []any{told.ID, told.Type})
		require.Nil(t, told.Data.Payment)
		require.Zero(t, told.Data.Sequence)
		require.Equal(t, map[string]any{"id": item.ID, "object": "feedback", "account": "acc", "received_at": item.ReceivedAt.Format(time.RFC3339Nano)}, told.Data.Object)
		require.Equal(t, core.Cause{Kind: "feedback", ID: item.ID}, told.Data.Cause)
		for _, said := range []string{"nobody", "T-1", "4711"} {
			require.NotContains(t, string(got[0].body), said)
		}
		e, err := w.Event(t.Context(), "m", told.ID)
		require.NoError(t, err)
		require.Equal(t, string(got[0].body), string(e.Body))
		_, err = w.Event(t.Context(), "other", told.ID)
		require.Equal(t, core.NotFound, core.KindOf(err))
		_, err = w.RedeliverEvent(t.Context(), request("again"), told.ID)
		require.NoError(t, err)
		pause(time.Second)
		require.Equal(t, string(got[0].body), string(s.requests()[1].body))
		require.Equal(t, 1, strings.Count(w.logs.String(), "feedback belongs to no payment"))
	})
}

// Where several merchants use an account nobody can say whose message it is: none of them is told, an operator sees it.
// One that was early is nobody's trouble.
func TestNobodyIsToldOfWhatMayBeAnotherMerchants(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s, foreign := w.shops.shop(1), w.shops.shop(2)
		w.endpoint("m", 1, "feedback.unmatched")
		w.endpoint("other", 2, "feedback.unmatched")
		w.receive(core.Feedback{Reference: "of nobody", DedupeKey: "x"})
		pause(time.Hour)
		require.Empty(t, append(s.requests(), foreign.requests()...))
		for _, merchant := range []string{"m", "other"} {
			l, err := w.Events(t.Context(), merchant, core.EventQuery{}, 10, "")
			require.NoError(t, err)
			require.Empty(t, l.Items)
		}
		require.Contains(t, w.logs.String(), "feedback belongs to no payment")

		w.begin(func(o *core.Options) { o.Merchants[1].Accounts = nil })
		reference := theReferenceOf(t, "order-1")
		early := coretest.Authorized(core.Op{Reference: reference, Amount: core.Money{Minor: 10000, Currency: "EUR"}}, false)
		w.receive(core.Feedback{Reference: reference, DedupeKey: "y", Facts: []core.Fact{early}})
		pause(10 * time.Second)
		v := w.create("order-1", core.CaptureManual)
		pause(time.Hour)
		require.Equal(t, core.StatusRequiresCapture, w.payment(v.ID).Status)
		require.Empty(t, s.requests())
	})
}
