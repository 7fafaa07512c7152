package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRequestsInEveryStyle(t *testing.T) {
	w := newWorld(t)
	permission := w.ordered("10.00", "styles")
	path := "chargePermissions/" + permission
	for name, a := range map[string]ask{
		"prefixed key":                     {path: "/v2/" + path},
		"prefixed key with its path":       {path: "/sandbox/v2/" + path},
		"plain key":                        {path: "/sandbox/v2/" + path, keyID: "pmxPLAIN"},
		"trailing slash":                   {path: "/v2/" + path + "/"},
		"legacy algorithm":                 {path: "/v2/" + path, algorithm: legacyAlgorithm},
		"date with dashes":                 {path: "/v2/" + path, header: map[string]string{"x-amz-pay-date": w.server.sim.Clock.Now().UTC().Format("2006-01-02T15:04:05Z")}},
		"region in capitals":               {path: "/v2/" + path, header: map[string]string{"x-amz-pay-region": "EU"}},
		"the simulator's own host":         {path: "/v2/" + path, header: map[string]string{"x-amz-pay-host": simHost}},
		"more signed headers":              {path: "/v2/" + path, header: map[string]string{"user-agent": "sdk/1 (JS; linux)", "x-amz-pay-sdk-type": "x"}},
		"unsigned headers":                 {path: "/v2/" + path, change: func(r *http.Request) { r.Header.Set("X-Amz-Pay-Sdk-Type", "x") }},
		"key without effect, even a wrong": {path: "/v2/" + path, key: strings.Repeat("x", 40)},
	} {
		t.Run(name, func(t *testing.T) {
			a.method = http.MethodGet
			w.is(http.StatusOK, w.send(a))
		})
	}
}

func TestRequestsThatAreNotBelieved(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		suspended := inRegion("eu", "pmxSUSPENDED")
		suspended.Suspended = true
		c.Accounts = append(c.Accounts, suspended)
	})
	path := "/v2/chargePermissions/" + w.ordered("10.00", "refusals")
	set := func(name, content string) func(r *http.Request) {
		return func(r *http.Request) { r.Header.Set(name, content) }
	}
	drop := func(name string) func(r *http.Request) { return func(r *http.Request) { r.Header.Del(name) } }
	header := func(name, content string) map[string]string { return map[string]string{name: content} }
	late := w.server.sim.Clock.Now().Add(-DefaultClockSkew - time.Minute).UTC().Format("20060102T150405Z")
	early := w.server.sim.Clock.Now().Add(DefaultClockSkew + time.Minute).UTC().Format("20060102T150405Z")
	for name, c := range map[string]struct {
		ask
		status int
		reason string
	}{
		"no authorization":         {ask{change: drop("Authorization")}, 400, "MissingHeader"},
		"no date":                  {ask{change: drop("X-Amz-Pay-Date")}, 400, "MissingHeader"},
		"no host":                  {ask{change: drop("X-Amz-Pay-Host")}, 400, "MissingHeader"},
		"no region":                {ask{change: drop("X-Amz-Pay-Region")}, 400, "MissingHeader"},
		"empty region":             {ask{change: set("X-Amz-Pay-Region", "")}, 400, "MissingHeaderValue"},
		"authorization of another": {ask{change: set("Authorization", "Bearer x")}, 400, "InvalidHeaderValue"},
		"unknown region":           {ask{header: header("x-amz-pay-region", "xx")}, 400, "InvalidHeaderValue"},
		"another region":           {ask{header: header("x-amz-pay-region", "jp")}, 400, "InvalidHeaderValue"},
		"another host":             {ask{header: header("x-amz-pay-host", "pay-api.amazon.com")}, 400, "InvalidHeaderValue"},
		"date in another form":     {ask{header: header("x-amz-pay-date", "Tue, 05 Mar 2024 06:08:09 GMT")}, 400, "InvalidHeaderValue"},
		"content type":             {ask{header: header("content-type", "text/plain")}, 400, "InvalidHeaderValue"},
		"date too old":             {ask{header: header("x-amz-pay-date", late)}, 403, "InvalidRequestSignature"},
		"date too early":           {ask{header: header("x-amz-pay-date", early)}, 403, "InvalidRequestSignature"},
		"unknown key":              {ask{keyID: "SANDBOX-NOBODY"}, 403, "InvalidAuthentication"},
		"changed path":             {ask{change: func(r *http.Request) { r.URL.Path += "0" }}, 403, "InvalidRequestSignature"},
		"changed header":           {ask{change: set("Accept", "text/html")}, 403, "InvalidRequestSignature"},
		"changed query":            {ask{change: func(r *http.Request) { r.URL.RawQuery = "a=b" }}, 403, "InvalidRequestSignature"},
		"changed method":           {ask{change: func(r *http.Request) { r.Method = http.MethodDelete }}, 403, "InvalidRequestSignature"},
		"algorithm of another salt": {ask{change: func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), v2, legacyAlgorithm, 1))
		}}, 403, "InvalidRequestSignature"},
		"live key on the sandbox":    {ask{path: "/sandbox" + path, keyID: "LIVE-pmx"}, 401, "UnauthorizedAccess"},
		"sandbox key on live":        {ask{path: "/live" + path}, 401, "UnauthorizedAccess"},
		"plain key without a path":   {ask{keyID: "pmxPLAIN"}, 401, "UnauthorizedAccess"},
		"live object":                {ask{path: "/live" + path, keyID: "pmxPLAIN"}, 404, "ResourceNotFound"},
		"live key":                   {ask{keyID: "LIVE-pmx"}, 404, "ResourceNotFound"},
		"another merchant":           {ask{keyID: "SANDBOX-pmxJP", region: "jp"}, 404, "ResourceNotFound"},
		"suspended account":          {ask{keyID: "SANDBOX-pmxSUSPENDED"}, 403, "InvalidAccountStatus"},
		"token of a partner":         {ask{header: header("x-amz-pay-authtoken", "x")}, 403, "InvalidAuthorizationToken"},
		"old version":                {ask{path: "/v1/charges"}, 400, "InvalidAPIVersion"},
		"unknown path":               {ask{path: "/v2/orders"}, 405, "RequestNotSupported"},
		"nothing":                    {ask{path: "/v2"}, 405, "RequestNotSupported"},
		"wrong method":               {ask{path: "/v2/charges"}, 405, "UnsupportedOperation"},
		"unknown id":                 {ask{path: path + "0"}, 404, "ResourceNotFound"},
		"simulation code on reading": {ask{header: header("x-amz-pay-simulation-code", "Declined")}, 400, "InvalidSandboxSimulationSpecified"},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.ask
			a.method = http.MethodGet
			if a.path == "" {
				a.path = path
			}
			w.refused(c.status, c.reason, w.send(a))
		})
	}
}

