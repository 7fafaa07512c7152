package storagetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"sync"
)

// Way is how a step towards the database fails.
type Way string

// The ways in which a step fails.
const (
	Lost    Way = "lost"    // it is not done, and the connection is gone with its transaction
	Kept    Way = "kept"    // it is done, and the connection is gone before the answer; only for commits
	Refused Way = "refused" // it is not done, for a reason that waiting does not mend; the connection stays
	Full    Way = "full"    // there is no room for it (53100); the connection stays
	Locked  Way = "locked"  // a deadlock was resolved against it (40P01); the connection stays
	Down    Way = "down"    // it is not done, and so is nothing after it until the fault is taken off
)

// Ways are all of them.
var Ways = []Way{Lost, Kept, Refused, Full, Locked, Down}

// Faults stands between a Store and its driver, as storage.Options.SQL, and fails the n-th step that passes: connect,
// begin, exec, query, rows (the first row of a query), commit or rollback. The zero value lets everything pass.
// Concurrent use is safe.
type Faults struct {
	mu    sync.Mutex
	way   Way
	left  int // steps until the one that fails
	only  []string
	armed bool
	hit   string // the step that failed
	down  bool
	deny  Way // how every step of the kinds in only fails
}

// Arm has the n-th step from now on fail, counted from 1 among those of the kinds that are named, or among all.
func (f *Faults) Arm(n int, way Way, only ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if way == Kept {
		only = []string{"commit"}
	}
	f.way, f.left, f.only, f.armed, f.hit, f.down = way, n, only, true, "", false
}

// Deny has every step of the kinds that are named fail from now on.
func (f *Faults) Deny(way Way, only ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deny, f.only = way, only
}

// Off lets everything pass again. It tells which step failed, empty when none did.
func (f *Faults) Off() (hit string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.down, f.deny = false, false, ""
	return f.hit
}

// Hit tells which step has failed so far, empty for none.
func (f *Faults) Hit() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// strike is asked before every step; it returns how the step fails, empty for not.
func (f *Faults) strike(step string) Way {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.down:
		return Lost
	case f.deny != "" && slices.Contains(f.only, step):
		return f.deny
	}
	if !f.armed || len(f.only) > 0 && !slices.Contains(f.only, step) {
		return ""
	}
	if f.left--; f.left > 0 {
		return ""
	}
	f.armed, f.hit = false, step
	if f.way == Down {
		f.down = true
		return Lost
	}
	return f.way
}

// errConnectionLost is what a driver says when its connection breaks.
var errConnectionLost = io.ErrUnexpectedEOF

// errState is an error of a server with its SQLSTATE.
type errState string

func (e errState) Error() string    { return "the server says " + string(e) }
func (e errState) SQLState() string { return string(e) }

func (w Way) err() error {
	switch w {
	case Refused:
		return errors.New("the statement is broken")
	case Full:
		return errState("53100")
	case Locked:
		return errState("40P01")
	default:
		return errConnectionLost
	}
}

// Open is storage.Options.SQL over a driver that is registered under name.
func (f *Faults) Open(name, dsn string) (*sql.DB, error) {
	db, err := sql.Open(name, dsn)
	if err != nil {
		return nil, err
	}
	d := db.Driver()
	if err := db.Close(); err != nil { // nothing was opened yet
		return nil, err
	}
	inner := driver.Connector(plain{d, dsn})
	if c, ok := d.(driver.DriverContext); ok {
		if inner, err = c.OpenConnector(dsn); err != nil {
			return nil, err
		}
	}
	return sql.OpenDB(&faultyConnector{inner, f}), nil
}

// plain is the connector of a driver that has none.
type plain struct {
	driver driver.Driver
	dsn    string
}

func (p plain) Connect(context.Context) (driver.Conn, error) { return p.driver.Open(p.dsn) }
func (p plain) Driver() driver.Driver                        { return p.driver }

type faultyConnector struct {
	driver.Connector
	f *Faults
}

func (c *faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if w := c.f.strike("connect"); w != "" {
		return nil, w.err()
	}
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{Conn: inner, f: c.f}, nil
}

// faultyConn passes on what both drivers can: contexts, values as they are, and whether the session can be used again.
type faultyConn struct {
	driver.Conn
	f    *Faults
	dead bool
}

// step is asked before every step; fail undoes what the step must not leave behind.
func (c *faultyConn) step(name string) error {
	if c.dead {
		return driver.ErrBadConn
	}
	w := c.f.strike(name)
	if w == "" {
		return nil
	}
	return c.fail(w)
}

// fail is the error of a step that fails in way w; when the connection is gone, so is its transaction.
func (c *faultyConn) fail(w Way) error {
	if w == Lost || w == Kept {
		c.dead = true
		_ = c.Conn.Close()
	}
	return w.err()
}

func (c *faultyConn) Close() error {
	if c.dead {
		return nil
	}
	return c.Conn.Close()
}

func (c *faultyConn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !c.dead && (!ok || v.IsValid())
}

func (c *faultyConn) ResetSession(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *faultyConn) Ping(ctx context.Context) error {
	if err := c.step("query"); err != nil {
		return err
	}
	if p, ok := c.Conn.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.step("begin"); err != nil {
		return nil, err
	}
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &faultyTx{tx, c}, nil
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.step("exec"); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.step("exec"); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.step("query"); err != nil {
		return nil, err
	}
	rows, err := c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if w := c.f.strike("rows"); w != "" {
		_ = rows.Close()
		return &brokenRows{rows.Columns(), c.fail(w)}, nil
	}
	return rows, nil
}

// brokenRows end with an error before the first one.
type brokenRows struct {
	columns []string
	err     error
}

func (r *brokenRows) Columns() []string         { return r.columns }
func (r *brokenRows) Close() error              { return nil }
func (r *brokenRows) Next([]driver.Value) error { return r.err }

type faultyTx struct {
	driver.Tx
	c *faultyConn
}

func (t *faultyTx) Commit() error {
	if t.c.dead {
		return driver.ErrBadConn
	}
	switch w := t.c.f.strike("commit"); w {
	case "":
		return t.Tx.Commit()
	case Kept:
		if err := t.Tx.Commit(); err != nil {
			return err
		}
		return t.c.fail(w)
	default:
		_ = t.Tx.Rollback()
		return t.c.fail(w)
	}
}

func (t *faultyTx) Rollback() error {
	if t.c.dead {
		return driver.ErrBadConn
	}
	if w := t.c.f.strike("rollback"); w != "" {
		_ = t.Tx.Rollback()
		return t.c.fail(w)
	}
	return t.Tx.Rollback()
}
