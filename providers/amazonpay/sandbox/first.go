package sandbox

import (
	"net/http"
	"strings"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// firstPage says what this is, what it is not, and how to use it.
func (s *Server) firstPage(w http.ResponseWriter, _ *http.Request) {
	type shownCard struct {
		Brand, Ending, Says string
		Pending             bool
	}
	type shownBuyer struct {
		Region, Name, Email string
		Addresses           []string
	}
	data := struct {
		Cards  []shownCard
		Buyers []shownBuyer
	}{}
	for _, c := range cards {
		brand := c.brand
		if c.gift {
			brand = "Amazon Gift Card and " + brand
		}
		data.Cards = append(data.Cards, shownCard{brand, c.ending, verdictWords[c.verdict][0], c.pending()})
	}
	for _, region := range []string{"eu", "na", "jp"} {
		for _, b := range exampleBuyers[region] {
			one := shownBuyer{Region: region, Name: b.name, Email: b.email}
			for i := range b.addresses {
				one.Addresses = append(one.Addresses, strings.Join(b.addresses[i].lines()[1:], ", "))
			}
			data.Buyers = append(data.Buyers, one)
		}
	}
	v := blank("en")
	v.Wide, v.Data = true, data
	s.write(w, http.StatusOK, "home", v)
}

// hostedPages lists what a buyer can meet. Where a list of inputs is empty, a button is all that is needed.
func hostedPages() []simulator.Page {
	at := func(page string) string { return HostedPath + "/{visit}/" + page }
	none := []string{}
	script := []string{"merchantId", "publicKeyId", "productType", "payloadJSON", "signature", "algorithm"}
	choose := []string{"continue", "change_address", "change_instrument", "change_buyer", "cancel"}
	agree := []string{"approve", "decline", "change_instrument", "change_buyer", "cancel"}
	return []simulator.Page{
		{Name: "button", Path: ButtonPath, Inputs: script, Actions: none},
		{Name: "change", Path: ChangePath, Inputs: []string{"amazonCheckoutSessionId", "changeAction"}, Actions: none},
		{Name: "upgrade button", Path: UpgradePath, Inputs: []string{"amazonCheckoutSessionId"}, Actions: none},
		{Name: "sign-in", Path: at(pageSignIn), Inputs: []string{"email"}, Actions: []string{"continue", "cancel"}},
		{Name: "selection", Path: at(pageReview), Inputs: none, Actions: choose},
		{Name: "consent", Path: at(pageReview), Inputs: none, Actions: []string{"continue", "change_buyer", "cancel"}},
		{Name: "pay now", Path: at(pageReview), Inputs: none, Actions: []string{"continue", "change_instrument", "change_buyer", "cancel"}},
		{Name: "save with a purchase", Path: at(pageReview), Inputs: none, Actions: agree},
		{Name: "save", Path: at(pageReview), Inputs: none, Actions: agree},
		{Name: "update of a saved instrument", Path: at(pageReview), Inputs: none, Actions: []string{"continue", "change_instrument", "change_buyer", "cancel"}},
		{Name: "upgrade", Path: at(pageReview), Inputs: none, Actions: []string{"approve", "decline", "cancel"}},
		{Name: "sign-in consent", Path: at(pageReview), Inputs: none, Actions: []string{"continue", "change_buyer", "cancel"}},
		{Name: "sign-in and save", Path: at(pageReview), Inputs: none, Actions: []string{"approve", "decline", "change_buyer", "cancel"}},
		{Name: "addresses", Path: at(pageAddress), Inputs: []string{"addressId"}, Actions: []string{"continue", "back", "cancel"}},
		{Name: "instruments", Path: at(pageInstrument), Inputs: []string{"paymentInstrumentId"}, Actions: []string{"continue", "back", "cancel"}},
		{Name: "processing", Path: at(pageProcessing), Inputs: none, Actions: []string{"continue", "cancel"}},
		{Name: "challenge", Path: at(pageChallenge), Inputs: none, Actions: []string{"challenge_pass", "challenge_fail", "cancel"}},
		{Name: "declined", Path: at(pageDeclined), Inputs: []string{"paymentInstrumentId"}, Actions: []string{"continue", "cancel"}},
		{Name: "over", Path: at(pageOver), Inputs: none, Actions: none},
	}
}

// setPages is POST /_control/pages {"consent": true}: from now on buyers who come back see the consent page.
func (s *Server) setPages(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Consent *bool `json:"consent"`
	}
	if !simulator.ReadJSON(w, r, &in) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Consent != nil {
		s.consent = *in.Consent
	}
	simulator.WriteJSON(w, http.StatusOK, map[string]any{"consent": s.consent})
}
