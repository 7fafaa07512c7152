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
	list  []Request
}

// Add keeps one request, with the moment and the path of r.
func (q *Requests) Add(r *http.Request, entry Request) {
	entry.At, entry.Method, entry.Path = q.clock.Now().UTC(), r.Method, r.URL.Path
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == keptRequests {
		q.list = q.list[1:]
	}
	q.list = append(q.list, entry)
}

// List is a copy, oldest first.
func (q *Requests) List() []Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]Request{}, q.list...)
}

// Clear forgets all of them.
func (q *Requests) Clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = nil
}
