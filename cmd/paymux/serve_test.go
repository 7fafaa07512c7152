package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
)

// serving is a configuration in test mode with one account at a simulator that is not there.
func serving(t *testing.T) (path, database string) {
	t.Helper()
	t.Setenv("EXAMPLE_PHRASE", examplePhrase)
	database = "sqlite:" + filepath.Join(t.TempDir(), "paymux.db")
	return write(t, with(map[int]string{
		1: "listen: 127.0.0.1:0", 2: "public_url: http://127.0.0.1:8080", 3: "", 13: "    page_url: http://127.0.0.1:1/FortAPI/paymentPage\n    api_url: http://127.0.0.1:1/FortAPI/paymentApi",
		16: "timeouts: {before_stop: 0s, stop: 5s}", 17: "mode: test", 18: "database: " + database,
	})), database
}

func runs(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestServeWithKeys(t *testing.T) {
	path, database := serving(t)
	code, out, errs := runs(t, "keys", "create", "--config", path, "--merchant", "main", "--scope", "read", "--expires", "90d", "--json")
	require.Equal(t, exitDone, code, errs)
	var created struct {
		APIKey string `json:"api_key"`
		shownKey
	}
	require.NoError(t, json.Unmarshal([]byte(out), &created))
	require.Equal(t, core.ScopeRead, created.Scope)
	require.Regexp(t, `^sk_test_[0-9a-z]{26}_`, created.APIKey, "it says that it is a secret, and where it is good for")
	require.WithinDuration(t, created.CreatedAt.Add(90*24*time.Hour), created.ExpiresAt, time.Minute)

	code, text, errs := runs(t, "keys", "create", "--config", path, "--merchant", "main")
	require.Equal(t, exitDone, code, errs)
	merchantKey := strings.TrimSpace(text)

	p := launch(t, "serve", "--config", path, "--json")
	s := p.started()
	require.Equal(t, map[string]startedAccount{"aps-ae": {Provider: "aps"}}, s.Accounts)
	require.Empty(t, s.APIKey, "serve knows no key's text")
	require.Equal(t, http.StatusOK, ask(t, http.MethodGet, s.API+"/v1/payments", created.APIKey))
	require.Equal(t, http.StatusForbidden, ask(t, http.MethodPost, s.API+"/v1/payments", created.APIKey))
	require.Equal(t, http.StatusOK, ask(t, http.MethodGet, s.API+"/v1/payments", merchantKey))
	require.Equal(t, http.StatusUnauthorized, ask(t, http.MethodGet, s.API+"/v1/payments", merchantKey+"x"))

	code, _, errs = runs(t, "keys", "revoke", "--config", path, created.ID)
	require.Equal(t, exitDone, code, errs)
	require.Equal(t, http.StatusUnauthorized, ask(t, http.MethodGet, s.API+"/v1/payments", created.APIKey), "at once, without a restart")
	require.Equal(t, exitDone, p.end())

	code, out, errs = runs(t, "keys", "list", "--database", database, "--json")
	require.Equal(t, exitDone, code, errs)
	listed := map[string]shownKey{}
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var k shownKey
		require.NoError(t, dec.Decode(&k))
		listed[k.ID] = k
	}
	require.Len(t, listed, 2)
	require.False(t, listed[created.ID].RevokedAt.IsZero())
	require.False(t, listed[created.ID].LastUsedAt.IsZero(), "the stop stores when keys were used")
	require.NotContains(t, out+errs, created.APIKey[len("sk_test_")+27:], "a key's text is shown once")
	code, out, _ = runs(t, "keys", "list", "--database", database)
	require.Equal(t, exitDone, code)
	require.Contains(t, out, created.ID)
	require.NotContains(t, p.errs.String()+out, merchantKey)
}

// A key that was given to testers opens nothing where money is real, on the same database too.
func TestKeysBelongToAMode(t *testing.T) {
	t.Setenv("EXAMPLE_KEY", exampleKey)
	path, database := serving(t)
	made := func(args ...string) string {
		code, text, errs := runs(t, append([]string{"keys", "create", "--merchant", "main"}, args...)...)
		require.Equal(t, exitDone, code, errs)
		return strings.TrimSpace(text)
	}
	test, live := made("--config", path), made("--database", database)
	require.Regexp(t, `^sk_test_`, test)
	require.Regexp(t, `^sk_test_`, made("--database", database, "--mode", "test"))
	require.Regexp(t, `^sk_live_`, live)
	require.Regexp(t, `^sk_test_`, made("--config", path, "--database", database), "the configuration says for what")
	code, _, errs := runs(t, "keys", "create", "--merchant", "nobody", "--config", path, "--database", database)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, `there is no merchant "nobody"`)
	code, _, errs = runs(t, "keys", "create", "--merchant", "main", "--config", path, "--mode", "live")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "is in mode test and would refuse a key of mode live")

	inLive := write(t, with(map[int]string{1: "listen: 127.0.0.1:0", 16: "timeouts: {before_stop: 0s, stop: 5s}", 18: "database: " + database}))
	require.Regexp(t, `^sk_live_`, made("--config", inLive))
	for config, good := range map[string]string{path: test, inLive: live} {
		p := launch(t, "serve", "--config", config, "--json")
		address := p.started().API + "/v1/payments"
		for _, key := range []string{test, live} {
			want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[key == good]
			require.Equal(t, want, ask(t, http.MethodGet, address, key), "%s with %s", config, key[:8])
		}
		require.Equal(t, exitDone, p.end())
	}
}

