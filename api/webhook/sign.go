package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/paymux/paymux/core"
)

const (
	secretPrefix = "whsec_"
	secretBytes  = 32
	hidden       = "[redacted]"
)

// Overlap is how long the secret before a rotation still signs.
const Overlap = 24 * time.Hour

// maxLive bounds the signatures of one attempt; so many secrets are live only when rotated again and again in a day.
const maxLive = 4

// Secret is what an endpoint's events are signed with. It formats as [redacted] wherever it goes; the key is behind a
// pointer, so that printing a structure that holds one shows an address.
type Secret struct{ key *[]byte }

// NewSecret makes a secret of 32 random bytes, one per endpoint.
func NewSecret() Secret {
	key := make([]byte, secretBytes)
	rand.Read(key)
	return Secret{&key}
}

// ParseSecret reads what Reveal wrote: whsec_ and the base64 form of 24 to 64 bytes, the bounds of Standard Webhooks.
// Anything else is an Invalid *core.Error that does not repeat the text.
func ParseSecret(text string) (Secret, error) {
	rest, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.Strict().DecodeString(rest)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 || strings.ContainsAny(rest, "\r\n") {
		return Secret{}, &core.Error{Kind: core.Invalid, Code: "secret_invalid", Message: "a secret is whsec_ and the base64 form of 24 to 64 bytes"}
	}
	return Secret{&key}, nil
}

// Reveal is the secret as the merchant is given it, once, and as it is sealed for storage.
func (s Secret) Reveal() string { return secretPrefix + base64.StdEncoding.EncodeToString(s.bytes()) }

func (s Secret) bytes() []byte {
	if s.key == nil {
		return nil
	}
	return *s.key
}

// String is [redacted].
func (Secret) String() string { return hidden }

// Format writes [redacted] for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue is [redacted].
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is [redacted]: only Reveal writes a secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// forms are the ways in which an endpoint may repeat the secret, without padding, which is no secret.
func (s Secret) forms() []string {
	key := s.bytes()
	if len(key) == 0 {
		return nil
	}
	plain, dump := base64.RawStdEncoding.EncodeToString(key), hex.EncodeToString(key)
	return []string{
		plain, base64.RawURLEncoding.EncodeToString(key), url.QueryEscape(plain), strings.ReplaceAll(plain, "/", `\/`),
		dump, strings.ToUpper(dump),
	}
}

// Key is one secret of an endpoint. Until is when it signs no more, zero for the present one.
type Key struct {
	Secret Secret
	Until  time.Time
}

// Keyring is the secrets of an endpoint, the present one first.
type Keyring []Key

// NewKeyring has one new secret.
func NewKeyring() Keyring { return Keyring{{Secret: NewSecret()}} }

// Rotate gives the endpoint a new secret; those before sign for another 24 hours beside it, or as long as they were
// going to. The ring itself stays as it is. Too many rotations in a day are a Conflict with code limit_reached.
func (r Keyring) Rotate(now time.Time) (Keyring, error) {
	out := NewKeyring()
	for _, k := range r.Live(now) {
		if k.Until.IsZero() {
			k.Until = now.Add(Overlap)
		}
		out = append(out, k)
	}
	if len(out) > maxLive {
		return nil, &core.Error{Kind: core.Conflict, Code: "limit_reached", Message: "the secret was changed too often; wait until an earlier one has ended"}
	}
	return out, nil
}

// Live are the keys that sign at now.
func (r Keyring) Live(now time.Time) (out Keyring) {
	for _, k := range r {
		if k.Until.IsZero() || now.Before(k.Until) {
			out = append(out, k)
		}
	}
	return out
}

// Sign is the header webhook-signature of Standard Webhooks 1.0: for each live key HMAC-SHA-256 of id, the seconds of
// at and body, joined by dots, as base64 after "v1,". body is signed as it is sent, byte for byte. Without a live key,
// or with an id that could be read in two ways, nothing is signed.
func (r Keyring) Sign(id string, at time.Time, body []byte) (string, error) {
	if id == "" || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c == '.' || c >= 0x7f }) {
		return "", errors.New("webhook: an id needs visible ASCII characters without a dot")
	}
	var signatures []string
	for _, k := range r.Live(at) {
		if len(k.Secret.bytes()) == 0 { // the library signs with an empty key too
			return "", errors.New("webhook: a key of the endpoint is empty")
		}
		signer, err := standardwebhooks.NewWebhookRaw(k.Secret.bytes())
		if err != nil {
			return "", err
		}
		signature, err := signer.Sign(id, at, body)
		if err != nil {
			return "", err
		}
		signatures = append(signatures, signature)
	}
	if len(signatures) == 0 {
		return "", errors.New("webhook: the endpoint has no live key")
	}
	return strings.Join(signatures, " "), nil
}
