package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// handleErrors is the one place where an error becomes an answer. What is ours is logged with its text and the id of
// the request; the caller gets the id only.
func handleErrors(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		p := problemOf(err)
		if p.Status >= http.StatusInternalServerError && p.Code != openapi.ProblemCodeOverloaded { // of that the admission tells
			log.Log(c.Request().Context(), levelOf(c, err), "request failed", "request_id", requestID(c), "route", c.Path(), "code", p.Code, "error", err)
		}
		if err := writeProblem(c, p); err != nil {
			log.Log(c.Request().Context(), levelOf(c, err), "answer not written", "request_id", requestID(c), "error", err)
		}
	}
}

// levelOf is how an error of a request is logged that is not the caller's own. A caller who hung up ended his request
// himself, and so did a stop of the process: nothing is wrong, and nobody reads the answer. What else broke meanwhile is
// told as ever.
func levelOf(c echo.Context, err error) slog.Level {
	_, network := errors.AsType[net.Error](err)
	gone := errors.Is(c.Request().Context().Err(), context.Canceled)
	if gone && (network || errors.Is(err, context.Canceled) || core.KindOf(err) == core.Unavailable) {
		return slog.LevelDebug
	}
	return slog.LevelError
}

// problemOf is what the caller is told about err. Whatever nobody classified is "internal", and its text stays here.
func problemOf(err error) openapi.Problem {
	if r, ok := errors.AsType[*refusal](err); ok {
		p := problem(r.problems[0].Code, r.problems[0].Detail)
		p.Pointer, p.Errors = r.problems[0].Pointer, r.problems
		return p
	}
	if e, ok := errors.AsType[*core.Error](err); ok {
		return problemOfCore(e)
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem(openapi.ProblemCodeBodyTooLarge, fmt.Sprintf("A body has at most %d bytes here.", e.Limit))
	}
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		if text, _ := e.Message.(string); e.Code == http.StatusBadRequest {
			return unreadable(text)
		}
		return problemOfHTTP(e.Code)
	}
	return problem(openapi.ProblemCodeInternal, "Something broke here. The same request is safe, with the same key if it has one.")
}

// problemOfCore keeps the code of e if the contract has it; else the kind alone decides.
func problemOfCore(e *core.Error) openapi.Problem {
	code, detail := openapi.ProblemCode(e.Code), e.Message
	switch _, ok := answers[code]; {
	case ok:
	case e.Code == "commit_unknown": // what the same request finds done it does not do again
		code, detail = openapi.ProblemCodeStorageUnavailable, "The database did not confirm that it has stored this. Send the same request again, with the same key if it has one: it is done once."
	case e.Kind == core.Unavailable && strings.HasPrefix(e.Code, "storage_"):
		code = openapi.ProblemCodeStorageUnavailable // what exactly is in its way is for the log
	default:
		code = codeOfKind(e.Kind)
	}
	if code == openapi.ProblemCodeInternal || detail == "" {
		detail = titleOf(code) + "."
	}
	p := problem(code, detail)
	p.Pointer, p.AllowedActions, p.Alternatives, p.Resource = e.Pointer, e.Allowed, e.Choices, e.Object
	if e.Final && p.Retry == openapi.ProblemRetryLater {
		p.Retry = openapi.ProblemRetryNever
	}
	if p.Pointer != "" {
		p.Errors = []openapi.ProblemDetail{{Code: code, Pointer: e.Pointer, Detail: detail}}
	}
	return p
}

func codeOfKind(kind core.Kind) openapi.ProblemCode {
	switch kind {
	case core.Invalid:
		return openapi.ProblemCodeFieldInvalid
	case core.Unauthenticated:
		return openapi.ProblemCodeUnauthenticated
	case core.Forbidden:
		return openapi.ProblemCodeForbidden
	case core.NotFound:
		return openapi.ProblemCodeNotFound
	case core.Conflict:
		return openapi.ProblemCodeStateInvalid
	case core.Unavailable:
		return openapi.ProblemCodeProviderUnavailable
	case core.MalformedMessage:
		return openapi.ProblemCodeJSONInvalid
	default:
		return openapi.ProblemCodeInternal
	}
}

// problemOfHTTP is for what the router and the generated reading of parameters refuse themselves.
func problemOfHTTP(status int) openapi.Problem {
	switch status {
	case http.StatusNotFound:
		return problem(openapi.ProblemCodeNotFound, "There is nothing at this address.")
	case http.StatusMethodNotAllowed:
		return problem(openapi.ProblemCodeMethodNotAllowed, "The path has no such method.")
	case http.StatusRequestEntityTooLarge:
		return problem(openapi.ProblemCodeBodyTooLarge, "A body has at most 65536 bytes.")
	case http.StatusUnsupportedMediaType:
		return problem(openapi.ProblemCodeMediaTypeUnsupported, "Send the body as application/json.")
	case http.StatusUnauthorized:
		return problem(openapi.ProblemCodeUnauthenticated, "Send a valid API key as a bearer token.")
	case http.StatusTooManyRequests:
		return problem(openapi.ProblemCodeRateLimited, "Too many requests.")
	case http.StatusServiceUnavailable:
		return problem(openapi.ProblemCodeProviderUnavailable, "Nothing happened; try again.")
	default:
		return problem(openapi.ProblemCodeInternal, "Something broke here. The same request is safe, with the same key if it has one.")
	}
}
