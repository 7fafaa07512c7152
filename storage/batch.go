package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/paymux/paymux/core"
	"gorm.io/gorm"
)

// transactionTime bounds a transaction on a server that does not answer any more; the statements have their own,
// shorter limits there.
const transactionTime = 30 * time.Second

// aloneTries is how often a job runs again whose row is locked elsewhere.
const aloneTries = 5

// write is one writer: it commits batch after batch until the queue is closed and empty.
func (s *Store) writeBatches() {
	for {
		jobs := s.queue.take()
		if jobs == nil {
			return
		}
		s.commitTogether(jobs)
	}
}

// commitTogether commits jobs in one transaction. The first try has no savepoints: nearly every job succeeds, or fails
// before it wrote, and then there is nothing to undo. Only when one failed after it had written is everything undone
// and run again, each behind its own savepoint, so that the failure takes nobody with it. fn may be run twice.
func (s *Store) commitTogether(jobs []*job) {
	b := s.batch(jobs)
	if b.undone {
		s.queue.count(func(st *Stats) { st.Undone++ })
		leave := b.leave
		b = s.guardedBatch(b.jobs)
		b.leave = append(b.leave, leave...)
	}
	s.queue.finished(b.jobs, b.errs)
	for _, j := range b.leave {
		s.running.Go(func() { s.alone(j) })
	}
}

// batch is one transaction over jobs, and what became of each.
type batch struct {
	store   *Store
	jobs    []*job // those that stay
	errs    []error
	leave   []*job // those whose row is locked elsewhere
	pool    *sql.DB
	undone  bool // a job failed after it had written, and nothing was kept
	wait    bool // wait for a locked row
	savings bool // with savepoints
}

func (s *Store) batch(jobs []*job) *batch {
	return (&batch{store: s, jobs: jobs, pool: s.write}).run()
}

func (s *Store) guardedBatch(jobs []*job) *batch {
	return (&batch{store: s, jobs: jobs, pool: s.write, savings: true}).run()
}

// alone runs a job in a transaction of its own, in which it waits for the row, and again with some jitter while that is
// not to be had.
func (s *Store) alone(j *job) {
	s.queue.count(func(st *Stats) { st.Alone++ })
	for try := 1; ; try++ {
		b := (&batch{store: s, jobs: []*job{j}, pool: s.patient, wait: true}).run()
		if len(b.leave) == 0 {
			s.queue.finished(b.jobs, b.errs)
			return
		}
		if try > aloneTries {
			s.queue.finished(b.leave, []error{notBegun("storage_busy", errLocked)})
			return
		}
		time.Sleep(time.Duration(try)*10*time.Millisecond + rand.N(20*time.Millisecond))
	}
}

// run runs the jobs and commits them. Every error in errs is final, except when the batch is undone.
func (b *batch) run() *batch {
	ctx, cancel := b.store.transactionContext()
	defer cancel()
	jobs := b.jobs
	sqlTx, err := b.pool.BeginTx(ctx, nil)
	if err != nil {
		b.errs = all(len(jobs), notBegun("storage_unavailable", err))
		return b
	}
	c := &conn{ctx: ctx, tx: sqlTx}
	t := b.store.newTx(c, b.wait)
	b.jobs, b.errs = nil, nil
	wrote := false
	for i, j := range jobs {
		err := b.one(c, t, j)
		wrote = wrote || c.wrote && err == nil
		switch {
		case c.locked:
			b.leave = append(b.leave, j)
		default:
			b.jobs, b.errs = append(b.jobs, j), append(b.errs, err)
		}
		switch {
		case errors.Is(c.lost, errUndo) && len(jobs) == 1:
			_ = sqlTx.Rollback() // nothing of it was sent to be kept
			return b
		case c.lost != nil:
			_ = sqlTx.Rollback()
			b.abandon(jobs[i+1:], c.lost)
			return b
		}
	}
	if !wrote {
		_ = sqlTx.Rollback() // nothing to keep
		return b
	}
	b.commit(sqlTx)
	return b
}

// errUndo says that a job without savepoint has to be undone.
var errUndo = errors.New("a job failed after it had written")

// errLocked says that a row is locked by somebody else.
var errLocked = errors.New("the row is locked elsewhere")

