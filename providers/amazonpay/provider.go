package amazonpay

import (
	"errors"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/outbound"
)

// What this provider can do beside starting a payment and reading feedback.
var (
	_ core.Provider        = (*Provider)(nil)
	_ core.Checker         = (*Provider)(nil)
	_ core.FeedbackReader  = (*Provider)(nil)
	_ core.ReturnParser    = (*Provider)(nil)
	_ core.SessionReader   = (*Provider)(nil)
	_ core.SessionUpdater  = (*Provider)(nil)
	_ core.Confirmer       = (*Provider)(nil)
	_ core.Completer       = (*Provider)(nil)
	_ core.Authorizer      = (*Provider)(nil)
	_ core.Capturer        = (*Provider)(nil)
	_ core.Voider          = (*Provider)(nil)
	_ core.Refunder        = (*Provider)(nil)
	_ core.Querier         = (*Provider)(nil)
	_ core.Finder          = (*Provider)(nil)
	_ core.MandateChecker  = (*Provider)(nil)
	_ core.MandateStarter  = (*Provider)(nil)
	_ core.MandateCharger  = (*Provider)(nil)
	_ core.MandateUpdater  = (*Provider)(nil)
	_ core.MandateCanceler = (*Provider)(nil)
	_ core.Reachable       = (*Provider)(nil)
	_ core.Warner          = (*Provider)(nil)
)

// Provider is one account at Amazon Pay.
type Provider struct {
	cfg        Config
	base, host string
	signer     signer
	out        *outbound.Client
	certs      *certificates
}

// New opens an account. The error names every problem of cfg.
func New(cfg Config, out *outbound.Client) (*Provider, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, errors.New("amazonpay: a client is needed")
	}
	key, err := parsePrivateKey(cfg.PrivateKey.Reveal())
	if err != nil {
		return nil, err
	}
	p := &Provider{cfg: cfg, signer: signer{key, cfg.algorithm()}, out: out, certs: newCertificates(cfg, out.Apart())}
	p.base, p.host = cfg.base()
	return p, nil
}

// Reachability is how calls of the account get through to Amazon Pay.
func (p *Provider) Reachability() core.Reachability { return p.out.Reachability() }

// Names in Refs: the provider's own. A permission that outlives its order is no ref of the orders charged to it.
const (
	refSession    = "checkoutSessionId"
	refPermission = "chargePermissionId"
	refCharge     = "chargeId"
	refRefund     = "refundId"
)

// Names in Memo. Under a charge, capture or refund, with its id behind the dot, is the key of the operation that made it:
// Amazon Pay does not repeat it.
const (
	memoSession    = "session"    // the session that was found to be the attempt's own
	memoReturn     = "return_url" // of ours, which the session repeats
	memoSave       = "save"       // the kind of consent asked for
	memoPermission = "permission" // to charge
	memoType       = "type"       // of the permission: Recurring, PaymentMethodOnFile; OneTime
	memoPlan       = "plan"       // amount and currency of a plan that was agreed to without a charge
	memoCharge     = "charge."    // + id
	memoCapture    = "capture."   // + id
	memoRefund     = "refund."    // + id
)

// permissionOf is the permission that operations on known are charged to.
func permissionOf(known core.Known) string {
	if id := known.Refs[refPermission]; id != "" {
		return id
	}
	return known.Memo[memoPermission]
}

// Warnings tell what the settings of the account leave open.
func (p *Provider) Warnings() []string { return p.cfg.Warnings() }
