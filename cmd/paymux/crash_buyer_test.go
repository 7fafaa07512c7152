package main

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// visitor is a buyer's browser that may find nobody at home: unlike a shopper's, its pages may fail to come.
type visitor struct {
	http  *http.Client
	where *url.URL
	page  string
}

func newVisitor() *visitor {
	return &visitor{http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host == shopHost || len(via) > 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

var errPage = errors.New("that is not the page")

func (v *visitor) post(address string, values url.Values) error {
	resp, err := v.http.PostForm(address, values)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode >= 400 || resp.Header.Get(nobody) != "") {
		err = errPage
	}
	v.where, v.page = resp.Request.URL, string(page)
	return err
}

// submit sends the page's first form with fields filled in.
func (v *visitor) submit(fields map[string]string) error {
	tag := formTag.FindString(v.page)
	if tag == "" {
		return errPage
	}
	to, err := v.where.Parse(attribute(tag, "action"))
	if err != nil {
		return err
	}
	body, _, _ := strings.Cut(v.page[strings.Index(v.page, tag):], "</form>")
	values := filledIn(body)
	for name, value := range fields {
		values.Set(name, value)
	}
	return v.post(to.String(), values)
}

// card fills in the provider's page.
func (v *visitor) card(number string) error {
	return v.submit(map[string]string{"card_number": number, "expiry_date": "3005", "card_security_code": "123", "card_holder_name": "LAYLA KHAN", "action": "continue"})
}

// buys goes from the payment's next action through the provider's page, trying a card first that is refused if wavering,
// and back to us if returning. What happens to the money is the provider's to say.
func (f *fleet) buys(created *call, wavering, returning bool) {
	form := url.Values{}
	action := &answer{body: decoded(created.raw)}
	list, _ := action.at("next_action.post_form.fields").([]any)
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			name, _ := m["name"].(string)
			value, _ := m["value"].(string)
			form.Set(name, value)
		}
	}
	v := newVisitor()
	err := v.post(action.str("next_action.post_form.url"), form)
	if err == nil && wavering {
		err = v.card(cardDeclined)
	}
	if err == nil {
		err = v.card(cardPlain)
	}
	if err != nil {
		f.wrong("the buyer of %s could not pay at the provider: %v\n%.300s", created.key, err, v.page)
		return
	}
	if !returning {
		return
	}
	back := *v
	for range 3 { // a browser that reaches nobody is reloaded
		if v.submit(nil) == nil {
			return
		}
		*v = back
	}
}
