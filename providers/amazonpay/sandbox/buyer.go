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

// place is an entry of an address book; lines are its first, second and third.
func place(name string, lines []string, city, state, postal, country, phone string) address {
	a := address{Name: textOf(name), City: textOf(city), StateOrRegion: textOf(state),
		PostalCode: textOf(postal), CountryCode: textOf(country), PhoneNumber: textOf(phone)}
	for i, into := range []**string{&a.AddressLine1, &a.AddressLine2, &a.AddressLine3} {
		if i < len(lines) {
			*into = textOf(lines[i])
		}
	}
	return a
}

type lines = []string

// exampleBuyers are the customers of each region, in the order the sign-in page offers them. The first address is the
// default one, and without its telephone number the billing address. Telephone numbers come from the ranges that are kept
// for fiction, where a country has one.
var exampleBuyers = withBilling(map[string][]*buyer{
	"eu": {
		{name: "Erika Muster", email: "erika@example.org", phone: "03023125014", prime: []string{"PRIME_GENERAL"}, addresses: []address{
			place("Erika Muster", lines{"Ringstr. 5"}, "Berlin", "", "10115", "DE", "03023125014"),
			place("Jürgen Groß", lines{"Über den Dächern 3", "c/o Muster Töpferei GmbH"}, "München", "", "80331", "DE", "08923125077"),
			place("Erika Muster", lines{"Almweg 12"}, "Innsbruck", "", "6020", "AT", "03023125014"),
			place("Erika Muster", lines{"Packstation 145", "Postnummer 12345678"}, "Berlin", "", "10117", "DE", "03023125014"),
			place("Erika Muster", lines{"Postfach 10 20 30"}, "Berlin", "", "10124", "DE", ""),
		}},
		{name: "Lena Huber", email: "lena@example.org", phone: "+4315550100", addresses: []address{
			place("Lena Huber", lines{"Mariahilfer Straße 188a", "Stiege 2, Tür 14"}, "Wien", "", "1070", "AT", "+4315550100"),
		}},
		{name: "Zoë Brontë-O’Neill", email: "zoe@example.org", phone: "02079460182", addresses: []address{
			place("Zoë Brontë-O’Neill", lines{"Flat 3, Tern Court", "7 Marsh Lane"}, "London", "", "SE1 9ZZ", "GB", "02079460182"),
			place("Zoë Brontë-O’Neill", lines{"PO Box 418"}, "Manchester", "", "M60 9ZZ", "GB", "02079460182"),
		}},
		{name: "Camille Lefèvre", email: "camille@example.org", phone: "0199001234", addresses: []address{
			place("Camille Lefèvre", lines{"12 rue de l’Étoile", "Bâtiment C, 3e étage"}, "Paris", "", "75017", "FR", "0199001234"),
		}},
	},
	"na": {
		{name: "Maya Collins", email: "maya@example.com", phone: "2065550143", prime: []string{"PRIME_GENERAL_US"}, addresses: []address{
			place("Maya Collins", lines{"500 Sample Ave", "Apt 4B"}, "Seattle", "WA", "98101", "US", "2065550143"),
			place("Maya Collins", lines{"1 Bayside Plaza", "Suite 900", "Front desk"}, "Santa Clara", "CA", "95050", "US", "4085550177"),
			place("Maya Collins", lines{"P.O. Box 1182"}, "Portland", "OR", "97205", "US", "2065550143"),
		}},
		{name: "Pat Sample", email: "pat@example.com", phone: "2125550119", addresses: []address{
			place("Pat Sample", lines{"88 Example Street"}, "New York", "NY", "10013", "US", "2125550119"),
		}},
	},
	"jp": {
		{name: "山田 花子", email: "hanako@example.jp", phone: "0355500100", prime: []string{"PRIME_GENERAL"}, addresses: []address{
			place("山田 花子", lines{"目黒区下目黒1-8-1", "サンプルマンション302"}, "", "東京都", "153-0064", "JP", "0355500100"),
			place("山田 太郎", lines{"北一条西2丁目"}, "札幌市", "北海道", "060-8611", "JP", "0115550123"),
		}},
		{name: "見本 一郎", email: "ichiro@example.jp", phone: "0665550123", addresses: []address{
			place("見本 一郎", lines{"大阪市北区梅田9-1-1"}, "", "大阪府", "530-0001", "JP", "0665550123"),
		}},
	},
})

func withBilling(byRegion map[string][]*buyer) map[string][]*buyer {
	for _, list := range byRegion {
		for _, b := range list {
			b.billing = b.addresses[0]
			b.billing.PhoneNumber = nil
		}
	}
	return byRegion
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
