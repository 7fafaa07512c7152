package amazonpay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

const getConsent = "GET /v2/chargePermissions/" + consentNo

func mandateInput() core.MandateInput {
	return core.MandateInput{MerchantReference: "wallet-1", Description: "Coffee, again & again", Save: core.Save{Kind: core.SaveUnscheduled}, Method: core.Method{Type: methodType, Product: productOnly}, Buyer: core.Buyer{Locale: "en"},
		Returns: core.ReturnURLs{Review: reviewURL, Result: resultURL, Cancel: "https://pay.example/return/EF56"}}
}

func TestStartMandate(t *testing.T) {
	signedIn := mandateInput()
	signedIn.Method.Product = productSignIn
	plan := mandateInput()
	plan.Save = core.Save{Kind: core.SaveRecurring, Recurring: &core.Recurring{Unit: "month", Interval: 2, Amount: &core.Money{Minor: 3000, Currency: "EUR"}}}
	unseen := mandateInput()
	unseen.Method.Flow = flowHosted
	for name, c := range map[string]struct {
		in     core.MandateInput
		config string
		unseen any
		memo   core.Refs
	}{
		"mandate_wallet":  {mandateInput(), "createCheckoutSessionConfig", nil, core.Refs{memoReturn: resultURL, memoSave: "unscheduled"}},
		"mandate_sign_in": {signedIn, "signInConfig", nil, core.Refs{memoReturn: resultURL, memoSave: "unscheduled"}},
		"mandate_plan":    {plan, "createCheckoutSessionConfig", nil, core.Refs{memoReturn: resultURL, memoSave: "recurring", memoPlan: "30.00 EUR"}},
		"mandate_unseen":  {unseen, "createCheckoutSessionConfig", true, core.Refs{memoReturn: resultURL, memoSave: "unscheduled"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			out, err := newProvider(t, testConfig(t), w).StartMandate(t.Context(), testOp(core.OpStartMandate, 0), c.in)
			require.NoError(t, err)
			require.Empty(t, w.calls)
			require.Equal(t, core.Succeeded, out.Result)
			require.Equal(t, core.ThenComplete, out.Next.Then)
			require.Equal(t, c.memo, out.Memo)
			require.Equal(t, c.unseen, out.Next.Widget.Config["initCheckout"])
			require.Equal(t, c.config == "signInConfig", len(out.Next.Accepts) == 2)
			golden(t, name, handed(t, out.Next, c.config)+"\n")
		})
	}
	for name, change := range map[string]func(*core.MandateInput){
		"nothing to be stored": func(in *core.MandateInput) { in.Save.Kind = core.SaveNone },
		"another method":       func(in *core.MandateInput) { in.Method.Type = "card" },
		"another product":      func(in *core.MandateInput) { in.Method.Product = "x" },
		"a plan by signing in": func(in *core.MandateInput) { in.Method.Product, in.Save = productSignIn, plan.Save },
		"a plan without an amount": func(in *core.MandateInput) {
			in.Save = core.Save{Kind: core.SaveRecurring, Recurring: &core.Recurring{Unit: "month"}}
		},
		"a plan that is delivered": func(in *core.MandateInput) { in.Method.Product, in.Save = productShip, plan.Save },
		"a plan in another currency": func(in *core.MandateInput) {
			in.Save = core.Save{Kind: core.SaveRecurring, Recurring: &core.Recurring{Unit: "day", Amount: &core.Money{Minor: 1, Currency: "JPY"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := mandateInput()
			change(&in)
			_, err := newProvider(t, testConfig(t), newWire(t)).StartMandate(t.Context(), testOp(core.OpStartMandate, 0), in)
			require.Equal(t, core.Invalid, core.KindOf(err))
			require.Equal(t, err, newProvider(t, testConfig(t), newWire(t)).CheckStartMandate(testOp(core.OpStartMandate, 0), in))
		})
	}
}

// setUp is a mandate that waits for its buyer to come back.
func setUp(memo core.Refs) core.Known {
	return core.Known{Reference: attempt, Refs: core.Refs{refSession: sessionNo}, Memo: memo}
}

func testConsent(more ...object) object {
	return testPermission(append([]object{{"chargePermissionId": consentNo, "chargePermissionType": onFile, "limits": object{"amountLimit": nil},
		"buyer": object{"buyerId": "amzn1.account.A", "name": "Erika Muster", "email": "erika@example.org"}}}, more...)...)
}

func TestCompleteSetup(t *testing.T) {
	here := object{"webCheckoutDetails": object{"checkoutResultReturnUrl": resultURL}, "merchantMetadata": nil}
	signed := object{"webCheckoutDetails": object{"signInReturnUrl": resultURL}, "merchantMetadata": nil}
	done := completedSession(object{"chargeId": nil, "chargePermissionId": consentNo, "chargePermissionType": onFile})
	memo := core.Refs{memoReturn: resultURL, memoSave: "unscheduled"}
	for name, c := range map[string]struct {
		session object
		memo    core.Refs
		golden  string
	}{
		"wallet":  {openSession(here), memo, "complete_setup"},
		"sign in": {openSession(signed), memo, "complete_setup"},
		"plan":    {openSession(), core.Refs{memoReturn: resultURL, memoSave: "recurring", memoPlan: "30.00 EUR"}, "complete_plan"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(getSession, ok(c.session)).on(complete, ok(done)).on(getConsent, ok(testConsent()), lost)
			p := newProvider(t, testConfig(t), w)
			w.on(getSession, ok(c.session), ok(c.session), ok(done))
			in := core.CompleteInput{Known: setUp(c.memo), SetupOnly: true}
			op := testOp(core.OpComplete, 0)
			out, err := p.Complete(t.Context(), op, in)
			require.NoError(t, err)
			require.Equal(t, core.Succeeded, out.Result)
			require.Equal(t, []core.FactKind{core.MandateActive}, kinds(out.Facts))
			require.Equal(t, consentNo, out.Facts[0].ID)
			require.Equal(t, "2031-01-02T10:15:00Z", out.Facts[0].OccurredAt.Format("2006-01-02T15:04:05Z07:00"))
			require.Equal(t, consentNo, out.Memo[memoPermission])
			require.Equal(t, "erika@example.org", out.Review.Buyer.Email)
			golden(t, c.golden, w.sent[1])

			unread, err := p.Complete(t.Context(), op, in)
			require.NoError(t, err)
			require.Equal(t, []core.FactKind{core.MandateActive}, kinds(unread.Facts), "a completed set-up is the consent")
		})
	}
}

func chargeInput() core.ChargeMandateInput {
	o := testOrder()
	o.Capture = core.CaptureAutomatic
	return core.ChargeMandateInput{Mandate: core.Known{Refs: core.Refs{refPermission: consentNo}, Memo: core.Refs{memoPermission: consentNo, memoType: onFile}},
		SaveKind: core.SaveUnscheduled, Order: o}
}

func TestChargeMandate(t *testing.T) {
	taken := testCharge(stateCaptured, "", object{"chargePermissionId": consentNo})
	for name, change := range map[string]func(*core.ChargeMandateInput){
		"charge_mitu": func(*core.ChargeMandateInput) {},
		"charge_citu": func(in *core.ChargeMandateInput) { in.BuyerPresent = true },
		"charge_mitr": func(in *core.ChargeMandateInput) { in.SaveKind = core.SaveRecurring },
		"charge_citr": func(in *core.ChargeMandateInput) { in.SaveKind, in.BuyerPresent = core.SaveRecurring, true },
		"charge_telephone": func(in *core.ChargeMandateInput) {
			in.Channel, in.Capture, in.AllowPending = "telephone", core.CaptureManual, true
		},
		"charge_offline": func(in *core.ChargeMandateInput) { in.Channel = "offline" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(postCharge, made(taken))
			p := newProvider(t, testConfig(t), w)
			in := chargeInput()
			change(&in)
			op := testOp(core.OpChargeMandate, 4990)
			require.NoError(t, p.CheckChargeMandate(op, in))
			out, err := p.ChargeMandate(t.Context(), op, in)
			require.NoError(t, err)
			require.Equal(t, core.Succeeded, out.Result)
			require.Equal(t, []core.FactKind{core.Authorized, core.Captured}, kinds(out.Facts))
			require.Equal(t, core.Refs{refCharge: chargeNo}, out.Refs, "the consent has other orders, too")
			require.Equal(t, consentNo, out.Memo[memoPermission])
			golden(t, name, w.sent[0])
		})
	}
}

