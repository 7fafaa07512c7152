package webhook

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

func TestURLsThatAreTaken(t *testing.T) {
	g := newWorld(t).guard(GuardOptions{})
	for raw, want := range map[string]string{
		"https://shop.example/hooks":            "https://shop.example/hooks",
		"https://shop.example":                  "https://shop.example/",
		"HTTPS://Shop.EXAMPLE:443/Hooks?A=b":    "https://shop.example/Hooks?A=b",
		"https://shop.example?a=b":              "https://shop.example/?a=b",
		"https://shop.example:8443/":            "https://shop.example:8443/",
		"https://bücher.example/ok":             "https://xn--bcher-kva.example/ok",
		"https://BÜCHER.example/ok":             "https://xn--bcher-kva.example/ok",
		"https://faß.example/":                  "https://xn--fa-hia.example/",
		"https://xn--bcher-kva.example/":        "https://xn--bcher-kva.example/",
		"https://shop。example/":                 "https://shop.example/",
		"https://ｓｈｏｐ.example/":                 "https://shop.example/",
		"https://shop.example/a%20b/%e2%82%ac":  "https://shop.example/a%20b/%e2%82%ac",
		"https://shop.example/a//b/../c":        "https://shop.example/a//b/../c",
		"https://shop.example/a;b@c:d?e=f/g?h":  "https://shop.example/a;b@c:d?e=f/g?h",
		"https://shop.example/?to=http://10.1/": "https://shop.example/?to=http://10.1/",
		"https://4.example/":                    "https://4.example/",
		"https://10.0.0.1.example/":             "https://10.0.0.1.example/",
		"https://0x7f.0.0.1x.example/":          "https://0x7f.0.0.1x.example/",
		"https://93.184.215.14/":                "https://93.184.215.14/",
		"https://93.184.215.14:8443/":           "https://93.184.215.14:8443/",
		"https://[2606:2800:21F::0:1]:443/":     "https://[2606:2800:21f::1]/",
		"https://[2606:2800:21f::1]:8443/":      "https://[2606:2800:21f::1]:8443/",
	} {
		got, err := g.CheckURL(raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, got, raw)
		again, err := g.CheckURL(got)
		require.NoError(t, err, raw)
		require.Equal(t, got, again, "what is stored stays as it is")
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	g := newWorld(t).guard(GuardOptions{OwnHosts: []string{"Pay.Example", "bücher.example"}})
	for raw, code := range map[string]string{
		"":                                                     codeURL,
		" https://shop.example/":                               codeURL,
		"https://shop.example/ ":                               codeURL,
		"shop.example/hooks":                                   codeURL,
		"/hooks":                                               codeURL,
		"//shop.example/":                                      codeURL,
		"http://shop.example/":                                 codeURL,
		"http://shop.example:443/":                             codeURL,
		"ftp://shop.example/":                                  codeURL,
		"file:///etc/passwd":                                   codeURL,
		"gopher://shop.example:443/_x":                         codeURL,
		"javascript:alert(1)":                                  codeURL,
		"https:shop.example":                                   codeURL,
		"https:/shop.example":                                  codeURL,
		"https:///shop.example":                                codeURL,
		`https:\\shop.example\`:                                codeURL,
		`https://evil.example\@shop.example/`:                  codeURL,
		"https://user:pass@shop.example/":                      codeURL,
		"https://user@shop.example/":                           codeURL,
		"https://@shop.example/":                               codeURL,
		"https://shop.example#@10.0.0.1/":                      codeURL,
		"https://shop.example/#":                               codeURL,
		"https://shop.example/#top":                            codeURL,
		"https://shop.example./":                               codeURL,
		"https://.shop.example/":                               codeURL,
		"https://shop..example/":                               codeURL,
		"https://shop.example。/":                               codeURL,
		"https://-shop.example/":                               codeURL,
		"https://sh_op.example/":                               codeURL,
		"https://shop,evil.example/":                           codeURL,
		"https://*.example/":                                   codeURL,
		"https://xn--a.example/":                               codeURL,
		"https://%73hop.example/":                              codeURL,
		"https://b%c3%bccher.example/":                         codeURL,
		"https://shop%00.example/":                             codeURL,
		"https://shop.example\x00.evil/":                       codeURL,
		"https://shop.example/\r\nx: y":                        codeURL,
		"https://shop.example/%0d%0ax:y":                       codeURL,
		"https://shop.example/?a=%250ab":                       codeURL,
		"https://shop.example/\x7f":                            codeURL,
		"https://shop.example/\xff":                            codeURL,
		"https://shop.example/ä":                               codeURL,
		"https://shop.example/%zz":                             codeURL,
		"https://" + strings.Repeat("a", 64) + ".example/":     codeURL,
		"https://" + strings.Repeat("a.", 124) + "example/":    codeURL,
		"https://shop.example/" + strings.Repeat("a", 2001-21): codeURL,
		"https://shop.example:22/":                             codeURL,
		"https://shop.example:80/":                             codeURL,
		"https://shop.example:0/":                              codeURL,
		"https://shop.example:/":                               codeURL,
		"https://shop.example:0443/":                           codeURL,
		"https://shop.example:+443/":                           codeURL,
		"https://shop.example:65979/":                          codeURL, // 443 beyond 16 bits
		"https://shop.example:443:443/":                        codeURL,
		"https://shop.example:99999/":                          codeURL,
		"https://[2606:2800:21f::1]:22/":                       codeURL,
		"https://[2606:2800:21f::1/":                           codeURL,
		"https://[2606:2800:21f::1]x/":                         codeURL,
		"https://[2606:2800:21f::1%25eth0]/":                   codeURL,
		"https://[93.184.215.14]/":                             codeURL,
		"https://2606:2800:21f::1/":                            codeURL,
		"https://localhost/":                                   codeTarget,
		"https://LOCALHOST:8443/":                              codeTarget,
		"https://a.localhost/":                                 codeTarget,
		"https://intranet/":                                    codeTarget,
		"https://metadata/":                                    codeTarget,
		"https://metadata.google.internal/computeMetadata/v1/": codeTarget,
		"https://kubernetes.default.svc.cluster.local/":        codeTarget,
		"https://printer.local/":                               codeTarget,
		"https://router.home.arpa/":                            codeTarget,
		"https://home.arpa/":                                   codeTarget,
		"https://localhost.localdomain/":                       codeTarget,
		"https://pay.example/":                                 codeTarget,
		"https://PAY.example:8443/x":                           codeTarget,
		"https://xn--bcher-kva.example/":                       codeTarget,
	} {
		got, err := g.CheckURL(raw)
		require.Equal(t, code, core.CodeOf(err), "%q: %v", raw, err)
		require.Equal(t, core.Invalid, core.KindOf(err), raw)
		require.Empty(t, got, raw)
		if len(raw) > 12 {
			require.NotContains(t, err.Error(), raw, "what was sent is not repeated")
		}
	}
}

// The longest address is taken; the list of ports can be changed, and an installation that listens elsewhere says so.
func TestLimitsOfAddresses(t *testing.T) {
	g := newWorld(t).guard(GuardOptions{Ports: []uint16{9000}})
	_, err := g.CheckURL("https://shop.example:9000/" + strings.Repeat("a", 2000-26))
	require.NoError(t, err)
	for _, port := range []string{"", ":443", ":8443", ":9001"} {
		_, err := g.CheckURL("https://shop.example" + port + "/")
		require.Equal(t, codeURL, core.CodeOf(err), port)
	}
}

// Whoever names this machine is told what would let him; of another place nothing is told.
func TestARefusalOfThisMachineNamesTheSetting(t *testing.T) {
	g := newWorld(t).guard(GuardOptions{})
	for raw, named := range map[string]bool{"http://localhost:3000/hooks": true, "https://127.0.0.1/": true, "https://[::1]:3000/": true,
		"https://10.0.0.1/": false, "http://shop.example/": false, "https://a.localhost/": false} {
		_, err := g.CheckURL(raw)
		require.Error(t, err, raw)
		require.Equal(t, named, strings.Contains(err.Error(), "webhooks.allow_loopback"), raw)
	}
}

// In test mode this machine may be reached, plainly and on any port; nothing else becomes easier.
func TestLoopbackIsForTestMode(t *testing.T) {
	g := newWorld(t).guard(GuardOptions{AllowLoopback: true})
	for raw, want := range map[string]string{
		"http://localhost:3000/hooks": "http://localhost:3000/hooks",
		"http://LOCALHOST":            "http://localhost/",
		"https://localhost:3000/":     "https://localhost:3000/",
		"http://127.0.0.1:80/":        "http://127.0.0.1/",
		"http://127.8.9.1:22/":        "http://127.8.9.1:22/",
		"http://[::1]:3000/":          "http://[::1]:3000/",
		"http://[0:0:0:0:0:0:0:1]/":   "http://[::1]/",
		"https://shop.example/":       "https://shop.example/",
	} {
		got, err := g.CheckURL(raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, got, raw)
	}
	for raw, code := range map[string]string{
		"http://shop.example/":              codeURL,
		"http://10.0.0.1/":                  codeURL,
		"https://10.0.0.1/":                 codeTarget,
		"http://127.1/":                     codeURL,
		"http://2130706433/":                codeURL,
		"https://[::ffff:127.0.0.1]/":       codeTarget,
		"http://[::ffff:127.0.0.1]/":        codeURL,
		"https://0.0.0.0/":                  codeTarget,
		"http://a.localhost/":               codeURL,
		"https://a.localhost/":              codeTarget,
		"ftp://localhost/":                  codeURL,
		"http://localhost:0/":               codeURL,
		"http://u@localhost/":               codeURL,
		"https://metadata.google.internal/": codeTarget,
	} {
		_, err := g.CheckURL(raw)
		require.Equal(t, code, core.CodeOf(err), raw)
	}
}

// Whatever is taken is one address for every program: https, an ASCII host in lower case that is a name with a dot or a
// public address, a port of the list, nothing that net/http would read otherwise.
func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{
		shopURL, "https://bücher.example:8443/ä", "https://[2606:2800:21f::1]/", "https://[::ffff:7f00:1]/", "https://0x7f.1/", "https://①②⑦.0.0.1/",
		"https://2130706433/", "https://127.0.0.1./", "https://a%2eb/", "https://u:p@h/#x", `https://a\b/`, "https://127。0。0。1/", "https://[fe80::1%25lo]/",
	} {
		f.Add(seed)
	}
	g := NewGuard(GuardOptions{})
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := g.CheckURL(raw)
		if err != nil {
			require.Equal(t, core.Invalid, core.KindOf(err))
			require.Contains(t, []string{codeURL, codeTarget}, core.CodeOf(err))
			require.Empty(t, got)
			return
		}
		again, err := g.CheckURL(got)
		require.NoError(t, err)
		require.Equal(t, got, again)
		u, err := url.Parse(got)
		require.NoError(t, err)
		require.Equal(t, "https", u.Scheme)
		require.Nil(t, u.User)
		require.Empty(t, u.Fragment)
		require.NotContains(t, got, "#")
		require.Contains(t, []string{"", "8443"}, u.Port())
		host := u.Hostname()
		require.Equal(t, strings.ToLower(host), host)
		require.False(t, strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }), got)
		if a, err := netip.ParseAddr(host); err == nil {
			require.True(t, global(a), host)
			require.Equal(t, a.String(), host)
			return
		}
		require.Nil(t, net.ParseIP(host))
		labels := strings.Split(host, ".")
		require.Greater(t, len(labels), 1)
		require.False(t, slices.Contains(labels, ""), host)
		require.NotRegexp(t, `^(0x[0-9a-f]*|[0-9]+)$`, labels[len(labels)-1], "an address for those who read numbers as C does: %s", host)
	})
}
