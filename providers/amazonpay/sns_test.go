package amazonpay

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

func TestCertificates(t *testing.T) {
	m := func(a authority) core.Message {
		return posted(t, a.sealed(t, notice(ipn("CHARGE", chargeNo, permissionNo))))
	}
	expired, self := newAuthority("Example Signing", time.Now().Add(-time.Hour)), newAuthority("sns.amazonaws.com", time.Now().Add(time.Hour))
	for name, c := range map[string]struct {
		by     authority
		answer answer
		kind   core.Kind
	}{
		"expired":            {expired, expired.answers(), core.Unauthenticated},
		"of its own":         {self, self.answers(), core.Unauthenticated},
		"no certificate":     {theAuthority(), answer{status: 200, body: "hello", media: "text/plain"}, core.Unavailable},
		"half a certificate": {theAuthority(), answer{status: 200, body: fmt.Sprint(theAuthority().answers().body)[:200], media: "text/plain"}, core.Unavailable},
		"not to be had":      {theAuthority(), lost, core.Unavailable},
		"not there":          {theAuthority(), answer{status: 404, body: "no", media: "text/plain"}, core.Unavailable},
		"a gateway":          {theAuthority(), answer{status: 502, body: "<html>", media: "text/html"}, core.Unavailable},
		"somewhere else now": {theAuthority(), answer{status: 302, body: "", media: "text/html"}, core.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			p, w := receiver(t, nil)
			w.on(getCert, c.answer)
			fb, err := p.ParseFeedback(t.Context(), m(c.by))
			require.Equal(t, c.kind, core.KindOf(err), "%v", err)
			require.Equal(t, core.Feedback{}, fb)
		})
	}
	p, w := receiver(t, nil)
	w.on(getCert, lost, theAuthority().answers())
	_, err := p.ParseFeedback(t.Context(), m(theAuthority()))
	require.Equal(t, core.Unavailable, core.KindOf(err))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := p.ParseFeedback(t.Context(), m(theAuthority())); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, w.calls, 2, "fetched once, and kept")
}

// silentLine never answers.
type silentLine struct{}

func (silentLine) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// Whoever waits for a certificate that another message has fetched waits no longer than he wants to.
func TestWaitingForACertificateEndsWithTheMessage(t *testing.T) {
	m := posted(t, theAuthority().sealed(t, notice(ipn("CHARGE", chargeNo, permissionNo))))
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, testConfig(t), silentLine{})
		began := time.Now()
		go func() { _, _ = p.ParseFeedback(t.Context(), m) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.ParseFeedback(ctx, m)
		require.Equal(t, core.Unavailable, core.KindOf(err), "%v", err)
		require.Equal(t, time.Second, time.Since(began))
		time.Sleep(fetchWithin)
	})
}

// TestCertificatesAreNotFetchedForEverybody bounds what messages of strangers can make us fetch.
func TestCertificatesAreNotFetchedForEverybody(t *testing.T) {
	p, w := receiver(t, nil)
	var err error
	for range 2 * mostFetched {
		e := notice(ipn("CHARGE", chargeNo, permissionNo))
		e["SigningCertURL"] = strings.Replace(certURL, "0123", "9999", 1)
		_, err = p.ParseFeedback(t.Context(), posted(t, theAuthority().sealed(t, e)))
	}
	require.Equal(t, core.Unavailable, core.KindOf(err))
	require.Len(t, w.calls, mostFetched)
}

// The certificate in use stays, whatever addresses strangers write in messages of no signature.
func TestNobodyPushesTheCertificateOut(t *testing.T) {
	p, w := receiver(t, nil)
	good := posted(t, theAuthority().sealed(t, notice(ipn("CHARGE", chargeNo, permissionNo))))
	_, err := p.ParseFeedback(t.Context(), good)
	require.NoError(t, err)
	for i := range mostKept + 1 {
		path := fmt.Sprintf("/SimpleNotificationService-%d.pem", i)
		w.on("GET "+path, theAuthority().answers())
		e := theAuthority().sealed(t, notice(ipn("CHARGE", chargeNo, permissionNo)))
		e["SigningCertURL"], e["MessageId"] = "https://sns.eu-west-1.amazonaws.com"+path, "another"
		_, err := p.ParseFeedback(t.Context(), posted(t, e))
		require.ErrorIs(t, err, core.ErrUnauthenticated)
	}
	before := len(w.calls)
	_, err = p.ParseFeedback(t.Context(), good)
	require.NoError(t, err)
	require.Len(t, w.calls, before)

	for name, value := range map[string]string{"TopicArn": "arn:aws:sns:eu-west-1:999999999999:mine", "Message": strings.Replace(ipn("CHARGE", chargeNo, permissionNo), "T01", "T02", 1)} {
		e := notice(ipn("CHARGE", chargeNo, permissionNo))
		e[name], e["SigningCertURL"] = value, strings.Replace(certURL, "0123", "9999", 1)
		_, err = p.ParseFeedback(t.Context(), posted(t, theAuthority().sealed(t, e)))
		require.ErrorIs(t, err, core.ErrUnauthenticated)
	}
	require.Len(t, w.calls, before, "nothing is fetched for messages to others")
}
