package amazonpay

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/outbound"
	"github.com/paymux/paymux/providers/secret"
)

var update = flag.Bool("update", false, "write the golden requests anew")

// Identifiers of the tests, all invented.
const (
	sessionNo    = "8b3fd5a2-9b6b-4c55-9ad0-0b4a8f0d4d10"
	permissionNo = "S02-4821375-1190562"
	chargeNo     = "S02-4821375-1190562-C031847"
	refundNo     = "S02-4821375-1190562-R022311"
	consentNo    = "C02-1442027-5744374"
	reviewURL    = "https://pay.example/return/AB12"
	resultURL    = "https://pay.example/return/CD34"
	attempt      = "ATTEMPTREFERENCE2345672345672345"
	opKey        = "OPERATIONKEY23456723456723456723"
)

func testConfig(t testing.TB) Config {
	t.Helper()
	data, err := os.ReadFile("testdata/amazonpay-signatures.json")
	require.NoError(t, err)
	var v signatureVectors
	require.NoError(t, json.Unmarshal(data, &v))
	return Config{
		MerchantID: "pmxMERCHANT01", StoreID: "pmx.application-oa2-client.0123", PublicKeyID: "SANDBOX-PMXTESTKEY01",
		PrivateKey: secret.New(v.Keys["test-key-1"].PKCS8), Region: "eu", StoreName: "Example Shop",
	}
}

// wire stands in for Amazon Pay: it keeps what was sent, checks how it is signed, and answers by method and path.
type wire struct {
	t       testing.TB
	sent    []string // whole requests, without what differs each time
	calls   []string // method and path
	bodies  []string
	answers map[string][]answer // one after the other; the last one again
}

type answer struct {
	status int
	body   any   // string: as it stands
	err    error // instead
	media  string
}

var errReset = errors.New("connection reset")

func newWire(t testing.TB) *wire { return &wire{t: t, answers: map[string][]answer{}} }

func (w *wire) on(call string, answers ...answer) *wire {
	w.answers[call] = answers
	return w
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		require.NoError(w.t, err)
	}
	call := r.Method + " " + r.URL.Path
	w.verify(r, body)
	text := fmt.Sprintf("%s %s\n", r.Method, r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name != "Authorization" && name != "X-Amz-Pay-Date" {
			text += fmt.Sprintf("%s: %s\n", name, strings.Join(r.Header[name], ", "))
		}
	}
	w.sent, w.calls, w.bodies = append(w.sent, text+"\n"+string(body)+"\n"), append(w.calls, call), append(w.bodies, string(body))
	list := w.answers[call]
	if len(list) == 0 {
		return nil, fmt.Errorf("nobody answers %s", call)
	}
	if len(list) > 1 {
		w.answers[call] = list[1:]
	}
	return list[0].response(w.t)
}

func (a answer) response(t testing.TB) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	text, ok := a.body.(string)
	if !ok {
		data, err := json.Marshal(a.body)
		require.NoError(t, err)
		text = string(data)
	}
	media := "application/json;charset=UTF-8"
	if a.media != "" {
		media = a.media
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {media}}, Body: io.NopCloser(strings.NewReader(text))}, nil
}

// verify checks the signature as Amazon does, over the headers that the request itself names.
func (w *wire) verify(r *http.Request, body []byte) {
	if r.Header.Get("Authorization") == "" {
		require.True(w.t, strings.HasSuffix(r.URL.Path, ".pem"), "only certificates are fetched without a signature")
		return
	}
	head, signature, found := strings.Cut(r.Header.Get("Authorization"), ", Signature=")
	require.True(w.t, found)
	head, names, found := strings.Cut(head, ", SignedHeaders=")
	require.True(w.t, found)
	require.Equal(w.t, AlgorithmV2+" PublicKeyId=SANDBOX-PMXTESTKEY01", head)
	var signed []header
	for _, name := range strings.Split(names, ";") {
		signed = append(signed, header{name, r.Header.Get(name)})
	}
	require.Subset(w.t, strings.Split(names, ";"), []string{"accept", "content-type", "x-amz-pay-date", "x-amz-pay-host", "x-amz-pay-region"})
	canonical := canonicalRequest(r.Method, r.URL.EscapedPath(), "", signed, body)
	require.True(w.t, verifies(&testSigner(w.t, AlgorithmV2).key.PublicKey, AlgorithmV2, stringToSign(AlgorithmV2, canonical), signature))
	require.True(w.t, bytes.Equal(body, bytes.TrimSpace(body)))
}

