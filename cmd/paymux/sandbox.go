package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	amazonpay "github.com/paymux/paymux/providers/amazonpay/sandbox"
	aps "github.com/paymux/paymux/providers/aps/sandbox"
)

// portsTried is how many ports are tried after a taken one.
const portsTried = 50

// simulator is a provider's side that runs in this process, at the root of its own address.
type simulator struct {
	provider string
	url      string
	tlsURL   string         // the same over TLS, empty when it is not served so
	settings map[string]any // of an account at it, in the words of the provider's Config
	handler  http.Handler
	servers  []*http.Server
	close    func()
}

// simulated are the providers that have a simulator, in the order of their ports.
var simulated = []string{"aps", "amazonpay"}

// site is where a simulator and its example merchant are.
type site struct {
	url      string
	feedback string // empty: it goes nowhere
	region   string // of the merchant at Amazon Pay; empty: the example's own
}

// simulators are how theirs are made.
var simulators = map[string]func(at site, log *slog.Logger) (h http.Handler, closeIt func(), settings map[string]any, err error){
	"amazonpay": amazonPaySimulator,
	"aps":       apsSimulator,
}

func amazonPaySimulator(at site, log *slog.Logger) (http.Handler, func(), map[string]any, error) {
	a := amazonpay.ExampleAccount()
	a.Region = cmp.Or(at.region, a.Region)
	if at.feedback != "" {
		a.IPNEndpoints = map[amazonpay.Environment][]string{amazonpay.Sandbox: {at.feedback}}
	}
	s, err := amazonpay.New(amazonpay.Config{Accounts: []amazonpay.Account{a}, URL: at.url, Log: log})
	if err != nil {
		return nil, nil, nil, err
	}
	return s, s.Close, map[string]any{
		"provider": "amazonpay", "merchant_id": a.MerchantID, "store_id": a.StoreIDs[0], "store_name": a.Name, "region": a.Region,
		"public_key_id": a.Keys[0].ID, "private_key": strings.ReplaceAll(strings.TrimSpace(a.Keys[0].PrivateKey), "\n", `\n`), // one line, as environments like it
		"api_url": at.url, "script_url": at.url + amazonpay.ScriptPath, "sns_certificate_url": at.url, "sns_topics": []string{a.Topic()},
	}, nil
}

func apsSimulator(at site, log *slog.Logger) (http.Handler, func(), map[string]any, error) {
	a := aps.ExampleAccount()
	a.DirectFeedbackURL, a.NotificationURL = at.feedback, at.feedback
	s, err := aps.New(aps.Config{Accounts: []aps.Account{a}, Log: log})
	if err != nil {
		return nil, nil, nil, err
	}
	return s, s.Close, map[string]any{
		"provider": "aps", "merchant_identifier": a.MerchantIdentifier, "access_code": a.AccessCode,
		"request_phrase": a.RequestPhrase, "response_phrase": a.ResponsePhrase, "sha_type": string(a.SHAType),
		"page_url": at.url + aps.PaymentPagePath, "api_url": at.url + aps.PaymentAPIPath,
	}, nil
}

// startSimulator serves a provider's simulator on l, which it closes on an error; where that is becomes its url. Where it is
// to be served over TLS too, own is what it will have there.
func startSimulator(l net.Listener, provider string, at site, own *identity, log *slog.Logger) (*simulator, error) {
	at.url = baseURL(l.Addr())
	s := &simulator{provider: provider, url: at.url}
	handler, closeIt, settings, err := simulators[provider](at, log.With("simulator", provider))
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.settings, s.close, s.handler = settings, closeIt, handler
	if own != nil {
		s.handler = own.shown(handler)
	}
	s.serve(l, log)
	return s, nil
}

// serve serves on l until the simulator stops.
func (s *simulator) serve(l net.Listener, log *slog.Logger) {
	server := newServer(s.handler, time.Minute, log)
	s.servers = append(s.servers, server)
	go func() { _ = server.Serve(l) }() // it ends with stop
}

// alsoOverTLS serves it at address or one of the next ports too, for clients that know nothing else than https.
func (s *simulator) alsoOverTLS(address string, own *identity, log *slog.Logger) error {
	l, err := listen(address, portsTried)
	if err != nil {
		return err
	}
	s.tlsURL = "https" + strings.TrimPrefix(baseURL(l.Addr()), "http")
	s.serve(tls.NewListener(l, own.config), log)
	return nil
}

