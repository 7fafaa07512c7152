package sandbox

import (
	"maps"
	"strconv"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// capture takes all or part of an authorization, several times, never more than was authorized.
func (s *Server) capture(c *call) string {
	o := s.books.find(c.account.MerchantIdentifier, c.fields, s.sim.Clock.Now())
	return s.maintain(c, o, statusCaptured, statusNotCaptured, s.captureFails(c, o))
}

func (s *Server) captureFails(c *call, o *order) string {
	amount, _ := amountOf(c.fields)
	switch {
	case o == nil:
		return msgOrderUnknown
	case o.isOpen():
		return msgNotConfirmed
	case !o.paid() || o.command != "AUTHORIZATION" || o.voided > 0:
		return msgOperation
	case o.currency != c.fields["currency"]:
		return msgCurrency
	case amount > o.capturable():
		return msgAboveAuthorized
	}
	return magicFailure(c.account, amount)
}

// void gives an authorization back, before anything was captured from it.
func (s *Server) void(c *call) string {
	o := s.books.find(c.account.MerchantIdentifier, c.fields, s.sim.Clock.Now())
	message := ""
	switch {
	case o == nil:
		message = msgOrderUnknown
	case o.isOpen():
		message = msgNotConfirmed
	case !o.paid() || o.captured > 0 || o.voided > 0:
		message = msgOperation
	}
	return s.maintain(c, o, statusVoided, statusNotVoided, message)
}

// refund gives captured money back, all or part, several times.
func (s *Server) refund(c *call) string {
	o := s.books.find(c.account.MerchantIdentifier, c.fields, s.sim.Clock.Now())
	return s.maintain(c, o, statusRefunded, statusNotRefunded, s.refundFails(c, o))
}

func (s *Server) refundFails(c *call, o *order) string {
	amount, _ := amountOf(c.fields)
	switch {
	case o == nil:
		return msgOrderUnknown
	case o.isOpen():
		return msgNotConfirmed
	case o.captured == 0:
		return msgOperation
	case o.currency != c.fields["currency"]:
		return msgCurrency
	case o.maintenance[c.fields["maintenance_reference"]]:
		return msgReferenceExists
	case amount > o.captured-o.refunded:
		return msgAboveCaptured
	}
	return magicFailure(c.account, amount)
}

// magicFailure declines captures and refunds by amount, on accounts with magic amounts.
func magicFailure(a *Account, amount int64) string {
	if a.MagicAmounts && lastTwo(amount) == "66" {
		return msgDeclined
	}
	return ""
}

// maintain books a capture, void or refund unless message says why not, and notifies of what was done.
func (s *Server) maintain(c *call, o *order, success, failure, message string) string {
	if o != nil {
		c.answer["merchant_reference"], c.answer["fort_id"] = o.reference, o.fortID
	}
	if message != "" {
		c.detail = messageText(failure+message, "en")
		return failure + message
	}
	amount, _ := amountOf(c.fields)
	c.messages = s.move(o, success, amount, c.fields["maintenance_reference"], byAPI, c.answer, c.alter)
	return success + msgSuccess
}

// move books one movement on an order and makes its notification. The caller has checked that it is allowed.
func (s *Server) move(o *order, success string, amount int64, reference, by string, fields map[string]string, alter simulator.Action) []simulator.Message {
	kind := map[string]string{statusCaptured: effectCapture, statusVoided: effectVoid, statusRefunded: effectRefund}[success]
	if kind == effectVoid {
		amount = o.capturable()
	}
	o.book(kind, amount, reference, by, s.sim.Clock.Now())
	if kind == effectRefund && reference != "" {
		o.maintenance[reference] = true
	}
	o.done(success + msgSuccess)
	told := alterAnswer(withCode(maps.Clone(fields), o.code), alter)
	return s.feedback(o, o.account.NotificationURL, told)
}

// checkStatus answers 12 when the query worked; the order is in the transaction_ fields and totals.
// A try that no acquirer has seen is not found.
func (s *Server) checkStatus(c *call) string {
	o := s.books.find(c.account.MerchantIdentifier, c.fields, s.sim.Clock.Now())
	if o == nil || o.code == "" {
		c.detail = "no financially completed transaction"
		return statusNotChecked + msgOrderUnknown
	}
	maps.Copy(c.answer, map[string]string{
		"merchant_reference": o.reference, "fort_id": o.fortID,
		"transaction_status": o.status, "transaction_code": o.code, "transaction_message": messageText(o.code, c.fields["language"]),
		"authorized_amount": strconv.FormatInt(o.authorized, 10), "captured_amount": strconv.FormatInt(o.captured, 10),
		"refunded_amount": strconv.FormatInt(o.refunded, 10),
	})
	if o.authCode != "" {
		c.answer["authorization_code"] = o.authCode
	}
	if c.fields["return_third_party_response_codes"] == "YES" {
		maps.Copy(c.answer, s.acquirerFields(o))
		delete(c.answer, "reconciliation_reference")
	}
	return statusChecked + msgSuccess
}
