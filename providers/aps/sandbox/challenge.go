package sandbox

// answerChallenge takes the 3-D Secure page: challenge_pass goes on to the acquirer, challenge_fail does not,
// cancel ends the session with an order already stored (01072).
// Leaving the page leaves nothing behind.
func (s *Server) answerChallenge(sess *session, in map[string]string) bool {
	switch in["action"] {
	case "challenge_pass":
		return true
	case "challenge_fail":
		sess.waiting.verdict = noEnrolment
		return true
	case "cancel":
		fortID := s.books.nextFortID(s.sim.Clock.Now())
		s.end(sess, stored(sess.fields, fortID, statusStored+msgCancelled))
	}
	return false
}

// useOption takes the page of a local option or wallet: approve, decline, cancel. These have one try.
func (s *Server) useOption(sess *session, in map[string]string) bool {
	switch in["action"] {
	case "approve":
		return true
	case "decline":
		sess.waiting.verdict = declined
		return true
	case "cancel":
		s.end(sess, stored(sess.fields, "", statusInvalid+msgCancelled))
	}
	return false
}
