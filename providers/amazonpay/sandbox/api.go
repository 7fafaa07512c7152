package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// apiPattern are the three URL styles: the environment in the path, or in the key.
var apiPattern = regexp.MustCompile(`^(?:/(sandbox|live))?/(v[0-9]+)(/.*)?$`)

func apiPath(path string) bool { return apiPattern.MatchString(path) }

// wirePath is the path as it was sent: what is signed.
func wirePath(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(path, "/") {
		return path
	}
	return r.URL.EscapedPath()
}

// request is one API request before anything about it is believed.
type request struct {
	*http.Request
	path        string
	environment Environment // of the path; empty when it has none
	version     string
	body        []byte
	op          *operation // nil: none
	ids         []string
	known       bool   // the path is known, perhaps with another method
	arrived     period // by the clocks a caller may have
	entry       *simulator.Request
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amz-Pay-Request-Id", uuidFrom(s.requestIDs))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		code, text := encode(refuse(http.StatusBadRequest, "InvalidRequest", "The body is too long or was cut off."))
		answer(w, code, text)
		return
	}
	in := &request{Request: r, path: wirePath(r), body: body, arrived: period{time.Now(), s.sim.Clock.Now()}}
	found := apiPattern.FindStringSubmatch(in.path)
	in.environment = map[string]Environment{"sandbox": Sandbox, "live": Live}[found[1]]
	in.version = found[2]
	in.op, in.ids, in.known = match(r.Method, found[3])
	name := ""
	if in.op != nil {
		name = in.op.name
	}
	in.entry = s.received(r, name, body)
	s.sim.Faults.Serve(w, r, name, func(w http.ResponseWriter, alter simulator.Action) {
		code, text, messages := s.perform(in, alter)
		s.send(messages)
		answer(w, code, altered(text, alter))
	})
}

// perform checks and carries out one request.
func (s *Server) perform(in *request, alter simulator.Action) (int, []byte, []simulator.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, no := s.admit(in)
	if no != nil {
		s.answered(in.entry, no.Reason, no.Text)
		code, text := encode(no)
		return code, text, nil
	}
	code, text := s.once(in.op, c, alter, func() (int, []byte) {
		status, body, no := in.op.do(s, c)
		if no != nil {
			return encode(no)
		}
		return status, []byte(marshal(body))
	})
	var told refusal
	_ = json.Unmarshal(text, &told) // a success has neither field
	s.answered(in.entry, told.Reason, told.Text)
	return code, text, c.messages
}

// admit takes a request through everything that is asked of its form, in this order: version, headers, key, signature,
// environment, account, operation, limits, idempotency key, simulation code, body.
func (s *Server) admit(in *request) (*call, *refusal) {
	if in.version != "v2" {
		return nil, refuse(http.StatusBadRequest, "InvalidAPIVersion", "The version [%s] is not supported.", in.version)
	}
	account, environment, no := s.authenticate(in)
	if no != nil {
		return nil, no
	}
	if in.op == nil {
		if in.known {
			return nil, refuse(http.StatusMethodNotAllowed, "UnsupportedOperation", "The method %s is not supported here.", in.Method)
		}
		return nil, refuse(http.StatusMethodNotAllowed, "RequestNotSupported", "There is no operation at %s.", in.path)
	}
	c := &call{owner: owner{account.MerchantID, environment}, account: account, body: in.body, base: s.baseURL(in.Request), query: map[string]string{}}
	for _, id := range in.ids {
		plain, err := url.PathUnescape(id)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "InvalidRequest", "The path is not understood.")
		}
		c.ids = append(c.ids, plain)
	}
	for name, list := range in.URL.Query() {
		c.query[name] = list[0]
	}
	if no := s.throttled(c, in.op); no != nil {
		return nil, no
	}
	if no := c.readHeaders(in); no != nil {
		return nil, no
	}
	return c, c.readBody(in)
}

