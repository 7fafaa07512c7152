package main

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a8m/envsubst"
	"go.yaml.in/yaml/v3"

	"github.com/paymux/paymux/providers"
	"github.com/paymux/paymux/providers/secret"
)

// document is a configuration file read against the types it is meant for: where every value stands, and every problem
// found so far. A problem never repeats the value of a secret.
type document struct {
	path     string
	at       map[string]place // of a value, by its path in the document
	bad      map[string]bool  // paths that a problem was noted for
	referred map[string]bool  // paths whose value refers to the environment or a file
	problems []problem
}

// place is where a value comes from, for people, and its line, 0 when it is not from the file.
type place struct {
	name string
	line int
}

type problem struct {
	place
	err error
}

func newDocument(path string) *document {
	return &document{path: path, at: map[string]place{}, bad: map[string]bool{}, referred: map[string]bool{}}
}

// err is every problem, one a line, in the order of the file.
func (d *document) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b problem) int { return a.line - b.line })
	errs := make([]error, len(d.problems))
	for i, p := range d.problems {
		errs[i] = fmt.Errorf("%s: %w", p.name, p.err)
	}
	return &configError{errors.Join(errs...)}
}

// configError is every problem of a configuration.
type configError struct{ error }

func (e *configError) Unwrap() error { return e.error }

// wrong notes a problem of the value at path, or of the nearest one around it that is written down.
func (d *document) wrong(path, format string, args ...any) {
	d.bad[path] = true
	err := fmt.Errorf(format, args...)
	if path != "" {
		err = fmt.Errorf("%s: %w", path, err)
	}
	for ; path != ""; path = path[:max(strings.LastIndexAny(path, ".["), 0)] {
		if p, ok := d.at[path]; ok {
			d.problems = append(d.problems, problem{p, err})
			return
		}
	}
	d.problems = append(d.problems, problem{place{name: d.path}, err})
}

func (d *document) place(line int) place {
	return place{fmt.Sprintf("%s:%d", d.path, line), line}
}

var (
	syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	// lateLine are the messages of the library's parser, which counts lines from 0; its scanner counts from 1.
	lateLine = regexp.MustCompile(`^did not find expected (key|',' or|'-'|node content|<)`)
)

// badStart is the library's message for a tab in an indent, among others.
const badStart = "found character that cannot start any token"

// hasTab reports whether the line, or with 0 any line, begins with blanks and a tab.
func hasTab(content []byte, line int) bool {
	for i, l := range bytes.Split(content, []byte("\n")) {
		if (line == 0 || i+1 == line) && bytes.HasPrefix(bytes.TrimLeft(l, " "), []byte("\t")) {
			return true
		}
	}
	return false
}

// parse reads the one YAML document of content against t; what it returns has text, lists and maps only.
func (d *document) parse(content []byte, t reflect.Type) map[string]any {
	dec := yaml.NewDecoder(bytes.NewReader(content))
	var root yaml.Node
	if err := dec.Decode(&root); errors.Is(err, io.EOF) {
		d.wrong("", "it is empty")
		return nil
	} else if err != nil {
		d.syntax(content, err)
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		d.wrong("", "it has more than one document")
	}
	values, _ := d.value(root.Content[0], t, "").(map[string]any)
	return values
}

func (d *document) syntax(content []byte, err error) {
	m := syntaxLine.FindStringSubmatch(err.Error())
	if m == nil || strings.Contains(err.Error(), "anchor") { // its text may repeat what was meant as a value
		m = []string{"", "", "this is no YAML: text that begins with * or & needs quotes"}
	}
	line, _ := strconv.Atoi(m[1])
	if m[2] == badStart && hasTab(content, line) {
		m[2] = "a tab cannot stand there; indent with blanks"
	}
	if lateLine.MatchString(m[2]) {
		line++
	}
	if lines := strings.Split(string(content), "\n"); line > 0 && strings.Contains(strings.Join(lines[max(line-2, 0):min(line+1, len(lines))], ""), "${") {
		m[2] += "; inside { } quote \"${…}\""
	}
	p := place{name: d.path}
	if line > 0 {
		p = d.place(line)
	}
	d.problems = append(d.problems, problem{p, errors.New(m[2])})
}

// value reads n as a t. What is wrong is noted and left out.
func (d *document) value(n *yaml.Node, t reflect.Type, path string) any {
	if _, ok := d.at[path]; !ok { // else it is where its key stands
		d.at[path] = d.place(n.Line)
	}
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.wrong(path, "anchors and aliases are not used here")
		return nil
	case n.ShortTag() == "!!null":
		return nil
	case t == reflect.TypeFor[account]():
		return d.account(n, path)
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return d.scalar(n, t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return d.fields(n, fieldsOf(t), path)
	case reflect.Map:
		return d.named(n, t.Elem(), path)
	case reflect.Slice:
		return d.list(n, t.Elem(), path)
	default:
		return d.scalar(n, t, path)
	}
}

// fieldsOf are the keys of a struct with koanf tags.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		switch key := f.Tag.Get("koanf"); {
		case f.Anonymous:
			maps.Copy(fields, fieldsOf(f.Type))
		case key != "" && key != "-":
			fields[key] = f.Type
		}
	}
	return fields
}

// account reads the settings of an account: those of every account and those of its provider.
func (d *document) account(n *yaml.Node, path string) any {
	fields := fieldsOf(reflect.TypeFor[account]())
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "provider" {
			settings := providers.Settings(n.Content[i+1].Value)
			if settings == nil { // which keys there are is not known: the name is the problem to tell
				d.at[path+".provider"] = d.place(n.Content[i+1].Line)
				return map[string]any{"provider": n.Content[i+1].Value}
			}
			for key, t := range fieldsOf(settings) {
				fields[key] = t
			}
			return d.fields(n, fields, path)
		}
	}
	if n.Kind != yaml.MappingNode {
		return d.fields(n, fields, path)
	}
	return map[string]any{}
}

