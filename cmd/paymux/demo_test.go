package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
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
	b := newShopper(t)
	page := b.open(s.API + "/livez")
	t.Logf("start to first answer: %v", time.Since(began))
	require.Equal(t, http.StatusOK, page.status)
	require.Equal(t, map[string]startedAccount{"aps-demo": {Provider: "aps"}, "amazonpay-demo": {Provider: "amazonpay"}}, s.Accounts)
	require.Equal(t, http.StatusOK, b.open(s.Sandboxes["aps"].URL+"/_control/credentials").status)
	require.Equal(t, s.Shop, b.open(s.API).url, "who opens the bare address comes to the shop")

	require.Regexp(t, `^whsec_[A-Za-z0-9+/]{43}=$`, s.WebhookSecret)

	t.Run("paid at once", func(t *testing.T) {
		page, status := newShopper(t).pay(s.Shop, cardChecked, "amount", "49.50").decided()
		require.Equal(t, "succeeded", status)
		require.Contains(t, page.html, "49.50 EUR")
		require.Contains(t, page.html, `<b>49.50</b><span>captured</span>`)
		require.Contains(t, page.html, "provider_call\"><time>", "the timeline shows what happened")
		require.Eventually(t, func() bool {
			page = page.b.open(page.url)
			_, told, _ := strings.Cut(page.html, "What the shop was told")
			return strings.Contains(told, "payment.created") && strings.Contains(told, "payment.succeeded")
		}, waitFor, tick, "the shop was told by webhooks, and believed them")
		page, status = page.submitTo("/refund", "", "amount", "9.50").decided()
		require.Equal(t, "succeeded", status)
		require.Contains(t, page.html, "refund: partial")
		require.Contains(t, page.html, `<b>9.50</b><span>refunded</span>`)
		page = page.submitTo("/refund", "", "amount", "40.01")
		require.Equal(t, http.StatusUnprocessableEntity, page.status)
		require.Contains(t, page.html, "amount_exceeds_remaining")
	})
	t.Run("reserved in a currency of three decimals, captured in parts, the rest released", func(t *testing.T) {
		page, status := newShopper(t).pay(s.Shop, cardPlain, "amount", "12.345", "currency", "JOD", "capture_method", "manual").decided()
		require.Equal(t, "requires_capture", status)
		page, status = page.submitTo("/capture", "", "amount", "2.345").decided()
		require.Equal(t, "partially_captured", status)
		require.Contains(t, page.html, `<b>10.000</b><span>capturable</span>`)
		require.Contains(t, page.html, "10.000 JOD is still reserved")
		page, status = page.submitTo("/sync", "").decided()
		require.Equal(t, "partially_captured", status)
		page, status = page.submitTo("/cancel", "").decided()
		require.Equal(t, "succeeded", status)
		require.Contains(t, page.html, `<b>0.000</b><span>capturable</span>`)
		require.Contains(t, page.html, "Thank you, 2.345 JOD is paid", "not what was ordered")
	})
	t.Run("reserved and given up", func(t *testing.T) {
		page, status := newShopper(t).pay(s.Shop, cardPlain, "amount", "1250", "currency", "JPY", "capture_method", "manual").decided()
		require.Equal(t, "requires_capture", status)
		page, status = page.submitTo("/cancel", "").decided()
		require.Equal(t, "canceled", status)
		require.Contains(t, page.html, `<b>1250</b><span>released</span>`)
		require.Contains(t, page.html, "1250 JPY was reserved and is given up; nothing was charged.")
	})
	t.Run("declined, then paid with another card", func(t *testing.T) {
		page := newShopper(t).buy(s.Shop).card(cardDeclined)
		require.Contains(t, page.html, "card_number", "the page lets the buyer try again")
		_, status := page.card(cardPlain).back().decided()
		require.Equal(t, "succeeded", status)
	})
	t.Run("turned away, then back to pay", func(t *testing.T) {
		b := newShopper(t)
		page, status := b.buy(s.Shop).submit("cancel").back().decided()
		require.Equal(t, "requires_action", status, "the browser's word alone ends nothing")
		require.Contains(t, page.html, "You turned away from the payment page")
		require.Contains(t, page.html, `<code class="badge">retry_advice: after_buyer_action</code>`, "each part of why is told apart")
		on := regexp.MustCompile(`href="([^"]+)">Go on to pay`).FindStringSubmatch(page.html)
		require.NotNil(t, on, page.html)
		_, status = b.open(html.UnescapeString(on[1])).submit("").card(cardPlain).back().decided()
		require.Equal(t, "succeeded", status)
	})
	t.Run("amounts that cannot be paid, in a shopper's words", func(t *testing.T) {
		for _, c := range []struct{ amount, currency, want string }{
			{"49.50", "JPY", "Enter an amount without decimals, such as 1250: JPY has none."},
			{"1.234", "EUR", "Enter an amount with at most 2 decimals after a point, such as 49.5."},
			{"-3", "KWD", "Enter an amount with at most 3 decimals after a point, such as 49.5."},
			{"0.00", "AED", "Enter an amount above 0."},
			{"49.50", "XXX", "Choose one of the currencies."},
			{"99999999999", "AED", "Nobody here takes this order: "},
			{"9999999999999999", "AED", "This is more than can be paid at once"},
			{"99999999999999999999", "AED", "This is more than can be paid at once."},
		} {
			page := newShopper(t).open(s.Shop).submitTo("/shop/orders", "", "amount", c.amount, "currency", c.currency)
			require.GreaterOrEqual(t, page.status, 400)
			require.Contains(t, page.html, c.want)
			require.Contains(t, page.html, `value="`+c.amount+`"`, "what was typed stays")
		}
	})
	t.Run("an order of Amazon Pay is canceled under review, and refunded capture by capture", func(t *testing.T) {
		buy := func(way string) *sheet {
			b := newShopper(t)
			b.stop = "/shop/thanks"
			back := b.open(s.Shop).submitTo("/shop/orders", "", "way", way, "capture_method", "manual").click().submit("continue").through()
			b.stop = ""
			return b.open(back.url)
		}
		page := buy("express")
		require.Contains(t, page.html, "Place the order")
		page, status := page.submitTo("/cancel", "").decided()
		require.Equal(t, "canceled", status, page.html)

		page, _ = buy("pay_now").decided()
		page = page.submitTo("/capture", "", "amount", "30,00")
		require.Equal(t, http.StatusUnprocessableEntity, page.status)
		require.Contains(t, page.html, "2 decimals after a point")
		require.Contains(t, page.html, `value="30,00"`, "what was typed stays, for one more click would take everything")
		page, _ = page.submitTo("/capture", "", "amount", "30.00").decided()
		require.Contains(t, page.html, "19.00 EUR is not reserved any more, but you agreed to it")
		page, status = page.submitTo("/capture", "").decided()
		require.Equal(t, "succeeded", status)
		page, _ = page.submitTo("/refund", "").decided() // as it is proposed
		require.Contains(t, page.html, "refund: pending")
		require.NotContains(t, page.html, "amount_exceeds_remaining")
	})
	t.Run("a chargeback in the back office of Amazon Pay is told", func(t *testing.T) {
		b := newShopper(t)
		b.stop = "/shop/thanks"
		back := b.open(s.Shop).submitTo("/shop/orders", "", "way", "pay_now").click().submit("continue").through()
		b.stop = ""
		page, status := b.open(back.url).decided()
		require.Equal(t, "succeeded", status)
		office := newShopper(t).open(s.Sandboxes["amazonpay"].URL + "/backoffice")
		require.Equal(t, http.StatusOK, office.submit("chargeback").status)
		require.Eventually(t, func() bool {
			page = page.b.open(page.url)
			return strings.Contains(page.html, "payment.disputed")
		}, waitFor, tick)
	})
	t.Run("nothing is charged in another currency than was chosen", func(t *testing.T) {
		page := newShopper(t).open(s.Shop).submitTo("/shop/orders", "", "way", "express", "currency", "AED")
		require.Equal(t, http.StatusUnprocessableEntity, page.status)
		require.Contains(t, page.html, "Amazon Pay takes EUR here: choose that currency, or another way to pay.")
	})
	t.Run("the same form twice is one order", func(t *testing.T) {
		form := newShopper(t).open(s.Shop)
		first, second := form.submitTo("/shop/orders", ""), form.submitTo("/shop/orders", "")
		require.Contains(t, first.url, "/pay/")
		require.Equal(t, first.url, second.url)
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
		page := newShopper(t).open(s.Shop + "/thanks?payment=pay_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5")
		require.Equal(t, http.StatusNotFound, page.status)
		require.Contains(t, page.html, "There is no such order")
		require.NotContains(t, page.html, s.APIKey, "the key stays on the shop's side")
	})

	folders, err := filepath.Glob(filepath.Join(os.TempDir(), "paymux-demo-*"))
	require.NoError(t, err)
	require.Len(t, folders, 1, "the database is temporary")
	require.Equal(t, exitDone, p.end())
	require.NoDirExists(t, folders[0])
	require.NotContains(t, p.errs.String(), s.APIKey)
	require.NotContains(t, p.errs.String(), s.WebhookSecret)
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
		without(t, "curl is not installed, so the command that the demo prints was not executed")
	}
	pasted := func(command string) *sheet {
		printed, err := exec.CommandContext(t.Context(), shell, "-c", command).CombinedOutput()
		require.NoError(t, err, "%s", printed)
		require.Contains(t, string(printed), `"status":"requires_action"`)
		hosted := regexp.MustCompile(`"hosted_url":"([^"]+)"`).FindStringSubmatch(string(printed))
		require.NotNil(t, hosted, "%s", printed)
		return newShopper(t).open(hosted[1])
	}
	for range 2 { // pasted twice, it is the same payment
		require.Contains(t, pasted(lines[at]).submitTo("/FortAPI/paymentPage", "").html, "card_number")
		amazon := pasted(lines[at+1])
		require.NotContains(t, amazon.html, "<p>127.0.0.1</p>", "an address is no name of a shop")
		require.Contains(t, amazon.click().html, "Erika Muster")
	}
}

