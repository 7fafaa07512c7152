package amazonpay

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

const (
	postCharge      = "POST /v2/charges"
	capture         = "POST /v2/charges/" + chargeNo + "/capture"
	cancel          = "DELETE /v2/charges/" + chargeNo + "/cancel"
	closePermission = "DELETE /v2/chargePermissions/" + permissionNo + "/close"
	postRefund      = "POST /v2/refunds"
)

func captureInput() core.CaptureInput {
	return core.CaptureInput{Known: sold(), Authorization: chargeNo, Statement: "EXAMPLE SHOP"}
}

func TestCapture(t *testing.T) {
	part := object{"captureAmount": amount("14.00")}
	for name, c := range map[string]struct {
		answer object
		minor  int64
		result core.Result
		facts  []core.FactKind
	}{
		"whole":     {testCharge(stateCaptured, ""), 4990, core.Succeeded, []core.FactKind{core.Authorized, core.Captured}},
		"part":      {testCharge(stateCaptured, "", part), 1400, core.Succeeded, []core.FactKind{core.Authorized, core.Captured, core.AuthorizationClosed}},
		"under way": {testCharge(stateCapturing, "", part), 1400, core.Pending, []core.FactKind{core.Authorized, core.CapturePending}},
		"declined":  {testCharge(stateDeclined, "AmazonRejected"), 1400, core.Declined, []core.FactKind{core.AuthorizationClosed, core.CaptureDeclined}},
		"a number":  {testCharge(stateCaptured, "", object{"captureAmount": object{"amount": 14.0, "currencyCode": "EUR"}}), 1400, core.Succeeded, []core.FactKind{core.Authorized, core.Captured, core.AuthorizationClosed}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(capture, ok(c.answer))
			out, err := newProvider(t, testConfig(t), w).Capture(t.Context(), testOp(core.OpCapture, c.minor), captureInput())
			require.NoError(t, err)
			require.Equal(t, c.result, out.Result)
			require.Equal(t, c.facts, kinds(out.Facts))
			require.Equal(t, opKey, out.Memo[memoCapture+chargeNo])
			for _, f := range out.Facts {
				switch f.Kind {
				case core.Captured, core.CapturePending:
					require.Equal(t, eur(c.minor), f.Amount)
					fallthrough
				case core.CaptureDeclined:
					require.Equal(t, [3]string{chargeNo, chargeNo, opKey}, [3]string{f.ID, f.Of, f.OpKey})
				case core.Authorized:
					require.Equal(t, eur(4990), f.Amount)
				}
			}
			if c.result != core.Declined {
				require.Equal(t, eur(c.minor), *out.Echo.Amount)
			}
			if name == "part" {
				golden(t, "capture", w.sent[0])
			}
		})
	}
}

// TestHostileAnswers: an answer about something else than was asked proves nothing. Another amount is told, and core compares.
func TestHostileAnswers(t *testing.T) {
	for name, c := range map[string]answer{
		"another charge":   ok(testCharge(stateCaptured, "", object{"chargeId": "S02-0000000-0000000-C000000"})),
		"not captured":     ok(testCharge(stateAuthorized, "")),
		"unknown state":    ok(testCharge("Frozen", "")),
		"no amount":        ok(testCharge(stateCaptured, "", object{"captureAmount": nil})),
		"another currency": ok(testCharge(stateCaptured, "", object{"captureAmount": object{"amount": "14.00", "currencyCode": "USD"}})),
		"a negative":       ok(testCharge(stateCaptured, "", object{"captureAmount": amount("-14.00")})),
		"three decimals":   ok(testCharge(stateCaptured, "", object{"captureAmount": amount("14.001")})),
		"an exponent":      ok(testCharge(stateCaptured, "", object{"captureAmount": amount("1e3")})),
		"truncated":        ok(`{"chargeId":"` + chargeNo + `","statusDetails":{"state":"Captured"`),
		"twice":            ok(`{"chargeId":"` + chargeNo + `","chargeid":"x"}`),
		"a list":           ok(`[]`),
		"empty":            ok(``),
		"HTML 502":         {status: 502, body: "<html>bad gateway</html>", media: "text/html"},
		"HTML 200":         {status: 200, body: "<html>", media: "text/html"},
		"HTML 403":         {status: 403, body: "<html>", media: "text/html"},
		"no reason":        {status: 422, body: object{"message": "?"}},
		"408":              refusedWith(408, "RequestTimeout"),
		"425":              refusedWith(425, "TooEarly"),
		"429":              refusedWith(429, "TooManyRequests"),
		"500":              refusedWith(500, "ProcessingFailure"),
		"503":              refusedWith(503, "ServiceUnavailable"),
		"lost":             lost,
		"our own defect":   refusedWith(400, "DuplicateIdempotencyKey"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(capture, c).on(getCharge, ok(testCharge(stateAuthorized, "")))
			out, err := newProvider(t, testConfig(t), w).Capture(t.Context(), testOp(core.OpCapture, 1400), captureInput())
			require.Error(t, err)
			require.NotErrorIs(t, err, core.ErrNotSent)
			require.NotEqual(t, core.Invalid, core.KindOf(err))
			require.Equal(t, core.Outcome{}, out)
			require.NotContains(t, err.Error(), "Erika")
		})
	}
	w := newWire(t).on(capture, ok(testCharge(stateCaptured, "")))
	out, err := newProvider(t, testConfig(t), w).Capture(t.Context(), testOp(core.OpCapture, 1400), captureInput())
	require.NoError(t, err)
	require.Equal(t, eur(4990), *out.Echo.Amount, "another amount than was asked for is there to be compared")
}

