package core_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

func (d *desk) replay(id string) (v core.ReplayView) {
	d.t.Helper()
	a, err := d.Replay(d.t.Context(), core.Request{}, id)
	require.NoError(d.t, err)
	require.NoError(d.t, json.Unmarshal(a.Snapshot, &v))
	d.Drain(d.t.Context())
	return v
}

func (d *desk) evidence(id string) int {
	d.t.Helper()
	all, err := d.store.Evidence(d.t.Context(), id)
	require.NoError(d.t, err)
	return len(all)
}

// An adapter that has learnt a code understands what came before it had, and once is enough.
func TestAReplayUnderstandsWhatWasLearntSince(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	op := d.op(v.ID, core.OpStart).Op
	d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "x", Note: "code 77 is not known"})
	item := d.items(core.InboxQuery{})[0]
	require.Equal(t, core.InboxApplied, item.State)
	require.Zero(t, d.payment(v.ID).Amounts.Authorized)

	d.provider.OnRead = func(m core.Message) (core.Feedback, error) {
		require.Equal(t, item.Raw, m.Body)
		require.Equal(t, "application/json", m.Header.Get("Content-Type"))
		require.Empty(t, m.Header.Get("X-Signature"), "nothing is left to judge it by")
		return core.Feedback{Reference: op.Reference, Facts: []core.Fact{coretest.Authorized(op, false)}, Shown: "code 77"}, nil
	}
	require.Equal(t, core.ReplayView{Feedback: item.ID, Outcome: core.ReplayApplied, Payment: v.ID, NewFacts: 1}, d.replay(item.ID))
	p, evidence := d.payment(v.ID), d.evidence(v.ID)
	require.Equal(t, core.StatusRequiresCapture, p.Status)
	require.Contains(t, string(d.items(core.InboxQuery{})[0].Feedback), "code 77")

	require.Equal(t, core.ReplayView{Feedback: item.ID, Outcome: core.ReplayApplied, Payment: v.ID}, d.replay(item.ID))
	require.Equal(t, p, d.payment(v.ID), "what says nothing new changes nothing")
	require.Equal(t, evidence, d.evidence(v.ID))
	require.Equal(t, []string{"payment.created", "payment.action_required", "payment.authorized"}, d.events(v.ID))
}

// What the adapter cannot read any more is applied as it was understood when it came, and so is a message of an account
// that is no longer configured.
func TestAReplayOfWhatCannotBeReadAnyMore(t *testing.T) {
	for name, change := range map[string]func(d *desk){
		"the adapter cannot read it": func(d *desk) {
			d.provider.OnRead = func(core.Message) (core.Feedback, error) { return core.Feedback{}, core.Malformed(nil) }
		},
		"the adapter breaks":  func(d *desk) { d.provider.OnRead = func(core.Message) (core.Feedback, error) { panic("it broke") } },
		"the account is gone": func(d *desk) { d.open(func(o *core.Options) { o.Accounts = nil }) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			reference := theReferenceOf(t, "order-1")
			d.receive(core.Feedback{Reference: reference, DedupeKey: "x", Facts: []core.Fact{coretest.Authorized(core.Op{Reference: reference, Amount: core.Money{Minor: 10000, Currency: "EUR"}}, false)}})
			item := d.items(core.InboxQuery{})[0]
			require.Equal(t, core.InboxUnmatched, item.State)
			require.Equal(t, core.ReplayUnmatched, d.replay(item.ID).Outcome)
			v := d.create("order-1", core.CaptureManual)
			change(d)
			require.Equal(t, core.ReplayView{Feedback: item.ID, Outcome: core.ReplayApplied, Payment: v.ID, NewFacts: 1}, d.replay(item.ID))
			require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Authorized)
			next, err := d.store.NextWork(t.Context(), []core.WorkKind{core.WorkApply})
			require.NoError(t, err)
			require.True(t, next.IsZero(), "nothing more is to be done with it")
		})
	}
}

// What was applied stays with its payment, whatever references it names now: nothing counts at two payments.
func TestAReplayStaysWithItsPayment(t *testing.T) {
	d := newDesk(t)
	first, second := d.authorized("order-1"), d.authorized("order-2")
	item := d.items(core.InboxQuery{Payment: first.ID})[0]
	d.provider.OnRead = func(core.Message) (core.Feedback, error) {
		return core.Feedback{Reference: d.op(second.ID, core.OpStart).Reference, Facts: []core.Fact{coretest.Authorized(d.op(second.ID, core.OpStart).Op, true)}}, nil
	}
	require.Equal(t, first.ID, d.replay(item.ID).Payment)
	require.Zero(t, d.payment(second.ID).Amounts.Captured)
}

func TestAReplayOfNothing(t *testing.T) {
	d := newDesk(t)
	for _, id := range []string{"fb_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5", "x", ""} {
		_, err := d.Replay(t.Context(), core.Request{}, id)
		require.Equal(t, core.NotFound, core.KindOf(err), id)
	}
}

