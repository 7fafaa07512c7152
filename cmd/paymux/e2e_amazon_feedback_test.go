package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SNS signs so in its first version
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/amazonpay/sandbox"
)

// The type that SNS posts its JSON as.
const typePlain = "text/plain; charset=UTF-8"

// notice is what Amazon says about an object of amazon-eu's, in an envelope that is not signed yet.
func (w *amazonWorld) notice(objectType, object, permission string) map[string]string {
	merchant := amazonAccounts["amazon-eu"].MerchantID
	said := fmt.Sprintf(`{"MerchantID":%q,"ObjectType":%q,"ObjectId":%q,"ChargePermissionId":%q,"NotificationType":"STATE_CHANGE","NotificationId":"%s-%s","NotificationVersion":"V2"}`,
		merchant, objectType, object, permission, objectType, object)
	return map[string]string{"Type": "Notification", "MessageId": "2f0c6a57-5d16-5a2a-9b1e-3e7f0a6f2c11", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:" + merchant + merchant,
		"Message": said, "Timestamp": "2031-01-02T10:15:05.123Z", "SigningCertURL": w.certificate()}
}

// certificate is where that of the simulator lies.
func (w *amazonWorld) certificate() string {
	return w.simURL + "/SimpleNotificationService-0000000000000000000000example00.pem"
}

// envelope is e, with some members changed before Amazon, whose key is the simulator's example, signs it with a hash.
func envelope(t *testing.T, e map[string]string, hash crypto.Hash, change ...string) map[string]string {
	t.Helper()
	e = altered(e, change...)
	file, err := os.ReadFile("../../providers/amazonpay/sandbox/example/notification_key.pem")
	require.NoError(t, err)
	block, _ := pem.Decode(file)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	var text strings.Builder
	for _, name := range []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"} {
		if value, there := e[name]; there {
			text.WriteString(name + "\n" + value + "\n")
		}
	}
	older, newer := sha1.Sum([]byte(text.String())), sha256.Sum256([]byte(text.String())) //nolint:gosec // see above
	digest := map[crypto.Hash][]byte{crypto.SHA1: older[:], crypto.SHA256: newer[:]}[hash]
	signature, err := rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), hash, digest)
	require.NoError(t, err)
	e["Signature"] = base64.StdEncoding.EncodeToString(signature)
	if e["SignatureVersion"] == "" {
		e["SignatureVersion"] = map[crypto.Hash]string{crypto.SHA1: "1", crypto.SHA256: "2"}[hash]
	}
	return e
}

func (w *amazonWorld) operator() *amazonWorld {
	w.t.Helper()
	w.world.operator()
	return w
}

// undecided is a payment that Amazon has not decided on, with the ids of its charge and permission there.
func (w *amazonWorld) undecided(reference string) (id, charge, permission string) {
	w.t.Helper()
	p := w.create(reference, payNow(map[string]any{"allow_pending": true}))
	w.pay(p, "0701")
	var now *answer
	require.True(w.t, eventually(func() bool {
		now = w.get(p.str("id"))
		return now.str("provider.references.chargeId") != ""
	}), now.raw)
	require.Equal(w.t, "processing", now.str("status"))
	return p.str("id"), now.str("provider.references.chargeId"), now.str("provider.references.chargePermissionId")
}

