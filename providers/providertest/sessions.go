package providertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/simulator"
)

var sessions = []subject{
	{"sessions/reviewed, changed and confirmed", testReviewed},
	{"sessions/brought by the browser of somebody else", testForeignSession},
	{"sessions/confirmed and completed while answers are lost", testSessionLost},
	{"sessions/completed before the buyer has agreed", testCompletedEarly},
	{"sessions/charged in parts on what was agreed", testAgreement},
	{"sessions/a refund that takes its time", testSlowRefund},
	{"sessions/consent outside of a purchase", testSetUp},
}

// reviewer is the provider of a payment that is reviewed at the shop.
func (s *shop) reviewer() core.SessionReader {
	s.t.Helper()
	if !s.caps().Review {
		s.t.Skip("nothing is reviewed with this method")
	}
	return s.p.(core.SessionReader)
}

// reviewed has the buyer choose, and reads what he chose.
func (s *shop) reviewed() core.Outcome {
	s.t.Helper()
	reader := s.reviewer()
	s.returned(s.Buy(s.t, s.start().Next, Pays))
	out, err := reader.ReadSession(s.t.Context(), core.SessionInput{Known: s.known()})
	require.NoError(s.t, err)
	require.Equal(s.t, core.Succeeded, out.Result)
	s.learn(out.Facts, out.Refs, out.Memo)
	return out
}

// returned takes what the browser brought for what it is: a hint.
func (s *shop) returned(back core.Return) {
	s.t.Helper()
	back.Known = s.known()
	fb, err := s.p.(core.ReturnParser).ParseReturn(s.t.Context(), back)
	require.NoError(s.t, err)
	s.attempt.Returned = true
	s.learn(fb.Facts, fb.Refs, fb.Memo)
}

func (s *shop) complete(o *core.Operation) (core.Outcome, error) {
	out, err := s.p.(core.Completer).Complete(s.t.Context(), o.Op, core.CompleteInput{Known: s.known(), Order: s.input.Order})
	return s.did(o, out, err), err
}

func (s *shop) confirm(o *core.Operation, review *core.Review) (core.Outcome, error) {
	out, err := s.p.(core.Confirmer).Confirm(s.t.Context(), o.Op, core.ConfirmInput{Known: s.known(), Order: s.input.Order, Review: review})
	return s.did(o, out, err), err
}

// testReviewed has the merchant show what the buyer chose, change the amount, and confirm what he showed.
func testReviewed(t *testing.T, s *shop) {
	out := s.reviewed()
	require.NotEmpty(t, out.Review.Instrument)
	require.NotEmpty(t, out.Review.Fingerprint)
	require.NotEmpty(t, out.Review.Buyer.Email)
	require.NotEmpty(t, out.Review.ChangeActions)
	require.Empty(t, s.books().Effects, "looking has no effect")
	if s.caps().Update {
		s.input.Amount.Minor -= 1001
		s.input.Authorize = s.input.Amount
		s.attempt.Amount, s.payment.Amount = s.input.Amount, s.input.Amount
		o := s.op(core.OpUpdate, s.input.Amount.Minor)
		out, err := s.p.(core.SessionUpdater).UpdateSession(t.Context(), o.Op, core.UpdateInput{Known: s.known(), Order: s.input.Order})
		require.NoError(t, err)
		require.Equal(t, core.Succeeded, s.did(o, out, err).Result)
	}
	confirmed, err := s.confirm(s.op(core.OpConfirm, s.input.Amount.Minor), out.Review)
	require.NoError(t, err)
	require.Equal(t, core.Succeeded, confirmed.Result)
	s.follow(confirmed.Next, Pays)
	s.hear()
	s.wantMoney(s.input.Amount.Minor, 0, 0)
	require.Equal(t, core.StatusRequiresCapture, s.payment.Status)
}

