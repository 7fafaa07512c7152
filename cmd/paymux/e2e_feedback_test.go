package main

import (
	"crypto/md5"  //nolint:gosec // to be refused
	"crypto/sha1" //nolint:gosec // to be refused
	"encoding/hex"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/aps/sandbox"
)

// operator gives the world a key that sees the whole inbox.
func (w *world) operator() *world {
	w.t.Helper()
	text, _, err := newKey(w.t.Context(), w.service.store, "main", core.ScopeOperator, time.Time{})
	require.NoError(w.t, err)
	w.keys["operator"] = text
	return w
}

// altered is fields with some changed, after the signature for one that is signed.
func altered(fields map[string]string, change ...string) map[string]string {
	out := maps.Clone(fields)
	for i := 0; i < len(change); i += 2 {
		if out[change[i]] = change[i+1]; change[i+1] == "" {
			delete(out, change[i])
		}
	}
	return out
}

// What nobody at APS signed for this account leaves nothing, whatever it looks like: no row, no question, no word to
// the sender that tells why.
func TestForgedFeedback(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.operator()
		id := w.create("order-1", nil).str("id")
		theirs := w.callAs("other", "POST", "/v1/payments", order("order-1", nil)).want(201).str("id")
		reference, foreign := w.reference(id), w.reference(theirs)
		db := w.raw()
		w.quiet(db)
		main, other := e2eAccounts["aps-main"], e2eAccounts["aps-other"]
		plain := told("aps-main", reference, nil)
		good := signed("aps-main", plain)
		signature := good["signature"]
		signedAs := func(s string) map[string]string { return altered(good, "signature", s) }
		oldHash := func(sum []byte) map[string]string { return signedAs(hex.EncodeToString(sum)) }
		sha1Sum, md5Sum := sha1.Sum([]byte(text(plain, main.ResponsePhrase))), md5.Sum([]byte(text(plain, main.ResponsePhrase))) //nolint:gosec // to be refused
		separated := strings.ReplaceAll(text(plain, main.ResponsePhrase), "=", "&=")

		var all []message
		for name, fields := range map[string]map[string]string{
			"wrong signature": signedAs(strings.Map(func(r rune) rune { return r ^ 1 }, signature)), "one digit wrong": signedAs(flip(signature, 0)), "last digit wrong": signedAs(flip(signature, 63)),
			"truncated by one": signedAs(signature[:63]), "truncated to half": signedAs(signature[:32]), "longer": signedAs(signature + "0"), "twice over": signedAs(signature + signature), "missing": altered(good, "signature", ""),
			"blank": signedAs(" "), "blank around": signedAs(" " + signature), "line break behind": signedAs(signature + "\n"), "no hexadecimal": signedAs(strings.Repeat("z", 64)),
			"SHA-512": signedAs(digest(sandbox.SHA512, text(plain, main.ResponsePhrase), main.ResponsePhrase)), "HMAC": signedAs(digest(sandbox.HMAC256, text(plain, main.ResponsePhrase), main.ResponsePhrase)),
			"SHA-1": oldHash(sha1Sum[:]), "MD5": oldHash(md5Sum[:]), "request phrase": signedAs(digest(main.SHAType, text(plain, main.RequestPhrase), "")), "no phrase": signedAs(digest(main.SHAType, text(plain, ""), "")),
			"the phrase in front alone": signedAs(digest(main.SHAType, strings.TrimSuffix(text(plain, main.ResponsePhrase), main.ResponsePhrase), "")), "separated": signedAs(digest(main.SHAType, separated, "")),
			"another account's phrase": signedAs(digest(main.SHAType, text(plain, other.ResponsePhrase), "")), "another account's phrase and type": signedAs(digest(other.SHAType, text(plain, other.ResponsePhrase), other.ResponsePhrase)),
			"another message's signature": signedAs(signed("aps-main", told("aps-main", reference, map[string]string{"amount": "1"}))["signature"]),
			"changed amount":              altered(good, "amount", "125500"), "changed currency": altered(good, "currency", "USD"), "changed reference": altered(good, "merchant_reference", foreign),
			"changed status": altered(good, "status", "14"), "changed code": altered(good, "response_code", "14000"), "changed command": altered(good, "command", "PURCHASE"), "changed transaction": altered(good, "fort_id", "169996200031000018"),
			"a field more": altered(good, "token_name", "abc"), "an unknown field more": altered(good, "zzz", "1"), "a field less": altered(good, "eci", ""), "an empty amount": altered(good, "amount", " "),
			"another merchant": signed("aps-main", altered(plain, "merchant_identifier", other.MerchantIdentifier)), "another access code": signed("aps-main", altered(plain, "access_code", other.AccessCode)),
			"no merchant": signed("aps-main", altered(plain, "merchant_identifier", "")), "no access code": signed("aps-main", altered(plain, "access_code", "")),
			"the other account's message":              signed("aps-other", told("aps-other", foreign, nil)),
			"the other account's, about this payment":  signed("aps-other", told("aps-other", reference, nil)),
			"the other account's under our identity":   signed("aps-other", plain),
			"our phrase under the other one's account": signed("aps-main", told("aps-other", reference, nil)),
		} {
			all = append(all, message{id: name + ", JSON", account: "aps-main", contentType: typeJSON, body: asJSON(fields), status: 403},
				message{id: name + ", form", account: "aps-main", contentType: typeForm, body: asForm(fields), status: 403},
				message{id: name + ", to an unknown account", account: "aps-nowhere", contentType: typeJSON, body: asJSON(fields), status: 403})
		}
		all = append(all,
			message{id: "our message at the other account", account: "aps-other", contentType: typeJSON, body: asJSON(good), status: 403},
			message{id: "our message at no account", account: "aps-nowhere", contentType: typeJSON, body: asJSON(good), status: 403},
			message{id: "account by case", account: "APS-MAIN", contentType: typeJSON, body: asJSON(good), status: 403},
			message{id: "account with a NUL", account: "aps-main\x00", contentType: typeJSON, body: asJSON(good), status: 403},
			message{id: "account with a slash", account: "aps-main/", contentType: typeJSON, body: asJSON(good), status: 403},
			message{id: "signature in a list", account: "aps-main", contentType: typeJSON, body: strings.Replace(asJSON(good), `"`+signature+`"`, `["`+signature+`"]`, 1), status: 403},
			message{id: "signature null", account: "aps-main", contentType: typeJSON, body: strings.Replace(asJSON(good), `"`+signature+`"`, `null`, 1), status: 403},
			message{id: "signature true", account: "aps-main", contentType: typeJSON, body: strings.Replace(asJSON(good), `"`+signature+`"`, `true`, 1), status: 403},
			message{id: "no fields", account: "aps-main", contentType: typeJSON, body: "{}", status: 403},
			message{id: "signature in a header", account: "aps-main", contentType: typeJSON, body: asJSON(altered(good, "signature", "")), header: map[string]string{"Signature": signature}, status: 403})
		for _, m := range all {
			w.unchanged(db, m.id, func() {
				status, body := w.deliver(m)
				require.Equal(t, []any{m.status, "refused"}, []any{status, body}, m.id)
			})
		}
		require.GreaterOrEqual(t, len(all), 40)
		require.Empty(t, w.items("operator", ""))
		require.NotContains(t, w.logs.String(), "layla@example.org")
	})
}

