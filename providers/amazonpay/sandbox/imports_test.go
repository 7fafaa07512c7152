package sandbox_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What judges the adapter shares no code with it: the program's files import the standard library
// and the part that all simulators share.
func TestImports(t *testing.T) {
	for _, folder := range []string{"."} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ImportsOnly)
			require.NoError(t, err)
			for _, spec := range parsed.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				require.NoError(t, err)
				own := path == "github.com/paymux/paymux/providers/internal/simulator"
				require.True(t, own || !strings.Contains(path, "."), "%s imports %s", file, path)
				require.NotEqual(t, "testing", path)
			}
		}
	}
}