// testForeignSession lets a browser bring the session of another payment, open or sold: nothing is learned from it, and
// nothing done with it.
func testForeignSession(t *testing.T, s *shop) {
	s.reviewed()
	open := s.known()
	s.begin(s.Input())
	out := s.reviewed()
	sold := s.known()
	confirmed, err := s.confirm(s.op(core.OpConfirm, s.input.Amount.Minor), out.Review)
	require.NoError(t, err)
	s.follow(confirmed.Next, Pays)
	for _, theirs := range []core.Known{open, sold} {
		s.begin(s.Input())
		s.start()
		s.learn(nil, theirs.Refs, nil)
		read, err := s.reviewer().ReadSession(t.Context(), core.SessionInput{Known: s.known()})
		require.NoError(t, err)
		confirmed, err := s.confirm(s.op(core.OpConfirm, s.input.Amount.Minor), nil)
		require.NoError(t, err)
		completed, err := s.complete(s.op(core.OpComplete, s.input.Amount.Minor))
		require.NoError(t, err)
		for _, out := range []core.Outcome{read, confirmed, completed} {
			require.Equal(t, core.Declined, out.Result)
			require.Empty(t, out.Facts)
			require.Empty(t, out.Refs)
			require.Nil(t, out.Review)
		}
		s.query()
		s.wantMoney(0, 0, 0)
	}
}

// testSessionLost loses the answer to the confirmation or the completion and makes the call again: it is sold once.
func testSessionLost(t *testing.T, s *shop) {
	s.reviewer()
	for _, kind := range []core.OpKind{core.OpConfirm, core.OpComplete} {
		for _, loss := range losses {
			s.begin(s.Input())
			s.reviewed()
			o := s.op(core.OpConfirm, s.input.Amount.Minor)
			call := func() (core.Outcome, error) { return s.confirm(o, nil) }
			if kind == core.OpComplete {
				out, err := call()
				require.NoError(t, err)
				s.returned(s.Buy(t, out.Next, Pays))
				o = s.op(core.OpComplete, s.input.Amount.Minor)
				call = func() (core.Outcome, error) { return s.complete(o) }
			}
			s.fault(kind, loss.action)
			out, err := call()
			require.True(t, err != nil || out.Result == core.Unknown, "%s %s", kind, loss.action)
			require.NotErrorIs(t, err, core.ErrNotSent)
			require.Empty(t, out.Facts)
			o.Try++
			out, err = call()
			require.NoError(t, err, "%s %s", kind, loss.action)
			require.Equal(t, core.Succeeded, out.Result)
			if kind == core.OpConfirm {
				s.follow(out.Next, Pays)
			}
			s.hear()
			s.wantMoney(s.input.Amount.Minor, 0, 0)
			require.Len(t, s.books().Effects, 1, "%s %s", kind, loss.action)
		}
	}
}

// testCompletedEarly goes on before the buyer has been where he was sent: he is sent there again, and nothing is over.
func testCompletedEarly(t *testing.T, s *shop) {
	out := s.reviewed()
	confirmed, err := s.confirm(s.op(core.OpConfirm, s.input.Amount.Minor), out.Review)
	require.NoError(t, err)
	early, err := s.complete(s.op(core.OpComplete, s.input.Amount.Minor))
	require.NoError(t, err)
	require.Equal(t, core.Declined, early.Result)
	require.Empty(t, early.Facts)
	require.Equal(t, confirmed.Next.URL, early.Next.URL)
	s.follow(early.Next, Pays)
	s.hear()
	s.wantMoney(s.input.Amount.Minor, 0, 0)
}

