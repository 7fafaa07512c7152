package webhook

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// inner are addresses that no event is sent to, each with what it is.
var inner = map[string]string{
	"127.0.0.1": "loopback", "127.1.2.3": "loopback", "127.255.255.254": "loopback", "0.0.0.0": "unspecified", "0.0.0.1": "this network",
	"10.0.0.1": "private", "10.255.255.254": "private", "172.16.0.1": "private", "172.31.255.254": "private", "192.168.1.1": "private",
	"100.64.0.1": "carrier", "100.127.255.254": "carrier", "100.100.100.200": "metadata, Alibaba", "169.254.1.1": "link-local",
	"169.254.169.254": "metadata", "169.254.170.2": "metadata, ECS tasks", "168.63.129.16": "metadata, Azure", "192.0.0.1": "assignments",
	"192.0.0.192": "metadata, Oracle", "192.0.2.1": "documentation", "198.51.100.1": "documentation", "203.0.113.1": "documentation",
	"192.88.99.1": "6to4 relay", "198.18.0.1": "benchmarks", "198.19.255.254": "benchmarks", "224.0.0.1": "multicast", "239.255.255.250": "multicast",
	"240.0.0.1": "class E", "255.255.255.255": "broadcast",

	"::ffff:127.0.0.1": "mapped", "::ffff:10.0.0.1": "mapped", "::ffff:169.254.169.254": "mapped", "::ffff:0.0.0.0": "mapped", "::ffff:192.168.1.1": "mapped",
	"::": "unspecified", "::1": "loopback", "::2": "compatible", "::7f00:1": "compatible 127.0.0.1", "::a9fe:a9fe": "compatible metadata",
	"::ffff:0:7f00:1": "translated 127.0.0.1", "64:ff9b::7f00:1": "NAT64 127.0.0.1", "64:ff9b::a00:1": "NAT64 10.0.0.1", "64:ff9b::a9fe:a9fe": "NAT64 metadata",
	"64:ff9b::5db8:d70e": "NAT64 of a public one", "64:ff9b:1::7f00:1": "local NAT64", "64:ff9b:1:ffff::a00:1": "local NAT64",
	"2002:7f00:1::": "6to4 127.0.0.1", "2002:a00:1::1": "6to4 10.0.0.1", "2002:a9fe:a9fe::": "6to4 metadata", "2001::1": "Teredo",
	"2001:0:4136:e378:8000:63bf:80ff:fffe": "Teredo 127.0.0.1", "2001:2::1": "benchmarks", "2001:10::1": "ORCHID", "2001:20::1": "ORCHIDv2",
	"2001:db8::1": "documentation", "3fff::1": "documentation", "100::1": "discard", "100:0:0:1::1": "dummy", "5f00::1": "segment routing",
	"fc00::1": "unique local", "fd00:ec2::254": "metadata, EC2", "fd20:ce::254": "metadata, Google", "fe80::1": "link-local", "fec0::1": "site-local",
	"ff02::1": "multicast", "ff0e::1": "multicast", "4000::1": "not given out",
}

// form is one way to ask for a place that no event is sent to.
type form struct {
	name, url string
	answers   [][]string // to the look-ups of sneaky.example, in their order
	code      string
}

const sneaky = "sneaky.example"

