package core_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

func TestWhatAProviderTellsOfABuyerIsNotKept(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	require.Equal(t, core.BuyerTold{Why: core.BuyerNotSupported}, d.Buyer(t.Context(), d.payment(v.ID)))

	d.provider.Caps.Methods[0].BuyerFor = 24 * time.Hour
	d.open(nil)
	before := d.payment(v.ID)
	require.Equal(t, core.BuyerTold{Why: core.BuyerNotTold}, d.Buyer(t.Context(), before))
	var asked core.QueryInput
	d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
		asked = in
		return core.Snapshot{Found: true, Review: &core.Review{Buyer: core.Buyer{Email: "ada@example.org"}, Instrument: "VISA ••1111"},
			Facts: []core.Fact{{Kind: core.Captured, ID: "C", Amount: before.Amount, Strength: core.Asserted}}}, nil
	}
	told := d.Buyer(t.Context(), before)
	require.Equal(t, []any{"ada@example.org", "VISA ••1111", ""}, []any{told.Buyer.Email, told.Instrument, told.Why})
	require.Equal(t, []any{true, before.Attempts[0].Reference}, []any{asked.Buyer, asked.Reference})
	require.Equal(t, before, d.payment(v.ID), "a read has no effect")
	all, err := d.store.Evidence(t.Context(), v.ID)
	require.NoError(t, err)
	for _, e := range all {
		require.NotContains(t, string(e.Detail), "ada@")
	}
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{}, errors.New("down") }
	require.Equal(t, core.BuyerTold{Why: core.BuyerUnavailable}, d.Buyer(t.Context(), before))
	d.provider.OnQuery = nil
	require.Equal(t, core.BuyerTold{Why: core.BuyerNotTold}, d.BuyerOf(t.Context(), d.agreed(newMandate("customer-7"))))
}

// A dispute tells no amount, and what others refunded only shows in a total: merchants are told of both.
func TestDisputesAndRefundsOfOthersAreTold(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	op := d.op(v.ID, core.OpStart).Op
	id := "A-" + op.Reference
	d.hear(core.Fact{Kind: core.Captured, ID: id, Of: id, Amount: op.Amount, Strength: core.Asserted})
	d.hear(core.Fact{Kind: core.Disputed, ID: "D-1", Of: id, Strength: core.Asserted})
	d.hear(core.Fact{Kind: core.Disputed, ID: "D-1", Of: id, Strength: core.Asserted})
	p := d.payment(v.ID)
	require.Equal(t, []any{"open", core.StatusSucceeded, int64(0), int64(10000)}, []any{p.View().DisputeStatus, p.Status, p.Amounts.Reversed, p.Amounts.Refundable})
	require.Equal(t, "payment.disputed", d.events(v.ID)[len(d.events(v.ID))-1])
	n := len(d.events(v.ID))
	d.hear(core.Fact{Kind: core.Disputed, ID: "D-2", Of: id, Strength: core.Asserted})
	require.Equal(t, append(make([]string, 0), "payment.disputed"), d.events(v.ID)[n:], "each is told")

	d.hear(core.Fact{Kind: core.Refunded, Measure: core.AtLeast, Of: id, Amount: core.Money{Minor: 2500, Currency: "EUR"}, Strength: core.Asserted})
	p = d.payment(v.ID)
	require.Equal(t, []any{int64(2500), "partial", true}, []any{p.Amounts.Refunded, p.View().RefundStatus, p.NeedsReview})
	require.Contains(t, d.events(v.ID)[n+1:], "payment.external_adjustment")
	d.hear(core.Fact{Kind: core.Reversed, ID: "D-1", Of: id, Amount: core.Money{Minor: 7500, Currency: "EUR"}, Strength: core.Asserted})
	require.Equal(t, []any{"lost", int64(7500)}, []any{d.payment(v.ID).View().DisputeStatus, d.payment(v.ID).Amounts.Reversed})
	require.Contains(t, d.events(v.ID), "payment.reversed")
}
