package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// Rows B-275 to B-284: what a browser brings back is a hint. It may choose the page; it never books.

// returnToken is the token of the address that the provider was given for the buyer's way back.
func (w *world) returnToken(payment *answer) string {
	w.t.Helper()
	for _, f := range payment.at("next_action.post_form.fields").([]any) {
		if field := f.(map[string]any); field["name"] == "return_url" {
			return strings.TrimPrefix(field["value"].(string), w.url+"/return/")
		}
	}
	require.Fail(w.t, "the form has no return address")
	return ""
}

// back loads a return address as a browser does, without following where it leads.
func (w *world) back(method, path, body string) (status int, page string, header http.Header) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	require.NoError(w.t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", typeForm)
	}
	client := *w.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(r)
	require.NoError(w.t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	return resp.StatusCode, string(raw), resp.Header
}

func TestBadReturns(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	p := w.create("order-1", nil)
	id, token := p.str("id"), w.returnToken(p)
	other := w.returnToken(w.callAs("other", "POST", "/v1/payments", order("order-1", nil)).want(201))
	tokens, err := core.NewTokens(secretKey(w.service.config))
	require.NoError(t, err)
	elsewhere, err := core.NewTokens([]byte(strings.Repeat("another-installation-", 3)))
	require.NoError(t, err)
	client := p.str("client_token")
	require.NotEmpty(t, client)
	old := w.create("order-old", nil)
	db := w.raw()
	_, err = db.ExecContext(t.Context(), "UPDATE payments SET created_at = ? WHERE id = ?", time.Now().Add(-31*24*time.Hour).UnixMicro(), old.str("id"))
	require.NoError(t, err)
	w.quiet(db)
	for id, path := range map[string]string{
		"B-275 none": "/return/", "B-275 not even a slash": "/return", "B-276 wrong": "/return/" + strings.Repeat("a", len(token)), "B-276 one letter": "/return/" + flip(token, 5), "B-276 seal": "/return/" + flip(token, len(token)-1),
		"B-276 cut": "/return/" + token[:len(token)-1], "B-276 longer": "/return/" + token + "a", "B-276 upper case": "/return/" + strings.ToUpper(token), "B-276 a path": "/return/..%2f..%2fv1%2fpayments", "B-276 markup": "/return/%3Cscript%3E",
		"B-277 of an attempt that is not": "/return/" + tokens.Return(id, 2, core.LegResult), "B-277 of attempt 0": "/return/" + tokens.Return(id, 0, core.LegResult), "B-277 of a payment that is not": "/return/" + tokens.Return(id[:len(id)-4]+"0000", 1, core.LegResult),
		"B-277 half of another one": "/return/" + token[:len(token)-32] + other[len(other)-32:], "B-277 the page's token": "/return/" + client, "B-279 over": "/return/" + w.returnToken(old), "B-284 of another installation": "/return/" + elsewhere.Return(id, 1, core.LegResult),
		"pay: none": "/pay/", "pay: wrong": "/pay/ct_" + strings.Repeat("a", 58), "pay: a return token": "/pay/" + token, "pay: over": "/pay/" + old.str("client_token"), "pay: cut": "/pay/" + client[:len(client)-1],
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if method == http.MethodPost && !strings.HasPrefix(path, "/return/") {
				continue
			}
			w.unchanged(db, id, func() {
				status, page, header := w.back(method, path, "response_code=14000&status=14")
				require.Equal(t, http.StatusNotFound, status, "%s: %s", id, page)
				require.Empty(t, header.Get("Location"), id)
				require.NotContains(t, page, "order-1", id)
				require.NotContains(t, page, "<script>", id)
			})
		}
	}
	require.Equal(t, "requires_action", w.get(id).str("status"))
}

