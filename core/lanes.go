package core

import (
	"sync"
	"time"

	"github.com/paymux/paymux/core/internal/chance"
)

const (
	// lanesMost is how many tries an endpoint has at a time in one process.
	lanesMost = 4
	// merchantMost is how many the endpoints of one merchant have together: never all there are, however many of his are slow.
	merchantMost = sendsAtOnce / 2
	// breakAfter is after how many failures in a row an endpoint is out of order: then one try at a time finds out
	// whether it still is, after breakFirst, and each time after twice as long, breakMost at most.
	breakAfter = 5
	breakFirst = 5 * time.Second
	breakMost  = 5 * time.Minute
	// paceLeast is the least that is thought to pass from try to try.
	paceLeast = 20 * time.Millisecond
	// outagePart is what part of the time that an endpoint has been failing what waits for it is put off by, once that is
	// more than breakMost. What waits grows with that time: so looking at it costs no more on the seventh day than on the first.
	outagePart = 16
)

// lanes keep a dead or slow endpoint from delaying others: it has few tries at a time, and what has to wait for it waits
// in the table, not in the way. It is put off to where its turn should be, by how long the endpoint took of late, so
// that a long row of deliveries is looked at about once each. One process knows its own tries alone.
type lanes struct {
	scale pace
	mu    sync.Mutex
	of    map[string]*lane // by endpoint, as long as there is something to know
	all   map[string]*lane // by merchant, of his endpoints together
}

type lane struct {
	most    int // tries at a time
	running int
	failed  int           // in a row
	until   time.Time     // out of order: nobody tries before
	turn    time.Time     // of whoever was put off last
	moved   time.Time     // when a try began or ended last
	pace    time.Duration // of late, from the beginning of a try to its end
}

// enter lets a try at e begin, which is to leave, or says for how long to put it off.
func (l *lanes) enter(e *WebhookEndpoint, at time.Time) (pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of, l.all = map[string]*lane{}, map[string]*lane{}
	}
	own, all := laneOf(l.of, e.ID, lanesMost), laneOf(l.all, e.MerchantID, merchantMost)
	defer l.tidy(e, at)
	most := l.scale.of(breakMost)
	if own.failed >= breakAfter && !e.FailingSince.IsZero() {
		most = max(most, at.Sub(e.FailingSince)/outagePart)
	}
	switch {
	case own.running >= own.width() || at.Before(own.until):
		return own.putOff(at, most)
	case all.running >= all.most:
		return all.putOff(at, most)
	}
	own.enter(at)
	all.enter(at)
	return 0
}

func laneOf(lanes map[string]*lane, id string, most int) *lane {
	if lanes[id] == nil {
		lanes[id] = &lane{most: most}
	}
	return lanes[id]
}

func (e *lane) enter(at time.Time) { e.running, e.moved = e.running+1, at }

func (e *lane) width() int {
	if e.failed >= breakAfter {
		return 1
	}
	return e.most
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
func (l *lanes) leave(endpoint *WebhookEndpoint, sent Sent, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, all := l.of[endpoint.ID], l.all[endpoint.MerchantID]
	e.leave(sent, at)
	all.leave(sent, at)
	switch sent.Outcome {
	case "":
	case SentDelivered:
		e.failed, e.until = 0, time.Time{}
	default:
		e.failed++
		if over := e.failed - breakAfter; over >= 0 {
			e.until = at.Add(l.scale.of(min(breakFirst<<min(over, 10), breakMost)))
		}
	}
	l.tidy(endpoint, at)
}

func (e *lane) leave(sent Sent, at time.Time) {
	if e.running, e.moved = e.running-1, at; sent.Outcome != "" {
		e.pace = (3*e.pace + sent.Duration) / 4
	}
}

// forget drops what is known of an endpoint that gets nothing any more.
func (l *lanes) forget(endpoint string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.of[endpoint]; e != nil && e.running == 0 {
		delete(l.of, endpoint)
	}
}

// hurry lets the next try at an endpoint begin at once, however long it has been out of order: who asks for it has mended the
// endpoint, or wants to see. One try at a time it stays until one succeeds.
func (l *lanes) hurry(endpoint string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.of[endpoint]; e != nil {
		e.until, e.turn = time.Time{}, time.Time{}
	}
}

// tidy drops what there is nothing to know of.
func (l *lanes) tidy(e *WebhookEndpoint, at time.Time) {
	if l.of[e.ID].idle(at) {
		delete(l.of, e.ID)
	}
	if l.all[e.MerchantID].idle(at) {
		delete(l.all, e.MerchantID)
	}
}

func (e *lane) idle(at time.Time) bool { return e.running == 0 && e.failed == 0 && !e.turn.After(at) }
