package core

import (
	"context"
	"time"
)

// Exchange is one HTTP call to a provider as it may be kept: secrets, card and buyer data are already removed.
type Exchange struct {
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"-"`
	TookMs   int64         `json:"took_ms"`
	Method   string        `json:"method"`
	URL      string        `json:"url"`
	Request  string        `json:"request"`
	Status   int           `json:"status,omitempty"` // 0: no answer
	Response string        `json:"response,omitempty"`
	Error    string        `json:"error,omitempty"`
	NotSent  bool          `json:"not_sent,omitempty"` // proved: no byte of the request left
}

type recorderKey struct{}

// withRecorder returns a context under which RecordExchange hands every exchange to record.
func withRecorder(ctx context.Context, record func(Exchange)) context.Context {
	return context.WithValue(ctx, recorderKey{}, record)
}

// RecordExchange keeps e as evidence of the operation or query that ctx belongs to. What is not recorded is not in
// the timeline; a provider's HTTP client calls this once for each call.
func RecordExchange(ctx context.Context, e Exchange) {
	e.TookMs = e.Took.Milliseconds()
	if record, ok := ctx.Value(recorderKey{}).(func(Exchange)); ok {
		record(e)
	}
}
