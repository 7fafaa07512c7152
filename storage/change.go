package storage

import (
	"context"

	"github.com/paymux/paymux/core"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// ignore makes an insert of a key that is taken an insert of no row: a failed one would end a transaction of Postgres.
var ignore = clause.OnConflict{DoNothing: true}

// Write stores a change of a payment: its row first, which decides whether the rest may follow.
func (t *tx) Write(c *core.Change) error {
	steps := []func(*core.Change) error{t.writePayment, t.writeAttempts, t.writeOperations, t.writeLedger, t.writeRefs}
	for _, step := range steps {
		if err := step(c); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) writePayment(c *core.Change) error {
	if c.New {
		return t.insertPayment(c)
	}
	row := paymentRow(c)
	where, args := "id = ? AND version = ?", []any{row.ID, row.Version - 1}
	if c.ReserveCapture > 0 {
		where, args = where+" AND capturable >= ?", append(args, c.ReserveCapture)
	}
	if c.ReserveRefund > 0 {
		where, args = where+" AND refundable >= ?", append(args, c.ReserveRefund)
	}
	rows, err := t.update("payments", row.changeable(), where, args...)
	switch {
	case err != nil && causeOf(err) == causeCheck && (c.ReserveCapture > 0 || c.ReserveRefund > 0):
		return exceeds()
	case err != nil:
		return t.fail("Write", "payment", err)
	case rows == 0:
		return t.whyNot(row)
	}
	return nil
}

func (t *tx) insertPayment(c *core.Change) error {
	res := t.db.Clauses(ignore).Create(paymentRow(c))
	if res.Error != nil {
		return t.fail("Write", "payment", res.Error)
	}
	if res.RowsAffected == 0 {
		return conflict("Write", "reference_exists", "the merchant has a payment with this reference already")
	}
	return nil
}

// whyNot tells a payment that was changed meanwhile from one that has too little left.
func (t *tx) whyNot(row *payment) error {
	var now payment
	if err := t.db.Select("version").Where("id = ?", row.ID).Take(&now).Error; err != nil {
		return t.fail("Write", "payment", err)
	}
	if now.Version != row.Version-1 {
		return conflict("Write", "version_conflict", "the payment was changed meanwhile")
	}
	return exceeds()
}

func exceeds() error {
	return &core.Error{Kind: core.Invalid, Op: "storage.Write", Code: "amount_exceeds_remaining", Pointer: "/amount", Message: "less than that is left"}
}

func (t *tx) writeAttempts(c *core.Change) error {
	for _, a := range c.NewAttempts {
		res := t.db.Clauses(ignore).Create(attemptRow(a))
		if res.Error != nil {
			return t.fail("Write", "attempt", res.Error)
		}
		if res.RowsAffected == 0 {
			return conflict("Write", "version_conflict", "the payment has this attempt already")
		}
	}
	for _, a := range c.Attempts {
		rows, err := t.update("attempts", attemptRow(a).changeable(), "id = ? AND payment_id = ?", a.ID, c.Payment.ID)
		if err := t.oneRow("Write", "attempt", rows, err); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) writeOperations(c *core.Change) error {
	for _, o := range c.Operations { // first: one that is decided makes room for the next
		rows, err := t.update("operations", operationRow(o).changeable(), "id = ? AND payment_id = ?", o.ID, c.Payment.ID)
		if err != nil && causeOf(err) == causeDuplicate {
			return conflict("Write", "operation_in_progress", "another operation of this attempt is still running")
		}
		if err := t.oneRow("Write", "operation", rows, err); err != nil {
			return err
		}
	}
	for _, o := range c.NewOperations {
		res := t.db.Clauses(ignore).Create(operationRow(o))
		if res.Error != nil {
			return t.fail("Write", "operation", res.Error)
		}
		if res.RowsAffected == 0 {
			return t.inTheWay(o)
		}
	}
	return nil
}

// inTheWay tells which of the unique keys of operations refused o.
func (t *tx) inTheWay(o *core.Operation) error {
	var others []operation
	if err := t.db.Select("id", "attempt_id", "kind", "state", "own_reference", "has_next").Where("payment_id = ?", o.PaymentID).Find(&others).Error; err != nil {
		return t.fail("Write", "operation", err)
	}
	for _, other := range others {
		if o.OwnReference != "" && other.Kind == string(o.Kind) && string(other.OwnReference) == clean(o.OwnReference) {
			return conflict("Write", "reference_exists", "the payment has one with this reference already")
		}
	}
	for _, other := range others {
		if other.AttemptID != o.AttemptID || other.HasNext {
			continue
		}
		switch core.OpState(other.State) {
		case core.OpUnknown:
			return conflict("Write", "previous_operation_unresolved", "the outcome of an earlier operation is not known yet")
		case core.OpSent:
			return conflict("Write", "operation_in_progress", "another operation of this attempt is still running")
		}
	}
	return conflict("Write", "version_conflict", "the payment has this operation already")
}

// one makes sure that an update met exactly one row.
func (t *tx) one(op, what string, res *gorm.DB) error {
	return t.oneRow(op, what, res.RowsAffected, res.Error)
}

func (t *tx) oneRow(op, what string, rows int64, err error) error {
	if err == nil && rows != 1 {
		return wrap(op, what, gorm.ErrRecordNotFound)
	}
	return t.fail(op, what, err)
}

// writeLedger inserts facts, evidence and events. Their keys are new by construction, so a taken one is a defect.
func (t *tx) writeLedger(c *core.Change) error {
	if len(c.Evidence) > 0 {
		rows := make([]evidence, len(c.Evidence))
		for i := range c.Evidence {
			rows[i] = evidenceRow(&c.Evidence[i])
		}
		if err := t.db.Create(&rows).Error; err != nil {
			return t.fail("Write", "evidence", err)
		}
	}
	if len(c.Facts) > 0 {
		rows := make([]fact, len(c.Facts))
		for i := range c.Facts {
			rows[i] = factRow(c.Payment.ID, &c.Facts[i])
		}
		if err := t.db.Create(&rows).Error; err != nil {
			return t.fail("Write", "fact", err)
		}
	}
	if len(c.Events) > 0 {
		rows := make([]event, len(c.Events))
		for i := range c.Events {
			rows[i] = eventRow(&c.Events[i])
		}
		if err := t.db.Create(&rows).Error; err != nil {
			return t.fail("Write", "event", err)
		}
	}
	return nil
}

// writeRefs inserts lookups. One that leads to another attempt is a Conflict with code ref_taken: feedback must never
// reach a stranger's payment.
func (t *tx) writeRefs(c *core.Change) error {
	for _, f := range c.Refs {
		row := ref{Account: f.Account, Kind: f.Kind, Value: text(f.Value), MerchantID: f.MerchantID, PaymentID: f.PaymentID, AttemptID: f.AttemptID}
		res := t.db.Clauses(ignore).Create(&row)
		if res.Error != nil {
			return t.fail("Write", "reference", res.Error)
		}
		if res.RowsAffected == 1 {
			continue
		}
		place, err := t.Locate(context.Background(), f.Account, []core.Ref{f.Ref})
		if err != nil {
			return err
		}
		if place != f.Place {
			return conflict("Write", "ref_taken", "the provider's reference belongs to another attempt")
		}
	}
	return nil
}
