package amazonpay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SNS signs so in its first version
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

const (
	certURL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
	getCert = "GET /SimpleNotificationService-0123456789abcdef.pem"
	topic   = "arn:aws:sns:eu-west-1:123456789012:pmxMERCHANT01pmxPLATFORM"
)

// authority is who signs for SNS in these tests.
type authority struct {
	key  *rsa.PrivateKey
	cert string
}

var theAuthority = sync.OnceValue(func() authority { return newAuthority("Example Signing", time.Now().Add(time.Hour)) })

// newAuthority has a certificate that somebody else issued, which is all that can be seen of it.
func newAuthority(issuer string, until time.Time) authority {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	subject := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until}
	parent := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: issuer}}
	der, err := x509.CreateCertificate(rand.Reader, subject, parent, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return authority{key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

func (a authority) answers() answer {
	return answer{status: http.StatusOK, body: a.cert, media: "binary/octet-stream"}
}

// sealed is an envelope that a has signed.
func (a authority) sealed(t testing.TB, e envelope) envelope {
	t.Helper()
	e = maps.Clone(e)
	sum := sha256.Sum256([]byte(e.signedText()))
	kind, digest := crypto.SHA256, sum[:]
	if e["SignatureVersion"] == "1" {
		older := sha1.Sum([]byte(e.signedText())) //nolint:gosec // see above
		kind, digest = crypto.SHA1, older[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, kind, digest)
	require.NoError(t, err)
	e["Signature"] = base64.StdEncoding.EncodeToString(signature)
	return e
}

func ipn(objectType, id, permission string) string {
	text, _ := json.Marshal(map[string]string{"MerchantID": "pmxMERCHANT01", "ObjectType": objectType, "ObjectId": id, "ChargePermissionId": permission,
		"NotificationType": "STATE_CHANGE", "NotificationId": "5e1c7b0c-9c55-4b6b-8a63-19a3f7c3d0a2", "NotificationVersion": "V2"})
	return string(text)
}

func notice(text string) envelope {
	return envelope{"Type": typeNotification, "MessageId": "2f0c6a57-5d16-5a2a-9b1e-3e7f0a6f2c11", "TopicArn": topic, "Message": text,
		"Timestamp": "2031-01-02T10:15:05.123Z", "SignatureVersion": "2", "SigningCertURL": certURL, "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe"}
}

func posted(t testing.TB, e envelope) core.Message {
	t.Helper()
	body, err := json.Marshal(e)
	require.NoError(t, err)
	return core.Message{Method: http.MethodPost, Header: http.Header{"Content-Type": {"text/plain; charset=UTF-8"}}, Body: body}
}

func receiver(t testing.TB, change func(*Config)) (*Provider, *wire) {
	cfg := testConfig(t)
	cfg.Topics = []string{topic}
	if change != nil {
		change(&cfg)
	}
	w := newWire(t).on(getCert, theAuthority().answers())
	return newProvider(t, cfg, w), w
}

func TestNotifications(t *testing.T) {
	for name, c := range map[string]struct {
		message  string
		refs     core.Refs
		read     []core.Object
		facts    []core.FactKind
		strength core.Strength
	}{
		"charge":               {ipn("CHARGE", chargeNo, permissionNo), core.Refs{refCharge: chargeNo, refPermission: permissionNo}, []core.Object{{Kind: core.ObjAuthorization, ID: chargeNo}}, nil, 0},
		"charge on a consent":  {ipn("CHARGE", chargeNo, consentNo), core.Refs{refCharge: chargeNo}, []core.Object{{Kind: core.ObjAuthorization, ID: chargeNo}}, nil, 0},
		"refund":               {ipn("REFUND", refundNo, permissionNo), core.Refs{refRefund: refundNo, refPermission: permissionNo}, []core.Object{{Kind: core.ObjRefund, ID: refundNo}}, nil, 0},
		"refund on a consent":  {ipn("REFUND", refundNo, consentNo), core.Refs{refRefund: refundNo}, []core.Object{{Kind: core.ObjRefund, ID: refundNo}}, nil, 0},
		"permission":           {ipn("CHARGE_PERMISSION", permissionNo, permissionNo), core.Refs{refPermission: permissionNo}, []core.Object{{Kind: core.ObjAgreement, ID: permissionNo}}, nil, 0},
		"permission of others": {ipn("CHARGE_PERMISSION", "S02-0000000-0000000", permissionNo), core.Refs{refPermission: "S02-0000000-0000000"}, []core.Object{{Kind: core.ObjAgreement, ID: "S02-0000000-0000000"}}, nil, 0},
		"consent":              {ipn("CHARGE_PERMISSION", consentNo, consentNo), core.Refs{refPermission: consentNo}, []core.Object{{Kind: core.ObjAgreement, ID: consentNo}}, nil, 0},
		"chargeback":           {ipn("CHARGEBACK", "B-1", permissionNo), core.Refs{refPermission: permissionNo}, nil, []core.FactKind{core.Disputed}, core.Asserted},
		"in other letters":     {strings.NewReplacer("ObjectId", "objectId", "MerchantID", "merchantId").Replace(ipn("CHARGE", chargeNo, permissionNo)), core.Refs{refCharge: chargeNo, refPermission: permissionNo}, []core.Object{{Kind: core.ObjAuthorization, ID: chargeNo}}, nil, 0},
		"an object of others":  {ipn("ACCOUNT", "x", permissionNo), core.Refs{refPermission: permissionNo}, nil, nil, 0},
		"an id of letters":     {ipn("CHARGE", "../x", permissionNo), nil, nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := receiver(t, nil)
			m := posted(t, theAuthority().sealed(t, notice(c.message)))
			fb, err := p.ParseFeedback(t.Context(), m)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, fb.Ack.Status)
			require.Equal(t, "ipn:5e1c7b0c-9c55-4b6b-8a63-19a3f7c3d0a2", fb.DedupeKey)
			require.Equal(t, c.refs, fb.Refs)
			require.Equal(t, c.read, fb.Read)
			require.Equal(t, c.facts, kinds(fb.Facts))
			for _, f := range fb.Facts {
				require.Equal(t, c.strength, f.Strength)
				require.Empty(t, f.Amount)
			}
			require.Contains(t, fb.Shown, topic)
			require.NotContains(t, fb.Shown, "Unsubscribe")
			stored := core.Message{Method: http.MethodPost, Header: http.Header{"Content-Type": m.Header["Content-Type"]}, Body: m.Body}
			again, err := p.ReadFeedback(t.Context(), stored)
			require.NoError(t, err)
			require.Equal(t, fb, again)
		})
	}
}

func TestChargebackOfAnybodysTopic(t *testing.T) {
	p, _ := receiver(t, func(c *Config) { c.Topics = nil })
	e := notice(ipn("CHARGEBACK", "B-1", permissionNo))
	e["TopicArn"] = "arn:aws:sns:eu-west-1:999999999999:mine"
	fb, err := p.ParseFeedback(t.Context(), posted(t, theAuthority().sealed(t, e)))
	require.NoError(t, err)
	require.Equal(t, core.Hint, fb.Facts[0].Strength, "anybody can have a topic")
	require.Contains(t, fb.Note, "sns_topics")
}

func TestAuthenticAndNotUnderstood(t *testing.T) {
	p, _ := receiver(t, nil)
	for _, text := range []string{"hello", "[]", `{"MerchantID":1}`, `{"MerchantID":"pmxMERCHANT01","merchantid":"x"}`} {
		fb, err := p.ParseFeedback(t.Context(), posted(t, theAuthority().sealed(t, notice(text))))
		require.NoError(t, err)
		require.Equal(t, "sns:2f0c6a57-5d16-5a2a-9b1e-3e7f0a6f2c11", fb.DedupeKey)
		require.NotEmpty(t, fb.Note)
		require.Empty(t, fb.Facts)
		require.Empty(t, fb.Read)
		require.Equal(t, http.StatusOK, fb.Ack.Status)
	}
}

func TestSubscriptions(t *testing.T) {
	e := notice("You have chosen to subscribe")
	delete(e, "UnsubscribeURL")
	e["Type"], e["Token"], e["SubscribeURL"] = typeConfirmation, "2336412f37fb687f", "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37fb687f"
	p, w := receiver(t, nil)
	fb, err := p.ParseFeedback(t.Context(), posted(t, theAuthority().sealed(t, e)))
	require.NoError(t, err)
	require.Contains(t, fb.Note, e["SubscribeURL"])
	require.Equal(t, []string{getCert}, w.calls, "it is not opened")
	require.Empty(t, fb.Read)

	e["SubscribeURL"] = "https://evil.example/confirm"
	fb, err = p.ParseFeedback(t.Context(), posted(t, theAuthority().sealed(t, e)))
	require.NoError(t, err)
	require.NotContains(t, fb.Note, "evil")

	e["Type"] = typeUnsubscribe
	_, err = p.ParseFeedback(t.Context(), posted(t, theAuthority().sealed(t, e)))
	require.NoError(t, err)

	anybody, _ := receiver(t, func(c *Config) { c.Topics = nil })
	e["TopicArn"] = "arn:aws:sns:eu-west-1:999999999999:mine"
	_, err = anybody.ParseFeedback(t.Context(), posted(t, theAuthority().sealed(t, e)))
	require.ErrorIs(t, err, core.ErrUnauthenticated)
}

// TestForgeries are messages that somebody else made, or made something else of.
func TestForgeries(t *testing.T) {
	good := notice(ipn("CHARGE", chargeNo, permissionNo))
	change := func(name, value string) envelope {
		e := maps.Clone(good)
		e[name] = value
		return theAuthority().sealed(t, e)
	}
	after := func(name, value string) envelope {
		e := theAuthority().sealed(t, good)
		e[name] = value
		return e
	}
	without := func(name string) envelope {
		e := theAuthority().sealed(t, good)
		delete(e, name)
		return e
	}
	forms := map[string]envelope{
		"another message":        after("Message", ipn("CHARGE", "S02-0000000-0000000-C000001", permissionNo)),
		"another id":             after("MessageId", "2f0c6a57-5d16-5a2a-9b1e-000000000000"),
		"another time":           after("Timestamp", "2032-01-02T10:15:05.123Z"),
		"a subject":              after("Subject", "x"),
		"another type":           after("Type", typeConfirmation),
		"no signature":           without("Signature"),
		"a signature of text":    after("Signature", "%%%"),
		"no version":             without("SignatureVersion"),
		"version 1":              change("SignatureVersion", "1"),
		"version 3":              after("SignatureVersion", "3"),
		"no certificate":         without("SigningCertURL"),
		"another topic":          change("TopicArn", "arn:aws:sns:eu-west-1:999999999999:mine"),
		"another merchant":       change("Message", strings.Replace(ipn("CHARGE", chargeNo, permissionNo), "pmxMERCHANT01", "pmxMERCHANT02", 1)),
		"no merchant":            change("Message", strings.Replace(ipn("CHARGE", chargeNo, permissionNo), "MerchantID", "Merchant", 1)),
		"another's key":          newAuthority("Example Signing", time.Now().Add(time.Hour)).sealed(t, good),
		"a line break":           change("Subject", "x\nTimestamp\n2031"),
		"a topic and a break":    change("TopicArn", topic+"\nType\nNotification"),
		"a type and a break":     change("Type", "Notification\n"),
		"no type":                without("Type"),
		"an unknown type":        change("Type", "Confirmation"),
		"the host of another":    change("SigningCertURL", "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem"),
		"a host before it":       change("SigningCertURL", "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"),
		"a user before it":       change("SigningCertURL", "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem"),
		"another service":        change("SigningCertURL", "https://s3.eu-west-1.amazonaws.com/bucket/SimpleNotificationService-1.pem"),
		"a bucket of that name":  change("SigningCertURL", "https://sns.s3-eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"),
		"an endpoint of buckets": change("SigningCertURL", "https://sns.s3-accesspoint.amazonaws.com/SimpleNotificationService-1.pem"),
		"no region":              change("SigningCertURL", "https://sns.example.amazonaws.com/x.pem"),
		"a short region":         change("SigningCertURL", "https://sns.a.amazonaws.com/x.pem"),
		"plain http":             change("SigningCertURL", strings.Replace(certURL, "https", "http", 1)),
		"a port":                 change("SigningCertURL", strings.Replace(certURL, ".com/", ".com:8443/", 1)),
		"a query":                change("SigningCertURL", certURL+"?x=.pem"),
		"a fragment":             change("SigningCertURL", certURL+"#.pem"),
		"another ending":         change("SigningCertURL", strings.TrimSuffix(certURL, "pem")+"crt"),
		"a path with a detour":   change("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/%2e%2e/x.pem"),
		"a file":                 change("SigningCertURL", "file:///etc/x.pem"),
		"this machine":           change("SigningCertURL", "http://127.0.0.1:9/x.pem"),
	}
	whys := map[string]string{"another message": whySignature, "version 1": whyOlder, "version 3": whyVersion, "no certificate": whyHost, "another topic": whyTopic,
		"another merchant": whyMerchant, "another's key": whySignature, "another service": whyHost}
	for name, e := range forms {
		t.Run(name, func(t *testing.T) {
			p, w := receiver(t, nil)
			fb, err := p.ParseFeedback(t.Context(), posted(t, e))
			require.Contains(t, []core.Kind{core.Unauthenticated, core.MalformedMessage}, core.KindOf(err))
			if want, told := whys[name]; told {
				require.Equal(t, want, core.WhyNotAuthentic(err))
				require.ErrorIs(t, err, core.ErrUnauthenticated)
			}
			require.Error(t, err)
			require.Equal(t, core.Feedback{}, fb)
			for _, call := range w.calls {
				require.Equal(t, getCert, call)
			}
		})
	}
	both := theAuthority().sealed(t, good)
	both["SigningCertUrl"] = "https://evil.example/x.pem"
	p, w := receiver(t, nil)
	_, err := p.ParseFeedback(t.Context(), posted(t, both))
	require.Equal(t, core.MalformedMessage, core.KindOf(err), "one name in two spellings")
	require.Empty(t, w.calls)
}

func TestVersionOne(t *testing.T) {
	e := notice(ipn("CHARGE", chargeNo, permissionNo))
	e["SignatureVersion"] = "1"
	p, _ := receiver(t, func(c *Config) { c.SignatureV1 = true })
	_, err := p.ParseFeedback(t.Context(), posted(t, theAuthority().sealed(t, e)))
	require.NoError(t, err)
	newer := theAuthority().sealed(t, notice(ipn("CHARGE", chargeNo, permissionNo)))
	newer["SignatureVersion"] = "1"
	_, err = p.ParseFeedback(t.Context(), posted(t, newer))
	require.ErrorIs(t, err, core.ErrUnauthenticated, "a version that it was not signed with")
}

func TestUnreadableNotifications(t *testing.T) {
	good := posted(t, theAuthority().sealed(t, notice(ipn("CHARGE", chargeNo, permissionNo))))
	for name, change := range map[string]func(*core.Message){
		"GET":             func(m *core.Message) { m.Method = http.MethodGet },
		"empty":           func(m *core.Message) { m.Body = nil },
		"too long":        func(m *core.Message) { m.Body = make([]byte, maxFeedback+1) },
		"a form":          func(m *core.Message) { m.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}} },
		"no content type": func(m *core.Message) { m.Header = http.Header{} },
		"another charset": func(m *core.Message) { m.Header = http.Header{"Content-Type": {"text/plain; charset=utf-16"}} },
		"a list":          func(m *core.Message) { m.Body = []byte("[]") },
		"half":            func(m *core.Message) { m.Body = m.Body[:len(m.Body)/2] },
		"two":             func(m *core.Message) { m.Body = append(append([]byte{}, m.Body...), m.Body...) },
	} {
		t.Run(name, func(t *testing.T) {
			m := good
			change(&m)
			p, w := receiver(t, nil)
			fb, err := p.ParseFeedback(t.Context(), m)
			require.Equal(t, core.MalformedMessage, core.KindOf(err))
			require.Equal(t, core.Feedback{}, fb)
			require.Empty(t, w.calls)
			_, err = p.ReadFeedback(t.Context(), m)
			require.Equal(t, core.MalformedMessage, core.KindOf(err))
		})
	}
}

