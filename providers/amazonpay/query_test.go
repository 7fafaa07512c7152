package amazonpay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

const getRefund = "GET /v2/refunds/" + refundNo

func TestQueryEverything(t *testing.T) {
	back := object{"refundedAmount": amount("20.00")}
	w := newWire(t).on(getPermission, ok(testPermission(object{"buyer": object{"buyerId": "b", "name": "Erika Muster", "email": "erika@example.org"}}))).
		on(getCharge, ok(testCharge(stateCaptured, "", back))).on(getRefund, ok(testRefund(stateRefunding, "")))
	known := sold()
	known.Objects = append(known.Objects, core.Object{Kind: core.ObjRefund, ID: refundNo, State: core.StatePending})
	known.Memo[memoCapture+chargeNo], known.Memo[memoRefund+refundNo] = "CAPTUREKEY", "REFUNDKEY"
	s, err := newProvider(t, testConfig(t), w).Query(t.Context(), core.QueryInput{Known: known, Buyer: true})
	require.NoError(t, err)
	require.True(t, s.Found)
	require.Equal(t, []core.FactKind{core.AgreementOpen, core.RefundPending, core.Authorized, core.Captured, core.Refunded}, kinds(s.Facts))
	require.Equal(t, "REFUNDKEY", s.Facts[1].OpKey, "Amazon does not repeat it")
	require.Equal(t, "CAPTUREKEY", s.Facts[3].OpKey)
	floor := s.Facts[4]
	require.Equal(t, core.AtLeast, floor.Measure)
	require.Equal(t, core.Hint, floor.Strength, "others' refunds may be under way, too")
	require.Equal(t, eur(600), floor.Amount, "what is only under way does not count")
	require.Equal(t, "Visa ****1111 (Amazon Pay)", s.Display)
	require.Equal(t, "erika@example.org", s.Review.Buyer.Email)
	golden(t, "query", w.sent[0]+w.sent[1]+w.sent[2])
}

func TestQueryBeforeTheSale(t *testing.T) {
	for name, c := range map[string]struct {
		known core.Known
		read  answer
		found bool
		facts []core.FactKind
	}{
		"no session yet":       {started(), lost, false, nil},
		"open":                 {reviewed(), ok(openSession()), true, nil},
		"canceled":             {reviewed(), ok(bareSession(stateCanceled, "Expired")), true, []core.FactKind{core.AttemptEnded}},
		"canceled, not ours":   {returned(), ok(bareSession(stateCanceled, "Expired")), false, nil},
		"deleted":              {reviewed(), refusedWith(404, "ResourceNotFound"), false, nil},
		"completed":            {reviewed(), ok(completedSession()), true, []core.FactKind{core.AgreementOpen, core.Authorized}},
		"completed, not known": {returned(), ok(completedSession()), true, []core.FactKind{core.AgreementOpen, core.Authorized}},
		"a state nobody knows": {reviewed(), ok(bareSession("Frozen", "")), true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t).on(getSession, c.read).on(getPermission, ok(testPermission())).on(getCharge, ok(testCharge(stateAuthorized, "")))
			s, err := newProvider(t, testConfig(t), w).Query(t.Context(), core.QueryInput{Known: c.known})
			require.NoError(t, err)
			require.Equal(t, c.found, s.Found)
			require.Equal(t, c.facts, kinds(s.Facts))
			require.Equal(t, name == "open", s.Session == core.SessionOpen)
		})
	}
}

func TestQueryThatIsNotAnswered(t *testing.T) {
	for _, broken := range []answer{lost, refusedWith(429, "TooManyRequests"), refusedWith(503, "ServiceUnavailable"), refusedWith(403, "InvalidAccountStatus"),
		ok(testCharge(stateCaptured, "", object{"chargeId": "x"})), ok("{"), {status: 502, body: "<html>", media: "text/html"}} {
		w := newWire(t).on(getPermission, ok(testPermission())).on(getCharge, broken)
		s, err := newProvider(t, testConfig(t), w).Query(t.Context(), core.QueryInput{Known: sold()})
		require.Equal(t, core.Unavailable, core.KindOf(err))
		require.Equal(t, core.Snapshot{}, s)
	}
}

