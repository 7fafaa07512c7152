// Package campaign is the fault campaign: one seed of a provider is one world, in which the real program serves merchants, buyers and
// a provider's simulator through a network, a store and a process that fail as the seed has it, in simulated time. In
// the end the simulator's own books, an independent model of a payment and the invariants of the design must agree
// with what the program says.
//
// Everything random comes from the seed, and every seam takes a time of its own, so that one goroutine runs at a time
// and a world can be lived through again: the same seed gives the same trace.
package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
)

// Addresses of a world. The shop does not exist; buyers are sent there and are done.
const (
	programURL = "https://pay.example"
	shopURL    = "https://shop.example"
)

// World is one seed.
type World struct {
	t        *testing.T
	dice     *dice
	trace    *trace
	store    *storage.Store
	manner   *manner
	side     side
	accounts []*account
	tokens   core.Tokens

	calm       atomic.Bool // faults are over
	crashiness int         // percent of lives that end by a crash
	faultiness int         // percent of messages that something happens to
	outage     outage
	dying      sync.WaitGroup
	acting     sync.WaitGroup

	mu         sync.Mutex
	wakes      map[int64]bool // nanoseconds at which somebody wakes
	programs   []*instance    // behind one load balancer, on one store; nil while one is down
	lives      int
	writes     int
	refusals   int
	quiet      *stillness
	counts     map[string]int
	sums       Sums // of the end
	violations []string
	seen       map[string]*standing // payments as they were last written
	told       map[string]*told     // feedback by what it says
	shown      map[string]*answer   // what merchants see of their payments in the end, by id
	intents    map[string]int       // operations, by the life that began them
	hidden     map[string]time.Time // orders the provider denies to know, until when
	perjured   map[string]bool      // orders of which the provider said the opposite of what is true, signed
	letters    []letter             // feedback that arrived
	belated    []letter             // … that will
	stories    []*story
}

// account is a merchant with one account at the provider.
type account struct {
	name, merchant, key, operator string
	settings                      func(out any) // fills in those of the adapter
	hook                          *hook         // where the merchant is told of his events
}

// Unmarshal fills in the settings of the adapter, as the configuration file would.
func (a *account) Unmarshal(_ string, out any) error {
	a.settings(out)
	return nil
}

// Sampled reports whether a seed is among the 2 % that are lived through twice.
func Sampled(seed uint64) bool { return seed%50 == 1 }

// Share is how many of a number of worlds the n-th of some providers gets: as many as the others, or one more.
func Share(worlds, n, providers int) int { return (worlds + providers - 1 - n) / providers }

// Twice lives through a world two times. That they are the same is one more thing that must hold.
func Twice(t *testing.T, run func(t *testing.T, seed uint64) Report, seed uint64) Report {
	t.Helper()
	r, again := run(t, seed), run(t, seed)
	if r.Hash != again.Hash {
		r.Violations = append(r.Violations, fmt.Sprintf("two runs differ: traces %s and %s%s", r.Hash, again.Hash, firstDifference(ordered(r.Trace), ordered(again.Trace))))
	}
	return r
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("\nfirst at line %d:\n%s\n%s", i, a[i], b[i])
		}
	}
	return fmt.Sprintf("\none has %d lines, the other %d", len(a), len(b))
}

// live opens the world of a seed, has what happen in it, and closes it.
func live(t *testing.T, m *manner, seed uint64, what func(*World)) Report {
	w := &World{t: t, manner: m, dice: &dice{seed: seed, drawn: map[string]uint64{}}, trace: newTrace(), wakes: map[int64]bool{}, counts: map[string]int{},
		seen: map[string]*standing{}, told: map[string]*told{}, shown: map[string]*answer{}, intents: map[string]int{}, hidden: map[string]time.Time{}, perjured: map[string]bool{}}
	began := time.Now()
	if err := w.open(); err != nil {
		w.violate("the world does not open: %v", err)
		return w.report(began)
	}
	what(w)
	for _, p := range w.programs {
		if p != nil {
			p.stop()
			w.within(time.Hour, "the stop of the program", func() { <-p.ended })
			p.dead.Store(true)
		}
	}
	w.dying.Wait()
	w.side.Close()
	if err := w.store.Close(); err != nil {
		w.violate("the store does not close: %v", err)
	}
	return w.report(began)
}

// people is what happens in the worlds of the campaign: everybody does something, and in the end all is settled.
func (w *World) people() {
	w.temper()
	for slot := range w.programs {
		w.start(slot)
	}
	w.act()
	w.within(lifetime, "what people do", w.acting.Wait)
	w.settle()
	w.check()
}

// temper draws how unkind the world is: some are kind, so that what goes right is seen as well.
func (w *World) temper() {
	r := w.dice.of("temper")
	w.crashiness, w.faultiness = []int{0, 50, 90}[r.IntN(3)], []int{0, 5, 15, 30}[r.IntN(4)]
	w.programs = make([]*instance, 1+r.IntN(4)/3)
	w.loseProvider(r)
	w.trace.note("temper: %d instances, %d%% of lives crash, %d%% of messages suffer", len(w.programs), w.crashiness, w.faultiness)
}

