package outbound

import (
	"encoding/json"
	"io"
	"log"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func TestRedact(t *testing.T) {
	for name, tc := range map[string]struct{ contentType, body, want string }{
		"JSON in order": {"application/json", `{"b":1.0,"access_code":"x","a":{"email":"e","ok":[true,null,"z"]}}`,
			`{"b":1.0,"access_code":"[redacted]","a":{"email":"[redacted]","ok":[true,null,"z"]}}`},
		"all below a sensitive name": {"application/json", `{"billing_address":{"line":"x","n":1,"e":""}}`,
			`{"billing_address":{"line":"[redacted]","n":"[redacted]","e":""}}`},
		"card number in a text":   {"application/json", `{"note":"card 4005550000000001!"}`, `{"note":"card 400555******0001!"}`},
		"card number with blanks": {"application/json", `{"note":"4005 5500 0000 0001"}`, `{"note":"400555******0001"}`},
		"card number as a number": {"application/json", `{"n":4005550000000001}`, `{"n":"400555******0001"}`},
		"other digits stay":       {"application/json", `{"fort_id":"169996200031000017","n":4005550000000002}`, `{"fort_id":"169996200031000017","n":4005550000000002}`},
		"form":                    {"application/x-www-form-urlencoded", "amount=100&customer_name=Layla+K&key=&q=a%26b&x", "amount=100&customer_name=[redacted]&key=&q=a%26b&x"},
		"form with a card":        {"application/x-www-form-urlencoded", "ref=4005550000000001", "ref=400555%2A%2A%2A%2A%2A%2A0001"},
		"form that is broken":     {"application/x-www-form-urlencoded", "a=%zz&b=1", "[redacted]&b=1"},
		"lines":                   {"text/plain; charset=UTF-8", "status=APPROVED\nuserid=1\npseudocardpan=9\n", "status=APPROVED\nuserid=1\npseudocardpan=[redacted]\n"},
		"page":                    {"text/html", "<html>phrase</html>", "[19 bytes that cannot be shown]"},
		"broken JSON":             {"application/json", `{"signature":"x"`, "[16 bytes that cannot be shown]"},
		"text":                    {"text/plain", "hello", "[5 bytes that cannot be shown]"},
		"nothing":                 {"application/json", "", ""},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, Redact(tc.contentType, []byte(tc.body))) })
	}
}

// Ids of orders in groups of seven digits stay, whatever their digits add up to; a card beside one does not.
func TestOrderNumbersStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[SPBC]0[12]-[0-9]{7}-[0-9]{7}(-[CR][0-9]{6})?`).Draw(t, "id")
		require.Equal(t, `{"chargeId":"`+id+`"}`, Redact("application/json", []byte(`{"chargeId":"`+id+`"}`)))
		require.Equal(t, "https://pay.example/v2/charges/"+id, redactURL("https://pay.example/v2/charges/"+id))
		require.Equal(t, id+", 400555******0001", maskCards(id+", 4005 5500 0000 0001"))
	})
}

func TestSensitiveNames(t *testing.T) {
	for _, name := range []string{"key", "portal_key", "clientSecret", "signature", "request_phrase", "token_name", "cvv", "cardcvc2", "pan", "pseudocardpan",
		"card_number", "iban", "e-mail", "customer_email", "EMAIL", "phone_number", "telephonenumber", "customer_name", "lastname", "addressLine1", "date_of_birth",
		"birthday", "access_code", "accessCode", "expiry_date", "customer_ip", "ip", "street", "zip", "city"} {
		require.True(t, isSensitive(name), name)
	}
	for _, name := range []string{"amount", "currency", "merchant_reference", "fort_id", "status", "response_code", "command", "merchant_identifier", "txid", "eci"} {
		require.False(t, isSensitive(name), name)
	}
}

// TestNoCanarySurvives plants text under sensitive names, and card numbers anywhere, in JSON, forms and lines.
func TestNoCanarySurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const canary = "CANARY"
		card := rapid.SampledFrom([]string{"4005550000000001", "5123456789012346", "345678901234564", "4111-1111-1111-1111"}).Draw(t, "card")
		part := rapid.SampledFrom(sensitive).Draw(t, "part")
		name := rapid.SampledFrom([]string{"", "x_", "Customer"}).Draw(t, "before") + part + rapid.SampledFrom([]string{"", "_1", "Value"}).Draw(t, "after")
		value := rapid.StringMatching(`[ -~]{0,5}`).Draw(t, "value") + canary
		free := rapid.StringMatching(`[a-z ]{0,5}`).Draw(t, "text") + "x" + card + "x"
		nested := map[string]any{"deep": []any{map[string]any{name: map[string]any{"any": []string{value}}}}, "free": free, name: value}
		body, err := json.Marshal(nested)
		require.NoError(t, err)
		form := url.Values{name: {value}, "free": {free}}.Encode()
		lines := name + "=" + value + "\nfree=" + free
		for contentType, body := range map[string]string{"application/json": string(body), "application/x-www-form-urlencoded": form, "text/plain": lines} {
			got := Redact(contentType, []byte(body))
			require.NotContains(t, got, canary)
			require.NotContains(t, strings.ReplaceAll(got, "-", ""), strings.ReplaceAll(card, "-", ""))
		}
	})
}

var bareCard = regexp.MustCompile(`(^|[^0-9%])4005550000000001([^0-9]|$)`) // %40 is an at sign

func FuzzRedact(f *testing.F) {
	f.Add("application/json", `{"card_number":"4005550000000001"}`)
	f.Add("application/x-www-form-urlencoded", "card_number=4005550000000001&x=%34005550000000001")
	f.Add("text/plain", "key=4005550000000001")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		got := Redact(contentType, []byte(body+" 4005550000000001 "))
		if bareCard.MatchString(got) { // within a longer run of digits it is another number
			t.Fatalf("a card number survives in %q", got)
		}
	})
}