func TestQueryOfOneObject(t *testing.T) {
	elsewhere := object{"chargeId": "S02-4821375-1190562-C000099"}
	for name, c := range map[string]struct {
		focus core.Object
		known core.Known
		on    map[string]answer
		want  []core.FactKind
	}{
		"charge":            {core.Object{Kind: core.ObjAuthorization, ID: chargeNo}, sold(), map[string]answer{getCharge: ok(testCharge(stateAuthorized, ""))}, []core.FactKind{core.Authorized}},
		"a second charge":   {core.Object{Kind: core.ObjAuthorization, ID: "S02-4821375-1190562-C000099"}, sold(), map[string]answer{"GET /v2/charges/S02-4821375-1190562-C000099": ok(testCharge(stateAuthorized, "", elsewhere))}, []core.FactKind{core.Authorized}},
		"another's charge":  {core.Object{Kind: core.ObjAuthorization, ID: "S02-4821375-1190562-C000099"}, sold(), map[string]answer{"GET /v2/charges/S02-4821375-1190562-C000099": ok(testCharge(stateAuthorized, "", elsewhere, object{"chargePermissionId": "S02-0000000-0000000"}))}, nil},
		"refund":            {core.Object{Kind: core.ObjRefund, ID: refundNo}, sold(), map[string]answer{getRefund: ok(testRefund(stateRefunded, ""))}, []core.FactKind{core.RefundPending, core.Refunded}},
		"a refund declined": {core.Object{Kind: core.ObjRefund, ID: refundNo}, sold(), map[string]answer{getRefund: ok(testRefund(stateDeclined, "ProcessingFailure"))}, []core.FactKind{core.RefundDeclined}},
		"another's refund": {core.Object{Kind: core.ObjRefund, ID: refundNo}, sold(), map[string]answer{getRefund: ok(testRefund(stateRefunded, "", object{"chargeId": "S02-0000000-0000000-C000001"})),
			"GET /v2/charges/S02-0000000-0000000-C000001": ok(testCharge(stateCaptured, "", object{"chargeId": "S02-0000000-0000000-C000001", "chargePermissionId": "S02-0000000-0000000"}))}, nil},
		"nobody's refund": {core.Object{Kind: core.ObjRefund, ID: refundNo}, sold(), map[string]answer{getRefund: refusedWith(404, "ResourceNotFound")}, nil},
		"agreement":       {core.Object{Kind: core.ObjAgreement, ID: permissionNo}, sold(), map[string]answer{getPermission: ok(testPermission(suspended(stateClosed, "AmazonClosed")))}, []core.FactKind{core.AgreementOpen, core.AgreementClosed}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			for call, a := range c.on {
				w.on(call, a)
			}
			s, err := newProvider(t, testConfig(t), w).Query(t.Context(), core.QueryInput{Known: c.known, Focus: c.focus})
			require.NoError(t, err)
			require.Equal(t, c.want, kinds(s.Facts))
		})
	}
}

