package strict

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Pair is one name and value of a form.
type Pair struct{ Name, Value string }

// Form reads application/x-www-form-urlencoded, decoding once, in the order of the wire. It refuses doubled names
// (also those that differ only by case), broken escapes, what is not UTF-8, and more than MaxMembers pairs.
func Form(body string) ([]Pair, error) {
	if body == "" {
		return nil, nil
	}
	parts := strings.Split(body, "&")
	if len(parts) > MaxMembers {
		return nil, fmt.Errorf("strict: more than %d members", MaxMembers)
	}
	pairs, seen := make([]Pair, 0, len(parts)), names{}
	for _, part := range parts {
		rawName, rawValue, _ := strings.Cut(part, "=")
		name, errName := url.QueryUnescape(rawName)
		value, errValue := url.QueryUnescape(rawValue)
		if errName != nil || errValue != nil {
			return nil, errors.New("strict: a broken escape in the form")
		}
		if name == "" || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, errors.New("strict: a form field without a name, or not UTF-8")
		}
		if err := seen.add(name); err != nil {
			return nil, err
		}
		pairs = append(pairs, Pair{name, value})
	}
	return pairs, nil
}
