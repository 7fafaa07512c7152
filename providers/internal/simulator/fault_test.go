package simulator

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNthAndTimes(t *testing.T) {
	f := NewFaults(NewClock())
	f.Add(Fault{Operation: "CAPTURE", Nth: 2, Times: 2, Action: DropBefore})
	var struck []bool
	for range 5 {
		require.Nil(t, f.due("REFUND"), "another operation does not count")
		struck = append(struck, f.due("CAPTURE") != nil)
	}
	require.Equal(t, []bool{false, true, true, false, false}, struck)
	require.Empty(t, f.List())

	f.Add(Fault{Operation: AnyOperation, Action: Hang})
	require.NotNil(t, f.due("REFUND"))
}

func TestFaultCheckNamesWhatIsWrong(t *testing.T) {
	tests := []struct {
		fault Fault
		want  string
	}{
		{Fault{Operation: "X", Action: Hang}, "operation"}, {Fault{Operation: "A", Action: "explode"}, "action"},
		{Fault{Operation: "A", Action: Hang, Nth: -1}, "negative"}, {Fault{Operation: "A", Action: HTTPAfter, Status: 42}, "status"},
	}
	for _, test := range tests {
		require.ErrorContains(t, test.fault.Check([]string{"A"}), test.want)
	}
	require.NoError(t, Fault{Operation: AnyOperation, Action: HTTPAfter, Status: 429}.Check(nil))
}

// Over a true connection, so that cuts are cuts.
func TestActionsOverAConnection(t *testing.T) {
	tests := []struct {
		action Action
		effect bool
		status int // 0: no answer
		body   string
	}{
		{DropBefore, false, 0, ""}, {DropAfter, true, 0, ""}, {Hang, false, 0, ""}, {DelayEffect, true, 201, "0123456789"},
		{HTTPBefore, false, 503, "Unavailable"}, {HTTPAfter, true, 503, "Unavailable"}, {Truncate, true, 201, "01234"},
		{Garbage, true, 200, "Please wait"}, {OtherAmount, true, 201, "other_amount"}, {OtherReference, true, 201, "other_reference"},
	}
	for _, test := range tests {
		t.Run(string(test.action), func(t *testing.T) {
			clock := NewClock()
			t.Cleanup(clock.Close)
			faults := NewFaults(clock)
			var effect atomic.Bool
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				faults.Serve(w, r, "A", func(w http.ResponseWriter, alter Action) {
					effect.Store(true)
					w.Header().Set("Content-Type", "text/plain")
					w.WriteHeader(http.StatusCreated)
					_, _ = io.WriteString(w, "0123456789"+string(alter))
				})
			}))
			t.Cleanup(server.Close)
			faults.Add(Fault{Operation: "A", Action: test.action, Status: 503, Seconds: 0.001})
			resp, err := server.Client().Post(server.URL, "text/plain", nil)
			require.Equal(t, test.status == 0, err != nil)
			if err == nil {
				body, readErr := io.ReadAll(resp.Body)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, test.action == Truncate, readErr != nil)
				require.Equal(t, test.status, resp.StatusCode)
				require.Contains(t, string(body), test.body)
			}
			require.Equal(t, test.effect, effect.Load())
		})
	}
}

func TestCloseEndsHangingCalls(t *testing.T) {
	for _, action := range []Action{Hang, DelayEffect} {
		synctest.Test(t, func(t *testing.T) {
			clock := NewClock()
			faults := NewFaults(clock)
			faults.Add(Fault{Operation: "A", Action: action, Seconds: 1e6})
			ended := make(chan any)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			require.NoError(t, err)
			go func() {
				defer func() { ended <- recover() }()
				faults.Serve(httptest.NewRecorder(), r, "A", func(http.ResponseWriter, Action) {})
			}()
			time.Sleep(time.Second)
			clock.Close()
			require.Equal(t, http.ErrAbortHandler, <-ended)
		})
	}
}

// A provider may have faults that its handlers carry out, and its own way to fail.
func TestFaultsAndFailuresOfAProvider(t *testing.T) {
	sim := New(Options{Actions: []Action{"forget"}, Failure: func(w http.ResponseWriter, status int) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "sorry")
	}})
	t.Cleanup(sim.Close)
	plain := New(Options{})
	t.Cleanup(plain.Close)
	fault := Fault{Operation: "A", Action: "forget"}
	require.NoError(t, fault.Check([]string{"A"}, sim.Faults.own...))
	require.ErrorContains(t, fault.Check([]string{"A"}, plain.Faults.own...), "forget")

	serve := func(s *Simulator, f Fault) (given Action, status int, body string) {
		s.Faults.Add(f)
		out := httptest.NewRecorder()
		s.Faults.Serve(out, httptest.NewRequest(http.MethodGet, "/", nil), "A", func(_ http.ResponseWriter, alter Action) { given = alter })
		return given, out.Code, out.Body.String()
	}
	given, _, _ := serve(sim, fault)
	require.Equal(t, fault.Action, given)
	for _, action := range []Action{HTTPBefore, HTTPAfter} {
		_, status, body := serve(sim, Fault{Operation: "A", Action: action, Status: 503})
		require.Equal(t, 503, status)
		require.Equal(t, "sorry", body)
		_, _, body = serve(plain, Fault{Operation: "A", Action: action})
		require.Contains(t, body, "502 Bad Gateway")
	}
}
