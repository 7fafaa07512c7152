package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A campaign that finds nothing proves something only if it finds what is there. testdata/planted has bugs, each a
// small diff against the program; a campaign over the program with one of them in it must find a violation. The bugs
// are compiled in by `go test -overlay`: the program has no switch for any of them.

// planted chooses the bugs that are hunted. The others are only held against the source: their old text is there,
// once, and what they make of it compiles.
var planted = flag.String("planted", "totals-counted-twice,answer-not-kept,merchant-not-in-the-query", "which planted bugs are hunted: all, or names with commas between")

// plantedAtLeast is how many bugs there are to be (T-04), and mostSeeds how many worlds one may take to be found.
const (
	plantedAtLeast = 30
	mostSeeds      = 2000
)

func TestPlanted(t *testing.T) {
	files, err := filepath.Glob("testdata/planted/*.diff")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), plantedAtLeast)
	chosen := strings.Split(*planted, ",")
	source := loadSource(t)
	for _, file := range files {
		b := readBug(t, file)
		chosen = slices.DeleteFunc(chosen, func(name string) bool { return name == b.name })
		t.Run(b.name, func(t *testing.T) {
			patched := b.patch(t, source)
			if *planted != "all" && !slices.Contains(strings.Split(*planted, ","), b.name) {
				source.check(t, patched)
				return
			}
			t.Parallel()
			b.hunt(t, patched)
		})
	}
	if *planted != "all" {
		require.Empty(t, chosen, "nobody planted these")
	}
}

// bug is one file of testdata/planted: what breaks, in words, then after "Seeds:" how many worlds it may take to be
// found, then the changes. A change is written like one of `diff`, without line numbers: it is where its old text is.
type bug struct {
	name    string
	about   string
	seeds   int
	changes []change
}

// provider is in whose worlds it is hunted: the one it is planted in, APS where it is anybody's.
func (b bug) provider() string {
	for _, m := range manners {
		if slices.ContainsFunc(b.changes, func(c change) bool { return strings.HasPrefix(c.file, "providers/"+m.name+"/") }) {
			return m.name
		}
	}
	return "aps"
}

// change replaces text that occurs once in a file of the module.
type change struct{ file, old, new string }

func readBug(t *testing.T, file string) bug {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	b := bug{name: strings.TrimSuffix(filepath.Base(file), ".diff")}
	about, diff, found := strings.Cut(string(raw), "\n--- ")
	require.True(t, found, "%s changes nothing", file)
	about, seeds, found := strings.Cut(about, "\nSeeds: ")
	require.True(t, found, "%s does not say how many seeds it takes", file)
	b.about = strings.Join(strings.Fields(about), " ")
	b.seeds, err = strconv.Atoi(strings.TrimSpace(seeds))
	require.NoError(t, err, file)
	require.True(t, b.about != "" && b.seeds > 0 && b.seeds <= mostSeeds, "%s says what it breaks and is found within %d seeds", file, mostSeeds)
	for _, part := range strings.Split(diff, "\n--- ") {
		name, hunks, _ := strings.Cut(part, "\n")
		for _, hunk := range strings.Split(hunks, "\n@@\n") {
			b.changes = append(b.changes, readChange(t, file, name, hunk))
		}
	}
	return b
}

func readChange(t *testing.T, file, name, hunk string) change {
	t.Helper()
	var before, after []string
	for _, line := range strings.Split(strings.TrimSuffix(hunk, "\n"), "\n") {
		require.NotEmpty(t, line, "%s: an empty line is neither old nor new", file)
		if line[0] == '-' || line[0] == ' ' {
			before = append(before, line[1:])
		}
		if line[0] == '+' || line[0] == ' ' {
			after = append(after, line[1:])
		}
		require.Contains(t, "-+ ", line[:1], "%s: %q is neither old nor new", file, line)
	}
	c := change{name, strings.Join(before, "\n"), strings.Join(after, "\n")}
	require.True(t, c.old != "" && c.old != c.new, "%s changes nothing in %s", file, name)
	return c
}

// patch is the program with the bug in it: the changed files, by their path.
func (b bug) patch(t *testing.T, s *source) map[string]string {
	t.Helper()
	patched := map[string]string{}
	for _, c := range b.changes {
		path := filepath.Join(s.root, filepath.FromSlash(c.file))
		text, ok := patched[path]
		if !ok {
			raw, err := os.ReadFile(path)
			require.NoError(t, err, "planted bug %s", b.name)
			text = string(raw)
		}
		if n := strings.Count(text, c.old); n != 1 {
			t.Fatalf("planted bug %s: its old text occurs %d times in %s. The program has changed there: mend testdata/planted/%s.diff, so that it breaks\n%s\nOld text:\n%s", b.name, n, c.file, b.name, b.about, c.old)
		}
		patched[path] = strings.Replace(text, c.old, c.new, 1)
	}
	return patched
}

