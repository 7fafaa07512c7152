package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/storage/storagetest"
)

// Canaries are planted wherever a secret, a card or a buyer goes in; after a whole life nothing that comes out, and
// nothing that stays, may have them.

// The cards typed on the provider's page. Their numbers and codes are documented test data.
const (
	cardAmex     = "374200000000004"
	codeAmex     = "7391"
	cardInText   = "4111111111111111" // quoted in bad input and in forged messages
	cardInGroups = "5123 4567 8901 2346"
)

// canary is one thing to look for.
type canary struct {
	name  string
	found func(text []byte) bool
}

func words(name string, list ...string) (out []canary) {
	for i, word := range list {
		out = append(out, canary{fmt.Sprintf("%s %d", name, i+1), func(text []byte) bool { return bytes.Contains(text, []byte(word)) }})
	}
	return out
}

// secrets must be nowhere. given are texts of API keys and what else only the test knows.
func secrets(given ...string) (out []canary) {
	for _, name := range []string{"aps-main", "aps-other"} {
		out = append(out, words("phrase of "+name, e2eAccounts[name].RequestPhrase, e2eAccounts[name].ResponsePhrase)...)
	}
	out = append(out, words("secret key", strings.Repeat("e2e-example-", 4))...)
	out = append(out, words("card number", cardAmex, cardPlain, cardDeclined, cardInText, cardInGroups, strings.ReplaceAll(cardInGroups, " ", ""), "4111 1111 1111 1111")...)
	// Four digits come about in drawn ids, ports and durations; a code that was kept stands in quotes, in a form or as a word.
	alone := regexp.MustCompile(`(["'> ]|(code|number|cvv|cvc)(=|%3D))` + codeAmex + `(["'&<,;. \\]|$)`)
	out = append(out, canary{"card security code", alone.Match}, canary{"card security code", regexp.MustCompile(`card_security_code[^a-z]{1,9}[0-9]{3}`).Match})
	return append(out, words("given", given...)...)
}

// private is what of a buyer must not be in logs, nor in the history that people read.
var private = words("buyer", "layla.canary@example.org", "layla.canary", "+971501234567", "971501234567", "Laylacanary", "LAYLACANARY", "Khancanary", "KHANCANARY", "Canary Street 7", "Canary Quarter",
	"Canarytown", "Canary Trading", "203.0.113.77", "CANARY-POSTCODE")

// confided are what was sent by strangers, or refused: it is not even kept.
var confided = words("stranger", "CANARY-FORGED", "CANARY-UNREADABLE", "CANARY-RETURN", "CANARY-REFUSED", "sk_test_canary", "Y2FuYXJ5OmNhbmFyeQ")

func none(t *testing.T, where string, text []byte, lists ...[]canary) {
	t.Helper()
	for _, list := range lists {
		for _, c := range list {
			if c.found(text) {
				t.Errorf("%s: %s is in it", where, c.name)
			}
		}
	}
}

