package sandbox

import (
	"net/http"
	"slices"
	"time"
)

// completeSession makes the order, once the buyer came through the processing page: 200, or 202 while its charge is pending.
func (s *Server) completeSession(c *call) (int, any, *refusal) {
	sess, no := s.sessionOf(c)
	if no != nil {
		return 0, nil, no
	}
	var in struct {
		ChargeAmount     *price `json:"chargeAmount"`
		TotalOrderAmount *price `json:"totalOrderAmount"`
	}
	if no := c.into(&in); no != nil {
		return 0, nil, no
	}
	if no := s.completable(sess, c); no != nil {
		return 0, nil, no
	}
	if no := sess.agrees(in.ChargeAmount, in.TotalOrderAmount); no != nil {
		return 0, nil, no
	}
	code, no := s.complete(sess, c)
	if no != nil {
		return 0, nil, no
	}
	return code, sess.view(c.base), nil
}

// finalizeSession is completion for pages that never leave the shop: what is given must be what the session holds.
func (s *Server) finalizeSession(c *call) (int, any, *refusal) {
	sess, no := s.sessionOf(c)
	if no != nil {
		return 0, nil, no
	}
	var in struct {
		ChargeAmount                  *price  `json:"chargeAmount"`
		TotalOrderAmount              *price  `json:"totalOrderAmount"`
		PaymentIntent                 *string `json:"paymentIntent"`
		CanHandlePendingAuthorization *bool   `json:"canHandlePendingAuthorization"`
	}
	if no := c.into(&in); no != nil {
		return 0, nil, no
	}
	if no := s.completable(sess, c); no != nil {
		return 0, nil, no
	}
	d := sess.PaymentDetails
	switch {
	case in.PaymentIntent != nil && value(in.PaymentIntent) != value(d.PaymentIntent):
		return 0, nil, invalidValue("paymentIntent")
	case in.CanHandlePendingAuthorization != nil && holds(in.CanHandlePendingAuthorization) != holds(d.CanHandlePendingAuthorization):
		return 0, nil, invalidValue("canHandlePendingAuthorization")
	}
	if no := sess.agrees(in.ChargeAmount, in.TotalOrderAmount); no != nil {
		return 0, nil, no
	}
	whole := sess.whole(sess.view(c.base), c.base)
	code, no := s.complete(sess, c)
	if no != nil {
		return 0, nil, no
	}
	whole.StatusDetails, whole.ChargePermissionID, whole.ChargeID = sess.status.view(), textOf(sess.permissionID), textOf(sess.chargeID)
	whole.ChargePermissionType = sess.ChargePermissionType
	return code, whole, nil
}

// completable says whether the session's state allows it, after what a simulation code does to it. The caller holds the lock.
func (s *Server) completable(sess *session, c *call) *refusal {
	code := c.code
	if code == "" {
		code = sess.simulation
	}
	if sess.State == open && slices.Contains([]string{"BuyerCanceled", "AmazonCanceled", "Declined"}, code) {
		s.cancelSession(sess, code, "The checkout session was canceled by a simulation code.")
	}
	switch {
	case sess.State == canceled:
		return unprocessable("CheckoutSessionCanceled", "The checkout session is canceled: "+sess.Reason+".")
	case sess.State == completed:
		return unprocessable("InvalidCheckoutSessionStatus", "The checkout session is Completed already.")
	case len(sess.constraints()) > 0:
		return unprocessable("InvalidCheckoutSessionStatus", "The checkout session has constraints: "+sess.constraints()[0].Description)
	case !sess.passed:
		return unprocessable("InvalidCheckoutSessionStatus", "The buyer has not been at amazonPayRedirectUrl.")
	case code == "AuthorizationInitiated" && !sess.handlesPending():
		return wrongSimulation(code)
	}
	sess.simulation = code
	return nil
}

