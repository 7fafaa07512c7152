package core_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

func newMandate(reference string) core.NewMandate {
	return core.NewMandate{Reference: reference, Currency: "EUR", Metadata: map[string]string{"customer": "7"},
		Order: core.PaymentOrder{Save: core.Save{Kind: core.SaveUnscheduled}, ReturnURL: "https://shop.example/wallet", CancelURL: "https://shop.example/account"}}
}

func mandateView(t *testing.T, a core.Answer) (v core.MandateView) {
	t.Helper()
	require.Equal(t, "mandate", a.Kind)
	require.NoError(t, json.Unmarshal(a.Snapshot, &v))
	return v
}

// setUp asks for a consent outside of a purchase, and tells the return address the provider was given.
func (d *desk) setUp(in core.NewMandate) (core.MandateView, string) {
	d.t.Helper()
	a, err := d.SetUp(d.t.Context(), request("set-up-"+in.Reference), in)
	require.NoError(d.t, err)
	require.Equal(d.t, 201, a.Status)
	v := mandateView(d.t, a)
	o := d.payment(v.ID).Operations[0]
	require.Equal(d.t, core.OpStartMandate, o.Kind)
	var asked core.MandateInput
	require.NoError(d.t, json.Unmarshal(o.Input, &asked))
	return v, strings.TrimPrefix(asked.Returns.Result, "https://pay.example/return/")
}

// agreed sets up a mandate to which the buyer agrees.
func (d *desk) agreed(in core.NewMandate) *core.Mandate {
	d.t.Helper()
	v, back := d.setUp(in)
	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		return core.Snapshot{Found: true, Refs: core.Refs{"permission": "P-" + v.ID}, Memo: core.Refs{core.MemoToken: "tok"}, Display: "VISA ••1111",
			Facts: []core.Fact{{Kind: core.MandateActive, ID: "P-" + v.ID, Strength: core.Asserted, OccurredAt: time.Unix(1000, 0).UTC()}}}, nil
	}
	landing, err := d.Return(d.t.Context(), back, http.MethodGet, nil)
	require.NoError(d.t, err)
	require.Equal(d.t, "https://shop.example/wallet?mandate="+v.ID, landing.To)
	d.provider.OnQuery = nil
	return d.mandateOf(v.ID)
}

func (d *desk) mandateOf(id string) *core.Mandate {
	d.t.Helper()
	m, err := d.Mandate(d.t.Context(), "m", id, false)
	require.NoError(d.t, err)
	return m
}

// tells delivers a feedback about a consent.
func (d *desk) tells(m *core.Mandate, facts ...core.Fact) {
	d.t.Helper()
	told++
	for i := range facts {
		facts[i].ID, facts[i].Strength = m.Refs["permission"], core.Asserted
	}
	d.receive(core.Feedback{Facts: facts, Refs: core.Refs{"permission": m.Refs["permission"]}, DedupeKey: "tells-" + time.Duration(told).String()})
}

func TestConsentOutsideOfAPurchase(t *testing.T) {
	d := newDesk(t)
	v, _ := d.setUp(newMandate("customer-7"))
	require.Equal(t, core.MandateRequiresAction, v.Status)
	require.Equal(t, "https://provider.example/agree", v.Next.URL)
	require.Equal(t, []any{"customer-7", "", "7"}, []any{v.MerchantReference, v.Payment, v.Metadata["customer"]})
	m := d.agreed(newMandate("customer-8"))
	require.Equal(t, core.MandateIsActive, m.Status)
	require.Nil(t, m.Next)
	require.Equal(t, "VISA ••1111", m.Display)
	require.Equal(t, []string{"mandate.action_required", "mandate.active"}, d.events(m.ID))

	in := newPayment("order-1", core.CaptureAutomatic)
	in.Order = core.PaymentOrder{Capture: core.CaptureAutomatic, Mandate: m.ID, OffSession: true, Channel: "phone"}
	var charged core.ChargeMandateInput
	d.provider.OnCharge = func(op core.Op, in core.ChargeMandateInput) (core.Outcome, error) {
		charged = in
		return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.Captured, ID: "C", Of: "C", Amount: op.Amount, Strength: core.Asserted}}}, nil
	}
	a, err := d.Create(t.Context(), request("charge"), in)
	require.NoError(t, err)
	require.Equal(t, core.StatusSucceeded, view(t, a).Status)
	require.Equal(t, "VISA ••1111", view(t, a).Display, "the mandate knows it")
	require.Equal(t, []any{"tok", "P-" + m.ID, "phone", false}, []any{charged.Mandate.Memo[core.MemoToken], charged.Mandate.Refs["permission"], charged.Channel, charged.BuyerPresent})
}

