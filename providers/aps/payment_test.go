package aps

import (
	"context"
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
)

var update = flag.Bool("update", false, "write the golden requests anew")

// wire stands in for paymentApi: it keeps what was sent and answers what it is told.
type wire struct {
	t      testing.TB
	sent   []string // whole requests
	fields []fields
	answer func(request fields) fields // nil: the connection breaks
	raw    string                      // answered instead
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	require.NoError(w.t, err)
	var f fields
	require.NoError(w.t, json.Unmarshal(body, &f))
	require.Equal(w.t, f["signature"], sign(f, "SHA-256", requestPhrase, signedInRequest(f)))
	text := fmt.Sprintf("%s %s\n", r.Method, r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		text += fmt.Sprintf("%s: %s\n", name, strings.Join(r.Header[name], ", "))
	}
	w.sent, w.fields = append(w.sent, text+"\n"+string(body)+"\n"), append(w.fields, f)
	header := http.Header{"Content-Type": {"application/json;charset=UTF-8"}}
	if w.raw != "" {
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(w.raw))}, nil
	}
	if w.answer == nil {
		return nil, errors.New("connection reset")
	}
	answer, err := json.Marshal(w.answer(f))
	require.NoError(w.t, err)
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(string(answer)))}, nil
}

// echoed answers as APS does: the request back, with codes and what else is given.
func echoed(code string, more fields) func(fields) fields {
	return func(request fields) fields {
		f := maps.Clone(request)
		delete(f, "signature")
		f["status"], f["response_code"], f["response_message"] = code[:2], code, "text of "+code
		maps.Copy(f, more)
		maps.DeleteFunc(f, func(_, v string) bool { return v == "" })
		f["signature"] = sign(f, "SHA-256", responsePhrase, signedInResponse)
		return f
	}
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

const fort = "169996200031000021"

func testOp(kind core.OpKind, minor int64) core.Op {
	return core.Op{ID: "op_1", Kind: kind, Reference: "ATTEMPTREFERENCE234567", Key: "OPERATIONKEY234567", Ordinal: 1, Amount: aed(minor), Try: 1,
		CreatedAt: time.Date(2031, 1, 2, 10, 0, 0, 0, time.UTC)}
}

func known() core.Known {
	return core.Known{Reference: "ATTEMPTREFERENCE234567", Amount: aed(12550), Refs: core.Refs{"fort_id": "1"},
		Objects: []core.Object{{Kind: core.ObjAuthorization, ID: "0", State: core.StateDeclined}, {Kind: core.ObjAuthorization, ID: fort, State: core.StateDone}}}
}

// calls are the calls with effect on money that exists, each with the codes of its success and refusal.
var calls = map[string]struct {
	do                  func(context.Context, *Provider) (core.Outcome, error)
	success, refusal    string
	done, declined, way core.Fact
}{
	"capture": {
		func(ctx context.Context, p *Provider) (core.Outcome, error) {
			return p.Capture(ctx, testOp(core.OpCapture, 4250), core.CaptureInput{Known: known(), Authorization: fort})
		}, "04000", "05042",
		core.Fact{Kind: core.Captured, Amount: aed(4250), ID: "OPERATIONKEY234567", Of: fort},
		core.Fact{Kind: core.CaptureDeclined, ID: "OPERATIONKEY234567", Of: fort},
		core.Fact{},
	},
	"refund": {
		func(ctx context.Context, p *Provider) (core.Outcome, error) {
			return p.Refund(ctx, testOp(core.OpRefund, 2550), core.RefundInput{Known: known(), Capture: "another key"})
		}, "06000", "07048",
		core.Fact{Kind: core.Refunded, Amount: aed(2550), ID: "OPERATIONKEY234567"},
		core.Fact{Kind: core.RefundDeclined, ID: "OPERATIONKEY234567"},
		core.Fact{},
	},
	"void": {
		func(ctx context.Context, p *Provider) (core.Outcome, error) {
			return p.Void(ctx, testOp(core.OpVoid, 12550), core.VoidInput{Known: known()})
		}, "08000", "09034",
		core.Fact{Kind: core.AuthorizationClosed, ID: fort}, core.Fact{}, core.Fact{},
	},
	"charge": {
		func(ctx context.Context, p *Provider) (core.Outcome, error) {
			return p.ChargeMandate(ctx, testOp(core.OpChargeMandate, 12550), chargeInput())
		}, "14000", "13666",
		core.Fact{Kind: core.Captured, Amount: aed(12550), ID: fort, Of: fort},
		core.Fact{Kind: core.AuthorizationDeclined, ID: fort},
		core.Fact{Kind: core.AuthorizationPending, Amount: aed(12550), ID: fort},
	},
	"cancel_mandate": {
		func(ctx context.Context, p *Provider) (core.Outcome, error) {
			return p.CancelMandate(ctx, testOp(core.OpCancelMandate, 0), core.CancelMandateInput{Mandate: chargeInput().Mandate})
		}, "58000", "59034",
		core.Fact{Kind: core.MandateClosed, ID: "4c1f0e0a7b5d4d1f9a3c2b1e0f9d8c7b"}, core.Fact{}, core.Fact{},
	},
}

func chargeInput() core.ChargeMandateInput {
	return core.ChargeMandateInput{
		Mandate: core.Known{Memo: core.Refs{core.MemoToken: "4c1f0e0a7b5d4d1f9a3c2b1e0f9d8c7b", "agreement_id": "A1000017"}},
		Order:   core.Order{Buyer: core.Buyer{Email: "layla@example.org", Locale: "ar-AE"}, Returns: core.ReturnURLs{Result: "https://pay.example/return/abc"}},
	}
}

// answerFields are what an answer to a call brings beside the codes.
var answerFields = map[string]fields{"charge": {"fort_id": fort}}

func TestCallsThatAreAnswered(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			w := &wire{t: t}
			p := newProvider(t, testConfig(), w)
			check := func(code string, result core.Result, fact core.Fact, more fields) core.Outcome {
				extra := maps.Clone(answerFields[name])
				if extra == nil {
					extra = fields{}
				}
				maps.Copy(extra, more)
				w.answer = echoed(code, extra)
				out, err := call.do(t.Context(), p)
				require.NoError(t, err)
				require.Equal(t, result, out.Result, code)
				if fact.Kind == 0 {
					require.Empty(t, out.Facts)
					return out
				}
				require.Len(t, out.Facts, 1)
				got := out.Facts[0]
				require.Equal(t, code, got.Code)
				require.Equal(t, core.Asserted, got.Strength)
				require.Equal(t, "OPERATIONKEY234567", got.OpKey)
				got.Code, got.Strength, got.OpKey, got.Failure = "", core.Hint, "", nil
				require.Equal(t, fact, got)
				return out
			}
			check(call.success, core.Succeeded, call.done, nil)
			golden(t, name, w.sent[0])
			check(call.success, core.Succeeded, call.done, nil)
			require.Equal(t, w.sent[0], w.sent[1], "the same call sends the same bytes")

			out := check(call.refusal, core.Declined, call.declined, nil)
			require.Equal(t, call.refusal, out.Failure.ProviderCode)
			require.NotEmpty(t, out.Failure.Category)
			for _, code := range []string{"15777", "19000", "40090"} {
				if name == "charge" {
					check(code, core.Pending, call.way, nil)
				} else {
					check(code, core.Unknown, core.Fact{}, nil)
				}
			}
			for _, code := range []string{"00006", "00007", "00036", "00047", "00051", "00066", "00784", "00999", "16000", "99000", call.success[:2] + "666"} {
				check(code, core.Unknown, core.Fact{}, nil)
			}
			check(call.success, core.Unknown, core.Fact{}, fields{"status": "20"}) // the codes disagree
		})
	}
}

