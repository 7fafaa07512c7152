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

func TestAmbiguous(t *testing.T) {
	for name, tc := range map[string]struct {
		f    fields
		want string
	}{
		"plain":                      {fields{"amount": "100", "merchant_extra": "a=b", "status": "14"}, ""},
		"transaction_status":         {fields{"token_name": "abc", "transaction_status": "14"}, ""},
		"unknown name":               {fields{"amount": "100", "amountx": "1"}, "it has a field that is not documented"},
		"name inside a value":        {fields{"merchant_extra": "x status=13"}, "a value holds the name of a field"},
		"a value that is a field":    {fields{"acquirer_response_message": "amount=1", "amount": "2"}, "a value holds the name of a field"},
		"completed by the next name": {fields{"merchant_extra": "x" + "transaction_", "status": "14"}, "a value holds the name of a field"},
		"query of an address":        {fields{"return_url": "https://shop.example/r?lang=en&o=1"}, ""},
		"amount in an address":       {fields{"return_url": "https://shop.example/r?amount=1"}, "a value holds the name of a field"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, ambiguous(tc.f)) })
	}
}

// TestOneTextOneReading draws fields whose values are made of the pieces that confuse, cuts the text under the
// signature elsewhere, and wants at most one of the two believed.
func TestOneTextOneReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawFields(t)
		text := base(a, signedInResponse)
		b := recut(t, text)
		if b == nil || base(b, signedInResponse) != text || same(a, b) {
			return
		}
		if ambiguous(a) == "" && ambiguous(b) == "" {
			t.Fatalf("both are believed under one signature:\n%q\n%q", a, b)
		}
	})
}

var confusing = []string{"", "1", "x", "=", "amount=", "status=", "transaction_", "transaction_status=", "acquirer_", "response_code=14000",
	"card_", "merchant_extra", "merchant_extra1=", "eci", "_", "number_of_", "installments=", "a=b"}

func drawFields(t *rapid.T) fields {
	f := fields{}
	pool := []string{"amount", "status", "transaction_status", "response_code", "acquirer_response_code", "merchant_extra", "merchant_extra1",
		"eci", "installments", "number_of_installments", "card_bin", "currency", "fort_id", "token_name", "token_status", "x_unknown"}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, 6, rapid.ID[string]).Draw(t, "names") {
		f[name] = strings.Join(rapid.SliceOfN(rapid.SampledFrom(confusing), 0, 3).Draw(t, "value"), "")
	}
	return f
}

// recut reads text as other fields: each "=" may end a name that begins anywhere before it.
func recut(t *rapid.T, text string) fields {
	f := fields{}
	for text != "" {
		name, rest, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil
		}
		if _, twice := f[name]; twice {
			return nil
		}
		starts := []int{len(rest)}
		for at := range len(rest) {
			for known := range names {
				if strings.HasPrefix(rest[at:], known+"=") {
					starts = append(starts, at)
				}
			}
		}
		end := rapid.SampledFrom(starts).Draw(t, "end")
		f[name], text = rest[:end], rest[end:]
	}
	return f
}

func same(a, b fields) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		if other, ok := b[name]; !ok || other != value {
			return false
		}
	}
	return true
}

// FuzzSignatureBase looks for two sets of fields that are both believed under one signature: the second is any way
// to cut the text of the first.
func FuzzSignatureBase(f *testing.F) {
	f.Add("amount", "100", "status", "14", uint(3))
	f.Add("merchant_extra", "xtransaction_", "status", "14", uint(20))
	f.Add("merchant_extra", "x amount=1", "status", "14", uint(17))
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string, cut uint) {
		a := fields{name1: value1, name2: value2}
		text := base(a, signedInResponse)
		name, rest, _ := strings.Cut(text, "=")
		at := int(cut % uint(len(rest)+1))
		b := fields{name: rest[:at]}
		if next, value, found := strings.Cut(rest[at:], "="); found && next != name {
			b[next] = value
		}
		if base(b, signedInResponse) != text || same(a, b) || strings.Contains(name1+name2+name, "=") {
			return
		}
		if ambiguous(a) == "" && ambiguous(b) == "" {
			t.Fatalf("both are believed under one signature:\n%q\n%q", a, b)
		}
	})
}