func TestChargeMandateRefused(t *testing.T) {
	for code, c := range map[string]struct {
		status int
		fact   core.FactKind
	}{
		"SoftDeclined": {422, core.AuthorizationDeclined}, "HardDeclined": {422, core.AuthorizationDeclined}, "AmazonRejected": {422, core.AuthorizationDeclined},
		"TransactionTimedOut": {422, core.AuthorizationDeclined}, "PaymentMethodNotAllowed": {422, core.AuthorizationDeclined}, "MFANotCompleted": {422, core.AuthorizationDeclined},
		"PeriodicAmountExceeded": {400, core.AttemptEnded}, "InvalidChargePermissionStatus": {422, core.AttemptEnded}, "ResourceNotFound": {404, core.AttemptEnded},
		"SomethingNew": {422, core.AttemptEnded},
	} {
		t.Run(code, func(t *testing.T) {
			w := newWire(t).on(postCharge, refusedWith(c.status, code))
			out, err := newProvider(t, testConfig(t), w).ChargeMandate(t.Context(), testOp(core.OpChargeMandate, 4990), chargeInput())
			require.NoError(t, err)
			require.Equal(t, core.Declined, out.Result)
			require.Equal(t, []core.FactKind{c.fact}, kinds(out.Facts))
			require.Equal(t, opKey, out.Facts[0].OpKey)
			require.Equal(t, out.Failure, out.Facts[0].Failure)
			require.Equal(t, code, out.Failure.ProviderCode)
		})
	}
	p := newProvider(t, testConfig(t), newWire(t))
	for name, change := range map[string]func(*core.Op, *core.ChargeMandateInput){
		"no consent":        func(_ *core.Op, in *core.ChargeMandateInput) { in.Mandate = core.Known{} },
		"a channel":         func(_ *core.Op, in *core.ChargeMandateInput) { in.Channel = "pigeon" },
		"pending, at once":  func(_ *core.Op, in *core.ChargeMandateInput) { in.AllowPending = true },
		"another currency":  func(op *core.Op, _ *core.ChargeMandateInput) { op.Amount.Currency = "USD" },
		"nothing":           func(op *core.Op, _ *core.ChargeMandateInput) { op.Amount.Minor = 0 },
		"a key with blanks": func(op *core.Op, _ *core.ChargeMandateInput) { op.Key = "a b" },
	} {
		op, in := testOp(core.OpChargeMandate, 4990), chargeInput()
		change(&op, &in)
		_, err := p.ChargeMandate(t.Context(), op, in)
		require.Equal(t, core.Invalid, core.KindOf(err), name)
		require.Equal(t, err, p.CheckChargeMandate(op, in), name)
	}
}

