package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
)

// Limits of one dial.
const (
	dialTimeout    = 10 * time.Second // look-up and all addresses together
	addressTimeout = 4 * time.Second
	addressesTried = 4 // of a name that has more; all of them are checked
)

// Resolver looks names up; *net.Resolver does.
type Resolver interface {
	// LookupNetIP is called with network "ip" and a name that ends in a dot, so that no search list applies.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// GuardOptions are the rules of a Guard. The zero value is the strictest.
type GuardOptions struct {
	// Ports that events are sent to; none: 443 and 8443.
	Ports []uint16
	// Own are the addresses paymux listens on, an unspecified one standing for every address of this machine.
	Own []netip.AddrPort
	// OwnHosts are the names paymux is reached by from outside.
	OwnHosts []string
	// AllowLoopback lets events reach this machine, on any port, over http too. It is for test mode; who configures
	// a live installation refuses it.
	AllowLoopback bool
	// Resolver is net.DefaultResolver when nil.
	Resolver Resolver
	// Dial connects to an address and port that were checked, never to a name. When nil a net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Guard keeps events from reaching anything but a merchant's endpoint on the internet. Concurrent use is safe.
type Guard struct {
	ports         []uint16
	own           []netip.AddrPort
	ownHosts      []string
	allowLoopback bool
	resolver      Resolver
	dial          func(ctx context.Context, network, address string) (net.Conn, error)
	interfaces    func() ([]net.Addr, error)
}

// NewGuard makes a Guard by these rules.
func NewGuard(o GuardOptions) *Guard {
	g := &Guard{ports: o.Ports, own: o.Own, allowLoopback: o.AllowLoopback, resolver: o.Resolver, dial: o.Dial, interfaces: net.InterfaceAddrs}
	if len(g.ports) == 0 {
		g.ports = []uint16{443, 8443}
	}
	for _, host := range o.OwnHosts {
		if name, err := readHost(host); err == nil {
			host = name
		}
		g.ownHosts = append(g.ownHosts, strings.ToLower(host))
	}
	if g.resolver == nil {
		g.resolver = net.DefaultResolver
	}
	if g.dial == nil {
		g.dial = (&net.Dialer{}).DialContext
	}
	return g
}

// CheckTarget is CheckURL and a look at where the name leads today. It is for registration; where it leads on the day
// of a delivery is checked by DialContext, whatever was found here. A name that is not found is url_invalid.
func (g *Guard) CheckTarget(ctx context.Context, raw string) (string, error) {
	u, port, err := g.parse(raw)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	switch _, err := g.addresses(ctx, u.Hostname(), port); {
	case core.CodeOf(err) == codeTarget:
		return "", err
	case err != nil:
		return "", &core.Error{Kind: core.Invalid, Code: codeURL, Message: "the host cannot be found now", Err: err}
	}
	return u.String(), nil
}

// errNoConnection is in the chain of an error of a dial whose addresses were all allowed.
var errNoConnection = errors.New("webhook: no address answers")

// DialContext connects to address, a host and port. It looks the name up once, refuses when a single one of the
// addresses found is forbidden, and dials those it has checked. A refusal is the target_forbidden of CheckTarget;
// nothing was dialled then.
func (g *Guard) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, urlInvalid("the address has no host or port")
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, urlInvalid("the port is no number")
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	checked, err := g.addresses(ctx, host, uint16(port))
	if err != nil {
		return nil, err
	}
	for _, to := range checked[:min(len(checked), addressesTried)] {
		var conn net.Conn
		if conn, err = g.connect(ctx, to); err == nil {
			return conn, nil
		}
	}
	return nil, fmt.Errorf("%w: %w", errNoConnection, err)
}

func (g *Guard) connect(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, addressTimeout)
	defer cancel()
	return g.dial(ctx, "tcp", to.String())
}

// addresses are where host leads, each of them allowed.
func (g *Guard) addresses(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	found, err := g.lookUp(ctx, host)
	if err != nil {
		return nil, err
	}
	out := make([]netip.AddrPort, len(found))
	for i, a := range found {
		out[i] = netip.AddrPortFrom(a, port)
		if !g.allowed(out[i]) {
			return nil, targetForbidden()
		}
	}
	return out, nil
}

func (g *Guard) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if host == localhost { // by RFC 6761 nobody else is asked
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	found, err := g.resolver.LookupNetIP(ctx, "ip", host+".")
	if err == nil && len(found) == 0 {
		err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	for i := range found {
		found[i] = found[i].Unmap() // net.Resolver tells IPv4 in its IPv6 form
	}
	return found, err
}

// allowed reports whether events may be sent to this address and port.
func (g *Guard) allowed(to netip.AddrPort) bool {
	switch a := to.Addr(); {
	case g.isOwn(to):
		return false
	case loopback(a):
		return g.allowLoopback
	default:
		return global(a) && slices.Contains(g.ports, to.Port())
	}
}

func (g *Guard) isOwn(to netip.AddrPort) bool {
	return slices.ContainsFunc(g.own, func(own netip.AddrPort) bool {
		if own.Port() != to.Port() {
			return false
		}
		return own.Addr().Unmap() == to.Addr() || own.Addr().IsUnspecified() && g.isMachine(to.Addr())
	})
}

// isMachine reports whether a is an address of this machine; when they cannot be listed, every address may be.
func (g *Guard) isMachine(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	list, err := g.interfaces()
	return err != nil || slices.ContainsFunc(list, func(i net.Addr) bool {
		p, err := netip.ParsePrefix(i.String())
		return err == nil && p.Addr().Unmap() == a
	})
}
