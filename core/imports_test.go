package core

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/paymux/paymux"

// ban is what a folder must not import, and why.
type ban struct {
	in     string   // folder and everything below it
	except []string // folders below it that the ban does not hold for
	what   string   // import path and everything below it
	why    string
}

var bans = []ban{
	{in: "core", what: module + "/api", why: "core knows no route"},
	{in: "core", what: module + "/storage", why: "core knows no table; it speaks to the port Store"},
	{in: "core", what: module + "/providers", why: "core knows no provider"},
	{in: "core", what: module + "/cmd", why: "cmd knows core, not the other way round"},
	{in: "core", what: "gorm.io", why: "core knows no database"},
	{in: "core", what: "github.com/labstack", why: "core knows no HTTP framework"},
	{in: "storage", what: module + "/api", why: "storage turns rows into core types and nothing else"},
	{in: "storage", what: module + "/providers", why: "storage knows no provider"},
	{in: "storage", what: module + "/cmd", why: "cmd wires storage"},
	{in: "api", what: module + "/storage", why: "api calls core; what stores is wired by cmd"},
	{in: "api", what: module + "/providers", why: "no provider's words reach the API but through core"},
	{in: "api", what: module + "/cmd", why: "cmd wires the API"},
	{in: "api", what: "gorm.io", why: "api knows no database"},
	{in: "providers", what: module + "/api", why: "a provider translates; it answers nobody"},
	{in: "providers", what: module + "/storage", why: "a provider keeps nothing"},
	{in: "providers", what: module + "/cmd", why: "cmd wires providers"},
	{in: "providers", what: "gorm.io", why: "a provider keeps nothing"},
	{in: "providers", what: "github.com/labstack", why: "the HTTP framework stays in api"},
	{in: "providers/aps/sandbox", what: module + "/core", why: "a simulator that shares code with the program judges nothing"},
	{in: "providers/aps/sandbox", what: module + "/providers/aps", except: []string{"providers/aps/sandbox"}, why: "a simulator that shares code with the adapter judges nothing"},
	{in: "providers/aps/sandbox", what: module + "/providers/internal/outbound", why: "a simulator that shares code with the adapter judges nothing"},
	{in: "providers/aps/sandbox", what: module + "/providers/internal/strict", why: "a simulator that shares code with the adapter judges nothing"},
	{in: "providers/amazonpay/sandbox", what: module + "/core", why: "a simulator that shares code with the program judges nothing"},
	{in: "providers/amazonpay/sandbox", what: module + "/providers/amazonpay", except: []string{"providers/amazonpay/sandbox"}, why: "a simulator that shares code with the adapter judges nothing"},
	{in: "providers/amazonpay/sandbox", what: module + "/providers/internal/outbound", why: "a simulator that shares code with the adapter judges nothing"},
	{in: "providers/amazonpay/sandbox", what: module + "/providers/internal/strict", why: "a simulator that shares code with the adapter judges nothing"},
	{in: "cmd/paymux/campaign", what: "github.com/stretchr", why: "worlds are in the shipped binary; what only tests need is not"},
	{in: "cmd/paymux/campaign", what: "go.uber.org", why: "worlds are in the shipped binary; what only tests need is not"},
	{in: "cmd/paymux/campaign", what: "pgregory.net", why: "worlds are in the shipped binary; what only tests need is not"},
	{in: "core/coretest", what: "github.com/stretchr", why: "worlds need its seeds, and are in the shipped binary"},
	{in: "providers/internal/simulator", what: module + "/core", why: "simulators share nothing with the program"},
}

// corePlain are the only modules core may import: plain value types.
var corePlain = []string{"github.com/Rhymond/go-money", "github.com/shopspring/decimal", "github.com/oklog/ulid/v2", module + "/core/internal/chance"}

// testHelpers are packages that exist for tests and import testing.
var testHelpers = []string{"providers/providertest", "api/apitest", "storage/storagetest", "core/coretest", "cmd/paymux/campaign"}

