// Package apitest helps tests of the REST API. The program does not import it.
package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/paymux/paymux/api/openapi"
)

// Contract is next, and fails the test on every answer that the contract in api/openapi does not promise: another
// status, media type, member, type or header. Answers to methods and paths below /v1 that the contract does not have
// must be its problem documents; everything else outside of it (console, metrics) passes unchecked.
// The answer is handed on unchanged. Requests are not checked, so that tests may send wrong ones.
func Contract(t testing.TB, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	doc, err := loaded()
	if err != nil {
		t.Fatalf("read the contract: %v", err)
	}
	return &contract{t: t, next: next, document: doc}
}

type contract struct {
	t    testing.TB
	next http.RoundTripper
	*document
}

type document struct {
	doc    *openapi3.T
	router routers.Router
}

// loaded reads the contract once for all tests of a package; nothing changes it afterwards.
var loaded = sync.OnceValues(func() (*document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.YAML)
	if err != nil {
		return nil, err
	}
	doc.Servers = nil // whatever host the test runs on
	router, err := gorillamux.NewRouter(doc)
	return &document{doc, router}, err
})

func (c *contract) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if err := c.check(r, answer, body); err != nil {
		c.t.Errorf("%s %s answered %d against the contract: %v\n%s", r.Method, r.URL.Path, answer.StatusCode, err, body)
	}
	return answer, nil
}

func (c *contract) check(r *http.Request, answer *http.Response, body []byte) error {
	if strings.HasPrefix(r.URL.Path, "/v1") && answer.StatusCode >= 400 {
		if err := c.checkProblem(r, answer, body); err != nil {
			return err
		}
	}
	if r.Method == http.MethodHead {
		return nil
	}
	route, path, err := c.router.FindRoute(r)
	switch {
	case errors.Is(err, routers.ErrPathNotFound) || errors.Is(err, routers.ErrMethodNotAllowed):
		if strings.HasPrefix(r.URL.Path, "/v1") && answer.StatusCode < 400 {
			return errors.New("the contract has no such operation")
		}
		return nil
	case err != nil:
		return err
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: path, Route: route},
		Status:                 answer.StatusCode,
		Header:                 answer.Header,
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	return openapi3filter.ValidateResponse(r.Context(), in.SetBodyBytes(body))
}

// checkProblem holds for every refusal, documented or not: the document is complete and agrees with the answer.
func (c *contract) checkProblem(r *http.Request, answer *http.Response, body []byte) error {
	if r.Method == http.MethodHead {
		return nil
	}
	if got := answer.Header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("a refusal is application/problem+json, not %q", got)
	}
	var problem map[string]any
	if err := json.Unmarshal(body, &problem); err != nil {
		return err
	}
	if err := c.doc.Components.Schemas["Problem"].Value.VisitJSON(problem, openapi3.MultiErrors()); err != nil {
		return err
	}
	if status, _ := problem["status"].(float64); int(status) != answer.StatusCode {
		return fmt.Errorf("the document says status %v", problem["status"])
	}
	if problem["request_id"] != answer.Header.Get("X-Request-Id") {
		return fmt.Errorf("the document says request_id %v, the header %q", problem["request_id"], answer.Header.Get("X-Request-Id"))
	}
	return nil
}
