package sandbox

import (
	"net/http"
	"time"
)

// bucketSize is the documented limit of an operation: how many calls at once, and how many more each second.
type bucketSize struct{ most, perSecond int64 }

// bucket is what one account has left of one operation.
type bucket struct {
	left int64 // thousandths of a call
	at   time.Time
}

// throttled takes one call out of an account's bucket, or refuses. The caller holds the lock.
func (s *Server) throttled(c *call, op *operation) *refusal {
	size := op.limits[0]
	if c.environment == Sandbox {
		size = op.limits[1]
	}
	if !s.config.Throttle || size.most == 0 {
		return nil
	}
	const whole = 1000
	now := s.sim.Clock.Now()
	k := c.merchantID + "/" + string(c.environment) + "/" + op.name
	b := s.buckets[k]
	if b == nil {
		b = &bucket{left: size.most * whole, at: now}
		s.buckets[k] = b
	}
	b.left = min(size.most*whole, b.left+now.Sub(b.at).Milliseconds()*size.perSecond)
	b.at = now
	if b.left < whole {
		return refuse(http.StatusTooManyRequests, "TooManyRequests", "%s is called too often.", op.name)
	}
	b.left -= whole
	return nil
}
