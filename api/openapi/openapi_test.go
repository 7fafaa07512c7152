package openapi_test

import (
	"encoding/json"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/paymux/paymux/api/openapi"
)

func load(t *testing.T, document []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	require.NoError(t, err)
	return doc
}

func TestContractIsValidAndItsExamplesFollowIt(t *testing.T) {
	require.NoError(t, load(t, openapi.YAML).Validate(t.Context(), openapi3.EnableExamplesValidation()))
}

func TestJSONSaysTheSameAsYAML(t *testing.T) {
	require.NoError(t, load(t, openapi.JSON).Validate(t.Context()))

	var fromYAML any
	require.NoError(t, yaml.Unmarshal(openapi.YAML, &fromYAML))
	again, err := json.Marshal(fromYAML)
	require.NoError(t, err)
	require.JSONEq(t, string(again), string(openapi.JSON))
}

func TestEveryOperationIsDescribedAndShown(t *testing.T) {
	doc := load(t, openapi.YAML)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			name := method + " " + path
			require.NotEmpty(t, op.OperationID, name)
			require.NotEmpty(t, op.Summary, name)
			require.Len(t, op.Tags, 1, name)
			if body := op.RequestBody; body != nil && len(path) > 4 && path[:4] == "/v1/" {
				require.NotEmpty(t, body.Value.Content["application/json"].Examples, name)
			}
			for status, answer := range op.Responses.Map() {
				for media, content := range answer.Value.Content {
					if media == "application/json" && op.Tags[0] != "Service" {
						require.NotEmpty(t, content.Examples, "%s %s", name, status)
					}
				}
			}
		}
	}
}

// An amount that does not fit the generated type, or that a generator makes a float of, would be wrong money.
func TestIntegersHave64Bits(t *testing.T) {
	for name, schema := range load(t, openapi.YAML).Components.Schemas {
		for property, ref := range schema.Value.Properties {
			if ref.Value.Type.Includes("integer") {
				require.Equal(t, "int64", ref.Value.Format, "%s.%s", name, property)
			}
			require.False(t, ref.Value.Type.Includes("number"), "%s.%s", name, property)
		}
	}
}

func TestEveryMemberOfARequestHasAMeaning(t *testing.T) {
	schemas := load(t, openapi.YAML).Components.Schemas
	for _, name := range []string{"CreatePayment", "ConfirmPayment", "UpdatePayment", "CreateCapture", "CreateRefund", "CancelPayment", "CancelMandate",
		"CreateWebhookEndpoint", "UpdateWebhookEndpoint", "Redeliver"} {
		schema := schemas[name].Value
		require.False(t, *schema.AdditionalProperties.Has, name)
		for property, ref := range schema.Properties {
			require.NotEmpty(t, ref.Value.Description, "%s.%s", name, property)
		}
	}
}
