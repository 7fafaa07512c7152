package campaign

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
)

// standing is a payment as it was last written.
type standing struct {
	version, sequence int64
	status            core.Status
	amounts           core.Amounts
}

// wrote looks at every commit as it happens: counters never fall, statuses move along the table, events have no gap,
// and what nobody authenticated stores nothing.
func (w *World) wrote(ctx context.Context, subject string, d *deed, life int) {
	w.mu.Lock()
	w.writes++
	if o := d.operation(); o != nil && d.kind() == "intent" {
		w.intents[o.ID] = life
	}
	if d.saved != nil && w.seen[d.saved.Place.PaymentID] != nil {
		switch was := w.seen[d.saved.Place.PaymentID].status; was {
		case core.StatusCanceled, core.StatusFailed, core.StatusRequiresPaymentMethod:
			w.counts["fault message: late, after "+string(was)]++
		}
	}
	w.mu.Unlock()
	if ctx.Value(tagKey{}) == attacker && d.stored() {
		w.violate("I-18: input nobody authenticated changed %s", subject)
	}
	for _, c := range d.changes {
		w.changed(c)
	}
	if d.received != nil {
		w.trace.note("inbox %s new=%t", subject, d.inserted)
	}
}

// began is the life that committed the intent of an operation.
func (w *World) began(o *core.Operation) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.intents[o.ID]
}

// tooManyTries is more than a call is made again in a world: hourly and daily tries of two weeks are not as many.
const tooManyTries = 150

func (w *World) changed(c *core.Change) {
	p := c.Payment
	w.trace.note("write %s v%d %s %d/%d/%d released %d doubt %d events %d facts %d", p.Reference, p.Version, p.Status, p.Amounts.Authorized, p.Amounts.Captured,
		p.Amounts.Refunded, p.Amounts.Released, p.Amounts.InDoubt, len(c.Events), len(c.Facts))
	for _, o := range append(append([]*core.Operation{}, c.NewOperations...), c.Operations...) {
		w.trace.note("  %s %d %s try %d", o.Kind, o.Amount.Minor, o.State, o.Try)
		if o.State == core.OpSent && o.Try == tooManyTries {
			w.violate("%s of payment %s is made for the %dth time: something tries for ever", o.Kind, p.Reference, o.Try)
			w.cutOff()
		}
	}
	w.mu.Lock()
	old := w.seen[p.ID]
	w.seen[p.ID] = &standing{p.Version, p.Sequence, p.Status, p.Amounts}
	w.mu.Unlock()
	if old == nil {
		old = &standing{status: p.Status}
	}
	if p.Version != old.version+1 {
		w.violate("payment %s went from version %d to %d", p.Reference, old.version, p.Version)
	}
	if !core.CanMove(old.status, p.Status) {
		w.violate("I-09: payment %s moved from %s to %s", p.Reference, old.status, p.Status)
	}
	for i, e := range c.Events {
		if e.Sequence != old.sequence+int64(i)+1 {
			w.violate("I-15: payment %s has event %d after %d", p.Reference, e.Sequence, old.sequence+int64(i))
		}
	}
	a, b := old.amounts, p.Amounts
	if b.Authorized < a.Authorized || b.Captured < a.Captured || b.Refunded < a.Refunded || b.Reversed < a.Reversed {
		w.violate("I-08: a counter of payment %s fell: %+v to %+v", p.Reference, a, b)
	}
	if b.Captured > b.Authorized || b.Refunded > b.Captured+b.Surplus {
		w.violate("I-03: payment %s has %+v", p.Reference, b)
	}
	w.checkIntent(c, old)
}

// told is what became of one message of the provider.
type told struct {
	path         string
	acknowledged int
	minutes      map[string]bool // in which it arrived
}

// heard notes how the program answered a message of the provider.
func (w *World) heard(l letter, resp *http.Response) {
	if resp.StatusCode/100 != 2 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.identity(l.contentType, l.body)
	f := w.told[id]
	if f == nil {
		f = &told{path: strings.TrimPrefix(l.path, "/feedback/"), minutes: map[string]bool{}}
		w.told[id] = f
		w.letters = append(w.letters, l)
	}
	f.acknowledged++
	f.minutes[time.Now().UTC().Format("200601021504")] = true
}

// identity is the same for two messages that say the same, in whatever order. What looks like the number of a card is
// masked in the inbox.
func (w *World) identity(contentType string, body []byte) string {
	body, _ = core.MaskCards(body, nil)
	return w.side.said(letter{contentType: contentType, body: body})
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:4])
}
