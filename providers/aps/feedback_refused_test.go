package aps

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

func TestFeedbackThatIsNotAuthentic(t *testing.T) {
	p := newProvider(t, testConfig(), nil)
	with := func(name, value string, resign bool) fields {
		f := answered(paid())
		f[name] = value
		if resign {
			f["signature"] = sign(f, "SHA-256", responsePhrase, signedInResponse)
		}
		return f
	}
	for name, f := range map[string]fields{
		"changed amount":     with("amount", "99999", false),
		"no signature":       with("signature", "", false),
		"request phrase":     with("signature", sign(answered(paid()), "SHA-256", requestPhrase, signedInResponse), false),
		"other merchant":     with("merchant_identifier", "pmxMid02", true),
		"other access code":  with("access_code", "pmxAcc0000000000002B", true),
		"added field":        with("fraud_comment", "x", false),
		"truncated hex":      with("signature", answered(paid())["signature"][:60], false),
		"signature is phony": with("signature", strings.Repeat("0", 64), false),
	} {
		t.Run(name, func(t *testing.T) {
			for _, m := range []core.Message{jsonMessage(t, f), formMessage(f)} {
				fb, err := p.ParseFeedback(t.Context(), m)
				require.ErrorIs(t, err, core.ErrUnauthenticated)
				require.Equal(t, core.Feedback{}, fb)
			}
			_, err := p.ParseReturn(t.Context(), core.Return{Values: valuesOf(f)})
			require.ErrorIs(t, err, core.ErrUnauthenticated)
		})
	}
}

func TestFeedbackThatCannotBeRead(t *testing.T) {
	p := newProvider(t, testConfig(), nil)
	valid, err := json.Marshal(answered(paid()))
	require.NoError(t, err)
	post := func(contentType, body string) core.Message {
		return core.Message{Method: http.MethodPost, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)}
	}
	get := jsonMessage(t, answered(paid()))
	get.Method = http.MethodGet
	for name, m := range map[string]core.Message{
		"GET":                  get,
		"empty":                post("application/json", ""),
		"not JSON":             post("application/json", "{"),
		"a list":               post("application/json", "[]"),
		"trailing":             post("application/json", string(valid)+"{}"),
		"doubled in JSON":      post("application/json", `{"amount":"1",`+string(valid[1:])),
		"doubled by case":      post("application/json", `{"AMOUNT":"1",`+string(valid[1:])),
		"doubled in the form":  post("application/x-www-form-urlencoded", "amount=1&"+string(formMessage(answered(paid())).Body)),
		"doubled in its case":  post("application/x-www-form-urlencoded", "Amount=1&"+string(formMessage(answered(paid())).Body)),
		"XML":                  post("application/xml", "<response><status>14</status></response>"),
		"plain text":           post("text/plain", string(valid)),
		"no content type":      post("", string(valid)),
		"other character set":  post("application/json; charset=utf-16", string(valid)),
		"longer than is taken": post("application/x-www-form-urlencoded", "a="+strings.Repeat("x", maxFeedback)),
	} {
		t.Run(name, func(t *testing.T) {
			fb, err := p.ParseFeedback(t.Context(), m)
			require.Equal(t, core.MalformedMessage, core.KindOf(err))
			require.Equal(t, core.Feedback{}, fb)
			require.NotContains(t, err.Error(), "12550")
		})
	}
	_, err = p.ParseReturn(t.Context(), core.Return{Values: url.Values{"amount": {"1", "2"}}})
	require.Equal(t, core.MalformedMessage, core.KindOf(err))
	_, err = p.ParseReturn(t.Context(), core.Return{Values: url.Values{"amount": {"1"}, "Amount": {"2"}}})
	require.Equal(t, core.MalformedMessage, core.KindOf(err))
}

func TestFeedbackThatIsNotUnderstoodIsAskedAbout(t *testing.T) {
	p := newProvider(t, testConfig(), nil)
	for name, change := range map[string]fields{
		"unknown status":                    {"status": "16", "response_code": "16000"},
		"unknown message":                   {"status": "13", "response_code": "13999"},
		"status and code disagree":          {"status": "04", "response_code": "20064"},
		"status of another command":         {"status": "04", "response_code": "04000"},
		"success with a message":            {"status": "14", "response_code": "14666"},
		"technical problem":                 {"status": "13", "response_code": "13006"},
		"processed already":                 {"status": "00", "response_code": "00047"},
		"still processing":                  {"status": "00", "response_code": "00784"},
		"declined without reason":           {"status": "13", "response_code": "13000"},
		"no transaction":                    {"fort_id": ""},
		"no amount":                         {"amount": ""},
		"amount with a sign":                {"amount": "+12550"},
		"amount with a point":               {"amount": "125.50"},
		"no currency":                       {"currency": ""},
		"unknown currency":                  {"currency": "XXX"},
		"a second code in a text":           {"merchant_extra": "x response_code=00008"},
		"the processor's code is like ours": {"processor_response_code": "00008"},
	} {
		t.Run(name, func(t *testing.T) {
			f := paid()
			maps.Copy(f, change)
			maps.DeleteFunc(f, func(_, v string) bool { return v == "" })
			fb, err := p.ParseFeedback(t.Context(), jsonMessage(t, answered(f)))
			require.NoError(t, err)
			require.Empty(t, fb.Facts)
			require.Empty(t, fb.Refs)
			require.Empty(t, fb.Memo)
			require.NotEmpty(t, fb.Note)
			require.Len(t, fb.Read, 1)
			require.Equal(t, "PMX-17", fb.Reference)
			require.Equal(t, http.StatusOK, fb.Ack.Status)
			require.NotEmpty(t, fb.DedupeKey)
			require.NotEmpty(t, fb.Shown)
		})
	}
}

func TestReturnOfAnotherAttempt(t *testing.T) {
	values := valuesOf(answered(paid()))
	p := newProvider(t, testConfig(), nil)
	_, err := p.ParseReturn(t.Context(), core.Return{Values: values, Known: core.Known{Reference: "PMX-18"}})
	require.ErrorIs(t, err, core.ErrUnauthenticated)
	fb, err := p.ParseReturn(t.Context(), core.Return{Values: values, Known: core.Known{Reference: "PMX-17"}})
	require.NoError(t, err)
	require.Equal(t, core.Hint, fb.Facts[0].Strength)
}
