package sandbox

import (
	"fmt"
	"strconv"
	"strings"
)

// parameter is the documented shape of one field's text.
type parameter struct {
	max     int
	digits  bool   // digits only
	letters bool   // letters only
	special string // allowed beside letters and digits
	free    bool   // any text: no documented set
}

// parameters are the fields of requests. Lengths and characters are those of the reference's tables;
// where it has none, the text is free and the length generous.
var parameters = map[string]parameter{
	"command": {max: 20, special: "_"}, "query_command": {max: 50, special: "_"}, "service_command": {max: 50, special: "_"},
	"access_code": {max: 20}, "merchant_identifier": {max: 20}, "merchant_reference": {max: 40, special: "-_."},
	"amount": {max: 10, digits: true}, "currency": {max: 3, letters: true}, "language": {max: 2, letters: true},
	"customer_email": {max: 254, special: "_-.@+"}, "signature": {max: 200},
	"return_url": {max: 400, special: "$!=?#&-_/:."}, "payment_option": {max: 10, special: "_"}, "digital_wallet": {max: 20, special: "_"},
	"token_name": {max: 100, special: ".@-_"}, "new_token_name": {max: 100, special: ".@-_"}, "remember_me": {max: 3, letters: true},
	"eci": {max: 16, letters: true}, "order_description": {max: 150, special: "'/._-#:$ "}, "customer_ip": {max: 45, special: ".:"},
	"customer_name": {max: 40, special: `_\/-.' `}, "phone_number": {max: 19, special: "+-() "},
	"settlement_reference": {max: 34, special: "-_."}, "merchant_extra": {max: 999, special: ".;/_-,'@"},
	"installments": {max: 10, letters: true}, "sadad_olp": {max: 12, special: "@._"}, "statement_descriptor": {max: 50, special: " -."},
	"agreement_id": {max: 40, special: "-_"}, "recurring_mode": {max: 20, letters: true}, "recurring_transactions_count": {max: 10, digits: true},
	"recurring_expiry_date": {max: 10, special: "-"}, "recurring_days_between_payments": {max: 10, digits: true},
	"device_fingerprint": {max: 4000, free: true}, "check_3ds": {max: 3, letters: true},
	"fort_id": {max: 20, digits: true}, "maintenance_reference": {max: 200, special: "-_."},
	"return_third_party_response_codes": {max: 3, letters: true},
	"token_status":                      {max: 10, letters: true}, "expiry_date": {max: 4, digits: true}, "card_holder_name": {max: 50, special: "'-. "},
	"card_security_code": {max: 4, digits: true}, "cart_details": {max: 4000, free: true},
	"customer_type": {max: 1}, "customer_id": {max: 16, free: true}, "customer_middle_initial": {max: 1, free: true},
	"customer_city": {max: 20, free: true}, "customer_state": {max: 10, free: true}, "customer_zip_code": {max: 9, free: true},
	"customer_country_code": {max: 3, letters: true}, "customer_phone": {max: 19, free: true}, "customer_alt_phone": {max: 19, free: true},
	"customer_date_birth": {max: 10, special: "-"}, "ship_address_state": {max: 3, free: true}, "ship_zip_code": {max: 9, free: true},
	"ship_country_code": {max: 3, letters: true}, "ship_phone": {max: 19, free: true}, "ship_alt_phone": {max: 19, free: true},
	"ship_email": {max: 254, free: true}, "ship_comments": {max: 160, free: true}, "ship_method": {max: 1, free: true},
}