func flip(s string, at int) string {
	b := []byte(s)
	b[at] = map[bool]byte{true: '1', false: '0'}[b[at] == '0']
	return string(b)
}

// What cannot be read in one way only is not read at all.
func TestUnreadableFeedback(t *testing.T) {
	w := newWorld(t, sqliteDSN(t)).operator()
	id := w.paidUnheard("order-1")
	db := w.raw()
	w.quiet(db)
	good := signed("aps-main", told("aps-main", w.reference(id), nil))
	asked, form := asJSON(good), asForm(good)
	for _, m := range []message{
		{id: "empty", contentType: typeJSON, status: 403}, {id: "empty form", contentType: typeForm, status: 403}, {id: "empty without a type", status: 403},
		{id: "doubled name", contentType: typeJSON, body: `{"amount":"1",` + asked[1:], status: 403}, {id: "doubled name at the end", contentType: typeJSON, body: asked[:len(asked)-1] + `,"amount":"1"}`, status: 403},
		{id: "doubled name by case", contentType: typeJSON, body: `{"Amount":"1",` + asked[1:], status: 403}, {id: "doubled signature", contentType: typeJSON, body: `{"signature":"x",` + asked[1:], status: 403},
		{id: "doubled name with the same value", contentType: typeJSON, body: `{"amount":"12550",` + asked[1:], status: 403}, {id: "doubled name, escaped", contentType: typeJSON, body: `{"\u0061mount":"1",` + asked[1:], status: 403},
		{id: "doubled in a form", contentType: typeForm, body: form + "&amount=1", status: 403}, {id: "doubled in a form by case", contentType: typeForm, body: form + "&AMOUNT=1", status: 403},
		{id: "doubled in a form, escaped", contentType: typeForm, body: form + "&%61mount=1", status: 403}, {id: "doubled signature in a form", contentType: typeForm, body: "signature=x&" + form, status: 403},
		{id: "no type", body: asked, status: 403}, {id: "text", contentType: "text/plain", body: asked, status: 403}, {id: "XML", contentType: "application/xml", body: "<response/>", status: 403},
		{id: "several parts", contentType: "multipart/form-data; boundary=x", body: "--x--", status: 403}, {id: "UTF-16", contentType: typeJSON + "; charset=utf-16", body: asked, status: 403}, {id: "JSON as a form", contentType: typeForm, body: asked, status: 403},
		{id: "a form as JSON", contentType: typeJSON, body: form, status: 403}, {id: "list", contentType: typeJSON, body: "[" + asked + "]", status: 403}, {id: "text value", contentType: typeJSON, body: `"x"`, status: 403},
		{id: "cut", contentType: typeJSON, body: asked[:len(asked)-1], status: 403}, {id: "two", contentType: typeJSON, body: asked + asked, status: 403}, {id: "byte order mark", contentType: typeJSON, body: "\ufeff" + asked, status: 403},
		{id: "no UTF-8", contentType: typeJSON, body: strings.Replace(asked, "LAYLA", "L\xff", 1), status: 403}, {id: "deep", contentType: typeJSON, body: strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), status: 403},
		{id: "broken escape", contentType: typeForm, body: form + "&a=%zz", status: 403}, {id: "no name", contentType: typeForm, body: form + "&=1", status: 403},
		{id: "201 fields", contentType: typeForm, body: form + strings.Repeat("&a=1", 200), status: 403}, {id: "one byte too many", contentType: typeJSON, body: asked + strings.Repeat(" ", 256<<10+1-len(asked)), status: 413},
		{id: "a form too large", contentType: typeForm, body: strings.Repeat("a", 256<<10+1), status: 413}, {id: "one megabyte", contentType: typeJSON, body: strings.Repeat("[", 1<<20), status: 413},
		{id: "GET", method: http.MethodGet, status: 405}, {id: "PUT", method: http.MethodPut, contentType: typeJSON, body: asked, status: 405}, {id: "PATCH", method: http.MethodPatch, contentType: typeJSON, body: asked, status: 405},
		{id: "DELETE", method: http.MethodDelete, status: 405},
	} {
		m.account = "aps-main"
		w.unchanged(db, m.id, func() {
			status, body := w.deliver(m)
			require.Equal(t, m.status, status, "%s: %s", m.id, body)
			require.NotContains(t, body, "12550", m.id)
			m.account = "aps-nowhere"
			otherStatus, otherBody := w.deliver(m)
			if m.method == "" { // a problem document has an id of its own
				require.Equal(t, []any{status, body}, []any{otherStatus, otherBody}, "%s: an account that does not exist answers the same", m.id)
			}
		})
	}
	require.NotContains(t, w.logs.String(), "LAYLA")
	require.NotContains(t, w.logs.String(), "layla")
	status, _ := w.deliver(message{account: "aps-main", contentType: typeJSON, body: asked + strings.Repeat(" ", 256<<10-len(asked))})
	require.Equal(t, 200, status, "256 KiB are read")
	w.eventually(id, "requires_capture")
}

