package amazonpay

import (
	"context"
	"net/http"
	"slices"

	"github.com/paymux/paymux/core"
)

// Query reads what Amazon knows: of the object in Focus, or of everything of the attempt: its session until that is
// completed, then the agreement, every charge of it and the refunds that are under way. What a charge says was refunded
// counts refunds that may still be declined, of everybody who may refund it, as Amazon does for a buyer's claim: it is a hint.
// Found is false before there is anything to read. An error says that Amazon did not answer.
// Source: Amazon Pay, Get Checkout Session, Get Charge Permission, Get Charge, Get Refund.
func (p *Provider) Query(ctx context.Context, in core.QueryInput) (core.Snapshot, error) {
	q := &inquiry{Provider: p, known: in.Known, buyer: in.Buyer}
	var err error
	switch in.Focus.Kind {
	case core.ObjAuthorization, core.ObjCapture:
		err = q.readCharge(ctx, in.Focus.ID)
	case core.ObjRefund:
		err = q.readRefund(ctx, in.Focus.ID)
	case core.ObjAgreement:
		err = q.readPermission(ctx, or(in.Focus.ID, permissionOf(in.Known)))
	default:
		err = q.readAll(ctx)
	}
	if r := refused(err); r != nil && r.Status == http.StatusNotFound && in.Focus.ID != "" {
		return core.Snapshot{}, nil // of somebody else, or of nobody
	}
	if err != nil {
		return core.Snapshot{}, silent("amazonpay.Query", err)
	}
	return q.found, nil
}

// ReferenceOf is the reference that a charge bears, or the charge that a refund goes back from. Refunds bear none. A charge
// that was made with the completion of a session may bear none either: then it is that of its permission.
// Source: Amazon Pay, Get Charge, Get Refund, Get Charge Permission.
func (p *Provider) ReferenceOf(ctx context.Context, o core.Object) (string, error) {
	id, err := o.ID, error(nil)
	switch o.Kind {
	case core.ObjAuthorization, core.ObjCapture:
	case core.ObjRefund:
		var r refund
		r, err = p.refund(ctx, id)
		id = r.ChargeID
	default:
		return "", nil // a permission is known, or it is somebody else's
	}
	var c charge
	if err == nil {
		c, err = p.charge(ctx, id)
	}
	if err == nil && c.Metadata.Reference == "" && c.PermissionID != "" {
		var g permission
		g, err = p.permission(ctx, c.PermissionID)
		c.Metadata = g.Metadata
	}
	switch {
	case refused(err) != nil && refused(err).Status == http.StatusNotFound:
		return "", nil
	case err != nil:
		return "", silent("amazonpay.ReferenceOf", err)
	case !referenceFits(c.Metadata.Reference):
		return "", nil
	}
	return c.Metadata.Reference, nil
}

// inquiry gathers what reading proves.
type inquiry struct {
	*Provider
	known    core.Known
	buyer    bool // is asked about as well
	found    core.Snapshot
	returned core.Money      // what the charges say was refunded
	under    int64           // of that, what the refunds that are known may still turn out not to be
	seen     map[string]bool // charges that were read
}