func TestNotSentIsTold(t *testing.T) {
	w := newWire(t).on(capture, answer{err: core.NotSentError(errors.New("no connection"))})
	_, err := newProvider(t, testConfig(t), w).Capture(t.Context(), testOp(core.OpCapture, 1400), captureInput())
	require.ErrorIs(t, err, core.ErrNotSent)
	require.Equal(t, core.Unavailable, core.KindOf(err))
}

// TestCaptureAgain makes a capture again whose answer was lost: the same bytes, and where the answer is a kept 5xx or the
// state of the charge is in the way, the charge tells.
func TestCaptureAgain(t *testing.T) {
	mine := ok(testCharge(stateCaptured, "", object{"captureAmount": amount("14.00")}))
	other := ok(testCharge(stateCaptured, "", object{"captureAmount": amount("15.00")}))
	for name, c := range map[string]struct {
		repeated, read answer
		result         core.Result
		doubt          bool
	}{
		"carried out now":               {mine, lost, core.Succeeded, false},
		"kept 5xx, was carried out":     {refusedWith(500, "InternalServerError"), mine, core.Succeeded, false},
		"kept 5xx, was not":             {refusedWith(500, "InternalServerError"), ok(testCharge(stateAuthorized, "")), 0, true},
		"kept 5xx, others took it":      {refusedWith(500, "InternalServerError"), other, 0, true},
		"kept 5xx, canceled":            {refusedWith(500, "InternalServerError"), ok(testCharge(stateCanceled, "ExpiredUnused")), core.Declined, false},
		"lost again, declined":          {lost, ok(testCharge(stateDeclined, "ProcessingFailure")), core.Declined, false},
		"lost again, was carried out":   {lost, mine, core.Succeeded, false},
		"in the way, was carried out":   {refusedWith(422, "InvalidChargeStatus"), mine, core.Succeeded, false},
		"in the way, others took it":    {refusedWith(422, "InvalidChargeStatus"), other, core.Declined, false},
		"in the way, canceled":          {refusedWith(422, "InvalidChargeStatus"), ok(testCharge(stateCanceled, "ExpiredUnused")), core.Declined, false},
		"in the way, and nothing there": {refusedWith(422, "InvalidChargeStatus"), ok(testCharge(stateAuthorized, "")), 0, true},
		"refused for itself":            {refusedWith(400, "CurrencyMismatch"), lost, core.Declined, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(capture, lost, c.repeated).on(getCharge, c.read)
			p := newProvider(t, testConfig(t), w)
			op := testOp(core.OpCapture, 1400)
			_, err := p.Capture(t.Context(), op, captureInput())
			require.Error(t, err)
			out, err := p.Capture(t.Context(), again(op), captureInput())
			require.Equal(t, w.sent[0], w.sent[1], "the same bytes under the same key")
			require.Equal(t, c.doubt, err != nil, "%v", err)
			require.Equal(t, c.result, out.Result)
			if c.result == core.Succeeded {
				require.Equal(t, opKey, out.Facts[1].OpKey)
			}
		})
	}
}

