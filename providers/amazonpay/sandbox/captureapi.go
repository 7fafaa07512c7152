package sandbox

import (
	"net/http"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// captureCall captures a charge, once: at once in the first seven days, asynchronously after that.
func (s *Server) captureCall(c *call) (int, any, *refusal) {
	ch, no := s.chargeOf(c, c.ids[0])
	if no != nil {
		return 0, nil, no
	}
	var in struct {
		CaptureAmount  *price  `json:"captureAmount"`
		SoftDescriptor *string `json:"softDescriptor"`
	}
	if no := c.into(&in); no != nil {
		return 0, nil, no
	}
	switch {
	case ch.State != authorized:
		return 0, nil, unprocessable("InvalidChargeStatus", "The charge is "+ch.State+" and cannot be captured.")
	case in.CaptureAmount.CurrencyCode != ch.amount.CurrencyCode:
		return 0, nil, otherCurrency("captureAmount")
	case in.CaptureAmount.minor() > ch.amount.minor():
		return 0, nil, tooMuch("captureAmount")
	case c.code == "ProcessingFailure":
		return 0, nil, refuse(http.StatusInternalServerError, c.code, "The capture could not be processed.")
	}
	if isSet(in.SoftDescriptor) {
		ch.descriptor = in.SoftDescriptor
	}
	c.tell(s.startCapture(ch, in.CaptureAmount, byAPI, c.key, c.code))
	return http.StatusOK, ch.view(), nil
}

// startCapture captures now or later. code is a simulation code. The caller has checked that it is allowed.
func (s *Server) startCapture(ch *charge, amount *price, by, key, code string) []simulator.Message {
	ch.capture = amount
	now := s.sim.Clock.Now()
	switch {
	case code == "AmazonRejected":
		return s.captureLater(ch, by, key, code)
	case code == captureInitiated || now.After(ch.authorizedAt.Add(CaptureWindow)):
		return s.captureLater(ch, by, key, "")
	}
	return s.take(ch, by, key, now)
}

// cancelCall gives an authorization back, until a capture has begun.
func (s *Server) cancelCall(c *call) (int, any, *refusal) {
	ch, no := s.chargeOf(c, c.ids[0])
	if no != nil {
		return 0, nil, no
	}
	var in struct {
		CancellationReason string `json:"cancellationReason"`
	}
	if no := c.into(&in); no != nil {
		return 0, nil, no
	}
	if !ch.cancelable() {
		return 0, nil, unprocessable("InvalidChargeStatus", "The charge is "+ch.State+" and cannot be canceled.")
	}
	reason := "MerchantCanceled"
	if c.code != "" {
		reason = c.code
	}
	c.tell(s.endCharge(ch, canceled, reason, in.CancellationReason, byAPI))
	return http.StatusOK, ch.view(), nil
}

// createRefund begins to give back part of a captured charge; what comes of it shows later.
func (s *Server) createRefund(c *call) (int, any, *refusal) {
	var in struct {
		ChargeID       string  `json:"chargeId"`
		RefundAmount   *price  `json:"refundAmount"`
		SoftDescriptor *string `json:"softDescriptor"`
	}
	if no := c.into(&in); no != nil {
		return 0, nil, no
	}
	ch, no := s.chargeOf(c, in.ChargeID)
	if no != nil {
		return 0, nil, no
	}
	if no := ch.refundable(in.RefundAmount); no != nil {
		return 0, nil, no
	}
	r := s.openRefund(ch, in.RefundAmount, byAPI, c.key)
	r.descriptor = in.SoftDescriptor
	s.settle(func() []simulator.Message { return s.endRefund(r, c.code) })
	return http.StatusCreated, r.view(), nil
}

// refundable holds an amount against what was captured and what went back already.
func (c *charge) refundable(amount *price) *refusal {
	count := 0
	for _, r := range c.refunds {
		if r.State != chargeDeclined {
			count++
		}
	}
	switch {
	case c.State != captured:
		return unprocessable("InvalidChargeStatus", "The charge is "+c.State+" and cannot be refunded.")
	case amount.CurrencyCode != c.amount.CurrencyCode:
		return otherCurrency("refundAmount")
	case count >= refundsPerCharge:
		return unprocessable("TransactionCountExceeded", "The charge has as many refunds as it can have.")
	case c.refunded+c.refunding+amount.minor() > refundLimit(c.captured, amount.CurrencyCode), amount.minor() > highestTransaction(amount.CurrencyCode):
		return tooMuch("refundAmount")
	}
	return nil
}

func (s *Server) getRefund(c *call) (int, any, *refusal) {
	r := s.refunds[c.ids[0]]
	if r == nil || r.owner != c.owner {
		return 0, nil, notFound("Refund", c.ids[0])
	}
	return http.StatusOK, r.view(), nil
}
