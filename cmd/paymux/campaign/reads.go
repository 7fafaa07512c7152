package campaign

import (
	"context"
	"time"

	"github.com/paymux/paymux/core"
)

// What the program reads in the middle of something takes its time, so that others get in between.

func read[T any](s *fenced, what string, f func() (T, error)) (T, error) {
	s.i.w.travel("read " + what)
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

// The background loop looks once a minute for what is due: twenty thousand times in the days a world lives on after its
// last event. As long as nothing is written, and the earliest thing is not due yet, the answer is known without asking.

// stillness is when the earliest thing is due, as of a number of writes. Zero times are never.
type stillness struct {
	writes   int
	payments time.Time
	inbox    map[core.InboxState]time.Time
}

// still is up to date with the store.
func (w *World) still(ctx context.Context) (*stillness, error) {
	w.mu.Lock()
	q, writes := w.quiet, w.writes
	w.mu.Unlock()
	if q != nil && q.writes == writes {
		return q, nil
	}
	q = &stillness{writes: writes, inbox: map[core.InboxState]time.Time{}}
	var err error
	if q.payments, err = w.store.NextDue(ctx); err != nil {
		return nil, err
	}
	for _, state := range []core.InboxState{core.InboxReceived, core.InboxUnmatched} {
		items, err := w.store.Inbox(ctx, core.InboxQuery{State: state, Due: time.Now().AddDate(100, 0, 0), Page: core.Page{Limit: 1}})
		if err != nil {
			return nil, err
		}
		if len(items) > 0 {
			q.inbox[state] = items[0].NextTry
		}
	}
	w.mu.Lock()
	w.quiet = q
	w.mu.Unlock()
	return q, nil
}

func (s *fenced) NextDue(ctx context.Context) (time.Time, error) {
	if s.i.dead.Load() {
		return time.Time{}, errCrashed
	}
	q, err := s.i.w.still(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return q.payments, nil
}

func (s *fenced) Due(ctx context.Context, now time.Time, limit int) ([]core.Place, error) {
	if s.i.dead.Load() {
		return nil, errCrashed
	}
	q, err := s.i.w.still(ctx)
	if err != nil || q.payments.IsZero() || q.payments.After(now) {
		return nil, err
	}
	return read(s, "due", func() ([]core.Place, error) { return s.Store.Due(ctx, now, limit) })
}

func (s *fenced) Inbox(ctx context.Context, in core.InboxQuery) ([]*core.InboxItem, error) {
	if s.i.dead.Load() {
		return nil, errCrashed
	}
	if !in.Due.IsZero() {
		q, err := s.i.w.still(ctx)
		if err != nil {
			return nil, err
		}
		if next := q.inbox[in.State]; next.IsZero() || next.After(in.Due) {
			return nil, nil
		}
	}
	return read(s, "inbox", func() ([]*core.InboxItem, error) { return s.Store.Inbox(ctx, in) })
}
