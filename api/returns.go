package api

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/paymux/paymux/api/hosted"
	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// maxReturnBytes bounds what a browser brings back, maxToken what it names as its return address.
const (
	maxReturnBytes = 64 << 10
	maxToken       = 128
)

// buyerReturn handles GET and POST /return/{token}: a buyer back from a provider, cross-site POST included. It needs no
// cookie. The answer is 303 to the merchant's own stored address; a reload ends there as well.
func (s *Server) buyerReturn(c echo.Context) error {
	r, token := c.Request(), c.Param("token")
	if len(token) > maxToken {
		return unknownPage(c)
	}
	if wait := s.returns.take(token); wait > 0 {
		retryAfter(c.Response().Header(), wait)
		return hosted.Write(c.Response(), http.StatusTooManyRequests, again(hosted.Tell(hosted.Busy, preferred(c)), 3+int(wait/time.Second)))
	}
	values, err := returned(c.Response(), r)
	if err != nil {
		return hosted.Write(c.Response(), http.StatusBadRequest, hosted.Tell(hosted.Unreadable, preferred(c)))
	}
	landing, err := s.checkout.Return(r.Context(), token, r.Method, values)
	if core.KindOf(err) == core.NotFound && err != nil {
		return unknownPage(c)
	}
	if err != nil {
		return s.notNow(c, err)
	}
	if landing.To == "" {
		return hosted.Write(c.Response(), http.StatusOK, standing(c, landing.Payment))
	}
	return away(c, landing.To)
}

// preferred is the language that the browser asks for, for pages that know of no buyer.
func preferred(c echo.Context) string {
	return hosted.Preferred(c.Request().Header.Get("Accept-Language"))
}

// speaks is the buyer's language, as the merchant tells it or else the browser.
func speaks(c echo.Context, p *core.Payment) string {
	return cmp.Or(p.Order.Buyer.Locale, preferred(c))
}

// again is n on a page that loads itself again after so many seconds.
func again(n hosted.Notice, seconds int) hosted.Notice {
	n.Refresh = seconds
	return n
}

func unknownPage(c echo.Context) error {
	return hosted.Write(c.Response(), http.StatusNotFound, hosted.Tell(hosted.Unknown, preferred(c)))
}

// notNow is for a buyer whose payment could not be looked up; the page looks again by itself.
func (s *Server) notNow(c echo.Context, err error) error {
	s.log.Log(c.Request().Context(), levelOf(c, err), "page not shown", "request_id", requestID(c), "route", c.Path(), "error", err)
	return hosted.Write(c.Response(), http.StatusServiceUnavailable, again(hosted.Tell(hosted.NotNow, preferred(c)), 3))
}

// returned are the values of the body for POST, of the query for GET. The query of a POST is ours or nobody's.
func returned(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method != http.MethodPost {
		return url.ParseQuery(r.URL.RawQuery)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxReturnBytes)
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	return r.PostForm, nil
}

// away sends the browser on by GET, without telling where it came from.
func away(c echo.Context, to string) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	c.Response().Header().Set("Referrer-Policy", "no-referrer")
	return c.Redirect(http.StatusSeeOther, to)
}

// hostedPage handles GET /pay/{token}: it performs whatever the next action of the payment or mandate is.
func (s *Server) hostedPage(c echo.Context) error {
	m, p, err := s.checkout.HostedMandate(c.Request().Context(), c.Param("token"))
	if err == nil {
		return s.mandatePage(c, m, p)
	}
	if core.KindOf(err) == core.NotFound {
		p, err = s.checkout.Hosted(c.Request().Context(), c.Param("token"))
	}
	if core.KindOf(err) == core.NotFound && err != nil {
		return unknownPage(c)
	}
	if err != nil {
		return s.notNow(c, err)
	}
	if done, err := s.perform(c, p.View().Next, about{amount: p.Amount, text: p.Order.Description, back: p.WayBack(), language: speaks(c, p)}); done {
		return err
	}
	if to := s.checkout.Landing(p); to != "" && p.Status != core.StatusProcessing && p.Status != core.StatusRequiresAction {
		return away(c, to) // nothing is left to do here
	}
	return hosted.Write(c.Response(), http.StatusOK, standing(c, p))
}

