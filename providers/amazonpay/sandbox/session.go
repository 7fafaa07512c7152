package sandbox

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// Words of the wire.
const (
	open      = "Open"
	completed = "Completed"
	canceled  = "Canceled"

	oneTime   = "OneTime"
	recurring = "Recurring"
	onFile    = "PaymentMethodOnFile"

	confirm              = "Confirm"
	authorize            = "Authorize"
	authorizeWithCapture = "AuthorizeWithCapture"

	payAndShip      = "PayAndShip"
	payOnly         = "PayOnly"
	signIn          = "SignIn"
	payAndShipMulti = "PayAndShipMultiAddress"
	processOrder    = "ProcessOrder"
)

// ProcessingPath is the page that amazonPayRedirectUrl leads to; the session is in amazonCheckoutSessionId.
const ProcessingPath = "/checkout/processing"

// owner is whose an object is: of one merchant, in one environment.
type owner struct {
	merchantID  string
	environment Environment
}

// session is one checkout. Everything in it is read and changed under the server's lock.
type session struct {
	owner
	terms
	status
	account     *Account
	id          string
	productType string // as the button said; empty when the API opened it and no button was clicked yet
	fromButton  bool
	created     time.Time

	// What the buyer did on the hosted pages.
	buyer      *buyer   // signed in
	shipping   *address // chosen, or the merchant's own; nil for PayOnly
	card       *card    // chosen
	keepsNot   bool     // he refused to save his instrument: the permission will be OneTime
	redirected bool     // he arrived at amazonPayRedirectUrl: the merchant cannot change the session any more
	passed     bool     // he left the processing page with success: it can be completed
	simulation string   // a simulation code for the completion, sent with an earlier call

	// What completing it made.
	permissionID string
	chargeID     string
}

// session finds one, or nil. The caller holds the lock.
func (s *Server) session(id string) *session { return s.sessions[id] }

// openSession puts a session into the world: Open for 24 hours. The caller holds the lock.
func (s *Server) openSession(a *Account, environment Environment, t terms, productType string) *session {
	now := s.sim.Clock.Now()
	if t.ChargePermissionType == nil {
		t.ChargePermissionType = textOf(oneTime)
	}
	if t.PaymentDetails.CanHandlePendingAuthorization == nil {
		t.PaymentDetails.CanHandlePendingAuthorization = new(bool)
	}
	sess := &session{
		owner: owner{a.MerchantID, environment}, account: a, terms: t, productType: productType,
		id: s.uuid(), created: now, status: status{State: open, Updated: now},
	}
	s.sessions[sess.id] = sess
	s.later(SessionLife, func() []simulator.Message {
		s.cancelSession(sess, "Expired", "The checkout session has expired.")
		s.later(SessionKept-SessionLife, func() []simulator.Message {
			delete(s.sessions, sess.id)
			delete(s.visits, sess.id)
			return nil
		})
		return nil
	})
	return sess
}

// associate links a buyer who has signed in, with his default choices. The caller holds the lock.
func (s *Server) associate(sess *session, b *buyer) {
	sess.buyer, sess.card, sess.shipping = b, &cards[0], nil
	sess.Updated = s.sim.Clock.Now()
	switch {
	case sess.AddressDetails != nil:
		sess.shipping = sess.AddressDetails.asAddress()
	case sess.needsAddress():
		for i := range b.addresses {
			if sess.delivers(b.addresses[i]) {
				sess.shipping = &b.addresses[i]
				break
			}
		}
	}
}

// needsAddress says whether the buyer chooses a shipping address.
func (sess *session) needsAddress() bool {
	return sess.productType == payAndShip || sess.productType == payAndShipMulti || sess.productType == ""
}

// chooseAddress and chooseCard are the buyer's choices. The caller holds the lock.
func (s *Server) chooseAddress(sess *session, a address) {
	sess.shipping, sess.Updated = &a, s.sim.Clock.Now()
}

func (s *Server) chooseCard(sess *session, c card) {
	sess.card, sess.Updated = &c, s.sim.Clock.Now()
}

// cancelSession ends an open session. reason is BuyerCanceled, Declined, AmazonCanceled or Expired.
// It says whether the session was open. The caller holds the lock.
func (s *Server) cancelSession(sess *session, reason, description string) bool {
	if sess.State != open {
		return false
	}
	sess.status = status{State: canceled, Reason: reason, Description: description, Updated: s.sim.Clock.Now()}
	return true
}

