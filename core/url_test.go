package core

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Rows B-065 to B-092 of the bad-input catalogue: addresses that a buyer must never be sent to, by the rules of live
// mode, where the merchant's list of hosts counts.
func TestReturnURLsOfTheCatalogue(t *testing.T) {
	hosts := []string{"shop.example", "pay.shop.example"}
	for _, c := range []struct{ id, url, code string }{
		{"B-065 missing", "", "url_invalid"},
		{"B-066 blank", " ", "url_invalid"},
		{"B-067 relative", "/thanks", "url_invalid"},
		{"B-067 relative without a slash", "thanks", "url_invalid"},
		{"B-068 without a scheme", "//evil.example/x", "url_invalid"},
		{"B-069 http", "http://shop.example/thanks", "url_invalid"},
		{"B-070 javascript", "javascript:alert(1)", "url_invalid"},
		{"B-070 javascript with a host", "javascript://shop.example/%0aalert(1)", "url_invalid"},
		{"B-071 data", "data:text/html,x", "url_invalid"},
		{"B-072 file", "file:///etc/passwd", "url_invalid"},
		{"B-073 ftp", "ftp://shop.example/x", "url_invalid"},
		{"B-074 opaque", "https:evil.example", "url_invalid"},
		{"B-074 one slash", "https:/evil.example", "url_invalid"},
		{"B-074 three slashes", "https:///evil.example", "url_invalid"},
		{"B-075 backslashes", `https:\\evil.example`, "url_invalid"},
		{"B-076 user and password", "https://u:p@shop.example/", "url_invalid"},
		{"B-076 user", "https://u@shop.example/", "url_invalid"},
		{"B-076 empty user", "https://@shop.example/", "url_invalid"},
		{"B-077 fragment", "https://shop.example/#top", "url_invalid"},
		{"B-077 empty fragment", "https://shop.example/#", "url_invalid"},
		{"B-078 host not listed", "https://other.example/", "url_not_allowed"},
		{"B-079 listed host in front", "https://shop.example.evil.example/", "url_not_allowed"},
		{"B-080 listed host as a beginning", "https://shop.exampleevil.example/", "url_not_allowed"},
		{"B-080 listed host as an end", "https://evilshop.example/", "url_not_allowed"},
		{"B-080 host below a listed one", "https://a.shop.example/", "url_not_allowed"},
		{"B-081 listed host in the path", "https://evil.example/shop.example", "url_not_allowed"},
		{"B-081 listed host in the query", "https://evil.example/?https://shop.example", "url_not_allowed"},
		{"B-082 listed host as user", "https://shop.example@evil.example/", "url_invalid"},
		{"B-082 listed host and port as user", "https://shop.example:443@evil.example/", "url_invalid"},
		{"B-083 dot behind the host", "https://shop.example./thanks", "url_invalid"},
		{"B-083 dot before the host", "https://.shop.example/thanks", "url_invalid"},
		{"B-084 look-alike in punycode", "https://xn--shp-lna.example/", "url_not_allowed"},
		{"B-084 look-alike in Cyrillic", "https://shоp.example/", "url_invalid"},
		{"B-084 full-width letters", "https://ｓhop.example/", "url_invalid"},
		{"B-085 CRLF", "https://shop.example/\r\nSet-Cookie: a=b", "url_invalid"},
		{"B-085 tab", "https://shop.example/\tx", "url_invalid"},
		{"B-086 encoded CRLF", "https://shop.example/%0d%0aSet-Cookie:a=b", "url_invalid"},
		{"B-086 encoded CRLF in the query", "https://shop.example/?a=%0D%0Ab", "url_invalid"},
		{"B-086 encoded CRLF twice", "https://shop.example/%250d%250a", "url_invalid"},
		{"B-087 NUL", "https://shop.example/\x00", "url_invalid"},
		{"B-087 encoded NUL", "https://shop.example/%00", "url_invalid"},
		{"B-087 NUL in the host", "https://shop%00.example/", "url_invalid"},
		{"B-088 2,001 characters", "https://shop.example/" + strings.Repeat("a", 1980), "url_invalid"},
		{"B-089 port 0", "https://shop.example:0/", "url_invalid"},
		{"B-090 port 99999", "https://shop.example:99999/", "url_invalid"},
		{"B-090 port without digits", "https://shop.example:/", "url_invalid"},
		{"B-090 port of letters", "https://shop.example:x/", "url_invalid"},
		{"B-090 negative port", "https://shop.example:-1/", "url_invalid"},
		{"B-091 loopback", "https://[::1]/", "url_not_allowed"},
		{"B-091 loopback over http", "http://[::1]/", "url_invalid"},
		{"B-091 loopback in IPv4", "https://127.0.0.1/", "url_not_allowed"},
		{"B-091 a zone", "https://[fe80::1%25eth0]/", "url_not_allowed"},
		{"B-092 backslash before the at", `https://evil.example\@shop.example/`, "url_invalid"},
		{"B-092 encoded backslash before the at", "https://evil.example%5c@shop.example/", "url_invalid"},
		{"DEL", "https://shop.example/\x7f", "url_invalid"},
		{"broken escape", "https://shop.example/%zz", "url_invalid"},
		{"no host", "https://:443/", "url_invalid"},
	} {
		err := checkReturnURL(c.url, hosts, true)
		require.NotNil(t, err, c.id)
		require.Equal(t, c.code, err.Code, "%s: %s", c.id, err.Message)
		require.Equal(t, Invalid, err.Kind, c.id)
		if c.url != "" && c.url != " " {
			require.NotContains(t, err.Message, c.url, "%s: what was sent is not repeated", c.id)
		}
	}
}

// What is left is an address of a listed host, whatever its path, query and case.
func TestReturnURLsThatAreGood(t *testing.T) {
	for _, url := range []string{
		"https://shop.example", "https://shop.example/", "https://SHOP.example/thanks", "HTTPS://shop.example/", "https://shop.example:8443/thanks?a=b&c=d",
		"https://shop.example/%20?q=100%25", "https://shop.example/?to=https%3A%2F%2Fevil.example", "https://shop.example/" + strings.Repeat("a", 1979),
	} {
		require.Nil(t, checkReturnURL(url, []string{"shop.example"}, true), url)
	}
	for _, url := range []string{"http://localhost/thanks", "http://127.0.0.1:8080/", "http://[::1]:8080/", "http://[::ffff:127.0.0.1]/", "https://anything.example/"} {
		require.Nil(t, checkReturnURL(url, nil, false), "test mode: %s", url)
		require.NotNil(t, checkReturnURL(url, nil, true), "live mode: %s", url)
	}
	for _, url := range []string{"http://shop.example/", "http://localhost.evil.example/", "http://127.0.0.1.evil.example/", "http://10.0.0.1/"} {
		require.Equal(t, "url_invalid", checkReturnURL(url, nil, false).Code, "test mode: %s", url)
	}
}
