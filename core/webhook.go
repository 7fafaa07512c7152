package core

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Sender carries events to the endpoints of merchants; api/webhook does. Concurrent use is safe.
type Sender interface {
	// Check is url as it is stored and called, after a look at where it leads today. An address that no event is sent
	// to is Invalid with code url_invalid or target_forbidden.
	Check(ctx context.Context, url string) (string, error)
	// NewKeys is what an endpoint's events are signed with, to be sealed, and the secret in it as the merchant gets it.
	NewKeys() (keys []byte, secret string)
	// RotateKeys puts a new secret in front; the one before signs beside it until a time. Too many in a day are a
	// Conflict with code limit_reached.
	RotateKeys(keys []byte, at time.Time) (rotated []byte, secret string, until time.Time, err error)
	// Send makes one try. An error means that there was none that counts.
	Send(ctx context.Context, d Dispatch) (Sent, error)
}

// Dispatch is an event on its way to one endpoint.
type Dispatch struct {
	Event Event // its Body is what is sent
	URL   string
	Keys  []byte // as NewKeys or RotateKeys made them
	Try   int    // 1 for the first
	// TimeScale divides the pause until the next try; see Options. 0: 1.
	TimeScale int
}

// Sent is what came of one try.
type Sent struct {
	Outcome  SentOutcome
	Failure  string // why it failed, one of the words of api/webhook; empty when it did not
	Status   int    // of the endpoint's answer; 0: there was none
	Answer   string // the beginning of the answer, redacted and inert
	At       time.Time
	Duration time.Duration
	Next     time.Time // when the next try is due; zero unless SentFailed
	Err      error     // for the log only
}

// SentOutcome is what a try means for the delivery.
type SentOutcome string

// The outcomes of a try.
const (
	SentDelivered SentOutcome = "delivered"
	SentFailed    SentOutcome = "failed"    // there will be another
	SentExhausted SentOutcome = "exhausted" // it was the last one
	SentGone      SentOutcome = "gone"      // the endpoint wants no more events
)