// written are forms that stand in the URL itself.
var written = []form{
	{"decimal", "https://2130706433/", nil, codeURL},
	{"decimal metadata", "https://2852039166/latest/meta-data/", nil, codeURL},
	{"decimal beyond 32 bits", "https://4294967297/", nil, codeURL},
	{"hexadecimal", "https://0x7f000001/", nil, codeURL},
	{"hexadecimal, capitals", "https://0X7F000001/", nil, codeURL},
	{"hexadecimal parts", "https://0x7f.0x0.0x0.0x1/", nil, codeURL},
	{"hexadecimal last part", "https://127.0.0.0x1/", nil, codeURL},
	{"empty hexadecimal part", "https://127.0.0.0x/", nil, codeURL},
	{"octal", "https://017700000001/", nil, codeURL},
	{"octal parts", "https://0177.0.0.1/", nil, codeURL},
	{"octal with many zeros", "https://0000000177.0.0.1/", nil, codeURL},
	{"octal last part", "https://127.0.0.01/", nil, codeURL},
	{"mixed bases", "https://0x7f.1/", nil, codeURL},
	{"two parts", "https://127.1/", nil, codeURL},
	{"three parts", "https://127.0.1/", nil, codeURL},
	{"five parts", "https://127.0.0.0.1/", nil, codeURL},
	{"part beyond 8 bits", "https://127.0.0.257/", nil, codeURL},
	{"zero", "https://0/", nil, codeURL},
	{"dot behind an address", "https://127.0.0.1./", nil, codeURL},
	{"dot behind a name", "https://sneaky.example./", [][]string{{"10.0.0.1"}}, codeURL},
	{"two dots behind", "https://sneaky.example../", [][]string{{"10.0.0.1"}}, codeURL},
	{"circled digits", "https://①②⑦.⓪.⓪.①/", nil, codeURL},
	{"full-width digits", "https://１２７.0.0.1/", nil, codeURL},
	{"ideographic full stops", "https://127。0。0。1/", nil, codeURL},
	{"half-width full stops", "https://127｡0｡0｡1/", nil, codeURL},
	{"soft hyphen in a number", "https://127.0.0.\u00ad1/", nil, codeURL},
	{"encoded digits", "https://%31%32%37.0.0.1/", nil, codeURL},
	{"encoded dot", "https://127%2e0.0.1/", nil, codeURL},
	{"full-width localhost", "https://ｌｏｃａｌｈｏｓｔ/", nil, codeTarget},
	{"localhost", "https://localhost/", nil, codeTarget},
	{"localhost, capitals", "https://LocalHost/", nil, codeTarget},
	{"localhost with a dot", "https://localhost./", nil, codeURL},
	{"below localhost", "https://a.localhost/", nil, codeTarget},
	{"metadata by name", "https://metadata.google.internal/", nil, codeTarget},
	{"one label", "https://intranet/", [][]string{{publicAddr}}, codeTarget},
	{"user info that looks like a host", "https://shop.example@127.0.0.1/", nil, codeURL},
	{"user info and a public host", "https://127.0.0.1@shop.example/", nil, codeURL},
	{"user info with a port", "https://shop.example:443@169.254.169.254/", nil, codeURL},
	{"empty user info", "https://@127.0.0.1/", nil, codeURL},
	{"backslash before the at", `https://shop.example\@127.0.0.1/`, nil, codeURL},
	{"fragment before the at", "https://shop.example#@127.0.0.1/", nil, codeURL},
	{"fragment", "https://shop.example/#x", nil, codeURL},
	{"plain http", "http://shop.example/", nil, codeURL},
	{"file", "file:///etc/passwd", nil, codeURL},
	{"gopher", "gopher://shop.example:443/_GET", nil, codeURL},
	{"port 22", "https://shop.example:22/", nil, codeURL},
	{"port 25", "https://shop.example:25/", nil, codeURL},
	{"port 6379", "https://shop.example:6379/", nil, codeURL},
	{"port 0", "https://shop.example:0/", nil, codeURL},
	{"port beyond 16 bits", "https://shop.example:65979/", nil, codeURL},
	{"a port on a private address", "https://10.0.0.1:8443/", nil, codeTarget},
	{"line break", "https://shop.example\r\nHost: 127.0.0.1/", nil, codeURL},
	{"tab", "https://shop\t.example/", nil, codeURL},
	{"NUL", "https://127.0.0.1\x00.example/", nil, codeURL},
	{"zone", "https://[fe80::1%25eth0]/", nil, codeURL},
	{"loopback written long", "https://[0000:0000:0000:0000:0000:0000:0000:0001]/", nil, codeTarget},
	{"IPv4 in brackets", "https://[127.0.0.1]/", nil, codeURL},
	{"future address", "https://[v1.127.0.0.1]/", nil, codeURL},
	{"NAT64 with dots", "https://[64:ff9b::10.0.0.1]/", nil, codeTarget},
	{"mapped, public", "https://[::ffff:93.184.215.14]/", nil, codeTarget},
	{"own name", "https://pay.example/v1/payments", nil, codeTarget},
	{"own name, capitals and port", "https://PAY.example:8443/", nil, codeTarget},
	{"own address", "https://198.41.0.4/", nil, codeTarget},
}

// forms are all of them: what is written above, every inner address in the URL, behind a name, behind the first
// public address of a name and before it, and names that are harmless when they are first looked up.
func forms() []form {
	out := append([]form{}, written...)
	for a, what := range inner {
		host := a
		if strings.Contains(a, ":") {
			host = "[" + a + "]"
		}
		out = append(out, form{what + " " + a, "https://" + host + "/", nil, codeTarget})
		out = append(out,
			form{what + " " + a + " behind a name", "https://sneaky.example/", [][]string{{a}}, codeTarget},
			form{what + " " + a + " behind a public one", "https://sneaky.example:8443/", [][]string{{publicAddr, "2606:2800:21f::1", a}}, codeTarget},
			form{what + " " + a + " before a public one", "https://sneaky.example/", [][]string{{a, publicAddr}}, codeTarget})
	}
	return append(out,
		form{"own address behind a name", "https://sneaky.example/", [][]string{{"198.41.0.4"}}, codeTarget},
		form{"own address as a resolver tells it", "https://sneaky.example/", [][]string{{"::ffff:198.41.0.4"}}, codeTarget},
		form{"zone in an answer", "https://sneaky.example/", [][]string{{"2606:2800:21f::1%eth0"}}, codeTarget},
		form{"the last of a hundred answers", "https://sneaky.example/", [][]string{append(many(99), "10.0.0.1")}, codeTarget})
}

