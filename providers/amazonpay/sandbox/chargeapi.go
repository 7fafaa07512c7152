package sandbox

import (
	"net/http"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// chargeOf is the charge that a path or body names. The caller holds the lock.
func (s *Server) chargeOf(c *call, id string) (*charge, *refusal) {
	ch := s.charges[id]
	if ch == nil || ch.owner != c.owner {
		return nil, notFound("Charge", id)
	}
	return ch, nil
}

func (s *Server) getCharge(c *call) (int, any, *refusal) {
	ch, no := s.chargeOf(c, c.ids[0])
	if no != nil {
		return 0, nil, no
	}
	return http.StatusOK, ch.view(), nil
}

// chargeRequest is the body of Create Charge.
type chargeRequest struct {
	ChargePermissionID            string           `json:"chargePermissionId"`
	ChargeAmount                  *price           `json:"chargeAmount"`
	CaptureNow                    bool             `json:"captureNow"`
	SoftDescriptor                *string          `json:"softDescriptor"`
	CanHandlePendingAuthorization bool             `json:"canHandlePendingAuthorization"`
	MerchantMetadata              merchantMetadata `json:"merchantMetadata"`
	ProviderMetadata              providerMetadata `json:"providerMetadata"`
	PlatformID                    *string          `json:"platformId"`
	ChargeInitiator               *string          `json:"chargeInitiator"`
	Channel                       *string          `json:"channel"`
	WebCheckoutDetails            *webDetails      `json:"webCheckoutDetails"`
}

// createCharge authorizes, and captures with captureNow, on a permission. A decline is an error, and makes no charge.
func (s *Server) createCharge(c *call) (int, any, *refusal) {
	var in chargeRequest
	if no := c.into(&in); no != nil {
		return 0, nil, no
	}
	p := s.permissions[in.ChargePermissionID]
	if p == nil || p.owner != c.owner {
		return 0, nil, notFound("Charge permission", in.ChargePermissionID)
	}
	if no := in.fits(p); no != nil {
		return 0, nil, no
	}
	if no := s.affords(p, in.ChargeAmount); no != nil {
		return 0, nil, no
	}
	pending := in.CanHandlePendingAuthorization && (p.card.pending() || p.kind == recurring)
	if no := s.authorizationFails(p, &in, c); no != nil {
		return 0, nil, no
	}
	ch := s.openCharge(p, in.ChargeAmount)
	ch.captureNow, ch.handlesPending, ch.descriptor = in.CaptureNow, in.CanHandlePendingAuthorization, in.SoftDescriptor
	ch.metadata, ch.psp, ch.platform, ch.initiator, ch.channel = in.MerchantMetadata, in.ProviderMetadata, in.PlatformID, in.ChargeInitiator, in.Channel
	if in.WebCheckoutDetails != nil {
		ch.resultURL = in.WebCheckoutDetails.CheckoutResultReturnURL
	}
	switch {
	case c.code == "CaptureInitiated":
		now := s.sim.Clock.Now()
		ch.capture = ch.amount
		s.reserve(ch, byAPI, c.key, now)
		c.tell(s.captureLater(ch, byAPI, c.key, ""))
	case pending || c.code == "AuthorizationInitiated":
		c.tell(s.leavePending(ch, byAPI, c.key))
	default:
		c.tell(s.accept(ch, byAPI, c.key))
	}
	return http.StatusCreated, ch.view(), nil
}

// fits holds a request against the rules between fields.
func (in *chargeRequest) fits(p *permission) *refusal {
	switch {
	case isSet(in.SoftDescriptor) && !in.CaptureNow:
		return wrongCombination("softDescriptor goes with captureNow true only.")
	case in.CanHandlePendingAuthorization && in.CaptureNow:
		return wrongCombination("canHandlePendingAuthorization cannot be true with captureNow true.")
	case in.WebCheckoutDetails != nil && p.kind != onFile:
		return wrongCombination("webCheckoutDetails is for charges on a PaymentMethodOnFile permission only.")
	}
	return nil
}

// affords holds an amount against a permission's state and limits. The caller holds the lock.
func (s *Server) affords(p *permission, amount *price) *refusal {
	left := p.amountLimit() - p.used(s.sim.Clock.Now())
	switch {
	case p.State != chargeable:
		return unprocessable("InvalidChargePermissionStatus", "The charge permission is "+p.State+" "+p.Reason+".")
	case amount.CurrencyCode != p.currency:
		return otherCurrency("chargeAmount")
	case p.kind == oneTime && len(p.charges) >= chargesPerOrder:
		return unprocessable("TransactionCountExceeded", "The charge permission has as many charges as it can have.")
	case amount.minor() > highestTransaction(p.currency):
		return tooMuch("chargeAmount")
	case amount.minor() <= left:
		return nil
	case p.kind == oneTime:
		return tooMuch("chargeAmount")
	}
	return refuse(http.StatusBadRequest, "PeriodicAmountExceeded", "The amount of [chargeAmount] is more than is left in this month.")
}

// authorizationFails is a synchronous decline, by the simulation code or by the buyer's instrument. The caller holds the lock.
func (s *Server) authorizationFails(p *permission, in *chargeRequest, c *call) *refusal {
	reason := c.code
	switch c.code {
	case "CaptureInitiated":
		if !in.CaptureNow {
			return wrongSimulation(c.code)
		}
		return nil
	case "AuthorizationInitiated":
		if !in.CanHandlePendingAuthorization {
			return wrongSimulation(c.code)
		}
		return nil
	case "":
		switch {
		case p.card.verdict == declined:
			reason = "HardDeclined"
		case p.card.pending() && !in.CanHandlePendingAuthorization:
			reason = "TransactionTimedOut"
		default:
			return nil
		}
	}
	if reason == "ProcessingFailure" {
		return refuse(http.StatusInternalServerError, reason, "The charge could not be processed.")
	}
	c.tell(s.afterDecline(p, reason))
	return unprocessable(reason, "The charge was declined: "+reason+".")
}

// openCharge puts a charge under way. The caller holds the lock.
func (s *Server) openCharge(p *permission, amount *price) *charge {
	now := s.sim.Clock.Now()
	ch := &charge{owner: p.owner, permission: p, orderID: p.id, amount: amount, created: now, status: status{State: authorizationInitiated, Updated: now}}
	if p.kind != oneTime {
		ch.orderID = s.orderID(p.owner, "PS")
	}
	ch.id = s.childID(ch.orderID, "C")
	s.charges[ch.id] = ch
	p.charges = append(p.charges, ch)
	if p.kind == recurring { // lives for 13 months after its last use
		p.expires = lifeOf(recurring, true, now)
	}
	return ch
}

// accept authorizes a charge at once, and captures it with captureNow. The caller holds the lock.
func (s *Server) accept(ch *charge, by, key string) []simulator.Message {
	now := s.sim.Clock.Now()
	s.reserve(ch, by, key, now)
	if ch.captureNow {
		ch.capture = ch.amount
		return s.take(ch, by, key, now)
	}
	return s.moveCharge(ch, authorized, "", "")
}

// leavePending leaves the authorization to Amazon, which decides by the buyer's card. The caller holds the lock.
func (s *Server) leavePending(ch *charge, by, key string) []simulator.Message {
	ch.status = status{State: authorizationInitiated, Updated: s.sim.Clock.Now()}
	reason := ""
	if ch.permission.card.verdict == pendingDeclined {
		reason = "HardDeclined"
	}
	ch.decide = func(reason string) []simulator.Message {
		if reason != "" {
			return s.endCharge(ch, chargeDeclined, reason, "The authorization was declined.", byProvider)
		}
		return s.accept(ch, by, key)
	}
	s.settle(func() []simulator.Message { return ch.settle(reason) })
	return s.reviewPermission(ch.permission)
}

// captureLater leaves the capture to Amazon. The caller holds the lock.
func (s *Server) captureLater(ch *charge, by, key, reason string) []simulator.Message {
	messages := s.moveCharge(ch, captureInitiated, "", "")
	ch.decide = func(reason string) []simulator.Message {
		if reason != "" {
			return s.endCharge(ch, chargeDeclined, reason, "The capture was declined.", byProvider)
		}
		return s.take(ch, by, key, s.sim.Clock.Now())
	}
	s.settle(func() []simulator.Message { return ch.settle(reason) })
	return messages
}

// settle decides what is pending, once: an empty reason is success.
func (c *charge) settle(reason string) []simulator.Message {
	decide := c.decide
	c.decide = nil
	if decide == nil || c.State != authorizationInitiated && c.State != captureInitiated {
		return nil
	}
	return decide(reason)
}
