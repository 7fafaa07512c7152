package core

import (
	"context"
	"time"
)

// sendsAtOnce is how many tries run at a time, of which one endpoint has lanesMost, and one merchant merchantMost.
const sendsAtOnce = 64

// sendGrace is how long tries that run may go on when the process stops.
const sendGrace = 2 * time.Second

// outbox writes, in the transaction of the events, a delivery and its work for each endpoint of the merchant that wants
// them. What it returns is to be handed over after the commit.
func (c *Checkout) outbox(tx Tx, merchant string, events []Event) (letters []Work, err error) {
	if len(events) == 0 || c == nil || c.sender == nil {
		return nil, nil
	}
	endpoints, err := tx.WebhookEndpoints(context.Background(), merchant, Page{Limit: maxEndpoints})
	if err != nil {
		return nil, err
	}
	var list []*Delivery
	for _, e := range events {
		for _, endpoint := range endpoints {
			if endpoint.wants(e.Type) {
				list = append(list, newDelivery(endpoint, e, e.CreatedAt))
			}
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	if err := tx.InsertDeliveries(list); err != nil {
		return nil, err
	}
	for _, d := range list {
		w, _, err := c.desk.plan(tx, WorkDeliver, d.ID)
		if err != nil {
			return nil, err
		}
		letters = append(letters, w)
	}
	return letters, nil
}

// deliver makes the next try of a delivery and stores what came of it. The event is sent before that is stored: a
// process that dies in between sends it once more, with the same id.
func (c *Checkout) deliver(ctx context.Context, w Work) error {
	d, err := c.store.Delivery(ctx, w.Subject)
	if err != nil {
		return err
	}
	if d.State != DeliveryPending {
		return c.drop(ctx, w)
	}
	e, err := c.store.WebhookEndpoint(ctx, "", d.EndpointID)
	if KindOf(err) == NotFound && err != nil || err == nil && e.Status != EndpointEnabled {
		return c.giveUp(ctx, w, d)
	}
	if err != nil {
		return err
	}
	if pause := c.lanes.enter(e, now()); pause > 0 {
		return c.postpone(ctx, w, pause)
	}
	sent, err := c.send(ctx, d, e)
	c.lanes.leave(e, sent, now())
	if CodeOf(err) == codeSealed {
		return c.unsigned(ctx, w, d, e)
	}
	if err != nil {
		return err
	}
	return c.record(ctx, w, d, e, sent)
}

// unsigned notes on a delivery and its endpoint that nothing can be signed: the endpoint's secret was sealed under another
// secret_key. It is no try, and looked at again less and less often: the merchant may change the secret, and the operator
// may give the right key back.
func (c *Checkout) unsigned(ctx context.Context, w Work, d *Delivery, e *WebhookEndpoint) error {
	if d.Failure != FailureSealed {
		c.log.ErrorContext(ctx, "webhooks cannot be signed: the secret of the endpoint was sealed under another secret_key; give that key back, or have the merchant rotate the secret", "endpoint", e.ID, "merchant", e.MerchantID)
	}
	w.Tries++
	w.DueAt = now().Add(c.pace.wait(w.Tries))
	after := *d
	after.Failure, after.NextAt, after.UpdatedAt = FailureSealed, w.DueAt, now()
	err := c.store.Do(ctx, d.ID, func(tx Tx) error {
		if current, err := tx.SaveDelivery(&after, nil); !current || err != nil {
			return err
		}
		if e.FailingSince.IsZero() {
			if err := tx.MarkEndpoint(e, now()); err != nil {
				return err
			}
		}
		return tx.Again(w)
	})
	if err == nil {
		c.desk.dueAt(w.DueAt)
	}
	return err
}

// send makes a try. A stop of the process lets it go on for a moment.
func (c *Checkout) send(ctx context.Context, d *Delivery, e *WebhookEndpoint) (Sent, error) {
	event, err := c.store.Event(ctx, d.MerchantID, d.EventID)
	if err != nil {
		return Sent{}, err
	}
	keys, err := c.tokens.open(purposeKeys, e.ID, e.Keys)
	if err != nil {
		return Sent{}, err
	}
	try, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(sendGrace, cancel) })()
	return c.sender.Send(try, Dispatch{Event: c.Told(event), URL: e.URL, Keys: keys, Try: d.Sent - d.Earlier + 1, TimeScale: int(c.pace)})
}

