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

// The test cards of the provider's documents, and those of its simulator that stay uncertain for a while.
const (
	cardPlain    = "4005550000000001"
	cardChecked  = "4557012345678902" // 3-D Secure asks
	cardDeclined = "4000000000000002"
	cardLatePaid = "4000000000000119" // uncertain, then paid
	cardLateNot  = "4000000000000259" // uncertain, then declined
)

// buyer is a person with a browser without script. What he brings along is where he is.
type buyer struct {
	w         *World
	name      string
	operation string // what the provider calls the payment he decides, which the page does not show
	r         *rand.Rand
	url       string
	page      string
}

var scripts = []choice{{"pays", 35}, {"pays with 3-D Secure", 12}, {"declined, then pays", 10}, {"declined and leaves", 6}, {"fails 3-D Secure", 5},
	{"fails 3-D Secure, then pays", 4}, {"cancels", 6}, {"never comes", 5}, {"leaves the card page", 5}, {"pays and leaves", 8}, {"comes back twice", 6},
	{"keeps the page for later", 10}, {"pays in two windows", 5}, {"uncertain, paid", 6}, {"uncertain, declined", 4}}

// buyerOf sends a buyer to the hosted page of a payment.
func (w *World) buyerOf(s *story, hosted string) {
	if hosted == "" {
		return
	}
	r := w.dice.of("buyer " + s.name)
	b := &buyer{w: w, name: s.name, r: r, operation: "PURCHASE"}
	if s.manual {
		b.operation = "AUTHORIZATION"
	}
	script := choose(r, scripts)
	w.count("buyer " + script)
	w.acting.Go(func() {
		w.pause(between(r, time.Second, 5*time.Minute))
		w.trace.note("buyer of %s %s", s.name, script)
		if script != "never comes" && b.open(http.MethodGet, hosted, nil) {
			b.follow(script)
		}
	})
}

// follow does what the script says, from the form that leads to the provider.
func (b *buyer) follow(script string) {
	if script == "keeps the page for later" {
		b.w.pause(between(b.r, time.Minute, 3*time.Hour) + aWhile(b.r))
		script = "pays"
	}
	if !b.submit("") { // the form of our hosted page, to the provider
		return
	}
	first := *b
	b.think()
	ok := true
	switch script {
	case "pays", "pays and leaves", "comes back twice", "pays in two windows":
		ok = b.card(cardPlain)
	case "pays with 3-D Secure":
		ok = b.card(cardChecked) && b.decide("challenge_pass")
	case "declined, then pays":
		ok = b.card(cardDeclined) && b.card(cardPlain)
	case "declined and leaves":
		b.card(cardDeclined)
		return
	case "fails 3-D Secure":
		ok = b.card(cardChecked) && b.decide("challenge_fail")
	case "fails 3-D Secure, then pays":
		ok = b.card(cardChecked) && b.decide("challenge_fail") && b.card(cardPlain)
	case "cancels":
		ok = b.decide("cancel")
	case "uncertain, paid":
		ok = b.card(cardLatePaid)
	case "uncertain, declined":
		ok = b.card(cardLateNot)
	case "leaves the card page":
		return
	}
	if script == "pays in two windows" {
		first.r = b.r
		first.think()
		first.card(cardPlain)
	}
	if !ok || script == "pays and leaves" {
		return
	}
	b.think()
	back := *b
	b.submit("")
	if script == "comes back twice" {
		b.think()
		back.submit("")
	}
}

func (b *buyer) think() { b.w.pause(between(b.r, time.Second, 3*time.Minute)) }

// card fills in the card page.
func (b *buyer) card(number string) bool {
	b.think()
	return b.decide("continue", "card_number", number, "expiry_date", "3005", "card_security_code", "123", "card_holder_name", "LAYLA KHAN")
}

// decide presses a button of the provider's page, on a line that may be bad: the buyer then looks where he is.
func (b *buyer) decide(action string, fields ...string) bool {
	if !strings.Contains(b.page, `value="`+action+`"`) {
		return false
	}
	b.w.disturb(b.r)
	here := b.url
	if fault := b.w.strike(b.r, pageFaults, "page"); fault != "" {
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
