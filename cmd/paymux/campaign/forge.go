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
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paymux/paymux/providers/aps/sandbox"
)

// Some faults are the provider's own: it signs what is wrong, late or unheard of. The world can write with its hand.

// signed adds the response signature of the account to the fields of a message.
// Source: APS API reference, "Signature"; HMAC from the official plugins.
func (a *account) signed(f map[string]string) map[string]string {
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

// rewrite changes an answer of the provider with its own hand. One that is no message stays as it is.
func (w *World) rewrite(resp *http.Response, change func(f map[string]string)) *http.Response {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return rebodied(resp, io.MultiReader(bytes.NewReader(body), brokenOff{}))
	}
	f := fieldsOf(resp.Header.Get("Content-Type"), body)
	i := slices.IndexFunc(w.accounts, func(a *account) bool { return f["merchant_identifier"] == a.MerchantIdentifier })
	if resp.StatusCode != http.StatusOK || i < 0 {
		return rebodied(resp, bytes.NewReader(body))
	}
	change(f)
	body = written("application/json", w.accounts[i].signed(f))
	resp.ContentLength = int64(len(body))
	return rebodied(resp, bytes.NewReader(body))
}

func rebodied(resp *http.Response, body io.Reader) *http.Response {
	resp.Body = io.NopCloser(body)
	resp.Header.Del("Content-Length")
	return resp
}

// totalsAgo has an answer to a question tell the totals as they were before what happened since.
func (w *World) totalsAgo(f map[string]string, since time.Time) {
	for _, b := range w.books() {
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