func TestCaptureOnTheAgreement(t *testing.T) {
	w := newWire(t).on(postCharge, made(testCharge(stateCaptured, "", object{"chargeAmount": amount("14.00"), "captureAmount": amount("14.00")})))
	out, err := newProvider(t, testConfig(t), w).Capture(t.Context(), testOp(core.OpCapture, 1400), core.CaptureInput{Known: sold(), Statement: "EXAMPLE SHOP LTD AND SONS"})
	require.NoError(t, err)
	require.Equal(t, core.Succeeded, out.Result)
	require.Equal(t, []core.FactKind{core.Authorized, core.Captured}, kinds(out.Facts))
	require.Equal(t, opKey, out.Facts[1].OpKey)
	golden(t, "capture_agreement", w.sent[0])

	_, err = newProvider(t, testConfig(t), w).Capture(t.Context(), testOp(core.OpCapture, 1400), core.CaptureInput{Known: reviewed()})
	require.Equal(t, core.Invalid, core.KindOf(err), "nobody has agreed to anything")
}

func TestAuthorize(t *testing.T) {
	for name, c := range map[string]struct {
		answer answer
		try    int
		result core.Result
		facts  []core.FactKind
		doubt  bool
	}{
		"authorized":                 {answer: made(testCharge(stateAuthorized, "")), result: core.Succeeded, facts: []core.FactKind{core.Authorized}},
		"pending":                    {answer: made(testCharge(stateAuthorizing, "")), result: core.Pending, facts: []core.FactKind{core.AuthorizationPending}},
		"unknown state":              {answer: made(testCharge("Frozen", "")), result: core.Unknown},
		"soft decline":               {answer: refusedWith(422, "SoftDeclined"), result: core.Declined},
		"over the limit":             {answer: refusedWith(400, "TransactionAmountExceeded"), result: core.Declined},
		"over the limit, made again": {answer: refusedWith(400, "TransactionAmountExceeded"), try: 2, doubt: true},
		"closed, made again":         {answer: refusedWith(422, "InvalidChargePermissionStatus"), try: 2, doubt: true},
		"declined, made again":       {answer: refusedWith(422, "HardDeclined"), try: 2, result: core.Declined},
		"of another agreement":       {answer: made(testCharge(stateAuthorized, "", object{"chargePermissionId": "S02-0"})), doubt: true},
		"without an id":              {answer: made(testCharge(stateAuthorized, "", object{"chargeId": ""})), doubt: true},
		"a reason nobody knows":      {answer: refusedWith(422, "SomethingNew"), result: core.Declined},
		"a reason with a line break": {answer: refusedWith(422, "Some\nthing"), result: core.Declined},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(postCharge, c.answer)
			op := testOp(core.OpAuthorize, 4990)
			op.Try = max(1, c.try)
			out, err := newProvider(t, testConfig(t), w).Authorize(t.Context(), op, core.AuthorizeInput{Known: sold(), AllowPending: true})
			require.Equal(t, c.doubt, err != nil)
			require.Equal(t, c.result, out.Result)
			require.Equal(t, c.facts, kinds(out.Facts))
			for _, f := range out.Facts {
				require.Equal(t, opKey, f.OpKey)
			}
			golden(t, "authorize", w.sent[0])
		})
	}
}

