package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// A capture that was not sent is run again with the baseline of its first try: the totals that another capture moved
// meanwhile are taken for its own, and its amount is invented on top.
func TestAttackStaleBaselineInventsMoney(t *testing.T) {
	for _, kind := range []core.OpKind{core.OpCapture, core.OpRefund} {
		t.Run(string(kind), func(t *testing.T) {
			d := newDesk(t)
			v := d.authorized("order-1")
			at := int64(0) // the provider's own total
			do := d.Capture
			if kind == core.OpRefund {
				_, err := d.Capture(t.Context(), request("all"), v.ID, core.NewBooking{})
				require.NoError(t, err)
				do = d.Refund
			}
			fail := core.NotSentError(errors.New("connection refused"))
			carry := func(op core.Op) (core.Outcome, error) {
				if fail != nil {
					return core.Outcome{}, fail
				}
				at += op.Amount.Minor
				return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{coretest.Fact(map[core.OpKind]core.FactKind{core.OpCapture: core.Captured, core.OpRefund: core.Refunded}[kind], op)}}, nil
			}
			d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) { return carry(op) }
			d.provider.OnRefund = func(op core.Op, _ core.RefundInput) (core.Outcome, error) { return carry(op) }
			d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
				f := core.Fact{Kind: core.Captured, Measure: core.AtLeast, Of: "A-" + in.Reference, Amount: core.Money{Minor: at, Currency: "EUR"}, Strength: core.Asserted}
				if kind == core.OpRefund {
					f.Kind, f.Of = core.Refunded, ""
				}
				return core.Snapshot{Found: true, Facts: []core.Fact{f}}, nil
			}
			_, err := do(t.Context(), request("k1"), v.ID, amount(4000))
			require.Equal(t, core.Unavailable, core.KindOf(err))
			fail = nil
			_, err = do(t.Context(), request("k2"), v.ID, amount(4000)) // another one, which is carried out
			require.NoError(t, err)
			fail = errors.New("connection reset") // k1 again: it may have arrived; it did not
			_, err = do(t.Context(), request("k1"), v.ID, amount(4000))
			require.NoError(t, err)
			p, err := d.Sync(t.Context(), "m", v.ID)
			require.NoError(t, err)
			got := p.Amounts.Captured
			if kind == core.OpRefund {
				got = p.Amounts.Refunded
			}
			require.Equal(t, at, got, "the counter says more than the provider's books, and the %s is told as succeeded", kind)
		})
	}
}

// captureNotSent asks for a capture whose call does not leave. The next one does.
func (d *desk) captureNotSent(id, key string, minor int64) {
	d.t.Helper()
	d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) {
		return core.Outcome{}, core.NotSentError(errors.New("refused"))
	}
	_, err := d.Capture(d.t.Context(), request(key), id, amount(minor))
	require.Equal(d.t, core.Unavailable, core.KindOf(err))
	d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{coretest.Fact(core.Captured, op)}}, nil
	}
}

// The repetition of a request that was not sent is not held against what is left.
func TestAttackRepeatIgnoresWhatIsLeft(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	d.captureNotSent(v.ID, "k1", 8000)
	_, err := d.Capture(t.Context(), request("k2"), v.ID, amount(8000))
	require.NoError(t, err)
	_, err = d.Capture(t.Context(), request("k1"), v.ID, amount(8000))
	t.Log(err, d.payment(v.ID).Amounts)
	sum := int64(0)
	for _, o := range d.payment(v.ID).Operations {
		if o.Kind == core.OpCapture && o.State == core.OpSucceeded {
			sum += o.Amount.Minor
		}
	}
	require.LessOrEqual(t, sum, int64(10000), "more was asked for than was authorized")
}

// ... nor against the payment having been given up.
func TestAttackRepeatAfterCancel(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	d.captureNotSent(v.ID, "k1", 8000)
	_, err := d.Capture(t.Context(), request("k2"), v.ID, amount(1000))
	require.NoError(t, err)
	_, err = d.Cancel(t.Context(), request("c"), v.ID, "")
	require.NoError(t, err)
	require.Equal(t, core.StatusSucceeded, d.payment(v.ID).Status)
	_, err = d.Capture(t.Context(), request("k3"), v.ID, amount(8000))
	require.Error(t, err, "nothing is capturable any more")
	_, _ = d.Capture(t.Context(), request("k1"), v.ID, amount(8000))
	require.Equal(t, int64(1000), d.payment(v.ID).Amounts.Captured, "a capture after the rest was given up")
}

type racing struct {
	core.Store
	reads int
	at    int
	f     func()
}

func (r *racing) Payment(ctx context.Context, m, id string) (*core.Payment, error) {
	p, err := r.Store.Payment(ctx, m, id)
	if r.reads++; r.f != nil && r.reads == r.at {
		f := r.f
		r.f = nil
		f()
	}
	return p, err
}