func TestNobodySeesASetUpAsAPayment(t *testing.T) {
	d := newDesk(t)
	m := d.agreed(newMandate("order-1"))
	shown := d.create("order-1", core.CaptureManual) // a payment may have the same reference
	l, err := d.Payments(t.Context(), "m", core.PaymentQuery{}, 10, "")
	require.NoError(t, err)
	require.Len(t, l.Items, 1)
	require.Equal(t, shown.ID, l.Items[0].ID)
	for name, do := range map[string]func() error{
		"read":     func() error { _, err := d.Payment(t.Context(), "m", m.ID, false); return err },
		"refresh":  func() error { _, err := d.Payment(t.Context(), "m", m.ID, true); return err },
		"sync":     func() error { _, err := d.Sync(t.Context(), "m", m.ID); return err },
		"timeline": func() error { _, err := d.Timeline(t.Context(), "m", m.ID); return err },
		"confirm":  func() error { _, err := d.Confirm(t.Context(), request("a"), m.ID, nil, "", nil); return err },
		"capture":  func() error { _, err := d.Capture(t.Context(), request("b"), m.ID, amount(1)); return err },
		"cancel":   func() error { _, err := d.Cancel(t.Context(), request("c"), m.ID, ""); return err },
		"patch": func() error {
			_, err := d.Patch(t.Context(), request("d"), m.ID, core.Changes{Metadata: map[string]string{"a": "b"}})
			return err
		},
	} {
		require.Equal(t, core.NotFound, core.KindOf(do()), name)
	}
	events, err := d.Events(t.Context(), "m", core.EventQuery{}, 100, "")
	require.NoError(t, err)
	for _, e := range events.Items {
		if strings.HasPrefix(e.Type, "mandate.") {
			require.Contains(t, string(e.Body), `"payment":null`)
		}
	}
	_, err = d.SetUp(t.Context(), request("again"), newMandate("order-1"))
	require.Equal(t, "reference_exists", core.CodeOf(err))
}

func TestWhatEndsASetUp(t *testing.T) {
	expired := &core.Failure{Category: core.FailureExpired}
	for name, c := range map[string]struct {
		fact   core.Fact
		status core.MandateStatus
		events []string
	}{
		"refused":  {core.Fact{Kind: core.MandateRefused, Failure: &core.Failure{Category: core.FailureBuyerCanceled}}, core.MandateHasFailed, []string{"mandate.failed"}},
		"ended":    {core.Fact{Kind: core.AttemptEnded, Failure: &core.Failure{Category: core.FailureDeclinedHard}}, core.MandateHasFailed, []string{"mandate.failed"}},
		"closed":   {core.Fact{Kind: core.MandateClosed}, core.MandateIsCanceled, []string{"mandate.canceled"}},
		"run out":  {core.Fact{Kind: core.MandateClosed, Failure: expired}, core.MandateIsExpired, []string{"mandate.expired"}},
		"money":    {core.Fact{Kind: core.Authorized, Amount: core.Money{Minor: 5, Currency: "EUR"}}, core.MandateRequiresAction, nil},
		"accepted": {core.Fact{Kind: core.MandateActive}, core.MandateIsActive, []string{"mandate.active"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			v, _ := d.setUp(newMandate("customer-7"))
			c.fact.ID, c.fact.Strength = "P", core.Asserted
			told++
			d.receive(core.Feedback{Facts: []core.Fact{c.fact}, Reference: v.Reference, DedupeKey: name})
			m := d.mandateOf(v.ID)
			require.Equal(t, c.status, m.Status)
			require.Equal(t, append([]string{"mandate.action_required"}, c.events...), d.events(m.ID))
			if c.status == core.MandateHasFailed {
				require.Equal(t, c.fact.Failure, m.LastError)
				require.Nil(t, m.Next)
			}
			require.Equal(t, c.fact.Kind == core.Authorized, m.NeedsReview, "money moved for what is no payment")
		})
	}
}

