package aps

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type signatureVector struct {
	ID           string
	Direction    string
	SHAType      string `json:"sha_type"`
	Phrase       string
	Params       fields
	StringToHash string `json:"string_to_hash"`
	Signature    string
}

func TestSignatureVectors(t *testing.T) {
	var file struct{ Vectors []signatureVector }
	data, err := os.ReadFile("testdata/aps-signatures.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Vectors, 26)
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			signed := signedInRequest(v.Params)
			if v.Direction == "response" {
				signed = signedInResponse
				v.Params["signature"] = strings.ToUpper(v.Signature)
				_, ok := verify(v.Params, v.SHAType, v.Phrase)
				require.True(t, ok, "the case of the hex does not matter")
			}
			require.Equal(t, v.StringToHash, v.Phrase+base(v.Params, signed)+v.Phrase)
			require.Equal(t, v.Signature, sign(v.Params, v.SHAType, v.Phrase, signed))
		})
	}
}

func TestVerifyCoversEmptyFieldsEitherWay(t *testing.T) {
	f := fields{"amount": "100", "status": "14", "eci": ""}
	f["signature"] = sign(f, "SHA-256", "p", signedInResponse)
	got, ok := verify(f, "SHA-256", "p")
	require.True(t, ok)
	require.Equal(t, fields{"amount": "100", "status": "14", "eci": ""}, got)

	f["signature"] = sign(fields{"amount": "100", "status": "14"}, "SHA-256", "p", signedInResponse)
	got, ok = verify(f, "SHA-256", "p")
	require.True(t, ok, "an implementation that leaves empty fields out")
	require.Equal(t, fields{"amount": "100", "status": "14"}, got)
}

func TestVerifyRefuses(t *testing.T) {
	good := fields{"amount": "100", "status": "14"}
	signature := sign(good, "SHA-256", "p", signedInResponse)
	for name, f := range map[string]fields{
		"no signature":      {"amount": "100", "status": "14"},
		"empty signature":   {"amount": "100", "status": "14", "signature": ""},
		"cut signature":     {"amount": "100", "status": "14", "signature": signature[:63]},
		"changed value":     {"amount": "101", "status": "14", "signature": signature},
		"one more field":    {"amount": "100", "status": "14", "eci": "X", "signature": signature},
		"one field less":    {"amount": "100", "signature": signature},
		"other name's case": {"Amount": "100", "status": "14", "signature": signature},
	} {
		t.Run(name, func(t *testing.T) {
			_, ok := verify(f, "SHA-256", "p")
			require.False(t, ok)
		})
	}
	good["signature"] = signature
	for _, wrong := range []string{"SHA-512", "HMAC-256", "HMAC-512"} {
		_, ok := verify(good, wrong, "p")
		require.False(t, ok, wrong)
	}
	_, ok := verify(good, "SHA-256", "")
	require.False(t, ok, "an account without a phrase believes nobody")
}

func TestUnsignedPartIsDropped(t *testing.T) {
	f := fields{"amount": "100", "installment_detail": "{amount=999}"}
	f["signature"] = sign(f, "SHA-256", "p", signedInResponse)
	got, ok := verify(f, "SHA-256", "p")
	require.True(t, ok)
	require.Equal(t, fields{"amount": "100"}, got)
}