// agrees compares by value with what the session holds.
func (sess *session) agrees(charge, total *price) *refusal {
	d := sess.PaymentDetails
	wantCharge := d.ChargeAmount
	if sess.isSetup() && charge == nil {
		wantCharge = nil
	}
	if !charge.equal(wantCharge) {
		return refuse(http.StatusConflict, "AmountMismatch", "The chargeAmount is not the one of the checkout session.")
	}
	if !total.equal(d.TotalOrderAmount) {
		return refuse(http.StatusConflict, "AmountMismatch", "The totalOrderAmount is not the one of the checkout session.")
	}
	return nil
}

// complete makes permission and charge. The caller holds the lock.
func (s *Server) complete(sess *session, c *call) (int, *refusal) {
	sess.status = status{State: completed, Updated: s.sim.Clock.Now()}
	if p := s.permissions[value(sess.ChargePermissionID)]; p != nil { // the instrument was changed, nothing else
		sess.permissionID = p.id
		return http.StatusOK, nil
	}
	p := s.openPermission(sess)
	sess.permissionID, sess.ChargePermissionType = p.id, &p.kind
	c.tell(s.notify(p, objectPermission, p.id))
	if !sess.authorizes() {
		return http.StatusOK, nil
	}
	ch := s.openCharge(p, sess.PaymentDetails.ChargeAmount)
	sess.chargeID = ch.id
	ch.captureNow = value(sess.PaymentDetails.PaymentIntent) == authorizeWithCapture
	ch.handlesPending, ch.descriptor, ch.channel = holds(sess.PaymentDetails.CanHandlePendingAuthorization), sess.PaymentDetails.SoftDescriptor, textOf("Web")
	ch.platform, ch.psp = sess.PlatformID, sess.ProviderMetadata
	pending := sess.card.pending() || sess.simulation == "AuthorizationInitiated" || p.kind == recurring && sess.handlesPending()
	if pending && sess.handlesPending() {
		c.tell(s.leavePending(ch, byAPI, c.key))
		return http.StatusAccepted, nil
	}
	c.tell(s.accept(ch, byAPI, c.key))
	return http.StatusOK, nil
}

// openPermission is what a buyer agreed to in a session. The caller holds the lock.
func (s *Server) openPermission(sess *session) *permission {
	now := s.sim.Clock.Now()
	kind, d := value(sess.ChargePermissionType), sess.PaymentDetails
	if sess.keepsNot {
		kind = oneTime
	}
	letters := "PS"
	if kind != oneTime {
		letters = "BC"
	}
	p := &permission{
		owner: sess.owner, status: status{State: chargeable, Updated: now}, account: sess.account, id: s.orderID(sess.owner, letters), kind: kind,
		currency: sess.account.LedgerCurrency, created: now, metadata: clone(sess.MerchantMetadata), recurrence: clone(sess.RecurringMetadata),
		setupOnly: sess.isSetup(), platform: sess.PlatformID, buyer: sess.buyer, scopes: sess.Scopes, shipping: sess.shipping, card: sess.card,
	}
	if isSet(d.PresentmentCurrency) {
		p.currency = *d.PresentmentCurrency
	}
	if d.ChargeAmount != nil {
		p.currency, p.limit = d.ChargeAmount.CurrencyCode, d.ChargeAmount.minor()
	}
	if d.TotalOrderAmount != nil {
		p.limit = d.TotalOrderAmount.minor()
	}
	if holds(d.AllowOvercharge) {
		p.limit = overchargeLimit(p.limit, p.currency)
	}
	p.expires = lifeOf(kind, holds(d.ExtendExpiration), now)
	s.permissions[p.id] = p
	s.order = append(s.order, p)
	s.expireWhenDue(p)
	return p
}

// lifeOf is when a permission ends by itself; zero: never.
func lifeOf(kind string, extended bool, from time.Time) time.Time {
	switch {
	case kind == onFile:
		return time.Time{}
	case kind == recurring || extended:
		return from.AddDate(0, extendedMonths, 0)
	}
	return from.Add(PermissionLife)
}
