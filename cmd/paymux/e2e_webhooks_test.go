package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/paymux/paymux/core"
)

// listener is a merchant's own server for webhooks.
type listener struct {
	*httptest.Server
	mu     sync.Mutex
	got    []hook
	answer func(http.ResponseWriter, hook)
}

type hook struct {
	header http.Header
	body   string
}

func newListener(t *testing.T) *listener {
	l := &listener{answer: func(w http.ResponseWriter, _ hook) { w.WriteHeader(http.StatusNoContent) }}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		h := hook{r.Header, string(body)}
		l.mu.Lock()
		l.got = append(l.got, h)
		answer := l.answer
		l.mu.Unlock()
		answer(w, h)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) says(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = func(w http.ResponseWriter, _ hook) { w.WriteHeader(status) }
}

func (l *listener) hooks() []hook {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

// ids are the ids of what came, in order.
func (l *listener) ids() (out []string) {
	for _, h := range l.hooks() {
		out = append(out, h.header.Get("Webhook-Id"))
	}
	return out
}

func (h hook) verify(t *testing.T, secret string) {
	t.Helper()
	reference, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	require.NoError(t, reference.Verify([]byte(h.body), h.header))
}

func (w *world) endpoint(url string, change map[string]any) *answer {
	w.t.Helper()
	body := map[string]any{"url": url}
	for k, v := range change {
		body[k] = v
	}
	a := w.call("POST", "/v1/webhook-endpoints", body).want(201)
	require.Regexp(w.t, `^whsec_[A-Za-z0-9+/]{43}=$`, a.str("secret"))
	return a
}

// A merchant who registers an endpoint is told of everything that happens, in the words of GET /v1/events/{id}; what he
// missed is sent again when he asks; another merchant sees nothing of it.
func TestWebhooks(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		l, foreign := newListener(t), newListener(t)
		e := w.endpoint(l.URL+"/hooks", map[string]any{"metadata": map[string]string{"team": "7"}, "description": "Orders"})
		w.callAs("other", "POST", "/v1/webhook-endpoints", map[string]any{"url": foreign.URL}).want(201)
		id, secret := e.str("id"), e.str("secret")
		payment := w.authorized("order-1", nil)
		w.call("POST", "/v1/payments/"+payment+"/captures", map[string]any{}).want(201)
		w.eventually(payment, "succeeded")
		list := w.call("GET", "/v1/events?limit=100&payment="+payment, nil).want(200).body["data"].([]any)
		require.Eventually(t, func() bool { return len(l.hooks()) >= len(list) }, waitFor, tick)
		require.Empty(t, foreign.hooks())
		sequences := map[string]bool{}
		for _, h := range l.hooks() {
			h.verify(t, secret)
			event := w.call("GET", "/v1/events/"+h.header.Get("Webhook-Id"), nil).want(200)
			require.Equal(t, event.raw, h.body, "the same bytes")
			sequences[event.str("data.sequence")] = true
		}
		require.Len(t, sequences, len(list), "no gap")
		read := w.call("GET", "/v1/webhook-endpoints/"+id, nil).want(200)
		require.Empty(t, read.str("secret"), "it is shown once")
		require.Equal(t, []any{"Orders", "7", l.URL + "/hooks", "enabled"}, []any{read.str("description"), read.str("metadata.team"), read.str("url"), read.str("status")})
		require.Eventually(t, func() bool {
			return len(w.call("GET", "/v1/webhook-endpoints/"+id+"/deliveries?state=succeeded&limit=100", nil).want(200).body["data"].([]any)) == len(list)
		}, waitFor, tick)

		l.says(503)
		w.call("PATCH", "/v1/webhook-endpoints/"+id, map[string]any{"event_types": []string{"payment.created"}}).want(200)
		began := time.Now().UTC().Format(time.RFC3339Nano)
		missed := w.create("order-2", nil)
		require.Eventually(t, func() bool {
			return strings.Contains(w.call("GET", "/v1/webhook-endpoints/"+id+"/deliveries?state=pending", nil).want(200).raw, `"status":503`)
		}, waitFor, tick)
		l.says(200)
		rotated := w.call("POST", "/v1/webhook-endpoints/"+id+"/rotate-secret", nil).want(200)
		before := len(l.hooks())
		again := w.call("POST", "/v1/webhook-endpoints/"+id+"/redeliver", map[string]any{"from": began}).want(200)
		require.Equal(t, []string{"1", "false"}, []string{again.str("deliveries"), again.str("has_more")})
		require.Eventually(t, func() bool { return len(l.hooks()) == before+1 }, waitFor, tick)
		last := l.hooks()[before]
		require.Contains(t, last.body, missed.str("id"))
		require.Contains(t, l.hooks()[before-1].body, last.body)
		last.verify(t, secret)
		last.verify(t, rotated.str("secret"))
		eventID := last.header.Get("Webhook-Id")
		w.call("POST", "/v1/events/"+eventID+"/redeliver", nil).want(200)
		require.Eventually(t, func() bool {
			d := w.call("GET", "/v1/events/"+eventID+"/deliveries", nil).want(200).body["data"].([]any)[0].(map[string]any)
			return len(d["tries"].([]any)) == 3 && d["state"] == "succeeded"
		}, waitFor, tick)

		require.Equal(t, []string{"1 503", "2 200", "3 200"}, w.triesShown(missed.str("id"), eventID, id))
		alone := w.call("POST", "/v1/webhook-endpoints/"+id+"/rotate-secret", map[string]any{"expire_previous": true}).want(200)
		require.NotContains(t, alone.body, "previous_secret_expires_at")
		before = len(l.hooks())
		w.create("order-leak", nil)
		require.Eventually(t, func() bool { return len(l.hooks()) == before+1 }, waitFor, tick)
		last = l.hooks()[before]
		last.verify(t, alone.str("secret"))
		for _, old := range []string{secret, rotated.str("secret")} {
			reference, err := standardwebhooks.NewWebhook(old)
			require.NoError(t, err)
			require.Error(t, reference.Verify([]byte(last.body), last.header), "a secret that leaked signs nothing any more")
		}
		w.call("DELETE", "/v1/webhook-endpoints/"+id, nil).want(204)
		w.call("GET", "/v1/webhook-endpoints/"+id, nil).want(404)
		require.Len(t, w.triesShown(missed.str("id"), eventID, id), 3, "what was sent to an endpoint that is gone stays")
		sent := len(l.hooks())
		w.create("order-3", nil)
		w.settled(w.create("order-4", nil).str("id"))
		require.Len(t, l.hooks(), sent)
	})
}

