package core

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
)

// seal encrypts what is stored but must not be read from the database: AES-256-GCM under a key that HKDF derives from
// the installation's secret for this purpose alone. It opens only beside the same place, the id of what it belongs to.
func (t Tokens) seal(purpose, place string, plain []byte) []byte {
	return t.sealer(purpose).Seal(nil, nil, plain, []byte(place))
}

// codeSealed is the code of what was sealed under another secret.
const codeSealed = "sealed"

// open is what was sealed, Internal when the secret is another one by now or the bytes are not those that were stored.
func (t Tokens) open(purpose, place string, sealed []byte) ([]byte, error) {
	plain, err := t.sealer(purpose).Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return nil, &Error{Kind: Internal, Op: "core.open", Code: codeSealed, Message: "what is stored cannot be opened: it was sealed under another secret_key", Err: err}
	}
	return plain, nil
}

// sealer writes a nonce of its own in front of each message. No input of ours makes one of these steps fail.
func (t Tokens) sealer(purpose string) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, t.secret, nil, "paymux seal\x00"+purpose, 32)
	if err != nil {
		panic("core: no key can be derived: " + err.Error())
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("core: no cipher for a key of 32 bytes: " + err.Error())
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("core: no AES-GCM: " + err.Error())
	}
	return aead
}

// sealedAnswer is the snapshot of an answer that shows a secret once, as it is stored.
type sealedAnswer struct {
	Sealed []byte `json:"sealed"`
}

const purposeAnswer = "answer"

func (s IdempotencyScope) place() string { return s.MerchantID + "\x00" + s.Route + "\x00" + s.Key }

// sealAnswer is a with nothing in it that can be read; it opens only under its own key.
func (t Tokens) sealAnswer(scope IdempotencyScope, a Answer) Answer {
	a.Snapshot = snapshot(sealedAnswer{t.seal(purposeAnswer, scope.place(), a.Snapshot)})
	return a
}

// openAnswer is the answer as it was given.
func (t Tokens) openAnswer(scope IdempotencyScope, a Answer) (Answer, error) {
	var s sealedAnswer
	if err := json.Unmarshal(a.Snapshot, &s); err != nil {
		return Answer{}, &Error{Kind: Internal, Op: "core.openAnswer", Message: "a stored answer cannot be read", Err: err}
	}
	plain, err := t.open(purposeAnswer, scope.place(), s.Sealed)
	a.Snapshot = plain
	return a, err
}
