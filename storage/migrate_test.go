package storage_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
)

// columns of a table as the database has them; kinds are brought to one name each.
func columns(t *testing.T, db *gorm.DB, model any) (out map[string]string) {
	t.Helper()
	types, err := db.Migrator().ColumnTypes(model)
	require.NoError(t, err)
	out = map[string]string{}
	for _, c := range types {
		kind := strings.ToLower(c.DatabaseTypeName())
		for common, names := range map[string][]string{"integer": {"int8", "int4", "bigint", "bool", "boolean", "numeric"}, "text": {"varchar"}, "blob": {"bytea"}} {
			for _, n := range names {
				if kind == n {
					kind = common
				}
			}
		}
		out[c.Name()] = kind
	}
	return out
}

// The schema is written by hand and the rows are written by hand; this keeps them the same.
func TestRowsFitTheSchema(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		bySQL := storagetest.Open(t, dsn).Gorm()
		scratch := "sqlite::memory:" // gorm's own idea of a row: its tables in a database of their own
		models := storage.Models()
		store, err := storage.Open(t.Context(), scratch, storage.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, store.Close()) }()
		byModel := store.Gorm()
		require.NoError(t, byModel.AutoMigrate(models...))
		tables, err := bySQL.Migrator().GetTables()
		require.NoError(t, err)
		tables = slices.DeleteFunc(tables, func(name string) bool {
			return slices.Contains([]string{"heartbeat", "goose_db_version", "sqlite_sequence"}, name)
		})
		require.Len(t, tables, len(models), "every table has its row: %v", tables)
		for _, m := range models {
			require.Equal(t, columns(t, byModel, m), columns(t, bySQL, m), "%T", m)
		}
	})
}

// A migration that was cut off at any statement is simply run again.
func TestAMigrationThatWasCutOff(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		engine, _, _ := strings.Cut(dsn, ":")
		statements := upStatements(t, engine)
		if engine == "postgres" {
			db := openRaw(t, dsn)
			_, err := db.ExecContext(t.Context(), "DROP SCHEMA public CASCADE")
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), "CREATE SCHEMA public")
			require.NoError(t, err)
		} else {
			s, err := storage.Open(t.Context(), dsn, storage.Options{}) // makes the file
			require.NoError(t, err)
			require.NoError(t, s.Close())
		}
		cut, err := openRaw(t, dsn).BeginTx(t.Context(), nil)
		require.NoError(t, err)
		for _, statement := range statements[:len(statements)/2] {
			_, err := cut.ExecContext(t.Context(), statement)
			require.NoError(t, err, statement)
		}
		require.NoError(t, cut.Rollback()) // what the engine does when the process dies

		s, err := storage.Open(t.Context(), dsn, storage.Options{MinFree: 1})
		require.NoError(t, err)
		require.Equal(t, core.Unavailable, core.KindOf(s.Ready(t.Context())))
		require.NoError(t, s.Close())
		for range 2 {
			require.NoError(t, storage.Migrate(t.Context(), dsn))
		}
		s = storagetest.Open(t, dsn)
		require.NoError(t, s.Ready(t.Context()))
		insert(t, s, paid("r", 100))
	})
}

func upStatements(t *testing.T, engine string) []string {
	t.Helper()
	text, err := os.ReadFile("migrations/" + engine + "/00001_init.sql")
	require.NoError(t, err)
	plain, _, _ := strings.Cut(string(text), "-- +goose StatementBegin")
	plain = regexp.MustCompile(`(?m)^\s*--.*$`).ReplaceAllString(plain, "")
	var out []string
	for s := range strings.SplitSeq(plain, ";") {
		if strings.TrimSpace(s) != "" {
			out = append(out, s)
		}
	}
	require.Greater(t, len(out), 20)
	return out
}

// Instances that start together migrate once.
func TestInstancesMigrateTogether(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		if strings.HasPrefix(dsn, "postgres") {
			db := openRaw(t, dsn)
			for _, statement := range []string{"DROP SCHEMA public CASCADE", "CREATE SCHEMA public"} {
				_, err := db.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := storage.Migrate(context.Background(), dsn); err != nil {
					t.Errorf("migrate: %v", err)
				}
			})
		}
		wg.Wait()
		require.NoError(t, storagetest.Open(t, dsn).Ready(t.Context()))
	})
}
