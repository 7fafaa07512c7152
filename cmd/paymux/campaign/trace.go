package campaign

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// trace is what happened at each seam, with virtual times, and its hash. Two runs of one seed have the same.
type trace struct {
	mu    sync.Mutex
	sum   hash.Hash
	lines []string
	began time.Time
}

func newTrace() *trace { return &trace{sum: sha256.New(), began: time.Now()} }

func (t *trace) note(format string, args ...any) {
	line := fmt.Sprintf("%15.6f ", time.Since(t.began).Seconds()) + fmt.Sprintf(format, args...)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.Write([]byte(line + "\n"))
	t.lines = append(t.lines, line)
}

func (t *trace) hash() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return hex.EncodeToString(t.sum.Sum(nil))[:16]
}

// logLines puts what the program logs as an error into the trace.
type logLines struct{ *trace }

func (logLines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (l logLines) Handle(_ context.Context, r slog.Record) error {
	line := "log: " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	l.note("%s", line)
	return nil
}

func (l logLines) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l logLines) WithGroup(string) slog.Handler      { return l }

// Report is how one seed ended.
type Report struct {
	Seed       uint64
	Hash       string         // of the trace
	Trace      []string       // what happened at each seam, with virtual times
	Counts     map[string]int // faults, crashes and deeds by kind
	Payments   int
	Effects    int           // movements of money in the provider's books
	Virtual    time.Duration // how long the world lived
	Violations []string
}

// Summary is the report without its trace, in the words of a failing test.
func (r Report) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d violations, trace %s, %d payments, %d effects, %s of virtual time\n", r.Seed, len(r.Violations), r.Hash, r.Payments, r.Effects, r.Virtual)
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "  %s\n", v)
	}
	b.WriteString(r.counted())
	fmt.Fprintf(&b, "replay: go test ./cmd/paymux/campaign -run TestSeeds -seed %d -show", r.Seed)
	return b.String()
}

// Totals are the sums of several reports.
func (r Report) Totals() string {
	return fmt.Sprintf("%d violations, %d payments, %d effects, %.1f virtual years\n%s", len(r.Violations), r.Payments, r.Effects, r.Virtual.Hours()/24/365, r.counted())
}

// counted lists the counts by kind.
func (r Report) counted() string {
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(r.Counts)) {
		fmt.Fprintf(&b, "  %6d %s\n", r.Counts[kind], kind)
	}
	return b.String()
}

// Add adds another world to the sums.
func (r *Report) Add(o Report) {
	r.Payments, r.Effects, r.Virtual, r.Violations = r.Payments+o.Payments, r.Effects+o.Effects, r.Virtual+o.Virtual, append(r.Violations, o.Violations...)
	for kind, n := range o.Counts {
		r.Counts[kind] += n
	}
}
