package shop

import (
	"bytes"
	"encoding/json"
	"time"

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
	client.PaymentStatusPartiallyCaptured:     {"Paid in part", "A part was captured; the rest is still reserved or was released.", "good"},
	client.PaymentStatusRequiresCapture:       {"Thank you, the money is reserved", "The shop takes it when it ships: that is the capture below.", "good"},
	client.PaymentStatusRequiresAction:        {"It is your turn", "The payment waits for you on the payment page.", "open"},
	client.PaymentStatusRequiresConfirmation:  {"Please confirm", "The payment waits to be confirmed.", "open"},
	client.PaymentStatusProcessing:            {"One moment", "The provider has not decided yet. This page looks again by itself.", "open"},
	client.PaymentStatusRequiresPaymentMethod: {"That did not work", "Nothing was charged. Try again with another card.", "bad"},
	client.PaymentStatusCanceled:              {"The payment was ended", "What was not captured is given up.", "bad"},
	client.PaymentStatusFailed:                {"The payment failed", "Nothing was charged.", "bad"},
}

// say is a status in the buyer's words; one that is new here is told as it is.
func say(s client.PaymentStatus) saying {
	if known, ok := sayings[s]; ok {
		return known
	}
	return saying{string(s), "", "open"}
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
