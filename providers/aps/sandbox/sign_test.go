package sandbox

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

type signatureVector struct {
	ID        string          `json:"id"`
	SHAType   SHAType         `json:"sha_type"`
	Phrase    string          `json:"phrase"`
	Params    json.RawMessage `json:"params"`
	Excluded  []string        `json:"excluded_from_signature"`
	Signature string          `json:"signature"`
}

func TestSignatureVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/aps-signatures.json")
	require.NoError(t, err)
	var file struct {
		Vectors []signatureVector `json:"vectors"`
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.Len(t, file.Vectors, 26)
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			fields, err := parseJSON(v.Params)
			require.NoError(t, err)
			require.Equal(t, v.Signature, sign(v.SHAType, v.Phrase, fields, v.Excluded...))
		})
	}
}

func TestFeedbackVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/aps-feedback.json")
	require.NoError(t, err)
	var file struct {
		Samples []struct {
			ID     string            `json:"id"`
			SHA    SHAType           `json:"sha_type"`
			Phrase string            `json:"response_phrase"`
			Params map[string]string `json:"params"`
			Valid  bool              `json:"signature_valid"`
		} `json:"samples"`
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.Len(t, file.Samples, 15)
	for _, v := range file.Samples {
		t.Run(v.ID, func(t *testing.T) {
			got := sign(v.SHA, v.Phrase, v.Params) == v.Params["signature"]
			require.Equal(t, v.Valid, got)
		})
	}
}
