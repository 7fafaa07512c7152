package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/paymux/paymux/cmd/paymux/campaign"
)

// proved is the answer for machines. Its sums are over all worlds.
type proved struct {
	Provider    string           `json:"provider"`    // whose worlds they are, several with commas between
	Sound       bool             `json:"sound"`       // all worlds were lived through, and there is nothing to complain about
	Interrupted bool             `json:"interrupted"` // before all were; the counts are of those that were
	FirstSeed   uint64           `json:"first_seed"`
	Seeds       int              `json:"seeds"` // of all providers; each lives through its share of them from the first
	Failed      []failedSeed     `json:"failed"`
	Providers   map[string]lived `json:"providers"`
	WallMillis  int64            `json:"wall_ms"`
	Version     string           `json:"version"`
	lived
}

// lived is what worlds came to.
type lived struct {
	Lived       int            `json:"lived"`
	Violations  int            `json:"violations"`
	Faults      map[string]int `json:"faults"`
	Crashes     map[string]int `json:"crashes"`
	Traces      string         `json:"traces"` // one hash over the traces of all worlds
	VirtualSecs int64          `json:"virtual_seconds"`
	campaign.Sums
}

func livedOf(t *campaign.Total) lived {
	return lived{Lived: t.Seeds, Violations: t.Violations, Faults: t.Kinds("fault"), Crashes: t.Kinds("crash"), Traces: t.Traces(),
		VirtualSecs: int64(t.Virtual / time.Second), Sums: t.Sums}
}

type failedSeed struct {
	Provider   string   `json:"provider"`
	Seed       uint64   `json:"seed"`
	Violations []string `json:"violations"`
	Replay     string   `json:"replay"`
}

// tell writes the account.
func (p *proof) tell(out io.Writer) error {
	wall := time.Since(p.began)
	if p.JSON {
		answer := proved{Provider: strings.Join(p.providers(), ","), Sound: p.sound() && !p.interrupted(), Interrupted: p.interrupted(), FirstSeed: p.Seed, Seeds: p.Seeds,
			Failed: []failedSeed{}, Providers: map[string]lived{}, WallMillis: wall.Milliseconds(), Version: version(), lived: livedOf(&p.total)}
		for _, r := range p.total.Failed {
			answer.Failed = append(answer.Failed, failedSeed{r.Provider, r.Seed, r.Violations, replay(r)})
		}
		for _, part := range p.parts {
			answer.Providers[part.Provider] = livedOf(&part.Total)
		}
		return json.NewEncoder(out).Encode(answer)
	}
	var b strings.Builder
	for _, part := range p.parts {
		fmt.Fprintf(&b, "%s, %d of %d seeds from %d: %s\n", part.Provider, part.Total.Seeds, part.seeds, p.Seed, &part.Total)
	}
	fmt.Fprintf(&b, "%s of real time, %s\n", wall.Round(time.Millisecond), version())
	for _, r := range p.total.Failed {
		fmt.Fprintf(&b, "\n%s", r.Summary(replay(r)))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
