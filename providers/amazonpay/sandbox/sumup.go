package sandbox

import "strings"

// sumUp fills the page that the buyer leaves with his word.
func (s *Server) sumUp(v *visit, w *view) {
	here := s.scene(v)
	sess := v.session
	w.Title, w.Button, w.Refuse = w.T("review"), w.T("continue"), w.T("save_no")
	w.Saves, w.CanSwitch = v.saves(), v.switches()
	w.Asks = w.Saves || here == sceneUpgrade
	if w.Saves {
		w.Button = w.T("save_yes")
	}
	if here == sceneSignIn {
		w.Title, w.Button = w.T("sign_in_shop")+" "+w.Shop, w.T("agree")
		w.Refuse = w.T("save_never")
		w.Shares = v.scopes()
		if sess != nil {
			w.Instrument, w.Effect = v.card.descriptor(), w.says(*v.card)
		}
		return
	}
	if v.choosesAddress() || sess.AddressDetails != nil {
		if v.shipping != nil {
			w.Address = v.shipping.lines()
		}
		w.CanMove = here == sceneReview
	}
	if !v.upgrading {
		w.Instrument, w.Effect, w.CanChange = v.card.descriptor(), w.says(*v.card), here != sceneConsent
	}
	w.Every = w.every(sess)
	w.explain(v, here)
	if isSet(sess.CheckoutButtonText) && !w.Asks {
		w.Button = *sess.CheckoutButtonText
	}
	if w.Problem == "" {
		w.Problem = v.missing()
	}
}

// explain says what this page is for.
func (w *view) explain(v *visit, here scene) {
	switch here {
	case sceneReview:
		w.Later = true
		if !v.choosesAddress() {
			w.Title = w.T("review_pay")
		}
		w.showEstimate(v)
	case sceneConsent:
		w.Title, w.Lead, w.Later, w.Shares = w.T("consent"), w.T("consent_is"), true, v.scopes()
		w.showEstimate(v)
	case scenePayNow:
		w.Title = w.T("pay_now")
		if !w.Saves {
			w.Button = w.T("pay_button")
		}
		if len(w.Address) > 0 {
			w.AddressNote = w.T("given")
		}
		w.showAmount(v)
	case sceneSetup:
		w.Title, w.Refuse = w.T("save"), w.T("save_never")
	case sceneUpdate:
		w.Title, w.Lead, w.Button = w.T("update"), w.T("update_is"), w.T("agree")
	case sceneUpgrade:
		w.Title, w.Button, w.Refuse = w.T("upgrade"), w.T("agree"), w.T("upgrade_no")
	}
}

func (w *view) showAmount(v *visit) {
	if p := v.session.PaymentDetails.ChargeAmount; p != nil {
		w.Amount, w.Currency = string(p.Amount), p.CurrencyCode
		if total := v.session.PaymentDetails.TotalOrderAmount; total != nil && !total.equal(p) {
			w.About = w.T("of_total") + " " + total.CurrencyCode + " " + string(total.Amount)
		}
	}
}

func (w *view) showEstimate(v *visit) {
	p := v.estimate
	if p == nil {
		p = v.session.PaymentDetails.EstimateOrderTotal
	}
	if v.session.PaymentDetails.ChargeAmount != nil {
		p = v.session.PaymentDetails.ChargeAmount
	}
	if p != nil {
		w.Amount, w.Currency, w.About = string(p.Amount), p.CurrencyCode, w.T("estimate")
	}
}

// every tells how often a recurring payment is made, and how much of it.
func (w *view) every(sess *session) string {
	m := sess.RecurringMetadata
	if value(sess.ChargePermissionType) != recurring || m == nil || m.Frequency == nil {
		return ""
	}
	told := w.T("recurring_var")
	if m.Frequency.Unit != "Variable" {
		several := 0
		if m.Frequency.Value != "1" {
			several = 1
		}
		often := frequencyWords[m.Frequency.Unit][w.language][several]
		told = w.T("recurring_is") + " " + strings.ReplaceAll(often, "#", m.Frequency.Value)
	}
	if m.Amount != nil {
		told += " · " + m.Amount.CurrencyCode + " " + string(m.Amount.Amount) + " " + w.T("each_time")
	}
	return told
}

func (w *view) says(c card) string { return w.T("test_card") + verdictWords[c.verdict][w.language] }

// scopes are what the merchant will know; the buyer reads it before he agrees.
func (v *visit) scopes() []string {
	list := defaultScopes
	switch {
	case v.signIn != nil && len(v.signIn.SignInScopes) > 0:
		list = v.signIn.SignInScopes
	case v.signIn != nil:
	case len(v.session.SignInScopes) > 0:
		list = v.session.SignInScopes
	case len(v.session.Scopes) > 0:
		list = v.session.Scopes
	}
	return list
}
