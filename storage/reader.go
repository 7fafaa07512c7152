package storage

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/paymux/paymux/core"
	"gorm.io/gorm"
)

// reader is core.Reader: outside of Do over the connections that read, inside over that of the transaction.
type reader struct {
	pool *sql.DB
	db   *gorm.DB
	conn *conn // of the transaction; nil outside
	lock bool  // rows that are read to be changed are locked; SQLite's transaction excludes other writers anyway
	wait bool  // … and waited for
}

var _ core.Reader = (*reader)(nil)

// tx is core.Tx: one job of the write queue.
type tx struct{ reader }

var _ core.Tx = (*tx)(nil)

func (s *Store) newTx(c *conn, wait bool) *tx {
	db := s.gorm.Session(&gorm.Session{NewDB: true, Context: c.ctx})
	db.Statement.ConnPool = c
	return &tx{reader{db: db, conn: c, lock: s.postgres, wait: wait}}
}

// on is the connection for one statement. Inside a transaction the caller's ctx is not heard: to end a statement there
// is to end the transaction of everybody else in the batch.
func (r *reader) on(ctx context.Context) *gorm.DB {
	if r.conn != nil {
		return r.db
	}
	return r.db.WithContext(ctx)
}

// snapshot runs fn so that all its reads see one state of the database.
func (r *reader) snapshot(ctx context.Context, fn func(db *gorm.DB) error) error {
	if r.conn != nil {
		return fn(r.db)
	}
	return r.db.WithContext(ctx).Transaction(fn, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}

// fail makes err of a statement what the caller gets. An error that gorm met while it read rows is one of the
// transaction as well.
func (r *reader) fail(op, what string, err error) error {
	if err != nil && r.conn != nil && causeOf(err) != causeMissing && !errors.Is(err, errLocked) {
		_ = r.conn.fail(err)
	}
	return wrap(op, what, err)
}

// Limits of a page. A caller that names none gets pageDefault.
const (
	pageDefault = 100
	pageMost    = 1000
)

func size(p core.Page) int {
	if p.Limit <= 0 {
		return pageDefault
	}
	return min(p.Limit, pageMost)
}

// newest asks for a page by id, which rises with time.
func newest(db *gorm.DB, p core.Page) *gorm.DB {
	if p.Before != "" {
		db = db.Where("id < ?", p.Before)
	}
	return db.Order("id DESC").Limit(size(p))
}

// span is a time from and to, both included; zero is open.
type span struct{ from, to time.Time }

// latest asks for a page by time of creation, then id. The page begins after the row with id p.Before, whose time is
// looked up first; one that the merchant does not have is missing.
func latest(db, find *gorm.DB, table, merchant string, s span, p core.Page) (*gorm.DB, error) {
	if !s.from.IsZero() {
		find = find.Where("created_at >= ?", moment{s.from})
	}
	if !s.to.IsZero() {
		find = find.Where("created_at <= ?", moment{s.to})
	}
	if p.Before != "" {
		var last struct{ CreatedAt moment }
		if err := db.Table(table).Where("merchant_id = ? AND id = ?", merchant, text(p.Before)).Take(&last).Error; err != nil {
			return nil, err
		}
		find = find.Where("(created_at, id) < (?, ?)", last.CreatedAt, p.Before)
	}
	return find.Order("created_at DESC, id DESC").Limit(size(p)), nil
}

// equal adds a condition for every pair of column and value whose value is not empty.
func equal(db *gorm.DB, pairs ...string) *gorm.DB {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			db = db.Where(pairs[i]+" = ?", text(pairs[i+1]))
		}
	}
	return db
}