// A small window is done before the answer, a large one in the background; both once.
func TestReplayOfAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		began := time.Now()
		var payments []core.View
		for i := range 25 {
			v := d.create("order-"+string(rune('a'+i)), core.CaptureManual)
			op := d.op(v.ID, core.OpStart).Op
			d.receive(core.Feedback{Reference: op.Reference, DedupeKey: op.Reference, Note: "not known"})
			payments = append(payments, v)
			time.Sleep(time.Second)
		}
		d.provider.OnRead = func(m core.Message) (fb core.Feedback, err error) {
			err = json.Unmarshal(m.Body, &fb)
			fb.Facts = []core.Fact{coretest.Authorized(core.Op{Reference: fb.Reference, Amount: core.Money{Minor: 10000, Currency: "EUR"}}, false)}
			return fb, err
		}
		window := func(w core.ReplayWindow, status int) (list core.ReplayListView) {
			t.Helper()
			a, err := d.ReplayWindow(t.Context(), core.Request{MerchantID: "m"}, w)
			require.NoError(t, err)
			require.Equal(t, status, a.Status)
			require.NoError(t, json.Unmarshal(a.Snapshot, &list))
			return list
		}
		for _, none := range []core.ReplayWindow{
			{From: began.Add(-time.Hour), To: began}, {From: began.Add(25 * time.Second), To: began.Add(time.Hour)},
			{From: began, To: began.Add(time.Hour), State: core.InboxDead}, {From: began.Add(-time.Hour), To: began, Account: "acc"},
		} {
			require.Empty(t, window(none, 200).Items)
		}
		_, err := d.ReplayWindow(t.Context(), core.Request{MerchantID: "m"}, core.ReplayWindow{From: began, To: began.Add(time.Hour), Account: "another"})
		require.Equal(t, "account_unknown", core.CodeOf(err))
		list := window(core.ReplayWindow{From: began, To: began.Add(3 * time.Second)}, 200)
		require.Len(t, list.Items, 3)
		for i, v := range list.Items {
			require.Equal(t, []any{core.ReplayApplied, payments[i].ID, 1}, []any{v.Outcome, v.Payment, v.NewFacts}, "the longest received first")
		}
		w := core.ReplayWindow{From: began, To: began.Add(time.Hour), Account: "acc", State: core.InboxApplied, Limit: 2}
		list = window(w, 200)
		require.Equal(t, []string{payments[0].ID, payments[1].ID}, []string{list.Items[0].Payment, list.Items[1].Payment})
		w.Cursor = list.Next
		list = window(w, 200)
		require.Equal(t, []string{payments[2].ID, payments[3].ID}, []string{list.Items[0].Payment, list.Items[1].Payment})
		require.Equal(t, []int{0, 1}, []int{list.Items[0].NewFacts, list.Items[1].NewFacts})

		list = window(core.ReplayWindow{From: began, To: began.Add(time.Hour)}, 202)
		require.Len(t, list.Items, 25)
		require.Equal(t, core.ReplayQueued, list.Items[24].Outcome)
		require.Empty(t, list.Next)
		require.Zero(t, d.payment(payments[24].ID).Amounts.Authorized)
		defer d.working()()
		time.Sleep(time.Second)
		for _, v := range payments {
			require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Authorized)
		}
		next, err := d.store.NextWork(t.Context(), []core.WorkKind{core.WorkReplay})
		require.NoError(t, err)
		require.True(t, next.IsZero(), "the background is done with them")

		for pointer, wrong := range map[string]core.ReplayWindow{
			"/to": {From: began, To: began}, "/limit": {From: began, To: began.Add(1), Limit: 1001}, "/cursor": {From: began, To: began.Add(1), Cursor: "x"},
		} {
			_, err := d.ReplayWindow(t.Context(), core.Request{}, wrong)
			var e *core.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, pointer, e.Pointer)
		}
	})
}

// A request without an operation is done once for its key; what it refuses leaves the key free.
func TestAReplayIsAnsweredOnceForItsKey(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	item := d.items(core.InboxQuery{})[0]
	_, err := d.ReplayWindow(t.Context(), request("k"), core.ReplayWindow{})
	require.Equal(t, core.Invalid, core.KindOf(err))
	first, err := d.Replay(t.Context(), request("k"), item.ID)
	require.NoError(t, err)
	d.provider.OnRead = func(core.Message) (core.Feedback, error) { panic("it is read once") }
	again, err := d.Replay(t.Context(), request("k"), item.ID)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, first.Snapshot, again.Snapshot)
	other := request("k")
	other.Fingerprint = "other"
	_, err = d.Replay(t.Context(), other, item.ID)
	require.Equal(t, "idempotency_key_reused", core.CodeOf(err))
	require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Authorized)
}

// While the first request runs its key is taken; when its process has died in it, a repetition does it again.
func TestAKeyWhoseProcessDiedIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.authorized("order-1")
		item := d.items(core.InboxQuery{})[0]
		reading := make(chan struct{})
		d.provider.OnRead = func(core.Message) (core.Feedback, error) { <-reading; return core.Feedback{}, core.Malformed(nil) }
		go func() { _, _ = d.Replay(t.Context(), request("k"), item.ID) }()
		synctest.Wait()
		_, err := d.Replay(t.Context(), request("k"), item.ID)
		require.Equal(t, "idempotency_in_progress", core.CodeOf(err))
		time.Sleep(2 * time.Minute)
		d.provider.OnRead = nil
		_, err = d.Replay(t.Context(), request("k"), item.ID)
		require.NoError(t, err)
		close(reading)
		synctest.Wait()
	})
}
