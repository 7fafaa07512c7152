package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// Time budget of a call (reliability requirement R-32); the whole is bounded by the context.
const (
	connectTimeout = 3 * time.Second
	tlsTimeout     = 5 * time.Second
	headerTimeout  = 30 * time.Second
)

// connections per host: what one account may have under way, and what stays open for the next call.
const connections = 64

// NewTransport is HTTP/1.1 over connections that count what is written, so that NotSent can be proved: no proxy of the
// environment, TLS 1.2 or later, no compression, headers of 64 kB at most. With allowLocal loopback may be dialled.
func NewTransport(allowLocal bool, roots *x509.CertPool) *http.Transport {
	d := &dialer{net: net.Dialer{Timeout: connectTimeout}, tls: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, NextProtos: []string{"http/1.1"}}}
	if !allowLocal {
		d.net.Control = refuseLocal
	}
	return &http.Transport{
		DialContext:            d.dial,
		DialTLSContext:         d.dialTLS,
		ResponseHeaderTimeout:  headerTimeout,
		MaxIdleConns:           connections,
		MaxIdleConnsPerHost:    connections,
		MaxConnsPerHost:        connections,
		IdleConnTimeout:        50 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

type dialer struct {
	net net.Dialer
	tls *tls.Config
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &countedConn{Conn: conn}, nil
}

// dialTLS does the handshake here, so that only bytes of requests pass the counting connection.
func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := d.net.DialContext(ctx, network, address)
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
	ctx, cancel := context.WithTimeout(ctx, tlsTimeout)
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
