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

// legLetters begin the tokens of the legs of payments, legDigits those of mandates.
var (
	legLetters = map[Leg]string{LegReview: "v", LegResult: "r", LegSuccess: "s", LegError: "e", LegBack: "b"}
	legDigits  = map[Leg]string{LegReview: "1", LegResult: "2", LegSuccess: "3", LegError: "4", LegBack: "5"}
)

// Return is the token of a return address of attempt number n of a payment, or of that number of a mandate.
func (t Tokens) Return(id string, n int, leg Leg) string {
	ulid, mandate := strings.CutPrefix(id, prefixMandate)
	first := legDigits[leg]
	if !mandate {
		ulid, first = strings.TrimPrefix(id, prefixPayment), legLetters[leg]
	}
	body := first + strings.ToLower(ulid) + strconv.Itoa(n)
	return body + t.mac("return", body)
}

// ParseReturn tells which payment or mandate a return token is bound to; false when it was not made here.
func (t Tokens) ParseReturn(token string) (id string, n int, leg Leg, ok bool) {
	if len(token) < 1+26+1+macLen {
		return "", 0, "", false
	}
	body, mac := token[:len(token)-macLen], token[len(token)-macLen:]
	if !hmac.Equal([]byte(mac), []byte(t.mac("return", body))) {
		return "", 0, "", false
	}
	prefix := prefixPayment
	for l, letter := range legLetters {
		switch body[:1] {
		case letter:
			leg = l
		case legDigits[l]:
			leg, prefix = l, prefixMandate
		}
	}
	n, err := strconv.Atoi(body[27:])
	return prefix + strings.ToUpper(body[1:27]), n, leg, err == nil && leg != ""
}

// clients are the kinds of client tokens: how one begins, what it is for, and the prefix of the id.
var clients = []struct{ begins, purpose, prefix string }{
	{"ct_", "client", prefixPayment}, {"cm_", "client of a mandate", prefixMandate},
}

// Client is the token of the hosted page of a payment or mandate.
func (t Tokens) Client(id string) string {
	kind := clients[0]
	if strings.HasPrefix(id, prefixMandate) {
		kind = clients[1]
	}
	body := strings.ToLower(strings.TrimPrefix(id, kind.prefix))
	return kind.begins + body + t.mac(kind.purpose, body)
}

// ParseClient tells which payment or mandate a client token is for; false when it was not made here.
func (t Tokens) ParseClient(token string) (id string, ok bool) {
	for _, kind := range clients {
		rest, found := strings.CutPrefix(token, kind.begins)
		if found && len(rest) == 26+macLen && hmac.Equal([]byte(rest[26:]), []byte(t.mac(kind.purpose, rest[:26]))) {
			return kind.prefix + strings.ToUpper(rest[:26]), true
		}
	}
	return "", false
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
