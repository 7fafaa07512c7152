package storage_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
)

func TestWriteNamesTheVersionItWasComputedFrom(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		p := insert(t, s, paid("r", 100))
		p.Version = 2
		require.NoError(t, write(s, &core.Change{Payment: p}))
		wantError(t, write(s, &core.Change{Payment: p}), core.Conflict, "version_conflict")
		p.Version = 4
		wantError(t, write(s, &core.Change{Payment: p, ReserveCapture: 1}), core.Conflict, "version_conflict")
		p.ID = "pay_none"
		wantError(t, write(s, &core.Change{Payment: p}), core.NotFound, "not_found")
	})
}

func TestUniqueReferences(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		p := insert(t, s, paid("r", 100))
		wantError(t, write(s, insertion(paid("r", 100))), core.Conflict, "reference_exists")
		other := paid("r", 100)
		other.MerchantID = "other"
		insert(t, s, other)

		o := capture(p, "k1", 10)
		o.OwnReference, o.State = "cap-1", core.OpPending
		require.NoError(t, write(s, reserve(p, o)))
		o = capture(p, "k2", 10)
		o.OwnReference = "cap-1"
		wantError(t, write(s, reserve(load(t, s, p.ID), o)), core.Conflict, "reference_exists")
		o.Kind = core.OpRefund
		c := reserve(load(t, s, p.ID), o)
		c.ReserveCapture = 0
		require.NoError(t, write(s, c), "another kind has its own references")
	})
}

func TestOneUnresolvedOperationPerAttempt(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		p := insert(t, s, paid("r", 100))
		first := capture(p, "k1", 10)
		require.NoError(t, write(s, reserve(p, first)))
		next := func(key string) error { return write(s, reserve(load(t, s, p.ID), capture(p, key, 10))) }
		change := func(state core.OpState) {
			p := load(t, s, p.ID)
			p.Version++
			p.Operations[0].State = state
			require.NoError(t, write(s, &core.Change{Payment: p, Operations: p.Operations[:1]}))
		}
		wantError(t, next("k2"), core.Conflict, "operation_in_progress")
		change(core.OpUnknown)
		wantError(t, next("k2"), core.Conflict, "previous_operation_unresolved")
		end := capture(p, "end", 0)
		end.Kind = core.OpCancelMandate
		require.NoError(t, write(s, reserve(load(t, s, p.ID), end)), "ending a mandate moves no money")
		change(core.OpPending)
		require.NoError(t, next("k2"), "pending blocks nothing")
		wantError(t, next("k2"), core.Conflict, "operation_in_progress")

		p = load(t, s, p.ID)
		p.Version++
		p.Operations[0].State = core.OpSent // again, while another is on its way
		wantError(t, write(s, &core.Change{Payment: p, Operations: p.Operations[:1]}), core.Conflict, "operation_in_progress")
	})
}

func TestReservationsDoNotExceedWhatIsLeft(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		p := insert(t, s, paid("r", 100))
		c := reserve(p, capture(p, "k1", 101))
		wantError(t, write(s, c), core.Invalid, "amount_exceeds_remaining")
		require.Empty(t, load(t, s, p.ID).Operations)
		p = load(t, s, p.ID)
		require.NoError(t, write(s, reserve(p, capture(p, "k1", 100))))
		p = load(t, s, p.ID)
		require.Zero(t, p.Amounts.Capturable)
		require.Equal(t, int64(100), p.Amounts.CaptureReserved)
		p.Version++
		wantError(t, write(s, &core.Change{Payment: p, ReserveRefund: 1}), core.Invalid, "amount_exceeds_remaining")
	})
}

// Fifty callers, of two instances, ask for the whole amount at once. All have read the payment before.
func TestOneOfFiftyReservationsWins(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		stores := []*storage.Store{open(), open()}
		id := insert(t, stores[0], paid("r", 100)).ID
		var wg sync.WaitGroup
		errs := make([]error, 50)
		changes := make([]*core.Change, len(errs))
		for i := range changes {
			p := load(t, stores[0], id)
			changes[i] = reserve(p, capture(p, fmt.Sprint("k", i), 100))
		}
		for i, c := range changes {
			wg.Go(func() { errs[i] = write(stores[i%2], c) })
		}
		wg.Wait()
		require.Len(t, slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err != nil }), 1)
		for _, err := range errs {
			if err != nil {
				wantError(t, err, core.Conflict, "version_conflict")
			}
		}
		p := load(t, stores[1], id)
		require.Len(t, p.Operations, 1)
		require.Equal(t, int64(100), p.Amounts.CaptureReserved)
	})
}

