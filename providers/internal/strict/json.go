// Package strict reads foreign bytes so that there is one way to understand them: no name twice, in any case, no
// trailing data, bounded depth and size, numbers as they stand on the wire. Two readers of the same bytes can then
// never see different values, and a signature over the parsed values is over what is used.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Limits of a message.
const (
	MaxDepth   = 16
	MaxMembers = 200
)

// Kind is what a JSON value is.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is a JSON value with the order of the wire.
type Value struct {
	Kind    Kind
	Text    string   // Bool, Number: as on the wire; String: decoded
	Members []Member // Object
	Items   []Value  // Array
}

// Member is one name and value of an object.
type Member struct {
	Name  string
	Value Value
}

// JSON reads one value. It refuses what the standard decoder lets pass: doubled names (also those that differ only by
// case), more than MaxDepth levels, more than MaxMembers members and items in all, invalid UTF-8, trailing data.
func JSON(data []byte) (Value, error) {
	if !utf8.Valid(data) {
		return Value{}, errors.New("strict: not UTF-8")
	}
	p := parser{dec: json.NewDecoder(bytes.NewReader(data))}
	p.dec.UseNumber()
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return Value{}, errors.New("strict: data after the JSON value")
	}
	return v, nil
}

type parser struct {
	dec   *json.Decoder
	count int
}

func (p *parser) value(depth int) (Value, error) {
	t, err := p.dec.Token()
	if err != nil {
		return Value{}, fmt.Errorf("strict: not JSON: %w", noInput(err))
	}
	return p.after(t, depth)
}

// after is the value that begins with token t.
func (p *parser) after(t json.Token, depth int) (Value, error) {
	if p.count++; p.count > MaxMembers+1 {
		return Value{}, fmt.Errorf("strict: more than %d members", MaxMembers)
	}
	switch t := t.(type) {
	case json.Delim:
		if depth >= MaxDepth {
			return Value{}, fmt.Errorf("strict: more than %d levels", MaxDepth)
		}
		if t == '[' {
			return p.array(depth + 1)
		}
		return p.object(depth + 1)
	case string:
		return Value{Kind: String, Text: t}, nil
	case json.Number:
		return Value{Kind: Number, Text: t.String()}, nil
	case bool:
		return Value{Kind: Bool, Text: fmt.Sprint(t)}, nil
	default:
		return Value{Kind: Null}, nil
	}
}

func (p *parser) array(depth int) (Value, error) {
	v := Value{Kind: Array}
	for p.dec.More() {
		item, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		v.Items = append(v.Items, item)
	}
	return v, p.end()
}

func (p *parser) object(depth int) (Value, error) {
	v, seen := Value{Kind: Object}, names{}
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return Value{}, fmt.Errorf("strict: not JSON: %w", noInput(err))
		}
		name, _ := t.(string)
		if err := seen.add(name); err != nil {
			return Value{}, err
		}
		member, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		v.Members = append(v.Members, Member{name, member})
	}
	return v, p.end()
}

func (p *parser) end() error {
	if _, err := p.dec.Token(); err != nil {
		return fmt.Errorf("strict: not JSON: %w", noInput(err))
	}
	return nil
}

// noInput keeps characters of the message out of the error: a syntax error of the decoder quotes one.
func noInput(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("syntax error at byte %d", e.Offset)
	}
	return err
}

// names refuses a name that was there, whatever its case.
type names map[string]bool

func (n names) add(name string) error {
	folded := strings.ToLower(name)
	if n[folded] {
		return errors.New("strict: a name occurs twice")
	}
	n[folded] = true
	return nil
}
