package outbound

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// A provider that is silent in one part of a call costs as much time as that part may take, by default or as told. Until
// a byte of the request has left, it is proved that nothing was sent.
func TestEachPartOfACallHasItsTime(t *testing.T) {
	own := Timeouts{Connect: 200 * time.Millisecond, TLS: 300 * time.Millisecond, FirstByte: 4 * time.Second}
	for _, c := range []struct {
		name       string
		address    string
		connect    dial
		usual, own time.Duration
		sent       bool
	}{
		{"nobody takes the connection", "https://aps.example/api", func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, 3 * time.Second, own.Connect, false},
		{"nobody shakes hands", "https://aps.example/api", deaf, 5 * time.Second, own.TLS, false},
		{"nobody answers", "http://aps.example/api", deaf, 30 * time.Second, own.FirstByte, true},
		{"nobody answers, and the whole call is over first", "http://aps.example/api", deaf, 30 * time.Second, 3500 * time.Millisecond, true},
	} {
		for timeouts, want := range map[Timeouts]time.Duration{{}: c.usual, own: c.own} {
			t.Run(c.name+" "+want.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					transport := transportOver(c.connect, Options{Timeouts: timeouts})
					defer transport.CloseIdleConnections()
					client := New(Options{Transport: transport, AllowLocal: true, Record: func(context.Context, core.Exchange) {}})
					ctx := t.Context()
					if whole := 3500 * time.Millisecond; want == whole {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, whole)
						defer cancel()
					}
					began := time.Now()
					_, err := client.Do(ctx, Request{Method: "POST", URL: c.address, Body: []byte("{}")})
					require.Error(t, err)
					require.Equal(t, want, time.Since(began), "%v", err)
					if c.sent {
						require.NotErrorIs(t, err, core.ErrNotSent)
					} else {
						require.ErrorIs(t, err, core.ErrNotSent)
					}
				})
			})
		}
	}
}

// deaf connects to somebody who hears everything and says nothing.
func deaf(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, there) }()
	return here, nil
}