// stop ends it at once; what it knows is gone.
func (s *simulator) stop() error {
	var err error
	for _, server := range s.servers {
		err = errors.Join(err, server.Close())
	}
	s.close()
	return err
}

// sandboxListen is where simulators are, unless somebody says otherwise.
const sandboxListen = "127.0.0.1:9101"

type sandboxCommand struct {
	Listen   string `placeholder:"HOST:PORT" help:"Address of the first simulator, 127.0.0.1:9101 or the next free port when it is not given; others take the next free ports. Port 0 takes free ones."`
	Feedback string `placeholder:"URL" help:"Where the example merchants' feedback goes, such as http://127.0.0.1:8080/feedback/{provider}-sandbox, of which each simulator replaces {provider}; without it, nowhere."`
	Region   string `name:"amazon-region" enum:"na,eu,jp" default:"eu" help:"Region of the example merchant at Amazon Pay, with its buyers and its currency: na, eu or jp."`
	JSON     bool   `help:"Print one JSON object on stdout when ready."`
}

// Help is what --help adds about the control port.
func (cmd *sandboxCommand) Help() string {
	return "The control port of each simulator answers this machine only. GET /_control lists what it takes, with examples: faults of calls, feedback " +
		"that is held, lost, doubled or forged, the clock, what a person does in the back office."
}

// Run simulates until ctx ends. The control port of each answers loopback only.
func (cmd *sandboxCommand) Run(ctx context.Context, out output) (err error) {
	var running []*simulator
	defer func() {
		for _, s := range running {
			err = errors.Join(err, s.stop())
		}
	}()
	if u, err := url.Parse(cmd.Feedback); cmd.Feedback != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return &configError{fmt.Errorf("--feedback: %q is no address such as %s", cmd.Feedback, sandboxFeedback)}
	}
	l, err := listenAt(cmd.Listen, sandboxListen, out.log)
	if err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(cmp.Or(cmd.Listen, sandboxListen))
	own, err := newIdentity(host)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	for _, provider := range simulated {
		if len(running) > 0 {
			if l, err = listen(after(l.Addr()), portsTried); err != nil {
				return err
			}
		}
		s, err := startSimulator(l, provider, site{feedback: cmd.feedbackOf(provider), region: cmd.Region}, &own, out.log)
		if err != nil {
			return err
		}
		running = append(running, s)
	}
	told := started{Sandboxes: map[string]startedSimulator{}}
	for _, s := range running { // the ports of http stay the same, whoever is there with TLS
		if err := s.alsoOverTLS(after(l.Addr()), &own, out.log); err != nil {
			return err
		}
		told.Sandboxes[s.provider] = startedSimulator{s.url, s.tlsURL}
	}
	if cmd.JSON {
		err = told.print(out)
	} else {
		err = cmd.tell(out, running)
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// feedbackOf is where the feedback of a provider's simulator goes.
func (cmd *sandboxCommand) feedbackOf(provider string) string {
	return strings.ReplaceAll(cmd.Feedback, "{provider}", provider)
}

// tell says what runs, where its feedback goes, and how `paymux serve` uses it.
func (cmd *sandboxCommand) tell(out output, running []*simulator) error {
	how, err := recipeFor(running, cmd.Feedback)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, s := range running {
		fmt.Fprintf(&b, "%-10s %s\n           over TLS    %s, with the certificate of %s%s\n", s.provider, s.url, s.tlsURL, s.url, certificatePath)
		fmt.Fprintf(&b, "           control     %s/_control lists faults, feedback, clock and more\n", s.url)
		fmt.Fprintf(&b, "           credentials %s/_control/credentials\n           books       %s/_control/books\n", s.url, s.url)
		if cmd.Feedback == "" {
			fmt.Fprintf(&b, "           feedback    goes nowhere; for the configuration below, start with --feedback %s\n", sandboxFeedback)
		} else {
			fmt.Fprintf(&b, "           feedback    %s\n", cmd.feedbackOf(s.provider))
		}
	}
	fmt.Fprintf(&b, "\nTo take payments here, save this as sandbox.yaml:\n\n%s\nand run, in another terminal:\n\n%s\n", how.config, how.secrets)
	fmt.Fprintf(&b, "%[1]s keys create --config sandbox.yaml --merchant main\n%[1]s serve --config sandbox.yaml\n\n", programName)
	b.WriteString("Stop with Ctrl+C; what the simulators know is gone then.\n")
	_, err = io.WriteString(out, b.String())
	return err
}

// onLoopback reports whether address is reached from this machine at a loopback address.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "" || host == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()))
}
