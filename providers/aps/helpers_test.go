package aps

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/outbound"
	"github.com/paymux/paymux/providers/secret"
)

const (
	requestPhrase  = "pmx$Req#2031!"  // example
	responsePhrase = "pmx$Resp#2031!" // example
)

func testConfig() Config {
	return Config{
		MerchantIdentifier: "pmxMid01", AccessCode: "pmxAcc0000000000001A", RequestPhrase: secret.New(requestPhrase),
		ResponsePhrase: secret.New(responsePhrase), Environment: Sandbox,
	}
}

func newProvider(t testing.TB, cfg Config, transport http.RoundTripper) *Provider {
	t.Helper()
	p, err := New(cfg, outbound.New(outbound.Options{Transport: transport}))
	require.NoError(t, err)
	return p
}

// answered is f as APS sends it: with the account, signed with the response phrase.
func answered(f fields) fields {
	out := fields{"merchant_identifier": "pmxMid01", "access_code": "pmxAcc0000000000001A", "language": "en"}
	for name, value := range f {
		out[name] = value
	}
	out["signature"] = sign(out, "SHA-256", responsePhrase, signedInResponse)
	return out
}

func jsonMessage(t testing.TB, f fields) core.Message {
	t.Helper()
	body, err := json.Marshal(f)
	require.NoError(t, err)
	return core.Message{
		Method: http.MethodPost, URL: &url.URL{Path: "/feedback/aps-ae"}, Header: http.Header{"Content-Type": {"application/json"}}, Body: body,
		ReceivedAt: time.Date(2031, 1, 2, 10, 0, 0, 0, time.UTC),
	}
}

func valuesOf(f fields) url.Values {
	values := url.Values{}
	for name, value := range f {
		values.Set(name, value)
	}
	return values
}

func formMessage(f fields) core.Message {
	return core.Message{
		Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte(valuesOf(f).Encode()),
		ReceivedAt: time.Date(2031, 1, 2, 10, 0, 0, 0, time.UTC),
	}
}

type feedbackSample struct {
	ID      string
	Channel string
	HTTP    struct {
		Method, Path string
		ContentType  string `json:"content_type"`
		Body         string
	}
	SignatureValid bool `json:"signature_valid"`
	Params         fields
}

func feedbackSamples(t testing.TB) []feedbackSample {
	t.Helper()
	var file struct{ Samples []feedbackSample }
	data, err := os.ReadFile("testdata/aps-feedback.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Samples, 15)
	return file.Samples
}

func aed(minor int64) core.Money {
	return core.Money{Minor: minor, Currency: "AED"}
}
