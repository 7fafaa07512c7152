package storage

import (
	"context"

	"github.com/paymux/paymux/core"
)

// Event is one event of a merchant.
func (r *reader) Event(ctx context.Context, merchant, id string) (core.Event, error) {
	var row event
	if err := r.on(ctx).Where("merchant_id = ? AND id = ?", merchant, id).Take(&row).Error; err != nil {
		return core.Event{}, r.fail("Event", "event", err)
	}
	return row.core(), nil
}

// Tell stores an event that is about no payment; false when there is one with its id.
func (t *tx) Tell(e core.Event) (told bool, err error) {
	row := eventRow(&e)
	res := t.db.Clauses(ignore).Create(&row)
	return res.RowsAffected == 1, t.fail("Tell", "event", res.Error)
}

// Events lists events of a merchant, newest first.
func (r *reader) Events(ctx context.Context, merchant string, q core.EventQuery) ([]core.Event, error) {
	db := r.on(ctx)
	find := equal(db.Where("merchant_id = ?", merchant), "payment_id", q.Payment, "type", q.Type)
	find, err := latest(db, find, "events", merchant, span{q.From, q.To}, q.Page)
	if err != nil {
		return nil, r.fail("Events", "event", err)
	}
	var rows []event
	if err := find.Find(&rows).Error; err != nil {
		return nil, r.fail("Events", "event", err)
	}
	out := make([]core.Event, len(rows))
	for i := range rows {
		out[i] = rows[i].core()
	}
	return out, nil
}
