// Package openapi is the contract of the REST API: openapi.yaml is written by hand, everything else is generated from it:
// openapi.json, the server interface and the types in api.gen.go, and the Go client in the folder client. After a
// change of the contract run "go generate" here; what is generated is committed.
package openapi

import _ "embed" // for the contract

// YAML is the contract as it was written, OpenAPI 3.1. It must not be changed.
//
//go:embed openapi.yaml
var YAML []byte

// JSON is the same contract as one JSON document. It must not be changed.
//
//go:embed openapi.json
var JSON []byte
