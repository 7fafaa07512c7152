package amazonpay_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/amazonpay"
	"github.com/paymux/paymux/providers/amazonpay/sandbox"
)

// checkout is one order at the simulator, by the words of Amazon Pay.
type checkout struct {
	*world
	t     *testing.T
	in    core.StartInput
	known core.Known
	ops   int
}

func newCheckout(t *testing.T, flow string, change func(*sandbox.Account, *sandbox.Config, *amazonpay.Config)) *checkout {
	if change == nil {
		change = func(*sandbox.Account, *sandbox.Config, *amazonpay.Config) {}
	}
	w := newWorld(t, flow, change)
	return &checkout{world: w, t: t, in: w.Input(), known: core.Known{Reference: "ATTEMPT", Refs: core.Refs{}, Memo: core.Refs{}}}
}

func (c *checkout) op(kind core.OpKind, minor int64) core.Op {
	c.ops++
	return core.Op{Kind: kind, Reference: c.known.Reference, Key: strings.Repeat("K", c.ops), Amount: core.Money{Minor: minor, Currency: c.in.Amount.Currency}, Try: 1, CreatedAt: time.Now()}
}

// did keeps what an answer says to be kept.
func (c *checkout) did(out core.Outcome, err error) core.Outcome {
	c.t.Helper()
	require.NoError(c.t, err)
	c.keepRefs(out.Refs, out.Memo)
	return out
}

func (c *checkout) keepRefs(refs, memo core.Refs) {
	maps.Copy(c.known.Refs, refs)
	maps.Copy(c.known.Memo, memo)
}

// pay starts the order and takes its buyer, who pays with the instrument that ends so, to the end.
func (c *checkout) pay(instrument string) core.Outcome {
	c.t.Helper()
	next := c.did(c.provider.Start(c.t.Context(), c.op(core.OpStart, c.in.Amount.Minor), c.in)).Next
	c.visit(next, instrument)
	if next.Then == core.ThenRead {
		c.did(c.provider.ReadSession(c.t.Context(), core.SessionInput{Known: c.known}))
		next = c.did(c.provider.Confirm(c.t.Context(), c.op(core.OpConfirm, c.in.Authorize.Minor), core.ConfirmInput{Known: c.known, Order: c.in.Order})).Next
		c.visit(next, instrument)
	}
	return c.did(c.provider.Complete(c.t.Context(), c.op(core.OpComplete, c.in.Authorize.Minor), core.CompleteInput{Known: c.known, Order: c.in.Order}))
}

// visit goes where next leads and keeps what the browser brings back.
func (c *checkout) visit(next *core.NextAction, instrument string) {
	c.t.Helper()
	var p page
	if next.Type == core.NextRedirect {
		p = c.browse(c.t, http.MethodGet, next.URL, nil)
	} else {
		p = c.click(c.t, next).press("continue", nil)
		if p.has("change_instrument") {
			p = p.press("change_instrument", nil).press("continue", url.Values{"paymentInstrumentId": {instrument}})
		}
	}
	for range 10 {
		if p.away() {
			break
		}
		p = p.goOn()
	}
	back := p.back(next.Accepts)
	back.Known = c.known
	fb, err := c.provider.ParseReturn(c.t.Context(), back)
	require.NoError(c.t, err)
	c.keepRefs(fb.Refs, fb.Memo)
}