// readHeaders takes idempotency key and simulation code.
func (c *call) readHeaders(in *request) *refusal {
	keys, sent := in.Header["X-Amz-Pay-Idempotency-Key"]
	switch {
	case in.Method != http.MethodPost: // without effect
	case in.op.keyed && !sent:
		return refuse(http.StatusBadRequest, "MissingHeader", "The header [x-amz-pay-idempotency-key] is missing.")
	case in.op.keyed && keys[0] == "":
		return refuse(http.StatusBadRequest, "MissingHeaderValue", "The header [x-amz-pay-idempotency-key] has no value.")
	case sent && (len(keys) > 1 || !keyPattern.MatchString(keys[0])):
		return refuse(http.StatusBadRequest, "InvalidHeaderValue", "The value of the header [x-amz-pay-idempotency-key] is invalid: 1 to %d letters, digits, - and _.", idempotencyChars)
	case sent:
		c.key = keys[0]
	}
	codes, sent := in.Header["X-Amz-Pay-Simulation-Code"]
	if !sent {
		return nil
	}
	if c.environment != Sandbox || len(codes) > 1 || !strings.Contains(" "+in.op.codes+" ", " "+codes[0]+" ") || codes[0] == "" {
		return wrongSimulation(strings.Join(codes, ","))
	}
	c.code = codes[0]
	return nil
}

func wrongSimulation(code string) *refusal {
	return refuse(http.StatusBadRequest, "InvalidSandboxSimulationSpecified", "The simulation code [%s] is not valid for this request.", code)
}

// readBody parses the body and holds it against the operation's shape.
func (c *call) readBody(in *request) *refusal {
	if in.Method == http.MethodGet {
		c.fields = object{}
		return nil
	}
	var err error
	if c.fields, err = parseObject(in.body); err != nil {
		return refuse(http.StatusBadRequest, "InvalidRequestFormat", "The body is not valid JSON: %v.", err)
	}
	return in.op.body.check(c.fields, c.environment)
}

// into decodes the body, which has passed its shape.
func (c *call) into(v any) *refusal {
	if len(c.fields) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return refuse(http.StatusBadRequest, "InvalidRequest", "The request is not understood: %v.", err)
	}
	return nil
}

// baseURL is where the simulator is reached: as configured, or as it was asked last. The caller holds the lock.
func (s *Server) baseURL(r *http.Request) string {
	if s.config.URL == "" && r.Host != "" {
		scheme := "http"
		if r.TLS != nil || r.URL.Scheme == "https" {
			scheme = "https"
		}
		s.url = scheme + "://" + r.Host
	}
	return s.url
}

func encode(no *refusal) (int, []byte) { return no.status, []byte(marshal(no)) }

func answer(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(body) // the caller left; it will ask again
}

// writeFailure is what a fault answers instead: the API's own words where they are its own, a gateway's page otherwise.
func writeFailure(w http.ResponseWriter, code int) {
	reason := map[int]string{
		http.StatusRequestTimeout: "RequestTimeout", http.StatusTooManyRequests: "TooManyRequests",
		http.StatusInternalServerError: "InternalServerError", http.StatusServiceUnavailable: "ServiceUnavailable",
	}[code]
	if reason != "" {
		_, text := encode(refuse(code, reason, "The request could not be processed."))
		answer(w, code, text)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, "<html><body><h1>"+http.StatusText(code)+"</h1></body></html>")
}

// altered is the fault of an answer that names another amount or reference than the effect had.
func altered(text []byte, alter simulator.Action) []byte {
	if alter != simulator.OtherAmount && alter != simulator.OtherReference {
		return text
	}
	o, err := parseObject(text)
	if err != nil {
		return text
	}
	alterFields(o, alter)
	return []byte(marshal(map[string]any(o)))
}

func alterFields(o object, alter simulator.Action) {
	for name, v := range o {
		switch field := v.(type) {
		case object:
			alterFields(field, alter)
		case string:
			if name == "amount" && alter == simulator.OtherAmount {
				o[name] = "1" + field
			}
			if name == "merchantReferenceId" && alter == simulator.OtherReference {
				o[name] = field + "-X"
			}
		}
	}
}
