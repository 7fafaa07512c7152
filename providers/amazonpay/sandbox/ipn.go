package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// Notifications are tried four times, an hour apart, as merchants report. The documents give no schedule; that an answer of
// 4xx ends the tries is reported too.
const (
	NotificationTries   = 4
	NotificationGap     = time.Hour
	notificationTimeout = 15 * time.Second // the limit of SNS
)

var notificationRule = simulator.Rule{
	Tries: NotificationTries, Gap: func(int) time.Duration { return NotificationGap }, Timeout: notificationTimeout,
	Accepted: func(status int, _ []byte) bool { return status/100 == 2 || status/100 == 4 },
}

// What a notification is about.
const (
	objectPermission = "CHARGE_PERMISSION"
	objectCharge     = "CHARGE"
	objectRefund     = "REFUND"
	objectChargeback = "CHARGEBACK"
)

// notification is the Message of the envelope; it tells no state.
type notification struct {
	MerchantID          string
	ObjectType          string
	ObjectID            string `json:"ObjectId"`
	ChargePermissionID  string `json:"ChargePermissionId"`
	NotificationType    string
	NotificationID      string `json:"NotificationId"`
	NotificationVersion string
}

// envelope is what SNS posts.
type envelope struct {
	Type             string
	MessageID        string `json:"MessageId"`
	Token            string `json:",omitempty"`
	TopicArn         string
	Message          string
	SubscribeURL     string `json:",omitempty"`
	Timestamp        string
	SignatureVersion string
	Signature        string
	SigningCertURL   string
	UnsubscribeURL   string `json:",omitempty"`
}

var topicRegions = map[string]string{"na": "us-east-1", "eu": "eu-west-1", "jp": "us-west-2"}

// Topic is the ARN of the topic that all notifications of the merchant come from.
func (a Account) Topic() string {
	return "arn:aws:sns:" + topicRegions[a.Region] + ":123456789012:" + a.MerchantID + a.MerchantID
}

// What has changed.
const (
	stateChange     = "STATE_CHANGE"
	attributeChange = "ATTRIBUTE_CHANGE"
)

// notify makes the messages about the new state of an object of a permission. The caller holds the lock.
func (s *Server) notify(p *permission, objectType, id string) []simulator.Message {
	return s.notifyOf(stateChange, p, objectType, id)
}

// notifyOf makes one message for each endpoint that is confirmed. The caller holds the lock.
func (s *Server) notifyOf(change string, p *permission, objectType, id string) []simulator.Message {
	n := notification{
		MerchantID: p.merchantID, ObjectType: objectType, ObjectID: id, ChargePermissionID: p.id,
		NotificationType: change, NotificationID: s.uuid(), NotificationVersion: "V2",
	}
	var messages []simulator.Message
	for _, to := range p.account.IPNEndpoints[p.environment] {
		if s.unconfirmed[endpoint{p.owner, to}] != "" {
			continue
		}
		e := s.seal(envelope{Type: "Notification", TopicArn: p.account.Topic(), Message: marshal(n)})
		forged := e
		forged.Message = marshal(notification{
			MerchantID: n.MerchantID, ObjectType: objectCharge, ObjectID: p.id + "-C000000", ChargePermissionID: p.id,
			NotificationType: n.NotificationType, NotificationID: s.uuid(), NotificationVersion: n.NotificationVersion,
		})
		messages = append(messages, message(p.id, objectType, to, e, forged))
	}
	return messages
}

// Notification is the body of one notification to a merchant about any object, known or not, signed like every other. Nothing
// sends it: it is for tests of what a receiver makes of it.
func (s *Server) Notification(merchantID, objectType, objectID, permissionID string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.config.Accounts {
		if a := &s.config.Accounts[i]; a.MerchantID == merchantID {
			n := notification{
				MerchantID: merchantID, ObjectType: objectType, ObjectID: objectID, ChargePermissionID: permissionID,
				NotificationType: stateChange, NotificationID: s.uuid(), NotificationVersion: "V2",
			}
			return []byte(marshal(s.seal(envelope{Type: "Notification", TopicArn: a.Topic(), Message: marshal(n)})))
		}
	}
	return nil
}

func message(payment, kind, to string, e, forged envelope) simulator.Message {
	return simulator.Message{
		Payment: payment, Kind: kind, URL: to, ContentType: "text/plain; charset=UTF-8",
		Header: http.Header{
			"X-Amz-Sns-Message-Type":     {e.Type},
			"X-Amz-Sns-Message-Id":       {e.MessageID},
			"X-Amz-Sns-Topic-Arn":        {e.TopicArn},
			"X-Amz-Sns-Subscription-Arn": {e.TopicArn + ":" + subscription},
			"User-Agent":                 {"Amazon Simple Notification Service Agent"},
		},
		Body: []byte(marshal(e)), Forged: []byte(marshal(forged)),
	}
}

// subscription is the one subscription of every endpoint.
const subscription = "5be8dd28-4a17-4d7c-8b8f-0e3b1c6d7a55"

// seal gives a message its id, moment and signature. The caller holds the lock.
func (s *Server) seal(e envelope) envelope {
	e.MessageID, e.Timestamp = s.uuid(), s.sim.Clock.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	e.SigningCertURL = s.url + certificatePath
	if e.Type == "Notification" {
		e.UnsubscribeURL = s.url + subscribePath + "?Action=Unsubscribe&SubscriptionArn=" + e.TopicArn + ":" + subscription
	}
	s.signer.sign(&e, s.config.NotificationSignature)
	return e
}

// marshal writes JSON without escaping what HTML would want escaped.
func marshal(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // plain values always encode
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
