package storage

import (
	"context"
	"strconv"
	"time"

	"github.com/paymux/paymux/core"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// delivery is a row of deliveries.
type delivery struct {
	ID         string `gorm:"primaryKey"`
	MerchantID string
	EndpointID string
	EventID    string
	PaymentID  string
	Type       string
	State      string
	Sent       int
	Earlier    int
	Asked      int
	Failure    string
	NextAt     moment
	CreatedAt  moment
	UpdatedAt  moment
}

func (delivery) TableName() string { return "deliveries" }

func deliveryRow(d *core.Delivery) delivery {
	return delivery{ID: d.ID, MerchantID: d.MerchantID, EndpointID: d.EndpointID, EventID: d.EventID, PaymentID: d.PaymentID, Type: d.Type, State: string(d.State),
		Sent: d.Sent, Earlier: d.Earlier, Asked: d.Asked, Failure: d.Failure, NextAt: moment{d.NextAt}, CreatedAt: moment{d.CreatedAt}, UpdatedAt: moment{d.UpdatedAt}}
}

func (r *delivery) core() *core.Delivery {
	return &core.Delivery{ID: r.ID, MerchantID: r.MerchantID, EndpointID: r.EndpointID, EventID: r.EventID, PaymentID: r.PaymentID, Type: r.Type,
		State: core.DeliveryState(r.State), Sent: r.Sent, Earlier: r.Earlier, Asked: r.Asked, Failure: r.Failure, NextAt: r.NextAt.Time, CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time}
}

// deliveryTry is a row of delivery_tries, inserted and never changed.
type deliveryTry struct {
	DeliveryID string `gorm:"primaryKey"`
	Number     int    `gorm:"primaryKey;autoIncrement:false"`
	At         moment
	DurationUs int64
	Status     int
	Failure    string
	Answer     text
}

func (deliveryTry) TableName() string { return "delivery_tries" }

func (r *deliveryTry) core() core.DeliveryTry {
	return core.DeliveryTry{DeliveryID: r.DeliveryID, Number: r.Number, At: r.At.Time, Duration: time.Duration(r.DurationUs) * time.Microsecond, Status: r.Status,
		Failure: r.Failure, Answer: string(r.Answer)}
}

// Delivery is one delivery without its tries.
func (r *reader) Delivery(ctx context.Context, id string) (*core.Delivery, error) {
	db := r.on(ctx)
	rows, err := selected[delivery](db.Statement.Context, db, "WHERE id = $1", id)
	if err == nil && len(rows) == 0 {
		err = gorm.ErrRecordNotFound
	}
	if err != nil {
		return nil, r.fail("Delivery", "delivery", err)
	}
	return rows[0].core(), nil
}

// Deliveries lists deliveries of a merchant, newest first, with their tries.
func (r *reader) Deliveries(ctx context.Context, merchant string, q core.DeliveryQuery) ([]*core.Delivery, error) {
	var out []*core.Delivery
	err := r.snapshot(ctx, func(db *gorm.DB) error {
		find := equal(db.Where("merchant_id = ?", merchant), "endpoint_id", q.Endpoint, "event_id", q.Event, "state", string(q.State))
		if q.State != "" && q.State != core.DeliverySucceeded {
			find = find.Where("state <> 'succeeded'") // says to the planner that the index of these will do
		}
		var rows []delivery
		if err := newest(find, q.Page).Find(&rows).Error; err != nil || len(rows) == 0 {
			return err
		}
		byID, ids := make(map[string]*core.Delivery, len(rows)), make([]string, len(rows))
		for i := range rows {
			d := rows[i].core()
			out, byID[d.ID], ids[i] = append(out, d), d, d.ID
		}
		var tries []deliveryTry
		err := db.Where("delivery_id IN ?", ids).Order("delivery_id, number").Find(&tries).Error
		for i := range tries {
			d := byID[tries[i].DeliveryID]
			d.Tries = append(d.Tries, tries[i].core())
		}
		return err
	})
	if err != nil {
		return nil, r.fail("Deliveries", "delivery", err)
	}
	return out, nil
}

// tried is a try as the history of its payment tells it.
type tried struct {
	Try        deliveryTry `gorm:"embedded"`
	EndpointID string
	EventID    string
	Type       string
}

// triesOf goes from event to event and stops when there are enough: it sorts nothing but the tries of one delivery.
const triesOf = `SELECT t.delivery_id, t.number, t.at, t.duration_us, t.status, t.failure, d.endpoint_id, d.event_id, d.type
	FROM events e JOIN deliveries d ON d.event_id = e.id JOIN delivery_tries t ON t.delivery_id = d.id
	WHERE e.payment_id = ? ORDER BY e.sequence DESC, d.id DESC, t.number DESC LIMIT ?`

// Tries lists the tries of a payment's events without what was answered, those of the latest event first.
func (r *reader) Tries(ctx context.Context, paymentID string, limit int) ([]core.EventTry, error) {
	var rows []tried
	if err := r.on(ctx).Raw(triesOf, text(paymentID), size(core.Page{Limit: limit})).Scan(&rows).Error; err != nil {
		return nil, r.fail("Tries", "try", err)
	}
	out := make([]core.EventTry, len(rows))
	for i := range rows {
		out[i] = core.EventTry{EventID: rows[i].EventID, Type: rows[i].Type, EndpointID: rows[i].EndpointID, DeliveryTry: rows[i].Try.core()}
	}
	return out, nil
}

// EventsAfter lists a merchant's events of a time, the oldest first.
func (r *reader) EventsAfter(ctx context.Context, merchant string, q core.EventSpan) ([]core.Event, error) {
	find := r.on(ctx).Where("merchant_id = ? AND (created_at, id) > (?, ?)", merchant, moment{q.From}, q.After).Where("created_at <= ?", moment{q.To})
	if len(q.Types) > 0 {
		find = find.Where("type IN ?", q.Types)
	}
	var rows []event
	if err := find.Order("created_at, id").Limit(size(core.Page{Limit: q.Limit})).Find(&rows).Error; err != nil {
		return nil, r.fail("EventsAfter", "event", err)
	}
	out := make([]core.Event, len(rows))
	for i := range rows {
		out[i] = rows[i].core()
	}
	return out, nil
}

// InsertDeliveries stores new deliveries.
func (t *tx) InsertDeliveries(list []*core.Delivery) error {
	rows := make([]delivery, len(list))
	for i, d := range list {
		rows[i] = deliveryRow(d)
	}
	return t.fail("InsertDeliveries", "delivery", t.db.Create(&rows).Error)
}

// Redeliver makes the delivery of an event to an endpoint due as if for the first time, or inserts d; the id is that of
// the one there is.
func (t *tx) Redeliver(d *core.Delivery) (id string, err error) {
	row := deliveryRow(d)
	res := t.db.Clauses(ignore).Create(&row)
	if res.Error != nil || res.RowsAffected == 1 {
		return d.ID, t.fail("Redeliver", "delivery", res.Error)
	}
	var there delivery
	if err := t.locked().Where("endpoint_id = ? AND event_id = ?", d.EndpointID, d.EventID).Take(&there).Error; err != nil {
		return "", t.fail("Redeliver", "delivery", err)
	}
	res = t.db.Model(&delivery{}).Where("id = ?", there.ID).Updates(map[string]any{
		"state": string(core.DeliveryPending), "earlier": gorm.Expr("sent"), "asked": gorm.Expr("asked + 1"), "failure": "", "next_at": moment{d.NextAt}, "updated_at": moment{d.UpdatedAt},
	})
	return there.ID, t.one("Redeliver", "delivery", res)
}

// SaveDelivery stores how a delivery stands and the try that brought it there. One that was asked for again since it
// was read stays as it is, but for the try, which was one of those before.
func (t *tx) SaveDelivery(d *core.Delivery, try *core.DeliveryTry) (current bool, err error) {
	var there delivery
	if err := t.locked().Where("id = ?", d.ID).Take(&there).Error; err != nil {
		return false, t.fail("SaveDelivery", "delivery", err)
	}
	change := map[string]any{}
	if current = there.Asked == d.Asked && there.State == string(core.DeliveryPending); current {
		change = map[string]any{"state": string(d.State), "failure": d.Failure, "next_at": moment{d.NextAt}, "updated_at": moment{d.UpdatedAt}}
	}
	if try != nil {
		try.Number = there.Sent + 1
		change["sent"] = try.Number
		if !current {
			change["earlier"] = there.Earlier + 1
		}
		row := deliveryTry{DeliveryID: d.ID, Number: try.Number, At: moment{try.At}, DurationUs: try.Duration.Microseconds(), Status: try.Status, Failure: try.Failure, Answer: text(try.Answer)}
		if err := t.db.Create(&row).Error; err != nil {
			return false, t.fail("SaveDelivery", "try", err)
		}
	}
	if len(change) == 0 {
		return current, nil
	}
	return current, t.one("SaveDelivery", "delivery", t.db.Model(&delivery{}).Where("id = ?", d.ID).Updates(change))
}

// locked keeps what is read from being changed by others until the transaction ends.
func (t *tx) locked() *gorm.DB {
	if t.lock {
		return t.db.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate})
	}
	return t.db
}

// limited is an order and the size of a page, for statements that are written out.
func limited(order string, p core.Page) string { return order + " LIMIT " + strconv.Itoa(size(p)) }
