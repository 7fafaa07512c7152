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
	case unsigned:
		return w.resigned(resp, draws)
	case unknownCode:
		return w.rewrite(resp, func(f map[string]string) {
			prefix := ""
			if f["transaction_code"] != "" && percent(draws, 50) {
				prefix = "transaction_"
				f["transaction_status"] = "99"
			}
			code := map[string]string{"": "response_code", "transaction_": "transaction_code"}[prefix]
			f[code] = []string{"99999", "77042", f[code][:min(2, len(f[code]))] + "998"}[draws.IntN(3)]
		})
	case otherCurrency:
		return w.rewrite(resp, func(f map[string]string) {
			if f["currency"] != "" {
				f["currency"] = map[bool]string{true: "OMR", false: "EUR"}[f["currency"] != "OMR"]
			}
		})
	case notFound:
		return w.rewrite(resp, unfound)
	case lagging:
		since := time.Now().Add(-between(draws, time.Second, 90*time.Second))
		return w.rewrite(resp, func(f map[string]string) { w.totalsAgo(f, since) })
	}
	return resp
}

// lie keeps up what the provider denied: an order that was not found stays so for up to five minutes.
func (w *World) lie(reference, operation, fault string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case operation != "CHECK_STATUS" || w.calm.Load():
	case fault == notFound:
		w.hidden[reference] = time.Now().Add(5 * time.Minute)
	case fault == "" && time.Now().Before(w.hidden[reference]):
		return notFound
	}
	return fault
}

// unfound is the provider's answer about an order that it does not know.
func unfound(f map[string]string) {
	for _, name := range []string{"fort_id", "transaction_status", "transaction_code", "transaction_message", "authorized_amount", "captured_amount", "refunded_amount", "authorization_code"} {
		delete(f, name)
	}
	f["status"], f["response_code"], f["response_message"] = "11", "11036", "Invalid"
}

// resigned has an answer bear a signature that is not the provider's, or none.
func (w *World) resigned(resp *http.Response, draws *rand.Rand) *http.Response {
	body, err := io.ReadAll(resp.Body)
	f := fieldsOf(resp.Header.Get("Content-Type"), body)
	if err != nil || f == nil {
		return rebodied(resp, bytes.NewReader(body))
	}
	if percent(draws, 50) {
		delete(f, "signature")
	} else {
		f["signature"] = strconv.FormatUint(draws.Uint64(), 16)
	}
	body = written("application/json", f)
	resp.ContentLength = int64(len(body))
	return rebodied(resp, bytes.NewReader(body))
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
