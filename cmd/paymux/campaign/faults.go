package campaign

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
)

// Faults of our own network, beside those the simulator plays. The simulator's are named as its control port does.
const (
	refused    = "refused"     // proved: nothing left
	lostBefore = "lost before" // the message never arrived
	lostAfter  = "lost after"  // it arrived and had its effect; the answer did not
	proxyFails = "proxy"       // something in between answers 5xx; the message never arrived
	proxyAfter = "proxy after" // … after it arrived
	slow       = "slow"        // the answer takes up to half a minute
)

// callFaults are what can happen to a call of the program to the provider.
var callFaults = []choice{{refused, 8}, {lostBefore, 8}, {lostAfter, 14}, {slow, 8}, {"drop_before", 6}, {"drop_after", 12}, {"hang", 6}, {"delay_effect", 8},
	{"http_before", 6}, {"http_after", 10}, {"truncate", 6}, {"garbage", 6}, {"other_amount", 6}, {"other_reference", 6}}

// askFaults are what can happen to a question. An answer that lies about the totals, signed by the provider, would be
// believed: there is nobody else to ask.
var askFaults = []choice{{refused, 10}, {lostBefore, 10}, {lostAfter, 10}, {slow, 10}, {"hang", 6}, {"http_before", 10}, {"truncate", 6}, {"garbage", 6}, {"other_reference", 8}}

// pageFaults are what can happen when a buyer decides on the provider's page.
var pageFaults = []choice{{"drop_before", 10}, {"drop_after", 20}, {"http_before", 10}, {"http_after", 10}, {"delay_effect", 10}, {"other_amount", 5}, {"other_reference", 5}}

// feedbackModes are how the provider's next message travels.
var feedbackModes = []choice{{"hold", 20}, {"drop", 20}, {"duplicate", 20}, {"reorder", 15}, {"early", 15}, {"forge", 10}}

// lineFaults are what can happen to a message to the program.
var lineFaults = []choice{{refused, 15}, {lostBefore, 20}, {lostAfter, 35}, {proxyFails, 10}, {proxyAfter, 10}, {slow, 20}}

// strike draws whether something happens to a message, and what; empty for nothing.
func (w *World) strike(r *rand.Rand, from []choice, what string) string {
	often := w.faultiness
	switch what {
	case "CHECK_STATUS", "to the program": // by far the most
	case "store":
		often /= 5
	default:
		often *= 2
	}
	if w.calm.Load() || !percent(r, often) {
		return ""
	}
	f := choose(r, from)
	w.count("fault " + what + ": " + f)
	return f
}

// simulate has the simulator play a fault on the call of operation that comes next. A lie about the amount of a booking
// is told in the answer only: its notification repeats it, and bears nothing to hold it against.
func (w *World) simulate(r *rand.Rand, operation, action string) {
	fault := map[string]any{"operation": operation, "action": action}
	switch action {
	case "hang", "delay_effect":
		fault["seconds"] = 1 + r.IntN(90)
	case "http_before", "http_after":
		fault["status"] = []int{429, 500, 502, 503, 504}[r.IntN(5)]
	case "other_amount":
		if operation == "CAPTURE" || operation == "REFUND" {
			w.control("feedback", map[string]any{"mode": "drop", "times": 1})
		}
	}
	w.control("faults", fault)
}

// disturb draws how the provider's next message travels.
func (w *World) disturb(r *rand.Rand) {
	if mode := w.strike(r, feedbackModes, "feedback"); mode != "" {
		w.control("feedback", map[string]any{"mode": mode, "times": 1})
	}
}

// providerLine is the network from an instance of the program to the provider.
type providerLine struct{ i *instance }

func (l *providerLine) RoundTrip(r *http.Request) (*http.Response, error) {
	w := l.i.w
	operation, reference := commandIn(peek(r))
	name := operation + " " + reference
	draws := w.dice.of("call " + name)
	w.travel("call " + name)
	if l.i.dead.Load() {
		return nil, core.NotSentError(errAway)
	}
	faults := callFaults
	if operation == "CHECK_STATUS" {
		faults = askFaults
	} else {
		w.disturb(draws)
	}
	fault := w.strike(draws, faults, operation)
	resp, err := l.carry(r, draws, operation, fault)
	w.trace.note("call %s %s -> %s", name, fault, outcomeOf(resp, err))
	if operation != "CHECK_STATUS" && l.i.at(afterCall) || l.i.dead.Load() {
		discard(resp)
		return nil, errAway
	}
	w.travel("answer " + name)
	if l.i.dead.Load() {
		discard(resp)
		return nil, errAway
	}
	return resp, err
}

