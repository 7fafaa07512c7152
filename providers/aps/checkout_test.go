package aps

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/paymux/paymux/core"
)

func startInput() core.StartInput {
	return core.StartInput{
		Order: core.Order{
			MerchantReference: "order-1001", Amount: aed(12550), Capture: core.CaptureAutomatic, Description: "2 mugs & a café",
			Buyer:   core.Buyer{Email: "layla@example.org", FirstName: "Layla", LastName: "O'Khan", Phone: "+971 (4) 5550100 ext", Locale: "en-AE", IP: "203.0.113.9"},
			Returns: core.ReturnURLs{Result: "https://pay.example/return/AB12"},
		},
		Method: core.Method{Type: typeCard, Flow: flowHosted},
	}
}

// form is the fields that the page is sent, checked as APS checks them.
func form(t testing.TB, out core.Outcome) fields {
	t.Helper()
	require.Equal(t, core.NextPostForm, out.Next.Type)
	f := fields{}
	for _, field := range out.Next.Fields {
		require.NotEmpty(t, field[1], "%s is empty", field[0])
		require.NotContains(t, f, field[0])
		f[field[0]] = field[1]
	}
	require.Equal(t, sign(f, "SHA-256", requestPhrase, signedInRequest(f)), f["signature"])
	return f
}

func TestStart(t *testing.T) {
	w := &wire{t: t}
	p := newProvider(t, testConfig(), w)
	op := testOp(core.OpStart, 12550)
	for name, change := range map[string]func(*core.StartInput){
		"purchase":      func(*core.StartInput) {},
		"authorization": func(in *core.StartInput) { in.Capture, in.Buyer.Locale = core.CaptureManual, "ar_AE" },
		"save":          func(in *core.StartInput) { in.Save.Kind = core.SaveUnscheduled },
		"stored_card":   func(in *core.StartInput) { in.Token = "4c1f0e0a7b5d4d1f9a3c2b1e0f9d8c7b" },
		"visa":          func(in *core.StartInput) { in.Method.Option = "visa" },
	} {
		t.Run(name, func(t *testing.T) {
			in := startInput()
			change(&in)
			out, err := p.Start(t.Context(), op, in)
			require.NoError(t, err)
			require.Equal(t, core.Succeeded, out.Result)
			require.Empty(t, out.Facts)
			form(t, out)
			text := out.Next.Method + " " + out.Next.URL + "\n\n"
			for _, field := range out.Next.Fields {
				text += field[0] + "=" + field[1] + "\n"
			}
			golden(t, "start_"+name, text)
			require.Equal(t, core.ThenQuery, out.Next.Then)
			require.True(t, out.Next.Resumable)
			require.Equal(t, op.CreatedAt.Add(30*time.Minute), out.Next.ExpiresAt)
			require.Contains(t, out.Next.Accepts, "signature")
			again, err := p.Start(t.Context(), op, in)
			require.NoError(t, err)
			require.Equal(t, out, again)
		})
	}
	require.Empty(t, w.sent, "nobody is called")
}

func TestStartWithEachSHAType(t *testing.T) {
	seen := map[string]bool{}
	for shaType, length := range map[string]int{"SHA-256": 64, "SHA-512": 128, "HMAC-256": 64, "HMAC-512": 128} {
		cfg := testConfig()
		cfg.SHAType = shaType
		out, err := newProvider(t, cfg, nil).Start(t.Context(), testOp(core.OpStart, 100), startInput())
		require.NoError(t, err)
		last := out.Next.Fields[len(out.Next.Fields)-1]
		require.Equal(t, "signature", last[0])
		require.Len(t, last[1], length)
		require.False(t, seen[last[1]])
		seen[last[1]] = true
	}
}

