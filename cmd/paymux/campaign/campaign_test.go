package campaign

import (
	"flag"
	"fmt"
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seeds = flag.Int("seeds", defaultSeeds, "how many seeds TestSeeds runs, from 1")
	seed  = flag.Uint64("seed", 0, "the one seed TestSeeds runs")
	show  = flag.Bool("show", false, "print the trace")
)

// enough failing seeds show what is wrong.
const enough = 10

// TestSeeds lives through worlds: a violation is told with its seed and the command that replays it.
func TestSeeds(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	from, to := uint64(1), uint64(*seeds)
	if *seed != 0 {
		from, to = *seed, *seed
	}
	failed, total := 0, Report{Counts: map[string]int{}}
	for n := from; n <= to; n++ {
		r := Run(t, n)
		total.Add(r)
		if *show {
			for _, line := range r.Trace {
				t.Log(line)
			}
		}
		if len(r.Violations) > 0 {
			t.Errorf("%s", r.Summary())
			if failed++; failed == enough {
				t.Fatalf("%d seeds failed; the rest is not run", enough)
			}
		}
		if n%50 == 1 || *seed != 0 { // 2 % of the seeds are lived through twice
			again := Run(t, n)
			if again.Hash != r.Hash {
				t.Errorf("seed %d: two runs differ: traces %s and %s%s", n, r.Hash, again.Hash, firstDifference(r.Trace, again.Trace))
			}
		}
	}
	t.Logf("seeds %d to %d: %s", from, to, total.Totals())
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("\nfirst at line %d:\n%s\n%s", i, a[i], b[i])
		}
	}
	return fmt.Sprintf("\none has %d lines, the other %d", len(a), len(b))
}
