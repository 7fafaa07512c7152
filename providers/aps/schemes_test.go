package aps_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/aps/sandbox"
	"github.com/paymux/paymux/providers/internal/simulator"
)

// Cards of the documents, with their security codes.
var cards = map[string][2]string{"visa": {card, "123"}, "mastercard": {"5123456789012346", "123"}, "amex": {"345678901234564", "1234"},
	"mada": {"5297412542005689", "350"}, "meeza": {"5078036221028566", "143"}}

// TestEverySchemeOnThePage pays with each scheme the capabilities name: what is claimed has its effect at APS.
func TestEverySchemeOnThePage(t *testing.T) {
	w := newWorld(t, func(*sandbox.Account) {})
	paid := 0
	for _, m := range w.provider.Capabilities().Methods {
		for _, scheme := range m.Options {
			for _, mode := range m.Captures {
				reference := scheme + "." + string(mode)
				in := w.Input()
				in.Method, in.Capture = core.Method{Type: m.Method.Type, Flow: m.Method.Flow, Option: scheme}, mode
				amount := core.Money{Minor: 10250, Currency: "AED"}
				if len(m.Currencies) > 0 {
					amount.Currency = m.Currencies[0]
				}
				out, err := w.provider.Start(t.Context(), core.Op{Reference: reference, Amount: amount}, in)
				require.NoError(t, err)
				paid++
				b := w.paid(t, reference, out.Next, scheme)
				require.Equal(t, amount, core.Money{Minor: b.Authorized, Currency: b.Currency}, reference)
				captured := int64(0)
				if mode == core.CaptureAutomatic {
					captured = amount.Minor
				}
				require.Equal(t, captured, b.Captured, reference)
			}
		}
	}
	require.Equal(t, 15, paid, "twelve schemes, three of them with both capture modes")
}

// paid goes through the page of a scheme and returns the simulator's books.
func (w *world) paid(t *testing.T, reference string, next *core.NextAction, scheme string) simulator.Payment {
	form := url.Values{}
	for _, field := range next.Fields {
		form.Set(field[0], field[1])
	}
	p := w.browse(t, http.MethodPost, next.URL, form)
	if known, ok := cards[scheme]; ok {
		p = p.press("continue", url.Values{"card_number": {known[0]}, "card_security_code": {known[1]}, "expiry_date": {"9912"}, "card_holder_name": {"LAYLA KHAN"}})
	} else {
		p = p.press("approve", nil)
	}
	back := p.back(next.Accepts)
	fb, err := w.provider.ParseReturn(t.Context(), core.Return{Values: back.Values, Known: core.Known{Reference: reference}})
	require.NoError(t, err)
	require.Empty(t, fb.Note)
	require.NotEmpty(t, fb.Display)
	require.Empty(t, fb.Refs)
	require.NotEmpty(t, fb.Read, "the browser's word makes us ask")
	amount := core.Money{}
	for _, f := range fb.Facts {
		require.Equal(t, core.Hint, f.Strength)
		amount = f.Amount
	}
	found, err := w.provider.Query(t.Context(), core.QueryInput{Known: core.Known{Reference: reference, Amount: amount}})
	require.NoError(t, err)
	require.Len(t, found.Refs, 1, "CHECK_STATUS tells the transaction")
	require.NotEmpty(t, found.Facts)
	for _, f := range found.Facts {
		require.Equal(t, amount, f.Amount)
		require.Equal(t, core.Asserted, f.Strength)
	}

	var books simulator.Books
	require.NoError(t, json.Unmarshal([]byte(w.browse(t, http.MethodGet, w.address+"/_control/books", nil).html), &books))
	for _, b := range books.Payments {
		if b.Reference == reference {
			return b
		}
	}
	require.Fail(t, "the simulator has no such payment")
	return simulator.Payment{}
}

// TestAgreementsOnThePage stores a card under an agreement and charges it.
func TestAgreementsOnThePage(t *testing.T) {
	w := newWorld(t, func(*sandbox.Account) {})
	in := w.Input()
	in.Capture, in.Save.Kind = core.CaptureAutomatic, core.SaveUnscheduled
	out, err := w.provider.Start(t.Context(), core.Op{Reference: "FIRST", Amount: in.Amount}, in)
	require.NoError(t, err)
	form := url.Values{}
	for _, field := range out.Next.Fields {
		form.Set(field[0], field[1])
	}
	back := w.browse(t, http.MethodPost, out.Next.URL, form).enter(card).back(out.Next.Accepts)
	fb, err := w.provider.ParseReturn(t.Context(), core.Return{Values: back.Values})
	require.NoError(t, err)
	require.NotEmpty(t, fb.Memo["agreement_id"])

	charge := core.ChargeMandateInput{Mandate: core.Known{Memo: fb.Memo}, Order: in.Order}
	charged, err := w.provider.ChargeMandate(t.Context(), core.Op{Reference: "SECOND", Key: "K", Amount: in.Amount}, charge)
	require.NoError(t, err)
	require.Equal(t, core.Succeeded, charged.Result)
	charge.Mandate.Memo = core.Refs{core.MemoToken: fb.Memo[core.MemoToken], "agreement_id": "A0000000"}
	charged, err = w.provider.ChargeMandate(t.Context(), core.Op{Reference: "THIRD", Key: "K3", Amount: in.Amount}, charge)
	require.NoError(t, err)
	require.Equal(t, core.Declined, charged.Result, "another agreement")
}
