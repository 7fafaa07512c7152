package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDemoAsANewUser(t *testing.T) {
	began := time.Now()
	p := launch(t, "demo", "--listen", "127.0.0.1:0", "--json", "--log", "json")
	s := p.started()
	b := newCustomer(t)
	b.open(s.API + "/livez")
	t.Logf("start to first answer: %v", time.Since(began))
	require.Equal(t, http.StatusOK, b.code)
	require.Equal(t, map[string]startedAccount{"aps-demo": {Provider: "aps"}}, s.Accounts)
	b.open(s.Sandboxes["aps"].URL + "/_control/credentials")
	require.Equal(t, http.StatusOK, b.code)

	t.Run("paid at once", func(t *testing.T) {
		b := newCustomer(t)
		b.pay(s.Shop, map[string]string{"amount": "49.50"}, testCardChallenge)
		require.Equal(t, "succeeded", b.status())
		require.Contains(t, b.page, "49.50 AED")
		require.Contains(t, b.page, `<b>49.50</b><span>captured</span>`)
		require.Contains(t, b.page, "provider_call\"><time>", "the timeline shows what happened")
		b.submit("/refund", map[string]string{"amount": "9.50"})
		require.Equal(t, "succeeded", b.status())
		require.Contains(t, b.page, "refund: partial")
		require.Contains(t, b.page, `<b>9.50</b><span>refunded</span>`)
		b.submit("/refund", map[string]string{"amount": "40.01"})
		require.Equal(t, http.StatusUnprocessableEntity, b.code)
		require.Contains(t, b.page, "amount_exceeds_remaining")
	})
	t.Run("reserved in a currency of three decimals, captured in parts, the rest released", func(t *testing.T) {
		b := newCustomer(t)
		b.pay(s.Shop, map[string]string{"amount": "12.345", "currency": "JOD", "capture_method": "manual"}, testCard)
		require.Equal(t, "requires_capture", b.status())
		b.submit("/capture", map[string]string{"amount": "2.345"})
		require.Equal(t, "partially_captured", b.status())
		require.Contains(t, b.page, `<b>10.000</b><span>capturable</span>`)
		b.submit("/sync", nil)
		require.Equal(t, "partially_captured", b.status())
		b.submit("/cancel", nil)
		require.Equal(t, "succeeded", b.status())
		require.Contains(t, b.page, `<b>0.000</b><span>capturable</span>`)
	})
	t.Run("reserved and given up", func(t *testing.T) {
		b := newCustomer(t)
		b.pay(s.Shop, map[string]string{"amount": "1250", "currency": "JPY", "capture_method": "manual"}, testCard)
		require.Equal(t, "requires_capture", b.status())
		b.submit("/cancel", nil)
		require.Equal(t, "canceled", b.status())
		require.Contains(t, b.page, `<b>1250</b><span>released</span>`)
	})
	t.Run("declined, then paid with another card", func(t *testing.T) {
		b := newCustomer(t)
		b.open(s.Shop)
		b.submit("/shop/orders", nil)
		b.submit("/FortAPI/paymentPage", nil)
		b.card(testCardDeclined)
		require.Contains(t, b.page, "card_number", "the page lets the buyer try again")
		b.card(testCard)
		b.back()
		require.Equal(t, "succeeded", b.status())
	})
	t.Run("turned away, then back to pay", func(t *testing.T) {
		b := newCustomer(t)
		b.open(s.Shop)
		b.submit("/shop/orders", nil)
		b.submit("/FortAPI/paymentPage", nil)
		b.submit(b.at.Path, map[string]string{"action": "cancel"})
		b.back()
		require.Equal(t, "requires_action", b.status(), "the browser's word alone ends nothing")
		on := regexp.MustCompile(`href="([^"]+)">Go on to pay`).FindStringSubmatch(b.page)
		require.NotNil(t, on, b.page)
		b.open(html.UnescapeString(on[1]))
		b.submit("/FortAPI/paymentPage", nil)
		b.card(testCard)
		b.back()
		require.Equal(t, "succeeded", b.status())
	})
	t.Run("an amount the currency does not have", func(t *testing.T) {
		b := newCustomer(t)
		b.open(s.Shop)
		b.submit("/shop/orders", map[string]string{"amount": "49.50", "currency": "JPY"})
		require.Equal(t, http.StatusUnprocessableEntity, b.code)
		require.Contains(t, b.page, "An amount in JPY is digits with at most 0 decimals.")
		require.Contains(t, b.page, `value="49.50"`, "what was typed stays")
	})
	t.Run("the same form twice is one order", func(t *testing.T) {
		b := newCustomer(t)
		b.open(s.Shop)
		form := *b
		b.submit("/shop/orders", nil)
		form.submit("/shop/orders", nil)
		require.Contains(t, b.at.Path, "/pay/")
		require.Equal(t, b.at.String(), form.at.String())
	})
	t.Run("pages are closed to others", func(t *testing.T) {
		r, err := http.NewRequest(http.MethodPost, s.Shop+"/orders", strings.NewReader("amount=1"))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://elsewhere.example")
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusForbidden, answer.StatusCode)
		b := newCustomer(t)
		b.open(s.Shop + "/thanks?payment=pay_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5")
		require.Equal(t, http.StatusNotFound, b.code)
		require.Contains(t, b.page, "There is no such order")
		require.NotContains(t, b.page, s.APIKey, "the key stays on the shop's side")
	})

	folders, err := filepath.Glob(filepath.Join(os.TempDir(), "paymux-demo-*"))
	require.NoError(t, err)
	require.Len(t, folders, 1, "the database is temporary")
	require.Equal(t, exitDone, p.end())
	require.NoDirExists(t, folders[0])
	require.NotContains(t, p.errs.String(), s.APIKey)
	require.NotContains(t, p.errs.String(), `"level":"ERROR"`)
}

