package aps

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// exampleNotification is a notification with the fields that APS sends.
func exampleNotification() fields {
	return fields{"command": "AUTHORIZATION", "merchant_identifier": "pmxMid01", "access_code": "pmxAcc0000000000001A", "merchant_reference": "KZ6XQ3TWDV7RJ4EYB2NMA5HCFPG", "amount": "12550",
		"currency": "AED", "language": "en", "customer_email": "layla@example.org", "status": "02", "response_code": "02000", "response_message": "Success", "payment_option": "VISA",
		"card_number": "400555******0001", "fort_id": "169000000000000123", "eci": "ECOMMERCE", "expiry_date": "3005", "customer_ip": "192.0.2.1", "authorization_code": "742996"}
}

// BenchmarkSign signs with every SHA type.
func BenchmarkSign(b *testing.B) {
	for _, kind := range []string{"SHA-256", "SHA-512", "HMAC-256", "HMAC-512"} {
		b.Run(kind, func(b *testing.B) {
			f := exampleNotification()
			b.ReportAllocs()
			for b.Loop() {
				sign(f, kind, "pmx$Resp#2031!", signedInResponse)
			}
		})
	}
}

// BenchmarkVerify verifies a signature that holds, and one that does not: then both readings of empty fields are tried.
func BenchmarkVerify(b *testing.B) {
	for name, phrase := range map[string]string{"right": "pmx$Resp#2031!", "wrong": "other"} {
		b.Run(name, func(b *testing.B) {
			f := exampleNotification()
			f["signature"] = sign(f, "SHA-256", "pmx$Resp#2031!", signedInResponse)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := verify(f, "SHA-256", phrase); ok != (name == "right") {
					require.Fail(b, "the wrong verdict")
				}
			}
		})
	}
}
