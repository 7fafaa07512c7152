package aps

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// wantSample is what the documents' samples must be read as.
type wantSample struct {
	facts []core.Fact
	memo  core.Refs
	read  bool
}

func TestFeedbackVectors(t *testing.T) {
	const token = "4c1f0e0a7b5d4d1f9a3c2b1e0f9d8c7b"
	declined := &core.Failure{Category: core.FailureDeclinedSoft, RetryAdvice: core.RetryAfterBuyerAction, ProviderCode: "13666", ProviderMessage: "Transaction declined"}
	noFunds := &core.Failure{Category: core.FailureFunds, RetryAdvice: core.RetryAfterBuyerAction, ProviderCode: "13666", ProviderMessage: "Transaction declined"}
	left := &core.Failure{Category: core.FailureBuyerCanceled, RetryAdvice: core.RetryAfterBuyerAction, ProviderCode: "00072", ProviderMessage: "Transaction has been cancelled by the consumer"}
	badSignature := &core.Failure{Category: core.FailureConfiguration, RetryAdvice: core.RetryNever, ProviderCode: "00008", ProviderMessage: "Signature mismatch"}
	const h = core.Hint
	sale := func(fort string) []core.Fact {
		return []core.Fact{{Kind: core.Captured, Amount: aed(12550), ID: fort, Of: fort, Strength: h, Code: "14000"}}
	}
	want := map[string]wantSample{
		"01-return-purchase-paid-after-3ds":  {facts: sale("169996200031000017"), read: true},
		"02-direct-feedback-same-payment":    {facts: sale("169996200031000017"), read: true},
		"03-return-declined":                 {facts: []core.Fact{{Kind: core.AuthorizationDeclined, ID: "169996200031000018", Strength: h, Code: "13666", Failure: noFunds}}},
		"04-return-cancelled-by-shopper":     {facts: []core.Fact{{Kind: core.BuyerAway, Strength: h, Code: "00072", Failure: left}}},
		"05-direct-feedback-uncertain":       {facts: []core.Fact{{Kind: core.AuthorizationPending, Amount: aed(12550), ID: "169996200031000020", Strength: h, Code: "15777"}}, read: true},
		"06-notification-resolves-uncertain": {facts: sale("169996200031000020"), read: true},
		"07-return-authorized": {facts: []core.Fact{{Kind: core.MandateActive, ID: token, Strength: h, Code: "02000"},
			{Kind: core.Authorized, Amount: core.Money{Minor: 10250, Currency: "KWD"}, ID: "169996200031000021", Strength: h, Code: "02000"}},
			memo: core.Refs{core.MemoToken: token}, read: true},
		"08-notification-partial-capture": {facts: []core.Fact{{Kind: core.Captured, Measure: core.AtLeast, Amount: core.Money{Minor: 4250, Currency: "KWD"},
			Of: "169996200031000021", Strength: h, Code: "04000"}}, read: true},
		"09-notification-partial-refund":              {facts: []core.Fact{{Kind: core.Refunded, Amount: aed(2550), ID: "RF-17-1", OpKey: "RF-17-1", Strength: h, Code: "06000"}}, read: true},
		"10-notification-void":                        {facts: []core.Fact{{Kind: core.AuthorizationClosed, ID: "169996200031000022", Strength: h, Code: "08000"}}, read: true},
		"11-api-3ds-needed":                           {},
		"13-return-signature-mismatch-of-our-request": {facts: []core.Fact{{Kind: core.AttemptEnded, Strength: h, Code: "00008", Failure: badSignature}}, read: true},
		"14-return-get-mode-tokenization":             {},
		"15-late-decline-after-success":               {facts: []core.Fact{{Kind: core.AuthorizationDeclined, ID: "169996200031000016", Strength: core.Asserted, Code: "13666", Failure: declined}}},
	}
	p := newProvider(t, testConfig(), nil)
	for _, s := range feedbackSamples(t) {
		t.Run(s.ID, func(t *testing.T) {
			fb, err := parseSample(t, p, s)
			if !s.SignatureValid {
				require.ErrorIs(t, err, core.ErrUnauthenticated)
				require.Equal(t, core.Feedback{}, fb)
				return
			}
			require.NoError(t, err)
			w, known := want[s.ID]
			require.True(t, known)
			require.Equal(t, w.facts, fb.Facts)
			require.Empty(t, fb.Refs)
			require.Equal(t, w.memo, fb.Memo)
			require.Equal(t, w.read, len(fb.Read) > 0)
			require.Equal(t, len(w.facts) == 0, fb.Note != "", "what proves nothing says so")
			require.Equal(t, s.Params["merchant_reference"], fb.Reference)
			if s.Channel != "return_url" {
				require.Equal(t, http.StatusOK, fb.Ack.Status)
				require.Contains(t, fb.DedupeKey, s.Params["fort_id"]+":")
				require.Contains(t, fb.Shown, s.Params["response_code"])
				for _, private := range []string{"customer_email", "card_holder_name", "signature", "access_code"} {
					if s.Params[private] != "" {
						require.NotContains(t, fb.Shown, s.Params[private])
					}
				}
			}
		})
	}
}

