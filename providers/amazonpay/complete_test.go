package amazonpay

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

func completeInput() core.CompleteInput {
	return core.CompleteInput{Known: reviewed(), Order: testOrder()}
}

func TestComplete(t *testing.T) {
	sure := []core.FactKind{core.AgreementOpen}
	for name, c := range map[string]struct {
		status int
		charge answer
		result core.Result
		facts  []core.FactKind
	}{
		"authorized":         {http.StatusOK, ok(testCharge(stateAuthorized, "")), core.Succeeded, append(sure, core.Authorized)},
		"captured":           {http.StatusOK, ok(testCharge(stateCaptured, "")), core.Succeeded, append(sure, core.Authorized, core.Captured)},
		"capture under way":  {http.StatusOK, ok(testCharge(stateCapturing, "")), core.Pending, append(sure, core.Authorized, core.CapturePending)},
		"pending (202)":      {http.StatusAccepted, ok(testCharge(stateAuthorizing, "")), core.Pending, append(sure, core.AuthorizationPending)},
		"declined later":     {http.StatusAccepted, ok(testCharge(stateDeclined, "HardDeclined")), core.Declined, append(sure, core.AuthorizationClosed, core.AuthorizationDeclined)},
		"charge not read":    {http.StatusOK, lost, core.Pending, append(sure, core.AuthorizationPending)},
		"state nobody knows": {http.StatusOK, ok(testCharge("Frozen", "")), core.Pending, append(sure, core.AuthorizationPending)},
		"no amount":          {http.StatusOK, ok(testCharge(stateCaptured, "", object{"captureAmount": nil})), core.Pending, append(sure, core.AuthorizationPending)},
		"another charge":     {http.StatusOK, ok(testCharge(stateCaptured, "", object{"chargeId": "S02-0000000-0000000-C000000"})), core.Pending, append(sure, core.AuthorizationPending)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(getSession, ok(updated())).on(complete, answer{status: c.status, body: completedSession()}).
				on(getPermission, ok(testPermission())).on(getCharge, c.charge)
			in := completeInput()
			if name == "captured" {
				in.Known = returned() // whose session it is, is read before, and the answer need not say it
				w.on(getPermission, ok(testPermission(object{"merchantMetadata": nil})))
			}
			out, err := newProvider(t, testConfig(t), w).Complete(t.Context(), testOp(core.OpComplete, 4990), in)
			require.NoError(t, err)
			require.Equal(t, c.result, out.Result)
			require.Equal(t, c.facts, kinds(out.Facts))
			require.Equal(t, core.Refs{refSession: sessionNo, refPermission: permissionNo, refCharge: chargeNo}, out.Refs)
			require.Equal(t, permissionNo, out.Memo[memoPermission])
			require.Equal(t, oneTime, out.Memo[memoType])
			require.Equal(t, "Visa ****1111 (Amazon Pay)", out.Display)
			for _, f := range out.Facts {
				require.Equal(t, core.Asserted, f.Strength)
				if f.Kind == core.AuthorizationPending || f.Kind == core.Authorized || f.Kind == core.Captured {
					require.Equal(t, chargeNo, f.ID)
					require.Equal(t, eur(4990), f.Amount)
				}
			}
			golden(t, "complete", w.sent[1])
		})
	}
}

// TestCompleteTwice completes what is completed: the session tells, and no second call is made.
func TestCompleteTwice(t *testing.T) {
	w := newWire(t).on(getSession, ok(completedSession())).on(getPermission, ok(testPermission())).on(getCharge, ok(testCharge(stateAuthorized, "")))
	for name, known := range map[string]core.Known{"known before": reviewed(), "its answer was lost": returned()} {
		t.Run(name, func(t *testing.T) {
			w.calls = nil
			out, err := newProvider(t, testConfig(t), w).Complete(t.Context(), again(testOp(core.OpComplete, 4990)), core.CompleteInput{Known: known, Order: testOrder()})
			require.NoError(t, err)
			require.Equal(t, core.Succeeded, out.Result)
			require.Equal(t, []core.FactKind{core.AgreementOpen, core.Authorized}, kinds(out.Facts))
			require.NotContains(t, w.calls, complete)
		})
	}
}

