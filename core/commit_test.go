package core_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// moody is a store whose writes a test interferes with: mood is asked before each and told to run what it wants.
type moody struct {
	core.Store
	room error
	mu   sync.Mutex
	mood func(subject string, run func() error) error
	undo bool // the next write is undone when it is done
}

func (m *moody) set(mood func(subject string, run func() error) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mood = mood
}

func (m *moody) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	m.mu.Lock()
	mood := m.mood
	m.mu.Unlock()
	run := func() error {
		return m.Store.Do(ctx, subject, func(tx core.Tx) error {
			err := fn(tx)
			if undo := m.undo; undo {
				m.undo = false
				return errUnknownCommit
			}
			return err
		})
	}
	if mood == nil {
		return run()
	}
	return mood(subject, run)
}

func (m *moody) Room() error { return m.room }

var (
	errUnknownCommit = &core.Error{Kind: core.Internal, Code: "commit_unknown"}
	errNoStorage     = &core.Error{Kind: core.Unavailable, Code: "storage_unavailable"}
)

// newMoodyDesk is a desk on a moody store.
func newMoodyDesk(t *testing.T) (*desk, *moody) {
	d := newDesk(t)
	m := &moody{Store: d.store}
	d.open(func(o *core.Options) { o.Store = m })
	return d, m
}

// nth interferes with the nth write from now on.
func nth(n int, f func(run func() error) error) func(string, func() error) error {
	return func(_ string, run func() error) error {
		if n--; n == 0 {
			return f(run)
		}
		return run()
	}
}

// An error that waiting does not mend ends the tries: the operation stays as it was sent, the caller is told that it is
// open, and the provider is asked for the result.
func TestADefectEndsTheTriesToStoreAResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, m := newMoodyDesk(t)
		v := d.authorized("order-1")
		tries := 0
		d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) {
			m.set(func(string, func() error) error { tries++; return errors.New("a defect") })
			return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{coretest.Fact(core.Captured, op)}}, nil
		}
		a, err := d.Capture(t.Context(), request("cap"), v.ID, amount(10000))
		require.NoError(t, err)
		require.Equal(t, 202, a.Status)
		require.Equal(t, 5, tries)
		m.set(nil)
		require.Equal(t, core.OpSent, d.op(v.ID, core.OpCapture).State)
		require.False(t, d.payment(v.ID).CheckAt.IsZero())

		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			return core.Snapshot{Found: true, Facts: []core.Fact{{Kind: core.Captured, Measure: core.AtLeast, Amount: core.Money{Minor: 10000, Currency: "EUR"}, Strength: core.Asserted}}}, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); d.Run(ctx) }()
		time.Sleep(10 * time.Minute)
		stop()
		<-ended
		require.Equal(t, core.StatusSucceeded, d.payment(v.ID).Status)
		again, err := d.Capture(t.Context(), request("cap"), v.ID, amount(10000))
		require.NoError(t, err)
		require.Equal(t, 201, again.Status)
		require.Len(t, d.provider.Calls(core.OpCapture), 1)
	})
}

// A commit whose answer was lost may have been kept. The result is not stored once more, and what was answered from it
// meanwhile is what the first caller is answered too, and everybody after him.
func TestAResultIsStoredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, m := newMoodyDesk(t)
		v := d.authorized("order-1")
		var given core.Answer
		d.provider.OnVoid = func(op core.Op, in core.VoidInput) (core.Outcome, error) {
			m.set(nth(1, func(run func() error) error {
				m.set(nil)
				require.NoError(t, run())
				given = d.answeredMeanwhile(v.ID)
				return errUnknownCommit
			}))
			return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.AuthorizationClosed, ID: in.Authorization, OpKey: op.Key, Strength: core.Asserted}}}, nil
		}
		a, err := d.Cancel(t.Context(), request("void"), v.ID, "")
		require.NoError(t, err)
		require.Equal(t, string(given.Snapshot), string(a.Snapshot))
		d.wantAnswered(v.ID, given)
		evidence, err := d.store.Evidence(t.Context(), v.ID)
		require.NoError(t, err)
		answers := 0
		for _, e := range evidence {
			if e.OperationID == d.op(v.ID, core.OpVoid).ID {
				answers++
			}
		}
		require.Equal(t, 1, answers)
	})
}

