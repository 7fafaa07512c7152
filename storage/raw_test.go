package storage_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// openRaw opens the database behind dsn beside the store, with the driver alone.
func openRaw(tb testing.TB, dsn string) *sql.DB {
	tb.Helper()
	driver := "pgx"
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, dsn = sqliteDriver, "file:"+path+"?_txlock=immediate&_busy_timeout=10000&_synchronous=FULL&_foreign_keys=1"
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}