func parseSample(t *testing.T, p *Provider, s feedbackSample) (core.Feedback, error) {
	if s.Channel != "return_url" {
		return p.ParseFeedback(t.Context(), core.Message{Method: s.HTTP.Method, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(s.HTTP.Body)})
	}
	raw := s.HTTP.Body
	if s.HTTP.Method == http.MethodGet {
		_, raw, _ = strings.Cut(s.HTTP.Path, "?")
	}
	values, err := url.ParseQuery(raw)
	require.NoError(t, err)
	return p.ParseReturn(t.Context(), core.Return{Step: "result", Method: s.HTTP.Method, Values: values})
}

func TestFeedbackIsTheSameInJSONAndAsAForm(t *testing.T) {
	for _, shaType := range []string{"SHA-256", "SHA-512", "HMAC-256", "HMAC-512"} {
		cfg := testConfig()
		cfg.SHAType = shaType
		p := newProvider(t, cfg, nil)
		f := answered(paid())
		f["signature"] = sign(f, shaType, responsePhrase, signedInResponse)
		asJSON, err := p.ParseFeedback(t.Context(), jsonMessage(t, f))
		require.NoError(t, err)
		asForm, err := p.ParseFeedback(t.Context(), formMessage(f))
		require.NoError(t, err)
		require.Contains(t, asJSON.Shown, `"fort_id":"169996200031000017"`)
		require.Equal(t, asJSON, asForm)
		require.Equal(t, "VISA ••8902", asForm.Display)
		require.Equal(t, core.Echo{Reference: "PMX-17", Amount: ptr(aed(12550))}, asForm.Echo)
		require.Len(t, asForm.Facts, 1)
	}
}

func paid() fields {
	return fields{"command": "PURCHASE", "merchant_reference": "PMX-17", "amount": "12550", "currency": "AED", "fort_id": "169996200031000017",
		"payment_option": "VISA", "card_number": "455701******8902", "status": "14", "response_code": "14000", "response_message": "Success"}
}

func ptr[T any](v T) *T { return &v }

func TestFeedbackOfStoredCards(t *testing.T) {
	p := newProvider(t, testConfig(), nil)
	for name, tc := range map[string]struct {
		change fields
		want   []core.FactKind
	}{
		"asked and stored":     {fields{"remember_me": "YES", "token_name": "tok.1"}, []core.FactKind{core.MandateActive, core.Captured}},
		"asked and not stored": {fields{"remember_me": "YES"}, []core.FactKind{core.MandateRefused, core.Captured}},
		"the echo is missing":  {fields{"token_name": "tok.1"}, []core.FactKind{core.MandateActive, core.Captured}},
		"not to be stored":     {fields{"remember_me": "NO", "token_name": "tok.1"}, []core.FactKind{core.Captured}},
		"declined": {fields{"remember_me": "YES", "token_name": "tok.1", "status": "13", "response_code": "13666"},
			[]core.FactKind{core.AuthorizationDeclined}},
	} {
		t.Run(name, func(t *testing.T) {
			f := paid()
			maps.Copy(f, tc.change)
			fb, err := p.ParseFeedback(t.Context(), jsonMessage(t, answered(f)))
			require.NoError(t, err)
			var kinds []core.FactKind
			for _, fact := range fb.Facts {
				kinds = append(kinds, fact.Kind)
				require.Equal(t, fact.Kind == core.Captured, fact.Strength == core.Hint, "of money it only hints")
			}
			require.Equal(t, tc.want[0] != core.AuthorizationDeclined, len(fb.Read) > 0)
			require.Equal(t, tc.want, kinds)
			if tc.want[0] == core.MandateActive {
				require.Equal(t, "tok.1", fb.Facts[0].ID)
			}
		})
	}
}

