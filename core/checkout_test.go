package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
	"github.com/paymux/paymux/storage"
)

// desk is a checkout over a scripted provider and an empty database in memory.
type desk struct {
	*core.Checkout
	t        *testing.T
	store    core.Store
	provider *coretest.Provider
	tokens   core.Tokens
	account  *core.Account
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	store, err := storage.Open(t.Context(), "sqlite::memory:", storage.Options{Migrate: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	d := &desk{t: t, store: store, provider: coretest.NewProvider()}
	d.tokens, err = core.NewTokens(make([]byte, 32))
	require.NoError(t, err)
	d.open(nil)
	return d
}

// open begins again on the same database, as after a restart.
func (d *desk) open(change func(*core.Options)) { d.openWith(d.provider, change) }

// openWith is open with another provider at the account.
func (d *desk) openWith(p core.Provider, change func(*core.Options)) {
	account, err := core.OpenAccount(core.AccountConfig{Name: "acc", Provider: "scripted"}, make([]byte, 32), p)
	require.NoError(d.t, err)
	o := core.Options{Store: d.store, Accounts: []*core.Account{account}, Tokens: d.tokens, PublicURL: "https://pay.example",
		Merchants: []*core.Merchant{{ID: "m", Accounts: []string{"acc"}}, {ID: "other", Accounts: []string{"acc"}}}}
	if change != nil {
		change(&o)
	}
	d.account, d.Checkout = account, core.New(o)
}

func request(key string) core.Request {
	return core.Request{MerchantID: "m", KeyID: "k", RequestID: "req", Route: "POST /v1/x", IdempotencyKey: key, Fingerprint: key}
}

func newPayment(reference string, capture core.CaptureMode) core.NewPayment {
	return core.NewPayment{Reference: reference, Amount: core.Money{Minor: 10000, Currency: "EUR"},
		Order: core.PaymentOrder{Capture: capture, ReturnURL: "https://shop.example/thanks", CancelURL: "https://shop.example/cart"}}
}

func view(t *testing.T, a core.Answer) (v core.View) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.Snapshot, &v))
	return v
}

func (d *desk) create(reference string, capture core.CaptureMode) core.View {
	d.t.Helper()
	a, err := d.Create(d.t.Context(), request("create-"+reference), newPayment(reference, capture))
	require.NoError(d.t, err)
	require.Equal(d.t, 201, a.Status)
	return view(d.t, a)
}

// authorized creates a payment and has the provider tell that its amount is reserved.
func (d *desk) authorized(reference string) core.View {
	v := d.create(reference, core.CaptureManual)
	d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, false))
	return v
}

func (d *desk) payment(id string) *core.Payment {
	d.t.Helper()
	p, err := d.store.Payment(d.t.Context(), "m", id)
	require.NoError(d.t, err)
	return p
}

func (d *desk) op(id string, kind core.OpKind) *core.Operation {
	for _, o := range d.payment(id).Operations {
		if o.Kind == kind {
			return o
		}
	}
	return nil
}

var told int

// hear delivers a feedback with these facts about the attempt they belong to, and applies it.
func (d *desk) hear(facts ...core.Fact) {
	d.t.Helper()
	told++
	ref := facts[0].Of
	if ref == "" {
		ref = facts[0].ID
	}
	d.receive(core.Feedback{Facts: facts, Reference: ref[2:], DedupeKey: fmt.Sprint(told)})
}

func (d *desk) receive(fb core.Feedback) {
	d.t.Helper()
	_, err := d.Receive(d.t.Context(), "acc", coretest.Message(fb))
	require.NoError(d.t, err)
	d.Drain(d.t.Context())
}

func (d *desk) events(id string) (kinds []string) {
	d.t.Helper()
	l, err := d.Events(d.t.Context(), "m", core.EventQuery{Payment: id}, 100, "")
	require.NoError(d.t, err)
	for i := len(l.Items) - 1; i >= 0; i-- {
		require.Equal(d.t, int64(len(l.Items)-i), l.Items[i].Sequence, "the sequence has a gap")
		kinds = append(kinds, l.Items[i].Type)
	}
	return kinds
}

func amount(n int64) core.NewBooking { return core.NewBooking{Amount: &n} }

func TestLifeOfAPayment(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	require.Equal(t, core.StatusRequiresAction, v.Status)
	d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, false))
	require.Equal(t, core.StatusRequiresCapture, d.payment(v.ID).Status)
	for i, part := range []int64{4000, 6000} {
		a, err := d.Capture(t.Context(), request(fmt.Sprint("cap", i)), v.ID, amount(part))
		require.NoError(t, err)
		require.Equal(t, 201, a.Status)
	}
	_, err := d.Refund(t.Context(), request("ref"), v.ID, amount(2500))
	require.NoError(t, err)
	p := d.payment(v.ID)
	require.Equal(t, core.StatusSucceeded, p.Status)
	require.Equal(t, core.Amounts{Authorized: 10000, Captured: 10000, Refunded: 2500, Refundable: 7500, Ceiling: 10000}, p.Amounts)
	require.Equal(t, []string{"payment.created", "payment.action_required", "payment.authorized", "capture.created", "capture.succeeded",
		"payment.partially_captured", "capture.created", "capture.succeeded", "payment.succeeded", "refund.created", "refund.succeeded"}, d.events(v.ID))
}

func TestCreateIsTwoJobsOfTheWriteQueue(t *testing.T) {
	d := newDesk(t)
	before := d.store.(*storage.Store).Stats().Jobs
	d.create("order-1", core.CaptureManual)
	require.Equal(t, int64(2), d.store.(*storage.Store).Stats().Jobs-before)
}

