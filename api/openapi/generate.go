package openapi

//go:generate go tool -modfile=../../.ci/tools/oapi/go.mod oapi-codegen -config server.config.yaml openapi.yaml
//go:generate go tool -modfile=../../.ci/tools/oapi/go.mod oapi-codegen -config client/client.config.yaml openapi.yaml
//go:generate go run ./tojson openapi.yaml openapi.json
