package aps

import (
	"slices"
	"time"

	"github.com/paymux/paymux/core"
)

// sessionLife is how long a buyer may take on the page and at the bank; after it a query decides.
// authorizationLife is the longest APS holds an authorization (it prints 5 to 7 days, 7 for a void).
const (
	sessionLife       = 30 * time.Minute
	authorizationLife = 7 * 24 * time.Hour
)

// The types of method that APS serves, all on its own page.
const (
	typeCard     = "card"
	typeWallet   = "wallet"
	typeBank     = "bank_redirect"
	typeInvoice  = "invoice"
	typeAny      = "any"
	flowHosted   = "hosted"
	fieldOption  = "payment_option"
	fieldWallet  = "digital_wallet"
	optionOfVisa = "visa"
)

// option is a scheme of APS: where it is named on the wire and what it can do.
type option struct {
	field, value string
	method       string
	currencies   []string // empty: every one
	manual       bool     // AUTHORIZATION too; the others refuse it with 049
	stored       bool     // the card can be kept and charged later
	identified   bool     // wants name, telephone number and address of the browser
}

// options are the schemes as paymux names them. Source: merchant integration guide, payment options.
var options = map[string]option{
	optionOfVisa: {field: fieldOption, value: "VISA", method: typeCard, manual: true, stored: true},
	"mastercard": {field: fieldOption, value: "MASTERCARD", method: typeCard, manual: true, stored: true},
	"amex":       {field: fieldOption, value: "AMEX", method: typeCard, manual: true, stored: true},
	"mada":       {field: fieldOption, value: "MADA", method: typeCard, currencies: []string{"SAR"}},
	"meeza":      {field: fieldOption, value: "MEEZA", method: typeCard, currencies: []string{"EGP"}},
	"knet":       {field: fieldOption, value: "KNET", method: typeBank, currencies: []string{"KWD"}},
	"naps":       {field: fieldOption, value: "NAPS", method: typeBank, currencies: []string{"QAR"}},
	"omannet":    {field: fieldOption, value: "OMANNET", method: typeBank, currencies: []string{"OMR"}},
	"benefit":    {field: fieldOption, value: "BENEFIT", method: typeBank, currencies: []string{"BHD"}},
	"stc_pay":    {field: fieldWallet, value: "STCPAY", method: typeWallet, currencies: []string{"SAR"}},
	"tabby":      {field: fieldOption, value: "TABBY", method: typeInvoice, currencies: []string{"AED", "SAR"}, identified: true},
	"tamara":     {field: fieldOption, value: "TAMARA", method: typeInvoice, currencies: []string{"AED", "SAR"}, identified: true},
}

// unnamed is what a method can do when the merchant names no scheme and the page offers what fits the currency. A buyer
// who then takes one that cannot be authorized or stored is told so by APS (049), or has paid without being stored.
var unnamed = map[string]option{
	typeCard: {method: typeCard, manual: true, stored: true},
	typeAny:  {method: typeAny, manual: true, stored: true},
	"":       {method: typeAny, manual: true, stored: true},
}

// groups are the schemes that share one row of the capabilities.
var groups = [][]string{
	{optionOfVisa, "mastercard", "amex"}, {"mada"}, {"meeza"}, {"knet"}, {"naps"}, {"omannet"}, {"benefit"}, {"stc_pay"}, {"tabby", "tamara"},
}

