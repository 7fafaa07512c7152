package api

import (
	"context"
	"encoding/json"
	"net/http"

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
	out := eventList{Object: "list", Data: []json.RawMessage{}, HasMore: l.Next != "", NextCursor: optional(l.Next)}
	for _, e := range l.Items {
		out.Data = append(out.Data, e.Body)
	}
	return out, nil
}

// eventList is openapi.EventList with each event as it was frozen, not as this version would put it.
type eventList struct {
	Object     string            `json:"object"`
	Data       []json.RawMessage `json:"data"`
	HasMore    bool              `json:"has_more"`
	NextCursor *string           `json:"next_cursor"`
}

// VisitListEventsResponse writes the answer.
func (l eventList) VisitListEventsResponse(w http.ResponseWriter) error {
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return frozen(body).VisitGetEventResponse(w)
}

// frozen is an event as it was frozen.
type frozen []byte

// VisitGetEventResponse writes the answer: the bytes that webhooks send.
func (f frozen) VisitGetEventResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(f)
	return err
}

// GetEvent handles GET /v1/events/{id}.
func (s *Server) GetEvent(ctx context.Context, r openapi.GetEventRequestObject) (openapi.GetEventResponseObject, error) {
	e, err := s.checkout.Event(ctx, merchantOf(ctx), r.EventID)
	if err != nil {
		return nil, err
	}
	return frozen(e.Body), nil
}
