package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// backOfficeAction is what happens without the merchant's program: in Seller Central, in the buyer's Amazon account, or at
// Amazon. Only notifications tell the merchant.
type backOfficeAction struct {
	Operation string `json:"operation"`
	// What it is done to; the most precise one that is given counts. A reference or permission means its newest charge.
	RefundID           string `json:"refundId,omitempty"`
	ChargeID           string `json:"chargeId,omitempty"`
	ChargePermissionID string `json:"chargePermissionId,omitempty"`
	Reference          string `json:"merchantReferenceId,omitempty"`
	Information        string `json:"customInformation,omitempty"` // of the newest permission that has it: a shop's own order number may stand there
	CheckoutSessionID  string `json:"checkoutSessionId,omitempty"`
	Amount             int64  `json:"amount,omitempty"` // minor units; 0: all that is left
	Reason             string `json:"reason,omitempty"` // reason code; empty: the usual one
}

// target is what an action is done to.
type target struct {
	session    *session
	permission *permission
	charge     *charge
	refund     *refund
}

// officeActions by name: what they need, and what they do with the lock held.
var officeActions map[string]func(s *Server, t target, in backOfficeAction) ([]simulator.Message, error)

func init() { // the actions refer to the table
	officeActions = map[string]func(s *Server, t target, in backOfficeAction) ([]simulator.Message, error){
		"settle_approve": func(s *Server, t target, _ backOfficeAction) ([]simulator.Message, error) {
			return s.settleByHand(t, "")
		},
		"settle_decline": func(s *Server, t target, in backOfficeAction) ([]simulator.Message, error) {
			return s.settleByHand(t, cmp.Or(in.Reason, "HardDeclined"))
		},
		"capture":       (*Server).officeCapture,
		"cancel":        (*Server).officeCancel,
		"refund":        (*Server).officeRefund,
		"a_to_z":        (*Server).officeGuarantee,
		"chargeback":    (*Server).officeChargeback,
		"buyer_close":   closeBy("BuyerCanceled"), // as seen when the buyer ends it in his Amazon account
		"amazon_close":  closeBy("AmazonCanceled"),
		"suspend":       (*Server).officeSuspend,
		"restore":       (*Server).officeRestore,
		"cancel_amazon": (*Server).officeCancelSession,
	}
}

func backOfficeActions() []string {
	return []string{"settle_approve", "settle_decline", "capture", "cancel", "refund", "a_to_z", "chargeback", "buyer_close", "amazon_close", "suspend", "restore", "cancel_amazon"}
}

// actAs carries out an action and returns the messages to send. The caller holds the lock.
func (s *Server) actAs(in backOfficeAction) ([]simulator.Message, error) {
	do := officeActions[in.Operation]
	if do == nil {
		return nil, fmt.Errorf("operation %q is unknown; known are %q", in.Operation, backOfficeActions())
	}
	if in.Amount < 0 {
		return nil, errors.New("amount must not be negative; 0 or none means all that is left")
	}
	t, err := s.find(in)
	if err != nil {
		return nil, err
	}
	if t.permission == nil && in.Operation != "cancel_amazon" {
		return nil, fmt.Errorf("%s needs a charge permission; nothing was found", in.Operation)
	}
	if t.charge == nil && slices.Contains([]string{"capture", "cancel", "refund", "a_to_z", "chargeback"}, in.Operation) {
		return nil, fmt.Errorf("%s needs a charge; there is none", in.Operation)
	}
	return do(s, t, in)
}

// find looks up what an action is done to.
func (s *Server) find(in backOfficeAction) (target, error) {
	t := target{session: s.sessions[in.CheckoutSessionID], refund: s.refunds[in.RefundID], charge: s.charges[in.ChargeID]}
	switch {
	case in.RefundID != "" && t.refund == nil, in.ChargeID != "" && t.charge == nil, in.CheckoutSessionID != "" && t.session == nil:
		return t, errors.New("the id is unknown")
	case t.refund != nil:
		t.charge = t.refund.charge
	case t.session != nil:
		t.permission = s.permissions[t.session.permissionID]
	}
	if t.charge != nil {
		t.permission = t.charge.permission
		return t, nil
	}
	for _, p := range s.order {
		if in.means(p) {
			t.permission = p
		}
	}
	if (in.ChargePermissionID != "" || in.Reference != "" || in.Information != "") && t.permission == nil {
		return t, errors.New("the charge permission is unknown: /backoffice lists chargePermissionId, merchantReferenceId and customInformation of each")
	}
	if t.permission != nil && len(t.permission.charges) > 0 {
		t.charge = t.permission.charges[len(t.permission.charges)-1]
		for _, c := range t.permission.charges {
			if in.Reference != "" && c.reference() == in.Reference {
				t.charge = c
			}
		}
	}
	return t, nil
}

// means says whether an action is about a permission, by the most precise of its names.
func (in backOfficeAction) means(p *permission) bool {
	switch {
	case in.ChargePermissionID != "":
		return p.id == in.ChargePermissionID
	case in.Reference != "":
		return p.has(in.Reference)
	}
	return in.Information != "" && value(p.metadata.CustomInformation) == in.Information
}

// has says whether a permission or a charge on it bears a reference.
func (p *permission) has(reference string) bool {
	return value(p.metadata.MerchantReferenceID) == reference ||
		slices.ContainsFunc(p.charges, func(c *charge) bool { return c.reference() == reference })
}

