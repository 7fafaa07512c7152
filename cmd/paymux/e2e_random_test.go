package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/storage/storagetest"
)

var (
	sequences = flag.Int("sequences", 4, "how many random sequences TestRandomSequences lives through on each database")
	first     = flag.Uint64("sequence", 1, "the first of them; what it draws is always the same, who is faster is not")
)

// A payment that its buyer, its shop, the back office and the provider's messages do anything with, in any order and at
// the same time: in the end our books are the simulator's, to the minor unit, every booking is told as what it was, and
// the status fits. Every second sequence has a simulator that plays faults; on Postgres, half of them two instances.
func TestRandomSequences(t *testing.T) {
	for _, engine := range []struct {
		name string
		dsn  func(testing.TB) string
	}{{"sqlite", storagetest.SQLiteDSN}, {"postgres", storagetest.PostgresDSN}} {
		t.Run(engine.name, func(t *testing.T) {
			for seed := *first; seed < *first+uint64(*sequences); seed++ {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					t.Parallel()
					s := newSequence(t, engine.dsn(t), seed)
					defer s.tellIfFailed()
					for range 14 + s.r.IntN(14) {
						s.deed()
					}
					s.rest()
					s.judge()
				})
			}
		})
	}
}

// sequence is one payment and everything that happens to it.
type sequence struct {
	*world
	r         *rand.Rand
	id        string
	unkind    bool     // the simulator plays faults
	instances []*world // of the program
	pages     []*sheet // that the buyer has open
	requests  []*request
	byOthers  bool // the back office moved money
	story     []string
}

// request is something the shop asks for under a key.
type request struct {
	what, key string
	body      map[string]any
	last      *answer
}

func newSequence(t *testing.T, dsn string, seed uint64) *sequence {
	t.Helper()
	w := newWorld(t, dsn)
	s := &sequence{world: w, r: rand.New(rand.NewPCG(seed, 1)), unkind: seed%2 == 0, instances: []*world{w}}
	if !w.sqlite() && seed%4 < 2 {
		s.instances = append(s.instances, w.apart(func(text string) string { // behind the same address
			return regexp.MustCompile("public_url: .*").ReplaceAllLiteralString(text, "public_url: "+w.url)
		}))
	}
	s.tell("%d instances, faults: %t", len(s.instances), s.unkind)
	s.travel()
	s.id = w.create("order-1", map[string]any{"capture_method": s.pick("manual", "manual", "automatic")}).str("id")
	s.open()
	if s.r.IntN(4) > 0 { // most buyers pay before anything else happens
		s.pages[0] = s.pages[0].card(cardPlain)
		s.tell("buyer pays at once")
	}
	return s
}

func (s *sequence) pick(from ...string) string { return from[s.r.IntN(len(from))] }

func (s *sequence) tell(format string, args ...any) {
	s.story = append(s.story, fmt.Sprintf(format, args...))
}

func (s *sequence) tellIfFailed() {
	if s.t.Failed() {
		s.t.Logf("%s\n%s", s.t.Name(), strings.Join(s.story, "\n"))
	}
}

// deed is one thing that happens, to any instance.
func (s *sequence) deed() {
	s.url = s.instances[s.r.IntN(len(s.instances))].url
	switch s.r.IntN(16) {
	case 0:
		s.open()
	case 1, 2, 3:
		s.browse()
	case 4, 5, 6, 7:
		s.ask(s.booking())
	case 8:
		s.ask(s.request("cancel", map[string]any{}))
	case 9:
		s.backOffice()
	case 10:
		s.fault()
	case 11:
		s.travel()
	case 12:
		s.tryAgain()
	case 13:
		s.tell("sync -> %s", s.call("POST", "/v1/payments/"+s.id+"/sync", nil).want(200).str("status"))
	case 14:
		s.repeat()
	case 15:
		s.atOnce()
	}
}

// open has the buyer open the provider's page, if there is one to open.
func (s *sequence) open() {
	hosted := s.get(s.id).str("next_action.hosted_url")
	if hosted == "" {
		return
	}
	if page := newShopper(s.t).open(hosted); formTag.MatchString(page.html) {
		s.pages = append(s.pages, page.submit(""))
		s.tell("page opened")
	}
}

// browse has the buyer go on at one of his pages.
func (s *sequence) browse() {
	if len(s.pages) == 0 {
		return
	}
	i := s.r.IntN(len(s.pages))
	page, what := s.pages[i], ""
	switch {
	case strings.Contains(page.html, `name="card_security_code"`):
		cards := map[string]string{"pays": cardPlain, "goes to the challenge": cardChecked, "is declined": cardDeclined}
		if what = s.pick("pays", "pays", "goes to the challenge", "is declined", "cancels"); what == "cancels" {
			s.pages[i] = page.submit("cancel")
		} else {
			s.pages[i] = page.card(cards[what])
		}
	case strings.Contains(page.html, `value="challenge_pass"`):
		what = s.pick("challenge_pass", "challenge_pass", "challenge_fail")
		s.pages[i] = page.submit(what)
	case strings.Contains(page.html, "/return/"):
		what = "returns" // and the form stays in his browser
		page.submit("")
	default:
		what, s.pages = "leaves", append(s.pages[:i], s.pages[i+1:]...)
	}
	s.tell("buyer %s", what)
}