// lifetime is more than people need for all they do. Keys are kept as long: a merchant repeats each request in the end.
const lifetime = 200 * 24 * time.Hour

// within waits for something that must come to its end. If it does not, every instance is cut off, so that it does.
func (w *World) within(limit time.Duration, what string, wait func()) {
	ended := make(chan struct{})
	go func() { defer close(ended); wait() }()
	select {
	case <-ended:
		return
	case <-time.After(limit):
	}
	w.violate("%s did not end in %s", what, limit)
	w.cutOff()
	<-ended
}

// cutOff ends a world in which something does not come to its end.
func (w *World) cutOff() {
	w.calm.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.programs {
		if p != nil && !p.dead.Swap(true) {
			close(p.gone)
			p.stop()
		}
	}
}

// tooManyRefusals is more than a world's store has reason for.
const tooManyRefusals = 1000

// refusal counts writes that came to nothing.
func (w *World) refusal() {
	w.mu.Lock()
	w.refusals++
	over := w.refusals == tooManyRefusals
	w.mu.Unlock()
	if over {
		w.violate("the store refused %d writes: something tries for ever", tooManyRefusals)
		w.cutOff()
	}
}

// open opens the store, the provider's side and the accounts.
func (w *World) open() error {
	ctx := context.Background()
	var err error
	if w.store, err = storage.Open(ctx, "sqlite::memory:", storage.Options{Migrate: true, MinFree: 1}); err != nil {
		return err
	}
	if w.tokens, err = core.NewTokens(bytes.Repeat([]byte("example!"), 4)); err != nil {
		return err
	}
	if w.side, w.accounts, err = w.manner.open(w, &http.Client{Transport: &feedbackLine{w: w}}); err != nil {
		return err
	}
	for _, a := range w.accounts {
		if err := w.register(ctx, a); err != nil {
			return err
		}
	}
	w.control("seed", map[string]any{"seed": w.dice.seed})
	return nil
}

// register makes a merchant, his account and his key known, as configuration and `paymux keys` do.
func (w *World) register(ctx context.Context, a *account) error {
	text, key := core.NewAPIKey(a.merchant, core.ScopeMerchant, time.Time{})
	operatorText, operatorKey := core.NewAPIKey(a.merchant, core.ScopeOperator, time.Time{})
	a.key, a.operator = text, operatorText
	salt := []byte(fmt.Sprintf("%032d", w.dice.of("salt").Uint64()))
	for subject, fn := range map[string]func(core.Tx) error{
		"merchant": func(tx core.Tx) error { return tx.InsertMerchant(a.merchant, time.Now()) },
		"account": func(tx core.Tx) error {
			return tx.InsertAccount(core.AccountRow{Name: a.name, Provider: w.manner.name, Salt: salt, CreatedAt: time.Now()})
		},
		"key":      func(tx core.Tx) error { return tx.InsertAPIKey(key) },
		"operator": func(tx core.Tx) error { return tx.InsertAPIKey(operatorKey) },
	} {
		if err := w.store.Do(ctx, subject+" "+a.name, fn); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) shops() (out []*core.Merchant) {
	for _, a := range w.accounts {
		out = append(out, &core.Merchant{ID: a.merchant, Accounts: []string{a.name}, ReturnHosts: []string{"shop.example"}})
	}
	return out
}

// running is the instance that a request reaches, nil when all are down.
func (w *World) running(r *rand.Rand) *instance {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := r.IntN(len(w.programs))
	for i := range w.programs {
		if p := w.programs[(first+i)%len(w.programs)]; p != nil {
			return p
		}
	}
	return nil
}

func (w *World) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

func (w *World) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.trace.note("VIOLATION %s", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, text)
}

// control speaks to the simulator's control port. It takes no time.
func (w *World) control(path string, body any) []byte {
	method, raw := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		raw, _ = json.Marshal(body)
	}
	r, err := http.NewRequest(method, w.manner.url+"/_control/"+path, bytes.NewReader(raw)) //nolint:noctx // it never leaves
	if err != nil {
		w.violate("control %s: %v", path, err)
		return nil
	}
	r.RemoteAddr = ""
	e := &exchange{header: http.Header{}}
	w.side.ServeHTTP(e, r)
	if e.status >= 300 && path != "backoffice" {
		w.violate("control %s answered %d: %s", path, e.status, e.body.String())
	}
	return e.body.Bytes()
}

func (w *World) report(began time.Time) Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.seen {
		w.sums.Payments += count(!isSetUp(id))
	}
	w.sums.Counts = w.counts
	return Report{Provider: w.manner.name, Seed: w.dice.seed, Hash: w.trace.hash(), Trace: w.trace.lines, Virtual: time.Since(began).Round(time.Second), Violations: w.violations, Sums: w.sums}
}