// TestWhatANotificationNamesIsNotBelieved: anybody can have a topic at SNS, and name in a notification an order of his own
// and a charge or refund that another order, also one of another system, was paid with.
func TestWhatANotificationNamesIsNotBelieved(t *testing.T) {
	const theirs, back = "S02-0000000-0000000-C000001", "S02-0000000-0000000-R000001"
	getTheirs, getBack := "GET /v2/charges/"+theirs, "GET /v2/refunds/"+back
	elsewhere := ok(testCharge(stateCaptured, "", object{"chargeId": theirs, "chargePermissionId": "S02-0000000-0000000", "refundedAmount": amount("49.90")}))
	refunded := ok(testRefund(stateRefunded, "", object{"refundId": back, "chargeId": theirs}))
	for name, c := range map[string]struct {
		known           core.Known
		charge, returns answer
		want            []core.FactKind
	}{
		"of a sold order":   {sold(), elsewhere, refunded, []core.FactKind{core.AgreementOpen, core.Authorized}},
		"nobody's":          {sold(), refusedWith(404, "ResourceNotFound"), refusedWith(400, "InvalidParameterValue"), []core.FactKind{core.AgreementOpen, core.Authorized}},
		"of a consent":      {core.Known{Reference: attempt, Memo: core.Refs{memoPermission: consentNo, memoType: onFile}}, elsewhere, refunded, nil},
		"nothing known yet": {core.Known{Reference: attempt}, elsewhere, refunded, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.known.Refs = with(with(cloned(c.known.Refs), refCharge, theirs), refRefund, back)
			w := newWire(t).on(getPermission, ok(testPermission())).on(getCharge, ok(testCharge(stateAuthorized, ""))).on(getTheirs, c.charge).on(getBack, c.returns)
			s, err := newProvider(t, testConfig(t), w).Query(t.Context(), core.QueryInput{Known: c.known})
			require.NoError(t, err)
			require.Equal(t, c.want, kinds(s.Facts))
			require.NotEqual(t, theirs, s.Refs[refCharge])
		})
	}
	other := testPermission(object{"chargePermissionId": "S02-0000000-0000000", "merchantMetadata": object{"merchantReferenceId": "x"}})
	s, err := newProvider(t, testConfig(t), newWire(t).on("GET /v2/chargePermissions/S02-0000000-0000000", ok(other))).
		Query(t.Context(), core.QueryInput{Known: sold(), Focus: core.Object{Kind: core.ObjAgreement, ID: "S02-0000000-0000000"}})
	require.NoError(t, err)
	require.Equal(t, core.Snapshot{}, s)
}

// A refund that others made of a charge that others made is the order's, when the charge is.
func TestARefundOfAChargeThatOthersMade(t *testing.T) {
	const theirs, back = "S02-4821375-1190562-C000099", "S02-4821375-1190562-R000099"
	known := sold()
	known.Refs[refRefund] = back
	w := newWire(t).on(getPermission, ok(testPermission())).on(getCharge, ok(testCharge(stateAuthorized, ""))).
		on("GET /v2/charges/"+theirs, ok(testCharge(stateCaptured, "", object{"chargeId": theirs}))).
		on("GET /v2/refunds/"+back, ok(testRefund(stateRefunded, "", object{"refundId": back, "chargeId": theirs})))
	s, err := newProvider(t, testConfig(t), w).Query(t.Context(), core.QueryInput{Known: known})
	require.NoError(t, err)
	require.Equal(t, []core.FactKind{core.AgreementOpen, core.Authorized, core.Captured, core.RefundPending, core.Refunded, core.Authorized}, kinds(s.Facts))
}

// TestLostChargeIsFoundByItsKey: the answer to our own call was lost, and a notification names the charge.
func TestLostChargeIsFoundByItsKey(t *testing.T) {
	known := core.Known{Reference: attempt, Amount: eur(4990), Refs: core.Refs{refCharge: chargeNo}, Memo: core.Refs{}}
	mine := object{"chargePermissionId": consentNo, "merchantMetadata": object{"merchantReferenceId": attempt, "customInformation": opKey}}
	s, err := newProvider(t, testConfig(t), newWire(t).on(getCharge, ok(testCharge(stateAuthorized, "", mine)))).Query(t.Context(), core.QueryInput{Known: known})
	require.NoError(t, err)
	require.Equal(t, opKey, s.Facts[0].OpKey)
}

