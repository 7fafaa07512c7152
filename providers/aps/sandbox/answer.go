package sandbox

import (
	"maps"
	"strconv"
	"strings"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// echoed are the request fields that answers about processed transactions repeat. return_url and app_* are not
// among them (observed); merchant_extra is repeated untouched.
var echoed = oneOf("command access_code merchant_identifier merchant_reference amount currency language customer_email " +
	"customer_ip customer_name phone_number order_description settlement_reference eci remember_me digital_wallet " +
	"merchant_extra merchant_extra1 merchant_extra2 merchant_extra3 merchant_extra4 merchant_extra5 statement_descriptor")

// escaped are the free texts that come back HTML-escaped (observed with apostrophes); the signature covers the escaped text.
var escaped = []string{"order_description", "customer_name", "card_holder_name"}

// outcome is what APS tells about the last try of an order, unsigned.
func (s *Server) outcome(o *order) map[string]string {
	f := map[string]string{}
	for name, value := range o.sent {
		if value != "" && echoed(name) {
			f[name] = value
		}
	}
	f["fort_id"], f["payment_option"] = o.fortID, o.card.option
	if paymentOptions[o.card.option].wallet {
		f["digital_wallet"] = o.card.option
		delete(f, "payment_option")
	}
	f["eci"] = o.sent["eci"]
	if f["eci"] == "" {
		f["eci"] = "ECOMMERCE"
	}
	optional := map[string]string{
		"card_number": o.card.number, "expiry_date": o.card.expiry, "card_holder_name": o.card.holder, "authorization_code": o.authCode,
	}
	if o.paid() {
		optional["token_name"], optional["agreement_id"] = o.card.token, o.agreed
	}
	if !o.paid() && !o.isOpen() && o.acquirer != "" {
		optional["acquirer_response_code"], optional["acquirer_response_message"] = o.acquirer, acquirerText(o.acquirer)
	}
	for name, value := range optional {
		if value != "" {
			f[name] = value
		}
	}
	return withCode(escapeEcho(f), o.code)
}

func escapeEcho(f map[string]string) map[string]string {
	for _, name := range escaped {
		if value, ok := f[name]; ok {
			f[name] = strings.ReplaceAll(value, "'", "&#39;")
		}
	}
	return f
}

// stored answers a try that never became a transaction (cancelled, not authenticated, technical): a plain echo.
func stored(fields map[string]string, fortID, code string) map[string]string {
	f := map[string]string{"eci": "ECOMMERCE"}
	for name, value := range fields {
		if value != "" && echoed(name) {
			f[name] = value
		}
	}
	if fortID != "" {
		f["fort_id"] = fortID
	}
	return withCode(escapeEcho(f), code)
}

// rejected answers a request that was not carried out: everything that was sent comes back, return_url too.
func rejected(fields map[string]string, code string) map[string]string {
	f := maps.Clone(fields)
	delete(f, "signature")
	for name, value := range f {
		if value == "" {
			delete(f, name)
		}
	}
	return withCode(escapeEcho(f), code)
}

func withCode(f map[string]string, code string) map[string]string {
	f["status"], f["response_code"] = code[:2], code
	f["response_message"] = messageText(code, f["language"])
	return f
}

// acquirerFields are in feedback, and in answers that ask for third-party codes.
func (s *Server) acquirerFields(o *order) map[string]string {
	f := map[string]string{
		"acquirer_response_code": o.acquirer, "acquirer_response_message": acquirerText(o.acquirer),
		"reconciliation_reference": o.fortID[len(o.fortID)-12:],
	}
	if o.paid() {
		f["processor_response_code"] = "APPROVED"
	}
	return f
}

func acquirerText(code string) string {
	switch code {
	case "00":
		return "Success"
	case "05":
		return "Do not honor"
	case "09":
		return "Request in progress"
	case "51":
		return "Insufficient funds"
	case "68":
		return "Response received too late"
	}
	return "Declined"
}

// alterAnswer is the fault of an answer that names another amount or reference than the effect had.
func alterAnswer(f map[string]string, alter simulator.Action) map[string]string {
	switch alter {
	case simulator.OtherReference:
		f["merchant_reference"] += "-X"
	case simulator.OtherAmount:
		for _, name := range []string{"amount", "captured_amount", "authorized_amount"} {
			if amount, err := strconv.ParseInt(f[name], 10, 64); err == nil {
				f[name] = strconv.FormatInt(amount+100, 10)
			}
		}
	}
	return f
}

// signed adds the response signature.
func signed(a *Account, f map[string]string) map[string]string {
	f["signature"] = sign(a.SHAType, a.ResponsePhrase, f)
	return f
}
