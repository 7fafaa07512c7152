package campaign

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paymux/paymux/providers/aps/sandbox"
)

// Some faults are the provider's own: it signs what is wrong, late or unheard of. A world can write with its hand.

// signed adds the response signature of the account to the fields of a message.
// Source: APS API reference, "Signature"; HMAC from the official plugins.
func signed(a sandbox.Account, f map[string]string) map[string]string {
	var text strings.Builder
	text.WriteString(a.ResponsePhrase)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name != "signature" {
			text.WriteString(name + "=" + f[name])
		}
	}
	text.WriteString(a.ResponsePhrase)
	h := sha256.New()
	if a.SHAType == sandbox.HMAC512 {
		h = hmac.New(sha512.New, []byte(a.ResponsePhrase))
	}
	h.Write([]byte(text.String()))
	f["signature"] = hex.EncodeToString(h.Sum(nil))
	return f
}

// fieldsOf reads the fields of a message, JSON or form.
func fieldsOf(contentType string, body []byte) map[string]string {
	f := map[string]string{}
	if strings.HasPrefix(contentType, "application/json") {
		if json.Unmarshal(body, &f) != nil {
			return nil
		}
		return f
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil
	}
	for name := range values {
		f[name] = values.Get(name)
	}
	return f
}

// written writes fields as fieldsOf reads them.
func written(contentType string, f map[string]string) []byte {
	if strings.HasPrefix(contentType, "application/json") {
		body, _ := json.Marshal(f) // text always encodes
		return body
	}
	values := url.Values{}
	for name, value := range f {
		values.Set(name, value)
	}
	return []byte(values.Encode())
}

// spoiled is an answer that only APS can give: signed by it and wrong, or not signed by it.
func (s *apsSide) spoiled(resp *http.Response, draws *rand.Rand, fault string) *http.Response {
	switch fault {
	case unsigned:
		return resigned(resp, draws)
	case unknownCode:
		return s.rewrite(resp, func(f map[string]string) {
			prefix := ""
			if f["transaction_code"] != "" && percent(draws, 50) {
				prefix = "transaction_"
				f["transaction_status"] = "99"
			}
			code := map[string]string{"": "response_code", "transaction_": "transaction_code"}[prefix]
			f[code] = []string{"99999", "77042", f[code][:min(2, len(f[code]))] + "998"}[draws.IntN(3)]
		})
	case otherCurrency:
		return s.rewrite(resp, func(f map[string]string) {
			if f["currency"] != "" {
				f["currency"] = map[bool]string{true: "OMR", false: "EUR"}[f["currency"] != "OMR"]
			}
		})
	case notFound:
		return s.rewrite(resp, unfound)
	case lagging:
		since := time.Now().Add(-between(draws, time.Second, 90*time.Second))
		return s.rewrite(resp, func(f map[string]string) { s.totalsAgo(f, since) })
	}
	return resp
}

// rewrite changes an answer of the provider with its own hand. One that is no message stays as it is.
func (s *apsSide) rewrite(resp *http.Response, change func(f map[string]string)) *http.Response {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return rebodied(resp, io.MultiReader(bytes.NewReader(body), brokenOff{}))
	}
	f := fieldsOf(resp.Header.Get("Content-Type"), body)
	for _, a := range s.account {
		if resp.StatusCode == http.StatusOK && f["merchant_identifier"] == a.MerchantIdentifier {
			change(f)
			body = written("application/json", signed(a, f))
			resp.ContentLength = int64(len(body))
			break
		}
	}
	return rebodied(resp, bytes.NewReader(body))
}

// unfound is the provider's answer about an order that it does not know.
func unfound(f map[string]string) {
	for _, name := range []string{"fort_id", "transaction_status", "transaction_code", "transaction_message", "authorized_amount", "captured_amount", "refunded_amount", "authorization_code"} {
		delete(f, name)
	}
	f["status"], f["response_code"], f["response_message"] = "11", "11036", "Invalid"
}

// resigned has an answer bear a signature that is not the provider's, or none.
func resigned(resp *http.Response, draws *rand.Rand) *http.Response {
	body, err := io.ReadAll(resp.Body)
	f := fieldsOf(resp.Header.Get("Content-Type"), body)
	if err != nil || f == nil {
		return rebodied(resp, bytes.NewReader(body))
	}
	if percent(draws, 50) {
		delete(f, "signature")
	} else {
		f["signature"] = strconv.FormatUint(draws.Uint64(), 16)
	}
	body = written("application/json", f)
	resp.ContentLength = int64(len(body))
	return rebodied(resp, bytes.NewReader(body))
}

// totalsAgo has an answer to a question tell the totals as they were before what happened since.
func (s *apsSide) totalsAgo(f map[string]string, since time.Time) {
	for _, b := range s.w.books() {
		if b.Reference != f["merchant_reference"] {
			continue
		}
		then := map[string]int64{}
		for _, e := range b.Effects {
			if at, err := time.Parse(time.RFC3339Nano, e.At); err == nil && at.Before(since) {
				then[e.Kind] += e.Amount
			}
		}
		for name, kind := range map[string]string{"authorized_amount": "authorize", "captured_amount": "capture", "refunded_amount": "refund"} {
			if f[name] != "" {
				f[name] = strconv.FormatInt(then[kind], 10)
			}
		}
	}
}
