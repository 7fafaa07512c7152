package campaign

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// letter is a message of the provider that arrived, or will.
type letter struct {
	path, contentType string
	body              []byte
	at                time.Time
}

// What else can happen to a message of the provider, or in its name.
const (
	flood         = "flood"          // up to fifty copies at once
	otherAddress  = "both addresses" // it is told at each, the fields in another order
	replayed      = "replayed"       // an old one comes again
	belated       = "weeks late"
	wrongAccount  = "to the other account"
	contradiction = "contradicted" // another one, as authentic, says the opposite
	otherMoney    = "other amount or currency, signed"
	unknownField  = "unknown field, signed"
	unknownEvent  = "unknown command or status, signed"
	unknownOrder  = "about nobody's order, signed"
)

// post is somebody who has letters of the provider, and its pen: he sends them again, copies them, and writes what the
// provider never would, but might.
func (w *World) post(n int) {
	r := w.dice.of(fmt.Sprintf("post %d", n))
	for range 1 + r.IntN(3) {
		w.pause(aWhile(r))
		w.mu.Lock()
		letters := w.letters
		w.mu.Unlock()
		if len(letters) == 0 {
			continue
		}
		l, what := letters[r.IntN(len(letters))], choose(r, w.manner.letters)
		w.count("fault message: " + what)
		w.trace.note("post: %s", what)
		w.sendAgain(r, l, what)
	}
}

// sendAgain sends a letter, or what is made of it.
func (w *World) sendAgain(r *rand.Rand, l letter, what string) {
	switch what {
	case replayed:
		w.deliverLetter(l, what)
	case flood:
		for n := range 4 { // what the program has to fetch to read it, it has when the others come: who waits for that goes on in no order
			w.deliverLetter(l, fmt.Sprint("before the ", what, n))
		}
		var copies sync.WaitGroup
		for n := range 2 + r.IntN(49) {
			copies.Go(func() { w.deliverLetter(l, fmt.Sprint(what, n)) })
		}
		copies.Wait()
	case wrongAccount:
		w.intrude(http.MethodPost, w.otherPath(l.path), l.contentType, string(l.body), "")
	default:
		changed, reference := w.side.altered(r, l, what)
		if what == contradiction {
			w.mu.Lock()
			w.perjured[reference] = true
			w.mu.Unlock()
		}
		w.deliverLetter(changed, what)
	}
}

func (w *World) otherPath(path string) string {
	for _, a := range w.accounts {
		if other := "/feedback/" + a.name; other != path {
			return other
		}
	}
	return path
}

// deliverLetter carries a letter to the program, whatever becomes of it on the way; it reports whether it was answered.
func (w *World) deliverLetter(l letter, why string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, programURL+l.path, bytes.NewReader(l.body))
	if err != nil {
		w.violate("a request cannot be built: %v", err)
		return true
	}
	r.Header.Set("Content-Type", l.contentType)
	name := "feedback " + strings.TrimPrefix(l.path, "/feedback/") + " " + digest(l.body) + " " + why
	resp, err := w.toProgram(r, name, "198.51.100.8:443", func(resp *http.Response) { w.heard(l, resp) })
	if err != nil {
		return false
	}
	discard(resp)
	return resp.StatusCode < 500
}

// keepBack takes a message away from the provider's hand, to arrive when everybody has forgotten it.
func (w *World) keepBack(l letter, draws *rand.Rand) bool {
	if w.calm.Load() || !percent(draws, w.faultiness/5) {
		return false
	}
	w.count("fault message: " + belated)
	l.at = time.Now().Add(between(draws, 7*24*time.Hour, 28*24*time.Hour))
	w.mu.Lock()
	w.belated = append(w.belated, l)
	w.mu.Unlock()
	return true
}

// deliverBelated delivers what was kept back, when it is time.
func (w *World) deliverBelated() {
	w.mu.Lock()
	all := w.belated
	w.mu.Unlock()
	for n, l := range all {
		w.pause(max(time.Until(l.at), time.Second))
		for try := 0; !w.deliverLetter(l, fmt.Sprint(belated, n, "-", try)); try++ {
			w.pause(time.Minute)
		}
	}
}
