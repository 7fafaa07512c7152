package campaign

import (
	"flag"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seeds    = flag.Int("seeds", defaultSeeds, "how many worlds TestSeeds lives through, shared by the providers, from seed 1")
	seed     = flag.Uint64("seed", 0, "the one seed TestSeeds runs")
	provider = flag.String("provider", "", "whose worlds TestSeeds lives through; all providers' without it")
	show     = flag.Bool("show", false, "print the trace")

	enough = flag.Int("enough", 10, "after how many failing seeds of a provider TestSeeds stops: that many show what is wrong")
)

// TestSeeds lives through worlds: a violation is told with its seed and the command that replays it.
func TestSeeds(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var names []string
	for _, m := range manners {
		if *provider == "" || *provider == m.name {
			names = append(names, m.name)
		}
	}
	require.NotEmpty(t, names, "there is no world of %s", *provider)
	for n, name := range names {
		from, to := uint64(1), uint64(Share(*seeds, n, len(names)))
		if *seed != 0 {
			from, to = *seed, *seed
		}
		t.Run(name, func(t *testing.T) { liveThrough(t, name, from, to) })
	}
}

// liveThrough lives through the worlds of a provider.
func liveThrough(t *testing.T, name string, from, to uint64) {
	total := Total{Provider: name}
	for n := from; n <= to; n++ {
		live := Worlds[name]
		if Sampled(n) || *seed != 0 {
			live = func(t *testing.T, n uint64) Report { return Twice(t, Worlds[name], n) }
		}
		r := live(t, n)
		total.Add(r)
		if *show {
			for _, line := range r.Trace {
				t.Log(line)
			}
		}
		if len(r.Violations) > 0 {
			t.Errorf("%s", r.Summary(fmt.Sprintf("go test ./cmd/paymux/campaign -run TestSeeds -provider %s -seed %d -show", name, n)))
			if len(total.Failed) == *enough {
				t.Fatalf("%d seeds failed; the rest is not run", *enough)
			}
		}
	}
	t.Logf("%s, seeds %d to %d: %s", name, from, to, &total)
	if !total.Sound() {
		t.Error("the books differ, or something is missing")
	}
	if never := total.never(); never != "" {
		t.Error(never)
	}
}
