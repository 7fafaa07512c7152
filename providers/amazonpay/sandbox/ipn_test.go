package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// bubbled runs a test in which nothing happens by chance: synctest.Wait returns when every notification was tried.
func bubbled(t *testing.T, test func(t *testing.T, w *world), change ...func(*Config)) {
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, change...)) })
}

// quiet waits until nothing moves any more, and expects so many notifications so far.
func (w *world) quiet(want int) []received {
	w.t.Helper()
	synctest.Wait()
	require.Len(w.t, w.told(), want)
	return w.told()
}

// verified checks a notification as the SNS guide says, on its own, and returns envelope and message.
func (w *world) verified(body []byte) (envelope, message map[string]string, ok bool) {
	w.t.Helper()
	require.NoError(w.t, json.Unmarshal(body, &envelope))
	certificateURL := envelope["SigningCertURL"]
	require.True(w.t, strings.HasPrefix(certificateURL, "https://"+simHost+"/") && strings.HasSuffix(certificateURL, ".pem"), certificateURL)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, certificateURL, nil)
	require.NoError(w.t, err)
	resp, err := w.http.Do(r)
	require.NoError(w.t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(w.t, err)
	keys := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if envelope["Type"] == "SubscriptionConfirmation" {
		keys = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	} else {
		require.NoError(w.t, json.Unmarshal([]byte(envelope["Message"]), &message))
	}
	var signed strings.Builder
	for _, key := range keys {
		if content, present := envelope[key]; present {
			signed.WriteString(key + "\n" + content + "\n")
		}
	}
	raw, err := base64.StdEncoding.DecodeString(envelope["Signature"])
	require.NoError(w.t, err)
	key := certificate.PublicKey.(*rsa.PublicKey)
	if envelope["SignatureVersion"] == "1" {
		sum := sha1.Sum([]byte(signed.String()))
		return envelope, message, rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], raw) == nil
	}
	require.Equal(w.t, "2", envelope["SignatureVersion"])
	sum := sha256.Sum256([]byte(signed.String()))
	return envelope, message, rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil
}

func TestNotifications(t *testing.T) {
	for _, version := range []int{1, 2} {
		bubbled(t, testNotifications, func(c *Config) { c.NotificationSignature = version })
	}
}

func testNotifications(t *testing.T, w *world) {
	permission, charge := w.paid("Authorize", "10.00", "told")
	told := w.quiet(3)
	var about []string
	ids := map[string]bool{}
	for _, one := range told {
		envelope, message, ok := w.verified(one.body)
		require.True(t, ok)
		require.Equal(t, "Notification", envelope["Type"])
		require.Equal(t, "arn:aws:sns:eu-west-1:123456789012:pmxAEXAMPLE001pmxAEXAMPLE001", envelope["TopicArn"])
		require.Equal(t, "text/plain; charset=UTF-8", one.header.Get("Content-Type"))
		require.Equal(t, "Notification", one.header.Get("X-Amz-Sns-Message-Type"))
		require.Equal(t, envelope["MessageId"], one.header.Get("X-Amz-Sns-Message-Id"))
		require.Equal(t, envelope["TopicArn"], one.header.Get("X-Amz-Sns-Topic-Arn"))
		require.Equal(t, "Amazon Simple Notification Service Agent", one.header.Get("User-Agent"))
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, envelope["Timestamp"])
		require.Equal(t, "pmxAEXAMPLE001", message["MerchantID"])
		require.Equal(t, permission, message["ChargePermissionId"])
		require.Equal(t, "STATE_CHANGE", message["NotificationType"])
		require.Equal(t, "V2", message["NotificationVersion"])
		require.NotContains(t, string(one.body), "Authorized", "no state is told")
		ids[message["NotificationId"]] = true
		about = append(about, message["ObjectType"]+" "+message["ObjectId"])
	}
	require.Len(t, ids, 3)
	require.Equal(t, []string{"CHARGE_PERMISSION " + permission, "CHARGE " + charge, "CHARGE_PERMISSION " + permission}, about)
}

