package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
)

// Faults of our own network, beside those the simulator plays. The simulator's are named as its control port does.
const (
	// Proved: nothing left.
	refused   = "refused"
	nameless  = "no such name"
	untrusted = "no certificate"
	cutBefore = "reset before a byte"
	// The message never arrived.
	halfSent     = "reset in the middle of the request"
	resetBefore  = "lost before, reset"
	silentBefore = "lost before, silence"
	proxyFails   = "proxy" // something in between answers 5xx
	busy         = "too many requests"
	moved        = "redirect"
	down         = "down" // the provider is away for hours or days
	// It arrived and had its effect; the answer did not.
	resetAfter  = "lost after, reset"
	silentAfter = "lost after, silence"
	proxyAfter  = "proxy after"
	late        = "late" // it arrives when its sender has given up
	twice       = "twice"
	// The answer suffers.
	slow          = "slow" // it takes up to half a minute
	cutShort      = "cut at some byte"
	empty         = "empty"
	otherType     = "other content type"
	dripping      = "a byte a second"
	endless       = "endless"
	unsigned      = "wrong signature"
	unknownCode   = "unknown code"
	otherCurrency = "other currency"
	notFound      = "not found, though it is there"
	lagging       = "totals lag behind"
)

// What is done at the provider by hand, or on its own, beside what merchants may do here.
const (
	declined   = "decline" // what it has accepted
	guaranteed = "a_to_z"  // it gives back under its guarantee, at the merchant's cost
)

// feedbackModes are how the provider's next message travels.
var feedbackModes = []choice{{"hold", 20}, {"drop", 20}, {"duplicate", 20}, {"reorder", 15}, {"early", 15}, {"forge", 10}}

// lineFaults are what can happen to a message to the program.
var lineFaults = []choice{{refused, 15}, {resetBefore, 10}, {silentBefore, 10}, {resetAfter, 18}, {silentAfter, 17}, {proxyFails, 10}, {proxyAfter, 10}, {slow, 20}}

// strike draws whether something happens to a message, and what; empty for nothing.
func (w *World) strike(r *rand.Rand, from []choice, what string) string {
	often := w.faultiness
	switch c := w.manner.command(what); {
	case c.doing == doingQuery || what == "to the program": // by far the most
	case c.few:
		often *= 3
	case what == "store":
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

// simulate has the simulator play a fault on the call of operation that comes next. A lie about an amount is told in the
// answer only, where a notification repeats it, and bears nothing to hold it against.
func (w *World) simulate(r *rand.Rand, operation, action string) {
	fault := map[string]any{"operation": operation, "action": action}
	switch action {
	case "hang", "delay_effect":
		fault["seconds"] = 1 + r.IntN(90)
	case "http_before", "http_after":
		fault["status"] = []int{429, 500, 502, 503, 504}[r.IntN(5)]
	case "other_amount":
		if w.manner.command(operation).told { // no command that has two names is
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
	operation, reference := w.side.command(r)
	name := operation + " " + reference
	mine := fmt.Sprintf("%s from %d", name, l.i.slot)
	draws := w.dice.of("call " + mine)
	w.travel("call " + mine)
	if l.i.dead.Load() {
		return nil, core.NotSentError(errAway)
	}
	command := w.manner.command(operation)
	faults, doing := w.manner.calls, command.doing
	if doing == doingQuery {
		faults = w.manner.asks
	} else {
		w.disturb(draws)
	}
	if command.faults != nil {
		faults = command.faults
	}
	fault := w.strike(draws, faults, operation)
	if w.away() {
		fault = down
		w.count("fault " + operation + ": " + down)
	}
	fault = w.lie(reference, doing, fault)
	if l.i.at(inRequest, doing) {
		return nil, errAway
	}
	if l.i.at(inAnswer, doing) {
		w.deliverLater(r, time.Microsecond)
		return nil, errAway
	}
	resp, err := l.carry(r, draws, operation, fault)
	w.trace.note("call %s %s -> %s", name, fault, outcomeOf(resp, err))
	if l.i.at(afterCall, doing) || l.i.dead.Load() {
		discard(resp)
		return nil, errAway
	}
	w.travel("answer " + mine)
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
	case refused, nameless, untrusted, cutBefore:
		return nil, core.NotSentError(errors.New(fault))
	case halfSent, resetBefore:
		return nil, errReset
	case silentBefore, down:
		return nil, w.silence(r, draws)
	case busy:
		return waiting(failing(r, http.StatusTooManyRequests), draws), nil
	case moved:
		return elsewhere(failing(r, []int{301, 302, 307, 308}[draws.IntN(4)])), nil
	case late:
		w.deliverLater(r, between(draws, time.Second, time.Minute))
		if percent(draws, 50) {
			return nil, errReset
		}
		return nil, w.silence(r, draws)
	case twice:
		if !w.manner.command(operation).double { // who doubles one below TLS that is takes money twice
			w.deliverLater(r, between(draws, time.Microsecond, time.Second))
		}
	case "", resetAfter, silentAfter, slow, cutShort, empty, otherType, dripping, endless, unsigned, unknownCode, otherCurrency, notFound, lagging:
	default:
		w.simulate(draws, w.manner.command(operation).wire(), fault)
	}
	resp, err := w.deliver(w.side, r, "", l.i.gone)
	if err != nil {
		return nil, err
	}
	switch fault {
	case resetAfter:
		discard(resp)
		return nil, errReset
	case silentAfter:
		discard(resp)
		return nil, w.silence(r, draws)
	case slow:
		if err := w.pauseIn(r.Context(), between(draws, time.Second, 35*time.Second)); err != nil {
			discard(resp)
			return nil, err
		}
	}
	return w.spoiled(resp, draws, fault), nil
}

// deliverLater has a message arrive by itself; nobody waits for the answer.
func (w *World) deliverLater(r *http.Request, after time.Duration) {
	again := r.Clone(context.WithoutCancel(r.Context()))
	again.Body = io.NopCloser(bytes.NewReader(peek(r)))
	go func() {
		w.pause(after)
		resp, _ := w.deliver(w.side, again, "", nil)
		discard(resp)
	}()
}

// silence is how a client learns that a message was lost: by waiting until its own time is over, or the line's. Those
// who give up together, because their instance ends, do so in an order that was drawn.
func (w *World) silence(r *http.Request, draws *rand.Rand) error {
	if err := w.pauseIn(r.Context(), between(draws, time.Second, 100*time.Second)); err != nil {
		w.pause(between(draws, 200*time.Microsecond, 20*time.Millisecond))
		return err
	}
	return errReset
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
	told := letter{path: r.URL.Path, contentType: r.Header.Get("Content-Type"), body: peek(r)}
	name := "feedback " + strings.TrimPrefix(told.path, "/feedback/") + " " + digest(told.body)
	if l.w.keepBack(told, l.w.dice.of("belated "+name)) {
		return failing(r, http.StatusOK), nil
	}
	return l.w.toProgram(r, name, "198.51.100.7:443", func(resp *http.Response) { l.w.heard(told, resp) })
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
	case resetBefore:
		return nil, errReset
	case silentBefore:
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
	if strings.HasPrefix(r.URL.Path, "/feedback/") && resp.StatusCode == http.StatusOK && p.at(acknowledged, doingFeedback) {
		return resp, nil
	}
	switch fault {
	case resetAfter:
		discard(resp)
		return nil, errReset
	case silentAfter:
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
	if w.away() {
		w.count("fault page: " + down)
		return nil, errRefused
	}
	return w.deliver(w.side, r, "203.0.113.9:5555", nil)
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
