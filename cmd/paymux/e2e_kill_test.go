package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/storage/storagetest"
)

// kill -9 of the program as it is shipped, at moments that are certain; then it is started again and
// the simulator's books are the judge.

func TestKill9(t *testing.T) {
	binary := build(t)
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": storagetest.SQLiteDSN, "postgres": storagetest.PostgresDSN} {
		for subject, test := range map[string]func(*testing.T, *mortal){
			"booking": testKilledInBookings, "feedback": testKilledBeforeApply,
		} {
			t.Run(subject+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(t, newMortal(t, binary, dsn(t)))
			})
		}
	}
}

// booking is one call with effect during which the program dies.
type booking struct {
	command string // the provider's word
	effect  string // the books' word
	capture string // how the payment was created
	path    string
	body    map[string]any
	status  int    // of the final answer
	final   string // its status
	minor   int64

	late               bool // the provider had answered
	id, reference, key string
}

func bookings() (out []*booking) {
	for _, late := range []bool{true, false} {
		out = append(out,
			&booking{command: "CAPTURE", effect: "capture", capture: "manual", path: "captures", body: map[string]any{"amount": 5000}, status: 201, final: "succeeded", minor: 5000, late: late},
			&booking{command: "REFUND", effect: "refund", capture: "automatic", path: "refunds", body: map[string]any{"amount": 5000}, status: 201, final: "succeeded", minor: 5000, late: late},
			&booking{command: "VOID_AUTHORIZATION", effect: "void", capture: "manual", path: "cancel", body: map[string]any{}, status: 200, final: "canceled", minor: 12550, late: late})
	}
	return out
}

func (b *booking) String() string {
	if b.late {
		return b.command + ", killed after the provider's answer"
	}
	return b.command + ", killed before the provider was asked"
}

// testKilledInBookings: F-C06, F-C07, F-C13 to F-C15. The simulator's notifications are dropped: what is found out is
// found out by asking.
func testKilledInBookings(t *testing.T, k *mortal) {
	all := bookings()
	for i, b := range all {
		p := k.create(fmt.Sprintf("order-%d", i), map[string]any{"capture_method": b.capture})
		b.id, b.key = p.str("id"), fmt.Sprintf("key-%d", i)
		b.reference = k.buyAtPage(p)
		k.eventuallySynced(b.id, map[string]string{"manual": "requires_capture", "automatic": "succeeded"}[b.capture])
		k.control("feedback", map[string]any{"mode": "drop"})
		k.gate.arm(b.command, b.late)
		k.dies("/v1/payments/"+b.id+"/"+b.path, b.body, b.key)
		want := 0
		if b.late {
			want = 1
		}
		times, _ := k.effects(b.reference, b.effect)
		require.Equal(t, want, times, "%v: the test's own premise: what the simulator booked", b)
		k.start()
		k.control("feedback", map[string]any{"mode": "normal"})
		status, raw, err := k.try("POST", "/v1/payments/"+b.id+"/"+b.path, b.body, b.key)
		require.NoError(t, err)
		require.Contains(t, []int{b.status, 202, 409}, status, "%v: the repetition right after the start: %s", b, raw)
		require.NotContains(t, raw, `"failed"`, "%v: nothing proves a failure", b)
		times, _ = k.effects(b.reference, b.effect)
		require.LessOrEqual(t, times, 1, "%v: DOUBLE EFFECT", b)
	}
	for _, b := range all {
		if b.late {
			k.foundOut(b)
		} else {
			k.stillOpen(b)
		}
	}
}

// eventuallySynced asks the provider until the payment has this status.
func (k *mortal) eventuallySynced(id, status string) {
	k.t.Helper()
	var a *answer
	require.Eventually(k.t, func() bool {
		a = k.call("POST", "/v1/payments/"+id+"/sync", nil).want(200)
		return a.str("status") == status
	}, waitFor, tick, "payment %s never became %s", id, status)
}

// repeated makes the merchant's request again, with its key, until the program has an answer that the lease of the dead
// process does not stand in the way of, and asks the provider in between.
func (k *mortal) repeated(b *booking) *answer {
	k.t.Helper()
	var a *answer
	require.Eventually(k.t, func() bool {
		k.call("POST", "/v1/payments/"+b.id+"/sync", nil).want(200)
		a = k.call("POST", "/v1/payments/"+b.id+"/"+b.path, b.body, "Idempotency-Key", b.key)
		return a.status != http.StatusConflict
	}, 20*time.Second, 100*time.Millisecond, "%v: the key was never free again", b)
	return a
}

// foundOut: the provider did it once, and everybody knows.
func (k *mortal) foundOut(b *booking) {
	k.t.Helper()
	a := k.repeated(b).want(b.status)
	require.Equal(k.t, b.final, a.str("status"), "%v: %s", b, a.raw)
	require.Equal(k.t, "true", a.header.Get("Idempotent-Replayed"), "%v", b)
	times, minor := k.effects(b.reference, b.effect)
	require.Equal(k.t, 1, times, "%v: DOUBLE EFFECT", b)
	require.Equal(k.t, b.minor, minor, "%v", b)
	p := k.agrees(b.id, b.reference)
	require.Equal(k.t, "0", p.str("amounts.in_doubt"), "%v", b)
	require.Equal(k.t, 1, count(k.events(b.id), eventOf[b.effect]), "%v: %v", b, k.events(b.id))
}

