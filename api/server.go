// Package api turns HTTP into calls of core, and what comes back into the answers of the contract in openapi/.
// It decides nothing about money.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/paymux/paymux/api/docs"
	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// Options are what the API works with.
type Options struct {
	Checkout    *core.Checkout
	Keys        *core.Keys
	Store       core.Store
	Log         *slog.Logger
	Live        bool                       // shown as livemode; tells simulators from money
	IPExtractor func(*http.Request) string // where a request comes from; nil: the peer itself
	Limits      Limits
}

// Server answers every route of the contract.
type Server struct {
	renderer
	checkout *core.Checkout
	keys     *core.Keys
	store    core.Store
	log      *slog.Logger

	admission *admission
	refusals  *refusals
	returns   *buckets // by token: each return may make calls of the provider, and only loads a page
}

// New is the handler of all routes.
func New(o Options) (http.Handler, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{renderer: renderer{live: o.Live}, checkout: o.Checkout, keys: o.Keys, store: o.Store, log: o.Log}
	var accounts []*core.Account
	if o.Checkout != nil {
		s.links, accounts = o.Checkout.Links, o.Checkout.Accounts("")
	}
	s.admission, s.refusals = newAdmission(o.Limits, o.Log), newRefusals(o.Limits, accounts, o.Log)
	s.returns = newBuckets(o.Limits.PerReturn, time.Minute, o.Limits.PerReturn)
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Binder = binder{}
	e.HTTPErrorHandler = handleErrors(o.Log)
	e.IPExtractor = o.IPExtractor
	if e.IPExtractor == nil {
		e.IPExtractor = echo.ExtractIPDirect()
	}
	e.Use(s.withRecovery(), withRequestID, belowV1(s.admission.fromAddress, withLimits, s.authenticate, withIdempotencyKey))
	openapi.RegisterHandlers(e, openapi.NewStrictHandler(s, []openapi.StrictMiddlewareFunc{checkQuery}))
	s.open(e)
	return e, nil
}

// belowV1 applies middleware to everything below /v1: what needs an API key, and what does not exist there. (A group of
// echo with middleware of its own would catch every path, and answer a wrong method as if nothing were there.)
func belowV1(middleware ...echo.MiddlewareFunc) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		guarded := next
		for _, m := range slices.Backward(middleware) {
			guarded = m(guarded)
		}
		return func(c echo.Context) error {
			if path := c.Request().URL.Path; path == "/v1" || strings.HasPrefix(path, "/v1/") {
				return guarded(c)
			}
			return next(c)
		}
	}
}

// withRecovery turns a panic into an answer. Its stack goes to the log, where everything goes: echo would print it.
func (s *Server) withRecovery() echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{DisableStackAll: true, LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
		s.log.ErrorContext(c.Request().Context(), "panic", "request_id", requestID(c), "stack", string(stack))
		return err
	}})
}

// open routes what needs no API key: providers authenticate themselves, buyers bring a token, probes ask nothing.
func (s *Server) open(e *echo.Echo) {
	e.POST("/feedback/:account", s.feedback)
	e.GET("/return/:token", s.buyerReturn)
	e.POST("/return/:token", s.buyerReturn)
	e.GET("/pay/:token", s.hostedPage)
	e.GET("/livez", func(c echo.Context) error { return c.JSON(http.StatusOK, map[string]string{"status": "alive"}) })
	e.GET("/readyz", s.ready)
	e.GET("/openapi.json", func(c echo.Context) error { return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, openapi.JSON) })
	e.GET("/openapi.yaml", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/yaml", openapi.YAML) })
	e.GET("/docs", func(c echo.Context) error { return docs.Handler(c.Response(), c.Request()) })
}

// ready proves that a row can be written. The state of providers never makes the process unready.
func (s *Server) ready(c echo.Context) error {
	if err := s.store.Ready(c.Request().Context()); err != nil {
		s.log.Log(c.Request().Context(), levelOf(c, err), "not ready", "error", err)
		return c.JSON(http.StatusServiceUnavailable, map[string]string{"status": "unavailable"})
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
}

type callerKey struct{}

// caller is who makes a request of the API, and which.
type caller struct {
	key       core.APIKey
	requestID string
	route     string // method and route template
	path      string // method and path with ids
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

func merchantOf(ctx context.Context) string { return callerOf(ctx).key.MerchantID }
