package simulator

import (
	"net/http"
	"time"
)

// Rule is how a provider repeats feedback.
type Rule struct {
	Tries    int                                // all tries of one message, the first included
	Gap      func(try int) time.Duration        // virtual time between try and try+1; the first try is 1
	Timeout  time.Duration                      // true time a receiver has for its answer
	Accepted func(status int, body []byte) bool // the answer ends the tries; body is at most its first 4 KiB
}

// Message is one piece of feedback, signed and encoded.
type Message struct {
	Payment     string // messages of one payment are sent one after the other
	Kind        string // for the log: what the provider calls it
	URL         string // nothing is sent when it is empty
	ContentType string
	Header      http.Header // more header fields; may be nil
	Body        []byte
	Forged      []byte // a body an attacker might send in its name: changed, and signed wrongly
}

// Mode is how the next messages travel.
type Mode string

// How messages can travel. Only Normal keeps the provider's rule; the others are for tests.
const (
	Normal    Mode = "normal"
	HoldBack  Mode = "hold"      // kept until Release, which also ends this mode
	Lose      Mode = "drop"      // never sent
	Duplicate Mode = "duplicate" // sent twice, each with its own tries
	Reorder   Mode = "reorder"   // sent after the payment's next message, or alone when none follows within one gap
	Early     Mode = "early"     // the first try ends before the call or page that caused it is answered
	Forge     Mode = "forge"     // a forged one goes ahead of the true one
)

var modes = []Mode{Normal, HoldBack, Lose, Duplicate, Reorder, Early, Forge}

// Try is one line of the sender's log.
type Try struct {
	At       time.Time `json:"at"`
	Payment  string    `json:"payment"`
	Kind     string    `json:"kind"`
	URL      string    `json:"url"`
	Mode     Mode      `json:"mode"`
	Number   int       `json:"try"`              // 0: not sent (held or dropped)
	Status   int       `json:"status,omitempty"` // HTTP status; 0: no answer
	Accepted bool      `json:"accepted"`
	Error    string    `json:"error,omitempty"`
}

const keptTries = 1000

// FeedbackState is what the sender does and did.
type FeedbackState struct {
	Mode   Mode  `json:"mode"`
	Left   int   `json:"left"`   // messages the mode is still for; 0: until changed
	Held   int   `json:"held"`   // held back until released
	Queued int   `json:"queued"` // being sent or waiting for the next try
	Tries  []Try `json:"tries"`  // oldest first
}
