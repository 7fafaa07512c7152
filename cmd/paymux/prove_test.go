package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/cmd/paymux/campaign"
)

// brokenWorlds is what PAYMUX_TEST_PROCESS says when the process is to have worlds that break, and that take no time.
const brokenWorlds = "broken worlds"

// twoProviders is what it says when another provider, of whom nothing is wrong, is to have such worlds beside them.
const twoProviders = "worlds of two providers"

// breakWorlds plants what a campaign may find: a broken promise, a world that takes its process along, and books that
// differ though nobody noticed.
func breakWorlds() {
	clear(campaign.Worlds)
	campaign.Worlds["aps"] = func(_ *testing.T, seed uint64) campaign.Report {
		r := campaign.Report{Provider: "aps", Seed: seed, Hash: fmt.Sprint("trace of ", seed), Virtual: time.Hour}
		r.Counts = map[string]int{"fault CAPTURE: lost after": 1, "crash somewhere": 2}
		switch seed {
		case 3:
			r.Violations = []string{"I-05: this one differs"}
		case 4:
			panic("the fourth breaks everything")
		case 6:
			r.Books = map[string]campaign.Both{"AED": {Provider: campaign.Books{Captured: 5}, Paymux: campaign.Books{Captured: 4}}}
		}
		return r
	}
}

func breakOneOfTwo() {
	breakWorlds()
	campaign.Worlds["zps"] = func(_ *testing.T, seed uint64) campaign.Report {
		return campaign.Report{Provider: "zps", Seed: seed, Hash: fmt.Sprint("another trace of ", seed), Sums: campaign.Sums{Payments: 1,
			Books: map[string]campaign.Both{"AED": {Provider: campaign.Books{Captured: 4}, Paymux: campaign.Books{Captured: 4}}}}}
	}
}

// prove runs the command in this binary as a process of its own.
func prove(t *testing.T, world string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return ended(t, self, world, append([]string{"prove"}, args...)...)
}

// ended runs a program to its end.
func ended(t *testing.T, program, world string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "PAYMUX_TEST_PROCESS="+world)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exited *exec.ExitError
		require.ErrorAs(t, err, &exited)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func parsed(t *testing.T, text string) (p proved) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&p), text)
	_, err := dec.Token()
	require.ErrorIs(t, err, io.EOF, "nothing but one object")
	return p
}

// The binary as users build it lives through the very worlds that the tests do.
func TestProveFromTheBuiltBinary(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const seeds = 5
	var here campaign.Total
	for seed := uint64(1); seed <= seeds; seed++ {
		here.Add(campaign.Worlds["aps"](t, seed))
	}
	binary := build(t)
	stdout, stderr, code := ended(t, binary, "", "prove", "--provider", "aps", "--seeds", fmt.Sprint(seeds), "--json")
	require.Zero(t, code, "%s\n%s", stdout, stderr)
	p := parsed(t, stdout)
	require.Equal(t, here.Traces(), p.Traces)
	require.Equal(t, here.Sums, p.Sums)
	require.True(t, p.Sound)
	require.False(t, p.Interrupted)
	require.Equal(t, [3]int{seeds, seeds, 0}, [3]int{p.Seeds, p.Lived, p.Violations})
	require.NotEmpty(t, p.Books)
	require.Positive(t, p.Effects)
	require.Contains(t, stderr, "5 of 5 worlds, 0 violations")
	require.NotContains(t, stderr, "\r", "no bar without a terminal")

	stdout, _, code = ended(t, binary, "", "prove", "--provider", "aps", "--seed", "2", "--seeds", "1", "--trace")
	require.Zero(t, code)
	for _, want := range []string{"temper:", "aps, 1 of 1 seeds from 2: 0 violations", "double effects 0", "agree", "traces "} {
		require.Contains(t, stdout, want)
	}
}

