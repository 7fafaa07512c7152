package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paymux/paymux/api"
	"github.com/paymux/paymux/api/webhook"
	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers"
	"github.com/paymux/paymux/storage"
)

// service is the whole program behind one configuration, from the database up to the handler.
type service struct {
	http.Handler
	config    *config
	store     core.Store
	shared    bool // other processes may write to the same database
	checkout  *core.Checkout
	carrier   *webhook.Carrier
	keys      *core.Keys
	log       *slog.Logger
	stopping  atomic.Bool
	transport http.RoundTripper // calls to providers and events to merchants travel over it; nil: the network
}

// open builds a service: database, merchants, accounts, checkout, API. Every account that cannot be opened is told.
func open(ctx context.Context, c *config, log *slog.Logger) (*service, error) {
	return openOn(ctx, c, storage.Options{Migrate: true, Log: log})
}

func openOn(ctx context.Context, c *config, o storage.Options) (*service, error) {
	store, err := storage.Open(ctx, c.Database, o)
	if err != nil {
		return nil, err
	}
	s := &service{config: c, store: store, shared: store.Shared(), keys: core.NewKeys(store), log: o.Log}
	if err := s.build(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return s, nil
}

func (s *service) build(ctx context.Context) error {
	c := s.config
	tokens, err := core.NewTokens(secretKey(c))
	if err != nil {
		return err
	}
	merchants, err := s.merchants(ctx)
	if err != nil {
		return err
	}
	accounts, err := s.accounts(ctx)
	if err != nil {
		return err
	}
	s.carrier = carrier(c, s.transport)
	s.checkout = core.New(core.Options{Store: s.store, Accounts: accounts, Merchants: merchants, Rules: rules(c), Tokens: tokens,
		PublicURL: c.PublicURL, Live: c.live(), AnswerWithin: c.Timeouts.Answer, TimeScale: c.Reliability.TimeScale, KeepKeys: c.Reliability.KeepKeys, Poll: s.poll(), Sender: s.carrier,
		Render: api.EventBody(core.NewLinks(tokens, c.PublicURL), c.live()), Log: s.log})
	routes, err := api.New(api.Options{Checkout: s.checkout, Keys: s.keys, Store: s.store, Log: s.log, Live: c.live(),
		IPExtractor: c.source(), Limits: c.Limits.forAPI()})
	if err != nil {
		return err
	}
	s.Handler = s.unreadyWhileStopping(routes)
	return nil
}

// pollEvery is how often one of several instances looks for work that others left behind.
const pollEvery = 2 * time.Second

// poll is zero where this process is the only one on its database.
func (s *service) poll() time.Duration {
	if s.shared {
		return pollEvery
	}
	return 0
}

// carrier sends events to merchants, never to this program itself; over the network where over is nil.
func carrier(c *config, over http.RoundTripper) *webhook.Carrier {
	o := webhook.GuardOptions{AllowLoopback: c.Webhooks.AllowLoopback}
	for _, port := range c.Webhooks.Ports {
		o.Ports = append(o.Ports, uint16(port))
	}
	if own, err := net.ResolveTCPAddr("tcp", c.Listen); err == nil {
		o.Own = append(o.Own, own.AddrPort())
	}
	if u, err := url.Parse(c.PublicURL); err == nil {
		o.OwnHosts = append(o.OwnHosts, u.Hostname())
	}
	guard := webhook.NewGuard(o)
	return webhook.NewCarrier(guard, webhook.NewSender(guard, webhook.SenderOptions{Over: over}))
}

// secretKey is the configured one. Without one, which only test mode allows, links given out end with the process.
func secretKey(c *config) []byte {
	if !c.SecretKey.Empty() {
		return []byte(c.SecretKey.Reveal())
	}
	return random32()
}

func random32() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

func (s *service) merchants(ctx context.Context) (out []*core.Merchant, err error) {
	now := time.Now().UTC()
	for _, id := range slices.Sorted(maps.Keys(s.config.Merchants)) {
		m := s.config.Merchants[id]
		out = append(out, &core.Merchant{ID: id, Accounts: m.Accounts, ReturnHosts: m.ReturnHosts})
		if err := s.store.Do(ctx, "merchant "+id, func(tx core.Tx) error { return tx.InsertMerchant(id, now) }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *service) accounts(ctx context.Context) (out []*core.Account, err error) {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(s.config.Accounts)) {
		a, err := s.account(ctx, name, s.config.Accounts[name])
		if err != nil {
			problems = append(problems, fmt.Errorf("account %s: %w", name, err))
			continue
		}
		for _, text := range a.Problems() {
			s.log.WarnContext(ctx, "see to an account", "account", name, "problem", text)
		}
		out = append(out, a)
	}
	return out, errors.Join(problems...)
}

// account opens one account. The salt of its references is made when it is first seen and never changes.
func (s *service) account(ctx context.Context, name string, a account) (*core.Account, error) {
	row, err := s.store.AccountRow(ctx, name)
	if core.KindOf(err) == core.NotFound && err != nil {
		fresh := core.AccountRow{Name: name, Provider: a.Provider, Salt: random32(), CreatedAt: time.Now().UTC()}
		if err := s.store.Do(ctx, "account "+name, func(tx core.Tx) error { return tx.InsertAccount(fresh) }); err != nil {
			return nil, err
		}
		row, err = s.store.AccountRow(ctx, name) // another instance may have been first
	}
	if err != nil {
		return nil, err
	}
	if row.Provider != a.Provider {
		return nil, fmt.Errorf("its payments are at %s; an account at %s needs another name", row.Provider, a.Provider)
	}
	t := s.config.budgetOf(name)
	p, err := providers.Open(a.Provider, a.settings, providers.Way{Transport: s.transport, Live: s.config.live(),
		Timeouts: providers.Timeouts{Connect: t.Connect, TLS: t.TLS, FirstByte: t.FirstByte}})
	if err != nil {
		return nil, err
	}
	return core.OpenAccount(core.AccountConfig{Name: name, Provider: a.Provider, State: core.AccountState(a.State), Live: s.config.live(),
		CallTimeout: t.ProviderCall, AnswerWithin: t.Answer}, row.Salt, p)
}

func rules(c *config) (out []core.Rule) {
	for _, r := range c.Routing {
		out = append(out, core.Rule{When: core.When(r.When), Use: r.Use})
	}
	return out
}

// unreadyWhileStopping lets load balancers turn away before intake ends.
func (s *service) unreadyWhileStopping(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.stopping.Load() && r.URL.Path == "/readyz" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":"unavailable"}`))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// run serves on l until ctx ends, and calls ready once it does. Then it stops in the order of R-61: not ready, wait,
// end intake, finish requests, stop background work, store what is in memory, close. Nothing depends on it: what a
// stop leaves open is resumed by the next start.
func (s *service) run(ctx context.Context, l net.Listener, handler http.Handler, ready func() error) error {
	t := s.config.Timeouts
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var background sync.WaitGroup
	background.Go(func() { s.checkout.Run(work) })
	background.Go(func() { s.flushKeys(work) })

	srv := newServer(handler, s.config.longestAnswer(), s.log)
	var silent silentConns
	srv.ConnState = silent.watch
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	err := ready()
	if err == nil {
		select {
		case err = <-served:
		case <-ctx.Done():
			s.log.Info("stopping")
			s.stopping.Store(true)
			pause(t.BeforeStop)
			err = shutDown(srv, &silent, t.Stop)
		}
	}
	_ = srv.Close()
	stopWork()
	if !within(t.Stop, background.Wait) {
		s.log.Warn("calls to providers are left to the next start")
	}
	s.carrier.Close()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.Stop)
	defer cancel()
	s.checkout.Drain(closing)
	return errors.Join(err, s.keys.Flush(closing), s.store.Close())
}

func (s *service) flushKeys(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.keys.Flush(ctx); err != nil {
				s.log.Warn("when keys were last used is not stored yet", "error", err)
			}
		}
	}
}

// newServer is a server with the limits of R-76. The header limit is above that of the API, which refuses with a problem.
func newServer(h http.Handler, answer time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 2*answer + 30*time.Second,
		IdleTimeout: 60 * time.Second, MaxHeaderBytes: 20 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

// shutDown ends intake and waits for running requests.
func shutDown(srv *http.Server, silent *silentConns, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	hangUp := time.AfterFunc(silence, silent.close)
	defer hangUp.Stop()
	if err := srv.Shutdown(ctx); err != nil {
		return fmt.Errorf("requests were cut off: %w", err)
	}
	return nil
}

// silence is how long a connection may be open without a first byte while the server stops. net/http itself would wait
// five seconds for the connections that browsers open in advance.
const silence = 500 * time.Millisecond

// silentConns are the connections that nothing was read from yet.
type silentConns struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
}

func (s *silentConns) watch(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = map[net.Conn]bool{}
	}
	if state == http.StateNew {
		s.conns[c] = true
	} else {
		delete(s.conns, c)
	}
}

func (s *silentConns) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// within reports whether f ended before limit; after it, f goes on alone.
func within(limit time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

func pause(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}
