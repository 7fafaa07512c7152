package main

import (
	"sync"
	"time"
)

// instant is when the program is killed.
type instant string

// Moments that a clock or the start of the program decides.
const (
	atRandom   instant = "at random"
	starting   instant = "while it starts"
	justReady  instant = "just after it is ready"
	stopping   instant = "while it stops on SIGTERM"
	frozenThen instant = "while it is frozen"
)

// Moments that a message decides, at the front between the world and the program or at the gate between the program and
// its provider.
const (
	onRequest      instant = "while it works on a merchant's request"
	onAnswer       instant = "on its 2xx to a merchant"
	onFeedback     instant = "while it stores feedback"
	onAck          instant = "on its acknowledgement of feedback"
	onReturn       instant = "while a buyer comes back"
	beforeProvider instant = "before the provider is asked for an effect"
	afterProvider  instant = "after the effect, before the provider's answer"
	onBooking      instant = "while it books the provider's answer"
	onQuestion     instant = "while it asks about the state"
)

var (
	timed  = []instant{atRandom, atRandom, starting, justReady, stopping}
	messed = []instant{onRequest, onAnswer, onAnswer, onFeedback, onAck, onReturn, beforeProvider, afterProvider, onBooking, onQuestion}
)

// trap is armed with one instant; the message that comes to it first kills the program that it is at.
type trap struct {
	mu    sync.Mutex
	armed instant
	fell  chan struct{}
	kills map[instant]int
}

func newTrap() *trap { return &trap{kills: map[instant]int{}} }

// arm sets the trap. What it returns is closed when the program at hand is dead.
func (p *trap) arm(m instant) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed, p.fell = m, make(chan struct{})
	return p.fell
}

// disarm takes the trap away; false when something is in it already.
func (p *trap) disarm() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.armed
	p.armed = ""
	return was != ""
}

// springs tells whoever is at m that the program has to die of it. He calls the func when it has.
func (p *trap) springs(m instant) (killed func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m == "" || p.armed != m {
		return nil
	}
	p.armed = ""
	fell := p.fell
	return func() { p.count(m); close(fell) }
}

func (p *trap) count(m instant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kills[m]++
}

func (p *trap) total() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.kills {
		n += k
	}
	return n
}

// soon is a moment within what a transaction and its answer take.
func (f *fleet) soon() time.Duration { return time.Duration(f.chance(4000)) * time.Microsecond }
