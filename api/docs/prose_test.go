package docs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProse(t *testing.T) {
	for text, want := range map[string]string{
		"One `a<b` and **two**.\n\nThree & four.":              "<p>One <code>a&lt;b</code> and <b>two</b>.</p><p>Three &amp; four.</p>",
		"See [the site](https://x.example/a) <script>.":        `<p>See <a href="https://x.example/a" rel="noreferrer">the site</a> &lt;script&gt;.</p>`,
		"[no](javascript:alert(1))":                            "<p>[no](javascript:alert(1))</p>",
		"<!-- made -->\n| a | b |\n| --- | --- |\n| `c` | d |": "<table><tr><th>a</th><th>b</th></tr><tr><td><code>c</code></td><td>d</td></tr></table>",
		"": "",
	} {
		require.Equal(t, want, string(prose(text)), text)
	}
}

func TestAContractThatCannotBeShown(t *testing.T) {
	for _, text := range []string{"", "a: [", "tags: [{name: A}]\npaths: {/x: {get: {tags: [B]}}}"} {
		_, err := render([]byte(text))
		require.Error(t, err, text)
	}
}
