package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	bodyLimit  = 256 << 10
	fieldLimit = 400 // more than the documents name in all
	depthLimit = 8
)

// parseForm reads one form body. A name given twice, or text that is not UTF-8, is refused.
func parseForm(body []byte) (map[string]string, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if len(values) > fieldLimit {
		return nil, errors.New("too many fields")
	}
	fields := make(map[string]string, len(values))
	for name, list := range values {
		if len(list) > 1 {
			return nil, fmt.Errorf("field %q is given twice", name)
		}
		if !utf8.ValidString(name) || !utf8.ValidString(list[0]) {
			return nil, fmt.Errorf("field %q is not UTF-8", name)
		}
		fields[name] = list[0]
	}
	return fields, nil
}

// parseJSON reads one flat JSON object into text. Numbers keep their digits, a null is as if it were not there,
// and a nested value becomes the text that the signature rule makes of it: {k=v, k=v} and [v, v], in wire order.
func parseJSON(body []byte) (map[string]string, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("body is not a JSON object")
	}
	fields := map[string]string{}
	seen := map[string]bool{}
	for d.More() {
		name, err := readName(d, seen)
		if err != nil {
			return nil, err
		}
		text, null, err := readValue(d, 1)
		if err != nil {
			return nil, err
		}
		if !null {
			fields[name] = text
		}
		if len(seen) > fieldLimit {
			return nil, errors.New("too many fields")
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("body goes on after its JSON object")
	}
	return fields, nil
}

func readName(d *json.Decoder, seen map[string]bool) (string, error) {
	t, err := d.Token()
	if err != nil {
		return "", err
	}
	name, _ := t.(string) // More and the decoder allow nothing else here
	if seen[name] {
		return "", fmt.Errorf("field %q is given twice", name)
	}
	seen[name] = true
	return name, nil
}

func readValue(d *json.Decoder, depth int) (text string, null bool, err error) {
	if depth > depthLimit {
		return "", false, errors.New("nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return "", false, err
	}
	switch v := t.(type) {
	case nil:
		return "", true, nil
	case string:
		return v, false, nil
	case json.Number:
		return v.String(), false, nil
	case bool:
		return fmt.Sprint(v), false, nil
	case json.Delim:
		text, err = readNested(d, v, depth)
		return text, false, err
	}
	return "", false, errors.New("value of no known kind")
}

func readNested(d *json.Decoder, open json.Delim, depth int) (string, error) {
	var parts []string
	seen := map[string]bool{}
	for d.More() {
		prefix := ""
		if open == '{' {
			name, err := readName(d, seen)
			if err != nil {
				return "", err
			}
			prefix = name + "="
		}
		text, _, err := readValue(d, depth+1)
		if err != nil {
			return "", err
		}
		parts = append(parts, prefix+text)
	}
	if _, err := d.Token(); err != nil {
		return "", err
	}
	if open == '{' {
		return "{" + strings.Join(parts, ", ") + "}", nil
	}
	return "[" + strings.Join(parts, ", ") + "]", nil
}
