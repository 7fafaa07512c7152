package storage_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
)

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a %3F#ü.db")
	require.NoError(t, os.WriteFile(path, nil, 0o666))
	s := storagetest.Open(t, "sqlite:"+path)
	require.NoError(t, s.Ready(t.Context()))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), suffix)
	}
	require.NoError(t, s.Close())
	_, err := os.Stat(path + "-wal")
	require.ErrorIs(t, err, fs.ErrNotExist, "the log is folded in at the end")
	list, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	require.NoError(t, err)
	require.Equal(t, []string{path}, list, "the file is where it was asked for")
}

func TestConnectionsAreSetForMoney(t *testing.T) {
	s := storagetest.SQLite(t)
	pragma := func(name string) (v string) {
		require.NoError(t, s.Gorm().Raw("PRAGMA "+name).Scan(&v).Error)
		return v
	}
	require.Equal(t, "wal", pragma("journal_mode"))
	require.Equal(t, "2", pragma("synchronous"), "FULL")
	require.Equal(t, "1", pragma("foreign_keys"))
	require.Equal(t, "10000", pragma("busy_timeout"))
	require.Equal(t, "1", pragma("query_only"))
	require.Error(t, s.Gorm().Exec("DELETE FROM merchants").Error, "readers cannot write")

	require.NoError(t, s.Do(t.Context(), "x", func(tx core.Tx) error {
		return tx.Write(insertion(paid("r", 100)))
	}))
	orphan := paid("orphan", 100)
	c := insertion(orphan)
	c.NewAttempts[0].PaymentID = "pay_none"
	require.Equal(t, core.Internal, core.KindOf(write(s, c)), "foreign keys hold")
}

// The files of a store that was never closed are what a killed process leaves behind.
func TestReopenAfterAKill(t *testing.T) {
	dsn := storagetest.SQLiteDSN(t)
	s := storagetest.Open(t, dsn)
	p := insert(t, s, paid("r", 100))
	copied := filepath.Join(t.TempDir(), "copy.db")
	source := strings.TrimPrefix(dsn, "sqlite:")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(source + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied+suffix, data, 0o600))
	}
	again := storagetest.Open(t, "sqlite:"+copied)
	require.Equal(t, p, load(t, again, p.ID), "what was acknowledged is there")
	require.NoError(t, again.Ready(t.Context()))
}

func TestADamagedFileIsNotOpened(t *testing.T) {
	dsn := storagetest.SQLiteDSN(t)
	path := strings.TrimPrefix(dsn, "sqlite:")
	s := storagetest.Open(t, dsn)
	for i := range 50 {
		insert(t, s, paid(strings.Repeat("r", i+1), 100))
	}
	require.NoError(t, s.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600))
	_, err = storage.Open(t.Context(), dsn, storage.Options{Migrate: true})
	wantError(t, err, core.Internal, "storage_corrupt")

	// Pages overwritten, and a log left behind: the check after an unclean stop finds it.
	for i := 5 * 4096; i < 40*4096; i++ {
		data[i] = 0xAA
	}
	require.NoError(t, os.WriteFile(path, data, 0o600))
	require.NoError(t, os.WriteFile(path+"-wal", []byte("torn"), 0o600))
	_, err = storage.Open(t.Context(), dsn, storage.Options{})
	wantError(t, err, core.Internal, "storage_corrupt")
}

func TestDSN(t *testing.T) {
	for name, dsn := range map[string]string{"empty": "", "no scheme": "paymux.db", "other database": "mysql://u:geheim@h/x", "no path": "sqlite:", "blank": "sqlite: ",
		"bad address": "postgres://u:geheim@[::1/x", "bad setting": "postgres://u:geheim@h/x?sslmode=geheim"} {
		t.Run(name, func(t *testing.T) {
			_, err := storage.Open(t.Context(), dsn, storage.Options{})
			require.Error(t, err)
			if name != "bad setting" {
				wantError(t, err, core.Invalid, "dsn_invalid")
			}
			require.NotContains(t, err.Error(), "u:geheim")
		})
	}
	_, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "none", "a.db"), storage.Options{})
	wantError(t, err, core.Unavailable, "storage_unavailable")
	_, err = storage.Open(t.Context(), "postgres://x@/x?host="+t.TempDir(), storage.Options{})
	wantError(t, err, core.Unavailable, "storage_unavailable")
}

// In memory everything stands inside a bubble of simulated time, and nothing is left behind in it.
func TestInMemoryInSimulatedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := storage.Open(t.Context(), "sqlite::memory:", storage.Options{Migrate: true})
		require.NoError(t, err)
		began := time.Now()
		time.Sleep(24 * time.Hour)
		p := insert(t, s, paid("r", 100))
		require.Equal(t, began.Add(24*time.Hour).UTC(), p.CreatedAt)
		require.NoError(t, s.Ready(t.Context()))
		list, err := s.Payments(t.Context(), "m", core.PaymentQuery{})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, began.Add(24*time.Hour), time.Now(), "nothing waited")
		require.NoError(t, s.Close())
	})
}

