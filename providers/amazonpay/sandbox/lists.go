package sandbox

import (
	"slices"
	"strconv"
	"strings"
)

func (v *visit) buyerChoices() []choice {
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
