// Package webhook carries an event to a merchant's endpoint: one attempt at a time, signed, to addresses outside only.
//
//	url.go       what an endpoint's address may look like          (Guard.CheckURL, at registration and every attempt)
//	guard.go     where it may lead: look up, check all, dial that  (Guard.CheckTarget, Guard.DialContext)
//	address.go   the ranges nothing is sent to
//	sign.go      secrets, their rotation, Standard Webhooks 1.0 signatures
//	deliver.go   one attempt and what came of it                   (Sender.Deliver)
//	answer.go    the endpoint's answer as it may be kept and shown
//	schedule.go  when the next attempt is due
//	carrier.go   all of it as core.Sender
//
// Nothing here stores, loops or decides which endpoint gets which event. Who does so keeps per endpoint an address as
// CheckTarget returns it and a Keyring, per delivery the number of the try, and writes down each Result. At most four
// deliveries of an endpoint run at a time (reliability requirement R-53); that, too, is the caller's: core/deliver.go.
package webhook
