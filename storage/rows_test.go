package storage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func do(t *testing.T, s *storage.Store, fn func(core.Tx) error) {
	t.Helper()
	require.NoError(t, s.Do(t.Context(), "subject", fn))
}

func TestMandates(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		var all []*core.Mandate // newest first
		for i := range 3 {
			m := &core.Mandate{ID: newID("man_"), MerchantID: "m", Account: "acc", Kind: core.SaveUnscheduled, Status: core.MandateRequiresAction, Method: core.Method{Type: "card"},
				Display: "VISA", Refs: core.Refs{"a": "b"}, Memo: core.Refs{"token": "t"}, PaymentID: "pay_1", AttemptID: "att_1", Reference: fmt.Sprint(i), CreatedAt: moment(), UpdatedAt: moment()}
			do(t, s, func(tx core.Tx) error { return tx.WriteMandate(m) })
			require.Zero(t, m.Version, "a job may run twice")
			m.Version = 1
			all = append([]*core.Mandate{m}, all...)
		}
		list, err := s.Mandates(t.Context(), "m", "", core.Page{})
		require.NoError(t, err)
		require.Equal(t, all, list)
		list, err = s.Mandates(t.Context(), "m", "", core.Page{Limit: 1, Before: all[0].ID})
		require.NoError(t, err)
		require.Equal(t, all[1:2], list)

		m := all[0]
		m.Status, m.Display, m.Refs, m.UpdatedAt = core.MandateIsActive, "Mastercard", nil, moment()
		do(t, s, func(tx core.Tx) error { return tx.WriteMandate(m) })
		err = s.Do(t.Context(), m.ID, func(tx core.Tx) error { return tx.WriteMandate(m) })
		wantError(t, err, core.Conflict, "version_conflict")
		m.Version = 2
		got, err := s.Mandate(t.Context(), "m", m.ID)
		require.NoError(t, err)
		require.Equal(t, m, got)
		_, err = s.Mandate(t.Context(), "other", m.ID)
		wantError(t, err, core.NotFound, "not_found")
		m.Version = 0
		err = s.Do(t.Context(), m.ID, func(tx core.Tx) error { return tx.WriteMandate(m) })
		wantError(t, err, core.Conflict, "version_conflict")
	})
}

func item(account, dedupe string) *core.InboxItem {
	at := moment()
	return &core.InboxItem{ID: newID("fb_"), Account: account, DedupeKey: dedupe, ContentType: "application/x-www-form-urlencoded", Raw: []byte("a=1"),
		Feedback: []byte(`{"Facts":null}`), State: core.InboxReceived, ReceivedAt: at}
}

func receiveItem(t *testing.T, s *storage.Store, i *core.InboxItem) (inserted bool) {
	t.Helper()
	do(t, s, func(tx core.Tx) (err error) {
		inserted, err = tx.Receive(i)
		return err
	})
	return inserted
}

func TestInbox(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		// What PAYONE sends is ISO-8859-1, and %00 reaches us as a byte.
		odd := item("acc", "k\xe41")
		odd.Raw, odd.ContentType, odd.Note = []byte("name=M\xfcller\x00&x=%00%E4"), "text/plain; name=\xe4", "no\x00te"
		require.True(t, receiveItem(t, s, odd))
		require.False(t, receiveItem(t, s, item("acc", "k\xe41")), "the same message again")
		require.True(t, receiveItem(t, s, item("acc", "k\xf61")), "another message")
		require.True(t, receiveItem(t, s, item("other", "k\xe41")), "another account")
		empty := item("acc", "empty")
		empty.Raw = nil
		require.True(t, receiveItem(t, s, empty))

		got, err := s.Feedback(t.Context(), "", odd.ID)
		require.NoError(t, err)
		odd.DedupeKey, odd.ContentType, odd.Note = "k\uFFFDE41", "text/plain; name=\uFFFDE4", "no\uFFFD00te"
		require.Equal(t, odd, got, "raw bytes are as they came")

		odd.State, odd.Place, odd.Tries, odd.Note = core.InboxApplied, core.Place{MerchantID: "m", PaymentID: "pay_1", AttemptID: "att_1"}, 2, "done"
		odd.AppliedAt = moment()
		do(t, s, func(tx core.Tx) error { return tx.SaveInbox(odd) })
		got, err = s.Feedback(t.Context(), "m", odd.ID)
		require.NoError(t, err)
		require.Equal(t, odd, got)
		_, err = s.Feedback(t.Context(), "other", odd.ID)
		wantError(t, err, core.NotFound, "not_found")
		odd.ID = "fb_none"
		err = s.Do(t.Context(), "x", func(tx core.Tx) error { return tx.SaveInbox(odd) })
		wantError(t, err, core.NotFound, "not_found")
	})
}

