package campaign

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/paymux/paymux/api/webhook"
	"github.com/paymux/paymux/core"
)

// Each merchant has a server that is told of his events. It loses, delays and refuses messages, or takes them and loses
// its answer; some are down for hours or days. In the end every event must have reached it.

// hook is a merchant's server.
type hook struct {
	host, id string
	verifier *standardwebhooks.Webhook
	from, to time.Time // it is down

	mu  sync.Mutex
	got map[string]*sight // by id of the event
}

// sight is an event as it came.
type sight struct {
	body  string
	times int
}

// hookFaults are what can happen to a message to a merchant.
var hookFaults = []choice{{refused, 15}, {silentBefore, 15}, {silentAfter, 30}, {proxyFails, 10}, {proxyAfter, 10}, {slow, 15}, {tooBusy, 10}}

// tooBusy is an answer that asks to be left alone for a while.
const tooBusy = "busy"

// lookUps finds every merchant somewhere on the internet.
type lookUps struct{}

func (lookUps) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("93.184.215.14")}, nil
}

// carrier sends an instance's events over the network of the world.
func (i *instance) carrier() core.Sender {
	guard := webhook.NewGuard(webhook.GuardOptions{Resolver: lookUps{}, OwnHosts: []string{hostOf(programURL)}})
	sender := webhook.NewSender(guard, webhook.SenderOptions{Over: &hookLine{i}, Random: func(n int64) int64 { return i.w.dice.of(fmt.Sprint("hook jitter of ", i.slot)).Int64N(n) }})
	return webhook.NewCarrier(guard, sender)
}

// hookLine is the network from an instance of the program to merchants.
type hookLine struct{ i *instance }

func (l *hookLine) RoundTrip(r *http.Request) (*http.Response, error) {
	w, body := l.i.w, peek(r)
	name := fmt.Sprintf("hook %s %s from %d", r.URL.Host, r.Header.Get("Webhook-Id"), l.i.slot)
	draws := w.dice.of(name)
	w.travel(name)
	h := w.hookAt(r.URL.Host)
	if l.i.dead.Load() || l.i.at(beforeSend, doingDelivery) {
		return nil, errAway
	}
	fault := w.strike(draws, hookFaults, "webhook")
	if !w.calm.Load() && time.Now().After(h.from) && time.Now().Before(h.to) {
		fault = refused
	}
	switch fault {
	case refused:
		return nil, errRefused
	case silentBefore:
		return nil, w.silence(r, draws)
	case proxyFails:
		return failing(r, 502+draws.IntN(3)), nil
	case tooBusy:
		resp := failing(r, http.StatusTooManyRequests)
		resp.Header.Set("Retry-After", fmt.Sprint(draws.IntN(100_000)))
		return resp, nil
	}
	h.take(w, r, string(body))
	w.trace.note("%s %s taken", name, fault)
	switch fault {
	case silentAfter:
		return nil, w.silence(r, draws)
	case proxyAfter:
		return failing(r, 502+draws.IntN(3)), nil
	case slow:
		if err := w.pauseIn(r.Context(), between(draws, time.Second, 30*time.Second)); err != nil {
			return nil, err
		}
	}
	w.travel("back " + name)
	if l.i.dead.Load() {
		return nil, errAway
	}
	return failing(r, http.StatusOK), nil
}