// What Amazon did not sign for this account changes nothing, and nobody is asked about it: signed otherwise, of another
// merchant, of another topic, or by a certificate that is not Amazon's.
func TestAmazonForgedNotifications(t *testing.T) {
	w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) {
		merchant := amazonAccounts["amazon-eu"].MerchantID
		w.settings["amazon-eu"] = "    sns_topics: [\"arn:aws:sns:eu-west-1:123456789012:" + merchant + merchant + "\"]\n"
	}).operator()
	w.unheard()
	id, charge, permission := w.undecided("order-1")
	w.advance(time.Minute) // it is decided, and nobody has said so
	db := w.raw()
	w.quiet(db)
	plain := w.notice("CHARGE", charge, permission)
	good := envelope(t, plain, crypto.SHA256)
	other := amazonAccounts["amazon-other"].MerchantID
	signed := func(change ...string) map[string]string { return envelope(t, plain, crypto.SHA256, change...) }
	rows := map[string]map[string]string{
		"no signature": altered(good, "Signature", ""), "one of another text": altered(good, "Signature", signed("Timestamp", "2031-01-02T10:15:06.123Z")["Signature"]), "no base64": altered(good, "Signature", "?"),
		"another object": altered(good, "Message", strings.Replace(good["Message"], `"CHARGE"`, `"REFUND"`, 1)), "another time": altered(good, "Timestamp", "2031-01-02T10:15:06.123Z"),
		"another topic under the signature": altered(good, "TopicArn", good["TopicArn"]+"x"), "another id": altered(good, "MessageId", "2f0c6a57-5d16-5a2a-9b1e-3e7f0a6f2c12"), "a subject more": altered(good, "Subject", "x"),
		"a foreign topic": signed("TopicArn", "arn:aws:sns:eu-west-1:999999999999:mine"), "a topic beside": signed("TopicArn", good["TopicArn"]+"2"),
		"another merchant": signed("Message", strings.Replace(good["Message"], amazonAccounts["amazon-eu"].MerchantID, other, 1)),
		"version 1":        envelope(t, plain, crypto.SHA1), "version 1 called 2": envelope(t, plain, crypto.SHA1, "SignatureVersion", "2"), "version 3": signed("SignatureVersion", "3"), "no version": altered(good, "SignatureVersion", ""),
		"an unknown type": signed("Type", "Announcement"),
	}
	for name, address := range map[string]string{"no certificate": "", "Amazon's own, which is not the simulator": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
		"another host": "https://evil.example/x.pem", "Amazon's as a user": strings.Replace(w.certificate(), "://", "://sns.eu-west-1.amazonaws.com@", 1), "another port": w.url + "/x.pem", "a query": w.certificate() + "?x",
		"no certificate's name": strings.TrimSuffix(w.certificate(), ".pem"), "a file": "file:///etc/x.pem"} {
		rows["certificate: "+name] = altered(good, "SigningCertURL", address)
	}
	said := func(e map[string]string) string { return asJSON(e) }
	var all []message
	for name, e := range rows {
		all = append(all, message{id: name, account: "amazon-eu", contentType: typePlain, body: said(e), status: 403})
	}
	all = append(all, message{id: "at another account", account: "amazon-other", contentType: typePlain, body: said(good), status: 403}, message{id: "at no account", account: "amazon-no", contentType: typePlain, body: said(good), status: 403},
		message{id: "as a form", account: "amazon-eu", contentType: typeForm, body: said(good), status: 403}, message{id: "in UTF-16", account: "amazon-eu", contentType: "text/plain; charset=utf-16", body: said(good), status: 403},
		message{id: "a name twice", account: "amazon-eu", contentType: typePlain, body: `{"Type":"Notification",` + said(good)[1:], status: 403}, message{id: "cut", account: "amazon-eu", contentType: typePlain, body: said(good)[:400], status: 403},
		message{id: "empty", account: "amazon-eu", contentType: typePlain, status: 403}, message{id: "too long", account: "amazon-eu", contentType: typePlain, body: strings.Repeat(" ", 256<<10+1), status: 413},
		message{id: "asked for", account: "amazon-eu", method: http.MethodGet, status: 405},
		message{id: "a certificate that is not there", account: "amazon-eu", contentType: typePlain, body: said(altered(good, "SigningCertURL", w.simURL+"/none.pem")), status: 503})
	for _, m := range all {
		w.unchanged(db, m.id, func() {
			status, body := w.deliver(m)
			require.Equal(t, m.status, status, "%s: %s", m.id, body)
		})
	}
	require.Empty(t, w.items("operator", ""))
	for name, why := range map[string]string{"a foreign topic": "its topic is none of sns_topics", "another merchant": "it is about another merchant",
		"certificate: another host": "its certificate is not at Amazon SNS", "no signature": "its signature does not match", "an unknown type": "it cannot be read"} {
		_, body := w.deliver(message{account: "amazon-eu", contentType: typePlain, body: said(rows[name])})
		require.Equal(t, "refused", body, "the sender is not told why")
		require.Contains(t, w.call("GET", "/v1/accounts", nil).want(200).raw, `"feedback_refused_because":"`+why, name)
		require.Contains(t, w.logs.String(), why, name)
	}
	status, _ := w.deliver(message{account: "amazon-eu", contentType: typePlain, body: said(good)})
	require.Equal(t, 200, status, "the true one")
	w.become(id, "requires_capture")
	w.balanced(id)
}

