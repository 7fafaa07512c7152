package sandbox

import (
	"net/url"
	"slices"
	"strconv"
)

// doSignIn takes the sign-in page. Without an e-mail address it is the first test buyer, so that the shortest script works.
func (s *Server) doSignIn(v *visit, in url.Values) step {
	switch in.Get("action") {
	case "cancel":
		return s.cancel(v)
	case "continue":
		list := exampleBuyers[v.account.Region]
		i := 0
		if in.Has("email") {
			i = slices.IndexFunc(list, func(b *buyer) bool { return b.email == in.Get("email") })
		}
		if i < 0 {
			v.problem = "who"
			return step{page: pageSignIn}
		}
		s.signedIn(v, list[i])
		return step{page: pageReview}
	}
	return step{page: pageSignIn}
}

// signedIn gives the visit a buyer with his default choices.
func (s *Server) signedIn(v *visit, b *buyer) {
	v.buyer = b
	if v.session == nil {
		return
	}
	probe := *v.session
	s.associate(&probe, b)
	v.shipping, v.card = probe.shipping, probe.card
}

// scene is what the page that sums everything up is about.
type scene int

const (
	sceneReview  scene = iota // choose address and instrument, then review the order at the shop
	sceneConsent              // the same for a buyer who was here before: his defaults are taken over
	scenePayNow               // no review at the shop: pay here
	sceneSetup                // save an instrument, buy nothing
	sceneUpdate               // another instrument for one that is saved
	sceneUpgrade              // agree that a purchase recurs
	sceneSignIn               // sign in, maybe saving an instrument at once
)

func (s *Server) scene(v *visit) scene {
	sess := v.session
	switch {
	case sess == nil || sess.productType == signIn:
		return sceneSignIn
	case v.upgrading:
		return sceneUpgrade
	case isSet(sess.ChargePermissionID):
		return sceneUpdate
	case sess.isSetup():
		return sceneSetup
	case sess.isPayNow():
		return scenePayNow
	case s.consents(v):
		return sceneConsent
	}
	return sceneReview
}

// consents says whether the buyer sees the consent page instead of the selection: merchants cannot choose, here a switch
// does. Only one who has bought at this merchant before, whose defaults fit, and never for an agreement.
func (s *Server) consents(v *visit) bool {
	return s.consent && !v.chose && v.buyer != nil && s.returning[v.merchantID+"\n"+v.buyer.email] &&
		value(v.session.ChargePermissionType) == oneTime && v.missing() == ""
}

// saves says whether the buyer is asked to let the merchant keep his instrument.
func (v *visit) saves() bool {
	return v.session != nil && value(v.session.ChargePermissionType) == onFile && !isSet(v.session.ChargePermissionID)
}

// missing is the word for what the buyer has yet to choose, or empty.
func (v *visit) missing() string {
	switch {
	case v.session == nil || v.upgrading:
		return ""
	case v.choosesAddress() && (v.shipping == nil || !v.session.delivers(*v.shipping)):
		return "none_fits"
	case v.choosesCard() && v.unfit(*v.card) != "":
		return "no_card"
	}
	return ""
}

// unfit is the word for why an instrument cannot be chosen, or empty. What a later change by the merchant may allow is
// not refused here.
func (v *visit) unfit(c card) string {
	d := v.session.PaymentDetails
	shown := value(d.PresentmentCurrency)
	switch {
	case c.pending() && (v.session.isPayNow() || v.session.redirected) && !v.session.isSetup() && !v.session.handlesPending():
		return "needs_pending"
	case shown != "" && shown != v.account.LedgerCurrency && c.brand != "Visa" && c.brand != "Mastercard":
		return "needs_scheme"
	}
	return ""
}

// doReview takes the page that sums up what the buyer chose.
func (s *Server) doReview(v *visit, in url.Values) step {
	here := s.scene(v)
	switch action := in.Get("action"); {
	case action == "cancel":
		return s.cancel(v)
	case action == "change_buyer" && v.switches():
		v.buyer, v.chose = nil, true
		return step{page: pageSignIn}
	case action == "change_address" && here == sceneReview && v.choosesAddress():
		return step{page: pageAddress}
	case action == "change_instrument" && here != sceneConsent && v.choosesCard():
		return step{page: pageInstrument}
	case action == "continue" && !v.saves() && here != sceneUpgrade, action == "approve" && (v.saves() || here == sceneUpgrade):
		return s.agree(v, here, true)
	case action == "decline" && (v.saves() || here == sceneUpgrade):
		return s.agree(v, here, false)
	}
	return step{page: pageReview}
}

