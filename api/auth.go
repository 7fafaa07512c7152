package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/paymux/paymux/core"
)

// authenticate lets a request through whose one Authorization header has a valid key with the scope for it. Every
// other one gets the same answer, whatever is wrong with it; only the owner of a key of the other mode is told so.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		text, bearer := "", false
		if values := r.Header.Values(echo.HeaderAuthorization); len(values) == 1 {
			if text, bearer = strings.CutPrefix(values[0], "Bearer "); !bearer {
				text = ""
			}
		}
		key, err := s.keys.Authenticate(r.Context(), text)
		if err != nil {
			return err
		}
		if core.IsLiveAPIKey(text) != s.live {
			return wrongMode(s.live)
		}
		if err := s.admission.withKey(c, key.ID); err != nil {
			return err
		}
		if key.Scope == core.ScopeRead && r.Method != http.MethodGet && r.Method != http.MethodHead {
			return &core.Error{Kind: core.Forbidden, Code: "forbidden", Message: "this key may only read"}
		}
		if forOperators[c.Path()] && key.Scope != core.ScopeOperator {
			return &core.Error{Kind: core.Forbidden, Code: "forbidden", Message: "this needs a key with operator scope"}
		}
		who := caller{key: key, requestID: requestID(c), route: r.Method + " " + c.Path(), path: r.Method + " " + r.URL.Path}
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
		return next(c)
	}
}

// wrongMode refuses a valid key of the other mode: a database that goes live has been open to keys of many hands.
func wrongMode(live bool) error {
	e := &core.Error{Kind: core.Unauthenticated, Code: "unauthenticated", Message: "this is a key for live mode (sk_live_…), and this installation is in test mode; make one with paymux keys create"}
	if live {
		e.Message = "this is a key for test mode (sk_test_…), and this installation is live; make one with paymux keys create"
	}
	return e
}

// forOperators are the routes that need operator scope, whatever the body says.
var forOperators = map[string]bool{"/v1/payments/:payment_id/resolve": true}

// operator reports whether the caller sees what belongs to no merchant.
func (c caller) operator() bool { return c.key.Scope == core.ScopeOperator }

// request is the call as core knows it. The fingerprint is over method, path with ids and the body as it was
// understood: member order, white space and defaults left out make no difference.
func request(ctx context.Context, idempotencyKey string, body any) (core.Request, error) {
	c := callerOf(ctx)
	canonical, err := json.Marshal(body)
	if err != nil {
		return core.Request{}, err
	}
	sum := sha256.Sum256([]byte(c.path + "\n" + string(canonical)))
	return core.Request{MerchantID: c.key.MerchantID, KeyID: c.key.ID, RequestID: c.requestID, Route: c.route, IdempotencyKey: idempotencyKey,
		Fingerprint: hex.EncodeToString(sum[:])}, nil
}
