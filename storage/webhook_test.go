package storage_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
)

func anEndpoint(merchant, url string) *core.WebhookEndpoint {
	at := moment()
	return &core.WebhookEndpoint{ID: newID("we_"), MerchantID: merchant, URL: url, Types: []string{"payment.succeeded"}, Status: core.EndpointEnabled,
		Keys: []byte{0, 255, 1}, Description: "Order service", Metadata: map[string]string{"team": "7"}, Version: 1, CreatedAt: at, UpdatedAt: at}
}

func insertEndpoint(s *storage.Store, e *core.WebhookEndpoint, most int) error {
	return s.Do(context.Background(), e.ID, func(tx core.Tx) error { return tx.InsertWebhookEndpoint(e, most) })
}

func TestWebhookEndpoints(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		e := anEndpoint("m", "https://shop.example/hooks")
		require.NoError(t, insertEndpoint(s, e, 2))
		got, err := s.WebhookEndpoint(t.Context(), "m", e.ID)
		require.NoError(t, err)
		require.Equal(t, e, got)
		got, err = s.WebhookEndpoint(t.Context(), "", e.ID)
		require.NoError(t, err)
		require.Equal(t, e, got)
		_, err = s.WebhookEndpoint(t.Context(), "other", e.ID)
		wantError(t, err, core.NotFound, "not_found")

		same := anEndpoint("m", e.URL)
		err = insertEndpoint(s, same, 2)
		wantError(t, err, core.Invalid, "url_invalid")
		var told *core.Error
		require.ErrorAs(t, err, &told)
		require.Equal(t, e.ID, told.Object)
		require.NoError(t, insertEndpoint(s, anEndpoint("other", e.URL), 2), "another merchant may have the same address")
		second := anEndpoint("m", "https://shop.example/second")
		require.NoError(t, insertEndpoint(s, second, 2))
		wantError(t, insertEndpoint(s, anEndpoint("m", "https://shop.example/third"), 2), core.Conflict, "limit_reached")
		list, err := s.WebhookEndpoints(t.Context(), "m", core.Page{})
		require.NoError(t, err)
		require.Equal(t, []*core.WebhookEndpoint{second, e}, list)
		list, err = s.WebhookEndpoints(t.Context(), "m", core.Page{Before: second.ID, Limit: 1})
		require.NoError(t, err)
		require.Equal(t, []*core.WebhookEndpoint{e}, list)

		update := func(e *core.WebhookEndpoint) error {
			return s.Do(t.Context(), e.ID, func(tx core.Tx) error { return tx.UpdateWebhookEndpoint(e) })
		}
		e.URL, e.Types, e.Status, e.Reason, e.Keys, e.Description, e.Metadata, e.Version = "https://shop.example/moved", nil, core.EndpointDisabled, "by_request", []byte{7}, "", nil, 2
		require.NoError(t, update(e))
		got, err = s.WebhookEndpoint(t.Context(), "m", e.ID)
		require.NoError(t, err)
		require.Equal(t, e, got)
		wantError(t, update(e), core.Conflict, "version_conflict")
		e.Version, e.URL = 3, second.URL
		wantError(t, update(e), core.Invalid, "url_invalid")
		for _, other := range []string{"other", ""} {
			err = s.Do(t.Context(), e.ID, func(tx core.Tx) error { return tx.DeleteWebhookEndpoint(other, e.ID) })
			wantError(t, err, core.NotFound, "not_found")
		}
		do(t, s, func(tx core.Tx) error { return tx.DeleteWebhookEndpoint("m", e.ID) })
		_, err = s.WebhookEndpoint(t.Context(), "", e.ID)
		wantError(t, err, core.NotFound, "not_found")
	})
}

