package amazonpay

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

func expressInput() core.StartInput {
	return core.StartInput{Order: testOrder(), Method: core.Method{Type: methodType, Flow: flowExpress, Product: productShip}}
}

func payNowInput() core.StartInput {
	in := core.StartInput{Order: testOrder(), Method: core.Method{Type: methodType, Flow: flowPayNow, Product: productShip}}
	in.Buyer.Shipping = &core.Address{Name: "Jürgen Müßig", Line1: "Straße 5", City: "Köln", PostalCode: "50667", Country: "DE", Phone: "0221 000000"}
	return in
}

// handed is what the browser gets, with the signature checked over that very text.
func handed(t *testing.T, next *core.NextAction, name string) string {
	t.Helper()
	require.Equal(t, core.NextWidget, next.Type)
	require.Equal(t, "amazon_pay", next.Widget.SDK)
	travelled, err := json.Marshal(next.Widget.Config)
	require.NoError(t, err)
	var config map[string]any
	require.NoError(t, json.Unmarshal(travelled, &config), "the text arrives as it is")
	c, ok := config[name].(map[string]any)
	require.True(t, ok, name)
	text := c["payloadJSON"].(string)
	require.Equal(t, AlgorithmV2, c["algorithm"])
	require.Equal(t, "SANDBOX-PMXTESTKEY01", c["publicKeyId"])
	require.True(t, verifies(&testSigner(t, AlgorithmV2).key.PublicKey, AlgorithmV2, stringToSign(AlgorithmV2, text), c["signature"].(string)))
	return text
}

func TestStart(t *testing.T) {
	express, shipped := expressInput(), payNowInput()
	plan := core.Recurring{Unit: "month", Interval: 1, Amount: &core.Money{Minor: 3000, Currency: "EUR"}}
	only := express
	only.Method.Product = productOnly
	ruled := express
	ruled.Delivery = core.DeliveryRules{NoPOBoxes: true, NoPackstations: true, Allow: []core.Region{{Country: "DE"}, {Country: "AT", PostalCodes: []string{"10*", "6020"}}}}
	saved := express
	saved.Save = core.Save{Kind: core.SaveUnscheduled}
	contract := shipped
	contract.Save, contract.Capture = core.Save{Kind: core.SaveRecurring, Recurring: &plan}, core.CaptureAutomatic
	pending := shipped
	pending.AllowPending, pending.Authorize = true, eur(1990)
	agreed := shipped
	agreed.Authorize = eur(0)
	payOnlyNow := shipped
	payOnlyNow.Method.Product = productOnly
	for name, c := range map[string]struct {
		in      core.StartInput
		then    core.Then
		product string
	}{
		"start_express":           {express, core.ThenRead, payAndShip},
		"start_express_pay_only":  {only, core.ThenRead, payOnly},
		"start_express_delivery":  {ruled, core.ThenRead, payAndShip},
		"start_express_save":      {saved, core.ThenRead, payAndShip},
		"start_pay_now":           {shipped, core.ThenComplete, payAndShip},
		"start_pay_now_recurring": {contract, core.ThenComplete, payAndShip},
		"start_pay_now_pending":   {pending, core.ThenComplete, payAndShip},
		"start_pay_now_agreement": {agreed, core.ThenComplete, payAndShip},
		"start_pay_now_pay_only":  {payOnlyNow, core.ThenComplete, payOnly},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			p := newProvider(t, testConfig(t), w)
			op := testOp(core.OpStart, 4990)
			require.NoError(t, p.CheckStart(op, c.in))
			out, err := p.Start(t.Context(), op, c.in)
			require.NoError(t, err)
			require.Empty(t, w.calls, "nothing is called")
			require.Equal(t, core.Succeeded, out.Result)
			require.Equal(t, c.then, out.Next.Then)
			require.True(t, out.Next.Resumable)
			require.Equal(t, []string{"amazonCheckoutSessionId"}, out.Next.Accepts)
			require.Equal(t, op.CreatedAt.Add(sessionLife), out.Next.ExpiresAt)
			require.Equal(t, "https://static-eu.payments-amazon.com/checkout.js", out.Next.Widget.ScriptURL)
			config := out.Next.Widget.Config
			require.Equal(t, c.product, config["productType"])
			require.Equal(t, []any{"pmxMERCHANT01", "SANDBOX-PMXTESTKEY01", "EUR", "de_DE"},
				[]any{config["merchantId"], config["publicKeyId"], config["ledgerCurrency"], config["checkoutLanguage"]})
			require.NotContains(t, config, "sandbox", "the key says it")
			text := handed(t, out.Next, "createCheckoutSessionConfig")
			golden(t, name, text+"\n")
			twice, err := p.Start(t.Context(), again(op), c.in)
			require.NoError(t, err)
			require.Equal(t, text, handed(t, twice.Next, "createCheckoutSessionConfig"), "the same text each time")
			require.Contains(t, []string{reviewURL, resultURL}, out.Memo[memoReturn])
		})
	}
}