func TestASetUpMayBeDroppedBeforeTheBuyerAgrees(t *testing.T) {
	d := newDesk(t)
	v, _ := d.setUp(newMandate("customer-7"))
	a, err := d.CancelMandate(t.Context(), request("drop"), v.ID, "")
	require.NoError(t, err)
	require.Equal(t, core.MandateIsCanceled, mandateView(t, a).Status)
	require.Empty(t, d.provider.Calls(core.OpCancelMandate))
	again, err := d.CancelMandate(t.Context(), request("drop"), v.ID, "")
	require.NoError(t, err)
	require.JSONEq(t, string(a.Snapshot), string(again.Snapshot))
	told++
	d.receive(core.Feedback{Facts: []core.Fact{{Kind: core.MandateActive, ID: "P", Strength: core.Asserted}}, Reference: v.Reference, DedupeKey: "late"})
	require.Equal(t, core.MandateIsActive, d.mandateOf(v.ID).Status, "the provider has it, whatever was wanted here")
}

func TestASetUpWhoseAnswerIsLostIsAskedFor(t *testing.T) {
	d := newDesk(t)
	d.provider.OnSetUp = func(core.Op, core.MandateInput) (core.Outcome, error) { return core.Outcome{}, nil }
	a, err := d.SetUp(t.Context(), request("lost"), newMandate("customer-7"))
	require.NoError(t, err)
	require.Equal(t, 202, a.Status)
	v := mandateView(t, a)
	require.Equal(t, core.MandateProcessing, v.Status)
	d.provider.OnSetUp = nil
	again, err := d.SetUp(t.Context(), request("lost"), newMandate("customer-7"))
	require.NoError(t, err)
	require.Equal(t, []any{201, true}, []any{again.Status, again.Replayed})
	require.Equal(t, core.MandateRequiresAction, mandateView(t, again).Status)
	calls := d.provider.Calls(core.OpStartMandate)
	require.Equal(t, []any{2, calls[0].Key}, []any{len(calls), calls[1].Key})
}

func TestSuspendedGoesBothWays(t *testing.T) {
	d := newDesk(t)
	m := d.agreed(newMandate("customer-7"))
	at := func(s int64) time.Time { return time.Unix(s, 0).UTC() }
	failure := &core.Failure{Category: core.FailureInstrument}
	d.tells(m, core.Fact{Kind: core.MandateSuspended, OccurredAt: at(3000), Failure: failure})
	m = d.mandateOf(m.ID)
	require.Equal(t, core.MandateIsSuspended, m.Status)
	require.Equal(t, failure, m.LastError)
	in := newPayment("order-1", core.CaptureAutomatic)
	in.Order = core.PaymentOrder{Capture: core.CaptureAutomatic, Mandate: m.ID, OffSession: true}
	_, err := d.Create(t.Context(), request("charge"), in)
	require.Equal(t, "mandate_not_active", core.CodeOf(err))
	require.ErrorContains(t, err, "suspended")
	d.tells(m, core.Fact{Kind: core.MandateActive, OccurredAt: at(2000)}) // older, and late
	require.Equal(t, core.MandateIsSuspended, d.mandateOf(m.ID).Status)
	d.tells(m, core.Fact{Kind: core.MandateActive, OccurredAt: at(4000)})
	m = d.mandateOf(m.ID)
	require.Equal(t, core.MandateIsActive, m.Status)
	require.Nil(t, m.LastError)
	_, err = d.CancelMandate(t.Context(), request("end"), m.ID, "")
	require.NoError(t, err)
	require.Equal(t, core.MandateIsCanceled, d.mandateOf(m.ID).Status)
	require.Nil(t, d.mandateOf(m.ID).LastError, "what was repaired did not end it")
	require.Equal(t, []string{"mandate.action_required", "mandate.active", "mandate.suspended", "mandate.active", "mandate.canceled"}, d.events(m.ID))
}

