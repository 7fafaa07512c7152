package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// Rows B-197 to B-216 of the catalogue: captures, refunds and cancellations that must not be.

// wrongly is a row that books on a payment.
func wrongly(id, payment, what string, body any, status int, code, pointer string) refused {
	return refused{id: id, method: http.MethodPost, path: "/v1/payments/" + payment + "/" + what, body: body, status: status, code: code, pointer: pointer}
}

func TestBadBookings(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	foreign := w.callAs("other", "POST", "/v1/payments", order("order-1", nil)).want(201).str("id")
	open := w.create("order-open", nil).str("id")
	held := w.authorized("order-held", nil)
	voided := w.authorized("order-voided", nil)
	w.call("POST", "/v1/payments/"+voided+"/cancel", map[string]any{}).want(200)
	paid := w.authorized("order-paid", nil)
	w.call("POST", "/v1/payments/"+paid+"/captures", map[string]any{"amount": 5000, "reference": "part-1"}).want(201)
	w.call("POST", "/v1/payments/"+paid+"/captures", map[string]any{"reference": "part-2"}).want(201)
	refunded := w.authorized("order-refunded", nil)
	w.call("POST", "/v1/payments/"+refunded+"/captures", map[string]any{}).want(201)
	w.call("POST", "/v1/payments/"+refunded+"/refunds", map[string]any{"amount": 2500, "reference": "back-1"}).want(201)
	for _, id := range []string{voided, paid, refunded} {
		w.settled(id)
	}
	db := w.raw()
	w.quiet(db)

	var rows []refused
	missing := held[:len(held)-4] + "0000"
	for _, what := range []string{"captures", "refunds", "cancel", "confirm"} {
		rows = append(rows,
			wrongly("B-197 unknown "+what, missing, what, map[string]any{}, 404, "not_found", ""),
			wrongly("B-198 foreign "+what, foreign, what, map[string]any{}, 404, "not_found", ""),
			wrongly("B-199 malformed "+what, "pay_1", what, map[string]any{}, 404, "not_found", ""),
			wrongly("B-199 lower case "+what, strings.ToLower(held), what, map[string]any{}, 404, "not_found", ""),
			wrongly("B-199 quote "+what, "pay_'%20OR%201=1", what, map[string]any{}, 404, "not_found", ""),
			wrongly("B-199 NUL "+what, "pay_%00", what, map[string]any{}, 404, "not_found", ""),
			wrongly("B-216 null "+what, held, what, "null", 400, "json_invalid", ""),
			wrongly("unknown member "+what, held, what, map[string]any{"card_number": "x"}, 422, "field_unknown", "/card_number"))
	}
	for _, c := range []struct{ what, on string }{{"captures", held}, {"refunds", refunded}} {
		rows = append(rows,
			wrongly("B-200 zero", c.on, c.what, map[string]any{"amount": 0}, 422, "amount_invalid", "/amount"),
			wrongly("B-201 negative", c.on, c.what, map[string]any{"amount": -1}, 422, "amount_invalid", "/amount"),
			wrongly("fraction", c.on, c.what, `{"amount":1.0}`, 422, "amount_invalid", "/amount"),
			wrongly("64 bits", c.on, c.what, `{"amount":9223372036854775807}`, 422, "amount_too_large", "/amount"),
			wrongly("B-202 one above what is left", c.on, c.what, map[string]any{"amount": map[string]int{"captures": 12551, "refunds": 10051}[c.what]}, 422, "amount_exceeds_remaining", "/amount"),
			wrongly("B-203 other currency", c.on, c.what, map[string]any{"amount": 1, "currency": "USD"}, 422, "currency_mismatch", "/currency"),
			wrongly("no currency", c.on, c.what, map[string]any{"amount": 1, "currency": "aed"}, 422, "currency_invalid", "/currency"),
			wrongly("B-215 long reference", c.on, c.what, map[string]any{"amount": 1, "reference": strings.Repeat("r", 300)}, 422, "reference_invalid", "/reference"),
			wrongly("reference with a path", c.on, c.what, map[string]any{"amount": 1, "reference": "../x"}, 422, "reference_invalid", "/reference"),
			wrongly("B-204 before the authorization", open, c.what, map[string]any{"amount": 1}, 409, "state_invalid", ""),
			wrongly("B-205 after the void", voided, c.what, map[string]any{"amount": 1}, 409, "state_invalid", ""))
	}
	w.refuses(db, append(rows,
		wrongly("B-206 after everything is captured", paid, "captures", map[string]any{"amount": 1}, 409, "state_invalid", ""),
		wrongly("B-207 the reference of an earlier refund", refunded, "refunds", map[string]any{"amount": 1, "reference": "back-1"}, 409, "reference_exists", ""),
		wrongly("B-210 before any capture", held, "refunds", map[string]any{"amount": 1}, 409, "state_invalid", ""),
		wrongly("B-211 one above what is captured", paid, "refunds", map[string]any{"amount": 12551}, 422, "amount_exceeds_remaining", "/amount"),
		wrongly("a capture that is none", paid, "refunds", map[string]any{"amount": 1, "capture": "cap_nothing"}, 422, "reference_invalid", "/capture"),
		wrongly("B-212 a void of what is captured", paid, "cancel", map[string]any{}, 409, "state_invalid", ""),
		wrongly("a void of what is voided", voided, "cancel", map[string]any{}, 409, "state_invalid", ""),
		wrongly("a new attempt of what is held", held, "confirm", map[string]any{}, 409, "state_invalid", ""),
		wrongly("a reason with a line break", held, "cancel", map[string]any{"reason": "a\nb"}, 422, "description_invalid", "/reason")))
	for _, id := range []string{held, voided, paid, refunded} {
		w.balanced(id)
	}
	a := w.call("POST", "/v1/payments/"+paid+"/captures", map[string]any{"amount": 1}).want(409)
	require.Equal(t, []any{"sync", "refund"}, a.body["allowed_actions"], "a state says what it allows")
}