// What the program notes about an endpoint changes nothing that a merchant wrote meanwhile.
func TestEndpointsThatFail(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		e := anEndpoint("m", "https://shop.example/hooks")
		require.NoError(t, insertEndpoint(s, e, 2))
		mark := func(at time.Time) {
			do(t, s, func(tx core.Tx) error { return tx.MarkEndpoint(e, at) })
			got, err := s.WebhookEndpoint(t.Context(), "m", e.ID)
			require.NoError(t, err)
			require.Equal(t, e, got)
		}
		e.FailingSince = moment()
		first := e.FailingSince
		mark(first)
		mark(first.Add(time.Hour)) // the first one counts
		e.FailingSince = time.Time{}
		mark(time.Time{})
		disable := func() (done bool) {
			do(t, s, func(tx core.Tx) (err error) {
				done, err = tx.DisableEndpoint(e, "gone", first)
				return err
			})
			return done
		}
		require.True(t, disable())
		require.False(t, disable(), "it was disabled already")
		got, err := s.WebhookEndpoint(t.Context(), "m", e.ID)
		require.NoError(t, err)
		require.Equal(t, []any{core.EndpointDisabled, "gone", int64(2)}, []any{got.Status, got.Reason, got.Version})
	})
}

// However many ask at once, nobody gets one too many.
func TestTheLastEndpointIsTakenOnce(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		stores := []*storage.Store{open(), open()}
		do(t, stores[0], func(tx core.Tx) error { return tx.InsertMerchant("m", moment()) })
		var group sync.WaitGroup
		for i := range 40 {
			group.Go(func() {
				_ = insertEndpoint(stores[i%2], anEndpoint("m", fmt.Sprint("https://shop.example/", i)), 3)
			})
		}
		group.Wait()
		list, err := stores[0].WebhookEndpoints(t.Context(), "m", core.Page{})
		require.NoError(t, err)
		require.Len(t, list, 3)
	})
}

// told stores a payment with n events, and the deliveries of all of them to e.
func told(t *testing.T, s *storage.Store, reference string, e *core.WebhookEndpoint, n int) (list []*core.Delivery, all []core.Event) {
	t.Helper()
	c := insertion(paid(reference, 100))
	c.Events = events(c.Payment, strings.Split(strings.TrimSuffix(strings.Repeat("payment.created ", n), " "), " ")...)
	for _, event := range c.Events {
		at := moment()
		list = append(list, &core.Delivery{ID: newID("dlv_"), MerchantID: "m", EndpointID: e.ID, EventID: event.ID, PaymentID: c.Payment.ID, Type: event.Type, State: core.DeliveryPending,
			NextAt: at, CreatedAt: at, UpdatedAt: at})
	}
	require.NoError(t, s.Do(t.Context(), c.Payment.ID, func(tx core.Tx) error {
		if err := tx.Write(c); err != nil {
			return err
		}
		return tx.InsertDeliveries(list)
	}))
	return list, c.Events
}

