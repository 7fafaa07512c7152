package campaign

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// A world knows its provider by two things only. A manner says, as data, how worlds of the provider are: what its calls
// are named, what can happen to them, what merchants ask for there, and what of the failure model has no place. A side is
// the provider in one world: its simulator, and everything that takes its words to read, write or press.
//
// Another provider is a line in manners, a manner and a side, in files that begin with its name, as aps*.go:
//
//   - open: the accounts of two merchants, as the configuration file would have them (account.settings), the second as
//     unlike the first as the provider allows; the simulator with the same accounts, telling the program at
//     /feedback/{account} by the client it is given; and a ServeHTTP that serves all of it, /_control/ included.
//   - command: what a call of the program is named, one of the manner's commands, and what it is about. A call that is
//     no command suffers like one and has no moment to crash at.
//   - order: what the provider wants beside the plain order, its method above all.
//   - visit: what a buyer does, by the manner's scripts, from the page of ours that leads to the provider. The buyer
//     opens and submits pages as a browser without script does, and decides under faults (buyer.go).
//   - spoiled: answers as only the provider can spoil them, by the faults of the manner's calls and asks that neither
//     the network (faults.go, spoil.go) nor the simulator's control port plays.
//   - said, altered, forged: its messages, read and written: the same for two that say the same; one with another truth
//     under its true signature, by the manner's letters; one of somebody without its key.
//   - byHand, subject: a person at the back office, and what the simulator's log of its messages calls an order.
//
// Everything else is the same for all: what merchants do, the faults of network, store and process, and the judge, who
// believes the simulator's books (/_control/books) and nothing of the program.

// side is the provider in one world.
type side interface {
	http.Handler
	// Close ends the simulator, and returns when nothing of it runs any more.
	Close()
	command(r *http.Request) (name, reference string)
	order(s *story, body map[string]any)
	visit(b *buyer, script string)
	spoiled(resp *http.Response, draws *rand.Rand, fault string) *http.Response
	said(l letter) string
	altered(r *rand.Rand, l letter, what string) (changed letter, reference string)
	// byHand is what the back office of an account is told; nil for nothing.
	byHand(a *account, what, reference string, amount int64) any
	// forged are two messages about an order: one with a signature, which is wrong, and one without.
	forged(a *account, reference, amount string) (sealed, bare letter)
	subject(a *account, reference string) string
}

// manner is how the worlds of one provider are.
type manner struct {
	name string // of the provider, as configuration has it
	url  string // of its simulator
	open func(w *World, client *http.Client) (side, []*account, error)

	currencies    []string
	manual, saves int      // percent of orders that are captured later, and with which the buyer agrees to be charged again
	flows         []choice // in what ways an order can be paid, where there are several

	commands []command
	calls    []choice // what can happen to a call with an effect
	asks     []choice // … to a question
	pages    []choice // … when a buyer decides on the provider's page
	letters  []choice // … to its messages, or in its name
	scripts  []choice // what buyers do
	office   []choice // what is done by hand: by the merchant's people, by the provider's, or by the buyer in his account there

	seal     string                    // what every message of it bears
	agrees   bool                      // what was released may be reserved again, up to the order, on what the buyer agreed to
	consents func(subject string) bool // whether its messages name it as what may be charged for several orders
	fades    bool                      // what others released before anybody read of it is shown as ended, not as what it was
	recurs   bool                      // a message that comes again in another minute may tell of another booking
	keyed    []core.OpKind             // operations whose effect bears their key in its books; others are told by kind and amount
	setsUp   bool                      // buyers may agree to be charged later without buying anything
	// thinksAgain: what it has accepted it may decline later.
	thinksAgain bool
	// alone are operations of core that make no call, or one that is told apart by nothing on the wire.
	alone []core.OpKind
	// rare are operations that come seldom in a life. One of the moments of each is drawn, for those that come late to
	// be met as often as the first.
	rare  []core.OpKind
	terse bool           // it sends few messages, so that lives end at one the more often
	hides time.Duration  // how long it may deny what it said it does not know
	tries int            // after how many it gives a message up
	rows  map[string]row // of the matrix, where it depends on the provider
}

// command is one of the calls that a provider knows.
type command struct {
	name   string   // the provider's
	call   string   // … where several operations of core make the same one, each by a name of its own
	doing  string   // the operation of core that makes it, or doingQuery
	few    bool     // they are few, and suffer the more often
	told   bool     // a message repeats its amount
	double bool     // the same one twice is two effects, which no caller can prevent
	faults []choice // what can happen to it, instead of what can to others
}

// manners are those of all providers that have a world.
var manners = []*manner{&amazonManner, &apsManner}

// Worlds are the providers that have a world, and how one of its seeds is lived through.
var Worlds = func() map[string]func(t *testing.T, seed uint64) Report {
	worlds := map[string]func(t *testing.T, seed uint64) Report{}
	for _, m := range manners {
		worlds[m.name] = m.run
	}
	return worlds
}()

// run lives through the world of a seed and reports.
func (m *manner) run(t *testing.T, seed uint64) (report Report) {
	t.Helper()
	defer coretest.Seed(seed)()
	synctest.Test(t, func(t *testing.T) { report = live(t, m, seed, (*World).people) })
	return report
}

// mannerOf is that of a provider; one without a world has an empty one.
func mannerOf(provider string) *manner {
	if i := slices.IndexFunc(manners, func(m *manner) bool { return m.name == provider }); i >= 0 {
		return manners[i]
	}
	return &manner{name: provider}
}

// command is what the provider calls by a name, the zero command when that is nothing it knows.
func (m *manner) command(name string) command {
	if i := slices.IndexFunc(m.commands, func(c command) bool { return c.name == name }); i >= 0 {
		return m.commands[i]
	}
	return command{}
}

// wire is what the provider calls it.
func (c command) wire() string {
	if c.call != "" {
		return c.call
	}
	return c.name
}

// called are the operations of core that make a call, and commands the names of those calls, both in order.
func (m *manner) called() (operations, commands []string) {
	for _, c := range m.commands {
		if c.doing == doingQuery {
			continue
		}
		commands = append(commands, c.name)
		if !slices.Contains(operations, c.doing) {
			operations = append(operations, c.doing)
		}
	}
	return operations, commands
}

// questions are the names of the calls without an effect.
func (m *manner) questions() (names []string) {
	for _, c := range m.commands {
		if c.doing == doingQuery {
			names = append(names, c.name)
		}
	}
	return names
}

// isKeyed reports whether the provider's books tell effects of a kind apart by the keys of their operations.
func (m *manner) isKeyed(kind core.OpKind) bool { return slices.Contains(m.keyed, kind) }
