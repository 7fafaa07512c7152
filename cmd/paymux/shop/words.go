package shop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/paymux/paymux/api/openapi/client"
	"github.com/paymux/paymux/core"
)

// money shows minor units for people.
func money(minor int64, currency string) string {
	return core.Money{Minor: minor, Currency: currency}.String()
}

// major is an amount as it is typed into a form.
func major(minor int64, currency string) string {
	text, err := core.Money{Minor: minor, Currency: currency}.Text()
	if err != nil {
		return ""
	}
	return text
}

// saying is a status in the buyer's words.
type saying struct{ Title, Text, Tone string }

var sayings = map[client.PaymentStatus]saying{
	client.PaymentStatusSucceeded:             {"Thank you, it is paid", "The beans are on their way.", "good"},
	client.PaymentStatusPartiallyCaptured:     {"Paid in part", "", "good"},
	client.PaymentStatusRequiresCapture:       {"Thank you, the money is reserved", "The shop takes it when it ships: that is the capture below.", "good"},
	client.PaymentStatusRequiresAction:        {"It is your turn", "The payment waits for you on the payment page.", "open"},
	client.PaymentStatusRequiresConfirmation:  {"Is everything right?", "Nothing is paid yet. Place the order, and the provider takes you on.", "open"},
	client.PaymentStatusProcessing:            {"One moment", "The provider has not decided yet. This page looks again by itself.", "open"},
	client.PaymentStatusRequiresPaymentMethod: {"That did not work", "Nothing was charged. Try again with another card.", "bad"},
	client.PaymentStatusCanceled:              {"The payment was ended", "Nothing was charged.", "bad"},
	client.PaymentStatusFailed:                {"The payment failed", "Nothing was charged.", "bad"},
}

// Say is where the payment stands in the buyer's words: never that more was paid than was taken, nor that less was.
// A status that is new here is told as it is.
func (p paymentPage) Say() saying {
	say, known := sayings[p.Status]
	paid, whole := money(p.Amounts.Captured, p.Currency), money(p.Amount, p.Currency)
	switch {
	case !known:
		return saying{string(p.Status), "", "open"}
	case p.RefundStatus == "full":
		say.Title, say.Text = "The money went back", money(p.Amounts.Refunded, p.Currency)+" was refunded."
	case p.Status == client.PaymentStatusSucceeded && p.Amounts.Captured < p.Amount:
		say.Title, say.Text = "Thank you, "+paid+" is paid", "The rest of the "+whole+" was given up and is not charged."
	case p.Status == client.PaymentStatusPartiallyCaptured:
		say.Title, say.Text = paid+" of "+whole+" is paid", p.rest()
	case p.Status == client.PaymentStatusRequiresAction && p.LastError != nil && p.LastError.Category == client.FailureCategoryBuyerCanceled:
		say.Title, say.Text = "You turned away from the payment page", "Nothing was charged. You can go on to pay, or cancel the order."
	case p.Status == client.PaymentStatusCanceled && p.Amounts.Released > 0:
		say.Text = money(p.Amounts.Released, p.Currency) + " was reserved and is given up; nothing was charged."
	}
	return say
}

// rest is what the shop may still take: reserved, or only agreed to, as where a capture closes its reservation.
func (p paymentPage) rest() string {
	text := money(p.Amounts.Capturable, p.Currency)
	if p.Amounts.Capturable > p.Amounts.Authorized-p.Amounts.Captured-p.Amounts.Released {
		return text + " is not reserved any more, but you agreed to it; the shop may take it later."
	}
	return text + " is still reserved; the shop may take it later."
}

// askFor is what an amount must look like.
func askFor(currency string) string {
	switch n, ok := core.Exponent(currency); {
	case !ok:
		return "Choose one of the currencies."
	case n == 0:
		return "Enter an amount without decimals, such as 1250: " + currency + " has none."
	default:
		return fmt.Sprintf("Enter an amount with at most %d decimals after a point, such as 49.5.", n)
	}
}

// readAmount reads what somebody typed; problem says in plain words why it is no amount to pay.
func readAmount(text, currency string) (m core.Money, problem string) {
	m, err := core.ParseMoney(text, currency)
	e, _ := errors.AsType[*core.Error](err)
	switch {
	case e != nil && e.Code == string(client.ProblemCodeAmountTooLarge):
		return m, tooLarge
	case err != nil:
		return m, askFor(currency)
	case m.Minor == 0:
		return m, "Enter an amount above 0."
	}
	return m, ""
}

const tooLarge = "This is more than can be paid at once."

// refusal is why the API did not do it, with its code for whoever builds a shop; empty when it did.
func refusal(answer interface{ GetApplicationProblemJSONDefault() *client.Problem }, err error) string {
	if err != nil {
		return "The payment service cannot be reached. Try again."
	}
	p := answer.GetApplicationProblemJSONDefault()
	if p == nil {
		return ""
	}
	why := strings.TrimSuffix(p.Detail, ".")
	switch p.Code {
	case client.ProblemCodeRoutingNoCandidate:
		why = "Nobody here takes this order"
		for i, reason := range p.Alternatives { // each begins with the account that it is about
			_, text, named := strings.Cut(reason, ": ")
			if !named {
				text = reason
			}
			why += [...]string{": ", "; "}[min(i, 1)] + text
		}
	case client.ProblemCodeAmountTooLarge:
		why = strings.TrimSuffix(tooLarge, ".")
	}
	if why == "" {
		why = p.Title
	}
	return sentence(why + " (" + string(p.Code) + ")")
}

// sentence begins and ends text as one.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".") + "."
}

// pretty is JSON for reading.
func pretty(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return ""
	}
	if s := b.String(); s != "{}" && s != "null" {
		return s
	}
	return ""
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
