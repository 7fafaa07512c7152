package providertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/simulator"
)

// inbox waits until the simulator has sent what it has to send, and returns it. What waits for its time there gets it.
func (s *shop) inbox() []core.Message {
	s.t.Helper()
	for asked := range 10_000 {
		var state simulator.FeedbackState
		s.control(http.MethodGet, "feedback", nil, &state)
		if state.Queued == 0 {
			return s.Messages()
		}
		switch {
		case asked%50 != 49:
		case asked < 500:
			s.control(http.MethodPost, "clock", map[string]string{"advance": "10s"}, nil)
		default: // some repeat by the hour
			s.control(http.MethodPost, "clock", map[string]string{"advance": "10m"}, nil)
		}
	}
	require.Fail(s.t, "feedback is not delivered")
	return nil
}

// needs skips what no buyer can do at this provider.
func (s *shop) needs(will Will) {
	s.t.Helper()
	if !slices.Contains(s.Wills(), will) {
		s.t.Skipf("no buyer here %s", will)
	}
}

// control asks the simulator's control port.
func (s *shop) control(method, path string, in, out any) {
	s.t.Helper()
	body, err := json.Marshal(in)
	require.NoError(s.t, err)
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.Simulator()+"/_control/"+path, bytes.NewReader(body))
	require.NoError(s.t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, "%s", answer)
	if out != nil {
		require.NoError(s.t, json.Unmarshal(answer, out))
	}
}

// fault strikes the next call of an operation.
func (s *shop) fault(kind core.OpKind, action simulator.Action) {
	s.t.Helper()
	s.control(http.MethodPost, "faults", simulator.Fault{Operation: s.Operation(kind), Action: action}, nil)
}

// books are what really happened to the attempt's money.
func (s *shop) books() books {
	s.t.Helper()
	var all simulator.Books
	s.control(http.MethodGet, "books", nil, &all)
	for _, p := range all.Payments {
		if p.Reference == s.attempt.Reference {
			return p
		}
	}
	return books{Currency: s.input.Amount.Currency}
}

// wantTaken is wantMoney after captures in parts. Where a capture ends its authorization, what follows is authorized anew,
// and more was authorized in all than captured.
func (s *shop) wantTaken(captured, refunded int64) {
	s.t.Helper()
	authorized := captured
	if s.caps().CapturesPerAuth == 1 {
		authorized = s.books().Authorized
		require.GreaterOrEqual(s.t, authorized, captured)
	}
	s.wantMoney(authorized, captured, refunded)
}

// wantMoney holds the books and what the facts prove against the same numbers.
func (s *shop) wantMoney(authorized, captured, refunded int64) {
	s.t.Helper()
	b := s.books()
	require.Equal(s.t, [3]int64{authorized, captured, refunded}, [3]int64{b.Authorized, b.Captured, b.Refunded}, "the simulator's books")
	a := s.payment.Amounts
	require.Equal(s.t, [3]int64{authorized, captured, refunded}, [3]int64{a.Authorized, a.Captured, a.Refunded}, "what the facts prove")
}
