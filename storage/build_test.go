package storage_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/stretchr/testify/require"
)

// moment is a time as it is stored.
func moment() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func newID(prefix string) string { return prefix + ulid.Make().String() }

// paid is a payment of merchant m in euro, with one attempt on which amount is authorized.
func paid(reference string, amount int64) *core.Payment {
	at := moment()
	p := &core.Payment{ID: newID("pay_"), MerchantID: "m", Reference: reference, Amount: core.Money{Minor: amount, Currency: "EUR"},
		Order: core.PaymentOrder{Capture: core.CaptureManual, Method: core.Method{Type: "card"}}, Version: 1, CreatedAt: at, UpdatedAt: at}
	p.Attempts = []*core.Attempt{{ID: newID("att_"), PaymentID: p.ID, Number: 1, Account: "acc", Provider: "scripted", Reference: "REF" + p.ID,
		Method: p.Order.Method, Amount: p.Amount, CreatedAt: at}}
	p.Apply(p.Attempts[0].ID, newID("evd_"), []core.Fact{{Kind: core.Authorized, ID: "auth-1", Amount: p.Amount, Strength: core.Asserted, OccurredAt: at}}, at)
	return p
}

// insertion is the change that stores a new payment with all it has.
func insertion(p *core.Payment) *core.Change {
	c := &core.Change{Payment: p, New: true, NewAttempts: p.Attempts, NewOperations: p.Operations, Facts: p.Facts}
	known := map[string]bool{}
	for _, f := range p.Facts {
		if known[f.Evidence] {
			continue
		}
		known[f.Evidence] = true
		c.Evidence = append(c.Evidence, core.Evidence{ID: f.Evidence, PaymentID: p.ID, AttemptID: f.AttemptID, Kind: core.EvidenceFeedback, CreatedAt: p.CreatedAt})
	}
	return c
}

func write(s *storage.Store, c *core.Change) error {
	return s.Do(context.Background(), c.Payment.ID, func(tx core.Tx) error { return tx.Write(c) })
}

// insert stores p and gives it back as it is stored.
func insert(t *testing.T, s *storage.Store, p *core.Payment) *core.Payment {
	t.Helper()
	require.NoError(t, write(s, insertion(p)))
	return load(t, s, p.ID)
}

func load(t *testing.T, s *storage.Store, id string) *core.Payment {
	t.Helper()
	p, err := s.Payment(t.Context(), "", id)
	require.NoError(t, err)
	return p
}

// capture is an operation on the first attempt of p.
func capture(p *core.Payment, key string, amount int64) *core.Operation {
	at := moment()
	return &core.Operation{PaymentID: p.ID, AttemptID: p.Attempts[0].ID, State: core.OpSent, UpdatedAt: at,
		Op: core.Op{ID: newID("op_"), Kind: core.OpCapture, Reference: p.Attempts[0].Reference, Key: key, Ordinal: 1, Try: 1,
			Amount: core.Money{Minor: amount, Currency: p.Amount.Currency}, CreatedAt: at, Deadline: at.Add(time.Minute)}}
}

// reserve is the change that sets amount of p aside for a new capture.
func reserve(p *core.Payment, o *core.Operation) *core.Change {
	p.Operations = append(p.Operations, o)
	p.Apply("", "", nil, o.CreatedAt) // settles
	p.Version++
	return &core.Change{Payment: p, ReserveCapture: o.Amount.Minor, NewOperations: []*core.Operation{o}}
}

// events of p, numbered from its sequence on.
func events(p *core.Payment, kinds ...string) (out []core.Event) {
	for _, k := range kinds {
		p.Sequence++
		out = append(out, core.Event{ID: newID("evt_"), MerchantID: p.MerchantID, PaymentID: p.ID, Sequence: p.Sequence, Type: k,
			Body: fmt.Appendf(nil, "{\"type\":%q, \"token\":\"\x01\"}", k), CreatedAt: p.UpdatedAt})
	}
	return out
}

// wantError checks kind and code of a *core.Error.
func wantError(t *testing.T, err error, kind core.Kind, code string) {
	t.Helper()
	var e *core.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind, "%v", err)
	require.Equal(t, code, e.Code, "%v", err)
}

// counter hands out numbers to concurrent callers.
type counter struct{ n atomic.Int64 }

func (c *counter) next() int64 { return c.n.Add(1) }
