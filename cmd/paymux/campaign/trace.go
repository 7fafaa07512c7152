package campaign

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// trace is what happened at each seam, with virtual times, and its hash. Two runs of one seed have the same.
type trace struct {
	mu    sync.Mutex
	lines []string
	began time.Time
}

func newTrace() *trace { return &trace{began: time.Now()} }

func (t *trace) note(format string, args ...any) {
	line := fmt.Sprintf("%15.6f ", time.Since(t.began).Seconds()) + fmt.Sprintf(format, args...)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
}

func (t *trace) hash() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := sha256.New()
	for _, line := range ordered(t.lines) {
		sum.Write([]byte(line + "\n"))
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// ordered are the lines of a trace as two runs have them: by their times, which stand in front, and those of one instant
// by what they say. Who of several that waited for one and the same thing goes on first is not the seed's to decide.
func ordered(lines []string) []string { return slices.Sorted(slices.Values(lines)) }

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