// Providers tell the second of a change. What is shown after it holds, whatever was first in that second; what was asked for
// before is not.
func TestSuspendedAndRepairedInOneSecond(t *testing.T) {
	d := newDesk(t)
	m := d.agreed(newMandate("customer-7"))
	shown := func(kind core.FactKind, second int64) core.Snapshot {
		return core.Snapshot{Found: true, Facts: []core.Fact{{Kind: kind, ID: "M", OccurredAt: time.Unix(second, 0).UTC(), Strength: core.Asserted}}}
	}
	read := func(s core.Snapshot) core.MandateStatus {
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return s, nil }
		m, err := d.Mandate(t.Context(), "m", m.ID, true)
		require.NoError(t, err)
		return m.Status
	}
	for range 2 {
		require.Equal(t, core.MandateIsSuspended, read(shown(core.MandateSuspended, 3000)))
		require.Equal(t, core.MandateIsActive, read(shown(core.MandateActive, 3000)))
		require.Equal(t, core.MandateIsActive, read(shown(core.MandateActive, 3000)), "again")
	}
	require.Equal(t, core.MandateIsActive, read(shown(core.MandateSuspended, 2000)), "from long before")
	facts := len(d.payment(m.ID).Facts)
	require.Equal(t, core.MandateIsActive, read(shown(core.MandateActive, 3000)))
	require.Len(t, d.payment(m.ID).Facts, facts, "the same is told again")

	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { // it was asked first, and answers last
		require.Equal(t, core.MandateIsSuspended, read(shown(core.MandateSuspended, 3000)))
		return shown(core.MandateActive, 3000), nil
	}
	_, err := d.Mandate(t.Context(), "m", m.ID, true)
	require.NoError(t, err)
	require.Equal(t, core.MandateIsSuspended, d.mandateOf(m.ID).Status)
	require.False(t, d.payment(m.ID).CheckAt.IsZero(), "it is asked once more")
	require.Equal(t, core.MandateIsActive, read(shown(core.MandateActive, 3000)))
}

func TestTheInstrumentOfAMandateIsChanged(t *testing.T) {
	d := newDesk(t)
	m := d.agreed(newMandate("customer-7"))
	d.tells(m, core.Fact{Kind: core.MandateSuspended, OccurredAt: time.Unix(3000, 0).UTC()})
	var back string
	d.provider.OnChange = func(op core.Op, in core.UpdateMandateInput) (core.Outcome, error) {
		back = strings.TrimPrefix(in.Returns.Result, "https://pay.example/return/")
		return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, Then: core.ThenQuery, URL: "https://provider.example/change"}}, nil
	}
	a, err := d.UpdateMandate(t.Context(), request("change"), m.ID, core.MandateAmendment{ReturnURL: "https://shop.example/changed", CancelURL: "https://shop.example/no"})
	require.NoError(t, err)
	v := mandateView(t, a)
	require.Equal(t, []any{200, core.MandateIsSuspended, "https://provider.example/change"}, []any{a.Status, v.Status, v.Next.URL})
	hosted, _, err := d.HostedMandate(t.Context(), d.ClientToken(m.ID))
	require.NoError(t, err)
	require.Equal(t, v.Next.URL, hosted.Next.URL)

	d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
		return core.Snapshot{Found: true, Facts: []core.Fact{{Kind: core.MandateActive, ID: m.Refs["permission"], Strength: core.Asserted, OccurredAt: time.Unix(5000, 0).UTC()}}}, nil
	}
	for range 2 { // a reload ends there as well
		landing, err := d.Return(t.Context(), back, http.MethodGet, nil)
		require.NoError(t, err)
		require.Equal(t, "https://shop.example/changed?mandate="+m.ID, landing.To)
	}
	changed := d.mandateOf(m.ID)
	require.Equal(t, core.MandateIsActive, changed.Status)
	require.Nil(t, changed.Next)
	require.Equal(t, []string{"mandate.action_required", "mandate.active", "mandate.suspended", "mandate.action_required", "mandate.active"}, d.events(m.ID))
	_, err = d.Return(t.Context(), strings.Replace(back, "2", "1", 1), http.MethodGet, nil)
	require.Equal(t, core.NotFound, core.KindOf(err), "a token of another leg is forged")
}

