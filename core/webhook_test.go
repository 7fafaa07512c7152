package core_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// What happens is told to those who want it and to nobody else, at once, signed, in the words of the API.
func TestMerchantsAreTold(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		all, some, off, foreign := w.shops.shop(1), w.shops.shop(2), w.shops.shop(3), w.shops.shop(4)
		first, _, third, _ := w.endpoint("m", 1), w.endpoint("m", 2, "payment.authorized", "payment.authorized"), w.endpoint("m", 3), w.endpoint("other", 4)
		_, err := w.UpdateEndpoint(t.Context(), "m", third.ID, core.EndpointChange{Status: core.EndpointDisabled})
		require.NoError(t, err)
		v := w.authorized("order-1")
		synctest.Wait()

		require.ElementsMatch(t, w.events(v.ID), typesOf(t, all.requests()))
		require.Equal(t, []string{"payment.authorized"}, typesOf(t, some.requests()))
		require.Empty(t, off.requests())
		require.Empty(t, foreign.requests())
		for _, r := range all.requests() {
			r.verify(t, first.Secret)
			e, err := w.Event(t.Context(), "m", r.id())
			require.NoError(t, err)
			require.Equal(t, string(e.Body), string(r.body))
			require.Equal(t, "application/json", r.header.Get("Content-Type"))
		}
		list := w.deliveries("m", first.ID)
		require.Len(t, list, len(all.requests()))
		for _, d := range list {
			require.Equal(t, []any{core.DeliverySucceeded, 1, "", v.ID}, []any{d.State, d.Sent, d.Failure, d.PaymentID})
			require.Len(t, d.Tries, 1)
			require.Equal(t, 204, d.Tries[0].Status)
		}
		for _, other := range []string{"other", ""} {
			_, err = w.EndpointDeliveries(t.Context(), other, first.ID, "", 10, "")
			require.Equal(t, core.NotFound, core.KindOf(err))
		}
	})
}

// waitsOfTries are those of R-52.
var waitsOfTries = []time.Duration{0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour,
	12 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour}

// An endpoint that is down for a week is tried 16 times, at the times of the schedule give or take a tenth; each try has
// the same id and the same bytes though the payment changed, and a signature of its own. The program is started anew in
// between. After seven days of nothing but failures the endpoint is disabled; the events are kept, and sent when asked for.
func TestAnEndpointThatIsDown(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		s.says(always(503))
		e := w.endpoint("m", 1, "payment.created")
		began := time.Now()
		v := w.create("order-1", core.CaptureManual)
		pause(time.Hour)
		_, err := w.Patch(t.Context(), request("patch"), v.ID, core.Changes{Metadata: map[string]string{"changed": "since"}})
		require.NoError(t, err)
		w.begin(nil)
		pause(9 * 24 * time.Hour)
		got := s.requests()
		require.Len(t, got, len(waitsOfTries))
		at, jitter := began, 0
		for i, r := range got {
			if i > 0 {
				tenth := waitsOfTries[i] / 10
				require.InDelta(t, float64(waitsOfTries[i]), float64(r.at.Sub(at)), float64(tenth+time.Second), "try %d", i+1)
				if r.at.Sub(at).Abs()-waitsOfTries[i] != 0 {
					jitter++
				}
			}
			at = r.at
			r.verify(t, e.Secret)
			require.Equal(t, got[0].id(), r.id())
			require.Equal(t, got[0].body, r.body)
			require.Equal(t, 1, count(signatures(got))[r.header.Get("Webhook-Signature")])
		}
		require.Greater(t, jitter, 10)
		d := w.deliveries("m", e.ID)[0]
		require.Equal(t, []any{core.DeliveryFailed, 16, "status", true}, []any{d.State, d.Sent, d.Failure, d.NextAt.IsZero()})
		require.Len(t, d.Tries, 16)
		stored, err := w.Endpoint(t.Context(), "m", e.ID)
		require.NoError(t, err)
		require.Equal(t, core.EndpointEnabled, stored.Status)
		require.WithinDuration(t, began, stored.FailingSince, time.Second)

		w.create("order-2", core.CaptureManual) // one more try, more than seven days after the first
		synctest.Wait()
		stored, err = w.Endpoint(t.Context(), "m", e.ID)
		require.NoError(t, err)
		require.Equal(t, []any{core.EndpointDisabled, core.DisabledFailing}, []any{stored.Status, stored.Reason})
		require.Contains(t, w.logs.String(), "webhook endpoint disabled")
		w.create("order-3", core.CaptureManual)
		pause(time.Hour)
		require.Len(t, s.requests(), 17, "a disabled endpoint gets nothing")
		require.Equal(t, core.FailureDisabled, w.deliveries("m", e.ID)[0].Failure)

		_, err = w.Redeliver(t.Context(), request("too early"), e.ID, core.WhichEvents{From: began})
		require.Equal(t, "state_invalid", core.CodeOf(err))
		s.says(fine)
		_, err = w.UpdateEndpoint(t.Context(), "m", e.ID, core.EndpointChange{Status: core.EndpointEnabled})
		require.NoError(t, err)
		a, err := w.Redeliver(t.Context(), request("again"), e.ID, core.WhichEvents{From: began})
		require.NoError(t, err)
		require.JSONEq(t, `{"deliveries":3}`, string(a.Snapshot), "the one that it never was sent, too")
		pause(time.Minute) // one at a time, as long as it is not known to work
		again := s.requests()[17:]
		require.Len(t, again, 3)
		require.Contains(t, ids(again), got[0].id())
		for _, r := range again {
			r.verify(t, e.Secret)
			if r.id() == got[0].id() {
				require.Equal(t, got[0].body, r.body)
			}
		}
		stored, err = w.Endpoint(t.Context(), "m", e.ID)
		require.NoError(t, err)
		require.Zero(t, stored.FailingSince)
	})
}