func newProvider(t testing.TB, cfg Config, transport http.RoundTripper) *Provider {
	t.Helper()
	p, err := New(cfg, outbound.New(outbound.Options{Transport: transport, AllowLocal: true}))
	require.NoError(t, err)
	return p
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".request.txt")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func eur(minor int64) core.Money { return core.Money{Minor: minor, Currency: "EUR"} }

func testOp(kind core.OpKind, minor int64) core.Op {
	return core.Op{ID: "op_1", Kind: kind, Reference: attempt, Key: opKey, Ordinal: 1, Amount: eur(minor), Try: 1,
		CreatedAt: time.Date(2031, 1, 2, 10, 0, 0, 0, time.UTC)}
}

// again is op made once more.
func again(op core.Op) core.Op {
	op.Try++
	return op
}

func testOrder() core.Order {
	return core.Order{
		MerchantReference: "order-1001", Amount: eur(4990), Authorize: eur(4990), Capture: core.CaptureManual, Description: "2 Becher für Jürgen & Söhne",
		Statement: "EXAMPLE SHOP", Buyer: core.Buyer{Locale: "de-DE"},
		Returns: core.ReturnURLs{Review: reviewURL, Result: resultURL, Cancel: "https://pay.example/return/EF56"},
	}
}

// A known of each stage of an order.

func started() core.Known {
	return core.Known{Reference: attempt, Amount: eur(4990), Method: core.Method{Type: methodType, Flow: flowExpress, Product: productShip},
		Refs: core.Refs{}, Memo: core.Refs{memoReturn: reviewURL}}
}

func returned() core.Known {
	k := started()
	k.Refs[refSession] = sessionNo
	return k
}

func reviewed() core.Known {
	k := returned()
	k.Memo[memoSession] = sessionNo
	return k
}

func sold() core.Known {
	k := reviewed()
	k.Refs[refPermission], k.Refs[refCharge] = permissionNo, chargeNo
	k.Memo[memoPermission], k.Memo[memoType] = permissionNo, oneTime
	k.Objects = []core.Object{{Kind: core.ObjAuthorization, ID: chargeNo, State: core.StateDone, Open: 4990}}
	return k
}

// Answers of Amazon Pay.

type object = map[string]any

func amount(text string) object { return object{"amount": text, "currencyCode": "EUR"} }

func standing(state, reason string) object {
	o := object{"state": state, "reasonCode": nil, "reasonDescription": nil, "lastUpdatedTimestamp": "20310102T101500Z"}
	if reason != "" {
		o["reasonCode"] = reason
	}
	return o
}

func merge(into object, more ...object) object {
	out := maps.Clone(into)
	for _, m := range more {
		maps.Copy(out, m)
	}
	return out
}

var testAddress = object{"name": "Erika Muster", "addressLine1": "Ringstr. 5", "addressLine2": nil, "addressLine3": nil, "city": "Berlin", "county": nil,
	"district": nil, "stateOrRegion": nil, "postalCode": "10115", "countryCode": "DE", "phoneNumber": "0301234567"}

