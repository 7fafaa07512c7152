package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/secret"
)

func TestASecretIsNeverShown(t *testing.T) {
	const canary = "canary-phrase"
	s := secret.New(canary)
	holder := struct {
		Open   secret.Secret
		hidden secret.Secret
		ptr    *secret.Secret
	}{s, s, &s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		require.NotContains(t, fmt.Sprintf(verb, s), canary)
		require.NotContains(t, fmt.Sprintf(verb, holder), canary)
		require.NotContains(t, fmt.Sprintf(verb, &holder), canary)
		require.NotContains(t, fmt.Sprintf(verb, holder), fmt.Sprintf("%x", canary))
	}
	b, err := json.Marshal(holder)
	require.NoError(t, err)
	require.JSONEq(t, `{"Open":"[redacted]"}`, string(b))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s)
	require.NotContains(t, log.String(), canary)
	require.Equal(t, canary, s.Reveal())
}

func TestASecretIsReadFromText(t *testing.T) {
	var c struct{ Phrase secret.Secret }
	require.NoError(t, json.Unmarshal([]byte(`{"Phrase":"abc"}`), &c))
	require.True(t, c.Phrase.Equal(secret.New("abc")))
	require.False(t, c.Phrase.Equal(secret.New("abd")))
	require.True(t, secret.Secret{}.Empty())
	require.False(t, c.Phrase.Empty())
}
