package aps

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/paymux/paymux/core"
)

// Start signs the form that the buyer's browser posts to the page of APS: PURCHASE, or AUTHORIZATION to capture
// later. Nothing is called and nothing exists at APS before the browser arrives. What APS cannot do is refused here.
// Source: merchant integration guide, redirection, request parameters.
func (p *Provider) Start(_ context.Context, op core.Op, in core.StartInput) (core.Outcome, error) {
	f, err := p.form(op, in)
	if err != nil {
		return core.Outcome{}, err
	}
	return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{
		Type: core.NextPostForm, Then: core.ThenQuery, URL: p.page, Method: http.MethodPost, Fields: ordered(p.signed(f)),
		Accepts: returnNames, ExpiresAt: op.CreatedAt.Add(sessionLife), Resumable: true,
	}}, nil
}

// CheckStart tells why Start would refuse.
func (p *Provider) CheckStart(op core.Op, in core.StartInput) error {
	_, err := p.form(op, in)
	return err
}

// form is what the browser posts, not yet signed.
func (p *Provider) form(op core.Op, in core.StartInput) (fields, error) {
	scheme, err := p.scheme(in.Method, op.Amount.Currency)
	if err != nil {
		return nil, err
	}
	f := fields{"command": "PURCHASE", "merchant_extra": replaced(in.MerchantReference, extraMarks, extraMax)}
	if in.Capture == core.CaptureManual {
		f["command"] = "AUTHORIZATION"
	}
	for _, add := range []func(fields, core.Op, core.StartInput, option) error{p.addOrder, p.addScheme, p.addBuyer, p.addSave} {
		if err := add(f, op, in, scheme); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// addOrder adds what is paid and where the buyer comes back to.
func (p *Provider) addOrder(f fields, op core.Op, in core.StartInput, _ option) error {
	amount, err := amountText(op.Amount)
	if err != nil {
		return err
	}
	if !fits(op.Reference, referenceMarks, referenceMax) {
		return refuse("reference_invalid", "", "APS takes references of at most %d letters, digits and - _ .", referenceMax)
	}
	if in.Returns.Result != "" && !fits(in.Returns.Result, urlMarks, urlMax) {
		return refuse("url_invalid", "", "APS takes return addresses of at most %d plain characters", urlMax)
	}
	f["amount"], f["currency"], f["merchant_reference"] = amount, op.Amount.Currency, op.Reference
	f["return_url"] = in.Returns.Result
	f["order_description"] = replaced(in.Description, descriptionMarks, descriptionMax)
	return nil
}

// addScheme names the scheme and checks what it can do.
func (p *Provider) addScheme(f fields, op core.Op, in core.StartInput, o option) error {
	if in.Capture == core.CaptureManual && !o.manual {
		return p.unsupported("/capture_method", "APS takes this method at once", []string{string(core.CaptureAutomatic)})
	}
	if o.field != "" {
		f[o.field] = o.value
	}
	if in.Token != "" {
		if !o.stored || !fits(in.Token, tokenMarks, tokenMax) {
			return p.unsupported("/method/instrument", "a stored card of APS is needed", nil)
		}
		f["token_name"] = in.Token
	}
	digits, _ := core.Exponent(op.Amount.Currency)
	if in.Method.Option == optionOfVisa && digits == 3 && op.Amount.Minor%10 != 0 && p.cfg.VisaThreeDigit == LastDigitRefuse {
		return refuse("amount_invalid", "/amount", "VISA takes amounts in %s that end in 0", op.Amount.Currency)
	}
	return nil
}

// addBuyer adds who pays. APS wants an e-mail address; the rest is left out when it cannot travel.
func (p *Provider) addBuyer(f fields, _ core.Op, in core.StartInput, o option) error {
	email, err := emailOf(in.Buyer)
	if err != nil {
		return err
	}
	f["language"], f["customer_email"] = p.language(in.Buyer.Locale), email
	f["customer_name"] = replaced(nameOf(in.Buyer), nameMarks, nameMax)
	f["phone_number"] = phone(in.Buyer.Phone)
	if ip, err := netip.ParseAddr(in.Buyer.IP); err == nil && ip.Zone() == "" {
		f["customer_ip"] = ip.Unmap().String()
	}
	for _, needed := range [][2]string{{"customer_name", "/buyer/last_name"}, {"phone_number", "/buyer/phone"}, {"customer_ip", "/buyer/ip"}} {
		if o.identified && f[needed[0]] == "" {
			return refuse("buyer_invalid", needed[1], "%s wants name, telephone number and browser address of the buyer", o.value)
		}
	}
	return nil
}

// addSave asks for the card to be stored and, where the contract has agreements, for one.
func (p *Provider) addSave(f fields, _ core.Op, in core.StartInput, o option) error {
	if in.Save.Kind == core.SaveNone {
		return nil
	}
	if !o.stored {
		return p.unsupported("/save", "APS stores cards only", nil)
	}
	f["remember_me"] = "YES"
	plan := in.Save.Recurring
	switch {
	case !p.cfg.Agreements:
	case in.Save.Kind == core.SaveUnscheduled || plan == nil || plan.Unit == "variable":
		f["recurring_mode"] = "UNSCHEDULED"
	case plan.Count <= 0 || plan.Until.IsZero():
		return p.unsupported("/save/recurring", "an agreement at APS has a count and a last day", nil)
	default:
		f["recurring_mode"] = "VARIABLE"
		if plan.Amount != nil {
			f["recurring_mode"] = "FIXED"
		}
		f["recurring_transactions_count"] = strconv.Itoa(plan.Count)
		f["recurring_expiry_date"] = plan.Until.UTC().Format("2006-01-02")
		f["recurring_days_between_payments"] = strconv.Itoa(fewestDays[plan.Unit] * max(1, plan.Interval))
	}
	return nil
}

// fewestDays are between two payments of a plan.
var fewestDays = map[string]int{"day": 1, "week": 7, "month": 28, "year": 365}

func (p *Provider) language(locale string) string {
	switch language, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "_", "-")), "-"); {
	case language == "ar" || language == "en":
		return language
	case p.cfg.Language != "":
		return p.cfg.Language
	}
	return "en"
}