// postpone puts a delivery off whose endpoint is busy or out of order. It is no try.
func (c *Checkout) postpone(ctx context.Context, w Work, pause time.Duration) error {
	w.DueAt = now().Add(pause)
	err := c.store.Do(ctx, w.Subject, func(tx Tx) error { return tx.Again(w) })
	if err == nil {
		c.desk.dueAt(w.DueAt)
	}
	return err
}

// giveUp ends a delivery whose endpoint gets nothing any more.
func (c *Checkout) giveUp(ctx context.Context, w Work, d *Delivery) error {
	c.lanes.forget(d.EndpointID)
	d.State, d.Failure, d.NextAt, d.UpdatedAt = DeliveryFailed, FailureDisabled, time.Time{}, now()
	return c.store.Do(ctx, d.ID, func(tx Tx) error {
		if current, err := tx.SaveDelivery(d, nil); !current || err != nil {
			return err
		}
		return tx.Done(w)
	})
}

// record stores a try, what it means for the delivery and the endpoint, and when the next one is due, in one
// transaction under the fence of the work.
func (c *Checkout) record(ctx context.Context, w Work, d *Delivery, e *WebhookEndpoint, sent Sent) error {
	ctx = context.WithoutCancel(ctx) // the endpoint has it, or has refused it, whoever stops now
	try := &DeliveryTry{DeliveryID: d.ID, At: sent.At, Duration: sent.Duration, Status: sent.Status, Failure: sent.Failure, Answer: sent.Answer}
	after := *d
	after.Failure, after.NextAt, after.UpdatedAt = sent.Failure, sent.Next, now()
	after.State = stateAfter(sent.Outcome)
	w.Tries, w.DueAt = w.Tries+1, sent.Next
	disabled := ""
	err := c.store.Do(ctx, d.ID, func(tx Tx) (err error) {
		current, err := tx.SaveDelivery(&after, try)
		if err != nil {
			return err
		}
		disabled, err = judge(tx, e, sent, c.pace.of(disableAfter))
		switch {
		case !current || err != nil: // who asked for it again has planned what is next
			return err
		case after.State == DeliveryPending:
			return tx.Again(w)
		default:
			return tx.Done(w)
		}
	})
	if err != nil {
		return err
	}
	if disabled != "" {
		c.log.ErrorContext(ctx, "webhook endpoint disabled", "endpoint", e.ID, "merchant", e.MerchantID, "reason", disabled, "failing_since", e.FailingSince)
	}
	if sent.Outcome != SentDelivered {
		c.log.InfoContext(ctx, "webhook not delivered", "delivery", d.ID, "endpoint", e.ID, "try", try.Number, "failure", sent.Failure, "status", sent.Status, "next", sent.Next, "error", sent.Err)
	}
	if after.State == DeliveryPending {
		c.desk.dueAt(w.DueAt)
	}
	return nil
}

func stateAfter(o SentOutcome) DeliveryState {
	switch o {
	case SentDelivered:
		return DeliverySucceeded
	case SentFailed:
		return DeliveryPending
	default:
		return DeliveryFailed
	}
}

// judge notes on the endpoint that it works, or since when it does not, and disables it when it says so or has done
// nothing but fail for as long as patience, all at the address that was called. disabled says why, empty when it is not.
func judge(tx Tx, e *WebhookEndpoint, sent Sent, patience time.Duration) (disabled string, err error) {
	switch {
	case sent.Outcome == SentDelivered && e.FailingSince.IsZero():
		return "", nil
	case sent.Outcome == SentDelivered:
		return "", tx.MarkEndpoint(e, time.Time{})
	case sent.Outcome == SentGone:
		disabled = DisabledGone
	case e.FailingSince.IsZero():
		return "", tx.MarkEndpoint(e, sent.At)
	case sent.At.Sub(e.FailingSince) >= patience:
		disabled = DisabledFailing
	default:
		return "", nil
	}
	done, err := tx.DisableEndpoint(e, disabled, sent.At)
	if !done || err != nil {
		disabled = ""
	}
	return disabled, err
}