// switches says whether another buyer may sign in: until the merchant has seen this one.
func (v *visit) switches() bool {
	return v.session == nil || v.session.buyer == nil
}

// agree puts the choices into force and lets the buyer go on; yes is his word on saving, or on recurring payments.
func (s *Server) agree(v *visit, here scene, yes bool) step {
	sess := v.session
	if sess == nil {
		return step{away: withQuery(value(v.signIn.SignInReturnURL), "buyerToken", s.issueBuyerToken(v.owner, v.buyer, v.signIn.SignInScopes))}
	}
	if here == sceneUpgrade {
		return s.upgrade(v, yes)
	}
	if v.saves() && sess.isSetup() && !yes {
		return s.cancel(v)
	}
	if v.problem = v.missing(); v.problem != "" {
		return step{page: pageReview}
	}
	if here == sceneUpdate && !s.owns(v) {
		v.problem = "other_buyer"
		return step{page: pageReview}
	}
	s.commit(v, yes)
	if here != sceneReview && here != sceneConsent {
		sess.redirected, v.stage, v.proved = true, pageProcessing, false
		return step{page: pageProcessing}
	}
	return step{away: withQuery(value(sess.WebCheckoutDetails.CheckoutReviewReturnURL), "amazonCheckoutSessionId", sess.id)}
}

// commit puts what the buyer chose into the session.
func (s *Server) commit(v *visit, yes bool) {
	sess := v.session
	if sess.buyer != v.buyer {
		s.associate(sess, v.buyer)
	}
	if v.shipping != nil {
		s.chooseAddress(sess, *v.shipping)
	}
	s.chooseCard(sess, *v.card)
	sess.keepsNot = v.saves() && !yes
	s.returning[v.merchantID+"\n"+v.buyer.email] = true
}

// upgrade is the buyer's word on making the purchase a recurring one; the merchant reads it in the session.
func (s *Server) upgrade(v *visit, yes bool) step {
	sess := v.session
	if !yes {
		sess.ChargePermissionType, sess.RecurringMetadata = textOf(oneTime), nil
	}
	v.upgrading, sess.Updated = false, s.sim.Clock.Now()
	return step{away: withQuery(value(sess.WebCheckoutDetails.CheckoutReviewReturnURL), "amazonCheckoutSessionId", sess.id)}
}

// owns says whether the buyer is the one whose saved instrument is to be changed.
func (s *Server) owns(v *visit) bool {
	p := s.permissions[value(v.session.ChargePermissionID)]
	return p != nil && p.buyer == v.buyer
}

// doAddress takes the list of addresses.
func (s *Server) doAddress(v *visit, in url.Values) step {
	switch in.Get("action") {
	case "cancel":
		return s.cancel(v)
	case "back":
		return step{page: pageReview}
	case "continue":
		i, ok := numbered(in, "addressId", len(v.buyer.addresses))
		if !ok || !v.session.delivers(v.buyer.addresses[i]) {
			v.problem = "no_address"
			return step{page: pageAddress}
		}
		v.shipping, v.chose = &v.buyer.addresses[i], true
		return step{page: pageReview}
	}
	return step{page: pageAddress}
}

// doInstrument takes the list of instruments.
func (s *Server) doInstrument(v *visit, in url.Values) step {
	switch in.Get("action") {
	case "cancel":
		return s.cancel(v)
	case "back":
		return step{page: pageReview}
	case "continue":
		c, ok := cardEnding(in.Get("paymentInstrumentId"))
		if !ok || v.unfit(c) != "" {
			v.problem = "no_card"
			return step{page: pageInstrument}
		}
		v.card, v.chose = &c, true
		return step{page: pageReview}
	}
	return step{page: pageInstrument}
}

// numbered reads the number of an entry, from 1, as an index.
func numbered(in url.Values, name string, entries int) (int, bool) {
	n, err := strconv.Atoi(in.Get(name))
	return n - 1, err == nil && n >= 1 && n <= entries
}
