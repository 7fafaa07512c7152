package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// front stands where a load balancer would: merchants, buyers and the provider's feedback reach the instances of the
// program through it, in turn. It sets off the trap, and keeps what feedback was acknowledged.
type front struct {
	*fleet
	turn  atomic.Int64
	mu    sync.Mutex
	heard map[string]*telling // feedback that the provider sent, by its meaning
}

// telling is what became of one feedback of the provider.
type telling struct {
	acked   bool
	minutes map[string]bool // in which it was delivered
	story   []string        // what became of each delivery
}

// patience is how long an instance may be silent; a frozen one is.
const patience = 900 * time.Millisecond

// through makes one exchange, on a connection of its own: one that is kept would blur which request died of a kill.
var through = &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: patience}

// nobody is what the front answers when the program did not. It is no answer of the program.
const nobody = "X-Nobody"

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	i := f.instances[int(f.turn.Add(1))%len(f.instances)]
	during, after := momentsOf(r)
	if killed := f.trap.springs(during); killed != nil {
		time.AfterFunc(f.soon(), func() { i.kill(); killed() })
	}
	if after == onAck {
		f.hears(body, 0, nil)
	}
	status, header, answer, err := forward("http://"+i.address, r, body)
	if after == onAck {
		f.hears(body, status, err)
	}
	if err != nil {
		w.Header().Set(nobody, "true")
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if status/100 == 2 {
		if killed := f.trap.springs(after); killed != nil {
			i.kill()
			killed()
		}
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// momentsOf are those that the program may die of during and after r.
func momentsOf(r *http.Request) (during, after instant) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/feedback/"):
		return onFeedback, onAck
	case strings.HasPrefix(r.URL.Path, "/return/"):
		return onReturn, ""
	case r.Method == http.MethodPost:
		return onRequest, onAnswer
	}
	return "", ""
}

// hears notes a delivery of feedback, with status 0 before it is made.
func (f *front) hears(body []byte, status int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := meaning(body)
	m := f.heard[key]
	if m == nil {
		m = &telling{minutes: map[string]bool{}}
		f.heard[key] = m
	}
	m.acked = m.acked || err == nil && status/100 == 2
	now := time.Now().UTC()
	m.minutes[now.Format("15:04")] = true
	m.story = append(m.story, fmt.Sprint(now.Format("15:04:05.000 "), status, " ", err))
}

// meaning is a message without the order of its fields, which differs each time it is sent, and without its signature.
func meaning(body []byte) string {
	var fields map[string]any
	if json.Unmarshal(body, &fields) == nil {
		delete(fields, "signature")
		sorted, _ := json.Marshal(fields) // it came from JSON
		return string(sorted)
	}
	if form, err := url.ParseQuery(string(body)); err == nil {
		return form.Encode()
	}
	return string(body)
}

// forward sends r to base and returns the whole answer.
func forward(base string, r *http.Request, body []byte) (status int, header http.Header, answer []byte, err error) {
	q, err := http.NewRequestWithContext(r.Context(), r.Method, base+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	q.Header = r.Header
	resp, err := through.RoundTrip(q)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, answer, err
}

// outlet stands between one instance and its provider, and sets off the trap.
type outlet struct {
	*fleet
	i *instance
}

// effectCommands are the provider's words for calls that move money.
var effectCommands = map[string]bool{"CAPTURE": true, "REFUND": true, "VOID_AUTHORIZATION": true, "PURCHASE": true}

func (g *outlet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var call struct {
		Command      string `json:"command"`
		QueryCommand string `json:"query_command"`
	}
	if err != nil || json.Unmarshal(body, &call) != nil {
		panic(http.ErrAbortHandler)
	}
	before, after, later := beforeProvider, afterProvider, onBooking
	if !effectCommands[call.Command] {
		before, after, later = "", onQuestion, ""
	}
	if killed := g.trap.springs(before); killed != nil {
		g.i.kill()
		killed()
		panic(http.ErrAbortHandler)
	}
	status, header, answer, err := forward(g.simURL, r, body)
	if killed := g.trap.springs(after); killed != nil {
		g.i.kill()
		killed()
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if killed := g.trap.springs(later); killed != nil {
		time.AfterFunc(g.soon(), func() { g.i.kill(); killed() })
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}
