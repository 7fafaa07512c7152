package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// world is a payment of 100.00 EUR with one attempt whose page can be resumed, before any fact.
func world() *Payment {
	p := &Payment{ID: "pay_1", MerchantID: "m", Amount: Money{10000, "EUR"}, Order: PaymentOrder{Capture: CaptureManual}}
	p.Attempts = []*Attempt{{ID: "att_1", Number: 1, Amount: p.Amount, Retries: true, Next: &NextAction{Type: NextPostForm, Then: ThenQuery, Resumable: true}}}
	p.Operations = []*Operation{{Op: Op{ID: "op_s", Kind: OpStart, Key: "KS", Amount: p.Amount}, AttemptID: "att_1", State: OpSucceeded, HasNext: true}}
	p.settle()
	return p
}

func asserted(kind FactKind, id, of string, minor int64) Fact {
	return Fact{Kind: kind, ID: id, Of: of, Amount: Money{minor, "EUR"}, Strength: Asserted}
}

func atLeast(f Fact) Fact { f.Measure = AtLeast; return f }

// drawFact draws a fact of a small world, so that the same objects are met again and again.
func drawFact(t *rapid.T) Fact {
	f := Fact{Kind: FactKind(rapid.IntRange(int(AgreementOpen), int(MandateRefused)).Draw(t, "kind")),
		Measure: Measure(rapid.IntRange(0, 2).Draw(t, "measure")), Strength: rapid.SampledFrom([]Strength{Hint, Asserted}).Draw(t, "strength"),
		ID: rapid.SampledFrom([]string{"", "A", "B", "KC", "KR"}).Draw(t, "id"), Of: rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "of"),
		OpKey: rapid.SampledFrom([]string{"", "", "KC", "KR", "KV"}).Draw(t, "key"), Sequence: rapid.Int64Range(0, 3).Draw(t, "sequence"),
		Amount:     Money{rapid.Int64Range(0, 12000).Draw(t, "minor"), rapid.SampledFrom([]string{"EUR", "EUR", "EUR", "USD"}).Draw(t, "currency")},
		OccurredAt: time.Unix(rapid.Int64Range(0, 3).Draw(t, "at"), 0).UTC()}
	switch f.Kind { // an authorization is of one call
	case AuthorizationPending, AuthorizationDeclined, Authorized:
		f.OpKey = rapid.SampledFrom([]string{"", map[string]string{"A": "KS", "B": "KA"}[f.ID]}).Draw(t, "call")
	}
	if f.Measure == NetAt { // one booking has one balance: two of them for one sequence contradict each other
		f.Amount.Minor = 1000 * (f.Sequence + 1)
	}
	return f
}

// drawTestimony draws what an operator says of an operation, or nothing.
func drawTestimony(t *rapid.T, p *Payment) []Fact {
	o := rapid.SampledFrom(p.Operations).Draw(t, "operation")
	if rapid.Bool().Draw(t, "says nothing") {
		return nil
	}
	a := &amendment{Payment: p}
	return a.testimony(o, Settlement{Happened: rapid.Bool().Draw(t, "happened"), Reference: rapid.SampledFrom([]string{"", "A", "KC"}).Draw(t, "reference")})
}

func drawWorld(t *rapid.T) *Payment {
	p := world()
	p.Apply("att_1", "evd", []Fact{asserted(Authorized, "A", "", 10000), atLeast(asserted(Captured, "", "A", 5000))}, time.Unix(0, 0)) // what was there before the operations
	if rapid.Bool().Draw(t, "charged without a page") {
		p.Operations[0].State, p.Operations[0].HasNext = rapid.SampledFrom([]OpState{OpSent, OpUnknown, OpPending, OpDeclined}).Draw(t, "start"), false
		p.Attempts[0].Next = nil
	}
	for i, kind := range []OpKind{OpCapture, OpRefund, OpVoid, OpAuthorize} {
		if rapid.Bool().Draw(t, "has "+string(kind)) && (kind != OpVoid || len(p.Operations) == 1) { // one at a time
			p.Operations = append(p.Operations, &Operation{AttemptID: "att_1", State: rapid.SampledFrom([]OpState{OpSent, OpUnknown, OpPending, OpDeclined}).Draw(t, "state"),
				Of: rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "of"),
				Op: Op{ID: fmt.Sprint("op_", kind), Kind: kind, Key: []string{"KC", "KR", "KV", "KA"}[i], Sequence: int64(i),
					Amount: Money{5000, "EUR"}, Baseline: Totals{10000, 5000, 0}}})
		}
	}
	p.settle()
	return p
}