func TestWhatIsShownHasNothingOfTheBuyer(t *testing.T) {
	f := paid()
	maps.Copy(f, fields{"customer_name": "Layla Khan", "new_field": "Canary Street 7", "Layla Khan": "x", "payment_option": "Layla Khan", "merchant_extra": "Khan",
		"token_name": "tok.1", "eci": "4005550000000001", "response_message": "Paid: Layla", "acquirer_response_message": "Layla"})
	fb, err := newProvider(t, testConfig(), nil).ParseFeedback(t.Context(), jsonMessage(t, answered(f)))
	require.NoError(t, err)
	require.JSONEq(t, `{"access_code":"[redacted]","acquirer_response_message":"[redacted]","amount":"12550","card_number":"[redacted]","command":"PURCHASE",
		"currency":"AED","customer_name":"[redacted]","eci":"400555******0001","fort_id":"169996200031000017","language":"en","merchant_extra":"[redacted]",
		"merchant_identifier":"pmxMid01","merchant_reference":"PMX-17","new_field":"[redacted]","payment_option":"[redacted]","response_code":"14000",
		"response_message":"[redacted]","status":"14","token_name":"[redacted]"}`, fb.Shown)
}

func TestDedupeKey(t *testing.T) {
	p := newProvider(t, testConfig(), nil)
	key := func(f fields, at time.Time) string {
		m := jsonMessage(t, answered(f))
		m.ReceivedAt = at
		fb, err := p.ParseFeedback(t.Context(), m)
		require.NoError(t, err)
		return fb.DedupeKey
	}
	at := time.Date(2031, 1, 2, 10, 0, 0, 0, time.UTC)
	sale, other := paid(), paid()
	other["reconciliation_reference"] = "1"
	require.Equal(t, key(sale, at), key(sale, at.Add(time.Hour)), "told again later it is the same message")
	require.NotEqual(t, key(sale, at), key(other, at))

	capture := fields{"command": "CAPTURE", "merchant_reference": "PMX-17", "amount": "100", "currency": "AED", "fort_id": "1", "status": "04", "response_code": "04000"}
	require.Equal(t, key(capture, at), key(capture, at.Add(50*time.Second)))
	require.NotEqual(t, key(capture, at), key(capture, at.Add(time.Hour)), "an equal capture later is another one")
}

func TestNotificationsAboutMaintenance(t *testing.T) {
	p := newProvider(t, testConfig(), nil)
	for name, tc := range map[string]struct {
		f    fields
		want []core.Fact
		note string
	}{
		"refund refused": {fields{"command": "REFUND", "response_code": "07048", "maintenance_reference": "K"},
			[]core.Fact{{Kind: core.RefundDeclined, ID: "K", OpKey: "K"}}, ""},
		"refund refused, whose is not said": {fields{"command": "REFUND", "response_code": "07048"}, nil, "status 07: refused by the bank, which proves nothing that could be booked"},
		"refund told again":                 {fields{"command": "REFUND", "response_code": "07066", "maintenance_reference": "K"}, nil, "response_code 07066 does not say whether money moved"},
		"refund of the back office": {fields{"command": "REFUND", "response_code": "06000"},
			[]core.Fact{{Kind: core.Refunded, Measure: core.AtLeast, Amount: aed(100)}}, ""},
		"refund of ours":        {fields{"command": "REFUND", "response_code": "06000", "maintenance_reference": "K"}, []core.Fact{{Kind: core.Refunded, ID: "K", OpKey: "K", Amount: aed(100)}}, ""},
		"refund without amount": {fields{"command": "REFUND", "response_code": "06000", "maintenance_reference": "K", "amount": ""}, nil, "amount or currency is missing or cannot be read"},
		"refund under way":      {fields{"command": "REFUND", "response_code": "19000", "maintenance_reference": "K"}, nil, "status 19: not decided yet, which proves nothing that could be booked"},
		"capture refused":       {fields{"command": "CAPTURE", "response_code": "05042"}, nil, "status 05: refused by the bank, which proves nothing that could be booked"},
		"capture not taken":     {fields{"command": "CAPTURE", "response_code": "00002"}, nil, "status 00: not taken by APS, which proves nothing that could be booked"},
		"capture uncertain":     {fields{"command": "CAPTURE", "response_code": "15777"}, nil, "status 15: not decided yet, which proves nothing that could be booked"},
		"capture":               {fields{"command": "CAPTURE", "response_code": "04000"}, []core.Fact{{Kind: core.Captured, Measure: core.AtLeast, Amount: aed(100), Of: fort}}, ""},
		"capture of nothing":    {fields{"command": "CAPTURE", "response_code": "04000", "fort_id": ""}, nil, "fort_id is missing"},
		"void":                  {fields{"command": "VOID_AUTHORIZATION", "response_code": "08000"}, []core.Fact{{Kind: core.AuthorizationClosed, ID: fort}}, ""},
		"void refused":          {fields{"command": "VOID_AUTHORIZATION", "response_code": "09034"}, nil, "status 09: refused by the bank, which proves nothing that could be booked"},
		"something else":        {fields{"service_command": "TOKENIZATION", "response_code": "18000"}, nil, "TOKENIZATION is not about a payment"},
		"a command that is new": {fields{"command": "REVERSAL", "response_code": "06000"}, nil, "REVERSAL is not about a payment"},
		"no command":            {fields{"response_code": "02000"}, nil, "an unknown command is not about a payment"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fields{"fort_id": fort, "merchant_reference": "PMX-17", "amount": "100", "currency": "AED", "status": tc.f["response_code"][:2]}
			maps.Copy(f, tc.f)
			maps.DeleteFunc(f, func(_, v string) bool { return v == "" })
			fb, err := p.ParseFeedback(t.Context(), jsonMessage(t, answered(f)))
			require.NoError(t, err)
			for i := range fb.Facts {
				require.Equal(t, core.Hint, fb.Facts[i].Strength, "CHECK_STATUS books")
				require.Equal(t, f["response_code"], fb.Facts[i].Code)
				fb.Facts[i].Code, fb.Facts[i].Failure = "", nil
			}
			require.Equal(t, tc.want, fb.Facts)
			require.Equal(t, f["service_command"] == "", len(fb.Read) > 0)
			require.Equal(t, tc.note, fb.Note)
			require.Nil(t, fb.Echo.Amount, "the amount is the operation's, not the payment's")
		})
	}
}

