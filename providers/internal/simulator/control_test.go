package simulator

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type testFace struct{ reset *bool }

func (testFace) Books() Books         { return Books{Payments: []Payment{}} }
func (testFace) Credentials() any     { return map[string]string{"id": "example"} }
func (testFace) Pages() []Page        { return []Page{{Name: "card"}} }
func (testFace) Operations() []string { return []string{"CAPTURE"} }
func (f testFace) Reset()             { *f.reset = true }

func newControl(t *testing.T) (*Simulator, http.Handler, *bool) {
	s := New(Options{Rule: Rule{Tries: 1, Gap: func(int) time.Duration { return time.Second }, Timeout: time.Second}})
	t.Cleanup(s.Close)
	reset := false
	return s, s.Control(testFace{&reset}), &reset
}

func ask(h http.Handler, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:9101/_control/"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:50000"
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestControlAnswers(t *testing.T) {
	s, h, reset := newControl(t)
	tests := []struct{ method, path, body, want string }{
		{"GET", "books", "", `{"payments":[]}`},
		{"GET", "credentials", "", `"id":"example"`},
		{"GET", "pages", "", `"name":"card"`},
		{"GET", "requests", "", `{"requests":[]}`},
		{"GET", "feedback", "", `"mode":"normal"`},
		{"GET", "faults", "", `"operations":["CAPTURE"]`},
		{"POST", "faults", `{"operation":"CAPTURE","nth":2,"times":1,"action":"http_after","status":502,"seconds":5}`, `"nth":2`},
		{"DELETE", "faults", "", `"faults":[]`},
		{"POST", "feedback", `{"mode":"duplicate","times":2}`, `"left":2`},
		{"POST", "feedback", `{"release":true}`, `"held":0`},
		{"POST", "clock", `{"advance":"24h"}`, `"now":"`},
		{"GET", "clock", "", `"now":"`},
		{"POST", "seed", `{"seed":0}`, `{"seed":0}`},
		{"POST", "reset", "", `{"reset":true}`},
	}
	for _, test := range tests {
		w := ask(h, test.method, test.path, test.body)
		require.Equal(t, http.StatusOK, w.Code, "%s %s: %s", test.method, test.path, w.Body)
		require.Contains(t, w.Body.String(), test.want)
	}
	require.True(t, *reset)
	require.Less(t, time.Since(s.Clock.Now()).Abs(), time.Hour, "reset sets the clock back")
}

// What the port takes can be asked of it, and what it lists it does.
func TestControlListsWhatItTakes(t *testing.T) {
	s := New(Options{Rule: Rule{Tries: 1, Gap: func(int) time.Duration { return time.Second }, Timeout: time.Second}, Actions: []Action{"throttle"}})
	t.Cleanup(s.Close)
	own := Route{Method: http.MethodPost, Path: "/_control/backoffice", What: "as a person would", Body: map[string]string{"operation": "refund"},
		Handle: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }}
	h := s.Control(testFace{new(bool)}, own)
	var told struct {
		Routes                     []Route
		Operations, Actions, Modes []string
	}
	for _, path := range []string{"", "/"} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9101/_control"+path, http.NoBody)
		r.RemoteAddr = "127.0.0.1:50000"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &told))
		r.RemoteAddr = "192.0.2.1:50000"
		w = httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusForbidden, w.Code)
	}
	require.Equal(t, []string{"CAPTURE"}, told.Operations)
	require.Contains(t, told.Actions, "throttle")
	require.Contains(t, told.Actions, "drop_after")
	require.Contains(t, told.Modes, "forge")
	require.Len(t, told.Routes, 14)
	for _, route := range told.Routes {
		body := []byte{}
		if route.Body != nil {
			var err error
			body, err = json.Marshal(route.Body)
			require.NoError(t, err)
		}
		w := ask(h, route.Method, strings.TrimPrefix(route.Path, "/_control/"), string(body))
		require.Equal(t, http.StatusOK, w.Code, "%s %s: %s", route.Method, route.Path, w.Body)
		require.NotEmpty(t, route.What)
	}
}

