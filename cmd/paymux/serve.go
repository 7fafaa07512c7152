package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
)

// configured are the flags of commands that read a configuration.
type configured struct {
	Config   string `default:"paymux.yaml" type:"path" help:"The configuration; relative paths in it begin at its folder." env:"PAYMUX_CONFIG"`
	Database string `help:"Database instead of the configured one: sqlite:PATH, from the current folder, or postgres://…"`
}

func (f configured) load(listen string) (*config, error) {
	return loadConfig(f.Config, map[string]string{"listen": listen, "database": f.Database})
}

type serveCommand struct {
	configured
	Listen string `help:"Address instead of the configured one, HOST:PORT; port 0 takes a free one."`
	JSON   bool   `help:"Print one JSON object on stdout when ready."`
}

// Run serves until ctx ends.
func (cmd *serveCommand) Run(ctx context.Context, out output) error {
	c, err := cmd.load(cmd.Listen)
	if err != nil {
		return err
	}
	if c.leadsElsewhere() {
		out.log.Warn("public_url names this machine with another port than listen: links lead there, not here, unless something there passes them on", "public_url", c.PublicURL, "listen", c.Listen)
	}
	l, err := listen(c.Listen, 0)
	if err != nil {
		return err
	}
	c.Listen = l.Addr().String() // with port 0 nobody knew before
	s, err := open(ctx, c, out.log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if othersMayChange(cmd.Config) {
		out.log.Warn("others than its owner may change the configuration: chmod go-w", "file", cmd.Config)
	}
	if c.SecretKey.Empty() {
		out.log.Warn("no secret_key is configured: links given to buyers and secrets of webhook endpoints end with this process")
	}
	return s.run(ctx, l, s, func() error {
		out.log.Info("ready", "listen", l.Addr().String(), "public_url", c.PublicURL, "mode", c.Mode, "accounts", len(c.Accounts), "database", whichDatabase(c), "version", version())
		if !cmd.JSON {
			return nil
		}
		return started{API: baseURL(l.Addr()), Accounts: accountsOf(c)}.print(out)
	})
}

// leadsElsewhere reports whether links lead to this machine, but to another port than the one that is listened on.
func (c *config) leadsElsewhere() bool {
	u, err := url.Parse(c.PublicURL)
	_, port, failed := net.SplitHostPort(c.Listen)
	if err != nil || failed != nil || port == "0" || !loopback(u.Hostname()) {
		return false
	}
	usual := map[string]string{"http": "80", "https": "443"}
	return cmp.Or(u.Port(), usual[u.Scheme]) != port
}

// whichDatabase is where everything is kept, without what may be secret of an address.
func whichDatabase(c *config) string {
	if strings.HasPrefix(c.Database, "sqlite:") {
		return c.Database
	}
	return "postgres"
}

// started is what a process tells scripts, in one line, when it is ready. What does not apply is absent.
type started struct {
	API           string                      `json:"api,omitempty"`
	Shop          string                      `json:"shop,omitempty"`
	APIKey        string                      `json:"api_key,omitempty"`
	WebhookSecret string                      `json:"webhook_secret,omitempty"` // of the endpoint of the demo's shop
	Accounts      map[string]startedAccount   `json:"accounts,omitempty"`
	Sandboxes     map[string]startedSimulator `json:"sandboxes,omitempty"`
}

type startedAccount struct {
	Provider string `json:"provider"`
}

type startedSimulator struct {
	URL    string `json:"url"`
	TLSURL string `json:"tls_url,omitempty"`
}

func (s started) print(w io.Writer) error { return json.NewEncoder(w).Encode(s) }

func accountsOf(c *config) map[string]startedAccount {
	out := map[string]startedAccount{}
	for name, a := range c.Accounts {
		out[name] = startedAccount{a.Provider}
	}
	return out
}

// listen takes address or, when its port is taken, one of the next ports.
func listen(address string, next int) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isPort(port) {
		return nil, &configError{fmt.Errorf("--listen: %q is no HOST:PORT", address)}
	}
	first, _ := strconv.Atoi(port)
	for n := first; ; n++ {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(n)))
		taken := errors.Is(err, syscall.EADDRINUSE)
		switch {
		case taken && next == 0:
			return nil, fmt.Errorf("%w; choose another port, or 0 for a free one", err)
		case !taken || n >= first+next || n == 65535:
			return l, err
		}
	}
}

// listenAt takes the address that somebody asked for, and no other; when nobody did, the usual one or one of the next ports.
func listenAt(asked, usual string, log *slog.Logger) (net.Listener, error) {
	if asked != "" {
		return listen(asked, 0)
	}
	l, err := listen(usual, portsTried)
	if err == nil && l.Addr().String() != usual {
		log.Info("the usual port is taken; this is the next free one", "usual", usual, "listen", l.Addr().String())
	}
	return l, err
}

// after is the address with the next port.
func after(a net.Addr) string {
	tcp := a.(*net.TCPAddr)
	return net.JoinHostPort(tcp.IP.String(), strconv.Itoa(min(tcp.Port+1, 65535)))
}

// baseURL is how this machine reaches a listener.
func baseURL(a net.Addr) string {
	tcp := a.(*net.TCPAddr)
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}