// outcome is what a merchant can see of a payment's money.
func outcome(p *Payment) string {
	s := fmt.Sprintf("%s %+v mismatch=%t review=%t error=%v mandate=%s", p.Status, p.Amounts, p.Mismatch, p.NeedsReview, p.lastError(), p.mandateStatus(p.Attempts[0]))
	for _, o := range p.Operations {
		s += fmt.Sprintf(" %s=%s", o.Kind, o.State)
	}
	return s
}

func TestFactsCommute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := drawWorld(t)
		facts := append(rapid.SliceOfN(rapid.Custom(drawFact), 1, 8).Draw(t, "facts"), drawTestimony(t, start)...)
		want := ""
		for range 4 {
			p := start.clone()
			for _, f := range rapid.Permutation(facts).Draw(t, "order") {
				p.Apply("att_1", "evd", []Fact{f}, time.Unix(0, 0))
			}
			p.Apply("att_1", "evd", facts, time.Unix(0, 0)) // all of it told again
			if want == "" {
				want = outcome(p)
			}
			require.Equal(t, want, outcome(p))
		}
	})
}

func TestCountersOnlyRiseAndStayInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawWorld(t)
		for _, f := range rapid.SliceOfN(rapid.Custom(drawFact), 1, 10).Draw(t, "facts") {
			before := p.Amounts
			status := p.Status
			p.Apply("att_1", "evd", []Fact{f}, time.Unix(0, 0))
			a := p.Amounts
			require.GreaterOrEqual(t, a.Authorized, before.Authorized)
			require.GreaterOrEqual(t, a.Captured, before.Captured)
			require.GreaterOrEqual(t, a.Refunded, before.Refunded)
			require.LessOrEqual(t, a.Captured, a.Authorized)
			require.LessOrEqual(t, a.Captured+a.Released, a.Authorized)
			require.LessOrEqual(t, a.Captured+a.Capturable, a.Ceiling)
			require.LessOrEqual(t, a.Captured+a.CaptureReserved, a.Ceiling+a.Foreign)
			require.LessOrEqual(t, a.Refunded+a.RefundReserved, a.Captured+a.Surplus+a.Foreign)
			require.True(t, a.Surplus == 0 || p.NeedsReview)
			for _, v := range []int64{a.Capturable, a.Refundable, a.Released, a.InDoubt, a.Foreign, a.Surplus, a.CaptureReserved, a.RefundReserved} {
				require.GreaterOrEqual(t, v, int64(0))
			}
			require.True(t, CanMove(status, p.Status), "%s to %s by %s", status, p.Status, f.Kind)
			n := len(p.Facts)
			p.Apply("att_1", "evd", []Fact{f}, time.Unix(0, 0))
			require.Len(t, p.Facts, n, "a fact told again is no new fact")
		}
	})
}