// take is what a merchant does with an event: he believes what is signed, and keeps the ids he has seen.
func (h *hook) take(w *World, r *http.Request, body string) {
	id := r.Header.Get("Webhook-Id")
	if err := h.verifier.Verify([]byte(body), r.Header); err != nil {
		w.violate("a webhook is not signed as it should be: %v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.got[id]
	if e == nil {
		e = &sight{body: body}
		h.got[id] = e
		w.count("deed webhook taken")
	} else {
		w.count("deed webhook taken again")
	}
	if e.times++; e.body != body {
		w.violate("I-14: event %s came with another body", id)
	}
}

func (w *World) hookAt(host string) *hook {
	for _, a := range w.accounts {
		if a.hook != nil && a.hook.host == host {
			return a.hook
		}
	}
	w.violate("an event was sent to %s", host)
	return &hook{got: map[string]*sight{}}
}

// listen registers an endpoint per merchant, as often as it takes until there is an answer.
func (w *World) listen() {
	for _, a := range w.accounts {
		r := w.dice.of("hook of " + a.merchant)
		h := &hook{host: "hooks-" + a.merchant + ".example", got: map[string]*sight{}}
		if percent(r, 30) {
			h.from = time.Now().Add(aWhile(r))
			h.to = h.from.Add(between(r, time.Hour, 9*24*time.Hour))
		}
		a.hook = h
		made := w.insist(a, r, http.MethodPost, "/v1/webhook-endpoints", "hook-"+a.merchant, map[string]any{"url": "https://" + h.host + "/hooks"})
		again := w.insist(a, r, http.MethodPost, "/v1/webhook-endpoints", "hook-"+a.merchant, map[string]any{"url": "https://" + h.host + "/hooks"})
		if made.status != 201 || again.raw != made.raw {
			w.violate("I-16: an endpoint was registered with %d, and with %d under the same key", made.status, again.status)
		}
		h.id = made.str("id")
		verifier, err := standardwebhooks.NewWebhook(made.str("secret"))
		if err != nil {
			w.violate("the secret of an endpoint cannot be read: %v", err)
		}
		h.verifier = verifier
	}
}

// insist asks until the program itself has answered.
func (w *World) insist(a *account, r interface{ Int64N(int64) int64 }, method, path, key string, body any) answer {
	for try := range 200 {
		got := w.call(a, method, path, key, body, time.Minute)
		if got != nil && got.body != nil && got.status < 500 && got.code() != "idempotency_in_progress" {
			return *got
		}
		w.pause(time.Second + time.Duration(try)*time.Duration(r.Int64N(int64(20*time.Second)))) // an instance may be away for a day
	}
	w.violate("%s %s was not answered", method, path)
	return answer{}
}

// catchUp is what a merchant does after a time of trouble: he enables his endpoint if it was disabled, and asks for
// everything that was given up.
func (w *World) catchUp() {
	for _, a := range w.accounts {
		r, path := w.dice.of("catching up of "+a.merchant), "/v1/webhook-endpoints/"+a.hook.id
		endpoint := w.insist(a, r, http.MethodGet, path, "", nil)
		failed := w.insist(a, r, http.MethodGet, path+"/deliveries?state=failed", "", nil)
		list, _ := failed.body["data"].([]any)
		if endpoint.str("status") == "enabled" && len(list) == 0 {
			continue
		}
		w.count("deed webhooks asked for again, endpoint " + endpoint.str("status"))
		w.insist(a, r, http.MethodPatch, path, "", map[string]any{"status": "enabled"})
		w.insist(a, r, http.MethodPost, path+"/redeliver", "catch-up-"+a.merchant, map[string]any{"from": "1999-12-31T00:00:00Z"})
	}
}

// checkHooks wants every event to have reached the merchant it is about, and nobody else.
func (w *World) checkHooks() {
	ctx := context.Background()
	for _, a := range w.accounts {
		events, err := w.store.Events(ctx, a.merchant, core.EventQuery{Page: core.Page{Limit: 1000}})
		if err != nil {
			w.violate("the events of %s cannot be read: %v", a.merchant, err)
		}
		known := map[string]bool{}
		for _, e := range events {
			known[e.ID] = true
			if a.hook.got[e.ID] == nil {
				w.violate("I-14: event %d (%s) of %s never reached the merchant", e.Sequence, e.Type, e.PaymentID)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(a.hook.got)) {
			if !known[id] {
				w.violate("I-17: merchant %s was told of event %s, which is not his", a.merchant, id)
			}
		}
		for _, state := range []core.DeliveryState{core.DeliveryPending, core.DeliveryFailed} {
			open, err := w.store.Deliveries(ctx, a.merchant, core.DeliveryQuery{Endpoint: a.hook.id, State: state})
			if err != nil || len(open) > 0 {
				w.violate("%d deliveries to %s are %s after fifteen days: %v", len(open), a.merchant, state, err)
			}
		}
	}
}

// SaveDelivery notes that a try of a delivery was stored.
func (d *deed) SaveDelivery(delivery *core.Delivery, try *core.DeliveryTry) (current bool, err error) {
	current, err = d.Tx.SaveDelivery(delivery, try)
	d.told = d.told || err == nil && try != nil
	return current, err
}

func (s *fenced) Delivery(ctx context.Context, id string) (*core.Delivery, error) {
	return read(s, "delivery "+id, func() (*core.Delivery, error) { return s.Store.Delivery(ctx, id) })
}

func (s *fenced) WebhookEndpoint(ctx context.Context, merchant, id string) (*core.WebhookEndpoint, error) {
	return read(s, "endpoint "+id, func() (*core.WebhookEndpoint, error) { return s.Store.WebhookEndpoint(ctx, merchant, id) })
}
