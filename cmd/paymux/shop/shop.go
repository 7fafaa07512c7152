// Package shop is a small shop that sells one thing, as an example of a merchant: it knows the REST API and nothing
// else of this program, holds the API key on its own side, verifies what it is told by webhooks, and sends the buyer to whatever hosted_url it is given.
// Its pages work without script.
package shop

import (
	"context"
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paymux/paymux/api/openapi/client"
	"github.com/paymux/paymux/core"
)

// Path is where the shop is mounted.
const Path = "/shop"

// Options are what the shop is told.
type Options struct {
	API        string            // base URL of the API
	Key        string            // API key of the merchant
	URL        string            // base URL of the shop itself, without Path
	Simulators map[string]string // addresses of simulators to show, by provider; may be empty
}

// Shop is a shop that runs.
type Shop struct {
	http.Handler // everything at Path and below
	Options
	api   *client.ClientWithResponses
	hooks hooks
}

//go:embed *.html style.css change.js
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"money": money, "major": major, "pretty": pretty, "clock": clock, "sentence": sentence}).ParseFS(files, "*.html"))

// callTime bounds one call of the API, which itself answers after 25 seconds at the latest.
const callTime = 30 * time.Second

// New makes a shop.
func New(o Options) (*Shop, error) {
	api, err := client.NewClientWithResponses(o.API, client.WithHTTPClient(&http.Client{Timeout: callTime}),
		client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+o.Key)
			return nil
		}))
	if err != nil {
		return nil, err
	}
	s := &Shop{Options: o, api: api}
	mux := http.NewServeMux()
	for _, name := range []string{"style.css", "change.js"} {
		mux.HandleFunc("GET "+Path+"/"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, name) })
	}
	mux.HandleFunc("GET "+Path, s.product)
	mux.HandleFunc("GET "+Path+"/{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, Path, http.StatusMovedPermanently) })
	mux.HandleFunc("POST "+Path+"/orders", s.order)
	mux.HandleFunc("GET "+Path+"/thanks", s.thanks)
	mux.HandleFunc("POST "+Path+"/payments/{id}/{action}", s.act)
	s.Handler = http.NewCrossOriginProtection().Handler(mux)
	return s, nil
}

// currencies are those with two, no and three decimals.
var currencies = []struct{ Code, Name string }{
	{"EUR", "Euro"}, {"AED", "UAE dirham"}, {"SAR", "Saudi riyal"}, {"JOD", "Jordanian dinar (3 decimals)"}, {"KWD", "Kuwaiti dinar (3 decimals)"},
	{"JPY", "Japanese yen (no decimals)"}, {"USD", "US dollar"},
}

// way is how a buyer may pay here, and what the API is asked for then.
type way struct {
	Name, Title, Text string
	provider          string // whose simulator has to be there
	method            client.Method
	buyer             client.Buyer
	currency          string // the only one it is for; empty: any
}

var ways = []way{
	{"page", "On a payment page", "card and 3-D Secure, in any currency", "aps", client.Method{Type: client.MethodTypeAny},
		client.Buyer{Email: "layla@example.org", Locale: "en-AE", Country: "AE"}, ""},
	{"express", "Amazon Pay, with an order review", "address and instrument of a test buyer, in euro", "amazonpay",
		client.Method{Type: client.MethodTypeAmazonPay, Flow: client.MethodFlowExpress, Product: client.MethodProductPayAndShip}, client.Buyer{Locale: "en-GB"}, "EUR"},
	{"pay_now", "Amazon Pay, at once", "no review in between, in euro", "amazonpay",
		client.Method{Type: client.MethodTypeAmazonPay, Flow: client.MethodFlowPayNow, Product: client.MethodProductPayOnly}, client.Buyer{Locale: "en-GB"}, "EUR"},
}

// wayOf is the way with a name; the first when there is none.
func wayOf(name string) way {
	i := slices.IndexFunc(ways, func(w way) bool { return w.Name == name })
	return ways[max(i, 0)]
}

// productPage is the product with the form as it was filled in.
type productPage struct {
	Currencies                []struct{ Code, Name string }
	Ways                      []way
	Amount, Currency, Capture string
	Way                       string
	Once                      string // makes a doubled click one order
	Problem                   string
	Simulators                map[string]string
}

func (s *Shop) product(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusOK, "product", productPage{Amount: "49", Currency: "EUR", Capture: string(core.CaptureAutomatic)})
}

