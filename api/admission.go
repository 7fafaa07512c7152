package api

import (
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/paymux/paymux/api/openapi"
)

// Limits keep one caller from taking what all of them need. They hold for one process. Zero: none.
type Limits struct {
	PerKey         int // requests below /v1 with one key, a second on average; at once twice as many
	PerAddress     int // requests below /v1 from one address, likewise, before any key is looked at
	AtOnce         int // requests below /v1 that run; one more is answered with 503 at once
	FailedFeedback int // messages from one address that are not authentic, a minute; more of them are answered with 429
	PerReturn      int // returns to one address of /return, a minute; at once as many. One more is put off: it is a page that loads itself again
}

// admission lets requests below /v1 in.
type admission struct {
	limits  Limits
	key     *buckets
	address *buckets
	running atomic.Int64
	telling rate.Sometimes
	log     *slog.Logger
}

func newAdmission(l Limits, log *slog.Logger) *admission {
	return &admission{limits: l, key: newBuckets(l.PerKey, time.Second, 2*l.PerKey), address: newBuckets(l.PerAddress, time.Second, 2*l.PerAddress),
		telling: rate.Sometimes{Interval: time.Second}, log: log}
}

// fromAddress is the first thing that happens to a request below /v1: no key is looked up for one that is too much.
func (a *admission) fromAddress(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if wait := a.address.take(sourceOf(c.RealIP())); wait > 0 {
			return limited(c, wait, "Too many requests from this address.")
		}
		defer a.running.Add(-1)
		if running := a.running.Add(1); a.limits.AtOnce > 0 && running > int64(a.limits.AtOnce) {
			a.telling.Do(func() { a.log.Warn("requests are turned away: too many run", "at_once", a.limits.AtOnce) })
			return refuse(openapi.ProblemCodeOverloaded, "", "Too many requests are running here. Nothing happened; send the same request again, with the same key if it has one.")
		}
		return next(c)
	}
}

// withKey refuses what is too much of one key.
func (a *admission) withKey(c echo.Context, id string) error {
	if wait := a.key.take(id); wait > 0 {
		return limited(c, wait, "Too many requests with this key.")
	}
	return nil
}

func limited(c echo.Context, wait time.Duration, detail string) error {
	retryAfter(c.Response().Header(), wait)
	return refuse(openapi.ProblemCodeRateLimited, "", detail)
}

// retryAfter says in whole seconds how long to wait, not less.
func retryAfter(h http.Header, wait time.Duration) {
	h.Set(echo.HeaderRetryAfter, strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
}
