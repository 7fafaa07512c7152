package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// story is one order: a merchant, a buyer, and what they do.
type story struct {
	w         *World
	name      string
	account   *account
	r         *rand.Rand // the merchant's own draws
	amount    int64
	currency  string
	manual    bool
	saves     bool
	setUp     bool    // it is about a consent alone
	flow      string  // in which of its manner's ways it is paid
	asks      []int64 // amounts it had, or may have had, before
	offline   bool    // a charge of a mandate, in the buyer's absence
	create    *request
	asked     []*request // everything with an idempotency key, in order
	paymentID string
}

// request is one thing a merchant asks for under one key, and every answer to it.
type request struct {
	kind string // create, capture, refund, cancel, confirm, set_up, cancel_mandate
	path string
	key  string
	body any

	mu      sync.Mutex
	answers []answer
}

// answer is what a merchant was told.
type answer struct {
	status   int
	replayed bool
	raw      string
	body     map[string]any
}

// final reports whether an answer settles a request for good: not one that says "still open" or "try again".
func (a answer) final() bool { return a.status == 200 || a.status == 201 }

// told keeps an answer of the program. What a proxy in between made up is none.
func (q *request) told(a *answer) {
	if a == nil || a.body == nil && a.status >= 500 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.answers = append(q.answers, *a)
}

// last is the latest answer, the zero answer before there is one.
func (q *request) last() answer {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.answers) == 0 {
		return answer{}
	}
	return q.answers[len(q.answers)-1]
}

// open reports whether the merchant will ask again under the same key.
func (q *request) open() bool {
	a := q.last()
	return a.status == 0 || a.status == 202 || a.status >= 500 || a.code() == "idempotency_in_progress"
}

func (a answer) code() string { return a.str("code") }

func (a answer) str(path string) string {
	var v any = a.body
	for _, name := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// call makes one call of the API; nil when no answer came.
func (w *World) call(account *account, method, path, key string, body any, limit time.Duration) *answer {
	var raw []byte
	if body != nil {
		raw, _ = json.Marshal(body)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, programURL+path, bytes.NewReader(raw))
	if err != nil {
		w.violate("a request cannot be built: %v", err)
		return nil
	}
	r.Header.Set("Authorization", "Bearer "+account.key)
	name := method + " " + path + " " + key
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := w.toProgram(r, name, "192.0.2.10:4000", func(*http.Response) {})
	if err != nil {
		return nil
	}
	defer discard(resp)
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil
	}
	a := &answer{status: resp.StatusCode, replayed: resp.Header.Get("Idempotent-Replayed") == "true", raw: string(text)}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&a.body); err != nil {
			w.violate("%s answered %d with no JSON: %s", name, a.status, text)
		}
	}
	w.trace.note("%s: %d %s %s", name, a.status, a.str("status"), a.code())
	return a
}

// ask makes a request under its key, some times again when no final answer comes.
func (s *story) ask(q *request, tries int) {
	for try := 0; try < tries && q.open(); try++ {
		if try > 0 {
			s.w.pause(between(s.r, time.Second, 40*time.Second))
		}
		q.told(s.w.call(s.account, http.MethodPost, q.path, q.key, q.body, between(s.r, 10*time.Second, time.Minute)))
	}
}

// request is a new thing asked for.
func (s *story) request(kind, path string, body any) *request {
	q := &request{kind: kind, path: path, body: body, key: fmt.Sprintf("%s-%s-%d", s.name, kind, len(s.asked))}
	s.asked = append(s.asked, q)
	return q
}

// order is the body that creates a payment.
func (s *story) order() map[string]any {
	capture := "automatic"
	if s.manual {
		capture = "manual"
	}
	body := map[string]any{"merchant_reference": s.name, "amount": s.amount, "currency": s.currency, "capture_method": capture,
		"return_url": shopURL + "/thanks", "cancel_url": shopURL + "/cart",
		"buyer": map[string]any{"email": "layla@example.org", "first_name": "Layla", "last_name": "Khan"}}
	if s.saves {
		body["save"] = map[string]any{"kind": "unscheduled"}
	}
	s.w.side.order(s, body)
	return body
}

