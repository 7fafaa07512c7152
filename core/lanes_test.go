package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// a and b are endpoints of two merchants.
var a, b = &WebhookEndpoint{ID: "a", MerchantID: "m"}, &WebhookEndpoint{ID: "b", MerchantID: "n"}

// An endpoint has four tries at a time. What has to wait gets its turn by how long tries take, one behind the other.
func TestLanesAreNarrow(t *testing.T) {
	var l lanes
	at := time.Unix(0, 0)
	for range lanesMost {
		require.Zero(t, l.enter(a, at))
	}
	require.Zero(t, l.enter(b, at), "another endpoint is not concerned")
	at = at.Add(time.Second) // that long they have been running
	var turns []time.Duration
	for range 10 {
		turns = append(turns, l.enter(a, at))
	}
	require.IsIncreasing(t, turns)
	require.Equal(t, time.Second, turns[0])
	l.leave(a, Sent{Outcome: SentDelivered, Duration: time.Second}, at)
	require.Zero(t, l.enter(a, at))
	for range lanesMost {
		l.leave(a, Sent{Outcome: SentDelivered, Duration: time.Second}, at)
	}
	l.leave(b, Sent{}, at)
	at = at.Add(time.Hour)
	require.Zero(t, l.enter(a, at))
	l.leave(a, Sent{Outcome: SentDelivered}, at)
	require.Empty(t, l.of, "nothing is kept about endpoints that work")
	require.Empty(t, l.all)
}

// Who asks for a try gets one at once, and one alone while the endpoint fails.
func TestLanesHurry(t *testing.T) {
	var l lanes
	l.hurry("a")
	at := time.Unix(0, 0)
	for range 2 * breakAfter {
		l.hurry("a")
		require.Zero(t, l.enter(a, at))
		l.leave(a, Sent{Outcome: SentFailed}, at)
	}
	require.NotZero(t, l.enter(a, at), "out of order")
	l.hurry("a")
	require.Zero(t, l.enter(a, at))
	require.NotZero(t, l.enter(a, at), "the others wait for what comes of it")
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
		require.Zero(t, l.enter(a, at))
		l.leave(a, Sent{Outcome: SentFailed}, at)
	}
	for range breakAfter {
		fail()
	}
	for _, pause := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, breakMost, breakMost} {
		pause = scale.of(pause)
		require.GreaterOrEqual(t, l.enter(a, at), pause)
		at = at.Add(pause - time.Millisecond)
		require.Positive(t, l.enter(a, at), "not yet")
		at = at.Add(time.Millisecond)
		require.Zero(t, l.enter(a, at))
		require.Positive(t, l.enter(a, at), "one at a time")
		l.leave(a, Sent{Outcome: SentFailed}, at)
	}
	for range 10_000 { // however many wait
		require.LessOrEqual(t, l.enter(a, at), 2*scale.of(breakMost))
	}
	at = at.Add(scale.of(breakMost))
	require.Zero(t, l.enter(a, at))
	l.leave(a, Sent{Outcome: SentDelivered}, at)
	for range lanesMost {
		require.Zero(t, l.enter(a, at))
	}
}

// A try that was given up says nothing about the endpoint.
func TestLanesJudgeOutcomesOnly(t *testing.T) {
	var l lanes
	at := time.Unix(0, 0)
	for range 3 * breakAfter {
		require.Zero(t, l.enter(a, at))
		l.leave(a, Sent{}, at)
	}
	require.Empty(t, l.of)
}

// However many slow endpoints a merchant has, others have tries left.
func TestLanesOfOneMerchantLeaveRoom(t *testing.T) {
	var l lanes
	at, let := time.Unix(0, 0), []*WebhookEndpoint{}
	for i := range maxEndpoints {
		e := &WebhookEndpoint{ID: fmt.Sprint(i), MerchantID: "m"}
		for range lanesMost {
			if l.enter(e, at) == 0 {
				let = append(let, e)
			}
		}
	}
	require.Len(t, let, sendsAtOnce/2)
	require.Zero(t, l.enter(b, at))
	l.leave(b, Sent{Outcome: SentDelivered}, at)
	l.leave(let[0], Sent{Outcome: SentDelivered, Duration: time.Second}, at)
	require.Zero(t, l.enter(a, at), "there is room again")
	require.Positive(t, l.enter(let[1], at))
	for _, e := range append(let[1:], a) {
		l.leave(e, Sent{Outcome: SentDelivered}, at)
	}
	at = at.Add(time.Hour)
	require.Zero(t, l.enter(a, at))
	l.leave(a, Sent{Outcome: SentDelivered}, at)
}

// What waits for an endpoint grows with the time for which it has been failing, and is put off by a part of that time: it
// is looked at no oftener on the seventh day than after some hours.
func TestLanesOfADeadEndpointCostNoMoreInTime(t *testing.T) {
	for _, outage := range []time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		var l lanes
		at := time.Unix(0, 0).Add(outage)
		dead := &WebhookEndpoint{ID: "a", MerchantID: "m", FailingSince: time.Unix(0, 0)}
		for range breakAfter {
			require.Zero(t, l.enter(dead, at))
			l.leave(dead, Sent{Outcome: SentFailed, Duration: time.Second}, at)
		}
		const waiting = 50_000
		longest, all := time.Duration(0), time.Duration(0)
		for range waiting {
			pause := l.enter(dead, at)
			longest, all = max(longest, pause), all+pause
		}
		most := max(breakMost, outage/outagePart)
		require.LessOrEqual(t, longest, breakFirst+most+time.Second)
		require.Greater(t, all/waiting, most/3, "after %v", outage)
	}
	var l lanes
	l.of = map[string]*lane{"a": {most: lanesMost, failed: 1}}
	l.forget("a")
	require.Empty(t, l.of, "of one that was deleted nothing is kept")
}
