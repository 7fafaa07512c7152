package core

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Settlement is an operator's word about what no machine may decide.
type Settlement struct {
	Operation   string // id of the operation, capture or refund in doubt; empty with Acknowledge
	Happened    bool
	Amount      *int64 // minor units; only to be sure: it is the operation's, or the settlement is refused
	Reference   string // the provider's own id of what happened, if known
	Acknowledge bool   // nothing is in doubt: what is for review was seen and stands
	Evidence    string // where it was seen: a page of the provider's back office, its ticket
}

// maxEvidence is the length of Settlement.Evidence in characters.
const maxEvidence = 2000

// Resolve settles a doubt by an operator's word, or ends a review. The provider is asked first: what it tells counts, and
// the settlement is a Conflict with code state_invalid that says what was found. When it does not answer, or cannot tell,
// the word becomes a fact with the operator's evidence, which holds until the provider itself speaks of the same. A call
// that is running is a Conflict with code operation_in_progress. The answer is 200 with the payment.
func (c *Checkout) Resolve(ctx context.Context, r Request, id string, in Settlement) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	if !validID(prefixPayment, id) {
		return Answer{}, notFound("payment")
	}
	if n := len([]rune(in.Evidence)); strings.TrimSpace(in.Evidence) == "" || n > maxEvidence {
		return Answer{}, invalid("description_invalid", "/evidence", "say in 1 to %d characters where this was seen", maxEvidence)
	}
	var ans Answer
	var err error
	if in.Acknowledge {
		ans, err = c.acknowledge(ctx, r, id, in)
	} else {
		ans, err = c.attest(ctx, r, id, in)
	}
	if KindOf(err) == Conflict {
		if a, _ := c.replay(ctx, r); a != nil {
			return *a, nil // the same request, sent twice at one moment, was first
		}
	}
	return ans, err
}

// attest asks the provider about an operation in doubt and then takes the operator's word for it.
func (c *Checkout) attest(ctx context.Context, r Request, id string, in Settlement) (Answer, error) {
	before, err := c.store.Payment(ctx, r.MerchantID, id)
	if err != nil {
		return Answer{}, err
	}
	o, err := before.mayBeSettled(in)
	if err != nil {
		return Answer{}, err
	}
	asked, err := c.consult(ctx, before, o, in)
	if err != nil {
		return Answer{}, err
	}
	var ans Answer
	_, err = c.amend(ctx, r.MerchantID, id, Cause{causeOperator, r.KeyID}, func(a *amendment) error {
		a.doubt(a.attempt(o.AttemptID))
		now, err := a.mayBeSettled(in)
		if err != nil {
			return err
		}
		if now.Try != o.Try {
			return conflict("operation_in_progress", "the %s was made again meanwhile; look again whether it happened", o.Kind)
		}
		a.settleBy(r, now, in, asked)
		a.then = func() error { ans = resolved(a.Payment); return r.remember(a, ans) }
		return nil
	})
	return ans, err
}

func resolved(p *Payment) Answer {
	return Answer{Status: 200, Kind: "payment", Snapshot: snapshot(p.View())}
}

// mayBeSettled is the operation that in is about, or why there is nothing to settle.
func (p *Payment) mayBeSettled(in Settlement) (*Operation, error) {
	i := slices.IndexFunc(p.Operations, func(o *Operation) bool { return o.ID == in.Operation || o.Object != "" && o.Object == in.Operation })
	if i < 0 {
		return nil, invalid("reference_invalid", "/operation", "the payment has no such operation, capture or refund; %s", p.inDoubtNow())
	}
	o := p.Operations[i]
	switch {
	case o.State == OpSent && o.open() && !p.doubtful(o, now()), o.repeating(now()):
		return nil, conflict("operation_in_progress", "the %s is still running", o.Kind)
	case p.doubtful(o, now()):
	case o.open():
		return nil, p.noDoubt("the provider has accepted the %s and will tell what becomes of it", o)
	default:
		return nil, p.noDoubt("the %s is not in doubt", o)
	}
	if in.Amount != nil && *in.Amount != o.Amount.Minor {
		return nil, invalid("amount_invalid", "/amount", "the %s is about %s", o.Kind, o.Amount)
	}
	if in.Happened && p.anothers(o, in.Reference) {
		return nil, invalid("reference_invalid", "/provider_reference", "the provider's id is that of another %s of this payment; name this one's own, or none", o.Kind)
	}
	return o, nil
}