func openSession(more ...object) object {
	return merge(object{
		"checkoutSessionId": sessionNo, "webCheckoutDetails": object{"checkoutReviewReturnUrl": reviewURL, "checkoutResultReturnUrl": nil, "amazonPayRedirectUrl": nil},
		"productType": "PayAndShip", "paymentDetails": object{"paymentIntent": nil, "chargeAmount": nil, "totalOrderAmount": nil},
		"chargePermissionType": oneTime, "merchantMetadata": object{"merchantReferenceId": attempt},
		"buyer":           object{"buyerId": "amzn1.account.AEXAMPLEBUYER", "name": "Erika Muster", "email": "erika@example.org", "phoneNumber": "0301234567"},
		"shippingAddress": testAddress, "billingAddress": merge(testAddress, object{"phoneNumber": nil}),
		"paymentPreferences": []any{object{"paymentDescriptor": "Amazon Gift Card and Visa ****6069 (Amazon Pay)"}}, "statusDetails": standing(stateOpen, ""),
		"chargePermissionId": nil, "chargeId": nil,
		"constraints":       []any{object{"constraintId": "ChargeAmountNotSet", "description": "chargeAmount is not set."}},
		"creationTimestamp": "20310102T100500Z", "expirationTimestamp": "20310103T100500Z", "releaseEnvironment": "Sandbox",
	}, merge(object{}, more...))
}

// bareSession is one that is over: hardly anything but ids is left in it.
func bareSession(state, reason string, more ...object) object {
	return merge(object{"checkoutSessionId": sessionNo, "webCheckoutDetails": nil, "paymentDetails": nil, "merchantMetadata": nil, "buyer": nil,
		"paymentPreferences": []any{nil}, "statusDetails": standing(state, reason), "chargePermissionId": nil, "chargeId": nil, "constraints": []any{}},
		merge(object{}, more...))
}

func completedSession(more ...object) object {
	return bareSession(stateCompleted, "", append([]object{{"chargePermissionId": permissionNo, "chargePermissionType": oneTime, "chargeId": chargeNo}}, more...)...)
}

func testPermission(more ...object) object {
	return merge(object{
		"chargePermissionId": permissionNo, "chargePermissionType": oneTime, "statusDetails": object{"state": stateChargeable, "reasons": nil, "lastUpdatedTimestamp": "20310102T101500Z"},
		"merchantMetadata": object{"merchantReferenceId": attempt}, "limits": object{"amountLimit": amount("49.90"), "amountBalance": amount("0.00")},
		"paymentPreferences": []any{object{"paymentDescriptor": "Visa ****1111 (Amazon Pay)"}}, "buyer": nil, "shippingAddress": nil, "billingAddress": nil,
	}, merge(object{}, more...))
}

func suspended(state string, reasons ...string) object {
	list := []any{}
	for _, r := range reasons {
		list = append(list, object{"reasonCode": r, "reasonDescription": "…"})
	}
	return object{"statusDetails": object{"state": state, "reasons": list, "lastUpdatedTimestamp": "20310102T101500Z"}}
}

func testCharge(state, reason string, more ...object) object {
	c := object{"chargeId": chargeNo, "chargePermissionId": permissionNo, "chargeAmount": amount("49.90"), "captureAmount": nil, "refundedAmount": nil,
		"merchantMetadata": object{"merchantReferenceId": nil}, "webCheckoutDetails": nil, "statusDetails": standing(state, reason)}
	if state == stateCaptured || state == stateCapturing {
		c["captureAmount"] = amount("49.90")
	}
	return merge(c, merge(object{}, more...))
}

func testRefund(state, reason string, more ...object) object {
	return merge(object{"refundId": refundNo, "chargeId": chargeNo, "refundAmount": amount("14.00"), "statusDetails": standing(state, reason)}, merge(object{}, more...))
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

func made(body any) answer { return answer{status: http.StatusCreated, body: body} }

func refusedWith(status int, code string) answer {
	return answer{status: status, body: object{"reasonCode": code, "message": "Erika Muster erika@example.org"}}
}

var lost = answer{err: errReset}

// kinds are the facts of a list, in order.
func kinds(facts []core.Fact) (list []core.FactKind) {
	for _, f := range facts {
		list = append(list, f.Kind)
	}
	return list
}