func TestStartWithAPlainKeyAndTheLegacyAlgorithm(t *testing.T) {
	cfg := testConfig(t)
	cfg.PublicKeyID, cfg.Environment, cfg.Algorithm, cfg.Region = "PMXTESTKEY01", Sandbox, AlgorithmLegacy, "jp"
	in := payNowInput()
	in.Amount, in.Authorize, in.Buyer.Locale = core.Money{Minor: 1980, Currency: "JPY"}, core.Money{Minor: 1980, Currency: "JPY"}, "fr"
	in.Buyer.Shipping.Country, in.Buyer.Shipping.State, in.Buyer.Shipping.City = "JP", "東京都", ""
	op := testOp(core.OpStart, 1980)
	op.Amount.Currency = "JPY"
	p := newProvider(t, cfg, newWire(t))
	out, err := p.Start(t.Context(), op, in)
	require.NoError(t, err)
	config := out.Next.Widget.Config
	require.Equal(t, true, config["sandbox"])
	require.Equal(t, "ja_JP", config["checkoutLanguage"])
	require.Equal(t, "https://static-fe.payments-amazon.com/checkout.js", out.Next.Widget.ScriptURL)
	require.Equal(t, map[string]any{"amount": "1980", "currencyCode": "JPY"}, config["estimatedOrderAmount"])
	c := config["createCheckoutSessionConfig"].(map[string]any)
	text := c["payloadJSON"].(string)
	golden(t, "start_pay_now_yen", text+"\n")
	require.True(t, verifies(&p.signer.key.PublicKey, AlgorithmLegacy, stringToSign(AlgorithmLegacy, text), c["signature"].(string)))
	require.Contains(t, text, `"amount":"1980"`, "yen have no decimals")
}

