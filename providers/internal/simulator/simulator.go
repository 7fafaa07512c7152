package simulator

import (
	"log/slog"
	"net/http"
	"sync"
)

// Options are what the parts of a simulator need from outside.
type Options struct {
	// Client carries feedback. Redirects are never followed with it. Nil means a client with the rule's time limit.
	Client *http.Client
	// Rule says when feedback is accepted and how often it is tried.
	Rule Rule
	// Log is told what the simulator refuses and sends. Nil discards.
	Log *slog.Logger
	// Actions are faults of this provider beside the common ones; its handlers are given them and carry them out.
	Actions []Action
	// Failure writes the answer that a fault gives instead of the provider's own. Nil means a short page, as of a gateway.
	Failure func(w http.ResponseWriter, status int)
}

// Simulator bundles the shared parts. All of them are safe for concurrent use.
type Simulator struct {
	Clock    *Clock
	Faults   *Faults
	Feedback *Sender
	Requests *Requests
	Random   *Random
	Log      *slog.Logger

	close sync.Once
}

// New starts with the true time, no fault, feedback in normal mode and randomness that differs per process.
func New(o Options) *Simulator {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	clock := NewClock()
	faults := NewFaults(clock)
	faults.own = o.Actions
	if o.Failure != nil {
		faults.fail = o.Failure
	}
	return &Simulator{
		Clock:    clock,
		Faults:   faults,
		Feedback: NewSender(o.Client, clock, o.Rule, o.Log),
		Requests: &Requests{clock: clock},
		Random:   NewRandom(),
		Log:      o.Log,
	}
}

// Reset forgets faults, feedback, requests and timers, and sets the clock to the true time.
func (s *Simulator) Reset() {
	s.Faults.Clear()
	s.Feedback.Reset()
	s.Clock.Reset()
	s.Requests.Clear()
}

// Close stops everything and returns when nothing of it runs any more. It may be called twice,
// but not from a function started by the clock.
func (s *Simulator) Close() {
	s.close.Do(func() {
		s.Feedback.Close()
		s.Clock.Close()
	})
}
