// Package storage keeps everything in a relational database: SQLite in one file by default, Postgres for several
// instances. It turns rows into the types of core and back, behind the port core.Store, and decides nothing.
//
// Writes go through one queue (queue.go) that commits together what is waiting (batch.go). Money is guarded by SQL as
// well as by core: updates name the version they were computed from, a reservation must still fit what the row says,
// and CHECK constraints hold the counters to what a provider can truthfully say. Facts, evidence and events are
// inserted and never changed; triggers see to it. The schema is versioned SQL in migrations/.
//
// Times are kept in microseconds of UTC. Free text is kept as valid UTF-8 without NUL; raw bytes are kept as they came.
package storage

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/paymux/paymux/core"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Store is core.Store on SQLite or Postgres. Concurrent use is safe.
type Store struct {
	reader
	write    *sql.DB  // for batches
	patient  *sql.DB  // for jobs that wait for a row alone; Postgres only
	gorm     *gorm.DB // statements are built with it; its connection is that of the transaction
	postgres bool
	path     string // of the SQLite file; empty in memory and on Postgres
	minFree  uint64
	log      *slog.Logger
	queue    *queue
	writers  int
	running  sync.WaitGroup
	closing  sync.Once
	closeErr error
	commit   func(*sql.Tx) error // (*sql.Tx).Commit; tests lose its answer
}

var _ core.Store = (*Store)(nil)

// Options are what a Store is opened with; the zero value opens an existing schema.
type Options struct {
	Migrate bool   // bring the schema to head first
	There   bool   // a SQLite file is expected to be there, with a program at work on it perhaps; it is not made
	MinFree uint64 // bytes the disk of the SQLite file must have free to be Ready; 0: 512 MiB
	Writers int    // transactions at a time on Postgres; 0: one per processor, from 2 to 4. SQLite has one writer
	Readers int    // connections that read; 0: 4
	Log     *slog.Logger
	// SQL opens a pool of connections with a driver of database/sql by its name; nil: sql.Open. What it gives speaks to
	// the database that dsn names, however it does.
	SQL func(driver, dsn string) (*sql.DB, error)
}

func (o Options) withDefaults() Options {
	if o.MinFree == 0 {
		o.MinFree = 512 << 20
	}
	if o.Writers <= 0 {
		o.Writers = min(4, max(2, runtime.GOMAXPROCS(0)))
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.SQL == nil {
		o.SQL = sql.Open
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Open opens the database that dsn names: sqlite:PATH, sqlite::memory: (one connection, gone with the Store) or
// postgres://… . A SQLite file is created, readable by its owner only, unless it is to be there: then it is NotFound
// with code database_missing. A dsn that cannot be understood is Invalid, a
// database that cannot be reached Unavailable.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{queue: newQueue(), log: o.Log, minFree: o.MinFree, commit: (*sql.Tx).Commit}
	err := s.connect(ctx, dsn, o)
	if err == nil && o.Migrate {
		err = s.migrate(ctx)
	}
	if err != nil {
		_ = s.disconnect()
		return nil, err
	}
	s.writers = o.Writers
	if !s.postgres {
		s.writers = 1
	}
	for range s.writers {
		s.running.Go(s.writeBatches)
	}
	return s, nil
}

func (s *Store) connect(ctx context.Context, dsn string, o Options) error {
	scheme, rest, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "sqlite":
		return s.openSQLite(ctx, rest, o)
	case "postgres", "postgresql":
		return s.openPostgres(ctx, dsn, o)
	}
	// The text is not repeated: it may hold a password.
	return &core.Error{Kind: core.Invalid, Op: "storage.Open", Code: "dsn_invalid", Message: "a database is sqlite:PATH or postgres://…"}
}

// gormConfig has no PrepareStmt, which halves Postgres and hides the transaction, and names columns in every SELECT, so
// that a column added by a newer version does not disturb an older one.
func (s *Store) gormConfig() *gorm.Config {
	return &gorm.Config{SkipDefaultTransaction: true, QueryFields: true, DisableAutomaticPing: true,
		Logger: logger.NewSlogLogger(s.log, logger.Config{LogLevel: logger.Silent})}
}

// transactionContext is that of one transaction. A transaction on SQLite cannot hang on a peer.
func (s *Store) transactionContext() (context.Context, context.CancelFunc) {
	if !s.postgres {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), transactionTime)
}

// Shared reports whether other processes may write to the same database. A file of SQLite has one process.
func (s *Store) Shared() bool { return s.postgres }

// Close finishes the jobs that wait, then closes the database. It may be called twice.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.queue.close()
		s.running.Wait()
		s.closeErr = s.disconnect()
	})
	return s.closeErr
}

// disconnect closes readers first: the last connection to a SQLite file folds its log into it.
func (s *Store) disconnect() (err error) {
	pools := []*sql.DB{s.pool, s.patient, s.write}
	for i, p := range pools {
		if p == nil || i == 0 && p == s.write {
			continue
		}
		if e := p.Close(); e != nil {
			err = &core.Error{Kind: core.Internal, Op: "storage.Close", Err: e}
		}
	}
	return err
}

// Ready proves by a write that rows can be stored now, that the schema is at head and that the disk has room:
// Unavailable otherwise, with code storage_low for the last.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.Room(); err != nil {
		return err
	}
	if err := s.atHead(ctx); err != nil {
		return err
	}
	now := time.Now().UTC().UnixMicro()
	return s.Do(ctx, "heartbeat", func(ct core.Tx) error {
		res := ct.(*tx).db.Exec("UPDATE heartbeat SET beat_at = ? WHERE id = 1", now)
		if res.Error == nil && res.RowsAffected != 1 {
			return &core.Error{Kind: core.Unavailable, Op: "storage.Ready", Code: "storage_unavailable", Message: "the heartbeat row is missing"}
		}
		return wrap("Ready", "row", res.Error)
	})
}

// Room is Unavailable with code storage_low while the disk of the SQLite file has less free than it should, or less
// than a twentieth. It is cheap, and nil where that cannot be known.
func (s *Store) Room() error {
	if s.path == "" {
		return nil
	}
	free, total, ok := diskSpace(s.path)
	if ok && (free < s.minFree || free < total/20) {
		return &core.Error{Kind: core.Unavailable, Op: "storage.Room", Code: "storage_low", Message: "there is no room to store more; nothing happened",
			Err: fmt.Errorf("only %d MiB of the disk are free", free>>20)}
	}
	return nil
}