func TestStartRefuses(t *testing.T) {
	p := newProvider(t, testConfig(t), newWire(t))
	for name, c := range map[string]struct {
		change  func(*core.Op, *core.StartInput)
		code    string
		pointer string
	}{
		"another method":      {func(_ *core.Op, in *core.StartInput) { in.Method.Type = "card" }, "capability_unsupported", "/method/type"},
		"another flow":        {func(_ *core.Op, in *core.StartInput) { in.Method.Flow = "widgets" }, "capability_unsupported", "/method/flow"},
		"another product":     {func(_ *core.Op, in *core.StartInput) { in.Method.Product = "x" }, "capability_unsupported", "/method/product"},
		"sign in":             {func(_ *core.Op, in *core.StartInput) { in.Method.Product = productSignIn }, "capability_unsupported", "/method/product"},
		"a scheme":            {func(_ *core.Op, in *core.StartInput) { in.Method.Option = "visa" }, "capability_unsupported", "/method/option"},
		"a stored instrument": {func(_ *core.Op, in *core.StartInput) { in.Token = consentNo }, "capability_unsupported", "/method/instrument"},
		"zero":                {func(_ *core.Op, in *core.StartInput) { in.Amount.Minor = 0 }, "amount_invalid", "/amount"},
		"too much":            {func(_ *core.Op, in *core.StartInput) { in.Amount.Minor = highest + 1 }, "amount_too_large", "/amount"},
		"another currency":    {func(_ *core.Op, in *core.StartInput) { in.Amount.Currency = "JPY" }, "currency_not_enabled", "/currency"},
		"more than the whole": {func(_ *core.Op, in *core.StartInput) { in.Authorize.Minor = 4991 }, "amount_invalid", "/authorize_amount"},
		"pending, taken at once": {func(_ *core.Op, in *core.StartInput) { in.AllowPending, in.Capture = true, core.CaptureAutomatic },
			"capability_unsupported", "/allow_pending"},
		"by telephone":     {func(_ *core.Op, in *core.StartInput) { in.Channel = "telephone" }, "capability_unsupported", "/channel"},
		"a long reference": {func(op *core.Op, _ *core.StartInput) { op.Reference = strings.Repeat("A", 33) }, "reference_invalid", ""},
		"a plan by the hour": {func(_ *core.Op, in *core.StartInput) {
			in.Save = core.Save{Kind: core.SaveRecurring, Recurring: &core.Recurring{Unit: "hour"}}
		}, "field_invalid", "/save/recurring/interval"},
		"no address":             {func(_ *core.Op, in *core.StartInput) { *in = payNowInput(); in.Buyer.Shipping = nil }, "buyer_invalid", "/shipping_address"},
		"half an address":        {func(_ *core.Op, in *core.StartInput) { *in = payNowInput(); in.Buyer.Shipping.PostalCode = "" }, "buyer_invalid", "/shipping_address/postal_code"},
		"rules where none fit":   {func(_ *core.Op, in *core.StartInput) { *in = payNowInput(); in.Delivery.NoPOBoxes = true }, "capability_unsupported", "/delivery"},
		"rules without delivery": {func(_ *core.Op, in *core.StartInput) { in.Method.Product, in.Delivery.NoPOBoxes = productOnly, true }, "capability_unsupported", "/delivery"},
		"allowed and not allowed": {func(_ *core.Op, in *core.StartInput) {
			in.Delivery.Allow, in.Delivery.Deny = []core.Region{{Country: "DE"}}, []core.Region{{Country: "AT"}}
		}, "capability_unsupported", "/delivery"},
		"too many places": {func(_ *core.Op, in *core.StartInput) {
			in.Delivery.Allow = []core.Region{{Country: "DE", PostalCodes: make([]string, 50)}}
		}, "field_invalid", "/delivery"},
	} {
		t.Run(name, func(t *testing.T) {
			op, in := testOp(core.OpStart, 4990), expressInput()
			c.change(&op, &in)
			_, err := p.Start(t.Context(), op, in)
			require.Equal(t, err, p.CheckStart(op, in))
			e := &core.Error{}
			require.ErrorAs(t, err, &e)
			require.Equal(t, core.Invalid, e.Kind)
			require.Equal(t, c.code, e.Code)
			require.Equal(t, c.pointer, e.Pointer)
		})
	}
}

// An alternative that is of another member than the one refused names it.
func TestAlternativesNameTheirMember(t *testing.T) {
	p := newProvider(t, testConfig(t), newWire(t))
	for want, change := range map[string]func(*core.StartInput){
		"capture_method: manual":       func(in *core.StartInput) { in.AllowPending, in.Capture = true, core.CaptureAutomatic },
		"method.flow: express":         func(in *core.StartInput) { *in = payNowInput(); in.Delivery.NoPOBoxes = true },
		"method.product: pay_and_ship": func(in *core.StartInput) { in.Method.Product, in.Delivery.NoPOBoxes = productOnly, true },
	} {
		in, e := expressInput(), &core.Error{}
		change(&in)
		require.ErrorAs(t, p.CheckStart(testOp(core.OpStart, 4990), in), &e)
		require.Equal(t, []string{want}, e.Choices)
	}
	in, e := chargeInput(), &core.Error{}
	in.AllowPending = true
	require.ErrorAs(t, p.CheckChargeMandate(testOp(core.OpChargeMandate, 4990), in), &e)
	require.Equal(t, []string{"capture_method: manual"}, e.Choices)
}

