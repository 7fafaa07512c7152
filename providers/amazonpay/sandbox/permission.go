package sandbox

import (
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

const (
	chargeable    = "Chargeable"
	nonChargeable = "NonChargeable"
	closed        = "Closed"
)

// permission is what a buyer agreed to: one order, or charges to come. Everything in it is under the server's lock.
type permission struct {
	owner
	status
	account  *Account
	id       string
	kind     string // OneTime, Recurring, PaymentMethodOnFile
	currency string // empty until a Saved Wallet set up outside a purchase is first charged
	limit    int64  // of OneTime, in minor units
	created  time.Time
	expires  time.Time // zero: never

	metadata   merchantMetadata
	recurrence *recurringMetadata
	setupOnly  bool
	platform   *string
	buyer      *buyer
	scopes     []string
	shipping   *address
	card       *card
	charges    []*charge
}

// limitsView is what can be charged, and what is left of it.
type limitsView struct {
	AmountLimit   *price `json:"amountLimit"`
	AmountBalance *price `json:"amountBalance"`
}

type reasonView struct {
	ReasonCode        string  `json:"reasonCode"`
	ReasonDescription *string `json:"reasonDescription"`
}

type permissionStatusView struct {
	State                string       `json:"state"`
	Reasons              []reasonView `json:"reasons"`
	LastUpdatedTimestamp *string      `json:"lastUpdatedTimestamp"`
}

type permissionView struct {
	ChargePermissionID          string               `json:"chargePermissionId"`
	ChargePermissionReferenceID *string              `json:"chargePermissionReferenceId"`
	PlatformID                  *string              `json:"platformId"`
	Buyer                       *buyerView           `json:"buyer"`
	ShippingAddress             *address             `json:"shippingAddress"`
	BillingAddress              *address             `json:"billingAddress"`
	PaymentPreferences          []*instrumentView    `json:"paymentPreferences"`
	StatusDetails               permissionStatusView `json:"statusDetails"`
	CreationTimestamp           *string              `json:"creationTimestamp"`
	ExpirationTimestamp         *string              `json:"expirationTimestamp"`
	MerchantMetadata            merchantMetadata     `json:"merchantMetadata"`
	ReleaseEnvironment          Environment          `json:"releaseEnvironment"`
	Limits                      limitsView           `json:"limits"`
	ChargePermissionType        string               `json:"chargePermissionType"`
	RecurringMetadata           *recurringMetadata   `json:"recurringMetadata"`
	PaymentMethodOnFileMetadata *onFileMetadata      `json:"paymentMethodOnFileMetadata,omitempty"`
	PresentmentCurrency         *string              `json:"presentmentCurrency"`
}

// view is the permission as it is told at a moment.
func (p *permission) view(now time.Time) permissionView {
	v := permissionView{
		ChargePermissionID: p.id, PlatformID: p.platform, CreationTimestamp: stamp(p.created), ExpirationTimestamp: stamp(p.expires),
		StatusDetails:    permissionStatusView{State: p.State, LastUpdatedTimestamp: stamp(p.Updated)},
		MerchantMetadata: p.metadata, ReleaseEnvironment: p.environment, ChargePermissionType: p.kind,
		RecurringMetadata: p.recurrence, PresentmentCurrency: textOf(p.currency),
		PaymentPreferences: []*instrumentView{{PaymentDescriptor: p.card.descriptor()}},
	}
	if p.Reason != "" {
		v.StatusDetails.Reasons = []reasonView{{ReasonCode: p.Reason, ReasonDescription: textOf(p.Description)}}
	}
	if p.kind == onFile {
		v.PaymentMethodOnFileMetadata = &onFileMetadata{SetupOnly: p.setupOnly}
	}
	if p.currency != "" {
		limit := p.amountLimit()
		v.Limits = limitsView{priceOf(limit, p.currency), priceOf(max(limit-p.used(now), 0), p.currency)}
	}
	if p.tellsBuyer(now) {
		v.Buyer, v.ShippingAddress, v.BillingAddress = p.buyer.view(p.merchantID, p.scopes), p.shipping, p.billingAddress()
	}
	return v
}

// tellsBuyer: buyer and addresses can be read for 30 days; of agreements to come, until 30 days after they ended.
func (p *permission) tellsBuyer(now time.Time) bool {
	from := p.created
	if p.kind != oneTime {
		if p.State != closed {
			return true
		}
		from = p.Updated
	}
	return !now.After(from.Add(BuyerDataKept))
}

func (p *permission) billingAddress() *address {
	return billingFor(p.account, p.buyer, p.scopes, p.shipping == nil)
}

// amountLimit is the order's, or that of one calendar month.
func (p *permission) amountLimit() int64 {
	if p.kind == oneTime {
		return p.limit
	}
	return monthlyLimit(p.kind, p.currency)
}

// used is what counts against the limit: captured, or reserved by an open charge. Agreements to come count by month.
func (p *permission) used(now time.Time) int64 {
	var sum int64
	for _, c := range p.charges {
		if p.kind == oneTime || sameMonth(c.created, now) {
			sum += c.counts()
		}
	}
	return sum
}

func sameMonth(a, b time.Time) bool {
	a, b = a.UTC(), b.UTC()
	return a.Year() == b.Year() && a.Month() == b.Month()
}

// setPermission changes state and reason and tells the merchant. The caller holds the lock.
func (s *Server) setPermission(p *permission, state, reason, description string) []simulator.Message {
	if p.State == closed || p.State == state && p.Reason == reason {
		return nil
	}
	p.status = status{State: state, Reason: reason, Description: description, Updated: s.sim.Clock.Now()}
	return s.notify(p, objectPermission, p.id)
}

// closePermission ends it; with charges true, what was not captured yet is canceled, too. The caller holds the lock.
func (s *Server) closePermission(p *permission, reason, description, by string, charges bool) []simulator.Message {
	var messages []simulator.Message
	if charges {
		for _, c := range p.charges {
			if c.cancelable() {
				messages = append(messages, s.endCharge(c, canceled, "ChargePermissionCanceled", "The charge permission was closed.", by)...)
			}
		}
	}
	return append(messages, s.setPermission(p, closed, reason, description)...)
}

// reviewPermission follows a charge: everything captured closes a OneTime permission, and open charges may use it up meanwhile.
// The caller holds the lock.
func (s *Server) reviewPermission(p *permission) []simulator.Message {
	if p.kind != oneTime || p.State == closed {
		return nil
	}
	var captured int64
	open := false
	for _, c := range p.charges {
		captured += c.captured
		open = open || c.isOpen()
	}
	usedUp := open && p.used(s.sim.Clock.Now()) >= p.limit
	switch {
	case captured >= p.limit && !open:
		return s.setPermission(p, closed, "AmazonClosed", "The whole amount was captured.")
	case usedUp && p.State == chargeable && chargeInProgress:
		return s.setPermission(p, nonChargeable, "ChargeInProgress", "A charge is in progress.")
	case !usedUp && p.Reason == "ChargeInProgress":
		return s.setPermission(p, chargeable, "", "")
	}
	return nil
}

// expireWhenDue closes a permission at its expiry, which may have moved on meanwhile. The caller holds the lock.
func (s *Server) expireWhenDue(p *permission) {
	if p.expires.IsZero() {
		return
	}
	s.later(p.expires.Sub(s.sim.Clock.Now()), func() []simulator.Message {
		if p.State == closed {
			return nil
		}
		if s.sim.Clock.Now().Before(p.expires) {
			s.expireWhenDue(p)
			return nil
		}
		return s.closePermission(p, "Expired", "The charge permission has expired.", byProvider, true)
	})
}

// updateInstrument gives a Saved Wallet permission the instrument that the buyer chose on the update page.
// The caller holds the lock.
func (s *Server) updateInstrument(sess *session) []simulator.Message {
	p := s.permissions[value(sess.ChargePermissionID)]
	if p == nil || p.State == closed {
		return nil
	}
	p.card = sess.card
	if p.State == chargeable {
		return s.notifyOf(attributeChange, p, objectPermission, p.id)
	}
	return s.setPermission(p, chargeable, "", "")
}