// found is how TestSeeds tells of a violation.
var found = regexp.MustCompile(`(\w+) seed (\d+): \d+ violations, .*\n\s+(.*)`)

// hunt compiles the campaign with the bug in it and runs it until it finds something.
func (b bug) hunt(t *testing.T, patched map[string]string) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for path, text := range patched {
		copied := filepath.Join(dir, strconv.Itoa(len(overlay.Replace))+filepath.Ext(path))
		require.NoError(t, os.WriteFile(copied, []byte(text), 0o600))
		overlay.Replace[path] = copied
	}
	raw, err := json.Marshal(overlay)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), raw, 0o600))
	binary := filepath.Join(dir, "campaign.test")
	out, err := exec.CommandContext(ctx, "go", "test", "-c", "-overlay", filepath.Join(dir, "overlay.json"), "-ldflags", "-s -w", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "planted bug %s does not build: %s", b.name, out)

	began := time.Now()
	out, err = exec.CommandContext(ctx, binary, "-test.run", "^TestSeeds$", "-test.timeout", "30m", "-provider", b.provider(), "-seeds", strconv.Itoa(b.seeds), "-enough", "1").CombinedOutput()
	require.NoError(t, ctx.Err(), "planted bug %s: the campaign did not end", b.name)
	m := found.FindSubmatch(out)
	if m == nil {
		tail := out[max(0, len(out)-3000):]
		t.Fatalf("planted bug %s was not found in %d seeds: %s\nThe campaign ended with %v:\n%s", b.name, b.seeds, b.about, err, tail)
	}
	exit := (*exec.ExitError)(nil)
	require.True(t, errors.As(err, &exit) && exit.ExitCode() == 1, "planted bug %s: the campaign ended with %v", b.name, err)
	clean, err := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestSeeds$", "-provider", string(m[1]), "-seed", string(m[2])).CombinedOutput()
	require.NoError(t, err, "planted bug %s: seed %s fails without it as well, which proves nothing: %s", b.name, m[2], clean)
	t.Logf("planted bug %s: found by seed %s of %d, %s: %s", b.name, m[2], b.seeds, time.Since(began).Round(time.Second/10), m[3])
}

// source is the module's packages that bugs are planted in.
type source struct {
	root     string
	packages map[string]*sourcePackage // by folder
	types    types.Importer
	fset     *token.FileSet
}

type sourcePackage struct {
	ImportPath string
	Dir        string
	Export     string
	GoFiles    []string
	CgoFiles   []string
	ImportMap  map[string]string
	parsed     map[string]*ast.File
}

// loadSource lists the packages of the campaign and where what they export is kept.
func loadSource(t *testing.T) *source {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,CgoFiles", ".")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	s := &source{root: root, packages: map[string]*sourcePackage{}, fset: token.NewFileSet()}
	exports := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		p := &sourcePackage{parsed: map[string]*ast.File{}}
		require.NoError(t, d.Decode(p))
		exports[p.ImportPath] = p.Export
		s.packages[p.Dir] = p
	}
	s.types = importer.ForCompiler(s.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	return s
}

// check wants the packages of changed files to compile.
func (s *source) check(t *testing.T, patched map[string]string) {
	t.Helper()
	dirs := map[string]bool{}
	for path := range patched {
		if filepath.Ext(path) == ".go" {
			dirs[filepath.Dir(path)] = true
		}
	}
	for dir := range dirs {
		p := s.packages[dir]
		require.NotNil(t, p, "%s is no package of the campaign", dir)
		var files []*ast.File
		for _, name := range p.GoFiles {
			path := filepath.Join(dir, name)
			if text, ok := patched[path]; ok {
				f, err := parser.ParseFile(s.fset, path, text, parser.SkipObjectResolution)
				require.NoError(t, err)
				files = append(files, f)
				continue
			}
			if p.parsed[name] == nil {
				f, err := parser.ParseFile(s.fset, path, nil, parser.SkipObjectResolution)
				require.NoError(t, err)
				p.parsed[name] = f
			}
			files = append(files, p.parsed[name])
		}
		config := types.Config{Importer: s.types, Sizes: types.SizesFor("gc", runtime.GOARCH)}
		_, err := config.Check(p.ImportPath, s.fset, files, nil)
		require.NoError(t, err)
	}
}