func TestReturns(t *testing.T) {
	p := newProvider(t, testConfig(t), newWire(t))
	for name, c := range map[string]struct {
		step   string
		values url.Values
		known  core.Known
		refs   core.Refs
		memo   core.Refs
		facts  []core.FactKind
		kind   core.Kind
	}{
		"a session":              {"review", url.Values{paramSession: {sessionNo}}, started(), core.Refs{refSession: sessionNo}, nil, nil, 0},
		"its name in lower case": {"review", url.Values{strings.ToLower(paramSession): {sessionNo}}, started(), core.Refs{refSession: sessionNo}, nil, nil, 0},
		"the same session":       {"result", url.Values{paramSession: {sessionNo}}, reviewed(), core.Refs{refSession: sessionNo}, nil, nil, 0},
		"nothing":                {"review", url.Values{"utm": {"x"}}, started(), nil, nil, nil, 0},
		"gave up":                {"back", nil, started(), nil, nil, []core.FactKind{core.BuyerAway}, 0},
		"gave up with a session": {"back", url.Values{paramSession: {sessionNo}}, reviewed(), core.Refs{refSession: sessionNo}, nil, []core.FactKind{core.BuyerAway}, 0},
		"signed in":              {"result", url.Values{paramSession: {sessionNo}, paramBuyer: {"token-1"}}, started(), core.Refs{refSession: sessionNo}, nil, nil, 0},
		"another session":        {"result", url.Values{paramSession: {"8b3fd5a2-9b6b-4c55-9ad0-000000000000"}}, reviewed(), nil, nil, nil, core.Unauthenticated},
		"two sessions":           {"result", url.Values{paramSession: {sessionNo, sessionNo}}, started(), nil, nil, nil, core.MalformedMessage},
		"two spellings":          {"result", url.Values{paramSession: {sessionNo}, "amazoncheckoutsessionid": {"x"}}, started(), nil, nil, nil, core.MalformedMessage},
		"a path":                 {"result", url.Values{paramSession: {"../charges/x"}}, started(), nil, nil, nil, core.MalformedMessage},
		"empty":                  {"result", url.Values{paramSession: {""}}, started(), nil, nil, nil, core.MalformedMessage},
	} {
		t.Run(name, func(t *testing.T) {
			fb, err := p.ParseReturn(t.Context(), core.Return{Step: c.step, Method: "GET", Values: c.values, Known: c.known})
			if c.kind != 0 {
				require.Equal(t, c.kind, core.KindOf(err))
				require.Empty(t, fb)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.refs, fb.Refs)
			require.Equal(t, c.memo, fb.Memo)
			require.Equal(t, c.facts, kinds(fb.Facts))
			for _, f := range fb.Facts {
				require.Equal(t, core.Hint, f.Strength)
			}
		})
	}
}

func FuzzParseReturn(f *testing.F) {
	f.Add("review", paramSession+"="+sessionNo)
	f.Add("back", paramSession+"=a&buyerToken=b")
	p := newProvider(f, testConfig(f), newWire(f))
	f.Fuzz(func(t *testing.T, step, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		fb, err := p.ParseReturn(t.Context(), core.Return{Step: step, Values: values, Known: started()})
		if err != nil {
			require.Contains(t, []core.Kind{core.Unauthenticated, core.MalformedMessage}, core.KindOf(err))
		}
		for _, fact := range fb.Facts {
			require.Equal(t, core.Hint, fact.Strength)
		}
		require.LessOrEqual(t, len(fb.Refs[refSession]), 64)
	})
}
