package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/v2"

	"github.com/paymux/paymux/cmd/paymux/shop"
	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/secret"
)

type demoCommand struct {
	Listen   string `placeholder:"HOST:PORT" help:"Address of API and shop, 127.0.0.1:8080 or the next free port when it is not given; simulators take the next free ports on loopback. Port 0 takes free ones."`
	Database string `help:"Keep the database: sqlite:PATH or postgres://…; without it, it is a temporary file."`
	JSON     bool   `help:"Print one JSON object on stdout when ready, and nothing else."`
}

// demoListen is where the demo is, unless somebody says otherwise.
const demoListen = "127.0.0.1:8080"

// demoMerchant owns everything in the demo.
const demoMerchant = "demo"

// demo is one running demo: simulators, the service in front of them, and a shop that is its customer.
type demo struct {
	service    *service
	listener   net.Listener
	simulators []*simulator
	shop       *shop.Shop
	hooks      *http.Server // where the shop is told of its events
	hooksURL   string
	key        string
	secret     string // of its webhooks
	url        string
	folder     string // of the temporary database
}

// Run is everything in one process until ctx ends, always in test mode. Its links lead to this machine; simulators are
// reached from nowhere else.
func (cmd *demoCommand) Run(ctx context.Context, out output) error {
	switch _, port, err := net.SplitHostPort(cmd.Listen); {
	case cmd.Listen == "":
	case err != nil || !isPort(port):
		return &configError{fmt.Errorf("--listen: %q is no HOST:PORT", cmd.Listen)}
	case !onLoopback(cmd.Listen):
		return &configError{errors.New("--listen: the demo works at a loopback address only, or at all of them (:8080)")}
	}
	d, err := cmd.start(ctx, out)
	if err != nil {
		return errors.Join(err, d.end())
	}
	mux := http.NewServeMux()
	mux.Handle("/", d.service)
	mux.Handle("GET /{$}", http.RedirectHandler(shop.Path, http.StatusSeeOther))
	mux.Handle(shop.Path, d.shop)
	mux.Handle(shop.Path+"/", d.shop)
	err = d.service.run(ctx, d.listener, mux, func() (err error) {
		if d.secret, err = d.shop.Register(ctx, d.hooksURL); err != nil {
			return err
		}
		if cmd.JSON {
			return d.started().print(out)
		}
		return d.tell(out, cmd.Database == "")
	})
	return errors.Join(err, d.end())
}

// start builds the demo; on an error, what it returns is to be ended all the same.
func (cmd *demoCommand) start(ctx context.Context, out output) (*demo, error) {
	d := &demo{}
	dsn, err := cmd.database(d)
	if err != nil {
		return d, err
	}
	if d.listener, err = listenAt(cmd.Listen, demoListen, out.log); err != nil {
		return d, err
	}
	d.url = baseURL(d.listener.Addr())
	c := demoConfig(d.url, dsn)
	if err := d.simulate(c, out); err != nil {
		return d, err
	}
	c.Listen = d.listener.Addr().String()
	if d.service, err = open(ctx, c, out.log); err != nil {
		return d, err
	}
	d.key, _, err = newKey(ctx, d.service.store, demoMerchant, core.ScopeOperator, time.Time{})
	if err == nil {
		d.shop, err = shop.New(shop.Options{API: d.url, Key: d.key, URL: d.url, Simulators: d.simulatorURLs()})
	}
	if err == nil {
		err = d.listenForEvents(out)
	}
	if err != nil {
		err = errors.Join(err, d.service.store.Close())
	}
	return d, err
}

// listenForEvents gives the shop an address of its own, on this machine, where it is told of its events: none is ever sent
// to the program itself.
func (d *demo) listenForEvents(out output) error {
	l, err := listen(d.nextAddress(), portsTried)
	if err != nil {
		return err
	}
	d.hooks, d.hooksURL = newServer(d.shop.Hooks(), time.Minute, out.log), baseURL(l.Addr())+shop.HooksPath
	go func() { _ = d.hooks.Serve(l) }()
	return nil
}

func (cmd *demoCommand) database(d *demo) (dsn string, err error) {
	if cmd.Database != "" {
		return cmd.Database, nil
	}
	d.folder, err = os.MkdirTemp("", "paymux-demo-")
	return "sqlite:" + filepath.Join(d.folder, "paymux.db"), err
}

func demoConfig(url, dsn string) *config {
	c := defaults()
	c.Mode, c.PublicURL, c.Database = modeTest, url, dsn
	c.SecretKey = secret.New(string(random32()))
	c.Webhooks.AllowLoopback = true // the shop is on this machine
	c.Timeouts.BeforeStop, c.Timeouts.Stop = 0, 5*time.Second
	c.Accounts = map[string]account{}
	return &c
}