// B-207 on a capture that was made: the reference is taken while something is left to capture.
func TestCaptureReferenceIsTaken(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	id := w.authorized("order-1", nil)
	w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 1000, "reference": "part-1"}).want(201)
	w.settled(id)
	w.refuses(w.raw(), []refused{
		wrongly("B-207", id, "captures", map[string]any{"amount": 1000, "reference": "part-1"}, 409, "reference_exists", ""),
		wrongly("B-207 with another amount", id, "captures", map[string]any{"amount": 5, "reference": "part-1"}, 409, "reference_exists", ""),
	})
	w.call("POST", "/v1/payments/"+id+"/refunds", map[string]any{"amount": 1, "reference": "part-1"}).want(201)
}

// B-208: while one call runs, no second one starts.
func TestBookingWhileAnotherRuns(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	id := w.authorized("order-1", nil)
	db := w.raw()
	w.control("faults", map[string]any{"operation": "CAPTURE", "action": "hang", "seconds": 1000})
	var wg sync.WaitGroup
	wg.Go(func() { w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 1000}) })
	require.Eventually(t, func() bool { return slices.Contains(w.asked(), "CAPTURE "+w.reference(id)) }, waitFor, tick)
	w.refuses(db, []refused{
		wrongly("B-208 capture", id, "captures", map[string]any{"amount": 1}, 409, "operation_in_progress", ""),
		wrongly("B-208 the whole", id, "captures", map[string]any{}, 409, "operation_in_progress", ""),
		wrongly("B-208 void", id, "cancel", map[string]any{}, 409, "operation_in_progress", ""),
	})
	w.control("clock", map[string]any{"advance": "20m"}) // ends the wait without an answer
	wg.Wait()
	w.eventually(id, "requires_capture")
}

