package api

import (
	"context"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// ListEvents handles GET /v1/events.
func (s *Server) ListEvents(ctx context.Context, r openapi.ListEventsRequestObject) (openapi.ListEventsResponseObject, error) {
	q := core.EventQuery{Payment: text(r.Params.Payment), Type: text(r.Params.Type), From: at(r.Params.From), To: at(r.Params.To)}
	l, err := s.checkout.Events(ctx, merchantOf(ctx), q, count(r.Params.Limit), text(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	out := openapi.EventList{Object: "list", Data: []openapi.Event{}, HasMore: l.Next != "", NextCursor: optional(l.Next)}
	for _, e := range l.Items {
		shown, err := s.event(e)
		if err != nil {
			return nil, err
		}
		out.Data = append(out.Data, shown)
	}
	return openapi.ListEvents200JSONResponse(out), nil
}

// GetEvent handles GET /v1/events/{id}.
func (s *Server) GetEvent(ctx context.Context, r openapi.GetEventRequestObject) (openapi.GetEventResponseObject, error) {
	e, err := s.checkout.Event(ctx, merchantOf(ctx), r.EventID)
	if err != nil {
		return nil, err
	}
	shown, err := s.event(e)
	if err != nil {
		return nil, err
	}
	return openapi.GetEvent200JSONResponse(shown), nil
}