// eventOf is what the merchant is told of an effect.
var eventOf = map[string]string{"capture": "capture.succeeded", "refund": "refund.succeeded", "void": "payment.canceled"}

// leftOf is what an effect takes from.
var leftOf = map[string]string{"capture": "capturable", "refund": "refundable"}

func count(list []string, of string) (n int) {
	for _, s := range list {
		if s == of {
			n++
		}
	}
	return n
}

// stillOpen: the provider did nothing, which nothing proves. The doubt is shown, its amount is reserved, and nothing is
// claimed either way; an effect, if the provider's rule allows to ask for it again, happens once.
func (k *mortal) stillOpen(b *booking) {
	k.t.Helper()
	a := k.repeated(b)
	require.Contains(k.t, []int{202, b.status}, a.status, "%v: %s", b, a.raw)
	times, _ := k.effects(b.reference, b.effect)
	require.LessOrEqual(k.t, times, 1, "%v: DOUBLE EFFECT", b)
	p := k.agrees(b.id, b.reference)
	events := k.events(b.id)
	require.False(k.t, slices.ContainsFunc(events, func(e string) bool { return strings.HasSuffix(e, ".failed") }), "%v: FAILED WITHOUT PROOF: %v", b, events)
	require.NotEqual(k.t, "failed", a.str("status"), "%v: FAILED WITHOUT PROOF: %s", b, a.raw)
	if times == 1 {
		k.foundOut(b)
		return
	}
	require.Equal(k.t, http.StatusAccepted, a.status, "%v: CLAIMED though the provider did nothing: %s", b, a.raw)
	require.Zero(k.t, count(events, eventOf[b.effect]), "%v: CLAIMED though the provider did nothing: %v", b, events)
	if b.effect == "void" {
		require.Equal(k.t, "processing", p.str("status"), "%v", b)
	} else {
		require.Equal(k.t, fmt.Sprint(b.minor), p.str("amounts.in_doubt"), "%v: the doubt is not shown: %s", b, p.raw)
		require.Equal(k.t, fmt.Sprint(12550-b.minor), p.str("amounts."+leftOf[b.effect]), "%v: the amount in doubt is not reserved: %s", b, p.raw)
	}
	other := k.call("POST", "/v1/payments/"+b.id+"/"+b.path, b.body).want(409)
	require.Contains(k.t, []string{"previous_operation_unresolved", "state_invalid"}, other.str("code"), "%v: %s", b, other.raw)
	times, _ = k.effects(b.reference, b.effect)
	require.Zero(k.t, times, "%v", b)
}

// testKilledBeforeApply: F-C18 and F-C19. Feedback is stored and acknowledged; the program is killed on the
// acknowledgement. Until then the database holds the applying transaction up, so that it cannot have been faster.
func testKilledBeforeApply(t *testing.T, k *mortal) {
	p := k.create("order-1", nil)
	id := p.str("id")
	release := holdUp(t, k.dsn, id)
	k.door.arm()
	k.buyAtPage(p)
	require.Eventually(t, func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.process == nil }, waitFor, tick, "the feedback was never acknowledged")
	release()

	db := bare(t, k.dsn)
	var state, status string
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT state FROM feedback").Scan(&state), "ACKNOWLEDGED AND LOST")
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT status FROM payments").Scan(&status))
	require.NoError(t, db.Close())
	require.Equal(t, "received", state, "it was applied before the kill: the test proves nothing")
	require.Equal(t, "requires_action", status, "half applied")

	k.start()
	k.eventually(id, "requires_capture")
	require.Eventually(t, func() bool {
		items := k.call("GET", "/v1/feedback", nil).want(200).body["data"].([]any)
		return len(items) == 1 && items[0].(map[string]any)["state"] == "applied"
	}, 3*waitFor, tick, "acknowledged feedback was not applied after the start, nor when the lease of the dead process was over")
	k.agrees(id, fields(p)["merchant_reference"])
	require.Equal(t, []string{"payment.created", "payment.action_required", "payment.authorized"}, k.events(id), "applied once")
}

// holdUp keeps every change of the payment from being committed until release: by its row's lock on Postgres, on
// SQLite by a trigger that counts beyond all patience. Storing feedback touches no payment.
func holdUp(t *testing.T, dsn, id string) (release func()) {
	t.Helper()
	db := bare(t, dsn)
	if !strings.HasPrefix(dsn, "sqlite:") {
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), "SELECT 1 FROM payments WHERE id = $1 FOR UPDATE", id)
		require.NoError(t, err)
		return func() { require.NoError(t, tx.Rollback()); require.NoError(t, db.Close()) }
	}
	statements := func(db *sql.DB, all ...string) {
		for _, s := range all {
			_, err := db.ExecContext(t.Context(), s)
			require.NoError(t, err, s)
		}
		require.NoError(t, db.Close())
	}
	statements(db, "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
		"CREATE TRIGGER held_up BEFORE UPDATE ON payments BEGIN SELECT count(*) FROM endless; END")
	return func() { statements(bare(t, dsn), "DROP TRIGGER held_up", "DROP VIEW endless") }
}
