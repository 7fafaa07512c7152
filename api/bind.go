package api

import (
	"errors"
	"io"
	"net/http"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/paymux/paymux/api/openapi"
)

// binder reads bodies for the generated server. Where encoding/json would fold names, keep the last of two values,
// round numbers and drop what it does not know, it refuses. Errors are *refusal or *http.MaxBytesError.
type binder struct{}

// Bind puts the body of the request into request, a pointer to a request type of the contract, and checks every rule
// of the contract. All problems are reported at once. With no body at all the error is io.EOF among others, which
// lets operations whose body may be left out go on.
func (binder) Bind(request any, c echo.Context) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return err
		}
		return refuse(openapi.ProblemCodeJSONInvalid, "", "The body ended before it was complete.")
	}
	if len(body) == 0 {
		none := refuse(openapi.ProblemCodeJSONInvalid, "", "This operation needs a JSON object as body.")
		none.err = io.EOF
		return none
	}
	return decode(body, request)
}

// decode puts body into request and checks it; see Bind.
func decode(body []byte, request any) error {
	root, err := parse(body)
	if err != nil {
		return err
	}
	if root.shape != isObject {
		return refuse(openapi.ProblemCodeJSONInvalid, "", "The body must be a JSON object.")
	}
	var f filler
	f.members(reflect.ValueOf(request).Elem(), root, "")
	f.check(request)
	if len(f.problems) > 0 {
		return &refusal{problems: f.problems}
	}
	return nil
}
