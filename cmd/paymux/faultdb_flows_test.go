package main

import (
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// flow is one thing the program does: what stands before it, the thing itself, and what is true in the end. The thing
// is done while the database breaks, and then once more by a patient client who knows nothing of it.
type flow struct {
	name    string
	before  func(w *faultWorld)
	act     func(w *faultWorld, patient bool)
	want    []int64 // authorized, captured, refunded, voided, as the provider's books have it in the end
	status  string
	decided bool // a person may have to decide what became of it
}

var flows = []flow{
	{name: "create", act: (*faultWorld).create, want: []int64{0, 0, 0, 0}, status: "requires_action"},
	{name: "another attempt", before: expired, act: func(w *faultWorld, patient bool) {
		w.ask(patient, "POST", "/v1/payments/"+w.id+"/confirm", map[string]any{}, "confirm")
	}, want: []int64{0, 0, 0, 0}, status: "requires_action"},
	{name: "hosted page", before: created, act: func(w *faultWorld, patient bool) {
		w.browse(patient, func() *sheet { return w.buyer.open(w.page.url) })
	}, want: []int64{0, 0, 0, 0}, status: "requires_action"},
	{name: "buyer's return", before: atTheEnd, act: func(w *faultWorld, patient bool) {
		w.browse(patient, func() *sheet { return w.page.submit("") })
	}, want: []int64{12550, 0, 0, 0}, status: "requires_capture"},
	{name: "feedback", before: atTheEnd, act: func(w *faultWorld, patient bool) {
		if !patient { // it sends again what is not acknowledged
			w.control("feedback", map[string]any{"release": true})
		}
	}, want: []int64{12550, 0, 0, 0}, status: "requires_capture"},
	{name: "capture of the whole", before: authorized, act: books("captures", nil), want: []int64{12550, 12550, 0, 0}, status: "succeeded"},
	{name: "capture of a part", before: authorized, act: books("captures", 6000), want: []int64{12550, 6000, 0, 0}, status: "partially_captured", decided: true},
	{name: "refund", before: captured, act: books("refunds", 2000), want: []int64{12550, 12550, 2000, 0}, status: "succeeded"},
	{name: "void", before: authorized, act: cancel, want: []int64{12550, 0, 0, 12550}, status: "canceled"},
	{name: "cancel before the buyer paid", before: created, act: cancel, want: []int64{0, 0, 0, 0}, status: "canceled"},
	{name: "telling the merchant", before: heard, act: cancel, want: []int64{0, 0, 0, 0}, status: "canceled"},
	{name: "charge of a mandate", before: saved, act: func(w *faultWorld, patient bool) {
		body := order("order-2", map[string]any{"capture_method": "automatic", "mandate": w.secret, "off_session": true, "return_url": nil, "cancel_url": nil, "method": nil})
		if a := w.ask(patient, "POST", "/v1/payments", body, "charge"); a.status < 300 {
			w.id = a.str("id")
		}
	}, want: []int64{12550, 12550, 0, 0}, status: "succeeded"},
	{name: "end of a mandate", before: saved, act: func(w *faultWorld, patient bool) {
		w.ask(patient, "POST", "/v1/mandates/"+w.secret+"/cancel", map[string]any{}, "end")
	}, want: []int64{12550, 12550, 0, 0}, status: "succeeded"},
	{name: "sync", before: paidUnheard, act: func(w *faultWorld, patient bool) { w.ask(patient, "POST", "/v1/payments/"+w.id+"/sync", nil, "") },
		want: []int64{12550, 0, 0, 0}, status: "requires_capture"},
	{name: "asking in the background", before: paidUnheard, act: func(*faultWorld, bool) { time.Sleep(30 * time.Second) }, want: []int64{12550, 0, 0, 0}, status: "requires_capture"},
	{name: "asking what became of a capture", before: doubted, act: func(w *faultWorld, patient bool) {
		time.Sleep(30 * time.Second)
		if patient {
			w.ask(true, "POST", "/v1/payments/"+w.id+"/captures", map[string]any{}, "capture")
		}
	}, want: []int64{12550, 12550, 0, 0}, status: "succeeded"},
	{name: "change of metadata", before: authorized, act: func(w *faultWorld, patient bool) {
		w.ask(patient, "PATCH", "/v1/payments/"+w.id, map[string]any{"metadata": map[string]any{"cart": "78"}}, "")
	}, want: []int64{12550, 0, 0, 0}, status: "requires_capture"},
	{name: "reading", before: authorized, act: reading, want: []int64{12550, 0, 0, 0}, status: "requires_capture"},
	{name: "start of the program", before: authorized, act: func(w *faultWorld, patient bool) {
		w.stop()
		if err := w.start(); err != nil {
			require.False(w.t, patient, "it does not start: %v", err)
		}
	}, want: []int64{12550, 0, 0, 0}, status: "requires_capture"},
	{name: "keys", before: authorized, act: keys, want: []int64{12550, 0, 0, 0}, status: "requires_capture"},
}

func created(w *faultWorld) {
	w.create(true)
	w.page = w.buyer.open(w.secret)
	require.Equal(w.t, http.StatusOK, w.page.status)
}

// heard has the merchant hear of a payment that is created.
func heard(w *faultWorld) {
	a := w.ask(true, "POST", "/v1/webhook-endpoints", map[string]any{"url": hookURL + "/hooks"}, "endpoint")
	w.hears = a.str("secret")
	created(w)
	time.Sleep(time.Second)
	require.NotEmpty(w.t, w.told())
}

// create creates the payment. Its hosted page is kept in secret.
func (w *faultWorld) create(patient bool) {
	if a := w.ask(patient, "POST", "/v1/payments", order("order-1", nil), "create"); a.status < 300 {
		w.id, w.secret = a.str("id"), a.str("next_action.hosted_url")
	}
}

// atTheEnd has the buyer pay and stand before the form that brings him back; the provider's messages are held back.
func atTheEnd(w *faultWorld) {
	created(w)
	time.Sleep(8 * time.Second) // the first question is asked
	w.control("feedback", map[string]any{"mode": "hold"})
	w.page = w.page.submit("").card(cardPlain)
}

// paidUnheard has the buyer pay and leave, and the provider tell nobody.
func paidUnheard(w *faultWorld) {
	created(w)
	w.control("feedback", map[string]any{"mode": "drop", "times": 100})
	w.page = w.page.submit("").card(cardPlain)
}

// expired lets the buyer's time at the provider run out.
func expired(w *faultWorld) {
	created(w)
	time.Sleep(time.Hour)
	w.settled("requires_payment_method")
}

func authorized(w *faultWorld) {
	created(w)
	w.page.submit("").card(cardPlain).submit("")
	w.settled("requires_capture")
}

func captured(w *faultWorld) {
	authorized(w)
	w.ask(true, "POST", "/v1/payments/"+w.id+"/captures", map[string]any{}, "capture")
	w.settled("succeeded")
}

// doubted has a capture carried out whose answer is lost, and of which nobody tells.
func doubted(w *faultWorld) {
	authorized(w)
	w.control("feedback", map[string]any{"mode": "drop", "times": 100})
	w.control("faults", map[string]any{"operation": "CAPTURE", "nth": 1, "times": 1, "action": "drop_after"})
	a := w.ask(true, "POST", "/v1/payments/"+w.id+"/captures", map[string]any{}, "capture")
	require.Equal(w.t, http.StatusAccepted, a.status, a.raw)
}

// saved is a payment with a card kept for later; secret is the mandate.
func saved(w *faultWorld) {
	a := w.ask(true, "POST", "/v1/payments", order("order-1", map[string]any{"capture_method": "automatic", "save": map[string]any{"kind": "unscheduled"}}), "create")
	w.id, w.secret = a.str("id"), a.str("mandate")
	w.buyer.open(a.str("next_action.hosted_url")).submit("").card(cardPlain).submit("")
	w.settled("succeeded")
	require.Equal(w.t, "active", w.call("GET", "/v1/mandates/"+w.secret, nil, "").str("status"))
}

// settled waits for what happens in the background.
func (w *faultWorld) settled(status string) {
	time.Sleep(time.Minute)
	require.Equal(w.t, status, w.call("GET", "/v1/payments/"+w.id, nil, "").str("status"))
}

func books(what string, amount any) func(*faultWorld, bool) {
	return func(w *faultWorld, patient bool) {
		body := map[string]any{}
		if amount != nil {
			body["amount"] = amount
		}
		w.ask(patient, "POST", "/v1/payments/"+w.id+"/"+what, body, what)
	}
}

func cancel(w *faultWorld, patient bool) {
	w.ask(patient, "POST", "/v1/payments/"+w.id+"/cancel", map[string]any{}, "cancel")
}

// reading reads everything there is to read.
func reading(w *faultWorld, patient bool) {
	for _, path := range []string{"/payments", "/payments/" + w.id, "/payments/" + w.id + "/timeline", "/payments/" + w.id + "/captures", "/events", "/feedback", "/mandates", "/accounts"} {
		w.ask(patient, "GET", "/v1"+path, nil, "")
	}
}

// browse loads a page as a buyer does, who reloads what does not come.
func (w *faultWorld) browse(patient bool, load func() *sheet) {
	page := load()
	for wait := 0; patient && page.status >= 500 && wait < 100; wait++ {
		time.Sleep(10 * time.Second)
		page = load()
	}
	if patient || page.status < 500 {
		require.Equal(w.t, http.StatusOK, page.status, "what is there is not denied: %s", page.html)
	}
}

// keys makes a key, uses it, notes that, and revokes it.
func keys(w *faultWorld, patient bool) {
	ctx := w.t.Context()
	must := func(err error) bool {
		if patient {
			require.NoError(w.t, err)
		}
		return err == nil
	}
	text, key, err := newKey(ctx, w.service.store, "main", core.ScopeMerchant, time.Time{})
	if !must(err) {
		return
	}
	if _, err = w.service.keys.Authenticate(ctx, text); !must(err) {
		require.NotEqual(w.t, core.Unauthenticated, core.KindOf(err), "the key is valid")
	}
	must(w.service.keys.Flush(ctx))
	if !must(w.service.store.Do(ctx, "keys", func(tx core.Tx) error { return tx.RevokeAPIKey(key.ID, time.Now()) })) {
		return
	}
	if _, err = w.service.keys.Authenticate(ctx, text); core.KindOf(err) != core.Unauthenticated {
		require.False(w.t, patient || err == nil || strings.Contains(err.Error(), "panic"), "the key is revoked: %v", err)
	}
}
