package storage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
	"github.com/paymux/paymux/storage/storagetest"
	"github.com/stretchr/testify/require"
)

// full is a payment with something in every field that is stored.
func full() *core.Payment {
	p := paid("order-1", 12550)
	at := p.CreatedAt
	half := int64(6000)
	p.Metadata = map[string]string{"cart": "77", "äöü": "\x00ok"}
	p.Order = core.PaymentOrder{Capture: core.CaptureManual, Authorize: &half, Method: core.Method{Type: "amazon_pay", Flow: "express"}, Token: "tok", Account: "acc",
		Buyer: core.Buyer{Email: "jane@example.org", Billing: &core.Address{Name: "Jane", Line1: "Street 1"}}, Items: []core.LineItem{{Name: "Coffee", Quantity: 2, UnitAmount: 6275}},
		ReturnURL: "https://shop.example/thanks", OffSession: true, Pending: true, Channel: "phone"}
	p.Canceled, p.CancelReason, p.Waived, p.Expired, p.Flagged, p.Mismatch, p.NeedsReview = true, "requested_by_merchant", true, true, true, true, true
	p.Acknowledged = core.Acknowledged{At: at, Facts: 2, Foreign: 300, Surplus: 20, Excess: 1}
	a := p.Attempts[0]
	a.Next = &core.NextAction{Type: core.NextPostForm, Then: core.ThenQuery, URL: "https://pay.example", Fields: [][2]string{{"b", "2"}, {"a", "1"}}, ExpiresAt: at}
	a.Refs, a.Memo = core.Refs{"charge": "S01-1"}, core.Refs{"token": "abc"}
	a.Brought = &core.Brought{Refs: core.Refs{"session": "S"}, Memo: core.Refs{"token": "t"}}
	a.Named = []core.Object{{Kind: core.ObjRefund, ID: "R-1"}}
	a.Review = &core.Review{Instrument: "VISA ••8902", Buyer: core.Buyer{FirstName: "Jane"}}
	a.Retries, a.Returned, a.Expired, a.Display, a.ExpiresAt = true, true, true, "VISA ••8902", at.Add(time.Hour)
	p.Attempts = append(p.Attempts, &core.Attempt{ID: newID("att_"), PaymentID: p.ID, Number: 2, Account: "other", Provider: "scripted", Amount: p.Amount, CreatedAt: at})
	o := capture(p, "key-1", 500)
	o.State, o.Input, o.Object, o.OwnReference, o.Of, o.Final, o.Reason = core.OpDeclined, []byte(`{"Known":{"a":1},  "b":2}`), "cap_1", "own-1", "auth-1", true, "why"
	o.Metadata, o.HasNext, o.Sequence = map[string]string{"a": "b"}, true, 7
	o.Failure = &core.Failure{Category: core.FailureFunds, ProviderCode: "51", ProviderMessage: "not enough"}
	o.Baseline = core.Totals{Authorized: 12550, Captured: 1, Refunded: 2}
	p.Operations = []*core.Operation{o}
	p.Apply(a.ID, newID("evd_"), []core.Fact{
		{Kind: core.CaptureDeclined, Measure: core.Single, ID: "c1", Of: "auth-1", OpKey: "key-1", Sequence: 7, Code: "51", Failure: o.Failure, Strength: core.Asserted, OccurredAt: at},
		{Kind: core.Captured, Measure: core.NetAt, Amount: core.Money{Minor: 700, Currency: "EUR"}, Sequence: 1, Strength: core.Asserted},
		{Kind: core.Refunded, Measure: core.AtLeast, Amount: core.Money{Minor: 100, Currency: "EUR"}, Strength: core.Asserted},
		{Kind: core.BuyerAway, Strength: core.Hint},
	}, at)
	return p
}