// provers are the files of the program that may use worlds, of all that exists for tests: `paymux prove` lives through
// the very worlds that the tests do, in processes of their own. Only the worker's imports testing; the others want the
// reports' shape.
var provers = map[string][]string{
	"cmd/paymux/prove_worker.go":  {"testing", module + "/cmd/paymux/campaign"},
	"cmd/paymux/prove_process.go": {module + "/cmd/paymux/campaign"},
	"cmd/paymux/prove_report.go":  {module + "/cmd/paymux/campaign"},
	"cmd/paymux/prove.go":         {module + "/cmd/paymux/campaign"},
}

func TestImports(t *testing.T) {
	for file, imports := range importsOf(t, "..") {
		folder := filepath.ToSlash(filepath.Dir(file))
		for _, path := range imports {
			if why := banned(folder, path); why != "" {
				t.Errorf("%s imports %s: %s", file, path, why)
			}
			if folder == "core" && strings.Contains(path, ".") && !slices.Contains(corePlain, path) {
				t.Errorf("%s imports %s: core rests on the standard library and plain value types", file, path)
			}
			if forTests(path) && !forTests(module+"/"+folder) && !slices.Contains(provers[file], path) {
				t.Errorf("%s imports %s: the program carries no test code", file, path)
			}
		}
		if below(folder, "providers") {
			crossProvider(t, file, folder, imports)
		}
	}
}

// forTests reports whether an import path is of what exists for tests.
func forTests(path string) bool {
	return below(path, "testing") || slices.ContainsFunc(testHelpers, func(h string) bool { return below(path, module+"/"+h) })
}

// crossProvider keeps providers unknown to each other.
func crossProvider(t *testing.T, file, folder string, imports []string) {
	parts := strings.Split(folder, "/")
	if len(parts) < 2 || parts[1] == "internal" || parts[1] == "providertest" {
		return
	}
	for _, path := range imports {
		rest, ok := strings.CutPrefix(path, module+"/providers/")
		other, _, _ := strings.Cut(rest, "/")
		if ok && other != parts[1] && other != "internal" && other != "secret" {
			t.Errorf("%s imports %s: providers do not know each other", file, path)
		}
	}
}

func below(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// importsOf are the imports of every Go file of the program, tests aside.
func importsOf(t *testing.T, root string) map[string][]string {
	out := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			out[filepath.ToSlash(rel)] = append(out[filepath.ToSlash(rel)], name)
		}
		return nil
	})
	require.NoError(t, err)
	return out
}

// The top level holds what the design names and nothing else.
func TestTopLevel(t *testing.T) {
	allowed := []string{"core", "providers", "storage", "api", "cmd", "go.mod", "go.sum", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "paymux"} // paymux: what go build leaves
	entries, err := os.ReadDir("..")
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // tools and editors keep theirs there
			require.Contains(t, allowed, e.Name())
		}
	}
}

// banned says why folder must not import path, empty when it may.
func banned(folder, path string) string {
	for _, b := range bans {
		if below(folder, b.in) && below(path, b.what) && !slices.ContainsFunc(b.except, func(e string) bool { return below(path, module+"/"+e) }) {
			return b.why
		}
	}
	return ""
}

// Each ban is broken once, and what is allowed is not.
func TestBansCanFail(t *testing.T) {
	for _, b := range bans {
		require.NotEmpty(t, banned(b.in, b.what), "%s in %s", b.what, b.in)
		require.NotEmpty(t, banned(b.in+"/deeper", b.what+"/deeper"))
		require.Empty(t, banned(b.in+"x", "fmt"))
	}
	require.Empty(t, banned("api", module+"/core"))
	require.Empty(t, banned("providers/aps/sandbox", module+"/providers/internal/simulator"))
	require.Empty(t, banned("storage", "gorm.io/gorm"))
	require.True(t, forTests("testing"))
	require.True(t, forTests(module+"/core/coretest"))
	require.True(t, forTests("testing/synctest"))
	require.False(t, forTests(module+"/core"))
}
