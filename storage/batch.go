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

// writeBatches is one writer: it commits batch after batch until the queue is closed and empty.
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
// and run again, each job behind its own savepoint, so that the failure takes nobody with it. fn may be run twice.
func (s *Store) commitTogether(jobs []*job) {
	b := &batch{store: s, pool: s.write}
	b.run(jobs)
	if b.again != nil {
		s.queue.count(func(st *Stats) { st.Undone++ })
		again := b.again
		b = &batch{store: s, pool: s.write, savepoints: true, leave: b.leave}
		b.run(again)
	}
	s.queue.finished(b.jobs, b.errs)
	for _, j := range b.leave {
		s.running.Go(func() { s.alone(j) })
	}
}

// alone runs a job in a transaction of its own, in which it waits for the row, and again with some jitter while that is
// not to be had.
func (s *Store) alone(j *job) {
	s.queue.count(func(st *Stats) { st.Alone++ })
	for try := 1; ; try++ {
		b := &batch{store: s, pool: s.patient, wait: true}
		b.run([]*job{j})
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

// batch is one transaction over jobs.
type batch struct {
	store      *Store
	pool       *sql.DB
	savepoints bool // one per job
	wait       bool // wait for a locked row

	jobs  []*job // those that are done, and what became of each
	errs  []error
	leave []*job // those whose row is locked elsewhere
	again []*job // those to run again, with savepoints: nothing of this transaction was kept
}

// errUndo ends a transaction without savepoints in which a job failed after it had written.
var errUndo = errors.New("a job failed after it had written")

// errLocked says that a row is locked by somebody else.
var errLocked = errors.New("the row is locked elsewhere")

// run runs jobs and commits them.
func (b *batch) run(jobs []*job) {
	ctx, cancel := b.store.transactionContext()
	defer cancel()
	sqlTx, err := b.pool.BeginTx(ctx, nil)
	if err != nil {
		b.abandon(jobs, err)
		return
	}
	c := &conn{ctx: ctx, tx: sqlTx}
	t := b.store.newTx(c, b.wait)
	wrote := false
	for i, j := range jobs {
		err := b.one(c, t, j)
		wrote = wrote || c.wrote && err == nil
		if c.locked {
			b.leave = append(b.leave, j)
		} else {
			b.jobs, b.errs = append(b.jobs, j), append(b.errs, err)
		}
		if c.ended == nil {
			continue
		}
		_ = sqlTx.Rollback()
		switch {
		case !errors.Is(c.ended, errUndo):
			b.abandon(jobs[i+1:], c.ended)
		case len(jobs) > 1:
			b.again = append(b.jobs, jobs[i+1:]...)
		}
		return
	}
	if !wrote {
		_ = sqlTx.Rollback() // nothing to keep
		return
	}
	b.commit(sqlTx)
}

// one runs one job. c.ended tells that the transaction has come to its end with it.
func (b *batch) one(c *conn, t *tx, j *job) (err error) {
	c.wrote, c.locked, c.failed = false, false, nil
	if b.savepoints && !c.control("SAVEPOINT job") {
		return notBegun("storage_unavailable", c.ended)
	}
	err = call(j.fn, t)
	if err == nil && c.failed != nil {
		err = wrap("Do", "row", c.failed) // fn looked away
	}
	switch {
	case err == nil && !c.locked || !c.wrote && c.failed == nil:
		if b.savepoints {
			c.control("RELEASE SAVEPOINT job")
		}
	case !b.savepoints:
		c.ended = errUndo
	case c.control("ROLLBACK TO SAVEPOINT job"):
		c.control("RELEASE SAVEPOINT job")
	}
	return err
}

// abandon answers when a transaction ended before its commit was sent: nothing of it happened.
func (b *batch) abandon(rest []*job, ended error) {
	for i, err := range b.errs {
		if err == nil {
			b.errs[i] = notBegun("storage_unavailable", ended)
		}
	}
	for _, j := range rest {
		b.jobs, b.errs = append(b.jobs, j), append(b.errs, notBegun("storage_unavailable", ended))
	}
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
	ended  error // the transaction is over
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
	rows, err := c.tx.QueryContext(c.ctx, query, args...)
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
	switch {
	case c.ended != nil:
		return sql.ErrTxDone
	case c.locked:
		return errLocked
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
		c.ended = err
		return false
	}
	return true
}
