package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is the program running in this one.
type process struct {
	t      *testing.T
	out    *bufio.Reader
	errs   *logged
	stop   context.CancelFunc
	done   chan int
	result *int
}

// logged is what a process writes to stderr.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func launch(t *testing.T, args ...string) *process {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &process{t: t, out: bufio.NewReader(r), errs: &logged{}, stop: stop, done: make(chan int, 1)}
	go func() {
		code := run(ctx, args, w, p.errs)
		_ = w.Close()
		p.done <- code
	}()
	t.Cleanup(func() { p.end() })
	return p
}

// line is the next line of stdout.
func (p *process) line() string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	require.NoError(p.t, err, "stderr: %s", p.errs)
	return line
}

func (p *process) started() (s started) {
	p.t.Helper()
	dec := json.NewDecoder(strings.NewReader(p.line()))
	dec.DisallowUnknownFields()
	require.NoError(p.t, dec.Decode(&s))
	return s
}

// end stops it and returns its exit code.
func (p *process) end() int {
	p.t.Helper()
	if p.result != nil {
		return *p.result
	}
	p.stop()
	go func() { _, _ = io.Copy(io.Discard, p.out) }()
	select {
	case code := <-p.done:
		p.result = &code
		return code
	case <-time.After(20 * time.Second):
		p.t.Fatal("it does not stop")
		return -1
	}
}

// customer is somebody who follows links and fills forms, the shop's too.
type customer struct {
	t    *testing.T
	http *http.Client
	at   *url.URL
	page string
	code int
}

func newCustomer(t *testing.T) *customer {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &customer{t: t, http: &http.Client{Jar: jar, Timeout: 10 * time.Second}}
}

func (b *customer) took(r *http.Response, err error) {
	b.t.Helper()
	require.NoError(b.t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(b.t, err)
	b.page, b.code, b.at = string(body), r.StatusCode, r.Request.URL
}

func (b *customer) open(address string) {
	b.t.Helper()
	b.took(b.http.Get(address))
}

var (
	shopForm   = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	shopInput  = regexp.MustCompile(`<input[^>]*>`)
	shopSelect = regexp.MustCompile(`<select name="([^"]*)">.*?<option value="([^"]*)" selected>`)
	attributes = regexp.MustCompile(`([a-z]+)="([^"]*)"`)
)

// submit sends the form whose action ends in action, as it is filled in, with values over it.
func (b *customer) submit(action string, values map[string]string) {
	b.t.Helper()
	for _, form := range shopForm.FindAllStringSubmatch(b.page, -1) {
		to, err := b.at.Parse(html.UnescapeString(form[1]))
		require.NoError(b.t, err)
		if !strings.HasSuffix(to.Path, action) {
			continue
		}
		v := url.Values{}
		for _, input := range shopInput.FindAllString(form[2], -1) {
			attrs := map[string]string{}
			for _, a := range attributes.FindAllStringSubmatch(input, -1) {
				attrs[a[1]] = html.UnescapeString(a[2])
			}
			if choice := attrs["type"] == "radio" || attrs["type"] == "checkbox"; attrs["name"] != "" && (!choice || strings.Contains(input, " checked")) {
				v.Set(attrs["name"], attrs["value"])
			}
		}
		for _, choice := range shopSelect.FindAllStringSubmatch(form[2], -1) {
			v.Set(choice[1], choice[2])
		}
		for name, value := range values {
			v.Set(name, value)
		}
		b.took(b.http.PostForm(to.String(), v))
		return
	}
	require.Fail(b.t, "there is no such form", "%s on %s:\n%s", action, b.at, b.page)
}

// pay goes from the shop's product page to the page after the payment.
func (b *customer) pay(shop string, order map[string]string, card string) {
	b.t.Helper()
	b.open(shop)
	require.Equal(b.t, http.StatusOK, b.code)
	b.submit("/shop/orders", order)
	require.Contains(b.t, b.at.Path, "/pay/", b.page)
	b.submit("/FortAPI/paymentPage", nil)
	b.card(card)
	if card == testCardChallenge {
		require.Contains(b.t, b.page, "challenge_pass")
		b.submit(b.at.Path, map[string]string{"action": "challenge_pass"})
	}
	b.back()
}

// card fills in the card page.
func (b *customer) card(number string) {
	b.t.Helper()
	b.submit(b.at.Path, map[string]string{"card_number": number, "expiry_date": "3005", "card_security_code": "123", "card_holder_name": "Layla Khan", "action": "continue"})
}

// back sends the form that brings a buyer back, as a browser's script or its reader does.
func (b *customer) back() {
	b.t.Helper()
	for _, form := range shopForm.FindAllStringSubmatch(b.page, -1) {
		if to, err := url.Parse(html.UnescapeString(form[1])); err == nil && strings.Contains(to.Path, "/return/") {
			b.submit(to.Path, nil)
			break
		}
	}
	require.Equal(b.t, "/shop/thanks", b.at.Path, b.page)
}

var statusPattern = regexp.MustCompile(`<code class="badge">([a-z_]+)</code>`)

// status is what the shop's page says, looked at until it is decided.
func (b *customer) status() string {
	b.t.Helper()
	for range 200 {
		m := statusPattern.FindStringSubmatch(b.page)
		require.NotNil(b.t, m, b.page)
		if m[1] != "processing" {
			return m[1]
		}
		b.open(b.at.String())
	}
	return "processing"
}

// The documented test cards of Amazon Payment Services that this test uses.
const (
	testCard          = "4005550000000001" // no 3-D Secure
	testCardChallenge = "4557012345678902" // 3-D Secure challenge
	testCardDeclined  = "4000000000000002"
)
