package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/paymux/paymux/providers/aps/sandbox"
)

// portsTried is how many ports are tried after a taken one.
const portsTried = 50

// simulator is a provider's side that runs in this process, at the root of its own address.
type simulator struct {
	provider string
	url      string
	settings map[string]any // of an account at it, in the words of the provider's Config
	server   *http.Server
	close    func()
	served   chan error
}

// simulators are the providers that have one: how it is made, for feedback to one address.
var simulators = map[string]func(url, feedbackURL string, log *slog.Logger) (h http.Handler, closeIt func(), settings map[string]any, err error){
	"aps": apsSimulator,
}

func apsSimulator(url, feedbackURL string, log *slog.Logger) (http.Handler, func(), map[string]any, error) {
	a := sandbox.ExampleAccount()
	a.DirectFeedbackURL, a.NotificationURL = feedbackURL, feedbackURL
	s, err := sandbox.New(sandbox.Config{Accounts: []sandbox.Account{a}, Log: log})
	if err != nil {
		return nil, nil, nil, err
	}
	return s, s.Close, map[string]any{
		"provider": "aps", "merchant_identifier": a.MerchantIdentifier, "access_code": a.AccessCode,
		"request_phrase": a.RequestPhrase, "response_phrase": a.ResponsePhrase, "sha_type": string(a.SHAType),
		"page_url": url + sandbox.PaymentPagePath, "api_url": url + sandbox.PaymentAPIPath,
	}, nil
}

// startSimulator serves a provider's simulator at address or one of the next ports.
func startSimulator(provider, address, feedbackURL string, log *slog.Logger) (*simulator, error) {
	l, err := listen(address, portsTried)
	if err != nil {
		return nil, err
	}
	s := &simulator{provider: provider, url: baseURL(l.Addr()), served: make(chan error, 1)}
	handler, closeIt, settings, err := simulators[provider](s.url, feedbackURL, log.With("simulator", provider))
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.settings, s.close = settings, closeIt
	s.server = newServer(handler, time.Minute, log)
	go func() { s.served <- s.server.Serve(l) }()
	return s, nil
}

// stop ends it at once; what it knows is gone.
func (s *simulator) stop() error {
	err := s.server.Close()
	s.close()
	return err
}

type sandboxCommand struct {
	Listen   string `default:"127.0.0.1:9101" help:"Address of the first simulator, HOST:PORT; others take the next ports. Port 0 takes free ones."`
	Feedback string `placeholder:"URL" help:"Where the example merchant's feedback goes, such as http://127.0.0.1:8080/feedback/aps-sandbox; without it, nowhere."`
	JSON     bool   `help:"Print one JSON object on stdout when ready."`
}

// Run simulates until ctx ends. The control port of each answers loopback only.
func (cmd *sandboxCommand) Run(ctx context.Context, out output) (err error) {
	var running []*simulator
	defer func() {
		for _, s := range running {
			err = errors.Join(err, s.stop())
		}
	}()
	first, told := cmd.Listen, started{Sandboxes: map[string]startedSimulator{}}
	for _, provider := range slices.Sorted(maps.Keys(simulators)) {
		s, err := startSimulator(provider, first, cmd.Feedback, out.log)
		if err != nil {
			return err
		}
		running = append(running, s)
		told.Sandboxes[provider] = startedSimulator{s.url}
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

// tell says what runs, where its feedback goes, and how `paymux serve` uses it.
func (cmd *sandboxCommand) tell(out output, running []*simulator) error {
	how, err := recipeFor(running)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, s := range running {
		fmt.Fprintf(&b, "%-10s %s\n           credentials %s/_control/credentials\n           books       %s/_control/books\n", s.provider, s.url, s.url, s.url)
		if cmd.Feedback == "" {
			fmt.Fprintf(&b, "           feedback    goes nowhere; for the configuration below, start with --feedback %s\n", sandboxFeedback(s.provider))
		} else {
			fmt.Fprintf(&b, "           feedback    %s\n", cmd.Feedback)
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
