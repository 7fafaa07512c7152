package campaign

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTotalAddsUp(t *testing.T) {
	one := Report{Seed: 2, Hash: "b", Virtual: time.Hour, Violations: []string{"I-05"}, Sums: Sums{Payments: 1, Effects: 2, DoubleEffects: 3, DoubtsOpen: 4, NeedsReview: 5,
		Events: 6, EventsMissing: 7, Acknowledged: 8, FeedbackLost: 9, Counts: map[string]int{"fault x": 1, "crash y": 2},
		Books: map[string]Both{"AED": {Provider: Books{5, 4, 3, 2, 1}, Paymux: Books{5, 4, 3, 1, 0}}}}}
	two := one
	two.Seed, two.Hash, two.Violations = 1, "a", nil
	var total, turned Total
	total.Add(one)
	total.Add(two)
	turned.Add(two)
	turned.Add(one)
	require.Equal(t, Sums{Payments: 2, Effects: 4, DoubleEffects: 6, DoubtsOpen: 8, NeedsReview: 10, Events: 12, EventsMissing: 14, Acknowledged: 16, FeedbackLost: 18,
		Counts: map[string]int{"fault x": 2, "crash y": 4}, Books: map[string]Both{"AED": {Provider: Books{10, 8, 6, 4, 2}, Paymux: Books{10, 8, 6, 2, 0}}}}, total.Sums)
	require.Equal(t, total.Traces(), turned.Traces(), "whoever was done first")
	require.Equal(t, 1, len(total.Failed))
	require.Equal(t, map[string]int{"x": 2}, total.Kinds("fault"))
	require.Equal(t, 2*time.Hour, total.Virtual)
	require.Equal(t, map[string]int{"fault x": 1, "crash y": 2}, one.Counts, "the parts stay as they were")

	other := two
	other.Hash = "c"
	var changed Total
	changed.Add(one)
	changed.Add(other)
	require.NotEqual(t, total.Traces(), changed.Traces())
}

func TestSoundCanSayNo(t *testing.T) {
	books := func(theirs, ours Books) Sums {
		return Sums{Books: map[string]Both{"AED": {Provider: theirs, Paymux: ours}}}
	}
	for name, c := range map[string]struct {
		sums  Sums
		wrong bool
	}{
		"nothing":              {Sums{}, false},
		"the same":             {books(Books{5, 4, 3, 2, 0}, Books{5, 4, 3, 2, 0}), false},
		"lapsed, not told":     {books(Books{5, 4, 3, 2, 1}, Books{5, 4, 3, 1, 0}), false},
		"lapsed, found out":    {books(Books{5, 4, 3, 2, 1}, Books{5, 4, 3, 2, 0}), false},
		"authorized less":      {books(Books{Authorized: 5}, Books{Authorized: 4}), true},
		"captured more":        {books(Books{Captured: 5}, Books{Captured: 6}), true},
		"refunded less":        {books(Books{Refunded: 1}, Books{}), true},
		"voided more":          {books(Books{Voided: 2}, Books{Voided: 3}), true},
		"voided less":          {books(Books{Voided: 2, Lapsed: 1}, Books{}), true},
		"doubts are honest":    {Sums{DoubtsOpen: 1, NeedsReview: 1}, false},
		"twice":                {Sums{DoubleEffects: 1}, true},
		"an event is missing":  {Sums{EventsMissing: 1}, true},
		"feedback is lost":     {Sums{FeedbackLost: 1}, true},
		"only in one currency": {Sums{Books: map[string]Both{"AED": {}, "SAR": {Paymux: Books{Captured: 1}}}}, true},
	} {
		var total Total
		total.Add(Report{Sums: c.sums})
		require.Equal(t, !c.wrong, total.Sound(), name)
	}
	broken := Total{Violations: 1}
	require.False(t, broken.Sound())
}

func TestTwiceSeesADifference(t *testing.T) {
	n := 0
	r := Twice(t, func(_ *testing.T, seed uint64) Report {
		n++
		return Report{Seed: seed, Hash: string(rune('a' + n)), Trace: []string{"1 the same", "2 " + string(rune('a'+n))}}
	}, 7)
	require.Len(t, r.Violations, 1)
	require.Contains(t, r.Violations[0], "first at line 1:\n2 b\n2 c")
}

func TestWhatHappenedAtOneInstantHasNoOrder(t *testing.T) {
	one, other, third := newTrace(), newTrace(), newTrace()
	one.lines, other.lines, third.lines = []string{"1 x", "2 b", "2 a"}, []string{"1 x", "2 a", "2 b"}, []string{"1 a", "2 x", "2 b"}
	require.Equal(t, one.hash(), other.hash())
	require.NotEqual(t, one.hash(), third.hash())
}
