package storage

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/paymux/paymux/core"
)

// merchant is a row of merchants.
type merchant struct {
	ID        string `gorm:"primaryKey"`
	CreatedAt moment
}

func (merchant) TableName() string { return "merchants" }

// account is a row of accounts.
type account struct {
	Name      string `gorm:"primaryKey"`
	Provider  string
	Salt      []byte
	CreatedAt moment
}

func (account) TableName() string { return "accounts" }

// apiKey is a row of api_keys.
type apiKey struct {
	ID         string `gorm:"primaryKey"`
	MerchantID string
	Scope      string
	Hash       []byte
	CreatedAt  moment
	ExpiresAt  moment
	RevokedAt  moment
	LastUsedAt moment
}

func (apiKey) TableName() string { return "api_keys" }

func (r *apiKey) core() core.APIKey {
	return core.APIKey{ID: r.ID, MerchantID: r.MerchantID, Scope: core.Scope(r.Scope), Hash: r.Hash, CreatedAt: r.CreatedAt.Time,
		ExpiresAt: r.ExpiresAt.Time, RevokedAt: r.RevokedAt.Time, LastUsedAt: r.LastUsedAt.Time}
}

// InsertMerchant makes a merchant known; nothing happens when it is.
func (t *tx) InsertMerchant(id string, at time.Time) error {
	return t.fail("InsertMerchant", "merchant", t.db.Clauses(ignore).Create(&merchant{ID: id, CreatedAt: moment{at}}).Error)
}

// InsertAccount keeps an account with its salt; nothing happens when it is kept already, so the salt never changes.
func (t *tx) InsertAccount(a core.AccountRow) error {
	row := &account{Name: a.Name, Provider: a.Provider, Salt: a.Salt, CreatedAt: moment{a.CreatedAt}}
	return t.fail("InsertAccount", "account", t.db.Clauses(ignore).Create(row).Error)
}

// AccountRow is what is kept about a configured account.
func (r *reader) AccountRow(ctx context.Context, name string) (core.AccountRow, error) {
	var row account
	if err := r.on(ctx).Where("name = ?", name).Take(&row).Error; err != nil {
		return core.AccountRow{}, r.fail("AccountRow", "account", err)
	}
	return core.AccountRow{Name: row.Name, Provider: row.Provider, Salt: row.Salt, CreatedAt: row.CreatedAt.Time}, nil
}

// APIKey finds a key by the public part of its text.
func (r *reader) APIKey(ctx context.Context, id string) (core.APIKey, error) {
	var row apiKey
	if err := r.on(ctx).Where("id = ?", text(id)).Take(&row).Error; err != nil {
		return core.APIKey{}, r.fail("APIKey", "API key", err)
	}
	return row.core(), nil
}

// APIKeys lists all keys, oldest first.
func (r *reader) APIKeys(ctx context.Context) ([]core.APIKey, error) {
	var rows []apiKey
	if err := r.on(ctx).Order("id").Find(&rows).Error; err != nil {
		return nil, r.fail("APIKeys", "API key", err)
	}
	out := make([]core.APIKey, len(rows))
	for i := range rows {
		out[i] = rows[i].core()
	}
	return out, nil
}

// InsertAPIKey keeps a key; a taken id is a Conflict.
func (t *tx) InsertAPIKey(k core.APIKey) error {
	res := t.db.Clauses(ignore).Create(&apiKey{ID: k.ID, MerchantID: k.MerchantID, Scope: string(k.Scope), Hash: k.Hash, CreatedAt: moment{k.CreatedAt},
		ExpiresAt: moment{k.ExpiresAt}, RevokedAt: moment{k.RevokedAt}, LastUsedAt: moment{k.LastUsedAt}})
	if res.Error == nil && res.RowsAffected == 0 {
		return conflict("InsertAPIKey", "key_exists", "there is a key with this id already")
	}
	return t.fail("InsertAPIKey", "API key", res.Error)
}

// RevokeAPIKey ends a key; one that is revoked keeps the time of the first.
func (t *tx) RevokeAPIKey(id string, at time.Time) error {
	res := t.db.Model(&apiKey{}).Where("id = ? AND revoked_at IS NULL", text(id)).Update("revoked_at", moment{at})
	if res.Error == nil && res.RowsAffected == 0 {
		_, err := t.APIKey(context.Background(), id)
		return err
	}
	return t.fail("RevokeAPIKey", "API key", res.Error)
}

// TouchAPIKeys stores when keys were last used; it never goes back, and a key that is gone is passed over.
func (t *tx) TouchAPIKeys(used map[string]time.Time) error {
	for _, id := range slices.Sorted(maps.Keys(used)) {
		at := moment{used[id]}
		err := t.db.Model(&apiKey{}).Where("id = ? AND (last_used_at IS NULL OR last_used_at < ?)", text(id), at).Update("last_used_at", at).Error
		if err != nil {
			return t.fail("TouchAPIKeys", "API key", err)
		}
	}
	return nil
}