// away answers nobody.
type away struct{}

func (away) RoundTrip(*http.Request) (*http.Response, error) { return nil, errReset }

// FuzzParseFeedback feeds envelopes that nobody signed: nothing comes of them.
func FuzzParseFeedback(f *testing.F) {
	f.Add([]byte(`{"Type":"Notification"}`))
	f.Add(posted(f, theAuthority().sealed(f, notice("x"))).Body)
	stranger := newAuthority("Somebody Else", time.Now().Add(time.Hour))
	p := newProvider(f, testConfig(f), away{})
	key, err := keyIn([]byte(stranger.cert), false)
	require.NoError(f, err)
	p.certs.keep(certURL, key)
	f.Fuzz(func(t *testing.T, body []byte) {
		fb, err := p.ParseFeedback(t.Context(), core.Message{Method: http.MethodPost, Header: http.Header{"Content-Type": {"text/plain"}}, Body: body})
		if err == nil || fb.DedupeKey != "" {
			t.Errorf("believed: %q", body)
		}
		_, err = p.ReadFeedback(t.Context(), core.Message{Method: http.MethodPost, Header: http.Header{"Content-Type": {"text/plain"}}, Body: body})
		if err != nil && core.KindOf(err) != core.MalformedMessage {
			t.Error(err)
		}
	})
}
