package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
)

// ask is one request to the API before it is signed.
type ask struct {
	method, path, body string
	key                string // idempotency key; "-": none
	keyID              string
	region             string
	header             map[string]string // signed, too
	algorithm          string
	change             func(r *http.Request) // after signing
}

// result is an answer of the API.
type result struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (w *world) send(a ask) result {
	w.t.Helper()
	got, err := w.try(a)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, got.header.Get("X-Amz-Pay-Request-Id"))
	return got
}

func (w *world) try(a ask) (result, error) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), a.method, "https://"+simHost+a.path, strings.NewReader(a.body))
	require.NoError(w.t, err)
	w.sign(r, &a)
	if a.change != nil {
		a.change(r)
	}
	resp, err := w.http.Do(r)
	if err != nil {
		return result{}, err
	}
	text, err := io.ReadAll(resp.Body)
	got := result{status: resp.StatusCode, header: resp.Header, text: string(text)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		require.NoError(w.t, json.Unmarshal(text, &got.body), "%s", text)
	}
	return got, err
}

// sign follows the description of the wire on its own: nothing of the simulator's verification is used.
func (w *world) sign(r *http.Request, a *ask) {
	headers := map[string]string{
		"accept": "application/json", "content-type": "application/json", "x-amz-pay-host": "pay-api.amazon.eu", "x-amz-pay-region": "eu",
		"x-amz-pay-date": w.server.sim.Clock.Now().UTC().Format("20060102T150405Z"),
	}
	if a.region != "" {
		headers["x-amz-pay-region"], headers["x-amz-pay-host"] = a.region, map[string]string{"jp": "pay-api.amazon.jp", "na": "pay-api.amazon.com"}[a.region]
	}
	if a.key == "" && a.method == http.MethodPost {
		w.keys++
		a.key = fmt.Sprintf("key-%d", w.keys)
	}
	if a.key != "" && a.key != "-" {
		headers["x-amz-pay-idempotency-key"] = a.key
	}
	maps.Copy(headers, a.header)
	if a.keyID == "" {
		a.keyID = w.account.Keys[0].ID
	}
	if a.algorithm == "" {
		a.algorithm = v2
	}
	names := slices.Sorted(maps.Keys(headers))
	query := r.URL.RawQuery
	text := r.Method + "\n" + r.URL.EscapedPath() + "\n" + query + "\n"
	for _, name := range names {
		text += name + ":" + headers[name] + "\n"
		r.Header.Set(name, headers[name])
	}
	text += "\n" + strings.Join(names, ";") + "\n" + hash(a.body)
	r.Header.Set("Authorization", a.algorithm+" PublicKeyId="+a.keyID+", SignedHeaders="+strings.Join(names, ";")+", Signature="+w.pss(a.algorithm, text))
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func (w *world) pss(algorithm, text string) string {
	salt := 20
	if algorithm == v2 {
		salt = 32
	}
	sum := sha256.Sum256([]byte(algorithm + "\n" + hash(text)))
	raw, err := rsa.SignPSS(rand.Reader, w.key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256})
	require.NoError(w.t, err)
	return base64.StdEncoding.EncodeToString(raw)
}

func (w *world) get(path string) result {
	return w.send(ask{method: http.MethodGet, path: "/v2/" + path})
}
func (w *world) post(path, body string) result {
	return w.send(ask{method: http.MethodPost, path: "/v2/" + path, body: body})
}
func (w *world) patch(path, body string) result {
	return w.send(ask{method: http.MethodPatch, path: "/v2/" + path, body: body})
}
func (w *world) remove(path, body string) result {
	return w.send(ask{method: http.MethodDelete, path: "/v2/" + path, body: body})
}

// simulated sends a request with a simulation code.
func (w *world) simulated(method, path, body, code string) result {
	return w.send(ask{method: method, path: "/v2/" + path, body: body, header: map[string]string{"x-amz-pay-simulation-code": code}})
}

// at finds a value by a path of names.
func (r result) at(path string) any {
	var v any = r.body
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (r result) str(path string) string { s, _ := r.at(path).(string); return s }

// is expects a success.
func (w *world) is(status int, r result) result {
	w.t.Helper()
	require.Equal(w.t, status, r.status, "%s", r.text)
	return r
}

// refused expects an error of the API.
func (w *world) refused(status int, reason string, r result) {
	w.t.Helper()
	require.Equal(w.t, status, r.status, "%s", r.text)
	require.Equal(w.t, reason, r.body["reasonCode"], "%s", r.text)
	require.NotEmpty(w.t, r.body["message"])
}

// state expects an object's state and reason.
func (w *world) state(state, reason string, r result) result {
	w.t.Helper()
	require.Equal(w.t, 2, r.status/100, "%s", r.text)
	require.Equal(w.t, state, r.at("statusDetails.state"), "%s", r.text)
	if list, _ := r.at("statusDetails.reasons").([]any); len(list) > 0 {
		require.Equal(w.t, reason, list[0].(map[string]any)["reasonCode"])
		return r
	}
	require.Equal(w.t, reason, r.str("statusDetails.reasonCode"), "%s", r.text)
	return r
}