// triesShown are the tries of an event at an endpoint in the timeline of its payment, by number and status.
func (w *world) triesShown(payment, event, endpoint string) (out []string) {
	for _, line := range w.call("GET", "/v1/payments/"+payment+"/timeline", nil).want(200).body["data"].([]any) {
		line := line.(map[string]any)
		if detail := line["detail"].(map[string]any); line["kind"] == "webhook" && detail["event"] == event && detail["endpoint"] == endpoint {
			require.NotEmpty(w.t, line["at"])
			out = append(out, fmt.Sprint(detail["try"], " ", detail["status"]))
		}
	}
	return out
}

// The answer that shows a secret is the same when it is asked for again, also after a restart, and is marked.
func TestWebhookSecretsAreRepeatedToTheOneWhoAsked(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		l := newListener(t)
		body := map[string]any{"url": l.URL + "/hooks", "event_types": []string{"payment.succeeded"}}
		post := func(path string, body any, key string) *answer {
			return w.call("POST", path, body, "Idempotency-Key", key)
		}
		first := post("/v1/webhook-endpoints", body, "hooks-1").want(201)
		rotated := post("/v1/webhook-endpoints/"+first.str("id")+"/rotate-secret", nil, "rotate-1").want(200)
		w.restart()
		for _, c := range []struct{ was, is *answer }{
			{first, post("/v1/webhook-endpoints", body, "hooks-1").want(201)},
			{rotated, post("/v1/webhook-endpoints/"+first.str("id")+"/rotate-secret", nil, "rotate-1").want(200)},
		} {
			require.Equal(t, c.was.raw, c.is.raw)
			require.Equal(t, "true", c.is.header.Get("Idempotent-Replayed"))
		}
		require.Equal(t, "idempotency_key_reused", post("/v1/webhook-endpoints", map[string]any{"url": l.URL}, "hooks-1").want(422).str("code"))
		require.Len(t, w.call("GET", "/v1/webhook-endpoints", nil).want(200).body["data"], 1)
		for _, path := range []string{"/v1/webhook-endpoints", "/v1/webhook-endpoints/" + first.str("id") + "/rotate-secret", "/v1/events/evt_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5/redeliver"} {
			require.Equal(t, "idempotency_key_invalid", w.call("POST", path, map[string]any{"url": l.URL}, "Idempotency-Key", "").want(400).str("code"), path)
		}
	})
}

