package campaign

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// spoiled is an answer of the provider after a fault, whose effect has happened.
func (w *World) spoiled(resp *http.Response, draws *rand.Rand, fault string) *http.Response {
	switch fault {
	case cutShort:
		body, _ := io.ReadAll(resp.Body) // what is broken off already stays so
		return rebodied(resp, io.MultiReader(bytes.NewReader(body[:draws.IntN(len(body)+1)]), brokenOff{}))
	case empty:
		resp.ContentLength = 0
		return rebodied(resp, http.NoBody)
	case otherType:
		resp.Header.Set("Content-Type", []string{"text/plain", "application/json; charset=iso-8859-1", "", "application/xml"}[draws.IntN(4)])
	case dripping:
		return rebodied(resp, &drops{w: w, ctx: resp.Request.Context(), from: resp.Body, r: draws})
	case endless:
		resp.ContentLength = -1
		return rebodied(resp, io.MultiReader(resp.Body, forever{}))
	}
	return w.side.spoiled(resp, draws, fault)
}

// lie keeps up what the provider denied: what was not found stays so for a while.
func (w *World) lie(reference, doing, fault string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case doing != doingQuery || w.calm.Load():
	case fault == notFound:
		w.hidden[reference] = time.Now().Add(w.manner.hides)
	case fault == "" && time.Now().Before(w.hidden[reference]):
		return notFound
	}
	return fault
}

func rebodied(resp *http.Response, body io.Reader) *http.Response {
	resp.Body = io.NopCloser(body)
	resp.Header.Del("Content-Length")
	return resp
}

// waiting adds, or not, when a caller may come again.
func waiting(resp *http.Response, draws *rand.Rand) *http.Response {
	if percent(draws, 50) {
		resp.Header.Set("Retry-After", strconv.Itoa(1+draws.IntN(600)))
	}
	return resp
}

func elsewhere(resp *http.Response) *http.Response {
	resp.Header.Set("Location", "https://elsewhere.example/")
	return resp
}

// drops is a body that comes a byte a second.
type drops struct {
	w    *World
	ctx  context.Context
	from io.Reader
	r    *rand.Rand
}

func (d *drops) Read(b []byte) (int, error) {
	if err := d.w.pauseIn(d.ctx, between(d.r, 900*time.Millisecond, 1100*time.Millisecond)); err != nil {
		return 0, err
	}
	return d.from.Read(b[:1])
}

// forever is a body without an end.
type forever struct{}

func (forever) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// outage is a time in which the provider is away.
type outage struct{ from, to time.Time }

// loseProvider draws when the provider is away: an hour, or three days.
func (w *World) loseProvider(r *rand.Rand) {
	if w.faultiness == 0 || !percent(r, 20) {
		return
	}
	from := time.Now().Add(aWhile(r) + aWhile(r))
	long := time.Hour
	if percent(r, 30) {
		long = 72 * time.Hour
	}
	w.outage = outage{from, from.Add(long)}
	w.trace.note("the provider is away for %s", long)
}

func (w *World) away() bool {
	at := time.Now()
	return !w.calm.Load() && at.After(w.outage.from) && at.Before(w.outage.to)
}
