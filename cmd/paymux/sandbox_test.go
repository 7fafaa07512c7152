package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sandboxSample = "testdata/sandbox.yaml"

// exported sets the variables that a line of shell such as export A='1' B='2' sets.
func exported(t *testing.T, line string) {
	t.Helper()
	set := regexp.MustCompile(`([A-Z_]+)='([^']*)'`).FindAllStringSubmatch(line, -1)
	require.NotEmpty(t, set, line)
	for _, s := range set {
		t.Setenv(s[1], s[2])
	}
}

// sandboxCommands are the lines that the comment of the sample tells to run.
func sandboxCommands(t *testing.T) (sample, sandbox, export string) {
	t.Helper()
	content, err := os.ReadFile(sandboxSample)
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		command := strings.TrimSpace(strings.TrimPrefix(line, "#"))
		switch {
		case strings.HasPrefix(command, "go run ./cmd/paymux sandbox "):
			sandbox = command
		case strings.HasPrefix(command, "export "):
			export = command
		}
	}
	require.NotEmpty(t, sandbox)
	require.NotEmpty(t, export)
	return string(content), sandbox, export
}

// free is an address of this machine where nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// The sample takes a payment beside `paymux sandbox`: only the ports are other ones here.
func TestSandboxSample(t *testing.T) {
	sample, sandbox, export := sandboxCommands(t)
	exported(t, export)
	api := free(t)
	_, feedback, ok := strings.Cut(sandbox, "--feedback ")
	require.True(t, ok, sandbox)
	simulator := launch(t, "sandbox", "--listen", "127.0.0.1:0", "--json", "--feedback", strings.ReplaceAll(feedback, "127.0.0.1:8080", api)).started().Sandboxes["aps"].URL

	own := strings.NewReplacer("127.0.0.1:8080", api, "http://127.0.0.1:9101", simulator, "sqlite:sandbox.db", "sqlite:"+filepath.Join(t.TempDir(), "sandbox.db"))
	path := write(t, own.Replace(sample)+"timeouts: {before_stop: 0s}\n")
	code, key, errs := runs(t, "keys", "create", "--config", path, "--merchant", "main")
	require.Equal(t, exitDone, code, errs)
	p := launch(t, "serve", "--config", path, "--listen", api, "--json")
	s := p.started()
	require.Equal(t, "http://"+api, s.API)

	call := func(method, path, body string) (answer struct {
		ID, Status string
		NextAction struct {
			HostedURL string `json:"hosted_url"`
		} `json:"next_action"`
		Data []struct{ State string }
	}) {
		r, err := http.NewRequestWithContext(t.Context(), method, s.API+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(key))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", "order-1001-pay-1")
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Less(t, resp.StatusCode, 300)
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
		return answer
	}
	payment := call(http.MethodPost, "/v1/payments", `{"merchant_reference":"order-1001","amount":4900,"currency":"AED","buyer":{"email":"layla@example.org"},"return_url":"https://shop.example/thanks"}`)
	require.Equal(t, "requires_action", payment.Status)
	newShopper(t).open(payment.NextAction.HostedURL).submit("").card(cardPlain) // the buyer does not come back: feedback tells
	require.Eventually(t, func() bool { return call(http.MethodGet, "/v1/payments/"+payment.ID, "").Status == "succeeded" }, waitFor, 5*time.Millisecond)
	inbox := call(http.MethodGet, "/v1/feedback", "").Data
	require.Len(t, inbox, 1)
	require.Equal(t, "applied", inbox[0].State)
}

