package webhook

import "time"

// Message is an event on its way to one endpoint.
type Message struct {
	EventID string  // sent as webhook-id, the same on every try
	URL     string  // of the endpoint, as CheckTarget returned it
	Body    []byte  // as it was frozen with the event, sent byte for byte
	Keys    Keyring // of the endpoint
	Try     int     // 1 for the first
	// TimeScale divides the pause until the next try, not what the endpoint asks for. 0: 1.
	TimeScale int
}

// Outcome is what an attempt means for the delivery.
type Outcome string

// The outcomes of an attempt. None of them loses the event: it is kept and can be sent again.
const (
	Delivered Outcome = "delivered" // the endpoint has it
	Failed    Outcome = "failed"    // the next try is due at Next
	Exhausted Outcome = "exhausted" // failed, and it was the last try
	Gone      Outcome = "gone"      // the endpoint wants no more events: it is to be disabled
)

// Failure says why an attempt failed, empty when it did not.
type Failure string

// The failures of an attempt.
const (
	FailureStatus   Failure = "status"            // the answer has another status than 2xx
	FailureRedirect Failure = "redirect"          // 3xx: the endpoint's address is to be changed instead
	FailureTimeout  Failure = "timeout"           // no whole answer within 15 seconds
	FailureTooLarge Failure = "answer_too_large"  // more than 64 kB
	FailureBroken   Failure = "answer_broken"     // the connection ended early, or what came is no HTTP
	FailureLookup   Failure = "lookup_failed"     // the name leads nowhere
	FailureConnect  Failure = "connection_failed" // nobody answers at the address
	FailureTLS      Failure = "tls_failed"        // the certificate does not hold for the name, or no common TLS
	FailureURL      Failure = codeURL             // the address is not, or no longer, one that events are sent to; nothing was sent
	FailureTarget   Failure = codeTarget          // it leads to a place that no event is sent to; nothing was sent
)

// Result is what came of one attempt.
type Result struct {
	Outcome  Outcome
	Failure  Failure
	Status   int           // of the answer; 0: there was none
	Answer   string        // its first 1,024 bytes at most, inert and redacted
	SentAt   time.Time     // UTC; its seconds are the webhook-timestamp
	Duration time.Duration // of the whole attempt
	Next     time.Time     // UTC, when the next try is due; zero unless Failed
	Err      error         // for the log only; carries no secret and no part of the endpoint's path or query
}
