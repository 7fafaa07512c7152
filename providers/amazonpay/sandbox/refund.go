package sandbox

import (
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

const (
	refundInitiated = "RefundInitiated"
	refunded        = "Refunded"
)

// refund gives part of a captured charge back. Everything in it is under the server's lock.
type refund struct {
	owner
	status
	charge     *charge
	id         string
	amount     *price
	descriptor *string
	created    time.Time
	by, key    string
}

type refundView struct {
	RefundID            string      `json:"refundId"`
	ChargeID            string      `json:"chargeId"`
	CreationTimestamp   *string     `json:"creationTimestamp"`
	RefundAmount        *price      `json:"refundAmount"`
	StatusDetails       statusView  `json:"statusDetails"`
	SoftDescriptor      *string     `json:"softDescriptor"`
	DisbursementDetails *string     `json:"disbursementDetails"`
	ReleaseEnvironment  Environment `json:"releaseEnvironment"`
}

func (r *refund) view() refundView {
	return refundView{
		RefundID: r.id, ChargeID: r.charge.id, CreationTimestamp: stamp(r.created), RefundAmount: r.amount,
		StatusDetails: r.status.view(), SoftDescriptor: r.descriptor, ReleaseEnvironment: r.environment,
	}
}

// openRefund begins one that was checked. The caller holds the lock.
func (s *Server) openRefund(c *charge, amount *price, by, key string) *refund {
	now := s.sim.Clock.Now()
	r := &refund{
		owner: c.owner, status: status{State: refundInitiated, Updated: now}, charge: c, id: s.childID(c.orderID, "R"),
		amount: amount, created: now, by: by, key: key,
	}
	s.refunds[r.id] = r
	c.refunds = append(c.refunds, r)
	c.refunding += amount.minor()
	return r
}

// endRefund decides an open refund: Refunded, or Declined with a reason. The caller holds the lock.
func (s *Server) endRefund(r *refund, reason string) []simulator.Message {
	if r.State != refundInitiated {
		return nil
	}
	r.charge.refunding -= r.amount.minor()
	r.status = status{State: refunded, Updated: s.sim.Clock.Now()}
	if reason != "" {
		r.State, r.Reason, r.Description = chargeDeclined, reason, "The refund was declined."
	} else {
		r.charge.refunded += r.amount.minor()
		r.charge.book(effectRefund, r.amount.minor(), r.id, r.by, r.key, r.Updated)
	}
	return s.notify(r.charge.permission, objectRefund, r.id)
}