func fine(int) reply { return reply{status: 200} }

func signatures(list []taken) (out []string) {
	for _, r := range list {
		out = append(out, r.header.Get("Webhook-Signature"))
	}
	return out
}

// What an endpoint says with its refusal counts: 410 that it wants no more, Retry-After when to come again.
func TestWhatEndpointsAskFor(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		gone, later := w.shops.shop(1), w.shops.shop(2)
		gone.says(always(410))
		later.says(func(n int) reply {
			return map[int]reply{1: {status: 503, header: "Retry-After: 7200\r\n"}, 2: {status: 429, header: "Retry-After: 999999\r\n"}, 3: {status: 200}, 4: {status: 200}}[n]
		})
		g, l := w.endpoint("m", 1, "payment.created"), w.endpoint("m", 2, "payment.created")
		w.create("order-1", core.CaptureManual)
		synctest.Wait()
		e, err := w.Endpoint(t.Context(), "m", g.ID)
		require.NoError(t, err)
		require.Equal(t, []any{core.EndpointDisabled, core.DisabledGone}, []any{e.Status, e.Reason})
		require.Equal(t, core.DeliveryFailed, w.deliveries("m", g.ID)[0].State)
		w.create("order-2", core.CaptureManual)
		pause(3 * 24 * time.Hour)
		require.Len(t, gone.requests(), 1)

		got := later.requests()
		require.Len(t, got, 4)
		first := slices.DeleteFunc(got, func(r taken) bool { return r.id() != got[0].id() })
		require.Len(t, first, 2)
		require.Equal(t, 2*time.Hour, first[1].at.Sub(first[0].at).Round(time.Second))
		for _, d := range w.deliveries("m", l.ID) {
			require.Equal(t, core.DeliverySucceeded, d.State)
			if d.Tries[0].Status == 429 {
				require.Equal(t, 24*time.Hour, d.Tries[1].At.Sub(d.Tries[0].At).Round(time.Second))
			}
		}
	})
}

