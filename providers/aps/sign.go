package aps

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strings"
)

// hashes are the SHA types of an account: what is taken over the wrapped string, keyed by the same phrase for HMAC.
// Source: merchant integration guide, signature; the keyed types follow the official plugins.
var hashes = map[string]struct {
	new   func() hash.Hash
	keyed bool
}{
	"SHA-256": {sha256.New, false}, "SHA-512": {sha512.New, false},
	"HMAC-256": {sha256.New, true}, "HMAC-512": {sha512.New, true},
}

// sign is the lower-case hex signature of f under phrase: phrase, then name=value of every signed field ascending by
// name in bytes, then phrase. f is what travels: values raw, not escaped, not trimmed.
func sign(f fields, shaType, phrase string, signed func(name string) bool) string {
	text := []byte(phrase + base(f, signed) + phrase)
	kind := hashes[shaType]
	h := kind.new()
	if kind.keyed {
		h = hmac.New(kind.new, []byte(phrase))
	}
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

func base(f fields, signed func(name string) bool) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if signed(name) {
			b.WriteString(name + "=" + f[name])
		}
	}
	return b.String()
}

// signedInRequest tells which fields of a request are signed: all but the signature, and in a tokenization form the
// card fields, which this adapter never sends.
func signedInRequest(f fields) func(string) bool {
	tokenization := f["service_command"] == "TOKENIZATION"
	return func(name string) bool {
		switch name {
		case "signature":
			return false
		case "card_security_code", "card_number", "expiry_date", "card_holder_name", "remember_me":
			return !tokenization
		}
		return true
	}
}

// signedInResponse tells which fields of what APS sends are signed.
func signedInResponse(name string) bool {
	return name != "signature" && name != "installment_detail"
}

// verify returns the fields that the signature in f covers, if it matches: compared in constant time and without
// regard to case. Official implementations disagree on empty fields, so a set that does not match is tried once more
// without them; every field that says something is covered either way. Only what is returned may be used.
func verify(f fields, shaType, phrase string) (fields, bool) {
	given := strings.ToLower(f["signature"])
	if given == "" || phrase == "" {
		return nil, false
	}
	all := maps.Clone(f)
	maps.DeleteFunc(all, func(name, _ string) bool { return !signedInResponse(name) })
	full := maps.Clone(all)
	maps.DeleteFunc(full, func(_, value string) bool { return value == "" })
	for _, set := range []fields{all, full} {
		want := sign(set, shaType, phrase, signedInResponse)
		if subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1 {
			return set, true
		}
	}
	return nil, false
}

// recut reports whether f may be another message of APS, cut anew: the text under a signature has no separators, so
// other fields can give the same text. Whatever APS signs has its own response_code in the text, and no other cut can
// take it out. So a text with a second one may have meant that: a refusal, say, whose echo was posted for the purpose.
func recut(f fields) bool {
	for i, after := range strings.Split(base(f, signedInResponse), "response_code=") {
		if i > 0 && len(after) >= codeLength && isCode(after[:codeLength]) && after[:codeLength] != f["response_code"] {
			return true
		}
	}
	return false
}
