package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// How much faster than in earnest the program of a crash campaign is, and its time for a call to the provider.
const (
	crashScale    = 100
	crashCall     = 600 * time.Millisecond
	crashAccount  = "aps-crash"
	crashMerchant = "main"
)

// fleet is a world of processes: one or more instances of the binary on one database, a simulator that outlives them
// all, and in this process merchants, buyers, the way between them, and the judge.
type fleet struct {
	t         *testing.T
	dsn       string
	url       string // of the front
	simURL    string
	key       string
	instances []*instance
	front     *front
	trap      *trap
	client    *http.Client

	dice   sync.Mutex
	random *rand.Rand

	freezes            int
	doubts             int // open outcomes after the last start
	calmed             time.Time
	lost, told, blamed atomic.Int64 // answers that never came, 2xx, broken promises about a payment
	wrongs             sync.Mutex
	found              []string
}

func newFleet(t *testing.T, binary, dsn string, size int, seed uint64) *fleet {
	t.Helper()
	f := &fleet{t: t, dsn: dsn, trap: newTrap(), random: rand.New(rand.NewPCG(seed, uint64(size))),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: 10 * time.Second}}
	f.front = &front{fleet: f, heard: map[string]*telling{}}
	server := httptest.NewServer(f.front)
	t.Cleanup(server.Close)
	f.url = server.URL
	f.simulate(binary)
	folder := t.TempDir()
	for n := range size {
		i := &instance{t: t, binary: binary, address: quietPort(t)}
		outlet := httptest.NewServer(&outlet{fleet: f, i: i})
		t.Cleanup(outlet.Close)
		config := f.configure(folder, n, i.address, outlet.URL)
		var err error
		i.log, err = os.Create(filepath.Join(folder, fmt.Sprintf("log-%d", n)))
		require.NoError(t, err)
		i.args = []string{"serve", "--config", config, "--json", "--log", "json"}
		f.instances = append(f.instances, i)
		t.Cleanup(func() { i.kill(); _ = i.log.Close() })
		if n == 0 {
			out, err := child(binary, i.log, "keys", "create", "--config", config, "--merchant", crashMerchant).Output()
			require.NoError(t, err, i.said())
			f.key = strings.TrimSpace(string(out))
		}
		i.start()
	}
	return f
}

// simulate starts the provider's process.
func (f *fleet) simulate(binary string) {
	f.t.Helper()
	cmd := child(binary, io.Discard, "sandbox", "--listen", "127.0.0.1:0", "--feedback", f.url+"/feedback/"+crashAccount, "--json")
	line, err := ready(cmd)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var told started
	require.NoError(f.t, json.Unmarshal(line, &told))
	f.simURL = told.Sandboxes["aps"].URL
}

// configure writes the configuration of instance n, whose calls to the provider go through outlet.
func (f *fleet) configure(folder string, n int, address, outlet string) (path string) {
	f.t.Helper()
	var account map[string]string
	f.control(http.MethodGet, "credentials", nil, &account)
	secret := func(name, value string) string {
		path := filepath.Join(folder, name)
		require.NoError(f.t, os.WriteFile(path, []byte(value), 0o600))
		return "${file:" + path + "}"
	}
	config := fmt.Sprintf(`listen: %s
public_url: %s
database: %q
mode: test
secret_key: %s
timeouts: {provider_call: %s}
reliability: {time_scale: %d}
merchants:
  %s: {accounts: [%s], return_hosts: [%s]}
accounts:
  %s:
    provider: aps
    merchant_identifier: %s
    access_code: %s
    sha_type: %s
    request_phrase: %s
    response_phrase: %s
    page_url: %s
    api_url: %s
`, address, f.url, f.dsn, secret("key", strings.Repeat("crash-example-", 4)), crashCall*crashScale, crashScale, crashMerchant, crashAccount, shopHost,
		crashAccount, account["merchant_identifier"], account["access_code"], account["sha_type"],
		secret("request", account["request_phrase"]), secret("response", account["response_phrase"]),
		f.simURL+account["payment_page"], outlet+account["payment_api"])
	path = filepath.Join(folder, fmt.Sprintf("paymux-%d.yaml", n))
	require.NoError(f.t, os.WriteFile(path, []byte(config), 0o600))
	return path
}

// control speaks to the simulator's control port; into may be nil.
func (f *fleet) control(method, path string, body, into any) {
	f.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(f.t, err)
	if body == nil {
		raw = nil
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.simURL+"/_control/"+path, bytes.NewReader(raw))
	require.NoError(f.t, err)
	resp, err := f.client.Do(r)
	require.NoError(f.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	require.Equal(f.t, http.StatusOK, resp.StatusCode, "%s", answer)
	if into != nil {
		require.NoError(f.t, json.Unmarshal(answer, into))
	}
}

// chance draws a number from 0 to n-1.
func (f *fleet) chance(n int) int {
	f.dice.Lock()
	defer f.dice.Unlock()
	return f.random.IntN(n)
}

// wrong notes a broken promise.
func (f *fleet) wrong(format string, args ...any) {
	f.wrongs.Lock()
	defer f.wrongs.Unlock()
	f.found = append(f.found, fmt.Sprintf(format, args...))
}
