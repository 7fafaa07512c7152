package core_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

func (d *desk) load(recordings ...core.Recording) []core.ImportView {
	d.t.Helper()
	a, err := d.Import(d.t.Context(), core.Request{}, recordings)
	require.NoError(d.t, err)
	var list core.ImportListView
	require.NoError(d.t, json.Unmarshal(a.Snapshot, &list))
	d.Drain(d.t.Context())
	return list.Items
}

// What one installation was told can be loaded into another that has the same payments, once, and stands there where it
// stood in time.
func TestRecordingsGoFromOneInstallationToAnother(t *testing.T) {
	from, to := newDesk(t), newDesk(t)
	for i := range 3 {
		from.authorized(fmt.Sprint("order-", i))
		to.create(fmt.Sprint("order-", i), core.CaptureManual)
	}
	var recordings []core.Recording
	for _, item := range from.items(core.InboxQuery{}) {
		rec := item.Recording()
		rec.Headers = map[string]string{"X-Signature": "right"} // the scripted provider signs there
		text, err := json.Marshal(rec)
		require.NoError(t, err)
		var read core.Recording
		require.NoError(t, json.Unmarshal(text, &read))
		require.Equal(t, rec, read)
		recordings = append(recordings, read)
	}
	recordings[0].ReceivedAt = recordings[0].ReceivedAt.Add(-365 * 24 * time.Hour)
	for _, v := range to.load(recordings[2], recordings[1], recordings[0]) {
		require.Equal(t, core.ImportStored, v.Outcome, v.Reason)
	}
	items := to.items(core.InboxQuery{})
	for i, item := range items {
		require.Equal(t, []any{core.InboxApplied, recordings[i].ReceivedAt}, []any{item.State, item.ReceivedAt}, "ordered by when they were told")
		require.Equal(t, int64(10000), to.payment(item.Place.PaymentID).Amounts.Authorized)
	}
	old := to.items(core.InboxQuery{To: time.Now().Add(-time.Hour)})
	require.Len(t, old, 1)
	require.Equal(t, items[0].ID, old[0].ID)
	for _, v := range to.load(recordings...) {
		require.Equal(t, core.ImportDuplicate, v.Outcome)
	}
	require.Len(t, to.items(core.InboxQuery{}), 3)
}

// A recording proves no more than a message that comes in. One that does not leaves nothing, and the others are loaded.
func TestRecordingsThatAreRefused(t *testing.T) {
	d := newDesk(t)
	op := d.op(d.create("order-1", core.CaptureManual).ID, core.OpStart).Op
	m := coretest.Message(core.Feedback{Reference: op.Reference, DedupeKey: "x", Facts: []core.Fact{coretest.Authorized(op, false)}})
	good := core.Recording{Account: "acc", ContentType: "application/json", Headers: map[string]string{"X-Signature": "right"}, Body: m.Body, ReceivedAt: time.Now()}
	altered := func(f func(*core.Recording)) core.Recording {
		rec := good
		f(&rec)
		return rec
	}
	var got []string
	for _, v := range d.load(
		altered(func(r *core.Recording) { r.Account = "nowhere" }),
		altered(func(r *core.Recording) { r.Headers = nil }),
		altered(func(r *core.Recording) { r.Headers = map[string]string{"X-Signature": "wrong"} }),
		altered(func(r *core.Recording) { r.Masked = true }),
		altered(func(r *core.Recording) { r.ReceivedAt = time.Time{} }),
		altered(func(r *core.Recording) { r.ReceivedAt = time.Now().Add(time.Hour) }),
		altered(func(r *core.Recording) { r.Body = nil }),
	) {
		require.Equal(t, core.ImportRefused, v.Outcome)
		require.Empty(t, v.Feedback)
		got = append(got, v.Reason)
	}
	require.Equal(t, []string{"account_unknown", "not_authentic", "not_authentic", "masked", "received_at_invalid", "received_at_invalid", "not_authentic"}, got)
	require.Empty(t, d.items(core.InboxQuery{}))
	require.Equal(t, core.ImportStored, d.load(good)[0].Outcome)
}