// TestCompletedByWhom: a completed session that says nothing of itself, and whose permission says nothing either, is
// neither the attempt's own nor somebody else's.
func TestCompletedByWhom(t *testing.T) {
	w := newWire(t).on(getSession, ok(completedSession())).on(getPermission, ok(testPermission(object{"merchantMetadata": nil})), lost)
	p := newProvider(t, testConfig(t), w)
	for range 2 {
		out, err := p.Complete(t.Context(), again(testOp(core.OpComplete, 4990)), core.CompleteInput{Known: returned(), Order: testOrder()})
		require.Error(t, err)
		require.NotErrorIs(t, err, core.ErrNotSent)
		require.Equal(t, core.Outcome{}, out)
	}
}

// TestCompleteRefused: no refusal decides, the session that is read after it does.
func TestCompleteRefused(t *testing.T) {
	for _, refusal := range []answer{refusedWith(422, "InvalidCheckoutSessionStatus"), refusedWith(409, "AmountMismatch"), refusedWith(404, "ResourceNotFound"),
		refusedWith(422, "CheckoutSessionCanceled"), refusedWith(400, "CheckoutSessionCanceled")} {
		for name, c := range map[string]struct {
			read   answer
			result core.Result
			facts  []core.FactKind
			next   bool
		}{
			"completed meanwhile":  {ok(completedSession()), core.Succeeded, []core.FactKind{core.AgreementOpen, core.Authorized}, false},
			"canceled":             {ok(bareSession(stateCanceled, "Declined")), core.Declined, []core.FactKind{core.AttemptEnded}, false},
			"open, not been there": {ok(updated()), core.Declined, nil, true},
			"open, not confirmed":  {ok(openSession()), core.Declined, nil, false},
			"unknown state":        {ok(bareSession("Frozen", "")), core.Unknown, nil, false},
			"not told":             {lost, core.Unknown, nil, false},
			"gone":                 {refusedWith(404, "ResourceNotFound"), core.Unknown, nil, false},
		} {
			t.Run(name, func(t *testing.T) {
				w := newWire(t).on(getSession, ok(updated()), c.read).on(complete, refusal).
					on(getPermission, ok(testPermission())).on(getCharge, ok(testCharge(stateAuthorized, "")))
				out, err := newProvider(t, testConfig(t), w).Complete(t.Context(), testOp(core.OpComplete, 4990), core.CompleteInput{Known: returned(), Order: testOrder()})
				require.NoError(t, err)
				require.Equal(t, c.result, out.Result)
				require.Equal(t, c.facts, kinds(out.Facts))
				require.Equal(t, c.next, out.Next != nil)
				for _, f := range out.Facts {
					require.Equal(t, core.Asserted, f.Strength, "it was its own before the call")
				}
			})
		}
	}
}

