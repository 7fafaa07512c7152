// Package secret holds values that configuration hands to a provider and that must never be shown again.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what a Secret looks like in every verb and encoder.
const Redacted = "[redacted]"

// Secret is text that formats as Redacted wherever it goes: fmt with any verb, JSON, YAML, slog. The text is behind
// a pointer, so that printing a structure with an unexported Secret shows an address and not the text.
// The zero Secret is empty. It is read from configuration as text.
type Secret struct{ text *string }

// New keeps text.
func New(text string) Secret { return Secret{&text} }

// Reveal is the text, for signing and nothing else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Equal compares in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String is Redacted.
func (Secret) String() string { return Redacted }

// Format writes Redacted for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// LogValue is Redacted.
func (Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText is Redacted: a secret is read from a configuration and never written to one.
func (Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// UnmarshalText takes text from a configuration.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}
