package api

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/paymux/paymux/api/openapi"
)

// schema is as much of a schema of the contract as messages to callers are made of.
type schema struct {
	Ref        string             `json:"$ref"`
	Format     string             `json:"format"`
	Type       any                `json:"type"` // one, or a list
	Enum       []string           `json:"enum"`
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
}

// parameter is a parameter of an operation, or a reference to a common one.
type parameter struct {
	Ref    string  `json:"$ref"`
	Name   string  `json:"name"`
	Schema *schema `json:"schema"`
}

type contractDocument struct {
	Paths map[string]struct {
		Get *struct {
			OperationID string      `json:"operationId"`
			Parameters  []parameter `json:"parameters"`
		} `json:"get"`
	} `json:"paths"`
	Components struct {
		Schemas    map[string]*schema   `json:"schemas"`
		Parameters map[string]parameter `json:"parameters"`
	} `json:"components"`
}

// contract is the document that this program serves, read once.
var contract = sync.OnceValue(func() *contractDocument {
	d := &contractDocument{}
	if err := json.Unmarshal(openapi.JSON, d); err != nil {
		panic(err) // it is embedded, and the tests read it
	}
	return d
})

// resolve follows a reference to a named schema.
func (d *contractDocument) resolve(s *schema) *schema {
	for s != nil && s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

// required are the members that an object of the named schema must have.
func (d *contractDocument) required(name string) []string {
	if s := d.Components.Schemas[name]; s != nil {
		return s.Required
	}
	return nil
}

// member is the schema of the member at pointer in a body of the named schema, nil if there is none.
func (d *contractDocument) member(name, pointer string) *schema {
	s := d.resolve(d.Components.Schemas[name])
	for part := range strings.SplitSeq(strings.TrimPrefix(patternOf(pointer), "/"), "/") {
		switch {
		case s == nil:
			return nil
		case part == "*" && s.Items != nil:
			s = d.resolve(s.Items)
		default:
			s = d.resolve(s.Properties[part])
		}
	}
	return s
}

// query is the schema of a query parameter of a GET, nil if there is none.
func (d *contractDocument) query(operation, name string) *schema {
	for _, path := range d.Paths {
		if path.Get == nil || !strings.EqualFold(path.Get.OperationID, operation) {
			continue
		}
		for _, p := range path.Get.Parameters {
			if p.Ref != "" {
				p = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
			}
			if p.Name == name {
				return d.resolve(p.Schema)
			}
		}
	}
	return nil
}

// formOf is what the value of a query parameter of this name must look like; one name has one type in all operations.
func (d *contractDocument) formOf(name string) string {
	for _, path := range d.Paths {
		if path.Get == nil {
			continue
		}
		s := d.query(path.Get.OperationID, name)
		switch {
		case s == nil:
		case s.Type == "integer":
			return "one whole number is needed."
		case s.Type == "boolean":
			return "true or false is needed."
		case s.Format == "date-time":
			return "one time such as 2026-01-31T00:00:00Z is needed."
		default:
			return "one value is needed."
		}
	}
	return ""
}

// values are those that the contract allows at a place, for people; empty where it lists none.
func (s *schema) values() string {
	if s == nil {
		return ""
	}
	return strings.Join(s.Enum, ", ")
}
