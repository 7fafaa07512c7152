package aps

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
	_ core.Capturer        = (*Provider)(nil)
	_ core.Voider          = (*Provider)(nil)
	_ core.Refunder        = (*Provider)(nil)
	_ core.Querier         = (*Provider)(nil)
	_ core.MandateCharger  = (*Provider)(nil)
	_ core.MandateCanceler = (*Provider)(nil)
	_ core.Reachable       = (*Provider)(nil)
)

// Provider is one account at APS.
type Provider struct {
	cfg       Config
	page, api string
	out       *outbound.Client
}

// New opens an account. The error names every problem of cfg.
func New(cfg Config, out *outbound.Client) (*Provider, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, errors.New("aps: a client is needed")
	}
	p := &Provider{cfg: cfg, out: out}
	p.page, p.api = cfg.addresses()
	return p, nil
}

// Reachability is how calls of the account get through to APS.
func (p *Provider) Reachability() core.Reachability { return p.out.Reachability() }

// Names in Refs and Memo; the stored card is core.MemoToken.
const (
	refFort       = "fort_id"
	memoAgreement = "agreement_id"
)

// fortOf is the transaction that operations on known are about: the one named, else the one with money, else the last
// told. Empty: APS finds it by merchant_reference.
func fortOf(known core.Known, named string) string {
	if named != "" {
		return named
	}
	for _, o := range known.Objects {
		if o.Kind == core.ObjAuthorization && o.State == core.StateDone && o.ID != "" {
			return o.ID
		}
	}
	return known.Refs[refFort]
}
