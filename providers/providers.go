// Package providers lists the providers of this program. A new one is one line here.
package providers

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/amazonpay"
	"github.com/paymux/paymux/providers/aps"
	"github.com/paymux/paymux/providers/internal/outbound"
	"github.com/paymux/paymux/providers/secret"
)

// known are the providers: how an account is opened, and which setting tells that it is one of the provider's test system.
var known = map[string]kind{
	"amazonpay": of(amazonpay.New, "environment", amazonpay.Sandbox),
	"aps":       of(aps.New, "environment", aps.Sandbox),
}

// Names are the providers, in order.
func Names() []string { return slices.Sorted(maps.Keys(known)) }

// Settings is the type of the settings that an account of a provider has, a struct with koanf tags; nil when there is
// no such provider.
func Settings(provider string) reflect.Type { return known[provider].settings }

// Node is the part of the configuration that belongs to one account, with secrets filled in; a *koanf.Koanf is one.
type Node interface {
	Unmarshal(path string, out any) error
}

// Check tells every problem of an account's settings, joined, each beginning with the key and a colon. With live it also
// refuses what is not for real money: addresses of this machine, http, a provider's test system, and the example
// credentials of the simulators.
func Check(provider string, n Node, live bool) error { return known[provider].check(n, live) }

// Simulated reports whether every address of an account is on this machine, and at least one is told: only a simulator
// is there.
func Simulated(provider string, n Node) bool { return known[provider].simulated(n) }

// Timeouts bound the parts of one call to a provider.
type Timeouts = outbound.Timeouts

// Way is how the calls of an account travel.
type Way struct {
	// Transport is for simulations and tests; nil is the network. One that refuses a request without sending it says so
	// with core.NotSentError; every other error leaves the outcome unknown.
	Transport http.RoundTripper
	Live      bool     // no call leaves for this machine or without TLS
	Timeouts  Timeouts // on the network
}

// Open opens an account.
func Open(provider string, n Node, w Way) (core.Provider, error) {
	k, ok := known[provider]
	if !ok {
		return nil, fmt.Errorf("there is no provider %q", provider)
	}
	return k.open(n, outbound.New(outbound.Options{Transport: w.Transport, AllowLocal: !w.Live, Timeouts: w.Timeouts}))
}

// kind is one provider.
type kind struct {
	settings  reflect.Type
	check     func(n Node, live bool) error
	simulated func(n Node) bool
	open      func(n Node, out *outbound.Client) (core.Provider, error)
}

// of makes a kind of a provider's constructor. An account whose setting testKey is testValue belongs to its test system;
// settings that tell so in another way have a method NotForMoney. What ForMoney tells belongs to the system of real money,
// which test mode refuses.
func of[C interface{ Validate() error }, P core.Provider](open func(C, *outbound.Client) (P, error), testKey, testValue string) kind {
	read := func(n Node) (c C, err error) {
		if n.Unmarshal("", &c) != nil { // the cause may repeat a value, and a value may be a secret
			err = errors.New("the settings do not have the shape of their provider")
		}
		return c, err
	}
	return kind{
		settings: reflect.TypeFor[C](),
		check: func(n Node, live bool) error {
			c, err := read(n)
			if err != nil {
				return err
			}
			if live {
				err = notForMoney(reflect.ValueOf(c), testKey, testValue)
			}
			if own, ok := any(c).(interface{ NotForMoney() error }); live && ok {
				err = errors.Join(err, own.NotForMoney())
			}
			if own, ok := any(c).(interface{ ForMoney() error }); !live && ok {
				err = own.ForMoney()
			}
			return errors.Join(c.Validate(), err)
		},
		simulated: func(n Node) bool {
			c, err := read(n)
			return err == nil && onlyHere(reflect.ValueOf(c))
		},
		open: func(n Node, out *outbound.Client) (core.Provider, error) {
			c, err := read(n)
			if err != nil {
				return nil, err
			}
			return open(c, out)
		},
	}
}

// simulated begins the example credentials of every simulator.
const simulated = "pmx"

func notForMoney(c reflect.Value, testKey, testValue string) error {
	var problems []error
	for i := range c.NumField() {
		key, value := c.Type().Field(i).Tag.Get("koanf"), ""
		switch f := c.Field(i).Interface().(type) {
		case string:
			value = f
		case secret.Secret:
			value = f.Reveal()
		}
		switch {
		case strings.HasPrefix(value, simulated):
			problems = append(problems, fmt.Errorf("%s: it is an example of the simulators, which live mode refuses", key))
		case key == testKey && value == testValue:
			problems = append(problems, fmt.Errorf("%s: %s is the provider's test system, which live mode refuses", key, testValue))
		case local(value):
			problems = append(problems, fmt.Errorf("%s: live mode wants https and another machine than this one", key))
		}
	}
	return errors.Join(problems...)
}

// onlyHere reports whether settings have addresses, and only of this machine.
func onlyHere(c reflect.Value) bool {
	here := 0
	for i := range c.NumField() {
		value, ok := c.Field(i).Interface().(string)
		if u, err := url.Parse(value); !ok || err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			continue
		} else if !loopback(u.Hostname()) {
			return false
		}
		here++
	}
	return here > 0
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.Unmap().IsLoopback()
}

// local reports whether value is an address that no provider has in earnest.
func local(value string) bool {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	return u.Scheme != "https" || loopback(u.Hostname())
}