// A notification tells no state. So it is read at Amazon before anything is booked, it is kept once however often it
// comes, and an order of somebody else on the same merchant's contract is acknowledged and nothing more.
func TestAmazonNotifications(t *testing.T) {
	eachAmazon(t, func(t *testing.T, w *amazonWorld) {
		w.operator()
		w.unheard()
		id, charge, permission := w.undecided("order-1")
		post := func(e map[string]string, contentType string) {
			status, body := w.deliver(message{account: "amazon-eu", contentType: contentType, body: asJSON(e)})
			require.Equal(t, 200, status, body)
		}
		asked := func() (n int) {
			for _, o := range w.asked() {
				if strings.HasPrefix(o, "GetCharge") && !strings.HasPrefix(o, "GetChargePermission") {
					n++
				}
			}
			return n
		}
		before := asked()
		post(envelope(t, w.notice("CHARGE", charge, permission), crypto.SHA256), typePlain)
		require.Equal(t, id, w.itemIn("applied")["payment"])
		require.True(t, eventually(func() bool { return asked() > before }))
		require.Equal(t, []string{"processing", "0"}, []string{w.get(id).str("status"), w.get(id).str("amounts.authorized")}, "Amazon has not decided, whatever was told")
		require.Len(t, w.items("operator", ""), 1)
		told := w.call("GET", "/v1/payments/"+id+"/timeline", nil).want(200).raw
		require.Contains(t, told, `"objects":[{"id":"`+charge+`","kind":"authorization"}]`, "what it was about")
		require.NotContains(t, told, `"codes":null`)

		w.advance(time.Minute)
		for _, contentType := range []string{typePlain, "text/plain", typeJSON} {
			post(envelope(t, altered(w.notice("CHARGE", charge, permission), "Message", strings.Replace(w.notice("CHARGE", charge, permission)["Message"], "CHARGE-", "AGAIN-", 1)), crypto.SHA256), contentType)
			w.become(id, "requires_capture")
		}
		require.Len(t, w.items("operator", ""), 2, "repetitions are not kept")
		w.balanced(id)

		foreign := strings.Replace(permission, permission[4:11], "0000000", 1)
		for kind, object := range map[string]string{"CHARGE": foreign + "-C000001", "REFUND": foreign + "-R000001", "CHARGE_PERMISSION": foreign, "CHARGEBACK": foreign + "-D000001", "SOMETHING_NEW": foreign} {
			known := len(w.items("operator", ""))
			post(envelope(t, w.notice(kind, object, foreign), crypto.SHA256, "MessageId", "of-"+kind), typePlain)
			require.Len(t, w.items("operator", ""), known+1)
			w.itemIn("unmatched")
		}
		for _, o := range w.requests() {
			require.NotContains(t, o, foreign, "nobody asks about what is not his")
		}
		require.Equal(t, []string{"payment.created", "payment.action_required", "payment.authorized"}, w.events(id))
	})
}

// requests are what the simulator received, as it logs them.
func (w *amazonWorld) requests() (out []string) {
	w.t.Helper()
	resp, err := http.Get(w.simURL + "/_control/requests")
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, resp.Body.Close()) }()
	var list struct{ Requests []json.RawMessage }
	require.NoError(w.t, json.NewDecoder(resp.Body).Decode(&list))
	for _, r := range list.Requests {
		out = append(out, string(r))
	}
	return out
}

// The first version of the signature is over SHA-1: it is taken where the settings say so, and refused elsewhere. What
// was refused is found by asking.
func TestAmazonSignatureOfTheFirstVersion(t *testing.T) {
	for name, enabled := range map[string]bool{"enabled": true, "refused": false} {
		t.Run(name, func(t *testing.T) {
			w := onAmazon(t, func(w *amazonWorld, c *sandbox.Config) {
				c.NotificationSignature = 1
				if enabled {
					w.settings["amazon-eu"] = "    sns_signature_v1: true\n"
				}
			}).operator()
			id, _, _ := w.undecided("order-1")
			w.advance(time.Minute)
			if enabled {
				w.become(id, "requires_capture")
			} else {
				require.True(t, eventually(func() bool { return w.answered() == 403 }))
				require.Equal(t, "processing", w.get(id).str("status"))
				require.Empty(t, w.items("operator", ""))
				require.Equal(t, "requires_capture", w.sync(id).str("status"))
			}
			w.balanced(id)
		})
	}
}

// tries is how the simulator's notifications went.
func (w *amazonWorld) tries() (tries []struct{ Status int }) {
	w.t.Helper()
	resp, err := http.Get(w.simURL + "/_control/feedback")
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, resp.Body.Close()) }()
	var state struct {
		Tries []struct{ Status int }
	}
	require.NoError(w.t, json.NewDecoder(resp.Body).Decode(&state))
	return state.Tries
}

// answered is how the last notification was answered.
func (w *amazonWorld) answered() int {
	if tries := w.tries(); len(tries) > 0 {
		return tries[len(tries)-1].Status
	}
	return 0
}

