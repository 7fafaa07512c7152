package amazonpay

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

const (
	getSession    = "GET /v2/checkoutSessions/" + sessionNo
	patchSession  = "PATCH /v2/checkoutSessions/" + sessionNo
	complete      = "POST /v2/checkoutSessions/" + sessionNo + "/complete"
	getPermission = "GET /v2/chargePermissions/" + permissionNo
	getCharge     = "GET /v2/charges/" + chargeNo
	redirectTo    = "https://payments.amazon.de/checkout/processing?amazonCheckoutSessionId=" + sessionNo
)

func TestReadSession(t *testing.T) {
	w := newWire(t).on(getSession, ok(openSession()))
	out, err := newProvider(t, testConfig(t), w).ReadSession(t.Context(), core.SessionInput{Known: returned()})
	require.NoError(t, err)
	require.Equal(t, core.Succeeded, out.Result)
	require.Equal(t, core.Refs{refSession: sessionNo}, out.Refs)
	require.Equal(t, core.Refs{memoSession: sessionNo}, out.Memo, "from now on it is the only one")
	r := out.Review
	require.Equal(t, "Amazon Gift Card and Visa ****6069 (Amazon Pay)", r.Instrument, "as delivered")
	require.Equal(t, r.Instrument, out.Display)
	require.Equal(t, "erika@example.org", r.Buyer.Email)
	require.Equal(t, [2]string{"Erika", "Muster"}, [2]string{r.Buyer.FirstName, r.Buyer.LastName})
	require.Equal(t, &core.Address{Name: "Erika Muster", Line1: "Ringstr. 5", City: "Berlin", PostalCode: "10115", Country: "DE", Phone: "0301234567"}, r.Buyer.Shipping)
	require.Len(t, r.ChangeActions, 2)
	require.Equal(t, core.ChangeAction{What: "address", ScriptURL: "https://static-eu.payments-amazon.com/checkout.js", SessionID: sessionNo}, r.ChangeActions[0])
	require.Equal(t, "instrument", r.ChangeActions[1].What)
	require.Empty(t, r.Constraints, "the amount is set when the payment is confirmed")
	require.NotEmpty(t, r.Fingerprint)
	golden(t, "read_session", w.sent[0])

	elsewhere := merge(testAddress, object{"addressLine1": "Ringstr. 6"})
	w.on(getSession, ok(openSession(object{"shippingAddress": elsewhere})))
	moved, err := newProvider(t, testConfig(t), w).ReadSession(t.Context(), core.SessionInput{Known: reviewed()})
	require.NoError(t, err)
	require.NotEqual(t, r.Fingerprint, moved.Review.Fingerprint)

	w.on(getSession, ok(openSession(object{"shippingAddress": nil, "paymentPreferences": []any{nil}})))
	only, err := newProvider(t, testConfig(t), w).ReadSession(t.Context(), core.SessionInput{Known: reviewed()})
	require.NoError(t, err)
	require.Len(t, only.Review.ChangeActions, 1)
	require.Empty(t, only.Review.Fingerprint)
	require.Empty(t, only.Review.Instrument)
}

// TestSessionsOfOthers brings sessions that are not the attempt's own: nothing is learned from them, and none gets a call
// that changes anything.
func TestSessionsOfOthers(t *testing.T) {
	other := object{"merchantMetadata": object{"merchantReferenceId": "ANOTHERATTEMPT"}}
	noReference := object{"merchantMetadata": nil}
	elsewhere := merge(noReference, object{"webCheckoutDetails": object{"checkoutReviewReturnUrl": "https://pay.example/return/ZZ99"}})
	silentOnes := merge(noReference, object{"webCheckoutDetails": nil})
	for name, c := range map[string]answer{
		"another reference":      ok(openSession(other)),
		"another return address": ok(openSession(elsewhere)),
		"neither":                ok(openSession(silentOnes)),
		"unknown":                refusedWith(http.StatusNotFound, "ResourceNotFound"),
		"sold to another":        ok(completedSession()),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(getSession, c).on(getPermission, ok(testPermission(other)))
			p := newProvider(t, testConfig(t), w)
			in := core.SessionInput{Known: returned()}
			read, err := p.ReadSession(t.Context(), in)
			require.NoError(t, err)
			confirmed, err := p.Confirm(t.Context(), testOp(core.OpConfirm, 4990), core.ConfirmInput{Known: in.Known, Order: testOrder()})
			require.NoError(t, err)
			done, err := p.Complete(t.Context(), testOp(core.OpComplete, 4990), core.CompleteInput{Known: in.Known, Order: testOrder()})
			require.NoError(t, err)
			for _, out := range []core.Outcome{read, confirmed, done} {
				require.Equal(t, core.Declined, out.Result)
				require.Equal(t, core.FailureRejected, out.Failure.Category)
				require.Empty(t, out.Facts)
				require.Nil(t, out.Refs)
				require.Nil(t, out.Memo)
				require.Nil(t, out.Review)
			}
			for _, call := range w.calls {
				require.Contains(t, []string{getSession, getPermission}, call, "it is read and no more")
			}
			s, err := p.Query(t.Context(), core.QueryInput{Known: in.Known})
			require.NoError(t, err)
			require.Empty(t, s.Facts)
		})
	}
}

