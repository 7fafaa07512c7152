package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// withLimits starts the program again with these limits, behind a proxy that it trusts.
func (w *world) withLimits(limits string) {
	w.t.Helper()
	const line = "reliability: {time_scale: 1}\n"
	w.change = strings.NewReplacer(line, line+"limits: "+limits+"\ntrusted_proxies: [127.0.0.1]\n")
	w.restart()
}

// knock delivers a message as it comes through the proxy from an address.
func (w *world) knock(from, account, contentType, body string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/feedback/"+url.PathEscape(account), strings.NewReader(body))
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Forwarded-For", from)
	r.Header.Set("X-Request-Id", "CANARY\tid")
	resp, err := w.http.Do(r)
	require.NoError(w.t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	return resp
}

// A flood of messages that nobody signed, from where the provider's come from, too: it changes nothing, is answered with
// 429 after a while, leaves a few short lines in the log with no word of it, and what the provider did sign gets through
// in the midst of it.
func TestAFloodOfForgedFeedback(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		const failures, attacker, somebody = 20, "203.0.113.7", "198.51.100.2"
		w.withLimits(fmt.Sprintf("{failed_feedback: %d}", failures))
		w.operator()
		paid := told("aps-main", w.reference(w.create("order-1", nil).str("id")), nil)
		forged := asJSON(altered(paid, "signature", strings.Repeat("0", 64)))
		db := w.raw()
		w.quiet(db)
		logged := len(w.logs.String())
		began, statuses := time.Now(), map[int]int{}
		w.unchanged(db, "forged messages", func() {
			for n := range 50 {
				for _, m := range []struct{ account, contentType, body string }{{"aps-main", typeJSON, forged}, {"aps-main", "CANARY/type", "CANARY\nlevel=ERROR"},
					{"aps-main\nlevel=ERROR msg=CANARY\x1b[31m", typeJSON, forged}, {strings.Repeat("CANARY", 1000), typeForm, "a=b"}} {
					resp := w.knock(attacker, m.account, m.contentType, m.body)
					if statuses[resp.StatusCode]++; resp.StatusCode == http.StatusTooManyRequests {
						require.Regexp(t, `^[1-3]$`, resp.Header.Get("Retry-After"))
					}
				}
				if n == 25 {
					require.Equal(t, http.StatusTooManyRequests, w.knock("1.2.3.4, "+attacker, "aps-main", typeJSON, forged).StatusCode, "what an address adds itself is not believed")
					require.Equal(t, http.StatusForbidden, w.knock(somebody, "aps-main", typeJSON, forged).StatusCode, "another address has its own limit")
				}
			}
		})
		refilled := int(time.Since(began)/(time.Minute/failures)) + 1
		require.Len(t, statuses, 2, "%v", statuses)
		require.GreaterOrEqual(t, statuses[http.StatusForbidden], failures)
		require.LessOrEqual(t, statuses[http.StatusForbidden], failures+refilled)

		lines := strings.Split(strings.TrimSpace(w.logs.String()[logged:]), "\n")
		require.LessOrEqual(t, len(lines), failures+refilled+1)
		for _, line := range lines {
			require.Contains(t, line, "feedback refused")
			require.Less(t, len(line), 300)
			require.NotRegexp(t, `CANARY|[[:cntrl:]]|ERROR|LAYLA|\[31m`, line)
		}
		require.Contains(t, lines[0], "from="+attacker+" account=aps-main bytes="+fmt.Sprint(len(forged))+" why=unauthenticated refused=1 not_told=0")
		require.Contains(t, w.call("GET", "/v1/accounts", nil).want(200).raw, `"feedback_refused":102`, "those for no account are counted in the log alone")

		require.Equal(t, http.StatusTooManyRequests, w.knock(attacker, "aps-main", typeJSON, forged).StatusCode)
		resp := w.knock(attacker, "aps-main", typeJSON, asJSON(signed("aps-main", paid)))
		require.Equal(t, http.StatusOK, resp.StatusCode, "an authentic message was refused")
		require.Equal(t, http.StatusTooManyRequests, w.knock(attacker, "aps-main", typeJSON, forged).StatusCode, "an authentic message does not pay for others")
		w.itemIn("applied")
	})
}
