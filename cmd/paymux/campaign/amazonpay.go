package campaign

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/amazonpay"
	"github.com/paymux/paymux/providers/amazonpay/sandbox"
	"github.com/paymux/paymux/providers/secret"
)

// amazonURL is on this machine: elsewhere no certificate of a simulator is believed.
const amazonURL = "https://localhost:9102"

// amazonManner is how the worlds of Amazon Pay are: a button that opens a session, pages on which the buyer chooses,
// a session that the program completes when he is back, objects that notifications only point at, and keys under which
// a call is made once.
var amazonManner = manner{
	name: "amazonpay", url: amazonURL, open: openAmazon,
	currencies: []string{"EUR"}, manual: 60, saves: 25, flows: amazonFlows,
	commands: []command{
		{name: "UpdateCheckoutSession", doing: string(core.OpUpdate), few: true},
		{name: "UpdateCheckoutSession to confirm", call: "UpdateCheckoutSession", doing: string(core.OpConfirm)},
		{name: "CompleteCheckoutSession", doing: string(core.OpComplete)},
		{name: "CaptureCharge", doing: string(core.OpCapture)},
		{name: "CreateCharge", doing: string(core.OpCapture), few: true},
		{name: "CreateCharge to reserve", call: "CreateCharge", doing: string(core.OpAuthorize), few: true},
		{name: "CreateCharge on a consent", call: "CreateCharge", doing: string(core.OpChargeMandate), few: true},
		{name: "CancelCharge", doing: string(core.OpVoid), few: true},
		{name: "CloseChargePermission", doing: string(core.OpVoid), few: true},
		{name: "UpdateChargePermission", doing: string(core.OpUpdateMandate), few: true},
		{name: "CloseChargePermission of a consent", call: "CloseChargePermission", doing: string(core.OpCancelMandate), few: true},
		{name: "CreateRefund", doing: string(core.OpRefund)},
		{name: "GetCheckoutSession", doing: doingQuery},
		{name: "GetChargePermission", doing: doingQuery},
		{name: "GetCharge", doing: doingQuery},
		{name: "GetRefund", doing: doingQuery},
		{name: "certificate", doing: doingQuery, faults: amazonFetches},
	},
	calls: amazonCalls, asks: amazonAsks, pages: amazonPages, letters: amazonLetters, scripts: amazonScripts,
	office: []choice{{"capture", 4}, {"refund", 4}, {"void", 2}, {guaranteed, 2}, {"chargeback", 1}, {"close", 2}, {"suspend", 2}, {"restore", 2}},
	seal:   "Signature", consents: amazonConsent, agrees: true, fades: true, setsUp: true, thinksAgain: true, terse: true, keyed: []core.OpKind{core.OpAuthorize, core.OpCapture, core.OpRefund}, hides: time.Minute, tries: sandbox.NotificationTries,
	// A consent begins without a call. What the buyer has changed of one is completed as an order is; nothing in the call
	// tells which of the two it is, and the moments of the call are those of complete.
	alone: []core.OpKind{core.OpStartMandate, core.OpCompleteMandate},
	rare: []core.OpKind{core.OpUpdate, core.OpAuthorize, core.OpVoid, core.OpRefund, core.OpChargeMandate, core.OpUpdateMandate,
		core.OpCompleteMandate, core.OpCancelMandate},
	rows: amazonRows,
}

// amazonSide is Amazon Pay in one world.
type amazonSide struct {
	*sandbox.Server
	w       *World
	account map[string]sandbox.Account // by the account's name
}

