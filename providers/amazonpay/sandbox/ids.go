package sandbox

import (
	"fmt"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// uuid is a drawn version 4 UUID, lower case. The caller holds the lock.
func (s *Server) uuid() string { return uuidFrom(s.sim.Random) }

// uuidFrom draws one.
func uuidFrom(r *simulator.Random) string {
	h := []byte(r.Hex(16))
	h[12], h[16] = '4', "89ab"[r.IntN(4)]
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

var regionDigits = map[string]string{"na": "1", "eu": "2", "jp": "3"}

// orderID is P or S, or B or C for agreements to come, the region, and fourteen digits; unused so far.
// The caller holds the lock.
func (s *Server) orderID(o owner, letters string) string {
	letter := letters[:1]
	if o.environment == Sandbox {
		letter = letters[1:]
	}
	for {
		id := letter + "0" + regionDigits[s.accounts[o.merchantID].Region] + "-" + s.sim.Random.Digits(7) + "-" + s.sim.Random.Digits(7)
		if s.permissions[id] == nil {
			return id
		}
	}
}

// childID is the id of a charge (C) or refund (R) of an order. The caller holds the lock.
func (s *Server) childID(orderID, letter string) string {
	for {
		id := orderID + "-" + letter + s.sim.Random.Digits(6)
		if s.charges[id] == nil && s.refunds[id] == nil {
			return id
		}
	}
}
