package docs_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paymux/paymux/api/docs"
	"github.com/paymux/paymux/api/openapi"
)

func shown(t *testing.T) (http.Header, string, *html.Node) {
	t.Helper()
	w := httptest.NewRecorder()
	require.NoError(t, docs.Handler(w, httptest.NewRequest(http.MethodGet, "/docs", nil)))
	page, err := html.Parse(strings.NewReader(w.Body.String()))
	require.NoError(t, err)
	return w.Header(), w.Body.String(), page
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// texts are the words of every element that has an id, by the id.
func texts(page *html.Node) map[string]string {
	out := map[string]string{}
	for n := range page.Descendants() {
		if id := attr(n, "id"); id != "" {
			var b strings.Builder
			for part := range n.Descendants() {
				if part.Type == html.TextNode {
					b.WriteString(part.Data + " ")
				}
			}
			out[id] = b.String()
		}
	}
	return out
}

// Everything of the contract is on the page: each operation with its parameters, the members of its body and its answers,
// each object with its members, and each code.
func TestThePageHasTheWholeContract(t *testing.T) {
	contract, err := openapi3.NewLoader().LoadFromData(openapi.YAML)
	require.NoError(t, err)
	_, _, page := shown(t)
	on := texts(page)
	for path, item := range contract.Paths.Map() {
		for method, op := range item.Operations() {
			of := on[op.OperationID]
			require.Contains(t, of, method, path)
			require.Contains(t, of, path)
			require.Contains(t, of, op.Summary)
			for _, p := range append(item.Parameters, op.Parameters...) {
				require.Contains(t, of, p.Value.Name+" ", "%s %s", method, path)
			}
			if op.RequestBody != nil {
				for _, media := range op.RequestBody.Value.Content {
					for name := range media.Schema.Value.Properties {
						require.Contains(t, of, name+" ", "%s %s", method, path)
					}
				}
			}
			for status := range op.Responses.Map() {
				require.Contains(t, of, status, "%s %s", method, path)
			}
		}
	}
	for name, schema := range contract.Components.Schemas {
		for member := range schema.Value.Properties {
			require.Contains(t, on["object-"+name], member+" ")
		}
		for _, word := range schema.Value.Enum {
			require.Contains(t, on["object-"+name], word)
		}
	}
	for _, code := range contract.Components.Schemas["ProblemCode"].Value.Enum {
		require.Contains(t, on["codes"], code)
	}
}

// The page works offline and without script, and what it refers to on itself is there.
func TestThePageNeedsNothingElse(t *testing.T) {
	header, text, page := shown(t)
	policy := header.Get("Content-Security-Policy")
	require.Regexp(t, `^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'$`, policy)
	require.NotContains(t, text, "ZgotmplZ")
	require.NotContains(t, text, "<!-- ")
	on, ids := texts(page), map[string]int{}
	for n := range page.Descendants() {
		require.NotContains(t, []string{"script", "link", "img", "iframe"}, n.Data)
		require.Empty(t, attr(n, "style"), "the policy forbids it")
		if to, ok := strings.CutPrefix(attr(n, "href"), "#"); ok {
			require.Contains(t, on, to)
		}
		ids[attr(n, "id")]++
	}
	delete(ids, "")
	for id, times := range ids {
		require.Equal(t, 1, times, id)
	}
}
