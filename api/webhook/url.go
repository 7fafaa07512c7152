package webhook

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/paymux/paymux/core"
)

// The codes of a refused address.
const (
	codeURL    = "url_invalid"
	codeTarget = "target_forbidden"
)

func urlInvalid(format string, args ...any) *core.Error {
	return &core.Error{Kind: core.Invalid, Code: codeURL, Message: fmt.Sprintf(format, args...)}
}

// targetForbidden never tells which address was found: a merchant learns nothing about the network paymux runs in.
func targetForbidden() *core.Error {
	return &core.Error{Kind: core.Invalid, Code: codeTarget, Message: "the address leads to a place that no event is sent to"}
}

// CheckURL is raw as it is stored and called: host in lower case and in its ASCII form, no port where it is the usual
// one, a path. It looks nothing up. An address that breaks a rule of R-54 is an Invalid *core.Error: target_forbidden
// where it names a place that is not on the internet or is paymux itself, else url_invalid.
func (g *Guard) CheckURL(raw string) (string, error) {
	u, _, err := g.parse(raw)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

func (g *Guard) parse(raw string) (u *url.URL, port uint16, err error) {
	if u, err = readURL(raw); err != nil {
		return nil, 0, err
	}
	host, err := readHost(u.Hostname())
	if err != nil {
		return nil, 0, err
	}
	if port, err = readPort(u); err != nil {
		return nil, 0, err
	}
	literal, _ := netip.ParseAddr(host)
	switch {
	case g.allowLoopback && (host == localhost || loopback(literal)): // any port; it stays on this machine
	case u.Scheme != "https":
		return nil, 0, here(urlInvalid("the address must use https"), host, literal)
	case !slices.Contains(g.ports, port):
		return nil, 0, here(urlInvalid("the port is not one that events are sent to"), host, literal)
	case slices.Contains(g.ownHosts, host) || !literal.IsValid() && localName(host):
		return nil, 0, here(targetForbidden(), host, literal)
	}
	if literal.IsValid() && !g.allowed(netip.AddrPortFrom(literal, port)) {
		return nil, 0, here(targetForbidden(), host, literal)
	}
	u.Host = host
	if literal.Is6() {
		u.Host = "[" + host + "]"
	}
	if port != usualPort(u.Scheme) {
		u.Host = net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, port, nil
}

// here adds to why an address is refused, where it names this machine itself, what would let it: whoever wrote that knows
// it already.
func here(e *core.Error, host string, literal netip.Addr) *core.Error {
	if host == localhost || loopback(literal) {
		e.Message += "; events go to this machine in test mode alone, with webhooks.allow_loopback in the configuration"
	}
	return e
}

// readURL refuses what programs read in different ways. Other characters than ASCII may stand in the host alone.
func readURL(raw string) (*url.URL, error) {
	if raw == "" || len(raw) > 2000 {
		return nil, urlInvalid("an address of 1 to 2,000 characters is needed")
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' || r == '\ufffd' }) {
		return nil, urlInvalid("the address has a character that no address has; encode it")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, urlInvalid("the address cannot be read")
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || u.Host == "":
		return nil, urlInvalid("the address must be absolute, with https and a host")
	case u.User != nil:
		return nil, urlInvalid("the address must not name a user")
	case strings.Contains(raw, "#"):
		return nil, urlInvalid("the address must not have a fragment")
	}
	authority, rest, _ := strings.Cut(strings.ReplaceAll(raw[len(u.Scheme)+len("://"):], "?", "/"), "/")
	if strings.Contains(authority, "%") {
		return nil, urlInvalid("the host must not be encoded")
	}
	if strings.ContainsFunc(rest, func(r rune) bool { return r > 0x7f }) || hidesControl(rest) {
		return nil, urlInvalid("path and query hold a character that no address has, or hide a control character")
	}
	return u, nil
}

// hidesControl reports whether s decodes, once or twice, to something with a control character.
func hidesControl(s string) bool {
	for range 2 {
		d, err := url.PathUnescape(s)
		if err != nil {
			return false // no further layer; url.Parse has read the path's first one
		}
		if strings.ContainsFunc(d, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return true
		}
		s = d
	}
	return false
}

// names maps a host to what is looked up, by Unicode Technical Standard 46 without its transitional forms, and refuses
// what is no host name by STD 3.
var names = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true), idna.Transitional(false))

// readHost is host in the one form it is stored and looked up in: an address as netip prints it, or an ASCII name.
// Whatever some program takes for a number, though it is not four decimal parts, is refused.
func readHost(host string) (string, error) {
	if strings.Contains(host, ":") {
		a, err := netip.ParseAddr(host)
		if err != nil || a.Zone() != "" {
			return "", urlInvalid("the host cannot be read")
		}
		return a.String(), nil
	}
	name, err := names.ToASCII(host)
	if err != nil || strings.HasSuffix(name, ".") {
		return "", urlInvalid("the host is no name that can be looked up")
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if !numeric(last) {
		return name, nil
	}
	a, err := netip.ParseAddr(name)
	if err != nil || a.String() != host {
		return "", urlInvalid("the host is a number written in an unusual way")
	}
	return host, nil
}

// numeric reports whether a host that ends in label is read as an IPv4 address: by the URL standard of WHATWG one that
// ends in decimal digits or, after 0x, in hexadecimal ones.
func numeric(label string) bool {
	digits := "0123456789"
	if rest, ok := strings.CutPrefix(label, "0x"); ok {
		label, digits = rest, "0123456789abcdef"
	}
	return strings.Trim(label, digits) == ""
}

func usualPort(scheme string) uint16 {
	if scheme == "http" {
		return 80
	}
	return 443
}

func readPort(u *url.URL) (uint16, error) {
	if u.Port() == "" {
		if strings.HasSuffix(u.Host, ":") {
			return 0, urlInvalid("the port is missing")
		}
		return usualPort(u.Scheme), nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 || strings.HasPrefix(u.Port(), "0") {
		return 0, urlInvalid("the port is not between 1 and 65535")
	}
	return uint16(port), nil
}

const localhost = "localhost"

// localName reports whether a name has a meaning in some local network only: one without a dot, which search lists
// complete, and those below the names reserved for it (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal).
func localName(name string) bool {
	if !strings.Contains(name, ".") {
		return true
	}
	return slices.ContainsFunc([]string{".localhost", ".localdomain", ".local", ".internal", ".home.arpa"}, func(end string) bool {
		return strings.HasSuffix(name, end) || "."+name == end
	})
}