func TestControlRefuses(t *testing.T) {
	_, h, _ := newControl(t)
	tests := []struct {
		path, body string
		status     int
		want       string
	}{
		{"faults", `{"operation":"CAPTURE","action":"explode"}`, 422, "explode"},
		{"faults", `{"operation":"CAPTRUE","action":"hang"}`, 422, "CAPTURE"},
		{"faults", `{"op":"CAPTURE"}`, 400, `unknown field \"op\"`},
		{"faults", `[`, 400, "JSON"},
		{"faults", `{} {}`, 400, "goes on"},
		{"feedback", `{}`, 422, "release"},
		{"feedback", `{"mode":"sideways"}`, 422, "sideways"},
		{"feedback", `{"mode":"hold","times":-1}`, 422, "times"},
		{"clock", `{"advance":"tomorrow"}`, 422, "tomorrow"},
		{"clock", `{"advance":"-1h"}`, 422, "zero or more"},
		{"seed", `{}`, 422, "seed"},
		{"reset", `{"all":true}`, 400, "unknown field"},
	}
	for _, test := range tests {
		w := ask(h, http.MethodPost, test.path, test.body)
		require.Equal(t, test.status, w.Code, test.body)
		require.Contains(t, w.Body.String(), test.want)
	}
	require.Equal(t, http.StatusMethodNotAllowed, ask(h, http.MethodPost, "books", "").Code)
	require.Equal(t, http.StatusNotFound, ask(h, http.MethodGet, "other", "").Code)
}

func TestControlAnswersThisMachineOnly(t *testing.T) {
	_, h, _ := newControl(t)
	from := func(address string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = address } }
	origin := func(o string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("Origin", o) } }
	rebound := func(r *http.Request) { r.Host = "evil.example" }
	for _, address := range []string{"127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "pipe"} {
		require.Equal(t, http.StatusOK, ask(h, http.MethodGet, "books", "", from(address)).Code, address)
	}
	for _, address := range []string{"192.0.2.1:1", "[2001:db8::1]:1", "localhost:1"} {
		require.Equal(t, http.StatusForbidden, ask(h, http.MethodGet, "books", "", from(address)).Code, address)
	}
	require.Equal(t, http.StatusOK, ask(h, http.MethodPost, "reset", "", origin("http://127.0.0.1:9101")).Code)
	for _, o := range []string{"https://evil.example", "null", "http://127.0.0.1:9999"} {
		require.Equal(t, http.StatusForbidden, ask(h, http.MethodPost, "reset", "", origin(o)).Code, o)
	}
	require.Equal(t, http.StatusForbidden, ask(h, http.MethodPost, "reset", "", origin("http://evil.example"), rebound).Code)
}

func TestRequestsAreBounded(t *testing.T) {
	s, _, _ := newControl(t)
	r := httptest.NewRequest(http.MethodPost, "/pay", nil)
	for range keptRequests + 5 {
		s.Requests.Add(r, Request{Operation: "CAPTURE"})
	}
	require.Len(t, s.Requests.List(), keptRequests)
	require.Equal(t, "/pay", s.Requests.List()[0].Path)
}

func TestWritePage(t *testing.T) {
	page := template.Must(template.New("p").Parse(`<style nonce="{{.}}"></style>`))
	w := httptest.NewRecorder()
	require.NoError(t, WritePage(w, http.StatusOK, page, "p", func(nonce string) any { return nonce }))
	nonce := strings.Split(w.Body.String(), `"`)[1]
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "style-src 'nonce-"+nonce+"'")
	w = httptest.NewRecorder()
	require.Error(t, WritePage(w, http.StatusOK, page, "none", func(string) any { return nil }))
	require.Equal(t, http.StatusInternalServerError, w.Code)
}

func TestRandomRepeatsAfterSeed(t *testing.T) {
	r := NewRandom()
	draw := func() string { r.Seed(7); return r.Hex(8) + r.Digits(6) }
	require.Equal(t, draw(), draw())
	require.Len(t, r.Digits(18), 18)
	require.NotEqual(t, NewRandom().Hex(16), NewRandom().Hex(16))
}