func (c *checkout) control(path string, in any) {
	c.t.Helper()
	body, err := json.Marshal(in)
	require.NoError(c.t, err)
	resp, err := http.Post(c.address+"/_control/"+path, "application/json", bytes.NewReader(body))
	require.NoError(c.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(c.t, http.StatusOK, resp.StatusCode, path)
}

// told are the notifications of the simulator, when all of them are delivered.
func (c *checkout) told() []core.Message {
	c.t.Helper()
	for range 10_000 {
		resp, err := http.Get(c.address + "/_control/feedback")
		require.NoError(c.t, err)
		var state struct{ Queued int }
		require.NoError(c.t, json.NewDecoder(resp.Body).Decode(&state))
		require.NoError(c.t, resp.Body.Close())
		if state.Queued == 0 {
			return c.Messages()
		}
	}
	require.Fail(c.t, "notifications are not delivered")
	return nil
}

func (c *checkout) advance(d time.Duration) {
	c.control("clock", map[string]string{"advance": d.String()})
}

func (c *checkout) query() []core.Fact {
	c.t.Helper()
	s, err := c.provider.Query(c.t.Context(), core.QueryInput{Known: c.known})
	require.NoError(c.t, err)
	return s.Facts
}

func named(facts []core.Fact) (list []string) {
	for _, f := range facts {
		list = append(list, f.Kind.String())
	}
	return list
}

func TestPendingAuthorization(t *testing.T) {
	for card, want := range map[string][]string{
		"0701": {"agreement_open", "authorized"},
		"4354": {"agreement_open", "authorization_closed", "authorization_declined"},
	} {
		for _, flow := range []string{"express", "pay_now"} {
			c := newCheckout(t, flow, nil)
			c.in.AllowPending = true
			out := c.pay(card)
			require.Equal(t, core.Pending, out.Result)
			require.Equal(t, []string{"agreement_open", "authorization_pending"}, named(out.Facts))
			require.Equal(t, named(out.Facts), named(c.query()))
			c.advance(time.Minute)
			require.Equal(t, want, named(c.query()))
		}
	}
}

func TestConsentSetUps(t *testing.T) {
	plan := &core.Recurring{Unit: "month", Interval: 1, Amount: &core.Money{Minor: 3000, Currency: "EUR"}}
	for name, in := range map[string]core.MandateInput{
		"wallet, delivered":     {Save: core.Save{Kind: core.SaveUnscheduled}, Method: core.Method{Product: "pay_and_ship"}},
		"wallet":                {Save: core.Save{Kind: core.SaveUnscheduled}},
		"wallet, by signing in": {Save: core.Save{Kind: core.SaveUnscheduled}, Method: core.Method{Product: "sign_in"}},
		"plan":                  {Save: core.Save{Kind: core.SaveRecurring, Recurring: plan}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheckout(t, "express", nil)
			in.MerchantReference, in.Returns = "wallet-1", c.in.Returns
			next := c.did(c.provider.StartMandate(t.Context(), c.op(core.OpStartMandate, 0), in)).Next
			c.visit(next, "1111")
			out := c.did(c.provider.Complete(t.Context(), c.op(core.OpComplete, 0), core.CompleteInput{Known: c.known, SetupOnly: true}))
			require.Equal(t, core.Succeeded, out.Result)
			require.Equal(t, []string{"mandate_active"}, named(out.Facts))
			require.Equal(t, "erika@example.org", out.Review.Buyer.Email)

			mandate := core.ChargeMandateInput{Mandate: c.known, SaveKind: in.Save.Kind, Order: c.in.Order}
			for _, present := range []bool{false, true} {
				mandate.BuyerPresent, mandate.Capture = present, core.CaptureAutomatic
				charged, err := c.provider.ChargeMandate(t.Context(), c.op(core.OpChargeMandate, 3000), mandate)
				require.NoError(t, err)
				require.Equal(t, core.Succeeded, charged.Result)
				require.Equal(t, []string{"authorized", "captured"}, named(charged.Facts))
			}
			if in.Save.Kind == core.SaveRecurring {
				more := &core.Recurring{Unit: "month", Interval: 2, Amount: &core.Money{Minor: 3500, Currency: "EUR"}}
				changed := c.did(c.provider.UpdateMandate(t.Context(), c.op(core.OpUpdateMandate, 0), core.UpdateMandateInput{Mandate: c.known, Recurring: more}))
				require.Equal(t, core.Succeeded, changed.Result)
			}
			c.control("backoffice", map[string]string{"operation": "buyer_close", "chargePermissionId": out.Memo["permission"]})
			require.Equal(t, []string{"mandate_closed"}, named(c.query()))
		})
	}
}

