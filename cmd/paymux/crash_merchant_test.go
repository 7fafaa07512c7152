package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// call is one request of a merchant under one idempotency key, made again and again until it is answered, and what he
// was told: what he was told with a 2xx has to stay true.
type call struct {
	kind   string // create, capture, refund, cancel
	amount int64  // of a capture or refund, no other one of its sale has the same
	path   string
	key    string
	body   any

	status int    // of the answer that counts, 0 for none
	raw    string // its body
	lost   int    // how often nobody answered
}

// told reports whether the merchant has a 2xx.
func (c *call) told() bool { return c.status/100 == 2 }

// final reports whether that will not change any more.
func (c *call) final() bool { return c.told() && c.status != http.StatusAccepted }

// said is a member of the answer, as text.
func (c *call) said(path string) string { return (&answer{body: decoded(c.raw)}).str(path) }

func decoded(raw string) (body map[string]any) {
	d := json.NewDecoder(bytes.NewReader([]byte(raw)))
	d.UseNumber()
	_ = d.Decode(&body) // what is no JSON has no members
	return body
}

var errNobody = errors.New("nobody answered")

// send makes one try of an API call.
func (f *fleet) send(method, path, key string, body any) (status int, header http.Header, raw string, err error) {
	content, err := json.Marshal(body)
	if err != nil {
		return 0, nil, "", err
	}
	if body == nil {
		content = nil
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, bytes.NewReader(content))
	if err != nil {
		return 0, nil, "", err
	}
	r.Header.Set("Authorization", "Bearer "+f.key)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := f.client.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.Header.Get(nobody) != "" {
		err = errNobody
	}
	return resp.StatusCode, resp.Header, string(answer), err
}

// How long a merchant repeats what was not answered, and the pauses in between.
const (
	persists  = 20 * time.Second
	pauseDown = 8 * time.Millisecond
	pauseBusy = 60 * time.Millisecond
)

// ask makes the call until it has an answer: after one that was lost, after a 503, and while the first try of it is
// still under way. It reports whether the merchant has a 2xx.
func (f *fleet) ask(c *call) bool {
	for end := time.Now().Add(persists); time.Now().Before(end); {
		status, _, raw, err := f.send(http.MethodPost, c.path, c.key, c.body)
		code := (&answer{body: decoded(raw)}).str("code")
		switch {
		case err != nil:
			c.lost++
			f.lost.Add(1)
			time.Sleep(pauseDown)
			continue
		case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
			time.Sleep(pauseBusy)
			continue
		case status == http.StatusConflict && (code == "idempotency_in_progress" || code == "operation_in_progress" || code == "previous_operation_unresolved"):
			time.Sleep(pauseBusy)
			continue
		case status >= 500:
			f.wrong("%s %s: %d %s", c.kind, c.path, status, raw)
		}
		c.status, c.raw = status, raw
		if c.told() {
			f.told.Add(1)
		}
		return c.told()
	}
	return false
}

// again makes a call again that was answered, as merchants do who forgot. It gets the same answer; where that was not the
// last word, it is asked for until it is answered.
func (f *fleet) again(c *call) {
	if !c.final() {
		f.ask(c)
		return
	}
	status, header, raw, err := f.send(http.MethodPost, c.path, c.key, c.body)
	switch {
	case err != nil || status == http.StatusServiceUnavailable:
		return // he has his answer
	case status != c.status || raw != c.raw:
		f.wrong("AN ANSWER CHANGED: %s %s, key %s: first %d %s, now %d %s", c.kind, c.path, c.key, c.status, c.raw, status, raw)
	case header.Get("Idempotent-Replayed") != "true":
		f.wrong("%s %s, key %s: the repetition is not marked as one: %s", c.kind, c.path, c.key, raw)
	}
}

// read gets an object, however often nobody answers.
func (f *fleet) read(path string) *answer {
	for end := time.Now().Add(persists); time.Now().Before(end); time.Sleep(pauseDown) {
		status, header, raw, err := f.send(http.MethodGet, path, "", nil)
		if err == nil && status == http.StatusOK {
			return &answer{t: f.t, status: status, header: header, raw: raw, body: decoded(raw)}
		}
		if err == nil && status < 500 {
			f.wrong("GET %s: %d %s", path, status, raw)
			break
		}
	}
	return &answer{t: f.t}
}
