package aps

import (
	"strconv"
	"strings"
)

// names are the fields the documents know, in requests, answers, returns and feedback. A message with another one is
// kept and asked about, not believed (see ambiguous).
var names, longestName = documentedNames()

func documented(name string) bool { return names[name] }

func documentedNames() (map[string]bool, int) {
	all := strings.Fields(`
		access_code acquirer_response_code acquirer_response_message agreement_id airline_data amount
		app_framework app_plugin app_plugin_version app_programming app_ver
		apple_data apple_header apple_paymentMethod apple_signature authorization_code authorized_amount
		billing_city billing_company billing_country billing_postcode billing_provinceCode billing_stateProvince billing_street billing_street2
		captured_amount card_bin card_brand card_holder_name card_number card_security_code cart_details check_3ds columns command
		creation_date currency customer_address1 customer_address2 customer_alt_phone customer_apartment_no customer_city
		customer_country_code customer_date_birth customer_email customer_first_name customer_id customer_ip customer_last_name
		customer_middle_initial customer_name customer_phone customer_state customer_type customer_zip_code
		data data_count device_fingerprint device_id digital_wallet eci expiry_date filters fort_id fraud_comment from_date
		include_installments installment_detail installments issuer_code issuer_country issuer_name knet_ref_number language link_command
		maintenance_reference merchant_extra merchant_identifier merchant_order_id merchant_reference new_token_name notification_type
		number_of_installments order_description otp payment_link payment_link_id payment_option phone_number plan_code
		processor_response_code products query_command reconciliation_reference recurring_days_between_payments recurring_expiry_date
		recurring_mode recurring_transactions_count refunded_amount remember_me request_expiry_date response_code response_format
		response_message return_third_party_response_codes return_url sadad_olp sdk_token service_command settlement_reference
		ship_address1 ship_address2 ship_address_city ship_address_state ship_alt_phone ship_apartment_no ship_comments
		ship_country_code ship_email ship_first_name ship_last_name ship_method ship_middle_name ship_phone ship_type ship_zip_code
		shipping_city shipping_company shipping_country shipping_postcode shipping_provinceCode shipping_sameAsBilling
		shipping_source shipping_stateProvince shipping_street shipping_street2
		signature statement_descriptor status tenure third_party_transaction_number to_date token_name token_status total_downpayment
		transaction_code transaction_id transaction_message transaction_status 3ds_id 3ds_url`)
	for i := 1; i <= 5; i++ {
		all = append(all, "merchant_extra"+strconv.Itoa(i))
	}
	for i := 1; i <= 25; i++ {
		all = append(all, "fraud_extra"+strconv.Itoa(i))
	}
	known, longest := map[string]bool{}, 0
	for _, name := range all {
		known[name], longest = true, max(longest, len(name))
	}
	return known, longest
}
