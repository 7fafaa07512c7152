package core_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// walletMandates makes the wallet set up mandates in sessions, and change their instruments so.
func (c *counter) walletMandates() {
	m := &c.wallet.Caps.Methods[0]
	m.SetUp, m.ChangeInstrument, m.OffSession = []core.SaveKind{core.SaveUnscheduled}, []core.SaveKind{core.SaveUnscheduled}, []core.CaptureMode{core.CaptureAutomatic}
	next := func(url string) (core.Outcome, error) {
		return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, Then: core.ThenComplete, URL: url, Accepts: []string{"session"}}}, nil
	}
	c.wallet.Now = true
	c.provider.OnSetUp = func(core.Op, core.MandateInput) (core.Outcome, error) { return next("https://wallet.example/agree") }
	c.provider.OnChange = func(core.Op, core.UpdateMandateInput) (core.Outcome, error) {
		return next("https://wallet.example/change")
	}
	c.openWith(c.wallet, nil)
}

func TestASetUpInASessionIsCompleted(t *testing.T) {
	c := newCounter(t)
	c.walletMandates()
	in := newMandate("customer-7")
	in.Order.Method = core.Method{Type: "wallet"}
	v, back := c.setUp(in)
	c.wallet.Open("S", v.Reference, "Ringstr. 5")
	var finished []core.CompleteInput
	c.wallet.OnFinish = func(op core.Op, in core.CompleteInput) (core.Outcome, error) {
		finished = append(finished, in)
		return core.Outcome{Result: core.Succeeded, Display: "Visa ···1111", Refs: core.Refs{"permission": "P"},
			Facts: []core.Fact{{Kind: core.MandateActive, ID: "P", OpKey: op.Key, Strength: core.Asserted, OccurredAt: time.Unix(1000, 0).UTC()}}}, nil
	}
	for range 2 {
		landing, err := c.Return(t.Context(), back, http.MethodGet, url.Values{"session": {"S"}})
		require.NoError(t, err)
		require.Equal(t, "https://shop.example/wallet?mandate="+v.ID, landing.To)
	}
	require.Len(t, finished, 1)
	require.Equal(t, []any{true, int64(0)}, []any{finished[0].SetupOnly, finished[0].Amount.Minor})
	require.Equal(t, core.MandateIsActive, c.mandateOf(v.ID).Status)

	changed, err := c.UpdateMandate(t.Context(), request("change"), v.ID, core.MandateAmendment{ReturnURL: "https://shop.example/changed"})
	require.NoError(t, err)
	require.Equal(t, "https://wallet.example/change", mandateView(t, changed).Next.URL)
	token := c.tokens.Return(v.ID, 100, core.LegResult)
	c.wallet.Open("T", v.Reference, "Ringstr. 5")
	_, err = c.Return(t.Context(), token, http.MethodGet, nil)
	require.NoError(t, err)
	require.NotNil(t, c.mandateOf(v.ID).Next, "a browser that brings nothing was not there")

	c.wallet.OnFinish = func(core.Op, core.CompleteInput) (core.Outcome, error) {
		return core.Outcome{Result: core.NotSent}, nil
	}
	_, err = c.Return(t.Context(), token, http.MethodGet, url.Values{"session": {"T"}})
	require.NoError(t, err)
	c.wallet.OnFinish = func(_ core.Op, in core.CompleteInput) (core.Outcome, error) {
		finished = append(finished, in)
		return core.Outcome{Result: core.Succeeded, Display: "Visa ···2222"}, nil
	}
	for range 2 { // what did not leave is made again, once
		_, err = c.Return(t.Context(), token, http.MethodGet, url.Values{"session": {"T"}})
		require.NoError(t, err)
	}
	require.Len(t, finished, 2)
	require.Equal(t, []any{"T", true}, []any{finished[1].Known.Refs["session"], finished[1].SetupOnly})
	require.Contains(t, finished[1].Returns.Result, token, "of the page, by which its session is known")
	m := c.mandateOf(v.ID)
	require.Equal(t, []any{core.MandateIsActive, true, "Visa ···2222"}, []any{m.Status, m.Next == nil, m.Display})
}

func TestABuyerWhoTurnsAwayFromASetUp(t *testing.T) {
	c := newCounter(t)
	c.walletMandates()
	in := newMandate("customer-7")
	in.Order.Method = core.Method{Type: "wallet"}
	v, _ := c.setUp(in)
	landing, err := c.Return(t.Context(), c.tokens.Return(v.ID, 1, core.LegBack), http.MethodGet, nil)
	require.NoError(t, err)
	require.Equal(t, "https://shop.example/account?mandate="+v.ID, landing.To)
	require.NotEqual(t, core.MandateIsActive, c.mandateOf(v.ID).Status)
}

// Whoever hosts the return himself reports it.
func TestAReportedReturnOfAMandate(t *testing.T) {
	c := newCounter(t)
	c.walletMandates()
	in := newMandate("customer-7")
	in.Order.Method = core.Method{Type: "wallet"}
	v, _ := c.setUp(in)
	c.wallet.Open("S", v.Reference, "Ringstr. 5")
	c.wallet.OnFinish = func(op core.Op, in core.CompleteInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.MandateActive, ID: "P", OpKey: op.Key, Strength: core.Asserted}}}, nil
	}
	_, err := c.ReportMandate(t.Context(), request("wrong"), v.ID, "sideways", nil)
	require.Equal(t, "field_invalid", core.CodeOf(err))
	other := request("foreign")
	other.MerchantID = "other"
	_, err = c.ReportMandate(t.Context(), other, v.ID, core.LegResult, url.Values{"session": {"S"}})
	require.Equal(t, core.NotFound, core.KindOf(err))
	a, err := c.ReportMandate(t.Context(), request("back"), v.ID, core.LegResult, url.Values{"session": {"S"}})
	require.NoError(t, err)
	require.Equal(t, []any{200, core.MandateIsActive}, []any{a.Status, mandateView(t, a).Status})
	_, err = c.Report(t.Context(), request("no payment"), v.ID, core.LegResult, nil)
	require.Equal(t, core.NotFound, core.KindOf(err))
}
