package amazonpay

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/strict"
)

// maxFeedback is the longest body that is read, in bytes. SNS delivers up to 256 KiB of whatever anybody publishes, and
// what is authentic is kept; a notification of Amazon Pay has about one KiB.
const maxFeedback = 16 << 10

// ParseFeedback believes nothing in the message before its signature is that of Amazon SNS, and its topic and merchant
// are this account's. A notification names an object and no state, so it brings no facts: Read says what to ask about.
// A chargeback cannot be asked about and is a fact, if the topic is one of the settings: anybody can have a topic of his
// own at SNS that signs what he likes, so without the setting it is a hint, as everything else is.
//
// A request to confirm a subscription has no effect here: Note tells an operator what to open. Confirming it by itself
// would make a call to an address that came with the message, while it is judged.
// Errors: NotAuthentic; Malformed; Unavailable when the certificate cannot be had.
// Source: Amazon Pay, instant payment notifications; Amazon SNS, verifying the signatures of messages.
func (p *Provider) ParseFeedback(ctx context.Context, m core.Message) (core.Feedback, error) {
	e, err := decode(m)
	if err != nil {
		return core.Feedback{}, core.Malformed(err)
	}
	if why := p.misaddressed(e); why != "" { // before a certificate is fetched for it
		return core.Feedback{}, core.NotAuthentic(why)
	}
	if err := p.certs.verify(ctx, e); err != nil {
		return core.Feedback{}, err
	}
	return p.translated(e), nil
}

// ReadFeedback translates a message that was authentic when it came. Error: Malformed.
func (p *Provider) ReadFeedback(_ context.Context, m core.Message) (core.Feedback, error) {
	e, err := decode(m)
	if err != nil {
		return core.Feedback{}, core.Malformed(err)
	}
	return p.translated(e), nil
}

// decode reads the envelope once, strictly. SNS says that its JSON is plain text.
func decode(m core.Message) (envelope, error) {
	switch {
	case m.Method != "" && m.Method != http.MethodPost:
		return nil, errors.New("amazonpay: notifications are posted")
	case len(m.Body) == 0:
		return nil, errors.New("amazonpay: the notification is empty")
	case len(m.Body) > maxFeedback:
		return nil, errors.New("amazonpay: the notification is too long")
	}
	media, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || media != "text/plain" && media != mediaJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, errors.New("amazonpay: notifications are plain text or JSON, in UTF-8")
	}
	v, err := strict.JSON(m.Body)
	if err != nil {
		return nil, err
	}
	if v.Kind != strict.Object {
		return nil, errors.New("amazonpay: the notification is no JSON object")
	}
	return enveloped(v)
}

// notification is the message in the envelope.
type notification struct {
	MerchantID, ObjectType, ObjectID, ChargePermissionID, NotificationType, NotificationID, NotificationVersion string
}

// objects of notifications, and what they are here.
var objects = map[string]core.ObjectKind{
	"CHARGE": core.ObjAuthorization, "CHARGE_PERMISSION": core.ObjAgreement, "REFUND": core.ObjRefund,
}

const chargeback = "CHARGEBACK"

// misaddressed is why an envelope is not for this account, empty when it is: of one of its topics, and about its merchant.
// Where no topic is set, what has no merchant in it has to come from a topic that bears the merchant's id, as those of
// Amazon Pay do.
func (p *Provider) misaddressed(e envelope) string {
	if len(p.cfg.Topics) > 0 && !p.pinned(e) {
		return whyTopic
	}
	if n, err := notified(e["Message"]); e["Type"] == typeNotification && err == nil {
		if n.MerchantID != p.cfg.MerchantID {
			return whyMerchant
		}
		return ""
	}
	topic := e["TopicArn"][strings.LastIndex(e["TopicArn"], ":")+1:]
	if !p.pinned(e) && !strings.Contains(topic, p.cfg.MerchantID) {
		return whyForeign
	}
	return ""
}

func (p *Provider) pinned(e envelope) bool { return slices.Contains(p.cfg.Topics, e["TopicArn"]) }