func TestDeliveries(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s, e := open(), anEndpoint("m", "https://shop.example/hooks")
		list, _ := told(t, s, "r", e, 3)
		d := list[1]
		got, err := s.Delivery(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, d, got)
		_, err = s.Delivery(t.Context(), "dlv_none")
		wantError(t, err, core.NotFound, "not_found")
		err = s.Do(t.Context(), "x", func(tx core.Tx) error {
			again := *d
			again.ID = newID("dlv_")
			return tx.InsertDeliveries([]*core.Delivery{&again})
		})
		require.Equal(t, core.Internal, core.KindOf(err), "once per endpoint and event")

		save := func(d core.Delivery, try *core.DeliveryTry) (current bool) {
			do(t, s, func(tx core.Tx) (err error) {
				current, err = tx.SaveDelivery(&d, try)
				return err
			})
			return current
		}
		at := moment()
		first := core.DeliveryTry{DeliveryID: d.ID, At: at, Duration: 15 * time.Second, Status: 503, Failure: "status", Answer: "<b>no\x00\xe4"}
		failed := *d
		failed.Failure, failed.NextAt, failed.UpdatedAt = "status", at.Add(time.Minute), at
		require.True(t, save(failed, &first))
		require.Equal(t, 1, first.Number)
		failed.Sent = 1
		second := core.DeliveryTry{DeliveryID: d.ID, At: at.Add(time.Minute), Duration: time.Millisecond, Status: 200}
		done := failed
		done.State, done.Failure, done.NextAt = core.DeliverySucceeded, "", time.Time{}
		require.True(t, save(done, &second))
		done.Sent, first.Answer = 2, "<b>no\uFFFD00\uFFFDE4"
		done.Tries = []core.DeliveryTry{first, second}
		ended := *list[0]
		ended.State, ended.Failure, ended.NextAt = core.DeliveryFailed, core.FailureDisabled, time.Time{}
		require.True(t, save(ended, nil))
		require.False(t, save(*list[0], nil), "what has ended stays ended")
		none := *d
		none.ID = "dlv_none"
		_, err = s.Delivery(t.Context(), none.ID)
		wantError(t, err, core.NotFound, "not_found")
		wantError(t, s.Do(t.Context(), none.ID, func(tx core.Tx) error {
			_, err := tx.SaveDelivery(&none, nil)
			return err
		}), core.NotFound, "not_found")

		query := func(q core.DeliveryQuery) []*core.Delivery {
			out, err := s.Deliveries(t.Context(), "m", q)
			require.NoError(t, err)
			return out
		}
		require.Equal(t, []*core.Delivery{list[2], &done, &ended}, query(core.DeliveryQuery{Endpoint: e.ID}))
		require.Equal(t, []*core.Delivery{&done}, query(core.DeliveryQuery{Event: d.EventID}))
		require.Equal(t, []*core.Delivery{&ended}, query(core.DeliveryQuery{Endpoint: e.ID, State: core.DeliveryFailed}))
		require.Equal(t, []*core.Delivery{&done}, query(core.DeliveryQuery{Endpoint: e.ID, Page: core.Page{Before: list[2].ID, Limit: 1}}))
		about := core.EventTry{EventID: d.EventID, Type: d.Type, EndpointID: e.ID}
		shown := func(try core.DeliveryTry) core.EventTry {
			about.DeliveryTry, about.Answer = try, ""
			return about
		}
		tries, err := s.Tries(t.Context(), d.PaymentID, 10)
		require.NoError(t, err)
		require.Equal(t, []core.EventTry{shown(second), shown(first)}, tries)
		tries, err = s.Tries(t.Context(), d.PaymentID, 1)
		require.NoError(t, err)
		require.Equal(t, []core.EventTry{shown(second)}, tries)
		tries, err = s.Tries(t.Context(), "pay_none", 10)
		require.NoError(t, err)
		require.Empty(t, tries)
		foreign, err := s.Deliveries(t.Context(), "other", core.DeliveryQuery{Endpoint: e.ID})
		require.NoError(t, err)
		require.Empty(t, foreign)
	})
}

