package storage

import (
	"context"
	"time"

	"github.com/paymux/paymux/core"
	"gorm.io/gorm"
)

// endpoint is a row of webhook_endpoints. Keys are sealed by core.
type endpoint struct {
	ID           string `gorm:"primaryKey"`
	MerchantID   string
	URL          text
	Types        doc[[]string]
	Status       string
	Reason       string
	Keys         []byte
	Description  text
	Metadata     doc[map[string]string]
	FailingSince moment
	Version      int64
	CreatedAt    moment
	UpdatedAt    moment
}

func (endpoint) TableName() string { return "webhook_endpoints" }

func endpointRow(e *core.WebhookEndpoint) *endpoint {
	return &endpoint{ID: e.ID, MerchantID: e.MerchantID, URL: text(e.URL), Types: doc[[]string]{e.Types}, Status: string(e.Status), Reason: e.Reason, Keys: e.Keys,
		Description: text(e.Description), Metadata: doc[map[string]string]{e.Metadata}, FailingSince: moment{e.FailingSince}, Version: e.Version,
		CreatedAt: moment{e.CreatedAt}, UpdatedAt: moment{e.UpdatedAt}}
}

func (r *endpoint) core() *core.WebhookEndpoint {
	return &core.WebhookEndpoint{ID: r.ID, MerchantID: r.MerchantID, URL: string(r.URL), Types: r.Types.V, Status: core.EndpointStatus(r.Status), Reason: r.Reason,
		Keys: r.Keys, Description: string(r.Description), Metadata: r.Metadata.V, FailingSince: r.FailingSince.Time, Version: r.Version,
		CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time}
}

// WebhookEndpoint is an endpoint; an empty merchant is for the program itself.
func (r *reader) WebhookEndpoint(ctx context.Context, merchant, id string) (*core.WebhookEndpoint, error) {
	var row endpoint
	if err := equal(r.on(ctx), "merchant_id", merchant).Where("id = ?", id).Take(&row).Error; err != nil {
		return nil, r.fail("WebhookEndpoint", "webhook endpoint", err)
	}
	return row.core(), nil
}

// WebhookEndpoints lists a merchant's endpoints, newest first. It is part of every change that has events, so it is
// written out, past gorm.
func (r *reader) WebhookEndpoints(ctx context.Context, merchant string, p core.Page) ([]*core.WebhookEndpoint, error) {
	where, args := "WHERE merchant_id = $1", []any{text(merchant)}
	if p.Before != "" {
		where, args = where+" AND id < $2", append(args, text(p.Before))
	}
	db := r.on(ctx)
	rows, err := selected[endpoint](db.Statement.Context, db, where+limited(" ORDER BY id DESC", p), args...)
	if err != nil {
		return nil, r.fail("WebhookEndpoints", "webhook endpoint", err)
	}
	out := make([]*core.WebhookEndpoint, len(rows))
	for i := range rows {
		out[i] = rows[i].core()
	}
	return out, nil
}

// InsertWebhookEndpoint stores a new endpoint of a merchant who has fewer than most. On Postgres the merchant's row is
// locked meanwhile, so that two instances do not both take the last place.
func (t *tx) InsertWebhookEndpoint(e *core.WebhookEndpoint, most int) error {
	if t.lock {
		if err := t.db.Exec("SELECT id FROM merchants WHERE id = ? FOR UPDATE", e.MerchantID).Error; err != nil {
			return t.fail("InsertWebhookEndpoint", "merchant", err)
		}
	}
	var have int64
	if err := t.db.Model(&endpoint{}).Where("merchant_id = ?", e.MerchantID).Count(&have).Error; err != nil {
		return t.fail("InsertWebhookEndpoint", "webhook endpoint", err)
	}
	if have >= int64(most) {
		return conflict("InsertWebhookEndpoint", "limit_reached", "the merchant has as many webhook endpoints as he may have; delete one first")
	}
	res := t.db.Clauses(ignore).Create(endpointRow(e))
	if res.Error == nil && res.RowsAffected == 0 {
		return t.addressTaken("InsertWebhookEndpoint", e)
	}
	return t.fail("InsertWebhookEndpoint", "webhook endpoint", res.Error)
}