// The same when the first try was lost, and whoever asked the provider meanwhile has answered the request.
func TestALateResultLeavesTheAnswerThatWasGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, m := newMoodyDesk(t)
		v := d.authorized("order-1")
		var given core.Answer
		d.provider.OnVoid = func(op core.Op, in core.VoidInput) (core.Outcome, error) {
			closed := []core.Fact{{Kind: core.AuthorizationClosed, ID: in.Authorization, OpKey: op.Key, Strength: core.Asserted}}
			d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{Found: true, Facts: closed}, nil }
			m.set(nth(1, func(func() error) error {
				m.set(nil)
				time.Sleep(2 * time.Minute)
				given = d.answeredMeanwhile(v.ID)
				return errNoStorage
			}))
			return core.Outcome{Result: core.Succeeded, Facts: closed}, nil
		}
		_, err := d.Cancel(t.Context(), request("void"), v.ID, "")
		require.NoError(t, err)
		time.Sleep(time.Hour)
		synctest.Wait()
		d.wantAnswered(v.ID, given)
	})
}

// answeredMeanwhile repeats a cancel and then changes the payment, so that another answer would tell of another version.
func (d *desk) answeredMeanwhile(id string) core.Answer {
	given, err := d.Cancel(d.t.Context(), request("void"), id, "")
	require.NoError(d.t, err)
	require.Equal(d.t, 200, given.Status)
	require.True(d.t, given.Replayed)
	_, err = d.Patch(d.t.Context(), request("patch"), id, core.Changes{Metadata: map[string]string{"cart": "78"}})
	require.NoError(d.t, err)
	return given
}

func (d *desk) wantAnswered(id string, given core.Answer) {
	d.t.Helper()
	again, err := d.Cancel(d.t.Context(), request("void"), id, "")
	require.NoError(d.t, err)
	require.Equal(d.t, string(given.Snapshot), string(again.Snapshot))
	require.Len(d.t, d.provider.Calls(core.OpVoid), 1)
	require.Equal(d.t, core.StatusCanceled, d.payment(id).Status)
}

// What is proved about one try of a call says nothing about the next one, which may be under way by then.
func TestALateProofDoesNotEndTheNextTry(t *testing.T) {
	repeated := func(d *desk, id string) { // the client repeats his request: the key is free
		go func() { _, _ = d.Capture(d.t.Context(), request("cap"), id, amount(10000)) }()
	}
	doubted := func(d *desk, id string) { // the provider was asked twice and shows nothing of it
		go func() {
			for range 3 {
				time.Sleep(3 * time.Minute)
				_, _ = d.Sync(d.t.Context(), "m", id)
			}
		}()
	}
	for name, c := range map[string]struct {
		kept      bool
		meanwhile func(d *desk, id string)
		during    core.OpState
	}{"its commit was kept": {true, repeated, core.OpSent}, "its commit was lost": {false, doubted, core.OpUnknown}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, m := newMoodyDesk(t)
				v := d.authorized("order-1")
				underWay := make(chan struct{})
				d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) {
					if op.Try == 2 {
						<-underWay
						return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{coretest.Fact(core.Captured, op)}}, nil
					}
					m.set(nth(1, func(run func() error) error {
						m.set(nil)
						if c.kept {
							require.NoError(t, run())
						}
						c.meanwhile(d, v.ID)
						time.Sleep(20 * time.Minute)
						return errUnknownCommit
					}))
					return core.Outcome{}, core.NotSentError(errors.New("connection refused"))
				}
				go func() { _, _ = d.Capture(t.Context(), request("cap"), v.ID, amount(10000)) }()
				time.Sleep(time.Hour)
				o := d.op(v.ID, core.OpCapture)
				require.Equal(t, 2, o.Try)
				require.Equal(t, c.during, o.State, "the second call may have effect")
				close(underWay)
				time.Sleep(time.Hour)
				require.Equal(t, core.OpSucceeded, d.op(v.ID, core.OpCapture).State)
				require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Captured)
			})
		})
	}
}