func TestRecut(t *testing.T) {
	for name, tc := range map[string]struct {
		f    fields
		want bool
	}{
		"plain":                     {fields{"amount": "100", "response_code": "14000", "response_message": "Success", "status": "14"}, false},
		"codes of the acquirer":     {fields{"acquirer_response_code": "00", "acquirer_response_message": "Success", "processor_response_code": "APPROVED", "response_code": "14000"}, false},
		"its own code once more":    {fields{"merchant_extra": "response_code=14000", "response_code": "14000"}, false},
		"text of other fields":      {fields{"merchant_extra": "amount=1status=13", "return_url": "https://shop.example/r?amount=1", "response_code": "14000"}, false},
		"another inside a value":    {fields{"merchant_extra": "response_code=00008", "response_code": "14000"}, true},
		"another in another's name": {fields{"processor_response_code": "00008response_d=x", "response_code": "14000"}, true},
		"another in no field known": {fields{"xresponse_code": "00008", "response_code": "14000"}, true},
		"begun by a value":          {fields{"phone_number": "1response_", "code": "00008", "response_code": "14000"}, false},
		"completed by what follows": {fields{"a": "1response_", "code": "00008", "response_code": "14000"}, true},
		"none of its own":           {fields{"acquirer_response_code": "00008"}, true},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, recut(tc.f)) })
	}
}

// TestNoCutChangesTheOutcome draws what APS may sign, cuts its text anew around every code in it, and wants each cut
// that has another code than APS gave to be told from what APS signed.
func TestNoCutChangesTheOutcome(t *testing.T) {
	forged := 0
	rapid.Check(t, func(t *rapid.T) {
		own := drawFields(t)
		text := base(own, signedInResponse)
		for _, cut := range cutsAnew(text) {
			require.Equal(t, text, base(cut, signedInResponse))
			if cut["response_code"] == own["response_code"] {
				continue
			}
			forged++
			require.True(t, recut(cut), "one signature, two outcomes:\n%q\n%q", own, cut)
		}
	})
	require.NotZero(t, forged, "nothing was cut anew")
}

// drawFields are what APS may sign: its own code, and beside it an echo of anything, with another code in it.
func drawFields(t *rapid.T) fields {
	f := fields{"response_code": rapid.SampledFrom([]string{"00008", "13666"}).Draw(t, "code")}
	names := []string{"amount", "acquirer_response_code", "merchant_extra", "phone_number", "processor_", "response_", "response_d", "statur", "token_name", "x"}
	values := []string{"", "1", "=", "response_", "response_code=", "response_code=14000", "response_code=02000", "processor_", "14000"}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 5, rapid.ID[string]).Draw(t, "names") {
		f[name] = strings.Join(rapid.SliceOfN(rapid.SampledFrom(values), 0, 3).Draw(t, "value"), "")
	}
	f["amount"], f["statur"] = f["amount"]+"1", f["statur"]+"response_code=14000"
	return f
}

// cutsAnew are fields with the same text, one for each code in it: a field before it, the code, and what follows as a
// field, where the order of a signed text allows it.
func cutsAnew(text string) (cuts []fields) {
	const name = "response_code="
	for at := range text {
		if !strings.HasPrefix(text[at:], name) || len(text) < at+len(name)+codeLength {
			continue
		}
		code, after := text[at+len(name):at+len(name)+codeLength], text[at+len(name)+codeLength:]
		cut := fields{"response_code": code}
		first, before, whole := strings.Cut(text[:at], "=")
		next, last, more := strings.Cut(after, "=")
		if at > 0 && (!whole || first >= "response_code") || after != "" && (!more || next <= "response_code") || !isCode(code) {
			continue
		}
		if at > 0 {
			cut[first] = before
		}
		if more {
			cut[next] = last
		}
		cuts = append(cuts, cut)
	}
	return cuts
}

// FuzzSignatureBase looks for two outcomes under one signature, whatever names and values APS echoes.
func FuzzSignatureBase(f *testing.F) {
	f.Add("phone_number", "1processor_", "response_d", "xresponse_code=14000")
	f.Add("merchant_extra", "response_code=14000", "status", "00")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		own := fields{name1: value1, name2: value2, "response_code": "00008"}
		for _, cut := range cutsAnew(base(own, signedInResponse)) {
			if cut["response_code"] != own["response_code"] && base(cut, signedInResponse) == base(own, signedInResponse) {
				require.True(t, recut(cut), "one signature, two outcomes:\n%q\n%q", own, cut)
			}
		}
	})
}