// What the demo prints is short, and the command in it works as it stands.
func TestDemoPrints(t *testing.T) {
	p := launch(t, "demo", "--listen", "127.0.0.1:0", "--database", "sqlite:"+filepath.Join(t.TempDir(), "kept.db"))
	var lines []string
	for !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Stop with Ctrl+C") }) {
		lines = append(lines, strings.TrimSuffix(p.line(), "\n"))
	}
	require.LessOrEqual(t, len(lines), 12)
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "curl ") })
	require.Positive(t, at)
	shell, err := exec.LookPath("sh")
	require.NoError(t, err)
	if _, err := exec.LookPath("curl"); err != nil {
		fmt.Fprintln(os.Stderr, "NOT RUN: curl is not installed, so the command that the demo prints was not executed")
		t.Skip("curl is not installed")
	}
	for range 2 { // pasted twice, it is the same payment
		printed, err := exec.CommandContext(t.Context(), shell, "-c", lines[at]).CombinedOutput()
		require.NoError(t, err, "%s", printed)
		require.Contains(t, string(printed), `"status":"requires_action"`)
		hosted := regexp.MustCompile(`"hosted_url":"([^"]+)"`).FindStringSubmatch(string(printed))
		require.NotNil(t, hosted, "%s", printed)
		b := newCustomer(t)
		b.open(hosted[1])
		b.submit("/FortAPI/paymentPage", nil)
		require.Contains(t, b.page, "card_number")
	}
}

func TestDemoTakesTheNextPort(t *testing.T) {
	first := launch(t, "demo", "--listen", "127.0.0.1:0", "--json").started()
	taken, err := url.Parse(first.API)
	require.NoError(t, err)
	second := launch(t, "demo", "--listen", taken.Host, "--json").started()
	require.NotEqual(t, first.API, second.API)
	b := newCustomer(t)
	b.open(second.Shop)
	require.Equal(t, http.StatusOK, b.code)
}

func TestDemoStaysOnThisMachine(t *testing.T) {
	for _, address := range []string{"192.0.2.1:8080", "pay.example:80", "8080", "127.0.0.1:99999"} {
		var errs bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), []string{"demo", "--listen", address}, io.Discard, &errs), address)
		require.Contains(t, errs.String(), "--listen: ")
	}
}

func TestSandboxAlone(t *testing.T) {
	p := launch(t, "sandbox", "--listen", "127.0.0.1:0", "--json")
	s := p.started()
	b := newCustomer(t)
	b.open(s.Sandboxes["aps"].URL + "/_control/credentials")
	require.Contains(t, b.page, `"merchant_identifier":"pmxMid01"`)
	require.Empty(t, s.API)
	require.Equal(t, exitDone, p.end())

	p = launch(t, "sandbox", "--listen", "127.0.0.1:0")
	require.Regexp(t, `^aps +http://127\.0\.0\.1:\d+\n$`, p.line())
}

// The real process: a signal ends it with 0 and nothing stays behind.
func TestSignals(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(fmt.Sprint(signal), func(t *testing.T) {
			temp := t.TempDir()
			cmd := exec.CommandContext(t.Context(), self, "demo", "--listen", "127.0.0.1:0", "--json")
			cmd.Env = append(os.Environ(), "PAYMUX_TEST_PROCESS=1", "TMPDIR="+temp)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			began := time.Now()
			require.NoError(t, cmd.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err, errs.String())
			t.Logf("process start to ready: %v", time.Since(began))
			require.Contains(t, line, `"shop"`)
			left, err := os.ReadDir(temp)
			require.NoError(t, err)
			require.Len(t, left, 1)
			require.NoError(t, cmd.Process.Signal(signal))
			require.NoError(t, cmd.Wait(), "it exits with 0: %s", errs.String())
			left, err = os.ReadDir(temp)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// The first signal turns probes away and waits for load balancers; the second ends the process there and then.
func TestSecondSignalExitsAtOnce(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	path, _ := serving(t)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(content), "before_stop: 0s", "before_stop: 1h")), 0o600))
	cmd := exec.CommandContext(t.Context(), self, "serve", "--config", path, "--json")
	cmd.Env = append(os.Environ(), "PAYMUX_TEST_PROCESS=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var s started
	require.NoError(t, json.NewDecoder(out).Decode(&s))
	require.Equal(t, http.StatusOK, ask(t, http.MethodGet, s.API+"/readyz", ""))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return ask(t, http.MethodGet, s.API+"/readyz", "") == http.StatusServiceUnavailable }, 5*time.Second, time.Millisecond)
	require.Equal(t, http.StatusOK, ask(t, http.MethodGet, s.API+"/livez", ""), "requests are still answered")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	var exited *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exited)
	require.Equal(t, exitAtOnce, exited.ExitCode())
}