func TestInboxLists(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		var ids []string
		for i, state := range []core.InboxState{core.InboxReceived, core.InboxUnmatched, core.InboxApplied, core.InboxDead, core.InboxUnmatched} {
			it := item("acc", fmt.Sprint(i))
			it.State = state
			if state == core.InboxApplied {
				it.Place = core.Place{MerchantID: "m", PaymentID: "pay_1"}
			}
			if state == core.InboxDead {
				it.Account = "other"
			}
			require.True(t, receiveItem(t, s, it))
			ids = append(ids, it.ID)
		}
		list := func(q core.InboxQuery) (out []int) {
			items, err := s.Inbox(t.Context(), q)
			require.NoError(t, err)
			for _, it := range items {
				for i, id := range ids {
					if it.ID == id {
						out = append(out, i)
					}
				}
			}
			return out
		}
		require.Equal(t, []int{4, 3, 2, 1, 0}, list(core.InboxQuery{}))
		require.Equal(t, []int{2, 1}, list(core.InboxQuery{Page: core.Page{Before: ids[3], Limit: 2}}))
		require.Equal(t, []int{4, 1}, list(core.InboxQuery{State: core.InboxUnmatched}))
		require.Equal(t, []int{2}, list(core.InboxQuery{State: core.InboxApplied}))
		require.Equal(t, []int{2}, list(core.InboxQuery{Merchant: "m"}))
		require.Equal(t, []int{2}, list(core.InboxQuery{Payment: "pay_1"}))
		require.Equal(t, []int{3}, list(core.InboxQuery{Account: "other"}))
		require.Equal(t, []int{0, 1, 2, 3, 4}, list(core.InboxQuery{Oldest: true}))
		require.Equal(t, []int{2, 3}, list(core.InboxQuery{Oldest: true, Page: core.Page{Before: ids[1], Limit: 2}}))
		now := time.Now()
		require.Len(t, list(core.InboxQuery{From: now.Add(-time.Hour), To: now.Add(time.Hour), Oldest: true}), 5)
		require.Empty(t, list(core.InboxQuery{From: now.Add(time.Hour)}))
		require.Empty(t, list(core.InboxQuery{To: now.Add(-time.Hour)}))
	})
}

// What an item says can be told anew; what it was received as cannot.
func TestTranslate(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s, it := open(), item("acc", "1")
		it.Masked = 2
		require.True(t, receiveItem(t, s, it))
		do(t, s, func(tx core.Tx) error { return tx.Translate(it.ID, []byte(`{"Note":"learnt"}`)) })
		got, err := s.Feedback(t.Context(), "", it.ID)
		require.NoError(t, err)
		it.Feedback = []byte(`{"Note":"learnt"}`)
		require.Equal(t, it, got)
		err = s.Do(t.Context(), "x", func(tx core.Tx) error { return tx.Translate("fb_none", []byte("{}")) })
		require.Equal(t, core.NotFound, core.KindOf(err))
	})
}

