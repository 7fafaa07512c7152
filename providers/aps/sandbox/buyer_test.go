package sandbox

import (
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// order is a signed request to the page; change edits it before it is signed, and a nil value removes a field.
func (w *world) order(reference string, change map[string]string) url.Values {
	fields := map[string]string{
		"command": "PURCHASE", "access_code": w.account.AccessCode, "merchant_identifier": w.account.MerchantIdentifier,
		"merchant_reference": reference, "amount": "12550", "currency": "AED", "language": "en",
		"customer_email": "layla@example.org", "return_url": shopURL,
	}
	return w.form(fields, change)
}

func (w *world) form(fields, change map[string]string) url.Values {
	maps.Copy(fields, change)
	maps.DeleteFunc(fields, func(_, v string) bool { return v == removed })
	if fields["signature"] == "" {
		fields["signature"] = sign(w.account.SHAType, w.account.RequestPhrase, fields)
	}
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, value)
	}
	return form
}

const removed = "\x00removed"

// page is what the buyer sees.
type page struct {
	w       *world
	address string
	status  int
	header  http.Header
	html    string
}

func (w *world) browse(method, address string, form url.Values) *page {
	w.t.Helper()
	for range 5 {
		r, err := http.NewRequestWithContext(w.t.Context(), method, address, strings.NewReader(form.Encode()))
		require.NoError(w.t, err)
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := w.http.Do(r)
		require.NoError(w.t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(w.t, err)
		p := &page{w, address, resp.StatusCode, resp.Header, strings.Replace(string(body), string(simulator.Style), "", 1)}
		if resp.StatusCode != http.StatusSeeOther {
			return p
		}
		to, err := r.URL.Parse(resp.Header.Get("Location"))
		require.NoError(w.t, err)
		if to.Host == shopHost {
			p.address = to.String()
			return p
		}
		method, address, form = http.MethodGet, to.String(), nil
	}
	require.Fail(w.t, "redirected too often")
	return nil
}

// pay sends the buyer to the payment page.
func (w *world) pay(form url.Values) *page {
	w.t.Helper()
	return w.browse(http.MethodPost, "https://"+simHost+PaymentPagePath, form)
}

// press submits the form the page shows.
func (p *page) press(action string, input ...string) *page {
	p.w.t.Helper()
	require.Contains(p.w.t, p.html, `name="action" value="`+action+`"`)
	form := url.Values{"action": {action}}
	for i := 0; i < len(input); i += 2 {
		require.Contains(p.w.t, p.html, `name="`+input[i]+`"`)
		form.Set(input[i], input[i+1])
	}
	return p.w.browse(http.MethodPost, p.address, form)
}

// card enters a test card.
func (p *page) card(number string) *page {
	p.w.t.Helper()
	card, ok := findCard(number)
	require.True(p.w.t, ok)
	return p.press("continue", "card_number", number, "expiry_date", "9912", "card_security_code", card.CVV, "card_holder_name", "LAYLA KHAN")
}

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// returned are the verified fields the page sends back to the shop.
func (p *page) returned() map[string]string {
	p.w.t.Helper()
	require.Contains(p.w.t, p.html, `id="return"`, "the buyer is not sent back")
	fields := map[string]string{}
	for _, m := range hiddenInput.FindAllStringSubmatch(p.html, -1) {
		fields[html.UnescapeString(m[1])] = html.UnescapeString(m[2])
	}
	require.Equal(p.w.t, sign(p.w.account.SHAType, p.w.account.ResponsePhrase, fields), fields["signature"], "return is badly signed")
	return fields
}
