package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/paymux/paymux/cmd/paymux/campaign"
)

type proveCommand struct {
	Seeds    int    `default:"200" help:"How many worlds are lived through."`
	Seed     uint64 `default:"1" help:"The first seed; the others follow it. The same seed is the same world, everywhere."`
	Provider string `default:"aps" enum:"${worlds}" help:"Whose simulator plays the provider: ${worlds}."`
	Trace    bool   `help:"Print what happened in each world."`
	JSON     bool   `help:"Print one JSON object on stdout, and nothing else."`
}

// Validate refuses what would prove nothing.
func (cmd *proveCommand) Validate() error {
	if cmd.Seeds < 1 {
		return errors.New("--seeds must be at least 1")
	}
	return nil
}

// worldNames are the providers that have a world.
func worldNames() string { return strings.Join(slices.Sorted(maps.Keys(campaign.Worlds)), ",") }

// Run lives through worlds in processes of this binary, as many as there are cores, and adds up. It fails when a
// promise was broken in one of them, and when it was interrupted before all were lived through.
func (cmd *proveCommand) Run(ctx context.Context, out output) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	p := &proof{proveCommand: cmd, program: program, began: time.Now()}
	p.progress = newProgress(out.people, cmd.Seeds)
	seeds, reports := make(chan uint64), make(chan campaign.Report)
	var workers sync.WaitGroup
	for range min(runtime.NumCPU(), cmd.Seeds) {
		workers.Go(func() { p.work(ctx, seeds, reports) })
	}
	go func() {
		defer close(reports)
		defer workers.Wait()
		defer close(seeds)
		for n := range cmd.Seeds {
			select {
			case seeds <- cmd.Seed + uint64(n):
			case <-ctx.Done():
				return
			}
		}
	}()
	for r := range reports {
		if err := p.add(r, out); err != nil {
			return err
		}
	}
	p.progress.end()
	if err := p.tell(out); err != nil {
		return err
	}
	return p.verdict()
}

// proof is what is known so far.
type proof struct {
	*proveCommand
	program  string
	began    time.Time
	progress *progress
	total    campaign.Total
}

// work lives through seeds, in a process that is replaced when it breaks.
func (p *proof) work(ctx context.Context, seeds <-chan uint64, reports chan<- campaign.Report) {
	var w *proveWorker
	defer func() {
		if w != nil {
			w.end()
		}
	}()
	for seed := range seeds {
		var err error
		if w == nil {
			w, err = startProveWorker(ctx, p.program, p.Provider)
		}
		var r campaign.Report
		if err == nil {
			r, err = w.live(task{Seed: seed, Twice: campaign.Sampled(seed) || p.Seeds == 1, Trace: p.Trace})
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if w != nil {
				err = fmt.Errorf("%w\n%s", err, w.end())
			}
			w, r = nil, campaign.Report{Seed: seed, Violations: []string{err.Error()}}
		}
		reports <- r
	}
}

// add takes one more report.
func (p *proof) add(r campaign.Report, out output) error {
	trace := r.Trace
	r.Trace = nil
	p.total.Add(r)
	p.progress.at(p.total.Seeds, p.total.Violations)
	if p.JSON || len(trace) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "seed %d\n%s\n", r.Seed, strings.Join(trace, "\n"))
	return err
}

// replay is the command that lives through one seed again.
func (p *proof) replay(seed uint64) string {
	return fmt.Sprintf("%s prove --provider %s --seed %d --seeds 1 --trace", programName, p.Provider, seed)
}

// verdict is nil when every world was lived through and every promise kept.
func (p *proof) verdict() error {
	switch {
	case len(p.total.Failed) > 0:
		return fmt.Errorf("%d of %d seeds broke a promise", len(p.total.Failed), p.total.Seeds)
	case !p.total.Sound():
		return errors.New("the books differ, or something is missing")
	case p.total.Seeds < p.Seeds:
		return fmt.Errorf("interrupted after %d of %d seeds", p.total.Seeds, p.Seeds)
	}
	return nil
}

// proved is the answer for machines.
type proved struct {
	Provider    string         `json:"provider"`
	Sound       bool           `json:"sound"`       // nothing to complain about in the worlds that were lived through
	Interrupted bool           `json:"interrupted"` // before all were
	FirstSeed   uint64         `json:"first_seed"`
	Seeds       int            `json:"seeds"`
	Lived       int            `json:"lived"`
	Violations  int            `json:"violations"`
	Failed      []failedSeed   `json:"failed"`
	Faults      map[string]int `json:"faults"`
	Crashes     map[string]int `json:"crashes"`
	Traces      string         `json:"traces"` // one hash over the traces of all seeds
	VirtualSecs int64          `json:"virtual_seconds"`
	WallMillis  int64          `json:"wall_ms"`
	Version     string         `json:"version"`
	campaign.Sums
}

type failedSeed struct {
	Seed       uint64   `json:"seed"`
	Violations []string `json:"violations"`
	Replay     string   `json:"replay"`
}

// tell writes the account.
func (p *proof) tell(out io.Writer) error {
	wall := time.Since(p.began)
	if p.JSON {
		answer := proved{Provider: p.Provider, Sound: p.total.Sound(), Interrupted: p.total.Seeds < p.Seeds, FirstSeed: p.Seed, Seeds: p.Seeds, Lived: p.total.Seeds,
			Violations: p.total.Violations, Failed: []failedSeed{}, Faults: p.total.Kinds("fault"), Crashes: p.total.Kinds("crash"), Traces: p.total.Traces(),
			VirtualSecs: int64(p.total.Virtual / time.Second), WallMillis: wall.Milliseconds(), Version: version(), Sums: p.total.Sums}
		for _, r := range p.total.Failed {
			answer.Failed = append(answer.Failed, failedSeed{r.Seed, r.Violations, p.replay(r.Seed)})
		}
		return json.NewEncoder(out).Encode(answer)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d of %d seeds from %d: %s", p.Provider, p.total.Seeds, p.Seeds, p.Seed, &p.total)
	fmt.Fprintf(&b, "%s of real time, %s\n", wall.Round(time.Millisecond), version())
	for _, r := range p.total.Failed {
		fmt.Fprintf(&b, "\n%s", r.Summary(p.replay(r.Seed)))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
