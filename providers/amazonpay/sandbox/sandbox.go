package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// Config is what a simulator starts with.
type Config struct {
	// Accounts are the merchant accounts, at least one. Merchant ids and key ids are unique.
	Accounts []Account
	// URL is where the simulator is reached, as https://127.0.0.1:9443, for the addresses it hands out: the buyer's pages
	// and the certificate of notifications. Empty: the host that was asked last.
	URL string
	// Client carries notifications to the merchant; nil means one of its own.
	Client *http.Client
	// Log is told what is refused, with the reason that the wire does not tell. Nil discards.
	Log *slog.Logger
	// SettleAfter is the virtual time until something pending settles; 0 means DefaultSettleAfter.
	// A negative one leaves settling to the back office.
	SettleAfter time.Duration
	// NotificationSignature is the SNS signature version, 1 or 2; 0 means 2.
	NotificationSignature int
	// Throttle applies the documented limits of calls.
	Throttle bool
	// ClockSkew is how far x-amz-pay-date may be off the true time, or the virtual one; 0 means DefaultClockSkew.
	ClockSkew time.Duration
}

// Server is the simulator. It serves at the root of its own address.
type Server struct {
	sim    *simulator.Simulator
	mux    *http.ServeMux
	config Config
	signer *signer
	// requestIDs are drawn apart: how often somebody asks does not change the ids of what comes next after a seed.
	requestIDs *simulator.Random

	mu          sync.Mutex
	url         string              // without a slash at its end
	accounts    map[string]*Account // by merchant id
	keys        map[string]*Key     // by key id
	keyOwners   map[string]*Account // by key id
	first       string              // merchant id of the first account
	sessions    map[string]*session
	permissions map[string]*permission
	charges     map[string]*charge
	refunds     map[string]*refund
	tokens      map[string]*buyerToken
	unconfirmed map[endpoint]string // to the token of the confirmation that is awaited
	others      others
	visits      map[string]*visit  // by the id in the address of hosted pages
	returning   map[string]bool    // merchant id and e-mail address of buyers who went on to the shop before
	consent     bool               // they see the consent page instead of the selection
	answers     map[string]*stored // by merchant, environment and idempotency key
	buckets     map[string]*bucket
	order       []*permission // as they came
	epoch       int           // grows with Reset: timers of before are void
}

// New starts a simulator. Close it to stop its timers and notifications.
func New(c Config) (*Server, error) {
	if len(c.Accounts) == 0 {
		return nil, errors.New("amazonpay sandbox: no account is configured")
	}
	if c.SettleAfter == 0 {
		c.SettleAfter = DefaultSettleAfter
	}
	if c.ClockSkew == 0 {
		c.ClockSkew = DefaultClockSkew
	}
	if c.NotificationSignature == 0 {
		c.NotificationSignature = 2
	}
	if c.NotificationSignature != 1 && c.NotificationSignature != 2 {
		return nil, fmt.Errorf("amazonpay sandbox: notification signature version %d is neither 1 nor 2", c.NotificationSignature)
	}
	if c.URL != "" && !webAddress(c.URL) {
		return nil, fmt.Errorf("amazonpay sandbox: %q is not an http or https address", c.URL)
	}
	sign, err := newSigner()
	if err != nil {
		return nil, err
	}
	s := &Server{
		config: c, signer: sign, requestIDs: simulator.NewRandom(), url: strings.TrimSuffix(c.URL, "/"), first: c.Accounts[0].MerchantID,
		accounts: map[string]*Account{}, keys: map[string]*Key{}, keyOwners: map[string]*Account{}, unconfirmed: map[endpoint]string{},
	}
	for _, a := range c.Accounts {
		if err := s.register(a); err != nil {
			return nil, err
		}
	}
	s.forget()
	s.sim = simulator.New(simulator.Options{Client: c.Client, Log: c.Log, Rule: notificationRule, Failure: writeFailure, Actions: storedFaults})
	s.routes()
	return s, nil
}

func (s *Server) register(a Account) error {
	complete, err := a.complete()
	if err != nil {
		return err
	}
	if s.accounts[complete.MerchantID] != nil {
		return fmt.Errorf("amazonpay sandbox: merchant id %q is configured twice", complete.MerchantID)
	}
	for i := range complete.Keys {
		key := &complete.Keys[i]
		if s.keys[key.ID] != nil {
			return fmt.Errorf("amazonpay sandbox: key id %q is configured twice", key.ID)
		}
		s.keys[key.ID], s.keyOwners[key.ID] = key, &complete
	}
	complete.IPNEndpoints = maps.Clone(complete.IPNEndpoints)
	s.accounts[complete.MerchantID] = &complete
	return nil
}

