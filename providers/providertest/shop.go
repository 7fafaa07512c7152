package providertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// shop does for one payment what core does: it makes calls, learns from answers, queries and feedback, and lets the
// facts decide.
type shop struct {
	World
	t       *testing.T
	p       core.Provider
	payment *core.Payment
	attempt *core.Attempt
	input   core.StartInput
	failure *core.Failure
}

// began is when every operation of the suite is said to have been committed; adapters take no other clock.
var began = time.Date(2031, 1, 2, 10, 0, 0, 0, time.UTC)

func newShop(t *testing.T, w World) *shop {
	s := &shop{World: w, t: t, p: w.Provider()}
	s.begin(w.Input())
	return s
}

// begin turns to a new payment; what is still told of the one before is not heard any more.
func (s *shop) begin(in core.StartInput) {
	s.t.Helper()
	s.inbox()
	s.input = in
	s.payment = &core.Payment{ID: "pay_1", Amount: in.Amount}
	s.retry()
}

// retry turns to a new attempt of the same payment.
func (s *shop) retry() {
	n := len(s.payment.Attempts) + 1
	s.attempt = &core.Attempt{ID: fmt.Sprint("att_", n), Number: n, Reference: s.reference(), Amount: s.input.Amount, Method: s.input.Method,
		Refs: core.Refs{}, Memo: core.Refs{}, Retries: s.caps().RetriesOnPage}
	s.payment.Attempts = append(s.payment.Attempts, s.attempt)
}

var references int

// reference is a new one of the length the provider allows. The suite runs its cases one after the other.
func (s *shop) reference() string {
	references++
	text, alphabet := "", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	for n := references; len(text) < s.p.Capabilities().ReferenceLen; n /= len(alphabet) {
		text += string(alphabet[n%len(alphabet)])
	}
	return text
}

// caps are the capabilities of the method the payment is made with.
func (s *shop) caps() core.MethodCaps {
	for _, m := range s.p.Capabilities().Methods {
		if m.Method.Type == s.input.Method.Type && (m.Method.Flow == "" || m.Method.Flow == s.input.Method.Flow) {
			return m
		}
	}
	return core.MethodCaps{}
}

// op commits an operation.
func (s *shop) op(kind core.OpKind, minor int64) *core.Operation {
	n := 1
	for _, o := range s.payment.Operations {
		if o.AttemptID == s.attempt.ID && o.Kind == kind {
			n++
		}
	}
	s.payment.Apply(s.attempt.ID, "", nil, began)
	a := s.payment.Amounts
	o := &core.Operation{PaymentID: s.payment.ID, AttemptID: s.attempt.ID, State: core.OpSent, Op: core.Op{
		ID: fmt.Sprintf("op_%s_%d", kind, n), Kind: kind, Reference: s.attempt.Reference, Key: s.reference(), Ordinal: n, Sequence: s.sequence(),
		Amount: core.Money{Minor: minor, Currency: s.input.Amount.Currency}, Baseline: core.Totals{Authorized: a.Authorized, Captured: a.Captured, Refunded: a.Refunded},
		Try: 1, CreatedAt: began, Deadline: time.Now().Add(10 * time.Second),
	}}
	s.payment.Operations = append(s.payment.Operations, o)
	return o
}

// sequence is one more than the highest booking number known.
func (s *shop) sequence() (n int64) {
	for _, e := range s.payment.Facts {
		n = max(n, e.Sequence+1)
	}
	for _, o := range s.payment.Operations {
		if o.State != core.OpDeclined && o.State != core.OpNotSent && o.AttemptID == s.attempt.ID {
			n = max(n, o.Sequence+1)
		}
	}
	return n
}

// did learns from the outcome of o, as core does.
func (s *shop) did(o *core.Operation, out core.Outcome, err error) core.Outcome {
	s.t.Helper()
	state := map[core.Result]core.OpState{core.Unknown: core.OpUnknown, core.NotSent: core.OpNotSent, core.Pending: core.OpPending,
		core.Declined: core.OpDeclined, core.Succeeded: core.OpSucceeded}
	switch {
	case err == nil:
		o.State, o.HasNext = state[out.Result], out.Next != nil
	case errors.Is(err, core.ErrNotSent):
		o.State = core.OpNotSent
	case core.KindOf(err) == core.Invalid:
		o.State = core.OpDeclined
	default:
		o.State = core.OpUnknown
	}
	s.failure = out.Failure
	s.attempt.Next = or(out.Next, s.attempt.Next)
	s.learn(out.Facts, out.Refs, out.Memo)
	return out
}

