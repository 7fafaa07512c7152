package providertest

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/simulator"
)

var feedback = []subject{
	{"feedback/alone tells as much as queries", testFeedbackAlone},
	{"feedback/told twice, in any order", testAnyOrder},
	{"feedback/sent as badly as it can be", testBadlySent},
	{"feedback/read again, it says the same", testReadAgain},
	{"feedback/changed, it is refused", testChanged},
	{"feedback/with a doubled field, it is refused", testDoubledField},
	{"feedback/of another account", testStranger},
	{"feedback/forged by the simulator", testForged},
}

// story makes a payment with an authorization, captures and a refund, and returns every message about it.
func (s *shop) story() []core.Message {
	s.t.Helper()
	s.input.Capture = core.CaptureManual
	s.follow(s.start().Next, DeclinedOnce)
	messages := s.hear()
	whole := s.input.Amount.Minor
	for _, part := range []int64{whole / 2, whole - whole/2} {
		_, err := s.capture(s.t.Context(), part)
		require.NoError(s.t, err)
	}
	_, err := s.refund(s.t.Context(), whole/4)
	require.NoError(s.t, err)
	return append(messages, s.hear()...)
}

// testFeedbackAlone forgets everything but the messages: by what they assert, and by the reads they ask for, they give
// the whole story.
func testFeedbackAlone(t *testing.T, s *shop) {
	messages := s.story()
	require.NotEmpty(t, messages)
	whole := s.input.Amount.Minor
	s.wantTaken(whole, whole/4)
	s.forget()
	require.Zero(t, s.payment.Amounts)
	for _, m := range messages {
		fb, err := s.p.ParseFeedback(t.Context(), m)
		require.NoError(t, err)
		s.take(fb)
	}
	s.wantTaken(whole, whole/4)
}

func testAnyOrder(t *testing.T, s *shop) {
	messages := s.story()
	whole := s.input.Amount.Minor
	s.wantTaken(whole, whole/4)
	want := s.payment.Amounts
	var facts []core.Fact
	for _, e := range s.payment.Facts {
		facts = append(facts, e.Fact)
	}
	for _, m := range messages {
		first, err := s.p.ParseFeedback(t.Context(), m)
		require.NoError(t, err)
		again, err := s.p.ParseFeedback(t.Context(), m)
		require.NoError(t, err)
		require.Equal(t, first, again, "the same bytes say the same")
		facts = append(facts, first.Facts...)
	}
	rapid.Check(t, func(t *rapid.T) {
		s.payment.Facts = nil
		for _, f := range rapid.Permutation(facts).Draw(t, "order") {
			s.learn([]core.Fact{f}, nil, nil)
		}
		require.Equal(t, want, s.payment.Amounts)
	})
}

// testBadlySent has the simulator double, reorder and send its messages early.
func testBadlySent(t *testing.T, s *shop) {
	whole := s.input.Amount.Minor
	for _, mode := range []simulator.Mode{simulator.Duplicate, simulator.Reorder, simulator.Early} {
		s.begin(s.Input())
		s.control(http.MethodPost, "feedback", map[string]any{"mode": mode}, nil)
		s.story()
		s.control(http.MethodPost, "clock", map[string]string{"advance": "1m"}, nil)
		s.hear()
		s.wantTaken(whole, whole/4)
		require.Equal(t, core.StatusSucceeded, s.payment.Status)
		s.control(http.MethodPost, "feedback", map[string]any{"mode": simulator.Normal}, nil)
	}
}

// testReadAgain reads what was authentic when it came with an account whose secrets are others by now. It says the same,
// though nothing would authenticate it any more; and reading needs no more of a message than is stored.
func testReadAgain(t *testing.T, s *shop) {
	stranger := s.Stranger()
	reader, ok := stranger.(core.FeedbackReader)
	if !ok {
		t.Skip("this provider does not read messages again")
	}
	for _, m := range s.story() {
		first, err := s.p.ParseFeedback(t.Context(), m)
		require.NoError(t, err)
		s.refused(stranger, m, "its secrets are others")
		stored := core.Message{Method: http.MethodPost, Header: http.Header{"Content-Type": m.Header["Content-Type"]}, Body: m.Body, ReceivedAt: m.ReceivedAt}
		again, err := reader.ReadFeedback(t.Context(), stored)
		require.NoError(t, err)
		again.DedupeKey = first.DedupeKey // told once, for good
		require.Equal(t, first, again)
	}
}