// testAgreement reserves a part at first, a second one later, and takes the rest at once.
func testAgreement(t *testing.T, s *shop) {
	authorizer, ok := s.p.(core.Authorizer)
	if !ok || !s.caps().Agreement || !s.caps().Reauthorize {
		t.Skip("nothing is agreed to that could be charged later")
	}
	whole := s.input.Amount.Minor
	for _, first := range []int64{whole / 5, 0} {
		in := s.Input()
		in.Authorize.Minor = first
		s.begin(in)
		s.pay(core.CaptureManual, Pays)
		require.Equal(t, whole, s.payment.Amounts.Capturable, "what was agreed to may be charged")
		require.Equal(t, core.StatusRequiresCapture, s.payment.Status)
		require.Equal(t, first, s.books().Authorized)

		o := s.op(core.OpAuthorize, whole/4)
		out, err := authorizer.Authorize(t.Context(), o.Op, core.AuthorizeInput{Known: s.known()})
		require.NoError(t, err)
		require.Equal(t, core.Succeeded, s.did(o, out, err).Result)
		require.Equal(t, first+whole/4, s.books().Authorized)
		require.Equal(t, first+whole/4, s.payment.Amounts.Authorized)

		s.fault(core.OpAuthorize, simulator.DropAfter)
		o = s.op(core.OpAuthorize, whole/4)
		out, err = authorizer.Authorize(t.Context(), o.Op, core.AuthorizeInput{Known: s.known()})
		require.Error(t, err)
		s.did(o, out, err)
		o.Try++
		out, err = authorizer.Authorize(t.Context(), o.Op, core.AuthorizeInput{Known: s.known()})
		require.NoError(t, err)
		require.Equal(t, core.Succeeded, s.did(o, out, err).Result)
		require.Equal(t, first+2*(whole/4), s.books().Authorized, "the same key makes one of it")
		require.Equal(t, first+2*(whole/4), s.payment.Amounts.Authorized)
		for _, part := range []int64{whole / 4, whole / 4} {
			captured, err := s.capture(t.Context(), part)
			require.NoError(t, err)
			require.Equal(t, core.Succeeded, captured.Result)
		}
		s.hear()
		require.Equal(t, 2*(whole/4), s.books().Captured)
		require.Equal(t, 2*(whole/4), s.payment.Amounts.Captured)
		require.Equal(t, core.StatusPartiallyCaptured, s.payment.Status)
	}
}

// testSlowRefund gives money back where that takes its time: until then nothing is refunded, and the operation is open;
// afterwards it is decided, by what is read.
func testSlowRefund(t *testing.T, s *shop) {
	if _, ok := s.World.(Settler); !ok {
		t.Skip("refunds are decided at once here")
	}
	s.paid()
	part := s.input.Amount.Minor / 5
	out, err := s.refund(t.Context(), part)
	require.NoError(t, err)
	require.Equal(t, core.Pending, out.Result)
	s.query()
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
	o := s.payment.Operations[len(s.payment.Operations)-1]
	require.Equal(t, core.OpPending, o.State)
	s.settle()
	s.query()
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, part)
	require.Equal(t, core.OpSucceeded, o.State, "whose refund it is, is remembered")
}

// testSetUp obtains the buyer's consent outside of a purchase, charges it and ends it.
func testSetUp(t *testing.T, s *shop) {
	starter, ok := s.p.(core.MandateStarter)
	if !ok || len(s.caps().SetUp) == 0 {
		t.Skip("consent comes with a purchase only")
	}
	for _, kind := range s.caps().SetUp {
		in := s.Input()
		s.begin(in)
		save := core.Save{Kind: kind}
		if kind == core.SaveRecurring {
			save.Recurring = &core.Recurring{Unit: "month", Interval: 1, Amount: &in.Amount}
		}
		o := s.op(core.OpStartMandate, 0)
		out, err := starter.StartMandate(t.Context(), o.Op, core.MandateInput{Save: save, Method: core.Method{Type: in.Method.Type, Product: in.Method.Product}, Buyer: in.Buyer, Returns: in.Returns})
		require.NoError(t, err)
		next := s.did(o, out, err).Next
		require.Equal(t, core.ThenComplete, next.Then)
		s.returned(s.Buy(t, next, Pays))
		done := s.op(core.OpComplete, 0)
		out, err = s.p.(core.Completer).Complete(t.Context(), done.Op, core.CompleteInput{Known: s.known(), SetupOnly: true})
		require.NoError(t, err)
		require.Equal(t, core.Succeeded, s.did(done, out, err).Result)
		require.Equal(t, []core.FactKind{core.MandateActive}, factKinds(out.Facts))
		require.Empty(t, s.books().Effects, "nothing was bought")

		mandate := s.known()
		charged, err := s.charge(mandate)
		require.NoError(t, err)
		require.Contains(t, []core.Result{core.Succeeded, core.Pending}, charged.Result)
		s.hear()
		s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
	}
}

func factKinds(facts []core.Fact) (list []core.FactKind) {
	for _, f := range facts {
		list = append(list, f.Kind)
	}
	return list
}