func ask(t *testing.T, method, address, key string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

// Whoever may change the configuration chooses where money goes.
func TestServeWarnsOfConfigurationsThatOthersMayChange(t *testing.T) {
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o644: false, 0o664: true, 0o646: true} {
		path, _ := serving(t)
		require.NoError(t, os.Chmod(path, mode))
		p := launch(t, "serve", "--config", path, "--json")
		p.started()
		require.Equal(t, exitDone, p.end())
		require.Equal(t, want, strings.Contains(p.errs.String(), "others than its owner may change the configuration"), "%o", mode)
	}
}

// Links to another port of this machine lead to somebody else, who may stand in front of this program or not.
func TestServeWarnsOfLinksThatLeadElsewhere(t *testing.T) {
	for _, c := range []struct {
		public, listen string
		want           bool
	}{
		{"http://127.0.0.1:8085", "127.0.0.1:8080", true}, {"http://localhost", ":8080", true}, {"http://127.0.0.1:8080", ":8080", false},
		{"http://localhost", "127.0.0.1:80", false}, {"https://pay.example", ":8080", false}, {"http://127.0.0.1:8080", "127.0.0.1:0", false},
	} {
		require.Equal(t, c.want, (&config{PublicURL: c.public, Listen: c.listen}).leadsElsewhere(), "%v", c)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	path, _ := serving(t)
	code, _, errs := runs(t, "serve", "--config", path, "--listen", taken.Addr().String())
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "public_url names this machine with another port than listen")
}

func TestExitCodes(t *testing.T) {
	path, database := serving(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	here, err := os.Getwd()
	require.NoError(t, err)
	for _, c := range []struct {
		args []string
		code int
		want string // on stderr, or stdout
	}{
		{[]string{"--help"}, exitDone, "Usage: paymux"},
		{[]string{"--version"}, exitDone, version() + "\n"},
		{[]string{"version"}, exitDone, version() + "\n"},
		{[]string{"-h"}, exitDone, "Usage: paymux <command>"},
		{[]string{"help"}, exitDone, "Usage: paymux <command>"},
		{[]string{"help", "serve"}, exitDone, "Usage: paymux serve [flags]"},
		{[]string{"help", "keys"}, exitDone, "Usage: paymux keys <command>"},
		{[]string{"help", "keys", "create"}, exitDone, "--expires=LIFETIME "},
		{[]string{"help", "server"}, exitUsage, "; there are serve, demo, sandbox, migrate, keys"},
		{nil, exitUsage, "expected one of"},
		{[]string{"server"}, exitUsage, "; there are serve, demo, sandbox, migrate, keys"},
		{[]string{"keys", "make"}, exitUsage, "unexpected argument make; there are create, list, revoke"},
		{[]string{"serve", "paymux.yaml"}, exitUsage, "unexpected argument paymux.yaml; a configuration is named by --config FILE"},
		{[]string{"demo", "paymux.yaml"}, exitUsage, "unexpected argument paymux.yaml\n"},
		{[]string{"demo", "--listen", "abc"}, exitUsage, `--listen: "abc" is no HOST:PORT`},
		{[]string{"keys", "create", "--help"}, exitDone, "--expires=LIFETIME "},
		{[]string{"serve", "--nonsense"}, exitUsage, "unknown flag --nonsense"},
		{[]string{"serve", "--config", filepath.Join(t.TempDir(), "none.yaml")}, exitUsage, "cmd/paymux/testdata has two to begin with"},
		{[]string{"serve", "--config", path, "--listen", "8080"}, exitUsage, "--listen: listen: an address such as"},
		{[]string{"serve", "--config", path, "--listen", taken.Addr().String()}, exitFailed, "address already in use"},
		{[]string{"serve", "--config", path, "--database", "sqlite:nowhere/paymux.db"}, exitFailed, filepath.Join(here, "nowhere/paymux.db")},
		{[]string{"keys", "create", "--config", path, "--merchant", "other"}, exitUsage, `there is no merchant "other"`},
		{[]string{"keys", "create", "--database", database, "--merchant", "Not A Name"}, exitUsage, "is no name of a merchant"},
		{[]string{"keys", "create", "--config", path, "--merchant", "main", "--scope", "all"}, exitUsage, "--scope must be one of"},
		{[]string{"keys", "create", "--config", path, "--merchant", "main", "--expires", "soon"}, exitUsage, "is no lifetime such as 90d or 12h"},
		{[]string{"keys", "create", "--config", path, "--merchant", "main", "--expires=-1d"}, exitUsage, "is no lifetime such as 90d or 12h"},
		{[]string{"keys", "revoke", "--database", database, "01jaz0m3q7w8e9r0t1y2v3x4z5"}, exitFailed, "not found"},
		{[]string{"migrate", "--config", path}, exitDone, "the schema is at head"},
		{[]string{"migrate", "--database", database}, exitDone, "the schema is at head"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, out, errs := runs(t, c.args...)
			require.Equal(t, c.code, code, "%s%s", out, errs)
			require.Contains(t, out+errs, c.want)
		})
	}
}

