package core

import (
	"context"
	"strconv"
	"time"
)

// Delivery is one event on its way to one endpoint, whatever number of tries that takes.
type Delivery struct {
	ID         string
	MerchantID string
	EndpointID string
	EventID    string
	PaymentID  string
	Type       string // of the event
	State      DeliveryState
	Sent       int       // tries in all
	Earlier    int       // of them before it was asked for again: the schedule counts from there
	Asked      int       // how often it was asked for again
	Failure    string    // why the last try failed, or why there was none; empty when it did not
	NextAt     time.Time // when the next try is due; zero: there is none
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Tries      []DeliveryTry // the first one first; only lists have them
}

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery. None of them loses the event: it is kept and can be asked for again.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliverySucceeded DeliveryState = "succeeded"
	DeliveryFailed    DeliveryState = "failed"
)

// FailureDisabled is the Failure of a delivery whose endpoint was disabled or deleted before it had the event.
const FailureDisabled = "endpoint_disabled"

// FailureSealed is the Failure of a delivery that cannot be signed, because the endpoint's secret was sealed under another
// secret_key than the program has now.
const FailureSealed = "secret_sealed"

// DeliveryTry is one try of a delivery, as it is kept.
type DeliveryTry struct {
	DeliveryID string
	Number     int // from 1, also when it was asked for again
	At         time.Time
	Duration   time.Duration
	Status     int    // of the endpoint's answer; 0: there was none
	Failure    string // empty when it succeeded
	Answer     string // the beginning of the endpoint's answer: redacted, inert, and still text of a stranger
}

// EventTry is a try of a delivery, with what was sent where.
type EventTry struct {
	EventID    string
	Type       string // of the event
	EndpointID string
	DeliveryTry
}

// moment is the try as a line of a payment's timeline.
func (t EventTry) moment() Moment {
	came := map[string]any{"event": t.EventID, "endpoint": t.EndpointID, "delivery": t.DeliveryID, "try": t.Number, "status": nil, "failure": nil,
		"duration_ms": t.Duration.Milliseconds()}
	title := t.Type + " sent: no answer"
	if t.Status > 0 {
		came["status"], title = t.Status, t.Type+" sent: "+strconv.Itoa(t.Status)
	}
	if t.Failure != "" {
		came["failure"] = t.Failure
	}
	return Moment{t.At, "webhook", title, detail(came)}
}

// DeliveryQuery filters deliveries.
type DeliveryQuery struct {
	Page
	Endpoint string
	Event    string
	State    DeliveryState
}

// EndpointDeliveries lists what was or is to be sent to an endpoint, newest first, with every try.
func (c *Checkout) EndpointDeliveries(ctx context.Context, merchant, id string, state DeliveryState, limit int, cursor string) (List[*Delivery], error) {
	if _, err := c.Endpoint(ctx, merchant, id); err != nil {
		return List[*Delivery]{}, err
	}
	return c.deliveries(ctx, merchant, DeliveryQuery{Endpoint: id, State: state}, limit, cursor)
}

// EventDeliveries lists where an event was or is to be sent, newest first, with every try.
func (c *Checkout) EventDeliveries(ctx context.Context, merchant, id string, limit int, cursor string) (List[*Delivery], error) {
	if _, err := c.Event(ctx, merchant, id); err != nil {
		return List[*Delivery]{}, err
	}
	return c.deliveries(ctx, merchant, DeliveryQuery{Event: id}, limit, cursor)
}

func (c *Checkout) deliveries(ctx context.Context, merchant string, q DeliveryQuery, limit int, cursor string) (List[*Delivery], error) {
	var err error
	if q.Page, err = c.page(merchant, prefixDelivery, limit, cursor); err != nil {
		return List[*Delivery]{}, err
	}
	items, err := c.store.Deliveries(ctx, merchant, q)
	return listOf(c, merchant, q.Page, items, func(d *Delivery) string { return d.ID }), err
}
