package core

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is sealed opens under the same secret, for the same purpose and at the same place, and nowhere else.
func TestSealing(t *testing.T) {
	tokens := func(b byte) Tokens {
		out, err := NewTokens(bytes.Repeat([]byte{b}, 32))
		require.NoError(t, err)
		return out
	}
	mine, plain := tokens(1), []byte("whsec_example")
	sealed := mine.seal("keys", "we_1", plain)
	require.NotContains(t, string(sealed), "example")
	require.NotEqual(t, sealed, mine.seal("keys", "we_1", plain), "each has a nonce of its own")
	got, err := mine.open("keys", "we_1", sealed)
	require.NoError(t, err)
	require.Equal(t, plain, got)
	broken := bytes.Clone(sealed)
	broken[len(broken)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another secret":  func() ([]byte, error) { return tokens(2).open("keys", "we_1", sealed) },
		"another purpose": func() ([]byte, error) { return mine.open("answer", "we_1", sealed) },
		"another place":   func() ([]byte, error) { return mine.open("keys", "we_2", sealed) },
		"changed":         func() ([]byte, error) { return mine.open("keys", "we_1", broken) },
		"cut":             func() ([]byte, error) { return mine.open("keys", "we_1", sealed[:5]) },
		"nothing":         func() ([]byte, error) { return mine.open("keys", "we_1", nil) },
	} {
		got, err := open()
		require.Equal(t, Internal, KindOf(err), name)
		require.Empty(t, got, name)
	}
	scope := IdempotencyScope{MerchantID: "m", Route: "POST /v1/x", Key: "k"}
	a := mine.sealAnswer(scope, Answer{Status: 201, Kind: "webhook_endpoint", Snapshot: plain})
	require.NotContains(t, string(a.Snapshot), "example")
	opened, err := mine.openAnswer(scope, a)
	require.NoError(t, err)
	require.Equal(t, Answer{Status: 201, Kind: "webhook_endpoint", Snapshot: plain}, opened)
	scope.MerchantID = "other"
	_, err = mine.openAnswer(scope, a)
	require.Error(t, err)
}
