package sandbox

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// Faults of our own, for what the documents leave open: whether the first answer under an idempotency key is kept when it
// is a 5xx. The common http_before and http_after are the other case: there the key is free, or holds the true answer.
const (
	// StoredBefore has no effect; 500 InternalServerError now and at every repetition under the same key.
	StoredBefore simulator.Action = "http_stored_before"
	// StoredAfter has its effect; 500 InternalServerError now and at every repetition under the same key.
	StoredAfter simulator.Action = "http_stored_after"
)

var storedFaults = []simulator.Action{StoredBefore, StoredAfter}

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// stored is the first answer under an idempotency key.
type stored struct {
	request [sha256.Size]byte
	status  int
	body    []byte
}

// fingerprint is the same for the same method, path without its trailing slash, and body as JSON.
func fingerprint(op *operation, c *call) [sha256.Size]byte {
	body, _ := json.Marshal(map[string]any(c.fields)) // plain values always encode, with their names in order
	ids, _ := json.Marshal(c.ids)
	return sha256.Sum256([]byte(op.method + " " + op.path + " " + string(ids) + " " + string(body)))
}

// kept says whether an answer is kept under its key: successes, and what was refused for the payment's own sake.
func kept(status int) bool {
	return status < http.StatusInternalServerError && status != http.StatusTooManyRequests
}

// once runs an operation under its idempotency key: the same request again gets the first answer, another one none.
// A key belongs to a merchant in an environment, not to one operation. The caller holds the lock, so that of two equal
// requests at once the second waits for the first one's answer.
func (s *Server) once(op *operation, c *call, alter simulator.Action, run func() (int, []byte)) (int, []byte) {
	failure := refuse(http.StatusInternalServerError, "InternalServerError", "The request could not be processed.")
	if c.key == "" {
		switch alter {
		case StoredBefore:
			return encode(failure)
		case StoredAfter:
			run()
			return encode(failure)
		}
		return run()
	}
	k := c.merchantID + "/" + string(c.environment) + "/" + c.key
	print := fingerprint(op, c)
	if first := s.answers[k]; first != nil {
		if first.request != print {
			return encode(refuse(http.StatusBadRequest, "DuplicateIdempotencyKey", "The idempotency key [%s] was used with another request.", c.key))
		}
		return first.status, first.body
	}
	var code int
	var body []byte
	switch alter {
	case StoredBefore:
		code, body = encode(failure)
	case StoredAfter:
		if code, body = run(); kept(code) {
			code, body = encode(failure)
		}
	default:
		if code, body = run(); !kept(code) {
			return code, body
		}
	}
	s.answers[k] = &stored{request: print, status: code, body: body}
	return code, body
}
