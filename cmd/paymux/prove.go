package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/paymux/paymux/cmd/paymux/campaign"
)

type proveCommand struct {
	Seeds    int    `default:"200" help:"How many worlds are lived through, shared by the providers."`
	Seed     uint64 `default:"1" help:"The first seed; the others follow it. The same seed is the same world, everywhere."`
	Provider string `help:"Whose simulator plays the provider: ${worlds}. Without it each has its share of the worlds."`
	Trace    bool   `help:"Print what happened in each world."`
	JSON     bool   `help:"Print one JSON object on stdout, and nothing else."`
}

// Validate refuses what would prove nothing.
func (cmd *proveCommand) Validate() error {
	if cmd.Seeds < 1 {
		return errors.New("--seeds must be at least 1")
	}
	if _, ok := campaign.Worlds[cmd.Provider]; !ok && cmd.Provider != "" {
		return fmt.Errorf("--provider must be one of %s", strings.Join(worldNames(), ", "))
	}
	return nil
}

// worldNames are the providers that have a world, in quotes.
func worldNames() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(campaign.Worlds)) {
		names = append(names, strconv.Quote(name))
	}
	return names
}

// providers are those whose worlds are lived through.
func (cmd *proveCommand) providers() []string {
	if cmd.Provider != "" {
		return []string{cmd.Provider}
	}
	return slices.Sorted(maps.Keys(campaign.Worlds))
}

// Run lives through worlds in processes of this binary, as many as there are cores, and adds up. It fails when a
// promise was broken in one of them, and when it was interrupted before all were lived through.
func (cmd *proveCommand) Run(ctx context.Context, out output) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	p := &proof{proveCommand: cmd, program: program, began: time.Now()}
	for n, name := range cmd.providers() {
		if share := campaign.Share(cmd.Seeds, n, len(cmd.providers())); share > 0 {
			p.parts = append(p.parts, &part{seeds: share, Total: campaign.Total{Provider: name}})
		}
	}
	p.progress = newProgress(out.people, cmd.Seeds)
	tasks, reports := make(chan task), make(chan campaign.Report)
	var workers sync.WaitGroup
	for range min(runtime.NumCPU(), cmd.Seeds) {
		workers.Go(func() { p.work(ctx, tasks, reports) })
	}
	go func() {
		defer close(reports)
		defer workers.Wait()
		defer close(tasks)
		p.handOut(ctx, tasks)
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
	total    campaign.Total // of all worlds
	parts    []*part        // by provider
}

// part is what is known of one provider's worlds.
type part struct {
	seeds int // its share
	campaign.Total
}

// handOut gives each provider's worlds away, in turns.
func (p *proof) handOut(ctx context.Context, tasks chan<- task) {
	for n := range p.Seeds {
		seed := p.Seed + uint64(n/len(p.parts))
		todo := task{Provider: p.parts[n%len(p.parts)].Provider, Seed: seed, Twice: campaign.Sampled(seed) || p.Seeds == 1, Trace: p.Trace}
		select {
		case tasks <- todo:
		case <-ctx.Done():
			return
		}
	}
}

// work lives through worlds, in a process that is replaced when it breaks.
func (p *proof) work(ctx context.Context, tasks <-chan task, reports chan<- campaign.Report) {
	var w *proveWorker
	defer func() {
		if w != nil {
			w.end()
		}
	}()
	for todo := range tasks {
		var err error
		if w == nil {
			w, err = startProveWorker(ctx, p.program)
		}
		var r campaign.Report
		if err == nil {
			r, err = w.live(todo)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if w != nil {
				err = fmt.Errorf("%w\n%s", err, w.end())
			}
			w, r = nil, campaign.Report{Provider: todo.Provider, Seed: todo.Seed, Violations: []string{err.Error()}}
		}
		reports <- r
	}
}

// add takes one more report.
func (p *proof) add(r campaign.Report, out output) error {
	trace := r.Trace
	r.Trace = nil
	p.total.Add(r)
	for _, part := range p.parts {
		if part.Provider == r.Provider {
			part.Add(r)
		}
	}
	p.progress.at(p.total.Seeds, p.total.Violations)
	if p.JSON || len(trace) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "%s seed %d\n%s\n", r.Provider, r.Seed, strings.Join(trace, "\n"))
	return err
}

// replay is the command that lives through one world again.
func replay(r campaign.Report) string {
	return fmt.Sprintf("%s prove --provider %s --seed %d --seeds 1 --trace", programName, r.Provider, r.Seed)
}

// verdict is nil when every world was lived through and every promise kept.
func (p *proof) verdict() error {
	switch {
	case len(p.total.Failed) > 0:
		return fmt.Errorf("%d of %d seeds broke a promise", len(p.total.Failed), p.total.Seeds)
	case !p.sound():
		return errors.New("the books differ, or something is missing")
	case p.interrupted():
		return fmt.Errorf("interrupted after %d of %d seeds", p.total.Seeds, p.Seeds)
	}
	return nil
}

// interrupted reports whether some worlds were not lived through. Nothing is known of them.
func (p *proof) interrupted() bool { return p.total.Seeds < p.Seeds }

// sound reports whether there is nothing to complain about in any provider's worlds, as far as they were lived through.
func (p *proof) sound() bool {
	return !slices.ContainsFunc(p.parts, func(part *part) bool { return !part.Sound() })
}