// simulate starts every simulator, on loopback at the ports after ours, and configures one account at each. Where the demo
// listens at all addresses, its links still lead to loopback, so nobody else could use a simulator but to disturb.
func (d *demo) simulate(c *config, out output) error {
	var names []string
	for _, provider := range simulated {
		name := provider + "-demo"
		l, err := listen(d.nextAddress(), portsTried)
		if err != nil {
			return err
		}
		s, err := startSimulator(l, provider, site{feedback: d.url + "/feedback/" + name}, nil, out.log)
		if err != nil {
			return err
		}
		d.simulators = append(d.simulators, s)
		settings := koanf.New(".")
		if err := settings.Load(tree(s.settings), nil); err != nil {
			return err
		}
		c.Accounts[name] = account{Provider: provider, settings: settings}
		names = append(names, name)
	}
	c.Merchants = map[string]merchant{demoMerchant: {Accounts: names}}
	return nil
}

// nextAddress is the port after ours, on loopback.
func (d *demo) nextAddress() string {
	at := *d.listener.Addr().(*net.TCPAddr)
	if at.IP.IsUnspecified() {
		at.IP = net.IPv4(127, 0, 0, 1)
	}
	return after(&at)
}

// end stops the simulators and removes the temporary database.
func (d *demo) end() (err error) {
	for _, s := range d.simulators {
		err = errors.Join(err, s.stop())
	}
	if d.hooks != nil {
		_ = d.hooks.Close()
	}
	if d.listener != nil {
		_ = d.listener.Close() // the server has closed it already, if there was one
	}
	if d.folder != "" {
		err = errors.Join(err, os.RemoveAll(d.folder))
	}
	return err
}

func (d *demo) simulatorURLs() map[string]string {
	urls := map[string]string{}
	for _, s := range d.simulators {
		urls[s.provider] = s.url
	}
	return urls
}

func (d *demo) started() started {
	s := started{API: d.url, Shop: d.url + shop.Path, APIKey: d.key, WebhookSecret: d.secret, Accounts: accountsOf(d.service.config), Sandboxes: map[string]startedSimulator{}}
	for provider, url := range d.simulatorURLs() {
		s.Sandboxes[provider] = startedSimulator{URL: url}
	}
	return s
}

// tell says what runs, in at most twelve lines.
func (d *demo) tell(w io.Writer, temporary bool) error {
	var b strings.Builder
	where := "on this machine only"
	if d.listener.Addr().(*net.TCPAddr).IP.IsUnspecified() {
		where = "open to every machine that reaches this one; links work here only"
	}
	fmt.Fprintf(&b, "paymux demo: one checkout API, simulated providers and a shop, %s\n\n", where)
	fmt.Fprintf(&b, "  Shop       %s   <- click here first\n", d.url+shop.Path)
	for _, s := range d.simulators {
		fmt.Fprintf(&b, "  Simulator  %s   %s: %s, back office\n", s.url, s.provider, map[bool]string{false: "test cards", true: "test buyers"}[s.provider == "amazonpay"])
	}
	fmt.Fprintf(&b, "  API        %s/docs\n\n", d.url)
	b.WriteString("Or create a payment yourself, on a card page or with Amazon Pay, then open its hosted_url. The key is an operator's:\n")
	fmt.Fprintf(&b, "%s\n%s\n\n", d.curl("card", `"currency":"AED","buyer":{"email":"layla@example.org"}`),
		d.curl("amazon", `"currency":"EUR","method":{"type":"amazon_pay","flow":"pay_now","product":"pay_only"}`))
	if temporary {
		b.WriteString("Stop with Ctrl+C; nothing is kept.\n")
	} else {
		b.WriteString("Stop with Ctrl+C; the database stays.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// curl creates a payment of 49.00 in a way of paying, with the members of it, and shows what of it matters first.
func (d *demo) curl(way, members string) string {
	reference := way + "-" + strconv.FormatInt(time.Now().Unix(), 10)
	return fmt.Sprintf(`curl -sS %s/v1/payments -H 'Authorization: Bearer %s' -H 'Idempotency-Key: %s' -H 'Content-Type: application/json' `+
		`-d '{"merchant_reference":"%s","amount":4900,%s,"return_url":"%s%s/thanks"}' `+
		`| grep -oE '"(id|status|hosted_url|code|detail)": ?"[^"]*"'`, d.url, d.key, reference, reference, members, d.url, shop.Path)
}
