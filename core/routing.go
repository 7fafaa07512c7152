package core

import (
	"fmt"
	"slices"
	"strings"
)

// Rule sends orders that fit When to the first account of Use that can take them.
type Rule struct {
	When When
	Use  []string
}

// When is what an order must be like; an empty list fits everything.
type When struct {
	Method   []string
	Currency []string
	Country  []string
}

// Merchant is a tenant: the accounts it may use, in order of preference, and the hosts its buyers may be sent back to.
type Merchant struct {
	ID          string
	Accounts    []string
	ReturnHosts []string
}

func (w When) fits(o *PaymentOrder, currency string) bool {
	fits := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	return fits(w.Method, o.Method.Type) && fits(w.Currency, currency) && fits(w.Country, o.Buyer.Country)
}

// route chooses the account for an order: the one asked for, else by the first rule that fits and has one that can
// take it, else the first of the merchant's accounts that can.
func (c *Checkout) route(m *Merchant, o *PaymentOrder, amount Money) (*Account, *MethodCaps, error) {
	if o.Account != "" {
		a := c.accounts[o.Account]
		if a == nil || !slices.Contains(m.Accounts, o.Account) {
			return nil, nil, invalid("account_unknown", "/account", "there is no such account")
		}
		caps, err := a.takes(o, amount)
		if err != nil {
			return nil, nil, err
		}
		return a, caps, nil
	}
	names := m.Accounts
	for _, r := range c.rules {
		if r.When.fits(o, amount.Currency) {
			names = slices.DeleteFunc(slices.Clone(r.Use), func(n string) bool { return !slices.Contains(m.Accounts, n) })
			break
		}
	}
	var reasons []string
	for _, name := range names {
		a := c.accounts[name]
		if a == nil {
			reasons = append(reasons, name+": it is not configured")
			continue
		}
		caps, err := a.takes(o, amount)
		if err == nil {
			return a, caps, nil
		}
		reasons = append(reasons, fmt.Sprintf("%s: %s", name, err.Message))
	}
	return nil, nil, &Error{Kind: Invalid, Code: "routing_no_candidate", Message: "no account takes this order", Choices: reasons}
}

// takes tells whether the account can take an order, nil error if so, else why not.
func (a *Account) takes(o *PaymentOrder, amount Money) (*MethodCaps, *Error) {
	switch a.State {
	case AccountDisabled:
		return nil, invalid("account_disabled", "/account", "account %s is disabled", a.Name)
	case AccountDraining:
		return nil, invalid("account_draining", "/account", "account %s takes no new payments", a.Name)
	}
	caps := a.methodCaps(o.Method)
	if o.SetUp {
		caps = a.setUpCaps(o.Method, o.Save.Kind)
	}
	switch {
	case caps == nil, len(caps.Captures) == 0 && !o.SetUp && o.Mandate == "":
		e := invalid("capability_unsupported", "/method", "account %s cannot do this method", a.Name)
		if caps != nil {
			e = invalid("capability_unsupported", "/method", "account %s does this method for mandates only, and takes no payment with it", a.Name)
		}
		e.Choices = a.choices()
		return nil, e
	case len(caps.Currencies) > 0 && !slices.Contains(caps.Currencies, amount.Currency):
		return nil, invalid("currency_not_enabled", "/currency", "account %s takes %s with this method, not %s", a.Name, strings.Join(caps.Currencies, ", "), amount.Currency)
	case caps.Max > 0 && amount.Minor > caps.Max:
		return nil, invalid("amount_too_large", "/amount", "account %s takes at most %s", a.Name, Money{caps.Max, amount.Currency})
	case o.SetUp && !slices.Contains(caps.SetUp, o.Save.Kind):
		return nil, invalid("capability_unsupported", "/kind", "account %s cannot set up consent of this kind outside of a purchase", a.Name)
	case !o.SetUp && o.Mandate == "" && !slices.Contains(caps.Captures, o.Capture): // how a mandate is charged, charges tells
		return nil, invalid("capability_unsupported", "/capture_method", "account %s cannot do %s capture with this method", a.Name, o.Capture)
	case !o.SetUp && o.Save.Kind != SaveNone && !slices.Contains(caps.Save, o.Save.Kind):
		return nil, invalid("capability_unsupported", "/save/kind", "account %s cannot store consent of this kind", a.Name)
	case o.Buyer.Business && !caps.Business:
		return nil, invalid("capability_unsupported", "/buyer/business", "account %s does not take business buyers", a.Name)
	case o.Authorize != nil && *o.Authorize != amount.Minor && !caps.Agreement:
		return nil, invalid("capability_unsupported", "/authorize_amount", "account %s reserves the whole amount or nothing", a.Name)
	case !o.Delivery.empty() && !caps.Delivery:
		return nil, invalid("capability_unsupported", "/delivery", "account %s cannot restrict where is delivered to with this method", a.Name)
	case o.ReviewURL != "" && o.Method.Flow != "" && !caps.Review:
		return nil, invalid("capability_unsupported", "/review_url", "account %s has no review in this flow", a.Name)
	case len(caps.Countries) > 0 && o.Buyer.Country != "" && !slices.Contains(caps.Countries, o.Buyer.Country):
		return nil, invalid("capability_unsupported", "/buyer/country", "account %s does not take buyers from there", a.Name)
	}
	return caps, nil
}

// onSession are the capture modes in which the account charges a mandate while its buyer is there.
func (a *Account) onSession(m Method) []CaptureMode {
	if caps := a.methodCaps(m); caps != nil {
		return caps.OnSession
	}
	return nil
}

// charges tells why the account cannot charge a mandate as an order asks, nil when it can or there is none.
func (a *Account) charges(m *Mandate, caps *MethodCaps, o *PaymentOrder) error {
	modes, how, pointer := caps.OffSession, "the buyer in his absence", "/off_session"
	if !o.OffSession {
		modes, how, pointer = caps.OnSession, "a mandate while the buyer is there", "/capture_method"
	}
	if m == nil { // its instrument is offered on a page, if there is one at all
		modes, how, pointer = caps.Captures, "a payment", "/capture_method"
	}
	if slices.Contains(modes, o.Capture) && (m == nil || a.charger != nil) {
		return nil
	}
	return invalid("capability_unsupported", pointer, "account %s cannot charge %s with %s capture", a.Name, how, o.Capture)
}

// choices are the methods an account offers instead.
func (a *Account) choices() (out []string) {
	for _, m := range a.caps.Methods {
		if len(m.Captures) == 0 {
			continue // nothing is paid with it
		}
		s := m.Method.Type + "/" + m.Method.Flow
		if len(m.Options) > 0 {
			s += " (" + strings.Join(m.Options, ", ") + ")"
		}
		if !slices.Contains(out, s) { // it may come with more than one product
			out = append(out, s)
		}
	}
	return out
}