// The salt of an account's references is made once; another provider cannot take over an account's name.
func TestAccountsKeepTheirSalt(t *testing.T) {
	path, database := serving(t)
	salt := func() []byte {
		store, err := storage.Open(t.Context(), database, storage.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, store.Close()) }()
		row, err := store.AccountRow(t.Context(), "aps-ae")
		require.NoError(t, err)
		require.Len(t, row.Salt, 32)
		return row.Salt
	}
	for range 2 {
		p := launch(t, "serve", "--config", path, "--json")
		p.started()
		require.Equal(t, exitDone, p.end())
	}
	first := salt()
	p := launch(t, "serve", "--config", path, "--json")
	p.started()
	require.Equal(t, exitDone, p.end())
	require.Equal(t, first, salt())

	other := "sqlite:" + filepath.Join(t.TempDir(), "other.db")
	require.NoError(t, storage.Migrate(t.Context(), other))
	require.NoError(t, withStore(t.Context(), other, true, func(s core.Store) error {
		return s.Do(t.Context(), "account", func(tx core.Tx) error {
			return tx.InsertAccount(core.AccountRow{Name: "aps-ae", Provider: "acme", Salt: first, CreatedAt: time.Now().UTC()})
		})
	}))
	code, _, errs := runs(t, "serve", "--config", path, "--database", other)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "account aps-ae: its payments are at acme; an account at aps needs another name")
}

// A stop turns probes away first, ends intake, and lets a request that runs finish.
func TestStopFinishesRequests(t *testing.T) {
	path, _ := serving(t)
	c, err := loadConfig(path, nil)
	require.NoError(t, err)
	s, err := open(t.Context(), c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	idle, err := net.Dial("tcp", l.Addr().String()) // as browsers do in advance
	require.NoError(t, err)
	defer idle.Close()

	arrived, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx, l, handler, func() error { return nil }) }()
	answer := make(chan string, 1)
	go func() {
		r, err := http.Get(baseURL(l.Addr()))
		if err != nil {
			answer <- err.Error()
			return
		}
		body, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		answer <- string(body)
	}()
	<-arrived
	stop()
	require.Eventually(t, func() bool {
		probe := httptest.NewRecorder()
		s.ServeHTTP(probe, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		conn, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return probe.Code == http.StatusServiceUnavailable && strings.Contains(probe.Body.String(), "unavailable") && err != nil
	}, 5*time.Second, time.Millisecond)
	began := time.Now()
	close(finish)
	require.Equal(t, "done", <-answer)
	require.NoError(t, <-ended)
	require.Less(t, time.Since(began), 3*time.Second, "a connection without a request does not hold the stop up")
}

func TestListenTakesTheNextPortOnlyWhenAllowed(t *testing.T) {
	first, err := listen("127.0.0.1:0", 0)
	require.NoError(t, err)
	defer first.Close()
	_, err = listen(first.Addr().String(), 0)
	require.Error(t, err)
	next, err := listen(first.Addr().String(), portsTried)
	require.NoError(t, err)
	defer next.Close()
	require.Greater(t, next.Addr().(*net.TCPAddr).Port, first.Addr().(*net.TCPAddr).Port)
}

func TestLogs(t *testing.T) {
	for format, want := range map[string]string{"json": `"msg":"the schema is at head"`, "auto": `"msg":"the schema is at head"`, "text": "INF the schema is at head"} {
		code, _, errs := runs(t, "migrate", "--database", "sqlite:"+filepath.Join(t.TempDir(), "a.db"), "--log", format)
		require.Equal(t, exitDone, code)
		require.Contains(t, errs, want)
	}
	_, _, errs := runs(t, "migrate", "--database", "sqlite:"+filepath.Join(t.TempDir(), "a.db"), "--log-level", "error")
	require.Empty(t, errs)
}

func TestSilentConns(t *testing.T) {
	var s silentConns
	a, b := net.Pipe()
	defer b.Close()
	s.watch(a, http.StateNew)
	s.watch(a, http.StateActive)
	s.close()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = fmt.Fprint(a, "x") })
	_, err := b.Read(make([]byte, 1))
	require.NoError(t, err, "a connection with a request stays")
	wg.Wait()
	s.watch(a, http.StateNew)
	s.close()
	_, err = b.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}