func TestVoid(t *testing.T) {
	all := core.VoidInput{Known: sold(), Reason: "the buyer changed his mind"}
	one := all
	one.Authorization, one.KeepAgreement = chargeNo, true
	named := all
	named.Authorization = chargeNo
	kept := all
	kept.KeepAgreement = true
	consent := kept
	consent.Memo = core.Refs{memoPermission: permissionNo, memoType: recurring}
	unwanted := named // a consent was asked for with the order, and its buyer did not give it
	unwanted.KeepAgreement, unwanted.Known = true, sold()
	unwanted.Memo[memoSave] = "unscheduled"
	later := all // charged to a consent that came with another order
	later.Known = sold()
	delete(later.Refs, refPermission)
	nothing := core.VoidInput{Known: reviewed()}
	gone := ok(testCharge(stateCanceled, "MerchantCanceled"))
	shut := ok(testPermission(suspended(stateClosed, "MerchantClosed")))
	closedFacts := []core.FactKind{core.AuthorizationClosed, core.AgreementClosed}
	for name, c := range map[string]struct {
		in      core.VoidInput
		answers map[string]answer
		result  core.Result
		facts   []core.FactKind
		calls   []string
		doubt   bool
	}{
		"one and the agreement": {in: named, answers: map[string]answer{cancel: gone, closePermission: shut}, result: core.Succeeded, facts: closedFacts, calls: []string{cancel, closePermission}},
		"all":                   {in: all, answers: map[string]answer{cancel: gone, closePermission: shut}, result: core.Succeeded, facts: closedFacts, calls: []string{cancel, closePermission}},
		"one":                   {in: one, answers: map[string]answer{cancel: gone}, result: core.Succeeded, facts: closedFacts[:1], calls: []string{cancel}},
		"agreement kept":        {in: kept, answers: map[string]answer{cancel: gone}, result: core.Succeeded, facts: closedFacts[:1], calls: []string{cancel}},
		"order of a plan":       {in: consent, answers: map[string]answer{cancel: gone}, result: core.Succeeded, facts: closedFacts, calls: []string{cancel}},
		"consent of others":     {in: later, answers: map[string]answer{cancel: gone}, result: core.Succeeded, facts: closedFacts[:1], calls: []string{cancel}},
		"consent refused":       {in: unwanted, answers: map[string]answer{cancel: gone, closePermission: shut}, result: core.Succeeded, facts: closedFacts, calls: []string{cancel, closePermission}},
		"nothing there":         {in: nothing, result: core.Succeeded},
		"canceled before":       {in: one, answers: map[string]answer{cancel: refusedWith(422, "InvalidChargeStatus"), getCharge: gone}, result: core.Succeeded, facts: closedFacts[:1], calls: []string{cancel, getCharge}},
		"closed before":         {in: all, answers: map[string]answer{cancel: gone, closePermission: refusedWith(422, "ChargePermissionNotModifiable"), getPermission: shut}, result: core.Succeeded, facts: closedFacts, calls: []string{cancel, closePermission, getPermission}},
		"captured before":       {in: one, answers: map[string]answer{cancel: refusedWith(422, "InvalidChargeStatus"), getCharge: ok(testCharge(stateCaptured, ""))}, result: core.Declined, facts: []core.FactKind{core.Authorized, core.Captured}, calls: []string{cancel, getCharge}},
		"cannot be closed":      {in: all, answers: map[string]answer{cancel: gone, closePermission: refusedWith(422, "ChargePermissionNotModifiable"), getPermission: ok(testPermission())}, result: core.Declined, facts: closedFacts[:1], calls: []string{cancel, closePermission, getPermission}},
		"lost":                  {in: one, answers: map[string]answer{cancel: lost}, doubt: true, calls: []string{cancel}},
		"not told":              {in: one, answers: map[string]answer{cancel: refusedWith(422, "InvalidChargeStatus"), getCharge: lost}, doubt: true, calls: []string{cancel, getCharge}},
		"second lost":           {in: all, answers: map[string]answer{cancel: gone, closePermission: lost}, doubt: true, calls: []string{cancel, closePermission}},
		"still authorized":      {in: one, answers: map[string]answer{cancel: ok(testCharge(stateAuthorized, ""))}, doubt: true, calls: []string{cancel}},
		"another charge":        {in: one, answers: map[string]answer{cancel: ok(testCharge(stateCanceled, "", object{"chargeId": "x"}))}, doubt: true, calls: []string{cancel}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			for call, a := range c.answers {
				w.on(call, a)
			}
			out, err := newProvider(t, testConfig(t), w).Void(t.Context(), testOp(core.OpVoid, 0), c.in)
			require.Equal(t, c.doubt, err != nil, "%v", err)
			require.Equal(t, c.result, out.Result)
			require.Equal(t, c.calls, w.calls)
			if c.doubt {
				return
			}
			require.Equal(t, c.facts, kinds(out.Facts))
			if len(out.Facts) > 0 && out.Facts[0].Kind == core.AuthorizationClosed {
				require.Equal(t, opKey, out.Facts[0].OpKey)
			}
			if name == "all" {
				golden(t, "void", w.sent[0]+w.sent[1])
			}
		})
	}
}