func TestThePlanOfAMandateIsChanged(t *testing.T) {
	d := newDesk(t)
	in := newMandate("customer-7")
	_, err := d.SetUp(t.Context(), request("no-plan"), core.NewMandate{Reference: "x", Currency: "EUR", Order: core.PaymentOrder{Save: core.Save{Kind: core.SaveRecurring}, ReturnURL: "https://shop.example/"}})
	require.Equal(t, "field_invalid", core.CodeOf(err))
	in.Order.Save = core.Save{Kind: core.SaveRecurring, Recurring: &core.Recurring{Unit: "month", Interval: 1, Amount: &core.Money{Minor: 3000, Currency: "EUR"}}}
	m := d.agreed(in)
	plan := &core.Recurring{Unit: "month", Interval: 2, Amount: &core.Money{Minor: 5000, Currency: "EUR"}}
	a, err := d.UpdateMandate(t.Context(), request("plan"), m.ID, core.MandateAmendment{Recurring: plan})
	require.NoError(t, err)
	require.Equal(t, plan, mandateView(t, a).Recurring)
	require.Equal(t, plan, d.mandateOf(m.ID).Recurring)
	require.Equal(t, "mandate.updated", d.events(m.ID)[2])

	refused := &core.Failure{Category: core.FailureRejected}
	d.provider.OnChange = func(core.Op, core.UpdateMandateInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Declined, Failure: refused}, nil
	}
	a, err = d.UpdateMandate(t.Context(), request("more"), m.ID, core.MandateAmendment{Recurring: &core.Recurring{Unit: "week", Interval: 1}})
	require.NoError(t, err)
	require.Equal(t, []any{plan, refused, core.MandateIsActive}, []any{mandateView(t, a).Recurring, mandateView(t, a).LastError, mandateView(t, a).Status})

	for code, wrong := range map[string]core.MandateAmendment{
		"field_invalid": {Recurring: plan, ReturnURL: "https://shop.example/x"}, "capability_unsupported": {ReturnURL: "https://shop.example/x"},
	} {
		_, err := d.UpdateMandate(t.Context(), request(code), m.ID, wrong)
		require.Equal(t, code, core.CodeOf(err))
	}
}

// A mandate given with a payment is changed without anything of the payment changing.
func TestAPaymentIsNotTouchedByItsMandate(t *testing.T) {
	d := newDesk(t)
	id := d.mandate()
	m := d.mandateOf(id)
	before := d.payment(m.PaymentID)
	d.provider.OnChange = func(core.Op, core.UpdateMandateInput) (core.Outcome, error) {
		return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, Then: core.ThenQuery, URL: "https://provider.example/change"}}, nil
	}
	_, err := d.UpdateMandate(t.Context(), request("change"), id, core.MandateAmendment{ReturnURL: "https://shop.example/changed"})
	require.NoError(t, err)
	after := d.payment(m.PaymentID)
	require.Equal(t, []any{before.Status, before.Amounts, before.Attempts[0].Next}, []any{after.Status, after.Amounts, after.Attempts[0].Next})
	require.Equal(t, "https://provider.example/change", d.mandateOf(id).Next.URL)
	e, err := d.Events(t.Context(), "m", core.EventQuery{Payment: m.PaymentID}, 1, "")
	require.NoError(t, err)
	require.Equal(t, "mandate.action_required", e.Items[0].Type)

	d.provider.OnChange = func(core.Op, core.UpdateMandateInput) (core.Outcome, error) { return core.Outcome{}, nil }
	_, err = d.UpdateMandate(t.Context(), request("lost"), id, core.MandateAmendment{ReturnURL: "https://shop.example/changed"})
	require.NoError(t, err)
	_, err = d.Refund(t.Context(), request("refund"), m.PaymentID, amount(100))
	require.NoError(t, err, "the upkeep of a mandate stands in nobody's way")
}