// refused holds that a message brings nothing.
func (s *shop) refused(p core.Provider, m core.Message, why string) {
	s.t.Helper()
	fb, err := p.ParseFeedback(s.t.Context(), m)
	require.Error(s.t, err, why)
	require.Contains(s.t, []core.Kind{core.Unauthenticated, core.MalformedMessage}, core.KindOf(err), why)
	require.Equal(s.t, core.Feedback{}, fb, why)
}

// testChanged changes one digit or letter after the other.
func testChanged(t *testing.T, s *shop) {
	if !s.p.Capabilities().Feedback.Signed {
		t.Skip("feedback of this provider is not signed over its content")
	}
	for _, m := range s.story() {
		for at, c := range m.Body {
			if c < '0' || c > '9' || s.uncovered(m.Body, at) {
				continue
			}
			changed := m
			changed.Body = bytes.Clone(m.Body)
			changed.Body[at] = '0' + (c-'0'+1)%10
			if string(changed.Body[max(0, at-2):at]) == "\\u" || bytes.LastIndexByte(m.Body[max(0, at-3):at], '%') >= 0 {
				continue // an escape of the encoding
			}
			s.refused(s.p, changed, string(changed.Body))
		}
	}
}

// uncovered reports whether the byte of a JSON body at a place is in a member that nobody signed and nobody uses.
func (s *shop) uncovered(body []byte, at int) bool {
	w, ok := s.World.(Unsigned)
	if !ok {
		return false
	}
	for _, name := range w.Unsigned() {
		begin := bytes.Index(body, []byte(`"`+name+`":"`))
		if begin < 0 || at < begin {
			continue
		}
		value := begin + len(name) + 4
		if at < value+bytes.IndexByte(body[value:], '"') {
			return true
		}
	}
	return false
}

func testDoubledField(t *testing.T, s *shop) {
	for _, m := range s.story() {
		doubled := m
		switch {
		case bytes.HasPrefix(m.Body, []byte("{")):
			end := bytes.IndexByte(m.Body, ',')
			doubled.Body = bytes.Join([][]byte{m.Body[:end], m.Body[1:]}, []byte(","))
		default:
			first, _, _ := bytes.Cut(m.Body, []byte("&"))
			doubled.Body = bytes.Join([][]byte{first, m.Body}, []byte("&"))
		}
		s.refused(s.p, doubled, string(doubled.Body))
	}
}

func testStranger(t *testing.T, s *shop) {
	messages := s.story()
	require.NotEmpty(t, messages)
	for _, m := range messages {
		s.refused(s.Stranger(), m, "a message for another account")
	}
}

// testForged lets the simulator send what an attacker might, ahead of each true message: a forged one is refused whole,
// so that it leads to no fact and no question, and the true ones, with the reads they ask for, to the right amounts.
func testForged(t *testing.T, s *shop) {
	s.control(http.MethodPost, "feedback", map[string]any{"mode": "forge"}, nil)
	s.input.Capture = core.CaptureAutomatic
	s.follow(s.start().Next, Pays)
	s.forget() // the return was asked about already
	require.Zero(t, s.payment.Amounts)
	refused, taken := 0, 0
	for _, m := range s.inbox() {
		fb, err := s.p.ParseFeedback(t.Context(), m)
		if err != nil {
			refused++
			require.ErrorIs(t, err, core.ErrUnauthenticated)
			require.Equal(t, core.Feedback{}, fb)
			continue
		}
		require.Greater(t, refused, taken, "the forged one goes ahead")
		taken++
		s.take(fb)
	}
	require.NotZero(t, taken)
	s.wantMoney(s.input.Amount.Minor, s.input.Amount.Minor, 0)
}