// A secret that is changed signs beside the one before for a day, and the answer is the same when it is asked for again.
func TestRotation(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		e := w.endpoint("m", 1, "payment.created")
		rotate := func(key string) core.Answer {
			a, err := w.RotateSecret(t.Context(), request(key), e.ID, false)
			require.NoError(t, err)
			return a
		}
		a := rotate("r1")
		fresh := endpointIn(t, a)
		require.NotEqual(t, e.Secret, fresh.Secret)
		require.Equal(t, 24*time.Hour, time.Until(fresh.PreviousEndsAt).Round(time.Second))
		w.begin(nil)
		again := rotate("r1")
		require.True(t, again.Replayed)
		require.Equal(t, string(a.Snapshot), string(again.Snapshot))
		w.create("order-1", core.CaptureManual)
		pause(24 * time.Hour)
		w.create("order-2", core.CaptureManual)
		synctest.Wait()
		got := s.requests()
		require.Len(t, got, 2)
		got[0].verify(t, e.Secret)
		got[0].verify(t, fresh.Secret)
		got[1].verify(t, fresh.Secret)
		require.Len(t, bytes.Fields([]byte(got[0].header.Get("Webhook-Signature"))), 2)
		require.Len(t, bytes.Fields([]byte(got[1].header.Get("Webhook-Signature"))), 1)
		for i := range 3 {
			rotate(fmt.Sprint("more", i))
		}
		_, err := w.RotateSecret(t.Context(), request("too much"), e.ID, false)
		require.Equal(t, "limit_reached", core.CodeOf(err))
		_, err = w.RotateSecret(t.Context(), by("other", "foreign"), e.ID, false)
		require.Equal(t, core.NotFound, core.KindOf(err))
	})
}

// A secret that others have seen signs nothing from the change on, nor does any one before it: what it could sign is forged.
func TestRotationForALeak(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		e := w.endpoint("m", 1, "payment.created")
		w.begin(nil)
		secrets := []string{e.Secret}
		for i := range 3 { // as often as it goes in a day, all of them live
			a, err := w.RotateSecret(t.Context(), request(fmt.Sprint("r", i)), e.ID, false)
			require.NoError(t, err)
			secrets = append(secrets, endpointIn(t, a).Secret)
		}
		a, err := w.RotateSecret(t.Context(), request("leaked"), e.ID, true)
		require.NoError(t, err, "a leak waits for no limit")
		fresh := endpointIn(t, a)
		require.True(t, fresh.PreviousEndsAt.IsZero())
		w.create("order-1", core.CaptureManual)
		synctest.Wait()
		got := s.requests()
		require.Len(t, got, 1)
		require.Len(t, bytes.Fields([]byte(got[0].header.Get("Webhook-Signature"))), 1)
		got[0].verify(t, fresh.Secret)
		for _, old := range secrets {
			reference, err := standardwebhooks.NewWebhook(old)
			require.NoError(t, err)
			require.Error(t, reference.VerifyIgnoringTimestamp(got[0].body, got[0].header))
		}
	})
}

// lossy is a store on which one kind of transaction is lost, before or after it was committed.
type lossy struct {
	core.Store
	lose func(subject string) (before, after bool)
}

var errLost = errors.New("the process died")

func (s *lossy) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	before, after := s.lose(subject)
	if before {
		return errLost
	}
	err := s.Store.Do(ctx, subject, fn)
	if after {
		return errLost
	}
	return err
}

// A process that dies before it sends, or after and before it knows, sends after the next start: with the same id, so
// that who has seen it knows.
func TestCrashesAroundATry(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		e := w.endpoint("m", 1, "payment.created")
		w.stop() // committed, not sent
		w.create("order-1", core.CaptureManual)
		w.begin(nil)
		pause(time.Minute)
		require.Len(t, s.requests(), 1)

		var mu sync.Mutex
		lost := 0
		w.begin(func(o *core.Options) {
			o.Store = &lossy{w.store, func(subject string) (bool, bool) {
				mu.Lock()
				defer mu.Unlock()
				if len(subject) > 4 && subject[:4] == "dlv_" {
					lost++
					return true, false
				}
				return false, false
			}}
		})
		w.create("order-2", core.CaptureManual)
		pause(time.Second)
		require.Positive(t, lost)
		require.Len(t, s.requests(), 2)
		require.Equal(t, core.DeliveryPending, w.deliveries("m", e.ID)[0].State, "nothing was stored")
		w.begin(nil)
		pause(time.Minute)
		got := s.requests()
		require.Len(t, got, 3)
		require.Equal(t, got[1].id(), got[2].id())
		require.Equal(t, got[1].body, got[2].body)
		d := w.deliveries("m", e.ID)[0]
		require.Equal(t, []any{core.DeliverySucceeded, 1}, []any{d.State, d.Sent})
	})
}