func TestABuyerWhoIsThereAndSteps(t *testing.T) {
	d := newDesk(t)
	d.provider.Caps.Methods[0].OnSession = []core.CaptureMode{core.CaptureAutomatic}
	d.open(nil)
	m := d.agreed(newMandate("customer-7"))
	var asked core.ChargeMandateInput
	d.provider.OnCharge = func(op core.Op, in core.ChargeMandateInput) (core.Outcome, error) {
		asked = in
		return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, Then: core.ThenQuery, URL: "https://bank.example/otp"}}, nil
	}
	in := newPayment("order-1", core.CaptureAutomatic)
	in.Order.Mandate = m.ID
	a, err := d.Create(t.Context(), request("charge"), in)
	require.NoError(t, err)
	v := view(t, a)
	require.Equal(t, []any{core.StatusRequiresAction, "https://bank.example/otp", true}, []any{v.Status, v.Next.URL, asked.BuyerPresent})
	d.provider.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
		return core.Snapshot{Found: true, Facts: []core.Fact{{Kind: core.Captured, ID: "C", Of: "C", Amount: in.Amount, Strength: core.Asserted}}}, nil
	}
	_, err = d.Return(t.Context(), strings.TrimPrefix(asked.Returns.Result, "https://pay.example/return/"), http.MethodGet, nil)
	require.NoError(t, err)
	require.Equal(t, core.StatusSucceeded, d.payment(v.ID).Status)
	in = newPayment("order-2", core.CaptureManual)
	in.Order.Mandate = m.ID
	_, err = d.Create(t.Context(), request("manual"), in)
	require.Equal(t, "capability_unsupported", core.CodeOf(err))
}

// What does not fit the charge of a mandate is refused with its place, and nothing is charged.
func TestWhatAChargeOfAMandateCannotHave(t *testing.T) {
	d := newDesk(t)
	all := []core.CaptureMode{core.CaptureAutomatic, core.CaptureManual}
	caps := &d.provider.Caps.Methods[0]
	caps.OffSession, caps.OnSession, caps.Agreement, caps.Delivery = all, all, true, true
	d.open(nil)
	set := newMandate("customer-7")
	set.Order.Method = core.Method{Type: "card", Flow: "hosted"}
	m := d.agreed(set)
	part, whole := int64(0), int64(10000)
	for pointer, change := range map[string]func(*core.PaymentOrder){
		"/authorize_amount":  func(o *core.PaymentOrder) { o.Authorize = &part },
		"/review_url":        func(o *core.PaymentOrder) { o.ReviewURL = "https://shop.example/review" },
		"/delivery":          func(o *core.PaymentOrder) { o.Delivery.NoPOBoxes = true },
		"/method/type":       func(o *core.PaymentOrder) { o.Method.Type = "amazon_pay" },
		"/method/flow":       func(o *core.PaymentOrder) { o.Method.Flow = "pay_now" },
		"/method/product":    func(o *core.PaymentOrder) { o.Method.Product = "pay_only" },
		"/method/option":     func(o *core.PaymentOrder) { o.Method.Option = "visa" },
		"/method/instrument": func(o *core.PaymentOrder) { o.Token = "tok" },
	} {
		for _, absent := range []bool{true, false} {
			in := newPayment("order-1", core.CaptureManual)
			in.Order.Mandate, in.Order.OffSession = m.ID, absent
			change(&in.Order)
			_, err := d.Create(t.Context(), request("refused"+pointer), in)
			e := &core.Error{}
			require.ErrorAs(t, err, &e, "%s %v", pointer, absent)
			require.Equal(t, []any{core.Invalid, pointer}, []any{e.Kind, e.Pointer})
		}
	}
	require.Empty(t, d.provider.Calls(core.OpChargeMandate))
	in := newPayment("order-1", core.CaptureManual)
	in.Order.Mandate, in.Order.OffSession, in.Order.Authorize, in.Order.Method = m.ID, true, &whole, m.Method
	_, err := d.Create(t.Context(), request("fits"), in)
	require.NoError(t, err, "the mandate's own method, and all of the amount")

	open := d.agreed(newMandate("customer-8"))
	for method, want := range map[core.Method]string{{Type: "card", Flow: "hosted"}: "", {Type: "amazon_pay"}: "capability_unsupported"} {
		in := newPayment("order-"+method.Type, core.CaptureManual)
		in.Order.Mandate, in.Order.OffSession, in.Order.Method = open.ID, true, method
		_, err := d.Create(t.Context(), request(method.Type), in)
		require.Equal(t, want, core.CodeOf(err), "no method was chosen when it was given")
	}
}

