package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Face is what a provider's sandbox tells the control port.
type Face interface {
	// Books are the sandbox's own books.
	Books() Books
	// Credentials are the example merchant's own, in the provider's field names.
	Credentials() any
	// Pages are the hosted pages, so that a script can fill them.
	Pages() []Page
	// Operations are the provider's own words that faults may name.
	Operations() []string
	// Reset empties the books.
	Reset()
}

// Page describes one hosted page.
type Page struct {
	Name    string   `json:"name"`
	Path    string   `json:"path"`    // {} marks what differs per payment
	Inputs  []string `json:"inputs"`  // names of what can be filled in
	Actions []string `json:"actions"` // values of the submit buttons named action
}

const controlBodyLimit = 1 << 20

// Route is one thing that the control port does.
type Route struct {
	Method string           `json:"method"`
	Path   string           `json:"path"` // whole, such as /_control/books
	What   string           `json:"what"`
	Body   any              `json:"body,omitempty"` // an example of what it takes; none: nothing
	Handle http.HandlerFunc `json:"-"`
}

// Control serves /_control and everything below it to loopback clients only. more are the provider's own routes. GET /_control
// lists what there is.
func (s *Simulator) Control(face Face, more ...Route) http.Handler {
	routes := slices.Concat(s.tells(face), s.takes(face), more)
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.Method+" "+r.Path, r.Handle)
	}
	list := func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, map[string]any{"routes": routes, "operations": face.Operations(), "actions": slices.Concat(actions, s.Faults.own), "modes": modes})
	}
	mux.HandleFunc("GET /_control", list)
	mux.HandleFunc("GET /_control/{$}", list)
	return LoopbackOnly(mux)
}

// tells are the routes that change nothing.
func (s *Simulator) tells(face Face) (out []Route) {
	for _, t := range []struct {
		path, what string
		read       func() any
	}{
		{"books", "every payment as this simulator has it, in minor units, with its effects", func() any { return face.Books() }},
		{"credentials", "the example merchant's own, in the provider's field names", func() any { return face.Credentials() }},
		{"pages", "the hosted pages: their inputs, and the values of their buttons", func() any { return map[string]any{"pages": face.Pages()} }},
		{"requests", "what was received, redacted", func() any { return map[string]any{"requests": s.Requests.List()} }},
		{"faults", "what is still in force, counted down", func() any { return map[string]any{"faults": s.Faults.List(), "operations": face.Operations()} }},
		{"feedback", "how feedback travels, how much is held, and every try", func() any { return s.Feedback.State() }},
		{"clock", "the time here", func() any { return s.clockState() }},
	} {
		out = append(out, Route{Method: http.MethodGet, Path: "/_control/" + t.path, What: t.what,
			Handle: func(w http.ResponseWriter, _ *http.Request) { WriteJSON(w, http.StatusOK, t.read()) }})
	}
	return out
}

// takes are the routes that change how this simulator behaves.
func (s *Simulator) takes(face Face) []Route {
	type body map[string]any
	return []Route{
		{http.MethodPost, "/_control/faults", "a fault of one of actions for the nth next call of an operation (* is any) and those that follow it, times in all; status of an http_…, seconds of a hang or delay",
			body{"operation": AnyOperation, "nth": 1, "times": 1, "action": DropAfter}, func(w http.ResponseWriter, r *http.Request) { s.addFault(w, r, face.Operations()) }},
		{http.MethodDelete, "/_control/faults", "no faults any more", nil, func(w http.ResponseWriter, _ *http.Request) {
			s.Faults.Clear()
			WriteJSON(w, http.StatusOK, map[string]any{"faults": s.Faults.List()})
		}},
		{http.MethodPost, "/_control/feedback", "how the next messages travel, one of modes, that many times, or until it is changed without times; {\"release\": true} sends what is held",
			body{"mode": Duplicate, "times": 1}, s.setFeedback},
		{http.MethodPost, "/_control/clock", "the time here goes on by a duration such as 90s or 24h, and what falls due happens", body{"advance": "24h"}, s.advance},
		{http.MethodPost, "/_control/seed", "drawn ids and orders repeat with the same seed", body{"seed": 1}, s.seed},
		{http.MethodPost, "/_control/reset", "books, faults, feedback and clock as at the start", nil, func(w http.ResponseWriter, r *http.Request) {
			var none struct{}
			if ReadJSON(w, r, &none) {
				face.Reset()
				s.Reset()
				WriteJSON(w, http.StatusOK, map[string]any{"reset": true})
			}
		}},
	}
}