// Authentic, but not to be believed as it stands: stored, acknowledged, and the provider is asked instead.
func TestFeedbackThatIsAskedAbout(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"an unknown code":            {"response_code": "02998"},
		"a code that is not decided": {"response_code": "02777"},
		"another status":             {"status": "14"},
		"an unknown status":          {"status": "99", "response_code": "99000"},
		"a code of letters":          {"response_code": "02abc"},
		"another command":            {"command": "REVERSAL", "status": "06", "response_code": "06000"},
		"no command":                 {"command": ""},
		"no amount":                  {"amount": ""},
		"an amount of letters":       {"amount": "12550x"},
		"a negative amount":          {"amount": "-12550"},
		"no transaction":             {"fort_id": ""},
		"another code in a value":    {"merchant_extra": "response_code=00008"},
		"one text, other fields":     {"amount": "12550currency=AED", "currency": ""},
		"a name begun by a value":    {"amount": "12550access_code=x"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sqliteDSN(t)).operator()
			id := w.create("order-1", nil).str("id")
			before, asked := w.get(id), w.timesAsked(w.reference(id))
			w.tell("aps-main", told("aps-main", w.reference(id), change))
			item := w.itemIn("applied")
			require.Empty(t, item["facts"], "nothing in it is believed")
			require.NotEmpty(t, item["note"], "and it says why")
			require.Equal(t, id, item["payment"])
			require.Eventually(t, func() bool { return w.timesAsked(w.reference(id)) > asked }, waitFor, tick)
			w.settled(id)
			after := w.get(id)
			require.Equal(t, []string{"requires_action", "0", ""}, []string{after.str("status"), after.str("amounts.authorized"), after.str("needs_review")})
			require.Equal(t, before.str("amounts"), after.str("amounts"))
			require.Equal(t, []string{"payment.created", "payment.action_required"}, w.events(id))
			require.Empty(t, w.column(w.raw(), "SELECT kind FROM facts"))
			require.Len(t, w.items("main", "?payment="+id), 1)
			require.Empty(t, w.items("other", ""))
		})
	}
}

