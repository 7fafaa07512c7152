package api

import (
	linked "container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// mostBuckets bounds the memory of buckets, about two megabytes.
const mostBuckets = 10_000

// buckets are token buckets, one for each of many sources. Only the ones used last are kept: a source that comes back
// after so many others begins with a full bucket. One process counts for itself alone. nil gives to everybody.
type buckets struct {
	every rate.Limit
	burst int
	most  int
	mu    sync.Mutex
	of    map[string]*linked.Element
	order *linked.List // of *bucket, the one used last in front
}

type bucket struct {
	source string
	tokens *rate.Limiter
}

// newBuckets give each source n tokens in a time, and at once as many as burst; nil when n is 0.
func newBuckets(n int, in time.Duration, burst int) *buckets {
	if n <= 0 {
		return nil
	}
	return &buckets{every: rate.Every(in / time.Duration(n)), burst: burst, most: mostBuckets, of: map[string]*linked.Element{}, order: linked.New()}
}

// take takes a token of source, or says how long it is until there is one.
func (b *buckets) take(source string) (wait time.Duration) {
	if b == nil {
		return 0
	}
	at := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.bucket(source).tokens.ReserveN(at, 1)
	if wait = r.DelayFrom(at); wait > 0 {
		r.CancelAt(at)
	}
	return wait
}

func (b *buckets) bucket(source string) *bucket {
	if e := b.of[source]; e != nil {
		b.order.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if oldest := b.order.Back(); b.order.Len() >= b.most {
		b.order.Remove(oldest)
		delete(b.of, oldest.Value.(*bucket).source)
	}
	fresh := &bucket{source, rate.NewLimiter(b.every, b.burst)}
	b.of[source] = b.order.PushFront(fresh)
	return fresh
}

// sourceOf is whose bucket an address takes from. Of IPv6 it is the network of 64 bits: one customer has at least that.
func sourceOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	network, _ := ip.Prefix(64)
	return network.String()
}
