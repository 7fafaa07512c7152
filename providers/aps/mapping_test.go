package aps

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/paymux/paymux/core"
)

// documentedMessages are the message codes of the published table, and the newer ones official plugins know.
const documentedMessages = `000 001 002 003 004 005 006 007 008 009 010 011 012 013 014 015 016 017 018 019 020 021 023 024 025 026 027 029 030
	031 032 033 034 035 036 037 038 039 040 042 043 044 046 047 048 049 050 051 052 053 054 055 056 057 058 059 060 062 063 064 065 066 067 068 069 070 071
	072 073 074 075 076 077 078 079 080 082 083 084 086 087 088 089 090 092 093 094 095 096 097 098 099 100 101 102 103 104 105 106 107 110 111 112 113 114
	115 116 117 118 119 120 121 122 123 124 125 126 127 128 129 134 136 137 138 139 140 141 142 143 144 145 146 147 148 149 150 151 152 154 155 160 182 662
	666 773 777 778 779 780 781 783 784 785 787 788 789 790 181 221 225 746 747 748 983`

const documentedStatuses = `00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 17 18 19 20 21 22 23 24 27 28 29 30 31 32 40 42 43 44 45 46 47 48 49 50 51
	52 53 54 55 56 57 58 59 62 63 66 70 71 72 73 74 75 76 77 80 81 88 89 90 91 92 93`

func TestEveryDocumentedCodeIsInTheTables(t *testing.T) {
	for code := range strings.FieldsSeq(documentedMessages) {
		require.Contains(t, messages, code)
	}
	require.Len(t, messages, len(strings.Fields(documentedMessages)), "nothing else is")
	for code := range strings.FieldsSeq(documentedStatuses) {
		require.Contains(t, meanings, code)
	}
	require.Len(t, meanings, len(strings.Fields(documentedStatuses)))
	rows := map[string]int{}
	for _, row := range messageRows {
		for code := range strings.FieldsSeq(row.codes) {
			rows[code]++
			require.Equal(t, 1, rows[code], "%s stands in two rows", code)
		}
	}
}

func TestCategoriesOfMessages(t *testing.T) {
	for category, codes := range map[string]string{
		core.FailureFunds:          "029 747",
		core.FailureAuthentication: "030 787",
		core.FailureDeclinedSoft:   "666 074 075",
		core.FailureInstrument:     "012 016 031 044 087 100",
		core.FailureFraud:          "079 785",
		core.FailureLimit:          "042 048 050 123",
		core.FailureExpired:        "778",
		core.FailureBuyerCanceled:  "072",
		core.FailureConfiguration:  "001 002 003 004 005 008 009 010 013 014 015 019 027 032 033 034 037 038 039 040 043 046 049 073 082 093 110",
		core.FailureDuplicate:      "007 047 066 773",
	} {
		for code := range strings.FieldsSeq(codes) {
			require.Equal(t, category, messages[code].category, code)
			require.NotEmpty(t, messages[code].advice, code)
		}
	}
}

func TestNeverReadAsFailure(t *testing.T) {
	for _, message := range strings.Fields("006 007 036 047 051 066 777 784") {
		for status := range meanings {
			for _, command := range strings.Fields(anyRequest) {
				v := judge(fields{}, command, status, status+message)
				require.NotContains(t, []standing{declined, rejected, canceled, done}, v.standing, status+message)
			}
		}
	}
	for _, status := range []string{"15", "19", "20", "40"} {
		for message := range messages {
			for _, command := range strings.Fields(operations) {
				want := pending
				if status+message == threeDSecure {
					want = idle
				}
				require.Equal(t, want, judge(fields{}, command, status, status+message).standing)
			}
		}
	}
}

