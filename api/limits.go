package api

import (
	"mime"
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/oklog/ulid/v2"

	"github.com/paymux/paymux/api/openapi"
)

// Limits of a request to the API. The http.Server must let somewhat larger headers through, so that the caller
// is told by a problem and not by a bare status line.
const (
	maxBodyBytes   = 64 << 10
	maxImportBytes = 1 << 20
	maxHeaderBytes = 16 << 10
	maxHeaderLines = 100
	maxQueryBytes  = 2 << 10
)

const requestIDKey = "request_id"

var givenRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// withRequestID gives every request an id, the caller's own X-Request-Id when it is harmless, and says it in the answer.
func withRequestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !givenRequestID.MatchString(id) {
			id = "req_" + ulid.Make().String()
		}
		c.Set(requestIDKey, id)
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

// requestID is the id that withRequestID gave, empty without it.
func requestID(c echo.Context) string {
	id, _ := c.Get(requestIDKey).(string)
	return id
}

// withLimits refuses what nothing here reads: large headers everywhere and, below /v1, compressed or foreign bodies and
// bodies where none belongs. A body that is larger than it said is cut off while it is read, and the binder refuses it.
// Feedback and the buyer's pages have bodies of their own and limit them themselves.
func withLimits(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if len(r.TransferEncoding) > 0 {
			// A Content-Length beside it is dropped by net/http unseen. Whoever counts by that one must not get a second
			// request out of this connection (RFC 9112, section 6.1).
			c.Response().Header().Set(echo.HeaderConnection, "close")
		}
		if err := checkHeader(r); err != nil {
			return err
		}
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			return next(c)
		}
		most := bodyLimit(c.Path())
		if err := checkBody(r, most); err != nil {
			return err
		}
		r.Body = http.MaxBytesReader(c.Response(), r.Body, most)
		return next(c)
	}
}

func checkHeader(r *http.Request) error {
	size, lines := len(r.Host), 0
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(": \r\n") + len(value)
			lines++
		}
	}
	if size > maxHeaderBytes || lines > maxHeaderLines {
		return refuse(openapi.ProblemCodeHeadersTooLarge, "", "A header has at most 16384 bytes and 100 lines.")
	}
	if len(r.URL.RawQuery) > maxQueryBytes {
		return refuse(openapi.ProblemCodeQueryInvalid, "", "A query has at most 2048 bytes.")
	}
	return nil
}

// bodyLimit is how long a body may be, in bytes. A recorded message may have four times what else is sent here.
func bodyLimit(route string) int64 {
	if route == "/v1/feedback/import" {
		return maxImportBytes
	}
	return maxBodyBytes
}

func checkBody(r *http.Request, most int64) error {
	if r.ContentLength == 0 {
		return nil
	}
	switch {
	case r.Method != http.MethodPost && r.Method != http.MethodPatch && r.Method != http.MethodPut:
		return refuse(openapi.ProblemCodeJSONInvalid, "", "A request with this method has no body.")
	case r.ContentLength > most:
		return &http.MaxBytesError{Limit: most}
	case !plainJSON(r.Header):
		return refuse(openapi.ProblemCodeMediaTypeUnsupported, "", "Send the body as application/json in UTF-8, not compressed.")
	}
	return nil
}

// plainJSON reports whether the header announces JSON in UTF-8 exactly once, and no encoding on top of it.
func plainJSON(h http.Header) bool {
	if encodings := h.Values(echo.HeaderContentEncoding); len(encodings) > 0 && (len(encodings) > 1 || !strings.EqualFold(encodings[0], "identity")) {
		return false
	}
	types := h.Values(echo.HeaderContentType)
	if len(types) != 1 {
		return false
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || media != echo.MIMEApplicationJSON {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

const headerIdempotencyKey = "Idempotency-Key"

var givenIdempotencyKey = regexp.MustCompile(`^[!-~]{1,255}$`)

// keyed are the routes of the contract whose POST has an effect. (Sync starts nothing and may be repeated at will.)
var keyed = map[string]bool{
	"/v1/payments":                                     true,
	"/v1/payments/:payment_id/confirm":                 true,
	"/v1/payments/:payment_id/complete":                true,
	"/v1/payments/:payment_id/captures":                true,
	"/v1/payments/:payment_id/cancel":                  true,
	"/v1/payments/:payment_id/refunds":                 true,
	"/v1/payments/:payment_id/authorizations":          true,
	"/v1/mandates":                                     true,
	"/v1/mandates/:mandate_id/complete":                true,
	"/v1/mandates/:mandate_id/cancel":                  true,
	"/v1/events/:event_id/redeliver":                   true,
	"/v1/webhook-endpoints":                            true,
	"/v1/webhook-endpoints/:endpoint_id/rotate-secret": true,
	"/v1/webhook-endpoints/:endpoint_id/redeliver":     true,
	"/v1/payments/:payment_id/resolve":                 true,
	"/v1/feedback/:feedback_id/replay":                 true,
	"/v1/feedback/replay":                              true,
	"/v1/feedback/import":                              true,
}

// takesKey reports whether the operation that was called takes an Idempotency-Key.
func takesKey(c echo.Context) bool { return c.Request().Method == http.MethodPost && keyed[c.Path()] }

// withIdempotencyKey demands the key on every POST with effect and checks its syntax. It must run behind the
// router, which knows the route.
func withIdempotencyKey(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !takesKey(c) {
			return next(c)
		}
		switch keys := c.Request().Header.Values(headerIdempotencyKey); {
		case len(keys) == 0:
			return refuse(openapi.ProblemCodeIdempotencyKeyRequired, "", "This operation needs an Idempotency-Key header.")
		case len(keys) > 1 || !givenIdempotencyKey.MatchString(keys[0]):
			return refuse(openapi.ProblemCodeIdempotencyKeyInvalid, "", "An Idempotency-Key is given once and has 1 to 255 visible ASCII characters.")
		}
		return next(c)
	}
}
