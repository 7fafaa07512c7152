package webhook

import (
	"context"
	"encoding/json"
	"time"

	"github.com/paymux/paymux/core"
)

// Carrier is core.Sender: it signs the bytes of an event with the endpoint's keys and makes one try.
type Carrier struct {
	guard  *Guard
	sender *Sender
}

var _ core.Sender = (*Carrier)(nil)

// NewCarrier sends events over sender, whose guard is guard.
func NewCarrier(guard *Guard, sender *Sender) *Carrier { return &Carrier{guard, sender} }

// Check is Guard.CheckTarget.
func (c *Carrier) Check(ctx context.Context, url string) (string, error) {
	return c.guard.CheckTarget(ctx, url)
}

// storedKey is a key of a keyring as core seals it.
type storedKey struct {
	Secret string    `json:"secret"`
	Until  time.Time `json:"until,omitzero"`
}

// pack is the one place where a keyring becomes text; core seals it at once.
func pack(r Keyring) []byte {
	stored := make([]storedKey, len(r))
	for i, k := range r {
		stored[i] = storedKey{k.Secret.Reveal(), k.Until}
	}
	b, err := json.Marshal(stored)
	if err != nil {
		panic("webhook: keys do not marshal: " + err.Error())
	}
	return b
}

func unpack(keys []byte) (r Keyring, err error) {
	var stored []storedKey
	if json.Unmarshal(keys, &stored) != nil { // its text may repeat a secret
		return nil, &core.Error{Kind: core.Internal, Op: "webhook.unpack", Message: "the keys of an endpoint cannot be read"}
	}
	for _, k := range stored {
		secret, err := ParseSecret(k.Secret)
		if err != nil {
			return nil, err
		}
		r = append(r, Key{secret, k.Until})
	}
	return r, nil
}

// NewKeys is a keyring with one new secret, and that secret.
func (c *Carrier) NewKeys() (keys []byte, secret string) {
	r := NewKeyring()
	return pack(r), r[0].Secret.Reveal()
}

// RotateKeys puts a new secret in front; the one before signs until a day later.
func (c *Carrier) RotateKeys(keys []byte, at time.Time) (rotated []byte, secret string, until time.Time, err error) {
	r, err := unpack(keys)
	if err == nil {
		r, err = r.Rotate(at)
	}
	if err != nil {
		return nil, "", time.Time{}, err
	}
	if len(r) > 1 {
		until = r[1].Until
	}
	return pack(r), r[0].Secret.Reveal(), until, nil
}

// outcomes are the words of core.
var outcomes = map[Outcome]core.SentOutcome{
	Delivered: core.SentDelivered, Failed: core.SentFailed, Exhausted: core.SentExhausted, Gone: core.SentGone,
}

// Send makes one try; see Sender.Deliver.
func (c *Carrier) Send(ctx context.Context, d core.Dispatch) (core.Sent, error) {
	keys, err := unpack(d.Keys)
	if err != nil {
		return core.Sent{}, err
	}
	r, err := c.sender.Deliver(ctx, Message{EventID: d.Event.ID, URL: d.URL, Body: d.Event.Body, Keys: keys, Try: d.Try, TimeScale: d.TimeScale})
	if err != nil {
		return core.Sent{}, err
	}
	return core.Sent{Outcome: outcomes[r.Outcome], Failure: string(r.Failure), Status: r.Status, Answer: r.Answer, At: r.SentAt, Duration: r.Duration, Next: r.Next, Err: r.Err}, nil
}

// Close ends the connections that wait for the next event.
func (c *Carrier) Close() { c.sender.Close() }