// live is the merchant's part of a story.
func (s *story) live() {
	s.w.pause(aWhile(s.r))
	s.create = s.request("create", "/v1/payments", s.order())
	s.ask(s.create, 1+s.r.IntN(4))
	for s.payment() == "" {
		if s.r.IntN(3) == 0 {
			return // the shop gave up; it will ask again at the end of the world
		}
		s.w.pause(between(s.r, time.Minute, time.Hour))
		s.ask(s.create, 1)
	}
	s.w.trace.note("%s is payment %s", s.name, s.payment())
	if !s.offline {
		s.w.buyerOf(s, s.create.last())
		s.review()
	}
	if percent(s.r, 20) {
		s.blunder()
	}
	if percent(s.r, 85) { // most shops wait for the buyer before they do anything
		s.w.pause(between(s.r, 10*time.Minute, 3*time.Hour))
	}
	for range 1 + s.r.IntN(6) {
		s.w.pause(aWhile(s.r))
		s.deed()
	}
}

// blunder is what shops and their neighbours do by mistake: the order once more under another key, another order under
// the same key, a guess at the rest of a key, a look at somebody else's payment. None of it has an effect.
func (s *story) blunder() {
	w := s.w
	if a := w.call(s.account, http.MethodPost, "/v1/payments", s.name+"-other-key", s.order(), time.Minute); a != nil && a.status < 300 {
		w.violate("P1: %s was created again under another key", s.name)
	}
	other := s.order()
	other["amount"] = s.amount + 1
	if a := w.call(s.account, http.MethodPost, "/v1/payments", s.create.key, other, time.Minute); a != nil && a.status < 300 {
		w.violate("I-16: another request under the key %s was answered %d", s.create.key, a.status)
	}
	last := len(s.account.key) - 1 // of a key that somebody saw half of
	guessed := s.account.key[:last] + string('0'+(s.account.key[last]+1)%10)
	w.intrude(http.MethodPost, "/v1/payments/"+s.payment()+"/cancel", "application/json", "{}", guessed)
	for _, stranger := range w.accounts {
		if stranger == s.account {
			continue
		}
		for _, call := range [][2]string{{http.MethodGet, ""}, {http.MethodPost, "/cancel"}} {
			if a := w.call(stranger, call[0], "/v1/payments/"+s.payment()+call[1], s.name+"-stranger", nil, time.Minute); a != nil && a.status < 500 && a.status != 404 {
				w.violate("I-17: a stranger was answered %d about %s", a.status, s.name)
			}
		}
	}
}

// payment is the id of the story's payment, empty while the merchant does not know it.
func (s *story) payment() string {
	if s.paymentID == "" {
		s.paymentID = s.create.last().str("id")
	}
	return s.paymentID
}

// deeds are what merchants do, and sensibly those that make sense in a status.
var (
	deeds    = []choice{{"capture", 30}, {"refund", 25}, {"cancel", 10}, {"confirm", 10}, {"refresh", 10}, {"sync", 8}, {"read", 7}, {"charge", 10}, {"cancel_mandate", 3}}
	sensibly = map[string][]choice{
		"requires_capture":        {{"capture", 60}, {"cancel", 20}, {"charge", 10}},
		"partially_captured":      {{"capture", 50}, {"refund", 40}, {"cancel", 10}, {"charge", 10}},
		"succeeded":               {{"refund", 60}, {"charge", 20}, {"cancel_mandate", 5}},
		"requires_payment_method": {{"confirm", 80}, {"cancel", 20}},
		"requires_confirmation":   {{"confirm", 80}, {"change", 15}, {"cancel", 5}},
		"processing":              {{"refresh", 40}, {"sync", 30}, {"capture", 20}, {"refund", 10}, {"cancel", 10}},
	}
)

