package sandbox

import (
	"cmp"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// session is one buyer at the hosted page.
type session struct {
	id        string
	account   *Account
	fields    map[string]string
	returnURL string
	expires   time.Time
	stage     stage

	problem string            // response code to show above the form
	wrong   map[string]string // what is wrong, by input
	entered map[string]string // what is shown again; never number or code
	waiting instrument        // waits for the challenge or for its own page
	result  map[string]string // signed, once the session is over
}

// stage is what a session shows.
type stage int

const (
	stageCard stage = iota
	stageOption
	stageChallenge
	stageDone
)

// openSession starts a session and returns its address. The caller holds the lock.
func (s *Server) openSession(a *Account, fields map[string]string, returnURL string) string {
	now := s.sim.Clock.Now()
	if len(s.sessions)%256 == 255 { // now and then is enough
		maps.DeleteFunc(s.sessions, func(_ string, old *session) bool { return now.After(old.expires.Add(SessionLife)) })
	}
	sess := &session{
		id: s.sim.Random.Hex(16), account: a, fields: fields, returnURL: returnURL, expires: now.Add(SessionLife),
		entered: map[string]string{"card_holder_name": fields["customer_name"]},
	}
	if name := cmp.Or(fields["digital_wallet"], fields["payment_option"]); name != "" && !paymentOptions[name].card {
		sess.stage, sess.waiting = stageOption, instrument{option: name, verdict: approved}
	}
	s.sessions[sess.id] = sess
	return PaymentPagePath + "/" + sess.id
}

// act takes what the buyer does. Whatever the stage, action=cancel ends the session.
func (s *Server) act(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		s.showError(w, refuse(msgRequestFormat, err.Error()))
		return
	}
	input, err := parseForm(body)
	if err != nil {
		s.showError(w, refuse(msgRequestFormat, err.Error()))
		return
	}
	s.mu.Lock()
	sess := s.sessions[r.PathValue("session")]
	decisive := sess != nil && s.prepare(sess, input)
	operation := ""
	if sess != nil {
		operation = sess.fields["command"]
		s.received(r, "buyer", input)
	}
	s.mu.Unlock()
	here := r.URL.EscapedPath() // without ?use: what was wrong is shown as it was entered
	if !decisive {
		http.Redirect(w, r, here, http.StatusSeeOther)
		return
	}
	s.sim.Faults.Serve(w, r, operation, func(w http.ResponseWriter, alter simulator.Action) {
		s.mu.Lock()
		messages := s.try(sess, alter)
		s.mu.Unlock()
		s.send(messages)
		http.Redirect(w, r, here, http.StatusSeeOther)
	})
}

// prepare moves a session by what the buyer entered, and says whether a try at the acquirer follows.
// The caller holds the lock.
func (s *Server) prepare(sess *session, input map[string]string) bool {
	if sess.stage != stageDone && s.sim.Clock.Now().After(sess.expires) {
		s.end(sess, stored(sess.fields, "", failureOf(sess.fields["command"])+msgSessionOver))
	}
	switch sess.stage {
	case stageCard:
		return s.enterCard(sess, input)
	case stageOption:
		return s.useOption(sess, input)
	case stageChallenge:
		return s.answerChallenge(sess, input)
	}
	return false
}

// try charges what waits in the session and decides what the buyer sees next. The caller holds the lock.
func (s *Server) try(sess *session, alter simulator.Action) []simulator.Message {
	if sess.stage == stageDone {
		return nil // a second click, or a fault's delayed effect after the buyer went on
	}
	reference := sess.fields["merchant_reference"]
	if no := s.reusable(sess.account, reference); no != nil { // paid in another window meanwhile
		s.end(sess, rejected(sess.fields, no.code))
		return nil
	}
	result, messages := s.charge(sess.account, sess.fields, sess.waiting, byPage, alter)
	status := result["status"]
	failed := status == statusNotPurchased || status == statusNotAuthorized || status == statusIncomplete
	o := s.books.orders[key(sess.account.MerchantIdentifier, reference)]
	if failed && paymentOptions[sess.waiting.option].card && o.tries < sess.account.Attempts {
		sess.stage, sess.problem, sess.waiting = stageCard, result["response_code"], instrument{}
		return messages
	}
	s.end(sess, result)
	return messages
}

func failureOf(command string) string {
	if command == "AUTHORIZATION" {
		return statusNotAuthorized
	}
	return statusNotPurchased
}

// end signs what the buyer's browser will carry back.
func (s *Server) end(sess *session, result map[string]string) {
	sess.stage, sess.result = stageDone, signed(sess.account, result)
}

// showSession renders where the session stands; a session that is over sends the buyer back.
func (s *Server) showSession(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sess := s.sessions[r.PathValue("session")]
	if sess == nil {
		s.showError(w, refuse(msgSessionOver, "no such session"))
		return
	}
	switch sess.stage {
	case stageCard:
		s.render(w, http.StatusOK, sess, "card", s.cardView(sess, r.URL.Query().Get("use")))
	case stageOption:
		s.render(w, http.StatusOK, sess, "option", nil)
	case stageChallenge:
		s.render(w, http.StatusOK, sess, "challenge", nil)
	default:
		s.showReturn(w, sess.account, sess.returnURL, sess.result)
	}
}

// returnAddress adds the result to a return URL of GET accounts; the URL's own query stays in front.
func (s *Server) returnAddress(to string, fields map[string]string) string {
	u, err := url.Parse(to)
	if err != nil {
		return to
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += string(s.encodeForm(fields))
	return u.String()
}