// What `paymux sandbox` prints is the sample, with the addresses of this start.
func TestSandboxPrintsTheSample(t *testing.T) {
	p := launch(t, "sandbox", "--listen", "127.0.0.1:0")
	printed := p.until("Stop with Ctrl+C")
	require.Regexp(t, `^aps +http://127\.0\.0\.1:\d+\n`, printed)
	require.Contains(t, printed, "--feedback http://127.0.0.1:8080/feedback/{provider}-sandbox")
	blocks := strings.Split(printed, "\n\n")
	require.Len(t, blocks, 6)
	exported(t, blocks[4])

	got, err := loadConfig(write(t, blocks[2]+"\n"), nil)
	require.NoError(t, err)
	want, err := loadConfig(sandboxSample, nil)
	require.NoError(t, err)
	urls := regexp.MustCompile(`(?m)^\w+ +(http://127\.0\.0\.1:\d+)$`).FindAllStringSubmatch(printed, -1)
	require.Len(t, urls, len(simulated))
	for i, provider := range simulated {
		settings := got.Accounts[provider+"-sandbox"].settings.All()
		for name, value := range settings {
			if text, ok := value.(string); ok {
				settings[name] = strings.ReplaceAll(text, urls[i][1], fmt.Sprint("http://127.0.0.1:", 9101+i))
			}
		}
		require.Equal(t, want.Accounts[provider+"-sandbox"].settings.All(), settings)
	}
	require.Equal(t, filepath.Base(want.Database), filepath.Base(got.Database), "each is beside its own configuration")
	got.Accounts, want.Accounts, got.Database = nil, nil, want.Database
	require.Equal(t, want, got)

	_, sandbox, export := sandboxCommands(t)
	require.Equal(t, export, strings.SplitN(blocks[4], "\n", 2)[0])
	require.Equal(t, "go run ./cmd/paymux sandbox --feedback "+sandboxFeedback, sandbox)
	var help bytes.Buffer
	require.Equal(t, exitDone, run(t.Context(), []string{"sandbox", "--help"}, &help, &help))
	require.Contains(t, help.String(), "127.0.0.1:9101")
}

// A client that knows only https, and trusts nothing but the certificate that the simulator shows, reaches it.
func TestSandboxOverTLS(t *testing.T) {
	s := launch(t, "sandbox", "--listen", "127.0.0.1:0", "--json").started().Sandboxes["aps"]
	get := func(c *http.Client, address string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		resp, err := c.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	status, certificate := get(http.DefaultClient, s.URL+certificatePath)
	require.Equal(t, http.StatusOK, status)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(certificate)), certificate)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
		status, books := get(client, strings.Replace(s.TLSURL, "127.0.0.1", host, 1)+"/_control/books")
		require.Equal(t, http.StatusOK, status)
		require.JSONEq(t, `{"payments":[]}`, books)
		client.CloseIdleConnections()
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.TLSURL, nil)
	require.NoError(t, err)
	_, err = http.DefaultClient.Do(r)
	require.ErrorContains(t, err, "certificate", "nobody else vouches for it")
}

// until is what it prints up to some words.
func (p *process) until(words string) string {
	var printed strings.Builder
	for !strings.Contains(printed.String(), words) {
		printed.WriteString(p.line())
	}
	return printed.String()
}

// The recipe is for the program that the feedback goes to.
func TestSandboxRecipeFollowsTheFeedback(t *testing.T) {
	p := launch(t, "sandbox", "--listen", "127.0.0.1:0", "--feedback", "http://127.0.0.1:8085/feedback/{provider}-sandbox")
	printed := p.until("Stop with Ctrl+C")
	require.Contains(t, printed, "\npublic_url: http://127.0.0.1:8085\nlisten: 127.0.0.1:8085\n")
	require.Contains(t, printed, "feedback    http://127.0.0.1:8085/feedback/amazonpay-sandbox\n")
	code, _, errs := runs(t, "sandbox", "--listen", "127.0.0.1:0", "--feedback", "foo")
	require.NotEqual(t, exitDone, code)
	require.Contains(t, errs, `--feedback: "foo" is no address`)
}

// The example merchant of Amazon Pay may be one of another region; the recipe is for it.
func TestSandboxOfAnotherRegion(t *testing.T) {
	p := launch(t, "sandbox", "--listen", "127.0.0.1:0", "--amazon-region", "jp")
	printed := p.until("Stop with Ctrl+C")
	require.Contains(t, printed, "\n    region: jp\n")
	require.Contains(t, printed, "\n    sns_topics: ['arn:aws:sns:us-west-2:123456789012:")
	code, _, errs := runs(t, "sandbox", "--amazon-region", "uk")
	require.NotEqual(t, exitDone, code)
	require.Contains(t, errs, "--amazon-region")
}