// carry carries one call under a fault.
func (l *providerLine) carry(r *http.Request, draws *rand.Rand, operation, fault string) (*http.Response, error) {
	w := l.i.w
	switch fault {
	case refused:
		return nil, core.NotSentError(errRefused)
	case lostBefore:
		return nil, w.silence(r, draws)
	case lostAfter:
		resp, err := w.deliver(w.sim, r, "", l.i.gone)
		discard(resp)
		if err == nil {
			err = w.silence(r, draws)
		}
		return nil, err
	case slow:
		resp, err := w.deliver(w.sim, r, "", l.i.gone)
		if err == nil {
			if err = w.pauseIn(r.Context(), between(draws, time.Second, 35*time.Second)); err != nil {
				discard(resp)
				return nil, err
			}
		}
		return resp, err
	case "":
	default:
		w.simulate(draws, operation, fault)
	}
	return w.deliver(w.sim, r, "", l.i.gone)
}

// silence is how a client learns that a message was lost: by a reset, or by waiting for its own time to be over.
func (w *World) silence(r *http.Request, draws *rand.Rand) error {
	if percent(draws, 50) {
		return errReset
	}
	if err := w.pauseIn(r.Context(), between(draws, time.Second, 100*time.Second)); err != nil {
		return err
	}
	return errReset
}

// commandIn names the command of a request to the provider, and what it is about.
func commandIn(body []byte) (command, reference string) {
	var f struct{ Command, Query_command, Service_command, Merchant_reference string } //nolint:revive // as on the wire
	if json.Unmarshal(body, &f) != nil {
		return "unreadable", ""
	}
	return f.Command + f.Query_command + f.Service_command, f.Merchant_reference
}

func outcomeOf(resp *http.Response, err error) string {
	if err != nil {
		return "no answer"
	}
	return http.StatusText(resp.StatusCode)
}

// feedbackLine is the network from the provider to the program.
type feedbackLine struct{ w *World }

func (l *feedbackLine) RoundTrip(r *http.Request) (*http.Response, error) {
	body := peek(r)
	name := "feedback " + strings.TrimPrefix(r.URL.Path, "/feedback/") + " " + digest(body)
	return l.w.toProgram(r, name, "198.51.100.7:443", func(resp *http.Response) { l.w.heard(r.URL.Path, body, resp) })
}

// toProgram carries a message to whatever instance of the program runs, under a drawn fault. arrived is told what the
// program answered, whether or not that reaches the sender.
func (w *World) toProgram(r *http.Request, name, from string, arrived func(*http.Response)) (*http.Response, error) {
	draws := w.dice.of("to " + name)
	r = r.Clone(r.Context())
	r.Header.Set("X-Request-Id", "req-"+digest([]byte(name))) // without it the program draws one
	w.travel("to " + name)
	fault := w.strike(draws, lineFaults, "to the program")
	switch fault {
	case refused:
		return nil, errRefused
	case lostBefore:
		return nil, w.silence(r, draws)
	case proxyFails:
		return failing(r, 502+draws.IntN(3)), nil
	}
	p := w.running(draws)
	if p == nil {
		w.trace.note("%s -> the program is down", name)
		return nil, errRefused
	}
	resp, err := w.deliver(p.handler, r, from, p.gone)
	w.trace.note("%s %s -> %s", name, fault, outcomeOf(resp, err))
	if err != nil {
		return nil, err
	}
	if p.dead.Load() {
		discard(resp)
		return nil, errReset
	}
	arrived(resp)
	switch fault {
	case lostAfter:
		discard(resp)
		return nil, w.silence(r, draws)
	case proxyAfter:
		discard(resp)
		return failing(r, 502+draws.IntN(3)), nil
	case slow:
		if err := w.pauseIn(r.Context(), between(draws, time.Second, 30*time.Second)); err != nil {
			discard(resp)
			return nil, err
		}
	}
	w.travel("back " + name)
	return resp, nil
}

// browser carries what a buyer's browser sends, wherever it goes.
func (w *World) browser(r *http.Request, name string) (*http.Response, error) {
	if r.URL.Host == hostOf(programURL) {
		return w.toProgram(r, "browser "+name, "203.0.113.9:5555", func(*http.Response) {})
	}
	w.travel("page " + name)
	return w.deliver(w.sim, r, "203.0.113.9:5555", nil)
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