// one runs one job. c.lost tells that the transaction has come to its end with it.
func (b *batch) one(c *conn, t *tx, j *job) (err error) {
	c.wrote, c.locked, c.failed = false, false, nil
	if b.savings && !c.control("SAVEPOINT job") {
		return c.lost
	}
	err = call(j.fn, t)
	if err == nil && c.failed != nil {
		err = wrap("Do", "row", c.failed) // fn looked away
	}
	switch {
	case err == nil || !c.wrote && c.failed == nil:
		if b.savings {
			c.control("RELEASE SAVEPOINT job")
		}
	case !b.savings:
		c.lost = errUndo
	default:
		if c.control("ROLLBACK TO SAVEPOINT job") {
			c.control("RELEASE SAVEPOINT job")
		}
	}
	return err
}

// abandon ends a batch whose transaction ended before its commit was sent: nothing of it happened.
func (b *batch) abandon(rest []*job, lost error) {
	b.jobs = append(b.jobs, rest...)
	if errors.Is(lost, errUndo) {
		b.undone = true
		return
	}
	for i, err := range b.errs {
		if err == nil {
			b.errs[i] = notBegun("storage_unavailable", lost)
		}
	}
	b.errs = append(b.errs, all(len(rest), notBegun("storage_unavailable", lost))...)
}

// commit sends the commit. When it fails nobody can say whether it happened.
func (b *batch) commit(tx *sql.Tx) {
	kept := 0
	for _, err := range b.errs {
		if err == nil {
			kept++
		}
	}
	err := b.store.commit(tx)
	b.store.queue.count(func(st *Stats) { st.Commits++; st.Sizes[kept]++ })
	if err == nil {
		return
	}
	for i := range b.errs {
		if b.errs[i] == nil {
			b.errs[i] = unknownCommit(err)
		}
	}
}

func all[E error](n int, err E) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// call runs fn; a panic undoes fn and stays with its caller.
func call(fn func(core.Tx) error, t *tx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &core.Error{Kind: core.Internal, Op: "storage.Do", Message: "the job broke", Err: fmt.Errorf("%v\n%s", r, debug.Stack())}
		}
	}()
	return fn(t)
}

// conn is the transaction as gorm sees it. After a statement failed nothing more runs for this job, even if fn looks
// away: SQLite may have ended the transaction, and what follows would be committed on its own.
type conn struct {
	ctx    context.Context // of the transaction; a caller's is not heard, since its end would break the others' connection
	tx     *sql.Tx
	wrote  bool
	locked bool
	failed error
	lost   error // the transaction is over
}

var _ gorm.ConnPool = (*conn)(nil)

func (c *conn) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	res, err := c.tx.ExecContext(c.ctx, query, args...)
	if err != nil {
		return nil, c.fail(err)
	}
	n, err := res.RowsAffected()
	c.wrote = c.wrote || n > 0 || err != nil
	return res, nil
}

func (c *conn) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	rows, err := c.tx.QueryContext(c.ctx, query, args...) //nolint:sqlclosecheck // gorm closes them
	if err != nil {
		return nil, c.fail(err)
	}
	return rows, nil
}

// QueryRowContext and PrepareContext belong to the interface; gorm needs them for nothing that is done here.
func (c *conn) QueryRowContext(_ context.Context, query string, args ...any) *sql.Row {
	return c.tx.QueryRowContext(c.ctx, query, args...)
}

// PrepareContext is not used: statements are prepared by the drivers where that pays.
func (c *conn) PrepareContext(_ context.Context, query string) (*sql.Stmt, error) {
	return c.tx.PrepareContext(c.ctx, query)
}

func (c *conn) usable() error {
	if c.lost != nil {
		return sql.ErrTxDone
	}
	return c.failed
}

// fail remembers the first error of a statement.
func (c *conn) fail(err error) error {
	if c.failed == nil {
		c.failed = err
	}
	c.locked = c.locked || causeOf(err) == causeLocked
	return err
}

// control runs a statement that steers the transaction; false when that failed and the transaction is over.
func (c *conn) control(statement string) bool {
	if _, err := c.tx.ExecContext(c.ctx, statement); err != nil {
		c.lost = err
		return false
	}
	return true
}