// settleByHand decides whatever is pending: one refund, or the charge and its refunds. An empty reason is success.
func (s *Server) settleByHand(t target, reason string) ([]simulator.Message, error) {
	if t.refund != nil {
		return s.endRefund(t.refund, refundReason(reason)), nil
	}
	if t.charge == nil {
		return nil, errors.New("nothing is pending")
	}
	messages := t.charge.settle(reason)
	for _, r := range t.charge.refunds {
		messages = append(messages, s.endRefund(r, refundReason(reason))...)
	}
	return messages, nil
}

// refundReason is one that refunds know.
func refundReason(reason string) string {
	if reason != "" && reason != "ProcessingFailure" {
		return "AmazonRejected"
	}
	return reason
}

func (s *Server) officeCapture(t target, in backOfficeAction) ([]simulator.Message, error) {
	amount := in.Amount
	if amount == 0 {
		amount = t.charge.amount.minor()
	}
	if t.charge.State != authorized || amount > t.charge.amount.minor() {
		return nil, fmt.Errorf("the charge is %s; %d cannot be captured", t.charge.State, amount)
	}
	return s.startCapture(t.charge, priceOf(amount, t.charge.amount.CurrencyCode), byBackOffice, "", ""), nil
}

func (s *Server) officeCancel(t target, in backOfficeAction) ([]simulator.Message, error) {
	if !t.charge.cancelable() {
		return nil, fmt.Errorf("the charge is %s and cannot be canceled", t.charge.State)
	}
	return s.endCharge(t.charge, canceled, cmp.Or(in.Reason, "MerchantCanceled"), "Canceled in the back office.", byBackOffice), nil
}

// officeRefund is a refund by the merchant's own hand, asynchronous like every other.
func (s *Server) officeRefund(t target, in backOfficeAction) ([]simulator.Message, error) {
	amount, err := t.charge.left(in.Amount)
	if err != nil {
		return nil, err
	}
	r := s.openRefund(t.charge, priceOf(amount, t.charge.amount.CurrencyCode), byBackOffice, "")
	s.settle(func() []simulator.Message { return s.endRefund(r, "") })
	return nil, nil
}

// officeGuarantee is Amazon refunding the buyer under its A-to-z guarantee, at the merchant's cost.
func (s *Server) officeGuarantee(t target, in backOfficeAction) ([]simulator.Message, error) {
	amount, err := t.charge.left(in.Amount)
	if err != nil {
		return nil, err
	}
	r := s.openRefund(t.charge, priceOf(amount, t.charge.amount.CurrencyCode), byProvider, "")
	return s.endRefund(r, ""), nil
}

// left is the amount to refund: as asked for, or all that was captured and not refunded.
func (c *charge) left(amount int64) (int64, error) {
	rest := c.captured - c.refunded - c.refunding
	if amount == 0 {
		amount = rest
	}
	if c.State != captured || amount <= 0 || amount > rest {
		return 0, fmt.Errorf("the charge is %s; %d of %d left cannot be refunded", c.State, amount, rest)
	}
	return amount, nil
}

// officeChargeback announces a dispute of the buyer's bank, under an id of a form of our own. There is nothing to read
// about it.
func (s *Server) officeChargeback(t target, _ backOfficeAction) ([]simulator.Message, error) {
	if t.charge.State != captured {
		return nil, fmt.Errorf("the charge is %s: there is nothing to charge back", t.charge.State)
	}
	return s.notify(t.permission, objectChargeback, s.childID(t.charge.orderID, "D")), nil
}

func closeBy(reason string) func(s *Server, t target, in backOfficeAction) ([]simulator.Message, error) {
	return func(s *Server, t target, in backOfficeAction) ([]simulator.Message, error) {
		if t.permission.State == closed {
			return nil, errors.New("the charge permission is closed already")
		}
		return s.closePermission(t.permission, cmp.Or(in.Reason, reason), "The charge permission was closed.", byProvider, true), nil
	}
}

func (s *Server) officeSuspend(t target, in backOfficeAction) ([]simulator.Message, error) {
	if t.permission.State == closed {
		return nil, errors.New("the charge permission is closed")
	}
	return s.setPermission(t.permission, nonChargeable, cmp.Or(in.Reason, "PaymentMethodInvalid"), "The payment method cannot be charged."), nil
}

// suspended says whether a permission cannot be charged for its instrument, and not because a charge is under way.
func (p *permission) suspended() bool {
	return p.State == nonChargeable && p.Reason != "ChargeInProgress"
}

func (s *Server) officeRestore(t target, _ backOfficeAction) ([]simulator.Message, error) {
	if !t.permission.suspended() {
		return nil, fmt.Errorf("the charge permission is %s %s: no instrument is suspended", t.permission.State, t.permission.Reason)
	}
	t.permission.card = &cards[0]
	return s.setPermission(t.permission, chargeable, "", ""), nil
}

func (s *Server) officeCancelSession(t target, in backOfficeAction) ([]simulator.Message, error) {
	if t.session == nil || !s.cancelSession(t.session, cmp.Or(in.Reason, "AmazonCanceled"), "Amazon has canceled the checkout session.") {
		return nil, errors.New("there is no open checkout session of this id")
	}
	return nil, nil
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