// anothers reports whether the provider's id is known as that of another operation of the same kind: under one id both
// would be counted once.
func (p *Payment) anothers(o *Operation, id string) bool {
	return id != "" && slices.ContainsFunc(p.Facts, func(e Entry) bool {
		return e.AttemptID == o.AttemptID && e.ID == id && e.Measure == Single && e.Strength != Hint &&
			e.OpKey != "" && e.OpKey != o.Key && settles[e.Kind].kind == o.deciding().kind
	})
}

// inDoubtNow says what there is to settle, and how.
func (p *Payment) inDoubtNow() string {
	var ids []string
	for _, d := range p.Doubts() {
		ids = append(ids, or(d.Object, d.Operation))
	}
	if len(ids) == 0 {
		return "nothing of it is in doubt"
	}
	return "say by operation, verdict (happened or did_not_happen) and evidence what became of " + strings.Join(ids, ", ")
}

func (p *Payment) noDoubt(format string, o *Operation) *Error {
	e := conflict("state_invalid", format+": it is %s", o.Kind, o.State)
	e.Allowed = p.AllowedActions()
	return e
}

// settleBy takes an operator's word for what became of o, with the evidence of it.
func (a *amendment) settleBy(r Request, o *Operation, in Settlement, asked string) {
	at, was := a.attempt(o.AttemptID), a.bearing(o)
	facts := a.testimony(o, in)
	a.learn(at, Evidence{ID: newID(prefixEvidence), OperationID: o.ID, Kind: EvidenceOperator, Title: "operator: " + string(o.Kind) + " " + verdict(in)}, facts, nil, nil, "")
	if len(facts) == 0 { // nothing in the ledger tells of it
		o.State = map[bool]OpState{true: OpSucceeded, false: OpDeclined}[in.Happened]
	}
	o.Review, o.RepeatAt, o.Failure = false, time.Time{}, nil
	if !in.Happened {
		o.Failure = settledByOperator()
	}
	if o.State == OpSucceeded {
		a.succeeded(o)
	}
	if o.State == OpSucceeded && o.Kind == OpUpdate {
		a.updated(o)
	}
	a.settle()
	if a.openOperation() == nil && a.Status != StatusProcessing {
		a.Flagged = false
	}
	if o.Kind == OpCapture || o.Kind == OpRefund {
		a.Acknowledged.Foreign = a.Amounts.Foreign // whose money that is was just looked at
	}
	a.settle()
	a.evidence[len(a.evidence)-1].Detail = detail(map[string]any{"api_key": r.KeyID, "request_id": r.RequestID, "idempotency_key": r.IdempotencyKey,
		"operation": o.ID, "verdict": verdict(in), "amount": o.Amount, "provider_reference": in.Reference, "evidence": in.Evidence, "asked": asked,
		"before": was, "after": a.bearing(o)})
}

func verdict(in Settlement) string {
	switch {
	case in.Acknowledge:
		return "acknowledged"
	case in.Happened:
		return "happened"
	}
	return "did_not_happen"
}

// settledByOperator is why an operation is refused that an operator says did not happen.
func settledByOperator() *Failure {
	return &Failure{Category: FailureSettled, RetryAdvice: RetrySameProvider, ProviderMessage: "settled by an operator: it did not happen at the provider"}
}

// bearing is what of a payment, and of one operation of it, an operator's word changes; for the record.
func (a *amendment) bearing(o *Operation) map[string]any {
	b := map[string]any{"status": a.Status, "amounts": a.Amounts, "needs_review": a.NeedsReview}
	if o != nil {
		b["operation"] = o.State
	}
	return b
}