// Before an endpoint is told anything, SNS may want its subscription confirmed. The program opens no address that came
// with a message: it shows it, and whoever runs it opens it.
func TestAmazonSubscriptionIsConfirmed(t *testing.T) {
	w := onAmazon(t, func(_ *amazonWorld, c *sandbox.Config) {
		for i := range c.Accounts {
			c.Accounts[i].SubscriptionConfirmation = c.Accounts[i].MerchantID == amazonAccounts["amazon-eu"].MerchantID
		}
	}).operator()
	item := w.itemIn("unmatched")
	_, link, found := strings.Cut(item["note"].(string), "if it is yours, open ")
	require.True(t, found, item["note"])
	require.True(t, strings.HasPrefix(link, w.simURL), link)
	id, _, _ := w.undecided("order-1")
	w.advance(time.Minute)
	require.Equal(t, "requires_capture", w.sync(id).str("status"), "found by asking: nothing is told yet")
	require.Len(t, w.items("operator", ""), 1)

	resp, err := http.Get(link)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	next, _, _ := w.undecided("order-2")
	w.advance(time.Minute)
	w.become(next, "requires_capture")
	w.balanced(next)
}

// Whenever notifications come, and however often, an order comes to the same: before the answer to the call that caused
// them, in another order, twice, beside forged ones, long after, or never, when asking finds out.
func TestAmazonNotificationsWhenever(t *testing.T) {
	for _, mode := range []string{"early", "duplicate", "reorder", "forge", "hold", "drop"} {
		t.Run(mode, func(t *testing.T) {
			w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) {
				if mode == "drop" {
					w.scaled()
				}
			})
			w.control("feedback", map[string]any{"mode": mode})
			id, _, _ := w.undecided("order-1")
			w.advance(time.Minute)
			w.release(mode)
			w.become(id, "requires_capture")
			path := "/v1/payments/" + id
			w.call("POST", path+"/captures", map[string]any{"amount": 10000, "final": true}).want(201)
			w.call("POST", path+"/refunds", map[string]any{"amount": 2500}).want(202)
			w.advance(time.Minute)
			w.release(mode)
			require.True(t, eventually(func() bool { return w.get(id).str("amounts.refunded") == "2500" }))
			w.balanced(id)
			require.Equal(t, entry{12550, 10000, 2500, 2550, "EUR"}, w.row(id))
			want := map[string]int{"payment.created": 1, "payment.action_required": 1, "payment.authorized": 1, "capture.created": 1, "capture.succeeded": 1,
				"payment.succeeded": 1, "refund.created": 1, "refund.succeeded": 1}
			var told map[string]int
			eventually(func() bool { told = w.told(id); return maps.Equal(want, told) })
			require.Equal(t, want, told, "each once")
		})
	}
}

// told are a payment's events, counted. Whether the capture was seen before the rest was given up is a matter of who is
// faster.
func (w *amazonWorld) told(id string) map[string]int {
	w.t.Helper()
	told := map[string]int{}
	for _, kind := range w.events(id) {
		told[kind]++
	}
	delete(told, "payment.partially_captured")
	return told
}

// release sends what was held back, or waits for another message, and goes on as before.
func (w *amazonWorld) release(mode string) {
	w.t.Helper()
	switch mode {
	case "hold":
		w.control("feedback", map[string]any{"release": true})
		w.control("feedback", map[string]any{"mode": mode})
	case "reorder":
		w.advance(sandbox.NotificationGap)
	}
}

// A bank charges a payment back. Only a notification tells, so it is believed where the topics are known that may tell;
// elsewhere anybody's topic could, and an operator sees it.
func TestAmazonChargeback(t *testing.T) {
	merchant := amazonAccounts["amazon-eu"].MerchantID
	for name, status := range map[string]string{"    sns_topics: [\"arn:aws:sns:eu-west-1:123456789012:" + merchant + merchant + "\"]\n": "open", "": "none"} {
		t.Run("dispute "+status, func(t *testing.T) {
			w := onAmazon(t, func(w *amazonWorld, _ *sandbox.Config) { w.settings["amazon-eu"] = name }).operator()
			id := w.paid("order-1", map[string]any{"capture_method": "automatic"})
			w.become(id, "succeeded")
			w.office("chargeback", id, nil)
			require.True(t, eventually(func() bool { return len(w.items("operator", "?payment="+id+"&state=applied")) > 0 && w.chargedBack(id) }))
			now := w.get(id)
			require.Equal(t, []string{status, "succeeded", "12550"}, []string{now.str("dispute_status"), now.str("status"), now.str("amounts.captured")})
			w.balanced(id)
		})
	}
}

// chargedBack reports whether the inbox has applied a chargeback of a payment.
func (w *amazonWorld) chargedBack(id string) bool {
	for _, item := range w.items("operator", "?payment="+id) {
		for _, fact := range item["facts"].([]any) {
			if fact.(map[string]any)["kind"] == "disputed" && item["state"] == "applied" {
				return true
			}
		}
	}
	return false
}
