package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// The paths of the real service, on one host here.
const (
	PaymentPagePath = "/FortAPI/paymentPage"
	PaymentAPIPath  = "/FortAPI/paymentApi"
)

// What the documents leave open, or leave to the merchant's contract.
const (
	// FeedbackTries and FeedbackGap are APS's rule: ten tries, ten seconds apart, until 2xx or 302.
	FeedbackTries = 10
	FeedbackGap   = 10 * time.Second
	// CaptureWindow is how long an authorization can be captured; then it lapses, without a notification.
	CaptureWindow = 7 * 24 * time.Hour
	// SessionLife is how long the hosted page waits for the buyer.
	SessionLife = 30 * time.Minute
	// DefaultSettleAfter is when uncertain and pending transactions settle by themselves.
	DefaultSettleAfter = 30 * time.Second

	feedbackTimeout = 10 * time.Second
)

// Config is what a simulator starts with.
type Config struct {
	// Accounts are the merchant accounts, at least one. Access codes are unique.
	Accounts []Account
	// Client carries feedback to the merchant; nil means one of its own.
	Client *http.Client
	// Log is told what is refused, with the reason that the wire does not tell. Nil discards.
	Log *slog.Logger
	// SettleAfter is the virtual time until an uncertain or pending transaction settles; 0 means DefaultSettleAfter.
	// A negative one leaves settling to the back office.
	SettleAfter time.Duration
}

// Server is the simulator. It serves at the root of its own address.
type Server struct {
	sim         *simulator.Simulator
	mux         *http.ServeMux
	settleAfter time.Duration

	mu       sync.Mutex
	accounts map[string]*Account // by access code
	first    string              // access code of the first account
	sessions map[string]*session
	books    books
}

// New starts a simulator. Close it to stop its timers and feedback.
func New(c Config) (*Server, error) {
	if len(c.Accounts) == 0 {
		return nil, errors.New("aps sandbox: no account is configured")
	}
	s := &Server{
		settleAfter: c.SettleAfter,
		accounts:    map[string]*Account{},
		first:       c.Accounts[0].AccessCode,
		sessions:    map[string]*session{},
		books:       newBooks(),
	}
	if s.settleAfter == 0 {
		s.settleAfter = DefaultSettleAfter
	}
	for _, account := range c.Accounts {
		complete, err := account.complete()
		if err != nil {
			return nil, err
		}
		if s.accounts[complete.AccessCode] != nil {
			return nil, fmt.Errorf("aps sandbox: access code %q is configured twice", complete.AccessCode)
		}
		s.accounts[complete.AccessCode] = &complete
	}
	s.sim = simulator.New(simulator.Options{Client: c.Client, Log: c.Log, Rule: simulator.Rule{
		Tries:    FeedbackTries,
		Gap:      func(int) time.Duration { return FeedbackGap },
		Timeout:  feedbackTimeout,
		Accepted: func(status int, _ []byte) bool { return status/100 == 2 || status == http.StatusFound },
	}})
	s.routes()
	return s, nil
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("POST "+PaymentPagePath, s.enter)
	s.mux.HandleFunc("GET "+PaymentPagePath+"/{session}", s.showSession)
	s.mux.HandleFunc("POST "+PaymentPagePath+"/{session}", s.act)
	s.mux.HandleFunc("POST "+PaymentAPIPath, s.serveAPI)
	s.mux.HandleFunc("/FortAPI/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed) // what the real one says to a wrong path too
	})
	s.mux.HandleFunc("GET /{$}", s.firstPage)
	s.mux.Handle("GET /backoffice", simulator.LoopbackOnly(http.HandlerFunc(s.showBackOffice)))
	s.mux.Handle("POST /backoffice", simulator.LoopbackOnly(http.HandlerFunc(s.actInBackOffice)))
	control := s.sim.Control(face{s}, simulator.Route{Method: http.MethodPost, Path: "/_control/backoffice", Handle: s.controlBackOffice,
		What: "what a person does in the back office: capture, refund, void or settle (outcome approve or decline); without amount, all that is left",
		Body: backOfficeAction{Operation: "refund", Reference: "order-1001", Amount: 500}})
	s.mux.Handle("/_control", control)
	s.mux.Handle("/_control/", control)
}

// ServeHTTP serves everything: hosted pages, server API, back office and control port.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close stops timers and feedback, and returns when nothing runs any more.
func (s *Server) Close() { s.sim.Close() }

// SetFeedbackURLs sets where an account's direct feedback and notifications go, as in its technical settings.
// An empty address switches that one off.
func (s *Server) SetFeedbackURLs(accessCode, direct, notification string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	account := s.accounts[accessCode]
	if account == nil {
		return fmt.Errorf("aps sandbox: access code %q is not configured", accessCode)
	}
	changed := *account
	changed.DirectFeedbackURL, changed.NotificationURL = direct, notification
	if _, err := changed.complete(); err != nil {
		return err
	}
	account.DirectFeedbackURL, account.NotificationURL = direct, notification
	return nil
}

// Books are what happened to the money, whatever anybody was told.
func (s *Server) Books() simulator.Books {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.list(s.sim.Clock.Now())
}

// send hands messages to the feedback sender. It must be called without the lock:
// the receiver may ask the simulator before it answers.
func (s *Server) send(messages []simulator.Message) {
	for _, m := range messages {
		s.sim.Feedback.Send(m)
	}
}