// leaveProcessing is the end of the processing page, with what the buyer's instrument says. The session can be completed
// when it returns approved, or one of the pending verdicts; else it is canceled. A pending verdict is declined where the
// merchant cannot handle it. The caller holds the lock and sends the messages.
func (s *Server) leaveProcessing(sess *session) (verdict, []simulator.Message) {
	v := sess.card.verdict
	if sess.card.pending() && sess.authorizes() && !sess.handlesPending() {
		v = declined // the documents say "else an error"
	}
	switch v {
	case buyerCanceled:
		s.cancelSession(sess, "BuyerCanceled", "The buyer canceled the checkout.")
		return v, nil
	case declined:
		s.cancelSession(sess, "Declined", "The payment was declined.")
		return v, nil
	}
	sess.passed, sess.Updated = true, s.sim.Clock.Now()
	return v, s.updateInstrument(sess)
}

// handlesPending says whether an authorization may stay open after the checkout.
func (sess *session) handlesPending() bool {
	return holds(sess.PaymentDetails.CanHandlePendingAuthorization) && value(sess.PaymentDetails.PaymentIntent) == authorize
}

// authorizes says whether completing the session reserves money.
func (sess *session) authorizes() bool {
	return !sess.isSetup() && value(sess.PaymentDetails.PaymentIntent) != confirm
}

// isSetup says whether nothing is sold: an instrument is saved for later, or changed.
func (sess *session) isSetup() bool {
	return sess.PaymentMethodOnFileMetadata != nil && sess.PaymentMethodOnFileMetadata.SetupOnly
}

// isPayNow is the additional payment button: everything is in the payload, and there is no review.
func (sess *session) isPayNow() bool {
	return value(sess.WebCheckoutDetails.CheckoutMode) == processOrder
}

// constraints are what is missing before amazonPayRedirectUrl is told.
func (sess *session) constraints() []constraint {
	list := []constraint{}
	missing := func(is bool, id, text string) {
		if is {
			list = append(list, constraint{ConstraintID: id, Description: text})
		}
	}
	missing(sess.buyer == nil, "BuyerNotAssociated", "There is no buyer associated with the checkout session. Please link to a buyer by passing the ID to the button.")
	d := sess.PaymentDetails
	missing(d.ChargeAmount == nil && !sess.isSetup(), "ChargeAmountNotSet", "chargeAmount is not set.")
	missing(!isSet(sess.WebCheckoutDetails.CheckoutResultReturnURL) && !isSet(sess.WebCheckoutDetails.SignInReturnURL),
		"CheckoutResultReturnUrlNotSet", "checkoutResultReturnUrl is not set.")
	missing(!isSet(d.PaymentIntent) && !sess.isSetup(), "PaymentIntentNotSet", "paymentIntent is not set.")
	missing(value(sess.ChargePermissionType) == recurring && (sess.RecurringMetadata == nil || sess.RecurringMetadata.Frequency == nil),
		"RecurringFrequencyNotSet", "recurringMetadata.frequency is not set.")
	return list
}

// delivers says whether the merchant delivers to an address. As in Amazon's sandbox, only special restrictions, type and
// country codes are looked at.
func (sess *session) delivers(a address) bool {
	d := sess.DeliverySpecifications
	if d == nil {
		return true
	}
	lines := strings.ToLower(strings.ReplaceAll(value(a.AddressLine1)+" "+value(a.AddressLine2)+" "+value(a.AddressLine3), ".", ""))
	country := value(a.CountryCode)
	if slices.Contains(d.SpecialRestrictions, "RestrictPackstations") && country == "DE" && strings.Contains(lines, "packstation") {
		return false
	}
	boxed := strings.Contains(lines, "po box") || strings.Contains(lines, "postfach")
	if slices.Contains(d.SpecialRestrictions, "RestrictPOBoxes") && boxed {
		return false
	}
	if d.AddressRestrictions == nil {
		return true
	}
	_, named := d.AddressRestrictions.Restrictions[country]
	return named == (value(d.AddressRestrictions.Type) != "NotAllowed")
}

// resultAddress is where the buyer goes after the processing page, whatever came of it.
func (sess *session) resultAddress() string {
	to := value(sess.WebCheckoutDetails.CheckoutResultReturnURL)
	if to == "" {
		to = value(sess.WebCheckoutDetails.SignInReturnURL)
	}
	return withQuery(to, "amazonCheckoutSessionId", sess.id)
}

// withQuery adds one parameter to an address that may have a query and a fragment already.
func withQuery(to, name, content string) string {
	u, err := url.Parse(to)
	if err != nil {
		return to
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += name + "=" + url.QueryEscape(content)
	return u.String()
}

func (c *collectedAddress) asAddress() *address {
	a := c.address
	if a.District == nil {
		a.District = c.DistrictOrCounty
	}
	return &a
}