func TestAMovedClockLeavesTheCallersBehind(t *testing.T) {
	w := newWorld(t)
	w.advance(48 * time.Hour)
	date := func(d time.Duration) result {
		return w.send(ask{method: http.MethodGet, path: "/v2/charges/x", header: map[string]string{"x-amz-pay-date": time.Now().Add(d).UTC().Format("20060102T150405Z")}})
	}
	w.refused(404, "ResourceNotFound", date(0))
	w.refused(404, "ResourceNotFound", date(48*time.Hour))
	w.refused(403, "InvalidRequestSignature", date(-DefaultClockSkew-time.Minute))
	w.refused(403, "InvalidRequestSignature", date(48*time.Hour+DefaultClockSkew+time.Minute))
}

func TestRefusedSignatureEchoesTheStringToSign(t *testing.T) {
	w := newWorld(t)
	body := `{"a":"b"}`
	got := w.send(ask{method: http.MethodPost, path: "/v2/charges", body: body, change: func(r *http.Request) { r.Header.Set("Accept", "text/html") }})
	w.refused(http.StatusForbidden, "InvalidRequestSignature", got)
	message := got.str("message")
	require.Regexp(t, `^Unable to verify signature, signing String \[AMZN-PAY-RSASSA-PSS-V2\n[0-9a-f]{64}\] , signature \[[A-Za-z0-9+/=]+\]$`, message)
}

func TestIdempotencyKeysOfTheWrongForm(t *testing.T) {
	w := newWorld(t)
	body := `{"webCheckoutDetails":{"checkoutReviewReturnUrl":"https://shop.test/review"},"storeId":"` + storeID + `"}`
	create := func(key string) result {
		return w.send(ask{method: http.MethodPost, path: "/v2/checkoutSessions", body: body, key: key})
	}
	w.refused(400, "MissingHeader", create("-"))
	w.is(http.StatusCreated, create(strings.Repeat("k", 32)))
	for _, key := range []string{strings.Repeat("k", 33), "0f8fad5b-d9cb-469f-a165-70867728950e", "a b", "ä", "a.b"} {
		w.refused(400, "InvalidHeaderValue", create(key))
	}
	w.refused(400, "MissingHeaderValue", w.send(ask{method: http.MethodPost, path: "/v2/charges", body: "{}", key: "-",
		header: map[string]string{"x-amz-pay-idempotency-key": ""}}))
	id := w.ready(checkout{update: updateTo("Confirm", "1.00", "x", false)})
	w.is(http.StatusOK, w.send(ask{method: http.MethodPost, path: "/v2/checkoutSessions/" + id + "/complete", body: completion("1.00"), key: "-"}))
}