// B-209: after an answer that was lost, and while the provider cannot be asked, nothing more is booked.
func TestBookingInDoubt(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	id := w.authorized("order-1", nil)
	db := w.raw()
	w.control("feedback", map[string]any{"mode": "hold"})
	w.control("faults", map[string]any{"operation": "CAPTURE", "action": "drop_after"})
	w.control("faults", map[string]any{"operation": "CHECK_STATUS", "action": "http_before", "times": 1000})
	w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 1000}).want(202)
	stored := w.get(id)
	for _, c := range []struct {
		what string
		body map[string]any
	}{{"captures", map[string]any{"amount": 1}}, {"captures", map[string]any{}}, {"cancel", map[string]any{}}, {"refunds", map[string]any{"amount": 1}}} {
		a := w.call("POST", "/v1/payments/"+id+"/"+c.what, c.body).want(409)
		require.Equal(t, "previous_operation_unresolved", a.str("code"), "%s: %s", c.what, a.raw)
	}
	require.Equal(t, stored.str("amounts"), w.get(id).str("amounts"))
	require.Len(t, w.column(db, "SELECT id FROM operations WHERE kind = 'capture'"), 1)
	w.faultless()
	w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 1}).want(201)
	require.Equal(t, "1001", w.get(id).str("amounts.captured"))
	w.balanced(id)
}

// Rows B-191 to B-196: what a key answers for.
func TestIdempotencyKeysAcrossRequests(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		key := func(r refused) refused {
			r.edit = func(h http.Header) { h.Set("Idempotency-Key", "order-1-key") }
			return r
		}
		create := func(change map[string]any) refused {
			return key(refused{method: http.MethodPost, path: "/v1/payments", body: order("order-1", change)})
		}
		refusedFirst := w.send(create(map[string]any{"currency": "XXX"})).want(422)
		require.Equal(t, "currency_invalid", refusedFirst.str("code"), "and the key is not used up")
		first := w.send(create(nil)).want(201)
		id := first.str("id")
		db := w.raw()
		w.quiet(db)
		reused := create(map[string]any{"amount": 1})
		reused.id, reused.status, reused.code = "B-191", 422, "idempotency_key_reused"
		other := create(map[string]any{"description": "another"})
		other.id, other.status, other.code = "B-191 another member", 422, "idempotency_key_reused"
		w.refuses(db, []refused{reused, other})
		w.unchanged(db, "B-195", func() {
			again := w.send(create(nil)).want(201)
			require.Equal(t, first.raw, again.raw, "B-195: byte for byte")
			require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
		})
		canceled := w.send(key(refused{method: http.MethodPost, path: "/v1/payments/" + id + "/cancel", body: map[string]any{}})).want(200)
		require.Equal(t, "canceled", canceled.str("status"), "B-192: another route is another scope")
		require.NotEqual(t, id, w.callAs("other", "POST", "/v1/payments", order("order-1", nil), "Idempotency-Key", "order-1-key").want(201).str("id"), "B-193: another merchant too")

		text, _, err := newKey(t.Context(), w.service.store, "main", core.ScopeMerchant, time.Time{})
		require.NoError(t, err)
		w.keys["main"] = text
		w.quiet(db)
		w.unchanged(db, "B-196", func() {
			require.Equal(t, first.raw, w.send(create(nil)).want(201).raw, "B-196: after the API key was rotated")
		})
	})
}

// B-194: the same key while its first request runs.
func TestIdempotencyKeyWhileItRuns(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	id := w.authorized("order-1", nil)
	capture := wrongly("B-194", id, "captures", map[string]any{"amount": 1000}, 409, "idempotency_in_progress", "")
	capture.edit = func(h http.Header) { h.Set("Idempotency-Key", "capture-1") }
	w.control("faults", map[string]any{"operation": "CAPTURE", "action": "delay_effect", "seconds": 1000})
	var wg sync.WaitGroup
	var first *answer
	wg.Go(func() { first = w.send(capture) })
	require.Eventually(t, func() bool { return slices.Contains(w.asked(), "CAPTURE "+w.reference(id)) }, waitFor, tick)
	w.refuses(w.raw(), []refused{capture})
	w.control("clock", map[string]any{"advance": "20m"})
	wg.Wait()
	first.want(201)
	require.Equal(t, first.raw, w.send(capture).want(201).raw)
	w.settled(id)
	w.balanced(id)
	require.Equal(t, "1000", w.get(id).str("amounts.captured"))
}