// without ends a test whose rest this machine cannot run, where it cannot be overlooked. Where everything is required it
// fails.
func without(t *testing.T, what string) {
	t.Helper()
	fmt.Fprintln(os.Stderr, "NOT RUN:", what)
	if os.Getenv("CI") == "true" || os.Getenv("PAYMUX_REQUIRE_TOOLS") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Where nobody asked for a port, the usual one may be somebody else's.
func TestDefaultsTakeTheNextPort(t *testing.T) {
	for _, usual := range []string{demoListen, sandboxListen} {
		if l, err := net.Listen("tcp", usual); err == nil { // else somebody else has it already
			t.Cleanup(func() { _ = l.Close() })
		}
	}
	p := launch(t, "demo", "--json")
	demo := p.started()
	require.NotEqual(t, "http://"+demoListen, demo.API)
	require.Equal(t, http.StatusOK, newShopper(t).open(demo.Shop).status)
	require.Contains(t, p.errs.String(), "the usual port is taken")
	sandbox := launch(t, "sandbox", "--json").started()
	require.NotEqual(t, "http://"+sandboxListen, sandbox.Sandboxes["aps"].URL)
	require.Equal(t, http.StatusOK, newShopper(t).open(sandbox.Sandboxes["aps"].URL+"/").status)
}

// Who asks for a port gets that one: whatever was to talk to it would talk to somebody else.
func TestAskedForPortsDoNotMove(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, command := range []string{"demo", "sandbox"} {
		code, out, errs := runs(t, command, "--listen", taken.Addr().String(), "--json")
		require.Equal(t, exitFailed, code, command)
		require.Empty(t, out, command)
		require.Contains(t, errs, taken.Addr().String()+": bind: address already in use; choose another port, or 0 for a free one", command)
	}
}

func TestDemoStaysOnThisMachine(t *testing.T) {
	for _, address := range []string{"192.0.2.1:8080", "pay.example:80", "8080", "127.0.0.1:99999"} {
		var errs bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), []string{"demo", "--listen", address}, io.Discard, &errs), address)
		require.Contains(t, errs.String(), "--listen: ")
	}
	p := launch(t, "demo", "--listen", "0.0.0.0:0")
	require.Equal(t, "paymux demo: one checkout API, simulated providers and a shop, open to every machine that reaches this one; links work here only\n", p.line())
	p = launch(t, "demo", "--listen", "0.0.0.0:0", "--json")
	simulator, err := url.Parse(p.started().Sandboxes["aps"].URL)
	require.NoError(t, err)
	other, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		without(t, "this system has no address 127.0.0.2, so where simulators listen was not looked at")
	}
	require.NoError(t, other.Close())
	other, err = net.Listen("tcp", net.JoinHostPort("127.0.0.2", simulator.Port()))
	require.NoError(t, err, "the simulator listens at one address, not at all of them")
	require.NoError(t, other.Close())
}

func TestSandboxAlone(t *testing.T) {
	p := launch(t, "sandbox", "--listen", "127.0.0.1:0", "--json")
	s := p.started()
	page := newShopper(t).open(s.Sandboxes["aps"].URL + "/_control/credentials")
	require.Contains(t, page.html, `"merchant_identifier":"pmxMid01"`)
	require.Empty(t, s.API)
	for provider, operation := range map[string]string{"aps": "CAPTURE", "amazonpay": "CaptureCharge"} {
		page := newShopper(t).open(s.Sandboxes[provider].URL + "/_control")
		require.Contains(t, page.html, `"path":"/_control/backoffice"`, provider)
		require.Contains(t, page.html, operation, provider)
	}
	require.Equal(t, exitDone, p.end())
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
			errs := &safeBuffer{}
			cmd.Stderr = errs
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
