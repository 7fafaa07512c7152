package aps

import (
	"html"
	"strings"
	"unicode/utf8"

	"github.com/paymux/paymux/core"
)

// buyerCanceled is the message code of a buyer who left by the cancel button, whatever the status beside it.
const buyerCanceled = "072"

// message is what the last three digits of response_code say.
type message struct {
	category, advice string
	open             bool // never read as failure: it may have happened, or happened before
}

// messageRows are all message codes of the documents with what the merchant should be told. "Open" ones say that
// something was processed already, or that nobody knows.
// Source: merchant integration guide, message codes; reliability rule: 006, 007, 036, 047, 051, 066, 777, 784 are
// never failures.
var messageRows = []struct {
	codes            string
	category, advice string
	open             bool
}{
	{codes: "000 062 063 124 182"}, // success: no failure to tell
	{codes: "006 051 777 779 780 781", category: core.FailureRejected, advice: core.RetryLater, open: true},
	{codes: "035 064 065 069 090 119 127 784", category: core.FailureRejected, advice: core.RetryLater, open: true},
	{codes: "007 047 066 117 125 773", category: core.FailureDuplicate, advice: core.RetryNever, open: true},
	{codes: "036", category: core.FailureRejected, advice: core.RetryLater, open: true},
	{codes: "662", category: core.FailureRejected, advice: core.RetryLater},
	{codes: "072", category: core.FailureBuyerCanceled, advice: core.RetryAfterBuyerAction},
	{codes: "029 747", category: core.FailureFunds, advice: core.RetryAfterBuyerAction},
	{codes: "030 070 121 151 152 787", category: core.FailureAuthentication, advice: core.RetryAfterBuyerAction},
	{codes: "074 075 666", category: core.FailureDeclinedSoft, advice: core.RetryAfterBuyerAction},
	{codes: "017 018 225", category: core.FailureDeclinedHard, advice: core.RetryOtherProvider},
	{codes: "012 016 031 044 087 088 100 055 056", category: core.FailureInstrument, advice: core.RetryAfterBuyerAction},
	{codes: "079 083 785", category: core.FailureFraud, advice: core.RetryNever},
	{codes: "042 048", category: core.FailureLimit, advice: core.RetryNever},
	{codes: "050 084 123 181 221 746 057 058 059", category: core.FailureLimit, advice: core.RetryOtherProvider},
	{codes: "778 102 115", category: core.FailureExpired, advice: core.RetrySameProvider},
	{codes: "001 002 004 005 008 009 010 013 027 032 033 037 073 110", category: core.FailureConfiguration, advice: core.RetryNever},
	{codes: "003 014 015 019 020 021 023 024 025 026 034 038 039 040 043 046 049 067 068 080 082 086 093 097 111 112 113 116 120 783",
		category: core.FailureConfiguration, advice: core.RetryOtherProvider},
	{codes: "011 071 076 077 078 089 098 099 118", category: core.FailureRejected, advice: core.RetrySameProvider},
	{codes: "052 053 054 060 092 094 095 096 101 103 104 105 106 107 114 122 126 128 129 134 136 137 138 139 140 141 142 143 144 145 146 " +
		"147 148 149 150 154 155 160 748 788 789 790 983", category: core.FailureRejected, advice: core.RetryNever},
}

var messages = func() map[string]message {
	m := map[string]message{}
	for _, row := range messageRows {
		for code := range strings.FieldsSeq(row.codes) {
			m[code] = message{category: row.category, advice: row.advice, open: row.open}
		}
	}
	return m
}()

// acquirerRows refine a plain "declined" by the acquirer's own code where the contract shows it. The numbers are text
// and differ between acquirers; only those that agree are used.
var acquirerRows = []struct{ codes, category, advice string }{
	{"51", core.FailureFunds, core.RetryAfterBuyerAction},
	{"54 14 15", core.FailureInstrument, core.RetryAfterBuyerAction},
	{"55 75", core.FailureAuthentication, core.RetryAfterBuyerAction},
	{"61 65", core.FailureLimit, core.RetryAfterBuyerAction},
	{"04 07 41 43", core.FailureDeclinedHard, core.RetryNever},
	{"59 63 83 BLOCKED FAILURE(DENIED_BY_RISK)", core.FailureFraud, core.RetryNever},
	{"91 92 96 68", core.FailureDeclinedSoft, core.RetryLater},
}

// failure tells a refusal in our words and the provider's. The text may come HTML-escaped; it is shown as text.
func failure(f fields, code string, m message) *core.Failure {
	out := &core.Failure{Category: m.category, RetryAdvice: m.advice, ProviderCode: code}
	if m.category == core.FailureDeclinedSoft {
		for _, row := range acquirerRows {
			for acquirer := range strings.FieldsSeq(row.codes) {
				if strings.ReplaceAll(f["acquirer_response_code"], " ", "_") == acquirer {
					out.Category, out.RetryAdvice = row.category, row.advice
				}
			}
		}
	}
	text := f["response_message"]
	if f["query_command"] == "CHECK_STATUS" && f["transaction_message"] != "" {
		text = f["transaction_message"]
	}
	out.ProviderMessage = shortText(html.UnescapeString(text))
	return out
}

// shortText is text of the provider for people: no control characters, 150 characters as documented.
func shortText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r == 0x2028 || r == 0x2029 {
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > 150 {
		return string(runes[:150])
	}
	return s
}