func TestUpdateMandate(t *testing.T) {
	patchConsent := "PATCH /v2/chargePermissions/" + consentNo
	plan := &core.Recurring{Unit: "week", Interval: 2, Amount: &core.Money{Minor: 3500, Currency: "EUR"}}
	recurringNow := testConsent(object{"chargePermissionType": recurring})
	in := core.UpdateMandateInput{Mandate: core.Known{Reference: attempt, Refs: core.Refs{refPermission: consentNo}, Memo: core.Refs{memoType: recurring, memoPermission: consentNo}}, Recurring: plan}
	op := testOp(core.OpUpdateMandate, 0)

	w := newWire(t).on(patchConsent, ok(recurringNow))
	out, err := newProvider(t, testConfig(t), w).UpdateMandate(t.Context(), op, in)
	require.NoError(t, err)
	require.Equal(t, core.Succeeded, out.Result)
	require.Nil(t, out.Next)
	require.Equal(t, []core.FactKind{core.MandateActive}, kinds(out.Facts))
	golden(t, "update_mandate", w.sent[0])

	w = newWire(t).on(patchConsent, refusedWith(422, "ChargePermissionNotModifiable")).on(getConsent, ok(testConsent(object{"chargePermissionType": recurring}, suspended(stateClosed, "BuyerCanceled"))))
	out, err = newProvider(t, testConfig(t), w).UpdateMandate(t.Context(), op, in)
	require.NoError(t, err)
	require.Equal(t, core.Declined, out.Result)
	require.Equal(t, []core.FactKind{core.MandateClosed}, kinds(out.Facts))

	_, err = newProvider(t, testConfig(t), newWire(t).on(patchConsent, lost)).UpdateMandate(t.Context(), op, in)
	require.Error(t, err)

	wallet := core.UpdateMandateInput{Mandate: in.Mandate, Returns: mandateInput().Returns}
	wallet.Mandate.Memo = core.Refs{memoType: onFile, memoPermission: consentNo, memoSession: "the-session-of-the-set-up", memoReturn: reviewURL}
	w = newWire(t)
	p := newProvider(t, testConfig(t), w)
	out, err = p.UpdateMandate(t.Context(), op, wallet)
	require.NoError(t, err)
	require.Empty(t, w.calls)
	require.Equal(t, core.ThenComplete, out.Next.Then)
	require.Equal(t, true, out.Next.Widget.Config["initCheckout"])
	golden(t, "mandate_instrument", handed(t, out.Next, "createCheckoutSessionConfig")+"\n")

	// The buyer is back with the session of the update page, which is another one than that of the set-up.
	back := wallet.Mandate
	fb, err := p.ParseReturn(t.Context(), core.Return{Step: "result", Values: map[string][]string{paramSession: {sessionNo}}, Known: back})
	require.NoError(t, err)
	back.Refs = core.Refs{refPermission: consentNo, refSession: fb.Refs[refSession]}
	page := object{"chargePermissionId": consentNo, "merchantMetadata": nil, "webCheckoutDetails": object{"checkoutResultReturnUrl": resultURL}}
	w.on(getSession, ok(openSession(page))).on(complete, ok(completedSession(object{"chargeId": nil, "chargePermissionId": consentNo, "chargePermissionType": onFile}))).on(getConsent, ok(testConsent()))
	input := core.CompleteInput{Known: back, Order: core.Order{Returns: core.ReturnURLs{Result: resultURL}}, SetupOnly: true}
	for _, told := range []any{consentNo, nil} { // whether an open session names its consent, Amazon does not say
		w.on(getSession, ok(openSession(page, object{"chargePermissionId": told})))
		done, err := p.Complete(t.Context(), testOp(core.OpComplete, 0), input)
		require.NoError(t, err)
		require.Equal(t, core.Succeeded, done.Result)
		require.Equal(t, []core.FactKind{core.MandateActive}, kinds(done.Facts))
	}
	w.calls = nil
	for name, other := range map[string]object{
		"another consent's":      {"chargePermissionId": "C02-0000000-0000000"},
		"the set-up once more":   {"chargePermissionId": nil, "webCheckoutDetails": object{"checkoutResultReturnUrl": reviewURL}, "merchantMetadata": object{"merchantReferenceId": attempt}},
		"signed in to once more": {"chargePermissionId": nil, "webCheckoutDetails": object{"signInReturnUrl": reviewURL}},
		"another of the same":    {"chargePermissionId": "C02-0000000-0000000", "merchantMetadata": object{"merchantReferenceId": attempt}},
	} {
		w.on(getSession, ok(openSession(page, other)))
		foreign, err := p.Complete(t.Context(), testOp(core.OpComplete, 0), input)
		require.NoError(t, err)
		require.Equal(t, core.Declined, foreign.Result, name)
	}
	require.NotContains(t, w.calls, complete, "a button's payload opens any number of sessions, and one consent was given")

	for name, change := range map[string]func(*core.UpdateMandateInput){
		"nothing":                  func(in *core.UpdateMandateInput) { in.Recurring = nil },
		"no consent":               func(in *core.UpdateMandateInput) { in.Mandate = core.Known{} },
		"a plan for a wallet":      func(in *core.UpdateMandateInput) { in.Mandate = wallet.Mandate },
		"the instrument of a plan": func(in *core.UpdateMandateInput) { in.Recurring, in.Returns = nil, wallet.Returns },
		"a plan by the hour":       func(in *core.UpdateMandateInput) { in.Recurring = &core.Recurring{Unit: "hour"} },
	} {
		t.Run(name, func(t *testing.T) {
			in := in
			change(&in)
			_, err := newProvider(t, testConfig(t), newWire(t)).UpdateMandate(t.Context(), op, in)
			require.Equal(t, core.Invalid, core.KindOf(err))
		})
	}
}

