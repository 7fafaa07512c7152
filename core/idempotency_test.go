package core_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// What was open when it was answered becomes final once, and is told in the same words ever after.
func TestTheFirstFinalAnswerIsKept(t *testing.T) {
	d := newDesk(t)
	d.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) { return core.Outcome{}, nil }
	create := func() core.Answer {
		a, err := d.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
		require.NoError(t, err)
		return a
	}
	open := create()
	require.Equal(t, 202, open.Status)
	require.Equal(t, string(open.Snapshot), string(create().Snapshot), "still open: the answer as it was given")
	d.provider.OnStart = nil
	id := view(t, open).ID
	_, err := d.Sync(t.Context(), "m", id)
	require.NoError(t, err)
	final := create()
	require.Equal(t, 201, final.Status)
	require.Equal(t, core.StatusRequiresAction, view(t, final).Status)
	d.hear(coretest.Authorized(d.op(id, core.OpStart).Op, false))
	require.Equal(t, core.StatusRequiresCapture, d.payment(id).Status)
	again := create()
	require.True(t, again.Replayed)
	require.Equal(t, string(final.Snapshot), string(again.Snapshot))
}

// A process that stood still during its call comes back after another one has made the call again and answered: what
// the merchant was told stays, and the late one tells the same.
func TestALateProcessDoesNotAnswerAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		var came atomic.Bool
		d.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) {
			url := "https://provider.example/second"
			if !came.Swap(true) {
				url = "https://provider.example/first"
				time.Sleep(10 * time.Minute)
			}
			return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, URL: url}}, nil
		}
		create := func() core.Answer {
			a, err := d.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
			require.NoError(t, err)
			return a
		}
		late := d.Checkout
		require.Equal(t, 202, create().Status)
		d.open(nil) // another instance
		time.Sleep(time.Minute)
		told := create()
		require.Equal(t, 201, told.Status)
		require.Equal(t, "https://provider.example/second", view(t, told).Next.URL)
		time.Sleep(10 * time.Minute)
		late.Drain(t.Context())
		require.Equal(t, string(told.Snapshot), string(create().Snapshot))
	})
}

// A process stood still during its call, the background of another one made the call again, and nobody asked meanwhile: what
// the late process tells is the first answer, and the one that every repetition gets.
func TestALateProcessAnswersForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		var came atomic.Bool
		d.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) {
			if !came.Swap(true) {
				time.Sleep(10 * time.Minute)
			}
			return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, URL: "https://provider.example/pay"}}, nil
		}
		account, err := core.OpenAccount(core.AccountConfig{Name: "acc", Provider: "scripted", AnswerWithin: time.Hour}, make([]byte, 32), d.provider)
		require.NoError(t, err)
		d.open(func(o *core.Options) { o.Accounts = []*core.Account{account} })
		late, told := d.Checkout, make(chan core.Answer, 1)
		go func() {
			a, err := late.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
			require.NoError(t, err)
			told <- a
		}()
		time.Sleep(time.Second)
		d.open(nil) // another instance
		stop := d.runs()
		first := <-told
		require.Equal(t, 201, first.Status)
		v := view(t, first)
		stop()
		d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, false))
		require.Equal(t, core.StatusRequiresCapture, d.payment(v.ID).Status)
		again, err := d.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
		require.NoError(t, err)
		require.Equal(t, string(first.Snapshot), string(again.Snapshot))
		require.True(t, again.Replayed)
	})
}

// The end of a mandate whose outcome was open is answered about the mandate, not about the payment it was given with.
func TestTheEndOfAMandateIsAnsweredAboutIt(t *testing.T) {
	d := newDesk(t)
	in := newPayment("order-1", core.CaptureAutomatic)
	in.Order.Save.Kind = core.SaveUnscheduled
	a, err := d.Create(t.Context(), request("create"), in)
	require.NoError(t, err)
	start := d.op(view(t, a).ID, core.OpStart).Op
	sale := coretest.Authorized(start, true)
	d.hear(sale, core.Fact{Kind: core.MandateActive, ID: "tok", Strength: core.Asserted})
	d.provider.OnCancel = func(core.Op, core.CancelMandateInput) (core.Outcome, error) { return core.Outcome{}, nil }
	end := func() core.Answer {
		a, err := d.CancelMandate(t.Context(), request("end"), view(t, a).Mandate, "")
		require.NoError(t, err)
		return a
	}
	require.Equal(t, 202, end().Status)
	d.provider.OnCancel = nil
	_, err = d.Sync(t.Context(), "m", view(t, a).ID)
	require.NoError(t, err)
	final := end()
	require.Equal(t, 200, final.Status)
	require.Equal(t, "mandate", final.Kind)
	var m struct{ ID, Status string }
	require.NoError(t, json.Unmarshal(final.Snapshot, &m))
	require.Equal(t, view(t, a).Mandate, m.ID)
	require.Equal(t, string(core.MandateIsCanceled), m.Status)
}

// shortSighted is a store that does not see a key the first time it is asked for: as if the same request, sent twice at once, took
// it right after.
type shortSighted struct {
	core.Store
	looked bool
}

func (s *shortSighted) Idempotent(ctx context.Context, scope core.IdempotencyScope) (*core.IdempotencyRecord, error) {
	if !s.looked {
		s.looked = true
		return nil, &core.Error{Kind: core.NotFound, Code: "not_found"}
	}
	return s.Store.Idempotent(ctx, scope)
}

// Of the same request sent twice at once, neither is refused because of what the other did.
func TestARequestIsNotInItsOwnWay(t *testing.T) {
	d := newDesk(t)
	create := func() (core.Answer, error) {
		return d.Create(t.Context(), request("create"), newPayment("order-1", core.CaptureManual))
	}
	created, err := create()
	require.NoError(t, err)
	id := view(t, created).ID
	d.hear(coretest.Authorized(d.op(id, core.OpStart).Op, false))
	capture := func() (core.Answer, error) {
		return d.Capture(t.Context(), request("cap"), id, core.NewBooking{})
	}
	captured, err := capture()
	require.NoError(t, err)
	for _, c := range []struct {
		first core.Answer
		again func() (core.Answer, error)
	}{{created, create}, {captured, capture}} {
		d.open(func(o *core.Options) { o.Store = &shortSighted{Store: d.store} })
		a, err := c.again()
		require.NoError(t, err)
		require.True(t, a.Replayed)
		require.Equal(t, string(c.first.Snapshot), string(a.Snapshot))
	}
}
