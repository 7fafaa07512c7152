package aps

import (
	"slices"
	"strings"

	"github.com/paymux/paymux/core"
)

// standing is what a status proves about the command it belongs to. The zero standing proves nothing.
type standing uint8

const (
	unclear  standing = iota
	done              // carried out
	declined          // refused by bank or acquirer
	rejected          // APS did not take the request; nothing happened
	pending           // APS or the bank has not decided
	idle              // begun; nothing is under way
	canceled          // by the buyer, on the page
)

// standingWords are for people, of messages that are understood and bring no fact.
var standingWords = map[standing]string{
	done: "carried out", declined: "refused by the bank", rejected: "not taken by APS", pending: "not decided yet",
	idle: "begun and not finished", canceled: "given up by the buyer",
}

type meaning struct {
	standing standing
	commands string // it belongs to
}

const (
	payments   = "PURCHASE AUTHORIZATION"
	operations = payments + " CAPTURE REFUND VOID_AUTHORIZATION"
	anyRequest = operations + " UPDATE_TOKEN CHECK_STATUS"
)

// meanings are the status codes: the first two digits of response_code. One that is not listed proves nothing:
// success and failure are never guessed, not from being even or odd either.
// Source: merchant integration guide, statuses; gaps of the published table are left out here too.
var meanings = map[string]meaning{
	"00": {rejected, anyRequest}, "01": {idle, payments}, "10": {idle, payments},
	"02": {done, "AUTHORIZATION"}, "03": {declined, "AUTHORIZATION"},
	"04": {done, "CAPTURE"}, "05": {declined, "CAPTURE"},
	"06": {done, "REFUND"}, "07": {declined, "REFUND"},
	"08": {done, "VOID_AUTHORIZATION"}, "09": {declined, "VOID_AUTHORIZATION"},
	"11": {declined, "CHECK_STATUS"}, "12": {done, "CHECK_STATUS"},
	"13": {declined, "PURCHASE"}, "14": {done, "PURCHASE"},
	"15": {pending, operations}, "19": {pending, operations}, "20": {pending, operations}, "40": {pending, operations},
	"58": {done, "UPDATE_TOKEN"}, "59": {declined, "UPDATE_TOKEN"},
	// Known, and about something this adapter does not do.
	"17": {}, "18": {}, "21": {}, "22": {}, "23": {}, "24": {}, "27": {}, "28": {}, "29": {}, "30": {}, "31": {}, "32": {}, "42": {}, "43": {},
	"44": {}, "45": {}, "46": {}, "47": {}, "48": {}, "49": {}, "50": {}, "51": {}, "52": {}, "53": {}, "54": {}, "55": {}, "56": {}, "57": {},
	"62": {}, "63": {}, "66": {}, "70": {}, "71": {}, "72": {}, "73": {}, "74": {}, "75": {}, "76": {}, "77": {}, "80": {}, "81": {},
	"88": {}, "89": {}, "90": {}, "91": {}, "92": {}, "93": {},
}

// verdict is what the codes of a message prove.
type verdict struct {
	standing standing
	failure  *core.Failure // of declined, rejected and canceled
	note     string        // of unclear: why nothing is believed
}

// codeLength of a response_code, in digits: a status and a message.
const codeLength = 5

func isCode(s string) bool { return len(s) == codeLength && strings.Trim(s, "0123456789") == "" }

// threeDSecure is the code of a payment that waits for its buyer at the bank: nothing is under way until he acts, and
// one who never does must not keep the payment pending.
const threeDSecure = "20064"

// judge reads status and response_code of a message about command.
func judge(f fields, command, status, code string) verdict {
	if !isCode(code) || code[:2] != status {
		return verdict{note: "status and response_code disagree"}
	}
	m, known := meanings[status]
	msg, knownMessage := messages[code[2:]]
	switch {
	case !known || !knownMessage:
		return verdict{note: "response_code " + code + " is not in the documents"}
	case !slices.Contains(strings.Fields(m.commands), command):
		return verdict{note: "status " + status + " does not belong to " + safe(command)}
	case m.standing == done && (code[2:] == "000" || code == "58063"):
		return verdict{standing: done}
	case m.standing == done:
		return verdict{note: "response_code " + code + " is no plain success"}
	case code == threeDSecure:
		return verdict{standing: idle}
	case m.standing == pending:
		return verdict{standing: pending}
	case code[2:] == buyerCanceled:
		return verdict{standing: canceled, failure: failure(f, code, msg)}
	case m.standing == idle:
		return verdict{standing: idle}
	case msg.open || msg.category == "":
		return verdict{note: "response_code " + code + " does not say whether money moved"}
	}
	return verdict{standing: m.standing, failure: failure(f, code, msg)}
}

