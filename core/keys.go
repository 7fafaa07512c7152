package core

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"hash/crc32"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The text of an API key is sk_test_<id>_<secret><checksum>, or sk_live_… where money is real: people and scanners see
// what it is, and which of their keys must never leave the house. The checksum lets a scanner tell a real key from noise;
// it protects nothing.
const (
	testKeyPrefix = "sk_test_"
	liveKeyPrefix = "sk_live_"
)

// NewAPIKey makes a key for a merchant, for test mode. The text is returned once and never stored; the store has its
// SHA-256.
func NewAPIKey(merchant string, scope Scope, expires time.Time) (text string, key APIKey) {
	return newAPIKey(testKeyPrefix, merchant, scope, expires)
}

// NewLiveAPIKey is NewAPIKey for live mode.
func NewLiveAPIKey(merchant string, scope Scope, expires time.Time) (text string, key APIKey) {
	return newAPIKey(liveKeyPrefix, merchant, scope, expires)
}

// IsLiveAPIKey reports for which mode the key with this text was made. It says nothing about whether there is such a key.
func IsLiveAPIKey(text string) bool { return strings.HasPrefix(text, liveKeyPrefix) }

func newAPIKey(prefix, merchant string, scope Scope, expires time.Time) (text string, key APIKey) {
	secret := make([]byte, 32)
	rand.Read(secret)
	id := strings.ToLower(strings.TrimPrefix(newID(prefixKey), prefixKey))
	body := prefix + id + "_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret))
	text = body + checksum(body)
	sum := sha256.Sum256([]byte(text))
	return text, APIKey{ID: id, MerchantID: merchant, Scope: scope, Hash: sum[:], CreatedAt: now(), ExpiresAt: expires}
}

func checksum(body string) string {
	s := strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 36)
	return strings.Repeat("0", 7-len(s)) + s
}

// Keys authenticates callers. When a key was last used is kept in memory and stored now and then.
type Keys struct {
	store Store
	mu    sync.Mutex
	used  map[string]time.Time
}

// NewKeys authenticates against store.
func NewKeys(store Store) *Keys { return &Keys{store: store, used: map[string]time.Time{}} }

// Authenticate tells whose key text is. Unknown, wrong, expired and revoked keys are the same error, after the same
// work, so that nothing is learned from it.
func (k *Keys) Authenticate(ctx context.Context, text string) (APIKey, error) {
	denied := &Error{Kind: Unauthenticated, Code: "unauthenticated", Message: "a valid API key is needed: Authorization: Bearer sk_test_… or sk_live_…"}
	sum := sha256.Sum256([]byte(text))
	id, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(text, liveKeyPrefix), testKeyPrefix), "_")
	if len(text) > 200 {
		return APIKey{}, denied
	}
	key, err := k.store.APIKey(ctx, id)
	if err != nil && KindOf(err) != NotFound {
		return APIKey{}, err
	}
	hash := key.Hash
	if len(hash) != len(sum) {
		hash = make([]byte, len(sum))
	}
	same := subtle.ConstantTimeCompare(sum[:], hash) == 1
	at := now()
	if err != nil || !same || !key.RevokedAt.IsZero() || !key.ExpiresAt.IsZero() && at.After(key.ExpiresAt) {
		return APIKey{}, denied
	}
	k.mu.Lock()
	k.used[key.ID] = at
	k.mu.Unlock()
	return key, nil
}

// Flush stores when keys were last used.
func (k *Keys) Flush(ctx context.Context) error {
	k.mu.Lock()
	used := k.used
	k.used = map[string]time.Time{}
	k.mu.Unlock()
	if len(used) == 0 {
		return nil
	}
	return k.store.Do(ctx, "keys", func(tx Tx) error { return tx.TouchAPIKeys(used) })
}
