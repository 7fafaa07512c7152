package simulator

import (
	"encoding/hex"
	"math/rand/v2"
	"sync"
)

// Random draws what need not be guessed right but should differ: ids, codes, the order of fields.
// Nothing secret may come from it: after Seed the same draws come again.
type Random struct {
	mu  sync.Mutex
	rng *rand.Rand
}

// NewRandom differs in every process.
func NewRandom() *Random {
	return &Random{rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
}

// Seed makes the draws that follow repeatable.
func (r *Random) Seed(seed uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rng = rand.New(rand.NewPCG(seed, seed))
}

// IntN is in [0, n).
func (r *Random) IntN(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.IntN(n)
}

// Shuffle puts n things into a drawn order.
func (r *Random) Shuffle(n int, swap func(i, j int)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rng.Shuffle(n, swap)
}

// Hex is n drawn bytes, written in 2n lower-case digits.
func (r *Random) Hex(n int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.rng.IntN(256))
	}
	return hex.EncodeToString(b)
}

// Digits is n drawn decimal digits, the first of them not 0.
func (r *Random) Digits(n int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.rng.IntN(10))
	}
	if n > 0 && b[0] == '0' {
		b[0] = '1'
	}
	return string(b)
}
