package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// The names that faults use for a buyer's arrival, and for the moment at which his payment is decided.
const (
	buttonOperation     = "button"
	changeOperation     = "change"
	upgradeOperation    = "upgrade"
	processingOperation = "processing"
)

var hostedOperations = []string{buttonOperation, changeOperation, upgradeOperation, processingOperation}

// arrive takes what the script posts when the buyer leaves the shop's page. enter opens or finds the visit and names
// the page it begins with.
func (s *Server) arrive(operation string, enter func(r *http.Request, in url.Values) (*visit, string, *refusal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, err := readForm(w, r)
		entry := s.logged(r, operation, in, "merchantId", "publicKeyId", "productType", "algorithm", "amazonCheckoutSessionId", "changeAction")
		s.sim.Faults.Serve(w, r, operation, func(w http.ResponseWriter, _ simulator.Action) {
			s.mu.Lock()
			defer s.mu.Unlock()
			var v *visit
			page, no := "", refuse(http.StatusBadRequest, "InvalidRequest", "The form is not understood: %v.", err)
			if err == nil {
				v, page, no = enter(r, in)
			}
			if no != nil {
				s.answered(entry, no.Reason, no.Text)
				s.showError(w, r, v, no)
				return
			}
			away(w, v.path(v.place(page)))
		})
	}
}

// clickButton verifies what the button hands over, and opens a session or a sign-in.
func (s *Server) clickButton(r *http.Request, in url.Values) (*visit, string, *refusal) {
	v := &visit{language: in.Get("checkoutLanguage"), from: cameFrom(r)}
	if no := v.readEstimate(in.Get("estimatedOrderAmount")); no != nil {
		return v, "", no
	}
	if in.Has("amazonCheckoutSessionId") && !in.Has("payloadJSON") {
		return s.joinSession(v, in)
	}
	for _, name := range []string{"merchantId", "publicKeyId", "payloadJSON", "signature"} {
		if in.Get(name) == "" {
			return v, "", missingValue(name)
		}
	}
	b := button{
		MerchantID: in.Get("merchantId"), PublicKeyID: in.Get("publicKeyId"), ProductType: in.Get("productType"),
		PayloadJSON: in.Get("payloadJSON"), Signature: in.Get("signature"), Algorithm: in.Get("algorithm"), Sandbox: in.Get("sandbox") == "true",
	}
	opened, no := s.openFromButton(b)
	if no != nil && no.Reason == "InvalidSignatureError" && strings.Contains(b.PayloadJSON, "\r\n") {
		b.PayloadJSON = strings.ReplaceAll(b.PayloadJSON, "\r\n", "\n") // browsers write every line end of a form as CRLF
		if asSigned, noLonger := s.openFromButton(b); noLonger == nil || noLonger.Reason != no.Reason {
			opened, no = asSigned, noLonger
		}
	}
	if no != nil {
		return v, "", no
	}
	v.owner, v.account, v.session, v.signIn = opened.owner, opened.account, opened.session, opened.signIn
	s.keep(v)
	return v, pageReview, nil
}

// keep gives the visit its id: the session's, with which it goes, or one of its own.
func (s *Server) keep(v *visit) {
	if v.session != nil {
		v.id = v.session.id
		s.visits[v.id] = v
		return
	}
	v.id = s.uuid()
	s.visits[v.id] = v
	s.later(SessionLife, func() []simulator.Message {
		delete(s.visits, v.id)
		return nil
	})
}

// joinSession is a button for a session that the merchant's server opened: the buyer is not known yet.
func (s *Server) joinSession(v *visit, in url.Values) (*visit, string, *refusal) {
	sess := s.session(in.Get("amazonCheckoutSessionId"))
	product := in.Get("productType")
	switch {
	case sess == nil || sess.merchantID != in.Get("merchantId"):
		return v, "", notFound("Checkout session", in.Get("amazonCheckoutSessionId"))
	case s.keyOwners[in.Get("publicKeyId")] != sess.account:
		return v, "", refuse(http.StatusForbidden, "InvalidAuthentication", "The public key id [%s] is unknown.", in.Get("publicKeyId"))
	case sess.State != open || sess.redirected:
		return v, "", sessionStatus(sess)
	case product != "" && product != payAndShip && product != payOnly:
		return v, "", invalidValue("productType")
	}
	if sess.productType == "" {
		sess.productType = product
	}
	v.owner, v.account, v.session = sess.owner, sess.account, sess
	s.keep(v)
	return v, pageReview, nil
}