// order creates a payment and sends the buyer on. The form's own number is reference and idempotency key: the same
// form sent twice is one order.
func (s *Shop) order(w http.ResponseWriter, r *http.Request) {
	p := productPage{Amount: strings.TrimSpace(r.PostFormValue("amount")), Currency: r.PostFormValue("currency"), Capture: r.PostFormValue("capture_method"), Way: r.PostFormValue("way"), Once: r.PostFormValue("once")}
	how := wayOf(p.Way)
	amount, problem := readAmount(p.Amount, p.Currency)
	if how.currency != "" && how.currency != p.Currency {
		problem = "Amazon Pay takes " + how.currency + " here: choose that currency, or another way to pay."
	}
	if p.Once == "" {
		problem = "The form is not complete."
	}
	if problem != "" {
		p.Problem = problem
		s.show(w, http.StatusUnprocessableEntity, "product", p)
		return
	}
	review := ""
	if how.method.Flow == client.MethodFlowExpress {
		review = s.URL + Path + "/thanks"
	}
	answer, err := s.api.CreatePaymentWithResponse(r.Context(), &client.CreatePaymentParams{IdempotencyKey: p.Once}, client.CreatePayment{
		MerchantReference: "order-" + p.Once, Amount: amount.Minor, Currency: amount.Currency, CaptureMethod: client.CaptureMethod(p.Capture),
		ReturnURL: s.URL + Path + "/thanks", ReviewURL: review, CancelURL: s.URL + Path + "/thanks",
		Description: "Coffee from the demo shop", Method: &how.method, Buyer: &how.buyer,
	})
	switch {
	case err == nil && answer.JSON201 != nil && answer.JSON201.NextAction.HostedURL != "":
		http.Redirect(w, r, answer.JSON201.NextAction.HostedURL, http.StatusSeeOther)
	case err == nil && answer.JSON201 != nil:
		s.toPayment(w, r, answer.JSON201.ID)
	case err == nil && answer.JSON202 != nil:
		s.toPayment(w, r, answer.JSON202.ID)
	default:
		p.Problem, p.Once = refusal(answer, err), ""
		status := http.StatusBadGateway
		if err == nil && answer.StatusCode() == http.StatusUnprocessableEntity {
			status = answer.StatusCode() // it is the order that cannot be taken
		}
		s.show(w, status, "product", p)
	}
}

func (s *Shop) toPayment(w http.ResponseWriter, r *http.Request, id string) {
	http.Redirect(w, r, Path+"/thanks?payment="+id, http.StatusSeeOther)
}

// paymentPage is where a payment stands and what can be done with it.
type paymentPage struct {
	*client.Payment
	Timeline []client.TimelineEntry
	Told     []notice
	Refund   int64 // minor units that can go back at once: of one capture
	Once     string
	trouble
	Simulators map[string]string
}

// trouble is why a button did not do what it says, and the amount that was typed beside it; the zero one is none.
type trouble struct{ Problem, action, amount string }

// Typed is the amount beside a button: the one that was not taken stays, so that nothing else is done by one more click.
func (p paymentPage) Typed(action string, proposed int64) string {
	if p.action == action && p.amount != "" {
		return p.amount
	}
	return major(proposed, p.Currency)
}

// Can reports whether an action makes sense now; the API decides whether it is allowed.
func (p paymentPage) Can(action string) bool {
	switch action {
	case "capture":
		return p.Amounts.Capturable > 0
	case "refund":
		return p.Amounts.Refundable > 0
	case "cancel":
		return p.Amounts.Capturable > 0 || slices.Contains([]client.PaymentStatus{client.PaymentStatusRequiresAction, client.PaymentStatusRequiresConfirmation, client.PaymentStatusRequiresPaymentMethod}, p.Status)
	case "confirm":
		return p.Status == client.PaymentStatusRequiresPaymentMethod
	case "place":
		return p.Status == client.PaymentStatusRequiresConfirmation
	}
	return false
}

// Script is the provider's script that changes what the buyer chose, empty where nothing can be changed.
func (p paymentPage) Script() string {
	if p.Status != client.PaymentStatusRequiresConfirmation || p.Review == nil || len(p.Review.ChangeActions) == 0 {
		return ""
	}
	return p.Review.ChangeActions[0].ScriptURL
}

// Waiting reports whether the page should look again by itself.
func (p paymentPage) Waiting() bool {
	return p.Status == client.PaymentStatusProcessing || p.RefundStatus == "pending"
}

// thanks reads the payment that the buyer comes back from. What the browser says about the outcome is not looked at.
func (s *Shop) thanks(w http.ResponseWriter, r *http.Request) {
	s.showPayment(w, r, http.StatusOK, r.URL.Query().Get("payment"), trouble{})
}