func many(n int) (out []string) {
	for range n {
		out = append(out, publicAddr)
	}
	return out
}

// Nothing but a merchant's endpoint is ever connected to (T-15): each form is refused at registration, and at delivery
// without a single dial.
func TestNoFormReachesInside(t *testing.T) {
	all := forms()
	require.Greater(t, len(all), 250)
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			w := newWorld(t)
			for _, a := range f.answers {
				w.name(sneaky, a...)
			}
			g := w.guard(GuardOptions{Own: []netip.AddrPort{netip.MustParseAddrPort("198.41.0.4:443")}, OwnHosts: []string{"pay.example"}})
			stored, err := g.CheckTarget(t.Context(), f.url)
			require.Equal(t, f.code, core.CodeOf(err), "registration: %v", err)
			require.Equal(t, core.Invalid, core.KindOf(err))
			require.Empty(t, stored)

			r := deliver(t, w.sender(g), message(t, f.url))
			require.Equal(t, Failed, r.Outcome)
			require.Equal(t, Failure(f.code), r.Failure, "delivery: %v", r.Err)
			require.Zero(t, r.Status)
			require.Empty(t, w.dials, "dials")
		})
	}
}

// Even who gets round CheckURL finds DialContext in the way.
func TestDialsAreRefusedByThemselves(t *testing.T) {
	w := newWorld(t)
	g := w.guard(GuardOptions{})
	for a, what := range inner {
		_, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort(a, "443"))
		require.Equal(t, codeTarget, core.CodeOf(err), "%s %s", what, a)
	}
	for address, code := range map[string]string{
		"shop.example:22": codeTarget, "shop.example:80": codeTarget, publicAddr + ":22": codeTarget, "localhost:443": codeTarget,
		"[::ffff:93.184.215.14]:443": codeTarget, "shop.example": codeURL, "shop.example:https": codeURL, "shop.example:65979": codeURL,
	} {
		_, err := g.DialContext(t.Context(), "tcp", address)
		require.Equal(t, code, core.CodeOf(err), address)
	}
	_, err := g.DialContext(t.Context(), "tcp", "127.1:443")
	require.Error(t, err, "what is no address is a name, and nobody has it")
	require.Empty(t, w.dials)
	require.Contains(t, w.lookups, "127.1.")
}

// A name that is harmless at registration and when it is checked, and inner afterwards: the address that was checked
// is the one that is dialled, and the next delivery is refused.
func TestRebinding(t *testing.T) {
	w := newWorld(t)
	w.name(sneaky, publicAddr) // registration
	w.name(sneaky, publicAddr, "2606:2800:21f::1")
	w.name(sneaky, "127.0.0.1") // a second look-up would find it
	g := w.guard(GuardOptions{})
	s := w.sender(g)
	stored, err := g.CheckTarget(t.Context(), "https://sneaky.example/")
	require.NoError(t, err)
	require.Empty(t, w.dials, "registration connects to nobody")

	r := deliver(t, s, message(t, stored))
	require.Equal(t, FailureConnect, r.Failure)
	require.Equal(t, []string{"93.184.215.14:443", "[2606:2800:21f::1]:443"}, w.dials)
	require.Equal(t, []string{"sneaky.example.", "sneaky.example."}, w.lookups, "one look-up each, without search lists")

	r = deliver(t, s, message(t, stored))
	require.Equal(t, FailureTarget, r.Failure)
	require.Len(t, w.dials, 2)
}

func TestRegistration(t *testing.T) {
	w := newWorld(t)
	w.name("empty.example")
	w.name("bücher.example", "10.0.0.1") // never asked for: names are looked up in ASCII
	w.name("xn--bcher-kva.example", "::ffff:93.184.215.14", "2606:2800:21f::1")
	g := w.guard(GuardOptions{})
	stored, err := g.CheckTarget(t.Context(), "https://BÜCHER.example:443")
	require.NoError(t, err)
	require.Equal(t, "https://xn--bcher-kva.example/", stored)
	for _, raw := range []string{"https://empty.example/", "https://unknown.example/"} {
		_, err := g.CheckTarget(t.Context(), raw)
		require.Equal(t, codeURL, core.CodeOf(err), raw)
		require.Equal(t, core.Invalid, core.KindOf(err), raw)
	}
	require.Empty(t, w.dials)
}

