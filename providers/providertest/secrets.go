package providertest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/simulator"
)

var secrets = []subject{
	{"secrets/in exchanges, errors and prints", testSecrets},
	{"secrets/every call is recorded once", testRecorded},
}

func testSecrets(t *testing.T, s *shop) {
	s.story()
	seen := []string{fmt.Sprintf("%v %+v %#v", s.p, s.p, s.p), fmt.Sprintf("%+v", s.payment.Facts)}
	refund := func(ctx context.Context) error { _, err := s.refund(ctx, 1); return err }
	for _, loss := range losses {
		s.fault(core.OpRefund, loss.action)
		err := refund(t.Context())
		require.Error(t, err)
		seen = append(seen, err.Error(), fmt.Sprintf("%+v", err))
	}
	for _, m := range []core.Message{{Body: []byte(strings.Join(s.Secrets(), "&"))}, {}} {
		_, err := s.p.ParseFeedback(t.Context(), m)
		require.Error(t, err)
		seen = append(seen, fmt.Sprintf("%+v", err))
	}
	require.NotEmpty(t, s.Kept())
	for _, e := range s.Kept() {
		seen = append(seen, fmt.Sprintf("%+v", e))
	}
	require.NotEmpty(t, s.Secrets())
	for _, secret := range s.Secrets() {
		for _, text := range seen {
			require.NotContains(t, text, secret)
		}
	}
}

func testRecorded(t *testing.T, s *shop) {
	s.story()
	s.fault(core.OpRefund, simulator.DropBefore)
	_, err := s.refund(t.Context(), 1)
	require.Error(t, err)
	require.Len(t, s.Kept(), len(s.Sent()))
	for _, e := range s.Kept() {
		require.NotEmpty(t, e.URL)
		require.True(t, e.Request != "" || e.Method == http.MethodGet)
		require.True(t, e.Response != "" || e.Error != "")
	}
}
