package amazonpay

import (
	"github.com/paymux/paymux/core"
)

// States of charges, refunds, sessions and permissions. One that is not listed proves nothing: success and failure are
// never guessed. Source: Amazon Pay, state machines of the objects.
const (
	stateAuthorizing = "AuthorizationInitiated"
	stateAuthorized  = "Authorized"
	stateCapturing   = "CaptureInitiated"
	stateCaptured    = "Captured"
	stateRefunding   = "RefundInitiated"
	stateRefunded    = "Refunded"
	stateDeclined    = "Declined"
	stateCanceled    = "Canceled"
	stateOpen        = "Open"
	stateCompleted   = "Completed"
	stateChargeable  = "Chargeable"
	stateSuspended   = "NonChargeable"
	stateClosed      = "Closed"
)

// chargeFacts are what a charge proves about known. The charge is authorization and capture in one: both have its id.
// What was declined or canceled is closed as well, for Amazon ends an authorization that stood before, and a captured
// part of it ends the rest. ok is false when the state or an amount cannot be read.
func chargeFacts(c charge, known core.Known) (facts []core.Fact, ok bool) {
	amount, readable := c.Amount.money()
	of := func(kind core.FactKind) core.Fact {
		f := core.Fact{Kind: kind, ID: c.ID, Strength: core.Asserted, OccurredAt: timeOf(c.Status.Updated), Code: or(c.Status.Reason, c.Status.State)}
		f.OpKey = known.Memo[memoCharge+c.ID]
		switch kind {
		case core.AuthorizationPending, core.Authorized:
			f.Amount = amount
		case core.CapturePending, core.Captured, core.CaptureDeclined:
			f.Of, f.OpKey = c.ID, known.Memo[memoCapture+c.ID]
		}
		return f
	}
	switch c.Status.State {
	case stateAuthorizing:
		return []core.Fact{of(core.AuthorizationPending)}, readable
	case stateAuthorized:
		return []core.Fact{of(core.Authorized)}, readable
	case stateCapturing:
		taken := of(core.CapturePending)
		if taken.Amount, ok = c.Captured.money(); !ok {
			taken.Amount = amount // nothing is booked by it yet
		}
		return []core.Fact{of(core.Authorized), taken}, readable
	case stateCaptured:
		taken := of(core.Captured)
		taken.Amount, ok = c.Captured.money()
		facts = []core.Fact{of(core.Authorized), taken}
		if taken.Amount.Minor < amount.Minor {
			facts = append(facts, of(core.AuthorizationClosed))
		}
		return facts, ok && readable && taken.Amount.Minor > 0 && taken.Amount.Currency == amount.Currency
	case stateDeclined, stateCanceled:
		return over(of, c, known), true
	}
	return nil, false
}

// over is what the end of a charge that was not captured proves.
func over(of func(core.FactKind) core.Fact, c charge, known core.Known) []core.Fact {
	because := failureOf(or(c.Status.Reason, c.Status.State))
	closed := of(core.AuthorizationClosed)
	closed.OpKey = "" // of the void, if there is one
	facts := []core.Fact{closed}
	stood, capturing := false, known.Memo[memoCapture+c.ID] != ""
	for _, o := range known.Objects {
		stood = stood || o.Kind == core.ObjAuthorization && o.ID == c.ID && o.State == core.StateDone
		capturing = capturing || o.Kind == core.ObjCapture && o.ID == c.ID
	}
	add := func(kind core.FactKind) {
		f := of(kind)
		f.Failure = because
		facts = append(facts, f)
	}
	if capturing {
		add(core.CaptureDeclined)
	}
	if !stood {
		add(core.AuthorizationDeclined) // of one that stood, core would take no notice, and merchants would be told of it
	}
	return facts
}

// refundFacts are what a refund proves about known: of one that no call of ours is known to have made also when it was begun.
func refundFacts(r refund, known core.Known) (facts []core.Fact, ok bool) {
	f := core.Fact{ID: r.ID, Of: r.ChargeID, OpKey: known.Memo[memoRefund+r.ID], Strength: core.Asserted,
		OccurredAt: timeOf(r.Status.Updated), Code: or(r.Status.Reason, r.Status.State)}
	f.Amount, ok = r.Amount.money()
	switch r.Status.State {
	case stateRefunding:
		f.Kind = core.RefundPending
	case stateRefunded:
		if f.Kind = core.Refunded; f.OpKey == "" { // whose it is, when it was begun may tell
			begun := f
			begun.Kind, begun.OccurredAt, begun.Code = core.RefundPending, timeOf(r.Created), stateRefunding
			return []core.Fact{begun, f}, ok
		}
	case stateDeclined:
		f.Kind, f.Failure, f.Amount, ok = core.RefundDeclined, failureOf(or(r.Status.Reason, stateDeclined)), core.Money{}, true
	default:
		return nil, false
	}
	return []core.Fact{f}, ok
}

// suspending are the reasons for which a stored consent cannot be charged until its buyer does something. The others
// pass by themselves, or are of another kind than the consent.
var suspending = map[string]bool{
	"PaymentMethodInvalid": true, "PaymentMethodDeleted": true, "PaymentMethodExpired": true, "PaymentMethodNotAllowed": true,
	"PaymentMethodNotSet": true, "BillingAddressDeleted": true, "MFAFailed": true,
}

// permissionFacts are what a permission proves: of a single order how much the buyer agreed to, of a stored consent how
// it stands. asked is the consent that was asked for with the order.
func permissionFacts(g permission, asked core.SaveKind) (facts []core.Fact) {
	f := core.Fact{ID: g.ID, Strength: core.Asserted, OccurredAt: timeOf(g.Status.Updated), Code: or(g.reason(), g.Status.State)}
	add := func(kind core.FactKind) {
		f.Kind = kind
		facts = append(facts, f)
	}
	switch g.Type {
	case oneTime:
		limit, ok := g.Limits.Limit.money()
		if ok && limit.Minor > 0 {
			f.Amount = limit
			f.Measure = core.AtLeast
			add(core.AgreementOpen)
			f.Amount, f.Measure = core.Money{}, core.Single
		}
		if g.Status.State == stateClosed {
			add(core.AgreementClosed)
		}
		if asked != core.SaveNone {
			f.Code = oneTime
			f.Failure = &core.Failure{Category: core.FailureBuyerCanceled, RetryAdvice: core.RetryAfterBuyerAction, ProviderCode: oneTime,
				ProviderMessage: "the buyer paid and did not agree to be charged later"}
			add(core.MandateRefused)
		}
	case recurring, onFile:
		switch {
		case g.Status.State == stateChargeable:
			add(core.MandateActive)
		case g.Status.State == stateSuspended && suspending[g.reason()]:
			f.Failure = failureOf(g.reason())
			add(core.MandateSuspended)
		case g.Status.State == stateClosed:
			f.Failure = failureOf(or(g.reason(), stateClosed))
			add(core.MandateClosed)
		}
	}
	return facts
}

// reason is the first of a permission's reasons that suspends it, else the first.
func (g permission) reason() string {
	for _, r := range g.Status.Reasons {
		if suspending[r.Code] {
			return r.Code
		}
	}
	if len(g.Status.Reasons) > 0 {
		return g.Status.Reasons[0].Code
	}
	return g.Status.Reason
}

// ended is the fact of a canceled session: nothing was sold, and nothing will be.
func ended(s session, strength core.Strength) core.Fact {
	code := or(s.Status.Reason, stateCanceled)
	return core.Fact{Kind: core.AttemptEnded, Strength: strength, OccurredAt: timeOf(s.Status.Updated), Code: code, Failure: failureOf(code)}
}
