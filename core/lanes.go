package core

import (
	"sync"
	"time"

	"github.com/paymux/paymux/core/internal/chance"
)

const (
	// lanesMost is how many tries an endpoint has at a time in one process.
	lanesMost = 4
	// breakAfter is after how many failures in a row an endpoint is out of order: then one try at a time finds out
	// whether it still is, after breakFirst, and each time after twice as long, breakMost at most.
	breakAfter = 5
	breakFirst = 5 * time.Second
	breakMost  = 5 * time.Minute
	// paceLeast is the least that is thought to pass from try to try.
	paceLeast = 20 * time.Millisecond
)

// lanes keep a dead or slow endpoint from delaying others: it has few tries at a time, and what has to wait for it waits
// in the table, not in the way. It is put off to where its turn should be, by how long the endpoint took of late, so
// that a long row of deliveries is looked at about once each. One process knows its own tries alone.
type lanes struct {
	scale pace
	mu    sync.Mutex
	of    map[string]*lane // by endpoint, as long as there is something to know
}

type lane struct {
	running int
	failed  int           // in a row
	until   time.Time     // out of order: nobody tries before
	turn    time.Time     // of whoever was put off last
	moved   time.Time     // when a try began or ended last
	pace    time.Duration // of late, from the beginning of a try to its end
}

// enter lets a try begin, which is to leave, or says for how long to put it off.
func (l *lanes) enter(endpoint string, at time.Time) (pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[string]*lane{}
	}
	e := l.of[endpoint]
	if e == nil {
		e = &lane{}
		l.of[endpoint] = e
	}
	if e.running < e.width() && !at.Before(e.until) {
		e.running, e.moved = e.running+1, at
		return 0
	}
	return e.putOff(at, l.scale.of(breakMost))
}

func (e *lane) width() int {
	if e.failed >= breakAfter {
		return 1
	}
	return lanesMost
}

// putOff is the pause until the turn behind everybody who was put off before, about most at most.
func (e *lane) putOff(at time.Time, most time.Duration) time.Duration {
	first := at
	if e.until.After(at) {
		first = e.until
	}
	if e.turn.Before(first) {
		e.turn = first
	}
	e.turn = e.turn.Add(max(e.pace/time.Duration(e.width()), at.Sub(e.moved), paceLeast)) // standing still is slow, too
	if e.turn.Sub(first) > most {                                                         // nobody waits longer for one that works again
		e.turn = first.Add(most)
		return first.Sub(at) + time.Duration(chance.Int64N(int64(most)))
	}
	return e.turn.Sub(at)
}

// leave ends a try that was let in. One with no outcome says nothing about the endpoint.
func (l *lanes) leave(endpoint string, sent Sent, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.of[endpoint]
	e.running, e.moved = e.running-1, at
	switch sent.Outcome {
	case "":
	case SentDelivered:
		e.failed, e.until, e.pace = 0, time.Time{}, (3*e.pace+sent.Duration)/4
	default:
		e.failed, e.pace = e.failed+1, (3*e.pace+sent.Duration)/4
		if over := e.failed - breakAfter; over >= 0 {
			e.until = at.Add(l.scale.of(min(breakFirst<<min(over, 10), breakMost)))
		}
	}
	if e.running == 0 && e.failed == 0 && !e.turn.After(at) {
		delete(l.of, endpoint)
	}
}
