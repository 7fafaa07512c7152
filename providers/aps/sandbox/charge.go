package sandbox

import (
	"maps"
	"strconv"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// reusable says whether a reference may be tried (again). The caller holds the lock.
// Which codes refuse it is the simulator's choice among those documented.
func (s *Server) reusable(a *Account, reference string) *refusal {
	o := s.books.orders[key(a.MerchantIdentifier, reference)]
	switch {
	case o == nil:
		return nil
	case o.paid():
		return refuse(msgProcessed, "this merchant_reference is paid or authorized")
	case o.isOpen():
		return refuse(msgStillProcessing, "this merchant_reference is not settled yet")
	case o.tries >= a.Attempts:
		return refuse(msgTooManyTries, "no try of this merchant_reference is left")
	}
	return nil
}

// charge is one try at the acquirer: it books the outcome and returns what the buyer's browser or the caller is told,
// unsigned, with the direct feedback to send. The caller holds the lock and has asked reusable.
func (s *Server) charge(a *Account, fields map[string]string, with instrument, by string, alter simulator.Action) (map[string]string, []simulator.Message) {
	now := s.sim.Clock.Now()
	amount, _ := strconv.ParseInt(fields["amount"], 10, 64) // checked when the request came
	v := decide(a, amount, with.verdict)
	if v.status == statusInvalid {
		return stored(fields, "", statusInvalid+v.message), nil
	}
	o := s.books.begin(a, fields, now)
	o.amount, o.card, o.by, o.acquirer, o.open = amount, with, by, v.acquirer, verdict{}
	code := o.codeOf(v)
	switch {
	case v.status == statusIncomplete: // the acquirer was never asked
		return stored(fields, o.fortID, code), s.feedback(o, a.DirectFeedbackURL, stored(fields, o.fortID, code))
	case v.settles != "":
		o.open = v
		s.settleLater(o)
	default:
		s.complete(o, v.message)
	}
	o.done(code)
	result := alterAnswer(s.outcome(o), alter)
	told := maps.Clone(result)
	maps.Copy(told, s.acquirerFields(o))
	return result, s.feedback(o, a.DirectFeedbackURL, told)
}

// codeOf is the response code of a verdict on the order's command.
func (o *order) codeOf(v verdict) string {
	success, failure := statusPurchased, statusNotPurchased
	if o.command == "AUTHORIZATION" {
		success, failure = statusAuthorized, statusNotAuthorized
	}
	switch {
	case v.status != "":
		return v.status + v.message
	case v.message == msgSuccess:
		return success + v.message
	default:
		return failure + v.message
	}
}

// complete books what a final verdict does: approval moves money and keeps the card if that was agreed.
func (s *Server) complete(o *order, message string) {
	if message != msgSuccess {
		return
	}
	now := s.sim.Clock.Now()
	o.authCode = s.sim.Random.Digits(6)
	o.acquirer = approved.acquirer
	o.book(effectAuthorize, o.amount, "", o.by, now)
	if o.command == "PURCHASE" {
		o.book(effectCapture, o.amount, "", o.by, now)
	}
	s.keepCard(o)
}

// keepCard saves the card of a successful try under its token name and opens the agreement to charge it later.
func (s *Server) keepCard(o *order) {
	if o.card.token == "" {
		return
	}
	k := key(o.account.MerchantIdentifier, o.card.token)
	t := s.books.tokens[k]
	if t == nil {
		t = &token{name: o.card.token, card: o.card, agreement: "A" + s.sim.Random.Digits(7), active: true, created: s.sim.Clock.Now()}
		s.books.tokens[k] = t
	}
	o.agreed = t.agreement
}

// settleLater ends an open try by itself after the settling time, unless the back office does it before.
func (s *Server) settleLater(o *order) {
	if s.settleAfter < 0 {
		return
	}
	fortID := o.fortID
	s.sim.Clock.AfterFunc(s.settleAfter, func() {
		s.mu.Lock()
		var messages []simulator.Message
		if o.isOpen() && o.fortID == fortID {
			messages = s.settle(o, o.open.settles)
		}
		s.mu.Unlock()
		s.send(messages)
	})
}

// settle ends an open try with a message code and notifies. The caller holds the lock.
func (s *Server) settle(o *order, message string) []simulator.Message {
	o.open = verdict{}
	if message == msgDeclined {
		o.acquirer = declined.acquirer
	}
	s.complete(o, message)
	o.done(o.codeOf(verdict{message: message}))
	told := s.outcome(o)
	maps.Copy(told, s.acquirerFields(o))
	return s.feedback(o, o.account.NotificationURL, told)
}