// TestInstrumentIsChanged lets the provider suspend a stored instrument, and its buyer choose another one.
func TestInstrumentIsChanged(t *testing.T) {
	c := newCheckout(t, "express", nil)
	in := core.MandateInput{Save: core.Save{Kind: core.SaveUnscheduled}, Returns: c.in.Returns}
	c.visit(c.did(c.provider.StartMandate(t.Context(), c.op(core.OpStartMandate, 0), in)).Next, "1111")
	out := c.did(c.provider.Complete(t.Context(), c.op(core.OpComplete, 0), core.CompleteInput{Known: c.known, SetupOnly: true}))
	permission := out.Memo["permission"]
	c.control("backoffice", map[string]string{"operation": "suspend", "chargePermissionId": permission})
	require.Equal(t, []string{"mandate_suspended"}, named(c.query()))
	update := core.UpdateMandateInput{Mandate: c.known, Returns: c.in.Returns}
	next := c.did(c.provider.UpdateMandate(t.Context(), c.op(core.OpUpdateMandate, 0), update)).Next
	c.visit(next, "4444")
	done := c.did(c.provider.Complete(t.Context(), c.op(core.OpComplete, 0), core.CompleteInput{Known: c.known, SetupOnly: true}))
	require.Equal(t, core.Succeeded, done.Result)
	require.Equal(t, []string{"mandate_active"}, named(done.Facts))
	require.Equal(t, permission, done.Memo["permission"])
	require.Contains(t, done.Display, "4444")
	require.Equal(t, []string{"mandate_active"}, named(c.query()))
}

func TestConsentIsRefusedByItsBuyer(t *testing.T) {
	c := newCheckout(t, "pay_now", nil)
	c.in.Save.Kind, c.in.Capture = core.SaveUnscheduled, core.CaptureAutomatic
	next := c.did(c.provider.Start(t.Context(), c.op(core.OpStart, c.in.Amount.Minor), c.in)).Next
	p := c.click(t, next).press("continue", nil).press("decline", nil)
	for !p.away() {
		p = p.goOn()
	}
	back := p.back(next.Accepts)
	back.Known = c.known
	fb, err := c.provider.ParseReturn(t.Context(), back)
	require.NoError(t, err)
	c.keepRefs(fb.Refs, nil)
	out := c.did(c.provider.Complete(t.Context(), c.op(core.OpComplete, c.in.Amount.Minor), core.CompleteInput{Known: c.known, Order: c.in.Order}))
	require.Equal(t, core.Succeeded, out.Result)
	require.Contains(t, named(out.Facts), "mandate_refused")
	require.Contains(t, named(out.Facts), "captured")
	require.NotContains(t, named(out.Facts), "mandate_active")
}

// TestWhatNobodyAskedFor has Amazon give money back for a claim, and a bank take it back.
func TestWhatNobodyAskedFor(t *testing.T) {
	c := newCheckout(t, "express", nil)
	c.in.Capture = core.CaptureAutomatic
	c.pay("1111")
	charge := c.known.Refs["chargeId"]
	c.control("backoffice", map[string]any{"operation": "a_to_z", "chargeId": charge, "amount": 500})
	c.advance(time.Minute)
	facts := c.query()
	floor := facts[len(facts)-1]
	require.Equal(t, core.Refunded, floor.Kind)
	require.Equal(t, core.AtLeast, floor.Measure)
	require.EqualValues(t, 500, floor.Amount.Minor)

	c.told()
	c.control("backoffice", map[string]any{"operation": "chargeback", "chargeId": charge})
	var disputed []core.Fact
	for _, m := range c.told() {
		fb, err := c.provider.ParseFeedback(t.Context(), m)
		require.NoError(t, err)
		disputed = append(disputed, fb.Facts...)
	}
	require.Equal(t, []string{"disputed"}, named(disputed))
	require.Equal(t, core.Hint, disputed[0].Strength, "no topic is set")
}