// A repetition whose intent was not kept is not made, though the operation is there from the first time.
func TestARepetitionWithoutItsIntentIsNotMade(t *testing.T) {
	d, m := newMoodyDesk(t)
	v := d.authorized("order-1")
	d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) {
		return core.Outcome{}, core.NotSentError(errors.New("connection refused"))
	}
	_, err := d.Capture(t.Context(), request("cap"), v.ID, amount(6000))
	require.Equal(t, core.Unavailable, core.KindOf(err))
	for _, kept := range []bool{false, true} {
		m.set(nth(1, func(run func() error) error {
			if kept {
				require.NoError(t, run())
				return errUnknownCommit
			}
			m.undo = true
			require.Error(t, run())
			return errUnknownCommit
		}))
		if kept {
			d.provider.OnCapture = nil
		}
		a, err := d.Capture(t.Context(), request("cap"), v.ID, amount(6000))
		if kept {
			require.NoError(t, err)
			require.Equal(t, 201, a.Status)
		} else {
			require.Equal(t, core.Unavailable, core.KindOf(err))
		}
		require.Len(t, d.provider.Calls(core.OpCapture), map[bool]int{false: 1, true: 2}[kept])
	}
}

// Without room nothing new begins, and whatever comes of what has begun is stored.
func TestWithoutRoomNothingNewBegins(t *testing.T) {
	d, m := newMoodyDesk(t)
	v := d.create("order-1", core.CaptureManual)
	m.room = &core.Error{Kind: core.Unavailable, Code: "storage_low"}
	_, err := d.Create(t.Context(), request("k"), newPayment("order-2", core.CaptureManual))
	require.Equal(t, "storage_low", core.CodeOf(err))
	require.Equal(t, core.Unavailable, core.KindOf(err))
	_, err = d.store.PaymentID(t.Context(), "m", "order-2")
	require.Equal(t, core.NotFound, core.KindOf(err))
	again, err := d.Create(t.Context(), request("create-order-1"), newPayment("order-1", core.CaptureManual))
	require.NoError(t, err)
	require.True(t, again.Replayed, "it has begun before")

	d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, false))
	_, err = d.Capture(t.Context(), request("cap"), v.ID, amount(6000))
	require.NoError(t, err)
	_, err = d.Refund(t.Context(), request("ref"), v.ID, amount(1000))
	require.NoError(t, err)
	m.room = nil
	_, err = d.Create(t.Context(), request("k"), newPayment("order-2", core.CaptureManual))
	require.NoError(t, err, "the same request goes on when there is room again")
}

// blind is a store whose payments cannot be read.
type blind struct{ core.Store }

func (blind) Payment(context.Context, string, string) (*core.Payment, error) {
	return nil, errNoStorage
}

// A buyer whose payment cannot be looked up now is not told that there is none.
func TestWhatCannotBeLookedUpIsNotDenied(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	d.open(func(o *core.Options) { o.Store = blind{d.store} })
	_, err := d.Hosted(t.Context(), d.ClientToken(v.ID))
	require.Equal(t, core.Unavailable, core.KindOf(err))
	_, err = d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "GET", nil)
	require.Equal(t, core.Unavailable, core.KindOf(err))
}

// A buyer comes back to a payment whose account is no longer configured.
func TestAReturnToAnAccountThatIsGone(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	d.open(func(o *core.Options) { o.Accounts = nil })
	landing, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "GET", nil)
	require.NoError(t, err)
	require.Equal(t, v.ID, landing.Payment.ID)
}

