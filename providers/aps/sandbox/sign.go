package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strings"
)

// unsignedCardFields travel in a TOKENIZATION form without being signed.
var unsignedCardFields = []string{"card_security_code", "card_number", "expiry_date", "card_holder_name", "remember_me"}

// sign is the lower-case hex signature of fields under phrase: phrase, then name=value of each field
// ascending by the bytes of its name, then phrase, hashed; the HMAC types use the phrase as the key as well.
// Source: APS API reference, "Signature"; HMAC from the official plugins.
func sign(t SHAType, phrase string, fields map[string]string, without ...string) string {
	var text strings.Builder
	text.WriteString(phrase)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name != "signature" && !slices.Contains(without, name) {
			text.WriteString(name)
			text.WriteString("=")
			text.WriteString(fields[name])
		}
	}
	text.WriteString(phrase)
	h := hasher(t, phrase)
	h.Write([]byte(text.String()))
	return hex.EncodeToString(h.Sum(nil))
}

func hasher(t SHAType, phrase string) hash.Hash {
	switch t {
	case SHA512:
		return sha512.New()
	case HMAC256:
		return hmac.New(sha256.New, []byte(phrase))
	case HMAC512:
		return hmac.New(sha512.New, []byte(phrase))
	default:
		return sha256.New()
	}
}

// signedBy holds when fields bear the signature of phrase, in either case of its hex digits.
// Some clients leave empty fields out of what they hash, so that reading is accepted too.
func signedBy(t SHAType, phrase string, fields map[string]string) bool {
	given := strings.ToLower(fields["signature"])
	if given == "" {
		return false
	}
	var without []string
	if fields["service_command"] == "TOKENIZATION" {
		without = unsignedCardFields
	}
	if hmac.Equal([]byte(given), []byte(sign(t, phrase, fields, without...))) {
		return true
	}
	for name, value := range fields {
		if value == "" {
			without = append(slices.Clone(without), name)
		}
	}
	return hmac.Equal([]byte(given), []byte(sign(t, phrase, fields, without...)))
}
