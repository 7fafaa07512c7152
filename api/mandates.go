package api

import (
	"context"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// ListMandates handles GET /v1/mandates.
func (s *Server) ListMandates(ctx context.Context, r openapi.ListMandatesRequestObject) (openapi.ListMandatesResponseObject, error) {
	l, err := s.checkout.Mandates(ctx, merchantOf(ctx), core.MandateStatus(plain(r.Params.Status)), count(r.Params.Limit), text(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	out := openapi.MandateList{Object: "list", Data: []openapi.Mandate{}, HasMore: l.Next != "", NextCursor: optional(l.Next)}
	for _, m := range l.Items {
		out.Data = append(out.Data, s.mandate(m.View()))
	}
	return openapi.ListMandates200JSONResponse(out), nil
}

// GetMandate handles GET /v1/mandates/{id}.
func (s *Server) GetMandate(ctx context.Context, r openapi.GetMandateRequestObject) (openapi.GetMandateResponseObject, error) {
	m, err := s.checkout.Mandate(ctx, merchantOf(ctx), r.MandateID)
	if err != nil {
		return nil, err
	}
	shown := s.mandate(m.View())
	if m.Status == core.MandateRequiresAction { // what the buyer has to do is the payment's
		p, err := s.checkout.Payment(ctx, merchantOf(ctx), m.PaymentID, false)
		if err != nil {
			return nil, err
		}
		shown.NextAction = s.nextAction(p.View())
	}
	return openapi.GetMandate200JSONResponse(shown), nil
}

// CancelMandate handles POST /v1/mandates/{id}/cancel: 200, or 202 while the outcome is open.
func (s *Server) CancelMandate(ctx context.Context, r openapi.CancelMandateRequestObject) (openapi.CancelMandateResponseObject, error) {
	body := plain(r.Body)
	req, err := request(ctx, r.Params.IdempotencyKey, body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.CancelMandate(ctx, req, r.MandateID, body.Reason))
}