func TestOwnReturnAddressIsEnough(t *testing.T) {
	w := newWire(t).on(getSession, ok(openSession(object{"merchantMetadata": nil})))
	out, err := newProvider(t, testConfig(t), w).ReadSession(t.Context(), core.SessionInput{Known: returned()})
	require.NoError(t, err)
	require.Equal(t, core.Succeeded, out.Result)
}

func TestSessionsThatAreOver(t *testing.T) {
	for name, c := range map[string]struct {
		known    core.Known
		session  object
		strength core.Strength
		category string
	}{
		"canceled by the buyer":      {reviewed(), bareSession(stateCanceled, "BuyerCanceled"), core.Asserted, core.FailureBuyerCanceled},
		"declined":                   {reviewed(), bareSession(stateCanceled, "Declined"), core.Asserted, core.FailureDeclinedHard},
		"expired":                    {reviewed(), bareSession(stateCanceled, "Expired"), core.Asserted, core.FailureExpired},
		"canceled by Amazon":         {reviewed(), bareSession(stateCanceled, "AmazonCanceled"), core.Asserted, core.FailureRejected},
		"for a reason nobody knows":  {reviewed(), bareSession(stateCanceled, "NewReason"), core.Asserted, core.FailureRejected},
		"not known before":           {returned(), bareSession(stateCanceled, "BuyerCanceled"), core.Hint, core.FailureBuyerCanceled},
		"not known, and tells of us": {returned(), bareSession(stateCanceled, "Declined", object{"merchantMetadata": object{"merchantReferenceId": attempt}}), core.Asserted, core.FailureDeclinedHard},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, testConfig(t), newWire(t).on(getSession, ok(c.session)))
			read, err := p.ReadSession(t.Context(), core.SessionInput{Known: c.known})
			require.NoError(t, err)
			done, err := p.Complete(t.Context(), testOp(core.OpComplete, 4990), core.CompleteInput{Known: c.known, Order: testOrder()})
			require.NoError(t, err)
			for _, out := range []core.Outcome{read, done} {
				require.Equal(t, core.Declined, out.Result)
				require.Equal(t, c.category, out.Failure.Category)
				require.Equal(t, []core.FactKind{core.AttemptEnded}, kinds(out.Facts))
				require.Equal(t, c.strength, out.Facts[0].Strength)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for region, want := range map[string][2]string{"eu": {"山田", "花子"}, "jp": {"花子", "山田"}} {
		cfg := testConfig(t)
		cfg.Region = region
		b := newProvider(t, cfg, newWire(t)).buyerOf(&buyer{Name: " 山田  花子"}, nil, nil)
		require.Equal(t, want, [2]string{b.FirstName, b.LastName}, region)
	}
	p := newProvider(t, testConfig(t), newWire(t))
	for name, want := range map[string][2]string{"": {"", ""}, "Cher": {"", "Cher"}, "Anna Maria Muster": {"Anna Maria", "Muster"}} {
		b := p.buyerOf(&buyer{Name: name}, nil, nil)
		require.Equal(t, want, [2]string{b.FirstName, b.LastName}, name)
	}
}

func updated(more ...object) object {
	return openSession(append([]object{{
		"webCheckoutDetails": object{"checkoutReviewReturnUrl": reviewURL, "checkoutResultReturnUrl": resultURL, "amazonPayRedirectUrl": redirectTo},
		"paymentDetails":     object{"paymentIntent": "Authorize", "chargeAmount": amount("49.90"), "totalOrderAmount": nil}, "constraints": []any{},
	}}, more...)...)
}

func TestConfirm(t *testing.T) {
	for name, change := range map[string]func(*core.Order){
		"confirm":           func(*core.Order) {},
		"confirm_automatic": func(o *core.Order) { o.Capture = core.CaptureAutomatic },
		"confirm_pending":   func(o *core.Order) { o.AllowPending = true },
		"confirm_partly":    func(o *core.Order) { o.Authorize = eur(1990) },
		"confirm_agreement": func(o *core.Order) { o.Authorize = eur(0) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(patchSession, ok(updated()))
			o := testOrder()
			change(&o)
			if o.Authorize.Minor == 1990 {
				w.on(patchSession, ok(updated(object{"paymentDetails": object{"paymentIntent": "Authorize", "chargeAmount": amount("19.90"), "totalOrderAmount": amount("49.90")}})))
			}
			op := testOp(core.OpConfirm, 4990)
			out, err := newProvider(t, testConfig(t), w).Confirm(t.Context(), op, core.ConfirmInput{Known: reviewed(), Order: o})
			require.NoError(t, err)
			require.Equal(t, core.Succeeded, out.Result)
			require.Equal(t, core.NextRedirect, out.Next.Type)
			require.Equal(t, core.ThenComplete, out.Next.Then)
			require.Equal(t, redirectTo, out.Next.URL)
			require.Equal(t, attempt, out.Echo.Reference)
			require.Equal(t, eur(4990), *out.Echo.Amount, "the operation is about the whole order")
			golden(t, name, w.sent[0])
		})
	}
}

