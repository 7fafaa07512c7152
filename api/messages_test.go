package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/openapi"
)

// A problem of the query names the parameter and what would have been right.
func TestMessagesOfTheQuery(t *testing.T) {
	for query, want := range map[string]string{
		"limit=abc":                      "limit: one whole number is needed.",
		"limit=1&limit=2":                "limit: one whole number is needed.",
		"limit=0":                        "limit: at least 1 is needed.",
		"limit=101":                      "limit: at most 100 is possible.",
		"limt=3":                         "limt: there is no such parameter; there are limit, cursor, status, merchant_reference, account, needs_review, from, to.",
		"4000000000000002=3":             "query: there is no such parameter; there are limit, cursor, status, merchant_reference, account, needs_review, from, to.",
		"status=paid":                    "status: one of these is needed: requires_payment_method, requires_action, requires_confirmation, processing, requires_capture, partially_captured, succeeded, canceled, failed.",
		"status=":                        "status: it is empty or has control characters.",
		"merchant_reference=a%20b":       "merchant_reference: 1 to 64 letters, digits, dots, underscores and hyphens are needed.",
		"from=yesterday":                 "from: one time such as 2026-01-31T00:00:00Z is needed.",
		"from=2026-02-01&to=2026-01-01":  "to: it is before from.",
		"account=a&account=b":            "account: one value is needed.",
		"cursor=a&cursor=b&limit=secret": "",
	} {
		p := refused(t, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/payments?"+query, http.NoBody), 400, "query_invalid", "")
		if want != "" {
			require.Equal(t, want, p.Detail, query)
		}
		require.NotContains(t, p.Detail, "secret")
	}
}

// A problem of the body says what the contract allows, and never repeats the value.
func TestMessagesOfTheBody(t *testing.T) {
	for _, c := range []struct{ member, value, pointer, want string }{
		{"amount", `"4900"`, "/amount", "A number is needed, without quotes."},
		{"amount", `49.5`, "/amount", rules[openapi.ProblemCodeAmountInvalid]},
		{"amount", `null`, "/amount", "null is not taken; leave out what has no value."},
		{"authorize_amount", `99999999`, "/authorize_amount", "It is more than the amount of the payment."},
		{"off_session", `"no"`, "/off_session", "true or false is needed, without quotes."},
		{"description", `7`, "/description", "Text in quotes is needed."},
		{"line_items", `{}`, "/line_items", "A list in [ ] is needed."},
		{"buyer", `"Layla"`, "/buyer", "An object in { } is needed."},
		{"capture_method", `"later"`, "/capture_method", "One of these is needed: automatic, manual."},
		{"method", `{}`, "/method/type", "One of these is needed: amazon_pay, card, wallet, paypal, sepa_debit, bank_redirect, invoice, prepayment, any."},
		{"method", `{"type":"card","flow":"x"}`, "/method/flow", "One of these is needed: express, pay_now, hosted, widgets."},
		{"line_items", `[{"name":"a","kind":"x","quantity":1,"unit_amount":1}]`, "/line_items/0/kind", "One of these is needed: goods, shipment, handling, voucher."},
		{"line_items", `[{"name":"a","quantity":0,"unit_amount":1}]`, "/line_items/0/quantity", "At least 1 is needed."},
		{"line_items", `[{"quantity":1,"unit_amount":1}]`, "/line_items/0/name", "The member is missing."},
		{"save", `{"kind":"recurring"}`, "/save/recurring", "The member is missing; it is needed with kind recurring."},
		{"save", `{"kind":"unscheduled","recurring":{"interval":"day"}}`, "/save/recurring", "The member goes only with kind recurring."},
		{"off_session", `true`, "/mandate", "The member is missing; it is needed with off_session true."},
		{"method", `{"type":"card","instrument":{"iban":"DE02120300000000202051","token":"a","holder":"b"}}`, "/method/instrument/token", "The member does not go with iban."},
		{"method", `{"type":"card","instrument":{"iban":"DE02120300000000202051"}}`, "/method/instrument/holder", "The member is missing; it is needed with iban."},
		{"method", `{"type":"card","instrument":{}}`, "/method/instrument/token", "The member is missing; it is needed without iban."},
		{"line_items", `[{"name":"x","unit_amount":1}]`, "/line_items/0/quantity", "The member is missing."},
		{"line_items", `[{"name":"x","quantity":1}]`, "/line_items/0/unit_amount", "The member is missing."},
		{"save", `{"kind":"recurring","recurring":{"interval":"day","until":"soon"}}`, "/save/recurring/until", "A date in quotes, such as 2027-12-31, is needed."},
		{"buyer", `{"email":"x"}`, "/buyer/email", "An e-mail address is needed."},
		{"buyer", `{"country":"de"}`, "/buyer/country", "A country of ISO 3166-1 in two upper-case letters, such as AE, is needed."},
	} {
		err := decode([]byte(with(c.member, c.value)), new(openapi.CreatePayment))
		var r *refusal
		require.ErrorAs(t, err, &r, "%s: %s", c.member, c.value)
		require.Equal(t, c.pointer, r.problems[0].Pointer)
		require.Equal(t, c.want, r.problems[0].Detail)
	}
}

// Every member that the contract requires is told when it is missing, all at once; one that is zero is there.
func TestMissingMembersAreTold(t *testing.T) {
	var r *refusal
	require.ErrorAs(t, decode([]byte(with("line_items", `[{"name":"x"},{}]`)), new(openapi.CreatePayment)), &r)
	told := map[string]string{}
	for _, p := range r.problems {
		told[p.Pointer] = p.Detail
	}
	missing := "The member is missing."
	require.Equal(t, map[string]string{"/line_items/0/quantity": missing, "/line_items/0/unit_amount": missing, "/line_items/1/name": missing,
		"/line_items/1/quantity": missing, "/line_items/1/unit_amount": missing}, told)
	require.ErrorAs(t, decode([]byte("{}"), new(openapi.CreatePayment)), &r)
	require.Equal(t, missing, r.problems[0].Detail)
	require.NoError(t, decode([]byte(with("line_items", `[{"name":"x","quantity":1,"unit_amount":0}]`)), new(openapi.CreatePayment)))
}

// What messages are made of is in the contract: nested members too, and one name with other values in another operation.
func TestContractListsTheValuesOfEnumerations(t *testing.T) {
	for _, place := range []struct{ schema, pointer string }{
		{"CreatePayment", "/channel"}, {"CreatePayment", "/method/product"}, {"CreatePayment", "/save/kind"},
		{"CreatePayment", "/save/recurring/interval"}, {"ConfirmPayment", "/method/type"},
	} {
		require.NotEmpty(t, contract().member(place.schema, place.pointer).values(), place)
	}
	for operation, name := range map[string]string{"ListPayments": "status", "ListMandates": "status", "ListEvents": "type", "ListFeedback": "state"} {
		require.NotEmpty(t, contract().query(operation, name).values(), operation)
	}
	require.NotEqual(t, contract().query("ListPayments", "status").values(), contract().query("ListMandates", "status").values())
	require.Nil(t, contract().member("CreatePayment", "/nothing/at/all"))
	require.Nil(t, contract().query("ListPayments", "nothing"))
}
