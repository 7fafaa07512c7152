package storage

import (
	"context"
	"encoding/json"
	"time"

	"github.com/paymux/paymux/core"
)

// inboxItem is a row of feedback. Raw keeps bytes, whatever their encoding.
type inboxItem struct {
	ID          string `gorm:"primaryKey"`
	Account     string
	DedupeKey   text
	ContentType text
	Raw         []byte
	Masked      int
	Feedback    raw
	State       string
	Note        text
	MerchantID  string
	PaymentID   string
	AttemptID   string
	Tries       int
	ReceivedAt  moment
	AppliedAt   moment
}

func (inboxItem) TableName() string { return "feedback" }

func (r *inboxItem) core() *core.InboxItem {
	return &core.InboxItem{
		ID: r.ID, Account: r.Account, DedupeKey: string(r.DedupeKey), ContentType: string(r.ContentType), Raw: r.Raw, Masked: r.Masked, Feedback: json.RawMessage(r.Feedback),
		State: core.InboxState(r.State), Note: string(r.Note), Place: core.Place{MerchantID: r.MerchantID, PaymentID: r.PaymentID, AttemptID: r.AttemptID},
		Tries: r.Tries, ReceivedAt: r.ReceivedAt.Time, AppliedAt: r.AppliedAt.Time,
	}
}

// insertFeedback is written out, past gorm: it is the one statement that comes in bursts of thousands, and half of its
// time would go into building it. Both engines number parameters like this.
const insertFeedback = `INSERT INTO feedback (id, account, dedupe_key, content_type, raw, masked, feedback, state, note, merchant_id, payment_id, attempt_id, tries, received_at, applied_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING`

// Receive inserts an item of the inbox; false when the account has one with this dedupe key.
func (t *tx) Receive(item *core.InboxItem) (inserted bool, err error) {
	bytes := item.Raw
	if bytes == nil {
		bytes = []byte{}
	}
	res, err := t.conn.ExecContext(t.conn.ctx, insertFeedback, item.ID, item.Account, text(item.DedupeKey), text(item.ContentType), bytes, item.Masked, raw(item.Feedback),
		string(item.State), text(item.Note), item.Place.MerchantID, item.Place.PaymentID, item.Place.AttemptID, item.Tries,
		moment{item.ReceivedAt}, moment{item.AppliedAt})
	if err != nil {
		return false, t.fail("Receive", "feedback", err)
	}
	n, err := res.RowsAffected()
	return n == 1, t.fail("Receive", "feedback", err)
}

// SaveInbox updates state, place, tries and note of an item; what was received stays as it was.
func (t *tx) SaveInbox(item *core.InboxItem) error {
	rows, err := t.update("feedback", map[string]any{
		"state": string(item.State), "note": text(item.Note), "merchant_id": item.Place.MerchantID, "payment_id": item.Place.PaymentID,
		"attempt_id": item.Place.AttemptID, "tries": item.Tries, "applied_at": moment{item.AppliedAt},
	}, "id = ?", item.ID)
	return t.oneRow("SaveInbox", "feedback", rows, err)
}

// Translate stores what an item says to its adapter as it is now.
func (t *tx) Translate(id string, said json.RawMessage) error {
	return t.one("Translate", "feedback", t.db.Model(&inboxItem{}).Where("id = ?", id).Updates(map[string]any{"feedback": raw(said)}))
}

// parked is a reference by which an unmatched item of the inbox may be found.
type parked struct {
	Account    string `gorm:"primaryKey"`
	Kind       string `gorm:"primaryKey"`
	Value      text   `gorm:"primaryKey"`
	FeedbackID string `gorm:"primaryKey"`
}

func (parked) TableName() string { return "parked" }

// unparkItem is a part of every creation. Both engines number parameters like this, SQLite by where they stand first.
const unparkItem = `INSERT INTO work (kind, subject, due_at, tries, fence, leased, failed)
SELECT '` + string(core.WorkApply) + `', feedback_id, CAST($1 AS BIGINT), 0, 0, FALSE, 0 FROM parked WHERE account = $2 AND kind = $3 AND value = $4
ON CONFLICT (kind, subject) DO UPDATE SET due_at = excluded.due_at, leased = FALSE WHERE work.due_at > excluded.due_at`

// Park notes by which references an unmatched item may be found, instead of those noted before.
func (t *tx) Park(id, account string, refs []core.Ref) error {
	if err := t.db.Where("feedback_id = ?", id).Delete(&parked{}).Error; err != nil || len(refs) == 0 {
		return t.fail("Park", "feedback", err)
	}
	rows := make([]parked, len(refs))
	for i, ref := range refs {
		rows[i] = parked{Account: account, Kind: ref.Kind, Value: text(ref.Value), FeedbackID: id}
	}
	return t.fail("Park", "feedback", t.db.Clauses(ignore).Create(&rows).Error)
}

// Unpark makes the unmatched items that one of refs may match due at at, and tells how many.
func (t *tx) Unpark(refs []core.RefOf, at time.Time) (items int, err error) {
	for _, ref := range refs {
		res, err := t.conn.ExecContext(t.conn.ctx, unparkItem, moment{at}, ref.Account, ref.Kind, text(ref.Value))
		if err != nil {
			return 0, t.fail("Unpark", "feedback", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, t.fail("Unpark", "feedback", err)
		}
		items += int(n)
	}
	return items, nil
}

// Feedback is one item of the inbox; an empty merchant is for operators and the program.
func (r *reader) Feedback(ctx context.Context, merchant, id string) (*core.InboxItem, error) {
	var row inboxItem
	if err := equal(r.on(ctx), "merchant_id", merchant).Where("id = ?", id).Take(&row).Error; err != nil {
		return nil, r.fail("Feedback", "feedback", err)
	}
	return row.core(), nil
}

// Inbox lists items, newest first or oldest first.
func (r *reader) Inbox(ctx context.Context, q core.InboxQuery) ([]*core.InboxItem, error) {
	find := equal(r.on(ctx), "merchant_id", q.Merchant, "payment_id", q.Payment, "account", q.Account, "state", string(q.State))
	if q.State != "" && q.State != core.InboxApplied {
		find = find.Where("state <> 'applied'") // says to the planner that the index of open items will do
	}
	from, before := q.Bounds()
	if from != "" {
		find = find.Where("id >= ?", from)
	}
	if before != "" {
		find = find.Where("id < ?", before)
	}
	if q.Oldest {
		find = find.Where("id > ?", q.Before).Order("id").Limit(size(q.Page)) // every id is greater than none
	} else {
		find = newest(find, q.Page)
	}
	var rows []inboxItem
	if err := find.Find(&rows).Error; err != nil {
		return nil, r.fail("Inbox", "feedback", err)
	}
	out := make([]*core.InboxItem, len(rows))
	for i := range rows {
		out[i] = rows[i].core()
	}
	return out, nil
}
