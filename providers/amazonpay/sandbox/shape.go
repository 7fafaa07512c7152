package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// shape is what a field of a request may hold. A null is always allowed: it unsets.
type shape struct {
	kind   kind
	max    int              // characters of a text; 0: any number
	values []string         // the only texts allowed; nil: any
	fields map[string]shape // of an object
	must   []string         // fields an object cannot be without
	each   *shape           // of a list, and of a free object's values
}

type kind int

const (
	text kind = iota
	flag
	webURL    // https, or http to this machine in the sandbox environment
	amount    // a price above zero
	group     // an object with known fields
	table     // an object with free field names
	list      //
	anything  // not looked at
	wholeText // text that must not be empty
)

func upTo(n int) shape          { return shape{kind: text, max: n} }
func oneOf(values string) shape { return shape{kind: text, values: strings.Fields(values)} }
func listOf(s shape) shape      { return shape{kind: list, each: &s} }
func groupOf(f fields) shape    { return shape{kind: group, fields: f} }
func (s shape) with(f fields) shape {
	merged := maps.Clone(s.fields)
	maps.Copy(merged, f)
	s.fields = merged
	return s
}

func (s shape) needs(names ...string) shape { s.must = names; return s }

type fields = map[string]shape

// check holds a request against a shape; unknown fields come first, then missing ones, then wrong ones.
func (s shape) check(o object, environment Environment) *refusal {
	if no := s.unknown("", o); no != nil {
		return no
	}
	return s.wrong("", o, environment)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// unknown refuses the first field that the API does not have, by name.
func (s shape) unknown(path string, v any) *refusal {
	switch s.kind {
	case group, amount:
		o, isObject := v.(object)
		if !isObject {
			return nil // wrong says so
		}
		for _, name := range slices.Sorted(maps.Keys(o)) {
			field, known := s.parts()[name]
			if !known {
				return unrecognized(name)
			}
			if no := field.unknown(join(path, name), o[name]); no != nil {
				return no
			}
		}
	case list:
		items, _ := v.([]any)
		for i, item := range items {
			if no := s.each.unknown(fmt.Sprintf("%s[%d]", path, i), item); no != nil {
				return no
			}
		}
	case table:
		o, _ := v.(object)
		for name, item := range o {
			if no := s.each.unknown(join(path, name), item); no != nil {
				return no
			}
		}
	}
	return nil
}

var priceParts = fields{"amount": {kind: anything}, "currencyCode": {kind: anything}}

func (s shape) parts() fields {
	if s.kind == amount {
		return priceParts
	}
	return s.fields
}

// wrong refuses the first value that breaks its shape.
func (s shape) wrong(path string, v any, e Environment) *refusal {
	if v == nil {
		return nil
	}
	switch s.kind {
	case text, wholeText, webURL:
		t, isText := v.(string)
		if !isText || !s.allows(t, e) {
			return invalidValue(path)
		}
	case flag:
		if _, is := v.(bool); !is {
			return invalidValue(path)
		}
	case amount:
		return wrongPrice(path, v)
	case group:
		return s.wrongFields(path, v, e)
	case table:
		return s.wrongTable(path, v, e)
	case list:
		items, isList := v.([]any)
		if !isList {
			return invalidValue(path)
		}
		for i, item := range items {
			if item == nil {
				return invalidValue(path)
			}
			if no := s.each.wrong(fmt.Sprintf("%s[%d]", path, i), item, e); no != nil {
				return no
			}
		}
	}
	return nil
}

func (s shape) wrongFields(path string, v any, e Environment) *refusal {
	o, isObject := v.(object)
	if !isObject {
		return invalidValue(path)
	}
	for _, name := range s.must {
		if o[name] == nil || o[name] == "" {
			return missingValue(join(path, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if no := s.fields[name].wrong(join(path, name), o[name], e); no != nil {
			return no
		}
	}
	return nil
}

func (s shape) wrongTable(path string, v any, e Environment) *refusal {
	o, isObject := v.(object)
	if !isObject {
		return invalidValue(path)
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if no := s.each.wrong(join(path, name), o[name], e); no != nil {
			return no
		}
	}
	return nil
}

// allows checks a text; characters are counted, not bytes.
func (s shape) allows(t string, e Environment) bool {
	switch {
	case s.max > 0 && utf8.RuneCountInString(t) > s.max:
		return false
	case s.values != nil && !slices.Contains(s.values, t):
		return false
	case s.kind == wholeText && t == "":
		return false
	case s.kind == webURL:
		return returnAddress(t, e)
	}
	return true
}

// returnAddress is https; in the sandbox environment http to this machine will do.
func returnAddress(t string, e Environment) bool {
	if !webAddress(t) {
		return false
	}
	u, err := url.Parse(t)
	if err != nil {
		return false
	}
	if u.Scheme == "https" {
		return true
	}
	address, err := netip.ParseAddr(u.Hostname())
	return e == Sandbox && (u.Hostname() == "localhost" || err == nil && address.IsLoopback())
}

// wrongPrice checks an amount above zero; the amount may be text or a number.
func wrongPrice(path string, v any) *refusal {
	o, isObject := v.(object)
	if !isObject {
		return invalidValue(path)
	}
	var text string
	switch n := o["amount"].(type) {
	case nil:
		return missingValue(join(path, "amount"))
	case string:
		text = n
	case json.Number:
		text = n.String()
	default:
		return invalidValue(join(path, "amount"))
	}
	currency, isText := o["currencyCode"].(string)
	if o["currencyCode"] == nil || currency == "" && isText {
		return missingValue(join(path, "currencyCode"))
	}
	if _, known := exponents[currency]; !known {
		return invalidValue(join(path, "currencyCode"))
	}
	if minor, err := minorUnits(text, currency); err != nil || minor <= 0 {
		return invalidValue(join(path, "amount"))
	}
	return nil
}
