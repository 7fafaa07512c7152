package campaign

import (
	"flag"
	"runtime"
	"testing"
)

var (
	seeds = flag.Int("seeds", 60, "how many seeds TestSeeds runs, from 1")
	seed  = flag.Uint64("seed", 0, "the one seed TestSeeds runs")
	show  = flag.Bool("show", false, "print the trace")
)

// TestSeeds lives through worlds: a violation is told with its seed and the command that replays it.
func TestSeeds(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	from, to := uint64(1), uint64(*seeds)
	if *seed != 0 {
		from, to = *seed, *seed
	}
	for n := from; n <= to; n++ {
		r := Run(t, n)
		if *show {
			for _, line := range r.Trace {
				t.Log(line)
			}
		}
		if len(r.Violations) > 0 {
			t.Errorf("%s", r.Summary())
		}
	}
}