func TestAnswersThatProveNothing(t *testing.T) {
	for name, call := range calls {
		good := echoed(call.success, answerFields[name])
		changed := func(change fields, resign bool) func(fields) fields {
			return func(request fields) fields {
				f := good(request)
				maps.Copy(f, change)
				if resign {
					f["signature"] = sign(f, "SHA-256", responsePhrase, signedInResponse)
				}
				return f
			}
		}
		for problem, w := range map[string]*wire{
			"lost":             {},
			"not JSON":         {raw: "<html>"},
			"half":             {raw: `{"status":"04"`},
			"empty object":     {raw: `{}`},
			"unsigned":         {answer: changed(fields{"signature": ""}, false)},
			"wrongly signed":   {answer: changed(fields{"response_message": "x"}, false)},
			"other merchant":   {answer: changed(fields{"merchant_identifier": "pmxMid02"}, true)},
			"other access":     {answer: changed(fields{"access_code": "x"}, true)},
			"other command":    {answer: changed(fields{"command": "CAPTURED", "service_command": "X"}, true)},
			"other try's fort": {answer: changed(fields{"fort_id": "999"}, true)},
		} {
			if problem == "other try's fort" && (name == "charge" || name == "cancel_mandate") {
				continue // they ask for no transaction
			}
			t.Run(name+"/"+problem, func(t *testing.T) {
				w.t = t
				out, err := call.do(t.Context(), newProvider(t, testConfig(), w))
				require.Error(t, err)
				require.NotErrorIs(t, err, core.ErrNotSent)
				require.NotEqual(t, core.Invalid, core.KindOf(err))
				require.Equal(t, core.Outcome{}, out)
				require.Len(t, w.sent, 1, "nothing is sent again")
			})
		}
		t.Run(name+"/not sent", func(t *testing.T) {
			p := newProvider(t, testConfig(), refusing{})
			out, err := call.do(t.Context(), p)
			require.ErrorIs(t, err, core.ErrNotSent)
			require.Equal(t, core.Unavailable, core.KindOf(err))
			require.Equal(t, core.Outcome{}, out)
		})
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, core.NotSentError(errors.New("breaker open"))
}

func TestTheAnswerTellsWhatItIsAbout(t *testing.T) {
	w := &wire{t: t, answer: echoed("04000", fields{"merchant_reference": "OTHER", "amount": "1", "currency": "USD"})}
	out, err := calls["capture"].do(t.Context(), newProvider(t, testConfig(), w))
	require.NoError(t, err)
	require.Equal(t, core.Echo{Reference: "OTHER", Amount: &core.Money{Minor: 1, Currency: "USD"}}, out.Echo)
}

func TestAnswerForAnotherRefund(t *testing.T) {
	w := &wire{t: t, answer: echoed("06000", fields{"maintenance_reference": "OTHER"})}
	_, err := calls["refund"].do(t.Context(), newProvider(t, testConfig(), w))
	require.Error(t, err)
	require.NotErrorIs(t, err, core.ErrNotSent)
}

func TestVoidWithNothingAuthorizedCallsNobody(t *testing.T) {
	w := &wire{t: t}
	out, err := newProvider(t, testConfig(), w).Void(t.Context(), testOp(core.OpVoid, 0), core.VoidInput{Known: core.Known{Reference: "A"}})
	require.NoError(t, err)
	require.Equal(t, core.Outcome{Result: core.Succeeded}, out)
	require.Empty(t, w.sent)
}

func TestWhatCannotBeSentIsRefusedHere(t *testing.T) {
	charge := func(change func(*core.Op, *core.ChargeMandateInput)) func(context.Context, *Provider) (core.Outcome, error) {
		op, in := testOp(core.OpChargeMandate, 100), chargeInput()
		change(&op, &in)
		return func(ctx context.Context, p *Provider) (core.Outcome, error) { return p.ChargeMandate(ctx, op, in) }
	}
	for name, tc := range map[string]struct {
		code string
		do   func(context.Context, *Provider) (core.Outcome, error)
	}{
		"capture of nothing": {"amount_invalid", func(ctx context.Context, p *Provider) (core.Outcome, error) {
			return p.Capture(ctx, testOp(core.OpCapture, 0), core.CaptureInput{Known: known()})
		}},
		"capture of eleven digits": {"amount_too_large", func(ctx context.Context, p *Provider) (core.Outcome, error) {
			return p.Capture(ctx, testOp(core.OpCapture, 1e10), core.CaptureInput{Known: known()})
		}},
		"refund below zero": {"amount_invalid", func(ctx context.Context, p *Provider) (core.Outcome, error) {
			return p.Refund(ctx, testOp(core.OpRefund, -1), core.RefundInput{Known: known()})
		}},
		"charge later":           {"capability_unsupported", charge(func(_ *core.Op, in *core.ChargeMandateInput) { in.Capture = core.CaptureManual })},
		"charge with the buyer":  {"capability_unsupported", charge(func(_ *core.Op, in *core.ChargeMandateInput) { in.BuyerPresent = true })},
		"charge without a token": {"capability_unsupported", charge(func(_ *core.Op, in *core.ChargeMandateInput) { in.Mandate.Memo = nil })},
		"charge without e-mail":  {"buyer_invalid", charge(func(_ *core.Op, in *core.ChargeMandateInput) { in.Buyer.Email = "" })},
		"charge, odd reference":  {"reference_invalid", charge(func(op *core.Op, _ *core.ChargeMandateInput) { op.Reference = "a/b" })},
		"charge, no currency":    {"currency_invalid", charge(func(op *core.Op, _ *core.ChargeMandateInput) { op.Amount.Currency = "XXX" })},
		"cancel without a token": {"capability_unsupported", func(ctx context.Context, p *Provider) (core.Outcome, error) {
			return p.CancelMandate(ctx, testOp(core.OpCancelMandate, 0), core.CancelMandateInput{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{t: t}
			_, err := tc.do(t.Context(), newProvider(t, testConfig(), w))
			require.Equal(t, core.Invalid, core.KindOf(err))
			require.Equal(t, tc.code, core.CodeOf(err))
			require.Empty(t, w.sent)
		})
	}
}

func TestChargeThatWants3DSecure(t *testing.T) {
	w := &wire{t: t, answer: echoed("20064", fields{"fort_id": fort, "3ds_url": "https://sim.example.org/3ds?sid=abc"})}
	out, err := calls["charge"].do(t.Context(), newProvider(t, testConfig(), w))
	require.NoError(t, err)
	require.Equal(t, core.Succeeded, out.Result)
	require.Equal(t, core.NextRedirect, out.Next.Type)
	require.Equal(t, "https://sim.example.org/3ds?sid=abc", out.Next.URL)
	require.Empty(t, out.Facts)
	require.Equal(t, "ar", w.fields[0]["language"])
}

func TestChargeThatIsRejectedEndsTheAttempt(t *testing.T) {
	w := &wire{t: t, answer: echoed("00044", nil)}
	out, err := calls["charge"].do(t.Context(), newProvider(t, testConfig(), w))
	require.NoError(t, err)
	require.Equal(t, core.Declined, out.Result)
	require.Equal(t, core.AttemptEnded, out.Facts[0].Kind)
	require.Equal(t, core.Asserted, out.Facts[0].Strength)
	require.Equal(t, core.FailureInstrument, out.Failure.Category)
}

func TestCancelOfATokenThatIsGone(t *testing.T) {
	w := &wire{t: t, answer: echoed("59044", nil)}
	out, err := calls["cancel_mandate"].do(t.Context(), newProvider(t, testConfig(), w))
	require.NoError(t, err)
	require.Equal(t, core.Succeeded, out.Result)
	require.Equal(t, core.MandateClosed, out.Facts[0].Kind)
}

func TestNoSecretInErrorsOrExchanges(t *testing.T) {
	var kept []core.Exchange
	record := func(_ context.Context, e core.Exchange) { kept = append(kept, e) }
	for name, call := range calls {
		w := &wire{t: t, answer: echoed(call.success, fields{"response_message": "x"})}
		p, err := New(testConfig(), outbound.New(outbound.Options{Transport: w, Record: record}))
		require.NoError(t, err)
		_, err = call.do(t.Context(), p)
		require.NoError(t, err)
		require.NotContains(t, fmt.Sprintf("%+v %#v", p, p), requestPhrase)
		w.answer = nil
		_, err = call.do(t.Context(), p)
		for _, canary := range []string{requestPhrase, responsePhrase, "pmxAcc0000000000001A", "layla@example.org"} {
			require.NotContains(t, err.Error(), canary, name)
		}
	}
	require.Len(t, kept, 2*len(calls))
	all := fmt.Sprintf("%+v", kept)
	for _, canary := range []string{requestPhrase, responsePhrase, "pmxAcc0000000000001A", "layla@example.org", "4c1f0e0a7b5d4d1f9a3c2b1e0f9d8c7b"} {
		require.NotContains(t, all, canary)
	}
	require.Contains(t, all, "ATTEMPTREFERENCE234567")
}
