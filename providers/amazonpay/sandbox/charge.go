package sandbox

import (
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

const (
	authorizationInitiated = "AuthorizationInitiated"
	authorized             = "Authorized"
	captureInitiated       = "CaptureInitiated"
	captured               = "Captured"
	chargeDeclined         = "Declined"
)

// charge is one authorization on a permission, captured at most once. Amounts are minor units of the permission's currency.
// Everything in it is under the server's lock.
type charge struct {
	owner
	status
	permission *permission
	id         string
	orderID    string // what charge and refund ids begin with: the permission's, or one of its own
	amount     *price
	capture    *price // as asked for; nil before
	created    time.Time

	authorizedAt time.Time
	authorized   int64 // what is reserved, or was
	captured     int64
	refunded     int64 // what went back
	refunding    int64 // what is asked for and not decided
	refunds      []*refund

	captureNow     bool
	handlesPending bool
	descriptor     *string
	initiator      *string
	channel        *string
	metadata       merchantMetadata
	psp            providerMetadata
	platform       *string
	resultURL      *string                                 // where a strong authentication would lead; none is asked for here
	decide         func(reason string) []simulator.Message // what is pending; nil: nothing

	effects []simulator.Effect
}

type chargeView struct {
	ChargeID                      string            `json:"chargeId"`
	ChargePermissionID            string            `json:"chargePermissionId"`
	ChargeAmount                  *price            `json:"chargeAmount"`
	CaptureAmount                 *price            `json:"captureAmount"`
	RefundedAmount                *price            `json:"refundedAmount"`
	ConvertedAmount               *price            `json:"convertedAmount"`
	ConversionRate                *string           `json:"conversionRate"`
	SoftDescriptor                *string           `json:"softDescriptor"`
	Channel                       *string           `json:"channel"`
	ChargeInitiator               *string           `json:"chargeInitiator"`
	CaptureNow                    bool              `json:"captureNow"`
	CanHandlePendingAuthorization bool              `json:"canHandlePendingAuthorization"`
	MerchantMetadata              merchantMetadata  `json:"merchantMetadata"`
	ProviderMetadata              providerMetadata  `json:"providerMetadata"`
	PlatformID                    *string           `json:"platformId"`
	WebCheckoutDetails            *chargeWebDetails `json:"webCheckoutDetails"`
	DisbursementDetails           *string           `json:"disbursementDetails"`
	PaymentMethod                 *string           `json:"paymentMethod"`
	StatusDetails                 statusView        `json:"statusDetails"`
	CreationTimestamp             *string           `json:"creationTimestamp"`
	ExpirationTimestamp           *string           `json:"expirationTimestamp"`
	ReleaseEnvironment            Environment       `json:"releaseEnvironment"`
}

type chargeWebDetails struct {
	CheckoutResultReturnURL *string `json:"checkoutResultReturnUrl"`
	AmazonPayRedirectURL    *string `json:"amazonPayRedirectUrl"`
}

func (c *charge) view() chargeView {
	v := chargeView{
		ChargeID: c.id, ChargePermissionID: c.permission.id, ChargeAmount: c.amount, CaptureAmount: c.capture,
		SoftDescriptor: c.descriptor, Channel: c.channel, ChargeInitiator: c.initiator, CaptureNow: c.captureNow,
		CanHandlePendingAuthorization: c.handlesPending, MerchantMetadata: c.metadata, ProviderMetadata: c.psp, PlatformID: c.platform,
		StatusDetails: c.status.view(), CreationTimestamp: stamp(c.created), ExpirationTimestamp: stamp(c.created.Add(ChargeLife)),
		ReleaseEnvironment: c.environment,
	}
	if c.resultURL != nil {
		v.WebCheckoutDetails = &chargeWebDetails{CheckoutResultReturnURL: c.resultURL}
	}
	if ledger := c.permission.account.LedgerCurrency; c.State == captured && c.amount.CurrencyCode != ledger {
		v.ConvertedAmount, v.ConversionRate = converted(c.captured, c.amount.CurrencyCode, ledger), textOf(conversionRate)
	}
	if sum := c.refunded + c.refunding; sum > 0 {
		v.RefundedAmount = priceOf(sum, c.amount.CurrencyCode)
	}
	return v
}

// conversionRate is the one rate between all currencies here.
const conversionRate = "0.9000"

// converted is an amount in the ledger's currency.
func converted(minor int64, from, to string) *price {
	return priceOf(minor*9*units(1, to)/(10*units(1, from)), to)
}

// isOpen: money is reserved or may become so.
func (c *charge) isOpen() bool {
	return c.State == authorizationInitiated || c.State == authorized || c.State == captureInitiated
}

// cancelable lasts until a capture has begun.
func (c *charge) cancelable() bool { return c.State == authorizationInitiated || c.State == authorized }

// counts is what it takes of the permission's limit.
func (c *charge) counts() int64 {
	switch {
	case c.State == captured:
		return c.captured
	case c.isOpen():
		return c.amount.minor()
	}
	return 0
}

// moveCharge sets a charge's state and tells the merchant. The caller holds the lock.
func (s *Server) moveCharge(c *charge, state, reason, description string) []simulator.Message {
	c.status = status{State: state, Reason: reason, Description: description, Updated: s.sim.Clock.Now()}
	messages := s.notify(c.permission, objectCharge, c.id)
	return append(messages, s.reviewPermission(c.permission)...)
}

// reserve authorizes the money, until the charge's end or 30 days. The caller holds the lock.
func (s *Server) reserve(c *charge, by, key string, at time.Time) {
	c.authorizedAt, c.authorized = at, c.amount.minor()
	c.book(effectAuthorize, c.authorized, c.id, by, key, at)
	s.later(c.created.Add(ChargeLife).Sub(at), func() []simulator.Message {
		if c.State != authorized {
			return nil
		}
		return s.endCharge(c, canceled, "ExpiredUnused", "The authorization was not captured within 30 days.", byProvider)
	})
}

// take captures what was asked for, and releases the rest. The caller holds the lock.
func (s *Server) take(c *charge, by, key string, at time.Time) []simulator.Message {
	c.captured = c.capture.minor()
	c.book(effectCapture, c.captured, c.id, by, key, at)
	if rest := c.authorized - c.captured; rest > 0 {
		c.book(effectVoid, rest, c.id, byProvider, "", at)
	}
	return s.moveCharge(c, captured, "", "")
}

// endCharge cancels or declines, and releases what was reserved. The caller holds the lock.
func (s *Server) endCharge(c *charge, state, reason, description, by string) []simulator.Message {
	if !c.isOpen() {
		return nil
	}
	if c.authorized > 0 {
		c.book(effectVoid, c.authorized, c.id, by, "", s.sim.Clock.Now())
	}
	if state == chargeDeclined {
		c.capture = nil
	}
	messages := s.moveCharge(c, state, reason, description)
	return append(messages, s.afterDecline(c.permission, reason)...)
}

// afterDecline is what a decline does to the permission. The caller holds the lock.
func (s *Server) afterDecline(p *permission, reason string) []simulator.Message {
	switch reason {
	case "AmazonRejected":
		return s.closePermission(p, "AmazonCanceled", "Amazon has canceled the charge permission.", byProvider, true)
	case "HardDeclined":
		if p.State != closed {
			return s.setPermission(p, nonChargeable, "PaymentMethodInvalid", "The payment method is not valid any more.")
		}
	case "PaymentMethodNotAllowed":
		return s.setPermission(p, nonChargeable, "PaymentMethodNotAllowed", "The payment method is not allowed.")
	}
	return nil
}
