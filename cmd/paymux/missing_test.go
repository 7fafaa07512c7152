package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who looks into a database that is not there, because he is in another folder, is told where it was looked for. An empty
// one that answers everything with nothing would be worse.
func TestWhatLooksIntoADatabaseMakesNone(t *testing.T) {
	config, _ := serving(t)
	path := filepath.Join(t.TempDir(), "none.db")
	for _, args := range [][]string{{"keys", "list"}, {"keys", "revoke", "01m7zv57v1"}, {"feedback", "export"}, {"feedback", "import", "testdata/paymux.yaml"},
		{"feedback", "replay", "fb_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5"}} {
		code, out, errs := runs(t, append(args, "--config", config, "--database", "sqlite:"+path)...)
		require.NotEqual(t, exitDone, code, args)
		require.Empty(t, out, args)
		require.Contains(t, errs, "there is no database at "+path, args)
		require.NoFileExists(t, path)
	}
}

// A folder and a file without recordings are no recordings.
func TestNothingToImport(t *testing.T) {
	folder := t.TempDir()
	config, database := serving(t)
	code, _, errs := runs(t, "migrate", "--config", config, "--database", database)
	require.Equal(t, exitDone, code, errs)
	empty, text := filepath.Join(folder, "empty.jsonl"), filepath.Join(folder, "text.jsonl")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.NoError(t, os.WriteFile(text, []byte("nonsense"), 0o600))
	for file, want := range map[string]string{folder: "is a folder", empty: "there is no recording in " + empty, text: "recording 1 is not one as export prints them"} {
		code, out, errs := runs(t, "feedback", "import", file, "--config", config, "--database", database)
		require.NotEqual(t, exitDone, code, file)
		require.Empty(t, out, file)
		require.Contains(t, errs, want)
	}
}
