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

//go:embed *.html style.css
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"money": money, "major": major, "pretty": pretty, "clock": clock}).ParseFS(files, "*.html"))

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
	mux.HandleFunc("GET "+Path+"/style.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "style.css") })
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
	{"AED", "UAE dirham"}, {"SAR", "Saudi riyal"}, {"JOD", "Jordanian dinar (3 decimals)"}, {"KWD", "Kuwaiti dinar (3 decimals)"},
	{"JPY", "Japanese yen (no decimals)"}, {"USD", "US dollar"}, {"EUR", "Euro"},
}

// productPage is the product with the form as it was filled in.
type productPage struct {
	Currencies                []struct{ Code, Name string }
	Amount, Currency, Capture string
	Once                      string // makes a doubled click one order
	Problem                   string
	Simulators                map[string]string
}

func (s *Shop) product(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusOK, "product", productPage{Amount: "49", Currency: "AED", Capture: string(core.CaptureAutomatic)})
}

// order creates a payment and sends the buyer on. The form's own number is reference and idempotency key: the same
// form sent twice is one order.
func (s *Shop) order(w http.ResponseWriter, r *http.Request) {
	p := productPage{Amount: strings.TrimSpace(r.PostFormValue("amount")), Currency: r.PostFormValue("currency"), Capture: r.PostFormValue("capture_method"), Once: r.PostFormValue("once")}
	amount, problem := readAmount(p.Amount, p.Currency)
	if p.Once == "" {
		problem = "The form is not complete."
	}
	if problem != "" {
		p.Problem = problem
		s.show(w, http.StatusUnprocessableEntity, "product", p)
		return
	}
	answer, err := s.api.CreatePaymentWithResponse(r.Context(), &client.CreatePaymentParams{IdempotencyKey: p.Once}, client.CreatePayment{
		MerchantReference: "order-" + p.Once, Amount: amount.Minor, Currency: amount.Currency, CaptureMethod: client.CaptureMethod(p.Capture),
		ReturnURL: s.URL + Path + "/thanks", Description: "Coffee from the demo shop",
		Buyer: &client.Buyer{Email: "layla@example.org", Locale: "en-AE", Country: "AE"},
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
		s.show(w, http.StatusBadGateway, "product", p)
	}
}

func (s *Shop) toPayment(w http.ResponseWriter, r *http.Request, id string) {
	http.Redirect(w, r, Path+"/thanks?payment="+id, http.StatusSeeOther)
}

// paymentPage is where a payment stands and what can be done with it.
type paymentPage struct {
	*client.Payment
	Timeline   []client.TimelineEntry
	Told       []notice
	Once       string
	Problem    string
	Simulators map[string]string
}

// Can reports whether an action makes sense now; the API decides whether it is allowed.
func (p paymentPage) Can(action string) bool {
	switch action {
	case "capture":
		return p.Amounts.Capturable > 0
	case "refund":
		return p.Amounts.Refundable > 0
	case "cancel":
		return p.Amounts.Capturable > 0 || slices.Contains([]client.PaymentStatus{client.PaymentStatusRequiresAction, client.PaymentStatusRequiresPaymentMethod}, p.Status)
	case "confirm":
		return p.Status == client.PaymentStatusRequiresPaymentMethod
	}
	return false
}

// Waiting reports whether the page should look again by itself.
func (p paymentPage) Waiting() bool {
	return p.Status == client.PaymentStatusProcessing || p.RefundStatus == "pending"
}

// thanks reads the payment that the buyer comes back from. What the browser says about the outcome is not looked at.
func (s *Shop) thanks(w http.ResponseWriter, r *http.Request) {
	s.showPayment(w, r, http.StatusOK, r.URL.Query().Get("payment"), "")
}

func (s *Shop) showPayment(w http.ResponseWriter, r *http.Request, status int, id, problem string) {
	payment, err := s.api.GetPaymentWithResponse(r.Context(), id, &client.GetPaymentParams{})
	if err != nil || payment.JSON200 == nil {
		s.show(w, http.StatusNotFound, "product", productPage{Amount: "49", Problem: "There is no such order. Start again here."})
		return
	}
	page := paymentPage{Payment: payment.JSON200, Problem: problem, Told: s.hooks.of(id)}
	timeline, err := s.api.GetPaymentTimelineWithResponse(r.Context(), id)
	if err == nil && timeline.JSON200 != nil {
		page.Timeline = timeline.JSON200.Data
	}
	s.show(w, status, "payment", page)
}

// act does what a button of the payment page says, then shows the page again.
func (s *Shop) act(w http.ResponseWriter, r *http.Request) {
	id, once := r.PathValue("id"), r.PostFormValue("once")
	payment, err := s.api.GetPaymentWithResponse(r.Context(), id, &client.GetPaymentParams{})
	if err != nil || payment.JSON200 == nil || once == "" {
		s.showPayment(w, r, http.StatusNotFound, id, "")
		return
	}
	var amount *int64
	if text := strings.TrimSpace(r.PostFormValue("amount")); text != "" {
		m, problem := readAmount(text, payment.JSON200.Currency)
		if problem != "" {
			s.showPayment(w, r, http.StatusUnprocessableEntity, id, problem)
			return
		}
		amount = &m.Minor
	}
	next, problem := s.do(r.Context(), r.PathValue("action"), id, once, amount)
	switch {
	case problem != "":
		s.showPayment(w, r, http.StatusUnprocessableEntity, id, problem)
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
	case "confirm":
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
		if d.Once == "" {
			d.Once = rand.Text()
		}
		data = d
	case paymentPage:
		d.Once, d.Simulators = rand.Text(), s.Simulators
		data = d
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
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page.String())) // a buyer who went away is nobody's error
}
