package campaign

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// said is the message in the envelope: the number in it is its own, however often and however wrapped it comes.
func (s *amazonSide) said(l letter) string {
	var e struct{ Message string }
	if json.Unmarshal(l.body, &e) != nil || e.Message == "" {
		return string(l.body)
	}
	return e.Message
}

// altered is a message of Amazon's that tells of what nobody here knows, or says more than is known: of a notification only
// the objects it points at count, and those are read.
func (s *amazonSide) altered(r *rand.Rand, l letter, what string) (changed letter, reference string) {
	var e map[string]any
	if json.Unmarshal(l.body, &e) != nil {
		return l, ""
	}
	var n struct{ MerchantID, ObjectType, ObjectId, ChargePermissionId string } //nolint:revive // as on the wire
	text, _ := e["Message"].(string)
	if json.Unmarshal([]byte(text), &n) != nil || n.MerchantID == "" {
		return l, ""
	}
	nobodys := fmt.Sprintf("S02-%07d-%07d", r.IntN(1e7), r.IntN(1e7))
	switch what {
	case unknownField: // the signature does not cover it
		e[fmt.Sprintf("NewIn%d", 2027+r.IntN(9))] = "yes"
		l.body, _ = json.Marshal(e) // what was JSON encodes
	case unknownOrder:
		kind := []string{"CHARGE", "REFUND", "CHARGE_PERMISSION"}[r.IntN(3)]
		id := nobodys + map[string]string{"CHARGE": "-C000001", "REFUND": "-R000001"}[kind]
		l.body = s.Notification(n.MerchantID, kind, id, nobodys)
	case unknownEvent:
		l.body = s.Notification(n.MerchantID, []string{"SETTLEMENT", "CHARGEBACK"}[r.IntN(2)], n.ObjectId, n.ChargePermissionId)
	}
	return l, ""
}

// forged claims that there is a charge.
func (s *amazonSide) forged(a *account, reference, amount string) (sealed, bare letter) {
	merchant := s.account[a.name].MerchantID
	message, _ := json.Marshal(map[string]string{"MerchantID": merchant, "ObjectType": "CHARGE", "ObjectId": reference, "ChargePermissionId": reference,
		"NotificationType": "STATE_CHANGE", "NotificationId": "forged-" + amount, "NotificationVersion": "V2"})
	e := map[string]string{"Type": "Notification", "MessageId": "forged-" + amount, "TopicArn": "arn:aws:sns:eu-west-1:123456789012:" + merchant + merchant,
		"Message": string(message), "Timestamp": "2026-01-05T10:00:00.000Z", "SignatureVersion": "2", "SigningCertURL": amazonURL + "/SimpleNotificationService-0000000000000000000000example00.pem"}
	without, _ := json.Marshal(e)
	e["Signature"] = "AAAA"
	with, _ := json.Marshal(e)
	return letter{contentType: "text/plain; charset=UTF-8", body: with}, letter{contentType: "text/plain; charset=UTF-8", body: without}
}
