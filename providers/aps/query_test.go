package aps

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

func TestQuery(t *testing.T) {
	const a = core.Asserted
	atLeast := func(kind core.FactKind, minor int64, code string) core.Fact {
		f := core.Fact{Kind: kind, Measure: core.AtLeast, Amount: aed(minor), Strength: a, Code: code}
		switch kind {
		case core.Authorized:
			f.ID = fort
		case core.Captured:
			f.Of = fort
		}
		return f
	}
	refs := core.Refs{"fort_id": fort}
	for name, tc := range map[string]struct {
		answer fields
		want   []core.Fact
		refs   core.Refs
	}{
		"paid, partly refunded": {fields{"transaction_code": "06000", "authorized_amount": "12550", "captured_amount": "12550", "refunded_amount": "2550"},
			[]core.Fact{atLeast(core.Authorized, 12550, "06000"), atLeast(core.Captured, 12550, "06000"), atLeast(core.Refunded, 2550, "06000")}, refs},
		"authorized": {fields{"transaction_code": "02000", "authorized_amount": "12550", "captured_amount": "0", "refunded_amount": "0"},
			[]core.Fact{atLeast(core.Authorized, 12550, "02000")}, refs},
		"voided": {fields{"transaction_code": "08000", "authorized_amount": "12550", "captured_amount": "0"},
			[]core.Fact{atLeast(core.Authorized, 12550, "08000"), {Kind: core.AuthorizationClosed, ID: fort, Strength: a, Code: "08000"}}, refs},
		"a capture that failed": {fields{"transaction_code": "05042", "authorized_amount": "12550", "captured_amount": "0"},
			[]core.Fact{atLeast(core.Authorized, 12550, "05042")}, refs},
		"declined": {fields{"transaction_code": "13666", "transaction_message": "Transaction declined", "captured_amount": "0"},
			[]core.Fact{{Kind: core.AuthorizationDeclined, ID: fort, Strength: a, Code: "13666", Failure: &core.Failure{Category: core.FailureDeclinedSoft,
				RetryAdvice: core.RetryAfterBuyerAction, ProviderCode: "13666", ProviderMessage: "Transaction declined"}}}, nil},
		"declined after it was paid": {fields{"transaction_code": "13666", "captured_amount": "12550"},
			[]core.Fact{atLeast(core.Captured, 12550, "13666")}, refs},
		"uncertain": {fields{"transaction_code": "15777"},
			[]core.Fact{{Kind: core.AuthorizationPending, ID: fort, Amount: aed(12550), Strength: a, Code: "15777"}}, refs},
		"at the bank for 3-D Secure": {fields{"transaction_code": "20064", "captured_amount": "0"}, nil, nil},
		"technical problem":          {fields{"transaction_code": "13006", "captured_amount": "0"}, nil, nil},
		"incomplete":                 {fields{"transaction_code": "10030"}, nil, nil},
		"the query's own code":       {fields{"transaction_code": "12000"}, nil, nil},
		"unknown code":               {fields{"transaction_code": "16123"}, nil, nil},
		"codes disagree":             {fields{"transaction_status": "14", "transaction_code": "13666"}, nil, nil},
		"amounts that are none":      {fields{"transaction_code": "14000", "captured_amount": "125.50", "authorized_amount": "-1"}, nil, nil},
		"the answer tells another currency": {fields{"transaction_code": "14000", "captured_amount": "100", "currency": "USD"},
			[]core.Fact{{Kind: core.Captured, Measure: core.AtLeast, Amount: core.Money{Minor: 100, Currency: "USD"}, Of: fort, Strength: a, Code: "14000"}}, refs},
	} {
		t.Run(name, func(t *testing.T) {
			more := fields{"fort_id": fort, "transaction_status": tc.answer["transaction_code"][:2]}
			for k, v := range tc.answer {
				more[k] = v
			}
			w := &wire{t: t, answer: echoed("12000", more)}
			s, err := newProvider(t, testConfig(), w).Query(t.Context(), core.QueryInput{Known: core.Known{Reference: "ATTEMPTREFERENCE234567", Amount: aed(12550)}})
			require.NoError(t, err)
			require.True(t, s.Found)
			require.Equal(t, tc.want, s.Facts)
			require.Equal(t, tc.refs, s.Refs)
			require.Equal(t, "ATTEMPTREFERENCE234567", s.Echo.Reference)
			require.Nil(t, s.Echo.Amount)
			golden(t, "query", w.sent[0])
		})
	}
}

func TestQueryNamesTheTransactionThatHasMoney(t *testing.T) {
	w := &wire{t: t, answer: echoed("12000", fields{"transaction_status": "02", "transaction_code": "02000"})}
	p := newProvider(t, testConfig(), w)
	_, err := p.Query(t.Context(), core.QueryInput{Known: known()})
	require.NoError(t, err)
	require.Equal(t, fort, w.fields[0]["fort_id"])
}

func TestQueryThatFindsNothingProvesNothing(t *testing.T) {
	for _, code := range []string{"11036", "00036"} {
		w := &wire{t: t, answer: echoed(code, nil)}
		s, err := newProvider(t, testConfig(), w).Query(t.Context(), core.QueryInput{Known: known()})
		require.NoError(t, err)
		require.False(t, s.Found)
		require.Empty(t, s.Facts)
	}
}

func TestQueryThatIsNotAnswered(t *testing.T) {
	for name, w := range map[string]*wire{
		"lost":     {},
		"rejected": {answer: echoed("00008", nil)},
		"failed":   {answer: echoed("11006", nil)},
		"unsigned": {answer: func(r fields) fields { f := echoed("12000", nil)(r); f["signature"] = "x"; return f }},
		"other":    {answer: echoed("12000", fields{"fort_id": "999"})},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			s, err := newProvider(t, testConfig(), w).Query(t.Context(), core.QueryInput{Known: known()})
			require.Equal(t, core.Unavailable, core.KindOf(err))
			require.Equal(t, core.Snapshot{}, s)
		})
	}
}
