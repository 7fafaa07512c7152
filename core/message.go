package core

import (
	"net/http"
	"net/url"
	"time"
)

// Message is one inbound HTTP message of a provider, body unread by anybody else.
type Message struct {
	Method     string
	URL        *url.URL
	Header     http.Header
	Body       []byte
	RemoteAddr string
	ReceivedAt time.Time
}

// Return is what the buyer's browser brought back to one of our own return addresses.
type Return struct {
	Step   string // review, result, success, error, back: from our own URL
	Method string
	Values url.Values // of the body for POST, of the query for GET
	Known  Known
}

// Ack is the answer a provider expects.
type Ack struct {
	Status            int
	ContentType, Body string
}

// Feedback is what an authentic message says.
type Feedback struct {
	Facts     []Fact
	Refs      Refs   // tried one by one; strongest first is the provider's own id
	Under     Refs   // what the object rests on that Read names: a stored consent, which has many orders and finds none of them
	Reference string // the attempt's own reference, if the message names it
	Memo      Refs
	Display   string
	Failure   *Failure
	Echo      Echo // only where the message is about the attempt as a whole, not about a part of its money
	DedupeKey string
	Ack       Ack
	Read      []Object // not empty: read these and apply what the answer proves
	Shown     string   // the message without secrets and buyer data, for people
	Note      string   // why nothing is believed, for the inbox: unknown code, missing field, ambiguous parameters
}