// A message that belongs to no payment is an event of the merchant who alone uses its account, and of nobody else. It says
// that it came, in the words of the contract.
func TestAnUnmatchedMessageIsAnEvent(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.change = strings.NewReplacer("time_scale: 1", "time_scale: 100")
		w.restart()
		l := newListener(t)
		e := w.endpoint(l.URL, map[string]any{"event_types": []string{"feedback.unmatched"}})
		w.tell("aps-other", told("aps-other", "PAYMENT-LINK-0", nil))
		w.tell("aps-main", told("aps-main", "PAYMENT-LINK-1", nil))
		require.Eventually(t, func() bool { return len(l.hooks()) > 0 }, waitFor, tick)
		h := l.hooks()[0]
		h.verify(t, e.str("secret"))
		require.NotContains(t, h.body, "PAYMENT-LINK")
		event := w.call("GET", "/v1/events/"+h.header.Get("Webhook-Id"), nil).want(200)
		require.Equal(t, event.raw, h.body)
		require.Equal(t, []any{"feedback.unmatched", "aps-main", nil}, []any{event.str("type"), event.str("data.object.account"), event.body["data"].(map[string]any)["payment"]})
		require.Len(t, w.call("GET", "/v1/events?type=feedback.unmatched", nil).want(200).body["data"], 1)
		w.callAs("main", "GET", "/v1/feedback/"+event.str("data.object.id"), nil).want(404)
		require.Eventually(t, func() bool {
			return strings.Contains(w.call("GET", "/v1/webhook-endpoints/"+e.str("id")+"/deliveries", nil).want(200).raw, `"state":"succeeded"`)
		}, waitFor, tick)
	})
}

// What belongs to another merchant does not exist, and who may only read changes nothing.
func TestWebhooksOfOthers(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	l := newListener(t)
	e := w.endpoint(l.URL, nil)
	id := e.str("id")
	w.create("order-1", nil)
	require.Eventually(t, func() bool { return len(l.hooks()) > 0 }, waitFor, tick)
	event := l.ids()[0]
	reader, _, err := newKey(t.Context(), w.service.store, "main", core.ScopeRead, time.Time{})
	require.NoError(t, err)
	w.keys["reader"] = reader
	calls := []struct {
		method, path string
		body         any
	}{
		{"GET", "/v1/webhook-endpoints/" + id, nil}, {"GET", "/v1/webhook-endpoints/" + id + "/deliveries", nil}, {"GET", "/v1/events/" + event + "/deliveries", nil},
		{"PATCH", "/v1/webhook-endpoints/" + id, map[string]any{"url": l.URL + "/x"}}, {"POST", "/v1/webhook-endpoints/" + id + "/rotate-secret", nil},
		{"POST", "/v1/webhook-endpoints/" + id + "/redeliver", map[string]any{"events": []string{event}}}, {"POST", "/v1/events/" + event + "/redeliver", nil},
		{"DELETE", "/v1/webhook-endpoints/" + id, nil},
	}
	for _, c := range calls {
		foreign := w.callAs("other", c.method, c.path, c.body).want(404)
		missing := w.call(c.method, strings.NewReplacer(id, "we_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5", event, "evt_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5").Replace(c.path), c.body).want(404)
		require.Equal(t, strings.Replace(missing.raw, missing.str("request_id"), foreign.str("request_id"), 1), foreign.raw)
		status := 200
		if c.method != "GET" {
			status = 403
		}
		w.callAs("reader", c.method, c.path, c.body).want(status)
	}
	require.Len(t, w.call("GET", "/v1/webhook-endpoints", nil).want(200).body["data"], 1)
	require.Empty(t, w.callAs("other", "GET", "/v1/webhook-endpoints", nil).want(200).body["data"])
	own := w.callAs("other", "POST", "/v1/webhook-endpoints", map[string]any{"url": l.URL}).want(201)
	a := w.callAs("other", "POST", "/v1/webhook-endpoints/"+own.str("id")+"/redeliver", map[string]any{"events": []string{event}}).want(422)
	require.Equal(t, "/events/0", a.str("pointer"))
	require.Equal(t, "enabled", w.call("GET", "/v1/webhook-endpoints/"+id, nil).want(200).str("status"))
}