func (s *Simulator) clockState() map[string]any {
	return map[string]any{"now": s.Clock.Now().UTC().Format(time.RFC3339Nano)}
}

func (s *Simulator) addFault(w http.ResponseWriter, r *http.Request, operations []string) {
	var fault Fault
	if !ReadJSON(w, r, &fault) {
		return
	}
	if err := fault.Check(operations, s.Faults.own...); err != nil {
		WriteError(w, http.StatusUnprocessableEntity, err)
		return
	}
	s.Faults.Add(fault)
	WriteJSON(w, http.StatusOK, map[string]any{"faults": s.Faults.List()})
}

func (s *Simulator) setFeedback(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Mode    Mode `json:"mode"`
		Times   int  `json:"times"`
		Release bool `json:"release"`
	}
	if !ReadJSON(w, r, &in) {
		return
	}
	switch {
	case in.Mode == "" && !in.Release:
		WriteError(w, http.StatusUnprocessableEntity, errors.New(`give "mode" or "release": true`))
		return
	case in.Mode != "" && !slices.Contains(modes, in.Mode):
		WriteError(w, http.StatusUnprocessableEntity, fmt.Errorf("mode %q is unknown; known are %q", in.Mode, modes))
		return
	case in.Times < 0:
		WriteError(w, http.StatusUnprocessableEntity, errors.New("times must not be negative; 0 means until changed"))
		return
	}
	if in.Release {
		s.Feedback.Release()
	}
	if in.Mode != "" {
		s.Feedback.SetMode(in.Mode, in.Times)
	}
	WriteJSON(w, http.StatusOK, s.Feedback.State())
}

func (s *Simulator) advance(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance string `json:"advance"`
	}
	if !ReadJSON(w, r, &in) {
		return
	}
	d, err := time.ParseDuration(in.Advance)
	if err != nil || d < 0 {
		WriteError(w, http.StatusUnprocessableEntity, fmt.Errorf("advance %q is not a duration such as 90s or 24h, zero or more", in.Advance))
		return
	}
	s.Clock.Advance(d)
	WriteJSON(w, http.StatusOK, s.clockState())
}

func (s *Simulator) seed(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Seed *uint64 `json:"seed"`
	}
	if !ReadJSON(w, r, &in) {
		return
	}
	if in.Seed == nil {
		WriteError(w, http.StatusUnprocessableEntity, errors.New(`give "seed", a whole number: drawn ids and orders repeat with it`))
		return
	}
	s.Random.Seed(*in.Seed)
	WriteJSON(w, http.StatusOK, map[string]any{"seed": *in.Seed})
}

// LoopbackOnly refuses clients of other machines, and pages of other sites in a local browser.
// An address without a port is a client in this process.
func LoopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !localClient(r.RemoteAddr) || !sameSite(r) {
			WriteError(w, http.StatusForbidden, errors.New("answers clients of this machine only"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func localClient(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// sameSite holds unless a browser says that another site's page sends this.
func sameSite(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host != r.Host {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || (err == nil && address.Unmap().IsLoopback())
}

// ReadJSON decodes the one JSON object of a control request, or answers why not and returns false.
// An empty body is an empty object.
func ReadJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, controlBodyLimit))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			return true
		}
		WriteError(w, http.StatusBadRequest, fmt.Errorf("body is not the JSON object expected here: %w", err))
		return false
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		WriteError(w, http.StatusBadRequest, errors.New("body goes on after its JSON object"))
		return false
	}
	return true
}

// WriteJSON answers a control request.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // the client left; nobody to tell
}

// WriteError answers a control request that cannot be done, saying why.
func WriteError(w http.ResponseWriter, status int, err error) {
	WriteJSON(w, status, map[string]string{"error": err.Error()})
}