func TestConfirmThatDoesNotLead(t *testing.T) {
	left := object{"constraints": []any{object{"constraintId": "BuyerNotAssociated"}, object{"constraintId": "ChargeAmountNotSet"}}}
	noWay := object{"webCheckoutDetails": object{"checkoutReviewReturnUrl": reviewURL, "amazonPayRedirectUrl": nil}}
	badWay := object{"webCheckoutDetails": object{"checkoutReviewReturnUrl": reviewURL, "amazonPayRedirectUrl": "javascript:alert(1)"}}
	changed := object{"paymentDetails": object{"paymentIntent": "Authorize", "chargeAmount": amount("50.00")}}
	for name, c := range map[string]struct {
		patch, read answer
		result      core.Result
		next        bool
		facts       []core.FactKind
		code        string
		err         bool
	}{
		"constraints left":        {patch: ok(updated(left)), result: core.Declined, code: "BuyerNotAssociated ChargeAmountNotSet"},
		"no way to go":            {patch: ok(updated(noWay)), err: true},
		"a way of another kind":   {patch: ok(updated(badWay)), err: true},
		"on the way already":      {patch: refusedWith(422, "InvalidCheckoutSessionStatus"), read: ok(updated()), result: core.Succeeded, next: true},
		"on the way with another": {patch: refusedWith(422, "InvalidCheckoutSessionStatus"), read: ok(updated(changed)), result: core.Declined, code: "InvalidCheckoutSessionStatus"},
		"canceled":                {patch: refusedWith(422, "InvalidCheckoutSessionStatus"), read: ok(bareSession(stateCanceled, "Expired")), result: core.Declined, code: "Expired", facts: []core.FactKind{core.AttemptEnded}},
		"refused, and not told":   {patch: refusedWith(422, "InvalidCheckoutSessionStatus"), read: lost, err: true},
		"a value refused":         {patch: refusedWith(400, "InvalidParameterValue"), read: ok(openSession()), result: core.Declined, code: "InvalidParameterValue"},
		"lost":                    {patch: lost, err: true},
		"a gateway":               {patch: answer{status: 502, body: "<html>", media: "text/html"}, err: true},
		"throttled":               {patch: refusedWith(429, "TooManyRequests"), err: true},
		"another session":         {patch: ok(updated(object{"checkoutSessionId": "x"})), err: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(patchSession, c.patch).on(getSession, c.read)
			out, err := newProvider(t, testConfig(t), w).Confirm(t.Context(), testOp(core.OpConfirm, 4990), core.ConfirmInput{Known: reviewed(), Order: testOrder()})
			if c.err {
				require.Error(t, err)
				require.NotErrorIs(t, err, core.ErrNotSent)
				require.NotEqual(t, core.Invalid, core.KindOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.result, out.Result)
			require.Equal(t, c.next, out.Next != nil)
			require.Equal(t, c.facts, kinds(out.Facts))
			if c.code != "" {
				require.Equal(t, c.code, out.Failure.ProviderCode)
				require.NotContains(t, out.Failure.ProviderMessage, "Erika")
			}
		})
	}
}

func TestConfirmAnotherAddressThanShown(t *testing.T) {
	p := newProvider(t, testConfig(t), newWire(t).on(getSession, ok(openSession())).on(patchSession, ok(updated()),
		ok(updated(object{"shippingAddress": merge(testAddress, object{"city": "Bonn"})}))))
	read, err := p.ReadSession(t.Context(), core.SessionInput{Known: returned()})
	require.NoError(t, err)
	in := core.ConfirmInput{Known: reviewed(), Order: testOrder(), Review: read.Review}
	same, err := p.Confirm(t.Context(), testOp(core.OpConfirm, 4990), in)
	require.NoError(t, err)
	require.Equal(t, core.Succeeded, same.Result)
	moved, err := p.Confirm(t.Context(), testOp(core.OpConfirm, 4990), in)
	require.NoError(t, err)
	require.Equal(t, core.Declined, moved.Result)
	require.Nil(t, moved.Next)
	require.Equal(t, "Bonn", moved.Review.Buyer.Shipping.City)
}

func TestUpdateSession(t *testing.T) {
	w := newWire(t).on(patchSession, ok(updated()))
	out, err := newProvider(t, testConfig(t), w).UpdateSession(t.Context(), testOp(core.OpUpdate, 4990), core.UpdateInput{Known: reviewed(), Order: testOrder()})
	require.NoError(t, err)
	require.Equal(t, core.Succeeded, out.Result)
	require.Nil(t, out.Next)
	require.NotNil(t, out.Review)
	golden(t, "update_session", w.sent[0])
}
