package api

import (
	"context"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// CreateWebhookEndpoint handles POST /v1/webhook-endpoints: 201 with the secret, which no other answer has.
func (s *Server) CreateWebhookEndpoint(ctx context.Context, r openapi.CreateWebhookEndpointRequestObject) (openapi.CreateWebhookEndpointResponseObject, error) {
	req, err := request(ctx, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.CreateEndpoint(ctx, req, core.NewEndpoint{URL: r.Body.URL, Types: eventTypes(r.Body.EventTypes), Description: r.Body.Description,
		Metadata: r.Body.Metadata}))
}

func eventTypes(list []openapi.EventType) (out []string) {
	for _, t := range list {
		out = append(out, string(t))
	}
	return out
}

// ListWebhookEndpoints handles GET /v1/webhook-endpoints.
func (s *Server) ListWebhookEndpoints(ctx context.Context, r openapi.ListWebhookEndpointsRequestObject) (openapi.ListWebhookEndpointsResponseObject, error) {
	l, err := s.checkout.Endpoints(ctx, merchantOf(ctx), count(r.Params.Limit), text(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	out := openapi.WebhookEndpointList{Object: "list", Data: []openapi.WebhookEndpoint{}, HasMore: l.Next != "", NextCursor: optional(l.Next)}
	for _, e := range l.Items {
		out.Data = append(out.Data, s.endpoint(e.View()))
	}
	return openapi.ListWebhookEndpoints200JSONResponse(out), nil
}

// GetWebhookEndpoint handles GET /v1/webhook-endpoints/{id}.
func (s *Server) GetWebhookEndpoint(ctx context.Context, r openapi.GetWebhookEndpointRequestObject) (openapi.GetWebhookEndpointResponseObject, error) {
	e, err := s.checkout.Endpoint(ctx, merchantOf(ctx), r.EndpointID)
	if err != nil {
		return nil, err
	}
	return openapi.GetWebhookEndpoint200JSONResponse(s.endpoint(e.View())), nil
}

// UpdateWebhookEndpoint handles PATCH /v1/webhook-endpoints/{id}.
func (s *Server) UpdateWebhookEndpoint(ctx context.Context, r openapi.UpdateWebhookEndpointRequestObject) (openapi.UpdateWebhookEndpointResponseObject, error) {
	change := core.EndpointChange{URL: r.Body.URL, Status: core.EndpointStatus(plain(r.Body.Status)), Description: r.Body.Description, Metadata: plain(r.Body.Metadata)}
	if r.Body.EventTypes != nil {
		list := eventTypes(*r.Body.EventTypes)
		change.Types = &list
	}
	e, err := s.checkout.UpdateEndpoint(ctx, merchantOf(ctx), r.EndpointID, change)
	if err != nil {
		return nil, err
	}
	return openapi.UpdateWebhookEndpoint200JSONResponse(s.endpoint(e.View())), nil
}

// DeleteWebhookEndpoint handles DELETE /v1/webhook-endpoints/{id}.
func (s *Server) DeleteWebhookEndpoint(ctx context.Context, r openapi.DeleteWebhookEndpointRequestObject) (openapi.DeleteWebhookEndpointResponseObject, error) {
	if err := s.checkout.DeleteEndpoint(ctx, merchantOf(ctx), r.EndpointID); err != nil {
		return nil, err
	}
	return openapi.DeleteWebhookEndpoint204Response{}, nil
}

// RotateWebhookSecret handles POST /v1/webhook-endpoints/{id}/rotate-secret: 200 with the new secret, once.
func (s *Server) RotateWebhookSecret(ctx context.Context, r openapi.RotateWebhookSecretRequestObject) (openapi.RotateWebhookSecretResponseObject, error) {
	body := openapi.RotateWebhookSecret{}
	if r.Body != nil {
		body = *r.Body
	}
	req, err := request(ctx, r.Params.IdempotencyKey, body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.RotateSecret(ctx, req, r.EndpointID, body.ExpirePrevious))
}

// RedeliverEvent handles POST /v1/events/{id}/redeliver.
func (s *Server) RedeliverEvent(ctx context.Context, r openapi.RedeliverEventRequestObject) (openapi.RedeliverEventResponseObject, error) {
	req, err := request(ctx, r.Params.IdempotencyKey, nil)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.RedeliverEvent(ctx, req, r.EventID))
}

// RedeliverToWebhookEndpoint handles POST /v1/webhook-endpoints/{id}/redeliver.
func (s *Server) RedeliverToWebhookEndpoint(ctx context.Context, r openapi.RedeliverToWebhookEndpointRequestObject) (openapi.RedeliverToWebhookEndpointResponseObject, error) {
	req, err := request(ctx, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.Redeliver(ctx, req, r.EndpointID, core.WhichEvents{IDs: r.Body.Events, From: at(r.Body.From), To: at(r.Body.To)}))
}

// ListEndpointDeliveries handles GET /v1/webhook-endpoints/{id}/deliveries.
func (s *Server) ListEndpointDeliveries(ctx context.Context, r openapi.ListEndpointDeliveriesRequestObject) (openapi.ListEndpointDeliveriesResponseObject, error) {
	l, err := s.checkout.EndpointDeliveries(ctx, merchantOf(ctx), r.EndpointID, core.DeliveryState(plain(r.Params.State)), count(r.Params.Limit), text(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return openapi.ListEndpointDeliveries200JSONResponse(deliveryList(l)), nil
}

// ListEventDeliveries handles GET /v1/events/{id}/deliveries.
func (s *Server) ListEventDeliveries(ctx context.Context, r openapi.ListEventDeliveriesRequestObject) (openapi.ListEventDeliveriesResponseObject, error) {
	l, err := s.checkout.EventDeliveries(ctx, merchantOf(ctx), r.EventID, count(r.Params.Limit), text(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return openapi.ListEventDeliveries200JSONResponse(deliveryList(l)), nil
}

// endpoint is an endpoint as the contract shows it.
func (s renderer) endpoint(v core.EndpointView) openapi.WebhookEndpoint {
	out := openapi.WebhookEndpoint{ID: v.ID, Object: "webhook_endpoint", URL: v.URL, EventTypes: []openapi.EventType{}, Status: openapi.WebhookEndpointStatus(v.Status),
		DisabledReason: optional(v.Reason), Description: optional(v.Description), Metadata: v.Metadata, FailingSince: instant(v.FailingSince), Secret: v.Secret,
		PreviousSecretExpiresAt: instant(v.PreviousEndsAt), Livemode: s.live, Version: v.Version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	for _, t := range v.Types {
		out.EventTypes = append(out.EventTypes, openapi.EventType(t))
	}
	return out
}

func deliveryList(l core.List[*core.Delivery]) openapi.DeliveryList {
	out := openapi.DeliveryList{Object: "list", Data: []openapi.Delivery{}, HasMore: l.Next != "", NextCursor: optional(l.Next)}
	for _, d := range l.Items {
		out.Data = append(out.Data, delivery(d))
	}
	return out
}

// delivery is a delivery as the contract shows it.
func delivery(d *core.Delivery) openapi.Delivery {
	out := openapi.Delivery{ID: d.ID, Object: "delivery", Event: d.EventID, EventType: openapi.EventType(d.Type), Endpoint: d.EndpointID, Payment: optional(d.PaymentID),
		State: openapi.DeliveryState(d.State), Failure: optional(d.Failure), NextTryAt: instant(d.NextAt), Tries: []openapi.DeliveryTry{}, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
	for _, t := range d.Tries {
		try := openapi.DeliveryTry{Number: int64(t.Number), At: t.At, DurationMs: t.Duration.Milliseconds(), Failure: optional(t.Failure), Answer: t.Answer}
		if status := int64(t.Status); status > 0 {
			try.Status = &status
		}
		out.Tries = append(out.Tries, try)
	}
	return out
}
