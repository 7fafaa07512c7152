package campaign

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seeds = flag.Int("seeds", defaultSeeds, "how many seeds TestSeeds runs, from 1")
	seed  = flag.Uint64("seed", 0, "the one seed TestSeeds runs")
	show  = flag.Bool("show", false, "print the trace")

	enough = flag.Int("enough", 10, "after how many failing seeds TestSeeds stops: that many show what is wrong")
)

// manySeeds are enough for everything to happen that can: from there on an empty cell of the matrix is an error.
const manySeeds = 2000

// TestSeeds lives through worlds: a violation is told with its seed and the command that replays it.
func TestSeeds(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	from, to := uint64(1), uint64(*seeds)
	if *seed != 0 {
		from, to = *seed, *seed
	}
	var total Total
	for n := from; n <= to; n++ {
		live := Run
		if Sampled(n) || *seed != 0 {
			live = func(t *testing.T, n uint64) Report { return Twice(t, Run, n) }
		}
		r := live(t, n)
		total.Add(r)
		if *show {
			for _, line := range r.Trace {
				t.Log(line)
			}
		}
		if len(r.Violations) > 0 {
			t.Errorf("%s", r.Summary(fmt.Sprintf("go test ./cmd/paymux/campaign -run TestSeeds -seed %d -show", n)))
			if len(total.Failed) == *enough {
				t.Fatalf("%d seeds failed; the rest is not run", *enough)
			}
		}
	}
	t.Logf("seeds %d to %d: %s", from, to, &total)
	if !total.Sound() {
		t.Error("the books differ, or something is missing")
	}
	if empty := total.Empty(); total.Seeds >= manySeeds && len(empty) > 0 {
		t.Errorf("in %d seeds nothing of this happened once:\n%s", total.Seeds, strings.Join(empty, "\n"))
	}
}