// An event that is asked for again is due as if for the first time, whatever became of it, under the same delivery; who
// was sending it meanwhile does not end it, and his try is kept.
func TestRedeliver(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s, e := open(), anEndpoint("m", "https://shop.example/hooks")
		list, all := told(t, s, "r", e, 2)
		d := *list[0]
		save := func(d core.Delivery) (current bool) {
			d.State, d.NextAt = core.DeliverySucceeded, time.Time{}
			do(t, s, func(tx core.Tx) (err error) {
				current, err = tx.SaveDelivery(&d, &core.DeliveryTry{DeliveryID: d.ID, At: moment()})
				return err
			})
			return current
		}
		require.True(t, save(d))
		at := moment().Add(time.Hour)
		redeliver := func(d core.Delivery) (id string) {
			d.ID, d.NextAt, d.UpdatedAt = newID("dlv_"), at, at
			do(t, s, func(tx core.Tx) (err error) {
				id, err = tx.Redeliver(&d)
				return err
			})
			return id
		}
		require.Equal(t, d.ID, redeliver(d))
		got, err := s.Delivery(t.Context(), d.ID)
		require.NoError(t, err)
		want := *list[0]
		want.Sent, want.Earlier, want.Asked, want.NextAt, want.UpdatedAt = 1, 1, 1, at, at
		require.Equal(t, &want, got)
		require.True(t, save(want))

		running := *list[1] // somebody has read it and is sending
		require.Equal(t, running.ID, redeliver(running))
		require.False(t, save(running))
		got, err = s.Delivery(t.Context(), running.ID)
		require.NoError(t, err)
		want = *list[1]
		want.Sent, want.Earlier, want.Asked, want.NextAt, want.UpdatedAt = 1, 1, 1, at, at
		require.Equal(t, &want, got, "its try is kept, and it is due")
		require.True(t, save(want))
		require.False(t, save(want), "it has ended")
		shown, err := s.Deliveries(t.Context(), "m", core.DeliveryQuery{Event: running.EventID})
		require.NoError(t, err)
		require.Equal(t, []any{core.DeliverySucceeded, 3, 2}, []any{shown[0].State, shown[0].Sent, shown[0].Earlier})
		require.Len(t, shown[0].Tries, 3)

		other := anEndpoint("m", "https://shop.example/later")
		fresh := *list[0]
		fresh.EndpointID = other.ID
		require.NotEqual(t, fresh.ID, redeliver(fresh), "one that came later has no delivery of it yet")

		span := func(q core.EventSpan) []core.Event {
			out, err := s.EventsAfter(t.Context(), "m", q)
			require.NoError(t, err)
			return out
		}
		all[0], all[1] = event(t, s, all[0].ID), event(t, s, all[1].ID)
		whole := core.EventSpan{From: all[0].CreatedAt, To: all[1].CreatedAt}
		require.Equal(t, all, span(whole))
		whole.Limit = 1
		require.Equal(t, all[:1], span(whole))
		whole.After, whole.From = all[0].ID, all[0].CreatedAt
		require.Equal(t, all[1:], span(whole))
		require.Empty(t, span(core.EventSpan{From: all[0].CreatedAt, To: all[1].CreatedAt, Types: []string{"payment.failed"}}))
		require.Empty(t, span(core.EventSpan{From: all[1].CreatedAt.Add(time.Microsecond), To: at}))
	})
}

// An event that is about no payment is stored once by its id, listed with the others and sent like them.
func TestEventsAboutNoPayment(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s, e := open(), anEndpoint("m", "https://shop.example/hooks")
		_, about := told(t, s, "r", e, 1)
		var all []core.Event
		for range 2 {
			all = append(all, core.Event{ID: newID("evt_"), MerchantID: "m", Type: "feedback.unmatched", Body: []byte(`{}`), CreatedAt: moment()})
		}
		tell := func(e core.Event) (fresh bool) {
			do(t, s, func(tx core.Tx) (err error) {
				fresh, err = tx.Tell(e)
				return err
			})
			return fresh
		}
		require.True(t, tell(all[0]))
		require.True(t, tell(all[1]))
		again := all[0]
		again.Body = []byte("other")
		require.False(t, tell(again))
		got, err := s.Events(t.Context(), "m", core.EventQuery{})
		require.NoError(t, err)
		require.Equal(t, []core.Event{all[1], all[0], event(t, s, about[0].ID)}, got)
		_, err = s.Event(t.Context(), "other", all[0].ID)
		wantError(t, err, core.NotFound, "not_found")
		do(t, s, func(tx core.Tx) error {
			return tx.InsertDeliveries([]*core.Delivery{{ID: newID("dlv_"), MerchantID: "m", EndpointID: e.ID, EventID: all[0].ID, Type: all[0].Type, State: core.DeliveryPending,
				NextAt: moment(), CreatedAt: moment(), UpdatedAt: moment()}})
		})
	})
}

func event(t *testing.T, s *storage.Store, id string) core.Event {
	e, err := s.Event(t.Context(), "m", id)
	require.NoError(t, err)
	return e
}

func TestTriesAreNeverChanged(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		s, e := storagetest.Open(t, dsn), anEndpoint("m", "https://shop.example/hooks")
		list, _ := told(t, s, "r", e, 1)
		do(t, s, func(tx core.Tx) error {
			_, err := tx.SaveDelivery(list[0], &core.DeliveryTry{DeliveryID: list[0].ID, At: moment(), Status: 500})
			return err
		})
		db := openRaw(t, dsn)
		for _, statement := range []string{"UPDATE delivery_tries SET status = 200", "DELETE FROM delivery_tries"} {
			_, err := db.ExecContext(t.Context(), statement)
			require.ErrorContains(t, err, "never")
		}
	})
}
