package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/paymux/paymux/api/openapi"
)

// Limits of a JSON body. The members are counted per object or array: an order has many lines, none has many members.
const (
	maxDepth   = 16
	maxMembers = 200
)

// shape is what kind of JSON value a node is.
type shape uint8

const (
	isNull shape = iota
	isBool
	isNumber
	isString
	isArray
	isObject
)

// node is one value of a body as it was written: a number keeps its digits, a string knows whether it is text at all.
type node struct {
	shape shape
	text  string   // of a string, a number, true or false
	torn  bool     // a string with half a surrogate pair, which is no text in any encoding
	names []string // of an object, in the order of nodes
	nodes []*node  // of an object or array
}

// parse reads one JSON value strictly: UTF-8 without byte order mark, no name twice in an object (also when
// only the case differs), at most maxDepth levels and maxMembers members, nothing behind the value.
// What it accepts is JSON by RFC 8259. Every error is a *refusal with status 400.
func parse(data []byte) (*node, error) {
	if !utf8.Valid(data) {
		return nil, refuse(openapi.ProblemCodeJSONInvalid, "", "The body is not UTF-8.")
	}
	p := parser{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	p.dec.UseNumber()
	root, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse(openapi.ProblemCodeJSONInvalid, "", "Something follows the JSON value.")
	}
	return root, nil
}

type parser struct {
	data []byte
	dec  *json.Decoder
}

// next is the next token, and whether it is a string with half a surrogate pair. The decoder replaces such a half
// silently, so it is looked for in what was written.
func (p *parser) next() (token json.Token, torn bool, err error) {
	from := p.dec.InputOffset()
	token, err = p.dec.Token()
	if err != nil {
		// The decoder's own words quote the body and its end looks like "no body"; neither goes on.
		return nil, false, refuse(openapi.ProblemCodeJSONInvalid, "", "The body is not JSON; look near byte "+strconv.FormatInt(p.dec.InputOffset(), 10)+".")
	}
	if _, ok := token.(string); ok {
		torn = tornText(p.data[from:p.dec.InputOffset()])
	}
	return token, torn, nil
}

// value reads the next value, which lies inside depth objects and arrays.
func (p *parser) value(depth int) (*node, error) {
	token, torn, err := p.next()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, refuse(openapi.ProblemCodeJSONTooDeep, "", "A body has at most 16 levels.")
		}
		if v == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case string:
		return &node{shape: isString, text: v, torn: torn}, nil
	case json.Number:
		return &node{shape: isNumber, text: v.String()}, nil
	case bool:
		return &node{shape: isBool, text: strconv.FormatBool(v)}, nil
	default:
		return &node{shape: isNull}, nil
	}
}

func (p *parser) object(depth int) (*node, error) {
	n := &node{shape: isObject}
	seen := make(map[string]bool)
	for p.dec.More() {
		token, torn, err := p.next()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // the decoder lets nothing else be a name
		switch folded := fold(name); {
		case torn || hasControl(name):
			return nil, refuse(openapi.ProblemCodeJSONInvalid, "", "The name of a member is not plain text.")
		case seen[folded]:
			return nil, refuse(openapi.ProblemCodeJSONDuplicateKey, "", "A name is there twice in one object; names that differ only by case count as the same.")
		case len(seen) == maxMembers:
			return nil, tooMany()
		default:
			seen[folded] = true
		}
		member, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		n.names, n.nodes = append(n.names, name), append(n.nodes, member)
	}
	_, _, err := p.next()
	return n, err
}

func (p *parser) array(depth int) (*node, error) {
	n := &node{shape: isArray}
	for p.dec.More() {
		if len(n.nodes) == maxMembers {
			return nil, tooMany()
		}
		item, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		n.nodes = append(n.nodes, item)
	}
	_, _, err := p.next()
	return n, err
}

func tooMany() error {
	return refuse(openapi.ProblemCodeJSONInvalid, "", "An object or array has at most 200 members.")
}

// fold is the same for names that differ only by case, by the rule encoding/json and strings.EqualFold follow.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, name)
}

// tornText reports whether raw, a JSON string as written, escapes one half of a surrogate pair without the other.
func tornText(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++ // on the escaped character, so that an escaped backslash starts nothing
		switch high := escaped(raw, i); {
		case high < 0xD800 || high > 0xDFFF:
		case high > 0xDBFF || i+6 >= len(raw) || raw[i+5] != '\\':
			return true
		default:
			if low := escaped(raw, i+6); low < 0xDC00 || low > 0xDFFF {
				return true
			}
			i += 10
		}
	}
	return false
}

// escaped is the code unit of uXXXX at i, 0 when there is none.
func escaped(raw []byte, i int) uint64 {
	if i+5 > len(raw) || raw[i] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(raw[i+1:i+5]), 16, 16)
	if err != nil {
		return 0
	}
	return unit
}

// hasControl reports whether s has a character that ends or hides a line: control characters of both ranges,
// and the line and paragraph separators, which scripts read as line ends.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	})
}
