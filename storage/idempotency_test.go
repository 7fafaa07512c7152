package storage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
)

// Keys go the oldest first, so many at a time, and never while it is open what became of their operation.
func TestKeysAreForgotten(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		at := moment()
		forget := func(before time.Time, most int) (forgotten int, oldest time.Time) {
			do(t, s, func(tx core.Tx) (err error) {
				forgotten, oldest, err = tx.Forget(before, most)
				return err
			})
			return forgotten, oldest
		}
		n, oldest := forget(at, 10)
		require.Zero(t, n)
		require.Zero(t, oldest)

		p := insert(t, s, paid("order-1", 100))
		o := capture(p, "KC", 60)
		p.Operations = append(p.Operations, o)
		p.Version++
		require.NoError(t, write(s, &core.Change{Payment: p, NewOperations: []*core.Operation{o}}))
		claim := func(key, operation string, age time.Duration) {
			do(t, s, func(tx core.Tx) error {
				existing, err := tx.Claim(&core.IdempotencyRecord{IdempotencyScope: core.IdempotencyScope{MerchantID: "m", Route: "r", Key: key},
					OperationID: operation, PaymentID: p.ID, Done: true, CreatedAt: at.Add(-age)})
				require.Nil(t, existing)
				return err
			})
		}
		claim("open", o.ID, 10*time.Hour)
		for i := range 6 {
			claim(fmt.Sprint(i), "", time.Duration(i+1)*time.Hour)
		}
		n, oldest = forget(at.Add(-150*time.Minute), 3)
		require.Equal(t, 3, n)
		require.Equal(t, at.Add(-10*time.Hour), oldest)
		n, _ = forget(at.Add(-150*time.Minute), 3)
		require.Equal(t, 1, n)
		for key, kept := range map[string]bool{"open": true, "0": true, "1": true, "2": false, "3": false, "4": false, "5": false} {
			require.Equal(t, kept, claimed(s, key), key)
		}
		o.State = core.OpSucceeded
		p.Version++
		require.NoError(t, write(s, &core.Change{Payment: p, Operations: []*core.Operation{o}}))
		n, oldest = forget(at.Add(-150*time.Minute), 3)
		require.Equal(t, 1, n)
		require.Equal(t, at.Add(-2*time.Hour), oldest)
	})
}