// names answers the look-ups of the whole process: some names of the internet, and some that lead inside.
func names(t *testing.T, answers func(name string, nth int) string) {
	t.Helper()
	var mu sync.Mutex
	asked := map[string]int{}
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer func() { _ = far.Close() }()
			var size [2]byte
			for {
				if _, err := io.ReadFull(far, size[:]); err != nil {
					return
				}
				packet := make([]byte, int(size[0])<<8|int(size[1]))
				var m dnsmessage.Message
				if _, err := io.ReadFull(far, packet); err != nil || m.Unpack(packet) != nil {
					return
				}
				q := m.Questions[0]
				m.Header.Response, m.Header.RecursionAvailable, m.Additionals = true, true, nil
				mu.Lock()
				if q.Type == dnsmessage.TypeA {
					asked[q.Name.String()]++
				}
				to := net.ParseIP(answers(q.Name.String(), asked[q.Name.String()])).To4()
				mu.Unlock()
				if q.Type == dnsmessage.TypeA && to != nil {
					m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: [4]byte(to)}}}
				}
				answer, err := m.Pack()
				if err != nil {
					return
				}
				if _, err := far.Write(append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...)); err != nil {
					return
				}
			}
		}()
		return near, nil
	}}
}

// Rows B-231 to B-244, and other forms of the same, at registration and at a change of the address; nothing is stored.
func TestBadWebhookEndpoints(t *testing.T) {
	names(t, func(name string, _ int) string {
		return map[string]string{"shop.example.": "93.184.215.14", "inside.example.": "10.0.0.7", "metadata.example.": "169.254.169.254", "carrier.example.": "100.64.0.1"}[name]
	})
	w := newWorld(t, sqliteDSN(t)).apart(func(text string) string { return strings.Replace(text, "webhooks: {allow_loopback: true}\n", "", 1) })
	first := w.endpoint("https://shop.example/hooks", nil)
	id := first.str("id")
	_, own, err := net.SplitHostPort(strings.TrimPrefix(w.url, "http://"))
	require.NoError(t, err)
	forbidden := map[string]string{
		"B-232 private": "https://10.1.2.3/", "B-232 private 172": "https://172.16.0.1/", "B-232 private 192": "https://192.168.1.1/hooks", "B-233 private v6": "https://[fd00::1]/", "B-233 link-local v6": "https://[fe80::1]/",
		"B-234 mapped v6": "https://[::ffff:10.0.0.1]/", "B-234 NAT64": "https://[64:ff9b::a9fe:a9fe]/", "B-234 6to4": "https://[2002:7f00:1::]/", "B-234 compatible": "https://[::127.0.0.1]/",
		"B-235 metadata": "https://169.254.169.254/latest/meta-data/", "B-236 localhost": "https://localhost/", "B-236 below localhost": "https://a.localhost/", "B-236 loopback": "https://127.0.0.1/", "B-236 loopback v6": "https://[::1]/",
		"B-239 own host": "https://127.0.0.1:8443/", "B-244 private by name": "https://inside.example/", "B-244 metadata by name": "https://metadata.example/", "B-244 carrier by name": "https://carrier.example/",
		"internal": "https://metadata.google.internal/", "broadcast": "https://255.255.255.255/", "multicast": "https://224.0.0.1/", "this network": "https://0.0.0.0/", "documentation": "https://192.0.2.1/",
	}
	invalid := map[string]string{
		"B-231 http": "http://shop.example/hooks", "B-237 decimal": "https://2130706433/", "B-237 octal": "https://0177.0.0.1/", "B-237 hexadecimal": "https://0x7f.1/", "B-237 short": "https://127.1/", "B-238 user": "https://u:p@shop.example/",
		"B-240 port 22": "https://shop.example:22/", "B-240 own port": "https://shop.example:" + own + "/", "B-243 taken": "https://SHOP.example:443/hooks", "unknown name": "https://nobody.example/", "relative": "/hooks",
		"fragment": "https://shop.example/#a", "trailing dot": "https://shop.example./", "blank": "https://shop.example/a b", "scheme": "ftp://shop.example/", "no scheme": "shop.example/hooks",
	}
	var rows []refused
	add := func(id, method, path, url, code string) {
		rows = append(rows, refused{id: method + " " + id, method: method, path: path, body: map[string]any{"url": url}, status: 422, code: code, pointer: "/url"})
	}
	for _, list := range []struct {
		urls map[string]string
		code string
	}{{forbidden, "target_forbidden"}, {invalid, "url_invalid"}} {
		for name, url := range list.urls {
			add(name, http.MethodPost, "/v1/webhook-endpoints", url, list.code)
			if name != "B-243 taken" { // it is its own
				add(name, http.MethodPatch, "/v1/webhook-endpoints/"+id, url, list.code)
			}
		}
	}
	post := func(id, body, code, pointer string) {
		rows = append(rows, refused{id: id, method: http.MethodPost, path: "/v1/webhook-endpoints", body: body, status: 422, code: code, pointer: pointer})
	}
	post("B-241 unknown event", `{"url":"https://shop.example/","event_types":["payment.created","payment.exploded"]}`, "event_unknown", "/event_types/1")
	post("B-241 no list", `{"url":"https://shop.example/","event_types":"payment.created"}`, "event_unknown", "/event_types")
	post("missing", `{}`, "url_invalid", "/url")
	post("empty", `{"url":""}`, "url_invalid", "/url")
	post("type", `{"url":7}`, "url_invalid", "/url")
	post("CRLF", `{"url":"https://shop.example/\r\nx"}`, "url_invalid", "/url")
	post("long", `{"url":"https://shop.example/`+strings.Repeat("a", 2000)+`"}`, "url_invalid", "/url")
	post("unknown member", `{"url":"https://shop.example/","secret":"mine"}`, "field_unknown", "/secret")
	post("own secret in metadata is metadata", `{"url":"https://shop.example/","metadata":{"":"x"}}`, "metadata_invalid", "/metadata")
	rows = append(rows,
		refused{id: "status", method: http.MethodPatch, path: "/v1/webhook-endpoints/" + id, body: `{"status":"paused"}`, status: 422, code: "field_invalid", pointer: "/status"},
		refused{id: "neither events nor time", method: http.MethodPost, path: "/v1/webhook-endpoints/" + id + "/redeliver", body: `{}`, status: 422, code: "field_invalid", pointer: "/events"},
		refused{id: "events and time", method: http.MethodPost, path: "/v1/webhook-endpoints/" + id + "/redeliver", body: `{"from":"2026-01-01T00:00:00Z","events":["evt_1"]}`, status: 422, code: "field_invalid", pointer: "/events"},
		refused{id: "no time", method: http.MethodPost, path: "/v1/webhook-endpoints/" + id + "/redeliver", body: `{"from":"yesterday"}`, status: 422, code: "field_invalid", pointer: "/from"},
		refused{id: "backwards", method: http.MethodPost, path: "/v1/webhook-endpoints/" + id + "/redeliver", body: `{"from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}`, status: 422, code: "field_invalid", pointer: "/to"},
		refused{id: "state", method: http.MethodGet, path: "/v1/webhook-endpoints/" + id + "/deliveries?state=lost", status: 400, code: "query_invalid"},
	)
	w.refuses(w.raw(), rows)
	taken := w.call("POST", "/v1/webhook-endpoints", map[string]any{"url": "https://shop.example/hooks"}).want(422)
	require.Equal(t, id, taken.str("resource"), "B-243 names the endpoint in the way")
	for i := range 99 {
		w.endpoint(fmt.Sprint("https://shop.example/", i), nil)
	}
	a := w.call("POST", "/v1/webhook-endpoints", map[string]any{"url": "https://shop.example/101"}).want(409)
	require.Equal(t, "limit_reached", a.str("code"), "B-242")
}

