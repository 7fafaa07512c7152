package core_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// hung is a provider whose answers to questions never come.
type hung struct {
	*coretest.Provider
	asking bool
}

func (h *hung) Query(ctx context.Context, _ core.QueryInput) (core.Snapshot, error) {
	h.asking = core.Asking(ctx)
	<-ctx.Done()
	return core.Snapshot{}, ctx.Err()
}

func (h *hung) Reachability() core.Reachability {
	return core.Reachability{Calls: core.BreakerClosed, Queries: core.BreakerOpen}
}

func TestAQuestionIsGivenUpSoonerThanACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		h := &hung{Provider: d.provider}
		d.openWith(h, nil)
		began := time.Now()
		_, err := d.Sync(t.Context(), "m", v.ID)
		require.Equal(t, core.Unavailable, core.KindOf(err))
		require.Equal(t, 15*time.Second, time.Since(began))
		require.True(t, h.asking, "it is known to be a question")
		require.Equal(t, h.Reachability(), d.account.Reachability())
	})
}