// WebhookEndpoint is where a merchant wants to be told.
type WebhookEndpoint struct {
	ID           string
	MerchantID   string
	URL          string
	Types        []string // of events; none: all
	Status       EndpointStatus
	Reason       string // why it is disabled: by_request, gone, failing
	Keys         []byte // what its events are signed with, sealed
	Description  string
	Metadata     map[string]string
	FailingSince time.Time // the first failure since the last success; zero: the last try succeeded
	Version      int64
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// EndpointStatus is whether an endpoint gets events.
type EndpointStatus string

// The statuses of an endpoint.
const (
	EndpointEnabled  EndpointStatus = "enabled"
	EndpointDisabled EndpointStatus = "disabled"
)

// Why an endpoint is disabled.
const (
	DisabledByRequest = "by_request"
	DisabledGone      = "gone"    // it answered 410
	DisabledFailing   = "failing" // nothing but failures for disableAfter
)

// wants reports whether the endpoint gets events of this type.
func (e *WebhookEndpoint) wants(kind string) bool {
	return e.Status == EndpointEnabled && (len(e.Types) == 0 || slices.Contains(e.Types, kind))
}

// disableAfter is how long an endpoint may do nothing but fail at the usual pace, counted from the first failure since its last
// success.
const disableAfter = 7 * 24 * time.Hour

// maxEndpoints is how many endpoints a merchant has at most.
const maxEndpoints = 100

// EndpointView is an endpoint as merchants see it. Secret is there once, when it is made.
type EndpointView struct {
	ID             string            `json:"id"`
	URL            string            `json:"url"`
	Types          []string          `json:"event_types"`
	Status         EndpointStatus    `json:"status"`
	Reason         string            `json:"disabled_reason,omitempty"`
	Description    string            `json:"description,omitempty"`
	Metadata       map[string]string `json:"metadata"`
	FailingSince   time.Time         `json:"failing_since,omitzero"`
	Secret         string            `json:"secret,omitempty"`
	PreviousEndsAt time.Time         `json:"previous_secret_expires_at,omitzero"` // with a rotated Secret
	Version        int64             `json:"version"`
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`
}

// View is e as merchants see it.
func (e *WebhookEndpoint) View() EndpointView {
	return EndpointView{ID: e.ID, URL: e.URL, Types: e.Types, Status: e.Status, Reason: e.Reason, Description: e.Description, Metadata: e.Metadata,
		FailingSince: e.FailingSince, Version: e.Version, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt}
}

// NewEndpoint is what POST /v1/webhook-endpoints asks for.
type NewEndpoint struct {
	URL         string
	Types       []string
	Description string
	Metadata    map[string]string
}

// CreateEndpoint registers an endpoint; the answer has its secret. An address the merchant has already is Invalid with
// code url_invalid, the one endpoint too many a Conflict with code limit_reached.
func (c *Checkout) CreateEndpoint(ctx context.Context, r Request, in NewEndpoint) (Answer, error) {
	if a, err := c.replaySealed(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	if c.merchants[r.MerchantID] == nil {
		return Answer{}, &Error{Kind: Forbidden, Code: "forbidden", Message: "the merchant is not configured"}
	}
	url, err := c.checkEndpoint(ctx, in.URL)
	if err != nil {
		return Answer{}, err
	}
	at := now()
	keys, secret := c.sender.NewKeys()
	e := &WebhookEndpoint{ID: newID(prefixEndpoint), MerchantID: r.MerchantID, URL: url, Types: distinct(in.Types), Status: EndpointEnabled,
		Description: in.Description, Metadata: in.Metadata, Version: 1, CreatedAt: at, UpdatedAt: at}
	e.Keys = c.tokens.seal(purposeKeys, e.ID, keys)
	view := e.View()
	view.Secret = secret
	a := Answer{Status: 201, Kind: "webhook_endpoint", Snapshot: snapshot(view)}
	err = c.store.Do(ctx, "endpoints "+r.MerchantID, func(tx Tx) error {
		if err := r.settle(tx, c.tokens.sealAnswer(r.scope(), a), at); err != nil {
			return err
		}
		return tx.InsertWebhookEndpoint(e, maxEndpoints)
	})
	return a, err
}

const purposeKeys = "webhook keys"

// checkEndpoint is what the sender says about an address of a request.
func (c *Checkout) checkEndpoint(ctx context.Context, url string) (string, error) {
	if c.sender == nil {
		return "", &Error{Kind: Unavailable, Op: "core.checkEndpoint", Message: "this installation sends no events"}
	}
	checked, err := c.sender.Check(ctx, url)
	if e, ok := errors.AsType[*Error](err); ok {
		told := *e
		told.Pointer = "/url"
		return "", &told
	}
	return checked, err
}

func distinct(types []string) []string {
	out := slices.Clone(types)
	slices.Sort(out)
	return slices.Compact(out)
}

// settle stores the answer of a request that needs no call, in the transaction of its effect.
func (r Request) settle(tx Tx, a Answer, at time.Time) error {
	existing, err := tx.Claim(&IdempotencyRecord{IdempotencyScope: r.scope(), Fingerprint: r.Fingerprint, Done: true, Answer: a, CreatedAt: at})
	if err == nil && existing != nil {
		return conflict("idempotency_in_progress", "the first request with this Idempotency-Key is still running")
	}
	return err
}

// replaySealed is replay for answers that show a secret.
func (c *Checkout) replaySealed(ctx context.Context, r Request) (*Answer, error) {
	a, err := c.replay(ctx, r)
	if a == nil || err != nil {
		return nil, err
	}
	opened, err := c.tokens.openAnswer(r.scope(), *a)
	return &opened, err
}

// Endpoint reads an endpoint.
func (c *Checkout) Endpoint(ctx context.Context, merchant, id string) (*WebhookEndpoint, error) {
	if merchant == "" || !validID(prefixEndpoint, id) {
		return nil, notFound("webhook endpoint")
	}
	return c.store.WebhookEndpoint(ctx, merchant, id)
}

// Endpoints lists a merchant's endpoints.
func (c *Checkout) Endpoints(ctx context.Context, merchant string, limit int, cursor string) (List[*WebhookEndpoint], error) {
	p, err := c.page(merchant, prefixEndpoint, limit, cursor)
	if err != nil {
		return List[*WebhookEndpoint]{}, err
	}
	items, err := c.store.WebhookEndpoints(ctx, merchant, p)
	return listOf(c, merchant, p, items, func(e *WebhookEndpoint) string { return e.ID }), err
}

// EndpointChange is what PATCH /v1/webhook-endpoints/{id} changes; what is nil stays.
type EndpointChange struct {
	URL         *string
	Types       *[]string
	Status      EndpointStatus // empty: stays
	Description *string
	Metadata    map[string]string
}

// UpdateEndpoint changes an endpoint. Enabling one forgets why it was disabled; what it missed meanwhile is sent when
// somebody asks for it.
func (c *Checkout) UpdateEndpoint(ctx context.Context, merchant, id string, change EndpointChange) (*WebhookEndpoint, error) {
	if change.URL != nil {
		if _, err := c.Endpoint(ctx, merchant, id); err != nil {
			return nil, err
		}
		url, err := c.checkEndpoint(ctx, *change.URL)
		if err != nil {
			return nil, err
		}
		change.URL = &url
	}
	return c.changeEndpoint(ctx, merchant, id, func(_ Tx, e *WebhookEndpoint) error {
		change.apply(e)
		return nil
	})
}

func (change EndpointChange) apply(e *WebhookEndpoint) {
	if change.URL != nil && *change.URL != e.URL {
		e.URL, e.FailingSince = *change.URL, time.Time{} // nobody knows yet how the new one does
	}
	if change.Types != nil {
		e.Types = distinct(*change.Types)
	}
	if change.Description != nil {
		e.Description = *change.Description
	}
	if change.Metadata != nil {
		e.Metadata = change.Metadata
	}
	switch {
	case change.Status == EndpointEnabled && e.Status != EndpointEnabled:
		e.Status, e.Reason, e.FailingSince = EndpointEnabled, "", time.Time{}
	case change.Status == EndpointDisabled && e.Status != EndpointDisabled:
		e.Status, e.Reason = EndpointDisabled, DisabledByRequest
	}
}

// changeEndpoint loads an endpoint inside a job, lets fn change it and stores it.
func (c *Checkout) changeEndpoint(ctx context.Context, merchant, id string, fn func(Tx, *WebhookEndpoint) error) (*WebhookEndpoint, error) {
	if merchant == "" || !validID(prefixEndpoint, id) {
		return nil, notFound("webhook endpoint")
	}
	var stored *WebhookEndpoint
	err := c.store.Do(ctx, id, func(tx Tx) error {
		e, err := tx.WebhookEndpoint(ctx, merchant, id)
		if err != nil {
			return err
		}
		e.Version++
		e.UpdatedAt = now()
		if err := fn(tx, e); err != nil {
			return err
		}
		stored = e
		return tx.UpdateWebhookEndpoint(e)
	})
	return stored, err
}

// DeleteEndpoint ends an endpoint; what it was to be sent is not sent any more. What was sent stays to be read with the
// event.
func (c *Checkout) DeleteEndpoint(ctx context.Context, merchant, id string) error {
	if merchant == "" || !validID(prefixEndpoint, id) {
		return notFound("webhook endpoint")
	}
	return c.store.Do(ctx, id, func(tx Tx) error { return tx.DeleteWebhookEndpoint(merchant, id) })
}

// RotateSecret gives an endpoint a new secret, which the answer has. For a day events bear two signatures, of the new
// one and the one before; with alone, for a secret that others have seen, no earlier one signs from now on.
func (c *Checkout) RotateSecret(ctx context.Context, r Request, id string, alone bool) (Answer, error) {
	if a, err := c.replaySealed(ctx, r); a != nil || err != nil {
		return deref(a), err
	}
	if c.sender == nil {
		return Answer{}, &Error{Kind: Unavailable, Op: "core.RotateSecret", Message: "this installation sends no events"}
	}
	var a Answer
	_, err := c.changeEndpoint(ctx, r.MerchantID, id, func(tx Tx, e *WebhookEndpoint) error {
		keys, err := c.tokens.open(purposeKeys, e.ID, e.Keys)
		if err != nil { // sealed under a lost key: none of it signs any more
			keys, _ = c.sender.NewKeys()
		}
		var until time.Time
		rotated, secret := c.sender.NewKeys()
		if !alone {
			if rotated, secret, until, err = c.sender.RotateKeys(keys, e.UpdatedAt); err != nil {
				return err
			}
		}
		e.Keys = c.tokens.seal(purposeKeys, e.ID, rotated)
		view := e.View()
		view.Secret, view.PreviousEndsAt = secret, until
		a = Answer{Status: 200, Kind: "webhook_endpoint", Snapshot: snapshot(view)}
		return r.settle(tx, c.tokens.sealAnswer(r.scope(), a), e.UpdatedAt)
	})
	return a, err
}
