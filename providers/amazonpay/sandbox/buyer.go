package sandbox

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"time"
)

// buyer is one Amazon customer. All of them are invented.
type buyer struct {
	name, email, phone string
	addresses          []address // the first is his default
	billing            address
	prime              []string
}

func place(name, line, city, state, postal, country, phone string) address {
	return address{Name: textOf(name), AddressLine1: textOf(line), City: textOf(city), StateOrRegion: textOf(state),
		PostalCode: textOf(postal), CountryCode: textOf(country), PhoneNumber: textOf(phone)}
}

// exampleBuyers are the customers of each region, in the order the sign-in page offers them.
var exampleBuyers = map[string][]*buyer{
	"eu": {
		{name: "Erika Muster", email: "erika@example.org", phone: "0301234567",
			addresses: []address{
				place("Erika Muster", "Ringstr. 5", "Berlin", "", "10115", "DE", "0301234567"),
				place("Erika Muster", "Hauptplatz 12", "Graz", "", "8010", "AT", "+43316123456"),
				place("Erika Muster", "Packstation 101", "Berlin", "", "10115", "DE", "0301234567"),
			},
			billing: place("Erika Muster", "Ringstr. 5", "Berlin", "", "10115", "DE", "")},
		{name: "Zoë Brontë-O'Neill", email: "zoe@example.org", phone: "02079460000",
			addresses: []address{
				place("Zoë Brontë-O'Neill", "1 Example Street", "London", "", "SW1A 1AA", "GB", "02079460000"),
				place("Zoë Brontë-O'Neill", "PO Box 12", "Leeds", "", "LS1 1AA", "GB", "02079460000"),
			},
			billing: place("Zoë Brontë-O'Neill", "1 Example Street", "London", "", "SW1A 1AA", "GB", "")},
	},
	"na": {
		{name: "Pat Sample", email: "pat@example.com", phone: "2065550100", prime: []string{"PRIME_GENERAL_US"},
			addresses: []address{
				place("Pat Sample", "10 Example Ave", "Seattle", "WA", "98101", "US", "2065550100"),
				place("Pat Sample", "PO Box 77", "Portland", "OR", "97201", "US", "2065550100"),
			},
			billing: place("Pat Sample", "10 Example Ave", "Seattle", "WA", "98101", "US", "")},
	},
	"jp": {
		{name: "見本 花子", email: "hanako@example.jp", phone: "0312345678",
			addresses: []address{
				place("見本 花子", "下目黒1-8-1", "", "東京都", "153-0064", "JP", "0312345678"),
				place("見本 花子", "北一条西2丁目", "札幌市", "北海道", "060-8611", "JP", "0112345678"),
			},
			billing: place("見本 花子", "下目黒1-8-1", "", "東京都", "153-0064", "JP", "")},
	},
}

// idFor is the buyer's id at one merchant: the same for ever, another at every other merchant.
func (b *buyer) idFor(merchantID string) string {
	sum := sha256.Sum256([]byte(merchantID + "\n" + b.email))
	return "amzn1.account.A" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])[:27]
}

// defaultScopes are everything but the billing address.
var defaultScopes = []string{"name", "email", "phoneNumber", "postalCode", "shippingAddress", "primeStatus"}

// view is what the merchant may know of the buyer by the scopes asked for; none asked for means the default ones.
func (b *buyer) view(merchantID string, scopes []string) *buyerView {
	if len(scopes) == 0 {
		scopes = defaultScopes
	}
	v := &buyerView{BuyerID: b.idFor(merchantID)}
	if slices.Contains(scopes, "name") {
		v.Name = &b.name
	}
	if slices.Contains(scopes, "email") {
		v.Email = &b.email
	}
	if slices.Contains(scopes, "phoneNumber") {
		v.PhoneNumber = &b.phone
	}
	if slices.Contains(scopes, "primeStatus") {
		v.PrimeMembershipTypes = b.prime
	}
	return v
}

// buyerToken is one sign-in of a buyer at a merchant.
type buyerToken struct {
	owner
	buyer   *buyer
	scopes  []string
	expires time.Time
}

// issueBuyerToken makes the token that goes to signInReturnUrl. The caller holds the lock.
func (s *Server) issueBuyerToken(o owner, b *buyer, scopes []string) string {
	token := s.sim.Random.Hex(24)
	s.tokens[token] = &buyerToken{owner: o, buyer: b, scopes: slices.Clone(scopes), expires: s.sim.Clock.Now().Add(BuyerTokenLife)}
	return token
}