// deed is one thing a merchant does with a payment. What the state does not allow is refused, which is fine.
func (s *story) deed() {
	path := "/v1/payments/" + s.payment()
	read := func(path, method string) *answer { return s.w.call(s.account, method, path, "", nil, time.Minute) }
	from := deeds
	if percent(s.r, 80) {
		if a := read(path, http.MethodGet); a != nil && sensibly[a.str("status")] != nil {
			from = sensibly[a.str("status")]
		}
	}
	if s.w.manner.agrees {
		weight := 15
		if s.flow != "" && s.part() < s.amount {
			weight = 60
		}
		from = append(slices.Clone(from), choice{"authorize", weight})
	}
	what := choose(s.r, from)
	switch what {
	case "capture":
		s.again(s.request(what, path+"/captures", s.booking(true)))
	case "refund":
		s.again(s.request(what, path+"/refunds", s.booking(false)))
		s.w.mayDecline(s)
	case "cancel":
		s.again(s.request(what, path+"/cancel", map[string]any{}))
	case "confirm":
		s.confirm()
	case "change":
		s.change()
	case "authorize":
		s.again(s.request(what, path+"/authorizations", s.booking(false)))
	case "refresh":
		read(path+"?refresh=true", http.MethodGet)
	case "sync":
		read(path+"/sync", http.MethodPost)
	case "read":
		read(path, http.MethodGet)
	case "charge":
		s.w.chargeLater(s)
	case "cancel_mandate":
		if id := s.mandate(); id != "" {
			s.again(s.request(what, "/v1/mandates/"+id+"/cancel", map[string]any{}))
		}
	}
}

// review is what a shop does that has the buyer look at his order again: it reads it when he should be back, changes it now
// and then, and confirms it.
func (s *story) review() {
	if s.flow == "" {
		return
	}
	for range 3 {
		s.w.pause(between(s.r, time.Minute, 40*time.Minute))
		a := s.w.call(s.account, http.MethodGet, "/v1/payments/"+s.payment(), "", nil, time.Minute)
		if a == nil || a.str("status") != "requires_confirmation" {
			continue
		}
		if percent(s.r, 45) {
			s.change()
		}
		if percent(s.r, 90) {
			s.confirm()
		}
		return
	}
}

// confirm begins another attempt, or ends a review; the buyer goes where he is sent.
func (s *story) confirm() {
	q := s.request("confirm", "/v1/payments/"+s.payment()+"/confirm", map[string]any{})
	s.again(q)
	s.w.buyerOf(s, q.last())
}

// change asks for another amount. No key tells two such requests apart, and one is not made again: the last word stands.
func (s *story) change() {
	amount := s.amount + 1 + s.r.Int64N(100)
	s.asks = append(s.asks, amount)
	a := s.w.call(s.account, http.MethodPatch, "/v1/payments/"+s.payment(), "", map[string]any{"amount": amount}, time.Minute)
	if a == nil {
		return
	}
	s.w.count(fmt.Sprintf("deed change %d", a.status))
}

// again asks, and sometimes asks the same at the same moment, as a shop does that was clicked twice.
func (s *story) again(q *request) {
	if percent(s.r, 15) {
		s.w.count("deed same key at the same time")
		s.w.acting.Go(func() {
			s.w.travel("twice " + q.key)
			q.told(s.w.call(s.account, http.MethodPost, q.path, q.key, q.body, time.Minute))
		})
	}
	s.ask(q, 1+s.r.IntN(4))
	s.w.count("deed " + q.kind + " " + fmt.Sprint(q.last().status))
}

// booking is what a capture or refund asks for: all that is left, or a part, sometimes too much.
func (s *story) booking(capture bool) map[string]any {
	body := map[string]any{}
	switch s.r.IntN(10) {
	case 0, 1, 2:
	case 3:
		body["amount"] = s.amount + 1
	default:
		body["amount"] = 1 + s.r.Int64N(s.amount)
	}
	if capture && percent(s.r, 20) {
		body["final"] = true
	}
	if percent(s.r, 20) {
		body["reference"] = fmt.Sprintf("part-%d", s.r.IntN(3))
	}
	return body
}