func TestNotificationsAreRepeatedHourly(t *testing.T) {
	bubbled(t, func(t *testing.T, w *world) {
		_, charge := w.paid("AuthorizeWithCapture", "10.00", "retried")
		before := len(w.quiet(3))
		require.Equal(t, 4, NotificationTries)
		w.answers = func(int) int { return http.StatusServiceUnavailable }
		w.post("refunds", refundBody(charge, "10.00"))
		w.advance(DefaultSettleAfter)
		for try := 1; try <= NotificationTries; try++ {
			w.quiet(before + try)
			w.advance(NotificationGap - time.Second)
			w.quiet(before + try)
			w.advance(time.Second)
		}
		w.advance(10 * NotificationGap)
		for _, one := range w.quiet(before + NotificationTries)[before:] {
			require.Equal(t, string(w.told()[before].body), string(one.body), "a repetition keeps both ids")
		}
	})
}

func TestAClientErrorEndsTheTries(t *testing.T) {
	bubbled(t, func(t *testing.T, w *world) {
		w.answers = func(int) int { return http.StatusForbidden }
		w.paid("Confirm", "10.00", "refused")
		w.quiet(1)
		w.advance(5 * NotificationGap)
		w.quiet(1)
	})
}

func TestForgedNotificationsDoNotVerify(t *testing.T) {
	bubbled(t, func(t *testing.T, w *world) {
		w.control("feedback", `{"mode":"forge","times":1}`)
		w.paid("Confirm", "10.00", "forged")
		told := w.quiet(2)
		_, _, ok := w.verified(told[0].body)
		require.False(t, ok)
		_, _, ok = w.verified(told[1].body)
		require.True(t, ok)
	})
}

func TestAnEarlyNotificationComesBeforeTheAnswer(t *testing.T) {
	bubbled(t, func(t *testing.T, w *world) {
		permission := w.ordered("10.00", "early")
		before := len(w.quiet(1))
		seen := ""
		w.onTold = func(one received) {
			_, message, _ := w.verified(one.body)
			if message["ObjectType"] == "CHARGE" {
				seen = w.get("charges/" + message["ObjectId"]).str("statusDetails.state")
			}
		}
		w.control("feedback", `{"mode":"early"}`)
		w.post("charges", chargeBody(permission, "1.00", ""))
		require.Equal(t, authorized, seen)
		require.Greater(t, len(w.told()), before)
	})
}

func TestSubscriptionConfirmation(t *testing.T) {
	bubbled(t, func(t *testing.T, w *world) {
		w.paid("Confirm", "10.00", "what is there from the start is confirmed")
		before := len(w.quiet(1))
		require.NoError(t, w.server.SetFeedbackURLs(w.account.MerchantID, Sandbox, ipnURL, "https://shop.test/second"))
		asked, _, ok := w.verified(w.quiet(before + 1)[before].body)
		require.True(t, ok)
		require.Equal(t, "SubscriptionConfirmation", asked["Type"])
		w.paid("Confirm", "10.00", "one is told")
		before = len(w.quiet(before + 2))
		at := strings.TrimPrefix(asked["SubscribeURL"], "https://"+simHost)
		status, _ := w.read(strings.Replace(at, asked["Token"], strings.Repeat("0", 64), 1))
		require.Equal(t, http.StatusBadRequest, status)
		status, answer := w.read(at)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, answer, "<SubscriptionArn>"+asked["TopicArn"])
		w.paid("Confirm", "10.00", "both are told")
		before = len(w.quiet(before + 2))
		require.NoError(t, w.server.SetFeedbackURLs(w.account.MerchantID, Sandbox))
		w.paid("Confirm", "10.00", "nobody is told")
		w.quiet(before)
	}, func(c *Config) { c.Accounts[0].SubscriptionConfirmation = true })
	w := newWorld(t)
	require.Error(t, w.server.SetFeedbackURLs(w.account.MerchantID, Sandbox, "ftp://shop.test"))
	require.Error(t, w.server.SetFeedbackURLs("nobody", Sandbox))
}