// TestKeptFailure: the answer that is kept under a key is a failure of the server, whether anything came of the call or not.
func TestKeptFailure(t *testing.T) {
	for action, happened := range map[string]bool{string(sandbox.StoredBefore): false, string(sandbox.StoredAfter): true} {
		c := newCheckout(t, "express", nil)
		c.pay("1111")
		in := core.CaptureInput{Known: c.known, Authorization: c.known.Refs["chargeId"]}
		op := c.op(core.OpCapture, 5000)
		c.control("faults", map[string]any{"operation": "CaptureCharge", "action": action})
		_, err := c.provider.Capture(t.Context(), op, in)
		require.Error(t, err)
		for op.Try < 4 {
			op.Try++
			out, err := c.provider.Capture(t.Context(), op, in)
			require.Equal(t, happened, err == nil, "%s: %v", action, err)
			if happened {
				require.Equal(t, core.Succeeded, out.Result)
			}
		}
		require.Equal(t, happened, strings.Contains(strings.Join(named(c.query()), " "), "captured"))
	}
}

// TestJapan has no decimals.
func TestJapan(t *testing.T) {
	c := newCheckout(t, "express", func(a *sandbox.Account, _ *sandbox.Config, cfg *amazonpay.Config) { a.Region, cfg.Region = "jp", "jp" })
	yen := core.Money{Minor: 1980, Currency: "JPY"}
	c.in.Amount, c.in.Authorize = yen, yen
	out := c.pay("1111")
	require.Equal(t, core.Succeeded, out.Result)
	require.Equal(t, yen, out.Facts[1].Amount)
	captured := c.did(c.provider.Capture(t.Context(), c.op(core.OpCapture, 1000), core.CaptureInput{Known: c.known, Authorization: c.known.Refs["chargeId"]}))
	require.Equal(t, core.Money{Minor: 1000, Currency: "JPY"}, *captured.Echo.Amount)
}

// TestLateCapture is under way for a while after the seventh day, and too late after the thirtieth.
func TestLateCapture(t *testing.T) {
	c := newCheckout(t, "express", nil)
	c.pay("1111")
	c.advance(8 * 24 * time.Hour)
	out := c.did(c.provider.Capture(t.Context(), c.op(core.OpCapture, 12550), core.CaptureInput{Known: c.known, Authorization: c.known.Refs["chargeId"]}))
	require.Equal(t, core.Pending, out.Result)
	require.Contains(t, named(out.Facts), "capture_pending")
	c.advance(time.Minute)
	require.Contains(t, named(c.query()), "captured")

	c = newCheckout(t, "express", nil)
	c.pay("1111")
	c.advance(31 * 24 * time.Hour)
	c.known.Objects = []core.Object{{Kind: core.ObjAuthorization, ID: c.known.Refs["chargeId"], State: core.StateDone, Open: 12550}}
	late := c.did(c.provider.Capture(t.Context(), c.op(core.OpCapture, 12550), core.CaptureInput{Known: c.known, Authorization: c.known.Refs["chargeId"]}))
	require.Equal(t, core.Declined, late.Result)
	require.Equal(t, []string{"authorization_closed"}, named(late.Facts))
	again := c.did(c.provider.Capture(t.Context(), c.op(core.OpCapture, 12550), core.CaptureInput{Known: c.known}))
	require.Equal(t, core.Succeeded, again.Result, "what the buyer agreed to can be charged anew")
}

func TestBuyerGivesUpAtAmazon(t *testing.T) {
	for card, reason := range map[string]string{"3064": "BuyerCanceled", "3434": "Declined"} {
		c := newCheckout(t, "pay_now", nil)
		out := c.pay(card)
		require.Equal(t, core.Declined, out.Result)
		require.Equal(t, []string{"attempt_ended"}, named(out.Facts))
		require.Equal(t, reason, out.Facts[0].Code)
	}
}
