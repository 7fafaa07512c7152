package aps

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// meaningSample is a sample of the documents with what it says has happened.
type meaningSample struct {
	ID       string
	Params   fields
	Expected struct {
		State      string `json:"payment_state"`
		Authorized int64  `json:"authorized_minor"`
		Captured   int64  `json:"captured_minor"`
		Refunded   int64  `json:"refunded_minor"`
	}
}

// TestFeedbackAndTheQueryReachTheMeaning follows the messages that tell of money: alone they book nothing, and the
// question they ask brings the payment to where the document says it is.
func TestFeedbackAndTheQueryReachTheMeaning(t *testing.T) {
	status := map[string]core.Status{"paid": core.StatusSucceeded, "pending": core.StatusProcessing, "authorized": core.StatusRequiresCapture,
		"partially_captured": core.StatusPartiallyCaptured, "partially_refunded": core.StatusSucceeded, "voided": core.StatusCanceled}
	totals := map[string]fields{ // what CHECK_STATUS has on the payment; the code is the message's
		"02-direct-feedback-same-payment":    {"captured_amount": "12550"},
		"05-direct-feedback-uncertain":       {"captured_amount": "0"},
		"06-notification-resolves-uncertain": {"captured_amount": "12550"},
		"07-return-authorized":               {"authorized_amount": "10250", "captured_amount": "0"},
		"08-notification-partial-capture":    {"authorized_amount": "10250", "captured_amount": "4250"},
		"09-notification-partial-refund":     {"captured_amount": "12550", "refunded_amount": "2550"},
		"10-notification-void":               {"authorized_amount": "12550", "captured_amount": "0"},
	}
	var file struct{ Samples []meaningSample }
	data, err := os.ReadFile("testdata/aps-feedback.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &file))
	asked := 0
	for i, s := range file.Samples {
		told, moves := totals[s.ID]
		if !moves {
			continue
		}
		asked++
		t.Run(s.ID, func(t *testing.T) {
			told["transaction_status"], told["transaction_code"], told["fort_id"] = s.Params["status"], s.Params["response_code"], s.Params["fort_id"]
			p := newProvider(t, testConfig(), &wire{t: t, answer: echoed("12000", told)})
			amount := aed(12550)
			if c := s.Params["currency"]; c == "KWD" {
				amount = core.Money{Minor: 10250, Currency: c}
			}
			attempt := &core.Attempt{ID: "att_1", Number: 1, Amount: amount, Reference: s.Params["merchant_reference"], Refs: core.Refs{}, Memo: core.Refs{}, Retries: true}
			payment := &core.Payment{ID: "pay_1", Amount: amount, Attempts: []*core.Attempt{attempt}}
			payment.Apply("att_1", "", nil, time.Unix(0, 0))
			before := payment.Status

			fb, err := parseSample(t, p, feedbackSamples(t)[i])
			require.NoError(t, err)
			require.NotEmpty(t, fb.Read)
			payment.Apply("att_1", "feedback", fb.Facts, time.Unix(1, 0))
			require.Equal(t, core.Amounts{}, payment.Amounts, "feedback alone")
			require.Equal(t, before, payment.Status, "feedback alone")

			found, err := p.Query(t.Context(), core.QueryInput{Known: core.Known{Reference: attempt.Reference, Amount: amount}})
			require.NoError(t, err)
			payment.Apply("att_1", "query", found.Facts, time.Unix(2, 0))
			require.Equal(t, status[s.Expected.State], payment.Status)
			a, e := payment.Amounts, s.Expected
			if e.Captured > 0 {
				require.Equal(t, e.Captured, a.Captured)
			}
			if e.Authorized > 0 {
				require.Equal(t, e.Authorized, a.Authorized)
			}
			require.Equal(t, e.Refunded, a.Refunded)
		})
	}
	require.Equal(t, len(totals), asked)
}