func TestSameKeySameAnswer(t *testing.T) {
	d := newDesk(t)
	first, err := d.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
	require.NoError(t, err)
	again, err := d.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, string(first.Snapshot), string(again.Snapshot))
	other := request("k")
	other.Fingerprint = "other"
	_, err = d.Create(t.Context(), other, newPayment("order-1", core.CaptureManual))
	require.Equal(t, "idempotency_key_reused", core.CodeOf(err))
	_, err = d.Create(t.Context(), request("k2"), newPayment("order-1", core.CaptureManual))
	require.Equal(t, "reference_exists", core.CodeOf(err))
	e, _ := errors.AsType[*core.Error](err)
	require.Equal(t, view(t, first).ID, e.Object)
	require.Len(t, d.provider.Calls(core.OpStart), 1)
}

func TestParallelCreatesWithOneKeyMakeOnePayment(t *testing.T) {
	d := newDesk(t)
	var mu sync.Mutex
	answers := map[string]int{}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for {
				a, err := d.Create(context.Background(), request("k"), newPayment("order-1", core.CaptureManual))
				if core.CodeOf(err) == "idempotency_in_progress" {
					continue
				}
				mu.Lock()
				answers[fmt.Sprint(a.Status, string(a.Snapshot), err)]++
				mu.Unlock()
				return
			}
		})
	}
	wg.Wait()
	require.Len(t, answers, 1)
	require.Len(t, d.provider.Calls(core.OpStart), 1)
}

func TestParallelCapturesOfTheWholeHaveOneEffect(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			_, err := d.Capture(context.Background(), request(fmt.Sprint("cap", i)), v.ID, core.NewBooking{})
			if err != nil {
				require.Equal(t, core.Conflict, core.KindOf(err), err)
			}
		})
	}
	wg.Wait()
	require.Len(t, d.provider.Calls(core.OpCapture), 1)
	require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Captured)
}

func TestUnknownOutcomeStaysUnknownUntilTheTotalsTell(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) {
		return core.Outcome{}, errors.New("connection reset")
	}
	a, err := d.Capture(t.Context(), request("cap"), v.ID, amount(6000))
	require.NoError(t, err)
	require.Equal(t, 202, a.Status)
	p := d.payment(v.ID)
	require.Equal(t, int64(6000), p.Amounts.InDoubt)
	require.Equal(t, int64(4000), p.Amounts.Capturable, "what is in doubt is reserved")
	_, err = d.Capture(t.Context(), request("cap2"), v.ID, amount(4000))
	require.Equal(t, "previous_operation_unresolved", core.CodeOf(err))
	require.Len(t, d.provider.Calls(core.OpCapture), 1)

	d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
		return core.Snapshot{Found: true, Facts: []core.Fact{{Kind: core.Captured, Measure: core.AtLeast, Of: "A-" + in.Reference, Amount: core.Money{Minor: 6000, Currency: "EUR"}, Strength: core.Asserted}}}, nil
	}
	p, err = d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	require.Equal(t, core.StatusPartiallyCaptured, p.Status)
	require.Zero(t, p.Amounts.InDoubt)
	require.Equal(t, core.OpSucceeded, d.op(v.ID, core.OpCapture).State)
	again, err := d.Capture(t.Context(), request("cap"), v.ID, amount(6000))
	require.NoError(t, err)
	require.Equal(t, 201, again.Status, "a stored 202 gives the final state once it is known")
	require.Contains(t, d.events(v.ID), "payment.in_doubt")
	require.Contains(t, d.events(v.ID), "payment.doubt_resolved")
}

// lost makes every call end without an answer, and the provider show these totals.
func (d *desk) lost(captured, refunded int64) {
	d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) { return core.Outcome{}, errors.New("reset") }
	d.provider.OnRefund = func(core.Op, core.RefundInput) (core.Outcome, error) { return core.Outcome{}, errors.New("reset") }
	d.provider.OnVoid = func(core.Op, core.VoidInput) (core.Outcome, error) { return core.Outcome{}, errors.New("reset") }
	d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
		s := core.Snapshot{Found: true}
		for kind, n := range map[core.FactKind]int64{core.Captured: captured, core.Refunded: refunded} {
			if n > 0 {
				s.Facts = append(s.Facts, core.Fact{Kind: kind, Measure: core.AtLeast, Of: "A-" + in.Reference, Amount: core.Money{Minor: n, Currency: "EUR"}, Strength: core.Asserted})
			}
		}
		return s, nil
	}
}

func TestWhatTheProviderNeverShowsIsSentAgain(t *testing.T) {
	d := newDesk(t)
	d.provider.Caps.ResumeGap = time.Nanosecond
	d.open(nil)
	v := d.authorized("order-1")
	d.lost(0, 0)
	_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{})
	require.NoError(t, err)
	sync := func() *core.Payment {
		p, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		return p
	}
	sync()
	require.Len(t, d.provider.Calls(core.OpCapture), 1, "it may only be late")
	d.provider.OnCapture = nil
	require.Equal(t, core.StatusSucceeded, sync().Status)
	calls := d.provider.Calls(core.OpCapture)
	require.Len(t, calls, 2)
	require.Equal(t, calls[0].Key, calls[1].Key)
	require.Equal(t, 2, calls[1].Try)
}

