package simulator

import (
	"net/http"
	"sync"
	"time"
)

// keptRequests bounds the memory of the log; the oldest go first.
const keptRequests = 1000

// Request is one request as it was received, with what must not be kept already removed by the provider's sandbox.
type Request struct {
	At        time.Time         `json:"at"`
	Method    string            `json:"method"`
	Path      string            `json:"path"`
	Operation string            `json:"operation,omitempty"`
	Fields    map[string]string `json:"fields,omitempty"`
	Answer    string            `json:"answer,omitempty"` // the provider's own code
	Detail    string            `json:"detail,omitempty"` // what the provider's answer does not say: which field, and why
}

// Requests is the log of what was received.
type Requests struct {
	clock *Clock
	mu    sync.Mutex
	list  []*Request
}

// Add keeps one request when it arrives, with the moment and the path of r: a fault may keep it from being answered.
// The result is for Answered alone.
func (q *Requests) Add(r *http.Request, entry Request) *Request {
	entry.At, entry.Method, entry.Path = q.clock.Now().UTC(), r.Method, r.URL.Path
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == keptRequests {
		q.list = q.list[1:]
	}
	q.list = append(q.list, &entry)
	return &entry
}

// Answered notes the provider's code a request was answered with, and the detail behind it.
func (q *Requests) Answered(entry *Request, answer, detail string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	entry.Answer, entry.Detail = answer, detail
}

// List is a copy, oldest first.
func (q *Requests) List() []Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := make([]Request, len(q.list))
	for i, entry := range q.list {
		list[i] = *entry
	}
	return list
}

// Clear forgets all of them.
func (q *Requests) Clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = nil
}