// bodyCases are bodies of Create Checkout Session that are refused, and what the message names.
var bodyCases = map[string]struct{ body, reason, names string }{
	"no JSON":                {`{"a"`, "InvalidRequestFormat", ""},
	"a list":                 {`[]`, "InvalidRequestFormat", ""},
	"a doubled field":        {`{"storeId":"a","storeId":"a"}`, "InvalidRequestFormat", "storeId"},
	"not UTF-8":              {"{\"storeId\":\"\xff\"}", "InvalidRequestFormat", ""},
	"more after it":          {`{} {}`, "InvalidRequestFormat", ""},
	"an unknown field":       {`{"order":1}`, "UnrecognizedField", "order"},
	"a nested unknown field": {`{"paymentDetails":{"total":1}}`, "UnrecognizedField", "total"},
	"other case":             {`{"StoreId":"x"}`, "UnrecognizedField", "StoreId"},
	"checkoutMode":           {`{"webCheckoutDetails":{"checkoutMode":"ProcessOrder"}}`, "UnrecognizedField", "checkoutMode"},
	"no store":               {`{"webCheckoutDetails":{"checkoutReviewReturnUrl":"https://shop.test/r"}}`, "MissingParameterValue", "storeId"},
	"another store":          {`{"storeId":"amzn1.application-oa2-client.ff","webCheckoutDetails":{"checkoutReviewReturnUrl":"https://shop.test/r"}}`, "InvalidParameterValue", "storeId"},
	"no return address":      {`{"storeId":"` + storeID + `"}`, "MissingParameterValue", "webCheckoutDetails.checkoutReviewReturnUrl"},
	"http":                   {`{"storeId":"` + storeID + `","webCheckoutDetails":{"checkoutReviewReturnUrl":"http://shop.test/r"}}`, "InvalidParameterValue", "webCheckoutDetails.checkoutReviewReturnUrl"},
	"a script as address":    {`{"storeId":"` + storeID + `","webCheckoutDetails":{"checkoutReviewReturnUrl":"javascript:alert(1)"}}`, "InvalidParameterValue", "webCheckoutDetails.checkoutReviewReturnUrl"},
	"a text as object":       {`{"webCheckoutDetails":"x"}`, "InvalidParameterValue", "webCheckoutDetails"},
	"an unknown scope":       {`{"scopes":["name","shoeSize"]}`, "InvalidParameterValue", "scopes[1]"},
	"an unknown type":        {`{"chargePermissionType":"Weekly"}`, "InvalidParameterValue", "chargePermissionType"},
}

func TestBodiesOfSessionsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, c := range bodyCases {
		t.Run(name, func(t *testing.T) {
			got := w.post("checkoutSessions", c.body)
			w.refused(400, c.reason, got)
			require.Contains(t, got.str("message"), c.names)
		})
	}
}

func TestUpdatesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	id := w.click(reviewPayload, payAndShip, "")
	payment := func(fields string) string { return `{"paymentDetails":{` + fields + `}}` }
	euro := func(amount string) string {
		return payment(`"chargeAmount":{"amount":` + amount + `,"currencyCode":"EUR"}`)
	}
	metadata := func(name string, n int) string {
		return fmt.Sprintf(`{"merchantMetadata":{%q:%q}}`, name, strings.Repeat("ü", n))
	}
	for name, c := range map[string]struct{ body, reason string }{
		"zero":                      {euro(`"0"`), "InvalidParameterValue"},
		"negative":                  {euro(`"-1.00"`), "InvalidParameterValue"},
		"three decimals":            {euro(`"1.000"`), "InvalidParameterValue"},
		"a comma":                   {euro(`"1,00"`), "InvalidParameterValue"},
		"an exponent":               {euro(`1e2`), "InvalidParameterValue"},
		"a dot at the end":          {euro(`"1."`), "InvalidParameterValue"},
		"no amount":                 {payment(`"chargeAmount":{"currencyCode":"EUR"}`), "MissingParameterValue"},
		"no currency":               {payment(`"chargeAmount":{"amount":"1"}`), "MissingParameterValue"},
		"another currency":          {payment(`"chargeAmount":{"amount":"1","currencyCode":"USD"}`), "InvalidParameterValue"},
		"no currency of this world": {payment(`"chargeAmount":{"amount":"1","currencyCode":"XXX"}`), "InvalidParameterValue"},
		"more than the highest":     {euro(`"150000.01"`), "TransactionAmountExceeded"},
		"total below the charge": {payment(`"chargeAmount":{"amount":"2","currencyCode":"EUR"},"totalOrderAmount":{"amount":"1","currencyCode":"EUR"}`),
			"InvalidParameterValue"},
		"presentmentCurrency":         {payment(`"presentmentCurrency":"EUR"`), "UnrecognizedField"},
		"extendExpiration":            {payment(`"extendExpiration":true`), "UnrecognizedField"},
		"storeId":                     {`{"storeId":"` + storeID + `"}`, "UnrecognizedField"},
		"intent":                      {payment(`"paymentIntent":"Sell"`), "InvalidParameterValue"},
		"pending with capture":        {payment(`"paymentIntent":"AuthorizeWithCapture","canHandlePendingAuthorization":true`), "InvalidParameterCombination"},
		"descriptor without capture":  {payment(`"paymentIntent":"Authorize","softDescriptor":"x"`), "InvalidParameterCombination"},
		"descriptor":                  {payment(`"softDescriptor":"12345678901234567"`), "InvalidParameterValue"},
		"reference":                   {metadata("merchantReferenceId", 257), "InvalidParameterValue"},
		"store name":                  {metadata("merchantStoreName", 51), "InvalidParameterValue"},
		"note":                        {metadata("noteToBuyer", 256), "InvalidParameterValue"},
		"custom information":          {metadata("customInformation", 4097), "InvalidParameterValue"},
		"recurrence without its type": {`{"recurringMetadata":{"frequency":{"unit":"Month","value":"1"}}}`, "InvalidParameterCombination"},
		"unit":                        {`{"chargePermissionType":"Recurring","recurringMetadata":{"frequency":{"unit":"Moon","value":"1"}}}`, "InvalidParameterValue"},
		"frequency":                   {`{"chargePermissionType":"Recurring","recurringMetadata":{"frequency":{"unit":"Month","value":"0"}}}`, "InvalidParameterValue"},
		"frequency as a number":       {`{"chargePermissionType":"Recurring","recurringMetadata":{"frequency":{"unit":"Month","value":1}}}`, "InvalidParameterValue"},
	} {
		t.Run(name, func(t *testing.T) { w.refused(400, c.reason, w.patch("checkoutSessions/"+id, c.body)) })
	}
	got := w.get("checkoutSessions/" + id)
	require.Nil(t, got.at("paymentDetails.chargeAmount"), "a refused change leaves no trace")
	require.Equal(t, "OneTime", got.at("chargePermissionType"))
	for name, n := range map[string]int{"merchantReferenceId": 256, "merchantStoreName": 50, "noteToBuyer": 255, "customInformation": 4096} {
		w.is(http.StatusOK, w.patch("checkoutSessions/"+id, metadata(name, n)))
	}
	w.is(http.StatusOK, w.patch("checkoutSessions/"+id, euro(`12.5`))) // a number, as the .NET SDK writes it
	require.Equal(t, "12.5", w.get("checkoutSessions/"+id).at("paymentDetails.chargeAmount.amount"))
	w.refused(404, "ResourceNotFound", w.patch("checkoutSessions/nobody", `{}`))
}

func TestYenHasNoDecimals(t *testing.T) {
	w := newWorld(t)
	create := func(amount string) result {
		return w.send(ask{method: http.MethodPost, path: "/v2/checkoutSessions", region: "jp", keyID: "SANDBOX-pmxJP", body: `{"storeId":"` + storeID + `",
			"webCheckoutDetails":{"checkoutReviewReturnUrl":"https://shop.test/r"},"paymentDetails":{"chargeAmount":{"amount":"` + amount + `","currencyCode":"JPY"}}}`})
	}
	require.Equal(t, "1000", w.is(http.StatusCreated, create("1000")).at("paymentDetails.chargeAmount.amount"))
	w.refused(400, "InvalidParameterValue", create("1000.00"))
	w.refused(400, "InvalidParameterValue", create("1000.5"))
}