func TestProveNamesWhatBroke(t *testing.T) {
	stdout, _, code := prove(t, brokenWorlds, "--seeds", "8", "--json")
	require.Equal(t, exitFailed, code)
	p := parsed(t, stdout)
	require.False(t, p.Sound)
	require.Equal(t, [2]int{8, 2}, [2]int{p.Lived, p.Violations}, "the seeds behind a broken process are lived through all the same")
	require.Len(t, p.Failed, 2)
	require.Equal(t, failedSeed{"aps", 3, []string{"I-05: this one differs"}, "paymux prove --provider aps --seed 3 --seeds 1 --trace"}, p.Failed[0])
	require.Equal(t, uint64(4), p.Failed[1].Seed)
	require.Contains(t, p.Failed[1].Violations[0], "the fourth breaks everything")
	require.Equal(t, map[string]int{"CAPTURE: lost after": 7}, p.Faults)
	require.Equal(t, map[string]int{"somewhere": 14}, p.Crashes)

	stdout, _, code = prove(t, brokenWorlds, "--seeds", "3")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stdout, "seed 3: 1 violations")
	require.Contains(t, stdout, "replay: paymux prove --provider aps --seed 3 --seeds 1 --trace")

	stdout, stderr, code := prove(t, brokenWorlds, "--seed", "6", "--seeds", "1")
	require.Equal(t, exitFailed, code, "books that differ are enough")
	require.Contains(t, stdout, "DIFFER")
	require.Contains(t, stderr, "the books differ")

	_, _, code = prove(t, brokenWorlds, "--seed", "1", "--seeds", "2")
	require.Zero(t, code, "whoever lives through the others finds nothing")
}

// Without --provider the worlds are shared, each provider's from the first seed on, and each has an account of its own.
func TestProveSharesWorldsAmongProviders(t *testing.T) {
	stdout, _, code := prove(t, twoProviders, "--seed", "6", "--seeds", "5", "--json")
	require.Equal(t, exitFailed, code, "the books of one of them differ")
	p := parsed(t, stdout)
	require.False(t, p.Sound)
	require.Equal(t, "aps,zps", p.Provider)
	require.Equal(t, [4]int{5, 5, 3, 2}, [4]int{p.Seeds, p.Lived, p.Providers["aps"].Lived, p.Providers["zps"].Lived})
	require.Equal(t, campaign.Both{Provider: campaign.Books{Captured: 13}, Paymux: campaign.Books{Captured: 12}}, p.Books["AED"])
	require.Equal(t, campaign.Both{Provider: campaign.Books{Captured: 5}, Paymux: campaign.Books{Captured: 4}}, p.Providers["aps"].Books["AED"])
	require.Equal(t, [2]int{2, 2}, [2]int{p.Payments, p.Providers["zps"].Payments})

	alone, _, code := prove(t, twoProviders, "--provider", "zps", "--seed", "6", "--seeds", "2", "--json")
	require.Zero(t, code)
	require.Equal(t, p.Providers["zps"].Traces, parsed(t, alone).Traces, "the same seeds as without the other")

	stdout, _, code = prove(t, twoProviders, "--seed", "3", "--seeds", "2")
	require.Equal(t, exitFailed, code)
	for _, want := range []string{"aps, 1 of 1 seeds from 3: 1 violations", "zps, 1 of 1 seeds from 3: 0 violations", "aps seed 3: 1 violations"} {
		require.Contains(t, stdout, want)
	}

	stdout, _, code = prove(t, twoProviders, "--seeds", "1")
	require.Zero(t, code)
	require.NotContains(t, stdout, "zps", "there is no world left for it")
}

func TestProveRefusesWhatItHasNoWorldFor(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, run(t.Context(), []string{"prove", "--provider", "nobody"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), `--provider must be one of "amazonpay", "aps"`)
	stderr.Reset()
	require.Equal(t, exitUsage, run(t.Context(), []string{"prove", "--seeds", "0"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "--seeds must be at least 1")
	stdout.Reset()
	require.Equal(t, exitDone, run(t.Context(), []string{"--help"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "prove")
	require.NotContains(t, stdout.String(), "prove-worker")
}

// The bar is redrawn in its line; a line is written at each tenth of the way, and now and then between them.
func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := &progress{to: &b, all: 40, began: time.Now(), last: time.Now()}
	for done := 1; done <= 40; done++ {
		p.at(done, 0)
	}
	p.end()
	require.Equal(t, 10, strings.Count(b.String(), "\n"))
	b.Reset()
	p = &progress{to: &b, all: 4, terminal: true, began: time.Now(), last: time.Now()}
	p.at(1, 0)
	p.at(2, 1)
	p.end()
	require.Equal(t, 2, strings.Count(b.String(), "\r"))
	require.Contains(t, b.String(), "[###############               ] 2 of 4 worlds, 1 violations")
}
