package aps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/outbound"
	"github.com/paymux/paymux/providers/internal/strict"
	"github.com/paymux/paymux/providers/secret"
)

// maxFeedback is the longest body that is read, in bytes.
const maxFeedback = 256 << 10

// ParseFeedback believes nothing in the message before its signature matches the response phrase and it names this
// account. Direct feedback and notification feedback look the same; command and codes decide, in JSON or as a form.
// What it tells of money is a hint, and Read asks CHECK_STATUS, which books (see hints). Authentic messages that are
// not understood, or that may be another one cut anew (see recut), bring no facts: Note says why, Read asks.
// Errors: ErrUnauthenticated, Malformed. Source: merchant integration guide, transaction feedback.
func (p *Provider) ParseFeedback(_ context.Context, m core.Message) (core.Feedback, error) {
	f, err := decode(m)
	if err != nil {
		return core.Feedback{}, core.Malformed(err)
	}
	f, err = p.authentic(f)
	if err != nil {
		return core.Feedback{}, err
	}
	return translated(f, m), nil
}

// ReadFeedback translates a message that was authentic when it came. Which of its empty fields the signature covered is
// not known any more; they say nothing either way. Error: Malformed.
func (p *Provider) ReadFeedback(_ context.Context, m core.Message) (core.Feedback, error) {
	f, err := decode(m)
	if err != nil {
		return core.Feedback{}, core.Malformed(err)
	}
	maps.DeleteFunc(f, func(name, value string) bool { return value == "" || !signedInResponse(name) })
	return translated(f, m), nil
}

// translated is what authentic fields say, with what is to be kept and answered.
func translated(f fields, m core.Message) core.Feedback {
	fb := feedback(f)
	fb.DedupeKey = dedupeKey(f, m.ReceivedAt)
	fb.Ack = core.Ack{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8"}
	fb.Shown = shown(f)
	return fb
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
func feedback(f fields) core.Feedback {
	fb := core.Feedback{Reference: f["merchant_reference"], Echo: core.Echo{Reference: f["merchant_reference"]}}
	ask := []core.Object{{Kind: core.ObjAuthorization, ID: f["fort_id"]}}
	if recut(f) {
		fb.Note, fb.Read = "it holds a second response_code, so it may be another message of APS, cut anew", ask
		return fb
	}
	var r reading
	v := judge(f, f.command(), f["status"], f["response_code"])
	switch f["command"] {
	case "PURCHASE", "AUTHORIZATION":
		r = readPayment(f, v)
		describe(&fb, f, v, r)
	case "CAPTURE", "REFUND", "VOID_AUTHORIZATION":
		r = readMaintenance(f, v)
	default:
		// A service has no payment behind it; a command nobody knows may have.
		r = reading{read: f["service_command"] == "", note: safe(f.command()) + " is not about a payment"}
	}
	fb.Facts, fb.Failure, fb.Note = append(fb.Facts, hints(r.facts)...), r.failure, r.note
	if len(fb.Facts) == 0 && fb.Note == "" {
		fb.Note = "status " + f["status"] + ": " + standingWords[v.standing] + ", which proves nothing that could be booked"
	}
	if r.read {
		fb.Read = ask
	}
	return fb
}

// hints takes the word of a message for nothing that moves money or ends an operation. APS signs its refusals too, and
// echoes in them whatever fields a browser posted, under names of the browser's choosing. Since the signed text has no
// separators, such a refusal can be cut anew into a message that says "paid": the signature proves that APS wrote the
// letters, not that it wrote this message. So feedback makes us ask, and CHECK_STATUS books. A decline is believed:
// it moves nothing, CHECK_STATUS does not tell of all of them, and who forges his own has only declined to pay.
func hints(facts []core.Fact) []core.Fact {
	for i := range facts {
		if facts[i].Kind != core.AuthorizationDeclined {
			facts[i].Strength = core.Hint
		}
	}
	return facts
}

// describe adds what a payment's message tells beside its facts. It names no Refs: CHECK_STATUS tells the transaction.
func describe(fb *core.Feedback, f fields, v verdict, r reading) {
	if len(r.facts) == 0 || v.standing == rejected || v.standing == canceled {
		return
	}
	if amount, ok := f.money(); ok {
		fb.Echo.Amount = &amount
	}
	fb.Facts = mandateFacts(f, v)
	fb.Memo, fb.Display = memo(f), display(f)
}

// public are the fields that cannot be about the buyer as a person.
var public = strings.Fields(`acquirer_response_code amount authorization_code command currency digital_wallet eci fort_id language
	maintenance_reference merchant_identifier merchant_reference payment_option processor_response_code query_command
	reconciliation_reference recurring_mode remember_me response_code response_message service_command settlement_reference status`)

// shown is a message for people. A value is there when its field is public and it looks like one of that field: what
// else APS sends, or echoes of a form that anybody made, may be about the buyer.
func shown(f fields) string {
	seen := fields{}
	for name, value := range f {
		marks := "-_."
		if name == "response_message" {
			marks += " "
		}
		switch {
		case !fits(name, "_", 50):
			continue
		case !slices.Contains(public, name) || value != "" && !fits(value, marks, 150):
			value = secret.Redacted
		}
		seen[name] = value
	}
	body, _ := json.Marshal(seen) // text always encodes
	return outbound.Redact("application/json", body)
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
