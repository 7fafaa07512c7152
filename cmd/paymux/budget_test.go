package main

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// A program that reads the error of a configuration gets at every time that cannot be.
func TestBudgetErrorIsTyped(t *testing.T) {
	t.Setenv("EXAMPLE_KEY", exampleKey)
	t.Setenv("EXAMPLE_PHRASE", examplePhrase)
	_, err := loadConfig(write(t, with(map[int]string{13: "    environment: production\n    timeouts: {first_byte: 500ms}"})), nil)
	e, ok := errors.AsType[*budgetError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, budgetError{Account: "aps-ae", Field: "first_byte", Value: 500 * time.Millisecond, Floor: time.Second, Ceiling: time.Minute}, *e)
	_, ok = errors.AsType[*configError](err)
	require.True(t, ok)
}

// The floor and the ceiling of every time can be chosen, and nothing beside them.
func TestBudgetsBetweenFloorAndCeiling(t *testing.T) {
	t.Setenv("EXAMPLE_KEY", exampleKey)
	t.Setenv("EXAMPLE_PHRASE", examplePhrase)
	for _, s := range spans {
		for v, fits := range map[time.Duration]bool{s.floor - 1: false, s.floor: true, s.ceiling: true, s.ceiling + 1: false} {
			line := "    environment: production\n    timeouts: {" + s.field + ": " + v.String() + "}"
			c, err := loadConfig(write(t, with(map[int]string{13: line})), nil)
			require.Equal(t, fits, err == nil, "%s: %v", line, err)
			if fits {
				b, rest := c.budgetOf("aps-ae"), c.Timeouts.budget
				require.Equal(t, v, *s.of(&b))
				*s.of(&rest) = v
				require.Equal(t, rest, b, "what the account does not say is that of all")
			}
		}
	}
}

// Two accounts at a provider that takes ten seconds for a capture. One has little time: its merchant is answered after
// one second, its call is over after three, and what it did is in doubt until the provider is asked. The other one waits.
func TestAnAccountHasItsOwnBudget(t *testing.T) {
	c, open := faultConfig(t), sqliteInMemory(t)
	c.Timeouts.budget = usualBudget
	hurried := c.Accounts["aps-other"]
	hurried.Timeouts = budget{ProviderCall: 3 * time.Second, Answer: time.Second}
	c.Accounts["aps-other"] = hurried
	dsn := open(t)
	synctest.Test(t, func(t *testing.T) {
		w := newFaultWorld(t, c, dsn)
		defer w.leave()
		var takes atomic.Int64
		w.takes = func(string) time.Duration { return time.Duration(takes.Load()) }
		for _, m := range []struct {
			merchant string
			status   int
			answered time.Duration
			left     core.OpState // of the operation, four seconds after the request
		}{{"main", 201, 10 * time.Second, core.OpSucceeded}, {"other", 202, time.Second, core.OpUnknown}} {
			var err error
			w.key, _, err = newKey(t.Context(), w.service.store, m.merchant, core.ScopeMerchant, time.Time{})
			require.NoError(t, err)
			clear(w.first)
			authorized(w)
			w.control("feedback", map[string]any{"mode": "drop", "times": 100}) // only answers can tell
			takes.Store(int64(10 * time.Second))
			began := time.Now()
			a := w.call("POST", "/v1/payments/"+w.id+"/captures", map[string]any{"amount": 5000}, "capture")
			require.Equal(t, []any{m.status, m.answered}, []any{a.status, time.Since(began)}, "%s: %s", m.merchant, a.raw)
			time.Sleep(time.Until(began.Add(4 * time.Second)))
			require.Equal(t, m.left, w.operation(m.merchant, core.OpCapture).State)
			takes.Store(0)
		}
		time.Sleep(time.Hour)
		require.Equal(t, "partially_captured", w.call("GET", "/v1/payments/"+w.id, nil, "").str("status"), "the provider was asked, and told")
	})
}

// operation is the one operation of a kind of the payment.
func (w *faultWorld) operation(merchant string, kind core.OpKind) *core.Operation {
	p, err := w.service.store.Payment(w.t.Context(), merchant, w.id)
	require.NoError(w.t, err)
	for _, o := range p.Operations {
		if o.Kind == kind {
			return o
		}
	}
	return nil
}
