package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/paymux/paymux/core/internal/chance"
)

// Prefixes of the ids of this program. An id is its prefix and a ULID: 26 characters of Crockford's base 32 that
// rise with time, so that rows of one time lie together. Nothing is ever ordered by id; sequences do that.
const (
	prefixPayment       = "pay_"
	prefixAttempt       = "att_"
	prefixOperation     = "op_"
	prefixCapture       = "cap_"
	prefixRefund        = "ref_"
	prefixAuthorization = "aut_"
	prefixMandate       = "man_"
	prefixEvent         = "evt_"
	prefixEvidence      = "evd_"
	prefixFeedback      = "fb_"
	prefixKey           = "key_"
	prefixEndpoint      = "we_"
	prefixDelivery      = "dlv_"
)

func newID(prefix string) string { return newIDAt(prefix, time.Now()) }

// newIDAt is an id that stands where one made at t would.
func newIDAt(prefix string, t time.Time) string { return prefix + chance.ULID(t) }

// firstID is before every id made at t or later.
func firstID(prefix string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(t)) // fails after the year 10889
	return prefix + id.String()
}

// madeAfter reports whether id, of whatever prefix, was made after t.
func madeAfter(id string, t time.Time) bool {
	_, made, _ := strings.Cut(id, "_")
	return made >= firstID("", t.Add(time.Millisecond)) // ids count milliseconds
}

// validID reports whether id is prefix and a ULID; anything else cannot exist and need not be looked up.
func validID(prefix, id string) bool {
	rest, ok := strings.CutPrefix(id, prefix)
	if !ok {
		return false
	}
	_, err := ulid.ParseStrict(rest)
	return err == nil && rest == strings.ToUpper(rest)
}

// reference derives what identifies an attempt or an operation at a provider. The same merchant request gives the
// same value on a restored database: nothing random and no time goes into it.
// The result is n characters of A–Z and 2–7, which every provider's alphabet contains.
func reference(salt []byte, n int, parts ...string) string {
	mac := hmac.New(sha256.New, salt)
	for _, p := range parts {
		// The length in front keeps "ab","c" and "a","bc" apart.
		mac.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil))[:n]
}
