package storage

import (
	"context"
	"encoding/json"

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
	res := t.db.Model(&inboxItem{}).Where("id = ?", item.ID).Updates(map[string]any{
		"state": string(item.State), "note": text(item.Note), "merchant_id": item.Place.MerchantID, "payment_id": item.Place.PaymentID,
		"attempt_id": item.Place.AttemptID, "tries": item.Tries, "applied_at": moment{item.AppliedAt},
	})
	return t.one("SaveInbox", "feedback", res)
}

// Feedback is one item of the inbox; an empty merchant is for operators and the program.
func (r *reader) Feedback(ctx context.Context, merchant, id string) (*core.InboxItem, error) {
	var row inboxItem
	if err := equal(r.on(ctx), "merchant_id", merchant).Where("id = ?", id).Take(&row).Error; err != nil {
		return nil, r.fail("Feedback", "feedback", err)
	}
	return row.core(), nil
}

// Inbox lists items, newest first.
func (r *reader) Inbox(ctx context.Context, q core.InboxQuery) ([]*core.InboxItem, error) {
	find := equal(r.on(ctx), "merchant_id", q.Merchant, "payment_id", q.Payment, "account", q.Account, "state", string(q.State))
	if q.State != "" && q.State != core.InboxApplied {
		find = find.Where("state <> 'applied'") // says to the planner that the index of open items will do
	}
	var rows []inboxItem
	if err := newest(find, q.Page).Find(&rows).Error; err != nil {
		return nil, r.fail("Inbox", "feedback", err)
	}
	out := make([]*core.InboxItem, len(rows))
	for i := range rows {
		out[i] = rows[i].core()
	}
	return out, nil
}
