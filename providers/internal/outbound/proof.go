package outbound

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"

	"github.com/paymux/paymux/core"
)

// proof collects what net/http tells about one request, to decide after a failure whether a byte of it left.
// Silence proves nothing: a transport that does not speak to httptrace leaves the outcome unknown.
type proof struct {
	mu     sync.Mutex
	asked  bool // a connection was looked for
	got    int  // connections the request was given to
	conn   *countedConn
	before int64
}

func (p *proof) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.asked = true
		},
		GotConn: func(info httptrace.GotConnInfo) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.got++
			if conn, ok := info.Conn.(*countedConn); ok {
				p.conn, p.before = conn, conn.count()
			}
		},
	})
}

// nothingSent reports whether it is proved that no byte of the request was written: the transport says so itself, or
// there never was a connection (name, dial, TLS, none free in time), or nothing was written to it and now nothing
// can be any more, as when the peer closed an idle connection before the request reached it.
func (p *proof) nothingSent(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errors.Is(err, core.ErrNotSent):
		return true
	case !p.asked || p.got > 1:
		return false
	case p.got == 0:
		return true
	default:
		return p.conn != nil && p.conn.seal(p.before)
	}
}

// countedConn counts the writes of requests; the bytes of a TLS handshake are below it.
type countedConn struct {
	net.Conn
	mu     sync.Mutex
	writes int64
	sealed bool
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	if c.sealed {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	c.writes++
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *countedConn) count() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

// seal reports whether nothing was written since the count was before; if so, nothing ever will be: the goroutine
// that writes may still be on its way when the call has already failed.
func (c *countedConn) seal(before int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writes != before {
		return false
	}
	c.sealed = true
	return true
}
