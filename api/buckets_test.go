package api

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABucketIsEmptiedAndFillsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(10, time.Minute, 3)
		for range 3 {
			require.Zero(t, b.take("a"))
		}
		for range 100 { // asking for what is not there costs nothing
			require.Equal(t, 6*time.Second, b.take("a"))
		}
		require.Zero(t, b.take("b"), "another source has its own")
		time.Sleep(5 * time.Second)
		require.Equal(t, time.Second, b.take("a"))
		time.Sleep(time.Second)
		require.Zero(t, b.take("a"))
		require.Positive(t, b.take("a"))
		time.Sleep(time.Hour)
		for range 3 {
			require.Zero(t, b.take("a"))
		}
		require.Positive(t, b.take("a"), "no more than the burst is saved up")
	})
}

// Any number of sources takes no more memory than the ones kept, and those in use stay.
func TestBucketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(1, time.Hour, 1)
		require.Zero(t, b.take("busy"))
		for n := range 5 * mostBuckets {
			require.Zero(t, b.take(fmt.Sprint(n)))
			if n%(mostBuckets/2) == 0 {
				require.Positive(t, b.take("busy"), "it was forgotten")
			}
		}
		require.Len(t, b.of, mostBuckets)
		require.Equal(t, mostBuckets, b.order.Len())
		require.Zero(t, b.take("0"), "what was not used for longest made room")
	})
}

func TestNoLimitGivesToEverybody(t *testing.T) {
	require.Zero(t, newBuckets(0, time.Second, 0).take("a"))
}

func TestSourceOf(t *testing.T) {
	for address, want := range map[string]string{"203.0.113.9": "203.0.113.9", "::ffff:203.0.113.9": "203.0.113.9", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::1": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "proxy.example": "", "203.0.113.9:80": ""} {
		require.Equal(t, want, sourceOf(address), address)
	}
}
