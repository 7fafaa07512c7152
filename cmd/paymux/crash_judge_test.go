package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// verdict is what a campaign found, in numbers.
type verdict struct {
	trades, calls int
	lost, doubles int
	acknowledged  int           // answers and feedback
	toPerson      int           // doubts that the provider's rule leaves to a person
	slowestDoubt  time.Duration // after the last start, or after what began with asking again
	events, inbox int
	effects       int
	mu            sync.Mutex
}

// effect is one movement of money in the simulator's books.
type effect struct {
	Kind   string `json:"kind"`
	Amount int64  `json:"amount"`
}

// account is one of our references in the simulator's books.
type bookEntry struct {
	Reference  string   `json:"reference"`
	Authorized int64    `json:"authorized"`
	Captured   int64    `json:"captured"`
	Refunded   int64    `json:"refunded"`
	Voided     int64    `json:"voided"`
	Effects    []effect `json:"effects"`
}

func (b *bookEntry) times(kind string, amount int64) (n int) {
	for _, e := range b.Effects {
		if e.Kind == kind && (amount == 0 || e.Amount == amount) {
			n++
		}
	}
	return n
}

// doubtLimit is the provider's own waiting time, as scaled, and what else settling a doubt may take.
const doubtLimit = crashCall + 120*time.Second/crashScale + 10*time.Second

// judge holds everything that was promised against everything that is so now.
func (f *fleet) judge(trades []*trade) *verdict {
	v := &verdict{trades: len(trades)}
	f.finish(v, trades)
	for range 3 { // a call that was proved not sent is made when it is asked for again, and may be in doubt again
		f.settled(v)
		f.calmed = time.Now()
		f.each(trades, func(s *trade) {
			for _, c := range s.calls {
				if c.told() {
					f.again(c)
				}
			}
		})
	}
	var list struct {
		Payments []*bookEntry `json:"payments"`
	}
	f.control(http.MethodGet, "books", nil, &list)
	books := map[string]*bookEntry{}
	for _, b := range list.Payments {
		books[b.Reference] = b
		v.effects += len(b.Effects)
	}
	events := f.events(v)
	f.each(trades, func(s *trade) {
		reference := s.reference()
		b := books[reference]
		if b == nil {
			b = &bookEntry{}
		}
		f.stands(v, s, b, events[s.id()])
	})
	known := map[string]bool{}
	for _, s := range trades {
		known[s.reference()] = true
	}
	for reference := range books {
		if !known[reference] {
			f.wrong("MONEY WITHOUT A PAYMENT: the provider has %s", reference)
		}
	}
	f.inbox(v)
	v.acknowledged += int(f.told.Load())
	return v
}

// each judges trades, several at a time.
func (f *fleet) each(trades []*trade, judge func(*trade)) {
	work := make(chan *trade)
	var judges sync.WaitGroup
	for range 4 {
		judges.Go(func() {
			for s := range work {
				judge(s)
			}
		})
	}
	for _, s := range trades {
		work <- s
	}
	close(work)
	judges.Wait()
}

// finish repeats every call that has no final answer until it has one, or the doubt about it is left to a person.
func (f *fleet) finish(v *verdict, trades []*trade) {
	f.each(trades, func(s *trade) {
		for _, c := range s.calls {
			if c.status == 0 || c.status == http.StatusAccepted && c.kind == "create" {
				f.ask(c)
			}
		}
	})
	for _, s := range trades {
		v.calls += len(s.calls)
	}
}

