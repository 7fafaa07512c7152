package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/paymux/paymux/core"
)

// exampleSecret is the one the test vectors of Standard Webhooks use.
const exampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// The vectors are published: the first with the libraries of Standard Webhooks, the second made of the example message
// of its specification with OpenSSL (openssl dgst -sha256 -mac HMAC).
func TestSignatureVectors(t *testing.T) {
	for _, c := range []struct {
		name, id, body, want string
		at                   int64
	}{
		{"the libraries' own", "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", 1614265330},
		{"the specification's message", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", `{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}`, "v1,ARw42xaAApl/nxRo+iPGYwSaMQaOwMo2eyH5JBRA+bQ=", 1674087231},
	} {
		got, err := exampleKeys(t).Sign(c.id, time.Unix(c.at, 0), []byte(c.body))
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got, c.name)
	}
}

func header(id, signature string, at time.Time) http.Header {
	h := http.Header{}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return h
}

func reference(t require.TestingT, s Secret) *standardwebhooks.Webhook {
	w, err := standardwebhooks.NewWebhook(s.Reveal())
	require.NoError(t, err)
	return w
}

// Any bytes, signed by any ring, verify with each of its live secrets by the reference library, and no longer when a
// byte, the id or the time differs. What is signed is computed here from the specification's words, too.
func TestSignaturesVerify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		id := rapid.StringMatching(`evt_[0-9A-HJKMNP-TV-Z]{26}`).Draw(t, "id")
		at := time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		ring := NewKeyring()
		for range rapid.IntRange(0, maxLive-1).Draw(t, "rotations") {
			var err error
			ring, err = ring.Rotate(at.Add(-time.Hour))
			require.NoError(t, err)
		}
		signature, err := ring.Sign(id, at, body)
		require.NoError(t, err)
		require.Len(t, strings.Split(signature, " "), len(ring))
		for i, k := range ring {
			w := reference(t, k.Secret)
			require.NoError(t, w.VerifyIgnoringTimestamp(body, header(id, signature, at)))
			require.Error(t, w.VerifyIgnoringTimestamp(append(body, ' '), header(id, signature, at)))
			require.Error(t, w.VerifyIgnoringTimestamp(body, header(id+"0", signature, at)))
			require.Error(t, w.VerifyIgnoringTimestamp(body, header(id, signature, at.Add(time.Second))))
			mac := hmac.New(sha256.New, k.Secret.bytes())
			fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
			require.Equal(t, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), strings.Split(signature, " ")[i])
		}
		require.Error(t, reference(t, NewSecret()).VerifyIgnoringTimestamp(body, header(id, signature, at)), "another secret")
	})
}

func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := NewKeyring()
		ring, err := first.Rotate(time.Now())
		require.NoError(t, err)
		require.Len(t, first, 1)
		require.True(t, first[0].Until.IsZero(), "the ring that was rotated stays as it is")
		old, present := first[0].Secret, ring[0].Secret
		require.NotEqual(t, old.Reveal(), present.Reveal())
		verify := func(s Secret) error {
			body := []byte("{}")
			signature, err := ring.Sign("evt_1", time.Now(), body)
			require.NoError(t, err)
			return reference(t, s).Verify(body, header("evt_1", signature, time.Now()))
		}
		require.NoError(t, verify(old))
		require.NoError(t, verify(present))
		time.Sleep(24*time.Hour - time.Second)
		require.NoError(t, verify(old), "to the end of 24 hours")
		time.Sleep(time.Second)
		require.Error(t, verify(old))
		require.NoError(t, verify(present))

		next, err := ring.Rotate(time.Now())
		require.NoError(t, err)
		require.Len(t, next, 2, "what has ended is dropped")
		later := time.Now().Add(time.Hour)
		third, err := next.Rotate(later)
		require.NoError(t, err)
		require.Equal(t, next[1].Until, third[2].Until, "a later rotation does not prolong an earlier one")
		require.Equal(t, later.Add(24*time.Hour), third[1].Until)
		fourth, err := third.Rotate(later)
		require.NoError(t, err)
		require.Len(t, fourth, maxLive)
		_, err = fourth.Rotate(later)
		require.Equal(t, core.Conflict, core.KindOf(err))
		require.Equal(t, "limit_reached", core.CodeOf(err))
		_, err = fourth.Rotate(later.Add(24 * time.Hour))
		require.NoError(t, err, "a day later there is room again")
	})
}

func TestSecrets(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		s := NewSecret()
		text := s.Reveal()
		require.Len(t, s.bytes(), 32)
		require.False(t, seen[text])
		seen[text] = true
		again, err := ParseSecret(text)
		require.NoError(t, err)
		require.Equal(t, text, again.Reveal())
	}
	of := func(n int) string { return secretPrefix + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for name, text := range map[string]string{
		"empty": "", "prefix alone": "whsec_", "no prefix": of(32)[6:], "another prefix": "whsk_" + of(32)[6:], "23 bytes": of(23), "65 bytes": of(65),
		"no base64": "whsec_%%%%", "a line break": of(32)[:20] + "\n" + of(32)[20:], "a blank behind": of(32) + " ", "padding missing": strings.TrimRight(of(32), "="),
		"loose bits": of(32)[:len(of(32))-2] + "B=",
	} {
		_, err := ParseSecret(text)
		require.Equal(t, "secret_invalid", core.CodeOf(err), name)
		require.Equal(t, core.Invalid, core.KindOf(err), name)
		if len(text) > 10 {
			require.NotContains(t, err.Error(), text[6:], name)
		}
	}
	for _, n := range []int{24, 32, 64} {
		_, err := ParseSecret(of(n))
		require.NoError(t, err, n)
	}
}

func TestNothingIsSignedWithoutSense(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for name, c := range map[string]struct {
		ring Keyring
		id   string
	}{
		"no key":           {nil, "evt_1"},
		"an empty key":     {Keyring{{}}, "evt_1"},
		"one of two empty": {append(NewKeyring(), Key{}), "evt_1"},
		"all keys ended":   {Keyring{{Secret: NewSecret(), Until: now}}, "evt_1"},
		"no id":            {NewKeyring(), ""},
		"a dot in the id":  {NewKeyring(), "evt.1"},
		"a line break":     {NewKeyring(), "evt\r\nx: y"},
		"no ASCII":         {NewKeyring(), "evt_ä"},
	} {
		signature, err := c.ring.Sign(c.id, now, []byte("{}"))
		require.Error(t, err, name)
		require.Empty(t, signature, name)
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	ring := exampleKeys(t)
	m := Message{EventID: "evt_1", Keys: ring}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", ring[0].Secret, "ring", ring, "message", m)
	asJSON, err := json.Marshal(m)
	require.NoError(t, err)
	shown := log.String() + string(asJSON) + fmt.Sprintf("%v %+v %#v %s %q %x", m, m, m, ring[0].Secret, ring[0], ring) + fmt.Sprint(ring[0].Secret, &ring[0]) + ring[0].Secret.String()
	for _, form := range ring[0].Secret.forms() {
		require.NotContains(t, shown, form)
	}
	require.NotContains(t, shown, fmt.Sprintf("%d", ring[0].Secret.bytes()))
	require.Contains(t, shown, hidden)
}
