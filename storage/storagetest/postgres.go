package storagetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/paymux/paymux/storage"
	"github.com/stretchr/testify/require"
)

// PostgresDSN is the DSN of a new database with its schema at head. It is dropped at the end of the test.
// The throwaway cluster does not wait for the disk: what it says about speed or power loss means nothing.
func PostgresDSN(tb testing.TB) string {
	tb.Helper()
	return newDatabase(tb, shared())
}

// DurablePostgresDSN is PostgresDSN on a cluster that waits for the disk, for benchmarks.
func DurablePostgresDSN(tb testing.TB) string {
	tb.Helper()
	return newDatabase(tb, durable())
}

var (
	shared  = sync.OnceValue(func() *server { return findServer(false) })
	durable = sync.OnceValue(func() *server { return findServer(true) })
)

// server is where databases are made.
type server struct {
	admin    *url.URL
	own      bool  // started here: nobody else makes databases there
	missing  error // why there is none
	template sync.Once
	broken   error // why there is no template
}

func findServer(syncs bool) *server {
	if dsn := os.Getenv("PAYMUX_TEST_POSTGRES"); dsn != "" {
		u, err := url.Parse(dsn)
		return &server{admin: u, missing: err}
	}
	u, err := startCluster(syncs)
	return &server{admin: u, own: true, missing: err}
}

// newDatabase makes a database whose schema is at head.
func newDatabase(tb testing.TB, s *server) string {
	tb.Helper()
	if s.missing != nil {
		absent(tb, s.missing)
	}
	name := "paymux_test_" + strings.ToLower(rand.Text())
	if s.own {
		s.template.Do(s.makeTemplate)
		require.NoError(tb, s.broken)
		require.NoError(tb, s.copyTemplate(name))
	} else {
		require.NoError(tb, s.exec("CREATE DATABASE "+name+" TEMPLATE template0"))
		require.NoError(tb, storage.Migrate(context.Background(), s.dsn(name)))
	}
	tb.Cleanup(func() {
		if err := s.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			tb.Errorf("dropping the test's database: %v", err)
		}
	})
	return s.dsn(name)
}

// makeTemplate makes a database at head: to copy it is faster than to run the migrations for every test.
func (s *server) makeTemplate() {
	if s.broken = s.exec("CREATE DATABASE paymux_template TEMPLATE template0"); s.broken == nil {
		s.broken = storage.Migrate(context.Background(), s.dsn("paymux_template"))
	}
}

// copyTemplate copies files, which from version 15 on has to be asked for and before was the only way.
func (s *server) copyTemplate(name string) error {
	create := "CREATE DATABASE " + name + " TEMPLATE paymux_template"
	if s.exec(create+" STRATEGY file_copy") == nil {
		return nil
	}
	return s.exec(create)
}

// absent says that there is no Postgres, where it cannot be overlooked.
func absent(tb testing.TB, why error) {
	tb.Helper()
	text := fmt.Sprintf("NOT TESTED ON POSTGRES: %v (set PAYMUX_TEST_POSTGRES to a DSN, or install the server's binaries)", why)
	fmt.Fprintln(os.Stderr, text)
	if os.Getenv("CI") == "true" || os.Getenv("PAYMUX_REQUIRE_POSTGRES") == "1" {
		tb.Fatal(text)
	}
	tb.Skip(text)
}

func (s *server) dsn(database string) string {
	u := *s.admin
	u.Path = "/" + database
	return u.String()
}

func (s *server) exec(statement string) error {
	db, err := sql.Open("pgx", s.admin.String())
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(context.Background(), statement)
	return err
}
