package campaign

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// dice are everything a world leaves to chance. What is drawn is a function of the seed, of who draws and of how often
// he drew before, so that no goroutine's luck depends on another's haste.
type dice struct {
	seed  uint64
	mu    sync.Mutex
	drawn map[string]uint64
}

// of are the draws of who, the next time he asks.
func (d *dice) of(who string) *rand.Rand {
	d.mu.Lock()
	d.drawn[who]++
	n := d.drawn[who]
	d.mu.Unlock()
	h := fnv.New64a()
	fmt.Fprintf(h, "%d\x00%s\x00%d", d.seed, who, n)
	return rand.New(rand.NewPCG(h.Sum64(), n))
}

// choice is one of several things that may happen, with its weight among them.
type choice struct {
	what   string
	weight int
}

func choose(r *rand.Rand, from []choice) string {
	total := 0
	for _, c := range from {
		total += c.weight
	}
	n := r.IntN(total)
	for _, c := range from {
		if n -= c.weight; n < 0 {
			return c.what
		}
	}
	panic("campaign: weights do not add up")
}

func percent(r *rand.Rand, p int) bool { return r.IntN(100) < p }

// between is a time from shortest to below longest.
func between(r *rand.Rand, shortest, longest time.Duration) time.Duration {
	return shortest + time.Duration(r.Int64N(int64(longest-shortest)))
}

// aWhile is how long people let things lie: seconds, minutes, hours or days.
func aWhile(r *rand.Rand) time.Duration {
	switch r.IntN(10) {
	case 0, 1, 2:
		return between(r, time.Second, time.Minute)
	case 3, 4, 5:
		return between(r, time.Minute, time.Hour)
	case 6, 7, 8:
		return between(r, time.Hour, 20*time.Hour)
	default:
		return between(r, 20*time.Hour, 8*24*time.Hour)
	}
}