// The same race the way core runs it: each loads the payment inside its job and decides on what it finds there.
func TestReservationsInsideTheJob(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		stores := []*storage.Store{open(), open()}
		id := insert(t, stores[0], paid("r", 100)).ID
		var wg sync.WaitGroup
		errs := make([]error, 50)
		for i := range errs {
			wg.Go(func() {
				errs[i] = stores[i%2].Do(context.Background(), id, func(tx core.Tx) error {
					p, err := tx.Payment(context.Background(), "m", id)
					if err != nil {
						return err
					}
					o := capture(p, fmt.Sprint("k", i), 30)
					o.State = core.OpPending
					return tx.Write(reserve(p, o))
				})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantError(t, err, core.Invalid, "amount_exceeds_remaining")
		}
		require.Equal(t, 3, won, "3 × 30 of 100")
		require.Equal(t, int64(90), load(t, stores[1], id).Amounts.CaptureReserved)
	})
}

func TestFactsEvidenceAndEventsAreNeverChanged(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		s := storagetest.Open(t, dsn)
		c := insertion(paid("r", 100))
		c.Events = events(c.Payment, "payment.created")
		require.NoError(t, write(s, c))
		db := openRaw(t, dsn)
		for _, table := range []string{"facts", "evidence", "events"} {
			for _, statement := range []string{"UPDATE " + table + " SET attempt_id = 'x'", "UPDATE " + table + " SET payment_id = payment_id", "DELETE FROM " + table} {
				if table == "events" && statement == "UPDATE events SET attempt_id = 'x'" {
					statement = "UPDATE events SET body = '{}'"
				}
				_, err := db.ExecContext(t.Context(), statement)
				require.Error(t, err, statement)
				require.Regexp(t, "never (changed|deleted)|never changed or deleted", err.Error(), statement)
			}
		}
		require.NoError(t, s.Ready(t.Context()))
		require.Len(t, load(t, s, c.Payment.ID).Facts, 1)
	})
}

func TestFactsAndEventsAreNumberedOnce(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		p := paid("r", 100)
		c := insertion(p)
		c.Events = events(p, "payment.created")
		require.NoError(t, write(s, c))
		again := func(c *core.Change) {
			p := load(t, s, p.ID)
			p.Version++
			c.Payment = p
			err := write(s, c)
			require.Equal(t, core.Internal, core.KindOf(err), "%v", err)
		}
		event := c.Events[0]
		event.ID = newID("evt_")
		again(&core.Change{Events: []core.Event{event}})
		again(&core.Change{Facts: p.Facts[:1]})
		require.Equal(t, int64(1), load(t, s, p.ID).Version)
	})
}

func TestChecks(t *testing.T) {
	for name, spoil := range map[string]func(*core.Change){
		"negative amount":               func(c *core.Change) { c.Payment.Amounts.Refundable = -1 },
		"captured beyond authorized":    func(c *core.Change) { c.Payment.Amounts.Captured = 101 },
		"authorized beyond the ceiling": func(c *core.Change) { c.Payment.Amounts.Ceiling = 99 },
		"returned beyond captured":      func(c *core.Change) { c.Payment.Amounts.Refunded, c.Payment.Amounts.Reversed = 40, 70 },
	} {
		t.Run(name, func(t *testing.T) {
			storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
				s := open()
				p := insert(t, s, paid("r", 100))
				p.Version, p.Amounts.Captured = 2, 100
				c := &core.Change{Payment: p}
				spoil(c)
				require.Equal(t, core.Internal, core.KindOf(write(s, c)))
				require.Equal(t, int64(1), load(t, s, p.ID).Version)
			})
		})
	}
	// Beyond what is left in truth, though the row's own column says otherwise.
	for name, c := range map[string]core.Change{"capture": {ReserveCapture: 1}, "refund": {ReserveRefund: 1}} {
		t.Run("reserved beyond what is done: "+name, func(t *testing.T) {
			storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
				s := open()
				p := paid("r", 100)
				p.Amounts.Refundable = 5
				p = insert(t, s, p)
				p.Version, p.Amounts.CaptureReserved, p.Amounts.RefundReserved = 2, 101, 1
				c := c
				c.Payment = p
				wantError(t, write(s, &c), core.Invalid, "amount_exceeds_remaining")
				c.ReserveCapture, c.ReserveRefund = 0, 0
				require.NoError(t, write(s, &c), "what a provider announces is never refused")
			})
		})
	}
}

// each runs test with a DSN of every engine.
func each(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, storagetest.SQLiteDSN(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, storagetest.PostgresDSN(t)) })
}
