package main

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shopper is a buyer's browser without script, cookies or knowledge of the program: it loads pages, fills in forms and
// follows redirects, until it is sent to shop.example, which does not exist.
type shopper struct {
	t    *testing.T
	http *http.Client
	// stop, where it is told, is in addresses that are not loaded: the integrator's own, who takes the return himself.
	stop string
}

const shopHost = "shop.example"

func newShopper(t *testing.T) *shopper {
	return &shopper{t: t, http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// sheet is what the shopper shows.
type sheet struct {
	b      *shopper
	url    string
	status int
	html   string
}

func (b *shopper) open(address string) *sheet { return b.load(http.MethodGet, address, nil) }

func (b *shopper) load(method, address string, form url.Values) *sheet {
	b.t.Helper()
	for range 10 {
		if u, err := url.Parse(address); err == nil && (u.Host == shopHost || b.stop != "" && strings.Contains(u.Path, b.stop)) {
			return &sheet{b: b, url: address, status: http.StatusOK}
		}
		r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
		require.NoError(b.t, err)
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := b.http.Do(r)
		require.NoError(b.t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(b.t, resp.Body.Close())
		require.NoError(b.t, err)
		if resp.StatusCode != http.StatusSeeOther && resp.StatusCode != http.StatusFound {
			return &sheet{b, address, resp.StatusCode, string(body)}
		}
		to, err := r.URL.Parse(resp.Header.Get("Location"))
		require.NoError(b.t, err)
		method, address, form = http.MethodGet, to.String(), nil
	}
	require.Fail(b.t, "redirected too often")
	return nil
}

var (
	formTag  = regexp.MustCompile(`(?s)<form[^>]*>`)
	attr     = func(name string) *regexp.Regexp { return regexp.MustCompile(`\b` + name + `="([^"]*)"`) }
	inputTag = regexp.MustCompile(`(?s)<input[^>]*>`)
	selected = regexp.MustCompile(`(?s)<select name="([^"]*)">.*?<option value="([^"]*)" selected>`)
)

func attribute(tag, name string) string {
	m := attr(name).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// form is the first form of the page whose address ends in end: where it goes and what it would send.
func (p *sheet) form(end string) (action string, values url.Values) {
	p.b.t.Helper()
	base, err := url.Parse(p.url)
	require.NoError(p.b.t, err)
	for _, at := range formTag.FindAllStringIndex(p.html, -1) {
		to, err := base.Parse(attribute(p.html[at[0]:at[1]], "action"))
		require.NoError(p.b.t, err)
		if strings.HasSuffix(to.Path, end) {
			body, _, _ := strings.Cut(p.html[at[0]:], "</form>")
			return to.String(), filledIn(body)
		}
	}
	require.Fail(p.b.t, "there is no such form", "%q on %s, status %d:\n%s", end, p.url, p.status, p.html)
	return "", nil
}

// filledIn is what a form would send as it is.
func filledIn(body string) url.Values {
	values := url.Values{}
	for _, tag := range inputTag.FindAllString(body, -1) {
		kind, name := attribute(tag, "type"), attribute(tag, "name")
		if name == "" || (kind == "checkbox" || kind == "radio") && !strings.Contains(tag, "checked") {
			continue
		}
		values.Set(name, attribute(tag, "value"))
	}
	for _, choice := range selected.FindAllStringSubmatch(body, -1) {
		values.Set(choice[1], choice[2])
	}
	return values
}

// submit sends the first form with fields filled in; action is the name of the button pressed, empty for one without a name.
func (p *sheet) submit(action string, fields ...string) *sheet {
	return p.submitTo("", action, fields...)
}

// submitTo is submit for the form whose address ends in end.
func (p *sheet) submitTo(end, action string, fields ...string) *sheet {
	p.b.t.Helper()
	to, values := p.form(end)
	for i := 0; i < len(fields); i += 2 {
		require.True(p.b.t, values.Has(fields[i]), "the form has no %s:\n%s", fields[i], p.html)
		values.Set(fields[i], fields[i+1])
	}
	if action != "" {
		require.Contains(p.b.t, p.html, `value="`+action+`"`)
		values.Set("action", action)
	}
	return p.b.load(http.MethodPost, to, values)
}

// Test cards of the documents.
const (
	cardPlain    = "4005550000000001" // no 3-D Secure
	cardChecked  = "4557012345678902" // 3-D Secure challenge
	cardDeclined = "4000000000000002"
)

// card fills in the card page and sends it.
func (p *sheet) card(number string) *sheet {
	p.b.t.Helper()
	return p.submit("continue", "card_number", number, "expiry_date", "3005", "card_security_code", "123", "card_holder_name", "LAYLA KHAN")
}

// atShop requires that the buyer has arrived at the shop's address.
func (p *sheet) atShop(path string) {
	p.b.t.Helper()
	u, err := url.Parse(p.url)
	require.NoError(p.b.t, err)
	require.Equal(p.b.t, shopHost+path, u.Host+u.Path, "status %d:\n%s", p.status, p.html)
}

// buy fills in the product page of the demo's shop and goes on to the provider's page.
func (b *shopper) buy(shop string, order ...string) *sheet {
	b.t.Helper()
	p := b.open(shop)
	require.Equal(b.t, http.StatusOK, p.status)
	p = p.submitTo("/shop/orders", "", order...)
	require.Contains(b.t, p.url, "/pay/", p.html)
	return p.submitTo("/FortAPI/paymentPage", "")
}

// pay goes from the product page of the demo's shop to the page after the payment.
func (b *shopper) pay(shop, card string, order ...string) *sheet {
	b.t.Helper()
	p := b.buy(shop, order...).card(card)
	if card == cardChecked {
		p = p.submit("challenge_pass")
	}
	return p.back()
}

// back sends the form that brings a buyer back to the demo's shop, as a browser's script does.
func (p *sheet) back() *sheet {
	p.b.t.Helper()
	if strings.Contains(p.html, "/return/") {
		p = p.submit("")
	}
	require.Contains(p.b.t, p.url, "/shop/thanks?", p.html)
	return p
}

var statusPattern = regexp.MustCompile(`<code class="badge">([a-z_]+)</code>`)

// decided is the shop's page once the payment on it is decided, with its status; the page is looked at again until then.
func (p *sheet) decided() (page *sheet, status string) {
	p.b.t.Helper()
	for range 200 {
		m := statusPattern.FindStringSubmatch(p.html)
		require.NotNil(p.b.t, m, p.html)
		if m[1] != "processing" {
			return p, m[1]
		}
		p = p.b.open(p.url)
	}
	return p, "processing"
}
