package campaign

import (
	"context"
	"fmt"
	"time"

	"github.com/paymux/paymux/core"
)

// What the program reads in the middle of something takes its time, so that others get in between.

func read[T any](s *fenced, what string, f func() (T, error)) (T, error) {
	s.i.w.travel("read " + s.what(what))
	if s.i.dead.Load() {
		var none T
		return none, errCrashed
	}
	return f()
}

func (s *fenced) Payment(ctx context.Context, merchant, id string) (*core.Payment, error) {
	return read(s, "payment "+id, func() (*core.Payment, error) { return s.Store.Payment(ctx, merchant, id) })
}

func (s *fenced) Feedback(ctx context.Context, merchant, id string) (*core.InboxItem, error) {
	return read(s, "feedback "+id, func() (*core.InboxItem, error) { return s.Store.Feedback(ctx, merchant, id) })
}

func (s *fenced) Locate(ctx context.Context, account string, refs []core.Ref) (core.Place, error) {
	return read(s, "place", func() (core.Place, error) { return s.Store.Locate(ctx, account, refs) })
}

func (s *fenced) Idempotent(ctx context.Context, scope core.IdempotencyScope) (*core.IdempotencyRecord, error) {
	return read(s, "key "+scope.Key, func() (*core.IdempotencyRecord, error) { return s.Store.Idempotent(ctx, scope) })
}

func (s *fenced) APIKey(ctx context.Context, id string) (core.APIKey, error) {
	if s.i.dead.Load() {
		return core.APIKey{}, errCrashed
	}
	return s.Store.APIKey(ctx, id)
}

// One of several instances looks every few minutes for what others left: thousands of times in the days a world lives on
// after its last event. As long as nothing is written the answer is known without asking.

// stillness is when the earliest work of some kinds is due, as of a number of writes.
type stillness struct {
	writes int
	next   map[string]time.Time
}

func (s *fenced) NextWork(ctx context.Context, kinds []core.WorkKind) (time.Time, error) {
	if s.i.dead.Load() {
		return time.Time{}, errCrashed
	}
	w, key := s.i.w, fmt.Sprint(kinds)
	w.mu.Lock()
	q, writes := w.quiet, w.writes
	if q == nil || q.writes != writes {
		q = &stillness{writes: writes, next: map[string]time.Time{}}
		w.quiet = q
	}
	at, known := q.next[key]
	w.mu.Unlock()
	if known {
		return at, nil
	}
	at, err := s.Store.NextWork(ctx, kinds)
	if err == nil {
		w.mu.Lock()
		q.next[key] = at
		w.mu.Unlock()
	}
	return at, err
}

func (s *fenced) OpenPayments(ctx context.Context, after string, limit int) ([]string, error) {
	return read(s, "open after "+after, func() ([]string, error) { return s.Store.OpenPayments(ctx, after, limit) })
}

func (s *fenced) ChangedPayments(ctx context.Context, since time.Time, after string, limit int) ([]core.Changed, error) {
	return read(s, "changed after "+after, func() ([]core.Changed, error) { return s.Store.ChangedPayments(ctx, since, after, limit) })
}

func (s *fenced) Inbox(ctx context.Context, in core.InboxQuery) ([]*core.InboxItem, error) {
	return read(s, "inbox", func() ([]*core.InboxItem, error) { return s.Store.Inbox(ctx, in) })
}