// recorder keeps every answer of the program with its header.
type recorder struct {
	next http.RoundTripper
	mu   sync.Mutex
	all  map[string][]byte
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	var b bytes.Buffer
	_ = answer.Header.Write(&b)
	b.Write(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[fmt.Sprintf("answer %d to %s %s", len(r.all), request.Method, request.URL.Path)] = b.Bytes()
	return answer, answer.Body.Close()
}

// known is an order of a buyer that is all canaries.
func known(reference string, change map[string]any) map[string]any {
	body := order(reference, map[string]any{
		"buyer":           map[string]any{"email": "layla.canary@example.org", "first_name": "Laylacanary", "last_name": "Khancanary", "phone": "+971501234567", "ip": "203.0.113.77", "company": "Canary Trading", "locale": "en-AE", "country": "AE"},
		"billing_address": map[string]any{"name": "Laylacanary Khancanary", "line1": "Canary Street 7", "line2": "Canary Quarter", "city": "Canarytown", "postal_code": "CANARY-POSTCODE", "country": "AE"},
	})
	for name, value := range change {
		body[name] = value
	}
	return body
}

// payAmex pays on the provider's page with 3-D Secure, a code and a name to look for.
func (w *world) payAmex(p *answer) {
	w.t.Helper()
	newShopper(w.t).open(p.str("next_action.hosted_url")).submit("").
		submit("continue", "card_number", cardAmex, "expiry_date", "3005", "card_security_code", codeAmex, "card_holder_name", "LAYLACANARY KHANCANARY").
		submit("challenge_pass").submit("").atShop("/thanks")
}

func TestSecretsStayWhereTheyBelong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paymux.db")
	w := newWorld(t, "sqlite:"+path).operator()
	answers := &recorder{next: w.http.Transport, all: map[string][]byte{}}
	w.http.Transport = answers

	hooks := w.tattler()
	id, clientToken := w.live()
	hooks.rotate()
	w.trouble()
	w.mistakes(id)
	w.strangers(id)
	w.readEverything()

	key := func(k string) string { return k[len(k)-40:] } // without the id, which is public
	hidden := secrets(w.keys["main"], key(w.keys["main"]), w.keys["other"], key(w.keys["other"]), w.keys["operator"], key(w.keys["operator"]))
	whispered := hooks.secrets()
	require.Greater(t, len(hooks.hooks()), 10)
	require.GreaterOrEqual(t, len(hidden)+len(private)+len(confided), 40)
	require.True(t, hidden[0].found([]byte("x"+e2eAccounts["aps-main"].RequestPhrase)), "the search finds what it looks for")
	for _, kept := range []string{`{"cvv":"` + codeAmex + `"}`, "number=4111&cvv=" + codeAmex, "the code is " + codeAmex + "."} {
		require.True(t, slices.ContainsFunc(hidden, func(c canary) bool { return c.found([]byte(kept)) }), kept)
	}

	require.Greater(t, len(answers.all), 60)
	redacted := false
	for where, text := range answers.all {
		none(t, where, text, hidden, confided)
		if !strings.Contains(where, " to POST /v1/webhook-endpoints") { // which show a secret to whoever made it
			none(t, where, text, whispered)
		}
		if strings.Contains(where, "/deliveries") {
			none(t, where, text, private)
			redacted = redacted || strings.Contains(string(text), "[redacted]")
		}
		if strings.Contains(where, "/timeline") || strings.Contains(where, "/v1/feedback") {
			none(t, where, text, private)
		}
		require.NotContains(t, string(text), "goroutine ", where)
		require.NotContains(t, string(text), "INSERT INTO", where)
		require.NotContains(t, string(text), path, where)
	}
	require.True(t, redacted, "what endpoints answer is kept")
	kept := false // what a buyer must be charged with is kept: the files that are searched are the ones written
	files := func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			raw, err := os.ReadFile(path + suffix)
			if os.IsNotExist(err) {
				continue
			}
			require.NoError(t, err)
			kept = kept || bytes.Contains(raw, []byte("layla.canary@example.org"))
			none(t, "paymux.db"+suffix, raw, hidden, confided, whispered, words("client token", clientToken))
		}
	}
	files()
	token := w.column(w.raw(), "SELECT memo FROM mandates WHERE memo LIKE '%token%' LIMIT 1")
	w.restart()
	w.stop()
	files()
	require.True(t, kept)
	logged := w.logs.String()
	require.NotEmpty(t, token)
	stored := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(token[0])
	require.NotNil(t, stored, token[0])
	none(t, "log", []byte(logged), hidden, confided, private, whispered, words("stored card", stored[1]), words("client token", clientToken))
	require.Contains(t, logged, "level=ERROR", "there was something to log")
}

// tattler is an endpoint that answers with all it knows.
type tattler struct {
	*listener
	w     *world
	id    string
	known []string // its secrets as they were shown
}

func (w *world) tattler() *tattler {
	w.t.Helper()
	l := &tattler{listener: newListener(w.t), w: w}
	l.answer = func(answer http.ResponseWriter, h hook) {
		l.mu.Lock()
		defer l.mu.Unlock()
		answer.WriteHeader([]int{http.StatusOK, http.StatusInternalServerError}[len(l.got)%2])
		_ = h.header.Write(answer)
		fmt.Fprintf(answer, "%s email: layla.canary@example.org card %s", strings.Join(l.known, " "), cardInText)
	}
	key := w.t.Name()
	for range 2 { // the stored answer is given again
		e := w.call("POST", "/v1/webhook-endpoints", map[string]any{"url": l.URL}, "Idempotency-Key", key).want(201)
		l.id, l.known = e.str("id"), []string{e.str("secret")}
	}
	return l
}