func TestCancelMandate(t *testing.T) {
	closeConsent := "DELETE /v2/chargePermissions/" + consentNo + "/close"
	gone := ok(testConsent(suspended(stateClosed, "MerchantClosed")))
	for name, c := range map[string]struct {
		closed, read answer
		result       core.Result
		doubt        bool
	}{
		"closed":          {gone, lost, core.Succeeded, false},
		"closed before":   {refusedWith(422, "InvalidChargePermissionStatus"), gone, core.Succeeded, false},
		"not told":        {refusedWith(422, "InvalidChargePermissionStatus"), lost, 0, true},
		"refused":         {refusedWith(422, "ChargePermissionNotModifiable"), ok(testConsent()), core.Declined, false},
		"lost":            {lost, gone, 0, true},
		"still open":      {ok(testConsent()), lost, 0, true},
		"another consent": {ok(testPermission(suspended(stateClosed, "MerchantClosed"))), lost, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(closeConsent, c.closed).on(getConsent, c.read)
			out, err := newProvider(t, testConfig(t), w).CancelMandate(t.Context(), testOp(core.OpCancelMandate, 0),
				core.CancelMandateInput{Mandate: chargeInput().Mandate, Reason: "the contract is over"})
			require.Equal(t, c.doubt, err != nil)
			require.Equal(t, c.result, out.Result)
			if c.result == core.Succeeded {
				require.Equal(t, []core.FactKind{core.MandateClosed, core.AgreementClosed}, kinds(out.Facts))
				require.Equal(t, []string{consentNo, consentNo}, []string{out.Facts[0].ID, out.Facts[1].ID})
			}
			golden(t, "cancel_mandate", w.sent[0])
		})
	}
}