// That a repetition never left says nothing about the call before it, which did.
func TestARepetitionThatDoesNotLeaveLeavesTheDoubt(t *testing.T) {
	d := newDesk(t)
	d.provider.Caps.ResumeGap = time.Nanosecond
	d.open(nil)
	v := d.authorized("order-1")
	d.lost(0, 0)
	_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{})
	require.NoError(t, err)
	d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) {
		return core.Outcome{}, core.NotSentError(errors.New("refused"))
	}
	for range 2 {
		_, err = d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
	}
	require.Len(t, d.provider.Calls(core.OpCapture), 2)
	require.Equal(t, core.OpUnknown, d.op(v.ID, core.OpCapture).State)
	require.False(t, d.payment(v.ID).CheckAt.IsZero(), "it is asked again")
	d.lost(10000, 0)
	p, err := d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	require.Equal(t, core.StatusSucceeded, p.Status)
}

// A provider that says it knows no such order, of which it told before, tells no totals: nothing is sent again because of
// it, and nothing is over.
func TestWhatAProviderForgetsIsNoProof(t *testing.T) {
	d := newDesk(t)
	d.provider.Caps.ResumeGap = time.Nanosecond
	d.open(nil)
	v := d.authorized("order-1")
	d.lost(0, 0)
	_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{})
	require.NoError(t, err)
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{}, nil }
	for range 4 {
		p, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.False(t, p.CheckAt.IsZero(), "it is asked again")
	}
	require.Len(t, d.provider.Calls(core.OpCapture), 1)
	require.Equal(t, core.OpUnknown, d.op(v.ID, core.OpCapture).State)
	d.lost(10000, 0)
	p, err := d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	require.Equal(t, core.StatusSucceeded, p.Status)
}

// What an answer without a verdict says about why is no refusal: the call is made again, as its rule has it.
func TestAReasonIsNoRefusal(t *testing.T) {
	d := newDesk(t)
	d.provider.Caps.ResumeGap = time.Nanosecond
	d.open(nil)
	v := d.authorized("order-1")
	d.lost(0, 0)
	d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Unknown, Failure: &core.Failure{Category: core.FailureRejected, ProviderMessage: "try again later"}}, nil
	}
	_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{})
	require.NoError(t, err)
	for range 2 {
		_, err = d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
	}
	require.Len(t, d.provider.Calls(core.OpCapture), 2)
	require.Equal(t, core.OpUnknown, d.op(v.ID, core.OpCapture).State)
}

func TestARefusedRepetitionIsNoProofByItself(t *testing.T) {
	for name, late := range map[string]bool{"the first was late": true, "neither was done": false} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.provider.Caps.ResumeGap = time.Nanosecond
			d.open(nil)
			v := d.authorized("order-1")
			d.lost(0, 0)
			_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{})
			require.NoError(t, err)
			d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) {
				f := &core.Failure{Category: core.FailureRejected}
				return core.Outcome{Result: core.Declined, Failure: f, Facts: []core.Fact{{Kind: core.CaptureDeclined, ID: op.Key, OpKey: op.Key, Strength: core.Asserted, Failure: f}}}, nil
			}
			for range 2 {
				_, err = d.Sync(t.Context(), "m", v.ID)
				require.NoError(t, err)
			}
			require.Equal(t, core.OpUnknown, d.op(v.ID, core.OpCapture).State)
			want := core.OpDeclined
			if late {
				refuse := d.provider.OnCapture
				d.lost(10000, 0)
				d.provider.OnCapture, want = refuse, core.OpSucceeded
			}
			for range 3 {
				_, err = d.Sync(t.Context(), "m", v.ID)
				require.NoError(t, err)
			}
			require.Equal(t, want, d.op(v.ID, core.OpCapture).State)
			require.Len(t, d.provider.Calls(core.OpCapture), 2)
		})
	}
}

func TestPartOfWhatIsLeftIsNeverSentAgain(t *testing.T) {
	d := newDesk(t)
	d.provider.Caps.ResumeGap = time.Nanosecond
	d.open(nil)
	v := d.authorized("order-1")
	d.lost(0, 0)
	_, err := d.Capture(t.Context(), request("cap"), v.ID, amount(4000))
	require.NoError(t, err)
	var p *core.Payment
	for range 4 {
		p, err = d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
	}
	require.Len(t, d.provider.Calls(core.OpCapture), 1)
	require.True(t, p.NeedsReview)
	require.Equal(t, int64(4000), p.Amounts.InDoubt)
	require.Contains(t, d.events(v.ID), "payment.needs_review")
}

func TestARepetitionIsHeldAgainstToday(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) {
		return core.Outcome{}, core.NotSentError(errors.New("refused"))
	}
	_, err := d.Capture(t.Context(), request("one"), v.ID, amount(6000))
	require.Equal(t, core.Unavailable, core.KindOf(err))
	require.Empty(t, d.payment(v.ID).Bookings(core.OpCapture), "what never left is no capture")
	require.NotContains(t, d.events(v.ID), "capture.created")
	d.provider.OnCapture = nil
	_, err = d.Capture(t.Context(), request("two"), v.ID, amount(6000))
	require.NoError(t, err)
	_, err = d.Capture(t.Context(), request("one"), v.ID, amount(6000))
	require.Equal(t, "state_invalid", core.CodeOf(err), "another capture came between")
	require.Len(t, d.provider.Calls(core.OpCapture), 2)
}