func (l *tattler) rotate() {
	l.w.t.Helper()
	a := l.w.call("POST", "/v1/webhook-endpoints/"+l.id+"/rotate-secret", nil).want(200)
	l.mu.Lock()
	l.known = append(l.known, a.str("secret"))
	l.mu.Unlock()
	l.w.call("PATCH", "/v1/webhook-endpoints/"+l.id, map[string]any{"url": l.URL + "/canary"}).want(200)
	l.w.call("POST", "/v1/webhook-endpoints/"+l.id+"/redeliver", map[string]any{"from": "2026-01-01T00:00:00Z"}).want(200)
	l.w.call("GET", "/v1/webhook-endpoints/"+l.id, nil).want(200)
}

// secrets are what is looked for: each as it is shown, as its bytes, and as these in hexadecimal.
func (l *tattler) secrets() (out []canary) {
	for _, text := range l.known {
		plain := strings.TrimPrefix(text, "whsec_")
		raw, err := base64.StdEncoding.DecodeString(plain)
		require.NoError(l.w.t, err)
		out = append(out, words("webhook secret", strings.TrimRight(plain, "="), string(raw), hex.EncodeToString(raw))...)
	}
	require.Len(l.w.t, out, 6)
	return out
}

// live is a payment with 3-D Secure whose card is stored, captured in parts, refunded, charged again, and a decline.
func (w *world) live() (id, clientToken string) {
	w.t.Helper()
	p := w.call("POST", "/v1/payments", known("order-1", map[string]any{"save": map[string]any{"kind": "unscheduled"}, "metadata": map[string]string{"cart": "77"}})).want(201)
	id = p.str("id")
	page := w.send(refused{id: "page", method: "GET", path: "/pay/" + p.str("client_token")}).want(200)
	require.Contains(w.t, page.raw, "layla.canary@example.org", "the form carries what the buyer's own browser sends on")
	w.payAmex(p)
	w.eventually(id, "requires_capture")
	w.settled(id)
	w.call("POST", "/v1/payments/"+id+"/captures", map[string]any{"amount": 5000}).want(201)
	w.call("POST", "/v1/payments/"+id+"/refunds", map[string]any{"amount": 100, "reason": "damaged"}).want(201)
	w.settled(id)
	later := known("order-2", map[string]any{"mandate": p.str("mandate"), "off_session": true, "capture_method": "automatic"})
	for _, name := range []string{"return_url", "cancel_url", "method"} {
		delete(later, name)
	}
	w.call("POST", "/v1/payments", later).want(201)
	declined := w.call("POST", "/v1/payments", known("order-3", nil)).want(201)
	newShopper(w.t).open(declined.str("next_action.hosted_url")).submit("").submit("continue", "card_number", cardDeclined, "expiry_date", "3005", "card_security_code", "123", "card_holder_name", "LAYLACANARY KHANCANARY")
	require.Eventually(w.t, func() bool { return w.get(declined.str("id")).str("last_error") != "" }, waitFor, tick)
	w.call("POST", "/v1/payments/"+declined.str("id")+"/cancel", map[string]any{}).want(200)
	return id, p.str("client_token")
}

// trouble is everything that can go wrong with a call and with the database.
func (w *world) trouble() {
	w.t.Helper()
	for i, action := range []string{"drop_before", "drop_after", "http_before", "http_after", "truncate", "garbage", "other_amount", "other_reference"} {
		p := w.call("POST", "/v1/payments", known(fmt.Sprint("order-trouble-", i), nil)).want(201)
		w.payAmex(p)
		w.eventually(p.str("id"), "requires_capture")
		w.control("faults", map[string]any{"operation": "CAPTURE", "action": action})
		w.call("POST", "/v1/payments/"+p.str("id")+"/captures", map[string]any{"amount": 1000})
		w.control("faults", map[string]any{"operation": "CHECK_STATUS", "action": action})
		for range 2 {
			w.call("POST", "/v1/payments/"+p.str("id")+"/sync", nil)
		}
	}
	db := w.raw()
	for table, do := range map[string]func(){
		"payments":   func() { w.call("POST", "/v1/payments", known("order-full", nil)) },
		"operations": func() { w.call("POST", "/v1/payments", known("order-full", nil)) },
		"feedback": func() {
			w.deliver(message{account: "aps-main", contentType: typeJSON, body: asJSON(signed("aps-main", told("aps-main", "NOBODY", map[string]string{"customer_email": "layla.canary@example.org", "card_holder_name": "LAYLACANARY"})))})
		},
	} {
		_, err := db.ExecContext(w.t.Context(), "CREATE TRIGGER full BEFORE INSERT ON "+table+" BEGIN SELECT RAISE(ABORT, 'disk full'); END")
		require.NoError(w.t, err)
		do()
		_, err = db.ExecContext(w.t.Context(), "DROP TRIGGER full")
		require.NoError(w.t, err)
	}
}