// forget empties everything but accounts. The caller holds the lock, or is alone.
func (s *Server) forget() {
	s.sessions, s.permissions, s.charges, s.refunds = map[string]*session{}, map[string]*permission{}, map[string]*charge{}, map[string]*refund{}
	s.tokens, s.answers, s.buckets = map[string]*buyerToken{}, map[string]*stored{}, map[string]*bucket{}
	s.others, s.order = newOthers(), nil
	s.visits, s.returning = map[string]*visit{}, map[string]bool{}
	s.epoch++
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("GET /{$}", s.firstPage)
	s.hostedRoutes()
	s.mux.HandleFunc("GET "+certificatePath, s.serveCertificate)
	s.mux.HandleFunc("GET "+subscribePath, s.confirmSubscription)
	s.mux.Handle("GET /backoffice", simulator.LoopbackOnly(http.HandlerFunc(s.showBackOffice)))
	s.mux.Handle("POST /backoffice", simulator.LoopbackOnly(http.HandlerFunc(s.actInBackOffice)))
	control := s.sim.Control(face{s},
		simulator.Route{Method: http.MethodPost, Path: "/_control/backoffice", Handle: s.controlBackOffice,
			What: "what a person does in Seller Central, or Amazon does; one of " + strings.Join(backOfficeActions(), ", ") + "; without amount, all that is left",
			Body: backOfficeAction{Operation: "refund", Reference: "order-1001", Amount: 500}},
		simulator.Route{Method: http.MethodPost, Path: "/_control/pages", Handle: s.setPages,
			What: "whether buyers who come back see the consent page", Body: map[string]bool{"consent": true}})
	s.mux.Handle("/_control", control)
	s.mux.Handle("/_control/", control)
}

// ServeHTTP serves everything: API, hosted pages, back office and control port. The API is told apart before anything
// cleans its path: what is signed is the path as it was sent.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if apiPath(r.URL.EscapedPath()) {
		s.serveAPI(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Close stops timers and notifications, and returns when nothing runs any more.
func (s *Server) Close() { s.sim.Close() }

// SetURL says where the simulator is reached (see Config.URL), once that is known.
func (s *Server) SetURL(url string) error {
	if !webAddress(url) {
		return fmt.Errorf("amazonpay sandbox: %q is not an http or https address", url)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.URL, s.url = url, strings.TrimSuffix(url, "/")
	return nil
}

// SetFeedbackURLs sets the notification endpoints of an account in one environment, as in Seller Central; none: no
// notifications.
func (s *Server) SetFeedbackURLs(merchantID string, environment Environment, endpoints ...string) error {
	s.mu.Lock()
	account := s.accounts[merchantID]
	if account == nil {
		s.mu.Unlock()
		return fmt.Errorf("amazonpay sandbox: merchant id %q is not configured", merchantID)
	}
	changed := *account
	changed.IPNEndpoints = map[Environment][]string{}
	maps.Copy(changed.IPNEndpoints, account.IPNEndpoints)
	changed.IPNEndpoints[environment] = endpoints
	if _, err := changed.complete(); err != nil {
		s.mu.Unlock()
		return err
	}
	known := account.IPNEndpoints[environment]
	account.IPNEndpoints = changed.IPNEndpoints
	messages := s.confirmations(account, environment, known)
	s.mu.Unlock()
	s.send(messages)
	return nil
}

// send hands messages to the feedback sender. It must be called without the lock:
// the receiver may ask the simulator before it answers.
func (s *Server) send(messages []simulator.Message) {
	for _, m := range messages {
		s.sim.Feedback.Send(m)
	}
}

// later runs f under the lock after d of virtual time, and sends what it returns. A Reset in between makes it void.
// The caller holds the lock.
func (s *Server) later(d time.Duration, f func() []simulator.Message) {
	epoch := s.epoch
	s.sim.Clock.AfterFunc(d, func() {
		s.mu.Lock()
		var messages []simulator.Message
		if epoch == s.epoch {
			messages = f()
		}
		s.mu.Unlock()
		s.send(messages)
	})
}

// settle is later for what Amazon settles by itself, unless the back office does.
func (s *Server) settle(f func() []simulator.Message) {
	if s.config.SettleAfter > 0 {
		s.later(s.config.SettleAfter, f)
	}
}
