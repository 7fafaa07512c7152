package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	bodyLimit  = 256 << 10
	depthLimit = 16
	fieldLimit = 2000
)

// object is one JSON object whose field names were told once each.
type object map[string]any

// parseObject reads a body that must be one JSON object in UTF-8. Numbers keep their digits. No body is an empty object.
func parseObject(body []byte) (object, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return object{}, nil
	}
	if !utf8.Valid(body) {
		return nil, errors.New("body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	left := fieldLimit
	v, err := parseValue(d, 0, &left)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("body goes on after its JSON object")
	}
	o, isObject := v.(object)
	if !isObject {
		return nil, errors.New("body is not a JSON object")
	}
	return o, nil
}

func parseValue(d *json.Decoder, depth int, left *int) (any, error) {
	if *left--; *left < 0 || depth > depthLimit {
		return nil, errors.New("too many fields, or nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return parseFields(d, depth, left)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := parseValue(d, depth+1, left)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	return t, nil
}

func parseFields(d *json.Decoder, depth int, left *int) (any, error) {
	o := object{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string) // the decoder allows nothing else here
		if _, twice := o[name]; twice {
			return nil, fmt.Errorf("field %q is given twice", name)
		}
		if o[name], err = parseValue(d, depth+1, left); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return o, err
}