func init() {
	for i := 1; i <= 5; i++ {
		parameters["merchant_extra"+strconv.Itoa(i)] = parameter{max: 250, special: ".;/_-,'@"}
	}
	for i := 1; i <= 25; i++ {
		parameters["fraud_extra"+strconv.Itoa(i)] = parameter{max: 256, free: true}
	}
	more := map[parameter]string{
		{max: 30, free: true}: "customer_first_name customer_last_name customer_address1 customer_address2 customer_apartment_no " +
			"ship_type ship_first_name ship_middle_name ship_last_name ship_address1 ship_address2 ship_apartment_no ship_address_city",
		{max: 254, free: true}: "billing_stateProvince billing_provinceCode billing_street billing_street2 billing_postcode billing_country " +
			"billing_company billing_city shipping_stateProvince shipping_provinceCode shipping_street shipping_street2 shipping_source " +
			"shipping_sameAsBilling shipping_postcode shipping_country shipping_company shipping_city " +
			"app_programming app_framework app_ver app_plugin app_plugin_version",
	}
	for shape, names := range more {
		for name := range strings.FieldsSeq(names) {
			parameters[name] = shape
		}
	}
}

// shape finds the rule of a field; the cart part of the fraud service numbers its names.
func shape(name string) (parameter, bool) {
	if p, ok := parameters[name]; ok {
		return p, true
	}
	if strings.HasPrefix(name, "item_") || strings.HasPrefix(name, "rcpt_") {
		return parameter{max: 254, free: true}, true
	}
	return parameter{}, false
}

func (p parameter) allows(value string) bool {
	if p.free {
		return true
	}
	for _, c := range value {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		digit := c >= '0' && c <= '9'
		switch {
		case p.digits && !digit, p.letters && !letter:
			return false
		case !letter && !digit && !strings.ContainsRune(p.special, c):
			return false
		}
	}
	return true
}

// command is one command of the wire: where its name stands and what may go with it.
type command struct {
	mandatory []string
	optional  func(name string) bool
}

func names(list string) []string { return strings.Fields(list) }

func oneOf(list string) func(string) bool {
	set := map[string]bool{}
	for _, name := range names(list) {
		set[name] = true
	}
	return func(name string) bool { return set[name] }
}

// missing refuses a request without one of its mandatory fields; an empty one is missing.
func (c command) missing(fields map[string]string) *refusal {
	for _, name := range c.mandatory {
		if fields[name] == "" {
			return refuse(msgMissing, name)
		}
	}
	return nil
}

// wrong refuses a field the command does not have, or whose text is too long or has other characters than documented.
func (c command) wrong(fields map[string]string) *refusal {
	isMandatory := oneOf(strings.Join(c.mandatory, " "))
	for name := range fields {
		if !isMandatory(name) && !c.optional(name) {
			return refuse(msgExtra, name)
		}
	}
	for name, value := range fields {
		if p, known := shape(name); known && len([]rune(value)) > p.max {
			return refuse(msgLength, fmt.Sprintf("%s has more than %d characters", name, p.max))
		}
	}
	for name, value := range fields {
		if p, known := shape(name); known && !p.allows(value) {
			return refuse(msgFormat, name)
		}
	}
	return wrongValue(fields)
}

// allowedValues are the fields with a closed list of values.
var allowedValues = map[string]string{
	"language": "en ar", "remember_me": "YES NO", "check_3ds": "YES NO", "return_third_party_response_codes": "YES NO",
	"token_status": "ACTIVE INACTIVE", "recurring_mode": "UNSCHEDULED VARIABLE FIXED", "eci": "ECOMMERCE MOTO RECURRING",
}

func wrongValue(fields map[string]string) *refusal {
	for name, list := range allowedValues {
		if value := fields[name]; value != "" && !oneOf(list)(value) {
			return refuse(msgValue, name)
		}
	}
	if email := fields["customer_email"]; email != "" {
		local, domain, found := strings.Cut(email, "@")
		if !found || local == "" || domain == "" || strings.Contains(domain, "@") {
			return refuse(msgFormat, "customer_email")
		}
	}
	if u := fields["return_url"]; u != "" && !webAddress(u) {
		return refuse(msgFormat, "return_url")
	}
	return nil
}

// amountOf reads a checked amount, in minor units: ten digits fit.
func amountOf(fields map[string]string) (int64, *refusal) {
	amount, err := strconv.ParseInt(fields["amount"], 10, 64)
	if err != nil || amount <= 0 {
		return 0, refuse(msgAmount, "amount")
	}
	return amount, nil
}
