package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// HostedPath is where the buyer's pages begin: HostedPath/{visit}/{page}.
const HostedPath = "/hosted"

// The pages of a visit, as the last segment of their address.
const (
	pageSignIn     = "sign-in"
	pageReview     = "review"
	pageAddress    = "address"
	pageInstrument = "instrument"
	pageProcessing = "processing"
	pageChallenge  = "challenge"
	pageDeclined   = "declined"
	pageOver       = "over"
)

// visit is one buyer at the hosted pages, for a checkout session or for a plain sign-in. What he chooses takes effect
// when he leaves the page that sums it up; until then the session is as it was.
type visit struct {
	owner
	id       string
	account  *Account
	session  *session     // nil for a plain sign-in
	signIn   *signInTerms // nil for a checkout session
	language string       // as the button said: de_DE
	estimate *price       // as the button said
	from     string       // the shop's page; cancel leads there when the merchant names no other

	buyer     *buyer
	shipping  *address
	card      *card
	upgrading bool   // he is asked whether a purchase becomes a recurring one
	chose     bool   // he changed something himself: no consent page any more
	problem   string // a word to be shown once, above the form

	stage  string // where he is once the choices are made: processing, challenge or declined
	proved bool   // he gave the second proof for this instrument
	gone   string // where he was sent in the end
}

// step is what follows an action: a page of the visit, or an address elsewhere.
type step struct {
	page     string
	away     string
	messages []simulator.Message
}

func (s *Server) hostedRoutes() {
	pages := HostedPath + "/{visit}/{page}"
	s.mux.HandleFunc("GET "+ScriptPath, s.serveScript)
	s.mux.HandleFunc("POST "+ButtonPath, s.arrive(buttonOperation, s.clickButton))
	s.mux.HandleFunc("POST "+ChangePath, s.arrive(changeOperation, s.clickChange))
	s.mux.HandleFunc("POST "+UpgradePath, s.arrive(upgradeOperation, s.clickUpgrade))
	s.mux.HandleFunc("GET "+ProcessingPath, s.arriveAtProcessing)
	s.mux.HandleFunc("GET "+pages, s.showPage)
	// Another site's page cannot press a button here, though it may know the address.
	s.mux.Handle("POST "+pages, http.NewCrossOriginProtection().Handler(http.HandlerFunc(s.actOnPage)))
}

// place is the page a visit is at, when the buyer's browser asks for another one: after a second click, the back button,
// or in a second tab.
func (v *visit) place(wanted string) string {
	choices := []string{pageReview, pageAddress, pageInstrument}
	switch {
	case v.over():
		return pageOver
	case v.buyer == nil:
		return pageSignIn
	case v.stage != "":
		return v.stage
	case slices.Contains(choices, wanted) && (wanted != pageAddress || v.choosesAddress()) && (wanted != pageInstrument || v.choosesCard()):
		return wanted
	}
	return pageReview
}

// over says whether nothing is left to do here.
func (v *visit) over() bool {
	return v.session != nil && (v.session.State != open || v.session.passed)
}

func (v *visit) choosesAddress() bool {
	return v.session != nil && v.session.needsAddress() && v.session.AddressDetails == nil && !v.upgrading
}

func (v *visit) choosesCard() bool {
	return v.session != nil && v.session.productType != signIn && !v.upgrading
}

func (v *visit) path(page string) string { return HostedPath + "/" + v.id + "/" + page }

func (s *Server) showPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, page := s.visits[r.PathValue("visit")], r.PathValue("page")
	if v == nil {
		s.showError(w, r, nil, unknownVisit(r))
		return
	}
	switch now := v.place(page); {
	case now == pageOver && v.session.passed && v.gone != "":
		away(w, v.gone) // back button after success: the shop knows more than this page
	case now != pageOver && now != page:
		away(w, v.path(now))
	default:
		s.render(w, v, now)
	}
}

