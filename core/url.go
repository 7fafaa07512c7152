package core

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// checkReturnURL accepts an address that a buyer may be sent back to: absolute, https, host on the merchant's
// list, without user, fragment, backslash or control characters, at most 2,000 bytes. In test mode any https host and
// http on loopback are accepted too.
func checkReturnURL(raw string, hosts []string, live bool) *Error {
	bad := func(why string) *Error { return invalid("url_invalid", "", "%s", why) }
	if raw == "" || len(raw) > 2000 {
		return bad("an address of 1 to 2,000 characters is needed")
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		return bad("the address has a character that no address has; encode it")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return bad("the address cannot be read")
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || u.Host == "":
		return bad("the address must be absolute, with https and a host")
	case u.User != nil:
		return bad("the address must not name a user")
	case strings.Contains(raw, "#"):
		return bad("the address must not have a fragment")
	case !validPort(u):
		return bad("the port is not between 1 and 65535")
	case encodedControl(u):
		return bad("the address hides a control character")
	}
	host := strings.ToLower(u.Hostname())
	if strings.HasSuffix(host, ".") || strings.HasPrefix(host, ".") || host == "" {
		return bad("the host cannot be read")
	}
	if u.Scheme == "http" && (live || !isLoopback(host)) {
		return bad("the address must use https")
	}
	if !live && (len(hosts) == 0 || isLoopback(host)) || slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return nil
	}
	return invalid("url_not_allowed", "", "the host is not on the merchant's list of return hosts")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func validPort(u *url.URL) bool {
	if !strings.Contains(strings.TrimPrefix(u.Host, "["+u.Hostname()+"]"), ":") {
		return true
	}
	p := u.Port()
	if p == "" || len(p) > 5 {
		return false
	}
	n := 0
	for _, c := range p {
		n = n*10 + int(c-'0')
	}
	return n > 0 && n <= 65535
}

// encodedControl reports whether the address decodes, once or twice, to something with a control character.
func encodedControl(u *url.URL) bool {
	s := u.EscapedPath() + "?" + u.RawQuery
	for range 2 {
		d, err := url.PathUnescape(s)
		if err != nil {
			return false // no further layer; url.Parse has read the first one
		}
		if strings.ContainsFunc(d, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return true
		}
		s = d
	}
	return false
}
