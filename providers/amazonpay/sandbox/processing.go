package sandbox

import "net/url"

// doProcessing takes the page that stands between the buyer's last word and the shop.
func (s *Server) doProcessing(v *visit, in url.Values) step {
	switch in.Get("action") {
	case "cancel":
		return s.giveUp(v, "BuyerCanceled", "The buyer canceled the checkout.")
	case "continue":
		return s.process(v)
	}
	return step{page: pageProcessing}
}

// process decides the payment, unless the buyer has to prove who he is or to choose another instrument first.
func (s *Server) process(v *visit) step {
	sess := v.session
	switch {
	case v.mustProve() && !v.proved:
		v.stage = pageChallenge
		return step{page: pageChallenge}
	case sess.card.verdict == declinedOnce:
		v.stage, v.problem = pageDeclined, ""
		return step{page: pageDeclined}
	}
	to := sess.resultAddress()
	_, messages := s.leaveProcessing(sess)
	if sess.passed && sess.productType == signIn {
		to = withQuery(to, "buyerToken", s.issueBuyerToken(sess.owner, sess.buyer, sess.SignInScopes))
	}
	return step{away: to, messages: messages}
}

// mustProve says whether a second proof is asked for: always before an instrument is saved or changed where European law
// wants it, elsewhere where the test card says so.
func (v *visit) mustProve() bool {
	stored := value(v.session.ChargePermissionType) == onFile && !v.session.keepsNot
	return stored && v.account.Region == "eu" || v.session.card.verdict == challenged
}

// doChallenge takes the second proof.
func (s *Server) doChallenge(v *visit, in url.Values) step {
	switch in.Get("action") {
	case "cancel":
		return s.giveUp(v, "BuyerCanceled", "The buyer canceled the checkout.")
	case "challenge_pass":
		v.proved = true
		return s.process(v)
	case "challenge_fail":
		v.stage, v.problem = pageDeclined, "failed_check"
		return step{page: pageDeclined}
	}
	return step{page: pageChallenge}
}

// doDeclined takes the page after a decline that is not the last word: another instrument, or giving up.
func (s *Server) doDeclined(v *visit, in url.Values) step {
	switch in.Get("action") {
	case "cancel":
		return s.giveUp(v, "Declined", "The payment was declined and the buyer chose no other payment method.")
	case "continue":
		c, ok := cardEnding(in.Get("paymentInstrumentId"))
		if !ok || v.unfit(c) != "" {
			v.problem = "no_card"
			return step{page: pageDeclined}
		}
		v.card, v.proved, v.stage = &c, false, pageProcessing
		s.chooseCard(v.session, c)
		return step{page: pageProcessing}
	}
	return step{page: pageDeclined}
}

// giveUp ends the session; the shop is told at its result address, as after success.
func (s *Server) giveUp(v *visit, reason, description string) step {
	s.cancelSession(v.session, reason, description)
	return step{away: v.session.resultAddress()}
}