// translated is what an envelope says.
func (p *Provider) translated(e envelope) core.Feedback {
	fb := core.Feedback{DedupeKey: "sns:" + e["MessageId"], Ack: core.Ack{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8"}}
	n, err := notified(e["Message"])
	switch {
	case e["Type"] != typeNotification:
		fb.Note, n = p.subscriptionNote(e), notification{}
	case err != nil:
		fb.Note = "the message in the envelope cannot be read"
	default:
		if idForm.MatchString(n.NotificationID) {
			fb.DedupeKey = "ipn:" + n.NotificationID
		}
		translate(&fb, n, p.pinned(e))
	}
	fb.Shown = shown(e, n)
	return fb
}

// translate says what to read, and finds the attempt: by the object, and by the permission where that has one order only.
func translate(fb *core.Feedback, n notification, pinned bool) {
	if !idForm.MatchString(n.ObjectID) || n.ChargePermissionID != "" && !idForm.MatchString(n.ChargePermissionID) {
		fb.Note = "its ids cannot be read"
		return
	}
	order := or(n.ChargePermissionID, n.ObjectID)
	if n.ObjectType == "CHARGE_PERMISSION" {
		order = n.ObjectID // what is beside it names nothing else
	}
	if oneOrder(order) || n.ObjectType == "CHARGE_PERMISSION" {
		fb.Refs = core.Refs{refPermission: order}
	}
	kind, known := objects[n.ObjectType]
	switch {
	case n.ObjectType == chargeback:
		fact := core.Fact{Kind: core.Disputed, ID: n.ObjectID, Strength: core.Hint, Code: chargeback}
		if pinned {
			fact.Strength = core.Asserted
		} else {
			fb.Note = "set sns_topics to have chargebacks believed: without it anybody's topic could tell of one"
		}
		fb.Facts = []core.Fact{fact}
		if !oneOrder(order) {
			fb.Refs = core.Refs{refCharge: n.ObjectID}
		}
		return
	case !known:
		fb.Note = shownCode(strings.ReplaceAll(n.ObjectType, "_", "")) + " is not an object of payments"
		return
	case kind == core.ObjAuthorization:
		fb.Refs = with(fb.Refs, refCharge, n.ObjectID)
	case kind == core.ObjRefund:
		fb.Refs = with(fb.Refs, refRefund, n.ObjectID)
	}
	if kind != core.ObjAgreement && !oneOrder(order) {
		fb.Under = core.Refs{refPermission: order}
	}
	fb.Note = "it names an object, which is read"
	fb.Read = []core.Object{{Kind: kind, ID: n.ObjectID}}
}

// oneOrder reports whether a permission has one order: those of stored consents begin with other letters.
// Source: Amazon Pay, identifiers of charge permissions.
func oneOrder(permission string) bool {
	return strings.HasPrefix(permission, "S") || strings.HasPrefix(permission, "P")
}

// notified reads the message, whose names come in more than one spelling, and none twice.
func notified(text string) (n notification, err error) {
	v, err := strict.JSON([]byte(text))
	if err != nil || v.Kind != strict.Object {
		return notification{}, errors.New("amazonpay: the message is no JSON object")
	}
	for _, m := range v.Members {
		field := map[string]*string{
			"merchantid": &n.MerchantID, "objecttype": &n.ObjectType, "objectid": &n.ObjectID, "chargepermissionid": &n.ChargePermissionID,
			"notificationtype": &n.NotificationType, "notificationid": &n.NotificationID, "notificationversion": &n.NotificationVersion,
		}[strings.ToLower(m.Name)]
		switch {
		case field == nil || m.Value.Kind == strict.Null:
		case m.Value.Kind != strict.String:
			return notification{}, errors.New("amazonpay: the message has another shape")
		default:
			*field = m.Value.Text
		}
	}
	return n, nil
}

func (p *Provider) subscriptionNote(e envelope) string {
	if u, err := url.Parse(e["SubscribeURL"]); e["Type"] == typeConfirmation && err == nil && p.certs.atAmazon(u) {
		return "Amazon SNS asks whether topic " + e["TopicArn"] + " may send here; if it is yours, open " + e["SubscribeURL"]
	}
	return "Amazon SNS tells of the subscription of topic " + e["TopicArn"]
}

// shown is a message for people, without its signature and the address that ends the subscription.
func shown(e envelope, n notification) string {
	seen := map[string]string{"Type": e["Type"], "TopicArn": e["TopicArn"], "Timestamp": e["Timestamp"], "MessageId": e["MessageId"]}
	for name, value := range map[string]string{"MerchantID": n.MerchantID, "ObjectType": n.ObjectType, "ObjectId": n.ObjectID,
		"ChargePermissionId": n.ChargePermissionID, "NotificationType": n.NotificationType, "NotificationId": n.NotificationID} {
		if shownForm.MatchString(value) {
			seen[name] = value
		}
	}
	text, _ := json.Marshal(seen) // text always encodes
	return string(text)
}
