package storage

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
)

// sqliteSettings: a commit is on the disk when it returns (FULL), and a write transaction takes its lock when it
// begins, so that it cannot fail for the lock later. Both drivers understand these names. The program has a few
// dozen statements; the driver in C keeps them prepared, for to prepare one costs as much as to run it.
const sqliteSettings = "_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_busy_timeout=10000&_stmt_cache_size=100"

// checkTime bounds the integrity check after an unclean stop; a large file is checked as far as that goes.
const checkTime = 3 * time.Second

func (s *Store) openSQLite(ctx context.Context, path string, o Options) error {
	if path == ":memory:" {
		// The database lives in its connection, so everything shares the one there is.
		if err := s.openWriter(ctx, "file::memory:?"+sqliteSettings+"&_txlock=immediate", o); err != nil {
			return err
		}
		s.reader = reader{pool: s.write, db: s.gorm}
		return nil
	}
	if strings.TrimSpace(path) == "" {
		return &core.Error{Kind: core.Invalid, Op: "storage.Open", Code: "dsn_invalid", Message: "sqlite: needs the path of a file"}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return wrap("Open", "file", err)
	}
	if _, err := os.Stat(abs); o.There && errors.Is(err, fs.ErrNotExist) {
		return &core.Error{Kind: core.NotFound, Op: "storage.Open", Code: "database_missing", Message: "there is no database at " + abs}
	}
	unclean, err := prepareFile(abs)
	if err != nil {
		return err
	}
	s.path = abs
	file := "file:" + (&url.URL{Path: abs}).EscapedPath() + "?" + sqliteSettings
	if err := s.openWriter(ctx, file+"&_txlock=immediate", o); err != nil {
		return err
	}
	pool, err := o.SQL(sqliteDriver, file+"&_query_only=1")
	if err != nil {
		return wrap("Open", "database", err)
	}
	pool.SetMaxOpenConns(o.Readers)
	pool.SetMaxIdleConns(o.Readers)
	s.reader = reader{pool: pool}
	if s.reader.db, err = s.reach(ctx, pool); err != nil {
		return wrap("Open", "database", err)
	}
	if unclean && !o.There { // who is at work on it leaves a log as well, and has checked it
		return s.checkIntegrity(ctx)
	}
	return nil
}

// openWriter opens the one connection that writes.
func (s *Store) openWriter(ctx context.Context, dsn string, o Options) (err error) {
	if s.write, err = o.SQL(sqliteDriver, dsn); err != nil {
		return wrap("Open", "database", err)
	}
	s.write.SetMaxOpenConns(1)
	s.gorm, err = s.reach(ctx, s.write)
	return wrap("Open", "database", err)
}

// lockedFor is as long as a new file may be locked by whoever makes it, like the busy time of the settings.
const lockedFor = 10 * time.Second

// reach makes the first connection of a pool, which gives a new file its log. While another process does that, SQLite
// refuses at once instead of waiting for as long as it is told to, so this waits.
func (s *Store) reach(ctx context.Context, pool *sql.DB) (*gorm.DB, error) {
	err := pool.PingContext(ctx)
	for until := time.Now().Add(lockedFor); isBusy(err) && ctx.Err() == nil && time.Now().Before(until); err = pool.PingContext(ctx) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return nil, err
	}
	return gorm.Open(sqlite.New(sqlite.Config{Conn: pool}), s.gormConfig())
}

// prepareFile creates the file for its owner alone; SQLite gives its log the same mode. It tells whether the last
// writer left its log behind, as it does when it is killed.
func prepareFile(path string) (unclean bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = errors.Join(f.Chmod(0o600), f.Close())
	}
	if err != nil {
		return false, &core.Error{Kind: core.Unavailable, Op: "storage.Open", Code: "storage_unavailable", Message: "the database file cannot be opened", Err: err}
	}
	if kind := networkDisk(path); kind != "" {
		return false, &core.Error{Kind: core.Invalid, Op: "storage.Open", Code: "dsn_invalid",
			Message: "the file " + path + " is on " + kind + ", where SQLite's locks do not hold; use a local disk or Postgres"}
	}
	info, err := os.Stat(path + "-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, wrap("Open", "file", err)
	}
	return err == nil && info.Size() > 0, nil
}

// checkIntegrity looks for damage after an unclean stop.
func (s *Store) checkIntegrity(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var found string
	err := s.pool.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found)
	switch {
	case err == nil && found == "ok":
		s.log.InfoContext(ctx, "database checked after an unclean stop", "took", time.Since(began))
		return nil
	case err == nil:
		err = errors.New(found)
	case ctx.Err() != nil:
		s.log.WarnContext(ctx, "database too large to be checked at the start; run PRAGMA quick_check", "took", time.Since(began))
		return nil
	case causeOf(err) != causeCorrupt:
		return wrap("Open", "database", err)
	}
	return &core.Error{Kind: core.Internal, Op: "storage.Open", Code: "storage_corrupt", Message: "the database file is damaged", Err: err}
}