func unknownVisit(r *http.Request) *refusal {
	return notFound("Checkout session", r.PathValue("visit"))
}

// actOnPage takes what the buyer does on a page. A form of a page he has left changes nothing and shows where he is.
func (s *Server) actOnPage(w http.ResponseWriter, r *http.Request) {
	in, err := readForm(w, r)
	if err != nil {
		s.showError(w, r, nil, refuse(http.StatusBadRequest, "InvalidRequest", "The form is not understood: %v.", err))
		return
	}
	act := func(w http.ResponseWriter, _ simulator.Action) {
		s.mu.Lock()
		v := s.visits[r.PathValue("visit")]
		if v == nil {
			s.showError(w, r, nil, unknownVisit(r))
			s.mu.Unlock()
			return
		}
		s.logged(r, "buyer", in, "action")
		next := s.act(v, r.PathValue("page"), in)
		s.mu.Unlock()
		s.send(next.messages)
		away(w, next.away)
	}
	if r.PathValue("page") == pageProcessing {
		s.sim.Faults.Serve(w, r, processingOperation, act)
		return
	}
	act(w, "")
}

// act carries out one action and says where the browser goes. The caller holds the lock.
func (s *Server) act(v *visit, page string, in url.Values) step {
	var next step
	switch now := v.place(page); {
	case now == pageOver && v.gone != "":
		return step{away: v.gone} // a second click
	case now != page:
		next.page = now
	default:
		v.problem = ""
		next = s.actions()[page](v, in)
	}
	if next.away == "" {
		next.away = v.path(next.page)
	} else {
		v.gone = next.away
	}
	return next
}

func (s *Server) actions() map[string]func(*visit, url.Values) step {
	return map[string]func(*visit, url.Values) step{
		pageSignIn: s.doSignIn, pageReview: s.doReview, pageAddress: s.doAddress, pageInstrument: s.doInstrument,
		pageProcessing: s.doProcessing, pageChallenge: s.doChallenge, pageDeclined: s.doDeclined,
		pageOver: func(*visit, url.Values) step { return step{page: pageOver} },
	}
}

// cancel ends the visit before anything was processed: the session is canceled, and the buyer goes where the merchant
// wants such buyers, or where he came from.
func (s *Server) cancel(v *visit) step {
	if v.session != nil {
		s.cancelSession(v.session, "BuyerCanceled", "The buyer canceled the checkout.")
	}
	if to := v.home(); to != "" {
		return step{away: to}
	}
	return step{page: pageOver}
}

// home is the shop, for a buyer who has not paid; empty when nobody said where it is.
func (v *visit) home() string {
	named := ""
	switch {
	case v.signIn != nil:
		named = value(v.signIn.SignInCancelURL)
	case isSet(v.session.WebCheckoutDetails.CheckoutCancelURL):
		named = *v.session.WebCheckoutDetails.CheckoutCancelURL
	case v.session.productType == signIn:
		named = value(v.session.WebCheckoutDetails.SignInCancelURL)
	}
	if named != "" {
		return named
	}
	return v.from
}

// readForm reads a form in which every field is told once.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
	if err := r.ParseForm(); err != nil {
		return nil, errors.New("it is not a form, or too long")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, fmt.Errorf("field %q is given twice", name)
		}
	}
	return r.PostForm, nil
}

// away sends the browser on; the address is not looked at again, so that the merchant's own arrives as it is.
func away(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "strict-origin")
	w.WriteHeader(http.StatusSeeOther)
}

// logged keeps what arrived from a browser, of its fields those named. The caller may hold the lock.
func (s *Server) logged(r *http.Request, operation string, in url.Values, names ...string) *simulator.Request {
	kept := map[string]string{}
	for _, name := range names {
		if in.Has(name) {
			kept[name] = in.Get(name)
		}
	}
	return s.sim.Requests.Add(r, simulator.Request{Operation: operation, Fields: kept})
}
