// Package chance is where core draws its ids and its jitter from: from the process's own randomness, or, while a
// simulation repeats a run, from a seed. Nothing secret comes from here; keys and salts are drawn from crypto/rand.
package chance

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

var (
	mu     sync.Mutex
	seeded *source // nil: the process's own randomness
)

type source struct {
	ids    *ulid.MonotonicEntropy
	jitter *rand.Rand
}

// ULID is a new id: 26 characters that rise with the time t, and within a millisecond with every call.
func ULID(t time.Time) string {
	mu.Lock()
	defer mu.Unlock()
	if seeded == nil {
		return ulid.MustNew(ulid.Timestamp(t), ulid.DefaultEntropy()).String()
	}
	return ulid.MustNew(ulid.Timestamp(t), seeded.ids).String()
}

// Int64N is in [0, n).
func Int64N(n int64) int64 {
	mu.Lock()
	defer mu.Unlock()
	if seeded == nil {
		return rand.Int64N(n)
	}
	return seeded.jitter.Int64N(n)
}

// Seed makes the draws that follow repeatable, for the whole process, until restore is called. It is reached through
// core/coretest alone.
func Seed(seed uint64) (restore func()) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	mu.Lock()
	defer mu.Unlock()
	before := seeded
	seeded = &source{ids: ulid.Monotonic(rand.NewChaCha8(key), 0), jitter: rand.New(rand.NewPCG(seed, 1))}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		seeded = before
	}
}