// safe is a word of the provider's as a note may show it.
func safe(word string) string {
	if !fits(word, "_", 30) {
		return "an unknown command"
	}
	return word
}

// reading is what a message proves: facts, or why it has to be asked about.
type reading struct {
	facts   []core.Fact
	failure *core.Failure
	read    bool // ask CHECK_STATUS
	note    string
}

// readPayment is what a PURCHASE or AUTHORIZATION that reached the page proves. Facts need the transaction they are
// about, and its amount when they book money.
func readPayment(f fields, v verdict) reading {
	fort, code := f["fort_id"], f["response_code"]
	amount, hasAmount := f.money()
	fact := core.Fact{ID: fort, Amount: amount, Strength: core.Asserted, Code: code, Failure: v.failure}
	r := reading{failure: v.failure}
	switch v.standing {
	case idle:
		return r
	case canceled:
		r.facts = []core.Fact{{Kind: core.BuyerAway, Strength: core.Hint, Code: code, Failure: v.failure}}
		return r
	case rejected:
		// The same form may still be paid in another window, so this alone must not end as "failed".
		r.facts, r.read = []core.Fact{{Kind: core.AttemptEnded, Strength: core.Hint, Code: code, Failure: v.failure}}, true
		return r
	case unclear:
		return reading{read: true, note: v.note}
	case declined:
		fact.Kind, fact.Amount = core.AuthorizationDeclined, core.Money{}
	case pending:
		fact.Kind = core.AuthorizationPending
	case done:
		fact.Kind = core.Authorized
		if f["command"] == "PURCHASE" {
			fact.Kind, fact.Of = core.Captured, fort
		}
	}
	if fort == "" || !hasAmount && v.standing != declined {
		return reading{read: true, note: "fort_id, amount or currency is missing or cannot be read"}
	}
	r.facts, r.read = []core.Fact{fact}, v.standing != declined
	return r
}

// readMaintenance is what a notification about a capture, refund or void tells, all of it hints and a reason to ask.
// Captures have no number of their own, and refunds of the back office have none of ours: those are floors of a total.
func readMaintenance(f fields, v verdict) reading {
	fort, key := f["fort_id"], f["maintenance_reference"]
	amount, hasAmount := f.money()
	fact := core.Fact{Amount: amount, Code: f["response_code"], Failure: v.failure}
	switch {
	case v.standing == declined && f["command"] == "REFUND" && key != "":
		fact.Kind, fact.ID, fact.OpKey, fact.Amount = core.RefundDeclined, key, key, core.Money{}
	case v.standing != done:
		return reading{read: true, failure: v.failure, note: v.note}
	case fort == "":
		return reading{read: true, note: "fort_id is missing"}
	case f["command"] == "VOID_AUTHORIZATION":
		fact.Kind, fact.ID, fact.Amount = core.AuthorizationClosed, fort, core.Money{}
	case !hasAmount:
		return reading{read: true, note: "amount or currency is missing or cannot be read"}
	case f["command"] == "CAPTURE":
		fact.Kind, fact.Measure, fact.Of = core.Captured, core.AtLeast, fort
	case key != "":
		fact.Kind, fact.ID, fact.OpKey = core.Refunded, key, key
	default:
		fact.Kind, fact.Measure = core.Refunded, core.AtLeast
	}
	return reading{facts: []core.Fact{fact}, failure: v.failure, read: true}
}

// mandateFacts is what a successful payment says about a card that was to be stored. Not every message repeats
// remember_me, so a token without it counts: core asks who wanted one.
func mandateFacts(f fields, v verdict) []core.Fact {
	token := f["token_name"]
	fact := core.Fact{ID: token, Strength: core.Asserted, Code: f["response_code"]}
	switch {
	case v.standing != done || f["remember_me"] == "NO":
		return nil
	case token != "":
		fact.Kind = core.MandateActive
	case f["remember_me"] == "YES":
		fact.Kind = core.MandateRefused
	default:
		return nil
	}
	return []core.Fact{fact}
}

// display is the instrument as a buyer knows it.
func display(f fields) string {
	option, number := f["payment_option"], f["card_number"]
	if option == "" {
		option = f["digital_wallet"]
	}
	if !fits(option, "_", 20) {
		return ""
	}
	if last := number[max(0, len(number)-4):]; len(last) == 4 && strings.Trim(last, "0123456789") == "" {
		return option + " ••" + last
	}
	return option
}

// memo is what later calls need: the stored card and the agreement on it.
func memo(f fields) core.Refs {
	m := core.Refs{}
	for key, name := range map[string]string{core.MemoToken: "token_name", memoAgreement: "agreement_id"} {
		if fits(f[name], tokenMarks, tokenMax) {
			m[key] = f[name]
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}
