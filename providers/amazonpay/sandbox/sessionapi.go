package sandbox

import (
	"encoding/json"
	"net/http"
)

// sessionOf is the session that a path names. The caller holds the lock.
func (s *Server) sessionOf(c *call) (*session, *refusal) {
	sess := s.session(c.ids[0])
	if sess == nil || sess.owner != c.owner {
		return nil, notFound("Checkout session", c.ids[0])
	}
	return sess, nil
}

// createSession opens a session for an app, or to see whether the credentials work.
func (s *Server) createSession(c *call) (int, any, *refusal) {
	t, no := readTerms(c.body, c.fields, createSession, c.account, c.environment)
	if no != nil {
		return 0, nil, no
	}
	if !isSet(t.WebCheckoutDetails.CheckoutReviewReturnURL) && !isSet(t.WebCheckoutDetails.CheckoutResultReturnURL) {
		return 0, nil, missingValue("webCheckoutDetails.checkoutReviewReturnUrl")
	}
	if no := s.checkReview(t, c.owner); no != nil {
		return 0, nil, no
	}
	return http.StatusCreated, s.openSession(c.account, c.environment, t, "").view(c.base), nil
}

func (s *Server) getSession(c *call) (int, any, *refusal) {
	sess, no := s.sessionOf(c)
	if no != nil {
		return 0, nil, no
	}
	return http.StatusOK, sess.remember(c).view(c.base), nil
}

// remember keeps a simulation code for the completion: some clients send it before.
func (sess *session) remember(c *call) *session {
	if c.code != "" && sess.State == open {
		sess.simulation = c.code
	}
	return sess
}

// updateSession changes what the body names, as long as the buyer was not sent to amazonPayRedirectUrl.
func (s *Server) updateSession(c *call) (int, any, *refusal) {
	sess, no := s.sessionOf(c)
	if no != nil {
		return 0, nil, no
	}
	if sess.State != open || sess.redirected && !changeAfterRedirect {
		return 0, nil, unprocessable("InvalidCheckoutSessionStatus", "The checkout session is "+sess.State+" and cannot be changed any more.")
	}
	changed := clone(sess.terms)
	if no := changed.change(c.body); no != nil {
		return 0, nil, no
	}
	if no := changed.check(c.account); no != nil {
		return 0, nil, no
	}
	sess.terms, sess.Updated = changed, s.sim.Clock.Now()
	return http.StatusOK, sess.remember(c).view(c.base), nil
}

// clone copies to the last pointer, so that a refused change leaves no trace.
func clone[T any](v T) T {
	var copied T
	b, _ := json.Marshal(v) // plain values always encode, and come back
	_ = json.Unmarshal(b, &copied)
	return copied
}