// An event whose commit was not confirmed, and was kept, is sent all the same.
func TestEventsOfAnUnknownCommitAreSent(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		w.endpoint("m", 1)
		v := w.create("order-1", core.CaptureManual)
		unknown := false
		w.begin(func(o *core.Options) {
			o.Store = &doubtful{w.store, func(subject string) bool { return subject == v.ID && unknown }}
		})
		pause(10 * time.Hour) // nothing else is due soon
		before := len(s.requests())
		unknown = true
		_, err := w.Patch(t.Context(), request("patch"), v.ID, core.Changes{Metadata: map[string]string{"a": "b"}})
		require.Equal(t, "commit_unknown", core.CodeOf(err), "the commits of this payment are not confirmed")
		_, err = w.Cancel(t.Context(), request("cancel"), v.ID, "")
		require.Error(t, err)
		unknown = false
		pause(12 * time.Second) // the lease of whoever did not learn of it
		require.Greater(t, len(s.requests()), before)
		require.Contains(t, typesOf(t, s.requests()), "payment.canceled")
	})
}

// doubtful is a store that keeps what it does not confirm.
type doubtful struct {
	core.Store
	unknown func(subject string) bool
}

func (s *doubtful) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	err := s.Store.Do(ctx, subject, fn)
	if err == nil && s.unknown(subject) {
		return &core.Error{Kind: core.Internal, Code: "commit_unknown"}
	}
	return err
}

// refusing is a transaction in which nothing can be sent.
type refusing struct{ core.Tx }

func (refusing) InsertDeliveries([]*core.Delivery) error { return errLost }

type withRefusing struct{ core.Store }

func (s withRefusing) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	return s.Store.Do(ctx, subject, func(tx core.Tx) error { return fn(refusing{tx}) })
}

// There is no event without its deliveries, and no change without its events.
func TestEventsAndDeliveriesAreOneTransaction(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		w.shops.shop(1)
		w.endpoint("m", 1)
		w.begin(func(o *core.Options) { o.Store = withRefusing{w.store} })
		_, err := w.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
		require.ErrorIs(t, err, errLost)
		_, err = w.store.PaymentID(t.Context(), "m", "order-1")
		require.Equal(t, core.NotFound, core.KindOf(err))
		_, err = w.Create(t.Context(), by("other", "k"), newPayment("order-1", core.CaptureManual))
		require.NoError(t, err, "who has no endpoint is not concerned")
	})
}

// An event is sent again when somebody asks: with its id and its bytes, to all who want it.
func TestAskingForAnEventAgain(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s, late := w.shops.shop(1), w.shops.shop(2)
		e := w.endpoint("m", 1, "payment.created")
		w.create("order-1", core.CaptureManual)
		synctest.Wait()
		w.endpoint("m", 2)
		id := s.requests()[0].id()
		a, err := w.RedeliverEvent(t.Context(), request("again"), id)
		require.NoError(t, err)
		require.JSONEq(t, `{"deliveries":2}`, string(a.Snapshot))
		replayed, err := w.RedeliverEvent(t.Context(), request("again"), id)
		require.NoError(t, err)
		require.True(t, replayed.Replayed)
		synctest.Wait()
		got := s.requests()
		require.Len(t, got, 2, "a replay sends nothing")
		require.Equal(t, []string{id}, ids(late.requests()))
		require.Equal(t, got[0].body, got[1].body)
		got[1].verify(t, e.Secret)
		d := w.deliveries("m", e.ID)[0]
		require.Equal(t, []any{core.DeliverySucceeded, 2, 1}, []any{d.State, d.Sent, d.Earlier})
		require.Equal(t, []int{1, 2}, []int{d.Tries[0].Number, d.Tries[1].Number})
		l, err := w.EventDeliveries(t.Context(), "m", id, 10, "")
		require.NoError(t, err)
		require.Len(t, l.Items, 2)

		_, err = w.RedeliverEvent(t.Context(), by("other", "x"), id)
		require.Equal(t, core.NotFound, core.KindOf(err))
		_, err = w.EventDeliveries(t.Context(), "other", id, 10, "")
		require.Equal(t, core.NotFound, core.KindOf(err))
		_, err = w.Redeliver(t.Context(), request("named"), e.ID, core.WhichEvents{IDs: []string{id, "evt_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5"}})
		require.Equal(t, "field_invalid", core.CodeOf(err))
		synctest.Wait()
		require.Len(t, s.requests(), 2)
	})
}