// fields reads a mapping whose keys are known.
func (d *document) fields(n *yaml.Node, fields map[string]reflect.Type, path string) any {
	return d.mapping(n, path, func(key, value *yaml.Node, path string) any {
		t, known := fields[key.Value]
		if !known {
			d.wrong(path, "there is no such key; there are %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
			return nil
		}
		return d.value(value, t, path)
	})
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// named reads a mapping whose keys are names given by people.
func (d *document) named(n *yaml.Node, t reflect.Type, path string) any {
	return d.mapping(n, path, func(key, value *yaml.Node, path string) any {
		if !namePattern.MatchString(key.Value) {
			d.wrong(path, "a name is 1 to 63 of a-z, 0-9, _ and -, and begins with a letter or digit")
			return nil
		}
		v := d.value(value, t, path)
		if v == nil {
			return map[string]any{}
		}
		return v
	})
}

func (d *document) mapping(n *yaml.Node, path string, read func(key, value *yaml.Node, path string) any) any {
	if n.Kind != yaml.MappingNode {
		d.wrong(path, "a mapping of keys to values is needed")
		return nil
	}
	out, seen := map[string]any{}, map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		below := strings.TrimPrefix(path+"."+key.Value, ".")
		switch first := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.problems = append(d.problems, problem{d.place(key.Line), errors.New("a key is text")})
			continue
		case first > 0:
			d.problems = append(d.problems, problem{d.place(key.Line), fmt.Errorf("%s: it is already in line %d", below, first)})
			continue
		}
		seen[key.Value], d.at[below] = key.Line, d.place(key.Line)
		if v := read(key, value, below); v != nil {
			out[key.Value] = v
		}
	}
	return out
}

// list reads a sequence, or one value in its place.
func (d *document) list(n *yaml.Node, t reflect.Type, path string) any {
	items := n.Content
	if n.Kind != yaml.SequenceNode {
		items = []*yaml.Node{n}
	}
	out := []any{}
	for i, item := range items {
		if v := d.value(item, t, fmt.Sprintf("%s[%d]", path, i)); v != nil {
			out = append(out, v)
		}
	}
	return out
}

// scalar reads one text, with its references replaced. A secret is a reference and nothing else.
func (d *document) scalar(n *yaml.Node, t reflect.Type, path string) any {
	if n.Kind != yaml.ScalarNode {
		d.wrong(path, "one value is needed")
		return nil
	}
	if t == reflect.TypeFor[secret.Secret]() && !onlyReference.MatchString(n.Value) {
		d.wrong(path, "a secret is not written here; refer to it with ${env:NAME} or ${file:/path}")
		return nil
	}
	d.referred[path] = reference.MatchString(n.Value)
	text, err := d.resolve(n.Value)
	if err != nil {
		d.wrong(path, "%s", err)
		return nil
	}
	if problem := unfit(text, t); problem != "" {
		d.wrong(path, "%s", problem)
		return nil
	}
	return text
}

// unfit says why text is no t.
func unfit(text string, t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		if v, err := time.ParseDuration(text); err != nil || v < 0 {
			return fmt.Sprintf("%q is no duration such as 25s or 1m30s", text)
		}
	case t.Kind() == reflect.Bool && text != "true" && text != "false":
		return fmt.Sprintf("%q is neither true nor false", text)
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Sprintf("%q is no whole number", text)
		}
	}
	return ""
}

var (
	reference     = regexp.MustCompile(`\$\{([^}]*)\}`)
	onlyReference = regexp.MustCompile(`^\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}$`)
)

// resolve replaces ${env:NAME}, ${NAME}, ${NAME:-default} and ${file:/path}. Substitution happens after parsing, so a
// value cannot break the document; a $ without a brace stays.
func (d *document) resolve(text string) (string, error) {
	var problem error
	out := reference.ReplaceAllStringFunc(text, func(ref string) string {
		name := ref[2 : len(ref)-1]
		var v string
		var err error
		if path, ok := strings.CutPrefix(name, "file:"); ok {
			v, err = d.file(path)
		} else if v, err = envsubst.StringRestricted("${"+strings.TrimPrefix(name, "env:")+"}", true, true); err != nil {
			err = fmt.Errorf("the variable of the environment in ${%s} is not set, or empty", name)
		}
		problem = errors.Join(problem, err)
		return v
	})
	return out, problem
}

// beside is the absolute path of what a configuration names: a relative one begins at the configuration's folder.
func (d *document) beside(path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(d.path), path)
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// maxSecret bounds a file that holds a secret.
const maxSecret = 64 << 10

// file is the content of a file that nobody but its owner can read, without the line end; a relative path begins at
// the configuration's folder.
func (d *document) file(path string) (string, error) {
	path = d.beside(path)
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("the file cannot be read: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no file", path)
	case info.Mode().Perm()&^0o600 != 0:
		return "", fmt.Errorf("%s has mode %04o; others could read or change it, 0600 or less is needed", path, info.Mode().Perm())
	case info.Size() > maxSecret:
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxSecret)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSecret))
	if err != nil {
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if text == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}

// tree is a koanf provider of values that are already read.
type tree map[string]any

func (tree) ReadBytes() ([]byte, error) { return nil, errors.New("a tree has no bytes") }

func (t tree) Read() (map[string]any, error) { return t, nil }
