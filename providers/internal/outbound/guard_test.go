package outbound

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// far is a provider that answers with a status after a time, or with an error when there is no status.
type far struct {
	mu     sync.Mutex
	status int
	takes  time.Duration
	calls  int
}

func (f *far) set(status int, takes time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.takes = status, takes
}

func (f *far) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.calls++
	status, takes := f.status, f.takes
	f.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if status == 0 {
		return nil, errors.New("connection reset")
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

func guarded(f *far) *Client {
	return New(Options{Transport: f, Record: func(context.Context, core.Exchange) {}})
}

func (f *far) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func send(ctx context.Context, c *Client) error {
	_, err := c.Do(ctx, Request{Method: http.MethodPost, URL: "https://provider.example/api", Body: []byte("{}"), ContentType: "application/json"})
	return err
}

func TestABreakerOpensOnWhatIsNotWell(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		opens  bool
	}{{"an outage", 0, true}, {"server errors", 503, true}, {"too many requests", 429, true}, {"refused requests", 400, false}, {"answers", 200, false}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &far{status: c.status}
				client := guarded(f)
				for range 19 {
					_ = send(t.Context(), client)
				}
				require.Equal(t, core.BreakerClosed, client.Reachability().Calls, "19 calls are too few to tell")
				for range 11 {
					_ = send(t.Context(), client)
				}
				err := send(t.Context(), client)
				require.Equal(t, c.opens, errors.Is(err, core.ErrNotSent), "%v", err)
				require.Equal(t, core.BreakerClosed, client.Reachability().Queries, "questions have a breaker of their own")
				if !c.opens {
					require.Equal(t, 31, f.count())
					return
				}
				require.Equal(t, 20, f.count(), "nothing leaves through an open breaker")
				require.Equal(t, core.BreakerOpen, client.Reachability().Calls)
			})
		})
	}
}

func TestHalfTheCallsOpenABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &far{}
		client := guarded(f)
		for i := range 60 { // one of three
			f.set([]int{500, 200, 200}[i%3], 100*time.Millisecond)
			_ = send(t.Context(), client)
		}
		require.Equal(t, core.BreakerClosed, client.Reachability().Calls)
		for i := range 60 { // one of two, after what came before is forgotten
			f.set([]int{500, 200}[i%2], 700*time.Millisecond)
			_ = send(t.Context(), client)
		}
		require.Less(t, f.count(), 120, "some of them did not leave")
	})
}

func TestOneProbeInFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &far{}
		client := guarded(f)
		for range 20 {
			_ = send(t.Context(), client)
		}
		for probe := 1; probe <= 3; probe++ {
			time.Sleep(4900 * time.Millisecond)
			require.ErrorIs(t, send(t.Context(), client), core.ErrNotSent)
			time.Sleep(100 * time.Millisecond)
			require.Equal(t, core.BreakerHalfOpen, client.Reachability().Calls)
			f.set(0, time.Second)
			var group sync.WaitGroup
			for range 10 {
				group.Go(func() { _ = send(t.Context(), client) })
			}
			group.Wait()
			require.Equal(t, 20+probe, f.count())
		}
		time.Sleep(5 * time.Second)
		f.set(200, 0)
		require.NoError(t, send(t.Context(), client))
		require.Equal(t, core.BreakerClosed, client.Reachability().Calls)
		require.NoError(t, send(t.Context(), client))
	})
}

func TestAProbeNobodyWaitsForIsNotTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &far{}
		client := guarded(f)
		for range 20 {
			_ = send(t.Context(), client)
		}
		time.Sleep(5 * time.Second)
		f.set(200, time.Minute)
		gone, giveUp := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, giveUp)
		require.ErrorIs(t, send(gone, client), context.Canceled)
		f.set(200, 0)
		time.Sleep(5 * time.Second)
		require.NoError(t, send(t.Context(), client))
	})
}

func TestAFullBulkheadSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &far{status: 200, takes: 10 * time.Second}
		client := guarded(f)
		began := time.Now()
		var mu sync.Mutex
		waited := map[time.Duration]int{}
		var group sync.WaitGroup
		for range atOnce + waiting + 4 {
			group.Go(func() {
				if err := send(t.Context(), client); err != nil {
					mu.Lock()
					defer mu.Unlock()
					require.ErrorIs(t, err, core.ErrNotSent)
					waited[time.Since(began)]++
				}
			})
		}
		group.Wait()
		require.Equal(t, map[time.Duration]int{0: 4, waitAtMost: waiting}, waited, "beyond the queue at once, in it after its time")
		require.Equal(t, atOnce, f.count())
		require.NoError(t, send(t.Context(), client), "all places are free again")
	})
}

// One provider hangs, then is gone; the calls of another account take as long as ever.
func TestAnOutageOfOneAccountIsNotFeltByAnother(t *testing.T) {
	p99 := func(t *testing.T, broken bool) time.Duration {
		var all []time.Duration
		synctest.Test(t, func(t *testing.T) {
			well, ill := &far{status: 200, takes: 120 * time.Millisecond}, &far{status: 200, takes: 120 * time.Millisecond}
			if broken {
				ill.set(0, time.Hour)
			}
			here, there := guarded(well), guarded(ill)
			ctx, stop := context.WithCancel(t.Context())
			var group sync.WaitGroup
			group.Go(func() { // what would be too many calls for the whole process, if they were not kept apart
				for ctx.Err() == nil {
					time.Sleep(5 * time.Millisecond)
					group.Go(func() {
						ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
						defer cancel()
						_ = send(ctx, there)
					})
				}
			})
			for range 1000 {
				began := time.Now()
				require.NoError(t, send(t.Context(), here))
				all = append(all, time.Since(began))
			}
			stop()
			group.Wait()
		})
		slices.Sort(all)
		return all[len(all)*99/100]
	}
	require.LessOrEqual(t, p99(t, true), p99(t, false)*12/10)
}