// An item is due as soon as an attempt has one of its references, whether it was planned, given up or held.
func TestParkedItems(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s, at := open(), moment()
		var ids []string
		for i := range 3 {
			it := item("acc", fmt.Sprint(i))
			require.True(t, receiveItem(t, s, it))
			ids = append(ids, it.ID)
			do(t, s, func(tx core.Tx) error {
				if i < 2 {
					if err := tx.Plan(core.Work{Kind: core.WorkApply, Subject: it.ID, DueAt: at.Add(time.Hour), Tries: 7}); err != nil {
						return err
					}
				}
				return tx.Park(it.ID, "acc", []core.Ref{{Kind: "reference", Value: fmt.Sprint("R", i%2)}, {Kind: "txid", Value: "T\x00" + fmt.Sprint(i)}})
			})
		}
		unpark := func(account, kind, value string) (n int) {
			do(t, s, func(tx core.Tx) (err error) {
				n, err = tx.Unpark([]core.RefOf{{Account: account, Ref: core.Ref{Kind: kind, Value: value}}}, at)
				return err
			})
			return n
		}
		due := func() (out []string) {
			do(t, s, func(tx core.Tx) error {
				works, err := tx.Take(core.WorkApply, at, at.Add(-time.Second), 10)
				for _, w := range works {
					out = append(out, w.Subject)
				}
				return err
			})
			return out
		}
		require.Zero(t, unpark("other", "reference", "R0"))
		require.Zero(t, unpark("acc", "txid", "R0"))
		require.Empty(t, due())
		require.Equal(t, 1, unpark("acc", "txid", "T\x001"))
		require.Equal(t, ids[1:2], due())
		require.Equal(t, 2, unpark("acc", "reference", "R0"))
		require.ElementsMatch(t, ids, due(), "one that nothing was planned for any more too")
		do(t, s, func(tx core.Tx) error { return tx.Park(ids[0], "acc", []core.Ref{{Kind: "reference", Value: "R9"}}) })
		do(t, s, func(tx core.Tx) error {
			return tx.Plan(core.Work{Kind: core.WorkApply, Subject: ids[0], DueAt: at.Add(time.Hour)})
		})
		require.Zero(t, unpark("acc", "txid", "T\x000"), "the references before are forgotten")
		require.Equal(t, 1, unpark("acc", "reference", "R9"))
		do(t, s, func(tx core.Tx) error { return tx.Park(ids[0], "acc", nil) })
		require.Zero(t, unpark("acc", "reference", "R9"))
	})
}

func TestIdempotencyKeys(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		scope := core.IdempotencyScope{MerchantID: "m", Route: "POST /v1/payments", Key: "key"}
		rec := &core.IdempotencyRecord{IdempotencyScope: scope, Fingerprint: "f", PaymentID: "pay_1", OperationID: "op_1", LeaseUntil: moment().Add(time.Minute), CreatedAt: moment()}
		claim := func(r *core.IdempotencyRecord) (existing *core.IdempotencyRecord) {
			do(t, s, func(tx core.Tx) (err error) {
				existing, err = tx.Claim(r)
				return err
			})
			return existing
		}
		_, err := s.Idempotent(t.Context(), scope)
		wantError(t, err, core.NotFound, "not_found")
		require.Nil(t, claim(rec))
		second := *rec
		second.Fingerprint, second.OperationID = "g", "op_2"
		require.Equal(t, rec, claim(&second))
		for _, other := range []core.IdempotencyScope{{MerchantID: "m2", Route: scope.Route, Key: "key"}, {MerchantID: "m", Route: "POST /v1/x", Key: "key"}, {MerchantID: "m", Route: scope.Route, Key: "key2"}} {
			third := second
			third.IdempotencyScope = other
			require.Nil(t, claim(&third))
		}

		rec.Done, rec.LeaseUntil, rec.Answer = true, time.Time{}, core.Answer{Status: 201, Kind: "payment", Snapshot: []byte("{ \"b\" : 1,\n\"a\":\"\u00e4<\" }")}
		do(t, s, func(tx core.Tx) error { return tx.Finish(rec) })
		got, err := s.Idempotent(t.Context(), scope)
		require.NoError(t, err)
		require.Equal(t, rec, got, "the answer comes back letter by letter")
		for _, late := range []core.IdempotencyRecord{{Done: true, Answer: core.Answer{Status: 201, Snapshot: []byte("{}")}}, {Done: true, Answer: core.Answer{Status: 202}}, {}} {
			late.IdempotencyScope, late.OperationID = scope, rec.OperationID
			do(t, s, func(tx core.Tx) error { return tx.Finish(&late) })
			require.Equal(t, *rec, late, "the first final answer stays, and is told")
		}
		err = s.Do(t.Context(), "x", func(tx core.Tx) error { return tx.Finish(&second) })
		wantError(t, err, core.NotFound, "not_found")

		do(t, s, func(tx core.Tx) error { return tx.Release(scope) })
		do(t, s, func(tx core.Tx) error { return tx.Release(scope) })
		require.Nil(t, claim(&second))
	})
}

