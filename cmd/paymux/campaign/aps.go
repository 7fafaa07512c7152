package campaign

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/aps"
	"github.com/paymux/paymux/providers/aps/sandbox"
	"github.com/paymux/paymux/providers/secret"
)

const apsURL = "https://aps.example"

// apsManner is how the worlds of Amazon Payment Services are: a card page that a form leads to, one signed API for everything,
// and one order for each attempt.
var apsManner = manner{
	name: "aps", url: apsURL, open: openAPS,
	currencies: []string{"AED", "SAR", "KWD", "USD"}, manual: 60, saves: 25,
	commands: []command{
		{name: "CAPTURE", doing: string(core.OpCapture), told: true, double: true}, // it has no number
		{name: "VOID_AUTHORIZATION", doing: string(core.OpVoid), few: true},
		{name: "REFUND", doing: string(core.OpRefund), told: true},
		{name: "PURCHASE", doing: string(core.OpChargeMandate), few: true},
		{name: "UPDATE_TOKEN", doing: string(core.OpCancelMandate), few: true},
		{name: "CHECK_STATUS", doing: doingQuery},
	},
	calls: apsCalls, asks: apsAsks, pages: apsPages, letters: apsLetters, scripts: apsScripts,
	office: []choice{{"capture", 4}, {"refund", 4}, {"void", 2}},
	// A booking without a number of its own may be a second one of the same amount when it comes in another minute.
	seal: "signature", recurs: true, keyed: []core.OpKind{core.OpRefund}, hides: 5 * time.Minute, tries: sandbox.FeedbackTries,
	rows: map[string]row{
		"F-N24": {why: "APS keeps no answer under a key"},
		"F-N25": {why: "APS compares no clocks"},
		"F-F13": {why: "a message of APS names no mode; test and live differ as two accounts do, F-F12"},
		"F-F16": {why: "APS tells of no payment in two steps that depend on each other, as PAYONE's appointed and paid do"},
		"F-F17": {why: "APS documents no message about a chargeback"},
		"F-F19": {why: "APS sends messages, not Amazon's hints to objects; a command nobody knows is F-F20"},
		"F-C12": {why: "APS has nothing to complete after the buyer's return"},
	},
}

// apsSide is APS in one world.
type apsSide struct {
	*sandbox.Server
	w       *World
	account map[string]sandbox.Account // by the account's name
}

// openAPS opens the simulator with the accounts of two merchants.
func openAPS(w *World, client *http.Client) (side, []*account, error) {
	first, second := sandbox.ExampleAccount(), sandbox.ExampleAccount()
	second.MerchantIdentifier, second.AccessCode = "pmxMid02", "pmxAcc0000000000002B"
	second.RequestPhrase, second.ResponsePhrase, second.SHAType = "otherReq#example", "otherResp#example", sandbox.HMAC512
	second.FeedbackFormat, second.ReturnMethod = sandbox.FeedbackForm, http.MethodGet
	s := &apsSide{w: w, account: map[string]sandbox.Account{}}
	var accounts []*account
	var theirs []sandbox.Account
	for _, one := range []struct {
		merchant string
		sandbox.Account
	}{{"main", first}, {"other", second}} {
		name, a := "aps-"+one.merchant, one.Account
		a.DirectFeedbackURL, a.NotificationURL = programURL+"/feedback/"+name, programURL+"/feedback/"+name
		s.account[name] = a
		theirs = append(theirs, a)
		accounts = append(accounts, &account{name: name, merchant: one.merchant, settings: func(out any) { *out.(*aps.Config) = apsSettings(a) }})
	}
	var err error
	s.Server, err = sandbox.New(sandbox.Config{Accounts: theirs, Client: client})
	return s, accounts, err
}

func apsSettings(a sandbox.Account) aps.Config {
	return aps.Config{
		MerchantIdentifier: a.MerchantIdentifier, AccessCode: a.AccessCode, SHAType: string(a.SHAType),
		RequestPhrase: secret.New(a.RequestPhrase), ResponsePhrase: secret.New(a.ResponsePhrase),
		PageURL: apsURL + sandbox.PaymentPagePath, APIURL: apsURL + sandbox.PaymentAPIPath,
	}
}

// command reads a call: every one is a POST of JSON that bears its name in one of three fields.
func (s *apsSide) command(r *http.Request) (name, reference string) {
	var f struct{ Command, Query_command, Service_command, Merchant_reference string } //nolint:revive // as on the wire
	if json.Unmarshal(peek(r), &f) != nil {
		return "unreadable", ""
	}
	return f.Command + f.Query_command + f.Service_command, f.Merchant_reference
}

// order asks for a card.
func (s *apsSide) order(_ *story, body map[string]any) {
	body["method"] = map[string]any{"type": "card"}
}

func (s *apsSide) byHand(a *account, what, reference string, amount int64) any {
	return map[string]any{"operation": what, "merchant_reference": reference, "merchant_identifier": s.account[a.name].MerchantIdentifier, "amount": amount}
}

func (s *apsSide) subject(a *account, reference string) string {
	return s.account[a.name].MerchantIdentifier + "/" + reference
}