func TestAChargeOffSessionIsToldAsWhatItIs(t *testing.T) {
	d := newDesk(t)
	in := newPayment("order-1", core.CaptureAutomatic)
	in.Order.Save = core.Save{Kind: core.SaveUnscheduled}
	a, err := d.Create(t.Context(), request("k"), in)
	require.NoError(t, err)
	op := d.op(view(t, a).ID, core.OpStart).Op
	d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "x", Memo: core.Refs{core.MemoToken: "tok"},
		Facts: []core.Fact{coretest.Authorized(op, true), {Kind: core.MandateActive, ID: "tok", Strength: core.Asserted}}})
	later := core.NewPayment{Reference: "order-2", Amount: core.Money{Minor: 500, Currency: "EUR"},
		Order: core.PaymentOrder{Capture: core.CaptureAutomatic, Mandate: view(t, a).Mandate, OffSession: true}}
	d.provider.OnCharge = func(core.Op, core.ChargeMandateInput) (core.Outcome, error) {
		return core.Outcome{}, core.NotSentError(errors.New("refused"))
	}
	_, err = d.Create(t.Context(), request("later"), later)
	require.Equal(t, core.Unavailable, core.KindOf(err))
	id, err := d.store.PaymentID(t.Context(), "m", "order-2")
	require.NoError(t, err)
	require.Equal(t, core.StatusRequiresPaymentMethod, d.payment(id).Status, "nothing happened, and nothing is claimed")
	d.provider.OnCharge = nil
	_, err = d.Create(t.Context(), request("later"), later)
	require.NoError(t, err)
	require.Equal(t, []string{"payment.created", "payment.succeeded"}, d.events(id))
}

func TestWhatIsPaidAfterACancelIsFound(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	_, err := d.Cancel(t.Context(), request("c"), v.ID, "")
	require.NoError(t, err)
	require.False(t, d.payment(v.ID).CheckAt.IsZero(), "the page is still open somewhere")
	op := d.op(v.ID, core.OpStart).Op
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, true)}}, nil
	}
	_, err = d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
	require.NoError(t, err)
	require.Equal(t, core.StatusSucceeded, d.payment(v.ID).Status)
	require.Contains(t, d.events(v.ID), "payment.late_success")
}

func TestNoCancelWhileTheBankDecides(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	op := d.op(v.ID, core.OpStart).Op
	d.hear(core.Fact{Kind: core.AuthorizationPending, ID: "A-" + op.Reference, Amount: op.Amount, Strength: core.Asserted})
	require.Equal(t, core.StatusProcessing, d.payment(v.ID).Status)
	_, err := d.Cancel(t.Context(), request("c"), v.ID, "")
	require.Equal(t, "state_invalid", core.CodeOf(err))
	require.False(t, isFinal(t, err))
}

func TestAReadThatFailsIsNotForgotten(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	require.True(t, d.payment(v.ID).CheckAt.IsZero())
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{}, errors.New("timeout") }
	op := d.op(v.ID, core.OpStart).Op
	note := core.Feedback{Reference: op.Reference, DedupeKey: "x", Read: []core.Object{{Kind: core.ObjAuthorization}}}
	d.receive(note)
	require.False(t, d.payment(v.ID).CheckAt.IsZero(), "asked again later")
	d.provider.OnQuery = nil
	_, err := d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	require.Equal(t, d.payment(v.ID).RecheckAt, d.payment(v.ID).CheckAt, "once more, when the gap of the provider is over")
	d.receive(note)
	require.False(t, d.payment(v.ID).CheckAt.IsZero(), "a repetition may be a second booking of the same amount")
	due := d.payment(v.ID).CheckAt
	_, err = d.Patch(t.Context(), request(""), v.ID, core.Changes{Metadata: map[string]string{"cart": "77"}})
	require.NoError(t, err)
	require.Equal(t, due, d.payment(v.ID).CheckAt, "what is noted meanwhile is no answer")
}

func TestTotalsBeyondTheAttemptMoveNothing(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	op := d.op(v.ID, core.OpStart).Op
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		more := coretest.Authorized(op, false)
		more.Amount.Minor++
		return core.Snapshot{Found: true, Facts: []core.Fact{more}}, nil
	}
	p, err := d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	require.Zero(t, p.Amounts.Authorized)
	require.True(t, p.Mismatch)
}

func TestABuyerWhoPaidTwiceIsSeenAndGetsItBack(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	first := d.op(v.ID, core.OpStart).Op
	d.hear(core.Fact{Kind: core.AttemptEnded, ID: "A-" + first.Reference, Strength: core.Asserted})
	require.Equal(t, core.StatusRequiresPaymentMethod, d.payment(v.ID).Status)
	_, err := d.Confirm(t.Context(), request("again"), v.ID, nil, "", nil)
	require.NoError(t, err)
	p := d.payment(v.ID)
	d.hear(coretest.Authorized(p.Operations[1].Op, true))
	d.hear(coretest.Authorized(first, true))
	p = d.payment(v.ID)
	require.Equal(t, int64(20000), p.Amounts.Captured)
	require.True(t, p.NeedsReview)
	for i := range 2 {
		_, err = d.Refund(t.Context(), request(fmt.Sprint("back", i)), v.ID, amount(10000))
		require.NoError(t, err)
	}
	refs := d.provider.Calls(core.OpRefund)
	require.Len(t, refs, 2)
	require.NotEqual(t, refs[0].Reference, refs[1].Reference, "each goes back where it came from")
}

