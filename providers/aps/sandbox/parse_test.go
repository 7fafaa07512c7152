package sandbox

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseJSONRendersNestedValues(t *testing.T) {
	fields, err := parseJSON([]byte(`{"a":{"z":1,"b":null,"c":[true,"x"]},"n":12345678901234567890,"gone":null,"e":""}`))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "{z=1, b=, c=[true, x]}", "n": "12345678901234567890", "e": ""}, fields)
}

func TestParseRefuses(t *testing.T) {
	for _, body := range []string{``, `null`, `{"a":`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":2}}`, "{\"a\":\"\xff\"}", `{"a":1} x`} {
		_, err := parseJSON([]byte(body))
		require.Error(t, err, body)
	}
	for _, body := range []string{"a=1&a=2", "a=%zz", "a=%ff", "a=1;b=2"} {
		_, err := parseForm([]byte(body))
		require.Error(t, err, body)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"command":"CAPTURE","a":{"b":[1,null]},"c":null}`))
	f.Add([]byte("command=PURCHASE&amount=100&name=Layla%27s+mugs"))
	f.Add([]byte(`{"a":[[[[[[[[[[1]]]]]]]]]]}`))
	s := newServerForFuzz(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if fields, err := parseJSON(body); err == nil {
			again, err := parseJSON(s.encodeJSON(fields))
			require.NoError(t, err)
			require.Equal(t, fields, again)
			require.True(t, signedBy(SHA256, "phrase", signedWith(fields)))
		}
		if fields, err := parseForm(body); err == nil {
			again, err := parseForm(s.encodeForm(fields))
			require.NoError(t, err)
			require.Equal(t, fields, again)
			_, err = url.ParseQuery(string(body))
			require.NoError(t, err)
		}
	})
}

func signedWith(fields map[string]string) map[string]string {
	var without []string
	if fields["service_command"] == "TOKENIZATION" {
		without = unsignedCardFields
	}
	fields["signature"] = sign(SHA256, "phrase", fields, without...)
	return fields
}

func newServerForFuzz(f *testing.F) *Server {
	s, err := New(Config{Accounts: []Account{ExampleAccount()}})
	require.NoError(f, err)
	f.Cleanup(s.Close)
	return s
}