// What paymux listens on is refused by address and port, an unspecified address for all of the machine's.
func TestOwnAddresses(t *testing.T) {
	w := newWorld(t)
	g := w.guard(GuardOptions{Own: []netip.AddrPort{netip.MustParseAddrPort("[::ffff:198.41.0.4]:443"), netip.MustParseAddrPort("0.0.0.0:8443")}})
	g.interfaces = func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.ParseIP("199.7.83.42"), Mask: net.CIDRMask(24, 32)}, &net.IPNet{IP: net.ParseIP("2001:500:9f::42"), Mask: net.CIDRMask(64, 128)}}, nil
	}
	for address, allowed := range map[string]bool{
		"198.41.0.4:443": false, "198.41.0.4:8443": true, "198.41.0.5:443": true,
		"199.7.83.42:8443": false, "199.7.83.42:443": true, "199.7.83.43:8443": true, "[2001:500:9f::42]:8443": false, "[2001:500:9f::43]:8443": true,
	} {
		require.Equal(t, allowed, g.allowed(netip.MustParseAddrPort(address)), address)
	}
	g.interfaces = func() ([]net.Addr, error) { return nil, errors.New("no list") }
	require.False(t, g.allowed(netip.MustParseAddrPort("199.7.83.43:8443")), "it may be ours")
	require.True(t, g.allowed(netip.MustParseAddrPort("199.7.83.43:443")))
}

// In test mode the own machine answers, but not on the ports paymux has.
func TestTestModeReachesThisMachine(t *testing.T) {
	w := newWorld(t)
	w.name("dev.example", "127.0.0.1")
	g := w.guard(GuardOptions{AllowLoopback: true, Own: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:8080"), netip.MustParseAddrPort("127.0.0.1:9090")}})
	for _, raw := range []string{"http://localhost:3000/", "http://[::1]:9090/", "https://dev.example/"} {
		_, err := g.CheckTarget(t.Context(), raw)
		require.NoError(t, err, raw)
	}
	for _, raw := range []string{"http://localhost:8080/", "http://127.0.0.1:8080/", "http://[::1]:8080/", "http://127.0.0.1:9090/"} {
		_, err := g.CheckTarget(t.Context(), raw)
		require.Equal(t, codeTarget, core.CodeOf(err), raw)
	}
	for a, what := range inner {
		if ip := netip.MustParseAddr(a); !ip.IsLoopback() || ip.Is4In6() {
			_, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort(a, "443"))
			require.Equal(t, codeTarget, core.CodeOf(err), "%s %s", what, a)
		}
	}
	require.Equal(t, []string{"dev.example."}, w.lookups, "nobody is asked who localhost is")
	require.Empty(t, w.dials)
}

// The real dialer: a guard in test mode reaches a server on this machine, a strict one does not even knock.
func TestRealSockets(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	strict := NewSender(NewGuard(GuardOptions{}), SenderOptions{})
	require.Equal(t, FailureURL, deliver(t, strict, message(t, server.URL)).Failure)
	_, err := strict.guard.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.Equal(t, codeTarget, core.CodeOf(err))
	require.Zero(t, connections.Load())

	lenient := NewSender(NewGuard(GuardOptions{AllowLoopback: true}), SenderOptions{})
	defer lenient.Close()
	require.Equal(t, Delivered, deliver(t, lenient, message(t, server.URL)).Outcome)
	require.Equal(t, int32(1), connections.Load())
	server.Close()
	r := deliver(t, lenient, message(t, server.URL))
	require.Equal(t, FailureConnect, r.Failure, "%v", r.Err)
}

// Addresses that do not answer take their turn, four at most, within ten seconds in all.
func TestDialsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.name("slow.example", "192.5.5.1", "192.5.5.2", "192.5.5.3", "192.5.5.4", "192.5.5.5")
		var tried []string
		began := time.Now()
		at := []time.Duration{}
		g := NewGuard(GuardOptions{Resolver: w, Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
			tried, at = append(tried, address), append(at, time.Since(began))
			if address == "192.5.5.2:443" {
				return nil, errRefused
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		_, err := g.DialContext(t.Context(), "tcp", "slow.example:443")
		require.ErrorIs(t, err, errNoConnection)
		require.Equal(t, []string{"192.5.5.1:443", "192.5.5.2:443", "192.5.5.3:443", "192.5.5.4:443"}, tried)
		require.Equal(t, []time.Duration{0, 4 * time.Second, 4 * time.Second, 8 * time.Second}, at)
		require.Equal(t, 10*time.Second, time.Since(began))
	})
}