func TestKeysAccountsAndMerchants(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		at := moment()
		k := core.APIKey{ID: "k1", MerchantID: "m", Scope: core.ScopeMerchant, Hash: []byte{0, 255, 1}, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
		do(t, s, func(tx core.Tx) error { return tx.InsertAPIKey(k) })
		err := s.Do(t.Context(), "x", func(tx core.Tx) error { return tx.InsertAPIKey(k) })
		wantError(t, err, core.Conflict, "key_exists")
		do(t, s, func(tx core.Tx) error {
			return tx.InsertAPIKey(core.APIKey{ID: "k2", Scope: core.ScopeOperator, Hash: []byte{1}, CreatedAt: at})
		})
		do(t, s, func(tx core.Tx) error {
			return tx.TouchAPIKeys(map[string]time.Time{"k1": at.Add(time.Minute), "gone": at})
		})
		do(t, s, func(tx core.Tx) error { return tx.TouchAPIKeys(map[string]time.Time{"k1": at}) })
		do(t, s, func(tx core.Tx) error { return tx.RevokeAPIKey("k1", at) })
		do(t, s, func(tx core.Tx) error { return tx.RevokeAPIKey("k1", at.Add(time.Hour)) })
		err = s.Do(t.Context(), "x", func(tx core.Tx) error { return tx.RevokeAPIKey("none", at) })
		wantError(t, err, core.NotFound, "not_found")
		k.LastUsedAt, k.RevokedAt = at.Add(time.Minute), at
		got, err := s.APIKey(t.Context(), "k1")
		require.NoError(t, err)
		require.Equal(t, k, got)
		_, err = s.APIKey(t.Context(), "\xe4\x00")
		wantError(t, err, core.NotFound, "not_found")
		list, err := s.APIKeys(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 2)

		a := core.AccountRow{Name: "acc", Provider: "aps", Salt: []byte{1, 0, 2}, CreatedAt: at}
		do(t, s, func(tx core.Tx) error { return tx.InsertAccount(a) })
		do(t, s, func(tx core.Tx) error {
			return tx.InsertAccount(core.AccountRow{Name: "acc", Provider: "x", Salt: []byte{9}, CreatedAt: at})
		})
		row, err := s.AccountRow(t.Context(), "acc")
		require.NoError(t, err)
		require.Equal(t, a, row, "the salt never changes")
		_, err = s.AccountRow(t.Context(), "none")
		wantError(t, err, core.NotFound, "not_found")
		for range 2 {
			do(t, s, func(tx core.Tx) error { return tx.InsertMerchant("m", at) })
		}
	})
}

func TestTextIsMadeFitAndStaysDifferent(t *testing.T) {
	require.Equal(t, "plain ä", storage.Clean("plain ä"))
	require.Equal(t, "\uFFFD", storage.Clean("\uFFFD"), "the replacement itself is valid text")
	rapid.Check(t, func(t *rapid.T) {
		a := string(rapid.SliceOf(rapid.ByteRange(0, 255)).Draw(t, "a"))
		got := storage.Clean(a)
		require.True(t, utf8.ValidString(got) && !strings.Contains(got, "\x00"))
		b := string(rapid.SliceOf(rapid.ByteRange(0, 255)).Draw(t, "b"))
		if a != b && !strings.Contains(a+b, "\uFFFD") {
			require.NotEqual(t, got, storage.Clean(b))
		}
		require.Equal(t, got, storage.Clean(got))
	})
}
