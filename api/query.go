package api

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/paymux/paymux/api/openapi"
)

// checkQuery is a middleware of the generated server: it refuses query parameters that the operation does not have or
// has once, and values outside the contract. A filter that is mistyped must not give the whole list.
func checkQuery(next openapi.StrictHandlerFunc, _ string) openapi.StrictHandlerFunc {
	return func(c echo.Context, request any) (any, error) {
		params := reflect.ValueOf(request).FieldByName("Params")
		for name, values := range c.QueryParams() {
			if !slices.Contains(queryNames(params), name) || len(values) != 1 {
				return nil, refuse(openapi.ProblemCodeQueryInvalid, "", "The query has a parameter that this operation does not have, or one twice.")
			}
			if hasControl(values[0]) || values[0] == "" {
				return nil, refuse(openapi.ProblemCodeQueryInvalid, "", "A parameter of the query is empty or has control characters.")
			}
		}
		if params.IsValid() {
			if err := validate().Struct(params.Interface()); err != nil || !inOrder(params) {
				return nil, refuse(openapi.ProblemCodeQueryInvalid, "", "A parameter of the query is not one of the values the contract allows.")
			}
		}
		return next(c, request)
	}
}

// queryNames are the query parameters that the generated params know.
func queryNames(params reflect.Value) []string {
	if !params.IsValid() {
		return nil
	}
	var names []string
	for i := range params.NumField() {
		if name, _, _ := strings.Cut(params.Type().Field(i).Tag.Get("form"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// inOrder reports whether the window of time, where the operation has one, does not end before it begins.
func inOrder(params reflect.Value) bool {
	from, to := params.FieldByName("From"), params.FieldByName("To")
	if !from.IsValid() || !to.IsValid() || from.IsNil() || to.IsNil() {
		return true
	}
	begin, _ := from.Elem().Interface().(time.Time)
	end, _ := to.Elem().Interface().(time.Time)
	return !end.Before(begin)
}