func TestPaymentComesBackAsItWasStored(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		p := full()
		got := insert(t, s, p)
		require.Equal(t, p, got)

		got.Attempts[1].Display, got.Operations[0].State = "changed", core.OpSucceeded
		got.Metadata, got.Order.Description = nil, "changed"
		got.Version, got.UpdatedAt = 2, moment()
		require.NoError(t, write(s, &core.Change{Payment: got, Attempts: got.Attempts[1:], Operations: got.Operations}))
		require.Equal(t, got, load(t, s, p.ID))
		require.Equal(t, got, load(t, open(), p.ID), "another instance sees the same")
	})
}

func TestPaymentIsForItsMerchantAlone(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		p := insert(t, s, paid("r", 100))
		_, err := s.Payment(t.Context(), "other", p.ID)
		wantError(t, err, core.NotFound, "not_found")
		_, err = s.Payment(t.Context(), "m", "pay_none")
		wantError(t, err, core.NotFound, "not_found")
		require.NoError(t, s.Do(t.Context(), p.ID, func(tx core.Tx) error {
			_, err := tx.Payment(t.Context(), "other", p.ID)
			wantError(t, err, core.NotFound, "not_found")
			_, err = tx.Payment(t.Context(), "m", p.ID)
			return err
		}), "what is not there does no harm to the transaction")

		id, err := s.PaymentID(t.Context(), "m", "r")
		require.NoError(t, err)
		require.Equal(t, p.ID, id)
		_, err = s.PaymentID(t.Context(), "other", "r")
		wantError(t, err, core.NotFound, "not_found")
	})
}

func TestPaymentsInPages(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		began := moment()
		var all []*core.Payment // newest first
		for i := range 9 {
			p := paid(fmt.Sprintf("r%d", i), 100)
			p.CreatedAt = began.Add(time.Duration(i/2) * time.Second) // two of each time
			if i%3 == 0 {
				p.Attempts[0].Account, p.Status, p.NeedsReview = "third", core.StatusFailed, true
			}
			all = append([]*core.Payment{insert(t, s, p)}, all...)
		}
		foreign := paid("r1", 100)
		foreign.MerchantID = "other"
		insert(t, s, foreign)

		page := func(q core.PaymentQuery) (out []*core.Payment) {
			for q.Limit = 2; ; {
				got, err := s.Payments(t.Context(), "m", q)
				require.NoError(t, err)
				require.LessOrEqual(t, len(got), 2)
				if len(got) == 0 {
					return out
				}
				out, q.Before = append(out, got...), got[len(got)-1].ID
			}
		}
		where := func(keep func(*core.Payment) bool) (out []*core.Payment) {
			for _, p := range all {
				if keep(p) {
					out = append(out, p)
				}
			}
			return out
		}
		require.Equal(t, all, page(core.PaymentQuery{}))
		require.Equal(t, where(func(p *core.Payment) bool { return p.Status == core.StatusFailed }), page(core.PaymentQuery{Status: core.StatusFailed}))
		require.Equal(t, where(func(p *core.Payment) bool { return p.Attempts[0].Account == "third" }), page(core.PaymentQuery{Account: "third"}))
		require.Equal(t, where(func(p *core.Payment) bool { return p.Reference == "r4" }), page(core.PaymentQuery{Reference: "r4"}))
		for _, review := range []bool{true, false} {
			require.Equal(t, where(func(p *core.Payment) bool { return p.NeedsReview == review }), page(core.PaymentQuery{Review: &review}))
		}
		from, to := began.Add(time.Second), began.Add(3*time.Second)
		require.Equal(t, where(func(p *core.Payment) bool { return !p.CreatedAt.Before(from) && !p.CreatedAt.After(to) }), page(core.PaymentQuery{From: from, To: to}))

		_, err := s.Payments(t.Context(), "m", core.PaymentQuery{Page: core.Page{Before: foreign.ID}})
		wantError(t, err, core.NotFound, "not_found")
	})
}

