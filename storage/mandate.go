package storage

import (
	"context"

	"github.com/paymux/paymux/core"
)

// mandate is a row of mandates.
type mandate struct {
	ID         string `gorm:"primaryKey"`
	MerchantID string
	Account    string
	Provider   string
	Kind       string
	Recurring  doc[*core.Recurring]
	Status     string
	Method     doc[core.Method]
	Display    text
	Refs       doc[core.Refs]
	Memo       doc[core.Refs]
	PaymentID  string
	AttemptID  string
	Reference  text

	MerchantReference text
	Metadata          doc[map[string]string]
	Next              doc[*core.NextAction]
	Change            doc[*core.MandateChange]
	LastError         doc[*core.Failure]
	NeedsReview       bool

	Version   int64
	CreatedAt moment
	UpdatedAt moment
}

func (mandate) TableName() string { return "mandates" }

func mandateRow(m *core.Mandate) *mandate {
	return &mandate{
		ID: m.ID, MerchantID: m.MerchantID, Account: m.Account, Provider: m.Provider, Kind: string(m.Kind), Recurring: doc[*core.Recurring]{m.Recurring}, Status: string(m.Status), Method: doc[core.Method]{m.Method},
		Display: text(m.Display), Refs: doc[core.Refs]{m.Refs}, Memo: doc[core.Refs]{m.Memo}, PaymentID: m.PaymentID, AttemptID: m.AttemptID,
		Reference: text(m.Reference), MerchantReference: text(m.MerchantReference), Metadata: doc[map[string]string]{m.Metadata}, Next: doc[*core.NextAction]{m.Next},
		Change: doc[*core.MandateChange]{m.Change}, LastError: doc[*core.Failure]{m.LastError}, NeedsReview: m.NeedsReview, Version: m.Version + 1, CreatedAt: moment{m.CreatedAt}, UpdatedAt: moment{m.UpdatedAt},
	}
}

func (r *mandate) core() *core.Mandate {
	return &core.Mandate{
		ID: r.ID, MerchantID: r.MerchantID, Account: r.Account, Provider: r.Provider, Kind: core.SaveKind(r.Kind), Recurring: r.Recurring.V, Status: core.MandateStatus(r.Status), Method: r.Method.V,
		Display: string(r.Display), Refs: r.Refs.V, Memo: r.Memo.V, PaymentID: r.PaymentID, AttemptID: r.AttemptID, Reference: string(r.Reference),
		MerchantReference: string(r.MerchantReference), Metadata: r.Metadata.V, Next: r.Next.V, Change: r.Change.V, LastError: r.LastError.V, NeedsReview: r.NeedsReview,
		Version: r.Version, CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time,
	}
}

// Mandate is a mandate; an empty merchant is for the program itself.
func (r *reader) Mandate(ctx context.Context, merchant, id string) (*core.Mandate, error) {
	var row mandate
	if err := equal(r.on(ctx).Where("id = ?", text(id)), "merchant_id", merchant).Take(&row).Error; err != nil {
		return nil, r.fail("Mandate", "mandate", err)
	}
	return row.core(), nil
}

// Mandates lists a merchant's mandates, newest first, in one status unless it is empty.
func (r *reader) Mandates(ctx context.Context, merchant string, status core.MandateStatus, p core.Page) ([]*core.Mandate, error) {
	var rows []mandate
	if err := newest(equal(r.on(ctx).Where("merchant_id = ?", merchant), "status", string(status)), p).Find(&rows).Error; err != nil {
		return nil, r.fail("Mandates", "mandate", err)
	}
	out := make([]*core.Mandate, len(rows))
	for i := range rows {
		out[i] = rows[i].core()
	}
	return out, nil
}

// WriteMandate inserts a mandate with Version 0, else updates it by its version; either way the stored version is one
// higher, and m itself is left alone, since a job may run twice. A taken id or a changed version is a Conflict.
func (t *tx) WriteMandate(m *core.Mandate) error {
	row := mandateRow(m)
	if m.Version == 0 {
		res := t.db.Clauses(ignore).Create(row)
		if res.Error == nil && res.RowsAffected == 0 {
			return conflict("WriteMandate", "version_conflict", "the mandate exists already")
		}
		return t.fail("WriteMandate", "mandate", res.Error)
	}
	res := t.db.Model(&mandate{}).Where("id = ? AND merchant_id = ? AND version = ?", m.ID, m.MerchantID, m.Version).Updates(map[string]any{
		"account": row.Account, "provider": row.Provider, "status": row.Status, "method": row.Method, "display": row.Display, "refs": row.Refs, "memo": row.Memo,
		"attempt_id": row.AttemptID, "reference": row.Reference, "recurring": row.Recurring, "metadata": row.Metadata, "next": row.Next, "change": row.Change,
		"last_error": row.LastError, "needs_review": row.NeedsReview, "version": row.Version, "updated_at": row.UpdatedAt,
	})
	if res.Error == nil && res.RowsAffected == 0 {
		return conflict("WriteMandate", "version_conflict", "the mandate was changed meanwhile")
	}
	return t.fail("WriteMandate", "mandate", res.Error)
}