// about is what a page tells of what it is for: the amount, if there is one, or else that it is a consent; the merchant's own
// words, and the way back to the shop.
type about struct {
	amount   core.Money
	text     string
	back     string
	language string // of the buyer
}

// perform does what the buyer must do next, where a page can; false when there is nothing to be done there.
func (s *Server) perform(c echo.Context, next *core.NextAction, of about) (bool, error) {
	switch {
	case next == nil:
		return false, nil
	case next.Type == core.NextPostForm:
		return true, hosted.Write(c.Response(), http.StatusOK, hosted.Form{Lang: of.language, URL: next.URL, Fields: next.Fields})
	case next.Type == core.NextRedirect:
		return true, away(c, next.URL)
	case next.Type == core.NextWidget && next.Widget.SDK == string(openapi.RenderWidgetSdkAmazonPay):
		return true, hosted.Write(c.Response(), http.StatusOK, s.widget(next.Widget, of))
	}
	return false, nil
}

// widget is the page that shows a provider's script element, in the language of the script, with the shop's host for its
// name, where it has one: merchants have no other here. With a simulator it works without script as well: it takes as a form what its script would
// post.
func (s *Server) widget(w *core.Widget, of about) hosted.Widget {
	page := hosted.Widget{Lang: of.language, ScriptURL: w.ScriptURL, Config: w.Config, About: of.text, Later: of.amount.Minor == 0, Back: of.back}
	if language, ok := w.Config["checkoutLanguage"].(string); ok {
		page.Lang = language
	}
	if shop, err := url.Parse(of.back); err == nil && net.ParseIP(shop.Hostname()) == nil && shop.Hostname() != "localhost" {
		page.Shop = shop.Hostname()
	}
	if of.amount.Minor > 0 {
		page.Amount = of.amount.String()
	}
	signed, _ := w.Config["createCheckoutSessionConfig"].(map[string]any)
	if signed == nil {
		signed, _ = w.Config["signInConfig"].(map[string]any)
	}
	if w.Form == "" || signed == nil {
		return page
	}
	page.FormURL = w.Form
	for _, name := range []string{"merchantId", "publicKeyId", "productType", "payloadJSON", "signature", "algorithm"} {
		value, ok := signed[name].(string)
		if !ok {
			value, _ = w.Config[name].(string)
		}
		page.Fields = append(page.Fields, [2]string{name, value})
	}
	return page
}

// mandatePage performs the next action of a mandate: the buyer gives his consent, or changes the instrument of it.
func (s *Server) mandatePage(c echo.Context, m *core.Mandate, p *core.Payment) error {
	v := m.View()
	if v.Payment != "" && m.Status == core.MandateRequiresAction {
		v.Next = p.View().Next // he gives it with a payment
	}
	of := about{text: p.Order.Description, back: s.checkout.MandateWayBack(m, p), language: speaks(c, p)}
	if v.Payment != "" {
		of.amount = p.Amount
	}
	if done, err := s.perform(c, v.Next, of); done {
		return err
	}
	to := s.checkout.MandateLanding(m, p)
	if m.Status == core.MandateProcessing {
		return hosted.Write(c.Response(), http.StatusOK, again(hosted.Tell(hosted.Confirming, of.language), 3))
	}
	if to == "" {
		return hosted.Write(c.Response(), http.StatusOK, hosted.Tell(hosted.Unknown, of.language))
	}
	return away(c, to)
}

// standings are what a page says of a payment, by its status; of one that is not here, that it is open.
var standings = map[core.Status]hosted.Kind{
	core.StatusSucceeded: hosted.Accepted, core.StatusPartiallyCaptured: hosted.Accepted, core.StatusRequiresCapture: hosted.Accepted,
	core.StatusProcessing: hosted.Checking, core.StatusCanceled: hosted.Ended,
	core.StatusFailed: hosted.Refused, core.StatusRequiresPaymentMethod: hosted.Refused,
}

// standing says where a payment stands, to its buyer.
func standing(c echo.Context, p *core.Payment) hosted.Notice {
	n := hosted.Tell(cmp.Or(standings[p.Status], hosted.Open), speaks(c, p))
	if p.Status == core.StatusProcessing {
		return again(n, 3)
	}
	n.Link = p.Order.ReturnURL
	return n
}
