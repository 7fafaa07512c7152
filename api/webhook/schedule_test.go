package webhook

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The schedule is that of R-52, word for word, and lasts nearly a week.
func TestSchedule(t *testing.T) {
	require.Equal(t, 16, Tries)
	var got []string
	var sum time.Duration
	for failed := range Tries {
		pause, more := wait(failed, middle)
		require.True(t, more)
		got, sum = append(got, pause.String()), sum+pause
	}
	require.Equal(t, "0s 5s 30s 2m0s 10m0s 30m0s 1h0m0s 3h0m0s 6h0m0s 12h0m0s 24h0m0s 24h0m0s 24h0m0s 24h0m0s 24h0m0s 24h0m0s", strings.Join(got, " "))
	require.Equal(t, 166*time.Hour+42*time.Minute+35*time.Second, sum)
	require.Less(t, sum, DisableAfter)
	require.Greater(t, sum, DisableAfter-2*time.Hour)
	for _, failed := range []int{-1, Tries, Tries + 1} {
		pause, more := wait(failed, middle)
		require.False(t, more)
		require.Zero(t, pause)
	}
}

// The jitter is a tenth either way, reaches both ends and nothing beyond, and is the given source's alone.
func TestJitter(t *testing.T) {
	lowest := func(int64) int64 { return 0 }
	highest := func(n int64) int64 { return n - 1 }
	for failed := range Tries {
		middle, _ := wait(failed, middle)
		low, _ := wait(failed, lowest)
		high, _ := wait(failed, highest)
		require.Equal(t, middle*9/10, low)
		require.Equal(t, middle*11/10, high)
	}
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		failed := rapid.IntRange(0, Tries-1).Draw(t, "failed")
		one, _ := wait(failed, rand.New(rand.NewPCG(seed, 1)).Int64N)
		two, _ := wait(failed, rand.New(rand.NewPCG(seed, 1)).Int64N)
		require.Equal(t, one, two)
		require.GreaterOrEqual(t, one, waits[failed]*9/10)
		require.LessOrEqual(t, one, waits[failed]*11/10)
	})
	random := rand.New(rand.NewPCG(7, 7))
	seen := map[time.Duration]bool{}
	for range 100 {
		pause, _ := wait(1, random.Int64N)
		seen[pause] = true
	}
	require.Greater(t, len(seen), 90)
}

// A sender without a source of its own draws one.
func TestSendersJitterByThemselves(t *testing.T) {
	s := NewSender(NewGuard(GuardOptions{}), SenderOptions{})
	seen := map[time.Time]bool{}
	for range 50 {
		r := Result{Failure: FailureTimeout, SentAt: time.Unix(1_700_000_000, 0)}
		s.decide(&r, Message{Try: 2}, "")
		require.InDelta(t, 30, r.Next.Sub(r.SentAt).Seconds(), 3)
		seen[r.Next] = true
	}
	require.Greater(t, len(seen), 40)
}

// Sixteen tries in a row are all there are, whatever number a caller begins with.
func TestEveryTryHasItsSuccessor(t *testing.T) {
	s := NewSender(NewGuard(GuardOptions{}), SenderOptions{Random: middle})
	for try := -1; try <= Tries+2; try++ {
		r := Result{Failure: FailureTimeout, SentAt: time.Unix(1_700_000_000, 0), Duration: time.Second}
		s.decide(&r, Message{Try: try}, "")
		if try >= Tries {
			require.Equal(t, Exhausted, r.Outcome, try)
			require.Zero(t, r.Next, try)
			continue
		}
		require.Equal(t, Failed, r.Outcome, try)
		require.Equal(t, waits[max(try, 1)]+time.Second, r.Next.Sub(r.SentAt), try)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2031, 3, 4, 5, 6, 7, 500, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "007": 7 * time.Second, " 120\t": 2 * time.Minute, "86399": 24*time.Hour - time.Second, "86400": 24 * time.Hour,
		"86401": 24 * time.Hour, "9223372036854775807": 24 * time.Hour, "9223372036854775808": 24 * time.Hour, strings.Repeat("9", 500): 24 * time.Hour,
		"Tue, 04 Mar 2031 06:06:07 GMT": time.Hour - 500, "Tuesday, 04-Mar-31 06:06:07 GMT": time.Hour - 500, "Tue Mar  4 06:06:07 2031": time.Hour - 500,
		"Tue, 04 Mar 2031 05:06:07 GMT": 0, "Mon, 01 Jan 1601 00:00:00 GMT": 0, "Fri, 31 Dec 9999 23:59:59 GMT": 24 * time.Hour, "Thu, 06 Mar 2031 05:06:07 GMT": 24 * time.Hour,
		"": 0, "-1": 0, "+5": 0, "1.5": 0, "1e3": 0, "0x10": 0, "10 s": 0, "١٠": 0, "soon": 0, "1,2": 0, "2031-03-04T06:06:07Z": 0, "Tue, 04 Mar 2031 25:06:07 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(value, now), "%.40q", value)
	}
}

// Whatever an endpoint says, the wait lies between nothing and a day; what says neither digits nor a date says nothing.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "Tue, 04 Mar 2031 06:06:07 GMT", "Tuesday, 04-Mar-31 06:06:07 GMT", "-1", "", "99999999999999999999", "soon"} {
		f.Add(seed, int64(1_930_000_000))
	}
	f.Fuzz(func(t *testing.T, value string, at int64) {
		got := retryAfter(value, time.Unix(at, 0))
		require.GreaterOrEqual(t, got, time.Duration(0))
		require.LessOrEqual(t, got, 24*time.Hour)
		if _, err := http.ParseTime(strings.Trim(value, " \t")); err != nil && strings.ContainsFunc(value, func(r rune) bool { return !strings.ContainsRune(" \t0123456789", r) }) {
			require.Zero(t, got)
		}
	})
}