// TestWhatProvesNothingSaysSo is about payments that are begun.
func TestWhatProvesNothingSaysSo(t *testing.T) {
	p := newProvider(t, testConfig(), nil)
	for _, code := range []string{"01000", "10030", "20064"} {
		f := paid()
		f["status"], f["response_code"] = code[:2], code
		fb, err := p.ParseFeedback(t.Context(), jsonMessage(t, answered(f)))
		require.NoError(t, err)
		require.Empty(t, fb.Facts)
		require.Empty(t, fb.Read, "CHECK_STATUS could say no more")
		require.Equal(t, "status "+code[:2]+": begun and not finished, which proves nothing that could be booked", fb.Note)
	}
}

func TestReturnWithoutFieldsSaysNothing(t *testing.T) {
	fb, err := newProvider(t, testConfig(), nil).ParseReturn(t.Context(), core.Return{Step: "back", Method: http.MethodGet})
	require.NoError(t, err)
	require.Equal(t, core.Feedback{}, fb)
}

func FuzzFeedbackJSON(f *testing.F) {
	for _, s := range feedbackSamples(f) {
		f.Add([]byte(s.HTTP.Body))
	}
	fuzzFeedback(f, "application/json")
}

func FuzzFeedbackForm(f *testing.F) {
	for _, s := range feedbackSamples(f) {
		f.Add([]byte(s.HTTP.Body))
	}
	fuzzFeedback(f, "application/x-www-form-urlencoded")
}

// fuzzFeedback holds that no bytes without a signature of the phrase bring anything, and that the same bytes signed
// anew are read without trouble, twice alike.
func fuzzFeedback(f *testing.F, contentType string) {
	cfg := testConfig()
	p := newProvider(f, cfg, nil)
	valid := map[string]bool{}
	for _, s := range feedbackSamples(f) {
		valid[s.HTTP.Body] = s.SignatureValid
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m := core.Message{Method: http.MethodPost, Header: http.Header{"Content-Type": {contentType}}, Body: body}
		fb, err := p.ParseFeedback(t.Context(), m)
		parsed, readable := decode(m)
		if err != nil {
			require.Equal(t, core.Feedback{}, fb)
		} else {
			_, signed := verify(parsed, "SHA-256", responsePhrase)
			require.True(t, signed)
		}
		if readable != nil || len(parsed) == 0 {
			return
		}
		resigned := answered(parsed)
		first, err1 := p.ParseFeedback(t.Context(), formMessage(resigned))
		second, err2 := p.ParseFeedback(t.Context(), formMessage(resigned))
		require.Equal(t, err1, err2)
		require.Equal(t, first, second)
		for _, fact := range first.Facts {
			require.GreaterOrEqual(t, fact.Amount.Minor, int64(0))
			require.True(t, fact.Strength == core.Hint || fact.Amount == core.Money{}, "of money it only hints")
		}
	})
}