func TestNotSentReleasesTheKeyAndKeepsTheOperation(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) {
		return core.Outcome{}, core.NotSentError(errors.New("connection refused"))
	}
	_, err := d.Capture(t.Context(), request("cap"), v.ID, amount(6000))
	require.Equal(t, core.Unavailable, core.KindOf(err))
	require.Equal(t, int64(10000), d.payment(v.ID).Amounts.Capturable)
	d.provider.OnCapture = nil
	a, err := d.Capture(t.Context(), request("cap"), v.ID, amount(6000))
	require.NoError(t, err)
	require.Equal(t, 201, a.Status)
	calls := d.provider.Calls(core.OpCapture)
	require.Len(t, calls, 2)
	require.Equal(t, calls[0].Key, calls[1].Key)
	require.Equal(t, 2, calls[1].Try)
	require.Len(t, d.payment(v.ID).Bookings(core.OpCapture), 1)
}

func TestAnswersAboutSomethingElseProveNothing(t *testing.T) {
	for name, echo := range map[string]core.Echo{"amount": {Amount: &core.Money{Minor: 1, Currency: "EUR"}}, "currency": {Amount: &core.Money{Minor: 6000, Currency: "USD"}},
		"reference": {Reference: "another"}} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			v := d.authorized("order-1")
			d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) {
				return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{coretest.Fact(core.Captured, op)}, Echo: echo}, nil
			}
			a, err := d.Capture(t.Context(), request("cap"), v.ID, amount(6000))
			require.NoError(t, err)
			require.Equal(t, 202, a.Status)
			require.Zero(t, d.payment(v.ID).Amounts.Captured)
			require.Equal(t, int64(6000), d.payment(v.ID).Amounts.InDoubt)
		})
	}
}

func TestAnAdapterThatPanicsLeavesDoubt(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	d.provider.OnCapture = func(core.Op, core.CaptureInput) (core.Outcome, error) { panic("broken") }
	a, err := d.Capture(t.Context(), request("cap"), v.ID, amount(6000))
	require.NoError(t, err)
	require.Equal(t, 202, a.Status)
	require.Equal(t, core.OpUnknown, d.op(v.ID, core.OpCapture).State)
}

func TestASlowCallIsAnsweredBeforeItEnds(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	d.open(func(o *core.Options) { o.AnswerWithin = time.Millisecond })
	release, finished := make(chan struct{}), make(chan struct{})
	d.provider.OnCapture = func(op core.Op, _ core.CaptureInput) (core.Outcome, error) {
		<-release
		defer close(finished)
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{coretest.Fact(core.Captured, op)}}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	a, err := d.Capture(ctx, request("cap"), v.ID, core.NewBooking{})
	require.NoError(t, err)
	require.Equal(t, 202, a.Status)
	cancel() // the caller is gone; the call is not
	close(release)
	<-finished
	require.Eventually(t, func() bool { return d.payment(v.ID).Status == core.StatusSucceeded }, time.Minute, time.Millisecond)
}

func TestRefusedBeforeAnythingIsStored(t *testing.T) {
	d := newDesk(t)
	d.provider.OnCheck = func() error {
		return &core.Error{Kind: core.Invalid, Code: "buyer_invalid", Pointer: "/buyer/email", Message: "an address is needed"}
	}
	_, err := d.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
	require.Equal(t, "buyer_invalid", core.CodeOf(err))
	_, err = d.store.PaymentID(t.Context(), "m", "order-1")
	require.Equal(t, core.NotFound, core.KindOf(err))
	d.provider.OnCheck = nil
	a, err := d.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
	require.NoError(t, err, "a refused request uses up no key")
	require.Equal(t, 201, a.Status)
}

func TestFeedbackIsHeardOnceInAnyOrder(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	op := d.op(v.ID, core.OpStart).Op
	paid := core.Feedback{Facts: []core.Fact{coretest.Authorized(op, true)}, Reference: op.Reference, DedupeKey: "paid"}
	d.receive(paid)
	d.receive(paid)
	again := paid
	again.DedupeKey = "paid, told differently"
	d.receive(again)
	p := d.payment(v.ID)
	require.Equal(t, core.StatusSucceeded, p.Status)
	require.Equal(t, int64(10000), p.Amounts.Captured)
	require.Equal(t, []string{"payment.created", "payment.action_required", "payment.succeeded"}, d.events(v.ID))
}

func TestForeignAndForgedFeedbackChangesNothing(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	op := d.op(v.ID, core.OpStart).Op
	fb := core.Feedback{Facts: []core.Fact{coretest.Authorized(op, true)}, Reference: op.Reference, DedupeKey: "x"}
	forged := coretest.Message(fb)
	forged.Header.Set("X-Signature", "wrong")
	_, err := d.Receive(t.Context(), "acc", forged)
	require.Equal(t, core.Unauthenticated, core.KindOf(err))
	_, err = d.Receive(t.Context(), "nobody", coretest.Message(fb))
	require.Equal(t, core.Unauthenticated, core.KindOf(err))
	fb.Echo.Amount = &core.Money{Minor: 1, Currency: "EUR"}
	d.receive(fb)
	p := d.payment(v.ID)
	require.Equal(t, core.StatusRequiresAction, p.Status)
	require.Zero(t, p.Amounts.Captured)
	require.True(t, p.Mismatch && p.NeedsReview, "authentic and contradictory is flagged")
	require.Contains(t, d.events(v.ID), "payment.needs_review")
}