// A page costs the same however many rows there are: each list walks an index in the order it is asked for.
func TestListsWalkAnIndex(t *testing.T) {
	s := storagetest.SQLite(t)
	for query, index := range map[string]string{
		"SELECT * FROM payments WHERE id >= 'pay_' AND merchant_id = ? ORDER BY created_at DESC, id DESC LIMIT 9":                                                                     "payments_newest",
		"SELECT * FROM payments WHERE id >= 'pay_' AND merchant_id = ? AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT 9":                                       "payments_newest",
		"SELECT * FROM payments WHERE id >= 'pay_' AND merchant_id = ? AND created_at >= ? AND created_at <= ? ORDER BY created_at DESC, id DESC":                                     "payments_newest",
		"SELECT * FROM payments WHERE id >= 'pay_' AND merchant_id = ? AND status = ? ORDER BY created_at DESC, id DESC LIMIT 9":                                                      "payments_by_status",
		"SELECT * FROM payments WHERE id >= 'pay_' AND merchant_id = ? AND account = ? ORDER BY created_at DESC, id DESC LIMIT 9":                                                     "payments_by_account",
		"SELECT id FROM payments WHERE merchant_id = ? AND reference = ? LIMIT 1":                                                                                                     "payments_reference",
		"SELECT due_at FROM work WHERE kind = ? ORDER BY due_at, subject LIMIT 1":                                                                                                     "work_due",
		"SELECT subject FROM work WHERE kind = ? AND due_at <= ? ORDER BY due_at, subject LIMIT 9":                                                                                    "work_due",
		"SELECT tries FROM work WHERE kind = ? AND subject IN (?, ?)":                                                                                                                 "PRIMARY KEY",
		"SELECT id FROM payments WHERE status IN ('requires_action', 'requires_confirmation', 'processing', 'requires_capture', 'partially_captured') AND id > ? ORDER BY id LIMIT 9": "payments_open",
		"SELECT id FROM payments WHERE (updated_at, id) > (?, ?) ORDER BY updated_at, id LIMIT 9":                                                                                     "payments_changed",
		"SELECT * FROM attempts WHERE payment_id IN (?, ?) ORDER BY payment_id, number":                                                                                               "attempts_number",
		"SELECT * FROM operations WHERE payment_id IN (?, ?) ORDER BY payment_id, created_at, id":                                                                                     "operations_by_payment",
		"SELECT * FROM facts WHERE payment_id IN (?, ?) ORDER BY payment_id, number":                                                                                                  "PRIMARY KEY",
		"SELECT * FROM refs WHERE account = ? AND kind = ? AND value = ? LIMIT 1":                                                                                                     "PRIMARY KEY",
		"SELECT * FROM evidence WHERE payment_id = ? ORDER BY created_at, id":                                                                                                         "evidence_by_payment",
		"SELECT * FROM events WHERE merchant_id = ? ORDER BY created_at DESC, id DESC LIMIT 9":                                                                                        "events_newest",
		"SELECT * FROM events WHERE merchant_id = ? AND type = ? ORDER BY created_at DESC, id DESC LIMIT 9":                                                                           "events_by_type",
		"SELECT * FROM mandates WHERE merchant_id = ? AND id < ? ORDER BY id DESC LIMIT 9":                                                                                            "mandates_newest",
		"SELECT * FROM mandates WHERE merchant_id = ? AND status = ? AND id < ? ORDER BY id DESC LIMIT 9":                                                                             "mandates_by_status",
		"SELECT * FROM feedback WHERE state = ? AND state <> 'applied' ORDER BY id DESC LIMIT 9":                                                                                      "feedback_open",
		"SELECT * FROM feedback WHERE account = ? ORDER BY id DESC LIMIT 9":                                                                                                           "feedback_by_account",
		"SELECT * FROM idempotency WHERE merchant_id = ? AND route = ? AND key = ? LIMIT 1":                                                                                           "sqlite_autoindex_idempotency_1",
		"SELECT merchant_id, route, key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT 9":                                                                           "idempotency_created",
		"SELECT created_at FROM idempotency ORDER BY created_at LIMIT 1":                                                                                                              "idempotency_created",
		"SELECT * FROM webhook_endpoints WHERE merchant_id = ? ORDER BY id DESC LIMIT 9":                                                                                              "webhook_endpoints_newest",
		"SELECT * FROM deliveries WHERE merchant_id = ? AND endpoint_id = ? AND id < ? ORDER BY id DESC LIMIT 9":                                                                      "deliveries_by_endpoint",
		"SELECT * FROM deliveries WHERE merchant_id = ? AND endpoint_id = ? AND state = ? AND state <> 'succeeded' ORDER BY id DESC":                                                  "deliveries_open",
		"SELECT * FROM deliveries WHERE merchant_id = ? AND event_id = ? ORDER BY id DESC LIMIT 9":                                                                                    "deliveries_by_event",
		"SELECT * FROM events WHERE merchant_id = ? AND (created_at, id) > (?, ?) AND created_at <= ? ORDER BY created_at, id":                                                        "events_newest",
		"SELECT * FROM delivery_tries WHERE delivery_id IN (?, ?) ORDER BY delivery_id, number":                                                                                       "PRIMARY KEY",
	} {
		var plan []struct{ Detail string }
		require.NoError(t, s.Gorm().Raw("EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...).Scan(&plan).Error)
		require.Len(t, plan, 1, "%s: %v: nothing is sorted", query, plan)
		require.Contains(t, plan[0].Detail, index, query)
	}
	var plan []struct{ Detail string }
	require.NoError(t, s.Gorm().Raw("EXPLAIN QUERY PLAN "+storage.TriesOf, "", 9).Scan(&plan).Error)
	require.Len(t, plan, 4, "%v", plan)
	for i, step := range []string{"events_sequence", "deliveries_by_event", "PRIMARY KEY", "LAST TERM OF ORDER BY"} {
		require.Contains(t, plan[i].Detail, step)
	}
}
