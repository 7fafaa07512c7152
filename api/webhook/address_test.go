package webhook

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// The first and the last address of every range are refused, and so is what lies between; the neighbours are taken
// where they are somebody's.
func TestRangesEndWhereTheyEnd(t *testing.T) {
	for _, c := range []struct{ name, before, first, last, after string }{
		{"this network", "", "0.0.0.0", "0.255.255.255", "1.0.0.0"},
		{"private 10", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
		{"carriers", "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
		{"loopback", "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
		{"Azure's host", "168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"},
		{"link-local", "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
		{"private 172", "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
		{"assignments", "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
		{"documentation 1", "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
		{"6to4 relays", "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
		{"private 192", "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
		{"benchmarks", "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
		{"documentation 2", "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
		{"documentation 3", "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
		{"multicast to broadcast", "223.255.255.255", "224.0.0.0", "255.255.255.255", ""},
		{"IPv6 below 2000::", "", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"},
		{"assignments, Teredo, ORCHID", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
		{"documentation v6", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
		{"6to4", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"},
		{"documentation v6, new", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"},
		{"IPv6 above 3fff::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
	} {
		first, last := netip.MustParseAddr(c.first), netip.MustParseAddr(c.last)
		require.False(t, global(first), "%s: %s", c.name, first)
		require.False(t, global(last), "%s: %s", c.name, last)
		require.False(t, global(between(first, last)), "%s: between", c.name)
		for _, near := range []string{c.before, c.after} {
			if near != "" {
				require.True(t, global(netip.MustParseAddr(near)), "%s: %s", c.name, near)
			}
		}
	}
	require.False(t, global(netip.Addr{}))
	require.False(t, global(netip.MustParseAddr("2606:2800:21f::1%eth0")))
}

// between is an address about half-way.
func between(first, last netip.Addr) netip.Addr {
	a, b := first.AsSlice(), last.AsSlice()
	rest := 0
	for i := range a {
		sum := int(a[i]) + int(b[i]) + rest*256
		a[i], rest = byte(sum/2), sum%2
	}
	out, _ := netip.AddrFromSlice(a)
	return out
}