func TestEveryStatus(t *testing.T) {
	want := map[string]standing{
		"PURCHASE 14000": done, "PURCHASE 13666": declined, "PURCHASE 00002": rejected, "PURCHASE 01000": idle, "PURCHASE 10030": idle, "PURCHASE 00072": canceled,
		"PURCHASE 01072": canceled, "PURCHASE 10072": canceled, "PURCHASE 13072": canceled, "PURCHASE 20064": idle, "PURCHASE 20000": pending, "PURCHASE 15777": pending, "PURCHASE 19065": pending, "PURCHASE 40090": pending,
		"PURCHASE 02000": unclear, "PURCHASE 04000": unclear, "PURCHASE 18000": unclear, "PURCHASE 16000": unclear, "PURCHASE 45030": unclear, "PURCHASE 14666": unclear, "PURCHASE 13000": unclear,
		"AUTHORIZATION 02000": done, "AUTHORIZATION 03666": declined, "AUTHORIZATION 03006": unclear, "AUTHORIZATION 14000": unclear, "AUTHORIZATION 00049": rejected,
		"CAPTURE 04000": done, "CAPTURE 05042": declined, "CAPTURE 05006": unclear, "CAPTURE 05036": unclear, "CAPTURE 00002": rejected, "CAPTURE 15777": pending, "CAPTURE 14000": unclear,
		"REFUND 06000": done, "REFUND 07048": declined, "REFUND 07066": unclear, "REFUND 19000": pending, "REFUND 04000": unclear,
		"VOID_AUTHORIZATION 08000": done, "VOID_AUTHORIZATION 09034": declined, "VOID_AUTHORIZATION 09006": unclear, "VOID_AUTHORIZATION 09662": declined,
		"CHECK_STATUS 12000": done, "CHECK_STATUS 11036": unclear, "CHECK_STATUS 00008": rejected,
		"UPDATE_TOKEN 58000": done, "UPDATE_TOKEN 58063": done, "UPDATE_TOKEN 59044": declined,
		"TOKENIZATION 18000": unclear, " 14000": unclear,
	}
	for text, standing := range want {
		command, code, _ := strings.Cut(text, " ")
		require.Equal(t, standing, judge(fields{}, command, code[:2], code).standing, text)
	}
}

func TestCodesThatAreNoCodes(t *testing.T) {
	for _, tc := range [][2]string{{"14", ""}, {"14", "14"}, {"14", "1400"}, {"14", "140000"}, {"", "14000"}, {"1", "14000"}, {"04", "14000"}, {"14", "14x00"}, {"١٤", "١٤٠٠٠"}} {
		v := judge(fields{}, "PURCHASE", tc[0], tc[1])
		require.Equal(t, unclear, v.standing, tc)
		require.NotEmpty(t, v.note)
	}
}

func TestTheAcquirerRefinesAPlainDecline(t *testing.T) {
	for acquirer, want := range map[string]string{"51": core.FailureFunds, "54": core.FailureInstrument, "59": core.FailureFraud, "61": core.FailureLimit,
		"43": core.FailureDeclinedHard, "05": core.FailureDeclinedSoft, "": core.FailureDeclinedSoft, "FAILURE(DENIED BY RISK)": core.FailureFraud} {
		v := judge(fields{"acquirer_response_code": acquirer}, "PURCHASE", "13", "13666")
		require.Equal(t, want, v.failure.Category, acquirer)
	}
	v := judge(fields{"acquirer_response_code": "51"}, "PURCHASE", "13", "13030")
	require.Equal(t, core.FailureAuthentication, v.failure.Category, "a reason of APS is kept")
}

func TestTextOfTheProviderIsShownSafely(t *testing.T) {
	v := judge(fields{"response_message": "customer&#39;s\r\ncard\x00 " + strings.Repeat("é", 200)}, "PURCHASE", "13", "13666")
	require.Len(t, []rune(v.failure.ProviderMessage), 150)
	require.True(t, strings.HasPrefix(v.failure.ProviderMessage, "customer'scard "))
}

// TestOnlyTheSuccessCodesTellOfMoney draws any codes: a fact of money comes of 02000, 04000, 06000 and 14000 alone, is
// a hint, and asks.
func TestOnlyTheSuccessCodesTellOfMoney(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		status := fmt.Sprintf("%02d", rapid.IntRange(0, 99).Draw(t, "status"))
		code := status + fmt.Sprintf("%03d", rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 999)).Draw(t, "message"))
		command := rapid.SampledFrom(strings.Fields(operations)).Draw(t, "command")
		fb := feedback(fields{"command": command, "status": status, "response_code": code, "amount": "100", "currency": "AED", "fort_id": "1", "merchant_reference": "R"})
		for _, f := range fb.Facts {
			if f.Kind == core.Captured || f.Kind == core.Authorized || f.Kind == core.Refunded {
				require.Contains(t, []string{"AUTHORIZATION 02000", "CAPTURE 04000", "REFUND 06000", "PURCHASE 14000"}, command+" "+code)
				require.Equal(t, core.Hint, f.Strength)
				require.NotEmpty(t, fb.Read)
			}
		}
	})
}