// TestChargesThatEnd: what was declined or canceled is closed; whether it was ever authorized is what core knows.
func TestChargesThatEnd(t *testing.T) {
	announced := sold()
	announced.Objects[0].State, announced.Objects[0].Open = core.StatePending, 0
	capturing := sold()
	capturing.Objects = append(capturing.Objects, core.Object{Kind: core.ObjCapture, ID: chargeNo, State: core.StatePending})
	for _, reason := range []string{"SoftDeclined", "HardDeclined", "AmazonRejected", "ProcessingFailure", "TransactionTimedOut", "SomethingNew"} {
		for name, c := range map[string]struct {
			known core.Known
			want  []core.FactKind
		}{
			"pending":    {announced, []core.FactKind{core.AuthorizationClosed, core.AuthorizationDeclined}},
			"authorized": {sold(), []core.FactKind{core.AuthorizationClosed}},
			"capturing":  {capturing, []core.FactKind{core.AuthorizationClosed, core.CaptureDeclined}},
		} {
			facts, ok := chargeFacts(charge{ID: chargeNo, Status: status{State: stateDeclined, Reason: reason}}, c.known)
			require.True(t, ok)
			require.Equal(t, c.want, kinds(facts), name)
			for _, f := range facts[1:] {
				require.Equal(t, failureOf(reason), f.Failure)
			}
		}
	}
	for _, reason := range []string{"ExpiredUnused", "MerchantCanceled", "BuyerCanceled", "AmazonCanceled", "ChargePermissionCanceled"} {
		facts, ok := chargeFacts(charge{ID: chargeNo, Status: status{State: stateCanceled, Reason: reason}}, sold())
		require.True(t, ok)
		require.Equal(t, []core.FactKind{core.AuthorizationClosed}, kinds(facts))
		require.Equal(t, reason, facts[0].Code)
	}
}

// A charge that nobody here knows tells by its reference whose it is, or by that of its permission, and a refund by its
// charge.
func TestWhoseAnObjectIs(t *testing.T) {
	mine := testCharge(stateCaptured, "", object{"merchantMetadata": object{"merchantReferenceId": attempt}})
	bare := testCharge(stateCaptured, "", object{"merchantMetadata": nil})
	for name, c := range map[string]struct {
		asked core.Object
		on    map[string]answer
		want  string
	}{
		"a charge":              {core.Object{Kind: core.ObjAuthorization, ID: chargeNo}, map[string]answer{getCharge: ok(mine)}, attempt},
		"a charge without":      {core.Object{Kind: core.ObjAuthorization, ID: chargeNo}, map[string]answer{getCharge: ok(bare), getPermission: ok(testPermission())}, attempt},
		"neither bears one":     {core.Object{Kind: core.ObjAuthorization, ID: chargeNo}, map[string]answer{getCharge: ok(bare), getPermission: ok(testPermission(object{"merchantMetadata": nil}))}, ""},
		"a charge of a shop's":  {core.Object{Kind: core.ObjAuthorization, ID: chargeNo}, map[string]answer{getCharge: ok(testCharge(stateCaptured, "", object{"merchantMetadata": object{"merchantReferenceId": "order no. 17"}}))}, ""},
		"a refund":              {core.Object{Kind: core.ObjRefund, ID: refundNo}, map[string]answer{getRefund: ok(testRefund(stateRefunded, "")), getCharge: ok(mine)}, attempt},
		"a charge of nobody":    {core.Object{Kind: core.ObjAuthorization, ID: chargeNo}, map[string]answer{getCharge: refusedWith(404, "ResourceNotFound")}, ""},
		"what is not looked up": {core.Object{Kind: core.ObjAgreement, ID: permissionNo}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			for call, a := range c.on {
				w.on(call, a)
			}
			got, err := newProvider(t, testConfig(t), w).ReferenceOf(t.Context(), c.asked)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	_, err := newProvider(t, testConfig(t), newWire(t).on(getCharge, refusedWith(503, "ServiceUnavailable"))).ReferenceOf(t.Context(), core.Object{Kind: core.ObjAuthorization, ID: chargeNo})
	require.Equal(t, core.Unavailable, core.KindOf(err))
}
