// Package storagetest opens scratch databases for tests: SQLite always, and Postgres from PAYMUX_TEST_POSTGRES or, without
// it, from a throwaway cluster that the installed server binaries start once per test binary.
package storagetest

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/paymux/paymux/storage"
	"github.com/stretchr/testify/require"
)

// Each runs test on every engine. open opens the test's own database, its schema at head; called again it opens the
// same one again, as another instance would. What is open at the end is closed.
func Each(t *testing.T, test func(t *testing.T, open func() *storage.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		dsn := SQLiteDSN(t)
		test(t, func() *storage.Store { return Open(t, dsn) })
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := PostgresDSN(t)
		test(t, func() *storage.Store { return Open(t, dsn) })
	})
}

// SQLite opens a SQLite database in a file of its own.
func SQLite(tb testing.TB) *storage.Store {
	tb.Helper()
	return Open(tb, SQLiteDSN(tb))
}

// Memory opens a SQLite database in memory: the only one that may be used inside a testing/synctest bubble.
func Memory(tb testing.TB) *storage.Store {
	tb.Helper()
	return Open(tb, "sqlite::memory:")
}

// Postgres opens a Postgres database of its own. Without a server it says so loudly, and skips or, where Postgres is
// required, fails the test.
func Postgres(tb testing.TB) *storage.Store {
	tb.Helper()
	return Open(tb, PostgresDSN(tb))
}

// SQLiteDSN is the DSN of a new SQLite file, for tests that start the whole program.
func SQLiteDSN(tb testing.TB) string {
	tb.Helper()
	return "sqlite:" + filepath.Join(tb.TempDir(), "paymux.db")
}

// Open opens dsn with its schema at head and closes it at the end of the test.
func Open(tb testing.TB, dsn string) *storage.Store {
	tb.Helper()
	s, err := storage.Open(context.Background(), dsn, storage.Options{Migrate: true, MinFree: 1})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Close() })
	return s
}