// A flow that is asked for and has no review cannot be asked for with one; who leaves the flow open may name a page for it.
func TestAReviewWhereThereIsNone(t *testing.T) {
	d := newDesk(t)
	in := newPayment("order-1", core.CaptureManual)
	in.Order.Account, in.Order.ReviewURL, in.Order.Method = "acc", "https://shop.example/review", core.Method{Type: "card", Flow: "hosted"}
	_, err := d.Create(t.Context(), request("named"), in)
	e := &core.Error{}
	require.ErrorAs(t, err, &e)
	require.Equal(t, []string{"capability_unsupported", "/review_url"}, []string{e.Code, e.Pointer})
	in.Order.Method = core.Method{Type: "card"}
	_, err = d.Create(t.Context(), request("open"), in)
	require.NoError(t, err)
}

// A buyer who pays and does not want his instrument saved has paid.
func TestRefusedToSaveIsPaid(t *testing.T) {
	d := newDesk(t)
	in := newPayment("order-1", core.CaptureAutomatic)
	in.Order.Save.Kind = core.SaveUnscheduled
	a, err := d.Create(t.Context(), request("create"), in)
	require.NoError(t, err)
	v := view(t, a)
	op := d.op(v.ID, core.OpStart).Op
	d.hear(core.Fact{Kind: core.Captured, ID: "A-" + op.Reference, Of: "A-" + op.Reference, Amount: op.Amount, Strength: core.Asserted}, core.Fact{Kind: core.MandateRefused, ID: "P", Strength: core.Asserted})
	require.Equal(t, core.StatusSucceeded, d.payment(v.ID).Status)
	require.Equal(t, core.MandateHasFailed, d.mandateOf(v.Mandate).Status)
	require.Contains(t, d.events(v.ID), "mandate.failed")
}

// A method that only obtains consent pays nothing, and what it obtained is charged all the same.
func TestAMethodThatOnlyObtainsConsent(t *testing.T) {
	d := newDesk(t)
	consent := d.provider.Caps.Methods[0]
	consent.Method, consent.Captures, consent.Save = core.Method{Type: "wallet", Product: "sign_in"}, nil, nil
	d.provider.Caps.Methods = append(d.provider.Caps.Methods, consent)
	d.open(nil)
	in := newPayment("order-1", core.CaptureAutomatic)
	in.Order.Method = consent.Method
	_, err := d.Create(t.Context(), request("pay"), in)
	require.Equal(t, "routing_no_candidate", core.CodeOf(err))
	set := newMandate("customer-7")
	set.Order.Method = consent.Method
	m := d.agreed(set)
	in.Order = core.PaymentOrder{Capture: core.CaptureAutomatic, Mandate: m.ID, OffSession: true}
	a, err := d.Create(t.Context(), request("charge"), in)
	require.NoError(t, err)
	require.Equal(t, core.StatusSucceeded, view(t, a).Status)
	in = newPayment("order-2", core.CaptureAutomatic)
	in.Order.Mandate = m.ID
	_, err = d.Create(t.Context(), request("present"), in)
	require.Equal(t, "capability_unsupported", core.CodeOf(err), "there is no page to offer the instrument on")
}