// mistakes are a merchant's: card data and secrets in every place a request has.
func (w *world) mistakes(id string) {
	w.t.Helper()
	card := `"` + cardInText + `"`
	for _, body := range []string{
		w.changed("description", `"pay with `+cardInText+` please"`), w.changed("description", `"`+cardInGroups+`"`), w.changed("buyer", `{"first_name":`+card+`}`), w.changed("metadata", `{"card":`+card+`}`),
		w.changed("metadata", `{`+card+`:"x"}`), w.changed("card_number", card), w.changed(cardInText, `"x"`), w.changed("card", `{"number":`+card+`,"card_security_code":"`+codeAmex+`"}`), w.changed("line_items", `[{"name":`+card+`,"quantity":1,"unit_amount":1}]`),
		w.changed("return_url", `"https://shop.example/?card=`+cardInText+`"`), w.changed("billing_address", `{"line1":`+card+`}`), w.changed("currency", card), w.changed("amount", card), w.changed("channel", `"CANARY-REFUSED"`),
		w.changed("description", `"CANARY-REFUSED\u0000"`), `{"CANARY-UNREADABLE ` + cardInText + `"`, `{"amount": CANARY-UNREADABLE}`, `CANARY-UNREADABLE`, `{"a":"CANARY-UNREADABLE","a":1}`,
	} {
		a := w.call("POST", "/v1/payments", body)
		require.True(w.t, a.status >= 400 && a.status < 500, a.raw)
	}
	for _, what := range []string{"captures", "refunds", "cancel"} {
		require.Equal(w.t, "card_data_not_accepted", w.call("POST", "/v1/payments/"+id+"/"+what, map[string]any{"reason": cardInText, "metadata": map[string]string{"k": cardInText}}).want(422).str("code"))
	}
	w.call("PATCH", "/v1/payments/"+id, map[string]any{"description": cardInText}).want(422)
	w.call("GET", "/v1/payments/"+cardInText, nil).want(404)
	w.call("GET", "/v1/payments?cursor="+cardInText, nil).want(400)
	w.call("GET", "/v1/CANARY-REFUSED", nil).want(404)
	for _, key := range []string{"Bearer sk_test_canary_canary", "Basic Y2FuYXJ5OmNhbmFyeQ==", "Bearer " + w.keys["main"] + "x"} {
		w.call("GET", "/v1/payments", nil, "Authorization", key).want(401)
	}
}

// strangers are whoever knows an address of ours: forged feedback and returns, and an authentic message that says more
// than is understood.
func (w *world) strangers(id string) {
	w.t.Helper()
	reference := w.reference(id)
	forged := told("aps-main", reference, map[string]string{"card_number": cardInText, "card_security_code": codeAmex, "response_message": "CANARY-FORGED", "customer_email": "layla.canary@example.org"})
	for _, m := range []message{
		{contentType: typeJSON, body: asJSON(altered(forged, "signature", "CANARY-FORGED"))}, {contentType: typeForm, body: asForm(altered(forged, "signature", "CANARY-FORGED"))},
		{contentType: typeJSON, body: `{"CANARY-UNREADABLE` + cardInText}, {contentType: "CANARY-UNREADABLE", body: "CANARY-UNREADABLE"}, {account: "CANARY-FORGED", contentType: typeJSON, body: asJSON(forged)},
	} {
		if m.account == "" {
			m.account = "aps-main"
		}
		status, _ := w.deliver(m)
		require.True(w.t, status == 400 || status == 403, "%d", status)
	}
	p := w.call("POST", "/v1/payments", known("order-strange", nil)).want(201)
	token := w.returnToken(p)
	for _, path := range []string{"/return/" + token, "/return/" + token + "?CANARY-RETURN=" + cardInText, "/return/CANARY-RETURN", "/pay/CANARY-RETURN"} {
		w.back(http.MethodGet, path, "")
		if strings.HasPrefix(path, "/return/") {
			w.back(http.MethodPost, path, asForm(altered(forged, "response_message", "CANARY-RETURN", "signature", "CANARY-RETURN")))
		}
	}
	w.tell("aps-main", told("aps-main", w.reference(p.str("id")), map[string]string{"customer_email": "layla.canary@example.org", "customer_name": "Laylacanary Khancanary",
		"card_holder_name": "LAYLACANARY KHANCANARY", "customer_ip": "203.0.113.77", "phone_number": "971501234567", "new_field": "Canary Street 7"}))
	w.itemIn("applied")
	w.tell("aps-main", told("aps-main", "NOBODY", map[string]string{"customer_email": "layla.canary@example.org", "customer_name": "Laylacanary", "command": "Layla Canary Street 7"}))
	w.itemIn("unmatched")
}