func (q *inquiry) readAll(ctx context.Context) error {
	if permissionOf(q.known) == "" && len(q.charges()) == 0 {
		return q.readSession(ctx)
	}
	if q.known.Refs[refPermission] != "" { // an order that is charged to a consent does not speak for the consent
		if err := q.readPermission(ctx, q.known.Refs[refPermission]); err != nil {
			return err
		}
	}
	for _, id := range q.refunds() {
		if err := q.readRefund(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range q.charges() {
		if err := q.readCharge(ctx, id); err != nil {
			return err
		}
	}
	q.unasked()
	return nil
}

// refunds are the ids of those that are not known to be over: the last one told may not be known at all.
func (q *inquiry) refunds() (ids []string) {
	last := q.known.Refs[refRefund]
	for _, o := range q.known.Objects {
		if o.Kind != core.ObjRefund {
			continue
		}
		if o.State == core.StatePending {
			ids = append(ids, o.ID)
		}
		if o.ID == last {
			last = ""
		}
	}
	if last != "" {
		ids = append(ids, last)
	}
	return ids
}

// charges are the ids that are known.
func (q *inquiry) charges() (ids []string) {
	for _, o := range q.known.Objects {
		if o.Kind == core.ObjAuthorization && o.ID != "" {
			ids = append(ids, o.ID)
		}
	}
	if id := q.known.Refs[refCharge]; id != "" {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// readSession reads the session, if there is one of the attempt's own.
func (q *inquiry) readSession(ctx context.Context) error {
	id, _ := sessionOf(q.known)
	if id == "" {
		return nil
	}
	s, err := q.session(ctx, id)
	if r := refused(err); r != nil && r.Status == http.StatusNotFound {
		return nil // of somebody else, or deleted
	} else if err != nil {
		return err
	}
	belongs, told := own(s, q.known)
	switch {
	case s.Status.State == stateCompleted && (belongs || !told):
		return q.readCompleted(ctx, s)
	case !belongs:
		return nil
	case s.Status.State == stateCanceled:
		fact := ended(s, core.Asserted)
		q.found.Facts, q.found.Failure = append(q.found.Facts, fact), fact.Failure
	case s.Status.State == stateOpen: // whether the buyer has agreed, it does not say
		q.found.Session = core.SessionOpen
		q.found.Review, q.found.Display = q.review(s), s.Preferences.text()
	}
	q.found.Found = true
	q.found.Refs, q.found.Memo = with(q.found.Refs, refSession, s.ID), with(q.found.Memo, memoSession, s.ID)
	return nil
}

func (q *inquiry) readCompleted(ctx context.Context, s session) error {
	out, err := q.completed(ctx, s, finishing{known: q.known, amount: q.known.Amount, charged: q.known.Amount, save: core.SaveKind(q.known.Memo[memoSave])})
	if err != nil || out.Refs == nil {
		return err
	}
	q.found.Found = true
	q.found.Facts, q.found.Refs, q.found.Memo = append(q.found.Facts, out.Facts...), out.Refs, out.Memo
	q.found.Display, q.found.Review, q.found.Failure = out.Display, out.Review, out.Failure
	return nil
}

func (q *inquiry) readPermission(ctx context.Context, id string) error {
	g, err := q.permission(ctx, id)
	if err != nil {
		return err
	}
	if id != q.known.Refs[refPermission] && id != q.known.Memo[memoPermission] && g.Metadata.Reference != q.known.Reference {
		return nil
	}
	q.found.Found = true
	q.found.Facts = append(q.found.Facts, permissionFacts(g, core.SaveKind(q.known.Memo[memoSave]))...)
	if g.Type != oneTime && g.Status.State == stateClosed && q.has(core.ObjAgreement, g.ID) { // the order it came with ends as well
		q.found.Facts = append(q.found.Facts, core.Fact{Kind: core.AgreementClosed, ID: g.ID, Strength: core.Asserted, OccurredAt: timeOf(g.Status.Updated), Code: or(g.reason(), stateClosed)})
	}
	q.found.Display = or(g.Preferences.text(), q.found.Display)
	if b := q.buyerOf(g.Buyer, g.Shipping, g.Billing); q.buyer && b != (core.Buyer{}) { // for thirty days
		q.found.Review = &core.Review{Buyer: b, Instrument: g.Preferences.text()}
	}
	return nil
}

// readCharge reads a charge of the attempt; one of somebody else proves nothing.
func (q *inquiry) readCharge(ctx context.Context, id string) error {
	if id == "" || q.seen[id] {
		return nil
	}
	c, err := q.charge(ctx, id)
	switch {
	case refused(err) != nil && !q.told(id):
		return nil // a notification named it, and there may be no such charge
	case err != nil:
		return err
	case !q.owns(c):
		return nil
	}
	if q.seen == nil {
		q.seen = map[string]bool{}
	}
	q.seen[id], q.found.Found = true, true
	known := q.known
	if key := c.Metadata.CustomInfo; c.Metadata.Reference == known.Reference && known.Memo[memoCharge+id] == "" && referenceFits(key) {
		known.Memo = with(cloned(known.Memo), memoCharge+id, key) // made by a call whose answer was lost
		if c.CaptureNow && known.Memo[memoCapture+id] == "" {
			known.Memo[memoCapture+id] = key
		}
	}
	facts, ok := chargeFacts(c, known)
	if ok {
		q.found.Facts = append(q.found.Facts, facts...)
		q.found.Refs = with(q.found.Refs, refCharge, id)
	}
	if back, told := c.Refunded.money(); told && (q.returned.Currency == "" || q.returned.Currency == back.Currency) {
		q.returned = core.Money{Minor: q.returned.Minor + back.Minor, Currency: back.Currency}
	}
	return nil
}

// owns reports whether a charge is the attempt's: told of by an answer, on the agreement of its order, or bearing its
// reference. Its id among the refs is none: notifications bring ids, and anybody's topic has notifications.
func (q *inquiry) owns(c charge) bool {
	order := q.known.Refs[refPermission]
	single := q.known.Memo[memoType] != recurring && q.known.Memo[memoType] != onFile
	return q.told(c.ID) || single && order != "" && c.PermissionID == order || c.Metadata.Reference == q.known.Reference
}

// told reports whether an answer of Amazon's has told that a charge is the attempt's.
func (q *inquiry) told(id string) bool {
	return q.has(core.ObjAuthorization, id) || q.known.Memo[memoCharge+id] != ""
}

// readRefund reads a refund of a charge of the attempt.
func (q *inquiry) readRefund(ctx context.Context, id string) error {
	ours := q.has(core.ObjRefund, id) || q.known.Memo[memoRefund+id] != ""
	r, err := q.refund(ctx, id)
	switch {
	case refused(err) != nil && !ours:
		return nil // as with charges
	case err != nil:
		return err
	case !ours && !q.told(r.ChargeID):
		if err := q.readCharge(ctx, r.ChargeID); err != nil || !q.seen[r.ChargeID] {
			return err
		}
	}
	q.found.Found = true
	if facts, ok := refundFacts(r, q.known); ok {
		q.found.Facts = append(q.found.Facts, facts...)
		q.found.Refs = with(q.found.Refs, refRefund, id)
	}
	if amount, ok := r.Amount.money(); ok && r.Status.State != stateRefunded && r.Status.State != stateDeclined {
		q.under += amount.Minor
	}
	return nil
}

func (q *inquiry) has(kind core.ObjectKind, id string) bool {
	return slices.ContainsFunc(q.known.Objects, func(o core.Object) bool { return o.Kind == kind && o.ID == id })
}

// unasked adds what the charges say was given back, less what is known to be under way. It is no proof: a refund that
// nobody here knows of, because the merchant's back office or Amazon made it, may be under way as well, and be declined.
// A notification names such a refund, which is then read; where that is lost, core holds the total against a later one.
func (q *inquiry) unasked() {
	if floor := q.returned.Minor - q.under; floor > 0 {
		q.found.Facts = append(q.found.Facts, core.Fact{Kind: core.Refunded, Measure: core.AtLeast, Strength: core.Hint,
			Amount: core.Money{Minor: floor, Currency: q.returned.Currency}, Code: "refundedAmount"})
	}
}
