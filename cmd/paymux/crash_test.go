package main

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/storage/storagetest"
)

// The campaign of T-05 and T-06: the shipped binary under load, killed and frozen without regard, and at the end held
// against the books of a simulator that has seen it all. For long runs:
//
//	go test ./cmd/paymux -run 'TestCrashes/sqlite' -kills 500 -v
//	go test ./cmd/paymux -run 'TestInstances' -unrest 2m -v
var (
	killsWanted = flag.Int("kills", 0, "how often TestCrashes kills the program on each database (default a handful)")
	unrest      = flag.Duration("unrest", 0, "how long TestInstances freezes and kills instances (default some seconds)")
	crashSeed   = flag.Uint64("crash-seed", 0, "what the campaigns draw their moments from (default: drawn)")
)

// readyLimit is how soon after each start the program is ready. Where it is tested in passing, beside other tests that
// use the machine up, there is more time.
func readyLimit() time.Duration {
	if *killsWanted == 0 {
		return 10 * time.Second
	}
	return 2 * time.Second
}

const crashWorkers = 12

// TestCrashes: one instance, kill -9.
func TestCrashes(t *testing.T) {
	binary := build(t)
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": storagetest.SQLiteDSN, "postgres": storagetest.PostgresDSN} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kills := *killsWanted
			if kills == 0 {
				kills = 8
			}
			ruin(t, binary, dsn(t), 1, kills, 0)
		})
	}
}

// TestInstances: two and three instances on one database, behind one address; any of them is frozen for longer than its
// claims last, woken again, or killed.
func TestInstances(t *testing.T) {
	binary := build(t)
	for _, size := range []int{2, 3} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			lasts := *unrest
			if lasts == 0 {
				lasts = 3 * time.Second
			}
			ruin(t, binary, storagetest.PostgresDSN(t), size, 1, lasts)
		})
	}
}

// ruin runs load and havoc, then calm, then the judge, and tells the figures.
func ruin(t *testing.T, binary, dsn string, size, kills int, lasts time.Duration) {
	seed := *crashSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-crash-seed %d", seed)
	f := newFleet(t, binary, dsn, size, seed)
	stop := make(chan struct{})
	var workers sync.WaitGroup
	lists := make([][]*trade, crashWorkers)
	for n := range lists {
		workers.Go(func() { lists[n] = f.worker(n, stop) })
	}
	began := time.Now()
	f.havoc(kills, began.Add(lasts))
	close(stop)
	troubled := time.Since(began)
	f.calm()
	workers.Wait()
	f.report(f.judge(slices.Concat(lists...)), troubled, time.Since(began))
}

// report tells what happened, and fails when a promise was broken.
func (f *fleet) report(v *verdict, troubled, all time.Duration) {
	var b strings.Builder
	for _, m := range slices.Sorted(maps.Keys(f.trap.kills)) {
		fmt.Fprintf(&b, "\n  %4d %s", f.trap.kills[m], m)
	}
	starts, slowest := 0, time.Duration(0)
	for _, i := range f.instances {
		starts, slowest = starts+i.starts, max(slowest, i.slowest)
	}
	f.t.Logf(`%d kills in %v%s
%d times frozen and woken; %d starts, the slowest ready after %v (limit %v)
%d trades, %d calls, %d answers that never came, %d effects in the provider's books
%d acknowledged (answers and feedback), %d lost, %d doubles; %d events, %d messages in the inbox
%d doubts open at the last start, settled %v after it (limit %v), %d left to a person; %v in all`,
		f.trap.total(), troubled.Round(time.Millisecond), b.String(), f.freezes, starts, slowest.Round(time.Millisecond), readyLimit(),
		v.trades, v.calls, f.lost.Load(), v.effects, v.acknowledged, v.lost, v.doubles, v.events, v.inbox,
		f.doubts, v.slowestDoubt.Round(time.Millisecond), doubtLimit, v.toPerson, all.Round(100*time.Millisecond))
	if len(f.found) > 0 {
		for _, i := range f.instances {
			f.t.Logf("what it logged last:\n%s", i.said())
		}
	}
	require.Empty(f.t, f.found[:min(len(f.found), 10)], "%d promises were broken", len(f.found))
	if len(f.instances) == 1 { // else one that is frozen in a transaction may keep another one waiting
		require.Less(f.t, slowest, readyLimit(), "it has to be ready sooner after a start")
	}
	require.Positive(f.t, v.effects, "the load never got through: nothing was proved")
	require.NotZero(f.t, v.acknowledged)
}
