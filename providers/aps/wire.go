package aps

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/strict"
)

// fields is one flat message as on the wire. An answer may nest in places; a nested value is kept as the signature
// writes it. APS knows no difference between an absent field and an empty one, but for the signature.
type fields map[string]string

// UnmarshalJSON reads an answer or a feedback. Numbers keep their digits; null at the top is absent.
func (f *fields) UnmarshalJSON(data []byte) error {
	v, err := strict.JSON(data)
	if err != nil {
		return err
	}
	if v.Kind != strict.Object {
		return errors.New("aps: the message is no JSON object")
	}
	*f = fields{}
	for _, m := range v.Members {
		if m.Value.Kind != strict.Null {
			(*f)[m.Name] = rendered(m.Value)
		}
	}
	return nil
}

var _ json.Unmarshaler = (*fields)(nil)

// rendered is a value as the signature has it: {k=v, k=v} in the order of the wire, [a, b], nothing for null.
func rendered(v strict.Value) string {
	var parts []string
	switch v.Kind {
	case strict.Object:
		for _, m := range v.Members {
			parts = append(parts, m.Name+"="+rendered(m.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case strict.Array:
		for _, item := range v.Items {
			parts = append(parts, rendered(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		return v.Text
	}
}

func formFields(body string) (fields, error) {
	pairs, err := strict.Form(body)
	if err != nil {
		return nil, err
	}
	f := fields{}
	for _, p := range pairs {
		f[p.Name] = p.Value
	}
	return f, nil
}

// maxDigits of an amount, as the documents have it.
const maxDigits = 10

// money is the amount a message tells with its currency.
func money(amount, currency string) (core.Money, bool) {
	if _, ok := core.Exponent(currency); !ok || amount == "" || len(amount) > maxDigits {
		return core.Money{}, false
	}
	for _, c := range amount {
		if c < '0' || c > '9' {
			return core.Money{}, false
		}
	}
	minor, err := strconv.ParseInt(amount, 10, 64)
	return core.Money{Minor: minor, Currency: currency}, err == nil
}

func (f fields) money() (core.Money, bool) { return money(f["amount"], f["currency"]) }

// amountText is amount as APS takes it, or why it cannot.
func amountText(amount core.Money) (string, error) {
	switch {
	case amount.Minor <= 0:
		return "", refuse("amount_invalid", "/amount", "APS takes amounts above zero")
	case amount.Minor >= 1e10:
		return "", refuse("amount_too_large", "/amount", "APS takes amounts of at most %d digits in the minor unit", maxDigits)
	}
	if _, ok := core.Exponent(amount.Currency); !ok {
		return "", refuse("currency_invalid", "/currency", "%q is no ISO 4217 currency", amount.Currency)
	}
	return strconv.FormatInt(amount.Minor, 10), nil
}

// refuse is a request that APS cannot carry, found before anything is sent.
func refuse(code, pointer, format string, args ...any) *core.Error {
	return &core.Error{Kind: core.Invalid, Op: "aps", Code: code, Pointer: pointer, Message: fmt.Sprintf(format, args...)}
}

// The characters beside ASCII letters and digits that APS takes in a field, and its longest text.
const (
	descriptionMarks = "'/._-#:$ "
	nameMarks        = `_\/-.' `
	extraMarks       = ".;/_-,'@"
	emailMarks       = "_-.@+"
	urlMarks         = "$!=?#&-_/:."
	referenceMarks   = "-_."
	tokenMarks       = ".@-_"

	descriptionMax = 150
	nameMax        = 40
	extraMax       = 999
	emailMax       = 254
	urlMax         = 400
	referenceMax   = 40
	tokenMax       = 100
	phoneMax       = 19
)

// fits reports whether s can travel as it is.
func fits(s, marks string, longest int) bool {
	if s == "" || len(s) > longest {
		return false
	}
	for _, c := range s {
		if !plain(c, marks) {
			return false
		}
	}
	return true
}

func plain(c rune, marks string) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(marks, c)
}

// replaced is s with every run of other characters replaced by one "_", trimmed and cut; empty when nothing readable
// is left.
func replaced(s, marks string, longest int) string {
	var b strings.Builder
	readable, gap := false, false
	for _, c := range strings.TrimSpace(s) {
		ok := plain(c, marks)
		if ok {
			b.WriteRune(c)
			readable = readable || plain(c, "")
		} else if !gap {
			b.WriteByte('_')
		}
		gap = !ok
	}
	if !readable {
		return ""
	}
	text := b.String()
	return strings.TrimSpace(text[:min(len(text), longest)])
}

// phone keeps digits and the marks of a telephone number, and is empty for what is too long or has no digit.
func phone(s string) string {
	kept := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || strings.ContainsRune("+-() ", c) {
			return c
		}
		return -1
	}, s)
	kept = strings.TrimSpace(kept)
	if len(kept) > phoneMax || !strings.ContainsAny(kept, "0123456789") {
		return ""
	}
	return kept
}
