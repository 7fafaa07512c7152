package webhook

import (
	"net/netip"
	"slices"
)

// refused are the ranges of addresses nothing is sent to: what the special-purpose registries of IANA do not
// call globally reachable, what embeds an IPv4 address, and what clouds answer their own machines on.
var refused = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // shared by carriers; 100.100.100.200 is a metadata service
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // the host of an Azure machine, in a public range
	"169.254.0.0/16",   // link-local; 169.254.169.254 is the metadata service of most clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments; 192.0.0.192 is a metadata service
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // class E and broadcast

	"2001::/23",     // protocol assignments: Teredo, benchmarks, ORCHID
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4
	"3fff::/20",     // documentation
)

// assigned6 is the only part of IPv6 that is given out for use across the internet. Outside lie loopback, the mapped,
// compatible and translated forms of IPv4 (::/96, ::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48), discard (100::/64),
// segment routing, unique local, link-local, site-local and multicast addresses.
var assigned6 = netip.MustParsePrefix("2000::/3")

func prefixes(list ...string) (out []netip.Prefix) {
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// global reports whether a is the address of somebody on the internet. One with a zone is not: no prefix contains it.
func global(a netip.Addr) bool {
	if !a.IsValid() || a.Is6() && !assigned6.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(refused, func(p netip.Prefix) bool { return p.Contains(a) })
}

// loopback reports whether a is this machine, in no other clothes.
func loopback(a netip.Addr) bool { return a.IsLoopback() && !a.Is4In6() && a.Zone() == "" }