// openAmazon opens the simulator with the accounts of two merchants: one has a key of the sandbox, the other one of the
// older kind, several currencies, and signs as the SDKs do when nobody tells them better.
func openAmazon(w *World, client *http.Client) (side, []*account, error) {
	first, second := sandbox.ExampleAccount(), sandbox.ExampleAccount()
	second.MerchantID, second.MultiCurrency = "pmxAEXAMPLE002", true
	second.StoreIDs = []string{"amzn1.application-oa2-client.00000000000000000000000000000002"}
	second.Keys[0].ID = "pmxAHEXAMPLE000000000002"
	s := &amazonSide{w: w, account: map[string]sandbox.Account{}}
	var accounts []*account
	var theirs []sandbox.Account
	for _, one := range []struct {
		merchant, algorithm, environment string
		sandbox.Account
	}{{"main", amazonpay.AlgorithmV2, "", first}, {"other", amazonpay.AlgorithmLegacy, amazonpay.Sandbox, second}} {
		name, a := "amazon-"+one.merchant, one.Account
		a.IPNEndpoints = map[sandbox.Environment][]string{sandbox.Sandbox: {programURL + "/feedback/" + name}}
		s.account[name] = a
		theirs = append(theirs, a)
		accounts = append(accounts, &account{name: name, merchant: one.merchant, settings: func(out any) {
			*out.(*amazonpay.Config) = amazonpay.Config{
				MerchantID: a.MerchantID, StoreID: a.StoreIDs[0], PublicKeyID: a.Keys[0].ID, PrivateKey: secret.New(a.Keys[0].PrivateKey),
				Algorithm: one.algorithm, Environment: one.environment, Region: a.Region, StoreName: "Example Shop",
				APIURL: amazonURL, ScriptURL: amazonURL + sandbox.ScriptPath, CertificateHost: amazonURL,
			}
		}})
	}
	var err error
	s.Server, err = sandbox.New(sandbox.Config{Accounts: theirs, URL: amazonURL, Client: client})
	return s, accounts, err
}

// The ways in which an order is paid.
const (
	amazonPayNow  = "pay now"        // on Amazon's page at once
	amazonReview  = "reviewed"       // at the shop, before it is confirmed there
	amazonExpress = "without review" // confirmed as soon as the buyer is back
	amazonPending = "may be pending" // Amazon may decide about the authorization later
	amazonParcels = "in parcels"     // a part is reserved at once, more of it later
	amazonAgreed  = "agreed to"      // nothing is reserved at once, the buyer only agrees
)

var amazonFlows = []choice{{amazonPayNow, 32}, {amazonReview, 29}, {amazonExpress, 9}, {amazonPending, 11}, {amazonParcels, 11}, {amazonAgreed, 8}}

// order is paid in the way of its story. What is charged to a consent has none, and a consent alone is given at a button
// or without one.
func (s *amazonSide) order(o *story, body map[string]any) {
	how := map[string]any{"type": "amazon_pay", "flow": "pay_now", "product": "pay_only"}
	body["method"] = how
	if o.setUp {
		switch recurs := body["recurring"] != nil; {
		case o.amount%3 == 0:
			how["flow"] = "hosted"
		case o.amount%5 == 0 && !recurs:
			delete(how, "flow")
			how["product"] = "sign_in"
		}
		return
	}
	switch o.flow {
	case amazonReview:
		how["flow"], body["review_url"] = "express", shopURL+"/review"
		if o.amount%2 == 0 {
			how["product"] = "pay_and_ship"
		}
	case amazonExpress:
		how["flow"] = "express"
	case amazonPending:
		body["capture_method"], body["allow_pending"] = "manual", true
	case amazonParcels, amazonAgreed:
		body["capture_method"], body["authorize_amount"] = "manual", o.part()
	}
	if o.saves && o.amount%3 == 0 {
		body["save"] = map[string]any{"kind": "recurring", "recurring": map[string]any{"interval": "month", "interval_count": 1, "amount": o.amount}}
	}
}

// part is what is reserved at first of an order that goes out in parcels, or that the buyer only agrees to.
func (s *story) part() int64 {
	switch s.flow {
	case amazonParcels:
		return max(1, s.amount/2)
	case amazonAgreed:
		return 0
	}
	return s.amount
}

// amazonPaths are method and path of the calls, by the names that Amazon gives them in its limits of throttling.
var amazonPaths = []struct {
	method, name string
	path         *regexp.Regexp
}{
	{http.MethodPost, "CompleteCheckoutSession", regexp.MustCompile(`/v2/checkoutSessions/([^/]+)/complete$`)},
	{http.MethodPatch, "UpdateCheckoutSession", regexp.MustCompile(`/v2/checkoutSessions/([^/]+)$`)},
	{http.MethodGet, "GetCheckoutSession", regexp.MustCompile(`/v2/checkoutSessions/([^/]+)$`)},
	{http.MethodGet, "GetChargePermission", regexp.MustCompile(`/v2/chargePermissions/([^/]+)$`)},
	{http.MethodPatch, "UpdateChargePermission", regexp.MustCompile(`/v2/chargePermissions/([^/]+)$`)},
	{http.MethodDelete, "CloseChargePermission", regexp.MustCompile(`/v2/chargePermissions/([^/]+)/close$`)},
	{http.MethodPost, "CreateCharge", regexp.MustCompile(`/v2/(charges)$`)},
	{http.MethodGet, "GetCharge", regexp.MustCompile(`/v2/charges/([^/]+)$`)},
	{http.MethodPost, "CaptureCharge", regexp.MustCompile(`/v2/charges/([^/]+)/capture$`)},
	{http.MethodDelete, "CancelCharge", regexp.MustCompile(`/v2/charges/([^/]+)/cancel$`)},
	{http.MethodPost, "CreateRefund", regexp.MustCompile(`/v2/(refunds)$`)},
	{http.MethodGet, "GetRefund", regexp.MustCompile(`/v2/refunds/([^/]+)$`)},
	{http.MethodGet, "certificate", regexp.MustCompile(`\.(pem)$`)},
}