func TestFacts(t *testing.T) {
	capture := func(state OpState, amount int64, base Totals) *Operation {
		return &Operation{AttemptID: "att_1", State: state, Op: Op{ID: "op_c", Kind: OpCapture, Key: "KC", Amount: Money{amount, "EUR"}, Baseline: base}}
	}
	for _, c := range []struct {
		name  string
		ops   []*Operation
		facts []Fact
		want  Amounts
		state Status
	}{
		{name: "a sale tells only what was captured (F5)", facts: []Fact{asserted(Captured, "A", "A", 10000)},
			want: Amounts{Authorized: 10000, Captured: 10000, Refundable: 10000}, state: StatusSucceeded},
		{name: "two equal captures by totals and singles (F2)", facts: []Fact{asserted(Authorized, "A", "", 10000), asserted(Captured, "K1", "A", 5000),
			asserted(Captured, "K2", "A", 5000), atLeast(asserted(Captured, "", "A", 5000)), atLeast(asserted(Captured, "", "A", 10000))},
			want: Amounts{Authorized: 10000, Captured: 10000, Refundable: 10000}, state: StatusSucceeded},
		{name: "a capture somebody else made", facts: []Fact{asserted(Authorized, "A", "", 10000), atLeast(asserted(Captured, "", "A", 3000))},
			want: Amounts{Authorized: 10000, Captured: 3000, Capturable: 7000, Refundable: 3000, Foreign: 3000}, state: StatusPartiallyCaptured},
		{name: "an unknown capture reserves (F8)", ops: []*Operation{capture(OpUnknown, 6000, Totals{})}, facts: []Fact{asserted(Authorized, "A", "", 10000)},
			want: Amounts{Authorized: 10000, Capturable: 4000, InDoubt: 6000}, state: StatusRequiresCapture},
		{name: "its reservation falls by what the total shows (F8)", ops: []*Operation{capture(OpUnknown, 6000, Totals{})},
			facts: []Fact{asserted(Authorized, "A", "", 10000), atLeast(asserted(Captured, "", "A", 6000))},
			want:  Amounts{Authorized: 10000, Captured: 6000, Capturable: 4000, Refundable: 6000}, state: StatusPartiallyCaptured},
		{name: "a void under way leaves nothing to capture (F14)", facts: []Fact{asserted(Authorized, "A", "", 10000)},
			ops:  []*Operation{{AttemptID: "att_1", State: OpSent, Op: Op{ID: "op_v", Kind: OpVoid, Key: "KV"}}},
			want: Amounts{Authorized: 10000}, state: StatusProcessing},
		{name: "a closed authorization settles it (F9)", facts: []Fact{asserted(Authorized, "A", "", 10000), asserted(AuthorizationClosed, "A", "", 0)},
			ops:  []*Operation{{AttemptID: "att_1", State: OpUnknown, Of: "A", Op: Op{ID: "op_v", Kind: OpVoid, Key: "KV"}}},
			want: Amounts{Authorized: 10000, Released: 10000}, state: StatusCanceled},
		{name: "authorized outweighs declined (F7)", facts: []Fact{asserted(AuthorizationDeclined, "A", "", 0), asserted(Authorized, "A", "", 10000)},
			want: Amounts{Authorized: 10000, Capturable: 10000}, state: StatusRequiresCapture},
		{name: "a decline on the page leaves the buyer there", facts: []Fact{asserted(AuthorizationDeclined, "A", "", 0)}, state: StatusRequiresAction},
		{name: "agreed, one part charged (F12)", facts: []Fact{asserted(AgreementOpen, "P", "", 10000), asserted(Captured, "C1", "C1", 4000)},
			want: Amounts{Authorized: 4000, Captured: 4000, Capturable: 6000, Refundable: 4000}, state: StatusPartiallyCaptured},
		{name: "what was captured of one of several authorizations is open in none", facts: []Fact{asserted(Authorized, "A", "", 3000), asserted(Authorized, "B", "", 3000),
			asserted(Captured, "K1", "", 2000)}, want: Amounts{Authorized: 6000, Captured: 2000, Capturable: 4000, Refundable: 2000}, state: StatusPartiallyCaptured},
		{name: "nor was it released", facts: []Fact{asserted(Authorized, "A", "", 3000), asserted(AuthorizationClosed, "A", "", 0), asserted(Authorized, "B", "", 3000),
			asserted(AuthorizationClosed, "B", "", 0), asserted(Captured, "K1", "", 2000)},
			want: Amounts{Authorized: 6000, Captured: 2000, Released: 4000, Refundable: 2000}, state: StatusSucceeded},
		{name: "a void reserves no more than what may be open", ops: []*Operation{{AttemptID: "att_1", State: OpSent, Op: Op{ID: "op_v", Kind: OpVoid, Key: "KV"}}},
			facts: []Fact{asserted(Authorized, "A", "", 10000), asserted(Authorized, "B", "", 0), asserted(Captured, "K1", "", 5001)},
			want:  Amounts{Authorized: 10000, Captured: 5001, Refundable: 5001}, state: StatusPartiallyCaptured},
		{name: "somebody else was faster than a pending capture", ops: []*Operation{capture(OpPending, 6000, Totals{})},
			facts: []Fact{asserted(Authorized, "A", "", 10000), {Kind: CapturePending, ID: "C1", Of: "A", OpKey: "KC", Amount: Money{6000, "EUR"}, Strength: Asserted},
				asserted(Captured, "C2", "A", 9000)},
			want: Amounts{Authorized: 10000, Captured: 9000, Refundable: 9000}, state: StatusPartiallyCaptured},
		{name: "a refund beyond what was captured", facts: []Fact{asserted(Captured, "A", "A", 4000), asserted(Refunded, "R", "", 5000)},
			want: Amounts{Authorized: 4000, Captured: 4000, Refunded: 5000, Surplus: 1000}, state: StatusSucceeded},
		{name: "another currency moves nothing", facts: []Fact{{Kind: Captured, ID: "A", Of: "A", Amount: Money{10000, "USD"}, Strength: Asserted}}, state: StatusRequiresAction},
		{name: "a hint moves nothing", facts: []Fact{{Kind: Captured, ID: "A", Of: "A", Amount: Money{10000, "EUR"}}}, state: StatusRequiresAction},
		{name: "balances in any order (F1)", facts: []Fact{{Kind: Captured, Measure: NetAt, ID: "A", Of: "A", Sequence: 2, Amount: Money{8499, "EUR"}, Strength: Asserted},
			{Kind: Captured, Measure: NetAt, Of: "A", Sequence: 0, Amount: Money{4000, "EUR"}, Strength: Asserted},
			{Kind: Captured, Measure: NetAt, Of: "A", Sequence: 1, Amount: Money{10000, "EUR"}, Strength: Asserted}},
			want: Amounts{Authorized: 10000, Captured: 10000, Refunded: 1501, Refundable: 8499}, state: StatusSucceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := world()
			p.Operations = append(p.Operations, c.ops...)
			p.Apply("att_1", "evd", c.facts, time.Unix(0, 0))
			got := p.Amounts
			require.LessOrEqual(t, got.Captured+got.CaptureReserved, got.Ceiling+got.Foreign, "what the database lets be stored")
			got.CaptureReserved, got.RefundReserved, got.Ceiling, got.captureAnnounced, got.refundAnnounced = 0, 0, 0, 0, 0
			if c.want.Foreign == 0 {
				got.Foreign = 0
			}
			require.Equal(t, c.want, got)
			require.Equal(t, c.state, p.Status)
		})
	}
}

