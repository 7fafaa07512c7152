package sandbox

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// backOfficeAction is what a person does in the back office. Only notifications tell the merchant.
type backOfficeAction struct {
	Operation string `json:"operation"` // capture, refund, void, settle
	Reference string `json:"merchant_reference"`
	Merchant  string `json:"merchant_identifier,omitempty"` // empty: the first account's
	Amount    int64  `json:"amount,omitempty"`              // minor units; 0: all that is left
	Outcome   string `json:"outcome,omitempty"`             // of settle: approve, decline; empty: as it would by itself
}

// actAs carries out an action and returns the messages to send. The caller holds the lock.
func (s *Server) actAs(in backOfficeAction) ([]simulator.Message, error) {
	merchant := in.Merchant
	if merchant == "" {
		merchant = s.accounts[s.first].MerchantIdentifier
	}
	o := s.books.orders[key(merchant, in.Reference)]
	if o == nil {
		return nil, fmt.Errorf("merchant_reference %q is unknown", in.Reference)
	}
	o.lapse(s.sim.Clock.Now())
	if in.Amount < 0 {
		return nil, errors.New("amount must not be negative; 0 or none means all that is left")
	}
	switch in.Operation {
	case "capture":
		return s.backOfficeMove(o, statusCaptured, "CAPTURE", in.Amount, o.capturable())
	case "refund":
		return s.backOfficeMove(o, statusRefunded, "REFUND", in.Amount, o.captured-o.refunded)
	case "void":
		if o.captured > 0 {
			return nil, errors.New("something was captured already")
		}
		return s.backOfficeMove(o, statusVoided, "VOID_AUTHORIZATION", 0, o.capturable())
	case "settle":
		return s.backOfficeSettle(o, in.Outcome)
	}
	return nil, fmt.Errorf("operation %q is unknown; known are capture, refund, void, settle", in.Operation)
}

func (s *Server) backOfficeMove(o *order, success, command string, amount, left int64) ([]simulator.Message, error) {
	if amount == 0 {
		amount = left
	}
	if amount > left || left == 0 {
		return nil, fmt.Errorf("%s of %d is not possible: %d is left", command, amount, left)
	}
	fields := map[string]string{
		"command": command, "access_code": o.account.AccessCode, "merchant_identifier": o.account.MerchantIdentifier,
		"merchant_reference": o.reference, "fort_id": o.fortID, "language": "en",
	}
	if success != statusVoided {
		fields["amount"], fields["currency"] = fmt.Sprint(amount), o.currency
	}
	return s.move(o, success, amount, "", byBackOffice, fields, ""), nil
}

func (s *Server) backOfficeSettle(o *order, outcome string) ([]simulator.Message, error) {
	if !o.isOpen() {
		return nil, errors.New("the order is not open")
	}
	message := o.open.settles
	switch outcome {
	case "":
	case "approve":
		message = msgSuccess
	case "decline":
		message = msgDeclined
	default:
		return nil, fmt.Errorf("outcome %q is unknown; known are approve and decline", outcome)
	}
	return s.settle(o, message), nil
}

func (s *Server) controlBackOffice(w http.ResponseWriter, r *http.Request) {
	var in backOfficeAction
	if !simulator.ReadJSON(w, r, &in) {
		return
	}
	s.mu.Lock()
	messages, err := s.actAs(in)
	s.mu.Unlock()
	if err != nil {
		simulator.WriteError(w, http.StatusUnprocessableEntity, err)
		return
	}
	s.send(messages)
	simulator.WriteJSON(w, http.StatusOK, s.Books())
}
