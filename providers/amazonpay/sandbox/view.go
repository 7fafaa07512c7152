package sandbox

import (
	"embed"
	"html/template"
	"net/http"
	"strings"

	"github.com/paymux/paymux/providers/internal/simulator"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed pages/look.css
var look string

var pages = template.Must(template.New("").ParseFS(pageFiles, "pages/*.html"))

// view is what every page shows. Its templates ask .T for words in the buyer's language.
type view struct {
	Nonce    string
	Style    template.CSS
	Look     template.CSS
	Language string
	Wide     bool
	Title    string
	Lead     string
	Shop     string
	Problem  string // a word

	Buyer, Mail             string
	Amount, Currency, About string

	Address     []string
	AddressNote string
	CanMove     bool
	Instrument  string
	Effect      string
	CanChange   bool
	Every       string // what the recurring link tells
	Shares      []string
	Saves       bool
	Asks        bool // approve and decline instead of continue
	Button      string
	Refuse      string
	CanSwitch   bool
	Later       bool
	Back        bool
	Choices     []choice

	Session, State, Code, Message string
	Home                          string
	Data                          any

	language int
}

// choice is one entry of a list.
type choice struct {
	Name, Value, Title string
	Lines              []string
	Effect             string
	Unfit              string // why it cannot be chosen
	Chosen             bool
}

// T is one text in the language of the page.
func (v view) T(name string) string { return words[name][v.language] }

// Initial stands in for a logo.
func (v view) Initial() string {
	for _, first := range v.Shop {
		return strings.ToUpper(string(first))
	}
	return ""
}

var languages = []string{"en", "de", "ja"}

// blank is a page without content, in the language that the button asked for (de_DE).
func blank(language string) view {
	v := view{Style: simulator.Style, Look: template.CSS(look), Language: "en"}
	for i, known := range languages {
		if strings.HasPrefix(language, known) {
			v.Language, v.language = known, i
		}
	}
	return v
}

func (v *visit) view() view {
	w := blank(v.language)
	w.Shop, w.Problem = v.shop(), v.problem
	if v.buyer != nil {
		w.Buyer, w.Mail = v.buyer.name, v.buyer.email
	}
	return w
}

// shop is the merchant's name, as the buyer knows it.
func (v *visit) shop() string {
	if v.session != nil && isSet(v.session.MerchantMetadata.MerchantStoreName) {
		return *v.session.MerchantMetadata.MerchantStoreName
	}
	if v.account == nil {
		return ""
	}
	return v.account.shownName()
}

// render shows the page a visit is at. The caller holds the lock.
func (s *Server) render(w http.ResponseWriter, v *visit, page string) {
	shown, name := v.view(), ""
	switch page {
	case pageSignIn:
		shown.Choices, name = v.buyerChoices(), "sign_in"
	case pageReview:
		s.sumUp(v, &shown)
		name = "review"
	case pageAddress:
		shown.Title, shown.Button, shown.Back = shown.T("address"), shown.T("use_address"), true
		shown.Choices, name = v.addressChoices(shown), "list"
	case pageInstrument:
		shown.Title, shown.Button, shown.Back = shown.T("instrument"), shown.T("use_card"), true
		shown.Choices, name = v.cardChoices(shown), "list"
	case pageDeclined:
		shown.Title, shown.Lead = shown.T("declined"), shown.T("declined_is")
		shown.Button, shown.Refuse = shown.T("use_card"), shown.T("give_up")
		shown.Choices, name = other(v.cardChoices(shown)), "list"
		shown.showAmount(v)
	case pageOver:
		shown.Session, shown.State, shown.Home = v.session.id, v.session.State, v.home()
		if v.session.Reason != "" {
			shown.State += " (" + v.session.Reason + ")"
		}
		if v.session.redirected {
			shown.Home = v.session.resultAddress()
		}
		name = "over"
	default:
		shown.Instrument, name = v.session.card.descriptor(), page
		shown.showAmount(v)
	}
	s.write(w, http.StatusOK, name, shown)
}

func (s *Server) write(w http.ResponseWriter, status int, name string, v view) {
	err := simulator.WritePage(w, status, pages, name, func(nonce string) any { v.Nonce = nonce; return v })
	if err != nil {
		s.sim.Log.Error("page not written", "page", name, "error", err)
	}
}

// showError is the page that developers see when a button is wrong: session, code and message.
func (s *Server) showError(w http.ResponseWriter, r *http.Request, v *visit, no *refusal) {
	shown := blank(r.PostFormValue("checkoutLanguage"))
	shown.Session, shown.Code, shown.Message, shown.Home = "-", no.Reason, no.Text, cameFrom(r)
	if v != nil && v.account != nil {
		shown = v.view()
		shown.Session, shown.Code, shown.Message, shown.Home = v.id, no.Reason, no.Text, v.from
	}
	s.write(w, no.status, "error", shown)
}
