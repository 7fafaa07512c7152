// Command tojson writes the contract as JSON, its members in the order of the YAML: go run ./tojson openapi.yaml openapi.json.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"go.yaml.in/yaml/v3"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: tojson in.yaml out.json")
	}
	if err := convert(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func convert(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	var flat, out bytes.Buffer
	if err := writeJSON(&flat, &doc); err != nil {
		return fmt.Errorf("write %s as JSON: %w", from, err)
	}
	if err := json.Indent(&out, flat.Bytes(), "", " "); err != nil {
		return err
	}
	return os.WriteFile(to, append(out.Bytes(), '\n'), 0o644)
}

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
