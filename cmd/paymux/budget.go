package main

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// budget is the time a call to a provider has.
type budget struct {
	Connect      time.Duration `koanf:"connect"`       // to the provider, with the look-up of its name
	TLS          time.Duration `koanf:"tls"`           // the handshake
	FirstByte    time.Duration `koanf:"first_byte"`    // from the end of the request to the beginning of the answer
	ProviderCall time.Duration `koanf:"provider_call"` // the whole call, whatever its parts may take; afterwards its outcome is unknown
	Answer       time.Duration `koanf:"answer"`        // a merchant's request is answered after it while its call goes on
}

var usualBudget = budget{Connect: 3 * time.Second, TLS: 5 * time.Second, FirstByte: 30 * time.Second, ProviderCall: 40 * time.Second, Answer: 25 * time.Second}

// span is one time of a budget, and between what it may be chosen. Below the floor a provider in good health is taken for
// one that is away. Above the ceiling what hangs is held for so long that it keeps others waiting; merchants are answered
// within the minute after which load balancers hang up.
type span struct {
	field          string
	floor, ceiling time.Duration
	of             func(*budget) *time.Duration
}

var spans = []span{
	{"connect", 100 * time.Millisecond, 10 * time.Second, func(b *budget) *time.Duration { return &b.Connect }},
	{"tls", 100 * time.Millisecond, 15 * time.Second, func(b *budget) *time.Duration { return &b.TLS }},
	{"first_byte", time.Second, 60 * time.Second, func(b *budget) *time.Duration { return &b.FirstByte }},
	{"provider_call", time.Second, 90 * time.Second, func(b *budget) *time.Duration { return &b.ProviderCall }},
	{"answer", time.Second, 55 * time.Second, func(b *budget) *time.Duration { return &b.Answer }},
}

// budgetError is a time outside of what may be chosen.
type budgetError struct {
	Account        string // empty: of all accounts that say nothing else
	Field          string
	Value          time.Duration
	Floor, Ceiling time.Duration
}

func (e *budgetError) Error() string {
	of := "of account " + e.Account
	if e.Account == "" {
		of = "of every account"
	}
	return fmt.Sprintf("%v as %s %s is not between %v and %v", e.Value, e.Field, of, e.Floor, e.Ceiling)
}

// budgetOf is the budget of an account: what it says itself, and of the rest what holds for all.
func (c *config) budgetOf(account string) budget {
	b, own := c.Timeouts.budget, c.Accounts[account].Timeouts
	for _, s := range spans {
		if v := *s.of(&own); v != 0 {
			*s.of(&b) = v
		}
	}
	return b
}

// longestAnswer is how long the most patient account has a merchant wait.
func (c *config) longestAnswer() time.Duration {
	longest := c.Timeouts.Answer
	for name := range c.Accounts {
		longest = max(longest, c.budgetOf(name).Answer)
	}
	return longest
}

func (d *document) checkBudgets(c *config) {
	d.checkBudget("timeouts", "", c.Timeouts.budget)
	for _, name := range slices.Sorted(maps.Keys(c.Accounts)) {
		d.checkBudget("accounts."+name+".timeouts", name, c.Accounts[name].Timeouts)
	}
}

// checkBudget looks at what is written at path.
func (d *document) checkBudget(path, account string, b budget) {
	for _, s := range spans {
		at, v := path+"."+s.field, *s.of(&b)
		if _, written := d.at[at]; written && !d.bad[at] && (v < s.floor || v > s.ceiling) {
			d.wrong(at, "%w", &budgetError{Account: account, Field: s.field, Value: v, Floor: s.floor, Ceiling: s.ceiling})
		}
	}
}