// A name that led to the internet when it was registered and leads inside when the event is sent is not connected to, and
// the merchant learns why, but not where it led.
func TestRebinding(t *testing.T) {
	inside := newListener(t) // nothing may reach it
	names(t, func(name string, nth int) string {
		switch {
		case name != "rebind.example.":
			return ""
		case nth == 1:
			return "93.184.215.14"
		}
		return "127.0.0.1"
	})
	w := newWorld(t, sqliteDSN(t)).apart(func(text string) string {
		_, port, err := net.SplitHostPort(strings.TrimPrefix(inside.URL, "http://"))
		require.NoError(t, err)
		return strings.Replace(text, "webhooks: {allow_loopback: true}\n", "webhooks: {ports: ["+port+"]}\n", 1)
	})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(inside.URL, "http://"))
	require.NoError(t, err)
	e := w.endpoint("https://rebind.example:"+port+"/", map[string]any{"event_types": []string{"payment.created"}})
	w.create("order-1", nil)
	var raw string
	require.Eventually(t, func() bool {
		raw = w.call("GET", "/v1/webhook-endpoints/"+e.str("id")+"/deliveries", nil).want(200).raw
		return strings.Contains(raw, "target_forbidden")
	}, waitFor, tick)
	require.NotContains(t, raw, "127.0.0.1")
	require.Empty(t, inside.hooks())
	var list struct {
		Data []struct{ Tries []struct{ Status *int } }
	}
	require.NoError(t, json.Unmarshal([]byte(raw), &list))
	require.Nil(t, list.Data[0].Tries[0].Status, "nothing was sent")
}
