package core

import (
	"context"
	"strconv"
	"time"
)

// WhichEvents names events to be sent again: by their ids, or those of a time.
type WhichEvents struct {
	IDs      []string
	From, To time.Time // both included; a zero To is now
}

// Redelivery is how much is sent again. NextFrom is where a range goes on, zero at its end.
type Redelivery struct {
	Deliveries int       `json:"deliveries"`
	NextFrom   time.Time `json:"next_from,omitzero"`
}

func redelivered(v Redelivery) Answer {
	return Answer{Status: 200, Kind: "redelivery", Snapshot: snapshot(v)}
}

// RedeliverEvent sends an event again to every enabled endpoint that wants it, with the same id and body.
func (c *Checkout) RedeliverEvent(ctx context.Context, r Request, id string) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	if r.MerchantID == "" || !validID(prefixEvent, id) {
		return Answer{}, notFound("event")
	}
	var a Answer
	err := c.store.Do(ctx, id, func(tx Tx) error {
		e, err := tx.Event(ctx, r.MerchantID, id)
		if err != nil {
			return err
		}
		endpoints, err := tx.WebhookEndpoints(ctx, r.MerchantID, Page{Limit: maxEndpoints})
		if err != nil {
			return err
		}
		at, v := now(), Redelivery{}
		for _, endpoint := range endpoints {
			if !endpoint.wants(e.Type) {
				continue
			}
			if err := again(tx, endpoint, e, at); err != nil {
				return err
			}
			c.lanes.hurry(endpoint.ID)
			v.Deliveries++
		}
		a = redelivered(v)
		return r.settle(tx, a, at)
	})
	if err == nil {
		c.desk.dueAt(now())
	}
	return a, err
}

// again makes the delivery of e to endpoint due now, with the schedule from its beginning.
func again(tx Tx, endpoint *WebhookEndpoint, e Event, at time.Time) error {
	id, err := tx.Redeliver(newDelivery(endpoint, e, at))
	if err != nil {
		return err
	}
	return tx.Plan(Work{Kind: WorkDeliver, Subject: id, DueAt: at})
}

func newDelivery(endpoint *WebhookEndpoint, e Event, at time.Time) *Delivery {
	return &Delivery{ID: newID(prefixDelivery), MerchantID: e.MerchantID, EndpointID: endpoint.ID, EventID: e.ID, PaymentID: e.PaymentID, Type: e.Type,
		State: DeliveryPending, NextAt: at, CreatedAt: at, UpdatedAt: at}
}

// A range is sent again in steps, each its own transaction, so that nobody waits long; a request takes so many of them.
const (
	redeliverStep = 100
	redeliverMost = 1000
)

// Redeliver sends events again to one endpoint: those named, or up to 1,000 of a time.
func (c *Checkout) Redeliver(ctx context.Context, r Request, id string, which WhichEvents) (Answer, error) {
	if a, err := c.replay(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	e, err := c.Endpoint(ctx, r.MerchantID, id)
	if err != nil {
		return Answer{}, err
	}
	if e.Status != EndpointEnabled {
		return Answer{}, conflict("state_invalid", "the webhook endpoint is disabled; enable it first")
	}
	events, next, err := c.chosen(ctx, e, which)
	if err != nil {
		return Answer{}, err
	}
	a := redelivered(Redelivery{Deliveries: len(events), NextFrom: next})
	c.lanes.hurry(e.ID)
	for {
		step := events[:min(redeliverStep, len(events))]
		events = events[len(step):]
		err := c.store.Do(ctx, e.ID, func(tx Tx) error {
			at := now()
			for _, event := range step {
				if err := again(tx, e, event, at); err != nil {
					return err
				}
			}
			if len(events) > 0 {
				return nil
			}
			return r.settle(tx, a, at)
		})
		if err != nil {
			return Answer{}, err // what is due is due; the same request makes it due again, and the rest
		}
		c.desk.dueAt(now())
		if len(events) == 0 {
			return a, nil
		}
	}
}

// chosen are the events to be sent again, and where their range goes on.
func (c *Checkout) chosen(ctx context.Context, e *WebhookEndpoint, which WhichEvents) (events []Event, next time.Time, err error) {
	if which.From.IsZero() {
		events, err = c.named(ctx, e.MerchantID, which.IDs)
		return events, time.Time{}, err
	}
	q := EventSpan{From: which.From, To: which.To, Types: e.Types, Limit: redeliverMost}
	if q.To.IsZero() {
		q.To = now()
	}
	if q.To.Before(q.From) {
		return nil, time.Time{}, invalid("field_invalid", "/to", "it is before from")
	}
	events, err = c.store.EventsAfter(ctx, e.MerchantID, q)
	if len(events) == redeliverMost {
		next = events[redeliverMost-1].CreatedAt // once more rather than not at all
	}
	return events, next, err
}

func (c *Checkout) named(ctx context.Context, merchant string, ids []string) (out []Event, err error) {
	for i, id := range ids {
		e, err := c.store.Event(ctx, merchant, id)
		if KindOf(err) == NotFound && err != nil {
			return nil, invalid("field_invalid", "/events/"+strconv.Itoa(i), "there is no such event")
		}
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
