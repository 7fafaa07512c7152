package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/api/apitest"
	"github.com/paymux/paymux/providers/aps/sandbox"
)

// mortal is a world whose program is the built binary in a process of its own, killed and started again on the same
// database and address. The simulator lives in the test's process and survives it.
type mortal struct {
	*world
	binary  string
	gate    *gate // between the program and the simulator
	door    *door // between the simulator and the program's feedback
	mu      sync.Mutex
	process *exec.Cmd
	starts  int
	slowest time.Duration // start to ready
}

// build is the program, built as users do, once for all tests.
func build(t *testing.T) string {
	t.Helper()
	path, err := built()
	require.NoError(t, err)
	return path
}

var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "paymux-built")
	if err != nil {
		return "", err
	}
	leftovers = append(leftovers, folder)
	path := filepath.Join(folder, "paymux")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, err
})

// newMortal starts the program at dsn. A call to the provider is given up after a second, so that the deadline of one
// that died with its process passes soon.
func newMortal(t *testing.T, binary, dsn string) *mortal {
	t.Helper()
	w := &world{t: t, dsn: dsn, keys: map[string]string{}, logs: &safeBuffer{}}
	sim, err := sandbox.New(sandbox.Config{Accounts: []sandbox.Account{e2eAccounts["aps-main"], e2eAccounts["aps-other"]}})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	w.sim = sim
	k := &mortal{world: w, binary: binary}
	k.gate, k.door = &gate{sim: sim, kill: k.kill}, &door{kill: k.kill}
	gate, door := httptest.NewServer(k.gate), httptest.NewServer(k.door)
	t.Cleanup(gate.Close)
	t.Cleanup(door.Close)
	w.simURL = gate.URL
	for name, a := range e2eAccounts {
		require.NoError(t, sim.SetFeedbackURLs(a.AccessCode, door.URL+"/feedback/"+name, door.URL+"/feedback/"+name))
	}
	// No connection is kept: one to a process that is dead would only blur which request died with it.
	w.http = &http.Client{Transport: apitest.Contract(t, &http.Transport{DisableKeepAlives: true})}
	address := quietPort(t)
	w.url, k.door.program = "http://"+address, "http://"+address
	config, err := os.ReadFile(w.write(address))
	require.NoError(t, err)
	impatient := strings.Replace(string(config), "provider_call: 5s", "provider_call: 1s", 1)
	require.NotEqual(t, string(config), impatient)
	require.NoError(t, os.WriteFile(w.config, []byte(impatient), 0o600))
	w.keys["main"] = strings.TrimSpace(k.run("keys", "create", "--config", w.config, "--merchant", "main"))
	k.start()
	t.Cleanup(func() {
		k.kill()
		t.Logf("%d starts, the slowest was ready after %v (goal 2 s)", k.starts, k.slowest.Round(time.Millisecond))
		w.showLogs()
	})
	return k
}

// quietPort is a free port below those that outgoing connections get, so that it is still free after a kill.
func quietPort(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000)))
		if err == nil {
			require.NoError(t, l.Close())
			return l.Addr().String()
		}
	}
	require.Fail(t, "no free port")
	return ""
}

// command is the program without what this environment would tell it.
func (k *mortal) command(args ...string) *exec.Cmd {
	cmd := exec.Command(k.binary, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, envPrefix) })
	cmd.Stderr = k.logs
	return cmd
}

func (k *mortal) run(args ...string) string {
	k.t.Helper()
	out, err := k.command(args...).Output()
	require.NoError(k.t, err, "paymux %v: %s", args, k.logs)
	return string(out)
}

// start starts the program and returns when it says that it is ready.
func (k *mortal) start() {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	began := time.Now()
	k.process = k.command("serve", "--config", k.config, "--json", "--log-level", "debug")
	stdout, err := k.process.StdoutPipe()
	require.NoError(k.t, err)
	require.NoError(k.t, k.process.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(k.t, err, "start %d: the program did not become ready:\n%s", k.starts+1, tail(k.logs.String(), 4000))
	require.Contains(k.t, line, k.url)
	k.starts++
	k.slowest = max(k.slowest, time.Since(began))
}

// kill is kill -9. When it returns nothing of the process is left.
func (k *mortal) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process == nil {
		return
	}
	_ = k.process.Process.Kill()
	_ = k.process.Wait() // it was killed, which it calls an error
	k.process = nil
}

// dies makes a call during which the program is killed.
func (k *mortal) dies(path string, body any, key string) {
	k.t.Helper()
	status, a, err := k.try("POST", path, body, key)
	require.Error(k.t, err, "POST %s was answered with %d %v, though the program should have been killed meanwhile", path, status, a)
	k.mu.Lock()
	defer k.mu.Unlock()
	require.Nil(k.t, k.process, "the call broke off, but the program was not killed")
}