func TestUnmatchedFeedbackWaitsForItsPayment(t *testing.T) {
	d := newDesk(t)
	d.receive(core.Feedback{Reference: "NOBODY", DedupeKey: "x", Facts: []core.Fact{{Kind: core.Authorized, ID: "A", Amount: core.Money{Minor: 1, Currency: "EUR"}, Strength: core.Asserted}}})
	l, err := d.Inbox(t.Context(), core.InboxQuery{State: core.InboxUnmatched}, 10, "")
	require.NoError(t, err)
	require.Len(t, l.Items, 1)
	next, err := d.store.NextWork(t.Context(), []core.WorkKind{core.WorkApply})
	require.NoError(t, err)
	require.False(t, next.IsZero(), "it is tried again")
	own, err := d.Inbox(t.Context(), core.InboxQuery{Merchant: "m"}, 10, "")
	require.NoError(t, err)
	require.Empty(t, own.Items, "what belongs to nobody is for operators")
}

func TestNotUnderstoodIsStoredAndAsked(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureManual)
	op := d.op(v.ID, core.OpStart).Op
	asked := 0
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		asked++
		return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, false)}}, nil
	}
	d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "x", Note: "unknown code", Read: []core.Object{{Kind: core.ObjAuthorization}}})
	require.Equal(t, 1, asked)
	require.Equal(t, core.StatusRequiresCapture, d.payment(v.ID).Status)
}

func TestReturnIsAHint(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	op := d.op(v.ID, core.OpStart).Op
	token := d.tokens.Return(v.ID, 1, core.LegResult)
	d.provider.OnReturn = func(r core.Return) (core.Feedback, error) {
		return core.Feedback{Reference: r.Known.Reference, Facts: []core.Fact{coretest.Authorized(op, true)}}, nil
	}
	l, err := d.Return(t.Context(), token, "POST", url.Values{})
	require.NoError(t, err)
	require.Equal(t, "https://shop.example/thanks?payment="+v.ID, l.To)
	p := d.payment(v.ID)
	require.Zero(t, p.Amounts.Captured, "a browser never books money, whatever it brings")
	require.Equal(t, core.StatusProcessing, p.Status)
	require.Equal(t, core.NextAwait, p.View().Next.Type)
	version := p.Version
	_, err = d.Return(t.Context(), token, "GET", url.Values{})
	require.NoError(t, err)
	require.Equal(t, version, d.payment(v.ID).Version, "a reload changes nothing")
	for _, bad := range []string{"", "x", token + "x", "s" + token[1:], token[:len(token)-1]} {
		_, err = d.Return(t.Context(), bad, "GET", url.Values{})
		require.Equal(t, core.NotFound, core.KindOf(err), bad)
	}
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		return core.Snapshot{Found: true, Facts: []core.Fact{coretest.Authorized(op, true)}}, nil
	}
	p, err = d.Sync(t.Context(), "m", v.ID)
	require.NoError(t, err)
	require.Equal(t, core.StatusSucceeded, p.Status)
}

func TestForgedReturnLeavesTheBuyerWhereHeIs(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	d.provider.OnReturn = func(core.Return) (core.Feedback, error) { return core.Feedback{}, core.ErrUnauthenticated }
	_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{"status": {"14"}})
	require.NoError(t, err)
	require.Equal(t, core.StatusRequiresAction, d.payment(v.ID).Status)
}

func TestCancel(t *testing.T) {
	t.Run("before anything is authorized", func(t *testing.T) {
		d := newDesk(t)
		v := d.create("order-1", core.CaptureManual)
		a, err := d.Cancel(t.Context(), request("c"), v.ID, "changed_mind")
		require.NoError(t, err)
		require.Equal(t, core.StatusCanceled, view(t, a).Status)
		require.Equal(t, "changed_mind", view(t, a).CancelReason)
		require.Empty(t, d.provider.Calls(core.OpVoid))
		again, err := d.Cancel(t.Context(), request("c"), v.ID, "changed_mind")
		require.NoError(t, err)
		require.True(t, again.Replayed)
		require.Equal(t, string(a.Snapshot), string(again.Snapshot))
		d.hear(coretest.Authorized(d.op(v.ID, core.OpStart).Op, false))
		require.Equal(t, core.StatusRequiresCapture, d.payment(v.ID).Status, "what the buyer did all the same is booked")
		require.Contains(t, d.events(v.ID), "payment.late_success")
	})
	t.Run("what is authorized is released", func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		a, err := d.Cancel(t.Context(), request("c"), v.ID, "")
		require.NoError(t, err)
		require.Equal(t, core.StatusCanceled, view(t, a).Status)
		require.Equal(t, int64(10000), view(t, a).Amounts.Released)
		_, err = d.Capture(t.Context(), request("cap"), v.ID, amount(1))
		require.Equal(t, "state_invalid", core.CodeOf(err))
	})
	t.Run("the rest after a capture is given up", func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		_, err := d.Capture(t.Context(), request("cap"), v.ID, amount(4000))
		require.NoError(t, err)
		a, err := d.Cancel(t.Context(), request("c"), v.ID, "")
		require.NoError(t, err)
		require.Equal(t, core.StatusSucceeded, view(t, a).Status)
		require.False(t, view(t, a).HeldUntil.IsZero(), "the buyer's money may stay reserved, and the answer says until when")
		require.Empty(t, d.provider.Calls(core.OpVoid))
	})
}

func TestFinalCaptureGivesUpTheRest(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	n := int64(4000)
	_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{Amount: &n, Final: true})
	require.NoError(t, err)
	require.Equal(t, core.StatusSucceeded, d.payment(v.ID).Status)
	require.Zero(t, d.payment(v.ID).Amounts.Capturable)
}

