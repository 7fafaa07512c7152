package campaign

import (
	"net/http"
	"time"
)

// The test cards of the provider's documents, and those of its simulator that stay uncertain for a while.
const (
	cardPlain    = "4005550000000001"
	cardChecked  = "4557012345678902" // 3-D Secure asks
	cardDeclined = "4000000000000002"
	cardLatePaid = "4000000000000119" // uncertain, then paid
	cardLateNot  = "4000000000000259" // uncertain, then declined
)

var apsScripts = []choice{{"pays", 35}, {"pays with 3-D Secure", 12}, {"declined, then pays", 10}, {"declined and leaves", 6}, {"fails 3-D Secure", 5},
	{"fails 3-D Secure, then pays", 4}, {"cancels", 6}, {neverComes, 5}, {"leaves the card page", 5}, {"pays and leaves", 8}, {"comes back twice", 6},
	{"keeps the page for later", 10}, {"pays in two windows", 5}, {"uncertain, paid", 6}, {"uncertain, declined", 4}}

// visit does what the script says, from the form that leads to the card page.
func (*apsSide) visit(b *buyer, script string) {
	if !b.open(http.MethodGet, b.hosted, nil) {
		return
	}
	b.operation = "PURCHASE"
	if b.story.manual {
		b.operation = "AUTHORIZATION"
	}
	if script == "keeps the page for later" {
		b.w.pause(between(b.r, time.Minute, 3*time.Hour) + aWhile(b.r))
		script = "pays"
	}
	if !b.submit("") { // the form of our hosted page, to the provider
		return
	}
	first := *b
	b.think()
	ok := true
	switch script {
	case "pays", "pays and leaves", "comes back twice", "pays in two windows":
		ok = b.card(cardPlain)
	case "pays with 3-D Secure":
		ok = b.card(cardChecked) && b.decide("challenge_pass")
	case "declined, then pays":
		ok = b.card(cardDeclined) && b.card(cardPlain)
	case "declined and leaves":
		b.card(cardDeclined)
		return
	case "fails 3-D Secure":
		ok = b.card(cardChecked) && b.decide("challenge_fail")
	case "fails 3-D Secure, then pays":
		ok = b.card(cardChecked) && b.decide("challenge_fail") && b.card(cardPlain)
	case "cancels":
		ok = b.decide("cancel")
	case "uncertain, paid":
		ok = b.card(cardLatePaid)
	case "uncertain, declined":
		ok = b.card(cardLateNot)
	case "leaves the card page":
		return
	}
	if script == "pays in two windows" {
		first.r = b.r
		first.think()
		first.card(cardPlain)
	}
	if !ok || script == "pays and leaves" {
		return
	}
	b.think()
	back := *b
	b.submit("")
	if script == "comes back twice" {
		b.think()
		back.submit("")
	}
}

// card fills in the card page.
func (b *buyer) card(number string) bool {
	b.think()
	return b.decide("continue", "card_number", number, "expiry_date", "3005", "card_security_code", "123", "card_holder_name", "LAYLA KHAN")
}