// testimony are the facts that an operator's word about o is kept as.
func (a *amendment) testimony(o *Operation, in Settlement) []Fact {
	f := Fact{Measure: Single, ID: or(in.Reference, o.Key), Of: o.Of, OpKey: o.Key, Strength: Attested, OccurredAt: a.now, Amount: o.Amount}
	if !in.Happened {
		f.Amount, f.ID, f.Failure = Money{}, o.Key, settledByOperator()
	}
	switch done := in.Happened; {
	case o.Kind == OpCapture:
		f.Kind = map[bool]FactKind{true: Captured, false: CaptureDeclined}[done]
	case o.Kind == OpRefund:
		f.Kind = map[bool]FactKind{true: Refunded, false: RefundDeclined}[done]
	case o.Kind == OpVoid && done:
		return a.releasedBy(f, o)
	case o.Kind == OpVoid:
		f.Kind, f.Of = VoidDeclined, ""
	case o.Kind == OpCancelMandate && done:
		f.Kind, f.Amount = MandateClosed, Money{}
	case o.Kind == OpAuthorize:
		f.Kind, f.Of = map[bool]FactKind{true: Authorized, false: AuthorizationDeclined}[done], ""
	case o.Kind.authorizes() && a.Order.SetUp:
		f.Kind, f.Of, f.Amount = map[bool]FactKind{true: MandateActive, false: AttemptEnded}[done], "", Money{}
	case o.Kind.authorizes():
		return a.obtainedBy(f, o, in)
	default:
		return nil
	}
	return []Fact{f}
}

// releasedBy are the facts that an operator's word about a void is kept as: what it was about is closed, which with nothing
// named is all there is.
func (a *amendment) releasedBy(f Fact, o *Operation) []Fact {
	f.Kind, f.ID, f.Of, f.Amount = AuthorizationClosed, o.Of, "", Money{}
	facts := []Fact{f}
	if o.Of != "" {
		return facts
	}
	t := a.tallyOf(a.attempt(o.AttemptID))
	for _, id := range sortedIDs(t.auths) {
		if t.auths[id].open() > 0 || t.auths[id].undecided() {
			f.ID = id
			facts = append(facts, f)
		}
	}
	f.Kind = AgreementClosed
	for _, id := range sortedIDs(t.agreed) {
		f.ID = id
		facts = append(facts, f)
	}
	return facts
}

// obtainedBy are the facts that an operator's word about an authorization is kept as: it is there, or the attempt is over.
func (a *amendment) obtainedBy(f Fact, o *Operation, in Settlement) []Fact {
	f.ID, f.Of = in.Reference, ""
	if !in.Happened {
		f.Kind, f.ID = AttemptEnded, o.Key
		facts := []Fact{f}
		for _, id := range sortedIDs(a.tallyOf(a.attempt(o.AttemptID)).auths) {
			declined := f
			declined.Kind, declined.ID, declined.Failure = AuthorizationDeclined, id, nil
			facts = append(facts, declined)
		}
		return facts
	}
	switch part := a.Order.Authorize; {
	case a.Order.Capture == CaptureAutomatic:
		f.Kind = Captured
	case part != nil && *part == 0:
		f.Kind = AgreementOpen
	default:
		f.Kind = Authorized
		if part != nil {
			f.Amount.Minor = *part
		}
	}
	return []Fact{f}
}

// acknowledge ends a review of what is odd but not in doubt.
func (c *Checkout) acknowledge(ctx context.Context, r Request, id string, in Settlement) (Answer, error) {
	var ans Answer
	_, err := c.amend(ctx, r.MerchantID, id, Cause{causeOperator, r.KeyID}, func(a *amendment) error {
		doubt, odd := a.toReview()
		if !odd {
			e := conflict("state_invalid", "nothing about the payment is for review")
			if e.Allowed = a.AllowedActions(); len(a.Doubts()) > 0 {
				e.Message = "something is in doubt; " + a.inDoubtNow()
			} else if doubt {
				e.Message = "an operation is in doubt; doubts of the payment shows it when it can be settled"
			}
			return e
		}
		was := a.bearing(nil)
		a.Mismatch, a.Flagged = false, a.Flagged && doubt
		a.Acknowledged = Acknowledged{At: a.now, Facts: a.FactCount, Foreign: a.Amounts.Foreign, Surplus: a.Amounts.Surplus, Excess: a.excess(a.Amounts)}
		a.settle()
		a.evidence = append(a.evidence, a.from(Evidence{ID: newID(prefixEvidence), Kind: EvidenceOperator, Title: "operator: " + verdict(in),
			Detail: detail(map[string]any{"api_key": r.KeyID, "request_id": r.RequestID, "idempotency_key": r.IdempotencyKey, "verdict": verdict(in),
				"evidence": in.Evidence, "before": was, "after": a.bearing(nil)})}))
		a.then = func() error { ans = resolved(a.Payment); return r.remember(a, ans) }
		return nil
	})
	return ans, err
}
