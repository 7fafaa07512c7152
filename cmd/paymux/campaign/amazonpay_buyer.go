package campaign

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/paymux/paymux/providers/amazonpay/sandbox"
)

// The test instruments of Amazon's documents, and those of its simulator that ask for more.
const (
	walletPlain    = "1111"
	walletCanceled = "3064" // it ends as if he had canceled
	walletDeclined = "3434" // for good
	walletLatePaid = "0701" // decided half a minute later: authorized
	walletLateNot  = "4354" // … declined
	walletChecked  = "3155" // the bank asks
	walletAnother  = "0002" // declined while it is processed; another one may be chosen
)

var amazonScripts = []choice{{"pays", 35}, {"pays with a challenge", 12}, {"declined once, then pays", 8}, {"declined", 8}, {"fails the challenge", 6},
	{"fails the challenge, then pays", 4}, {"cancels", 6}, {"cancels in the end", 5}, {"ends as canceled", 3}, {neverComes, 5}, {"leaves Amazon's page", 5},
	{"pays and leaves", 8}, {"comes back twice", 6}, {"keeps the page for later", 10}}

// amazonWallets are the instruments that scripts need; the others take the first.
var amazonWallets = map[string]string{"pays with a challenge": walletChecked, "fails the challenge": walletChecked, "fails the challenge, then pays": walletChecked,
	"declined once, then pays": walletAnother, "declined": walletDeclined, "ends as canceled": walletCanceled}

// visit clicks the button of the shop, or follows where the shop sends him after his review, and does what the script says.
func (*amazonSide) visit(b *buyer, script string) {
	b.operation, b.leaving = "processing", script == "pays and leaves"
	if script == "keeps the page for later" {
		b.w.pause(between(b.r, time.Minute, 3*time.Hour) + aWhile(b.r))
	}
	if redirect, ok := b.action["redirect_to_url"].(map[string]any); ok {
		address, _ := redirect["url"].(string)
		if b.open(http.MethodGet, address, nil) && script != "leaves Amazon's page" {
			b.process(script)
		}
		return
	}
	if b.action["type"] != "render_widget" || !b.click() { // he may only have to wait
		return
	}
	b.think()
	if script == "cancels" {
		b.press("cancel")
		return
	}
	wallet := amazonWallets[script]
	if b.story.flow == amazonPending && percent(b.r, 70) {
		wallet = []string{walletLatePaid, walletLateNot}[b.r.IntN(2)]
	}
	if !b.press("continue") || wallet != "" && !b.choose(wallet) || script == "leaves Amazon's page" || !b.goOn() {
		return
	}
	b.process(script)
}

// goOn leaves the page that sums up what he chose. Asked whether he may be charged again, he mostly agrees.
func (b *buyer) goOn() bool {
	if !b.offers("approve") {
		return b.press("continue")
	}
	if percent(b.r, 80) {
		return b.press("approve")
	}
	return b.press("decline")
}

func (b *buyer) offers(action string) bool { return strings.Contains(b.page, `value="`+action+`"`) }

// process does what the processing page asks for, until he is at the shop again. At a shop that shows him his order first he
// is already.
func (b *buyer) process(script string) {
	end, failed := "continue", false
	if script == "cancels in the end" {
		end = "cancel"
	}
	for range 6 {
		if hostOf(b.url) != hostOf(amazonURL) {
			return
		}
		b.think()
		before, ok := *b, false
		switch {
		case b.offers("challenge_pass"):
			act := "challenge_pass"
			if strings.HasPrefix(script, "fails") && !failed {
				act, failed = "challenge_fail", true
			}
			ok = b.decide(act)
		case strings.Contains(b.page, `name="paymentInstrumentId"`) && (script == "fails the challenge" || script == "declined"):
			ok = b.press("cancel")
		case strings.Contains(b.page, `name="paymentInstrumentId"`):
			ok = b.press("continue", "paymentInstrumentId", walletPlain)
		default:
			ok = b.decide(end)
		}
		if ok && script == "comes back twice" && hostOf(b.url) == hostOf(shopURL) {
			b.think()
			before.open(http.MethodGet, before.url, nil)
		}
		if !ok {
			return
		}
	}
}

// click posts what the shop's button hands to Amazon.
func (b *buyer) click() bool {
	widget, _ := b.action["render_widget"].(map[string]any)
	config, _ := widget["config"].(map[string]any)
	session, ok := config["createCheckoutSessionConfig"].(map[string]any)
	if !ok {
		session, _ = config["signInConfig"].(map[string]any) // it signs in, and agrees there
	}
	form := url.Values{}
	for _, from := range []map[string]any{config, session} {
		for name, value := range from {
			if text, ok := value.(string); ok {
				form.Set(name, text)
			}
		}
	}
	if config["sandbox"] == true {
		form.Set("sandbox", "true")
	}
	if form.Get("payloadJSON") == "" {
		b.w.violate("a buyer of %s has no button: %v", b.name, fmt.Sprint(b.action))
		return false
	}
	return b.open(http.MethodPost, amazonURL+sandbox.ButtonPath, form)
}

// choose takes another instrument from the wallet.
func (b *buyer) choose(ending string) bool {
	return b.press("change_instrument") && b.press("continue", "paymentInstrumentId", ending)
}

// press presses a button of a page on which nothing is decided, on a line that is good.
func (b *buyer) press(action string, fields ...string) bool {
	b.think()
	return b.submit(action, fields...)
}