// UpdateWebhookEndpoint stores a change of an endpoint whose version is one higher than the stored one.
func (t *tx) UpdateWebhookEndpoint(e *core.WebhookEndpoint) error {
	const op = "UpdateWebhookEndpoint"
	var others []endpoint // a taken address would end a transaction of Postgres
	if err := t.db.Select("id").Where("merchant_id = ? AND url = ? AND id <> ?", e.MerchantID, text(e.URL), e.ID).Limit(1).Find(&others).Error; err != nil {
		return t.fail(op, "webhook endpoint", err)
	}
	if len(others) > 0 {
		return taken(op, others[0].ID)
	}
	row := endpointRow(e)
	res := t.db.Model(&endpoint{}).Where("id = ? AND merchant_id = ? AND version = ?", e.ID, e.MerchantID, e.Version-1).Updates(map[string]any{
		"url": row.URL, "types": row.Types, "status": row.Status, "reason": row.Reason, "keys": row.Keys, "description": row.Description,
		"metadata": row.Metadata, "failing_since": row.FailingSince, "version": row.Version, "updated_at": row.UpdatedAt,
	})
	if res.Error == nil && res.RowsAffected == 0 {
		return conflict(op, "version_conflict", "the webhook endpoint was changed meanwhile")
	}
	return t.fail(op, "webhook endpoint", res.Error)
}

func (t *tx) addressTaken(op string, e *core.WebhookEndpoint) error {
	var other endpoint
	if err := t.db.Select("id").Where("merchant_id = ? AND url = ?", e.MerchantID, text(e.URL)).Take(&other).Error; err != nil {
		return t.fail(op, "webhook endpoint", err)
	}
	return taken(op, other.ID)
}

func taken(op, id string) error {
	return &core.Error{Kind: core.Invalid, Op: "storage." + op, Code: "url_invalid", Pointer: "/url", Object: id, Message: "another webhook endpoint has this address already"}
}

// DeleteWebhookEndpoint forgets an endpoint; NotFound when the merchant has no such one.
func (t *tx) DeleteWebhookEndpoint(merchant, id string) error {
	return t.one("DeleteWebhookEndpoint", "webhook endpoint", t.db.Where("merchant_id = ? AND id = ?", merchant, id).Delete(&endpoint{}))
}

// MarkEndpoint notes since when an endpoint does nothing but fail; zero: it works. Nothing is written when that is
// known, and its version stays: it is no change that anybody asked for.
func (t *tx) MarkEndpoint(e *core.WebhookEndpoint, failingSince time.Time) error {
	find := t.db.Model(&endpoint{}).Where("id = ? AND url = ?", e.ID, text(e.URL))
	if failingSince.IsZero() {
		find = find.Where("failing_since IS NOT NULL")
	} else {
		find = find.Where("failing_since IS NULL")
	}
	return t.fail("MarkEndpoint", "webhook endpoint", find.Updates(map[string]any{"failing_since": moment{failingSince}}).Error)
}

// DisableEndpoint disables an endpoint that is enabled; false when it was not.
func (t *tx) DisableEndpoint(e *core.WebhookEndpoint, reason string, at time.Time) (bool, error) {
	res := t.db.Model(&endpoint{}).Where("id = ? AND url = ? AND status = ?", e.ID, text(e.URL), string(core.EndpointEnabled)).Updates(map[string]any{
		"status": string(core.EndpointDisabled), "reason": reason, "version": gorm.Expr("version + 1"), "updated_at": moment{at},
	})
	return res.RowsAffected == 1, t.fail("DisableEndpoint", "webhook endpoint", res.Error)
}
