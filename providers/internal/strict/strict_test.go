package strict_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/internal/strict"
)

func TestJSONKeepsOrderAndText(t *testing.T) {
	v, err := strict.JSON([]byte(`{"b":1.50,"a":"x","n":null,"t":true,"o":{"z":[1e2,"y"]}}`))
	require.NoError(t, err)
	require.Equal(t, strict.Value{Kind: strict.Object, Members: []strict.Member{
		{Name: "b", Value: strict.Value{Kind: strict.Number, Text: "1.50"}},
		{Name: "a", Value: strict.Value{Kind: strict.String, Text: "x"}},
		{Name: "n", Value: strict.Value{Kind: strict.Null}},
		{Name: "t", Value: strict.Value{Kind: strict.Bool, Text: "true"}},
		{Name: "o", Value: strict.Value{Kind: strict.Object, Members: []strict.Member{
			{Name: "z", Value: strict.Value{Kind: strict.Array, Items: []strict.Value{
				{Kind: strict.Number, Text: "1e2"}, {Kind: strict.String, Text: "y"},
			}}},
		}}},
	}}, v)
}

func TestJSONRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":          ``,
		"half":             `{"a":"b"`,
		"half a string":    `{"a":"b`,
		"trailing data":    `{} {}`,
		"trailing comma":   `{"a":1,}`,
		"doubled":          `{"a":1,"a":1}`,
		"doubled by case":  `{"a":1,"A":1}`,
		"doubled inside":   `{"o":{"a":1,"a":2}}`,
		"not UTF-8":        "{\"a\":\"\xff\"}",
		"too deep":         strings.Repeat("[", 17) + strings.Repeat("]", 17),
		"too many members": `[` + strings.Repeat("1,", 200) + `1]`,
		"single quotes":    `{'a':1}`,
		"byte order mark":  "\ufeff{}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := strict.JSON([]byte(body))
			require.Error(t, err)
		})
	}
	_, err := strict.JSON([]byte(strings.Repeat("[", 16) + strings.Repeat("]", 16)))
	require.NoError(t, err)
	_, err = strict.JSON([]byte(`[` + strings.Repeat("1,", 199) + `1]`))
	require.NoError(t, err)
}

func TestFormDecodesOnce(t *testing.T) {
	pairs, err := strict.Form("b=1%2B1+x&a=%2526&c&d=")
	require.NoError(t, err)
	require.Equal(t, []strict.Pair{{Name: "b", Value: "1+1 x"}, {Name: "a", Value: "%26"}, {Name: "c"}, {Name: "d"}}, pairs)
	pairs, err = strict.Form("")
	require.NoError(t, err)
	require.Empty(t, pairs)
}

func TestFormRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"doubled": "a=1&a=1", "doubled by case": "a=1&A=2", "doubled by escape": "a=1&%61=2", "broken escape": "a=%zz",
		"no name": "=1", "empty pair": "a=1&&b=2", "not UTF-8": "a=%ff", "too many": "x=1" + strings.Repeat("&y=1", 200),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := strict.Form(body)
			require.Error(t, err)
		})
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"c"}],"d":null}`))
	f.Add([]byte(`{"a":1,"A":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := strict.JSON(data); err == nil && !json.Valid(data) {
			t.Fatalf("accepted what is not JSON: %q", data)
		}
	})
}

func FuzzForm(f *testing.F) {
	f.Add("a=1&b=2%20")
	f.Fuzz(func(t *testing.T, body string) {
		pairs, err := strict.Form(body)
		if err != nil {
			return
		}
		want, err := url.ParseQuery(body)
		if err != nil { // it alone refuses a semicolon
			require.Contains(t, body, ";")
			return
		}
		for _, p := range pairs {
			require.Equal(t, []string{p.Value}, want[p.Name], fmt.Sprintf("%q", body))
		}
	})
}
