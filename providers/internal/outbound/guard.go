package outbound

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/paymux/paymux/core"
)

// The limits of what one account may load this process and its provider with (reliability requirement R-37).
const (
	atOnce     = 32              // calls under way
	waiting    = 64              // calls that wait for one of these places
	waitAtMost = 2 * time.Second // and how long
	failing    = 0.5             // share of failed calls that opens a breaker,
	measured   = 20              // of at least so many
	within     = 30 * time.Second
	probeEvery = 5 * time.Second // one call through an open breaker, to see whether the provider is back
)

// Refusals of a guard: nothing of the call has left.
var (
	errOpen = errors.New("outbound: the provider failed too often; it is tried again within seconds")
	errFull = errors.New("outbound: too many calls to the provider are under way")
)

// guard keeps the failures of one account from those who call, and from its provider: a place for each call, and a
// breaker for calls with effect and another for questions, so that a provider that takes no orders can still be asked.
type guard struct {
	places bulkhead.Bulkhead[any]
	queue  atomic.Int64
	calls  circuitbreaker.CircuitBreaker[any]
	asks   circuitbreaker.CircuitBreaker[any]
}

func newGuard() *guard {
	return &guard{places: bulkhead.New[any](atOnce), calls: newBreaker(), asks: newBreaker()}
}

func newBreaker() circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().WithFailureRateThreshold(failing, measured, within).WithDelay(probeEvery).WithSuccessThreshold(1).Build()
}

// enter lets a call through, or says why it must not leave. Whoever was let through calls leave when his call is over.
func (g *guard) enter(ctx context.Context) (leave func(status int, err error), err error) {
	breaker := g.calls
	if core.Asking(ctx) {
		breaker = g.asks
	}
	if breaker.RemainingDelay() > 0 {
		return nil, errOpen // without waiting for a place
	}
	if err := g.place(ctx); err != nil {
		return nil, err
	}
	if !breaker.TryAcquirePermit() {
		g.places.ReleasePermit()
		return nil, errOpen
	}
	return func(status int, err error) {
		g.places.ReleasePermit()
		switch {
		case failed(status, err), breaker.IsHalfOpen() && errors.Is(err, context.Canceled):
			breaker.RecordFailure()
		case !errors.Is(err, context.Canceled): // whoever gave up says nothing about the provider
			breaker.RecordSuccess()
		}
	}, nil
}

func (g *guard) place(ctx context.Context) error {
	if g.places.TryAcquirePermit() {
		return nil
	}
	defer g.queue.Add(-1)
	if g.queue.Add(1) > waiting || g.places.AcquirePermitWithMaxWait(ctx, waitAtMost) != nil {
		return errFull
	}
	return nil
}

// failed reports whether a call says that the provider is not well: it was not reached, did not answer in time, broke
// off, or answered that it cannot. What it refuses it refuses in good health.
func failed(status int, err error) bool {
	switch {
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		return true
	case errors.Is(err, context.Canceled):
		return false
	}
	return err != nil && status == 0 || errors.Is(err, errBroken)
}

// Reachability is how the calls of this client's account get through.
func (c *Client) Reachability() core.Reachability {
	return core.Reachability{Calls: stateOf(c.guard.calls), Queries: stateOf(c.guard.asks)}
}

func stateOf(b circuitbreaker.CircuitBreaker[any]) core.BreakerState {
	switch {
	case b.IsClosed():
		return core.BreakerClosed
	case b.RemainingDelay() > 0:
		return core.BreakerOpen
	}
	return core.BreakerHalfOpen
}
