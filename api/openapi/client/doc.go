// Package client is a Go client of the REST API, generated from the contract in the folder above.
//
// NewClientWithResponses takes the base URL of an instance; WithRequestEditorFn adds the API key:
//
//	c, err := client.NewClientWithResponses("https://pay.example", client.WithRequestEditorFn(
//		func(_ context.Context, r *http.Request) error {
//			r.Header.Set("Authorization", "Bearer "+key)
//			return nil
//		}))
//
// An answer has one member per documented status (JSON200, JSON201, JSON202) and ApplicationProblemJSONDefault
// for every refusal; exactly one of them is set. Amounts are in minor units. A call that ends with an error of the
// network may be made again with the same Idempotency-Key.
package client
