package main

import (
	"net/http"
	"syscall"
	"time"
)

// havoc kills the instances until there were kills of them and end is past, and starts them again at once.
func (f *fleet) havoc(kills int, end time.Time) {
	for f.trap.total() < kills || time.Now().Before(end) {
		f.disturb()
		if len(f.instances) > 1 && f.chance(3) == 0 {
			f.freeze(f.instances[f.chance(len(f.instances))])
		} else {
			f.strike()
		}
		f.revive()
	}
}

// revive starts whatever is dead.
func (f *fleet) revive() {
	for _, i := range f.instances {
		if i.dead() {
			i.start()
		}
	}
}

// strike kills one instance at a moment that is drawn.
func (f *fleet) strike() {
	i := f.instances[f.chance(len(f.instances))]
	n := f.chance(len(timed) + len(messed))
	if n >= len(timed) {
		f.await(i, messed[n-len(timed)])
		return
	}
	m := timed[n]
	switch m {
	case starting:
		i.kill()
		wait := i.launch()
		time.Sleep(time.Duration(f.chance(60)) * time.Millisecond)
		defer wait()
	case justReady:
		i.kill()
		i.start()
		time.Sleep(f.soon())
	case stopping:
		f.work()
		i.signal(syscall.SIGTERM)
		time.Sleep(f.soon())
	default:
		f.work()
	}
	i.kill()
	f.trap.count(m)
}

// work lets the program work until something happens to it: for some answers, or a while when there are none.
func (f *fleet) work() {
	enough := f.told.Load() + int64(f.chance(25))
	for end := time.Now().Add(600 * time.Millisecond); f.told.Load() < enough && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// await sets the trap for m. When nothing comes by, i is killed at random.
func (f *fleet) await(i *instance, m instant) {
	f.work()
	fell := f.trap.arm(m)
	select {
	case <-fell:
	case <-time.After(500 * time.Millisecond):
		if !f.trap.disarm() {
			<-fell
			return
		}
		i.kill()
		f.trap.count(atRandom)
	}
}

// freeze stops i for longer than its claims of keys last, and often than its leases of work do, while the others go on. Sometimes it does not wake up again.
func (f *fleet) freeze(i *instance) {
	i.signal(syscall.SIGSTOP)
	for end := time.Now().Add(time.Duration(700+f.chance(2300)) * time.Millisecond); time.Now().Before(end); {
		if f.chance(2) == 0 {
			f.work()
			continue
		}
		f.strike() // at another one, or at the frozen one
		f.revive()
	}
	if f.chance(4) == 0 {
		i.kill()
		f.trap.count(frozenThen)
		return
	}
	i.signal(syscall.SIGCONT)
	f.freezes++
}

// disturb has the provider misbehave now and then, and lets its time pass, so that it repeats feedback soon.
func (f *fleet) disturb() {
	f.control(http.MethodPost, "clock", map[string]any{"advance": "3s"}, nil)
	switch f.chance(8) {
	case 0:
		modes := []string{"duplicate", "reorder", "early", "drop", "forge"}
		f.control(http.MethodPost, "feedback", map[string]any{"mode": modes[f.chance(len(modes))], "times": 1 + f.chance(3)}, nil)
	case 1:
		actions := []string{"drop_before", "drop_after", "http_before", "http_after", "truncate", "garbage", "delay_effect"}
		operations := []string{"CAPTURE", "REFUND", "VOID_AUTHORIZATION", "CHECK_STATUS"}
		f.control(http.MethodPost, "faults", map[string]any{"operation": operations[f.chance(len(operations))],
			"action": actions[f.chance(len(actions))], "seconds": 1}, nil)
	}
}

// calm ends everything that disturbs, starts every instance a last time and waits until all feedback has been told.
func (f *fleet) calm() {
	f.control(http.MethodDelete, "faults", nil, nil)
	f.control(http.MethodPost, "feedback", map[string]any{"mode": "normal", "release": true}, nil)
	for _, i := range f.instances {
		i.kill()
		i.start()
	}
	f.calmed, f.doubts = time.Now(), f.open()
	var state struct {
		Queued int `json:"queued"`
	}
	for range 200 {
		f.control(http.MethodGet, "feedback", nil, &state)
		if state.Queued == 0 {
			return
		}
		f.control(http.MethodPost, "clock", map[string]any{"advance": "11s"}, nil)
		time.Sleep(20 * time.Millisecond)
	}
	f.wrong("the provider still had %d messages to tell in the end", state.Queued)
}
