package campaign

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
)

// said is a message without what differs between two that say the same: the order of its fields, and how it is written.
func (s *apsSide) said(l letter) string {
	if f := fieldsOf(l.contentType, l.body); f != nil {
		return string(written("application/json", f))
	}
	return string(l.body)
}

// altered writes a message anew, with another truth.
func (s *apsSide) altered(r *rand.Rand, l letter, what string) (changed letter, reference string) {
	f := fieldsOf(l.contentType, l.body)
	alter(r, f, what)
	reference = f["merchant_reference"]
	if a, ok := s.account[strings.TrimPrefix(l.path, "/feedback/")]; ok {
		l.body = written(l.contentType, signed(a, f))
	}
	return l, reference
}

// alter changes what a message says.
func alter(r *rand.Rand, f map[string]string, what string) {
	switch what {
	case contradiction:
		declined := map[string]string{"PURCHASE": "13", "AUTHORIZATION": "03", "CAPTURE": "05", "REFUND": "07", "VOID_AUTHORIZATION": "09"}[f["command"]]
		if f["status"] == declined {
			declined = map[string]string{"PURCHASE": "14", "AUTHORIZATION": "02"}[f["command"]]
			f["response_code"] = declined + "000"
		} else {
			f["response_code"] = declined + "666"
		}
		f["status"] = declined
	case otherMoney:
		if percent(r, 50) {
			f["amount"] += "0"
		} else {
			f["currency"] = "OMR"
		}
	case unknownField:
		f[fmt.Sprintf("new_in_%d", 2027+r.IntN(9))] = "yes"
	case unknownEvent:
		if percent(r, 50) {
			f["command"] = "SETTLED_BY_POST"
		} else {
			f["status"], f["response_code"] = "99", "99999"
		}
	case unknownOrder:
		f["merchant_reference"], f["fort_id"] = fmt.Sprintf("NOBODYS-%d", r.IntN(1000)), fmt.Sprint(200000000000000000+r.Int64N(1000))
	}
}

// forged claims that an order was paid.
func (s *apsSide) forged(a *account, reference, amount string) (sealed, bare letter) {
	f := url.Values{"command": {"PURCHASE"}, "status": {"14"}, "response_code": {"14000"}, "merchant_reference": {reference}, "amount": {amount}, "currency": {"AED"},
		"fort_id": {"100000000000000001"}, "merchant_identifier": {s.account[a.name].MerchantIdentifier}, "access_code": {s.account[a.name].AccessCode}, "signature": {"00"}}
	sealed = letter{contentType: "application/x-www-form-urlencoded", body: []byte(f.Encode())}
	return sealed, letter{contentType: "application/json", body: []byte(`{"command":"PURCHASE","merchant_reference":"` + reference + `"}`)}
}
