package api

import (
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/labstack/echo/v4"

	"github.com/paymux/paymux/api/openapi"
)

// checkQuery is a middleware of the generated server: it refuses query parameters that the operation does not have or
// has once, and values outside the contract. A filter that is mistyped must not give the whole list.
func checkQuery(next openapi.StrictHandlerFunc, operation string) openapi.StrictHandlerFunc {
	return func(c echo.Context, request any) (any, error) {
		params := reflect.ValueOf(request).FieldByName("Params")
		names := queryNames(params)
		query := c.QueryParams()
		for _, name := range slices.Sorted(maps.Keys(query)) {
			switch values := query[name]; {
			case !slices.Contains(names, name):
				return nil, wrongQuery(name, "there is no such parameter; "+known(names))
			case len(values) != 1:
				return nil, wrongQuery(name, "it is given more than once.")
			case values[0] == "" || hasControl(values[0]):
				return nil, wrongQuery(name, "it is empty or has control characters.")
			}
		}
		if !params.IsValid() {
			return next(c, request)
		}
		var broken validator.ValidationErrors
		if errors.As(validate().Struct(params.Interface()), &broken) {
			b := broken[0]
			return nil, wrongQuery(b.Field(), lowerFirst(detailOf(b, openapi.ProblemCodeFieldInvalid, contract().query(operation, b.Field()))))
		}
		if !inOrder(params) {
			return nil, wrongQuery("to", "it is before from.")
		}
		return next(c, request)
	}
}

// givenParameter are names that may be repeated to the caller.
var givenParameter = regexp.MustCompile(`^[a-z_]{1,40}$`)

// wrongQuery refuses the parameter of this name.
func wrongQuery(name, why string) *refusal {
	if !givenParameter.MatchString(name) {
		name = "query"
	}
	return refuse(openapi.ProblemCodeQueryInvalid, "", name+": "+why)
}

func known(names []string) string {
	if len(names) == 0 {
		return "this operation takes none."
	}
	return "there are " + strings.Join(names, ", ") + "."
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// misread is what the generated reading of parameters says; the rest of its text may repeat a value.
var misread = regexp.MustCompile(`^Invalid format for parameter ([a-z_]{1,40}): `)

// unreadable is the refusal of a parameter whose value has not even the type of the contract.
func unreadable(message string) openapi.Problem {
	m := misread.FindStringSubmatch(message)
	if m == nil {
		return problem(openapi.ProblemCodeQueryInvalid, "A parameter of the address cannot be read.")
	}
	return problem(openapi.ProblemCodeQueryInvalid, m[1]+": "+or(contract().formOf(m[1]), "it cannot be read."))
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