// amazonCall is what of a call tells what it is about, and which of the operations makes it that make the same one.
type amazonCall struct {
	ChargePermissionID, ChargeID, ChargeInitiator string
	CaptureNow                                    bool
	WebCheckoutDetails                            *struct{ CheckoutResultReturnURL string }
}

// amazonConsent reports whether a charge permission may be charged for several orders: those for one begin with other letters.
func amazonConsent(id string) bool { return strings.HasPrefix(id, "B") || strings.HasPrefix(id, "C") }

// command reads a call by method and path. What is charged or refunded stands in the body.
func (s *amazonSide) command(r *http.Request) (name, reference string) {
	for _, p := range amazonPaths {
		at := p.path.FindStringSubmatch(r.URL.Path)
		if at == nil || r.Method != p.method {
			continue
		}
		var body amazonCall
		if r.Method == http.MethodGet || json.Unmarshal(peek(r), &body) != nil {
			return p.name, at[1]
		}
		switch {
		case p.name == "UpdateCheckoutSession" && body.WebCheckoutDetails != nil:
			name = p.name + " to confirm"
		case p.name == "CreateCharge" && body.ChargeInitiator != "":
			name = p.name + " on a consent"
		case p.name == "CreateCharge" && !body.CaptureNow:
			name = p.name + " to reserve"
		case p.name == "CloseChargePermission" && amazonConsent(at[1]):
			name = p.name + " of a consent"
		default:
			name = p.name
		}
		if about := body.ChargeID + body.ChargePermissionID; about != "" {
			return name, about
		}
		return name, at[1]
	}
	return r.Method + " " + r.URL.Path, ""
}

func (s *amazonSide) byHand(a *account, what, reference string, amount int64) any {
	if a != s.w.accounts[0] {
		return nil // it finds the order by its reference, whoever's it is
	}
	words := map[string]string{"void": "cancel", declined: "settle_decline", "close": "buyer_close"}
	operation, ok := words[what]
	if !ok {
		operation = what
	}
	return map[string]any{"operation": operation, "merchantReferenceId": reference, "amount": amount}
}

// subject is the charge permission of an order, which is what messages are kept by.
func (s *amazonSide) subject(_ *account, reference string) string {
	for _, b := range s.w.books() {
		if b.Reference == reference {
			return b.ProviderReference
		}
	}
	return ""
}

// spoiled is an answer that only Amazon can give.
func (s *amazonSide) spoiled(resp *http.Response, draws *rand.Rand, fault string) *http.Response {
	switch fault {
	case unknownCode:
		return reworded(resp, amazonState, []string{`"state":"Dreaming"`, `"state":"AuthorizedByPost"`}[draws.IntN(2)])
	case otherCurrency:
		return reworded(resp, amazonCurrency, `"currencyCode":"SEK"`)
	case notFound:
		discard(resp)
		resp.StatusCode = http.StatusNotFound
		return recomposed(resp, []byte(`{"reasonCode":"ResourceNotFound","message":"The requested resource was not found."}`))
	}
	return resp
}

var (
	amazonState    = regexp.MustCompile(`"state":\s*"[A-Za-z]+"`)
	amazonCurrency = regexp.MustCompile(`"currencyCode":\s*"[A-Z]+"`)
)

// reworded changes an answer of success.
func reworded(resp *http.Response, old *regexp.Regexp, text string) *http.Response {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return rebodied(resp, io.MultiReader(bytes.NewReader(body), brokenOff{}))
	}
	if resp.StatusCode/100 == 2 {
		body = old.ReplaceAll(body, []byte(text))
	}
	return recomposed(resp, body)
}

func recomposed(resp *http.Response, body []byte) *http.Response {
	resp.ContentLength = int64(len(body))
	return rebodied(resp, bytes.NewReader(body))
}