// try makes one call that may find nobody.
func (k *mortal) try(method, path string, body any, key string) (status int, raw string, err error) {
	content, err := json.Marshal(body)
	require.NoError(k.t, err)
	r, err := http.NewRequestWithContext(k.t.Context(), method, k.url+path, bytes.NewReader(content))
	require.NoError(k.t, err)
	r.Header.Set("Authorization", "Bearer "+k.keys["main"])
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	resp, err := k.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, string(answer), err
}

// effects are how often and how much of a kind (capture, refund, void) the simulator booked on our reference.
func (k *mortal) effects(reference, kind string) (times int, minor int64) {
	for _, p := range k.sim.Books().Payments {
		for _, e := range p.Effects {
			if p.Reference == reference && e.Kind == kind {
				times, minor = times+1, minor+e.Amount
			}
		}
	}
	return times, minor
}

// agrees requires that what we say of a payment is what the simulator's books say, to the minor unit.
func (k *mortal) agrees(id, reference string) *answer {
	k.t.Helper()
	var want [4]int64
	for i, kind := range []string{"authorize", "capture", "refund", "void"} {
		_, want[i] = k.effects(reference, kind)
	}
	a := k.get(id)
	got := fmt.Sprint([]string{a.str("amounts.authorized"), a.str("amounts.captured"), a.str("amounts.refunded"), a.str("amounts.released")})
	require.Equal(k.t, fmt.Sprint(want), got,
		"authorized, captured, refunded, released of %s: we differ from the books: %s", id, a.raw)
	return a
}

// fields are those of the form that takes the buyer to the provider's page.
func fields(payment *answer) map[string]string {
	payment.t.Helper()
	out := map[string]string{}
	list, ok := payment.at("next_action.post_form.fields").([]any)
	require.True(payment.t, ok, "there is no form: %s", payment.raw)
	for _, f := range list {
		m := f.(map[string]any)
		out[m["name"].(string)] = m["value"].(string)
	}
	return out
}

// buyAtPage pays at the provider's page alone; the buyer does not come back to us.
func (k *mortal) buyAtPage(payment *answer) (reference string) {
	k.t.Helper()
	form := fields(payment)
	newShopper(k.t).load(http.MethodPost, payment.str("next_action.post_form.url"), values(form)).card(cardPlain)
	return form["merchant_reference"]
}

// gate forwards the program's calls to the simulator, and kills the program at the moment it is set to.
type gate struct {
	sim  http.Handler
	kill func()
	mu   sync.Mutex
	set  string // the command of the call that the program does not survive; empty: none
	late bool   // it dies after the provider's answer, not before the provider was asked
}

func (g *gate) arm(command string, late bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set, g.late = command, late
}

// strikes reports whether the program dies of the call with this body, once.
func (g *gate) strikes(body []byte) (now, late bool) {
	var call struct {
		Command string `json:"command"`
	}
	_ = json.Unmarshal(body, &call) // what is no JSON has no command
	g.mu.Lock()
	defer g.mu.Unlock()
	if now = g.set != "" && call.Command == g.set; now {
		g.set = ""
	}
	return now, g.late
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != sandbox.PaymentAPIPath {
		g.sim.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	now, late := g.strikes(body)
	if !now {
		g.sim.ServeHTTP(w, r)
		return
	}
	if late {
		g.sim.ServeHTTP(httptest.NewRecorder(), r) // the provider has answered; nobody will hear it
	}
	g.kill()
	panic(http.ErrAbortHandler)
}

// door forwards the simulator's feedback to the program, and kills the program when it acknowledges one, if it is set to.
type door struct {
	program string
	kill    func()
	mu      sync.Mutex
	set     bool
}

func (d *door) arm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.set = true
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	forward, err := http.NewRequestWithContext(r.Context(), r.Method, d.program+r.URL.Path, r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	forward.Header, forward.ContentLength = r.Header, r.ContentLength
	resp, err := http.DefaultTransport.RoundTrip(forward)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	d.mu.Lock()
	strike := d.set && resp.StatusCode == http.StatusOK
	d.set = d.set && !strike
	d.mu.Unlock()
	if strike {
		d.kill()
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

// bare opens the program's database with the driver alone.
func bare(tb testing.TB, dsn string) *sql.DB {
	tb.Helper()
	driver := "pgx"
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver = sqliteDriver // each driver reads its own of these and leaves the other's alone
		dsn = "file:" + path + "?_txlock=immediate&_busy_timeout=10000&_synchronous=FULL&_foreign_keys=1" +
			"&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(tb, err)
	return db
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