// settled waits until no outcome is open any more but those that a person decides, and all feedback is applied.
func (f *fleet) settled(v *verdict) {
	for {
		open, waiting := f.open(), f.count("SELECT count(*) FROM feedback WHERE state <> 'applied'")
		waited := time.Since(f.calmed)
		v.slowestDoubt = max(v.slowestDoubt, waited)
		if open+waiting == 0 {
			break
		}
		if waited > doubtLimit {
			f.wrong("%d outcomes are still open after %v, and %d messages not applied", open, waited.Round(time.Second), waiting)
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	v.toPerson = f.count("SELECT count(*) FROM operations WHERE state = 'unknown' AND review")
}

// open is how many outcomes are, and are not for a person to decide.
func (f *fleet) open() int {
	return f.count("SELECT count(*) FROM operations WHERE state IN ('sent', 'pending', 'unknown') AND NOT has_next AND NOT review")
}

func (f *fleet) count(query string) (n int) {
	db := bare(f.t, f.dsn)
	defer db.Close()
	require.NoError(f.t, db.QueryRowContext(f.t.Context(), query).Scan(&n))
	return n
}

// stands judges one trade: P1 to P4.
func (f *fleet) stands(v *verdict, s *trade, b *bookEntry, events map[string]int) {
	p := f.read("/v1/payments/" + s.id())
	got := [4]string{p.str("amounts.authorized"), p.str("amounts.captured"), p.str("amounts.refunded"), p.str("amounts.released")}
	want := [4]string{fmt.Sprint(b.Authorized), fmt.Sprint(b.Captured), fmt.Sprint(b.Refunded), fmt.Sprint(b.Voided)}
	if got != want {
		f.blame(s, "%s: WE DIFFER FROM THE BOOKS: authorized, captured, refunded, released are %v there and %v here: %s", s.created().key, want, got, p.raw)
	}
	if n := b.times("authorize", 0); n > 1 {
		v.double(f, s, "authorize", n)
	}
	doubt := int64(0)
	for _, c := range s.calls {
		if c.kind == "capture" || c.kind == "refund" {
			doubt += f.booked(v, s, c, b)
		}
	}
	if p.str("amounts.in_doubt") != fmt.Sprint(doubt) {
		f.blame(s, "%s: %s is in doubt, and by the answers %d: %s", s.created().key, p.str("amounts.in_doubt"), doubt, p.raw)
	}
	if p.str("status") == "failed" {
		f.blame(s, "%s: FAILED WITHOUT PROOF: %s", s.created().key, p.raw)
	}
	for _, kind := range []string{"capture", "refund"} {
		asked := 0
		for _, c := range s.of(kind) {
			asked += b.times(kind, c.amount)
		}
		if all := b.times(kind, 0); all != asked && (kind == "refund" || b.times("capture", s.amount) != 1) {
			f.blame(s, "%s: the provider has %d times %s, and %d were asked for", s.created().key, all, kind, asked)
		}
		if told := events[kind+".succeeded"]; told != asked {
			f.blame(s, "%s: %d times %s, and %d events of it", s.created().key, asked, kind, told)
		}
	}
}

// booked judges one capture or refund, and returns what of it is in doubt.
func (f *fleet) booked(v *verdict, s *trade, c *call, b *bookEntry) (doubt int64) {
	n := b.times(c.kind, c.amount)
	if n > 1 {
		v.double(f, s, c.kind, n)
	}
	status := c.said("status")
	switch {
	case c.status == http.StatusAccepted && n == 0:
		return c.amount
	case c.final() && status == "succeeded" && n == 0:
		v.gone(f, s, c)
	case n > 0 && (!c.final() || status != "succeeded"):
		f.blame(s, "%s: a %s of %d was done, and the merchant has %d %s", s.created().key, c.kind, c.amount, c.status, c.raw)
	}
	return 0
}

// blame notes a broken promise and what the program knows of its payment, of the first three.
func (f *fleet) blame(s *trade, format string, args ...any) {
	f.wrong(format, args...)
	if f.blamed.Add(1) > 3 {
		return
	}
	timeline := f.read("/v1/payments/" + s.id() + "/timeline")
	f.t.Logf("%s: %s\nby its timeline:\n%s", s.created().key, fmt.Sprintf(format, args...), timeline.raw)
}

func (v *verdict) double(f *fleet, s *trade, kind string, n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.doubles++
	f.blame(s, "%s: DOUBLE EFFECT: %d times %s", s.created().key, n, kind)
}

func (v *verdict) gone(f *fleet, s *trade, c *call) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lost++
	f.blame(s, "%s: ACKNOWLEDGED AND NOT DONE: %s of %d: %s", s.created().key, c.kind, c.amount, c.raw)
}

// events are how often a payment's events of each type were told; their sequence has no gap and begins with 1.
func (f *fleet) events(v *verdict) map[string]map[string]int {
	types, highest, seen := map[string]map[string]int{}, map[string]int{}, map[string]int{}
	for cursor := ""; ; {
		page := f.read("/v1/events?limit=100" + cursor)
		list, _ := page.at("data").([]any)
		for _, item := range list {
			e := &answer{body: item.(map[string]any)}
			id, sequence := e.str("data.payment.id"), 0
			_, _ = fmt.Sscan(e.str("data.sequence"), &sequence)
			if types[id] == nil {
				types[id] = map[string]int{}
			}
			types[id][e.str("type")]++
			seen[id]++
			highest[id] = max(highest[id], sequence)
			v.events++
		}
		if page.str("has_more") != "true" {
			break
		}
		cursor = "&cursor=" + page.str("next_cursor")
	}
	for id, n := range seen {
		if n != highest[id] {
			f.wrong("%s: %d events, and the last is number %d: THE SEQUENCE HAS A GAP", id, n, highest[id])
		}
	}
	return types
}

// inbox requires that every acknowledged feedback is stored exactly once and applied.
func (f *fleet) inbox(v *verdict) {
	db := bare(f.t, f.dsn)
	defer db.Close()
	rows, err := db.QueryContext(f.t.Context(), "SELECT raw, state FROM feedback")
	require.NoError(f.t, err)
	defer rows.Close()
	stored := map[string]int{}
	for rows.Next() {
		var raw []byte
		var state string
		require.NoError(f.t, rows.Scan(&raw, &state))
		stored[meaning(raw)]++
		v.inbox++
		if state != "applied" {
			f.wrong("feedback is %s in the end: %s", state, raw)
		}
	}
	require.NoError(f.t, rows.Err())
	f.front.mu.Lock()
	defer f.front.mu.Unlock()
	for text, m := range f.front.heard {
		most := 1
		if decoded(text)["command"] == "CAPTURE" { // two of the same amount look alike: only the minute tells them apart
			most = len(m.minutes)
		}
		switch n := stored[text]; {
		case n == 0 && m.acked:
			v.lost++
			f.wrong("FEEDBACK ACKNOWLEDGED AND LOST: %s: delivered at, with the answer: %v", text, m.story)
		case n > most:
			f.wrong("feedback is stored %d times: %s", n, text)
		}
		if m.acked {
			v.acknowledged++
		}
	}
}
