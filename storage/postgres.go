package storage

import (
	"context"
	"database/sql"
	"net/url"
	"strconv"

	"github.com/paymux/paymux/core"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// postgresSettings are those of every connection, in milliseconds; the DSN may say otherwise.
var postgresSettings = map[string]string{"application_name": "paymux", "statement_timeout": "5000", "idle_in_transaction_session_timeout": "10000",
	"connect_timeout": "5", "timezone": "UTC"}

// Waiting times for a lock, in milliseconds. A batch hardly waits, for its other jobs' sake; a job alone may.
const (
	batchLockTimeout = 50
	lockTimeout      = 2000
)

// patientConns is how many jobs wait for locked rows at a time.
const patientConns = 4

func (s *Store) openPostgres(ctx context.Context, dsn string, o Options) (err error) {
	s.postgres = true
	if s.write, err = o.pool(dsn, batchLockTimeout, o.Writers); err != nil {
		return err
	}
	if s.patient, err = o.pool(dsn, lockTimeout, patientConns); err != nil {
		return err
	}
	if s.pool, err = o.pool(dsn, lockTimeout, o.Readers); err != nil {
		return err
	}
	if err := s.pool.PingContext(ctx); err != nil {
		return &core.Error{Kind: core.Unavailable, Op: "storage.Open", Code: "storage_unavailable", Message: "the database cannot be reached", Err: err}
	}
	if s.gorm, err = gorm.Open(postgres.New(postgres.Config{Conn: s.write}), s.gormConfig()); err != nil {
		return wrap("Open", "database", err)
	}
	s.reader.db, err = gorm.Open(postgres.New(postgres.Config{Conn: s.pool}), s.gormConfig())
	return wrap("Open", "database", err)
}

// pool opens connections that wait so long for a lock.
func (o Options) pool(dsn string, lockTimeout, conns int) (*sql.DB, error) {
	full, err := postgresDSN(dsn, lockTimeout)
	if err != nil {
		return nil, err
	}
	pool, err := o.SQL("pgx", full)
	if err != nil {
		return nil, &core.Error{Kind: core.Invalid, Op: "storage.Open", Code: "dsn_invalid", Message: "the address of the database cannot be read", Err: err}
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool, nil
}

// postgresDSN adds the settings that dsn does not name itself. Errors do not repeat it: it holds a password.
func postgresDSN(dsn string, lockTimeout int) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", &core.Error{Kind: core.Invalid, Op: "storage.Open", Code: "dsn_invalid", Message: "the address of the database cannot be read"}
	}
	q := u.Query()
	for k, v := range postgresSettings {
		if !q.Has(k) {
			q.Set(k, v)
		}
	}
	q.Set("lock_timeout", strconv.Itoa(lockTimeout))
	u.RawQuery = q.Encode()
	return u.String(), nil
}
