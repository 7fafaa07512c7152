package outbound

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// Timeouts bound the parts of one call (reliability requirement R-32); the whole is bounded by its context. Zero is what
// stands beside it.
type Timeouts struct {
	Connect   time.Duration // to the provider, with the look-up of its name: 3 s
	TLS       time.Duration // the handshake: 5 s
	FirstByte time.Duration // from the end of the request to the beginning of the answer: 30 s
}

func (t Timeouts) orDefault() Timeouts {
	return Timeouts{cmp.Or(t.Connect, 3*time.Second), cmp.Or(t.TLS, 5*time.Second), cmp.Or(t.FirstByte, 30*time.Second)}
}

// connections per host: what one account may have under way, and what stays open for the next call.
const connections = 64

// NewTransport is HTTP/1.1 over connections that count what is written, so that NotSent can be proved: no proxy of the
// environment, TLS 1.2 or later, no compression, headers of 64 kB at most. Of o it takes what is said of connections.
func NewTransport(o Options) *http.Transport {
	network := &net.Dialer{}
	if !o.AllowLocal {
		network.Control = refuseLocal
	}
	return transportOver(network.DialContext, o)
}

type dial func(ctx context.Context, network, address string) (net.Conn, error)

func transportOver(connect dial, o Options) *http.Transport {
	d := &dialer{connect: connect, timeouts: o.Timeouts.orDefault(), tls: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, NextProtos: []string{"http/1.1"}}}
	return &http.Transport{
		DialContext:            d.dial,
		DialTLSContext:         d.dialTLS,
		ResponseHeaderTimeout:  d.timeouts.FirstByte,
		MaxIdleConns:           connections,
		MaxIdleConnsPerHost:    connections,
		MaxConnsPerHost:        connections,
		IdleConnTimeout:        50 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

type dialer struct {
	connect  dial
	timeouts Timeouts
	tls      *tls.Config
}

func (d *dialer) raw(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeouts.Connect)
	defer cancel()
	return d.connect(ctx, network, address)
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.raw(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &countedConn{Conn: conn}, nil
}

// dialTLS does the handshake here, so that only bytes of requests pass the counting connection.
func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := d.raw(ctx, network, address)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	config := d.tls.Clone()
	config.ServerName = host
	ctx, cancel := context.WithTimeout(ctx, d.timeouts.TLS)
	defer cancel()
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return &countedConn{Conn: conn}, nil
}

var errLocal = errors.New("outbound: the name of the provider leads to this machine or its network's own services")

// refuseLocal looks at the address that is really dialled, after the name was looked up.
func refuseLocal(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || notRemote(ap.Addr()) {
		return errLocal
	}
	return nil
}

// local reports whether a host, as written, means this machine.
func local(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && notRemote(ip)
}

func notRemote(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || !ip.IsValid()
}