func (s *Shop) showPayment(w http.ResponseWriter, r *http.Request, status int, id string, with trouble) {
	payment, err := s.api.GetPaymentWithResponse(r.Context(), id, &client.GetPaymentParams{})
	if err != nil || payment.JSON200 == nil {
		s.show(w, http.StatusNotFound, "product", productPage{Amount: "49", Problem: "There is no such order. Start again here."})
		return
	}
	page := paymentPage{Payment: payment.JSON200, trouble: with, Told: s.hooks.of(id), Refund: s.refundable(r.Context(), payment.JSON200)}
	timeline, err := s.api.GetPaymentTimelineWithResponse(r.Context(), id)
	if err == nil && timeline.JSON200 != nil {
		page.Timeline = timeline.JSON200.Data
	}
	s.show(w, status, "payment", page)
}

// refundable is what is proposed for a refund: where providers give back from one capture at a time, no more than the
// largest of them took.
func (s *Shop) refundable(ctx context.Context, p *client.Payment) int64 {
	captures, err := s.api.ListCapturesWithResponse(ctx, p.ID)
	if err != nil || captures.JSON200 == nil || len(captures.JSON200.Data) < 2 {
		return p.Amounts.Refundable
	}
	most := int64(0)
	for _, c := range captures.JSON200.Data {
		if c.Status == client.OperationStatusSucceeded {
			most = max(most, c.Amount)
		}
	}
	return min(most, p.Amounts.Refundable)
}

// act does what a button of the payment page says, then shows the page again.
func (s *Shop) act(w http.ResponseWriter, r *http.Request) {
	id, once := r.PathValue("id"), r.PostFormValue("once")
	payment, err := s.api.GetPaymentWithResponse(r.Context(), id, &client.GetPaymentParams{})
	if err != nil || payment.JSON200 == nil || once == "" {
		s.showPayment(w, r, http.StatusNotFound, id, trouble{})
		return
	}
	action, text, problem := r.PathValue("action"), strings.TrimSpace(r.PostFormValue("amount")), ""
	var amount *int64
	if text != "" {
		var m core.Money
		m, problem = readAmount(text, payment.JSON200.Currency)
		amount = &m.Minor
	}
	next := ""
	if problem == "" {
		next, problem = s.do(r.Context(), action, id, once, amount)
	}
	switch {
	case problem != "":
		s.showPayment(w, r, http.StatusUnprocessableEntity, id, trouble{problem, action, text})
	case next != "":
		http.Redirect(w, r, next, http.StatusSeeOther)
	default:
		s.toPayment(w, r, id)
	}
}

// do calls the API; next is where the buyer goes on, if anywhere.
func (s *Shop) do(ctx context.Context, action, id, once string, amount *int64) (next, problem string) {
	switch action {
	case "capture":
		a, err := s.api.CreateCaptureWithResponse(ctx, id, &client.CreateCaptureParams{IdempotencyKey: once}, client.CreateCapture{Amount: amount})
		return "", refusal(a, err)
	case "refund":
		a, err := s.api.CreateRefundWithResponse(ctx, id, &client.CreateRefundParams{IdempotencyKey: once}, client.CreateRefund{Amount: amount})
		return "", refusal(a, err)
	case "cancel":
		a, err := s.api.CancelPaymentWithResponse(ctx, id, &client.CancelPaymentParams{IdempotencyKey: once}, client.CancelPayment{})
		return "", refusal(a, err)
	case "sync":
		a, err := s.api.SyncPaymentWithResponse(ctx, id)
		return "", refusal(a, err)
	case "confirm", "place":
		a, err := s.api.ConfirmPaymentWithResponse(ctx, id, &client.ConfirmPaymentParams{IdempotencyKey: once}, client.ConfirmPayment{})
		if err == nil && a.JSON200 != nil {
			return a.JSON200.NextAction.HostedURL, ""
		}
		return "", refusal(a, err)
	}
	return "", "There is no such button."
}

// show renders a page. Everything it needs comes from this shop; forms go to it and, by its redirects, to hosted_url.
func (s *Shop) show(w http.ResponseWriter, status int, name string, data any) {
	switch d := data.(type) {
	case productPage:
		d.Currencies, d.Simulators = currencies, s.Simulators
		d.Ways = slices.DeleteFunc(slices.Clone(ways), func(w way) bool { return s.Simulators[w.provider] == "" })
		if d.Once == "" {
			d.Once = rand.Text()
		}
		data = d
	case paymentPage:
		d.Once, d.Simulators = rand.Text(), s.Simulators
		data = d
	}
	policy := "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	if d, ok := data.(paymentPage); ok {
		policy = d.policy(policy)
	}
	var page strings.Builder
	if err := pages.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", policy)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page.String())) // a buyer who went away is nobody's error
}

// policy lets the page use the script of the provider, and lets that send the buyer back to the provider.
func (p paymentPage) policy(without string) string {
	u, err := url.Parse(p.Script())
	if p.Script() == "" || err != nil {
		return without
	}
	origin := u.Scheme + "://" + u.Host
	return strings.Replace(without, "form-action 'self'", "script-src 'self' "+origin+"; form-action 'self' "+origin, 1)
}
