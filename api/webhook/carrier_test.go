package webhook

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

func (w *world) carrier() *Carrier {
	g := w.guard(GuardOptions{})
	return NewCarrier(g, w.sender(g))
}

// Keys that core keeps sealed sign as the keyring they were, and go on through a rotation.
func TestCarriersSign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var got []*http.Request
		w.serve = endpoint(func(c net.Conn, r *http.Request, body []byte) {
			require.JSONEq(t, `{"type":"payment.created"}`, string(body))
			got = append(got, r)
			_, _ = io.WriteString(c, text("200 OK", "", "thanks"))
			r.Close = true
		})
		c := w.carrier()
		keys, first := c.NewKeys()
		rotated, second, until, err := c.RotateKeys(keys, time.Now())
		require.NoError(t, err)
		require.Equal(t, 24*time.Hour, time.Until(until))
		require.NotEqual(t, first, second)
		address, err := c.Check(t.Context(), shopURL)
		require.NoError(t, err)
		body := []byte(`{"type":"payment.created"}`)
		d := core.Dispatch{Event: core.Event{ID: "evt_1", Body: body}, URL: address, Keys: keys, Try: 1}
		for _, k := range [][]byte{keys, rotated} {
			d.Keys = k
			sent, err := c.Send(t.Context(), d)
			require.NoError(t, err)
			require.Equal(t, []any{core.SentDelivered, 200, "thanks", ""}, []any{sent.Outcome, sent.Status, sent.Answer, sent.Failure})
		}
		for i, texts := range [][]string{{first}, {first, second}} {
			for _, text := range texts {
				s, err := ParseSecret(text)
				require.NoError(t, err)
				require.NoError(t, reference(t, s).Verify(body, got[i].Header))
			}
		}
		again, _, _, err := c.RotateKeys(rotated, time.Now().Add(25*time.Hour))
		require.NoError(t, err)
		ring, err := unpack(again)
		require.NoError(t, err)
		require.Len(t, ring, 2, "the first one has ended")
	})
}

func TestCarriersTellWhatCameOfIt(t *testing.T) {
	for status, want := range map[string]core.SentOutcome{"503 No": core.SentFailed, "410 Gone": core.SentGone} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.serve = says(text(status, "", ""))
			c := w.carrier()
			keys, _ := c.NewKeys()
			sent, err := c.Send(t.Context(), core.Dispatch{Event: core.Event{ID: "evt_1", Body: []byte("{}")}, URL: shopURL, Keys: keys, Try: 1})
			require.NoError(t, err)
			require.Equal(t, want, sent.Outcome)
			require.Equal(t, want == core.SentFailed, !sent.Next.IsZero())
			sent, err = c.Send(t.Context(), core.Dispatch{Event: core.Event{ID: "evt_1", Body: []byte("{}")}, URL: shopURL, Keys: keys, Try: Tries})
			require.NoError(t, err)
			require.Contains(t, []core.SentOutcome{core.SentExhausted, core.SentGone}, sent.Outcome)
		})
	}
}

// What cannot be signed is not sent, and what is wrong with keys does not show them.
func TestCarriersRefuse(t *testing.T) {
	w := newWorld(t)
	c := w.carrier()
	for _, d := range []core.Dispatch{
		{Event: core.Event{ID: "evt_1", Body: []byte("{}")}, URL: shopURL, Keys: []byte("canary")},
		{Event: core.Event{ID: "evt_1", Body: []byte("{}")}, URL: shopURL, Keys: []byte(`[{"secret":"canary"}]`)},
		{Event: core.Event{ID: "evt_1", Body: []byte("{}")}, URL: shopURL, Keys: []byte(`[]`)},
	} {
		_, err := c.Send(context.Background(), d)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "canary")
	}
	_, _, _, err := c.RotateKeys([]byte("canary"), time.Now())
	require.Error(t, err)
	require.NotContains(t, err.Error(), "canary")
	_, err = c.Check(context.Background(), "https://10.0.0.1/")
	require.Equal(t, codeTarget, core.CodeOf(err))
	require.Empty(t, w.dials)
}
