package core_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// An event is put into words when it happens. What changes afterwards, the payment or the program that renders,
// changes no byte of it: not of a later try, not of one that somebody asks for, not of what is shown.
func TestEventsAreFrozen(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		s.says(always(503))
		e := w.endpoint("m", 1, "payment.created")
		v := w.create("order-1", core.CaptureManual)
		synctest.Wait()
		_, err := w.Patch(t.Context(), request("patch"), v.ID, core.Changes{Metadata: map[string]string{"changed": "since"}})
		require.NoError(t, err)
		w.begin(func(o *core.Options) { // an upgrade, and the shop works again
			o.Render = func(b core.EventBody) ([]byte, error) {
				return fmt.Appendf(nil, `{"id":%q,"type":%q,"data":{"payment":{"status":"another word"}},"new":true}`, b.ID, b.Type), nil
			}
			s.says(fine)
		})
		pause(time.Hour)
		id := s.requests()[0].id()
		_, err = w.RedeliverEvent(t.Context(), request("again"), id)
		require.NoError(t, err)
		synctest.Wait()
		_, err = w.Redeliver(t.Context(), request("all"), e.ID, core.WhichEvents{IDs: []string{id}})
		require.NoError(t, err)
		synctest.Wait()
		got := s.requests()
		require.Equal(t, []string{id, id, id, id}, ids(got))
		for _, r := range got {
			require.Equal(t, string(got[0].body), string(r.body))
			r.verify(t, e.Secret)
		}
		shown, err := w.Event(t.Context(), "m", id)
		require.NoError(t, err)
		require.Equal(t, string(got[0].body), string(shown.Body))
		list, err := w.Events(t.Context(), "m", core.EventQuery{Type: "payment.created"}, 10, "")
		require.NoError(t, err)
		require.Equal(t, []core.Event{shown}, list.Items)

		w.create("order-2", core.CaptureManual)
		synctest.Wait()
		require.Contains(t, string(s.requests()[4].body), `"new":true`, "what happens after the upgrade is in its words")
		line, err := w.Timeline(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.NotEmpty(t, line)
	})
}

// What opens the hosted page is derived from the secret key: it is sent, and not stored. Where a merchant has written
// it, or a byte like the one that stands for it, into what he keeps with the payment, that comes back as it was.
func TestFrozenEventsKeepNoToken(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		w.endpoint("m", 1)
		v := w.create("order-1", core.CaptureManual)
		token := w.ClientToken(v.ID)
		_, err := w.Patch(t.Context(), request("patch"), v.ID, core.Changes{Metadata: map[string]string{"token": token, "byte": "\x01", "escaped": `\u0001`}})
		require.NoError(t, err)
		_, err = w.Cancel(t.Context(), request("cancel"), v.ID, "")
		require.NoError(t, err)
		synctest.Wait()
		got := s.requests()
		last := string(got[slices.Index(typesOf(t, got), "payment.canceled")].body)
		require.Contains(t, last, `"client_token":"`+token+`"`)
		require.Contains(t, last, `"metadata":{"byte":"\u0001","escaped":"\\u0001","token":"`+token+`"}`)
		for _, r := range got {
			e, err := w.store.Event(t.Context(), "m", r.id())
			require.NoError(t, err)
			require.NotContains(t, string(e.Body), token[20:])
			require.Positive(t, bytes.Count(e.Body, []byte{1}))
			require.Equal(t, string(r.body), string(w.Told(e).Body))
		}
	})
}

// What a provider tells of a buyer is for the merchant who asks. It travels in no event, and none keeps it.
func TestEventsTellNothingOfTheBuyer(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		w.endpoint("m", 1)
		w.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) {
			return core.Outcome{Result: core.Succeeded, Review: &core.Review{Buyer: core.Buyer{FirstName: "Laylacanary", Phone: "971501234567"}}}, nil
		}
		v := w.create("order-1", core.CaptureManual)
		require.Equal(t, "Laylacanary", w.payment(v.ID).View().Review.Buyer.FirstName)
		synctest.Wait()
		require.Contains(t, typesOf(t, s.requests()), "payment.review_required")
		for _, r := range s.requests() {
			require.NotContains(t, string(r.body), "canary")
			require.Contains(t, string(r.body), `"review":null`)
		}
	})
}
