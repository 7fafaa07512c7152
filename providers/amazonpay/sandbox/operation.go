package sandbox

import (
	"net/http"
	"slices"
	"strings"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// operation is one operation of the API. do carries it out on a request that passed every check of its form, with the lock
// held, and says status and body of the answer.
type operation struct {
	name   string // as the throttling limits call it; faults name it so
	method string
	path   string // below /v2/; * stands for an id
	keyed  bool   // an idempotency key is mandatory
	body   shape
	codes  string // x-amz-pay-simulation-code: what is valid here
	limits [2]bucketSize
	do     func(s *Server, c *call) (int, any, *refusal)
}

// call is one request on its way through the API.
type call struct {
	owner
	account  *Account
	ids      []string // what stands for the *s of the path
	body     []byte   // as received
	fields   object   // as parsed
	key      string   // idempotency key
	code     string   // simulation code
	query    map[string]string
	base     string // where the simulator was asked
	messages []simulator.Message
}

// tell adds notifications to be sent when the lock is gone.
func (c *call) tell(messages []simulator.Message) { c.messages = append(c.messages, messages...) }

// operations by documented order. Whatever is not here is no operation of the API.
var operations []*operation

func init() { // a variable's own initialiser would refer to itself through the operations
	operations = slices.Concat(checkoutOperations(), paymentOperations(), otherOperations())
}

func operationNames() []string {
	var names []string
	for _, op := range operations {
		names = append(names, op.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// match finds the operation of a method and path. When only the method is wrong, known says so.
func match(method, path string) (op *operation, ids []string, known bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for _, candidate := range operations {
		found, fits := fit(strings.Split(candidate.path, "/"), parts)
		if !fits {
			continue
		}
		if candidate.method == method {
			return candidate, found, true
		}
		known = true
	}
	return nil, nil, known
}

func fit(pattern, parts []string) (ids []string, fits bool) {
	if len(pattern) != len(parts) {
		return nil, false
	}
	for i := range pattern {
		switch {
		case pattern[i] == "*" && parts[i] != "":
			ids = append(ids, parts[i])
		case pattern[i] != parts[i]:
			return nil, false
		}
	}
	return ids, true
}

func checkoutOperations() []*operation {
	// Some clients send these before the completion that they are for.
	const atCompletion = "BuyerCanceled AmazonCanceled Declined AuthorizationInitiated"
	return []*operation{
		{name: "CreateCheckoutSession", method: http.MethodPost, path: "checkoutSessions", keyed: true, body: createSession,
			limits: [2]bucketSize{{40, 16}, {5, 1}}, do: (*Server).createSession},
		{name: "GetCheckoutSession", method: http.MethodGet, path: "checkoutSessions/*", body: noBody, codes: atCompletion,
			limits: [2]bucketSize{{40, 8}, {10, 1}}, do: (*Server).getSession},
		{name: "UpdateCheckoutSession", method: http.MethodPatch, path: "checkoutSessions/*", body: updateSession, codes: atCompletion,
			limits: [2]bucketSize{{20, 8}, {5, 1}}, do: (*Server).updateSession},
		{name: "CompleteCheckoutSession", method: http.MethodPost, path: "checkoutSessions/*/complete", body: completeSession,
			codes: atCompletion, limits: [2]bucketSize{{20, 4}, {2, 1}}, do: (*Server).completeSession},
		{name: "FinalizeCheckoutSession", method: http.MethodPost, path: "checkoutSessions/*/finalize", body: finalizeSession,
			codes: atCompletion, limits: [2]bucketSize{{20, 4}, {2, 1}}, do: (*Server).finalizeSession},
	}
}

func paymentOperations() []*operation {
	return []*operation{
		{name: "GetChargePermission", method: http.MethodGet, path: "chargePermissions/*", body: noBody,
			limits: [2]bucketSize{{20, 4}, {10, 1}}, do: (*Server).getPermission},
		{name: "UpdateChargePermission", method: http.MethodPatch, path: "chargePermissions/*", body: updatePermission,
			limits: [2]bucketSize{{10, 2}, {5, 1}}, do: (*Server).updatePermission},
		{name: "CloseChargePermission", method: http.MethodDelete, path: "chargePermissions/*/close", body: closePermission,
			codes: "AmazonClosed", limits: [2]bucketSize{{10, 2}, {2, 1}}, do: (*Server).closeCall},
		{name: "CreateCharge", method: http.MethodPost, path: "charges", keyed: true, body: createCharge,
			codes:  "HardDeclined SoftDeclined AmazonRejected TransactionTimedOut ProcessingFailure PaymentMethodNotAllowed MFANotCompleted CaptureInitiated AuthorizationInitiated",
			limits: [2]bucketSize{{10, 4}, {2, 1}}, do: (*Server).createCharge},
		{name: "GetCharge", method: http.MethodGet, path: "charges/*", body: noBody,
			limits: [2]bucketSize{{20, 4}, {5, 1}}, do: (*Server).getCharge},
		{name: "UpdateCharge", method: http.MethodPatch, path: "charges/*", body: unexamined, limits: [2]bucketSize{{20, 4}, {5, 1}},
			do: onlyFor("payment service providers")},
		{name: "CaptureCharge", method: http.MethodPost, path: "charges/*/capture", keyed: true, body: captureCharge,
			codes: "CaptureInitiated AmazonRejected ProcessingFailure", limits: [2]bucketSize{{20, 4}, {2, 1}}, do: (*Server).captureCall},
		{name: "CancelCharge", method: http.MethodDelete, path: "charges/*/cancel", body: cancelCharge,
			codes: "ExpiredUnused AmazonCanceled", limits: [2]bucketSize{{10, 2}, {2, 1}}, do: (*Server).cancelCall},
		{name: "CreateRefund", method: http.MethodPost, path: "refunds", keyed: true, body: createRefund,
			codes: "AmazonRejected ProcessingFailure", limits: [2]bucketSize{{10, 4}, {2, 1}}, do: (*Server).createRefund},
		{name: "GetRefund", method: http.MethodGet, path: "refunds/*", body: noBody,
			limits: [2]bucketSize{{20, 4}, {5, 1}}, do: (*Server).getRefund},
		{name: "GetBuyer", method: http.MethodGet, path: "buyers/*", body: noBody, do: (*Server).getBuyer},
		{name: "DeliveryTracker", method: http.MethodPost, path: "deliveryTrackers", body: trackDelivery,
			limits: [2]bucketSize{{10, 1}, {1, 1}}, do: (*Server).trackDelivery},
		{name: "GetAuthorizationToken", method: http.MethodGet, path: "authorizationTokens/*", body: noBody,
			limits: [2]bucketSize{{5, 1}, {5, 1}}, do: (*Server).authorizationToken},
	}
}
