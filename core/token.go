package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
)

// Tokens derives and checks the tokens of return addresses and hosted pages. They are computed from the secret of
// this installation and never stored; letters and digits only.
type Tokens struct{ secret []byte }

// NewTokens takes the installation's secret, 32 bytes or more.
func NewTokens(secret []byte) (Tokens, error) {
	if len(secret) < 32 {
		return Tokens{}, &Error{Kind: Invalid, Code: "secret_too_short", Message: "the secret key needs at least 32 bytes"}
	}
	return Tokens{secret}, nil
}

// Leg is which of our return addresses a buyer came back to. It chooses the page and what is asked of the provider,
// never the outcome.
type Leg string

// The legs of a return.
const (
	LegReview  Leg = "review"
	LegResult  Leg = "result"
	LegSuccess Leg = "success"
	LegError   Leg = "error"
	LegBack    Leg = "back"
)

var legLetters = map[Leg]string{LegReview: "v", LegResult: "r", LegSuccess: "s", LegError: "e", LegBack: "b"}

// Return is the token of a return address of attempt number n of a payment.
func (t Tokens) Return(paymentID string, n int, leg Leg) string {
	body := legLetters[leg] + strings.ToLower(strings.TrimPrefix(paymentID, prefixPayment)) + strconv.Itoa(n)
	return body + t.mac("return", body)
}

// ParseReturn tells what a return token is bound to; false when it was not made here.
func (t Tokens) ParseReturn(token string) (paymentID string, n int, leg Leg, ok bool) {
	if len(token) < 1+26+1+macLen {
		return "", 0, "", false
	}
	body, mac := token[:len(token)-macLen], token[len(token)-macLen:]
	if !hmac.Equal([]byte(mac), []byte(t.mac("return", body))) {
		return "", 0, "", false
	}
	for l, letter := range legLetters {
		if body[:1] == letter {
			leg = l
		}
	}
	n, err := strconv.Atoi(body[27:])
	return prefixPayment + strings.ToUpper(body[1:27]), n, leg, err == nil && leg != ""
}

// Client is the token of a payment's hosted page.
func (t Tokens) Client(paymentID string) string {
	body := strings.ToLower(strings.TrimPrefix(paymentID, prefixPayment))
	return "ct_" + body + t.mac("client", body)
}

// ParseClient tells which payment a client token is for; false when it was not made here.
func (t Tokens) ParseClient(token string) (paymentID string, ok bool) {
	rest, found := strings.CutPrefix(token, "ct_")
	if !found || len(rest) != 26+macLen || !hmac.Equal([]byte(rest[26:]), []byte(t.mac("client", rest[:26]))) {
		return "", false
	}
	return prefixPayment + strings.ToUpper(rest[:26]), true
}

// cursor makes an id a place in a list of one merchant that nobody else can use or make up.
func (t Tokens) cursor(merchant, id string) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(id)) + "." + t.mac("cursor", merchant+"\x00"+id)
}

var errCursor = &Error{Kind: Invalid, Code: "query_invalid", Message: "the cursor was not given by this list"}

func (t Tokens) parseCursor(merchant, cursor string) (id string, err error) {
	enc, mac, _ := strings.Cut(cursor, ".")
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(enc)
	if err != nil || !hmac.Equal([]byte(mac), []byte(t.mac("cursor", merchant+"\x00"+string(b)))) {
		return "", errCursor
	}
	return string(b), nil
}

const macLen = 32 // 20 bytes in base 32

func (t Tokens) mac(purpose, body string) string {
	m := hmac.New(sha256.New, t.secret)
	fmt.Fprintf(m, "%s\x00%s", purpose, body)
	return strings.ToLower(base32.StdEncoding.EncodeToString(m.Sum(nil)[:20]))
}
