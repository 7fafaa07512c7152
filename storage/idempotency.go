package storage

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/paymux/paymux/core"
	"gorm.io/gorm"
)

// idempotency is a row of idempotency: the claim of a key and the answer that was given.
type idempotency struct {
	MerchantID   string `gorm:"primaryKey"`
	Route        text   `gorm:"primaryKey"`
	Key          text   `gorm:"primaryKey"`
	Fingerprint  string
	PaymentID    string
	OperationID  string
	Done         bool
	LeaseUntil   moment
	AnswerStatus int
	AnswerKind   string
	Snapshot     raw
	CreatedAt    moment
}

func (idempotency) TableName() string { return "idempotency" }

func (r *idempotency) core() *core.IdempotencyRecord {
	return &core.IdempotencyRecord{
		IdempotencyScope: core.IdempotencyScope{MerchantID: r.MerchantID, Route: string(r.Route), Key: string(r.Key)},
		Fingerprint:      r.Fingerprint, PaymentID: r.PaymentID, OperationID: r.OperationID, Done: r.Done, LeaseUntil: r.LeaseUntil.Time,
		Answer:    core.Answer{Status: r.AnswerStatus, Kind: r.AnswerKind, Snapshot: json.RawMessage(r.Snapshot)},
		CreatedAt: r.CreatedAt.Time,
	}
}

func scoped(db *gorm.DB, s core.IdempotencyScope) *gorm.DB {
	return db.Where("merchant_id = ? AND route = ? AND key = ?", s.MerchantID, text(s.Route), text(s.Key))
}

// Idempotent is what stands for an Idempotency-Key.
func (r *reader) Idempotent(ctx context.Context, scope core.IdempotencyScope) (*core.IdempotencyRecord, error) {
	var row idempotency
	if err := scoped(r.on(ctx), scope).Take(&row).Error; err != nil {
		return nil, r.fail("Idempotent", "idempotency key", err)
	}
	return row.core(), nil
}

// Claim inserts r, or returns what stands there already.
func (t *tx) Claim(r *core.IdempotencyRecord) (existing *core.IdempotencyRecord, err error) {
	res := t.db.Clauses(ignore).Create(&idempotency{
		MerchantID: r.MerchantID, Route: text(r.Route), Key: text(r.Key), Fingerprint: r.Fingerprint, PaymentID: r.PaymentID, OperationID: r.OperationID,
		Done: r.Done, LeaseUntil: moment{r.LeaseUntil}, AnswerStatus: r.Answer.Status, AnswerKind: r.Answer.Kind, Snapshot: raw(r.Answer.Snapshot),
		CreatedAt: moment{r.CreatedAt},
	})
	if res.Error != nil {
		return nil, t.fail("Claim", "idempotency key", res.Error)
	}
	if res.RowsAffected == 1 {
		return nil, nil
	}
	var row idempotency
	if err := scoped(t.locked(), r.IdempotencyScope).Take(&row).Error; err != nil {
		return nil, t.fail("Claim", "idempotency key", err)
	}
	return row.core(), nil
}

// Finish stores the answer, or the new lease, of a record as long as it is still claimed for the same operation;
// NotFound otherwise. A final answer that is stored already stays, and r becomes what is stored.
func (t *tx) Finish(r *core.IdempotencyRecord) error {
	mine := func() *gorm.DB {
		return scoped(t.db.Model(&idempotency{}), r.IdempotencyScope).Where("operation_id = ?", r.OperationID)
	}
	res := mine().Where("NOT (done AND answer_status <> ?)", http.StatusAccepted).Updates(map[string]any{
		"done": r.Done, "lease_until": moment{r.LeaseUntil}, "answer_status": r.Answer.Status, "answer_kind": r.Answer.Kind, "snapshot": raw(r.Answer.Snapshot),
	})
	if res.Error != nil || res.RowsAffected == 1 {
		return t.one("Finish", "idempotency key", res)
	}
	var row idempotency
	if err := mine().Take(&row).Error; err != nil {
		return t.fail("Finish", "idempotency key", err)
	}
	*r = *row.core()
	return nil
}

// Forget deletes the oldest records claimed until a time, but for those of operations that are not decided.
func (t *tx) Forget(until time.Time, most int) (forgotten int, oldest time.Time, err error) {
	res := t.db.Exec(`DELETE FROM idempotency WHERE (merchant_id, route, key) IN (SELECT merchant_id, route, key FROM idempotency
WHERE created_at <= ? AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.id = operation_id AND o.state IN (?, ?, ?)) ORDER BY created_at LIMIT ?)`,
		moment{until}, core.OpSent, core.OpUnknown, core.OpPending, most)
	if res.Error != nil {
		return 0, time.Time{}, t.fail("Forget", "idempotency key", res.Error)
	}
	var left []moment
	err = t.db.Model(&idempotency{}).Order("created_at").Limit(1).Pluck("created_at", &left).Error
	if len(left) > 0 {
		oldest = left[0].Time
	}
	return int(res.RowsAffected), oldest, t.fail("Forget", "idempotency key", err)
}

// Release forgets a claim; nothing happens when there is none.
func (t *tx) Release(scope core.IdempotencyScope) error {
	return t.fail("Release", "idempotency key", scoped(t.db, scope).Delete(&idempotency{}).Error)
}
