package aps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/strict"
)

// maxFeedback is the longest body that is read, in bytes.
const maxFeedback = 256 << 10

// ParseFeedback believes nothing in the message before its signature matches the response phrase and it names this
// account. Direct feedback and notification feedback look the same; command and codes decide, in JSON or as a form.
// Authentic messages that are not understood, or whose fields might be other ones (see ambiguous), bring no facts:
// Note says why, Read asks. Errors: ErrUnauthenticated, Malformed.
// Source: merchant integration guide, transaction feedback.
func (p *Provider) ParseFeedback(_ context.Context, m core.Message) (core.Feedback, error) {
	f, err := decode(m)
	if err != nil {
		return core.Feedback{}, core.Malformed(err)
	}
	f, err = p.authentic(f)
	if err != nil {
		return core.Feedback{}, err
	}
	fb := p.feedback(f)
	fb.DedupeKey = dedupeKey(f, m.ReceivedAt)
	fb.Ack = core.Ack{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8"}
	return fb, nil
}

// authentic returns what the signature covers.
func (p *Provider) authentic(f fields) (fields, error) {
	signed, ok := verify(f, p.cfg.shaType(), p.cfg.ResponsePhrase.Reveal())
	if !ok || !p.ours(signed) {
		return nil, core.ErrUnauthenticated
	}
	return signed, nil
}

// decode reads the body once, strictly: a name that occurs twice, in any case, is refused.
func decode(m core.Message) (fields, error) {
	switch {
	case m.Method != "" && m.Method != http.MethodPost:
		return nil, errors.New("aps: feedback is posted")
	case len(m.Body) == 0:
		return nil, errors.New("aps: the feedback is empty")
	case len(m.Body) > maxFeedback:
		return nil, errors.New("aps: the feedback is too long")
	}
	media, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, errors.New("aps: the content type cannot be read")
	}
	switch media {
	case "application/json":
		var f fields
		return f, f.UnmarshalJSON(m.Body)
	case "application/x-www-form-urlencoded":
		return formFields(string(m.Body))
	}
	return nil, errors.New("aps: feedback is JSON or a form")
}

// returnFields are the values of a browser's return, one per name.
func returnFields(r core.Return) (fields, error) {
	if len(r.Values) > strict.MaxMembers {
		return nil, errors.New("aps: too many fields")
	}
	f, seen := fields{}, map[string]bool{}
	for name, values := range r.Values {
		if folded := strings.ToLower(name); len(values) != 1 || seen[folded] {
			return nil, errors.New("aps: a field occurs twice")
		} else {
			seen[folded] = true
		}
		f[name] = values[0]
	}
	return f, nil
}

// feedback is what authentic fields say.
func (p *Provider) feedback(f fields) core.Feedback {
	fb := core.Feedback{Reference: f["merchant_reference"]}
	ask := []core.Object{{Kind: core.ObjAuthorization, ID: f["fort_id"]}}
	if why := ambiguous(f); why != "" {
		fb.Note, fb.Read = why, ask
		return fb
	}
	var r reading
	v := judge(f, f.command(), f["status"], f["response_code"])
	switch f["command"] {
	case "PURCHASE", "AUTHORIZATION":
		r = readPayment(f, v)
		p.describe(&fb, f, v, r)
	case "CAPTURE", "REFUND", "VOID_AUTHORIZATION":
		r = readMaintenance(f, v)
		fb.Echo.Reference = f["merchant_reference"]
	default:
		// A service has no payment behind it; a command nobody knows may have.
		r = reading{read: f["service_command"] == "", note: safe(f.command()) + " is not about a payment"}
	}
	fb.Facts, fb.Failure, fb.Note = append(fb.Facts, r.facts...), r.failure, r.note
	if r.read {
		fb.Read = ask
	}
	return fb
}

// describe adds what a payment's message tells beside its facts.
func (p *Provider) describe(fb *core.Feedback, f fields, v verdict, r reading) {
	fb.Echo.Reference = f["merchant_reference"]
	if len(r.facts) == 0 || v.standing == rejected || v.standing == canceled {
		return
	}
	if amount, ok := f.money(); ok {
		fb.Echo.Amount = &amount
	}
	fb.Facts = mandateFacts(f, v)
	fb.Memo, fb.Display = memo(f), display(f)
	if v.standing != declined { // after a decline the buyer may try again under another fort_id
		fb.Refs = core.Refs{refFort: f["fort_id"]}
	}
}

// dedupeKey is the same for the same message told again: its transaction, and a digest of its fields. The signature
// is left out, for it is no identity. A booking without a number looks the same each time it happens, so its key
// also holds the minute: a second capture of the same amount is then asked about, at the price of reading twice when
// a redelivery crosses the minute.
func dedupeKey(f fields, received time.Time) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(f[name]), f[name])
	}
	scope := f["fort_id"]
	if scope == "" {
		scope = f["merchant_reference"]
	}
	key := scope + ":" + hex.EncodeToString(h.Sum(nil))
	if numberless := f["command"] == "CAPTURE" || f["command"] == "REFUND" && f["maintenance_reference"] == ""; numberless && !received.IsZero() {
		key += ":" + received.UTC().Format("200601021504")
	}
	return key
}
