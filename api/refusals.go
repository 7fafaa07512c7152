package api

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/paymux/paymux/core"
)

// How many messages that are not authentic are told in the log, whatever number of sources they come from: so many a
// second on average, and so many at once.
const (
	toldASecond = 10
	toldAtOnce  = 100
)

// refusals are messages of providers that were refused: not authentic, not to be read, too long, or for no account.
// They leave counters and a line in the log. Authentication comes first, and only what failed it takes from the
// bucket of its source: an authentic message gets through whatever else came from the same address.
type refusals struct {
	sources *buckets
	told    *rate.Limiter
	silent  atomic.Int64 // refused since the last line, and not told
	all     atomic.Int64
	of      map[string]*turnedDown // by configured account
	log     *slog.Logger
}

// turnedDown is what was refused of one account: how many messages, and why the last of them.
type turnedDown struct {
	count   atomic.Int64
	because atomic.Pointer[string]
}

func newRefusals(l Limits, accounts []*core.Account, log *slog.Logger) *refusals {
	r := &refusals{sources: newBuckets(l.FailedFeedback, time.Minute, l.FailedFeedback), told: rate.NewLimiter(toldASecond, toldAtOnce),
		of: map[string]*turnedDown{}, log: log}
	for _, a := range accounts {
		r.of[a.Name] = &turnedDown{}
	}
	return r
}

// count is how many messages to an account were refused since the process began, and why the last of them, if its adapter
// says so.
func (r *refusals) count(account string) (int64, *string) {
	if n := r.of[account]; n != nil {
		return n.count.Load(), n.because.Load()
	}
	return 0, nil
}

// refuse counts a message, tells of it, and answers: the status it has earned, or 429 when its source has had too many
// refused. The line has no word of the sender: a configured name, an address that was read as one, numbers, and codes of
// our own, and in because what the adapter has to say. One is written as long as its source and all of them are within their limits.
func (r *refusals) refuse(c echo.Context, status int, text, why, because string, bytes int64) error {
	all, account := r.all.Add(1), ""
	if n := r.of[c.Param("account")]; n != nil {
		n.count.Add(1)
		n.because.Store(optional(because)) // the last one's, whatever was known of those before
		account = c.Param("account")
	}
	wait := r.sources.take(sourceOf(c.RealIP()))
	if wait > 0 || !r.told.Allow() {
		r.silent.Add(1)
	} else {
		r.log.WarnContext(c.Request().Context(), "feedback refused", "request_id", requestID(c), "from", plainAddress(c.RealIP()), "account", or(account, "none"), "bytes", bytes,
			"why", why, "refused", all, "not_told", r.silent.Swap(0), "because", because)
	}
	if wait > 0 {
		retryAfter(c.Response().Header(), wait)
		return c.String(http.StatusTooManyRequests, "refused")
	}
	return c.String(status, text)
}

// plainAddress is an address as it was understood, empty when it was not.
func plainAddress(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	return ip.Unmap().WithZone("").String()
}
