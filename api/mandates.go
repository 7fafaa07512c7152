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
	m, err := s.checkout.Mandate(ctx, merchantOf(ctx), r.MandateID, plain(r.Params.Refresh))
	if err != nil {
		return nil, err
	}
	v := m.View()
	shown := s.mandate(v)
	if m.Status == core.MandateRequiresAction && v.Payment != "" { // what the buyer has to do is the payment's
		p, err := s.checkout.Payment(ctx, merchantOf(ctx), m.PaymentID, false)
		if err != nil {
			return nil, err
		}
		shown.NextAction = s.nextAction(p.View())
	}
	if r.Params.Expand != nil {
		shown.Buyer = told(s.checkout.BuyerOf(ctx, m))
	}
	return openapi.GetMandate200JSONResponse(shown), nil
}

// CreateMandate handles POST /v1/mandates: 201, or 202 while the outcome is open.
func (s *Server) CreateMandate(ctx context.Context, r openapi.CreateMandateRequestObject) (openapi.CreateMandateResponseObject, error) {
	req, err := request(ctx, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	b := r.Body
	in := core.NewMandate{Reference: b.MerchantReference, Currency: b.Currency, Metadata: b.Metadata, Order: core.PaymentOrder{
		Save: save(&openapi.Save{Kind: b.Kind, Recurring: b.Recurring}, b.Currency), Account: b.Account, Description: b.Description,
		ReturnURL: b.ReturnURL, CancelURL: text(b.CancelURL), Buyer: buyer(&openapi.CreatePayment{Buyer: b.Buyer})}}
	if b.Method != nil {
		if in.Order.Method, in.Order.Token, err = methodOf(b.Method); err != nil {
			return nil, err
		}
		if in.Order.Token != "" {
			return nil, &core.Error{Kind: core.Invalid, Code: "capability_unsupported", Pointer: "/method/instrument/token", Message: "what is stored already needs no consent again"}
		}
	}
	return s.answered(s.checkout.SetUp(ctx, req, in))
}

// UpdateMandate handles PATCH /v1/mandates/{id}: 200, or 202 while the outcome is open.
func (s *Server) UpdateMandate(ctx context.Context, r openapi.UpdateMandateRequestObject) (openapi.UpdateMandateResponseObject, error) {
	req, err := request(ctx, "", r.Body)
	if err != nil {
		return nil, err
	}
	in := core.MandateAmendment{ReturnURL: text(r.Body.ReturnURL), CancelURL: text(r.Body.CancelURL)}
	if r.Body.Recurring != nil {
		in.Recurring = save(&openapi.Save{Recurring: r.Body.Recurring}, "").Recurring
	}
	return s.answered(s.checkout.UpdateMandate(ctx, req, r.MandateID, in))
}

// GetMandateTimeline handles GET /v1/mandates/{id}/timeline.
func (s *Server) GetMandateTimeline(ctx context.Context, r openapi.GetMandateTimelineRequestObject) (openapi.GetMandateTimelineResponseObject, error) {
	moments, err := s.checkout.MandateTimeline(ctx, merchantOf(ctx), r.MandateID)
	if err != nil {
		return nil, err
	}
	out, err := timeline(moments)
	return openapi.GetMandateTimeline200JSONResponse(out), err
}

// CompleteMandate handles POST /v1/mandates/{id}/complete: an integrator reports the buyer's return.
func (s *Server) CompleteMandate(ctx context.Context, r openapi.CompleteMandateRequestObject) (openapi.CompleteMandateResponseObject, error) {
	req, err := request(ctx, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.ReportMandate(ctx, req, r.MandateID, core.Leg(r.Body.Step), brought(r.Body.ReturnParams)))
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
