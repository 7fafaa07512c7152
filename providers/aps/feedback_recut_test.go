package aps

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// A buyer posts a form of his own making; APS refuses it, and signs the refusal with the echo of every field. The
// names and values are chosen so that the signed text can be cut anew, into a payment that was made.
func refusal() fields {
	return answered(fields{"command": "PURCHASE", "merchant_reference": "PMX-17", "amount": "12550", "currency": "AED", "customer_email": "x@example.org",
		"fort_id": "169996200000000001", "return_url": "https://evil.example/b", "phone_number": "1processor_", "response_d": "xresponse_code=14000",
		"statur": "status=14token_", "status": "00", "response_code": "00008", "response_message": "Signature mismatch"})
}

func forgery(echo fields) fields {
	return fields{"access_code": echo["access_code"], "amount": echo["amount"], "command": "PURCHASE", "currency": "AED", "customer_email": "x@example.org",
		"fort_id": echo["fort_id"], "language": "en", "merchant_identifier": echo["merchant_identifier"], "merchant_reference": echo["merchant_reference"],
		"phone_number": "1", "processor_response_code": "00008response_d=x", "response_code": "14000", "response_message": "Signature mismatch",
		"return_url": "https://evil.example/bstatur=", "status": "14", "token_status": "00", "signature": echo["signature"]}
}

// TestASignedRefusalCutAnewBooksNothing posts the letters of a refusal as a payment.
func TestASignedRefusalCutAnewBooksNothing(t *testing.T) {
	p := newProvider(t, testConfig(), nil)
	echo := refusal()
	forged := forgery(echo)
	require.Equal(t, base(echo, signedInResponse), base(forged, signedInResponse), "the letters are the same")
	require.Equal(t, done, judge(forged, "PURCHASE", forged["status"], forged["response_code"]).standing, "as it stands it says that it was paid")
	for _, m := range []core.Message{jsonMessage(t, forged), formMessage(forged)} {
		fb, err := p.ParseFeedback(t.Context(), m)
		require.NoError(t, err, "the signature is right")
		require.Empty(t, fb.Facts)
		require.Empty(t, fb.Memo)
		require.Empty(t, fb.Display)
		require.Empty(t, fb.Refs)
		require.Nil(t, fb.Echo.Amount, "nor may it raise a false alarm")
		require.NotEmpty(t, fb.Note)
		require.NotEmpty(t, fb.Read, "CHECK_STATUS decides")
		require.Equal(t, "PMX-17", fb.Reference)
	}
	fb, err := p.ParseReturn(t.Context(), core.Return{Values: valuesOf(forged)})
	require.NoError(t, err)
	require.Empty(t, fb.Facts)
}

// TestNoMessageThatIsSignedMovesMoney holds without regard to how a forger came by his signature: whatever a message
// claims, it asserts nothing about money and asks.
func TestNoMessageThatIsSignedMovesMoney(t *testing.T) {
	p := newProvider(t, testConfig(), nil)
	for _, claim := range []string{"AUTHORIZATION 02000", "PURCHASE 14000", "PURCHASE 15777", "CAPTURE 04000", "REFUND 06000", "REFUND 07048", "VOID_AUTHORIZATION 08000", "PURCHASE 00002"} {
		command, code, _ := strings.Cut(claim, " ")
		f := paid()
		f["command"], f["status"], f["response_code"], f["maintenance_reference"] = command, code[:2], code, "K"
		fb, err := p.ParseFeedback(t.Context(), jsonMessage(t, answered(f)))
		require.NoError(t, err)
		require.NotEmpty(t, fb.Facts, claim)
		require.NotEmpty(t, fb.Read, claim)
		for _, fact := range fb.Facts {
			require.Equal(t, core.Hint, fact.Strength, claim)
		}
	}
}
