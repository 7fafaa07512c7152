package campaign

import (
	"context"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// buyer is a person with a browser without script. What he brings along is where he is.
type buyer struct {
	w         *World
	story     *story
	hosted    string         // the page of ours that leads to the provider
	action    map[string]any // what is asked of him, as the merchant was told
	name      string
	operation string // what the provider calls what he decides, which the page does not show
	r         *rand.Rand
	url       string
	page      string
	leaving   bool // what would bring him back to us is never loaded
}

// neverComes is the script of those who are sent to a page and do not open it.
const neverComes = "never comes"

// buyerOf sends a buyer where the answer says that he has to go, if it does.
func (w *World) buyerOf(s *story, a answer) {
	action, _ := a.body["next_action"].(map[string]any)
	hosted := a.str("next_action.hosted_url")
	if hosted == "" {
		return
	}
	r := w.dice.of("buyer " + s.name)
	b := &buyer{w: w, story: s, hosted: hosted, action: action, name: s.name, r: r}
	script := choose(r, w.manner.scripts)
	w.count("buyer " + script)
	w.acting.Go(func() {
		w.pause(between(r, time.Second, 5*time.Minute))
		w.trace.note("buyer of %s %s", s.name, script)
		if script != neverComes {
			w.side.visit(b, script)
		}
	})
}

func (b *buyer) think() { b.w.pause(between(b.r, time.Second, 3*time.Minute)) }

// decide presses a button of the provider's page, on a line that may be bad: the buyer then looks where he is.
func (b *buyer) decide(action string, fields ...string) bool {
	if !strings.Contains(b.page, `value="`+action+`"`) {
		return false
	}
	b.w.disturb(b.r)
	here := b.url
	if fault := b.w.strike(b.r, b.w.manner.pages, "page"); fault != "" {
		b.w.simulate(b.r, b.operation, fault)
	}
	if b.submit(action, fields...) {
		return true
	}
	b.think()
	return b.open(http.MethodGet, here, nil)
}

var (
	formTag  = regexp.MustCompile(`(?s)<form[^>]*>`)
	inputTag = regexp.MustCompile(`(?s)<input[^>]*>`)
)

func attribute(tag, name string) string {
	m := regexp.MustCompile(`\b` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// submit sends the first form of the page.
func (b *buyer) submit(action string, fields ...string) bool {
	at := formTag.FindStringIndex(b.page)
	if at == nil {
		return false
	}
	body, _, _ := strings.Cut(b.page[at[0]:], "</form>")
	values := url.Values{}
	for _, tag := range inputTag.FindAllString(body, -1) {
		kind, name := attribute(tag, "type"), attribute(tag, "name")
		if name != "" && (kind != "checkbox" && kind != "radio" || strings.Contains(tag, "checked")) {
			values.Set(name, attribute(tag, "value"))
		}
	}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	if action != "" {
		values.Set("action", action)
	}
	base, err := url.Parse(b.url)
	if err != nil {
		return false
	}
	to, err := base.Parse(attribute(b.page[at[0]:at[1]], "action"))
	if err != nil {
		return false
	}
	return b.open(http.MethodPost, to.String(), values)
}

// open loads a page and follows redirects up to the shop; what fails is tried again a few times, as people do.
func (b *buyer) open(method, address string, form url.Values) bool {
	for range 10 {
		if hostOf(address) == hostOf(shopURL) {
			b.url, b.page = address, ""
			return true
		}
		resp := b.load(method, address, form)
		if resp == nil {
			return false
		}
		text, err := io.ReadAll(resp.Body)
		discard(resp)
		if err != nil || resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
			return false
		}
		if resp.StatusCode != http.StatusSeeOther && resp.StatusCode != http.StatusFound {
			b.url, b.page = address, string(text)
			return true
		}
		base, _ := url.Parse(address)
		to, err := base.Parse(resp.Header.Get("Location"))
		if err != nil {
			b.w.violate("a redirect leads nowhere: %v", err)
			return false
		}
		method, address, form = http.MethodGet, to.String(), nil
		if b.leaving && hostOf(address) == hostOf(programURL) {
			return false
		}
	}
	return false
}

// load makes one request; at our own pages a buyer presses reload when nothing comes.
func (b *buyer) load(method, address string, form url.Values) *http.Response {
	for try := range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
		if err != nil {
			cancel()
			b.w.violate("a page has no address: %v", err)
			return nil
		}
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		path := r.URL.Path
		resp, err := b.w.browser(r, fmt.Sprintf("%s %s %s", b.name, method, path[:min(len(path), 12)]))
		if err == nil {
			time.AfterFunc(time.Second, cancel)
			return resp
		}
		cancel()
		if hostOf(address) != hostOf(programURL) || try == 2 {
			return nil
		}
		b.w.pause(between(b.r, time.Second, time.Minute))
	}
	return nil
}