// An event that is asked for again while it is being sent is sent again, whatever comes of the try that was under way,
// and that try is kept, too.
func TestAskingForAnEventThatIsBeingSent(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		s.says(func(n int) reply { return reply{after: 3 * time.Second, status: 204} })
		e := w.endpoint("m", 1, "payment.created")
		w.create("order-1", core.CaptureManual)
		synctest.Wait()
		require.Len(t, s.requests(), 1)
		id := s.requests()[0].id()
		time.Sleep(time.Second)
		_, err := w.RedeliverEvent(t.Context(), request("again"), id)
		require.NoError(t, err)
		synctest.Wait()
		require.Len(t, s.requests(), 2, "at once, beside the other")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		d := w.deliveries("m", e.ID)[0]
		require.Equal(t, []any{core.DeliveryPending, 1}, []any{d.State, len(d.Tries)}, "the answer to the first says nothing about the second")
		_, err = w.RedeliverEvent(t.Context(), request("once more"), id)
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		d = w.deliveries("m", e.ID)[0]
		require.Equal(t, []any{core.DeliverySucceeded, 3, 3, 2, 2}, []any{d.State, len(s.requests()), d.Sent, d.Earlier, d.Asked})
		require.Equal(t, []int{1, 2, 3}, []int{d.Tries[0].Number, d.Tries[1].Number, d.Tries[2].Number})
		time.Sleep(time.Hour)
		require.Len(t, s.requests(), 3, "nothing is left to do")
	})
}

// Every request with effect has one effect, and what shows a secret is the same when it is repeated.
func TestEndpointsAreRegisteredOnce(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		in := core.NewEndpoint{URL: address(1)}
		first, err := w.CreateEndpoint(t.Context(), request("k"), in)
		require.NoError(t, err)
		w.begin(nil)
		again, err := w.CreateEndpoint(t.Context(), request("k"), in)
		require.NoError(t, err)
		require.True(t, again.Replayed)
		require.Equal(t, string(first.Snapshot), string(again.Snapshot))
		other := request("k")
		other.Fingerprint = "another body"
		_, err = w.CreateEndpoint(t.Context(), other, in)
		require.Equal(t, "idempotency_key_reused", core.CodeOf(err))
		_, err = w.CreateEndpoint(t.Context(), request("k2"), in)
		var told *core.Error
		require.ErrorAs(t, err, &told)
		require.Equal(t, []string{"url_invalid", "/url", endpointIn(t, first).ID}, []string{told.Code, told.Pointer, told.Object})
		_, err = w.CreateEndpoint(t.Context(), request("k2"), core.NewEndpoint{URL: address(2)})
		require.NoError(t, err, "a refused request does not use its key up")

		rec, err := w.store.Idempotent(t.Context(), core.IdempotencyScope{MerchantID: "m", Route: "POST /v1/x", Key: "k"})
		require.NoError(t, err)
		require.NotContains(t, string(rec.Answer.Snapshot), "whsec_")
		for i := 3; i <= 100; i++ {
			w.endpoint("m", i)
		}
		_, err = w.CreateEndpoint(t.Context(), request("101"), core.NewEndpoint{URL: address(101)})
		require.Equal(t, "limit_reached", core.CodeOf(err))
		w.endpoint("other", 1)
		require.NoError(t, w.DeleteEndpoint(t.Context(), "m", endpointIn(t, first).ID))
		require.Equal(t, core.NotFound, core.KindOf(w.DeleteEndpoint(t.Context(), "m", endpointIn(t, first).ID)))
		w.endpoint("m", 101)
	})
}

// Under another secret_key nothing that was sealed opens: nothing is sent with a wrong signature, and nothing is lost.
func TestALostSecretKey(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		e := w.endpoint("m", 1, "payment.created")
		other, err := core.NewTokens(bytes.Repeat([]byte("x"), 32))
		require.NoError(t, err)
		w.begin(func(o *core.Options) { o.Tokens = other })
		w.create("order-1", core.CaptureManual)
		pause(time.Minute)
		require.Empty(t, s.requests())
		_, err = w.CreateEndpoint(t.Context(), request("endpoint-m1"), core.NewEndpoint{URL: address(1)})
		require.Equal(t, core.Internal, core.KindOf(err), "the answer cannot be opened")
		a, err := w.RotateSecret(t.Context(), request("r"), e.ID, false)
		require.NoError(t, err)
		pause(time.Hour)
		require.Len(t, s.requests(), 1)
		s.requests()[0].verify(t, endpointIn(t, a).Secret)
	})
}