func TestConsentStands(t *testing.T) {
	for name, c := range map[string]struct {
		status object
		want   []core.FactKind
	}{
		"chargeable":           {suspended(stateChargeable), []core.FactKind{core.MandateActive}},
		"instrument deleted":   {suspended(stateSuspended, "PaymentMethodDeleted"), []core.FactKind{core.MandateSuspended}},
		"among others":         {suspended(stateSuspended, "ChargeInProgress", "PaymentMethodExpired"), []core.FactKind{core.MandateSuspended}},
		"passes by itself":     {suspended(stateSuspended, "ChargeInProgress"), nil},
		"nobody knows why":     {suspended(stateSuspended, "SomethingNew"), nil},
		"canceled by buyer":    {suspended(stateClosed, "BuyerCanceled"), []core.FactKind{core.MandateClosed}},
		"a state nobody knows": {suspended("Frozen"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(getConsent, ok(testConsent(c.status)))
			known := core.Known{Reference: attempt, Refs: core.Refs{refPermission: consentNo}, Memo: core.Refs{memoSave: "unscheduled", memoType: onFile, memoPermission: consentNo}}
			s, err := newProvider(t, testConfig(t), w).Query(t.Context(), core.QueryInput{Known: known})
			require.NoError(t, err)
			require.Equal(t, c.want, kinds(s.Facts))
			for _, f := range s.Facts {
				require.Equal(t, consentNo, f.ID)
				require.False(t, f.OccurredAt.IsZero())
			}
		})
	}
}
