package campaign

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paymux/paymux/api"
	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers"
)

// Where the program can die. Each is a moment between two things that must be one for the outside world.
const (
	beforeIntent  = "before the intent is committed"
	afterIntent   = "after the intent is committed, before a byte is sent"
	inRequest     = "while the request is written"
	inAnswer      = "before the answer comes"
	afterCall     = "after the call, before its result is stored"
	beforeResult  = "in the transaction of the result"
	afterResult   = "after the result, before the answer"
	beforeReceive = "before feedback is stored"
	afterReceive  = "after feedback is stored, before it is acknowledged"
	acknowledged  = "after feedback is acknowledged, before it is applied"
	beforeApply   = "in the transaction that applies feedback"
	afterApply    = "after feedback is applied"
	beforeLearned = "before what a query found is stored"
	afterLearned  = "after what a query found is stored"
	beforeSend    = "after an event is taken, before it is sent"
	afterSend     = "after an event is sent, before that is stored"
	afterTold     = "after it is stored that an event was sent"
	inReturn      = "while a buyer comes back"
	resuming      = "in the transaction of a result that another life began"
	anywhere      = "at some write"
)

// moment is a point at which an instance can die, and what it was doing: an operation of core, or one of the below.
type moment struct{ point, doing string }

func (m moment) String() string { return "crash " + m.point + ", " + m.doing }

// What an instance does beside operations.
const (
	doingFeedback  = "feedback"
	doingQuery     = "query"
	doingReturn    = "return"
	doingDelivery  = "delivery"
	doingAnything  = "anything"
	doingOperation = "any operation"
)

// operations are those of core that a world of the manner has, in order.
func (m *manner) operations() []string {
	called, _ := m.called()
	own := []string{string(core.OpStart)}
	for _, kind := range m.alone {
		own = append(own, string(kind))
	}
	return append(own, called...)
}

// moments are all of them, each with the percentage of lives that are to end there. What happens often ends few, so
// that there are lives left for what happens seldom.
func (m *manner) moments() map[moment]int {
	all := map[moment]int{{resuming, doingOperation}: 60, {inReturn, doingReturn}: 4, {anywhere, doingAnything}: 6}
	for _, doing := range m.operations() {
		for _, point := range []string{beforeIntent, afterIntent, beforeResult, afterResult} {
			all[moment{point, doing}] = map[bool]int{true: 4, false: 16}[doing == string(core.OpStart)]
		}
	}
	called, _ := m.called()
	for _, doing := range called {
		for _, point := range []string{inRequest, inAnswer, afterCall} {
			all[moment{point, doing}] = 16
		}
	}
	for _, point := range []string{beforeReceive, afterReceive, acknowledged, beforeApply, afterApply} {
		all[moment{point, doingFeedback}] = map[bool]int{true: 10, false: 4}[m.terse]
	}
	for _, point := range []string{inRequest, inAnswer, afterCall, beforeLearned, afterLearned} {
		all[moment{point, doingQuery}] = 2
	}
	for _, point := range []string{beforeSend, afterSend, afterTold} {
		all[moment{point, doingDelivery}] = 4
	}
	return all
}

// fated draws the moments at which a life is to end, each with how often they pass before.
func (m *manner) fated(r *rand.Rand) map[moment]int {
	fate, moments := map[moment]int{}, m.moments()
	called, _ := m.called()
	for _, m := range slices.SortedFunc(maps.Keys(moments), func(a, b moment) int { return cmp.Compare(a.String(), b.String()) }) {
		if drawn, left := percent(r, moments[m]), r.IntN(3)*r.IntN(3); drawn && slices.Contains(called, m.doing) {
			fate[m] = 0 // it may not come a second time
		} else if drawn {
			fate[m] = left
		}
	}
	for _, kind := range m.rare {
		if points := m.momentsOf(string(kind)); percent(r, 45) {
			for _, at := range points {
				delete(fate, at)
			}
			fate[points[r.IntN(len(points))]] = 0
		}
	}
	return fate
}

// momentsOf are those of an operation, in order.
func (m *manner) momentsOf(doing string) (all []moment) {
	for at := range m.moments() {
		if at.doing == doing {
			all = append(all, at)
		}
	}
	slices.SortFunc(all, func(a, b moment) int { return cmp.Compare(a.String(), b.String()) })
	return all
}

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

	mu   sync.Mutex
	fate map[moment]int // where it is to die, and how often it passes there before
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
		i.fate = w.manner.fated(r)
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
		p, err := providers.Open(i.w.manner.name, a, providers.Way{Transport: &providerLine{i: i}})
		if err != nil {
			return err
		}
		account, err := core.OpenAccount(core.AccountConfig{Name: a.name, Provider: i.w.manner.name}, row.Salt, p)
		if err != nil {
			return err
		}
		accounts = append(accounts, account)
	}
	log := slog.New(logLines{i.w.trace})
	i.checkout = core.New(core.Options{Store: store, Accounts: accounts, Merchants: i.w.shops(), Tokens: i.w.tokens, PublicURL: programURL, KeepKeys: lifetime, Log: log, Poll: i.w.poll(), Sender: i.carrier(),
		Render: api.EventBody(core.NewLinks(i.w.tokens, programURL), false)})
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

// at is a moment of an instance's life; it reports whether the instance dies there.
func (i *instance) at(point, doing string) bool {
	m := moment{point, doing}
	if point == "" || i.dead.Load() || i.w.calm.Load() {
		return false
	}
	i.mu.Lock()
	left, here := i.fate[m]
	if here && left > 0 {
		i.fate[m]--
		here = false
	}
	i.mu.Unlock()
	if here {
		i.w.count(m.String())
		i.die(m.String())
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
