package sandbox

import (
	"embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
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
		shown.Choices, name = v.buyerChoices(shown), "sign_in"
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

// sumUp fills the page that the buyer leaves with his word.
func (s *Server) sumUp(v *visit, w *view) {
	here := s.scene(v)
	sess := v.session
	w.Title, w.Button, w.Refuse = w.T("review"), w.T("continue"), w.T("save_no")
	w.Saves, w.CanSwitch = v.saves(), v.switches()
	w.Asks = w.Saves || here == sceneUpgrade
	if w.Saves {
		w.Button = w.T("save_yes")
	}
	if here == sceneSignIn {
		w.Title, w.Button = w.T("sign_in_shop")+" "+w.Shop, w.T("agree")
		w.Refuse = w.T("save_never")
		w.Shares = v.scopes()
		if sess != nil {
			w.Instrument, w.Effect = v.card.descriptor(), w.says(*v.card)
		}
		return
	}
	if v.choosesAddress() || sess.AddressDetails != nil {
		if v.shipping != nil {
			w.Address = v.shipping.lines()
		}
		w.CanMove = here == sceneReview
	}
	if !v.upgrading {
		w.Instrument, w.Effect, w.CanChange = v.card.descriptor(), w.says(*v.card), here != sceneConsent
	}
	w.Every = w.every(sess)
	w.explain(v, here)
	if w.Problem == "" {
		w.Problem = v.missing()
	}
}

// explain says what this page is for.
func (w *view) explain(v *visit, here scene) {
	switch here {
	case sceneReview:
		w.Later = true
		if !v.choosesAddress() {
			w.Title = w.T("review_pay")
		}
		w.showEstimate(v)
	case sceneConsent:
		w.Title, w.Lead, w.Later, w.Shares = w.T("consent"), w.T("consent_is"), true, v.scopes()
		w.showEstimate(v)
	case scenePayNow:
		w.Title = w.T("pay_now")
		if !w.Saves {
			w.Button = w.T("pay_button")
		}
		if len(w.Address) > 0 {
			w.AddressNote = w.T("given")
		}
		w.showAmount(v)
	case sceneSetup:
		w.Title, w.Refuse = w.T("save"), w.T("save_never")
	case sceneUpdate:
		w.Title, w.Lead, w.Button = w.T("update"), w.T("update_is"), w.T("agree")
	case sceneUpgrade:
		w.Title, w.Button, w.Refuse = w.T("upgrade"), w.T("agree"), w.T("upgrade_no")
	}
}

func (w *view) showAmount(v *visit) {
	if p := v.session.PaymentDetails.ChargeAmount; p != nil {
		w.Amount, w.Currency = string(p.Amount), p.CurrencyCode
		if total := v.session.PaymentDetails.TotalOrderAmount; total != nil && !total.equal(p) {
			w.About = w.T("of_total") + " " + total.CurrencyCode + " " + string(total.Amount)
		}
	}
}

func (w *view) showEstimate(v *visit) {
	p := v.estimate
	if p == nil {
		p = v.session.PaymentDetails.EstimateOrderTotal
	}
	if v.session.PaymentDetails.ChargeAmount != nil {
		p = v.session.PaymentDetails.ChargeAmount
	}
	if p != nil {
		w.Amount, w.Currency, w.About = string(p.Amount), p.CurrencyCode, w.T("estimate")
	}
}

// every tells how often a recurring payment is made, and how much of it.
func (w *view) every(sess *session) string {
	m := sess.RecurringMetadata
	if value(sess.ChargePermissionType) != recurring || m == nil || m.Frequency == nil {
		return ""
	}
	told := w.T("recurring_var")
	if m.Frequency.Unit != "Variable" {
		number := 1
		if m.Frequency.Value != "1" {
			number = 2
		}
		told = w.T("recurring_is") + " " + m.Frequency.Value + " " + frequencyWords[m.Frequency.Unit][w.language][number-1]
	}
	if m.Amount != nil {
		told += " · " + m.Amount.CurrencyCode + " " + string(m.Amount.Amount) + " " + w.T("each_time")
	}
	return told
}

func (w *view) says(c card) string { return w.T("test_card") + verdictWords[c.verdict][w.language] }

// scopes are what the merchant will know; the buyer reads it before he agrees.
func (v *visit) scopes() []string {
	list := defaultScopes
	switch {
	case v.signIn != nil && len(v.signIn.SignInScopes) > 0:
		list = v.signIn.SignInScopes
	case v.signIn != nil:
	case len(v.session.SignInScopes) > 0:
		list = v.session.SignInScopes
	case len(v.session.Scopes) > 0:
		list = v.session.Scopes
	}
	return list
}

func (v *visit) buyerChoices(w view) []choice {
	var list []choice
	for i, b := range exampleBuyers[v.account.Region] {
		home := b.addresses[0]
		list = append(list, choice{
			Name: "email", Value: b.email, Title: b.name, Chosen: i == 0,
			Lines: []string{b.email, value(home.PostalCode) + " " + firstOf(home.City, home.StateOrRegion) + ", " + value(home.CountryCode)},
		})
	}
	return list
}

func (v *visit) addressChoices(w view) []choice {
	var list []choice
	for i := range v.buyer.addresses {
		a := &v.buyer.addresses[i]
		lines := a.lines()
		one := choice{Name: "addressId", Value: strconv.Itoa(i + 1), Title: lines[0], Lines: []string{strings.Join(lines[1:], ", ")}}
		one.Chosen = v.shipping != nil && a.same(*v.shipping)
		if !v.session.delivers(*a) {
			one.Unfit = w.T("no_delivery")
		}
		list = append(list, one)
	}
	return list
}

func (v *visit) cardChoices(w view) []choice {
	var list []choice
	for _, c := range cards {
		one := choice{Name: "paymentInstrumentId", Value: c.ending, Title: c.descriptor(), Effect: verdictWords[c.verdict][w.language]}
		one.Chosen = v.card != nil && c.ending == v.card.ending
		if why := v.unfit(c); why != "" {
			one.Unfit = w.T(why)
		}
		list = append(list, one)
	}
	return list
}

// other proposes the first entry that can be chosen and is not the present choice.
func other(list []choice) []choice {
	was := slices.IndexFunc(list, func(c choice) bool { return c.Chosen })
	for i := range list {
		list[i].Chosen = false
	}
	if i := slices.IndexFunc(list, func(c choice) bool { return c.Unfit == "" && (was < 0 || c.Value != list[was].Value) }); i >= 0 {
		list[i].Chosen = true
	}
	return list
}

// showError is the page that developers see when a button is wrong: session, code and message.
func (s *Server) showError(w http.ResponseWriter, r *http.Request, v *visit, no *refusal) {
	shown := blank(r.PostFormValue("checkoutLanguage"))
	shown.Session, shown.Code, shown.Message, shown.Home = "-", no.Reason, no.Text, cameFrom(r)
	if v != nil && v.account != nil {
		shown = v.view()
		shown.Session, shown.Code, shown.Message, shown.Home = v.id, no.Reason, no.Text, v.from
	}
	s.sim.Log.Warn("buyer's page refused", "path", r.URL.Path, "code", no.Reason, "message", no.Text)
	s.write(w, no.status, "error", shown)
}

// lines are an address as its country writes it.
func (a *address) lines() []string {
	lines := []string{value(a.Name), value(a.AddressLine1), value(a.AddressLine2), value(a.AddressLine3), value(a.District)}
	city, state, postal, country := value(a.City), value(a.StateOrRegion), value(a.PostalCode), value(a.CountryCode)
	switch country {
	case "JP":
		lines = []string{value(a.Name), "〒" + postal, state + city + value(a.District) + value(a.AddressLine1), value(a.AddressLine2), value(a.AddressLine3)}
	case "US", "CA":
		lines = append(lines, city+", "+state+" "+postal)
	case "GB":
		lines = append(lines, city, postal)
	default:
		lines = append(lines, postal+" "+city, state)
	}
	var told []string
	for _, line := range append(lines, country) {
		if strings.TrimSpace(line) != "" {
			told = append(told, line)
		}
	}
	return told
}

// same compares what is written.
func (a *address) same(b address) bool {
	return strings.Join(a.lines(), "\n") == strings.Join(b.lines(), "\n")
}

func firstOf(texts ...*string) string {
	for _, t := range texts {
		if isSet(t) {
			return *t
		}
	}
	return ""
}
