package sandbox

import (
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"

	"github.com/paymux/paymux/providers/internal/simulator"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pages = template.Must(template.New("").ParseFS(pageFiles, "pages/*.html"))

// view is what every hosted page shows. Its templates ask .T for words in the buyer's language.
type view struct {
	Nonce     string
	Style     template.CSS
	Brand     template.CSS
	Logo      template.URL
	Title     string // in place of the common one
	Merchant  string
	Language  string
	RTL       bool
	Wide      bool
	Amount    string // major units
	Currency  string
	Order     string // merchant_reference
	Own       string // the merchant's own order number, if it sent one
	About     string
	Problem   string
	TriesLeft int
	Option    string
	Path      string // of the session, for its forms
	Action    string // address the return form posts to
	Fields    [][2]string
	Data      any
}

// T is one text in the language of the page.
func (v view) T(name string) string {
	texts := words[name]
	if v.RTL {
		return texts[1]
	}
	return texts[0]
}

func (s *Server) brandView(a *Account, language string) view {
	v := view{Style: simulator.Style, Language: "en", RTL: language == "ar"}
	if v.RTL {
		v.Language = "ar"
	}
	if a == nil {
		return v
	}
	b := a.Branding
	v.Merchant = b.Name
	if v.Merchant == "" {
		v.Merchant = a.MerchantIdentifier
	}
	if len(b.Logo) > 0 {
		v.Logo = template.URL("data:" + logoType(b.Logo) + ";base64," + base64.StdEncoding.EncodeToString(b.Logo))
	}
	css := "" // the values passed complete(), so none of them can end the rule
	if b.Colour != "" {
		css += fmt.Sprintf("--brand:%s;--on-brand:%s;", b.Colour, readableOn(b.Colour))
	}
	if b.Background != "" {
		css += fmt.Sprintf("--page:%s;", b.Background)
	}
	if b.Font != "" {
		css += fmt.Sprintf("--font:%s,system-ui,sans-serif;", b.Font)
	}
	if css != "" {
		v.Brand = template.CSS(":root{" + css + "}")
	}
	return v
}

func logoType(logo []byte) string {
	if found := http.DetectContentType(logo); found == "image/png" || found == "image/jpeg" || found == "image/gif" {
		return found
	}
	return "image/svg+xml"
}

// readableOn is black or white, whichever contrasts more with a colour of the form #rrggbb.
func readableOn(colour string) string {
	rgb, _ := strconv.ParseUint(colour[1:], 16, 32)
	if 299*(rgb>>16)+587*(rgb>>8&0xff)+114*(rgb&0xff) > 150_000 {
		return "#10201c"
	}
	return "#ffffff"
}

// render shows a stage of a session. The caller holds the lock.
func (s *Server) render(w http.ResponseWriter, status int, sess *session, name string, data any) {
	v := s.brandView(sess.account, sess.fields["language"])
	amount, _ := strconv.ParseInt(sess.fields["amount"], 10, 64)
	v.Amount, v.Currency = majorAmount(amount, sess.fields["currency"]), sess.fields["currency"]
	v.Order, v.Own, v.About = sess.fields["merchant_reference"], ownNumber(sess.fields), sess.fields["order_description"]
	v.Option = paymentOptions[sess.waiting.option].name
	v.Data, v.Path = data, PaymentPagePath+"/"+sess.id
	v.TriesLeft = sess.account.Attempts
	if o := s.books.orders[key(sess.account.MerchantIdentifier, v.Order)]; o != nil {
		v.TriesLeft -= o.tries
	}
	if sess.problem != "" {
		v.Problem = messageText(sess.problem, v.Language)
	}
	s.write(w, status, name, v)
}

// ownNumber is what the merchant calls the order in its own books, where it does not use merchant_reference for that.
func ownNumber(fields map[string]string) string {
	if own := fields["merchant_extra"]; own != fields["merchant_reference"] {
		return own
	}
	return ""
}

func (s *Server) write(w http.ResponseWriter, status int, name string, v view) {
	err := simulator.WritePage(w, status, pages, name, func(nonce string) any { v.Nonce = nonce; return v })
	if err != nil {
		s.sim.Log.Error("page not written", "page", name, "error", err)
	}
}

// cardData is what the card page shows beside the order.
type cardData struct {
	Wrong    map[string]string // input to word
	Entered  map[string]string
	Saved    string // masked number of the saved card
	SavedBy  string
	Code     int // digits of the security code; 0: unknown yet
	Remember bool
	Kept     bool
	Options  []optionData
	Cards    []cardHint
	Magic    bool
	Use      testCard // chosen from the list of test cards, to be filled in
	UseUntil string
}

type optionData struct{ Value, Name string }

type cardHint struct{ Brand, Digits, Number, CVV, Says string }

// cardView makes the card page; use is the test card the buyer chose from the list, if any.
func (s *Server) cardView(sess *session, use string) cardData {
	arabic := 0
	if sess.fields["language"] == "ar" {
		arabic = 1
	}
	d := cardData{Wrong: sess.wrong, Entered: sess.entered, Magic: sess.account.MagicAmounts, Code: 4}
	if card, ok := findCard(use); ok {
		d.Use, d.UseUntil = card, s.sim.Clock.Now().UTC().AddDate(3, 0, 0).Format("01/06")
	}
	if saved := s.savedCard(sess); saved != nil {
		card, _ := findCard(saved.number)
		d.Saved, d.SavedBy, d.Code = saved.card.number, paymentOptions[card.Option].name, len(card.CVV)
	} else {
		d.Kept = sess.fields["remember_me"] == "YES"
		d.Remember = sess.fields["remember_me"] == "" && sess.fields["token_name"] == "" && !sess.account.WithoutTokens
	}
	if sess.fields["payment_option"] == "" && sess.fields["digital_wallet"] == "" && d.Saved == "" {
		for _, name := range offered(sess.account, sess.fields["command"], sess.fields["currency"]) {
			d.Options = append(d.Options, optionData{name, paymentOptions[name].name})
		}
	}
	for _, card := range testCards {
		wanted := sess.fields["payment_option"]
		if card.fits(sess.fields["command"], sess.fields["currency"]) && sess.account.active(card.Option) && (wanted == "" || wanted == card.Option) {
			d.Cards = append(d.Cards, cardHint{paymentOptions[card.Option].name, card.Number, grouped(card.Number), card.CVV, card.Says[arabic]})
		}
	}
	return d
}

// grouped writes a card number in groups of four, as on the card.
func grouped(number string) string {
	text := ""
	for group := range slices.Chunk([]byte(number), 4) {
		text += string(group) + " "
	}
	return text[:len(text)-1]
}

// showReturn sends the browser back: by a form that posts itself (and has a button for clients without script),
// or by a redirect for accounts whose return URL type is GET.
func (s *Server) showReturn(w http.ResponseWriter, a *Account, to string, fields map[string]string) {
	if a.ReturnMethod == http.MethodGet {
		w.Header().Set("Location", s.returnAddress(to, fields))
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	v := s.brandView(a, fields["language"])
	v.Action = to
	for _, name := range s.shuffled(fields) {
		v.Fields = append(v.Fields, [2]string{name, fields[name]})
	}
	s.write(w, http.StatusOK, "return", v)
}

// showError is the page of a request that cannot be sent back to the merchant: nobody is known to sign for.
func (s *Server) showError(w http.ResponseWriter, no *refusal) {
	v := s.brandView(nil, "en")
	v.Problem = no.code + ": " + messageText(no.code, "en")
	s.write(w, http.StatusOK, "error", v)
}

// wrongData is one input's message.
type wrongData struct{ Input, Text string }

// Named pairs an input with what is wrong with it.
func (v view) Named(input, word string) wrongData {
	if word == "" {
		return wrongData{}
	}
	return wrongData{input, v.T(word)}
}

// Initial stands in for a logo.
func (v view) Initial() string {
	for _, first := range v.Merchant {
		return string(first)
	}
	return ""
}
