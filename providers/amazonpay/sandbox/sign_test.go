package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// vectors are signatures of the official Node SDK.
type vectors struct {
	Keys map[string]struct {
		Public string `json:"publicKeyPem"`
	} `json:"keys"`
	Requests []struct {
		Name, Key, Method, Path, URL, Body, Authorization, CanonicalRequest, StringToSign, Algorithm string
		SaltLength                                                                                   int
		Headers                                                                                      map[string]string
		ExpectVerify                                                                                 bool
	} `json:"requests"`
	Buttons []struct {
		Name, Key, Algorithm, PayloadJSON, StringToSign, Signature string
		ExpectVerify                                               bool
	} `json:"buttons"`
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	content, err := os.ReadFile("testdata/amazonpay.json")
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(content, &v))
	require.Len(t, v.Requests, 11)
	require.Len(t, v.Buttons, 5)
	return v
}

func TestRequestVectors(t *testing.T) {
	all := readVectors(t)
	for _, v := range all.Requests {
		t.Run(v.Name, func(t *testing.T) {
			key, err := parsePublicKey(all.Keys[v.Key].Public)
			require.NoError(t, err)
			r := httptest.NewRequest(v.Method, v.URL, strings.NewReader(v.Body))
			for name, content := range v.Headers {
				r.Header.Set(name, content)
			}
			auth, understood := parseAuthorization(v.Authorization)
			require.True(t, understood)
			require.Equal(t, v.Algorithm, auth.algorithm)
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			text, covered := canonicalRequest(r, wirePath(r), body, auth.signed)
			require.True(t, covered)
			if v.CanonicalRequest != "" {
				require.Equal(t, v.CanonicalRequest, text)
				require.Equal(t, v.StringToSign, stringToSign(auth.algorithm, text))
			}
			require.Equal(t, v.ExpectVerify, verifies(key, auth.algorithm, text, auth.signature))
		})
	}
}

func TestButtonVectors(t *testing.T) {
	all := readVectors(t)
	for _, v := range all.Buttons {
		t.Run(v.Name, func(t *testing.T) {
			key, err := parsePublicKey(all.Keys[v.Key].Public)
			require.NoError(t, err)
			require.Equal(t, v.StringToSign, stringToSign(v.Algorithm, v.PayloadJSON))
			require.True(t, v.ExpectVerify)
			require.True(t, verifies(key, v.Algorithm, v.PayloadJSON, v.Signature))
			require.False(t, verifies(key, v.Algorithm, v.PayloadJSON+" ", v.Signature), "the text is signed, not its meaning")
			for other := range saltLengths {
				require.Equal(t, other == v.Algorithm, verifies(key, other, v.PayloadJSON, v.Signature))
			}
		})
	}
}

func TestAuthorizationHeader(t *testing.T) {
	good := "AMZN-PAY-RSASSA-PSS-V2 PublicKeyId=K, SignedHeaders=a;b, Signature=eA=="
	for name, c := range map[string]struct {
		header string
		ok     bool
	}{
		"as documented":         {good, true},
		"no blank":              {strings.ReplaceAll(good, ", ", ","), true},
		"more blanks":           {strings.ReplaceAll(good, ", ", " ,  "), true},
		"another order":         {"AMZN-PAY-RSASSA-PSS Signature=eA==,SignedHeaders=a,PublicKeyId=K", true},
		"empty":                 {"", false},
		"algorithm alone":       {"AMZN-PAY-RSASSA-PSS-V2", false},
		"unknown algorithm":     {strings.Replace(good, "V2", "V3", 1), false},
		"no key":                {"AMZN-PAY-RSASSA-PSS-V2 SignedHeaders=a;b, Signature=eA==", false},
		"empty signature":       {"AMZN-PAY-RSASSA-PSS-V2 PublicKeyId=K, SignedHeaders=a;b, Signature=", false},
		"doubled key":           {good + ", PublicKeyId=L", false},
		"unknown parameter":     {good + ", Extra=1", false},
		"parameter in capitals": {strings.Replace(good, "PublicKeyId", "PUBLICKEYID", 1), false},
	} {
		_, ok := parseAuthorization(c.header)
		require.Equal(t, c.ok, ok, name)
	}
}

func TestHeadersThatMustBeSigned(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "https://pay-api.amazon.eu/v2/charges/x", nil)
	for _, name := range neverUnsigned {
		r.Header.Set(name, "x")
	}
	_, ok := canonicalRequest(r, "/v2/charges/x", nil, "x-amz-pay-date;x-amz-pay-host;x-amz-pay-region")
	require.True(t, ok)
	for _, list := range []string{
		"x-amz-pay-date;x-amz-pay-host", "x-amz-pay-date;x-amz-pay-region", "x-amz-pay-host;x-amz-pay-region", "",
		"accept;x-amz-pay-date;x-amz-pay-host;x-amz-pay-region",         // listed, not sent
		"x-amz-pay-date;x-amz-pay-date;x-amz-pay-host;x-amz-pay-region", // listed twice
		"X-Amz-Pay-Date;x-amz-pay-date;x-amz-pay-host;x-amz-pay-region", // the same in capitals
	} {
		_, ok := canonicalRequest(r, "/v2/charges/x", nil, list)
		require.False(t, ok, list)
	}
}

func TestCanonicalQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"": "", "b=2&a=1": "a=1&b=2", "a=x+y": "a=x%20y", "a=x%20y": "a=x%20y", "a=1,2": "a=1%2C2", "a=%2f:": "a=%2F%3A",
		"a=b=c": "a=b%3Dc", "a=-_.~": "a=-_.~", "z": "z=", "a=!'()*": "a=!'()*", "a=%21%2A": "a=%21%2A",
	} {
		require.Equal(t, want, canonicalQuery(raw), raw)
	}
}