// What a commit of unknown fate planned is done when it was kept, though nobody was told, and nothing else goes on.
func TestWorkOfACommitWithoutAnswerIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, m := newMoodyDesk(t)
		v := d.create("order-1", core.CaptureManual)
		defer d.runs()()
		time.Sleep(25 * time.Minute) // the next question is far away
		m.set(nth(1, func(run func() error) error {
			m.set(nil)
			require.NoError(t, run())
			return errUnknownCommit
		}))
		fb := core.Feedback{Reference: d.op(v.ID, core.OpStart).Reference, DedupeKey: "one", Facts: []core.Fact{coretest.Authorized(d.op(v.ID, core.OpStart).Op, false)}}
		_, err := d.Receive(t.Context(), "acc", coretest.Message(fb))
		require.Error(t, err, "it is not acknowledged, and here it is not sent again")
		time.Sleep(time.Minute)
		require.Equal(t, core.StatusRequiresCapture, d.payment(v.ID).Status)
	})
}

// Work that failed while the database was away is done when it is back.
func TestWorkThatCouldNotBePutOffIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, m := newMoodyDesk(t)
		v := d.create("order-1", core.CaptureManual)
		defer d.runs()()
		time.Sleep(25 * time.Minute)
		fb := core.Feedback{Reference: d.op(v.ID, core.OpStart).Reference, DedupeKey: "one", Facts: []core.Fact{coretest.Authorized(d.op(v.ID, core.OpStart).Op, false)}}
		m.set(nth(1, func(run func() error) error {
			m.set(func(string, func() error) error { return errNoStorage })
			return run()
		}))
		_, err := d.Receive(t.Context(), "acc", coretest.Message(fb))
		require.NoError(t, err)
		time.Sleep(time.Second)
		m.set(nil)
		time.Sleep(time.Minute)
		require.Equal(t, core.StatusRequiresCapture, d.payment(v.ID).Status)
	})
}

// A database that is away when the program starts does not hide for how long nobody listened.
func TestAStartWithoutADatabaseKeepsTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, m := newMoodyDesk(t)
		v := d.authorized("order-1")
		stop := d.runs()
		time.Sleep(time.Minute)
		stop()
		time.Sleep(time.Hour) // nobody listens, and somebody captures by hand
		var asked atomic.Int32
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { asked.Add(1); return core.Snapshot{}, nil }
		m.set(func(string, func() error) error { return errNoStorage })
		defer d.runs()()
		time.Sleep(20 * time.Second)
		require.Zero(t, asked.Load())
		m.set(nil)
		time.Sleep(time.Minute)
		require.Positive(t, asked.Load(), "payment %s may have changed meanwhile", v.ID)
	})
}

// damaged is a store in which the rows of payments cannot be changed.
type damaged struct{ core.Store }

type damagedTx struct{ core.Tx }

func (s damaged) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	return s.Store.Do(ctx, subject, func(tx core.Tx) error { return fn(damagedTx{tx}) })
}

func (damagedTx) Payment(context.Context, string, string) (*core.Payment, error) {
	return nil, &core.Error{Kind: core.Internal, Code: "storage_corrupt"}
}

// A payment whose row cannot be written is asked about later and later, not every second.
func TestAPaymentThatCannotBeStoredIsAskedAboutLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.create("order-1", core.CaptureManual)
		d.open(func(o *core.Options) { o.Store = damaged{d.store} })
		asked := 0
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { asked++; return core.Snapshot{}, nil }
		stop := d.runs()
		time.Sleep(time.Hour)
		stop()
		require.LessOrEqual(t, 4, asked)
		require.LessOrEqual(t, asked, 10)
		require.Equal(t, v.Version, d.payment(v.ID).Version)
	})
}
