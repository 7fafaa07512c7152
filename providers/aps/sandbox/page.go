package sandbox

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// pageOperation is the name that faults use for the arrival of a buyer at the payment page.
const pageOperation = "paymentPage"

var pageCommand = command{
	mandatory: names("command access_code merchant_identifier merchant_reference amount currency language customer_email signature"),
	optional: func(name string) bool {
		for _, prefix := range []string{"billing_", "shipping_", "customer_", "ship_", "fraud_extra", "item_", "rcpt_", "app_", "merchant_extra"} {
			if strings.HasPrefix(name, prefix) {
				_, known := shape(name)
				return known
			}
		}
		return pageOptional(name)
	},
}

var pageOptional = oneOf("return_url payment_option digital_wallet token_name remember_me eci order_description phone_number " +
	"settlement_reference installments sadad_olp statement_descriptor agreement_id recurring_mode recurring_transactions_count " +
	"recurring_expiry_date recurring_days_between_payments device_fingerprint cart_details check_3ds")

// enter takes the merchant's form from the buyer's browser.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		s.showError(w, refuse(msgRequestFormat, err.Error()))
		return
	}
	fields, err := formFields(r, body)
	entry := s.received(r, pageOperation, fields)
	s.sim.Faults.Serve(w, r, pageOperation, func(w http.ResponseWriter, _ simulator.Action) {
		if err != nil {
			no := refuse(msgRequestFormat, err.Error())
			s.answered(entry, no.code, no.detail)
			s.showError(w, no)
			return
		}
		s.enterWith(w, r, fields, entry)
	})
}

func formFields(r *http.Request, body []byte) (map[string]string, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	if mediaType != "application/x-www-form-urlencoded" {
		return nil, fmt.Errorf("content type is %s", mediaType)
	}
	return parseForm(body)
}

func (s *Server) enterWith(w http.ResponseWriter, r *http.Request, fields map[string]string, entry *simulator.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	account, no := s.accountOf(fields)
	if no == nil {
		no = s.admit(account, fields, r)
	}
	if no != nil {
		s.answered(entry, no.code, no.detail)
	}
	switch returnURL := destination(account, fields); {
	case account == nil || no != nil && returnURL == "":
		s.showError(w, no)
	case no != nil:
		s.showReturn(w, account, returnURL, signed(account, rejected(fields, no.code)))
	default:
		http.Redirect(w, r, s.openSession(account, fields, returnURL), http.StatusSeeOther)
	}
}

// accountOf finds who sends, by access code. Without it APS has no phrase to sign an answer with.
func (s *Server) accountOf(fields map[string]string) (*Account, *refusal) {
	for _, name := range []string{"merchant_identifier", "access_code"} {
		if fields[name] == "" {
			return nil, refuse(msgMissing, name)
		}
	}
	if a := s.accounts[fields["access_code"]]; a != nil {
		if a.MerchantIdentifier != fields["merchant_identifier"] {
			return nil, refuse(msgMerchant, "the access code belongs to another merchant_identifier")
		}
		return a, nil
	}
	for _, a := range s.accounts {
		if a.MerchantIdentifier == fields["merchant_identifier"] {
			return nil, refuse(msgAccessCode, "access_code")
		}
	}
	return nil, refuse(msgMerchant, "merchant_identifier")
}

// admit checks a request to the page in the order: command, mandatory fields, signature, shape, business rules.
func (s *Server) admit(a *Account, fields map[string]string, r *http.Request) *refusal {
	if c := fields["command"]; c != "PURCHASE" && c != "AUTHORIZATION" {
		if c == "" && fields["service_command"] == "" && fields["query_command"] == "" {
			return refuse(msgMissing, "command")
		}
		return refuse(msgCommand, "the page takes PURCHASE and AUTHORIZATION")
	}
	if no := pageCommand.missing(fields); no != nil {
		return no
	}
	if !signedBy(a.SHAType, a.RequestPhrase, fields) {
		return refuse(msgSignature, "signature")
	}
	if no := pageCommand.wrong(fields); no != nil {
		return no
	}
	if no := pageOrigin(a, r); no != nil {
		return no
	}
	return s.admitOrder(a, fields)
}

func (s *Server) admitOrder(a *Account, fields map[string]string) *refusal {
	if _, no := amountOf(fields); no != nil {
		return no
	}
	switch {
	case !a.accepts(fields["currency"]):
		return refuse(msgCurrency, "currency")
	case destination(a, fields) == "":
		return refuse(msgReturnURL, "neither the request nor the account has a return URL")
	case fields["eci"] == "RECURRING":
		return refuse(msgValue, "eci RECURRING belongs to the server API")
	case fields["installments"] != "":
		return refuse(msgInstallments, "installments")
	case a.WithoutTokens && (fields["remember_me"] == "YES" || fields["token_name"] != ""):
		return refuse(msgTokenService, "the tokenization service is off")
	}
	if t := s.books.tokens[key(a.MerchantIdentifier, fields["token_name"])]; t != nil && !t.active {
		return refuse(msgTokenUnknown, "token_name is inactive")
	}
	for _, field := range []string{"payment_option", "digital_wallet"} {
		if no := optionRule(a, fields, field); no != nil {
			return no
		}
	}
	return s.reusable(a, fields["merchant_reference"])
}

func optionRule(a *Account, fields map[string]string, field string) *refusal {
	name := fields[field]
	option, known := paymentOptions[name]
	switch {
	case name == "":
		return nil
	case !known || option.wallet != (field == "digital_wallet"):
		return refuse(msgOption, field)
	case option.elsewhere:
		return refuse(msgChannel, name+" is not a redirection option")
	case !a.active(name):
		return refuse(msgOptionInactive, name)
	case option.purchase && fields["command"] != "PURCHASE":
		return refuse(msgNotForOption, name+" takes PURCHASE only")
	case !option.takes(fields["currency"]):
		return refuse(msgOptionUnavailable, name+" does not take "+fields["currency"])
	}
	return nil
}

func pageOrigin(a *Account, r *http.Request) *refusal {
	if len(a.AllowedOrigins) > 0 && !slices.Contains(a.AllowedOrigins, r.Header.Get("Origin")) {
		return refuse(msgSource, "origin "+r.Header.Get("Origin"))
	}
	return nil
}

// destination is where the buyer goes in the end: the request's return_url before the account's.
func destination(a *Account, fields map[string]string) string {
	if u := fields["return_url"]; webAddress(u) {
		return u
	}
	if a == nil {
		return ""
	}
	return a.ReturnURL
}