func TestRefund(t *testing.T) {
	in := core.RefundInput{Known: sold(), Capture: chargeNo}
	for name, c := range map[string]struct {
		answer answer
		try    int
		result core.Result
		facts  []core.FactKind
		doubt  bool
	}{
		"under way":            {answer: made(testRefund(stateRefunding, "")), result: core.Pending, facts: []core.FactKind{core.RefundPending}},
		"done":                 {answer: made(testRefund(stateRefunded, "")), result: core.Succeeded, facts: []core.FactKind{core.Refunded}},
		"declined":             {answer: made(testRefund(stateDeclined, "AmazonRejected")), result: core.Declined, facts: []core.FactKind{core.RefundDeclined}},
		"unknown state":        {answer: made(testRefund("Frozen", "")), result: core.Unknown},
		"of another charge":    {answer: made(testRefund(stateRefunding, "", object{"chargeId": "x"})), doubt: true},
		"too much":             {answer: refusedWith(400, "TransactionAmountExceeded"), result: core.Declined},
		"too much, made again": {answer: refusedWith(400, "TransactionAmountExceeded"), try: 2, doubt: true},
		"refused, made again":  {answer: refusedWith(422, "AmazonRejected"), try: 2, result: core.Declined},
		"kept 5xx":             {answer: refusedWith(503, "ServiceUnavailable"), try: 2, doubt: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(postRefund, c.answer)
			op := testOp(core.OpRefund, 1400)
			op.Try = max(1, c.try)
			out, err := newProvider(t, testConfig(t), w).Refund(t.Context(), op, in)
			require.Equal(t, c.doubt, err != nil)
			require.Equal(t, c.result, out.Result)
			require.Equal(t, c.facts, kinds(out.Facts))
			for _, f := range out.Facts {
				require.Equal(t, [3]string{refundNo, chargeNo, opKey}, [3]string{f.ID, f.Of, f.OpKey})
			}
			if !c.doubt && c.answer.status == 201 {
				require.Equal(t, core.Refs{refRefund: refundNo}, out.Refs)
				require.Equal(t, core.Refs{memoRefund + refundNo: opKey}, out.Memo)
				require.Equal(t, eur(1400), *out.Echo.Amount)
			}
			golden(t, "refund", w.sent[0])
		})
	}
	_, err := newProvider(t, testConfig(t), newWire(t)).Refund(t.Context(), testOp(core.OpRefund, 1400), core.RefundInput{Known: sold()})
	require.Equal(t, core.Invalid, core.KindOf(err), "it is not told which capture")
	in.Capture = ""
	in.Objects = []core.Object{{Kind: core.ObjCapture, ID: chargeNo, State: core.StateDone, Open: 4990}}
	out, err := newProvider(t, testConfig(t), newWire(t).on(postRefund, made(testRefund(stateRefunding, "")))).Refund(t.Context(), testOp(core.OpRefund, 1400), in)
	require.NoError(t, err)
	require.Equal(t, core.Pending, out.Result)
}

func TestReasons(t *testing.T) {
	for code, r := range reasons {
		require.NotEmpty(t, r.category, code)
		require.NotEmpty(t, r.advice, code)
		require.NotEmpty(t, r.text, code)
		f := failureOf(code)
		require.Equal(t, core.Failure{Category: r.category, RetryAdvice: r.advice, ProviderCode: code, ProviderMessage: r.text}, *f)
	}
	for code, want := range map[string][2]string{
		"SoftDeclined": {core.FailureDeclinedSoft, core.RetrySameProvider}, "HardDeclined": {core.FailureDeclinedHard, core.RetryAfterBuyerAction},
		"AmazonRejected": {core.FailureFraud, core.RetryOtherProvider}, "TransactionTimedOut": {core.FailureDeclaredTimeout, core.RetryLater},
		"ProcessingFailure": {core.FailureDeclaredTimeout, core.RetryLater}, "PaymentMethodNotAllowed": {core.FailureInstrument, core.RetryAfterBuyerAction},
		"MFANotCompleted": {core.FailureAuthentication, core.RetryAfterBuyerAction}, "PeriodicAmountExceeded": {core.FailureLimit, core.RetryLater},
		"BuyerCanceled": {core.FailureBuyerCanceled, core.RetryAfterBuyerAction}, "Expired": {core.FailureExpired, core.RetryAfterBuyerAction},
		"InvalidAccountStatus": {core.FailureConfiguration, core.RetryOtherProvider}, "NobodyKnows": {core.FailureRejected, core.RetryOtherProvider},
	} {
		require.Equal(t, want, [2]string{failureOf(code).Category, failureOf(code).RetryAdvice}, code)
	}
	for _, code := range []string{"SoftDeclined", "HardDeclined", "AmazonRejected", "TransactionTimedOut", "PaymentMethodNotAllowed", "MFANotCompleted", "ProcessingFailure"} {
		require.True(t, reasons[code].decline, code)
	}
	require.Equal(t, "unreadable", failureOf("<script>").ProviderCode)
}
