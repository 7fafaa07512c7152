package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/v2"
	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers"
)

var update = flag.Bool("update", false, "write generated parts of README.md and the contract anew")

// generated requires that the lines between the markers of file are want, or writes them.
func generated(t *testing.T, file, begin, end, want string) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(content), begin+"\n")
	require.True(t, ok, "%s has no %s", file, begin)
	got, after, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s has no %s", file, end)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(before+begin+"\n"+want+end+after), 0o644))
		return
	}
	require.Equal(t, want, got, "run: go test ./cmd/paymux -run %s -update", t.Name())
}

// The table of providers is what they claim, and what they claim is proved by their conformance tests.
func TestReadmeProviders(t *testing.T) {
	var b strings.Builder
	b.WriteString("| provider | methods | capture | what it can do | off session | currencies |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, name := range simulated {
		a := exampleAccount(t, name)
		for _, m := range a.Capabilities().Methods {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", name, m.Method.Type+" ("+way(m)+")",
				or(join(m.Captures), "–"), abilities(a, m), or(join(m.OffSession), "–"), or(strings.Join(m.Currencies, ", "), "the contract's"))
		}
	}
	generated(t, "../../README.md", "<!-- providers: generated from their capabilities; `go test ./cmd/paymux -run Readme -update` -->", "<!-- end -->", b.String())
}

// way is how a method is offered: which schemes, or in which flow and for what.
func way(m core.MethodCaps) string {
	if len(m.Options) > 0 {
		return strings.Join(m.Options, ", ")
	}
	return strings.Join(slices.DeleteFunc([]string{m.Method.Flow, m.Method.Product}, func(part string) bool { return part == "" }), ", ")
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func join[S ~string](list []S) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return strings.Join(out, ", ")
}

// abilities are what can be called for a method, in a shop's words.
func abilities(a *core.Account, m core.MethodCaps) string {
	can := a.Can()
	var out []string
	add := func(ok bool, text string) {
		if ok {
			out = append(out, text)
		}
	}
	if len(m.Captures) == 0 {
		return "consent outside of a purchase"
	}
	manual := slices.Contains(m.Captures, core.CaptureManual)
	add(manual && m.CapturesPerAuth != 1, "partial captures")
	add(manual && slices.Contains(can, "void"), "void")
	add(m.PartialRefund, "partial refunds")
	add(m.Review, "review page")
	add(m.Update, "changes under review")
	add(m.Agreement, "charges in parts")
	add(len(m.Save) > 0, "saved instruments")
	add(m.RetriesOnPage, "retry on the page")
	return strings.Join(out, ", ")
}

// exampleAccount opens an account at a provider's simulator with its example settings; nothing is called.
func exampleAccount(t *testing.T, provider string) *core.Account {
	t.Helper()
	_, stop, settings, err := simulators[provider](site{url: "http://127.0.0.1:1"}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(stop)
	k := koanf.New(".")
	require.NoError(t, k.Load(tree(settings), nil))
	p, err := providers.Open(provider, k, providers.Way{})
	require.NoError(t, err)
	a, err := core.OpenAccount(core.AccountConfig{Name: provider, Provider: provider}, make([]byte, 32), p)
	require.NoError(t, err)
	return a
}

// The contract prints the one table of moves.
func TestContractMoves(t *testing.T) {
	const indent = "        "
	var b strings.Builder
	fmt.Fprintf(&b, "%s| from | to |\n%s| --- | --- |\n", indent, indent)
	for _, from := range core.Statuses {
		to := slices.Clone(core.Moves[from])
		slices.SortFunc(to, func(x, y core.Status) int { return slices.Index(core.Statuses, x) - slices.Index(core.Statuses, y) })
		fmt.Fprintf(&b, "%s| `%s` | `%s` |\n", indent, from, strings.Join(strings.Fields(join(to)), " "))
	}
	generated(t, "../../api/openapi/openapi.yaml", indent+"<!-- moves: generated from core.Moves -->", indent+"<!-- end -->", strings.ReplaceAll(b.String(), ", ", "`, `"))
}