// readEverything reads all that the API has, as the merchant and as the operator.
func (w *world) readEverything() {
	w.t.Helper()
	for _, who := range []string{"main", "other", "operator"} {
		for _, list := range []string{"payments", "events", "mandates", "feedback", "accounts", "webhook-endpoints"} {
			page := "?limit=100"
			if list == "accounts" { // always whole
				page = ""
			}
			a := w.callAs(who, "GET", "/v1/"+list+page, nil).want(200)
			for _, item := range a.body["data"].([]any) {
				name, _ := item.(map[string]any)["id"].(string)
				if list == "accounts" {
					name = item.(map[string]any)["name"].(string) + "/capabilities"
				}
				w.callAs(who, "GET", "/v1/"+list+"/"+name, nil).want(200)
				if list == "events" || list == "webhook-endpoints" {
					w.callAs(who, "GET", "/v1/"+list+"/"+name+"/deliveries", nil).want(200)
				}
				if list == "payments" {
					for _, below := range []string{"timeline", "captures", "refunds"} {
						w.callAs(who, "GET", "/v1/payments/"+name+"/"+below, nil).want(200)
					}
				}
			}
		}
	}
}

// The process itself, as it is started: what it writes, and what it says when it cannot start.
func TestSecretsOfTheProcess(t *testing.T) {
	w := newWorld(t, storagetest.SQLiteDSN(t))
	config := w.config
	w.stop()
	p := launch(t, "serve", "--config", config, "--listen", strings.TrimPrefix(w.url, "http://"), "--json", "--log", "json", "--log-level", "debug")
	p.started()
	payment := w.call("POST", "/v1/payments", known("order-1", nil)).want(201)
	w.payAmex(payment)
	w.eventually(payment.str("id"), "requires_capture")
	w.control("faults", map[string]any{"operation": "CAPTURE", "action": "drop_after"})
	w.call("POST", "/v1/payments/"+payment.str("id")+"/captures", map[string]any{}).want(202)
	w.deliver(message{account: "aps-main", contentType: typeJSON, body: asJSON(told("aps-main", "CANARY-FORGED", map[string]string{"card_number": cardInText}))})
	w.call("POST", "/v1/payments", w.changed("description", `"`+cardInText+`"`)).want(422)
	w.call("GET", "/v1/payments", nil, "Authorization", "Bearer sk_test_canary").want(401)
	require.Equal(t, exitDone, p.end())
	hidden := secrets(w.keys["main"], w.keys["main"][len(w.keys["main"])-40:])
	require.Contains(t, p.errs.String(), "feedback refused")
	none(t, "stderr", []byte(p.errs.String()), hidden, confided, private)

	text, err := os.ReadFile(config)
	require.NoError(t, err)
	broken := func(old, new string) string {
		path := filepath.Join(filepath.Dir(config), "broken.yaml")
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), old, new, 1)), 0o600))
		return path
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	t.Setenv("PAYMUX_DATABASE", "")
	for name, path := range map[string]string{
		"a secret where a reference belongs": broken("secret_key: ", "secret_key: CANARY-REFUSED-0123456789-0123456789 #"),
		"a secret as the wrong key":          broken("secret_key: ", "secret_keys: CANARY-REFUSED #"),
		"a phrase written down":              broken("    request_phrase: ", "    request_phrase: CANARY-REFUSED #"),
		"no YAML":                            broken("secret_key: ", "secret_key: *CANARY-REFUSED #"),
		"a password in the database":         broken("database: ", "database: postgres://paymux:CANARY-REFUSED@"+strings.TrimPrefix(closed.URL, "http://")+"/paymux #"),
	} {
		code, out, errs := runs(t, "serve", "--config", path)
		require.Equal(t, exitUsage, code, name)
		none(t, name, []byte(out+errs), hidden, confided)
	}
	code, out, errs := runs(t, "serve", "--config", config, "--database", "postgres://paymux:CANARY-REFUSED@"+strings.TrimPrefix(closed.URL, "http://")+"/paymux?connect_timeout=1")
	require.Equal(t, exitFailed, code, errs)
	none(t, "a database that is not there", []byte(out+errs), hidden, confided)
}