// Authentic and about other money than was asked for: kept and flagged, nothing is booked.
func TestFeedbackAboutOtherMoney(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"more": {"amount": "12551"}, "less": {"amount": "12549"}, "one": {"amount": "1"}, "a thousand times": {"amount": "12550000"}, "another currency": {"currency": "USD"}, "a currency of another exponent": {"currency": "JOD"},
		"a purchase of more": {"command": "PURCHASE", "status": "14", "response_code": "14000", "amount": "99999"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sqliteDSN(t)).operator()
			id := w.create("order-1", nil).str("id")
			w.tell("aps-main", told("aps-main", w.reference(id), change))
			item := w.itemIn("applied")
			require.NotEmpty(t, item["note"])
			after := w.get(id)
			require.Equal(t, []string{"requires_action", "0", "0", "true"}, []string{after.str("status"), after.str("amounts.authorized"), after.str("amounts.captured"), after.str("needs_review")})
			require.Empty(t, w.column(w.raw(), "SELECT kind FROM facts"))
			w.balanced(id)
		})
	}
}

// About an order that nobody here knows: kept and acknowledged, since it may be a payment link of the same account; an
// operator sees it, no merchant does.
func TestFeedbackAboutNothingKnown(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.operator()
		id := w.create("order-1", nil).str("id")
		asked := w.asked()
		w.tell("aps-main", told("aps-main", "PAYMENT-LINK-1", nil))
		item := w.itemIn("unmatched")
		require.Nil(t, item["payment"])
		require.Empty(t, w.items("main", ""))
		require.Empty(t, w.items("other", ""))
		w.callAs("main", "GET", "/v1/feedback/"+item["id"].(string), nil).want(404)
		w.callAs("operator", "GET", "/v1/feedback/"+item["id"].(string), nil).want(200)
		require.Equal(t, asked, w.asked(), "there is nothing to ask about")
		require.Equal(t, "requires_action", w.get(id).str("status"))
		w.tell("aps-other", told("aps-other", w.reference(id), nil)) // an order of that name at the other account
		require.Equal(t, "aps-other", w.itemIn("unmatched")["account"])
		require.Equal(t, "requires_action", w.get(id).str("status"), "the same reference at another account is another order")
		require.Len(t, w.items("operator", "?state=unmatched"), 2)
	})
}