func or[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func (s *shop) learn(facts []core.Fact, refs, memo core.Refs) {
	maps.Copy(s.attempt.Refs, refs)
	maps.Copy(s.attempt.Memo, memo)
	s.payment.Apply(s.attempt.ID, "evidence", facts, began)
}

// known is what core hands to a call.
func (s *shop) known() core.Known {
	k := core.Known{Reference: s.attempt.Reference, Amount: s.attempt.Amount, Refs: maps.Clone(s.attempt.Refs), Memo: maps.Clone(s.attempt.Memo), Method: s.attempt.Method}
	add := func(o core.Object) {
		if o.ID != "" && !slices.ContainsFunc(k.Objects, func(x core.Object) bool { return x.Kind == o.Kind && x.ID == o.ID }) {
			k.Objects = append(k.Objects, o)
		}
	}
	closed, taken := map[string]bool{}, map[string]int64{}
	for _, e := range s.payment.Facts {
		switch {
		case e.AttemptID != s.attempt.ID || e.Strength != core.Asserted:
		case e.Kind == core.AuthorizationClosed:
			closed[e.ID] = true
		case e.Kind == core.Captured && e.Measure == core.Single:
			taken[e.Of] += e.Amount.Minor
		}
	}
	for _, e := range s.payment.Facts {
		switch {
		case e.AttemptID != s.attempt.ID || e.Strength != core.Asserted:
		case e.Kind == core.Authorized:
			open := max(0, e.Amount.Minor-taken[e.ID])
			if closed[e.ID] {
				open = 0
			}
			add(core.Object{Kind: core.ObjAuthorization, ID: e.ID, State: core.StateDone, Open: open})
		case e.Kind == core.Captured:
			add(core.Object{Kind: core.ObjAuthorization, ID: e.Of, State: core.StateDone})
			add(core.Object{Kind: core.ObjCapture, ID: e.ID, State: core.StateDone, Open: e.Amount.Minor})
		case e.Kind == core.AgreementOpen:
			add(core.Object{Kind: core.ObjAgreement, ID: e.ID, State: core.StateDone, Open: e.Amount.Minor})
		}
	}
	return k
}

// authorization is the one to capture from, as core chooses it: the first that covers minor, else the one with most
// open. Empty: what the buyer agreed to is charged, where the provider can do that.
func (s *shop) authorization(minor int64) string {
	if !s.caps().Reauthorize {
		return s.object(core.ObjAuthorization)
	}
	best, most := "", int64(0)
	for _, o := range s.known().Objects {
		if o.Kind != core.ObjAuthorization {
			continue
		}
		if o.Open >= max(minor, 1) {
			return o.ID
		}
		if o.Open > most {
			best, most = o.ID, o.Open
		}
	}
	return best
}

func (s *shop) object(kind core.ObjectKind) string {
	for _, o := range s.known().Objects {
		if o.Kind == kind && o.State == core.StateDone {
			return o.ID
		}
	}
	return ""
}

// The calls, each committed, made and learned from.

func (s *shop) start() core.Outcome {
	s.t.Helper()
	o := s.op(core.OpStart, s.input.Amount.Minor)
	out, err := s.p.Start(s.t.Context(), o.Op, s.input)
	require.NoError(s.t, err)
	return s.did(o, out, err)
}

func (s *shop) capture(ctx context.Context, minor int64) (core.Outcome, error) {
	o := s.op(core.OpCapture, minor)
	out, err := s.p.(core.Capturer).Capture(ctx, o.Op, core.CaptureInput{Known: s.known(), Authorization: s.authorization(minor)})
	return s.did(o, out, err), err
}

func (s *shop) refund(ctx context.Context, minor int64) (core.Outcome, error) {
	o := s.op(core.OpRefund, minor)
	out, err := s.p.(core.Refunder).Refund(ctx, o.Op, core.RefundInput{Known: s.known(), Capture: s.object(core.ObjCapture)})
	return s.did(o, out, err), err
}

func (s *shop) void(ctx context.Context) (core.Outcome, error) {
	o := s.op(core.OpVoid, s.payment.Amounts.Capturable)
	out, err := s.p.(core.Voider).Void(ctx, o.Op, core.VoidInput{Known: s.known(), Authorization: s.object(core.ObjAuthorization)})
	return s.did(o, out, err), err
}

// query asks the provider, where it can be asked.
func (s *shop) query() {
	s.t.Helper()
	if q, ok := s.p.(core.Querier); ok {
		found, err := q.Query(s.t.Context(), core.QueryInput{Known: s.known()})
		require.NoError(s.t, err)
		s.learn(found.Facts, found.Refs, found.Memo)
	}
}

// follow does what the next actions ask for until nothing is asked any more.
func (s *shop) follow(next *core.NextAction, will Will) {
	s.t.Helper()
	for range 5 {
		if next == nil || next.Type == core.NextAwait || next.Type == core.NextNone {
			return
		}
		back := s.Buy(s.t, next, will)
		back.Known = s.known()
		s.attempt.Returned = true
		if r, ok := s.p.(core.ReturnParser); ok {
			fb, err := r.ParseReturn(s.t.Context(), back)
			require.NoError(s.t, err)
			for _, f := range fb.Facts {
				require.Equal(s.t, core.Hint, f.Strength, "a browser's word moves no money")
			}
			s.learn(fb.Facts, fb.Refs, fb.Memo)
		}
		next = s.after(next.Then)
	}
	require.Fail(s.t, "the buyer is sent round in circles")
}

// after does what an action says follows the return, and returns the next one.
func (s *shop) after(then core.Then) *core.NextAction {
	s.t.Helper()
	ctx := s.t.Context()
	switch then {
	case core.ThenQuery:
		s.query()
	case core.ThenComplete:
		o := s.op(core.OpComplete, s.input.Amount.Minor)
		out, err := s.p.(core.Completer).Complete(ctx, o.Op, core.CompleteInput{Known: s.known(), Order: s.input.Order})
		require.NoError(s.t, err)
		return s.did(o, out, err).Next
	case core.ThenRead, core.ThenConfirm:
		in := core.ConfirmInput{Known: s.known(), Order: s.input.Order}
		if r, ok := s.p.(core.SessionReader); ok && then == core.ThenRead {
			out, err := r.ReadSession(ctx, core.SessionInput{Known: s.known()})
			require.NoError(s.t, err)
			s.learn(out.Facts, out.Refs, out.Memo)
			in.Known, in.Review = s.known(), out.Review
		}
		o := s.op(core.OpConfirm, s.input.Amount.Minor)
		out, err := s.p.(core.Confirmer).Confirm(ctx, o.Op, in)
		require.NoError(s.t, err)
		return s.did(o, out, err).Next
	}
	return nil
}

// pay makes the payment with capture mode and will, and hears the feedback.
func (s *shop) pay(mode core.CaptureMode, will Will) {
	s.t.Helper()
	s.input.Capture = mode
	s.follow(s.start().Next, will)
	s.hear()
}

// hear applies the feedback and reads where it says so.
func (s *shop) hear() []core.Message {
	s.t.Helper()
	s.settle()
	messages := s.inbox()
	for _, m := range messages {
		fb, err := s.p.ParseFeedback(s.t.Context(), m)
		require.NoError(s.t, err)
		require.NotEmpty(s.t, fb.DedupeKey)
		require.NotZero(s.t, fb.Ack.Status)
		require.True(s.t, fb.Reference == "" || fb.Reference == s.attempt.Reference, "feedback of another attempt")
		s.take(fb)
	}
	return messages
}

// settle lets the provider do what it does later.
func (s *shop) settle() {
	s.t.Helper()
	if w, ok := s.World.(Settler); ok {
		s.control(http.MethodPost, "clock", map[string]string{"advance": w.Settles().String()}, nil)
	}
}

// take applies one feedback, and reads where it says so. What feedback tells of money it asserts, or it asks: a hint of
// money that nobody asks about would be lost, and a question to a provider that cannot be asked as well.
func (s *shop) take(fb core.Feedback) {
	s.t.Helper()
	for _, f := range fb.Facts {
		hintOfMoney := f.Strength == core.Hint && f.Amount.Minor > 0
		require.True(s.t, !hintOfMoney || len(fb.Read) > 0, "a hint of %s without a question", f.Kind)
	}
	if s.others(fb) {
		return // of an attempt before: core looks up whose it is
	}
	s.learn(fb.Facts, fb.Refs, fb.Memo)
	if len(fb.Read) > 0 {
		_, askable := s.p.(core.Querier)
		require.True(s.t, askable, "feedback asks, and nobody answers")
		s.query()
	}
}

// others reports whether feedback tells by its ids that it is about another attempt: it has some of a kind that this one
// has, and none that is the same.
func (s *shop) others(fb core.Feedback) bool {
	known, same := 0, 0
	for kind, id := range fb.Refs {
		if own := s.attempt.Refs[kind]; own != "" {
			known++
			if own == id {
				same++
			}
		}
	}
	return fb.Reference == "" && known > 0 && same == 0
}

// forget leaves of the attempt what a start leaves: what happened since then has to be told anew.
func (s *shop) forget() {
	s.payment.Facts, s.payment.Operations, s.attempt.Refs, s.attempt.Memo = nil, nil, core.Refs{}, core.Refs{}
	s.payment.Apply(s.attempt.ID, "", nil, began)
}
