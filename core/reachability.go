package core

import "context"

// BreakerState says whether calls to a provider get through.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // they do
	BreakerOpen     BreakerState = "open"      // none leaves; the provider failed too often
	BreakerHalfOpen BreakerState = "half_open" // one leaves, to see whether the provider is back
)

// Reachability is how calls of an account get through: those with effect, and questions, which break apart from them.
// A call that does not leave is NotSent.
type Reachability struct{ Calls, Queries BreakerState }

// Reachability is how calls of the account get through; closed where its provider makes none or does not tell.
func (a *Account) Reachability() Reachability {
	if r, ok := a.provider.(Reachable); ok {
		return r.Reachability()
	}
	return Reachability{BreakerClosed, BreakerClosed}
}

type askingKey struct{}

// asking marks what is done under ctx as a question, which has no effect.
func asking(ctx context.Context) context.Context { return context.WithValue(ctx, askingKey{}, true) }

// Asking reports whether ctx belongs to a question to a provider, not to a call with effect.
func Asking(ctx context.Context) bool { return ctx.Value(askingKey{}) != nil }
