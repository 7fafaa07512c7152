// Package providertest is the conformance suite of core.Provider. A provider's test builds a World, its adapter opened
// against its simulator, and runs the suite; the simulator's own books are the judge. What a provider claims in its
// capabilities must have its effect there, and what it does not claim must be refused with nothing on the wire.
//
// Cases live in files by subject: claims, flows, mandates, lost answers, feedback, integrity, secrets, determinism,
// limits. A bug found in one provider becomes a case here.
package providertest

import (
	"testing"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/simulator"
)

// World is one provider and everything around it, alone for one test.
type World interface {
	// Provider is the adapter, opened against the simulator at Simulator.
	Provider() core.Provider
	// Stranger is the same adapter for another account, which must believe nothing that is told to this one.
	Stranger() core.Provider
	// Simulator is the address of the simulator, whose control port answers below it.
	Simulator() string
	// Operation is the provider's word for a kind of operation, as faults name it.
	Operation(core.OpKind) string
	// Input is a payment that the buyer of the world can make, with a method that can be captured later.
	Input() core.StartInput
	// Wills are what buyers can do here beside Pays, Declined, DeclinedOnce and GivesUp.
	Wills() []Will
	// Buy does what next asks the buyer for, in a browser, and returns what the browser brought back.
	Buy(t *testing.T, next *core.NextAction, will Will) core.Return
	// Messages are the feedback messages received since the last call, in order.
	Messages() []core.Message
	// Sent are the requests the adapter made since the world began, whole.
	Sent() []string
	// Kept are the exchanges the adapter recorded.
	Kept() []core.Exchange
	// Secrets are texts that must be in no error, no exchange and no print of the provider: phrases and keys, the buyer's
	// card, the buyer's e-mail address.
	Secrets() []string
}

// What a world may tell of its provider besides.
type (
	// Settler is a provider that does later what it accepts; the simulator's clock goes on by Settles before feedback is heard.
	Settler interface{ Settles() time.Duration }
	// Unsigned names members of a JSON message that its signature does not cover and that nobody uses.
	Unsigned interface{ Unsigned() []string }
	// Nameless reports whether answers to operations of a kind repeat no reference of the merchant's.
	Nameless interface{ Nameless(core.OpKind) bool }
	// Timeless takes out of an outcome what differs each time although the call is the same: a signature that draws.
	Timeless interface {
		Timeless(core.Outcome) core.Outcome
	}
)

// Will is what a buyer does at the provider.
type Will string

// What a buyer can do.
const (
	Pays           Will = "pays"
	Declined       Will = "is declined, and comes back"
	DeclinedOnce   Will = "is declined, and pays on the same page"
	GivesUp        Will = "cancels"
	PaysWithSecure Will = "pays after a challenge"
	PaysLater      Will = "pays, and the provider tells so only later"
	DeclinedLater  Will = "pays, and the provider tells only later that it was refused"
)

type subject struct {
	name string
	run  func(*testing.T, *shop)
}

// Run runs every case, each in a world of its own.
func Run(t *testing.T, newWorld func(*testing.T) World) {
	for _, list := range [][]subject{claims, flows, sessions, mandates, lost, feedback, integrity, secrets, determinism, limits} {
		for _, s := range list {
			t.Run(s.name, func(t *testing.T) { s.run(t, newShop(t, newWorld(t))) })
		}
	}
}

// effects of the simulator's books.
type books = simulator.Payment
