package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An endpoint has four tries at a time. What has to wait gets its turn by how long tries take, one behind the other.
func TestLanesAreNarrow(t *testing.T) {
	var l lanes
	at := time.Unix(0, 0)
	for range lanesMost {
		require.Zero(t, l.enter("a", at))
	}
	require.Zero(t, l.enter("b", at), "another endpoint is not concerned")
	at = at.Add(time.Second) // that long they have been running
	var turns []time.Duration
	for range 10 {
		turns = append(turns, l.enter("a", at))
	}
	require.IsIncreasing(t, turns)
	require.Equal(t, time.Second, turns[0])
	l.leave("a", Sent{Outcome: SentDelivered, Duration: time.Second}, at)
	require.Zero(t, l.enter("a", at))
	for range lanesMost {
		l.leave("a", Sent{Outcome: SentDelivered, Duration: time.Second}, at)
	}
	l.leave("b", Sent{}, at)
	at = at.Add(time.Hour)
	require.Zero(t, l.enter("a", at))
	l.leave("a", Sent{Outcome: SentDelivered}, at)
	require.Empty(t, l.of, "nothing is kept about endpoints that work")
}

// After five failures in a row one try at a time finds out whether the endpoint works again, later each time and five
// minutes at most; one success is enough. A hundred times the pace, all of that takes a hundredth.
func TestLanesBreak(t *testing.T) {
	lanesBreak(t, 1)
	lanesBreak(t, 100)
}

func lanesBreak(t *testing.T, scale pace) {
	l := lanes{scale: scale}
	at := time.Unix(0, 0)
	fail := func() {
		require.Zero(t, l.enter("a", at))
		l.leave("a", Sent{Outcome: SentFailed}, at)
	}
	for range breakAfter {
		fail()
	}
	for _, pause := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, breakMost, breakMost} {
		pause = scale.of(pause)
		require.GreaterOrEqual(t, l.enter("a", at), pause)
		at = at.Add(pause - time.Millisecond)
		require.Positive(t, l.enter("a", at), "not yet")
		at = at.Add(time.Millisecond)
		require.Zero(t, l.enter("a", at))
		require.Positive(t, l.enter("a", at), "one at a time")
		l.leave("a", Sent{Outcome: SentFailed}, at)
	}
	for range 10_000 { // however many wait
		require.LessOrEqual(t, l.enter("a", at), 2*scale.of(breakMost))
	}
	at = at.Add(scale.of(breakMost))
	require.Zero(t, l.enter("a", at))
	l.leave("a", Sent{Outcome: SentDelivered}, at)
	for range lanesMost {
		require.Zero(t, l.enter("a", at))
	}
}

// A try that was given up says nothing about the endpoint.
func TestLanesJudgeOutcomesOnly(t *testing.T) {
	var l lanes
	at := time.Unix(0, 0)
	for range 3 * breakAfter {
		require.Zero(t, l.enter("a", at))
		l.leave("a", Sent{}, at)
	}
	require.Empty(t, l.of)
}
