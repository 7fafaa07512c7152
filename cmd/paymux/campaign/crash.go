package campaign

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paymux/paymux/api"
	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers"
)

// Where the program can die. Each is a moment between two things that must be one for the outside world.
const (
	beforeIntent  = "crash before the intent is committed"
	afterIntent   = "crash after the intent is committed, before a byte is sent"
	afterCall     = "crash after the call, before its result is stored"
	beforeResult  = "crash in the transaction of the result"
	afterResult   = "crash after the result, before the answer"
	beforeReceive = "crash before feedback is stored"
	afterReceive  = "crash after feedback is stored, before it is acknowledged"
	beforeApply   = "crash after feedback is acknowledged, before it is applied"
	afterApply    = "crash after feedback is applied"
	beforeLearned = "crash before what a query found is stored"
	afterLearned  = "crash after what a query found is stored"
	beforeSend    = "crash after an event is taken, before it is sent"
	afterSend     = "crash after an event is sent, before that is stored"
	afterTold     = "crash after it is stored that an event was sent"
	inReturn      = "crash while a buyer comes back"
	anywhere      = "crash at some write"
)

var crashPoints = []choice{{beforeIntent, 4}, {afterIntent, 12}, {afterCall, 14}, {beforeResult, 8}, {afterResult, 8}, {beforeReceive, 5}, {afterReceive, 6},
	{beforeApply, 6}, {afterApply, 4}, {beforeLearned, 4}, {afterLearned, 4}, {inReturn, 4}, {anywhere, 8},
	{beforeSend, 5}, {afterSend, 6}, {afterTold, 3}}

// instance is one life of the program. When it dies nothing it still does reaches anybody: its store and its network
// refuse, and its goroutines come to their end. The next life starts on the same store.
type instance struct {
	w        *World
	slot     int // its place among the instances
	number   int
	checkout *core.Checkout
	handler  http.Handler
	dead     atomic.Bool
	gone     chan struct{} // closed when it dies
	stop     context.CancelFunc
	ended    chan struct{} // its background work is over

	mu    sync.Mutex
	point string // where it is to die, empty for nowhere
	left  int    // how often it passes there before
}

// errCrashed is what a dead instance gets from its store: that of one that is closed, which is not tried again.
var errCrashed = &core.Error{Kind: core.Unavailable, Op: "campaign", Code: "storage_closed", Message: "the process is dead", Err: errAway}

// start begins a life of the program in a slot.
func (w *World) start(slot int) {
	w.mu.Lock()
	w.lives++
	i := &instance{w: w, slot: slot, number: w.lives, gone: make(chan struct{}), ended: make(chan struct{})}
	w.mu.Unlock()
	if r := w.dice.of("life"); !w.calm.Load() && percent(r, w.crashiness) {
		i.point, i.left = choose(r, crashPoints), r.IntN(6)
		if i.point == afterCall { // starts of payments make no call
			i.left = r.IntN(2)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	i.stop = cancel
	if err := i.build(ctx); err != nil {
		w.violate("the program does not start: %v", err)
		cancel()
		return
	}
	w.mu.Lock()
	w.programs[slot] = i
	w.mu.Unlock()
	w.trace.note("life %d begins", i.number)
	go func() {
		defer close(i.ended)
		i.checkout.Run(ctx)
	}()
}

// build wires the program as cmd/paymux does, on the fenced store and network.
func (i *instance) build(ctx context.Context) error {
	store := &fenced{Store: i.w.store, i: i}
	var accounts []*core.Account
	for _, a := range i.w.accounts {
		row, err := i.w.store.AccountRow(ctx, a.name)
		if err != nil {
			return err
		}
		p, err := providers.OpenOver(&providerLine{i: i}, "aps", a, false)
		if err != nil {
			return err
		}
		account, err := core.OpenAccount(core.AccountConfig{Name: a.name, Provider: "aps"}, row.Salt, p)
		if err != nil {
			return err
		}
		accounts = append(accounts, account)
	}
	log := slog.New(logLines{i.w.trace})
	i.checkout = core.New(core.Options{Store: store, Accounts: accounts, Merchants: i.w.shops(), Tokens: i.w.tokens, PublicURL: programURL, Log: log, Poll: i.w.poll(), Sender: i.carrier()})
	h, err := api.New(api.Options{Checkout: i.checkout, Keys: core.NewKeys(store), Store: store, Log: log})
	i.handler = h
	return err
}

// poll is how often an instance looks for what the other left, if there is another.
func (w *World) poll() time.Duration {
	if len(w.programs) < 2 {
		return 0
	}
	return 5 * time.Minute
}

// at is the moment point of an instance's life; it reports whether the instance dies there.
func (i *instance) at(point string) bool {
	if point == "" || i.dead.Load() || i.w.calm.Load() {
		return false
	}
	i.mu.Lock()
	here := i.point == point
	if here && i.left > 0 {
		i.left--
		here = false
	}
	i.mu.Unlock()
	if here {
		i.w.count(point)
		i.die(point)
	}
	return here
}

// die ends an instance and has the next one start a while later.
func (i *instance) die(why string) {
	if i.dead.Swap(true) {
		return
	}
	i.w.trace.note("life %d ends: %s", i.number, why)
	i.w.mu.Lock()
	i.w.programs[i.slot] = nil
	i.w.mu.Unlock()
	close(i.gone)
	i.stop()
	down := between(i.w.dice.of("down"), time.Second, 2*time.Minute)
	if percent(i.w.dice.of("long down"), 10) {
		down = between(i.w.dice.of("down"), time.Hour, 30*time.Hour)
	}
	i.w.dying.Go(func() {
		i.w.pause(down)
		<-i.ended
		i.w.start(i.slot)
	})
}