// A good token with whatever a browser makes up: it goes on to the shop, and nothing is booked, asked or stored.
func TestForgedReturns(t *testing.T) {
	w := newWorld(t, sqliteDSN(t))
	p := w.create("order-1", nil)
	id, path := p.str("id"), "/return/"+w.returnToken(p)
	db := w.raw()
	w.quiet(db)
	plain := told("aps-main", w.reference(id), nil)
	good := signed("aps-main", plain)
	for name, body := range map[string]string{
		"B-280 unsigned": asForm(plain), "B-280 forged": asForm(altered(good, "amount", "1")), "B-280 another account's": asForm(signed("aps-other", told("aps-other", w.reference(id), nil))),
		"B-280 another payment's": asForm(signed("aps-main", told("aps-main", "SOMETHING-ELSE", nil))), "B-280 doubled": asForm(good) + "&amount=1", "B-280 doubled by case": asForm(good) + "&AMOUNT=1",
		"B-281 markup": asForm(altered(good, "response_message", "<script>alert(1)</script>", "card_holder_name", `"><img src=x>`)), "no fields": "", "200 fields and one": strings.Repeat("a=1&", 200) + "b=1",
	} {
		w.unchanged(db, name, func() {
			status, page, header := w.back(http.MethodPost, path, body)
			require.Equal(t, http.StatusSeeOther, status, "%s: %s", name, page)
			require.Equal(t, "https://shop.example/thanks?cart=1&payment="+id, header.Get("Location"), name)
			require.NotContains(t, page, "alert", name)
		})
	}
	w.unchanged(db, "B-282 8 kB", func() {
		status, _, _ := w.back(http.MethodGet, path+"?x="+strings.Repeat("a", 8<<10), "")
		require.Less(t, status, 500, "B-282")
	})
	for name, c := range map[string]struct{ method, path, body string }{
		"broken escape": {http.MethodPost, path, "a=%zz"}, "broken query": {http.MethodGet, path + "?a=%zz", ""}, "64 kB and one": {http.MethodPost, path, strings.Repeat("a", 64<<10+1)},
	} {
		w.unchanged(db, name, func() {
			status, page, _ := w.back(c.method, c.path, c.body)
			require.Equal(t, http.StatusBadRequest, status, name)
			require.Contains(t, page, "cannot be read", name)
		})
	}
	require.Equal(t, "requires_action", w.get(id).str("status"))

	// What APS itself signed has it asked, once, and it says that nothing was paid: the signature of a browser is not
	// believed, for it may be of a page that the buyer left open.
	asked := w.timesAsked(w.reference(id))
	for range 3 { // B-278: used again
		status, _, _ := w.back(http.MethodPost, path, asForm(good))
		require.Equal(t, http.StatusSeeOther, status)
	}
	require.Equal(t, asked+1, w.timesAsked(w.reference(id)))
	a := w.get(id)
	require.Equal(t, []string{"processing", "0"}, []string{a.str("status"), a.str("amounts.authorized")})
	w.balanced(id)
	// B-283: the same by GET, as some accounts are set up.
	second := w.create("order-2", nil)
	query := "?" + values(signed("aps-main", told("aps-main", w.reference(second.str("id")), nil))).Encode()
	status, _, header := w.back(http.MethodGet, "/return/"+w.returnToken(second)+query, "")
	require.Equal(t, http.StatusSeeOther, status)
	to, err := url.Parse(header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, "cart=1&payment="+second.str("id"), to.RawQuery, "nothing the browser brought goes on")
	require.Equal(t, "0", w.get(second.str("id")).str("amounts.authorized"))
}

// B-284: another instance of the same installation takes the buyer back.
func TestReturnToAnotherInstance(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		p := w.create("order-1", nil)
		token, signed := w.returnToken(p), asForm(signed("aps-main", told("aps-main", w.reference(p.str("id")), nil)))
		if w.sqlite() {
			w.stop() // one process at a time
		}
		other := w.apart(func(text string) string { return text })
		status, _, header := other.back(http.MethodPost, "/return/"+token, signed)
		require.Equal(t, http.StatusSeeOther, status)
		require.Contains(t, header.Get("Location"), "payment="+p.str("id"))
		require.Equal(t, "0", other.get(p.str("id")).str("amounts.authorized"))
	})
}