func TestEveryScheme(t *testing.T) {
	p := newProvider(t, testConfig(), nil)
	for name, o := range options {
		in, op := startInput(), testOp(core.OpStart, 12550)
		in.Method = core.Method{Type: o.method, Option: name}
		op.Amount.Currency = "AED"
		if len(o.currencies) > 0 {
			op.Amount.Currency = o.currencies[0]
		}
		out, err := p.Start(t.Context(), op, in)
		require.NoError(t, err, name)
		f := form(t, out)
		require.Equal(t, o.value, f[o.field])
		require.Equal(t, "12550", f["amount"], "minor units, whatever the currency's decimals")

		in.Capture = core.CaptureManual
		_, err = p.Start(t.Context(), op, in)
		if o.manual {
			require.NoError(t, err)
		} else {
			require.Equal(t, "capability_unsupported", core.CodeOf(err), name)
		}
		op.Amount.Currency = "USD"
		in.Capture = core.CaptureAutomatic
		if _, err = p.Start(t.Context(), op, in); len(o.currencies) > 0 {
			require.Equal(t, "currency_not_enabled", core.CodeOf(err), name)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	cfg := testConfig()
	cfg.Options, cfg.Currencies, cfg.Agreements, cfg.VisaThreeDigit = []string{"visa", "mada", "knet", "tabby"}, []string{"AED", "SAR", "KWD"}, true, LastDigitRefuse
	p := newProvider(t, cfg, nil)
	for name, tc := range map[string]struct {
		code, pointer string
		change        func(*core.Op, *core.StartInput)
	}{
		"method of another provider": {"capability_unsupported", "/method/type", func(_ *core.Op, in *core.StartInput) { in.Method.Type = "amazon_pay" }},
		"a flow it does not have":    {"capability_unsupported", "/method/flow", func(_ *core.Op, in *core.StartInput) { in.Method.Flow = "express" }},
		"a scheme not in contract":   {"capability_unsupported", "/method/option", func(_ *core.Op, in *core.StartInput) { in.Method.Option = "amex" }},
		"a scheme of another method": {"capability_unsupported", "/method/option", func(_ *core.Op, in *core.StartInput) { in.Method.Option = "knet" }},
		"a bank without its scheme":  {"capability_unsupported", "/method/option", func(_ *core.Op, in *core.StartInput) { in.Method.Type = typeBank }},
		"a currency not in contract": {"currency_not_enabled", "/currency", func(op *core.Op, _ *core.StartInput) { op.Amount.Currency = "USD" }},
		"the scheme's currency":      {"currency_not_enabled", "/currency", func(_ *core.Op, in *core.StartInput) { in.Method.Option = "mada" }},
		"nothing to pay":             {"amount_invalid", "/amount", func(op *core.Op, _ *core.StartInput) { op.Amount.Minor = 0 }},
		"eleven digits":              {"amount_too_large", "/amount", func(op *core.Op, _ *core.StartInput) { op.Amount.Minor = 1e10 }},
		"VISA and three decimals": {"amount_invalid", "/amount", func(op *core.Op, in *core.StartInput) {
			op.Amount, in.Method.Option = core.Money{Minor: 1234, Currency: "KWD"}, "visa"
		}},
		"no e-mail":       {"buyer_invalid", "/buyer/email", func(_ *core.Op, in *core.StartInput) { in.Buyer.Email = "" }},
		"two signs":       {"buyer_invalid", "/buyer/email", func(_ *core.Op, in *core.StartInput) { in.Buyer.Email = "a@b@c" }},
		"quote in e-mail": {"buyer_invalid", "/buyer/email", func(_ *core.Op, in *core.StartInput) { in.Buyer.Email = "o'k@example.org" }},
		"long e-mail":     {"buyer_invalid", "/buyer/email", func(_ *core.Op, in *core.StartInput) { in.Buyer.Email = strings.Repeat("a", 250) + "@x.org" }},
		"long reference":  {"reference_invalid", "", func(op *core.Op, _ *core.StartInput) { op.Reference = strings.Repeat("A", 41) }},
		"no reference":    {"reference_invalid", "", func(op *core.Op, _ *core.StartInput) { op.Reference = "" }},
		"return address":  {"url_invalid", "", func(_ *core.Op, in *core.StartInput) { in.Returns.Result = "https://pay.example/a b" }},
		"token of others": {"capability_unsupported", "/method/instrument", func(_ *core.Op, in *core.StartInput) { in.Token = "a b" }},
		"tabby and nobody": {"buyer_invalid", "/buyer/phone", func(_ *core.Op, in *core.StartInput) {
			in.Method, in.Buyer.Phone = core.Method{Type: typeInvoice, Option: "tabby"}, ""
		}},
		"storing an account": {"capability_unsupported", "/save", func(op *core.Op, in *core.StartInput) {
			op.Amount.Currency, in.Method, in.Save.Kind = "KWD", core.Method{Type: typeBank, Option: "knet"}, core.SaveUnscheduled
		}},
		"endless agreement": {"capability_unsupported", "/save/recurring", func(_ *core.Op, in *core.StartInput) {
			in.Save = core.Save{Kind: core.SaveRecurring, Recurring: &core.Recurring{Unit: "month", Interval: 1}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			op, in := testOp(core.OpStart, 12550), startInput()
			tc.change(&op, &in)
			out, err := p.Start(t.Context(), op, in)
			require.Equal(t, core.Invalid, core.KindOf(err))
			require.Equal(t, tc.code, core.CodeOf(err))
			require.Equal(t, tc.pointer, err.(*core.Error).Pointer) //nolint:errorlint // the error itself crosses the port
			require.Equal(t, core.Outcome{}, out)
			require.NotContains(t, err.Error(), "example.org")
		})
	}
}

func TestTheEMailAddressThatIsMissingIsNotTheOneThatIsWrong(t *testing.T) {
	for address, want := range map[string]string{"": "an e-mail address of the buyer is missing; APS wants one",
		"o'k@example.org": "APS wants an e-mail address of plain letters, digits and _ - . @ +"} {
		in := startInput()
		in.Buyer.Email = address
		err := newProvider(t, testConfig(), nil).CheckStart(testOp(core.OpStart, 12550), in)
		var e *core.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, want, e.Message)
	}
}

func TestAgreements(t *testing.T) {
	cfg := testConfig()
	cfg.Agreements = true
	p := newProvider(t, cfg, nil)
	amount := aed(1000)
	for name, tc := range map[string]struct {
		save core.Save
		want fields
	}{
		"unscheduled": {core.Save{Kind: core.SaveUnscheduled}, fields{"recurring_mode": "UNSCHEDULED"}},
		"fixed": {core.Save{Kind: core.SaveRecurring, Recurring: &core.Recurring{Unit: "month", Interval: 3, Count: 8, Amount: &amount, Until: time.Date(2033, 1, 2, 0, 0, 0, 0, time.UTC)}},
			fields{"recurring_mode": "FIXED", "recurring_transactions_count": "8", "recurring_expiry_date": "2033-01-02", "recurring_days_between_payments": "84"}},
		"varying": {core.Save{Kind: core.SaveRecurring, Recurring: &core.Recurring{Unit: "week", Count: 8, Until: time.Date(2033, 1, 2, 0, 0, 0, 0, time.UTC)}},
			fields{"recurring_mode": "VARIABLE", "recurring_transactions_count": "8", "recurring_expiry_date": "2033-01-02", "recurring_days_between_payments": "7"}},
		"no rhythm": {core.Save{Kind: core.SaveRecurring, Recurring: &core.Recurring{Unit: "variable"}}, fields{"recurring_mode": "UNSCHEDULED"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := startInput()
			in.Save = tc.save
			out, err := p.Start(t.Context(), testOp(core.OpStart, 100), in)
			require.NoError(t, err)
			got := fields{}
			for k, v := range form(t, out) {
				if strings.HasPrefix(k, "recurring_") {
					got[k] = v
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestTextIsReplacedBeforeSigning(t *testing.T) {
	for in, want := range map[string]string{"2 mugs": "2 mugs", "a & b <c>": "a _ b _c_", "café": "caf_", "قهوة": "", " x\r\ny ": "x_y", "": "", "&&&": "", strings.Repeat("a", 151): strings.Repeat("a", 150)} {
		require.Equal(t, want, replaced(in, descriptionMarks, descriptionMax))
	}
	for in, want := range map[string]string{"+971 (4) 555": "+971 (4) 555", "call 12": "12", "none": "", "12345678901234567890": "", "٣": ""} {
		require.Equal(t, want, phone(in))
	}
	rapid.Check(t, func(t *rapid.T) {
		text := replaced(rapid.String().Draw(t, "text"), nameMarks, nameMax)
		require.True(t, text == "" || fits(text, nameMarks, nameMax), "%q", text)
	})
}

func TestStartLeavesOutWhatCannotTravel(t *testing.T) {
	in := startInput()
	in.Buyer = core.Buyer{Email: "a@b.c", FirstName: "ليلى", Phone: "none", IP: "fe80::1%eth0", Locale: "fr"}
	in.Description, in.Returns = "قهوة", core.ReturnURLs{}
	out, err := newProvider(t, testConfig(), nil).Start(t.Context(), testOp(core.OpStart, 100), in)
	require.NoError(t, err)
	f := form(t, out)
	for _, name := range []string{"customer_name", "phone_number", "customer_ip", "order_description", "return_url", "remember_me", "token_name", "payment_option", "eci"} {
		require.NotContains(t, f, name)
	}
	require.Equal(t, "en", f["language"])
	require.NotEqual(t, http.MethodGet, out.Next.Method)
}
