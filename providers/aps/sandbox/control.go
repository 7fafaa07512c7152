package sandbox

import (
	"maps"
	"slices"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// face is the simulator as its control port sees it.
type face struct{ s *Server }

func (f face) Books() simulator.Books { return f.s.Books() }

// Credentials are the first account's, in the names the adapter and APS's own SDKs use.
func (f face) Credentials() any {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	a := f.s.accounts[f.s.first]
	return map[string]string{
		"merchant_identifier": a.MerchantIdentifier, "access_code": a.AccessCode,
		"request_phrase": a.RequestPhrase, "response_phrase": a.ResponsePhrase, "sha_type": string(a.SHAType),
		"direct_feedback_url": a.DirectFeedbackURL, "notification_url": a.NotificationURL,
		"payment_page": PaymentPagePath, "payment_api": PaymentAPIPath,
	}
}

func (f face) Pages() []simulator.Page {
	session := PaymentPagePath + "/{session}"
	return []simulator.Page{
		{Name: "card", Path: session, Actions: []string{"continue", "cancel"},
			Inputs: []string{"payment_option", "card_number", "expiry_date", "card_security_code", "card_holder_name", "remember_me"}},
		{Name: "saved card", Path: session, Inputs: []string{"card_security_code"}, Actions: []string{"continue", "cancel"}},
		{Name: "option", Path: session, Inputs: []string{}, Actions: []string{"approve", "decline", "cancel"}},
		{Name: "challenge", Path: session, Inputs: []string{}, Actions: []string{"challenge_pass", "challenge_fail", "cancel"}},
		{Name: "return", Path: session, Inputs: []string{}, Actions: []string{}},
		{Name: "back office", Path: "/backoffice", Inputs: []string{"merchant_reference", "amount"},
			Actions: []string{"capture", "refund", "void", "settle_approve", "settle_decline"}},
	}
}

// Operations are the server commands, the page's arrival, and AUTHORIZATION, which only the page carries out.
func (f face) Operations() []string {
	return append(slices.Sorted(maps.Keys(apiOperations)), "AUTHORIZATION", pageOperation)
}

func (f face) Reset() {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	issued := f.s.books.issued // fort ids are never used twice
	f.s.books = newBooks()
	f.s.books.issued = issued
	clear(f.s.sessions)
}
