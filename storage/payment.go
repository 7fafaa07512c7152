package storage

import (
	"cmp"
	"context"

	"github.com/paymux/paymux/core"
	"gorm.io/gorm"
)

// Payment loads a payment with its attempts, operations and facts, as of one moment; inside Do it locks its row.
func (r *reader) Payment(ctx context.Context, merchant, id string) (*core.Payment, error) {
	var p *core.Payment
	err := r.snapshot(ctx, func(db *gorm.DB) error {
		row, err := r.locked(db, merchant, id)
		if err != nil {
			return err
		}
		p = row.core()
		return parts(db, p)
	})
	if err != nil {
		return nil, r.fail("Payment", "payment", err)
	}
	return p, nil
}

// locked reads a payment's row. In a batch it does not wait for a row that somebody else holds: the job leaves, and
// waits alone.
func (r *reader) locked(db *gorm.DB, merchant, id string) (*payment, error) {
	ctx := db.Statement.Context
	find := func(lock string) (*payment, error) {
		where, args := "WHERE id = $1", []any{id}
		if merchant != "" {
			where, args = where+" AND merchant_id = $2", append(args, text(merchant))
		}
		rows, err := selected[payment](ctx, db, where+lock, args...)
		if err != nil || len(rows) == 0 {
			return nil, cmp.Or(err, gorm.ErrRecordNotFound)
		}
		return &rows[0], nil
	}
	switch {
	case !r.lock:
		return find("")
	case r.wait:
		return find(" FOR UPDATE")
	}
	// SKIP LOCKED rather than NOWAIT: an error would end the transaction of the whole batch.
	row, err := find(" FOR UPDATE SKIP LOCKED")
	if causeOf(err) != causeMissing {
		return row, err
	}
	if _, err := find(""); err != nil {
		return nil, err
	}
	r.conn.locked = true
	return nil, errLocked
}

// parts loads what belongs to payments.
func parts(db *gorm.DB, payments ...*core.Payment) error {
	if len(payments) == 0 {
		return nil
	}
	ctx, byID, ids := db.Statement.Context, make(map[string]*core.Payment, len(payments)), make([]any, len(payments))
	facts := int64(0)
	for i, p := range payments {
		byID[p.ID], ids[i] = p, p.ID
		facts += p.FactCount
	}
	asks, err := asksOf(ctx, db, ids)
	if err != nil {
		return err
	}
	for i := range asks {
		p := byID[asks[i].Subject]
		p.CheckAt, p.Checks = asks[i].DueAt.Time, asks[i].Tries
	}
	where := "WHERE payment_id IN (" + numbered(len(ids)) + ") ORDER BY payment_id, "
	attempts, err := selected[attempt](ctx, db, where+"number", ids...)
	if err != nil {
		return err
	}
	for i := range attempts {
		p := byID[attempts[i].PaymentID]
		p.Attempts = append(p.Attempts, attempts[i].core())
	}
	operations, err := selected[operation](ctx, db, where+"created_at, id", ids...)
	if err != nil {
		return err
	}
	for i := range operations {
		p := byID[operations[i].PaymentID]
		p.Operations = append(p.Operations, operations[i].core())
	}
	if facts == 0 {
		return nil
	}
	ledger, err := selected[fact](ctx, db, where+"number", ids...)
	if err != nil {
		return err
	}
	for i := range ledger {
		p := byID[ledger[i].PaymentID]
		p.Facts = append(p.Facts, ledger[i].core())
	}
	return nil
}

// onlyPayments leaves out what sets up a mandate alone, which has the mandate's id; the indexes of lists have it so.
const onlyPayments = "id >= 'pay_'"

// Payments lists payments of a merchant, newest first. Account is that of the latest attempt. Every filter has an index
// that ends in time and id, so a page costs the same however many payments there are.
func (r *reader) Payments(ctx context.Context, merchant string, q core.PaymentQuery) ([]*core.Payment, error) {
	var out []*core.Payment
	err := r.snapshot(ctx, func(db *gorm.DB) error {
		find := equal(db.Where(onlyPayments+" AND merchant_id = ?", merchant), "status", string(q.Status), "reference", q.Reference, "account", q.Account)
		if q.Review != nil { // as the partial index has it, not as a parameter
			find = find.Where(map[bool]string{true: "needs_review", false: "NOT needs_review"}[*q.Review])
		}
		find, err := latest(db, find, "payments", merchant, span{q.From, q.To}, q.Page)
		if err != nil {
			return err
		}
		var rows []payment
		if err := find.Find(&rows).Error; err != nil {
			return err
		}
		for i := range rows {
			out = append(out, rows[i].core())
		}
		return parts(db, out...)
	})
	if err != nil {
		return nil, r.fail("Payments", "payment", err)
	}
	return out, nil
}

// PaymentID is the id of the merchant's payment with this merchant reference.
func (r *reader) PaymentID(ctx context.Context, merchant, reference string) (string, error) {
	var row payment
	err := r.on(ctx).Select("id").Where("merchant_id = ? AND reference = ?", merchant, text(reference)).Take(&row).Error
	return row.ID, r.fail("PaymentID", "payment", err)
}

// Locate finds the attempt of account that one of refs identifies, tried in their order.
func (r *reader) Locate(ctx context.Context, account string, refs []core.Ref) (core.Place, error) {
	for _, f := range refs {
		var row ref
		err := r.on(ctx).Where("account = ? AND kind = ? AND value = ?", account, f.Kind, text(f.Value)).Take(&row).Error
		if causeOf(err) == causeMissing {
			continue
		}
		return core.Place{MerchantID: row.MerchantID, PaymentID: row.PaymentID, AttemptID: row.AttemptID}, r.fail("Locate", "attempt", err)
	}
	return core.Place{}, wrap("Locate", "attempt", gorm.ErrRecordNotFound)
}

// Evidence lists what is stored about a payment, oldest first.
func (r *reader) Evidence(ctx context.Context, paymentID string) ([]core.Evidence, error) {
	var rows []evidence
	if err := r.on(ctx).Where("payment_id = ?", paymentID).Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, r.fail("Evidence", "payment", err)
	}
	out := make([]core.Evidence, len(rows))
	for i := range rows {
		out[i] = rows[i].core()
	}
	return out, nil
}