// Capabilities are what the contract allows of what APS can do.
func (p *Provider) Capabilities() core.Capabilities {
	caps := core.Capabilities{
		Resume: map[core.OpKind]core.ResumeRule{
			core.OpStart:         core.ResumeSameKey,     // nothing is called
			core.OpCapture:       core.ResumeTotalsWhole, // it has no number of its own
			core.OpVoid:          core.ResumeTotals,
			core.OpRefund:        core.ResumeTotals,
			core.OpChargeMandate: core.ResumeTotals,
			core.OpCancelMandate: core.ResumeSameKey, // a token is inactive, however often it is said
		},
		ResumeGap:    120 * time.Second,
		ReferenceLen: 32,
		Feedback:     core.FeedbackCaps{RetriesFor: 100 * time.Second, Signed: true},
	}
	for _, group := range groups {
		names := slices.DeleteFunc(slices.Clone(group), func(name string) bool { return !p.offers(name) })
		if len(names) == 0 {
			continue
		}
		if m, ok := p.methodCaps(options[names[0]], names); ok {
			caps.Methods = append(caps.Methods, m)
		}
	}
	if m, ok := p.methodCaps(unnamed[typeAny], nil); ok {
		caps.Methods = append(caps.Methods, m)
	}
	return caps
}

func (p *Provider) offers(name string) bool {
	return len(p.cfg.Options) == 0 || slices.Contains(p.cfg.Options, name)
}

func (p *Provider) methodCaps(o option, names []string) (core.MethodCaps, bool) {
	m := core.MethodCaps{
		Method: core.Method{Type: o.method, Flow: flowHosted}, Options: names,
		Currencies: slices.Clone(o.currencies), Max: 1e10 - 1, Captures: []core.CaptureMode{core.CaptureAutomatic}, Business: true,
		NextActions: []string{core.NextPostForm}, PartialRefund: true, RetriesOnPage: true, SessionLife: sessionLife,
	}
	switch {
	case len(m.Currencies) == 0:
		m.Currencies = slices.Clone(p.cfg.Currencies)
	case len(p.cfg.Currencies) > 0:
		m.Currencies = slices.DeleteFunc(m.Currencies, func(c string) bool { return !slices.Contains(p.cfg.Currencies, c) })
		if len(m.Currencies) == 0 {
			return m, false
		}
	}
	if o.manual {
		m.Captures = append(m.Captures, core.CaptureManual)
		m.AuthorizationLife = authorizationLife
	}
	if o.stored {
		m.Save = []core.SaveKind{core.SaveRecurring, core.SaveUnscheduled}
		m.OffSession = []core.CaptureMode{core.CaptureAutomatic}
	}
	return m, true
}

// scheme is what m can do, or why APS or the contract cannot do it.
func (p *Provider) scheme(m core.Method, currency string) (option, error) {
	o, known := unnamed[m.Type]
	if m.Option != "" {
		o, known = options[m.Option]
		known = known && o.method == m.Type && p.offers(m.Option)
	} else if !known {
		known = slices.ContainsFunc(groups, func(g []string) bool { return options[g[0]].method == m.Type })
		if known {
			return o, p.unsupported("/method/option", "APS wants to know the scheme for this method", p.named(m.Type))
		}
	}
	switch {
	case m.Flow != "" && m.Flow != flowHosted:
		return o, p.unsupported("/method/flow", "APS is integrated by its own page", []string{flowHosted})
	case !known && m.Option != "" && len(p.named(m.Type)) > 0:
		return o, p.unsupported("/method/option", "this account does not have the scheme", p.named(m.Type))
	case !known:
		return o, p.unsupported("/method/type", "APS does not have the method", []string{typeCard, typeBank, typeWallet, typeInvoice, typeAny})
	case len(o.currencies) > 0 && !slices.Contains(o.currencies, currency):
		return o, refuseCurrency("the scheme is not offered in this currency", o.currencies)
	case len(p.cfg.Currencies) > 0 && !slices.Contains(p.cfg.Currencies, currency):
		return o, refuseCurrency("the account does not have this currency", p.cfg.Currencies)
	}
	return o, nil
}

// named are the schemes of a type of method.
func (p *Provider) named(methodType string) (list []string) {
	for name, o := range options {
		if o.method == methodType && p.offers(name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

func (p *Provider) unsupported(pointer, text string, choices []string) error {
	e := refuse("capability_unsupported", pointer, "%s", text)
	e.Choices = choices
	return e
}

func refuseCurrency(text string, choices []string) error {
	e := refuse("currency_not_enabled", "/currency", "%s", text)
	e.Choices = choices
	return e
}