func emailOf(b core.Buyer) (string, error) {
	if b.Email == "" {
		return "", refuse("buyer_invalid", "/buyer/email", "an e-mail address of the buyer is missing; APS wants one")
	}
	local, domain, _ := strings.Cut(b.Email, "@")
	if !fits(b.Email, emailMarks, emailMax) || local == "" || domain == "" || strings.Contains(domain, "@") {
		return "", refuse("buyer_invalid", "/buyer/email", "APS wants an e-mail address of plain letters, digits and _ - . @ +")
	}
	return b.Email, nil
}

func nameOf(b core.Buyer) string {
	name := strings.TrimSpace(b.FirstName + " " + b.LastName)
	if name == "" && b.Billing != nil {
		name = b.Billing.Name
	}
	return name
}

// ordered are the fields of a form ascending by name, the signature last, so that the same call gives the same bytes.
func ordered(f fields) [][2]string {
	var list [][2]string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name != "signature" {
			list = append(list, [2]string{name, f[name]})
		}
	}
	return append(list, [2]string{"signature", f["signature"]})
}

// returnNames are what the browser may bring back: what was sent, and what APS adds.
var returnNames = strings.Fields(`3ds_url access_code acquirer_response_code acquirer_response_message agreement_id amount
	authorization_code card_bin card_holder_name card_number command currency customer_email customer_ip customer_name digital_wallet
	eci expiry_date fort_id fraud_comment installments issuer_code issuer_country issuer_name knet_ref_number language merchant_extra
	merchant_identifier merchant_reference number_of_installments order_description payment_option phone_number plan_code
	processor_response_code reconciliation_reference recurring_days_between_payments recurring_expiry_date recurring_mode
	recurring_transactions_count remember_me response_code response_message return_url settlement_reference signature status
	third_party_transaction_number token_name`)

// ParseReturn reads the signed fields the browser brought back, from the body of a POST or the query of a GET. The
// browser is not the provider's word: every fact in it is a hint, and core asks CHECK_STATUS.
// Errors: ErrUnauthenticated for fields that APS did not sign for this account and attempt, Malformed for a doubled
// one. A return without any field says nothing and is no error.
func (p *Provider) ParseReturn(_ context.Context, r core.Return) (core.Feedback, error) {
	f, err := returnFields(r)
	if err != nil {
		return core.Feedback{}, core.Malformed(err)
	}
	if len(f) == 0 {
		return core.Feedback{}, nil
	}
	f, err = p.authentic(f)
	if err != nil {
		return core.Feedback{}, err
	}
	if own := r.Known.Reference; own != "" && f["merchant_reference"] != own {
		return core.Feedback{}, core.ErrUnauthenticated
	}
	fb := feedback(f)
	for i := range fb.Facts {
		fb.Facts[i].Strength = core.Hint
	}
	return fb, nil
}
