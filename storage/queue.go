package storage

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/paymux/paymux/core"
)

// batchMax is how many jobs are committed together at most.
const batchMax = 64

// job is one call of Do.
type job struct {
	ctx     context.Context
	subject string
	fn      func(core.Tx) error
	begun   bool // under the queue's lock: it can no longer be withdrawn
	gone    bool // under the queue's lock: its caller gave up before it began
	err     error
	done    chan struct{}
}

func (j *job) finish(err error) {
	j.err = err
	close(j.done)
}

// queue hands waiting jobs to writers. There is no timer: a writer takes what waits, commits it and comes back, so a
// job that comes alone is written at once, and while the disk is busy the next batch gathers by itself.
type queue struct {
	mu      sync.Mutex
	more    sync.Cond
	waiting []*job
	busy    map[string]bool // subjects in a running transaction: two of them would only wait for each other's row
	idle    int             // writers in Wait
	closed  bool
	stats   Stats
}

// Stats count what the write queue did since Open.
type Stats struct {
	Jobs    int64               // finished, whatever came of them
	Commits int64               // tried
	Undone  int64               // batches run again with savepoints because a job failed after it had written
	Alone   int64               // jobs that left their batch because a row was locked elsewhere
	Waiting int                 // now
	Sizes   [batchMax + 1]int64 // Sizes[n]: commits of n jobs
}

func newQueue() *queue {
	q := &queue{busy: map[string]bool{}}
	q.more.L = &q.mu
	return q
}

// push adds j; false when the queue is closed.
func (q *queue) push(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, j)
	q.more.Signal()
	return true
}

// withdraw takes j back if it has not begun.
func (q *queue) withdraw(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.gone = !j.begun
	return j.gone
}

// take waits for the next batch, in ascending order of subject, each subject once; nil when the queue is closed and
// everything is done.
func (q *queue) take() []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if batch := q.pick(); len(batch) > 0 {
			return batch
		}
		if q.closed && len(q.waiting) == 0 {
			return nil
		}
		q.idle++
		q.more.Wait()
		q.idle--
	}
}

// pick takes this writer's share of what waits: all of it, unless other writers are free as well.
func (q *queue) pick() (batch []*job) {
	share := min(batchMax, (len(q.waiting)+q.idle)/(q.idle+1))
	rest := q.waiting[:0]
	for _, j := range q.waiting {
		switch {
		case j.gone:
		case j.ctx.Err() != nil:
			j.gone = true
			j.finish(notBegun("canceled", j.ctx.Err()))
		case len(batch) < share && !q.busy[j.subject]:
			j.begun, q.busy[j.subject] = true, true
			batch = append(batch, j)
		default:
			rest = append(rest, j)
		}
	}
	clear(q.waiting[len(rest):])
	q.waiting = rest
	slices.SortFunc(batch, func(a, b *job) int { return cmp.Compare(a.subject, b.subject) })
	return batch
}

// finished answers jobs and frees their subjects.
func (q *queue) finished(jobs []*job, answers []error) {
	q.mu.Lock()
	for _, j := range jobs {
		delete(q.busy, j.subject)
	}
	q.stats.Jobs += int64(len(jobs))
	q.more.Broadcast()
	q.mu.Unlock()
	for i, j := range jobs {
		j.finish(answers[i])
	}
}

func (q *queue) count(f func(*Stats)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f(&q.stats)
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}

// Stats tell what the write queue did.
func (s *Store) Stats() Stats {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	st := s.queue.stats
	st.Waiting = len(s.queue.waiting)
	return st
}

// Do runs fn in the next transaction and returns after its commit; see core.Store for what fn may do. It must not call
// Do, nor read through the Store. A job whose ctx is over before it begins is not run and is Unavailable; once it has
// begun Do waits for its end, so that fn never runs while its caller goes on with what fn shares.
// After Close every call is Unavailable.
func (s *Store) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return notBegun("canceled", err)
	}
	j := &job{ctx: ctx, subject: subject, fn: fn, done: make(chan struct{})}
	if !s.queue.push(j) {
		return notBegun("storage_closed", nil)
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if s.queue.withdraw(j) {
			return notBegun("canceled", ctx.Err())
		}
		<-j.done
	}
	return j.err
}