// The buyer agreed, and a call that reserves on that is in doubt: an operator is asked about that call, and not about the one
// that began the attempt. Were that settled as refused, the agreement would have come from nowhere.
func TestWhatTheBuyerAgreedToIsInNoDoubt(t *testing.T) {
	for _, c := range []struct {
		name  string
		facts []Fact
		want  []OpKind
	}{
		{"nobody tells", nil, []OpKind{OpStart, OpAuthorize}},
		{"he agreed, and it was closed since", []Fact{asserted(AgreementOpen, "P", "", 10000), asserted(AgreementClosed, "P", "", 0)}, []OpKind{OpAuthorize}},
		{"what was reserved first is pending", []Fact{asserted(AgreementOpen, "P", "", 10000), asserted(AuthorizationPending, "A", "", 5000)}, []OpKind{OpStart, OpAuthorize}},
		{"what was reserved later is pending", []Fact{asserted(AgreementOpen, "P", "", 10000), {Kind: AuthorizationPending, ID: "B", OpKey: "KA", Strength: Asserted, Amount: Money{5000, "EUR"}}}, []OpKind{OpAuthorize}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := world()
			p.Attempts[0].Returned = true
			p.Operations = append(p.Operations, &Operation{AttemptID: "att_1", State: OpUnknown, Review: true, Op: Op{ID: "op_a", Kind: OpAuthorize, Key: "KA", Amount: Money{10000, "EUR"}}})
			p.Apply("att_1", "evd", c.facts, time.Unix(0, 0))
			p.Flagged = true
			p.settle()
			var kinds []OpKind
			for _, d := range p.Doubts() {
				kinds = append(kinds, d.Kind)
			}
			require.Equal(t, StatusProcessing, p.Status)
			require.Equal(t, c.want, kinds)
		})
	}
}