func TestCompleteInDoubt(t *testing.T) {
	refusedToDial := answer{err: core.NotSentError(errors.New("no connection"))}
	for name, c := range map[string]struct {
		read, complete answer
		notSent        bool
		bound          bool
	}{
		"not asked":        {read: refusedToDial, notSent: true},
		"question lost":    {read: lost, notSent: true},
		"question refused": {read: refusedWith(403, "InvalidAccountStatus"), notSent: true},
		"not sent":         {read: ok(updated()), complete: refusedToDial, notSent: true},
		"lost":             {read: ok(updated()), complete: lost, bound: true},
		"5xx":              {read: ok(updated()), complete: refusedWith(500, "InternalServerError"), bound: true},
		"throttled":        {read: ok(updated()), complete: refusedWith(429, "TooManyRequests"), bound: true},
		"a gateway":        {read: ok(updated()), complete: answer{status: 403, body: "<html>", media: "text/html"}, bound: true},
		"HTML with 200":    {read: ok(updated()), complete: answer{status: 200, body: "<html>", media: "text/html"}, bound: true},
		"truncated":        {read: ok(updated()), complete: ok(`{"checkoutSessionId":"` + sessionNo), bound: true},
		"another session":  {read: ok(updated()), complete: ok(completedSession(object{"checkoutSessionId": "x"})), bound: true},
		"still open":       {read: ok(updated()), complete: ok(updated()), bound: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(getSession, c.read).on(complete, c.complete)
			out, err := newProvider(t, testConfig(t), w).Complete(t.Context(), testOp(core.OpComplete, 4990), core.CompleteInput{Known: returned(), Order: testOrder()})
			require.Equal(t, c.notSent, errors.Is(err, core.ErrNotSent), "%v", err)
			require.Equal(t, core.Unknown, out.Result)
			require.Empty(t, out.Facts)
			require.Equal(t, c.bound, out.Memo[memoSession] == sessionNo, "whose session it is, is not lost with the answer")
		})
	}
}

func TestCompleteAgreementOnly(t *testing.T) {
	in := completeInput()
	in.Authorize = eur(0)
	w := newWire(t).on(getSession, ok(updated())).on(complete, ok(completedSession(object{"chargeId": nil}))).on(getPermission, ok(testPermission()), lost)
	p := newProvider(t, testConfig(t), w)
	for range 2 {
		out, err := p.Complete(t.Context(), testOp(core.OpComplete, 0), in)
		require.NoError(t, err)
		require.Equal(t, core.Succeeded, out.Result)
		require.Equal(t, []core.FactKind{core.AgreementOpen}, kinds(out.Facts))
		require.Equal(t, eur(4990), out.Facts[0].Amount)
		require.NotContains(t, out.Refs, refCharge)
	}
	golden(t, "complete_agreement", w.sent[1])
}

func TestCompletePartly(t *testing.T) {
	in := completeInput()
	in.Authorize = eur(1990)
	w := newWire(t).on(getSession, ok(updated())).on(complete, ok(completedSession())).on(getPermission, ok(testPermission())).
		on(getCharge, ok(testCharge(stateAuthorized, "", object{"chargeAmount": amount("19.90")})))
	out, err := newProvider(t, testConfig(t), w).Complete(t.Context(), testOp(core.OpComplete, 1990), in)
	require.NoError(t, err)
	require.Equal(t, []core.Money{eur(4990), eur(1990)}, []core.Money{out.Facts[0].Amount, out.Facts[1].Amount})
	golden(t, "complete_partly", w.sent[1])
}

func TestCompleteWithConsent(t *testing.T) {
	consented := testPermission(object{"chargePermissionId": consentNo, "chargePermissionType": onFile, "limits": object{"amountLimit": nil}})
	for name, c := range map[string]struct {
		permission object
		want       []core.FactKind
	}{
		"agreed":  {consented, []core.FactKind{core.MandateActive, core.Authorized}},
		"refused": {testPermission(object{"chargePermissionId": consentNo}), []core.FactKind{core.AgreementOpen, core.MandateRefused, core.Authorized}},
	} {
		t.Run(name, func(t *testing.T) {
			in := completeInput()
			in.Save.Kind = core.SaveUnscheduled
			w := newWire(t).on(getSession, ok(updated())).on(complete, ok(completedSession(object{"chargePermissionId": consentNo}))).
				on("GET /v2/chargePermissions/"+consentNo, ok(c.permission)).on(getCharge, ok(testCharge(stateAuthorized, "", object{"chargePermissionId": consentNo})))
			out, err := newProvider(t, testConfig(t), w).Complete(t.Context(), testOp(core.OpComplete, 4990), in)
			require.NoError(t, err)
			require.Equal(t, c.want, kinds(out.Facts))
			require.Equal(t, consentNo, out.Memo[memoPermission])
		})
	}
}