// One message, told fifty times at once, in other orders and forms: one effect.
func TestReplayedFeedback(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.operator()
		id := w.paidUnheard("order-1")
		fields := signed("aps-main", told("aps-main", w.reference(id), nil))
		tellAll := func() {
			var wg sync.WaitGroup
			statuses := make([]int, 50)
			for i := range statuses {
				m := message{account: "aps-main", contentType: typeJSON, body: asJSON(fields)}
				if i%2 == 0 {
					m.contentType, m.body = typeForm, asForm(fields)
				}
				if i%5 == 0 {
					m.contentType, m.body = typeJSON, asJSON(altered(fields, "signature", strings.ToUpper(fields["signature"])))
				}
				wg.Go(func() { statuses[i], _ = w.deliver(m) })
			}
			wg.Wait()
			for _, s := range statuses {
				require.Equal(t, http.StatusOK, s)
			}
		}
		tellAll()
		w.eventually(id, "requires_capture")
		require.Equal(t, "12550", w.get(id).str("amounts.authorized"))
		require.Len(t, w.items("operator", "?limit=100"), 1)
		require.Equal(t, []string{"payment.created", "payment.action_required", "payment.authorized"}, w.events(id))
		before := w.get(id).raw
		tellAll() // it makes us ask, at most, and that tells nothing new
		w.settled(id)
		require.Equal(t, before, w.get(id).raw, "an old message again")
		w.tell("aps-main", told("aps-main", w.reference(id), map[string]string{"fort_id": "169996200031000099", "response_code": "03666", "status": "03", "response_message": "Declined"}))
		w.itemIn("applied")
		w.settled(id)
		require.Equal(t, "requires_capture", w.get(id).str("status"), "a late decline of another try takes nothing back")
	})
}

// paidUnheard is the id of a payment that its buyer has paid at the provider, who has not told us yet: a message that is
// believed makes us ask, and then it is found.
func (w *world) paidUnheard(reference string) string {
	w.t.Helper()
	w.control("feedback", map[string]any{"mode": "drop", "times": 100})
	p := w.create(reference, nil)
	newShopper(w.t).open(p.str("next_action.hosted_url")).submit("").card(cardPlain)
	return p.str("id")
}

// While the database refuses, nothing is acknowledged, so that the provider sends it again; then it counts.
func TestFeedbackWhileTheDatabaseRefuses(t *testing.T) {
	w := newWorld(t, sqliteDSN(t)).operator()
	id := w.paidUnheard("order-1")
	db := w.raw()
	w.quiet(db)
	exec := func(statement string) {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	fields := signed("aps-main", told("aps-main", w.reference(id), nil))
	m := message{account: "aps-main", contentType: typeJSON, body: asJSON(fields)}
	exec("CREATE TRIGGER full BEFORE INSERT ON feedback BEGIN SELECT RAISE(ABORT, 'no room for ' || new.content_type); END")
	for range 3 {
		w.unchanged(db, "refused by the database", func() {
			status, body := w.deliver(m)
			require.Equal(t, []any{503, "try again"}, []any{status, body})
		})
	}
	require.NotContains(t, w.logs.String(), "layla@example.org")
	exec("DROP TRIGGER full")
	exec("CREATE TRIGGER frozen BEFORE UPDATE ON payments BEGIN SELECT RAISE(ABORT, 'not now'); END")
	status, _ := w.deliver(m)
	require.Equal(t, 200, status, "stored, so acknowledged, though it cannot be applied yet")
	require.Eventually(t, func() bool { return w.items("operator", "")[0]["tries"].(interface{ String() string }).String() != "0" }, waitFor, tick)
	require.Equal(t, "requires_action", w.get(id).str("status"))
	exec("DROP TRIGGER frozen")
	w.restart() // and what waits is applied by the start at the latest
	_, err := db.ExecContext(t.Context(), "UPDATE work SET due_at = 0")
	require.NoError(t, err)
	w.restart()
	w.eventually(id, "requires_capture")
	require.Equal(t, "12550", w.get(id).str("amounts.authorized"))
}