// clickChange brings the buyer of an open session back to choose another address or instrument.
func (s *Server) clickChange(r *http.Request, in url.Values) (*visit, string, *refusal) {
	v, no := s.comeBack(r, in)
	if no != nil {
		return v, "", no
	}
	switch action := in.Get("changeAction"); {
	case action == "changeAddress" && v.choosesAddress():
		return v, pageAddress, nil
	case action == "changePayment" && v.choosesCard():
		return v, pageInstrument, nil
	}
	return v, "", invalidValue("changeAction")
}

// clickUpgrade asks the buyer whether the purchase, which the merchant has made a recurring one, may be that.
func (s *Server) clickUpgrade(r *http.Request, in url.Values) (*visit, string, *refusal) {
	v, no := s.comeBack(r, in)
	if no != nil {
		return v, "", no
	}
	if value(v.session.ChargePermissionType) != recurring {
		return v, "", wrongCombination("An upgrade needs a checkout session of chargePermissionType Recurring.")
	}
	v.upgrading = true
	return v, pageReview, nil
}

// comeBack finds the visit of a session whose buyer has chosen and returned to the shop.
func (s *Server) comeBack(r *http.Request, in url.Values) (*visit, *refusal) {
	id := in.Get("amazonCheckoutSessionId")
	sess := s.session(id)
	if sess == nil {
		return nil, notFound("Checkout session", id)
	}
	v := s.visitOf(sess)
	switch {
	case sess.State != open || sess.redirected:
		return v, sessionStatus(sess)
	case sess.buyer == nil:
		return v, unprocessable("InvalidCheckoutSessionStatus", "The checkout session has no buyer yet.")
	case !isSet(sess.WebCheckoutDetails.CheckoutReviewReturnURL):
		return v, missingValue("webCheckoutDetails.checkoutReviewReturnUrl")
	}
	if from := cameFrom(r); from != "" {
		v.from = from
	}
	v.buyer, v.shipping, v.card, v.chose, v.upgrading = sess.buyer, sess.shipping, sess.card, true, false
	return v, nil
}

// visitOf is the visit of a session, made anew when there is none.
func (s *Server) visitOf(sess *session) *visit {
	if v := s.visits[sess.id]; v != nil {
		return v
	}
	v := &visit{owner: sess.owner, account: sess.account, session: sess, buyer: sess.buyer, shipping: sess.shipping, card: sess.card}
	s.keep(v)
	return v
}

// arriveAtProcessing is amazonPayRedirectUrl. From now on the merchant cannot change the session.
func (s *Server) arriveAtProcessing(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.URL.Query().Get("amazonCheckoutSessionId")
	entry := s.logged(r, "redirect", r.URL.Query(), "amazonCheckoutSessionId")
	sess := s.session(id)
	if sess == nil {
		no := notFound("Checkout session", id)
		s.answered(entry, no.Reason, no.Text)
		s.showError(w, r, nil, no)
		return
	}
	v := s.visitOf(sess)
	if missing := sess.constraints(); len(missing) > 0 && !v.over() {
		no := unprocessable("InvalidCheckoutSessionStatus", missing[0].Description)
		s.answered(entry, no.Reason, no.Text)
		s.showError(w, r, v, no)
		return
	}
	if !v.over() && v.stage == "" {
		sess.redirected, v.stage, v.proved, v.upgrading = true, pageProcessing, false, false
		v.buyer, v.shipping, v.card = sess.buyer, sess.shipping, sess.card
	}
	away(w, v.path(v.place(pageProcessing)))
}

func sessionStatus(sess *session) *refusal {
	if sess.State == open {
		return unprocessable("InvalidCheckoutSessionStatus", "The checkout session is being processed.")
	}
	return unprocessable("InvalidCheckoutSessionStatus", "The checkout session is "+sess.State+".")
}

// readEstimate reads the amount that the script was told to show; it is no part of what is signed.
func (v *visit) readEstimate(text string) *refusal {
	if text == "" {
		return nil
	}
	v.estimate = &price{}
	if err := json.Unmarshal([]byte(text), v.estimate); err != nil {
		return invalidValue("estimatedOrderAmount")
	}
	if minor, err := minorUnits(string(v.estimate.Amount), v.estimate.CurrencyCode); err != nil || minor < 0 {
		return invalidValue("estimatedOrderAmount")
	}
	return nil
}

// cameFrom is the page of the shop, as far as the browser tells it.
func cameFrom(r *http.Request) string {
	if from := r.Header.Get("Referer"); webAddress(from) {
		return from
	}
	return ""
}
