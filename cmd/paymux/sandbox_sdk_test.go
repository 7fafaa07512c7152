package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sdkFolder = "../../providers/amazonpay/sandbox/testdata/sdk"

// The official Node SDK of Amazon Pay makes all its calls at the simulator over TLS, a buyer goes through the pages in
// between, and no signature is refused but those of a wrong key. The SDK comes from the npm registry, at the versions and
// hashes of package-lock.json, so this runs only where everything is required.
func TestOfficialAmazonPaySDK(t *testing.T) {
	if os.Getenv("CI") != "true" && os.Getenv("PAYMUX_REQUIRE_TOOLS") != "1" {
		without(t, "the official SDK of Amazon Pay was not tried; it has to be fetched with npm, which PAYMUX_REQUIRE_TOOLS=1 does")
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			without(t, tool+" is missing, so the official SDK of Amazon Pay was not tried")
		}
	}
	folder := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "operations.cjs"} {
		content, err := os.ReadFile(filepath.Join(sdkFolder, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	run := func(env []string, name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
		return string(out)
	}
	run(nil, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--cache", filepath.Join(folder, "cache"))
	s := launch(t, "sandbox", "--listen", "127.0.0.1:0", "--json").started().Sandboxes["amazonpay"]
	out := run([]string{"SIMULATOR=" + s.URL, "TLS=" + strings.TrimPrefix(s.TLSURL, "https://")}, "node", "operations.cjs")
	require.Regexp(t, `\n\d+ operations of the official SDK: `, out)
	t.Log(out)
}
