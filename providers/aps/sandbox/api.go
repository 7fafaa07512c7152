package sandbox

import (
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// operation is one command of the server API. do carries it out and returns the response code and what the answer
// has beyond the echo; it is called with the lock held, on a request that passed every check of its shape.
type operation struct {
	command
	by string // the field that names it
	do func(s *Server, c *call) (code string)
}

// call is one request to the server API on its way.
type call struct {
	account  *Account
	fields   map[string]string
	answer   map[string]string // the echo; do adds to it or replaces it
	detail   string            // for the log, when the code refuses
	messages []simulator.Message
	alter    simulator.Action
}

// apiOperations by name. Every other command answers 00004.
var apiOperations map[string]operation

func init() { // a variable's own initialiser would refer to itself through the operations
	base := "access_code merchant_identifier language signature "
	apiOperations = map[string]operation{
		"CAPTURE": {by: "command", do: (*Server).capture, command: command{
			mandatory: names("command amount currency " + base), optional: oneOf("merchant_reference fort_id order_description")}},
		"VOID_AUTHORIZATION": {by: "command", do: (*Server).void, command: command{
			mandatory: names("command " + base), optional: oneOf("merchant_reference fort_id order_description")}},
		"REFUND": {by: "command", do: (*Server).refund, command: command{
			mandatory: names("command amount currency " + base), optional: oneOf("merchant_reference fort_id order_description maintenance_reference")}},
		"CHECK_STATUS": {by: "query_command", do: (*Server).checkStatus, command: command{
			mandatory: names("query_command " + base), optional: oneOf("merchant_reference fort_id return_third_party_response_codes")}},
		"PURCHASE": {by: "command", do: (*Server).recur, command: command{
			mandatory: names("command merchant_reference amount currency customer_email eci token_name " + base), optional: recurOptional}},
		"UPDATE_TOKEN": {by: "service_command", do: (*Server).updateToken, command: command{
			mandatory: names("service_command merchant_reference token_name " + base),
			optional:  oneOf("token_status new_token_name expiry_date card_holder_name currency")}},
	}
}

// serveAPI answers paymentApi: HTTP 200 also for what is refused.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	var fields map[string]string
	if err == nil {
		if mediaType, _, typeErr := mime.ParseMediaType(r.Header.Get("Content-Type")); typeErr != nil || mediaType != "application/json" {
			err = fmt.Errorf("content type is %q", r.Header.Get("Content-Type"))
		} else {
			fields, err = parseJSON(body)
		}
	}
	if err != nil {
		no := refuse(msgRequestFormat, err.Error())
		s.answered(s.received(r, "", nil), no.code, no.detail)
		s.answerAPI(w, withCode(map[string]string{}, no.code))
		return
	}
	_, name := commandOf(fields)
	entry := s.received(r, name, fields)
	s.sim.Faults.Serve(w, r, name, func(w http.ResponseWriter, alter simulator.Action) {
		answer, messages := s.perform(r, fields, entry, alter)
		s.send(messages)
		s.answerAPI(w, answer)
	})
}

// commandOf is the one command a request names, and the field it stands in.
func commandOf(fields map[string]string) (by, name string) {
	for _, field := range []string{"command", "query_command", "service_command"} {
		if fields[field] != "" {
			return field, fields[field]
		}
	}
	return "command", ""
}

// perform checks and carries out one request. Without a known account the answer is unsigned.
func (s *Server) perform(r *http.Request, fields map[string]string, entry *simulator.Request, alter simulator.Action) (map[string]string, []simulator.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, name := commandOf(fields)
	account, no := s.accountOf(fields)
	if account == nil {
		s.answered(entry, no.code, no.detail)
		return rejected(fields, no.code), nil
	}
	c := &call{account: account, fields: fields, answer: rejected(fields, statusInvalid+msgSuccess), alter: alter}
	code := ""
	if no = admitCall(account, fields, r); no == nil {
		code = apiOperations[name].do(s, c)
	} else {
		code, c.detail = no.code, no.detail
	}
	s.answered(entry, code, c.detail)
	return signed(account, alterAnswer(withCode(c.answer, code), c.alter)), c.messages
}

// admitCall checks a request in the order: command, mandatory fields, signature, shape.
func admitCall(a *Account, fields map[string]string, r *http.Request) *refusal {
	by, name := commandOf(fields)
	op, known := apiOperations[name]
	switch {
	case name == "":
		return refuse(msgMissing, "command")
	case !known || op.by != by:
		return refuse(msgCommand, name+" in "+by)
	}
	if no := op.missing(fields); no != nil {
		return no
	}
	if op.optional("fort_id") && fields["merchant_reference"] == "" && fields["fort_id"] == "" {
		return refuse(msgMissing, "merchant_reference or fort_id")
	}
	if !signedBy(a.SHAType, a.RequestPhrase, fields) {
		return refuse(msgSignature, "signature")
	}
	if no := op.wrong(fields); no != nil {
		return no
	}
	if len(a.AllowedOrigins) > 0 && !slices.Contains(a.AllowedOrigins, sourceAddress(r)) {
		return refuse(msgSource, "address "+sourceAddress(r))
	}
	if fields["currency"] != "" && !a.accepts(fields["currency"]) {
		return refuse(msgCurrency, "currency")
	}
	if _, no := amountOf(fields); no != nil && fields["amount"] != "" {
		return no
	}
	return nil
}

func sourceAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (s *Server) answerAPI(w http.ResponseWriter, fields map[string]string) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = w.Write(s.encodeJSON(fields)) // the caller left; it will ask again
}
