package storage_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
)

// A full disk undoes the job that met it, or the batch; nothing is half stored and the store lives on. Every possible
// moment of running full is tried.
func TestAFullDisk(t *testing.T) {
	s := storagetest.SQLite(t)
	var pages int
	require.NoError(t, s.Gorm().Raw("PRAGMA page_count").Scan(&pages).Error)
	refused := 0
	for i := range 60 {
		require.NoError(t, s.ExecWriter(fmt.Sprintf("PRAGMA max_page_count = %d", pages+i/3)))
		p := paid(fmt.Sprint("r", i), 100)
		c := insertion(p)
		c.Events = events(p, "payment.created")
		c.Events[0].Body = []byte(`"` + string(make([]byte, 3000)) + `"`)
		var err error
		if i%3 > 0 { // with others in its batch
			errs := gathered(t, s, numbered(3), func(n int, tx core.Tx) error {
				if n != 1 {
					return claimKey(tx, fmt.Sprint(i, n))
				}
				return tx.Write(c)
			})
			err = errs[1]
			for n, other := range errs {
				require.True(t, other == nil || core.KindOf(other) == core.Unavailable, "%v", other)
				require.True(t, n == 1 || claimed(s, fmt.Sprint(i, n)) == (other == nil))
			}
		} else {
			err = write(s, c)
		}
		_, missing := s.Payment(t.Context(), "m", p.ID)
		require.Equal(t, err == nil, missing == nil, "all or nothing")
		if err != nil {
			refused++
			wantError(t, err, core.Unavailable, "storage_unavailable")
		}
	}
	require.Greater(t, refused, 10)
	require.NoError(t, s.ExecWriter("PRAGMA max_page_count = 100000"))
	insert(t, s, paid("again", 100))
	var found string
	require.NoError(t, s.Gorm().Raw("PRAGMA integrity_check").Scan(&found).Error)
	require.Equal(t, "ok", found)
}

// Another process that holds the file longer than the writer waits.
func TestALockedFile(t *testing.T) {
	dsn := storagetest.SQLiteDSN(t)
	s := storagetest.Open(t, dsn)
	require.NoError(t, s.ExecWriter("PRAGMA busy_timeout = 1"))
	other, err := openRaw(t, dsn).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	boom := errors.New("not to be run")
	wantError(t, s.Do(t.Context(), "x", func(core.Tx) error { return boom }), core.Unavailable, "storage_unavailable")
	_, err = s.Payments(t.Context(), "m", core.PaymentQuery{})
	require.NoError(t, err, "readers go on")
	require.NoError(t, other.Rollback())
	require.NoError(t, s.Do(t.Context(), "x", func(tx core.Tx) error { return claimKey(tx, "x") }))
}
