package simulator

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// receiver is a merchant that writes down what arrives.
type receiver struct {
	mu     sync.Mutex
	bodies []string
	status func(body string, n int) int // n counts from 1; 0 breaks the connection
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, string(raw))
	status := http.StatusOK
	if r.status != nil {
		status = r.status(string(raw), len(r.bodies))
	}
	if status == 0 {
		return nil, errors.New("connection reset")
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("OK")), Request: req}, nil
}

func (r *receiver) got() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.bodies...)
}

// inBubble runs a test with a sender of three tries, ten seconds apart.
func inBubble(t *testing.T, test func(t *testing.T, s *Sender, r *receiver)) {
	synctest.Test(t, func(t *testing.T) {
		r, clock := &receiver{}, NewClock()
		s := NewSender(&http.Client{Transport: r}, clock, Rule{
			Tries: 3, Gap: func(int) time.Duration { return 10 * time.Second }, Timeout: 5 * time.Second,
			Accepted: func(status int, body []byte) bool { return status == http.StatusOK && string(body) == "OK" },
		}, slog.New(slog.DiscardHandler))
		test(t, s, r)
		s.Close()
		clock.Close()
	})
}

func message(payment, body string) Message {
	return Message{Payment: payment, Kind: "test", URL: "https://shop.test/", ContentType: "text/plain", Body: []byte(body), Forged: []byte("forged " + body)}
}

func TestSendKeepsOneOrderPerPayment(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Sender, r *receiver) {
		r.status = func(body string, n int) int {
			if n == 1 {
				return 0
			}
			return http.StatusOK
		}
		s.Send(message("p", "1"))
		s.Send(message("p", "2"))
		require.Equal(t, []string{"1"}, r.got(), "the second waits for the first")
		s.Send(message("q", "other"))
		require.Equal(t, []string{"1", "other"}, r.got(), "another payment does not wait")
		time.Sleep(11 * time.Second)
		require.Equal(t, []string{"1", "other", "1", "2"}, r.got())
		tries := s.State().Tries
		require.Equal(t, "connection reset", tries[0].Error[len(tries[0].Error)-16:])
		require.Equal(t, []int{1, 1, 2, 1}, []int{tries[0].Number, tries[1].Number, tries[2].Number, tries[3].Number})
	})
}

func TestSendGivesUp(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Sender, r *receiver) {
		r.status = func(body string, _ int) int {
			if body == "1" {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		}
		s.Send(message("p", "1"))
		s.Send(message("p", "2"))
		synctest.Wait() // the first try is over and its next one has a time
		s.clock.Advance(time.Hour)
		require.Equal(t, []string{"1", "1", "1", "2"}, r.got())
		require.Zero(t, s.State().Queued)
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Sender, r *receiver) {
		r.status = func(string, int) int { return http.StatusTemporaryRedirect }
		s.Send(message("p", "1"))
		time.Sleep(time.Hour)
		require.Len(t, r.got(), 3)
	})
}

func TestModes(t *testing.T) {
	tests := []struct {
		mode        Mode
		atOnce, end []string
	}{
		{Normal, []string{"1", "2"}, []string{"1", "2"}},
		{Lose, []string{"2"}, []string{"2"}},
		{HoldBack, []string{"2"}, []string{"2"}},
		{Duplicate, []string{"1", "1", "2"}, []string{"1", "1", "2"}},
		{Reorder, []string{"2", "1"}, []string{"2", "1"}},
		{Early, []string{"1", "2"}, []string{"1", "2"}},
		{Forge, []string{"forged 1", "1", "2"}, []string{"forged 1", "1", "2"}},
	}
	for _, test := range tests {
		t.Run(string(test.mode), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *Sender, r *receiver) {
				s.SetMode(test.mode, 1)
				s.Send(message("p", "1"))
				s.Send(message("p", "2"))
				require.Equal(t, test.atOnce, r.got())
				time.Sleep(time.Hour)
				require.Equal(t, test.end, r.got())
				require.Equal(t, Normal, s.State().Mode, "it was for one message")
			})
		})
	}
}

func TestHeldIsReleasedInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Sender, r *receiver) {
		s.SetMode(HoldBack, 0)
		s.Send(message("p", "1"))
		s.Send(message("p", "2"))
		require.Empty(t, r.got())
		require.Equal(t, 2, s.State().Held)
		s.Release()
		require.Equal(t, []string{"1", "2"}, r.got())
		require.Equal(t, Normal, s.State().Mode)
	})
}

func TestReorderedAloneIsSentAfterAGap(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Sender, r *receiver) {
		s.SetMode(Reorder, 0)
		s.Send(message("p", "1"))
		require.Empty(t, r.got())
		time.Sleep(11 * time.Second)
		require.Equal(t, []string{"1"}, r.got())
	})
}

func TestForgedIsTriedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Sender, r *receiver) {
		r.status = func(body string, _ int) int {
			if body == "1" {
				return http.StatusOK
			}
			return http.StatusForbidden
		}
		s.SetMode(Forge, 1)
		s.Send(message("p", "1"))
		time.Sleep(time.Hour)
		require.Equal(t, []string{"forged 1", "1"}, r.got())
	})
}

func TestResetDropsWhatIsQueued(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Sender, r *receiver) {
		r.status = func(string, int) int { return 0 }
		s.Send(message("p", "1"))
		require.Len(t, r.got(), 1)
		time.Sleep(5 * time.Second)
		s.Reset()
		s.Send(message("p", "2"))
		time.Sleep(9 * time.Second) // past the dropped message's next try
		require.Equal(t, []string{"1", "2"}, r.got())
		time.Sleep(time.Hour)
		require.Equal(t, []string{"1", "2", "2", "2"}, r.got())
	})
}

func TestNothingIsSentWithoutAnAddressOrAfterClose(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Sender, r *receiver) {
		m := message("p", "1")
		m.URL = ""
		s.Send(m)
		s.Close()
		s.Send(message("p", "2"))
		require.Empty(t, r.got())
	})
}
