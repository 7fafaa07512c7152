// Package openapi is the contract of the REST API: openapi.yaml is written by hand, the server interface and the types
// in api.gen.go are generated from it, and so is the Go client in the folder client. After a change of the contract
// run "go generate" here; what is generated is committed.
package openapi

import (
	"bytes"
	_ "embed" // for openapi.yaml
	"encoding/json"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

// YAML is the contract as it was written, OpenAPI 3.1. It must not be changed.
//
//go:embed openapi.yaml
var YAML []byte

// JSON is the same contract as one JSON document, its members in the order of the YAML. It is made on the first call.
// An error means that the embedded document is broken, which the tests of this package rule out.
var JSON = sync.OnceValues(func() ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(YAML, &doc); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	var out bytes.Buffer
	if err := writeJSON(&out, &doc); err != nil {
		return nil, fmt.Errorf("write openapi.yaml as JSON: %w", err)
	}
	return out.Bytes(), nil
})

// writeJSON writes n without going through a Go map, which would lose the order a reader of the contract relies on.
func writeJSON(out *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.DocumentNode:
		return writeJSON(out, n.Content[0])
	case yaml.MappingNode:
		return writeMembers(out, n.Content)
	case yaml.SequenceNode:
		return writeItems(out, n.Content)
	case yaml.ScalarNode:
		var value any
		if err := n.Decode(&value); err != nil {
			return err
		}
		return writeValue(out, value)
	default:
		return fmt.Errorf("line %d: aliases are not used in the contract", n.Line)
	}
}

func writeMembers(out *bytes.Buffer, pairs []*yaml.Node) error {
	out.WriteByte('{')
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeValue(out, pairs[i].Value); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := writeJSON(out, pairs[i+1]); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeItems(out *bytes.Buffer, items []*yaml.Node) error {
	out.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeJSON(out, item); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	return nil
}

func writeValue(out *bytes.Buffer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	out.Write(text)
	return nil
}
