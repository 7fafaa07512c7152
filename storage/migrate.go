package storage

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/paymux/paymux/core"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// Migrate brings the schema of the database that dsn names to head. Migrations only go forward; each is one
// transaction, so a run that was killed is simply run again.
func Migrate(ctx context.Context, dsn string) error {
	s, err := Open(ctx, dsn, Options{Migrate: true})
	if err != nil {
		return err
	}
	return s.Close()
}

func (s *Store) migrate(ctx context.Context) error {
	p, err := s.migrator()
	if err != nil {
		return wrap("Migrate", "migration", err)
	}
	if _, err = p.Up(ctx); err == nil || s.atHead(ctx) == nil { // somebody else may have done it just before us
		return nil
	}
	return wrap("Migrate", "migration", fmt.Errorf("the schema could not be brought to head: %w", err))
}

func (s *Store) migrator() (*goose.Provider, error) {
	// Not through gorm, and on Postgres behind a lock, so that instances that start together do not collide.
	if !s.postgres {
		return goose.NewProvider(goose.DialectSQLite3, s.write, s.migrationFiles())
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asked for every second, for five minutes
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, s.patient, s.migrationFiles(), goose.WithSessionLocker(locker))
}

func (s *Store) migrationFiles() fs.FS {
	dir := "migrations/sqlite"
	if s.postgres {
		dir = "migrations/postgres"
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		panic("storage: " + err.Error()) // only for a path that is not one
	}
	return files
}

// head is the version of the last migration in the binary.
func (s *Store) head() (int64, error) {
	names, err := fs.Glob(s.migrationFiles(), "*.sql")
	if err != nil || len(names) == 0 {
		return 0, err
	}
	return goose.NumericComponent(names[len(names)-1]) // Glob sorts
}

// atHead is Unavailable while the schema lacks a migration of this binary. A newer schema is fine.
func (s *Store) atHead(ctx context.Context) error {
	head, err := s.head()
	if err != nil {
		return wrap("Ready", "migration", err)
	}
	var version int64
	err = s.db.WithContext(ctx).Raw("SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version).Error
	if err == nil && version >= head {
		return nil
	}
	return &core.Error{Kind: core.Unavailable, Op: "storage.Ready", Code: "schema_behind", Message: "the schema needs a migration", Err: err}
}