// A cancel that races the authorization's feedback: the hold is given up here and stays at the provider.
func TestAttackCancelRacesAuthorization(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	op := d.op(v.ID, core.OpStart).Op
	r := &racing{Store: d.store}
	d2 := *d
	d2.open(func(o *core.Options) { o.Store = r })
	r.at = 2 // settleDoubt reads, Cancel reads
	r.f = func() { d.hear(coretest.Authorized(op, false)) }
	_, err := d2.Cancel(t.Context(), request("c"), v.ID, "")
	p := d.payment(v.ID)
	t.Log(err, p.Status, p.Amounts, p.Waived, p.Canceled, p.AllowedActions())
	require.False(t, err == nil && len(d.provider.Calls(core.OpVoid)) == 0 && p.Status == core.StatusCanceled, "canceled, and the hold was never released")
}

// Payments of an account that is no longer configured stand at the head of what is due for ever.
func TestAttackRemovedAccountStarvesTheSweep(t *testing.T) {
	d := newDesk(t)
	var ids []string
	for i := range 205 {
		ids = append(ids, d.create(fmt.Sprint("old-", i), core.CaptureManual).ID)
	}
	second := coretest.NewProvider()
	asked := make(chan struct{}, 1000)
	second.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		asked <- struct{}{}
		return core.Snapshot{}, nil
	}
	acc2, err := core.OpenAccount(core.AccountConfig{Name: "acc2", Provider: "scripted"}, make([]byte, 32), second)
	require.NoError(t, err)
	d.open(func(o *core.Options) {
		o.Accounts = []*core.Account{acc2}
		o.Merchants = []*core.Merchant{{ID: "m", Accounts: []string{"acc2"}}}
	})
	mine, err := d.Create(t.Context(), request("new"), newPayment("new", core.CaptureManual))
	require.NoError(t, err)
	id := view(t, mine).ID
	due := func(id string, ago time.Duration) {
		require.NoError(t, d.store.Do(t.Context(), id, func(tx core.Tx) error {
			return tx.Plan(core.Work{Kind: core.WorkAsk, Subject: id, DueAt: time.Now().Add(-ago), Tries: 1})
		}))
	}
	for _, o := range ids {
		due(o, time.Hour)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	due(id, time.Second)
	go d.Run(ctx)
	select {
	case <-asked:
	case <-ctx.Done():
		t.Fatal("the payment is due and never asked about: 200 payments of a removed account are always in front of it")
	}
}

// Capturing at an account that is no longer configured.
func TestAttackRemovedAccountPanics(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	d.open(func(o *core.Options) { o.Accounts = nil })
	_, err := d.Capture(t.Context(), request("k"), v.ID, core.NewBooking{})
	t.Log(err)
	require.NotPanics(t, func() { _, err = d.Cancel(t.Context(), request("k2"), v.ID, "") })
}

// away is a database that cannot be written for a while.
type away struct {
	core.Store
	until time.Time
}

func (a *away) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	if time.Now().Before(a.until) {
		return &core.Error{Kind: core.Unavailable, Code: "storage_unavailable"}
	}
	return a.Store.Do(ctx, subject, fn)
}

// The provider declined a capture while the database was away for two seconds: the answer is thrown away, and the
// payment is blocked for ever by an operation that is told as unknown.
func TestAttackAnswerLostWhileTheDatabaseIsAway(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	s := &away{Store: d.store}
	d2 := *d
	d2.account = nil
	account, err := core.OpenAccount(core.AccountConfig{Name: "acc", Provider: "scripted", CallTimeout: 2500 * time.Millisecond}, make([]byte, 32), d.provider)
	require.NoError(t, err)
	d2.open(func(o *core.Options) { o.Store = s; o.Accounts = []*core.Account{account} })
	d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) {
		s.until = time.Now().Add(2 * time.Second)
		return core.Outcome{Result: core.Declined, Failure: &core.Failure{Category: core.FailureDeclinedSoft}}, nil
	}
	_, err = d2.Capture(t.Context(), request("k"), v.ID, amount(4000))
	t.Log(err)
	time.Sleep(3 * time.Second)
	p, err := d2.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	o := d.op(v.ID, core.OpCapture)
	d.provider.OnCapture = nil
	_, again := d2.Capture(t.Context(), request("k2"), v.ID, amount(1000))
	t.Log(p.Status, o.State, again)
	require.Equal(t, core.OpDeclined, o.State, "the provider's answer was thrown away after 1.5 s")
}

// A database that fails to read right after a commit of unknown fate: the operation stands as sent, nothing is ever sent.
func TestAttackLastAttemptIsToldAsCanceled(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	for i := 2; i <= 10; i++ {
		at := d.payment(v.ID).Latest()
		d.hear(core.Fact{Kind: core.AttemptEnded, ID: "A-" + at.Reference, Strength: core.Asserted})
		require.Equal(t, core.StatusRequiresPaymentMethod, d.payment(v.ID).Status)
		_, err := d.Confirm(t.Context(), request(fmt.Sprint("c", i)), v.ID, nil, "", nil)
		require.NoError(t, err)
	}
	require.Equal(t, core.StatusRequiresAction, d.payment(v.ID).Status)
	require.NotContains(t, d.events(v.ID), "payment.canceled")
}
