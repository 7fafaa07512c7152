package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/paymux/paymux/api"
)

// limits keep one caller from taking what all of them need. They hold for each process; 0 is no limit.
type limits struct {
	PerKey         int `koanf:"per_key"`         // requests with one API key, a second on average; at once twice as many
	PerAddress     int `koanf:"per_address"`     // requests of the API from one address, likewise
	AtOnce         int `koanf:"at_once"`         // requests of the API that run; one more is answered with 503
	FailedFeedback int `koanf:"failed_feedback"` // messages from one address that are not authentic, a minute
	PerReturn      int `koanf:"per_return"`      // returns of a buyer to one address, a minute
}

// usualLimits are met by nobody who means well.
var usualLimits = limits{PerKey: 2000, PerAddress: 4000, AtOnce: 2000, FailedFeedback: 600, PerReturn: 60}

func (l limits) forAPI() api.Limits {
	return api.Limits{PerKey: l.PerKey, PerAddress: l.PerAddress, AtOnce: l.AtOnce, FailedFeedback: l.FailedFeedback, PerReturn: l.PerReturn}
}

// mostLimit is beyond what one process can serve.
const mostLimit = 1_000_000

func (d *document) checkLimits(c *config) {
	l := c.Limits
	for _, limit := range []struct {
		key   string
		value int
	}{{"per_key", l.PerKey}, {"per_address", l.PerAddress}, {"at_once", l.AtOnce}, {"failed_feedback", l.FailedFeedback}, {"per_return", l.PerReturn}} {
		if path := "limits." + limit.key; !d.bad[path] && (limit.value < 0 || limit.value > mostLimit) {
			d.wrong(path, "%d is not between 0, which is no limit, and %d", limit.value, mostLimit)
		}
	}
}

func (d *document) checkProxies(c *config) {
	for i, text := range c.TrustedProxies {
		if _, err := network(text); err != nil {
			d.wrong(fmt.Sprintf("trusted_proxies[%d]", i), "%q is neither an address such as 192.0.2.7 nor a network such as 10.0.0.0/8", text)
		}
	}
}

// network reads an address, which is a network of one, or a network.
func network(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return ip.Prefix(ip.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// source tells where a request comes from: the peer itself or, behind trusted proxies, the nearest address of
// X-Forwarded-For that is none of them. The header of anybody else is not believed.
func (c *config) source() func(*http.Request) string {
	if len(c.TrustedProxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trusted := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, text := range c.TrustedProxies {
		p, _ := network(text) // checked when it was read
		trusted = append(trusted, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(trusted...)
}
