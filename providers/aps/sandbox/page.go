package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// pageOperation is the name that faults use for the arrival of a buyer at the payment page.
const pageOperation = "paymentPage"

var pageCommand = command{
	mandatory: names("command access_code merchant_identifier merchant_reference amount currency language customer_email signature"),
	optional: func(name string) bool {
		for _, prefix := range []string{"billing_", "shipping_", "customer_", "ship_", "fraud_extra", "item_", "rcpt_", "app_", "merchant_extra"} {
			if strings.HasPrefix(name, prefix) {
				_, known := shape(name)
				return known
			}
		}
		return pageOptional(name)
	},
}

var pageOptional = oneOf("return_url payment_option digital_wallet token_name remember_me eci order_description phone_number " +
	"settlement_reference installments sadad_olp statement_descriptor agreement_id recurring_mode recurring_transactions_count " +
	"recurring_expiry_date recurring_days_between_payments device_fingerprint cart_details check_3ds")

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

// enter takes the merchant's form from the buyer's browser.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		s.showError(w, refuse(msgRequestFormat, err.Error()))
		return
	}
	s.sim.Faults.Serve(w, r, pageOperation, func(_ context.Context, w http.ResponseWriter, _ simulator.Action) {
		s.enterWith(w, r, body)
	})
}

func (s *Server) enterWith(w http.ResponseWriter, r *http.Request, body []byte) {
	var fields map[string]string
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && mediaType != "application/x-www-form-urlencoded" {
		err = fmt.Errorf("content type is %s", mediaType)
	}
	if err == nil {
		fields, err = parseForm(body)
	}
	if err != nil {
		s.log(r, pageOperation, nil, refuse(msgRequestFormat, err.Error()))
		s.showError(w, refuse(msgRequestFormat, err.Error()))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	account, no := s.accountOf(fields)
	if no == nil {
		no = s.admit(account, fields, r)
	}
	s.log(r, pageOperation, fields, no)
	switch returnURL := destination(account, fields); {
	case account == nil || no != nil && returnURL == "":
		s.showError(w, no)
	case no != nil:
		s.showReturn(w, account, returnURL, signed(account, rejected(fields, no.code)))
	default:
		http.Redirect(w, r, s.openSession(account, fields, returnURL), http.StatusSeeOther)
	}
}

// accountOf finds who sends, by access code. Without it APS has no phrase to sign an answer with.
func (s *Server) accountOf(fields map[string]string) (*Account, *refusal) {
	for _, name := range []string{"merchant_identifier", "access_code"} {
		if fields[name] == "" {
			return nil, refuse(msgMissing, name)
		}
	}
	if a := s.accounts[fields["access_code"]]; a != nil {
		if a.MerchantIdentifier != fields["merchant_identifier"] {
			return nil, refuse(msgMerchant, "the access code belongs to another merchant_identifier")
		}
		return a, nil
	}
	for _, a := range s.accounts {
		if a.MerchantIdentifier == fields["merchant_identifier"] {
			return nil, refuse(msgAccessCode, "access_code")
		}
	}
	return nil, refuse(msgMerchant, "merchant_identifier")
}

// admit checks a request to the page in the order: command, mandatory fields, signature, shape, business rules.
func (s *Server) admit(a *Account, fields map[string]string, r *http.Request) *refusal {
	if c := fields["command"]; c != "PURCHASE" && c != "AUTHORIZATION" {
		if c == "" && fields["service_command"] == "" && fields["query_command"] == "" {
			return refuse(msgMissing, "command")
		}
		return refuse(msgCommand, "the page takes PURCHASE and AUTHORIZATION")
	}
	if no := pageCommand.missing(fields); no != nil {
		return no
	}
	if !signedBy(a.SHAType, a.RequestPhrase, fields) {
		return refuse(msgSignature, "signature")
	}
	if no := pageCommand.wrong(fields); no != nil {
		return no
	}
	if no := pageOrigin(a, r); no != nil {
		return no
	}
	return s.admitOrder(a, fields)
}

func (s *Server) admitOrder(a *Account, fields map[string]string) *refusal {
	if _, no := amountOf(fields); no != nil {
		return no
	}
	switch {
	case !a.accepts(fields["currency"]):
		return refuse(msgCurrency, "currency")
	case destination(a, fields) == "":
		return refuse(msgReturnURL, "neither the request nor the account has a return URL")
	case fields["eci"] == "RECURRING":
		return refuse(msgValue, "eci RECURRING belongs to the server API")
	case fields["installments"] != "":
		return refuse(msgInstallments, "installments")
	case a.WithoutTokens && (fields["remember_me"] == "YES" || fields["token_name"] != ""):
		return refuse(msgTokenService, "the tokenization service is off")
	}
	for _, field := range []string{"payment_option", "digital_wallet"} {
		if no := optionRule(a, fields, field); no != nil {
			return no
		}
	}
	return s.reusable(a, fields["merchant_reference"])
}

func optionRule(a *Account, fields map[string]string, field string) *refusal {
	name := fields[field]
	option, known := paymentOptions[name]
	switch {
	case name == "":
		return nil
	case !known || option.wallet != (field == "digital_wallet"):
		return refuse(msgOption, field)
	case option.elsewhere:
		return refuse(msgChannel, name+" is not a redirection option")
	case !a.active(name):
		return refuse(msgOptionInactive, name)
	case option.purchase && fields["command"] != "PURCHASE":
		return refuse(msgNotForOption, name+" takes PURCHASE only")
	case !option.takes(fields["currency"]):
		return refuse(msgOptionUnavailable, name+" does not take "+fields["currency"])
	}
	return nil
}

func pageOrigin(a *Account, r *http.Request) *refusal {
	if len(a.AllowedOrigins) > 0 && !slices.Contains(a.AllowedOrigins, r.Header.Get("Origin")) {
		return refuse(msgSource, "origin "+r.Header.Get("Origin"))
	}
	return nil
}

// destination is where the buyer goes in the end: the request's return_url before the account's.
func destination(a *Account, fields map[string]string) string {
	if u := fields["return_url"]; webAddress(u) {
		return u
	}
	if a == nil {
		return ""
	}
	return a.ReturnURL
}

// openSession starts a session and returns its address. The caller holds the lock.
func (s *Server) openSession(a *Account, fields map[string]string, returnURL string) string {
	now := s.sim.Clock.Now()
	maps.DeleteFunc(s.sessions, func(_ string, old *session) bool { return now.After(old.expires.Add(SessionLife)) })
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
		s.log(r, "buyer", input, nil)
	}
	s.mu.Unlock()
	here := r.URL.EscapedPath() // without ?use: what was wrong is shown as it was entered
	if !decisive {
		http.Redirect(w, r, here, http.StatusSeeOther)
		return
	}
	s.sim.Faults.Serve(w, r, operation, func(_ context.Context, w http.ResponseWriter, alter simulator.Action) {
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
		s.end(sess, s.stored(sess.account, sess.fields, "", failureOf(sess.fields["command"])+msgSessionOver))
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