// What a final capture gives up here and the provider still holds can be released by canceling, and whoever asks for
// something else is told so. Where the provider cannot, and when it is done, he is not.
func TestWhatAFinalCaptureLeavesIsCanceled(t *testing.T) {
	d := newDesk(t)
	caps := &d.provider.Caps.Methods[0]
	caps.VoidAfterCapture = true
	d.open(nil)
	v := d.authorized("order-1")
	_, err := d.Capture(t.Context(), request("cap"), v.ID, core.NewBooking{Amount: amount(4000).Amount, Final: true})
	require.NoError(t, err)
	allowed := func() []string {
		_, err := d.Capture(t.Context(), request("more"), v.ID, amount(1))
		e := &core.Error{}
		require.ErrorAs(t, err, &e)
		require.Equal(t, []any{"nothing is left to capture", true}, []any{e.Message, e.Final})
		return e.Allowed
	}
	require.Equal(t, []string{"sync", "refund", "cancel"}, allowed())
	caps.VoidAfterCapture = false
	d.open(nil)
	require.Equal(t, []string{"sync", "refund"}, allowed())
	caps.VoidAfterCapture = true
	d.open(nil)
	a, err := d.Cancel(t.Context(), request("cancel"), v.ID, "")
	require.NoError(t, err)
	require.Equal(t, []any{core.StatusSucceeded, int64(6000), true}, []any{view(t, a).Status, view(t, a).Amounts.Released, view(t, a).HeldUntil.IsZero()})
	require.Equal(t, []string{"sync", "refund"}, allowed())
}

// Whoever asks for what there is nothing left of is told that, and whether it can come back.
func TestNothingIsLeft(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	refused := func(do func(core.NewBooking) (core.Answer, error), message string, final bool) {
		t.Helper()
		_, err := do(core.NewBooking{})
		e := &core.Error{}
		require.ErrorAs(t, err, &e)
		require.Equal(t, []any{"state_invalid", message, final}, []any{e.Code, e.Message, e.Final})
	}
	capture := func(in core.NewBooking) (core.Answer, error) {
		return d.Capture(t.Context(), request("capture"), v.ID, in)
	}
	refund := func(in core.NewBooking) (core.Answer, error) {
		return d.Refund(t.Context(), request("refund"), v.ID, in)
	}
	cancel := func(core.NewBooking) (core.Answer, error) { return d.Cancel(t.Context(), request("cancel"), v.ID, "") }
	refused(refund, "a payment that is requires_capture cannot be refunded", false)
	_, err := d.Capture(t.Context(), request("part"), v.ID, amount(4000))
	require.NoError(t, err)
	_, err = d.Refund(t.Context(), request("back"), v.ID, core.NewBooking{})
	require.NoError(t, err)
	refused(refund, "nothing is left to refund", false) // of what may be captured yet there will be
	_, err = d.Capture(t.Context(), request("rest"), v.ID, core.NewBooking{})
	require.NoError(t, err)
	refused(capture, "nothing is left to capture", true)
	refused(cancel, "a payment that is succeeded cannot be canceled", true)
	d.hear(core.Fact{Kind: core.Reversed, ID: "R-" + d.op(v.ID, core.OpStart).Reference, Amount: core.Money{Minor: 6000, Currency: "EUR"}, Strength: core.Asserted})
	refused(refund, "nothing is left to refund", false) // what the bank took may be won back
	d.hear(core.Fact{Kind: core.Recovered, ID: "R-" + d.op(v.ID, core.OpStart).Reference, Amount: core.Money{Minor: 6000, Currency: "EUR"}, Strength: core.Asserted})
	_, err = d.Refund(t.Context(), request("all"), v.ID, core.NewBooking{})
	require.NoError(t, err)
	refused(refund, "nothing is left to refund", true)
}

func TestBookingsAreCheckedAgainstWhatIsLeft(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	for _, c := range []struct {
		name string
		in   core.NewBooking
		code string
	}{
		{"too much", amount(10001), "amount_exceeds_remaining"}, {"nothing", amount(0), "amount_invalid"}, {"less", amount(-1), "amount_invalid"},
		{"currency", core.NewBooking{Currency: "USD"}, "currency_mismatch"}, {"reference", core.NewBooking{Reference: "a b"}, "reference_invalid"},
	} {
		_, err := d.Capture(t.Context(), request(c.name), v.ID, c.in)
		require.Equal(t, c.code, core.CodeOf(err), c.name)
	}
	_, err := d.Refund(t.Context(), request("early"), v.ID, core.NewBooking{})
	require.Equal(t, "state_invalid", core.CodeOf(err))
	n := int64(3000)
	_, err = d.Capture(t.Context(), request("a"), v.ID, core.NewBooking{Amount: &n, Reference: "parcel-1"})
	require.NoError(t, err)
	_, err = d.Capture(t.Context(), request("b"), v.ID, core.NewBooking{Amount: &n, Reference: "parcel-1"})
	require.Equal(t, "reference_exists", core.CodeOf(err))
	_, err = d.Refund(t.Context(), request("over"), v.ID, amount(3001))
	require.Equal(t, "amount_exceeds_remaining", core.CodeOf(err))
	require.Len(t, d.provider.Calls(core.OpCapture), 1)
	require.Empty(t, d.provider.Calls(core.OpRefund))
}