// lag is how long after its event each request came.
func lag(t *testing.T, list []taken) (out []time.Duration) {
	for _, r := range list {
		var e struct{ Timestamp time.Time }
		require.NoError(t, json.Unmarshal(r.body, &e))
		out = append(out, r.at.Sub(e.Timestamp))
	}
	slices.Sort(out)
	return out
}

// One endpoint that hangs, one that is slow and one that refuses everything do not delay the others: the 99th percentile
// of theirs is at most a fifth more, however much waits for the bad ones. And no endpoint has more than four at a time.
func TestBadEndpointsDoNotDelayOthers(t *testing.T) {
	const healthy, rounds = 5, 200
	run := func(t *testing.T, bad bool) (p99 time.Duration, most int) {
		tell(t, func(t *testing.T, w *teller) {
			var mu sync.Mutex
			running := 0
			slow := func(d time.Duration, status int) func(int) reply {
				return func(int) reply { return reply{after: d, status: status} }
			}
			var good []*aShop
			for i := range healthy {
				s := w.shops.shop(10 + i)
				s.says(slow(100*time.Millisecond, 200))
				good = append(good, s)
				w.endpoint("m", 10+i, "payment.created")
			}
			if bad {
				for i, answer := range []func(int) reply{slow(time.Hour, 200), slow(3*time.Second, 200), always(500)} {
					s := w.shops.shop(20 + i)
					s.says(func(n int) reply {
						mu.Lock()
						defer mu.Unlock()
						if i == 0 {
							running++
							most = max(most, running)
							time.AfterFunc(15*time.Second-time.Millisecond, func() { mu.Lock(); running--; mu.Unlock() })
						}
						return answer(n)
					})
					w.endpoint("m", 20+i, "payment.created")
				}
			}
			for i := range rounds {
				w.create(fmt.Sprint("order-", i), core.CaptureManual)
				time.Sleep(100 * time.Millisecond)
			}
			pause(time.Second)
			var all []time.Duration
			for _, s := range good {
				require.Len(t, s.requests(), rounds)
				all = append(all, lag(t, s.requests())...)
			}
			slices.Sort(all)
			p99 = all[len(all)*99/100]
		})
		return p99, most
	}
	alone, _ := run(t, false)
	beside, most := run(t, true)
	t.Logf("p99 of healthy endpoints: %v alone, %v beside bad ones", alone, beside)
	require.LessOrEqual(t, beside, alone+alone/5+time.Millisecond)
	require.Equal(t, 4, most)
}

// A merchant whose endpoints are all slow delays nobody else.
func TestASlowMerchantDoesNotDelayOthers(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		for i := range 20 {
			s := w.shops.shop(20 + i)
			s.says(func(int) reply { return reply{after: 14 * time.Second, status: 200} })
			w.endpoint("m", 20+i, "payment.created")
		}
		s := w.shops.shop(10)
		w.endpoint("other", 10, "payment.created")
		for i := range 5 {
			w.create(fmt.Sprint("order-", i), core.CaptureManual)
		}
		pause(time.Second)
		_, err := w.Create(t.Context(), by("other", "create"), newPayment("order-1", core.CaptureManual))
		require.NoError(t, err)
		pause(time.Second)
		require.Len(t, s.requests(), 1)
		pause(30 * time.Minute)
		for i := range 20 {
			require.Len(t, w.shops.at[strconv.Itoa(20+i)].requests(), 5)
		}
	})
}

// What is put off for an endpoint that is out of order is sent when it works again, within some minutes.
func TestAnEndpointThatWorksAgain(t *testing.T) {
	tell(t, func(t *testing.T, w *teller) {
		s := w.shops.shop(1)
		s.says(always(500))
		e := w.endpoint("m", 1, "payment.created")
		for i := range 50 {
			w.create(fmt.Sprint("order-", i), core.CaptureManual)
			time.Sleep(time.Second)
		}
		pause(10 * time.Minute)
		tried := len(s.requests())
		require.Less(t, tried, 50*5, "a breaker spares it")
		s.says(fine)
		pause(45 * time.Minute)
		for _, d := range w.deliveries("m", e.ID) {
			require.Equal(t, core.DeliverySucceeded, d.State)
		}
	})
}
