package campaign

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// What the program is known not to do yet. Each has a name here, is counted in every report, and goes when it is done.

// restIsNotAsked: core asks nothing, but at its start, about a payment whose money has come to rest. What the back office
// or a second page does to it, and whose notification is lost for good, is learned only when somebody asks; here the
// merchant does, in the end, for exactly those payments. It becomes false, and goes, when core does.
const restIsNotAsked = true

// believed is how long a total of refunds that may still fall has to stand before it is believed, and a little more.
const believed = 49 * time.Hour

// consentsAreNotFound: a notification of what others book on a charge to a stored consent names the consent, which has many
// orders, and an object that nobody here knows yet. Core reads the object to find whose it is, a few times within a minute.
// When the provider does not answer by then, the message is kept, an operator is told that it belongs to nothing, and it
// counts as lost. It goes when such an object is read for as long as an open payment is asked about.
const consentsAreNotFound = true

// askAboutRest asks about payments at rest of which a notification was lost for good.
func (w *World) askAboutRest() {
	lost, asked := w.unheard(), false
	defer func() {
		if asked {
			time.Sleep(believed)
		}
	}()
	asked = w.refreshMandates(lost)
	for _, p := range w.payments() {
		if !restIsNotAsked || !p.CheckAt.IsZero() {
			continue
		}
		for _, at := range p.Attempts {
			if i := slices.IndexFunc(w.accounts, func(a *account) bool { return a.name == at.Account }); w.lostAbout(lost, w.side.subject(w.accounts[i], at.Reference)) {
				a := w.call(w.accounts[i], http.MethodPost, "/v1/payments/"+p.ID+"/sync", "", nil, time.Minute)
				asked = true
				if a != nil && a.status == http.StatusOK && a.str("version") != fmt.Sprint(p.Version) {
					w.count("gap: learned about a payment at rest only when asked")
				}
				break
			}
		}
	}
}

// lostAbout reports whether a message about the provider's subject was lost, or could not be placed.
func (w *World) lostAbout(lost map[string]bool, subject string) bool {
	return lost[subject] || consentsAreNotFound && w.manner.consents != nil && w.manner.consents(subject)
}

// unheard are the orders of the provider with a message that never arrived, whatever it tried.
func (w *World) unheard() map[string]bool {
	var state struct{ Tries []try }
	if err := json.Unmarshal(w.control("feedback", nil), &state); err != nil {
		w.violate("the feedback log cannot be read: %v", err)
	}
	lost := map[string]bool{}
	for _, t := range state.Tries {
		if t.Mode == "drop" || t.Try == w.manner.tries && !t.Accepted {
			lost[t.Payment] = true
		}
	}
	return lost
}

// try is one line of the log of the provider's sender.
type try struct {
	Payment  string // merchant and reference
	Mode     string
	Try      int
	Accepted bool
}