func TestLocate(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		p, q := paid("p", 100), paid("q", 100)
		place := func(p *core.Payment) core.Place {
			return core.Place{MerchantID: "m", PaymentID: p.ID, AttemptID: p.Attempts[0].ID}
		}
		lookup := func(p *core.Payment, kind, value string) core.RefOf {
			return core.RefOf{Account: "acc", Ref: core.Ref{Kind: kind, Value: value}, Place: place(p)}
		}
		c := insertion(p)
		c.Refs = []core.RefOf{lookup(p, "txid", "1"), lookup(p, "txid", "1"), lookup(p, "latin", "M\xfcller\x00")}
		require.NoError(t, write(s, c))
		c = insertion(q)
		c.Refs = []core.RefOf{lookup(q, "txid", "2"), lookup(q, "reference", "1")}
		require.NoError(t, write(s, c))

		find := func(refs ...core.Ref) core.Place {
			got, err := s.Locate(t.Context(), "acc", refs)
			require.NoError(t, err)
			return got
		}
		require.Equal(t, place(q), find(core.Ref{Kind: "txid", Value: "none"}, core.Ref{Kind: "txid", Value: "2"}, core.Ref{Kind: "txid", Value: "1"}))
		require.Equal(t, place(p), find(core.Ref{Kind: "latin", Value: "M\xfcller\x00"}))
		_, err := s.Locate(t.Context(), "acc", []core.Ref{{Kind: "latin", Value: "M\xe4ller\x00"}})
		wantError(t, err, core.NotFound, "not_found")
		_, err = s.Locate(t.Context(), "other", []core.Ref{{Kind: "txid", Value: "1"}})
		wantError(t, err, core.NotFound, "not_found")

		q.Version = 2
		wantError(t, write(s, &core.Change{Payment: q, Refs: []core.RefOf{lookup(q, "txid", "1")}}), core.Conflict, "ref_taken")
		require.Equal(t, int64(1), load(t, s, q.ID).Version, "nothing of the change is kept")
	})
}

func TestEvidenceAndEvents(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, open func() *storage.Store) {
		s := open()
		p := paid("r", 100)
		c := insertion(p)
		c.Evidence[0].Title, c.Evidence[0].Detail = "call\x00 \xe4", []byte(`{"b":1,  "a":[2]}`)
		second := core.Evidence{ID: newID("evd_"), PaymentID: p.ID, OperationID: "op_1", FeedbackID: "fb_1", Kind: core.EvidenceAnswer, CreatedAt: p.CreatedAt.Add(time.Second)}
		c.Evidence = append([]core.Evidence{second}, c.Evidence...)
		c.Events = events(p, "payment.created", "payment.authorized", "payment.created")
		c.Events[2].CreatedAt = c.Events[2].CreatedAt.Add(time.Second)
		require.NoError(t, write(s, c))

		got, err := s.Evidence(t.Context(), p.ID)
		require.NoError(t, err)
		want := c.Evidence[1]
		want.Title = "call\uFFFD00 \uFFFDE4"
		require.Equal(t, []core.Evidence{want, second}, got)

		list := func(q core.EventQuery) []core.Event {
			got, err := s.Events(t.Context(), "m", q)
			require.NoError(t, err)
			return got
		}
		e := c.Events
		require.Equal(t, []core.Event{e[2], e[1], e[0]}, list(core.EventQuery{}))
		require.Equal(t, []core.Event{e[1], e[0]}, list(core.EventQuery{Page: core.Page{Before: e[2].ID, Limit: 5}}))
		require.Equal(t, []core.Event{e[2], e[0]}, list(core.EventQuery{Type: "payment.created", Payment: p.ID}))
		require.Equal(t, []core.Event{e[2]}, list(core.EventQuery{From: e[2].CreatedAt}))
		require.Equal(t, []core.Event{e[1], e[0]}, list(core.EventQuery{To: e[1].CreatedAt}))
		require.Empty(t, list(core.EventQuery{Payment: "pay_none"}))
		one, err := s.Event(t.Context(), "m", e[1].ID)
		require.NoError(t, err)
		require.Equal(t, e[1], one)
		_, err = s.Event(t.Context(), "other", e[1].ID)
		wantError(t, err, core.NotFound, "not_found")
	})
}
