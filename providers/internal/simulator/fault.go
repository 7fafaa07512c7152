package simulator

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Action is what goes wrong with one call.
type Action string

// What can go wrong. "Effect" is what the call does to the books.
const (
	DropBefore     Action = "drop_before"     // connection cut, no effect
	DropAfter      Action = "drop_after"      // effect, then connection cut without an answer
	Hang           Action = "hang"            // no effect, no answer: cut after Seconds, or when the caller gives up
	DelayEffect    Action = "delay_effect"    // effect and answer come Seconds later, the effect even if the caller is gone
	HTTPBefore     Action = "http_before"     // answered with Status, no effect
	HTTPAfter      Action = "http_after"      // effect, then answered with Status
	Truncate       Action = "truncate"        // effect, half the answer, connection cut
	Garbage        Action = "garbage"         // effect, 200 with a page that is no answer
	OtherAmount    Action = "other_amount"    // effect as asked, the (well-signed) answer names another amount
	OtherReference Action = "other_reference" // the same with the merchant's reference
)

var actions = []Action{DropBefore, DropAfter, Hang, DelayEffect, HTTPBefore, HTTPAfter, Truncate, Garbage, OtherAmount, OtherReference}

// AnyOperation as the operation of a fault matches every call.
const AnyOperation = "*"

const (
	defaultStatus = http.StatusBadGateway
	defaultDelay  = 60 * time.Second
)

// Fault strikes the Nth matching call from now (1 = the next) and the Times-1 that follow it.
type Fault struct {
	Operation string  `json:"operation"` // the provider's own word, or AnyOperation
	Nth       int     `json:"nth"`       // 0 means 1
	Times     int     `json:"times"`     // 0 means 1
	Action    Action  `json:"action"`
	Status    int     `json:"status,omitempty"`  // of HTTPBefore and HTTPAfter; 0 means 502
	Seconds   float64 `json:"seconds,omitempty"` // virtual; of Hang and DelayEffect; 0 means 60
}

// Check says what is wrong with a fault, naming what would be right. own are the actions of one provider beside the common ones.
func (f Fault) Check(operations []string, own ...Action) error {
	known := slices.Concat(actions, own)
	switch {
	case f.Operation != AnyOperation && !slices.Contains(operations, f.Operation):
		return fmt.Errorf("operation %q is unknown; known are %q and %q", f.Operation, operations, AnyOperation)
	case !slices.Contains(known, f.Action):
		return fmt.Errorf("action %q is unknown; known are %q", f.Action, known)
	case f.Nth < 0 || f.Times < 0 || f.Seconds < 0 || f.Seconds > 1e6:
		return fmt.Errorf("nth, times and seconds must not be negative, seconds at most 1000000")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not between 200 and 599", f.Status)
	}
	return nil
}

// Faults are the faults in force.
type Faults struct {
	clock *Clock
	own   []Action                                // given to the handler as they are
	fail  func(w http.ResponseWriter, status int) // writes the answer of HTTPBefore and HTTPAfter
	mu    sync.Mutex
	list  []*Fault
}

// NewFaults has none in force.
func NewFaults(clock *Clock) *Faults { return &Faults{clock: clock, fail: writeFailure} }

// Add puts a fault in force; it must have passed Check.
func (f *Faults) Add(fault Fault) {
	fault.Nth, fault.Times = max(fault.Nth, 1), max(fault.Times, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, &fault)
}

// List is a copy of what is still in force, counted down.
func (f *Faults) List() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []Fault{}
	for _, fault := range f.list {
		list = append(list, *fault)
	}
	return list
}

// Clear ends all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// due counts one call of operation and returns the first fault that strikes it, or nil.
func (f *Faults) due(operation string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var strikes *Fault
	for _, fault := range f.list {
		if fault.Operation != AnyOperation && fault.Operation != operation {
			continue
		}
		if fault.Nth > 1 {
			fault.Nth--
		} else if strikes == nil {
			strike := *fault
			strikes = &strike
			fault.Times--
		}
	}
	f.list = slices.DeleteFunc(f.list, func(fault *Fault) bool { return fault.Times == 0 })
	return strikes
}

// Handle does the work of one call and answers it. alter is OtherAmount or OtherReference when the answer
// must name another amount or reference than the effect had (sign it as usual), one of the provider's own actions
// when such a fault is due, and empty otherwise.
// It must not depend on the caller's still being there: a delayed effect outlives it.
type Handle func(w http.ResponseWriter, alter Action)

// Serve runs handle under the fault that is due for operation, or plainly.
func (f *Faults) Serve(w http.ResponseWriter, r *http.Request, operation string, handle Handle) {
	fault := f.due(operation)
	if fault == nil {
		handle(w, "")
		return
	}
	status, delay := fault.Status, time.Duration(fault.Seconds*float64(time.Second))
	if status == 0 {
		status = defaultStatus
	}
	if delay == 0 {
		delay = defaultDelay
	}
	answer := &answer{header: http.Header{}, status: http.StatusOK}
	switch fault.Action {
	case DropBefore:
		panic(http.ErrAbortHandler)
	case Hang:
		_ = f.clock.Sleep(r.Context(), delay) // however it ends, the connection is cut
		panic(http.ErrAbortHandler)
	case HTTPBefore:
		f.fail(w, status)
	case DelayEffect:
		f.delayed(r.Context(), delay, answer, handle)
		answer.writeTo(w)
	case OtherAmount, OtherReference:
		handle(w, fault.Action)
	default:
		if slices.Contains(f.own, fault.Action) {
			handle(w, fault.Action)
			return
		}
		handle(answer, "")
		f.lose(w, fault.Action, status, answer)
	}
}

// delayed runs handle later, whether or not the caller still waits, and cuts the connection if it does not.
func (f *Faults) delayed(ctx context.Context, delay time.Duration, answer *answer, handle Handle) {
	done := make(chan struct{})
	f.clock.AfterFunc(delay, func() {
		defer close(done)
		handle(answer, "")
	})
	select {
	case <-done:
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	case <-f.clock.done:
		panic(http.ErrAbortHandler)
	}
}

// lose spoils an answer whose effect has happened.
func (f *Faults) lose(w http.ResponseWriter, action Action, status int, answer *answer) {
	switch action {
	case HTTPAfter:
		f.fail(w, status)
	case Garbage:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<html><head><title>Please wait</title></head><body>\x00\xff<p>{\"status\":</p></body>")
	case Truncate:
		for name, values := range answer.header {
			w.Header()[name] = values
		}
		body := answer.body.Bytes()
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // the half must leave before the cut
		panic(http.ErrAbortHandler)
	default: // DropAfter
		panic(http.ErrAbortHandler)
	}
}

func writeFailure(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<html><body><h1>%d %s</h1></body></html>", status, http.StatusText(status))
}

// answer holds back what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *answer) writeTo(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes())
}