func (s *sequence) request(what string, body map[string]any) *request {
	q := &request{what: what, key: fmt.Sprintf("key-%d", len(s.requests)), body: body}
	s.requests = append(s.requests, q)
	return q
}

// booking is a capture or refund of all that is left, or of a part, or of more.
func (s *sequence) booking() *request {
	q := s.request(s.pick("captures", "captures", "refunds"), map[string]any{})
	if s.r.IntN(4) > 0 {
		q.body["amount"] = []int{1, 1000, 1000, 2500, 3000, 5000, 12550}[s.r.IntN(7)]
	}
	if q.what == "captures" && s.r.IntN(6) == 0 {
		q.body["final"] = true
	}
	return q
}

// ask makes a request. What was answered for good is answered the same.
func (s *sequence) ask(q *request) {
	a := s.send(s.world, q)
	if q.last != nil && q.last.status/100 == 2 && q.last.status != 202 {
		require.Equal(s.t, q.last.raw, a.raw, "%s %s was answered in another way", q.what, q.key)
	}
	q.last = a
	s.tell("%s %v %s -> %d %s %s", q.what, q.body, q.key, a.status, a.str("status"), a.str("code"))
}

func (s *sequence) send(w *world, q *request) *answer {
	a := w.call("POST", "/v1/payments/"+s.id+"/"+q.what, q.body, "Idempotency-Key", q.key)
	require.NotEqual(s.t, http.StatusInternalServerError, a.status, a.raw)
	return a
}

// repeat makes a request again, or the one instance starts again.
func (s *sequence) repeat() {
	if len(s.instances) == 1 && s.r.IntN(3) == 0 {
		s.restart()
		s.tell("restart")
	} else if len(s.requests) > 0 {
		s.ask(s.requests[s.r.IntN(len(s.requests))])
	}
}

// atOnce asks for several things at the same moment, one of them twice.
func (s *sequence) atOnce() {
	list := []*request{s.booking(), s.booking(), s.booking()}
	if s.r.IntN(3) == 0 {
		list = append(list, s.request("cancel", map[string]any{}))
	}
	list = append(list, list[0])
	answers := make([]*answer, len(list))
	var wg sync.WaitGroup
	for i, q := range list {
		w := *s.instances[s.r.IntN(len(s.instances))]
		wg.Go(func() { answers[i] = s.send(&w, q) })
	}
	wg.Wait()
	for i, q := range list {
		if a := answers[i]; q.last == nil || a.status/100 == 2 {
			q.last = a
		}
		s.tell("at once: %s %v %s -> %d %s %s", q.what, q.body, q.key, answers[i].status, answers[i].str("status"), answers[i].str("code"))
	}
}

// backOffice is what somebody does there, if it is possible.
func (s *sequence) backOffice() {
	what, amount := s.pick("capture", "refund", "void"), []int{0, 1, 1000, 1000, 2500}[s.r.IntN(5)]
	raw, err := json.Marshal(map[string]any{"operation": what, "merchant_reference": s.reference(s.id), "amount": amount})
	require.NoError(s.t, err)
	resp, err := http.Post(s.simURL+"/_control/backoffice", "application/json", strings.NewReader(string(raw)))
	require.NoError(s.t, err)
	require.NoError(s.t, resp.Body.Close())
	s.byOthers = s.byOthers || resp.StatusCode == http.StatusOK
	s.tell("back office: %s %d -> %d", what, amount, resp.StatusCode)
}

// fault has the simulator play one, soon. A signed lie about totals would be believed: there is nobody else to ask.
func (s *sequence) fault() {
	if !s.unkind {
		return
	}
	operation := s.pick("CAPTURE", "CAPTURE", "REFUND", "VOID_AUTHORIZATION", "CHECK_STATUS")
	actions := []string{"drop_before", "drop_after", "http_before", "http_after", "truncate", "garbage", "other_reference", "delay_effect", "hang"}
	if operation != "CHECK_STATUS" {
		actions = append(actions, "other_amount")
	}
	action := s.pick(actions...)
	s.control("faults", map[string]any{"operation": operation, "nth": 1 + s.r.IntN(2), "times": 1 + s.r.IntN(2), "action": action, "status": 502, "seconds": 0.05})
	s.tell("fault %s %s", operation, action)
}

// travel sets how the provider's next messages travel, and sometimes lets go of those that are held back.
func (s *sequence) travel() {
	mode := s.pick("normal", "normal", "hold", "drop", "duplicate", "reorder", "early", "forge")
	release := s.r.IntN(4) == 0
	s.control("feedback", map[string]any{"mode": mode, "times": []int{0, 1, 3}[s.r.IntN(3)], "release": release})
	s.tell("feedback %s, released: %t", mode, release)
}

// tryAgain is what shops do half an hour later.
func (s *sequence) tryAgain() {
	s.sessionEnds(s.id)
	s.call("POST", "/v1/payments/"+s.id+"/sync", nil).want(200)
	q := s.request("confirm", map[string]any{})
	s.ask(q)
	if q.last.status == http.StatusOK {
		s.open()
	}
}