func TestForeignMerchantSeesNothing(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	missing := "pay_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5"
	other := func(key string) core.Request { r := request(key); r.MerchantID = "other"; return r }
	for name, call := range map[string]func(string) error{
		"read":    func(id string) error { _, err := d.Payment(t.Context(), "other", id, false); return err },
		"refresh": func(id string) error { _, err := d.Payment(t.Context(), "other", id, true); return err },
		"capture": func(id string) error {
			_, err := d.Capture(t.Context(), other("1"+id), id, core.NewBooking{})
			return err
		},
		"refund": func(id string) error {
			_, err := d.Refund(t.Context(), other("2"+id), id, core.NewBooking{})
			return err
		},
		"cancel":  func(id string) error { _, err := d.Cancel(t.Context(), other("3"+id), id, ""); return err },
		"confirm": func(id string) error { _, err := d.Confirm(t.Context(), other("4"+id), id, nil, "", nil); return err },
		"patch":   func(id string) error { _, err := d.Patch(t.Context(), other("5"), id, core.Changes{}); return err },
		"times":   func(id string) error { _, err := d.Timeline(t.Context(), "other", id); return err },
	} {
		foreign, gone := call(v.ID), call(missing)
		require.Equal(t, core.NotFound, core.KindOf(foreign), name)
		require.Equal(t, gone.Error(), foreign.Error(), name)
	}
	require.Empty(t, d.provider.Calls(core.OpCapture))
}

func TestRestartResumesWhatWasUnderWay(t *testing.T) {
	d := newDesk(t)
	d.provider.OnStart = func(core.Op, core.StartInput) (core.Outcome, error) { panic("the process dies here") }
	a, err := d.Create(t.Context(), request("k"), newPayment("order-1", core.CaptureManual))
	require.NoError(t, err)
	require.Equal(t, 202, a.Status)
	d.provider.OnStart = nil
	d.open(nil)
	p, err := d.Sync(t.Context(), "m", view(t, a).ID)
	require.NoError(t, err)
	require.Equal(t, core.StatusRequiresAction, p.Status)
	calls := d.provider.Calls(core.OpStart)
	require.Len(t, calls, 2)
	require.Equal(t, calls[0].Key, calls[1].Key)
}

func TestSavedInstrumentIsChargedLater(t *testing.T) {
	d := newDesk(t)
	in := newPayment("order-1", core.CaptureAutomatic)
	in.Order.Save = core.Save{Kind: core.SaveUnscheduled}
	a, err := d.Create(t.Context(), request("k"), in)
	require.NoError(t, err)
	v := view(t, a)
	m, err := d.Mandate(t.Context(), "m", v.Mandate, false)
	require.NoError(t, err)
	require.Equal(t, core.MandateRequiresAction, m.Status)
	later := core.NewPayment{Reference: "order-2", Amount: core.Money{Minor: 500, Currency: "EUR"},
		Order: core.PaymentOrder{Capture: core.CaptureAutomatic, Mandate: m.ID, OffSession: true}}
	_, err = d.Create(t.Context(), request("early"), later)
	require.Equal(t, "mandate_not_active", core.CodeOf(err))
	require.False(t, isFinal(t, err), "the buyer may agree yet")

	op := d.op(v.ID, core.OpStart).Op
	d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "x", Memo: core.Refs{core.MemoToken: "tok"}, Display: "VISA ••8902",
		Facts: []core.Fact{coretest.Authorized(op, true), {Kind: core.MandateActive, ID: "tok", Strength: core.Asserted}}})
	var charged core.ChargeMandateInput
	d.provider.OnCharge = func(op core.Op, in core.ChargeMandateInput) (core.Outcome, error) {
		charged = in
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{coretest.Authorized(op, true)}}, nil
	}
	a, err = d.Create(t.Context(), request("later"), later)
	require.NoError(t, err)
	require.Equal(t, core.StatusSucceeded, view(t, a).Status)
	require.Equal(t, "tok", charged.Mandate.Memo[core.MemoToken])

	foreign := request("foreign")
	foreign.MerchantID = "other"
	_, err = d.Create(t.Context(), foreign, later)
	require.Equal(t, "field_invalid", core.CodeOf(err), "another merchant's mandate is none")

	d.provider.OnCharge = func(op core.Op, _ core.ChargeMandateInput) (core.Outcome, error) {
		f := &core.Failure{Category: core.FailureFunds, RetryAdvice: core.RetryLater}
		return core.Outcome{Result: core.Declined, Failure: f, Facts: []core.Fact{{Kind: core.AuthorizationDeclined, ID: "A-" + op.Reference, OpKey: op.Key, Strength: core.Asserted, Failure: f}}}, nil
	}
	later.Reference = "order-3"
	a, err = d.Create(t.Context(), request("declined"), later)
	require.NoError(t, err)
	require.Equal(t, 201, a.Status, "a decline is an answer, not an error")
	require.Equal(t, core.StatusFailed, view(t, a).Status)
	require.Equal(t, core.FailureFunds, view(t, a).LastError.Category)

	_, err = d.CancelMandate(t.Context(), request("end"), m.ID, "")
	require.NoError(t, err)
	m, err = d.Mandate(t.Context(), "m", m.ID, false)
	require.NoError(t, err)
	require.Equal(t, core.MandateIsCanceled, m.Status)
	later.Reference = "order-4"
	_, err = d.Create(t.Context(), request("late"), later)
	require.True(t, isFinal(t, err), "it never will be charged again")
}

// isFinal reports whether an error says that waiting does not help.
func isFinal(t *testing.T, err error) bool {
	t.Helper()
	var e *core.Error
	require.ErrorAs(t, err, &e)
	return e.Final
}
